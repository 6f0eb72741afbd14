//! One instance, request by request: all active sequences advance together, iteration by iteration.
//!
//! Between two events the batch is fixed, and each sequence in it gains a known number of tokens per iteration, so the
//! context grows linearly and the time of `k` iterations is `k·t + h·g·k²/2` (`t` the current iteration, `g` the growth of
//! the context, `h` the cost of a token of it). Its inverse is the root of a quadratic. A request's first token and
//! last token lie a fixed number of iterations ahead when it is admitted, whatever happens to the clock in between:
//! the calendar of an instance is sorted once, by iterations, and never rewritten.
//!
//! A sequence holds memory for all its tokens from its admission, so a batch never has to be broken up. Iterations are
//! taken as continuous; what real engines add by starting only at boundaries (half an iteration on average) is the token-step
//! engine's business ([`super::engine`]).

mod ends;
mod job;
mod jobs;

pub use job::{Happened, Job, Refusal, Used};
pub use jobs::Jobs;

use super::limits::Limits;
use crate::service::StepTime;
use ends::{End, Ends};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::sync::Arc;

/// What instances of one kind share.
#[derive(Debug)]
struct Kind {
    step: StepTime,
    limits: Limits,
    per_slot: f64,
    /// Watts by active sequences; beyond its end the last.
    watts: Box<[f64]>,
}

/// A prompt being read.
#[derive(Clone, Copy, Debug)]
struct Reading {
    /// The iteration at which it is read.
    step: f64,
    /// Its tokens of an iteration.
    chunk: f64,
    /// Where its request is kept, and what the first token changes.
    slot: u32,
    unread: u32,
    output: u32,
    tokens: u32,
}

/// An instance that serves by processor sharing.
///
/// What an event touches are a few cache lines: with thousands of instances each of them is waited for.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Instance {
    now_s: f64,
    /// Iterations done since the start, a real number.
    steps: f64,
    /// The iteration of the next first or last token; infinite without any.
    next_step: f64,
    context: f64,
    growth: f64,
    prefill: f64,
    backlog: u64,
    active: u32,
    held: u64,
    used: Used,
    kind: Arc<Kind>,
    /// None until a request had to wait.
    #[expect(clippy::box_collection, reason = "8 bytes in place of 32 of a line that every event reads")]
    waiting: Option<Box<VecDeque<Job>>>,
    /// Few at a time, so a plain list.
    reading: SmallVec<[Reading; 1]>,
    /// Those that have their first token.
    ends: Ends,
}

const _: () = assert!(size_of::<Instance>() <= 320, "five cache lines");

impl Instance {
    /// An idle instance at time 0. `watts` by number of active sequences, from none.
    #[must_use]
    pub fn new(step: StepTime, limits: Limits, watts: &[f64]) -> Self {
        let watts = if watts.is_empty() { [0.0].into() } else { watts.into() };
        let per_slot = 1.0 / f64::from(limits.slots.max(1));
        Self {
            now_s: 0.0,
            steps: 0.0,
            next_step: f64::INFINITY,
            context: 0.0,
            growth: 0.0,
            prefill: 0.0,
            backlog: 0,
            active: 0,
            held: 0,
            used: Used::default(),
            kind: Arc::new(Kind { step, limits, per_slot, watts }),
            waiting: None,
            reading: SmallVec::new(),
            ends: Ends::default(),
        }
    }

    /// Requests that run or wait.
    #[must_use]
    #[inline]
    pub fn in_flight(&self) -> u32 {
        self.active + self.queued() as u32
    }

