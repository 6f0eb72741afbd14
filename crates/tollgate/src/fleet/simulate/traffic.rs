//! When requests arrive: drawn at an even rate, at one that swings, drifts or follows a recording, or replayed.
//!
//! A rate that changes is cut into windows; gaps within a window are as bursty as those of the class, stretched by its
//! rate. A replay is the recorded requests themselves, the same in every replication.

use super::super::problem::FleetArgs;
use super::super::workload::{Clock, Loaded, class_times};
use anyhow::{Result, bail};
use clap::Args;
use std::f64::consts::TAU;
use std::sync::Arc;
use tollgate_core::Seed;
use tollgate_fleet::Error;
use tollgate_fleet::workload::{Arrivals, Client, NS_PER_S, RateWindow, Request, Requests, Workload};

/// Requests where neither a number nor a duration is said, where stays are not so long that it takes more.
const REQUESTS: u64 = 50_000;
/// Most requests where none are said.
const REQUESTS_MAX: f64 = 1e7;
/// A replication lasts so many planned stays (their percentile, which is on the safe side) where nothing is said: its warm-up, a fifth, is longer
/// than one.
const STAYS: f64 = 6.0;
/// Windows of a rate that changes.
const WINDOWS: usize = 192;
/// How far beyond its expected end the last rate goes on.
const SLACK: f64 = 4.0;

/// When requests arrive
#[derive(Args, Debug, Clone)]
pub(in crate::fleet) struct TrafficArgs {
    /// Requests of a replication [default: 50000, or more where they stay long; those of the recording with --replay or --follow]
    #[arg(long, value_name = "N")]
    requests: Option<u64>,
    /// Simulated hours of a replication, in place of a number of requests
    #[arg(long, value_name = "H", conflicts_with = "requests")]
    hours: Option<f64>,
    /// Replay the recorded requests with their arrivals, conversations and prefixes; --rate stretches time
    #[arg(long, requires = "trace", conflicts_with_all = ["swing", "follow", "drift"])]
    replay: bool,
    /// The rate follows that of the recording over time
    #[arg(long, requires = "trace", conflicts_with = "swing")]
    follow: bool,
    /// The rate swings by this share around its mean, as days do, from its lowest on
    #[arg(long, value_name = "SHARE")]
    swing: Option<f64>,
    /// Hours of a swing
    #[arg(long, value_name = "H", default_value_t = 24.0)]
    swing_hours: f64,
    /// The mix shifts: the rate of a class goes evenly to this multiple by the end, as agent=3
    #[arg(long, value_name = "CLASS=X", value_parser = class_times)]
    drift: Vec<(String, f64)>,
}

/// A rate that swings around its mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::fleet) struct Swing {
    /// By this share.
    pub(in crate::fleet) share: f64,
    /// In this time.
    pub(in crate::fleet) hours: f64,
}

/// What a replication sees.
pub(in crate::fleet) struct Traffic {
    source: Source,
    /// Requests of a replication.
    pub(super) requests: u64,
    /// How long it takes, in seconds, about.
    pub(super) span_s: f64,
}

enum Source {
    Drawn(Workload),
    Recorded(Arc<[Request]>),
}

impl TrafficArgs {
    /// Whether rate or fleet differ over time.
    pub(super) fn changes(&self) -> bool {
        self.replay || self.follow || self.swing.is_some() || !self.drift.is_empty()
    }

    pub(super) fn swing(&self) -> Option<Swing> {
        self.swing.map(|share| Swing { share, hours: self.swing_hours })
    }

    /// The requests of a replication, as asked;
    /// where nothing is said, as many as stays of `stay_s` seconds need to be seen in balance.
    pub(super) fn traffic(
        &self,
        fleet: &FleetArgs,
        loaded: &Loaded,
        context: u32,
        stay_s: f64,
    ) -> Result<Traffic> {
        if self.replay {
            return self.recorded(fleet, loaded, context);
        }
        let rate = loaded.rate();
        let recorded = loaded.found.iter().filter_map(|found| found.requests).sum::<u64>();
        let stays = (STAYS * stay_s * rate).ceil().min(REQUESTS_MAX) as u64;
        let usual = if self.follow { recorded } else { stays.max(REQUESTS) };
        let requests = match (self.requests, self.hours) {
            (Some(requests), _) => requests,
            (None, Some(hours)) => (hours * 3600.0 * rate).ceil().max(1.0) as u64,
            (None, None) if self.swing.is_some() => (self.swing_hours * 3600.0 * rate).ceil().max(1.0) as u64,
            (None, None) => usual,
        };
        let span_s = requests as f64 / rate;
        let workload = if self.changes() { self.changing(loaded, span_s)? } else { loaded.workload.clone() };
        Ok(Traffic { source: Source::Drawn(workload), requests, span_s })
    }

    fn recorded(&self, fleet: &FleetArgs, loaded: &Loaded, context: u32) -> Result<Traffic> {
        let mut requests = fleet.workload.recorded(loaded, Clock::Stretched)?;
        if fleet.workload.drop_longer {
            requests.retain(|request| request.total_tokens() <= context);
        }
        let span_s = requests.last().map_or(0.0, |last| last.arrival_ns as f64 / NS_PER_S);
        let most = match (self.requests, self.hours) {
            (Some(most), _) => usize::try_from(most).unwrap_or(usize::MAX),
            (None, Some(hours)) => {
                requests.partition_point(|request| request.arrival_ns as f64 / NS_PER_S <= hours * 3600.0)
            }
            (None, None) => requests.len(),
        };
        requests.truncate(most);
        if requests.is_empty() {
            bail!("there is no request to replay: raise --requests or --hours");
        }
        let count = requests.len() as u64;
        Ok(Traffic { source: Source::Recorded(requests.into()), requests: count, span_s })
    }

