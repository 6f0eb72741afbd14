//! The instances of one pool with everything known of them: the one owner of that state.
//!
//! [`Members`] ties the parts together the way the gateway and the simulator both use them: [`Members::place`] makes the order,
//! [`Members::dispatch`] hands out a [`Ticket`] (the in-flight token and the circuit's pass), and
//! [`Members::complete`] takes it back with the outcome, so that load, rates, circuit and health all learn from the same event.
//! One example: the crate's front page.

use crate::Error;
use crate::circuit::{Circuit, CircuitConfig, Gate, Outcome, Pass};
use crate::estimate::{RECENT_MS, Window};
use crate::health::{Ejector, EjectorConfig, ProbeConfig, Probes};
use crate::instance::{Completion, Dispatched, InstanceConfig, InstanceState, Timing};
use crate::place::{InstanceView, PlaceRule, Placement, Standing, key_of, place};
use crate::prefix::{PrefixCache, PromptBlocks};
use serde::{Deserialize, Serialize};
use tollgate_core::OutOfRange;
use tollgate_core::{Seed, Tick};

/// Most instances of one pool: what the index of a placement can count.
pub const MAX_MEMBERS: usize = 65_535;

/// The rules of a pool's instances.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MembersConfig {
    /// How instances are ordered.
    pub place: PlaceRule,
    /// When a circuit opens.
    pub circuit: CircuitConfig,
    /// When an outlier is ejected.
    pub health: EjectorConfig,
    /// Active probes, if wanted.
    pub probe: Option<ProbeConfig>,
}

impl MembersConfig {
    /// Checks all ranges.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first field out of range.
    pub fn check(&self) -> Result<(), Error> {
        self.place.check()?;
        self.circuit.check()?;
        self.health.check()?;
        self.probe.map_or(Ok(()), |probe| probe.check())
    }
}

/// One instance as declared.
#[derive(Clone, PartialEq, Debug)]
pub struct MemberSpec {
    /// Its name, the same in every process: affinity hangs on it.
    pub name: String,
    /// Its share relative to the others, at least 0.
    pub weight: f64,
    /// What is taken for granted of its speed.
    pub instance: InstanceConfig,
    /// Blocks of prefix cache it is believed to hold ([`crate::prefix::BLOCK_BYTES`] each); 0 turns the estimate off.
    pub cache_blocks: usize,
}

impl MemberSpec {
    /// An instance of weight 1 with default beliefs.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), weight: 1.0, instance: InstanceConfig::default(), cache_blocks: 4096 }
    }
}

/// What a request asks of an instance.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ask {
    /// Prompt tokens.
    pub prompt_tokens: u64,
    /// Prompt bytes: what `blocks` was cut from.
    pub prompt_bytes: usize,
    /// The prompt's blocks; empty when nothing is to be known of prefixes.
    pub blocks: PromptBlocks,
}

impl Ask {
    /// A prompt of which only the length is known.
    #[must_use]
    pub fn of_tokens(prompt_tokens: u64) -> Self {
        Self { prompt_tokens, ..Self::default() }
    }
}

/// A dispatched request; comes back through [`Members::complete`], exactly once.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "a ticket must be completed exactly once, or its request stays in flight forever"]
pub struct Ticket {
    member: usize,
    dispatched: Dispatched,
    pass: Pass,
}

impl Ticket {
    /// The index of its instance.
    #[must_use]
    pub const fn member(&self) -> usize {
        self.member
    }
}

#[derive(Clone, Debug)]
struct Member {
    spec: MemberSpec,
    state: InstanceState,
    circuit: Circuit,
    probes: Option<Probes>,
    prefix: PrefixCache,
    answers: Window,
}

/// The instances of one pool. Indices are those of the declaration.
#[derive(Clone, Debug)]
pub struct Members {
    config: MembersConfig,
    members: Vec<Member>,
    ejector: Ejector,
}

