//! Runs of iterations in which nothing changes but lengths.
//!
//! While every running sequence decodes and none can be admitted, iteration `j` takes `t₀ + j·d`: the context grows by one token
//! per sequence. So `k` iterations take `k·t₀ + d·k(k-1)/2`, and the number that begins before a given time is the root of a
//! quadratic.

use super::Served;
use super::schedule::Engine;
use super::sequence::Sequence;

impl Engine {
    /// Jumps over as many iterations as change nothing, at least one; false when the next one has to be looked at.
    ///
    /// It stops at the boundary after `next_s`, where an arrival may be seen, when a sequence ends, and before memory runs
    /// out.
    pub(super) fn jump(&mut self, next_s: f64, ended: &mut Vec<Served>) -> bool {
        if self.running.is_empty() || !self.running.iter().all(Sequence::decodes) || !self.closed() {
            return false;
        }
        let left = |sequence: &Sequence| sequence.output - sequence.generated;
        let first_end = self.running.iter().map(left).min().unwrap_or(0);
        let (first_s, growth_s) = self.decode_iteration();
        let mut steps = first_end.min(steps_before(next_s - self.now_s, first_s, growth_s));
        steps = self.steps_in_memory(steps);
        if steps == 0 {
            return false;
        }
        let k = f64::from(steps);
        self.now_s += k * first_s + growth_s * k * (k - 1.0) / 2.0;
        self.iterations += u64::from(steps);
        for at in 0..self.running.len() {
            let sequence = &self.running[at];
            let needs = self.blocks_after(sequence.computed, steps);
            let taken = self.kv.take(needs);
            debug_assert!(taken, "the jump was cut to what memory holds");
            let sequence = &mut self.running[at];
            sequence.blocks += needs;
            sequence.computed += steps;
            sequence.generated += steps;
        }
        if steps == first_end {
            self.end_those_done(ended);
        }
        true
    }

    /// Seconds of the next iteration, all decoding, and by how much each one after takes longer.
    fn decode_iteration(&self) -> (f64, f64) {
        let time = &self.spec.time;
        let n = self.running.len() as f64;
        let context: f64 = self.running.iter().map(|sequence| f64::from(sequence.computed)).sum();
        let over = (n - time.free_tokens).max(0.0);
        let first_s = time.base_s
            + time.per_sequence_s * n
            + time.per_context_token_s * context
            + time.per_token_s * over;
        (first_s, time.per_context_token_s * n)
    }

    /// Blocks that a sequence of `computed` tokens takes in the next `steps` iterations.
    #[inline]
    fn blocks_after(&self, computed: u32, steps: u32) -> u64 {
        self.blocks_of(computed + steps) - self.blocks_of(computed)
    }

    /// The most of `steps` for which the blocks last.
    fn steps_in_memory(&self, steps: u32) -> u32 {
        let available = self.kv.available();
        let most = self.running.len() as u64 * (u64::from(steps / self.spec.block_tokens) + 1);
        if most <= available {
            return steps;
        }
        let fits = |steps: u32| {
            let needs = |sequence: &Sequence| self.blocks_after(sequence.computed, steps);
            self.running.iter().map(needs).sum::<u64>() <= available
        };
        let (mut low, mut high) = (0, steps);
        while low < high {
            let middle = high - (high - low) / 2;
            if fits(middle) { low = middle } else { high = middle - 1 }
        }
        low
    }
}

/// The least number of iterations after which `seconds` have passed, at least 1: iteration `j` takes `first + j·growth`.
fn steps_before(seconds: f64, first: f64, growth: f64) -> u32 {
    if !seconds.is_finite() {
        return u32::MAX;
    }
    let half = first - 0.5 * growth;
    let root = 2.0 * seconds / (half + (half * half + 2.0 * growth * seconds.max(0.0)).sqrt());
    (root.ceil() as u32).max(1)
}
