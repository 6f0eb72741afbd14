//! `tollgate bench encoder`: how long one embedding takes on one thread, by length, beside its bar.

use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;
use serde_json::json;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use tollgate_core::Clock;
use tollgate_encode::{Kernel, Options, Precision, TextEncoder, load};
use tollgate_gateway::clock::SystemClock;

/// Tokens of a text with the bar for its median in milliseconds, for MiniLM-L6 on one thread.
const BARS: [(usize, f64); 4] = [(16, 0.6), (64, 2.2), (128, 5.0), (512, 30.0)];
/// Least cosine to 32 bits.
const COSINE: f64 = 0.997;
/// Nanoseconds for which a row is measured, and the fewest times.
const BUDGET_NS: u64 = 600_000_000;
const RUNS: usize = 15;
/// Words that are one token each in vocabularies of English.
const WORDS: [&str; 12] =
    ["the", "model", "answers", "a", "question", "about", "history", "of", "science", "and", "cost", "today"];

/// Measure a text encoder: memory, time by length, kernel and arithmetic, and what bytes lose
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate bench encoder --model models/all-minilm-l6-v2
  tollgate bench encoder --model models/all-minilm-l6-v2 --markdown > docs/reports/encoder.md

The bars are those of all-MiniLM-L6-v2 on one thread.")]
pub(crate) struct EncoderArgs {
    /// Folder of the model
    #[arg(long, value_name = "FOLDER")]
    model: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Print the report as Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

/// One row of the report. Times in milliseconds.
#[derive(Serialize)]
struct Row {
    kernel: String,
    tokens: usize,
    least_ms: f64,
    p50_ms: f64,
    /// To 32 bits on the same text.
    cosine: f64,
    bar_ms: Option<f64>,
    met: Option<bool>,
}

/// Measures and shows.
pub(in crate::bench) fn run(args: &EncoderArgs) -> Result<Ending> {
    let clock = SystemClock::new();
    let memory = Memory::of(&args.model)?;
    let exact = encoder(&args.model, Precision::F32, None)?;
    let mut rows = Vec::new();
    for (index, kernel) in Kernel::all().into_iter().enumerate() {
        for precision in [Precision::Int8, Precision::F32] {
            let encoder = encoder(&args.model, precision, Some(kernel))?;
            // The bars are for what is chosen at start.
            let barred = index == 0 && precision == Precision::Int8;
            for (tokens, bar) in BARS {
                if tokens <= encoder.card().max_tokens {
                    rows.push(row(&clock, &*encoder, &*exact, tokens, barred.then_some(bar)));
                }
            }
        }
    }
    if args.json {
        let missed = rows.iter().filter(|row| row.met == Some(false)).count();
        say::json(&json!({ "cpu": cpu(), "memory": memory, "rows": rows, "missed": missed }))?;
    } else if args.markdown {
        say::text(&markdown(&rows, &memory)?)?;
    } else {
        say::line(&cpu())?;
        say::line(&memory.words())?;
        let cells: Vec<Vec<String>> = rows.iter().map(|row| row.cells().to_vec()).collect();
        say::table(&HEAD, &cells)?;
    }
    Ok(Ending::Good)
}

fn encoder(
    folder: &Path,
    precision: Precision,
    kernel: Option<Kernel>,
) -> Result<std::sync::Arc<dyn TextEncoder>> {
    let options = Options { precision, kernel, max_tokens: Some(512), ..Options::default() };
    let encoder = load(folder, &options)
        .with_context(|| format!("cannot load {}; `tollgate models` fetches models", folder.display()))?;
    if encoder.card().max_tokens < 16 {
        bail!("{} reads fewer than 16 tokens of a text", folder.display());
    }
    Ok(encoder)
}

fn row(
    clock: &dyn Clock,
    encoder: &dyn TextEncoder,
    exact: &dyn TextEncoder,
    tokens: usize,
    bar_ms: Option<f64>,
) -> Row {
    let text = text(tokens);
    let cosine =
        encoder.embed(&text).iter().zip(exact.embed(&text)).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let begun = clock.tick();
    let mut times = Vec::new();
    while times.len() < RUNS || clock.tick().since_ns(begun) < BUDGET_NS {
        let start = clock.tick();
        black_box(encoder.embed(black_box(&text)));
        times.push(clock.tick().since_ns(start));
    }
    times.sort_unstable();
    let at = |index: usize| times.get(index).copied().unwrap_or(0) as f64 / 1e6;
    let p50_ms = at(times.len() / 2);
    Row {
        kernel: encoder.card().kernel.clone(),
        tokens,
        least_ms: at(0),
        p50_ms,
        cosine,
        bar_ms,
        met: bar_ms.map(|bar| p50_ms <= bar && cosine >= COSINE),
    }
}

/// What the process holds with one encoder in bytes loaded, before anything else is; MiB. Nothing where the system does not
/// tell it.
#[derive(Serialize)]
struct Memory {
    before_mib: Option<f64>,
    loaded_mib: Option<f64>,
    after_512_mib: Option<f64>,
    peak_mib: Option<f64>,
}

impl Memory {
    fn of(folder: &Path) -> Result<Self> {
        let before_mib = resident("VmRSS:");
        let encoder = encoder(folder, Precision::Int8, None)?;
        let loaded_mib = resident("VmRSS:");
        black_box(encoder.embed(&text(512)));
        Ok(Self { before_mib, loaded_mib, after_512_mib: resident("VmRSS:"), peak_mib: resident("VmHWM:") })
    }

