//! A pool at run time: its instances, where each stands, and the index that placements use.

use crate::rng::Stream;
use crate::sim::instance::{Instance, Job};
use crate::sim::scenario::PoolSpec;
use tollgate_core::{Seed, Tick};
use tollgate_select::place::{InstanceView, LoadIndex, Standing, key_of};
use tollgate_select::prefix::{PrefixCache, PromptBlocks};

/// Where an instance stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stand {
    /// Switched off: costs nothing.
    Off,
    /// Switched on or repaired, not serving yet.
    Starting,
    /// Serving.
    On,
    /// Finishes what it has, then goes off.
    Draining,
    /// Broken.
    Down,
}

/// What of an instance is rarely looked at.
pub(crate) struct Member {
    /// Counts changes of standing, so that events planned before one are known as stale.
    pub(crate) epoch: u32,
    pub(crate) failures: Stream,
    cache: Option<PrefixCache>,
    key: u64,
    on_since_s: f64,
    on_s: f64,
}

/// Its lists go by instance: what every event touches lies apart from what few do.
pub(crate) struct Pool {
    pub(crate) spec: PoolSpec,
    pub(crate) instances: Vec<Instance>,
    pub(crate) stands: Vec<Stand>,
    pub(crate) members: Vec<Member>,
    pub(crate) index: LoadIndex,
    /// Index of its first instance among all of the fleet.
    pub(crate) offset: usize,
    /// Mean stay of a request, in seconds, lately: what a place in line is worth.
    stay_s: f64,
}

/// A request's stay moves the mean by this share.
const STAY_SHARE: f64 = 0.01;

impl Pool {
    pub(crate) fn new(spec: &PoolSpec, offset: usize, seed: Seed) -> Self {
        let member = |at: u32| {
            let name = format!("{}-{at}", spec.name);
            let own = seed.derive(&name);
            Member {
                epoch: 0,
                failures: Stream::new(own, "failures"),
                cache: (spec.cache_blocks > 0).then(|| PrefixCache::new(spec.cache_blocks)),
                key: key_of(&name),
                on_since_s: 0.0,
                on_s: 0.0,
            }
        };
        let capacity = spec.capacity() as usize;
        let stand = |at: usize| if at < spec.instances as usize { Stand::On } else { Stand::Off };
        let mut pool = Self {
            spec: spec.clone(),
            // Cloned, so that all share what is the same in each.
            instances: vec![Instance::new(spec.step, spec.limits, &spec.watts); capacity],
            stands: (0..capacity).map(stand).collect(),
            members: (0..spec.capacity()).map(member).collect(),
            index: LoadIndex::new(capacity),
            offset,
            stay_s: 0.0,
        };
        (0..capacity).for_each(|at| pool.reindex(at));
        pool
    }

    /// Brings the index up to date with an instance.
    #[inline]
    pub(crate) fn reindex(&mut self, at: usize) {
        let serves = self.stands[at] == Stand::On;
        self.index.set(at, serves.then(|| self.instances[at].expected_wait_s(self.stay_s)));
    }

    /// Counts the seconds that an instance was paid for.
    pub(crate) fn paid(&mut self, at: usize, now_s: f64) -> f64 {
        let member = &mut self.members[at];
        if self.stands[at] != Stand::Off {
            member.on_s += now_s - member.on_since_s;
            member.on_since_s = now_s;
        }
        member.on_s
    }

    /// Forgets what the instances were used and paid for until now.
    pub(crate) fn reset_used(&mut self, now_s: f64) {
        for (at, instance) in self.instances.iter_mut().enumerate() {
            match self.stands[at] {
                Stand::Off | Stand::Down | Stand::Starting => instance.skip(now_s),
                Stand::On | Stand::Draining => {}
            }
            instance.reset_used(now_s);
            (self.members[at].on_since_s, self.members[at].on_s) = (now_s, 0.0);
        }
    }

    /// Changes where an instance stands.
    pub(crate) fn turn(&mut self, at: usize, stand: Stand, now_s: f64) {
        self.paid(at, now_s);
        let member = &mut self.members[at];
        member.on_since_s = now_s;
        member.epoch += 1;
        if matches!(self.stands[at], Stand::Off | Stand::Down | Stand::Starting) {
            self.instances[at].skip(now_s);
        }
        if matches!(stand, Stand::Down | Stand::Off)
            && let Some(cache) = &mut member.cache
        {
            cache.clear();
        }
        self.stands[at] = stand;
    }

    /// Tokens of this prompt that an instance need not read: those in its cache, or those held everywhere where they are more.
    pub(crate) fn cached(&self, at: usize, blocks: &PromptBlocks, job: &Job) -> u32 {
        if blocks.is_empty() {
            return job.held.min(job.prompt.saturating_sub(1));
        }
        let matched = self.members[at].cache.as_ref().map_or(0, |cache| cache.matched(blocks) as u32);
        let found = matched.saturating_mul(self.spec.block_tokens);
        found.max(job.held).min(job.prompt.saturating_sub(1))
    }

    pub(crate) fn remember(&mut self, at: usize, blocks: &PromptBlocks) {
        if blocks.is_empty() {
            return;
        }
        if let Some(cache) = &mut self.members[at].cache {
            cache.insert(blocks);
        }
    }

    #[inline]
    pub(crate) fn stayed(&mut self, seconds: f64) {
        self.stay_s += (seconds - self.stay_s) * if self.stay_s == 0.0 { 1.0 } else { STAY_SHARE };
    }

    /// The least expected wait among the available instances, in milliseconds.
    pub(crate) fn wait_ms(&self) -> Option<f64> {
        self.index.least_load().map(|wait_s| wait_s * 1e3)
    }

    /// What a placement looks at.
    pub(crate) fn views(&self, job: &Job, blocks: &PromptBlocks, views: &mut Vec<InstanceView>) {
        views.clear();
        views.extend(self.instances.iter().enumerate().map(|(at, instance)| {
            let cached = self.cached(at, blocks, job);
            InstanceView {
                key: self.members[at].key,
                weight: 1.0,
                in_flight: instance.in_flight(),
                wait_ms: instance.expected_wait_s(self.stay_s) * 1e3,
                prefill_ms: instance.expected_prefill_s(job.prompt - cached) * 1e3,
                marginal_w: instance.watts(instance.active() + 1) - instance.watts(instance.active()),
                standing: match self.stands[at] {
                    Stand::On => Standing::Ready,
                    Stand::Off | Stand::Starting | Stand::Draining | Stand::Down => {
                        Standing::Cooling(Tick(u64::MAX))
                    }
                },
            }
        }));
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.instances.iter().map(|instance| u64::from(instance.in_flight())).sum()
    }

    pub(crate) fn count(&self, stand: Stand) -> u32 {
        self.stands.iter().filter(|stands| **stands == stand).count() as u32
    }
}
