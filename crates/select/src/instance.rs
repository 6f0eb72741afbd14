//! What traffic alone tells about an instance: what it has to do, how fast it is, how long a request will wait.
//!
//! Each dispatch hands out a [`Dispatched`] that must come back exactly once through [`InstanceState::complete`]: it
//! can't be copied, completing consumes it, and an instance refuses one that another made. So the in-flight counts are
//! the sum over outstanding tokens, never negative, and zero when all are back.
//!
//! ```
//! use tollgate_core::Tick;
//! use tollgate_select::instance::{Completion, InstanceConfig, InstanceState};
//! let mut state = InstanceState::new(1, InstanceConfig::default());
//! let mut token = state.dispatch(4000, 0, Tick(0));
//! assert_eq!(state.in_flight().prompt_tokens, 4000);
//! state.first_content(&mut token, Tick(0).plus_ms(300));
//! state.complete(token, Completion::answered(100), Tick(0).plus_ms(2300)).unwrap();
//! assert_eq!(state.in_flight().requests, 0);
//! ```

use crate::Error;
use crate::error::within;
use crate::estimate::{Ema, HalfLife, LogHistogram, Recent, Regression};
use serde::{Deserialize, Serialize};
use tollgate_core::Tick;

/// What is taken for granted before traffic tells better, and how fast the past is forgotten.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InstanceConfig {
    /// Prompt tokens prefilled per second.
    pub prefill_per_s: f64,
    /// Time to first token of an empty prompt on an idle instance, in milliseconds.
    pub overhead_ms: f64,
    /// Milliseconds per output token after the first.
    pub tpot_ms: f64,
    /// Requests it works on at once, when known; beyond them they queue.
    pub slots: Option<u32>,
    /// Half-life of what is learned, in milliseconds.
    pub half_life_ms: u64,
    /// What it draws by its load, when known.
    pub power: Option<Power>,
}

/// Power by requests in flight: `P(b) = idle + (peak - idle) · b / (b + half)`, which rises steeply at first and saturates.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Power {
    /// Watts without any.
    pub idle_w: f64,
    /// Watts that are approached with many.
    pub peak_w: f64,
    /// Requests at which it is half way between the two.
    pub half: f64,
}

impl Power {
    /// Watts with `requests` in flight.
    #[must_use]
    pub fn watts(&self, requests: u32) -> f64 {
        let b = f64::from(requests);
        self.idle_w + (self.peak_w - self.idle_w) * b / (b + self.half)
    }

    /// Watts that one more request adds.
    #[must_use]
    pub fn marginal_w(&self, requests: u32) -> f64 {
        self.watts(requests.saturating_add(1)) - self.watts(requests)
    }
}

impl Default for InstanceConfig {
    fn default() -> Self {
        Self {
            prefill_per_s: 5_000.0,
            overhead_ms: 50.0,
            tpot_ms: 25.0,
            slots: None,
            half_life_ms: 300_000,
            power: None,
        }
    }
}

impl InstanceConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first field out of range.
    pub fn check(&self) -> Result<(), Error> {
        within("instance.prefill_per_s", self.prefill_per_s, 1.0, 1e9, "give 1 to 1e9 tokens per second")?;
        within("instance.overhead_ms", self.overhead_ms, 0.0, 1e6, "give 0 to 1e6 ms")?;
        within("instance.tpot_ms", self.tpot_ms, 0.0, 1e6, "give 0 to 1e6 ms")?;
        within(
            "instance.slots",
            self.slots.map_or(1.0, f64::from),
            1.0,
            1e9,
            "give at least 1, or leave it out",
        )?;
        let Some(power) = self.power else { return Ok(()) };
        within("instance.power.idle_w", power.idle_w, 0.0, 1e6, "give 0 to 1e6 watts")?;
        within("instance.power.peak_w", power.peak_w, power.idle_w, 1e6, "give idle_w to 1e6 watts")?;
        Ok(within("instance.power.half", power.half, 1e-3, 1e6, "give 0.001 to 1e6 requests")?)
    }
}

/// What was sent and has not come back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct InFlight {
    /// Requests.
    pub requests: u32,
    /// Their prompt tokens.
    pub prompt_tokens: u64,
    /// Uncached prompt tokens of those without content yet: the prefill backlog.
    pub backlog_tokens: u64,
}

/// A request that was sent to an instance and has not been completed.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "a dispatch must be completed exactly once, or it stays in flight forever"]
pub struct Dispatched {
    instance: u64,
    at: Tick,
    prompt_tokens: u64,
    uncached: u64,
    ahead: u64,
    queued: bool,
    first: Option<Tick>,
}

impl Dispatched {
    /// When it was sent.
    #[must_use]
    pub const fn at(&self) -> Tick {
        self.at
    }

    /// When its first content came.
    #[must_use]
    pub const fn first_content_at(&self) -> Option<Tick> {
        self.first
    }
}

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Completion {
    /// Whether it was answered in full; only then are its times learned from.
    pub answered: bool,
    /// Output tokens.
    pub output_tokens: u64,
    /// Cached prompt tokens, when the upstream's usage says.
    pub cached_tokens: Option<u64>,
}

