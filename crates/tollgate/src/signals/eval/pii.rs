//! Personal data: spans found beside spans that are there, type by type.

use super::super::recipes::{KINDS, states};
use super::super::sets::{Row, Sets};
use super::bars::{Figure, Judged};
use anyhow::Result;
use serde_json::Value;
use tollgate_core::Seed;
use tollgate_encode::TextEncoder;
use tollgate_signals::content::{Found, personal_data};
use tollgate_signals::learn::interval;
use tollgate_signals::names::{Tagger, apart};

/// What finds names, where there is an encoder.
type Tagged<'t> = Option<(&'t dyn TextEncoder, Tagger<'t>)>;

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

/// The personal data that is found in a row.
fn found(row: &Row, tagged: Tagged<'_>) -> Result<Vec<Found>> {
    let text = row.text("text");
    let formed = personal_data(text);
    let Some((encoder, tagger)) = tagged else { return Ok(formed) };
    let mut failed = None;
    let names =
        tagger.find(text, &mut |piece| states(encoder, piece).map_err(|error| failed = Some(error)).ok());
    match failed {
        Some(error) => Err(error),
        None => Ok(apart(text, formed, names.unwrap_or_default())),
    }
}

/// Compares the spans of one row, of one type of ours or of all; a span counts as found where one of its type overlaps it.
fn row(row: &Row, found: &[Found], only: Option<&str>) -> Counts {
    let text = row.text("text");
    let ours = |theirs: &str| {
        TYPES
            .iter()
            .map(|(t, o, _)| (t, o))
            .chain(KINDS.iter().map(|(t, o)| (t, o)))
            .find(|(t, _)| **t == theirs)
            .map(|(_, o)| *o)
    };
    // The set counts characters.
    let byte = |at: u64| text.char_indices().nth(at as usize).map_or(text.len(), |(byte, _)| byte);
    let spans = row.get("spans").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let there: Vec<(usize, usize, &str)> = spans
        .iter()
        .filter_map(|span| {
            Some((byte(span.get(0)?.as_u64()?), byte(span.get(1)?.as_u64()?), span.get(2)?.as_str()?))
        })
        .filter(|(.., kind)| only.is_none_or(|only| ours(kind) == Some(only)))
        .collect();
    let found: Vec<&Found> = found.iter().filter(|f| only.is_none_or(|only| f.kind == only)).collect();
    let meet =
        |f: &Found, t: &(usize, usize, &str)| f.start < t.1 && t.0 < f.end && ours(t.2) == Some(f.kind);
    let hit = there.iter().filter(|t| found.iter().any(|f| meet(f, t))).count();
    let wrong = found.iter().filter(|f| !there.iter().any(|t| meet(f, t))).count();
    Counts([hit, wrong, there.len() - hit])
}

fn f1(counts: &[Counts], pick: &[usize]) -> f64 {
    let sum =
        |at: usize| pick.iter().filter_map(|row| counts.get(*row)).map(|c| c.0[at]).sum::<usize>() as f64;
    2.0 * sum(0) / (2.0 * sum(0) + sum(1) + sum(2)).max(1.0)
}

/// How well personal data is found. Templates of the rows that the set keeps for judging are in no other row.
pub(super) fn judge(sets: &Sets, seed: Seed, tagged: Tagged<'_>) -> Result<Option<Judged>> {
    let rows: Vec<Row> = sets.rows("pii-presidio/rows.jsonl.gz")?;
    if rows.is_empty() {
        return Ok(None);
    }
    let spans = |tagged: Tagged<'_>| rows.iter().map(|row| found(row, tagged)).collect::<Result<Vec<_>>>();
    let (formed, all) = (spans(None)?, spans(tagged)?);
    let is_test = |row: &Row| row.text("split") == "test";
    let figure = |name: String, found: &[Vec<Found>], held: bool, bar: Option<f64>, only: Option<&str>| {
        let judged = rows.iter().zip(found).filter(|(row, _)| !held || is_test(row));
        let counts: Vec<Counts> = judged.map(|(each, found)| row(each, found, only)).collect();
        let value = interval(counts.len(), seed, &|pick| f1(&counts, pick));
        Figure { name, value, bar, less: false }
    };
    // No weight is learned from any row, though the forms of telephones were written with the rows in view.
    let mut figures: Vec<Figure> = TYPES
        .iter()
        .map(|(_, ours, bar)| {
            figure(format!("F1 of {ours}, all rows"), &formed, false, Some(*bar), Some(ours))
        })
        .collect();
    if tagged.is_some() {
        let kinds = tollgate_core::signal::NAMED.iter();
        figures.extend(
            kinds.map(|kind| {
                figure(format!("F1 of {kind}, held-out templates"), &all, true, None, Some(kind))
            }),
        );
    }
    figures.push(figure("micro F1 of all types, held-out templates".into(), &all, true, Some(MICRO), None));
    if tagged.is_some() {
        let name = "micro F1 of all types, held-out templates, without an encoder";
        figures.push(figure(name.into(), &formed, true, None, None));
    }
    let purpose = "Finds personal data: what has a form by forms and check digits, and, with an encoder, names, places, \
                   organisations, dates, ages, titles and groups of people by the head `names`."
        .to_owned();
    Ok(Some(Judged { name: "pii".into(), purpose, figures, ..Judged::default() }))
}
