//! Probes of another router, asked of the real gateway: configurations imported, every request through
//! `POST /api/v1/eval`, equal decisions counted.
//!
//! The probes are not in the tree. Without them the test says SKIPPED. `UPDATE_REPORT=1` writes
//! `docs/reports/vsr-probes.md`; other folders of recipes are given by `TOLLGATE_PROBES`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed"
)]

mod cause;
mod gateway;
mod heads;
mod report;

use gateway::Gateway;
use heads::Head;
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tollgate_policy::import::{Source, import};

/// Least equal decisions by recipe: what the incumbent itself reaches without its models.
const BAR: &[(&str, usize, usize)] = &[
    ("accuracy", 13, 13),
    ("multi-objective", 117, 120),
    ("feedback", 18, 23),
    ("knowledge", 10, 15),
    ("balance", 28, 57),
];

/// One probe that was decided otherwise.
pub(crate) struct Miss {
    pub(crate) id: String,
    pub(crate) expected: String,
    pub(crate) got: String,
    pub(crate) cause: String,
}

/// How one recipe went.
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) asked: usize,
    pub(crate) equal: usize,
    pub(crate) gaps: usize,
    pub(crate) slowest_ms: u128,
    pub(crate) misses: Vec<Miss>,
    /// Signals that probes expect to match, and how many of them do.
    pub(crate) signals: usize,
    pub(crate) matched: usize,
    /// Those that do not, by probe.
    pub(crate) unmatched: Vec<(String, String)>,
}

impl Outcome {
    /// Counts the signals that a probe expects to match, and those that do.
    fn expect(&mut self, probe: &Value, answer: &Value) {
        let id = probe["id"].as_str().unwrap_or_default();
        for (key, names) in probe["exp_signals"].as_object().into_iter().flatten() {
            for name in names.as_array().into_iter().flatten() {
                self.signals += 1;
                let found = answer["matched_signals"][key].as_array();
                if found.is_some_and(|found| found.contains(name)) {
                    self.matched += 1;
                } else {
                    let signal = format!("{key}:{}", name.as_str().unwrap_or_default());
                    self.unmatched.push((id.to_owned(), signal));
                }
            }
        }
    }
}

/// The folder that somebody names, which must have recipes; else the one that may be there.
fn given() -> Option<PathBuf> {
    std::env::var_os("TOLLGATE_PROBES").map(PathBuf::from)
}

/// The recipes that come with probes. None where nobody named a folder and there is none, which is said.
fn recipes() -> Option<Vec<PathBuf>> {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/vsr-recipes");
    let folder = given().unwrap_or_else(own);
    if given().is_none() && !folder.is_dir() {
        let shown = folder.display();
        // Past the capture of a test that passes.
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no folder of recipes with probes at {shown}");
        return None;
    }
    Some(recipes_of(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display())))
}

/// The recipes of a folder, or why there are none.
fn recipes_of(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let found = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
    let mut recipes: Vec<PathBuf> = found.filter_map(|entry| Some(entry.ok()?.path())).collect();
    recipes.retain(|path| path.join("config.yaml").is_file() && path.join("requests.jsonl.gz").is_file());
    recipes.sort();
    match recipes.is_empty() {
        true => Err("no folder in it has config.yaml and requests.jsonl.gz".to_owned()),
        false => Ok(recipes),
    }
}

#[test]
fn a_folder_without_recipes_is_no_folder_of_recipes() {
    let nowhere = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert!(recipes_of(&nowhere).unwrap_err().contains("requests.jsonl.gz"));
    assert!(recipes_of(&nowhere.join("none")).is_err());
}

#[test]
fn probes_are_decided_as_their_recipes_say() {
    let is_elsewhere = given().is_some();
    let Some(recipes) = recipes() else { return };
    let outcomes: Vec<Outcome> = recipes.iter().map(|path| run(path, &[])).collect();
    for outcome in &outcomes {
        let Outcome { name, asked, equal, slowest_ms, .. } = outcome;
        println!("{name}: {equal}/{asked} decisions equal, slowest answer {slowest_ms} ms");
        println!("  signals {}/{} {:?}", outcome.matched, outcome.signals, outcome.unmatched);
        for miss in &outcome.misses {
            println!("  {}: expected {}, got {}: {}", miss.id, miss.expected, miss.got, miss.cause);
        }
    }
    for (name, least, of) in BAR {
        let outcome = outcomes.iter().find(|outcome| outcome.name == *name);
        // Another folder may have other recipes; the one that the report is made of has all of these.
        let Some(outcome) = outcome else {
            assert!(is_elsewhere, "there is no recipe {name}");
            continue;
        };
        assert_eq!(outcome.asked, *of, "{name}");
        assert!(
            outcome.equal >= *least,
            "{name}: {} of {of} are equal, at least {least} must be",
            outcome.equal
        );
    }
    if is_elsewhere {
        return;
    }
    let report = report::text(&outcomes, BAR);
    if std::env::var_os("UPDATE_REPORT").is_some() {
        std::fs::write(report::place(), report).unwrap();
    } else {
        let kept = std::fs::read_to_string(report::place()).unwrap();
        assert_eq!(kept, report, "make the report anew with UPDATE_REPORT=1");
    }
}

fn run(recipe: &Path, heads: &[Head]) -> Outcome {
    let name = recipe.file_name().unwrap().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(recipe.join("config.yaml")).unwrap();
    let mut imported = import(Source::VllmSr, &text).unwrap_or_else(|error| panic!("{name}: {error}"));
    imported.policy = heads.iter().fold(imported.policy, |policy, head| head.instead(&policy));
    let gateway = Gateway::start(&name, &imported.policy);
    let unzipped = Command::new("gzip").arg("-dc").arg(recipe.join("requests.jsonl.gz")).output().unwrap();
    let lines = String::from_utf8(unzipped.stdout).unwrap();
    let mut outcome = Outcome {
        name,
        asked: 0,
        equal: 0,
        gaps: imported.gaps.len() + imported.more_gaps,
        slowest_ms: 0,
        misses: Vec::new(),
        signals: 0,
        matched: 0,
        unmatched: Vec::new(),
    };
    for line in lines.lines() {
        let probe: Value = serde_json::from_str(line).unwrap();
        let (answer, ms) = gateway.eval(&probe["payload"]);
        let expected = probe["exp_decision"].as_str().unwrap().to_owned();
        let got = answer["routing_decision"].as_str().unwrap_or("none").to_owned();
        let recipe_is_equal = probe["exp_recipe"].as_str().is_none_or(|recipe| answer["recipe"] == recipe);
        outcome.asked += 1;
        outcome.slowest_ms = outcome.slowest_ms.max(ms);
        outcome.expect(&probe, &answer);
        if expected == got && recipe_is_equal {
            outcome.equal += 1;
            continue;
        }
        let cause = cause::of(&imported.policy, &expected, &got);
        let id = probe["id"].as_str().unwrap_or_default().to_owned();
        outcome.misses.push(Miss { id, expected, got, cause });
    }
    outcome
}