impl Completion {
    /// A full answer of this many output tokens.
    #[must_use]
    pub const fn answered(output_tokens: u64) -> Self {
        Self { answered: true, output_tokens, cached_tokens: None }
    }

    /// Broken off, refused, abandoned: nothing is learned.
    #[must_use]
    pub const fn broken() -> Self {
        Self { answered: false, output_tokens: 0, cached_tokens: None }
    }
}

/// What a finished request took.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Timing {
    /// Time to first content, in milliseconds, when it was seen.
    pub ttft_ms: Option<f64>,
    /// Milliseconds per output token after the first, when there was more than one.
    pub tpot_ms: Option<f64>,
    /// From dispatch to the end, in milliseconds.
    pub total_ms: f64,
}

/// Expected time to first content, in its two parts.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Expected {
    /// Until the instance turns to this request, in milliseconds.
    pub wait_ms: f64,
    /// Its own prefill and the fixed overhead, in milliseconds.
    pub prefill_ms: f64,
}

impl Expected {
    /// Both parts.
    #[must_use]
    pub fn ttft_ms(&self) -> f64 {
        self.wait_ms + self.prefill_ms
    }
}

/// The state of one instance.
///
/// `TTFT ≈ overhead + (backlog + own uncached tokens) / rate`: regressing TTFT on the sum gives rate (the inverse slope)
/// and overhead (the intercept). The backlog is what is left of it: its head has been worked on since it started. With `slots` known and full, a request also waits for a slot:
/// `(in flight - slots + 1) · median service time / slots`.
#[derive(Clone, Debug)]
pub struct InstanceState {
    key: u64,
    config: InstanceConfig,
    flying: InFlight,
    /// When the backlog's head was last known to start: a first content, or a dispatch into an empty backlog.
    progress: Tick,
    prefill: Regression,
    tpot: Ema,
    service: LogHistogram,
    ttft: LogHistogram,
    recent: Recent,
    /// The line in use and the median service time, kept so that a placement costs no solving.
    ms_per_token: f64,
    overhead_ms: f64,
    service_p50_ms: f64,
}

impl InstanceState {
    /// An idle instance; `key` is its identity (see [`crate::place::key_of`]).
    #[must_use]
    pub fn new(key: u64, config: InstanceConfig) -> Self {
        let half_life = HalfLife::ms(config.half_life_ms);
        Self {
            key,
            flying: InFlight::default(),
            progress: Tick(0),
            prefill: Regression::new(half_life),
            tpot: Ema::new(half_life),
            service: LogHistogram::new(half_life),
            ttft: LogHistogram::new(half_life),
            recent: Recent::new(),
            ms_per_token: 1000.0 / config.prefill_per_s.max(1e-3),
            overhead_ms: config.overhead_ms,
            service_p50_ms: 0.0,
            config,
        }
    }

    /// Its identity.
    #[must_use]
    pub const fn key(&self) -> u64 {
        self.key
    }

    /// What is in flight.
    #[must_use]
    pub const fn in_flight(&self) -> InFlight {
        self.flying
    }

    /// A request is sent: `prompt_tokens` of which `cached_tokens` are expected in its prefix cache.
    pub fn dispatch(&mut self, prompt_tokens: u64, cached_tokens: u64, now: Tick) -> Dispatched {
        // Sums of tokens are bounded so that what is added can always be taken away again.
        let prompt_tokens = prompt_tokens.min(u64::from(u32::MAX));
        let uncached = prompt_tokens.saturating_sub(cached_tokens);
        let ahead = self.ahead(now) as u64;
        if self.flying.backlog_tokens == 0 {
            self.progress = now;
        }
        let queued = self.config.slots.is_some_and(|slots| self.flying.requests >= slots);
        self.flying.requests += 1;
        self.flying.prompt_tokens += prompt_tokens;
        self.flying.backlog_tokens += uncached;
        Dispatched { instance: self.key, at: now, prompt_tokens, uncached, ahead, queued, first: None }
    }

    /// Its first content came: the prefill is done. Later calls change nothing.
    pub fn first_content(&mut self, token: &mut Dispatched, now: Tick) {
        if token.instance == self.key && token.first.is_none() {
            token.first = Some(now);
            self.progress = self.progress.max(now);
            self.flying.backlog_tokens = self.flying.backlog_tokens.saturating_sub(token.uncached);
        }
    }