    fn words(&self) -> String {
        let shown =
            |mib: Option<f64>| mib.map_or_else(|| "unknown".to_owned(), |mib| format!("{mib:.0} MiB"));
        format!(
            "resident: {} before, {} with one encoder in bytes, {} after a text of 512 tokens, {} at most",
            shown(self.before_mib),
            shown(self.loaded_mib),
            shown(self.after_512_mib),
            shown(self.peak_mib)
        )
    }
}

/// A figure of the process's memory, in MiB.
fn resident(field: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix(field))?.trim().strip_suffix(" kB")?;
    Some(kib.trim().parse::<f64>().ok()? / 1024.0)
}

/// A text of `tokens` tokens, special ones counted.
fn text(tokens: usize) -> String {
    let words = (0..tokens.saturating_sub(2)).map(|i| WORDS[(i * 7 + i / 5) % WORDS.len()]);
    words.collect::<Vec<_>>().join(" ")
}

const HEAD: [&str; 7] = ["arithmetic, kernel", "tokens", "least ms", "p50 ms", "cosine", "bar ms", "bar met"];

impl Row {
    fn cells(&self) -> [String; 7] {
        [
            self.kernel.clone(),
            self.tokens.to_string(),
            format!("{:.2}", self.least_ms),
            format!("{:.2}", self.p50_ms),
            format!("{:.4}", self.cosine),
            self.bar_ms.map_or_else(|| "–".into(), |bar| format!("<= {bar}")),
            self.met.map_or("–", |met| if met { "yes" } else { "no" }).into(),
        ]
    }
}

fn markdown(rows: &[Row], memory: &Memory) -> Result<String> {
    let mut text = format!(
        "# How fast the text encoder is\n\nMade by `tollgate bench encoder --markdown`, release build, one thread, \
all-MiniLM-L6-v2, on {}. A row is the median of at least {RUNS} embeddings of a text of that length, tokenizing included; \
the least time beside it says how much the rest of the machine added. The cosine is to 32 bits on the same text, the bar \
{COSINE}. Bars are for the first kernel, which is the one chosen at start.\n\n",
        cpu()
    );
    writeln!(text, "Memory, {}.\n", memory.words())?;
    writeln!(text, "| {} |", HEAD.join(" | "))?;
    writeln!(text, "| --- | --: | --: | --: | --: | --: | --- |")?;
    for row in rows {
        writeln!(text, "| {} |", row.cells().join(" | "))?;
    }
    Ok(text)
}

/// The processor's name, where the system tells it.
fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.to_owned())
}
