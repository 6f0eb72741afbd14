//! One step: which tokens it computes, and what is true when it ends.

use super::{Engine, Event, EventKind, Sequence};

/// What a step computes.
#[derive(Clone, Copy, Default)]
struct StepWork {
    decodes: u32,
    kv_tokens: u64,
    prefill_tokens: u32,
}

impl StepWork {
    const fn is_empty(self) -> bool {
        self.decodes == 0 && self.prefill_tokens == 0
    }

    fn add(&mut self, sequence: &Sequence) {
        // A decode computes the one token that the last step produced; everything else is prompt.
        if sequence.scheduled == 1 && sequence.produced > 0 && sequence.computed + 1 == sequence.known() {
            self.decodes += 1;
            self.kv_tokens += u64::from(sequence.known());
        } else {
            self.prefill_tokens += sequence.scheduled;
        }
    }
}

impl Engine {
    /// Plans the next step and returns its length in nanoseconds; none when there is nothing to compute.
    pub(super) fn schedule(&mut self, events: &mut Vec<Event>) -> Option<u64> {
        let mut budget = self.config.max_batched_tokens;
        let mut work = StepWork::default();
        let preempted = self.schedule_running(&mut budget, &mut work, events);
        // As after a preemption there is no room, admission waits for the next step.
        if !preempted {
            self.admit(&mut budget, &mut work, events);
        }
        (!work.is_empty()).then(|| self.config.step_len_ns(work.decodes, work.kv_tokens, work.prefill_tokens))
    }

    /// Gives each running sequence its tokens, oldest first; preempts the youngest when blocks run out.
    fn schedule_running(&mut self, budget: &mut u32, work: &mut StepWork, events: &mut Vec<Event>) -> bool {
        let (mut at, mut preempted) = (0, false);
        while at < self.running.len() {
            let Some(sequence) = self.running.get_mut(at) else { break };
            let chunk = sequence.known().saturating_sub(sequence.computed).min(*budget);
            let wanted = self.config.blocks_for(sequence.computed + chunk);
            let missing = wanted.saturating_sub(u32::try_from(sequence.table.len()).unwrap_or(u32::MAX));
            if missing > self.pool.free_count() {
                self.preempt_youngest(events);
                preempted = true;
                continue;
            }
            sequence.table.extend((0..missing).map_while(|_| self.pool.allocate()));
            sequence.scheduled = chunk;
            if chunk > 0 {
                work.add(sequence);
            }
            *budget -= chunk;
            at += 1;
        }
        preempted
    }

    fn preempt_youngest(&mut self, events: &mut Vec<Event>) {
        let Some(mut victim) = self.running.pop() else { return };
        self.pool.release(&victim.table);
        victim.table.clear();
        victim.computed = 0;
        victim.scheduled = 0;
        self.totals.preemptions += 1;
        events.push(Event { at: self.now, job: victim.id, kind: EventKind::Preempted });
        self.waiting.push_front(victim);
    }

    /// Moves the head of the queue into the batch while sequences, tokens and blocks allow.
    fn admit(&mut self, budget: &mut u32, work: &mut StepWork, events: &mut Vec<Event>) {
        while *budget > 0 && self.running.len() < self.config.max_num_seqs as usize {
            let Some(head) = self.waiting.front() else { return };
            // At least one token is always computed: the one whose output is sampled.
            let full = head.known().saturating_sub(1) / self.config.block_tokens;
            let known = head.job.chain.get(..full as usize).unwrap_or(&head.job.chain);
            let (hits, idle) =
                if self.config.prefix_cache { self.pool.prefix(known) } else { (Vec::new(), 0) };
            let hit_blocks = u32::try_from(hits.len()).unwrap_or(u32::MAX);
            let cached = hit_blocks * self.config.block_tokens;
            let chunk = (head.known() - cached).min(*budget);
            let fresh = self.config.blocks_for(cached + chunk) - hit_blocks;
            if fresh + idle > self.pool.free_count() {
                return;
            }
            let Some(mut sequence) = self.waiting.pop_front() else { return };
            hits.iter().for_each(|id| self.pool.share(*id));
            sequence.table = hits;
            sequence.table.extend((0..fresh).map_while(|_| self.pool.allocate()));
            sequence.computed = cached;
            sequence.scheduled = chunk;
            *budget -= chunk;
            work.add(&sequence);
            if !sequence.admitted {
                sequence.admitted = true;
                self.totals.prompt_tokens += u64::from(sequence.job.prompt_tokens);
                self.totals.cached_tokens += u64::from(cached);
                let kind = EventKind::Admitted { cached_tokens: cached };
                events.push(Event { at: self.now, job: sequence.id, kind });
            }
            self.running.push(sequence);
        }
    }

    /// The step in flight has ended: counts what it computed, hands out tokens, lets finished jobs go.
    pub(super) fn complete(&mut self, events: &mut Vec<Event>) {
        self.totals.steps += 1;
        let now = self.now;
        let (pool, totals, config) = (&mut self.pool, &mut self.totals, &self.config);
        self.running.retain_mut(|sequence| {
            let chunk = std::mem::take(&mut sequence.scheduled);
            if chunk == 0 {
                return true;
            }
            let decoded = chunk == 1 && sequence.produced > 0 && sequence.computed + 1 == sequence.known();
            totals.prefilled_tokens += if decoded { 0 } else { u64::from(chunk) };
            let first = sequence.computed / config.block_tokens;
            sequence.computed += chunk;
            let last = sequence.computed / config.block_tokens;
            if config.prefix_cache {
                for index in first as usize..last as usize {
                    if let (Some(id), Some(hash)) = (sequence.table.get(index), sequence.job.chain.get(index))
                    {
                        pool.publish(*id, *hash);
                    }
                }
            }
            if sequence.computed < sequence.known() {
                return true;
            }
            events.push(Event {
                at: now,
                job: sequence.id,
                kind: EventKind::Token { index: sequence.produced },
            });
            sequence.produced += 1;
            totals.output_tokens += 1;
            if sequence.produced < sequence.job.output_tokens {
                return true;
            }
            events.push(Event { at: now, job: sequence.id, kind: EventKind::Finished });
            pool.release(&sequence.table);
            totals.finished += 1;
            false
        });
    }
}