impl Members {
    /// Fresh instances, all taken for healthy; `seed` gives the jitter of circuits and probes.
    ///
    /// # Errors
    /// [`Error::Setting`] when a setting is out of range, or there are none or too many.
    pub fn new(specs: &[MemberSpec], config: MembersConfig, seed: Seed, now: Tick) -> Result<Self, Error> {
        config.check()?;
        if specs.is_empty() || specs.len() > MAX_MEMBERS {
            let fix = "a pool has 1 to 65535 instances";
            return Err(Error::Setting(OutOfRange {
                field: "instances",
                value: specs.len().to_string(),
                fix,
            }));
        }
        let mut members = Vec::with_capacity(specs.len());
        for spec in specs {
            spec.instance.check()?;
            crate::error::within("instance.weight", spec.weight, 0.0, 1e9, "give 0 to 1e9")?;
            let seed = seed.derive(&spec.name);
            members.push(Member {
                state: InstanceState::new(key_of(&spec.name), spec.instance),
                circuit: Circuit::new(config.circuit, seed.derive("circuit")),
                probes: config.probe.map(|probe| Probes::new(probe, seed.derive("probe"), now)),
                prefix: PrefixCache::new(spec.cache_blocks),
                answers: Window::new(RECENT_MS),
                spec: spec.clone(),
            });
        }
        Ok(Self { config, ejector: Ejector::new(config.health, specs.len()), members })
    }

    /// What a placement of `ask` would look at now.
    #[must_use]
    pub fn views(&self, ask: &Ask, now: Tick) -> Vec<InstanceView> {
        let view = |(index, member): (usize, &Member)| {
            let uncached = ask.prompt_tokens.saturating_sub(member.cached(ask));
            let expected = member.state.expect(uncached, now);
            InstanceView {
                key: member.state.key(),
                weight: member.spec.weight,
                in_flight: member.state.in_flight().requests,
                wait_ms: expected.wait_ms,
                prefill_ms: expected.prefill_ms,
                marginal_w: member.state.marginal_w(),
                standing: self.standing(index, now),
            }
        };
        self.members.iter().enumerate().map(view).collect()
    }

    /// Orders the instances for a request.
    ///
    /// # Errors
    /// [`Error::NoInstance`] as [`place`].
    pub fn place(&self, ask: &Ask, seed: Seed, now: Tick) -> Result<Placement, Error> {
        self.place_seen(&self.views(ask, now), ask, seed)
    }

    /// As [`Self::place`], by views already taken with [`Self::views`] for the same `ask`.
    ///
    /// # Errors
    /// [`Error::NoInstance`] as [`place`].
    pub fn place_seen(&self, views: &[InstanceView], ask: &Ask, seed: Seed) -> Result<Placement, Error> {
        place(views, ask.blocks.affinity(), &self.config.place, seed)
    }

    /// The least expected wait among the available instances, in milliseconds; none when none is available.
    #[must_use]
    pub fn wait_ms(&self, now: Tick) -> Option<f64> {
        let available = |(index, _): &(usize, &Member)| self.standing(*index, now).available();
        let waits =
            self.members.iter().enumerate().filter(available).map(|(_, m)| m.state.expect(0, now).wait_ms);
        waits.min_by(f64::total_cmp)
    }

    /// Where an instance stands; one that does not exist is down.
    #[must_use]
    pub fn standing(&self, index: usize, now: Tick) -> Standing {
        let Some(member) = self.members.get(index) else { return Standing::Down };
        match member.circuit.gate(now) {
            Gate::Refusing(until) => return Standing::Refusing(until),
            Gate::Cooling(until) => return Standing::Cooling(until),
            Gate::Failing(until) => return Standing::Open(until),
            Gate::Open | Gate::Probe => {}
        }
        if member.probes.as_ref().is_some_and(|probes| !probes.up()) {
            return Standing::Down;
        }
        match self.ejector.ejected_until(index, now) {
            Some(until) => Standing::Ejected(until),
            None if member.circuit.gate(now) == Gate::Probe => Standing::Probing,
            None => Standing::Ready,
        }
    }

