//! Sums over the decision log for the console: per route, model, pool, key or in total, and over time.
//!
//! One pass over the small rows of the time window; memory is bounded by the number of groups and points.
//! Latency quantiles come from histograms and are within 1.6 % (exact below 64 µs).

use super::histogram::Histogram;
use super::query::DecisionFilter;
use crate::sql::nat;
use crate::{Store, StoreError};
use rusqlite::params_from_iter;
use serde::Serialize;
use std::collections::BTreeMap;
use tollgate_core::Timestamp;

/// Most groups in one summary; further ones are summed under `(other)`.
pub const GROUPS_MAX: usize = 1000;
/// Most points in one time series.
pub const POINTS_MAX: i64 = 1500;
/// Name of the group that takes what is beyond [`GROUPS_MAX`].
const OTHER: &str = "(other)";
/// Name of the group of rows without a value, such as requests refused before a route was found.
const NONE: &str = "(none)";

/// By what a summary is grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// One group of everything.
    All,
    /// Per route.
    Route,
    /// Per chosen model.
    Model,
    /// Per route and model, named `route → model`.
    RouteModel,
    /// Per pool.
    Pool,
    /// Per key.
    Key,
    /// Per fault kind.
    Fault,
}

impl GroupBy {
    const fn column(self) -> &'static str {
        match self {
            Self::All => "'all'",
            Self::Route => "route",
            Self::Model => "model",
            Self::RouteModel => "ifnull(route, '(none)') || ' → ' || ifnull(model, '(none)')",
            Self::Pool => "pool",
            Self::Key => "key_id",
            Self::Fault => "fault",
        }
    }
}

/// Sums over some decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// Requests.
    pub requests: u64,
    /// Those that an upstream or the gateway failed: a status of 500 and more, or a fault inside a good answer.
    pub errors: u64,
    /// Those that ended on the caller's side: a status of 400 to 499 (499: it left), or an answer that governance stopped.
    pub refused: u64,
    /// Prompt tokens.
    pub prompt_tokens: u64,
    /// Of them, read from a cache.
    pub cached_tokens: u64,
    /// Completion tokens.
    pub completion_tokens: u64,
    /// Cost in millionths.
    pub cost_micro: u64,
}

/// Latency quantiles in microseconds; `None` without values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quantiles {
    /// Median.
    pub p50: Option<u64>,
    /// 95 of 100 are not slower.
    pub p95: Option<u64>,
    /// 99 of 100 are not slower.
    pub p99: Option<u64>,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SummaryRow {
    /// The group's name, `(none)` for rows without one.
    pub name: String,
    /// Its sums.
    #[serde(flatten)]
    pub sums: Sums,
    /// Time to the first content byte.
    pub ttft_us: Quantiles,
    /// Time to the last byte.
    pub total_us: Quantiles,
    /// Our own part.
    pub overhead_us: Quantiles,
}

/// One step of a time series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Point {
    /// Start of the step.
    pub start: Timestamp,
    /// Its sums.
    #[serde(flatten)]
    pub sums: Sums,
    /// Time to the first content byte.
    pub ttft_us: Quantiles,
    /// Time to the last byte.
    pub total_us: Quantiles,
}

/// The groups of a summary, most requests first, then by name.
pub type Summary = Vec<SummaryRow>;

/// When a row counts as an error ([`Sums::errors`]).
const ERROR: &str = "status >= 500 OR (status < 400 AND fault IS NOT NULL AND fault <> 'forbidden')";

#[derive(Default)]
struct Tally {
    sums: Sums,
    ttft: Histogram,
    total: Histogram,
    overhead: Histogram,
}

impl Tally {
    fn add(&mut self, row: &rusqlite::Row<'_>) -> rusqlite::Result<()> {
        let count = |at: usize| row.get(at).map(nat);
        let add = |sum: &mut u64, value: u64| *sum = sum.saturating_add(value);
        add(&mut self.sums.requests, 1);
        add(&mut self.sums.errors, count(1)?);
        add(&mut self.sums.refused, count(9)?);
        add(&mut self.sums.prompt_tokens, count(2)?);
        add(&mut self.sums.cached_tokens, count(3)?);
        add(&mut self.sums.completion_tokens, count(4)?);
        add(&mut self.sums.cost_micro, count(5)?);
        if let Some(ttft) = row.get::<_, Option<i64>>(6)? {
            self.ttft.add(nat(ttft));
        }
        self.total.add(count(7)?);
        self.overhead.add(count(8)?);
        Ok(())
    }
}

