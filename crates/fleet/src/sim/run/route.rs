//! Where a request goes: the rules of [`tollgate_select`] over what the simulator knows of its instances.
//!
//! By expected time to first content, instances are found through [`tollgate_select::place::LoadIndex`], at a cost that does not depend on
//! their number; the other strategies look at each, as the gateway does.

use super::pool::Pool;
use crate::rng::Stream;
use crate::sim::instance::Job;
use crate::sim::scenario::{Affinity, OutputGuess, RouterSpec};
use crate::workload::Request;
use tollgate_core::{Seed, Tick};
use tollgate_select::estimate::{Ema, HalfLife};
use tollgate_select::place::{InstanceView, Strategy, place};
use tollgate_select::pool::{PoolAsk, PoolView, choose_pool};
use tollgate_select::prefix::{PromptBlocks, session_affinity};

/// Half-life of the learned output lengths, in milliseconds.
const LEARNED_HALF_LIFE_MS: u64 = 600_000;
/// What is taken for the output before a class has answered.
const UNKNOWN_OUTPUT: u32 = 256;

/// A request that knows its pools.
pub(crate) struct Routed {
    pub(crate) job: Job,
    /// Pools in the order to try.
    pub(crate) order: Vec<usize>,
}

pub(crate) struct Router {
    spec: RouterSpec,
    draws: Stream,
    outputs: Vec<Ema>,
    views: Vec<InstanceView>,
}

impl Router {
    pub(crate) fn new(spec: &RouterSpec, classes: usize, seed: Seed) -> Self {
        let learned = Ema::new(HalfLife::ms(LEARNED_HALF_LIFE_MS));
        Self {
            spec: *spec,
            draws: Stream::new(seed, "router"),
            outputs: vec![learned; classes],
            views: Vec::new(),
        }
    }

    /// The blocks of a request, where the router or the caches look at them.
    pub(crate) fn blocks(request: &Request) -> PromptBlocks {
        PromptBlocks::of_digests(request.prefix.blocks())
    }

    pub(crate) fn affinity(&self, request: &Request, blocks: &PromptBlocks) -> u64 {
        let key = match self.spec.affinity {
            Affinity::None => None,
            Affinity::Prefix => blocks.affinity(),
            Affinity::Session => session_affinity(request.session),
        };
        key.unwrap_or(0)
    }

    fn guess(&self, job: &Job) -> u32 {
        match self.spec.output {
            OutputGuess::None => 0,
            OutputGuess::Exact => job.output,
            OutputGuess::Fixed(tokens) => tokens,
            OutputGuess::Learned => {
                let learned =
                    self.outputs.get(usize::from(job.class)).or(self.outputs.last()).and_then(Ema::mean);
                learned.map_or(UNKNOWN_OUTPUT, |mean| mean.ceil() as u32)
            }
        }
    }

    /// A request ended: what its class needs is learned.
    pub(crate) fn learn(&mut self, job: &Job, now_s: f64) {
        if self.spec.output == OutputGuess::Learned {
            let last = self.outputs.len().saturating_sub(1);
            if let Some(learned) = self.outputs.get_mut(usize::from(job.class).min(last)) {
                learned.observe(f64::from(job.output), Tick((now_s.max(0.0) * 1e9) as u64));
            }
        }
    }

    /// The pools for a request, which may have been compressed on the way; none when it fits nowhere.
    pub(crate) fn pools(&mut self, mut job: Job, pools: &[Pool]) -> Option<Routed> {
        if let [pool] = pools {
            let fits = u64::from(job.prompt) + u64::from(self.guess(&job)) <= pool.spec.max_total_tokens;
            return fits.then(|| Routed { job, order: Vec::new() });
        }
        let views: Vec<PoolView<'_>> = pools
            .iter()
            .map(|pool| PoolView {
                name: &pool.spec.name,
                max_total_tokens: pool.spec.max_total_tokens,
                wait_ms: pool.wait_ms(),
                gamma: pool.spec.gamma,
            })
            .collect();
        let output = self.guess(&job);
        let ask =
            PoolAsk { prompt_tokens: job.prompt.into(), output_tokens: output.into(), ..PoolAsk::default() };
        let choice = choose_pool(&views, &ask, &self.spec.pools).ok()?;
        let mut order = choice.order;
        if let Some(near) = choice.borderline
            && self.spec.compressible > 0.0
            && near.target_prompt_tokens > 0
            && self.draws.unit() < self.spec.compressible
        {
            let shorter = near.target_prompt_tokens as u32;
            // The share that is held stays, as the planner takes it to.
            let held = u64::from(job.held) * u64::from(shorter) / u64::from(job.prompt.max(1));
            job.held = u32::try_from(held).unwrap_or(shorter);
            job.prompt = shorter;
            job.cached = 0;
            order.insert(0, near.pool);
        }
        Some(Routed { job, order })
    }

    /// The stage to go on to when the answer of `job` came, with its score drawn; none when it stands.
    pub(crate) fn escalate(&mut self, job: &Job, stages: usize) -> Option<u8> {
        let cascade = self.spec.cascade?;
        let score = self.draws.unit();
        cascade.next(job.stage, score, stages)
    }

    /// The instance of `pool` for a request; none when none is available.
    #[inline]
    pub(crate) fn place(&mut self, pool: &Pool, job: &Job, blocks: &PromptBlocks) -> Option<usize> {
        let seed = Seed(self.draws.bits());
        let rule = &self.spec.place;
        if self.by_index(pool) {
            return self.pick(pool, seed);
        }
        pool.views(job, blocks, &mut self.views);
        let affinity = (job.affinity != 0).then_some(job.affinity);
        place(&self.views, affinity, rule, seed).ok().map(|placed| placed.first())
    }

    fn by_index(&self, pool: &Pool) -> bool {
        self.spec.place.strategy == Strategy::LeastTtft && pool.spec.cache_blocks == 0
    }

    #[inline]
    fn pick(&self, pool: &Pool, seed: Seed) -> Option<usize> {
        if self.spec.place.two_choices { pool.index.better_of_two(seed) } else { pool.index.least(seed) }
    }

    /// Whether draws decide where requests go, so that several places ahead are known.
    pub(crate) fn draws_places(&self) -> bool {
        self.spec.place.two_choices
    }

    /// Instances where the next requests will go if nothing happens before, as far as there is room in `found`; how many. Only where
    /// there is one pool; without draws only the first is known.
    #[inline]
    pub(crate) fn likely(&self, pools: &[Pool], found: &mut [u32]) -> usize {
        let [pool] = pools else { return 0 };
        if !self.by_index(pool) {
            return 0;
        }
        let known = if self.draws_places() { found.len() } else { found.len().min(1) };
        let mut draws = self.draws.clone();
        for (count, place) in found[..known].iter_mut().enumerate() {
            let Some(at) = self.pick(pool, Seed(draws.bits())) else { return count };
            *place = at as u32;
        }
        known
    }

    pub(crate) const fn retries(&self) -> u8 {
        self.spec.retries
    }
}
