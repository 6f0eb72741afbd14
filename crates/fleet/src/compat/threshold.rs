//! Every knot as a boundary: the reference's front of cost against latency.

use super::knots::Knots;
use super::optimize::{Case, Row, sweep};
use crate::Error;
use serde::Serialize;

/// One boundary. Serialised, the names are the reference's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Threshold {
    /// The boundary, tokens.
    #[serde(rename = "b_short")]
    pub boundary: u32,
    /// Share of requests at or below it.
    pub alpha: f64,
    /// GPUs of the short pool.
    #[serde(rename = "n_s")]
    pub short: u64,
    /// GPUs of the long pool.
    #[serde(rename = "n_l")]
    pub long: u64,
    /// GPUs of both.
    #[serde(rename = "total_gpus")]
    pub gpus: u64,
    /// Thousands of US dollars a year.
    #[serde(rename = "cost_kusd_yr")]
    pub cost_year: f64,
    /// Saving against one pool, percent.
    #[serde(rename = "savings_vs_homo_pct")]
    pub saving: f64,
    /// 99th percentile of the short pool's time to first token, milliseconds.
    #[serde(rename = "p99_short_ms")]
    pub short_ms: f64,
    /// The long pool's.
    #[serde(rename = "p99_long_ms")]
    pub long_ms: f64,
    /// The larger of both.
    #[serde(rename = "worst_p99_ms")]
    pub worst_ms: f64,
    /// Whether both are within the objective.
    pub slo_met: bool,
    /// Whether no other boundary is both cheaper and faster.
    pub pareto: bool,
}

/// The one-pool fleet and a row per boundary, shortest first. The boundary and γ of `case` are not read.
///
/// # Errors
///
/// As [`sweep`].
pub fn thresholds(knots: &Knots, case: &Case) -> Result<(Row, Vec<Threshold>), Error> {
    let at = |boundary: u32| -> Result<Row, Error> {
        let case = Case { boundary, gammas: vec![1.0], ..case.clone() };
        sweep(knots, &case)?.into_iter().next().ok_or(Error::Empty { what: "γ", fix: "give one value" })
    };
    let one = at(case.long_context)?;
    let mut rows = Vec::new();
    let inner = knots.0.split_last().map_or(&[][..], |(_, rest)| rest);
    for &(boundary, _) in inner.iter().filter(|k| (0.01..=0.999).contains(&knots.at(k.0))) {
        let row = at(boundary)?;
        let saving =
            if one.cost_year > 0.0 { (one.cost_year - row.cost_year) / one.cost_year * 100.0 } else { 0.0 };
        rows.push(Threshold {
            boundary,
            alpha: knots.at(boundary),
            short: row.short,
            long: row.long,
            gpus: row.gpus,
            cost_year: row.cost_year,
            saving,
            short_ms: row.short_ms,
            long_ms: row.long_ms,
            worst_ms: row.short_ms.max(row.long_ms),
            slo_met: row.slo_met,
            pareto: false,
        });
    }
    let points: Vec<(f64, f64)> = rows.iter().map(|r| (r.cost_year, r.worst_ms)).collect();
    for row in &mut rows {
        row.pareto = !points.iter().any(|&(cost, worst)| cost < row.cost_year && worst < row.worst_ms);
    }
    rows.sort_by_key(|r| r.boundary);
    Ok((one, rows))
}

/// The cheapest boundary on the front that meets the objective.
#[must_use]
pub fn recommended(rows: &[Threshold]) -> Option<&Threshold> {
    rows.iter().filter(|r| r.pareto && r.slo_met).min_by(|a, b| a.cost_year.total_cmp(&b.cost_year))
}