    #[inline]
    fn queued(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.len())
    }

    /// Requests that run.
    #[must_use]
    pub const fn active(&self) -> u32 {
        self.active
    }

    /// What it may take on.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.kind.limits
    }

    /// Watts with this many active sequences.
    #[must_use]
    #[inline]
    pub fn watts(&self, active: u32) -> f64 {
        self.kind.watts[(active as usize).min(self.kind.watts.len() - 1)]
    }

    /// The current iteration, in seconds, without prefill.
    #[must_use]
    pub fn step_s(&self) -> f64 {
        self.kind.step.seconds(f64::from(self.active), self.context, 0.0)
    }

    /// How long a request that comes now would wait for its prefill to start, in seconds: the prefills before it, and where others
    /// wait, for a slot or for memory, its place in line times the mean stay `stay_s` over those that run.
    #[must_use]
    #[inline]
    pub fn expected_wait_s(&self, stay_s: f64) -> f64 {
        let before = self.step_s() + self.backlog as f64 * self.kind.step.per_prefill_token_s;
        let queued = self.queued();
        if queued > 0 {
            // Whoever waits does not fit: as many run at once as do now, be it slots or memory that ends.
            return before + (queued + 1) as f64 * stay_s / f64::from(self.active.max(1));
        }
        let over = (self.in_flight() + 1).saturating_sub(self.kind.limits.slots);
        before + f64::from(over) * stay_s * self.kind.per_slot
    }

    /// The prefill of this many tokens, in seconds, beside what runs.
    #[must_use]
    pub fn expected_prefill_s(&self, tokens: u32) -> f64 {
        let steps = f64::from(tokens.max(1).div_ceil(self.kind.limits.chunk));
        steps * self.step_s() + f64::from(tokens) * self.kind.step.per_prefill_token_s
    }

    /// When its next event is due, in seconds; infinite when it has nothing to do.
    #[must_use]
    #[inline]
    pub fn next_s(&self) -> f64 {
        if self.active == 0 {
            return f64::INFINITY;
        }
        self.now_s + self.time_of((self.next_step - self.steps).max(0.0))
    }

    #[inline]
    fn find_next_step(&mut self) {
        let first = |least: f64, reading: &Reading| if reading.step < least { reading.step } else { least };
        self.next_step = self.reading.iter().fold(self.ends.soonest(), first);
    }

    /// Seconds of the next `steps` iterations.
    #[inline]
    fn time_of(&self, steps: f64) -> f64 {
        let now = self.kind.step.seconds(f64::from(self.active), self.context, self.prefill);
        steps * (now + 0.5 * self.kind.step.per_context_token_s * self.growth * steps)
    }

    /// Iterations within the next `seconds`: the positive root of [`Self::time_of`].
    #[inline]
    fn steps_in(&self, seconds: f64) -> f64 {
        let now = self.kind.step.seconds(f64::from(self.active), self.context, self.prefill);
        let slope = self.kind.step.per_context_token_s * self.growth;
        2.0 * seconds / (now + (now * now + 2.0 * slope * seconds).sqrt())
    }

    #[inline]
    fn pass(&mut self, seconds: f64, steps: f64) {
        self.used.joules += seconds * self.watts(self.active);
        if self.active > 0 {
            self.used.busy_s += seconds;
            self.used.slot_s += seconds * f64::from(self.active);
            self.steps += steps;
            self.context += self.growth * steps;
        }
        self.now_s += seconds;
    }

    /// Lets time pass up to `now_s`, before which nothing may be due.
    pub fn advance(&mut self, now_s: f64) {
        let seconds = now_s - self.now_s;
        if seconds > 0.0 {
            let steps = if self.active > 0 { self.steps_in(seconds) } else { 0.0 };
            self.pass(seconds, steps);
            self.now_s = now_s;
        }
    }

    /// A request comes at `now_s`: it is admitted, and kept in `jobs`, or waits.
    ///
    /// # Errors
    /// The [`Refusal`], which leaves the instance as it was.
    #[inline]
    pub fn offer(&mut self, job: Job, now_s: f64, jobs: &mut Jobs) -> Result<(), Refusal> {
        if !self.kind.limits.takes(job.total()) {
            return Err(Refusal::TooLong);
        }
        let queued = self.queued();
        if queued == 0 && self.fits(&job) {
            self.advance(now_s);
            self.admit(&job, jobs);
        } else if queued >= self.kind.limits.waiting as usize {
            return Err(Refusal::Full);
        } else {
            self.waiting.get_or_insert_default().push_back(job);
        }
        self.backlog += u64::from(job.unread());
        Ok(())
    }

    #[inline]
    fn fits(&self, job: &Job) -> bool {
        self.active < self.kind.limits.slots
            && self.held + u64::from(job.total()) <= self.kind.limits.kv_tokens
    }

    fn admit(&mut self, job: &Job, jobs: &mut Jobs) {
        let (steps, chunk) = job.prefill(self.kind.limits.chunk);
        self.active += 1;
        self.held += u64::from(job.total());
        self.context += f64::from(job.cached.min(job.prompt));
        self.prefill += chunk;
        self.growth += chunk;
        let step = self.steps + steps;
        self.next_step = if step < self.next_step { step } else { self.next_step };
        let slot = jobs.put(job);
        let (unread, output, tokens) = (job.unread(), job.output, job.total());
        self.reading.push(Reading { step, chunk, slot, unread, output, tokens });
    }

    /// Carries out the event that is due at `now_s` (the answer of [`Self::next_s`]), and puts requests that were dropped
    /// for impatience into `dropped`.
    pub fn run_event(&mut self, now_s: f64, jobs: &mut Jobs, dropped: &mut Vec<Job>) -> Option<Happened> {
        if self.active == 0 {
            return None;
        }
        let step = self.next_step;
        self.pass((now_s - self.now_s).max(0.0), (step - self.steps).max(0.0));
        (self.now_s, self.steps) = (now_s, self.steps.max(step));
        let read = self.reading.iter().position(|reading| reading.step <= step);
        let happened = match read {
            Some(at) => {
                let reading = self.reading.swap_remove(at);
                self.first_token(reading, jobs, dropped)
            }
            None => {
                let end = self.ends.pop()?;
                self.growth -= 1.0;
                self.finish(end.slot, end.tokens, jobs, dropped)
            }
        };
        self.find_next_step();
        Some(happened)
    }

    fn first_token(&mut self, read: Reading, jobs: &mut Jobs, dropped: &mut Vec<Job>) -> Happened {
        self.prefill = if self.reading.is_empty() { 0.0 } else { self.prefill - read.chunk };
        self.growth -= read.chunk;
        self.backlog = self.backlog.saturating_sub(u64::from(read.unread));
        jobs.first_token(read.slot, self.now_s);
        if read.output <= 1 {
            return self.finish(read.slot, read.tokens, jobs, dropped);
        }
        self.growth += 1.0;
        let step = read.step + f64::from(read.output - 1);
        self.ends.push(End { step, slot: read.slot, tokens: read.tokens });
        Happened::FirstToken
    }

    /// A sequence of so many tokens leaves: the last token is not read any more.
    fn finish(&mut self, slot: u32, tokens: u32, jobs: &mut Jobs, dropped: &mut Vec<Job>) -> Happened {
        self.active -= 1;
        self.held -= u64::from(tokens);
        self.context -= f64::from(tokens.saturating_sub(1));
        if self.active == 0 {
            (self.context, self.growth, self.prefill) = (0.0, 0.0, 0.0); // Rounding ends with the batch.
        }
        let (job, first_s) = jobs.take(slot);
        if self.queued() > 0 {
            self.refill(jobs, dropped);
        }
        Happened::Finished { job, first_s }
    }

    fn refill(&mut self, jobs: &mut Jobs, dropped: &mut Vec<Job>) {
        while let Some(job) = self.waiting.as_ref().and_then(|waiting| waiting.front()).copied() {
            let impatient = self.now_s - job.arrival_s > self.kind.limits.patience_s;
            if !impatient && !self.fits(&job) {
                return;
            }
            self.waiting.as_mut().and_then(|waiting| waiting.pop_front());
            if impatient {
                self.backlog = self.backlog.saturating_sub(u64::from(job.unread()));
                dropped.push(job);
            } else {
                self.admit(&job, jobs);
            }
        }
    }

    /// It dies at `now_s`: everything that ran or waited is handed back, and its memory is gone.
    pub fn fail(&mut self, now_s: f64, jobs: &mut Jobs) -> Vec<Job> {
        self.advance(now_s);
        let slots =
            self.reading.drain(..).map(|reading| reading.slot).chain(self.ends.drain().map(|end| end.slot));
        let mut lost: Vec<Job> = slots.map(|slot| jobs.take(slot).0).collect();
        lost.extend(self.waiting.take().into_iter().flat_map(|waiting| *waiting));
        (self.active, self.held, self.backlog) = (0, 0, 0);
        self.next_step = f64::INFINITY;
        (self.context, self.growth, self.prefill) = (0.0, 0.0, 0.0);
        lost
    }

    /// Reads all of itself, so that the cache has it; gives the slot of the next end's request.
    #[inline]
    pub(crate) fn read(&self) -> (u64, u32) {
        let read = self.reading.first().map_or(0, |reading| reading.step.to_bits());
        (self.now_s.to_bits() ^ self.held ^ read, self.ends.read_soonest())
    }

    /// Reads what a first token needs beside.
    #[inline]
    pub(crate) fn read_last(&self) -> u64 {
        self.ends.read_last()
    }

    /// Skips time to `now_s` without using anything: it was off.
    pub fn skip(&mut self, now_s: f64) {
        self.now_s = self.now_s.max(now_s);
    }

    /// What was used up to `now_s`.
    pub fn used(&mut self, now_s: f64) -> Used {
        self.advance(now_s);
        self.used
    }

    /// Forgets what was used up to `now_s`.
    pub fn reset_used(&mut self, now_s: f64) {
        self.advance(now_s);
        self.used = Used::default();
    }
}
