//! `tollgate wire`: one dialect into another, with what could not cross.

use crate::ending::Ending;
use crate::{place, say};
use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::path::PathBuf;
use tollgate_wire::Dialect;
use tollgate_wire::form::{Options, Report};
use tollgate_wire::translate;

/// Bytes given to the stream translator at once; any split gives the same result.
const CHUNK: usize = 4096;

/// What can be done with dialects.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Translate(TranslateArgs),
}

/// Translate a request or an answer into another dialect and say what could not cross
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate wire translate --from openai_chat --to anthropic request.json
  tollgate wire translate --from anthropic --to openai_chat --what stream answer.sse
  tollgate wire translate --from openai_responses --to gemini - --json < request.json

The translation goes to standard output, what did not cross whole to standard error.")]
pub(crate) struct TranslateArgs {
    /// The dialect of FILE: openai_chat, openai_responses, anthropic or gemini
    #[arg(long, value_name = "DIALECT", value_parser = dialect)]
    from: Dialect,
    /// The dialect wanted
    #[arg(long, value_name = "DIALECT", value_parser = dialect)]
    to: Dialect,
    /// What FILE holds
    #[arg(long, value_enum, default_value_t = What::Request)]
    what: What,
    /// The same as `--what stream`
    #[arg(long, conflicts_with = "what")]
    stream: bool,
    /// The bytes to translate; `-` reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print the translation and the report as one JSON object
    #[arg(long)]
    json: bool,
}

/// What is translated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum What {
    /// The body of a request
    Request,
    /// The body of a whole answer
    Answer,
    /// A streamed answer, as server-sent events
    Stream,
}

/// A word that is no dialect.
#[derive(Debug, thiserror::Error)]
#[error("use one of {0}")]
pub(crate) struct NoDialect(String);

/// Reads a dialect.
pub(crate) fn dialect(word: &str) -> Result<Dialect, NoDialect> {
    let words = || Dialect::ALL.iter().map(|d| d.word()).collect::<Vec<_>>().join(", ");
    Dialect::parse(word).ok_or_else(|| NoDialect(words()))
}

/// Runs it.
pub(crate) fn run(command: Command) -> Result<Ending> {
    let Command::Translate(args) = command;
    let input = place::read(&args.file)?;
    let what = if args.stream { What::Stream } else { args.what };
    let (body, report) = translated(&args, what, &input).with_context(|| args.file.display().to_string())?;
    if args.json {
        let text = String::from_utf8_lossy(&body).into_owned();
        let body = if what == What::Stream { json!(text) } else { serde_json::from_slice(&body)? };
        say::json(&json!({"body": body, "report": report}))?;
        return Ok(Ending::Good);
    }
    say::bytes(&body)?;
    if what != What::Stream {
        say::line("")?;
    }
    for loss in &report.losses {
        let outcome = json!(loss.outcome);
        say::remark(&format!(
            "{}: {} {}: {}",
            loss.path,
            loss.kind,
            outcome.as_str().unwrap_or_default(),
            loss.why
        ));
    }
    if report.omitted > 0 {
        say::remark(&format!("and {} more", report.omitted));
    }
    Ok(Ending::Good)
}

fn translated(args: &TranslateArgs, what: What, input: &[u8]) -> Result<(Vec<u8>, Report)> {
    let options = Options::default();
    Ok(match what {
        What::Request => {
            let sent = translate::request(args.from, args.to, input, &options)?;
            (sent.body, sent.report)
        }
        What::Answer => translate::response(args.from, args.to, input, &options)?,
        What::Stream => {
            let mut stream = translate::Stream::new(args.from, args.to, options)?;
            let mut out = Vec::new();
            for chunk in input.chunks(CHUNK) {
                out.extend(stream.push(chunk));
            }
            out.extend(stream.finish());
            (out, stream.report().clone())
        }
    })
}
