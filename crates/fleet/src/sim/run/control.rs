//! What happens to instances beside requests: failures, repairs, cold starts, autoscaling, and samples of it all.

use super::World;
use super::pool::{Pool, Stand};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use tollgate_select::prefix::PromptBlocks;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Control {
    /// An instance breaks.
    Fail { pool: u16, member: u32, epoch: u32 },
    /// An instance begins to serve.
    Ready { pool: u16, member: u32, epoch: u32 },
    /// The autoscaler of a pool looks.
    Scale { pool: u16 },
    /// The timeline takes a sample.
    Sample,
}

/// Controls by their times.
pub(super) struct Controls {
    due: BinaryHeap<Reverse<(u64, Control)>>,
    sample_s: f64,
}

impl Controls {
    pub(super) fn new(pools: &mut [Pool], sample_s: Option<f64>) -> Self {
        let mut controls = Self { due: BinaryHeap::new(), sample_s: sample_s.unwrap_or(f64::INFINITY) };
        for (at, pool) in pools.iter_mut().enumerate() {
            for member in 0..pool.stands.len() {
                if pool.stands[member] == Stand::On {
                    controls.plan_failure(at, pool, member, 0.0);
                }
            }
            if let Some(scale) = pool.spec.autoscale {
                controls.plan(scale.interval_s, Control::Scale { pool: at as u16 });
            }
        }
        if sample_s.is_some() {
            controls.plan(0.0, Control::Sample);
        }
        controls
    }

    /// When the next one is due; infinite without any.
    #[inline]
    pub(super) fn next_s(&self) -> f64 {
        self.due.peek().map_or(f64::INFINITY, |Reverse((bits, _))| f64::from_bits(*bits))
    }

    /// Times are not negative, so their bits sort as they do.
    fn plan(&mut self, at_s: f64, control: Control) {
        self.due.push(Reverse((at_s.max(0.0).to_bits(), control)));
    }

    fn plan_failure(&mut self, at: usize, pool: &mut Pool, member: usize, now_s: f64) {
        let Some(failures) = pool.spec.failures else { return };
        let broken = &mut pool.members[member];
        let fail = Control::Fail { pool: at as u16, member: member as u32, epoch: broken.epoch };
        self.plan(now_s + failures.mean_up_s * broken.failures.exponential(), fail);
    }

    fn plan_ready(&mut self, at: usize, pool: &Pool, member: usize, at_s: f64) {
        let epoch = pool.members[member].epoch;
        self.plan(at_s, Control::Ready { pool: at as u16, member: member as u32, epoch });
    }
}

impl World<'_> {
    /// Carries out the control that is due.
    pub(super) fn control(&mut self) {
        let Some(Reverse((_, control))) = self.controls.due.pop() else { return };
        match control {
            Control::Fail { pool, member, epoch } => self.fail(usize::from(pool), member as usize, epoch),
            Control::Ready { pool, member, epoch } => self.ready(usize::from(pool), member as usize, epoch),
            Control::Scale { pool } => self.scale(usize::from(pool)),
            Control::Sample => {
                self.sample();
                self.controls.plan(self.now_s + self.controls.sample_s, Control::Sample);
            }
        }
    }

    fn fail(&mut self, at: usize, member_at: usize, epoch: u32) {
        let (now_s, pool) = (self.now_s, &mut self.pools[at]);
        let Some(failures) = pool.spec.failures else { return };
        let member = &mut pool.members[member_at];
        if member.epoch != epoch || !matches!(pool.stands[member_at], Stand::On | Stand::Draining) {
            return;
        }
        let lost = pool.instances[member_at].fail(now_s, &mut self.jobs);
        let back_s = now_s + failures.mean_repair_s * member.failures.exponential() + pool.spec.cold_start_s;
        pool.turn(member_at, Stand::Down, now_s);
        self.controls.plan_ready(at, pool, member_at, back_s);
        self.refresh(at, member_at);
        self.live -= lost.len() as u64;
        self.blocks = PromptBlocks::default();
        for mut job in lost {
            job.attempts = job.attempts.saturating_add(1);
            job.cached = 0;
            if job.attempts > self.router.retries() {
                self.tally.lost(&job);
            } else {
                self.send(job);
            }
        }
    }

    fn ready(&mut self, at: usize, member_at: usize, epoch: u32) {
        let (now_s, pool) = (self.now_s, &mut self.pools[at]);
        let planned = pool.members[member_at].epoch == epoch;
        if planned && matches!(pool.stands[member_at], Stand::Starting | Stand::Down) {
            pool.turn(member_at, Stand::On, now_s);
            self.controls.plan_failure(at, pool, member_at, now_s);
            self.refresh(at, member_at);
        }
    }

    /// Sets the number of instances to what is in flight over what each should have.
    fn scale(&mut self, at: usize) {
        let (now_s, pool) = (self.now_s, &mut self.pools[at]);
        let Some(rule) = pool.spec.autoscale else { return };
        let per_instance = f64::from(pool.spec.limits.slots) * rule.target;
        let wanted = (pool.in_flight() as f64 / per_instance).ceil() as u32;
        let wanted = wanted.clamp(rule.min, rule.max);
        let have = pool.count(Stand::On) + pool.count(Stand::Starting);
        let moves = if wanted > have {
            // Those that still drain are warm: they come back first.
            let back = self.turn_some(at, wanted - have, Stand::Draining, Stand::On);
            self.turn_some(at, wanted - have - back, Stand::Off, Stand::Starting)
        } else {
            let off = self.turn_some(at, have - wanted, Stand::Starting, Stand::Off);
            self.turn_some(at, have - wanted - off, Stand::On, Stand::Draining)
        };
        debug_assert!(moves <= rule.max);
        self.controls.plan(now_s + rule.interval_s, Control::Scale { pool: at as u16 });
    }

    /// Turns up to `count` instances that stand at `from`, and says how many there were.
    fn turn_some(&mut self, at: usize, count: u32, from: Stand, to: Stand) -> u32 {
        let now_s = self.now_s;
        let mut turned = 0;
        for member_at in 0..self.pools[at].stands.len() {
            if turned == count {
                break;
            }
            let pool = &mut self.pools[at];
            let cold_s = pool.spec.cold_start_s;
            if pool.stands[member_at] != from {
                continue;
            }
            turned += 1;
            let empty = pool.instances[member_at].in_flight() == 0;
            let to = if to == Stand::Draining && empty { Stand::Off } else { to };
            pool.turn(member_at, to, now_s);
            match to {
                Stand::Starting => self.controls.plan_ready(at, pool, member_at, now_s + cold_s),
                Stand::On => self.controls.plan_failure(at, pool, member_at, now_s),
                Stand::Draining => self.controls.plan_failure(at, pool, member_at, now_s),
                Stand::Off | Stand::Down => {}
            }
            self.refresh(at, member_at);
        }
        turned
    }
}