    /// Sends a request to instance `index`. An instance that is ejected or whose circuit fails is admitted too (a panic
    /// placement named it), but never while one that is available exists, and never one that is cooling or refusing.
    ///
    /// # Errors
    /// [`Error::UnknownInstance`], or [`Error::NotAdmitted`]: take the next of the placement.
    pub fn dispatch(&mut self, index: usize, ask: &Ask, now: Tick) -> Result<Ticket, Error> {
        let instances = self.members.len();
        let standing = self.standing(index, now);
        let lone = || (0..instances).all(|other| !self.standing(other, now).available());
        let admitted = match standing {
            Standing::Ready | Standing::Probing => true,
            Standing::Open(_) | Standing::Ejected(_) | Standing::Down => lone(),
            Standing::Cooling(_) | Standing::Refusing(_) => false,
        };
        let Some(member) = self.members.get_mut(index) else {
            return Err(Error::UnknownInstance { index, instances });
        };
        if !admitted {
            return Err(Error::NotAdmitted { index });
        }
        let pass = member.circuit.admit(now).unwrap_or(member.circuit.force());
        let cached = member.cached(ask);
        member.prefix.insert(&ask.blocks);
        let dispatched = member.state.dispatch(ask.prompt_tokens, cached, now);
        Ok(Ticket { member: index, dispatched, pass })
    }

    /// The first content of a request came.
    pub fn first_content(&mut self, ticket: &mut Ticket, now: Tick) {
        if let Some(member) = self.members.get_mut(ticket.member) {
            member.state.first_content(&mut ticket.dispatched, now);
        }
    }

    /// A request ended: its load is taken off, and its outcome goes to circuit and health. An abandoned one (the
    /// caller left) ends as [`Outcome::Blameless`] and [`Completion::broken`].
    ///
    /// # Errors
    /// [`Error::ForeignDispatch`] or [`Error::UnknownInstance`] when the ticket is another pool's.
    pub fn complete(
        &mut self,
        ticket: Ticket,
        outcome: Outcome,
        end: Completion,
        now: Tick,
    ) -> Result<Timing, Error> {
        let instances = self.members.len();
        let Some(member) = self.members.get_mut(ticket.member) else {
            return Err(Error::UnknownInstance { index: ticket.member, instances });
        };
        let timing = member.state.complete(ticket.dispatched, end, now)?;
        member.circuit.report(ticket.pass, outcome, now);
        if outcome == Outcome::Refused {
            member.prefix.clear(); // Nobody listens: when it is back, its cache is cold.
        }
        if let Some(good) = outcome.verdict() {
            member.answers.record(good, now);
            self.ejector.record(ticket.member, good, now);
        }
        Ok(timing)
    }

    /// The instances to which an active probe must be sent now; each counts as sent.
    pub fn probes_due(&mut self, now: Tick) -> Vec<usize> {
        let due = |(index, member): (usize, &mut Member)| member.probes.as_mut()?.poll(now).then_some(index);
        self.members.iter_mut().enumerate().filter_map(due).collect()
    }

    /// When [`Self::probes_due`] should be asked next; none without active probes.
    #[must_use]
    pub fn next_probe(&self) -> Option<Tick> {
        self.members.iter().filter_map(|member| member.probes.as_ref().map(Probes::due)).min()
    }

    /// The result of an active probe; says whether the instance went down or came back by it.
    pub fn probed(&mut self, index: usize, good: bool, now: Tick) -> bool {
        let probes = self.members.get_mut(index).and_then(|member| member.probes.as_mut());
        probes.is_some_and(|probes| probes.result(good, now))
    }

    /// How many answers of an instance were good and how many bad in the last [`RECENT_MS`]; those of a caller's fault are
    /// neither.
    #[must_use]
    pub fn answers(&self, index: usize, now: Tick) -> (u64, u64) {
        self.members.get(index).map_or((0, 0), |member| member.answers.counts(now))
    }

    /// Requests in flight over all instances.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.members.iter().map(|member| u64::from(member.state.in_flight().requests)).sum()
    }

    /// Number of instances.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none; never, once made.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The name of an instance.
    #[must_use]
    pub fn name(&self, index: usize) -> Option<&str> {
        self.members.get(index).map(|member| member.spec.name.as_str())
    }

    /// What is known of an instance's load and speed.
    #[must_use]
    pub fn state(&self, index: usize) -> Option<&InstanceState> {
        self.members.get(index).map(|member| &member.state)
    }
}

impl Member {
    fn cached(&self, ask: &Ask) -> u64 {
        if ask.blocks.is_empty() {
            return 0;
        }
        self.prefix.cached_tokens(&ask.blocks, ask.prompt_tokens, ask.prompt_bytes)
    }
}
