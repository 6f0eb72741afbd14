//! The scheduler: who computes how many tokens in an iteration.

use super::kv::Kv;
use super::sequence::Sequence;
use super::{EngineSpec, Served};
use crate::Error;
use crate::workload::{NS_PER_S, Request};
use std::collections::VecDeque;

/// What an iteration computes.
#[derive(Clone, Copy, Debug, Default)]
struct Batch {
    tokens: u32,
    sequences: u32,
    context: f64,
    pairs: f64,
}

/// One engine in virtual time.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(super) spec: EngineSpec,
    pub(super) now_s: f64,
    pub(super) running: Vec<Sequence>,
    pub(super) kv: Kv,
    waiting: VecDeque<Sequence>,
    /// Pushed, not seen by the scheduler yet; by arrival.
    inbox: VecDeque<Sequence>,
    pushed: u64,
    refused: Vec<u64>,
    pub(super) iterations: u64,
    preemptions: u64,
    /// Whether runs of like iterations are jumped; off only to check that it makes no difference.
    pub(super) jumps: bool,
}

impl Engine {
    /// An idle engine at time 0.
    ///
    /// # Errors
    /// What [`EngineSpec::check`] refuses.
    pub fn new(spec: EngineSpec) -> Result<Self, Error> {
        spec.check()?;
        Ok(Self {
            spec,
            now_s: 0.0,
            running: Vec::new(),
            kv: Kv::new(spec.blocks, u64::from(spec.hash_tokens / spec.block_tokens)),
            waiting: VecDeque::new(),
            inbox: VecDeque::new(),
            pushed: 0,
            refused: Vec::new(),
            iterations: 0,
            preemptions: 0,
            jumps: true,
        })
    }

    /// A request arrives; arrivals must not fall. One that can never run is refused: see [`Self::refused`].
    pub fn push(&mut self, request: &Request) {
        self.push_at(request, request.arrival_ns as f64 / NS_PER_S);
    }

    /// As [`Self::push`], at a time of its own.
    pub fn push_at(&mut self, request: &Request, arrival_s: f64) {
        self.enter(request, arrival_s, false);
    }

    /// A request arrives at `arrival_s` whose prompt was computed elsewhere, with its first token: only its blocks are needed
    /// here.
    pub fn push_prefilled(&mut self, request: &Request, arrival_s: f64) {
        self.enter(request, arrival_s, true);
    }

    fn enter(&mut self, request: &Request, arrival_s: f64, remote: bool) {
        let index = self.pushed;
        self.pushed += 1;
        let total = request.total_tokens();
        if total > self.spec.context || self.blocks_of(total) > self.spec.blocks {
            self.refused.push(index);
            return;
        }
        let served = Served {
            index,
            prompt_tokens: request.prompt_tokens.max(1),
            output_tokens: request.output_tokens.max(1),
            class: request.class,
            arrival_s,
            queued_s: 0.0,
            scheduled_s: 0.0,
            first_s: arrival_s,
            last_s: 0.0,
            cached_tokens: 0,
            preemptions: 0,
        };
        let generated = u32::from(remote);
        self.inbox.push_back(Sequence {
            output: served.output_tokens,
            served,
            generated,
            computed: 0,
            known: request.cached_tokens.min(served.prompt_tokens - 1),
            blocks: 0,
            held: 0,
            prefix: request.prefix.clone(),
            remote,
            admitted: false,
            now: 0,
        });
    }

    /// Requests that were refused, by index: longer than the context, or than the whole cache.
    #[must_use]
    pub fn refused(&self) -> &[u64] {
        &self.refused
    }

