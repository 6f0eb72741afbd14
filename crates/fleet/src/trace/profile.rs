//! What a trace amounts to, in memory that does not grow with it.

use super::MAX_CLASSES;
use crate::{
    Error,
    workload::{
        Arrivals, Class, Gaps, JointLengths, LengthCounter, NS_PER_S, Part, Request, Slo, TokenCounts,
        Workload,
    },
};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

/// The most sessions and the most prefix blocks that are told apart; further ones count as new.
pub const MAX_TRACKED: usize = 1 << 22;
/// The most arrivals that wait to be put in order: so far back may a row stand and still count as it came. A log is in the
/// order in which requests ended.
const MAX_WAITING: usize = 1 << 16;
/// The most bins of the rate over time; beyond, two become one.
const MAX_BINS: usize = 4096;
/// The first width of a bin.
const FIRST_BIN_NS: u64 = 60_000_000_000;

/// Counts, means and distributions of the requests seen.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    totals: TokenCounts,
    all: LengthCounter,
    classes: Vec<(u64, LengthCounter)>,
    gaps: Gathered,
    last_ns: u64,
    first_ns: Option<u64>,
    sessions: HashMap<u64, u32>,
    turns: u64,
    blocks: HashSet<u64>,
    block_hits: u64,
    block_asks: u64,
    rate: RateSeries,
}

/// Mean and variance of what was added (Welford 1962).
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, x: f64) {
        self.count += 1;
        let from_mean = x - self.mean;
        self.mean += from_mean / self.count as f64;
        self.squares += from_mean * (x - self.mean);
    }

    fn cv2(&self) -> Option<f64> {
        (self.count > 0 && self.mean > 0.0)
            .then(|| self.squares / self.count as f64 / (self.mean * self.mean))
    }
}

/// Gaps between arrivals that come nearly in order: the soonest of [`MAX_WAITING`] is the next.
#[derive(Clone, Debug, Default)]
struct Gathered {
    moments: Moments,
    last_ns: Option<u64>,
    waiting: BinaryHeap<Reverse<u64>>,
}

impl Gathered {
    fn add(&mut self, arrival_ns: u64) {
        self.waiting.push(Reverse(arrival_ns));
        if self.waiting.len() > MAX_WAITING
            && let Some(Reverse(soonest)) = self.waiting.pop()
        {
            self.follow(soonest);
        }
    }

    fn follow(&mut self, arrival_ns: u64) {
        if let Some(last_ns) = self.last_ns {
            self.moments.add(arrival_ns.saturating_sub(last_ns) as f64 / NS_PER_S);
        }
        self.last_ns = Some(self.last_ns.map_or(arrival_ns, |last| last.max(arrival_ns)));
    }

    /// With those that wait.
    fn cv2(&self) -> Option<f64> {
        let mut all = Self { moments: self.moments, last_ns: self.last_ns, waiting: BinaryHeap::new() };
        let mut waiting: Vec<u64> = self.waiting.iter().map(|Reverse(arrival_ns)| *arrival_ns).collect();
        waiting.sort_unstable();
        waiting.into_iter().for_each(|arrival_ns| all.follow(arrival_ns));
        all.moments.cv2()
    }
}

/// Requests for each stretch of time.
#[derive(Clone, Debug)]
struct RateSeries {
    width_ns: u64,
    counts: Vec<u64>,
}

impl Default for RateSeries {
    fn default() -> Self {
        Self { width_ns: FIRST_BIN_NS, counts: Vec::new() }
    }
}

