//! One replication: arrivals, instances and controls in the order of their times.
//!
//! Each step takes the earliest of three: the next arrival, the earliest event of any instance
//! ([`super::calendar::Calendar`]), the earliest control (a failure, a repair, a look of the autoscaler). Each of them removes what caused it, and
//! a request is sent on a bounded number of times, so the run ends: the clock never goes back, and no request is lost
//! without being counted.

mod ahead;
mod control;
mod pool;
mod route;
mod tally;

use super::calendar::Calendar;
use super::instance::{Happened, Job, Jobs, Refusal};
use super::scenario::{MAX_SAMPLES, Scenario};
use crate::workload::{NS_PER_S, Request};
use ahead::Ahead;
use control::Controls;
use pool::{Pool, Stand};
use route::{Routed, Router};
pub(crate) use tally::{ClassTally, Tally};
use tollgate_core::Seed;
use tollgate_select::prefix::PromptBlocks;

/// What a pool used while requests were measured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PoolUse {
    pub(crate) paid_s: f64,
    pub(crate) busy_s: f64,
    pub(crate) slot_s: f64,
    pub(crate) joules: f64,
    pub(crate) served: u64,
}

/// The fleet at one moment.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
pub struct Sample {
    /// When, in seconds.
    pub at_s: f64,
    /// Requests that arrived since the sample before.
    pub arrived: u64,
    /// Requests that run or wait, by pool.
    pub in_flight: Vec<u64>,
    /// Instances that serve, by pool.
    pub serving: Vec<u32>,
    /// Power of the whole fleet, in watts.
    pub watts: f64,
}

/// What one replication counted.
#[derive(Debug)]
pub(crate) struct Replication {
    pub(crate) tally: Tally,
    pub(crate) pools: Vec<PoolUse>,
    /// Seconds from the first arrival to the first measured one.
    pub(crate) warm_s: f64,
    /// Seconds from the first measured arrival to the last.
    pub(crate) span_s: f64,
    /// Mean number of requests in flight that arrivals of either half of the measured requests found.
    pub(crate) in_flight: [f64; 2],
    pub(crate) samples: Vec<Sample>,
}

/// What arrivals find in flight.
#[derive(Clone, Copy, Default)]
struct Found {
    sum: u64,
    arrivals: u64,
}

impl Found {
    #[inline]
    fn observe(&mut self, live: u64) {
        self.sum += live;
        self.arrivals += 1;
    }

    fn mean(self) -> f64 {
        if self.arrivals == 0 { 0.0 } else { self.sum as f64 / self.arrivals as f64 }
    }
}

struct World<'a> {
    scenario: &'a Scenario,
    pools: Vec<Pool>,
    jobs: Jobs,
    /// The pool of each instance, by its index among all.
    owner: Vec<u16>,
    calendar: Calendar,
    controls: Controls,
    router: Router,
    tally: Tally,
    served: Vec<u64>,
    /// Requests that run or wait.
    live: u64,
    now_s: f64,
    dropped: Vec<Job>,
    blocks: PromptBlocks,
    arrived: u64,
    samples: Vec<Sample>,
    /// Where there are many instances.
    ahead: Option<Ahead>,
}

