//! Repository chores, run as `cargo xtask NAME`.
//!
//! - `tidy`: the budgets and bans of the house style that no lint can hold.
//! - `docs [--bin PATH]`: builds the user guide into `target/guide`, checks its links, and with a binary runs
//!   every command in it.

mod docs;
mod tidy;

use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let done = match args.next().as_deref() {
        Some("tidy") => root().and_then(|root| tidy::run(&root)),
        Some("docs") => root().and_then(|root| docs::run(&root, &args.collect::<Vec<_>>())),
        other => {
            Err(anyhow::anyhow!("no chore {:?}; use `tidy` or `docs [--bin PATH]`", other.unwrap_or("")))
        }
    };
    match done {
        Ok(summary) => {
            say(&summary);
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "chores talk to the person who runs them")]
fn say(text: &str) {
    println!("{text}");
}

/// The repository's root: the nearest folder upwards with a `deny.toml`.
fn root() -> Result<PathBuf> {
    let here = std::env::current_dir().context("no current folder")?;
    match here.ancestors().find(|dir| dir.join("deny.toml").is_file()) {
        Some(root) => Ok(root.to_path_buf()),
        None => bail!("not inside the repository"),
    }
}