impl RateSeries {
    fn add(&mut self, arrival_ns: u64) {
        while arrival_ns / self.width_ns >= MAX_BINS as u64 {
            self.width_ns *= 2;
            self.counts = self.counts.chunks(2).map(|pair| pair.iter().sum()).collect();
        }
        let bin = (arrival_ns / self.width_ns) as usize;
        if bin >= self.counts.len() {
            self.counts.resize(bin + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(bin) {
            *count += 1;
        }
    }
}

impl Profile {
    /// The profile of requests.
    ///
    /// # Errors
    /// The first error of the requests.
    pub fn of(requests: impl IntoIterator<Item = Result<Request, Error>>) -> Result<Self, Error> {
        let mut profile = Self::default();
        for request in requests {
            profile.add(&request?);
        }
        Ok(profile)
    }

    /// One more request.
    pub fn add(&mut self, request: &Request) {
        self.totals.add(request.total_tokens());
        self.all.add(request);
        let class = usize::from(request.class).min(MAX_CLASSES - 1);
        if class >= self.classes.len() {
            self.classes.resize_with(class + 1, Default::default);
        }
        if let Some((requests, lengths)) = self.classes.get_mut(class) {
            *requests += 1;
            lengths.add(request);
        }
        self.gaps.add(request.arrival_ns);
        self.first_ns = Some(self.first_ns.map_or(request.arrival_ns, |first| first.min(request.arrival_ns)));
        self.last_ns = self.last_ns.max(request.arrival_ns);
        self.rate.add(request.arrival_ns);
        if request.session != 0
            && (self.sessions.len() < MAX_TRACKED || self.sessions.contains_key(&request.session))
        {
            *self.sessions.entry(request.session).or_default() += 1;
            self.turns += 1;
        }
        for &block in request.prefix.blocks() {
            self.block_asks += 1;
            if self.blocks.len() < MAX_TRACKED {
                self.block_hits += u64::from(!self.blocks.insert(block));
            } else {
                self.block_hits += u64::from(self.blocks.contains(&block));
            }
        }
    }

    /// How many requests.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.totals.requests()
    }

    /// From the first arrival to the last, in seconds.
    #[must_use]
    pub fn span_s(&self) -> f64 {
        self.first_ns.map_or(0.0, |first| (self.last_ns - first) as f64 / NS_PER_S)
    }

    /// Mean arrivals per second; `None` where all arrive at once.
    #[must_use]
    pub fn rate_per_s(&self) -> Option<f64> {
        (self.span_s() > 0.0).then(|| (self.requests() - 1) as f64 / self.span_s())
    }

    /// Squared coefficient of variation of the gaps between arrivals; `None` where there are none.
    #[must_use]
    pub fn gaps_cv2(&self) -> Option<f64> {
        self.gaps.cv2()
    }

    /// Exact counts of total tokens.
    #[must_use]
    pub fn totals(&self) -> &TokenCounts {
        &self.totals
    }

    /// Prompt and output together.
    ///
    /// # Errors
    /// [`Error::Empty`] where there is no request.
    pub fn lengths(&self) -> Result<JointLengths, Error> {
        self.all.lengths()
    }

    /// How many sessions, and how many turns each has on average; `None` where the trace names none.
    #[must_use]
    pub fn sessions(&self) -> Option<(usize, f64)> {
        let sessions = self.sessions.len();
        (sessions > 0).then(|| (sessions, self.turns as f64 / sessions as f64))
    }

    /// The share of prefix blocks that an unlimited cache would have held, and how many different ones there are;
    /// `None` where the trace names none.
    #[must_use]
    pub fn prefix_hits(&self) -> Option<(f64, usize)> {
        (self.block_asks > 0).then(|| (self.block_hits as f64 / self.block_asks as f64, self.blocks.len()))
    }

    /// Arrivals per second over time: the width of a bin in seconds, and the rate in each.
    #[must_use]
    pub fn rate_over_time(&self) -> (f64, Vec<f64>) {
        let width_s = self.rate.width_ns as f64 / NS_PER_S;
        (width_s, self.rate.counts.iter().map(|&count| count as f64 / width_s).collect())
    }

    /// Shares of the classes, by index.
    #[must_use]
    pub fn class_shares(&self) -> Vec<f64> {
        let all = self.requests().max(1) as f64;
        self.classes.iter().map(|&(requests, _)| requests as f64 / all).collect()
    }

    /// A workload with the lengths of each class, arrivals at `rate_per_s` together, as bursty as the gaps measured
    /// (Gamma gaps; `names` and promises by class index, the last promise for the rest).
    ///
    /// # Errors
    /// [`Error::Empty`] where there is no request or no promise; [`Error::Setting`] where the rate is not above 0.
    pub fn workload(
        &self,
        name: &str,
        rate_per_s: f64,
        names: &[String],
        slos: &[Slo],
    ) -> Result<Workload, Error> {
        crate::error::positive("rate", rate_per_s)?;
        let Some(last) = slos.last() else {
            return Err(Error::Empty { what: "the objectives", fix: "give at least one SLO" });
        };
        let cv2 = self.gaps_cv2().unwrap_or(1.0).clamp(1e-4, 1e4);
        let gaps = if (cv2 - 1.0).abs() < 0.05 { Gaps::Exponential } else { Gaps::Gamma { cv2 } };
        let shares = self.class_shares();
        let mut parts = Vec::new();
        for (index, (requests, lengths)) in self.classes.iter().enumerate().filter(|(_, (n, _))| *n > 0) {
            let name = names.get(index).filter(|name| !name.is_empty()).map_or("all", String::as_str);
            debug_assert!(*requests > 0);
            parts.push(Part {
                class: Class { name: name.into(), slo: *slos.get(index).unwrap_or(last) },
                arrivals: Arrivals::Steady { rate_per_s: rate_per_s * shares[index], gaps },
                lengths: lengths.lengths()?,
                cached: 0.0,
            });
        }
        if parts.is_empty() {
            return Err(Error::Empty { what: "the trace", fix: "give at least one request" });
        }
        Ok(Workload { name: name.into(), parts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Prefix;

    fn request(arrival_s: f64, class: u16, session: u64, blocks: &[u64]) -> Request {
        Request {
            arrival_ns: (arrival_s * NS_PER_S) as u64,
            prompt_tokens: 100,
            output_tokens: 10,
            class,
            session,
            prefix: Prefix::of(blocks),
            ..Request::default()
        }
    }

    #[test]
    fn a_profile_counts_what_it_sees() {
        let rows = [request(0.0, 0, 5, &[1, 2]), request(1.0, 1, 5, &[1, 3]), request(4.0, 0, 6, &[1, 2])];
        let profile = Profile::of(rows.map(Ok)).unwrap();
        assert_eq!((profile.requests(), profile.span_s(), profile.rate_per_s()), (3, 4.0, Some(0.5)));
        assert_eq!(profile.gaps_cv2(), Some(0.25));
        assert_eq!(profile.sessions(), Some((2, 1.5)));
        assert_eq!(profile.prefix_hits(), Some((0.5, 3)));
        let workload =
            profile.workload("w", 9.0, &["chat".into(), "agent".into()], &[Slo::ttft(500.0)]).unwrap();
        assert_eq!(
            workload.parts.iter().map(|p| p.class.name.as_str()).collect::<Vec<_>>(),
            ["chat", "agent"]
        );
        assert!((workload.mean_rate_per_s() - 9.0).abs() < 1e-9);
        assert!((workload.parts[0].arrivals.mean_rate_per_s() - 6.0).abs() < 1e-9);
    }

    #[test]
    fn a_log_in_the_order_of_endings_is_as_bursty_as_its_arrivals() {
        let mut draws = crate::rng::Stream::new(tollgate_core::Seed(5), "log");
        let mut now_s = 0.0;
        let mut rows: Vec<(f64, f64)> = (0..100_000)
            .map(|_| {
                now_s += draws.exponential() / 10.0;
                (now_s + 20.0 * draws.exponential(), now_s)
            })
            .collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let profile =
            Profile::of(rows.iter().map(|(_, arrival_s)| Ok(request(*arrival_s, 0, 0, &[])))).unwrap();
        let cv2 = profile.gaps_cv2().unwrap();
        assert!((0.97..1.03).contains(&cv2), "{cv2}");
        assert!((profile.rate_per_s().unwrap() - 10.0).abs() < 0.2);
    }

    #[test]
    fn time_is_bounded_by_widening_bins() {
        let mut profile = Profile::default();
        for day in 0..400 {
            profile.add(&request(f64::from(day) * 86_400.0, 0, 0, &[]));
        }
        let (width_s, rates) = profile.rate_over_time();
        assert!(rates.len() <= MAX_BINS);
        assert!((rates.iter().sum::<f64>() * width_s - 400.0).abs() < 1e-6);
    }
}
