//! `tollgate policy check`: everything that is wrong, with its place and a way to put it right.

use super::sample;
use super::source::{Source, Text};
use crate::ending::Ending;
use crate::{place, say};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use tollgate_policy::{
    Compiled, Exemplars, FindingKind, Findings, NoVectors, Policy, Report, Severity, Vectors,
    analyse_governed, compile, report_unbuilt,
};
use tollgate_signals::SignalSet;

/// Check a policy and show every finding with its place
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate policy check                                        the shipped policy
  tollgate policy check my.tollgate --config tollgate.yaml     models and pools too
  tollgate policy check my.tollgate --sample requests.jsonl    count routes that hold together
  tollgate policy check my.tollgate --vectors examples.jsonl   examples that are near each other
  tollgate policy check my.tollgate --sarif > policy.sarif     for code hosts and editors

Errors keep a policy from being used; warnings and notes say what is likely not meant.

Exits with 0 when there are no errors (--strict: and no warnings), with 1 when there are, and with 2
when a file cannot be read.")]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    source: Source,
    /// Requests, one JSON a line: {"text": "..."}, a request's body, or a decision as `decisions export
    /// --signals` prints it; routes that hold together are counted
    #[arg(long, value_name = "FILE")]
    sample: Option<PathBuf>,
    /// The share of requests above which two routes of one priority that hold together are a conflict
    #[arg(long, default_value_t = 0.05, value_name = "SHARE", requires = "sample", value_parser = share)]
    rate: f64,
    /// Vectors of the examples of `similar` signals, one JSON a line: {"signal": NAME, "text": EXAMPLE,
    /// "vector": [0.1, 0.7]}; thresholds are read as cosines, and routes whose examples are near each other are told
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,
    /// Warnings count as errors
    #[arg(long)]
    strict: bool,
    /// Print findings as JSON
    #[arg(long)]
    json: bool,
    /// Print findings as SARIF 2.1.0
    #[arg(long, conflicts_with = "json")]
    sarif: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("write a share from 0 to 1, such as 0.05")]
struct NoShare;

fn share(text: &str) -> Result<f64, NoShare> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or(NoShare)
}

pub(super) fn run(args: &CheckArgs) -> Result<Ending> {
    place::one_from_stdin([args.source.file.as_deref(), args.sample.as_deref(), args.vectors.as_deref()])?;
    let source = args.source.read()?;
    let Compiled { policy, mut report } = compile(&source.text, &source.known);
    let signals = policy.as_ref().map(|policy| SignalSet::compile(policy.specs()));
    let (set, unbuilt) = match signals {
        Some(Ok(set)) => (Some(set), Vec::new()),
        Some(Err(errors)) => (None, errors),
        None => (None, Vec::new()),
    };
    let vectors = match (&args.vectors, &policy) {
        (Some(path), Some(policy)) => Some(vectors(policy, path)?),
        _ => None,
    };
    let exemplars: &dyn Exemplars = vectors.as_ref().map_or(&NoVectors, |vectors| vectors);
    let mut findings = match &policy {
        Some(policy) => analyse_governed(policy, exemplars, &source.known, &mut report),
        None => Findings::default(),
    };
    let mut seen = None;
    if let (Some(path), Some(policy), Some(set)) = (&args.sample, &policy, &set) {
        let traffic = sample::count(policy, set, path)?;
        if traffic.seen() + traffic.open() == 0 {
            bail!("{} holds no request", path.display());
        }
        seen = Some(traffic.seen());
        if traffic.open() > 0 {
            say::remark(&format!(
                "{}: {} decisions of the log are left out: their records do not tell which routes hold",
                path.display(),
                traffic.open()
            ));
        }
        findings.merge(traffic.conflicts(args.rate));
    }
    findings.tell(&mut report);
    for error in &unbuilt {
        let why = error.problem.to_string();
        report_unbuilt(&mut report, &source.text, &error.signal, &error.param, &why);
    }
    let warned = report.diagnostics.iter().any(|found| found.severity == Severity::Warning);
    let passed = report.is_ok() && !(args.strict && warned);
    let found = Checked { source: &source, policy, report, findings, seen, passed };
    if args.sarif {
        let help =
            |code: &str| FindingKind::ALL.iter().find(|kind| kind.word() == code).map(|kind| kind.help());
        let version = env!("CARGO_PKG_VERSION");
        say::json(&found.report.to_sarif(&source.name, &source.text, version, help))?;
    } else if args.json {
        found.json(&unbuilt.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    } else {
        found.show()?;
    }
    Ok(Ending::of(passed))
}

/// The vectors in a file, for the examples of a policy.
fn vectors(policy: &Policy, path: &Path) -> Result<Vectors> {
    let vectors =
        Vectors::read(&place::read_text(path)?, policy).with_context(|| path.display().to_string())?;
    if !vectors.left_out().is_empty() {
        say::remark(&format!(
            "{}: nothing is said of `{}`: no vectors are given",
            path.display(),
            vectors.left_out().join("`, `")
        ));
    }
    Ok(vectors)
}

/// What was not settled, where something was not.
fn open(findings: &Findings) -> Option<String> {
    let Findings { unsettled, open_routes, .. } = findings;
    let routes = match open_routes.as_slice() {
        _ if *unsettled == 0 => return None,
        [] => String::new(),
        [only] => format!(", whether `{only}` is ever chosen among them"),
        [first, rest @ ..] => {
            format!(", whether `{first}` and {} other routes are ever chosen among them", rest.len())
        }
    };
    Some(format!(
        "{unsettled} questions took too long to settle{routes}; nothing is said of those. Routes that share fewer signals, \
         or scores of fewer parts, settle more"
    ))
}

/// What a check found.
struct Checked<'s> {
    source: &'s Text,
    policy: Option<Policy>,
    report: Report,
    findings: Findings,
    /// How many requests of a sample were counted.
    seen: Option<u64>,
    passed: bool,
}

impl Checked<'_> {
    fn json(&self, signal_errors: &[String]) -> Result<()> {
        let mut out = self.report.to_json(&self.source.text);
        if let Some(map) = out.as_object_mut() {
            map.insert("file".into(), json!(self.source.name));
            map.insert("ok".into(), json!(self.passed));
            map.insert("names_checked".into(), json!(self.source.known.models.is_some()));
            map.insert("signal_errors".into(), json!(signal_errors));
            map.insert("findings".into(), json!(self.findings.findings));
            map.insert("unsettled".into(), json!(self.findings.unsettled));
            map.insert("open_routes".into(), json!(self.findings.open_routes));
            map.insert("requests_counted".into(), json!(self.seen));
        }
        say::json(&out)
    }

    fn show(&self) -> Result<()> {
        let Self { source, report, .. } = self;
        let shown = report.render(&source.name, &source.text);
        if !shown.is_empty() {
            say::remark(shown.trim_end());
        }
        if let Some(open) = open(&self.findings) {
            say::remark(&format!("{}: {open}", source.name));
        }
        let Some(policy) = self.policy.as_ref().filter(|_| self.passed) else { return Ok(()) };
        let (routes, signals, tests) = (policy.routes().count(), policy.specs().len(), policy.tests().len());
        let unchecked = source.known.models.is_none();
        let checked = if unchecked { "; models and pools not checked, give --config FILE" } else { "" };
        let counted = self.seen.map_or_else(String::new, |seen| format!(", {seen} requests counted"));
        say::line(&format!(
            "{}: good: {routes} routes, {signals} signals, {tests} tests{counted}{checked}",
            source.name
        ))
    }
}