fn quantiles(histogram: &Histogram) -> Quantiles {
    Quantiles { p50: histogram.quantile(500), p95: histogram.quantile(950), p99: histogram.quantile(990) }
}

impl Store {
    /// Sums and latency quantiles of the decisions that pass `filter`, per group.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn summary(&self, filter: &DecisionFilter, by: GroupBy) -> Result<Summary, StoreError> {
        let mut groups: BTreeMap<String, Tally> = BTreeMap::new();
        self.scan(filter, by.column(), |row| {
            let name: Option<String> = row.get(0)?;
            let mut name = name.unwrap_or_else(|| NONE.into());
            if groups.len() >= GROUPS_MAX && !groups.contains_key(&name) {
                name = OTHER.into();
            }
            groups.entry(name).or_default().add(row)
        })?;
        let mut rows: Summary = groups
            .into_iter()
            .map(|(name, tally)| SummaryRow {
                name,
                sums: tally.sums,
                ttft_us: quantiles(&tally.ttft),
                total_us: quantiles(&tally.total),
                overhead_us: quantiles(&tally.overhead),
            })
            .collect();
        rows.sort_by(|a, b| b.sums.requests.cmp(&a.sums.requests).then_with(|| a.name.cmp(&b.name)));
        Ok(rows)
    }

    /// Sums per step of `step_s` seconds (60 for minutes) from `since` to before `until`, every step present. The
    /// filter's own times are not used.
    ///
    /// # Errors
    /// [`StoreError::Bad`] when that are no or more than [`POINTS_MAX`] steps; [`StoreError::Sqlite`].
    pub fn series(
        &self,
        filter: &DecisionFilter,
        since: Timestamp,
        until: Timestamp,
        step_s: u32,
    ) -> Result<Vec<Point>, StoreError> {
        let step = i64::from(step_s.max(1)) * 1_000_000;
        let first = since.0.div_euclid(step);
        let last = until.0.saturating_sub(1).div_euclid(step);
        let count = last.saturating_sub(first).saturating_add(1);
        if until <= since || !(1..=POINTS_MAX).contains(&count) {
            return Err(StoreError::bad(
                "steps",
                &count.to_string(),
                "between 1 and 1500: choose a larger step",
            ));
        }
        let mut tallies: BTreeMap<i64, Tally> = (first..=last).map(|at| (at, Tally::default())).collect();
        let filter = DecisionFilter { since: Some(since), until: Some(until), ..filter.clone() };
        self.scan(&filter, "time_us", |row| {
            let at = row.get::<_, i64>(0)?.div_euclid(step);
            tallies.get_mut(&at).map_or(Ok(()), |tally| tally.add(row))
        })?;
        let point = |(at, tally): (i64, Tally)| Point {
            start: Timestamp(at.saturating_mul(step)),
            sums: tally.sums,
            ttft_us: quantiles(&tally.ttft),
            total_us: quantiles(&tally.total),
        };
        Ok(tallies.into_iter().map(point).collect())
    }

    fn scan(
        &self,
        filter: &DecisionFilter,
        column: &str,
        mut each: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let (conditions, values) = filter.conditions();
        let sql = format!(
            "SELECT {column}, {ERROR}, prompt_tokens, cached_tokens, completion_tokens, cost_micro, ttft_us, total_us,
             overhead_us, NOT ({ERROR}) AND (fault IS NOT NULL OR status >= 400) FROM decisions WHERE {conditions}"
        );
        self.read(|conn| {
            let run = || {
                let mut statement = conn.prepare_cached(&sql)?;
                let mut rows = statement.query(params_from_iter(values))?;
                while let Some(row) = rows.next()? {
                    each(row)?;
                }
                Ok(())
            };
            run().map_err(StoreError::doing("sum decisions"))
        })
    }
}
