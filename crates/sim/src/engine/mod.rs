//! The engine: continuous batching in virtual time.
//!
//! Idea: an [`Engine`] is a pure state machine. Jobs go in with [`Engine::submit`], time goes in with
//! [`Engine::advance`], events come out; it owns no clock and draws no random number. One step computes a chunk
//! of every running prompt and one token of every decoding sequence; its length follows from what it computes
//! ([`EngineConfig`]).
//!
//! Invariants: admission is first come first served; the oldest running job is never preempted, so every
//! admitted job ends; the KV blocks held are exactly those in the tables of running jobs; the clock advances with
//! every step.
//!
//! ```
//! use tollgate_core::Tick;
//! use tollgate_sim::engine::{Engine, EngineConfig, EventKind, Job};
//! let mut engine = Engine::new(EngineConfig::default())?;
//! engine.submit(Tick(0), Job { prompt_tokens: 100, output_tokens: 2, chain: Vec::new() })?;
//! let mut events = Vec::new();
//! while let Some(at) = engine.next_at() {
//!     engine.advance(at, &mut events);
//! }
//! assert_eq!(events.last().map(|e| e.kind), Some(EventKind::Finished));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod blocks;
mod config;
mod schedule;
#[cfg(test)]
mod tests;

pub use config::{CAPACITY_MAX, EngineConfig};

use crate::SimError;
use blocks::{BlockId, BlockPool};
use std::collections::VecDeque;
use tollgate_core::Tick;

/// Names one job of one engine; ids grow in order of submission.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct JobId(pub u64);

/// What one request asks of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Tokens of the prompt, at least 1.
    pub prompt_tokens: u32,
    /// Tokens that will be produced, at least 1.
    pub output_tokens: u32,
    /// Chained content hashes of the full blocks of prompt and output, in order. A block without a hash is
    /// computed but never shared; [`crate::text::chain`] makes these from tokens.
    pub chain: Vec<u64>,
}

/// Why a job was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Prompt and output do not fit in the context window or in the KV blocks of the whole engine.
    TooLong {
        /// Prompt and output tokens asked for.
        tokens: u64,
        /// Tokens that fit.
        limit: u32,
    },
    /// The waiting queue is full.
    QueueFull {
        /// Its bound.
        limit: u32,
    },
    /// The prompt or the output has no token.
    Empty,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLong { tokens, limit } => write!(f, "{tokens} tokens exceed the limit of {limit}"),
            Self::QueueFull { limit } => write!(f, "{limit} requests already wait; try again later"),
            Self::Empty => write!(f, "a job needs at least one prompt token and one output token"),
        }
    }
}

impl std::error::Error for Refusal {}

/// What happened to a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// It joined the running batch for the first time.
    Admitted {
        /// Prompt tokens found in the prefix cache.
        cached_tokens: u32,
    },
    /// It was put back to the head of the queue and will compute its tokens again.
    Preempted,
    /// It produced its `index`-th token, counted from 0.
    Token {
        /// Which token.
        index: u32,
    },
    /// It produced its last token and left.
    Finished,
}

/// An event at a moment of virtual time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// When.
    pub at: Tick,
    /// To which job.
    pub job: JobId,
    /// What.
    pub kind: EventKind,
}

/// What the engine holds now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Load {
    /// Jobs in the batch.
    pub running: u32,
    /// Jobs in the queue.
    pub waiting: u32,
    /// KV blocks held by running jobs.
    pub blocks_held: u32,
    /// KV blocks in all.
    pub blocks: u32,
}

/// What the engine has done so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Steps completed.
    pub steps: u64,
    /// Prompt tokens of jobs admitted for the first time.
    pub prompt_tokens: u64,
    /// Of those, tokens found in the prefix cache.
    pub cached_tokens: u64,
    /// Tokens computed as prompt, recomputation included.
    pub prefilled_tokens: u64,
    /// Tokens produced.
    pub output_tokens: u64,
    /// Preemptions.
    pub preemptions: u64,
    /// Jobs finished.
    pub finished: u64,
    /// Jobs cancelled.
    pub cancelled: u64,
}

/// A job inside the engine.
#[derive(Debug)]
struct Sequence {
    id: JobId,
    job: Job,
    /// Tokens produced so far.
    produced: u32,
    /// Tokens whose KV is in `table`.
    computed: u32,
    /// Tokens that the step in flight computes.
    scheduled: u32,
    /// Whether it was admitted before.
    admitted: bool,
    table: Vec<BlockId>,
}

impl Sequence {
    /// Tokens known so far: the prompt and what was produced.
    const fn known(&self) -> u32 {
        self.job.prompt_tokens.saturating_add(self.produced)
    }
}

/// One simulated inference engine.
#[derive(Debug)]
pub struct Engine {
    config: EngineConfig,
    now: Tick,
    next_id: u64,
    waiting: VecDeque<Sequence>,
    /// In order of admission: the first is the oldest.
    running: Vec<Sequence>,
    pool: BlockPool,
    /// When the step in flight ends.
    step_ends: Option<Tick>,
    totals: Totals,
}

