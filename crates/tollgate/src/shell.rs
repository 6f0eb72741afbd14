//! Completions and man pages, both made from the table of commands.

use crate::args::Cli;
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use std::path::PathBuf;

/// Print completions for a shell
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate completions bash > ~/.local/share/bash-completion/completions/tollgate
  tollgate completions zsh > ~/.zfunc/_tollgate")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: clap_complete::Shell,
}

/// Write man pages, one per command
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate man ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The folder to write into; it is made when missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Prints completions.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<Ending> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tollgate", &mut script);
    say::bytes(&script)?;
    Ok(Ending::Good)
}

/// Writes man pages.
pub(crate) fn man(args: &ManArgs) -> Result<Ending> {
    let folder = args.folder.display();
    std::fs::create_dir_all(&args.folder).with_context(|| format!("cannot make the folder {folder}"))?;
    clap_mangen::generate_to(Cli::command(), &args.folder)
        .with_context(|| format!("cannot write into {folder}"))?;
    Ok(Ending::Good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_commands_is_sound_and_each_command_has_an_example() {
        let mut cli = Cli::command();
        cli.clone().debug_assert();
        cli.build();
        let mut stack = vec![cli];
        while let Some(command) = stack.pop() {
            let leaf = command.get_subcommands().next().is_none();
            if leaf && !command.is_hide_set() && command.get_name() != "help" {
                let help = command.clone().render_long_help().to_string();
                assert!(help.contains("Example"), "{} has no example:\n{help}", command.get_name());
            }
            stack.extend(command.get_subcommands().filter(|c| c.get_name() != "help").cloned());
        }
    }
}
