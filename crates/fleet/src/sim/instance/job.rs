//! A request as an instance holds it, and what may become of it there.

/// A request as an instance holds it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Job {
    /// When it came to the fleet, in seconds.
    pub arrival_s: f64,
    /// Prompt tokens.
    pub prompt: u32,
    /// Output tokens, at least 1.
    pub output: u32,
    /// Prompt tokens that need no prefill where it is.
    pub cached: u32,
    /// Prompt tokens that need no prefill wherever it goes.
    pub held: u32,
    /// Its class.
    pub class: u16,
    /// How many instances had it before.
    pub attempts: u8,
    /// Pools of its order that were tried and whose answer was not good enough.
    pub stage: u8,
    /// Whether it counts in the statistics.
    pub measured: bool,
    /// What keeps it near its like; 0 for nothing.
    pub affinity: u64,
}

impl Job {
    /// Tokens held at the end.
    #[must_use]
    #[inline]
    pub const fn total(&self) -> u32 {
        self.prompt.saturating_add(self.output)
    }

    /// Prompt tokens that have to be computed.
    #[inline]
    pub(super) const fn unread(&self) -> u32 {
        self.prompt.saturating_sub(self.cached)
    }

    /// Iterations of its prefill, and the prompt tokens of each.
    #[inline]
    pub(super) fn prefill(&self, chunk: u32) -> (f64, f64) {
        let todo = self.unread().max(1);
        let steps = todo.div_ceil(chunk);
        (f64::from(steps), f64::from(todo) / f64::from(steps))
    }
}

/// Why an instance would not take, or keep, a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// It is longer than the instance's context or memory.
    TooLong,
    /// As many wait as may.
    Full,
    /// It waited longer than it was ready to.
    Impatient,
}

/// What happened at an instance.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Happened {
    /// A prefill ended.
    FirstToken,
    /// A request ended.
    Finished {
        /// The request.
        job: Job,
        /// When its first token came, in seconds.
        first_s: f64,
    },
}

/// What an instance has used since its figures were last reset.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Used {
    /// Seconds with at least one active sequence.
    pub busy_s: f64,
    /// Active sequences, integrated over time.
    pub slot_s: f64,
    /// Energy, in joules.
    pub joules: f64,
}
