//! Every command of the guide, run as a reader would.

use super::Page;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The address that the guide uses; a free one takes its place.
const ADDRESS: &str = "127.0.0.1:8080";

/// Runs every `$ ` line of every `console` block; returns how many.
pub(super) fn run_all(pages: &[Page], bin: &Path) -> Result<usize> {
    let mut count = 0;
    for page in pages {
        let commands = commands(&page.text);
        if commands.is_empty() {
            continue;
        }
        let scratch = std::env::temp_dir().join(format!("tollgate-guide-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&scratch).context("cannot make a scratch folder")?;
        examples(page, &scratch)?;
        let server = match commands.iter().any(|c| c.contains(ADDRESS)) {
            true => Some(Server::start(bin, &scratch)?),
            false => None,
        };
        for command in &commands {
            let command =
                server.as_ref().map_or_else(|| command.clone(), |s| command.replace(ADDRESS, &s.address));
            run_one(page, &command, bin, &scratch)?;
            count += 1;
        }
        drop(server);
        std::fs::remove_dir_all(&scratch).context("cannot remove the scratch folder")?;
    }
    Ok(count)
}

/// Puts the folder `examples` beside a page into its scratch folder, so that commands find it as a reader does.
fn examples(page: &Page, scratch: &Path) -> Result<()> {
    let from = page.path.with_file_name("examples");
    if !from.is_dir() {
        return Ok(());
    }
    let to = scratch.join("examples");
    std::fs::create_dir_all(&to).context("cannot make a folder for examples")?;
    for entry in std::fs::read_dir(&from).context("cannot read the examples")? {
        let entry = entry.context("cannot read the examples")?;
        std::fs::copy(entry.path(), to.join(entry.file_name())).context("cannot copy an example")?;
    }
    Ok(())
}

fn commands(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let (mut inside, mut open, mut spared) = (false, false, false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside && !spared && line.trim() == "```console";
            (open, spared) = (false, false);
        } else if !inside {
            let marked = line.starts_with("<!-- not run: ") || line.starts_with("<!-- test command -->");
            spared = marked || spared && line.trim().is_empty();
        } else if let Some(command) = line.strip_prefix("$ ") {
            found.push(command.into());
            open = true;
        } else if let Some(last) = found.last_mut().filter(|_| open) {
            let more = if last.ends_with('\\') {
                Some(line)
            } else {
                line.strip_prefix("> ").or((line == ">").then_some(""))
            };
            open = more.is_some();
            if let Some(more) = more {
                last.push('\n');
                last.push_str(more);
            }
        }
    }
    found
}

fn run_one(page: &Page, command: &str, bin: &Path, scratch: &Path) -> Result<()> {
    let (shell, expected) = match command.rsplit_once(" # exit ") {
        Some((shell, code)) => (shell, code.trim().parse::<i32>().context("`# exit` needs a number")?),
        None => (command, 0),
    };
    let folder = bin.parent().unwrap_or(scratch).display().to_string();
    let path = format!("{folder}:{}", std::env::var_os("PATH").unwrap_or_default().to_string_lossy());
    let output = Command::new("sh")
        .args(["-ec", shell])
        .current_dir(scratch)
        .env("PATH", path)
        .stdin(Stdio::null())
        .output();
    let output = output.context("cannot run sh")?;
    if output.status.code() != Some(expected) {
        bail!(
            "{}: `{shell}` ended with {} instead of {expected}\n{}{}",
            page.path.display(),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// A running `tollgate serve`, stopped when dropped.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(bin: &Path, scratch: &Path) -> Result<Self> {
        let mut child = Command::new(bin)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(scratch)
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start `tollgate serve`")?;
        let out = child.stdout.take().context("no output")?;
        for line in BufReader::new(out).lines() {
            let line = line.context("cannot read what the server says")?;
            if let Some(rest) = line.split("http://").nth(1) {
                let address = rest.split(['/', ' ']).next().unwrap_or_default().to_owned();
                return Ok(Self { child, address });
            }
        }
        bail!("`tollgate serve` ended without naming its address")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The server holds nothing that a test needs after this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::commands;

    #[test]
    fn takes_only_prompted_lines_of_console_blocks() {
        let text = "```console\n$ a b\noutput\n$ c \\\n  d\n```\n```sh\n$ no\n```\n";
        assert_eq!(commands(text), ["a b", "c \\\n  d"]);
        let marked = "<!-- not run: it serves -->\n```console\n$ a\n```\n```console\n$ b <<E\n> x\n>\n> E\nout\n> no\n```\n";
        assert_eq!(commands(marked), ["b <<E\nx\n\nE"]);
    }
}