impl Engine {
    /// An idle engine at tick 0.
    ///
    /// # Errors
    /// [`SimError::Config`] when a capacity is out of range.
    pub fn new(config: EngineConfig) -> Result<Self, SimError> {
        config.check()?;
        let pool = BlockPool::new(config.kv_blocks);
        Ok(Self {
            config,
            now: Tick(0),
            next_id: 0,
            waiting: VecDeque::new(),
            running: Vec::new(),
            pool,
            step_ends: None,
            totals: Totals::default(),
        })
    }

    /// Queues a job that arrives at `now` (earlier ticks count as the engine's own time). Jobs that arrive at one
    /// tick before the next [`Engine::advance`] can share their first step.
    ///
    /// # Errors
    /// A [`Refusal`] when it can never fit or when the queue is full.
    pub fn submit(&mut self, now: Tick, job: Job) -> Result<JobId, Refusal> {
        if job.prompt_tokens == 0 || job.output_tokens == 0 {
            return Err(Refusal::Empty);
        }
        let tokens = u64::from(job.prompt_tokens) + u64::from(job.output_tokens);
        let kv = u64::from(self.config.kv_blocks) * u64::from(self.config.block_tokens);
        let limit = kv.min(u64::from(self.config.max_model_len));
        if tokens > limit {
            return Err(Refusal::TooLong { tokens, limit: u32::try_from(limit).unwrap_or(u32::MAX) });
        }
        if self.waiting.len() >= self.config.max_waiting as usize {
            return Err(Refusal::QueueFull { limit: self.config.max_waiting });
        }
        // While a step is in flight the arrival waits for its end; otherwise time moves to the arrival.
        if self.step_ends.is_none() {
            self.now = self.now.max(now);
        }
        let id = JobId(self.next_id);
        self.next_id += 1;
        self.waiting.push_back(Sequence {
            id,
            job,
            produced: 0,
            computed: 0,
            scheduled: 0,
            admitted: false,
            table: Vec::new(),
        });
        Ok(id)
    }

    /// Removes a job and frees its blocks; false when it is not here (any more).
    pub fn cancel(&mut self, job: JobId) -> bool {
        let sequence = match self.waiting.iter().position(|s| s.id == job) {
            Some(at) => self.waiting.remove(at),
            None => self.running.iter().position(|s| s.id == job).map(|at| self.running.remove(at)),
        };
        if let Some(sequence) = &sequence {
            self.pool.release(&sequence.table);
            self.totals.cancelled += 1;
        }
        sequence.is_some()
    }

    /// The next moment at which something can happen: the end of the step in flight, or now when work waits for
    /// a first step. None when the engine is idle.
    #[must_use]
    pub fn next_at(&self) -> Option<Tick> {
        let idle = self.waiting.is_empty() && self.running.is_empty();
        self.step_ends.or((!idle).then_some(self.now))
    }

    /// Lets time pass up to and including `to`, appending what happens to `events` in order of time.
    pub fn advance(&mut self, to: Tick, events: &mut Vec<Event>) {
        loop {
            match self.step_ends {
                Some(end) if end > to => break,
                Some(end) => {
                    self.now = end;
                    self.step_ends = None;
                    self.complete(events);
                }
                None => {}
            }
            match self.schedule(events) {
                Some(length) => self.step_ends = Some(Tick(self.now.0.saturating_add(length))),
                None => {
                    self.now = self.now.max(to);
                    break;
                }
            }
        }
    }

    /// The engine's own time: the start of the step in flight, or the last moment it was told of.
    #[must_use]
    pub const fn now(&self) -> Tick {
        self.now
    }

    /// What it holds now.
    #[must_use]
    pub fn load(&self) -> Load {
        Load {
            running: u32::try_from(self.running.len()).unwrap_or(u32::MAX),
            waiting: u32::try_from(self.waiting.len()).unwrap_or(u32::MAX),
            blocks_held: self.pool.held_count(),
            blocks: self.config.kv_blocks,
        }
    }

    /// What it has done so far.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// Its configuration.
    #[must_use]
    pub const fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// Whether the block accounting is exact: every held block is in a running job's table and nowhere else,
    /// and a waiting job holds none. Linear in the number of blocks; for tests and self-checks.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let tables: usize = self.running.iter().map(|s| s.table.len()).sum();
        let exact = self.running.iter().all(|s| {
            let least = self.config.blocks_for(s.computed) as usize;
            let most = self.config.blocks_for(s.computed + s.scheduled) as usize;
            (least..=most).contains(&s.table.len())
        });
        let idle = self.waiting.iter().all(|s| s.table.is_empty() && s.computed == 0);
        self.pool.is_sound() && self.pool.holders() == tables as u64 && exact && idle
    }
}