/// Runs one replication on the first requests of `source`; `seed` gives failures and the router's draws.
pub(crate) fn replicate(
    scenario: &Scenario,
    source: impl Iterator<Item = Request>,
    seed: Seed,
    sampled: bool,
) -> Replication {
    World::new(scenario, seed, sampled).run(source)
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, seed: Seed, sampled: bool) -> Self {
        let mut pools: Vec<Pool> = Vec::with_capacity(scenario.pools.len());
        let mut owner = Vec::new();
        for (at, spec) in scenario.pools.iter().enumerate() {
            let pool = Pool::new(spec, owner.len(), seed.derive("pools"));
            owner.resize(owner.len() + pool.instances.len(), at as u16);
            pools.push(pool);
        }
        let sample_s = scenario.run.sample_s.filter(|_| sampled);
        let controls = Controls::new(&mut pools, sample_s);
        Self {
            scenario,
            calendar: Calendar::new(owner.len()),
            controls,
            router: Router::new(&scenario.router, scenario.classes.len(), seed),
            tally: Tally::new(scenario.classes.len()),
            served: vec![0; pools.len()],
            live: 0,
            now_s: 0.0,
            dropped: Vec::new(),
            blocks: PromptBlocks::default(),
            arrived: 0,
            samples: Vec::new(),
            jobs: Jobs::default(),
            ahead: Ahead::of(owner.len()),
            pools,
            owner,
        }
    }

    fn run(mut self, source: impl Iterator<Item = Request>) -> Replication {
        let run = &self.scenario.run;
        let warm = (run.warm_up * run.requests as f64) as u64;
        let mut source = source.take(usize::try_from(run.requests).unwrap_or(usize::MAX));
        let (mut next, mut count) = (source.next(), 0);
        let start_s = next.as_ref().map_or(0.0, |r| r.arrival_ns as f64 / NS_PER_S);
        let (mut from_s, mut until_s) = (start_s, start_s);
        let half = warm + run.requests.saturating_sub(warm) / 2;
        let mut found = [Found::default(); 2];
        let mut pools = Vec::new();
        loop {
            let arrival_s = next.as_ref().map_or(f64::INFINITY, |r| r.arrival_ns as f64 / NS_PER_S);
            let event_s = self.calendar.earliest();
            let control_s = self.controls.next_s();
            if let Some(request) = next.take_if(|_| arrival_s <= event_s && arrival_s <= control_s) {
                if count == warm {
                    from_s = arrival_s;
                    self.reset_used(arrival_s);
                }
                self.now_s = arrival_s.max(self.now_s);
                if count >= warm {
                    found[usize::from(count >= half)].observe(self.live);
                }
                self.arrive(&request, count >= warm);
                count += 1;
                next = source.next();
                if next.is_none() {
                    until_s = self.now_s;
                    pools = self.used();
                }
            } else if next.is_none() && self.live == 0 {
                break;
            } else if event_s <= control_s && event_s.is_finite() {
                self.now_s = event_s.max(self.now_s);
                self.read_ahead(event_s);
                self.instance_event(self.calendar.first());
            } else if control_s.is_finite() {
                self.now_s = control_s.max(self.now_s);
                self.control();
            } else {
                break;
            }
        }
        for (used, served) in pools.iter_mut().zip(&self.served) {
            let used: &mut PoolUse = used;
            used.served = *served;
        }
        Replication {
            tally: self.tally,
            pools,
            warm_s: from_s - start_s,
            span_s: until_s - from_s,
            in_flight: found.map(Found::mean),
            samples: self.samples,
        }
    }

    fn arrive(&mut self, request: &Request, measured: bool) {
        self.arrived += 1;
        self.blocks = if request.prefix.blocks().is_empty() {
            PromptBlocks::default()
        } else {
            Router::blocks(request)
        };
        let job = Job {
            arrival_s: self.now_s,
            prompt: request.prompt_tokens,
            output: request.output_tokens.max(1),
            held: request.cached_tokens,
            class: request.class,
            measured,
            affinity: self.router.affinity(request, &self.blocks),
            ..Job::default()
        };
        self.tally.offered(&job);
        self.send(job);
        self.read_next();
    }

    /// Sends a request to the first pool of its order that takes it.
    fn send(&mut self, job: Job) {
        let Some(Routed { job, order }) = self.router.pools(job, &self.pools) else {
            return self.tally.refused(&job, Refusal::TooLong);
        };
        let mut why = Refusal::Full;
        let first = usize::from(job.stage).min(order.len().saturating_sub(1));
        let stages = if order.is_empty() { 1 } else { order.len() };
        for stage in first..stages {
            let at = order.get(stage).copied().unwrap_or(0);
            match self.try_pool(at, job) {
                Ok(()) => return,
                Err(refusal) => why = refusal,
            }
        }
        self.tally.refused(&job, why);
    }

    fn try_pool(&mut self, at: usize, mut job: Job) -> Result<(), Refusal> {
        let pool = &mut self.pools[at];
        let member_at = self.router.place(pool, &job, &self.blocks).ok_or(Refusal::Full)?;
        job.cached = pool.cached(member_at, &self.blocks, &job);
        pool.instances[member_at].offer(job, self.now_s, &mut self.jobs)?;
        pool.remember(member_at, &self.blocks);
        self.live += 1;
        self.refresh(at, member_at);
        Ok(())
    }

    /// Brings index and calendar up to date with an instance.
    #[inline]
    fn refresh(&mut self, at: usize, member: usize) {
        let pool = &mut self.pools[at];
        pool.reindex(member);
        self.calendar.set(pool.offset + member, pool.instances[member].next_s());
    }

    fn instance_event(&mut self, entry: usize) {
        let at = usize::from(self.owner[entry]);
        let pool = &mut self.pools[at];
        let member_at = entry - pool.offset;
        let instance = &mut pool.instances[member_at];
        let happened = instance.run_event(self.now_s, &mut self.jobs, &mut self.dropped);
        let empty = instance.in_flight() == 0;
        while let Some(job) = self.dropped.pop() {
            self.live -= 1;
            self.tally.refused(&job, Refusal::Impatient);
        }
        if pool.stands[member_at] == Stand::Draining && empty {
            pool.turn(member_at, Stand::Off, self.now_s);
        }
        self.refresh(at, member_at);
        // What follows waits for the request to come from memory, and nothing above does.
        if let Some(Happened::Finished { job, first_s }) = happened {
            self.pools[at].stayed(self.now_s - job.arrival_s);
            self.live -= 1;
            self.finished(at, job, first_s);
        }
    }

    fn finished(&mut self, at: usize, mut job: Job, first_s: f64) {
        self.router.learn(&job, self.now_s);
        self.served[at] += u64::from(job.measured);
        if let Some(stage) = self.router.escalate(&job, self.pools.len()) {
            job.stage = stage;
            self.blocks = PromptBlocks::default();
            return self.send(job);
        }
        self.tally.completed(&job, first_s, self.now_s, &self.scenario.classes);
    }

    fn reset_used(&mut self, now_s: f64) {
        self.pools.iter_mut().for_each(|pool| pool.reset_used(now_s));
    }

    fn used(&mut self) -> Vec<PoolUse> {
        let now_s = self.now_s;
        let pool_use = |pool: &mut Pool| {
            let mut sum = PoolUse::default();
            for at in 0..pool.instances.len() {
                if !matches!(pool.stands[at], Stand::On | Stand::Draining) {
                    pool.instances[at].skip(now_s);
                }
                sum.paid_s += pool.paid(at, now_s);
                let used = pool.instances[at].used(now_s);
                sum.busy_s += used.busy_s;
                sum.slot_s += used.slot_s;
                sum.joules += used.joules;
            }
            sum
        };
        self.pools.iter_mut().map(pool_use).collect()
    }

    fn sample(&mut self) {
        if self.samples.len() >= MAX_SAMPLES {
            return;
        }
        let watts = |pool: &Pool| -> f64 {
            let all = pool.instances.iter().zip(&pool.stands);
            let on = all.filter(|(_, stand)| matches!(stand, Stand::On | Stand::Draining));
            on.map(|(instance, _)| instance.watts(instance.active())).sum()
        };
        self.samples.push(Sample {
            at_s: self.now_s,
            arrived: std::mem::take(&mut self.arrived),
            in_flight: self.pools.iter().map(Pool::in_flight).collect(),
            serving: self.pools.iter().map(|pool| pool.count(Stand::On)).collect(),
            watts: self.pools.iter().map(watts).sum(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::StepTime;
    use crate::sim::{Limits, PoolSpec, RouterSpec, RunSpec};
    use crate::workload::Slo;

    #[test]
    fn reading_ahead_changes_no_figure() {
        let step = StepTime { per_context_token_s: 4e-8, ..StepTime::constant(0.008) };
        let limits = Limits { waiting: 5, ..Limits::slots(4) };
        let scenario = Scenario {
            pools: vec![PoolSpec::new("a", 9, step, limits), PoolSpec::new("b", 3, step, limits)],
            router: RouterSpec::default(),
            classes: vec![crate::workload::Class { name: "all".into(), slo: Slo::ttft(500.0) }],
            run: RunSpec { requests: 3_000, ..RunSpec::default() },
        };
        let source = || {
            (0..).map(|n: u64| Request {
                arrival_ns: n * 20_000_000,
                prompt_tokens: 100 + (n * 7919 % 3_000) as u32,
                output_tokens: 1 + (n * 104_729 % 150) as u32,
                ..Request::default()
            })
        };
        let plain = World::new(&scenario, Seed(1), false);
        assert!(plain.ahead.is_none());
        let mut ahead = World::new(&scenario, Seed(1), false);
        ahead.ahead = Some(Ahead::new());
        let [plain, ahead] = [plain, ahead].map(|world| format!("{:?}", world.run(source())));
        assert_eq!(plain, ahead);
    }
}
