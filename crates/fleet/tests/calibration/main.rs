//! Fits against measurements, and the report that says how good they are.
//!
//! `UPDATE_REPORTS=1 cargo test -p tollgate-fleet --test calibration` writes `docs/reports/fleet-validation.md` anew. The data is
//! not part of the tree: without it these tests say SKIPPED.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a helper outside a test function fails its test, and prints"
)]

mod energy;
mod recorded;
mod silicon;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A section of the report and the promises that it breaks.
#[derive(Debug, Default)]
struct Section {
    text: String,
    broken: Vec<String>,
}

impl Section {
    fn line(&mut self, line: &str) {
        println!("{line}");
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A promise: `value` is at most `bar`.
    fn promise(&mut self, what: &str, value: f64, bar: f64) -> &'static str {
        if value <= bar {
            "met"
        } else {
            self.broken.push(format!("{what}: {:.1} % against {:.0} %", value * 100.0, bar * 100.0));
            "missed"
        }
    }
}

/// A file of the data, or a line that it is not here.
fn data(path: &str) -> Option<PathBuf> {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/traces").join(path);
    if full.exists() {
        return Some(full);
    }
    let _ = writeln!(std::io::stderr(), "SKIPPED: {path} is not here");
    None
}

/// Whether everything is wanted; a plain test takes the part that its promises are about.
fn thorough() -> bool {
    std::env::var_os("UPDATE_REPORTS").is_some()
}

/// Each section is made once, for its own test and for the report.
fn section(
    made: &'static OnceLock<Option<Section>>,
    make: fn() -> Option<Section>,
) -> Option<&'static Section> {
    made.get_or_init(make).as_ref()
}

static RECORDED: OnceLock<Option<Section>> = OnceLock::new();
static SILICON: OnceLock<Option<Section>> = OnceLock::new();
static ENERGY: OnceLock<Option<Section>> = OnceLock::new();

#[test]
fn the_engine_agrees_with_recorded_runs() {
    let Some(section) = section(&RECORDED, recorded::section) else { return };
    assert!(section.broken.is_empty(), "{:?}", section.broken);
}

#[test]
fn silicon_points_are_met_when_their_source_is_held_out() {
    let Some(section) = section(&SILICON, silicon::section) else { return };
    assert!(section.broken.is_empty(), "{:?}", section.broken);
}

#[test]
fn power_is_met_when_a_batch_is_left_out() {
    let Some(section) = section(&ENERGY, energy::section) else { return };
    assert!(section.broken.is_empty(), "{:?}", section.broken);
}

#[test]
fn the_report_is_written_when_asked_for() {
    if !thorough() {
        return;
    }
    let sections = [
        section(&RECORDED, recorded::section),
        section(&SILICON, silicon::section),
        section(&ENERGY, energy::section),
    ];
    let mut text = String::from(
        "# How well the fleet models agree with measurements\n\n\
         Written by `UPDATE_REPORTS=1 cargo test -p tollgate-fleet --test calibration` from public measurements, which are not part\n\
         of the tree. Every error is on points that the fit did not see; the bars are those that the tests hold.\n\n",
    );
    for section in sections {
        text.push_str(&section.unwrap().text);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reports/fleet-validation.md");
    std::fs::write(path, text.trim_end().to_owned() + "\n").unwrap();
}
