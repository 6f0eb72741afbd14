//! One circuit per instance: closed, open or half-open, moved only by faults that are the instance's own.
//!
//! Invariants: a caller's fault or a prompt that is too long changes nothing, and a refusal that one caller's request
//! may have caused counts once for that caller; an open circuit admits nobody; a half-open
//! one admits a bounded number of probes at a time and closes only after enough of them succeeded; the pause grows
//! with every opening in a row and has jitter. A rate limit is no failure: it only pauses the instance.
//! Each admission gives a [`Pass`] that comes back with the outcome, so that late answers from before an opening
//! are not taken for probes.
//!
//! ```
//! use tollgate_core::{Seed, Tick};
//! use tollgate_select::circuit::{Circuit, CircuitConfig, Outcome, Gate};
//! let mut circuit = Circuit::new(CircuitConfig::default(), Seed(1));
//! let pass = circuit.admit(Tick(0)).unwrap();
//! circuit.report(pass, Outcome::HardDown, Tick(0));
//! assert!(matches!(circuit.gate(Tick(0)), Gate::Refusing(_)));
//! ```

mod outcome;

pub use outcome::{Detail, Effects, InstanceEffect, Outcome, RequestEffect, effects, request_effect};

use crate::Error;
use crate::retry::Backoff;
use serde::{Deserialize, Serialize};
use tollgate_core::OutOfRange;
use tollgate_core::{Seed, Tick};

/// When a circuit opens, for how long, and how it closes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CircuitConfig {
    /// Failures in a row that open it.
    pub failures: u32,
    /// Refused connections in a row that open it.
    pub refusals: u32,
    /// How long it stays open after failures; doubles with every opening in a row.
    pub open: Backoff,
    /// How long it stays open after a hard-down fault (credentials, account).
    pub hard: Backoff,
    /// Probes that may be out at once when half-open.
    pub probes: u32,
    /// Probes that must succeed before it closes.
    pub probes_to_close: u32,
    /// A probe that has not come back for this long is written off, in milliseconds.
    pub probe_patience_ms: u64,
    /// The pause after a rate limit that names none; doubles with every one in a row.
    pub cool: Backoff,
    /// The longest pause that an upstream can ask for, in milliseconds.
    pub cool_cap_ms: u64,
}

impl Default for CircuitConfig {
    fn default() -> Self {
        Self {
            failures: 5,
            refusals: 2,
            open: Backoff { base_ms: 1_000, cap_ms: 60_000 },
            hard: Backoff { base_ms: 30_000, cap_ms: 600_000 },
            probes: 1,
            probes_to_close: 2,
            probe_patience_ms: 120_000,
            cool: Backoff { base_ms: 1_000, cap_ms: 30_000 },
            cool_cap_ms: 120_000,
        }
    }
}

impl CircuitConfig {
    /// Checks that it can open and close.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first count that is 0.
    pub fn check(&self) -> Result<(), Error> {
        let counts = [
            ("circuit.failures", self.failures),
            ("circuit.refusals", self.refusals),
            ("circuit.probes", self.probes),
            ("circuit.probes_to_close", self.probes_to_close),
        ];
        match counts.into_iter().find(|(_, count)| *count == 0) {
            Some((field, _)) => {
                Err(Error::Setting(OutOfRange { field, value: "0".into(), fix: "give at least 1" }))
            }
            None => Ok(()),
        }
    }
}

/// Most callers that are told apart before a doubtful refusal is believed.
const DOUBTS_MAX: usize = 64;

/// What a circuit lets through now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gate {
    /// Everything.
    Open,
    /// One more probe.
    Probe,
    /// Nothing until then: failures.
    Failing(Tick),
    /// Nothing until then: it refuses our credentials or account.
    Refusing(Tick),
    /// Nothing until then: it asked for a pause.
    Cooling(Tick),
}

/// The right to send one request; comes back with the outcome.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "an admission must be reported, or a probe slot stays taken until its patience ends"]
pub struct Pass {
    generation: u32,
    probe: bool,
}

impl Pass {
    /// Whether it probes a half-open circuit.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        self.probe
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Closed { failures: u32, refusals: u32 },
    Open { until: Tick, hard: bool },
    HalfOpen { out: u32, good: u32, last: Tick },
}

/// The circuit of one instance.
#[derive(Clone, Debug)]
pub struct Circuit {
    config: CircuitConfig,
    state: State,
    /// Counts openings and half-openings, to tell late answers from probes.
    generation: u32,
    openings: u32,
    limits: u32,
    /// The callers whose requests were refused in a doubtful way since the last success: each once, fewer than
    /// [`CircuitConfig::failures`] and at most [`DOUBTS_MAX`].
    doubts: Vec<u64>,
    cooling: Option<Tick>,
    seed: Seed,
}

impl Circuit {
    /// A closed circuit; `seed` gives the jitter.
    #[must_use]
    pub const fn new(config: CircuitConfig, seed: Seed) -> Self {
        let state = State::Closed { failures: 0, refusals: 0 };
        Self { config, state, generation: 0, openings: 0, limits: 0, doubts: Vec::new(), cooling: None, seed }
    }

