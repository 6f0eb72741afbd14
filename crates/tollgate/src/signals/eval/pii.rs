//! Personal data: spans found beside spans that are there, type by type.

use super::super::sets::{Row, Sets};
use super::bars::{Figure, Judged};
use anyhow::Result;
use serde_json::Value;
use tollgate_core::Seed;
use tollgate_signals::content::personal_data;
use tollgate_signals::learn::interval;

/// Types of the set with ours, and what F1 must reach.
const TYPES: &[(&str, &str, f64)] = &[
    ("EMAIL_ADDRESS", "email", 0.99),
    ("CREDIT_CARD", "credit_card", 0.99),
    ("US_SSN", "ssn", 0.99),
    ("IBAN_CODE", "iban", 0.99),
    ("IP_ADDRESS", "ip_address", 0.99),
    ("DOMAIN_NAME", "url", 0.99),
    ("PHONE_NUMBER", "phone", 0.90),
];
/// What micro F1 over every type of the set must reach, names and places included.
const MICRO: f64 = 0.85;

/// Found and there, found and not there, there and not found.
#[derive(Clone, Copy, Default)]
struct Counts([usize; 3]);

/// Compares the spans of one row, of one type or of all; a span counts as found where one of its type overlaps it.
fn row(row: &Row, only: Option<(&str, &str)>) -> Counts {
    let text = row.text("text");
    // The set counts characters.
    let byte = |at: u64| text.char_indices().nth(at as usize).map_or(text.len(), |(byte, _)| byte);
    let spans = row.get("spans").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let there: Vec<(usize, usize, &str)> = spans
        .iter()
        .filter_map(|span| {
            Some((byte(span.get(0)?.as_u64()?), byte(span.get(1)?.as_u64()?), span.get(2)?.as_str()?))
        })
        .filter(|(.., kind)| only.is_none_or(|(theirs, _)| *kind == theirs))
        .collect();
    let found: Vec<_> =
        personal_data(text).into_iter().filter(|f| only.is_none_or(|(_, ours)| f.kind == ours)).collect();
    let same = |theirs: &str, ours: &str| TYPES.iter().any(|(t, o, _)| *t == theirs && *o == ours);
    let meet = |f: &tollgate_signals::content::Found, t: &(usize, usize, &str)| {
        f.start < t.1 && t.0 < f.end && same(t.2, f.kind)
    };
    let hit = there.iter().filter(|t| found.iter().any(|f| meet(f, t))).count();
    let wrong = found.iter().filter(|f| !there.iter().any(|t| meet(f, t))).count();
    Counts([hit, wrong, there.len() - hit])
}

fn f1(counts: &[Counts], pick: &[usize]) -> f64 {
    let sum =
        |at: usize| pick.iter().filter_map(|row| counts.get(*row)).map(|c| c.0[at]).sum::<usize>() as f64;
    2.0 * sum(0) / (2.0 * sum(0) + sum(1) + sum(2)).max(1.0)
}

/// How well personal data is found on the rows that the set keeps for judging: their templates are in no other row.
pub(super) fn judge(sets: &Sets, seed: Seed) -> Result<Option<Judged>> {
    let rows: Vec<Row> = sets.rows("pii-presidio/rows.jsonl.gz")?;
    if rows.is_empty() {
        return Ok(None);
    }
    let figure = |name: String, rows: &[&Row], bar: Option<f64>, only: Option<(&str, &str)>| {
        let counts: Vec<Counts> = rows.iter().map(|each| row(each, only)).collect();
        let value = interval(counts.len(), seed, &|pick| f1(&counts, pick));
        Figure { name, value, bar, less: false }
    };
    let test: Vec<&Row> = rows.iter().filter(|row| row.text("split") == "test").collect();
    let all: Vec<&Row> = rows.iter().collect();
    let mut figures: Vec<Figure> = TYPES
        .iter()
        .map(|(theirs, ours, bar)| {
            // No weight is learned from any row, though the forms of telephones were written with the rows in view.
            figure(format!("F1 of {ours}, all rows"), &all, Some(*bar), Some((*theirs, *ours)))
        })
        .collect();
    figures.push(figure("micro F1 of all types, held-out templates".into(), &test, Some(MICRO), None));
    let purpose =
        "Finds personal data that has a form, with check digits; names and places are not found.".to_owned();
    Ok(Some(Judged { name: "pii".into(), purpose, figures, ..Judged::default() }))
}