    /// It ended, well or badly. Answers teach: TTFT, TPOT and service time.
    ///
    /// An answer without a seen first content (not streamed) has its TTFT estimated as `total - (output - 1) · TPOT`
    /// once a TPOT is known.
    ///
    /// # Errors
    /// [`Error::ForeignDispatch`] when another instance made the token, which is handed back.
    pub fn complete(&mut self, token: Dispatched, end: Completion, now: Tick) -> Result<Timing, Error> {
        if token.instance != self.key {
            return Err(Error::ForeignDispatch { token: Box::new(token), instance: self.key });
        }
        self.flying.requests = self.flying.requests.saturating_sub(1);
        self.flying.prompt_tokens = self.flying.prompt_tokens.saturating_sub(token.prompt_tokens);
        if token.first.is_none() {
            self.flying.backlog_tokens = self.flying.backlog_tokens.saturating_sub(token.uncached);
        }
        let total_ms = now.since_ms(token.at);
        let gaps = end.output_tokens.saturating_sub(1) as f64;
        let tpot_ms = token.first.filter(|_| gaps > 0.0).map(|first| now.since_ms(first) / gaps);
        let ttft_ms = token.first.map(|first| first.since_ms(token.at));
        if end.answered {
            let inferred = self.tpot.mean().map(|tpot| (total_ms - tpot * gaps).max(0.0));
            self.learn(&token, end, Timing { ttft_ms: ttft_ms.or(inferred), tpot_ms, total_ms }, now);
        }
        Ok(Timing { ttft_ms, tpot_ms, total_ms })
    }

    fn learn(&mut self, token: &Dispatched, end: Completion, timing: Timing, now: Tick) {
        if let Some(tpot) = timing.tpot_ms {
            self.tpot.observe(tpot, now);
        }
        self.service.observe(timing.total_ms, now);
        // Only a wait for a slot asks for it.
        if self.config.slots.is_some() {
            self.service_p50_ms = self.service.quantile(0.5).unwrap_or(0.0);
        }
        let Some(ttft) = timing.ttft_ms else { return };
        self.ttft.observe(ttft, now);
        self.recent.observe(ttft, now);
        if token.queued {
            return; // It also waited for a slot, which is not prefill time.
        }
        let cached = end.cached_tokens.map(|cached| token.prompt_tokens.saturating_sub(cached));
        let work = token.ahead.saturating_add(cached.unwrap_or(token.uncached)) as f64;
        self.prefill.observe(work, ttft, now);
        self.refit();
    }

    /// Takes the fitted line where it makes sense (rising), else the known rate through the mean point; the intercept
    /// is never negative.
    fn refit(&mut self) {
        let Some((x, y)) = self.prefill.mean() else { return };
        let taken = 1000.0 / self.config.prefill_per_s.max(1e-3);
        let slope = self.prefill.fit().map(|fit| fit.slope).filter(|slope| *slope > 0.0).unwrap_or(taken);
        let through_origin = if x > 0.0 { y / x } else { slope };
        self.ms_per_token = slope.min(through_origin);
        self.overhead_ms = (y - self.ms_per_token * x).max(0.0);
    }

    /// Tokens still to be prefilled before a request sent at `now`: the backlog less what the known rate has done of its
    /// head since that started.
    fn ahead(&self, now: Tick) -> f64 {
        let done = now.since_ms(self.progress) / self.ms_per_token.max(1e-9);
        (self.flying.backlog_tokens as f64 - done).max(0.0)
    }

    /// Expected time to first content of a request with this many uncached prompt tokens, were it sent at `now`.
    #[must_use]
    pub fn expect(&self, uncached_tokens: u64, now: Tick) -> Expected {
        let backlog = self.ahead(now) * self.ms_per_token;
        let slot = match self.config.slots {
            Some(slots) if self.flying.requests >= slots => {
                f64::from(self.flying.requests - slots + 1) * self.service_p50_ms / f64::from(slots.max(1))
            }
            _ => 0.0,
        };
        let prefill_ms = self.overhead_ms + uncached_tokens as f64 * self.ms_per_token;
        Expected { wait_ms: backlog + slot, prefill_ms }
    }

    /// Watts that one more request adds; 0 when its power is not known.
    #[must_use]
    pub fn marginal_w(&self) -> f64 {
        self.config.power.map_or(0.0, |power| power.marginal_w(self.flying.requests))
    }

    /// Prompt tokens prefilled per second, as far as known.
    #[must_use]
    pub fn prefill_per_s(&self) -> f64 {
        if self.ms_per_token > 0.0 { 1000.0 / self.ms_per_token } else { self.config.prefill_per_s }
    }

    /// Time to first content of an empty prompt when idle, in milliseconds, as far as known.
    #[must_use]
    pub const fn overhead_ms(&self) -> f64 {
        self.overhead_ms
    }

    /// Milliseconds per output token, as far as known.
    #[must_use]
    pub fn tpot_ms(&self) -> f64 {
        self.tpot.mean().unwrap_or(self.config.tpot_ms)
    }

    /// The quantile of answered requests' total time, in milliseconds (error bound: [`LogHistogram`]).
    #[must_use]
    pub fn service_ms(&self, q: f64) -> Option<f64> {
        self.service.quantile(q)
    }

    /// The quantile of observed times to first content, in milliseconds.
    #[must_use]
    pub fn ttft_ms(&self, q: f64) -> Option<f64> {
        self.ttft.quantile(q)
    }

    /// Mean times to first content over the last minutes, in milliseconds, oldest first (slots: [`Recent`]).
    #[must_use]
    pub fn recent_ttft_ms(&self, now: Tick) -> Vec<Option<f64>> {
        self.recent.means(now)
    }
}