    /// What it lets through at `now`.
    #[must_use]
    pub fn gate(&self, now: Tick) -> Gate {
        if let (Some(until), false) = (self.cooling.filter(|until| *until > now), self.is_open(now)) {
            return Gate::Cooling(until);
        }
        match self.state {
            State::Closed { .. } => Gate::Open,
            State::Open { until, hard } if until > now => {
                if hard {
                    Gate::Refusing(until)
                } else {
                    Gate::Failing(until)
                }
            }
            State::Open { .. } => Gate::Probe,
            State::HalfOpen { out, last, .. } => {
                let patient = last.plus_ms(self.config.probe_patience_ms);
                if out < self.config.probes || patient <= now { Gate::Probe } else { Gate::Failing(patient) }
            }
        }
    }

    fn is_open(&self, now: Tick) -> bool {
        matches!(self.state, State::Open { until, .. } if until > now)
    }

    /// Admits one request, if the gate does.
    pub fn admit(&mut self, now: Tick) -> Option<Pass> {
        let probe = match self.gate(now) {
            Gate::Open => false,
            Gate::Probe => true,
            Gate::Failing(_) | Gate::Refusing(_) | Gate::Cooling(_) => return None,
        };
        if probe {
            let (out, good) = match self.state {
                State::HalfOpen { out, good, .. } if out < self.config.probes => (out, good),
                // Either the pause is over, or the probes that are out were written off.
                _ => {
                    self.generation = self.generation.wrapping_add(1);
                    (0, 0)
                }
            };
            self.state = State::HalfOpen { out: out + 1, good, last: now };
        }
        Some(Pass { generation: self.generation, probe })
    }

    /// A request sent although the gate is shut (when every instance is out): it never counts as a probe.
    pub const fn force(&self) -> Pass {
        Pass { generation: self.generation, probe: false }
    }

    /// Takes the outcome of an admitted request.
    // The pass is spent by coming back: taking it by value is the point.
    #[expect(clippy::needless_pass_by_value, reason = "a pass is used once")]
    pub fn report(&mut self, pass: Pass, outcome: Outcome, now: Tick) {
        match outcome {
            Outcome::RateLimited(after) => self.cool(after, now),
            Outcome::HardDown => return self.open(true, now),
            _ => {}
        }
        if pass.generation != self.generation {
            return; // An answer from before the last opening says nothing about now.
        }
        match self.state {
            State::Closed { failures, refusals } => self.closed(failures, refusals, outcome, now),
            State::HalfOpen { out, good, last } if pass.probe => {
                self.half_open(out.saturating_sub(1), good, last, outcome, now);
            }
            State::HalfOpen { .. } | State::Open { .. } => {}
        }
    }

    fn closed(&mut self, failures: u32, refusals: u32, outcome: Outcome, now: Tick) {
        let (failures, refusals) = match outcome {
            Outcome::Success | Outcome::ContextTooLong => {
                self.limits = 0;
                self.doubts.clear();
                (0, 0)
            }
            Outcome::Doubted(caller) if self.doubt(caller) => (self.config.failures, 0),
            Outcome::Transient => (failures.saturating_add(1), 0),
            Outcome::Refused => (failures.saturating_add(1), refusals.saturating_add(1)),
            Outcome::Blameless | Outcome::RateLimited(_) | Outcome::HardDown | Outcome::Doubted(_) => {
                (failures, refusals)
            }
        };
        if failures >= self.config.failures || refusals >= self.config.refusals {
            self.open(false, now);
        } else {
            self.state = State::Closed { failures, refusals };
        }
    }

    /// Notes a doubtful refusal; says whether as many callers were refused so as failures open the circuit. Of one caller
    /// alone it never is: two at least.
    fn doubt(&mut self, caller: u64) -> bool {
        if !self.doubts.contains(&caller) {
            self.doubts.push(caller);
        }
        let believed = usize::try_from(self.config.failures).unwrap_or(DOUBTS_MAX).clamp(2, DOUBTS_MAX);
        let all = self.doubts.len() >= believed;
        if all {
            self.doubts.clear();
        }
        all
    }

    fn half_open(&mut self, out: u32, good: u32, last: Tick, outcome: Outcome, now: Tick) {
        let good = good.saturating_add(u32::from(outcome.verdict() == Some(true)));
        if outcome.verdict() == Some(false) {
            self.open(false, now);
        } else if good >= self.config.probes_to_close {
            self.generation = self.generation.wrapping_add(1);
            self.openings = 0;
            self.limits = 0;
            self.doubts.clear();
            self.state = State::Closed { failures: 0, refusals: 0 };
        } else {
            self.state = State::HalfOpen { out, good, last };
        }
    }

    fn open(&mut self, hard: bool, now: Tick) {
        let backoff = if hard { self.config.hard } else { self.config.open };
        let until = now.plus_ms(backoff.pause_ms(self.openings, self.draw()));
        // A second report of the same outage does not count as another opening.
        if let State::Open { until: standing, hard: was_hard } = self.state
            && standing > now
        {
            self.state = State::Open { until: standing.max(until), hard: hard || was_hard };
            return;
        }
        self.state = State::Open { until, hard };
        self.openings = self.openings.saturating_add(1);
        self.generation = self.generation.wrapping_add(1);
    }

    fn cool(&mut self, after_ms: Option<u64>, now: Tick) {
        let seed = self.draw();
        let pause = after_ms.unwrap_or_else(|| self.config.cool.pause_ms(self.limits, seed));
        let pause = pause.min(self.config.cool_cap_ms);
        self.limits = self.limits.saturating_add(1);
        let until = now.plus_ms(pause);
        self.cooling = Some(self.cooling.map_or(until, |standing| standing.max(until)));
    }

    fn draw(&mut self) -> Seed {
        self.seed = self.seed.next();
        self.seed
    }
}