    /// The workload with each class's rate over `span_s` in windows.
    fn changing(&self, loaded: &Loaded, span_s: f64) -> Result<Workload> {
        let swing = self.swing.unwrap_or(0.0);
        let sound = (0.0..=1.0).contains(&swing) && self.swing_hours > 0.0 && self.swing_hours.is_finite();
        if !sound {
            bail!("--swing is a share from 0 to 1, --swing-hours above 0: {swing} and {}", self.swing_hours);
        }
        let classes: Vec<&str> = loaded.workload.parts.iter().map(|part| part.class.name.as_str()).collect();
        if let Some((class, _)) = self.drift.iter().find(|(class, _)| !classes.contains(&class.as_str())) {
            bail!("--drift: there is no class `{class}`; there is {}", classes.join(", "));
        }
        let shape =
            Shape { args: self, span_s, followed: self.follow.then(|| followed(loaded)).transpose()? };
        let mut workload = loaded.workload.clone();
        for part in &mut workload.parts {
            let Arrivals::Steady { rate_per_s, gaps } = part.arrivals else { continue };
            let width_s = span_s / WINDOWS as f64;
            let window = |at: usize| RateWindow {
                start_ns: (at as f64 * width_s * NS_PER_S) as u64,
                rate_per_s: rate_per_s * shape.factor((at as f64 + 0.5) * width_s, &part.class.name),
                gaps,
            };
            let end_ns = (span_s * SLACK * NS_PER_S) as u64;
            let client = Client { windows: (0..WINDOWS).map(window).collect(), end_ns, repeats: false };
            part.arrivals = Arrivals::Clients(vec![client]);
        }
        Ok(workload)
    }
}

/// By how much the rate of a class differs from its mean.
struct Shape<'a> {
    args: &'a TrafficArgs,
    span_s: f64,
    /// The recorded rates over their mean, stretched over the whole run.
    followed: Option<Vec<f64>>,
}

impl Shape<'_> {
    fn factor(&self, at_s: f64, class: &str) -> f64 {
        let phase = at_s / (self.args.swing_hours * 3600.0);
        let swing = 1.0 - self.args.swing.unwrap_or(0.0) * (TAU * phase).cos();
        let way = (at_s / self.span_s).min(1.0);
        let drift = self.args.drift.iter().filter(|(name, _)| name == class);
        let drift: f64 = drift.map(|(_, times)| 1.0 + (times - 1.0) * way).product();
        let follow = self.followed.as_ref().map_or(1.0, |rates| {
            let bin = (way * rates.len() as f64) as usize;
            rates.get(bin.min(rates.len().saturating_sub(1))).copied().unwrap_or(1.0)
        });
        swing * drift * follow
    }
}

fn followed(loaded: &Loaded) -> Result<Vec<f64>> {
    let [found] = loaded.found.as_slice() else { bail!("--follow takes one --trace") };
    let rates = &found.rate_over_time.1;
    let mean = rates.iter().sum::<f64>() / rates.len().max(1) as f64;
    if rates.len() < 2 || mean <= 0.0 {
        bail!("--follow: {} has no times to follow: give a trace with arrivals", found.name);
    }
    Ok(rates.iter().map(|rate| rate / mean).collect())
}

impl Traffic {
    /// The requests of the replication with a seed.
    pub(super) fn requests(&self, seed: Seed) -> Result<Stream<'_>, Error> {
        Ok(match &self.source {
            Source::Drawn(workload) => Stream::Drawn(workload.requests(seed)?),
            Source::Recorded(requests) => Stream::Recorded(requests.iter()),
        })
    }

    /// Whether every replication sees the same requests.
    pub(super) fn is_replay(&self) -> bool {
        matches!(self.source, Source::Recorded(_))
    }
}

/// Requests of one replication.
pub(super) enum Stream<'a> {
    Drawn(Requests<'a>),
    Recorded(std::slice::Iter<'a, Request>),
}

impl Iterator for Stream<'_> {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        match self {
            Self::Drawn(drawn) => drawn.next(),
            Self::Recorded(recorded) => recorded.next().cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> TrafficArgs {
        TrafficArgs {
            requests: None,
            hours: None,
            replay: false,
            follow: false,
            swing: None,
            swing_hours: 24.0,
            drift: Vec::new(),
        }
    }

    #[test]
    fn a_rate_swings_from_its_lowest_and_drifts_by_class() {
        let swinging = TrafficArgs { swing: Some(0.5), swing_hours: 1.0, ..args() };
        let shape = Shape { args: &swinging, span_s: 3600.0, followed: None };
        let at = [0.0, 900.0, 1800.0].map(|at| shape.factor(at, "chat"));
        assert!(
            (at[0] - 0.5).abs() < 1e-9 && (at[1] - 1.0).abs() < 1e-9 && (at[2] - 1.5).abs() < 1e-9,
            "{at:?}"
        );
        let drifting = TrafficArgs { drift: vec![("agent".into(), 3.0)], ..args() };
        let shape = Shape { args: &drifting, span_s: 100.0, followed: Some(vec![0.5, 1.5]) };
        assert_eq!([shape.factor(50.0, "agent"), shape.factor(50.0, "chat")], [3.0, 1.5]);
    }
}
