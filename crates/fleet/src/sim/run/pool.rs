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

pub(crate) struct Member {
    pub(crate) instance: Instance,
    pub(crate) stand: Stand,
    /// Counts changes of standing, so that events planned before one are known as stale.
    pub(crate) epoch: u32,
    pub(crate) failures: Stream,
    cache: Option<PrefixCache>,
    key: u64,
    on_since_s: f64,
    on_s: f64,
}

impl Member {
    fn available(&self) -> bool {
        self.stand == Stand::On
    }

    /// Counts the seconds that it was paid for.
    pub(crate) fn paid(&mut self, now_s: f64) -> f64 {
        if self.stand != Stand::Off {
            self.on_s += now_s - self.on_since_s;
            self.on_since_s = now_s;
        }
        self.on_s
    }

    pub(crate) fn reset_paid(&mut self, now_s: f64) {
        self.on_since_s = now_s;
        self.on_s = 0.0;
    }

    /// Changes its standing.
    pub(crate) fn turn(&mut self, stand: Stand, now_s: f64) {
        self.paid(now_s);
        self.on_since_s = now_s;
        if matches!(self.stand, Stand::Off | Stand::Down | Stand::Starting) {
            self.instance.skip(now_s);
        }
        if matches!(stand, Stand::Down | Stand::Off)
            && let Some(cache) = &mut self.cache
        {
            cache.clear();
        }
        self.stand = stand;
        self.epoch += 1;
    }

    /// Tokens of this prompt that it need not read: those in its cache, or those held everywhere where they are more.
    pub(crate) fn cached(&self, blocks: &PromptBlocks, job: &Job, block_tokens: u32) -> u32 {
        let cache = self.cache.as_ref().filter(|_| !blocks.is_empty());
        let found = cache.map_or(0, |cache| (cache.matched(blocks) as u32).saturating_mul(block_tokens));
        found.max(job.held).min(job.prompt.saturating_sub(1))
    }

    pub(crate) fn remember(&mut self, blocks: &PromptBlocks) {
        if let Some(cache) = self.cache.as_mut().filter(|_| !blocks.is_empty()) {
            cache.insert(blocks);
        }
    }
}

pub(crate) struct Pool {
    pub(crate) spec: PoolSpec,
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
        // Cloned, so that all share what is the same in each.
        let idle = Instance::new(spec.step, spec.limits, &spec.watts);
        let member = |at: u32| {
            let name = format!("{}-{at}", spec.name);
            let own = seed.derive(&name);
            Member {
                instance: idle.clone(),
                stand: if at < spec.instances { Stand::On } else { Stand::Off },
                epoch: 0,
                failures: Stream::new(own, "failures"),
                cache: (spec.cache_blocks > 0).then(|| PrefixCache::new(spec.cache_blocks)),
                key: key_of(&name),
                on_since_s: 0.0,
                on_s: 0.0,
            }
        };
        let members: Vec<Member> = (0..spec.capacity()).map(member).collect();
        let mut pool =
            Self { spec: spec.clone(), index: LoadIndex::new(members.len()), members, offset, stay_s: 0.0 };
        (0..pool.members.len()).for_each(|at| pool.reindex(at));
        pool
    }

    /// Brings the index up to date with an instance.
    #[inline]
    pub(crate) fn reindex(&mut self, at: usize) {
        let member = &self.members[at];
        let load = member.available().then(|| member.instance.expected_wait_s(self.stay_s));
        self.index.set(at, load);
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
        views.extend(self.members.iter().map(|member| {
            let instance = &member.instance;
            let cached = member.cached(blocks, job, self.spec.block_tokens);
            InstanceView {
                key: member.key,
                weight: 1.0,
                in_flight: instance.in_flight(),
                wait_ms: instance.expected_wait_s(self.stay_s) * 1e3,
                prefill_ms: instance.expected_prefill_s(job.prompt - cached) * 1e3,
                marginal_w: instance.watts(instance.active() + 1) - instance.watts(instance.active()),
                standing: match member.stand {
                    Stand::On => Standing::Ready,
                    Stand::Off | Stand::Starting | Stand::Draining => Standing::Cooling(Tick(u64::MAX)),
                    Stand::Down => Standing::Cooling(Tick(u64::MAX)),
                },
            }
        }));
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.members.iter().map(|member| u64::from(member.instance.in_flight())).sum()
    }

    pub(crate) fn count(&self, stand: Stand) -> u32 {
        self.members.iter().filter(|member| member.stand == stand).count() as u32
    }
}