    /// Requests inside: running, waiting, or arrived and not seen yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.running.len() + self.waiting.len() + self.inbox.len()
    }

    /// Requests that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len() + self.inbox.len()
    }

    /// Iterations so far, those inside jumps included.
    #[must_use]
    pub const fn iterations(&self) -> u64 {
        self.iterations
    }

    /// How often a sequence had to give its blocks back.
    #[must_use]
    pub const fn preemptions(&self) -> u64 {
        self.preemptions
    }

    /// The time of the last boundary.
    #[must_use]
    pub const fn now_s(&self) -> f64 {
        self.now_s
    }

    /// Blocks of this many tokens.
    #[inline]
    pub(super) fn blocks_of(&self, tokens: u32) -> u64 {
        u64::from(tokens.div_ceil(self.spec.block_tokens))
    }

    /// Runs all iterations that begin before `until_s`; those who end are put into `ended`. Each iteration computes at least one
    /// token of some sequence, so this ends.
    pub fn run_until(&mut self, until_s: f64, ended: &mut Vec<Served>) {
        loop {
            while self.inbox.front().is_some_and(|next| next.served.arrival_s <= self.now_s) {
                if let Some(mut next) = self.inbox.pop_front() {
                    next.served.queued_s = self.now_s;
                    self.waiting.push_back(next);
                }
            }
            if self.running.is_empty() && self.waiting.is_empty() {
                match self.inbox.front() {
                    Some(next) if next.served.arrival_s < until_s => {
                        self.now_s = next.served.arrival_s;
                        continue;
                    }
                    _ => return,
                }
            }
            if self.now_s >= until_s {
                return;
            }
            let next_s = self.inbox.front().map_or(until_s, |next| next.served.arrival_s.min(until_s));
            if !(self.jumps && self.jump(next_s, ended)) {
                self.iterate(ended);
            }
        }
    }

    /// One iteration.
    fn iterate(&mut self, ended: &mut Vec<Served>) {
        let mut batch = Batch::default();
        let mut budget = self.spec.max_batched_tokens;
        let preempted = self.schedule_running(&mut budget, &mut batch);
        if !preempted {
            self.admit(&mut budget, &mut batch);
        }
        let time = &self.spec.time;
        let over = (f64::from(batch.tokens) - time.free_tokens).max(0.0);
        self.now_s += time.base_s
            + time.per_sequence_s * f64::from(batch.sequences)
            + time.per_context_token_s * batch.context
            + time.per_token_s * over
            + time.per_pair_s * batch.pairs;
        self.iterations += 1;
        self.finish_iteration(ended);
    }

    /// Gives running sequences their tokens, the last admitted giving way when memory is short; whether any did.
    fn schedule_running(&mut self, budget: &mut u32, batch: &mut Batch) -> bool {
        let mut preempted = false;
        let mut at = 0;
        while at < self.running.len() {
            let tokens = (self.running[at].tokens() - self.running[at].computed).min(*budget);
            if tokens == 0 {
                self.running[at].now = 0;
                at += 1;
                continue;
            }
            while !self.grow(at, tokens) {
                preempted = true;
                self.preempt_last();
                if self.running.len() <= at {
                    return true; // It was the last one itself.
                }
            }
            self.put(at, tokens, batch);
            *budget -= tokens;
            at += 1;
        }
        preempted
    }

    /// Takes the blocks for `tokens` more of a sequence.
    fn grow(&mut self, at: usize, tokens: u32) -> bool {
        let sequence = &self.running[at];
        let shared = u64::from(sequence.held) * u64::from(self.spec.hash_tokens / self.spec.block_tokens);
        let needs = self.blocks_of(sequence.computed + tokens).saturating_sub(sequence.blocks + shared);
        if needs > 0 && !self.kv.take(needs) {
            return false;
        }
        self.running[at].blocks += needs;
        true
    }

    fn put(&mut self, at: usize, tokens: u32, batch: &mut Batch) {
        let sequence = &mut self.running[at];
        sequence.now = tokens;
        batch.tokens += tokens;
        batch.sequences += 1;
        let before = f64::from(sequence.computed);
        if sequence.decodes() {
            batch.context += before;
        } else {
            let tokens = f64::from(tokens);
            batch.pairs += tokens * (before + 0.5 * tokens);
        }
    }

    fn preempt_last(&mut self) {
        let Some(mut last) = self.running.pop() else { return };
        self.preemptions += 1;
        last.served.preemptions += 1;
        self.free(&mut last);
        last.computed = 0;
        last.remote = false;
        self.waiting.push_front(last);
    }

    fn free(&mut self, sequence: &mut Sequence) {
        self.kv.give(sequence.blocks);
        self.kv.release(&sequence.prefix.blocks()[..sequence.held as usize]);
        (sequence.blocks, sequence.held) = (0, 0);
    }

    /// Admits those who wait while budget, places and memory last.
    fn admit(&mut self, budget: &mut u32, batch: &mut Batch) {
        while *budget > 0 && self.running.len() < self.spec.max_sequences as usize {
            let Some(mut next) = self.waiting.pop_front() else { return };
            let matched = self.match_prefix(&next);
            let cached = next.cached(matched * self.spec.hash_tokens);
            let tokens = (next.tokens() - cached).min(*budget);
            let shared = u64::from(matched) * u64::from(self.spec.hash_tokens / self.spec.block_tokens);
            let needs = self.blocks_of(cached + tokens) - shared;
            self.kv.hold(&next.prefix.blocks()[..matched as usize]);
            if !self.kv.take(needs) {
                self.kv.release(&next.prefix.blocks()[..matched as usize]);
                self.waiting.push_front(next);
                return;
            }
            (next.blocks, next.held, next.computed) = (needs, matched, cached);
            if !next.admitted {
                next.admitted = true;
                next.served.scheduled_s = self.now_s;
                next.served.cached_tokens = if next.remote { 0 } else { cached };
            }
            self.running.push(next);
            self.put(self.running.len() - 1, tokens, batch);
            *budget -= tokens;
        }
    }

    /// Leading stretches found in the cache; the last token is always computed, as it gives the first output.
    fn match_prefix(&self, sequence: &Sequence) -> u32 {
        if self.spec.hash_tokens == 0 || sequence.remote {
            return 0;
        }
        let most = (sequence.served.prompt_tokens - 1) / self.spec.hash_tokens;
        let hashes = sequence.prefix.blocks();
        self.kv.matched(&hashes[..hashes.len().min(most as usize)]) as u32
    }

    /// What was computed counts; sequences whose last known token was computed have the next one.
    fn finish_iteration(&mut self, ended: &mut Vec<Served>) {
        for at in 0..self.running.len() {
            let sequence = &mut self.running[at];
            let prefills = !sequence.decodes();
            sequence.computed += std::mem::take(&mut sequence.now);
            if sequence.computed == sequence.tokens() {
                if sequence.generated == 0 {
                    sequence.served.first_s = self.now_s;
                }
                sequence.generated += 1;
            }
            if prefills {
                self.share_prefix(at);
            }
        }
        self.end_those_done(ended);
    }

    pub(super) fn end_those_done(&mut self, ended: &mut Vec<Served>) {
        let mut at = 0;
        while at < self.running.len() {
            if self.running[at].generated < self.running[at].output {
                at += 1;
                continue;
            }
            // The order of admission decides who is preempted, so it is kept.
            let mut done = self.running.remove(at);
            self.free(&mut done);
            done.served.last_s = self.now_s;
            ended.push(done.served);
        }
    }

    /// Stretches of the prompt that are computed become the cache's.
    fn share_prefix(&mut self, at: usize) {
        if self.spec.hash_tokens == 0 {
            return;
        }
        let unit = u64::from(self.spec.hash_tokens / self.spec.block_tokens);
        let sequence = &mut self.running[at];
        let done = sequence.computed.min(sequence.served.prompt_tokens) / self.spec.hash_tokens;
        while sequence.held < done {
            let Some(hash) = sequence.prefix.blocks().get(sequence.held as usize).copied() else { return };
            if sequence.blocks < unit || !self.kv.share(hash) {
                return;
            }
            sequence.blocks -= unit;
            sequence.held += 1;
        }
    }

    /// Whether nobody who waits could be admitted before a sequence ends.
    pub(super) fn closed(&self) -> bool {
        if self.running.len() >= self.spec.max_sequences as usize {
            return true;
        }
        let Some(next) = self.waiting.front() else { return true };
        if self.spec.hash_tokens > 0 {
            return false; // What it would need depends on the cache: ask the scheduler.
        }
        let cached = next.cached(0);
        let budget = self.spec.max_batched_tokens.saturating_sub(self.running.len() as u32);
        let needs = self.blocks_of(cached + (next.tokens() - cached).min(budget));
        budget == 0 || needs > self.kv.available()
    }
}
