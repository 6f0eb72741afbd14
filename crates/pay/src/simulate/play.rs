//! One schedule, step by step.

use super::stock::Terms;
use super::world::{Crash, Machine, Shared};
use super::{Broken, Cast, Count, Rng, Tally, broken, check};
use crate::escrow::{Escrow, Event, Office, OfficeError, Phase, RailState};
use crate::rail::kit::{Fault, FaultyLedger};
use crate::rail::{Ledger as _, LedgerRail, Outcome};
use std::collections::BTreeSet;
use tollgate_core::{Digest, Seed, Timestamp};

/// Steps that a trace keeps.
const TRACE_MAX: usize = 40;
/// Messages under way at one time; beyond it the oldest is lost.
const MAIL_MAX: usize = 16;
/// Rounds in which an escrow must come to its end when everything works.
const END_MAX: u32 = 12;

type Desk = Office<Shared, LedgerRail<FaultyLedger<Shared>>>;

/// See the module.
pub(super) struct Play<'a> {
    pub(super) cast: &'a Cast,
    seed: u64,
    pub(super) rng: Rng,
    pub(super) machine: Shared,
    /// What escrows are made of; now and then twice the same.
    contracts: [&'a Terms; 2],
    /// Events on their way from the verifiers and the parties, for an escrow.
    mail: Vec<(Digest, Event)>,
    disputed: BTreeSet<Digest>,
    funds: [i128; 2],
    steps: u32,
    /// The last steps, where they are wanted.
    trace: Option<Vec<String>>,
    tally: Tally,
}

/// Why a step ends a schedule.
pub(super) type Stop = String;

impl<'a> Play<'a> {
    pub(super) fn new(cast: &'a Cast, seed: u64, traces: bool) -> Result<Self, Box<Broken>> {
        let mut rng = Rng(Seed(seed).derive("escrow schedule"));
        let fault =
            |error| Box::new(Broken { seed, step: 0, what: broken("contract", &error), trace: Vec::new() });
        let first = cast.stock.draw(cast, &mut rng).map_err(fault)?;
        let second = cast.stock.draw(cast, &mut rng).map_err(fault)?;
        let contracts = [first, if rng.one_in(8) { first } else { second }];
        let funds = [8_000, 3_000].map(|most| i128::from(rng.below(most).saturating_add(most)));
        Ok(Self {
            cast,
            seed,
            rng,
            machine: Shared::new(Machine::new()),
            contracts,
            mail: Vec::new(),
            disputed: BTreeSet::new(),
            funds,
            steps: 0,
            trace: traces.then(Vec::new),
            tally: Tally::default(),
        })
    }

    pub(super) fn whole(mut self) -> Result<Tally, Box<Broken>> {
        self.tally.one(Count::Schedules);
        if self.seed.is_multiple_of(super::ALL_VERIFIED) {
            self.tally.one(Count::Verified);
        }
        match self.run() {
            Ok(()) => Ok(self.tally),
            Err(what) => {
                let trace = self.trace.unwrap_or_default();
                Err(Box::new(Broken { seed: self.seed, step: self.steps, what, trace }))
            }
        }
    }

    fn run(&mut self) -> Result<(), Stop> {
        let opening = self.cast.opening(self.funds).map_err(|error| broken("opening", &error))?;
        self.machine.apply(opening).map_err(|fault| format!("the opening was not taken: {fault:?}"))?;
        let mut office = self.open()?;
        for _ in 0..self.rng.below(40).saturating_add(25) {
            self.steps = self.steps.saturating_add(1);
            self.step(&mut office)?;
            let died = self.machine.0.borrow().died();
            if let Some(crash) = died {
                self.tally.one(if crash == Crash::Before { Count::CrashBefore } else { Count::CrashAfter });
                office = self.restart(&mut office)?;
            }
            let mut machine = self.machine.0.borrow_mut();
            check::step(&machine, office.desk(), self.cast)?;
            if self.rng.one_in(24) {
                machine.keep(self.cast).map_err(|error| broken("a snapshot", &error))?;
            }
            if self.rng.one_in(16) {
                check::log(&mut machine, office.desk(), self.cast, false)?;
            }
        }
        self.end(office)
    }

    /// An office on what is written.
    fn open(&self) -> Result<Desk, Stop> {
        let desk = self.machine.0.borrow_mut().desk(self.cast).cloned();
        let desk = desk.map_err(|error| broken("the log does not replay", &error))?;
        let clearing = self.cast.clears.clone();
        let rail = LedgerRail::new(FaultyLedger::new(self.machine.clone()), clearing);
        Ok(Office::new(desk, self.machine.clone(), rail))
    }

    /// The office by the last snapshot and what came since, when there is one: it is the same.
    fn shortened(&mut self, whole: &Desk) -> Result<Option<Desk>, Stop> {
        let kept = self.machine.0.borrow().desk_kept(self.cast);
        let Some(desk) = kept.map_err(|error| broken("a snapshot does not go on", &error))? else {
            return Ok(None);
        };
        if !desk.rows().eq(whole.desk().rows()) {
            return Err("the snapshot gives another desk than the whole log".into());
        }
        self.tally.one(Count::Shortened);
        let rail = LedgerRail::new(FaultyLedger::new(self.machine.clone()), self.cast.clears.clone());
        Ok(Some(Office::new(desk, self.machine.clone(), rail)))
    }

    /// The process died: what it knew is gone, what is on its way is not.
    fn restart(&mut self, office: &mut Desk) -> Result<Desk, Stop> {
        self.note(|| "restart".into());
        self.machine.0.borrow_mut().reboot();
        let delayed = office.rail().ledger().take_delayed();
        let mut again = self.open()?;
        if let Some(short) = self.shortened(&again)? {
            again = short;
        }
        again.rail().ledger().delay(delayed);
        Ok(again)
    }

    /// What authorizes an escrow's contract: the same signature every time.
    pub(super) fn authorization(&self, escrow: &Escrow) -> Option<Event> {
        let terms = self.contracts.iter().find(|terms| terms.id == escrow.id)?;
        Some(terms.authorizes.clone())
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        let Some(trace) = &mut self.trace else { return };
        if trace.len() >= TRACE_MAX {
            trace.remove(0);
        }
        trace.push(format!("{}: {}", self.steps, what()));
    }

    pub(super) fn now(&self) -> Timestamp {
        self.machine.0.borrow().now
    }

    fn step(&mut self, office: &mut Desk) -> Result<(), Stop> {
        self.tally.one(Count::Steps);
        let which = self.rng.below(2);
        let place = usize::try_from(which).unwrap_or(0);
        let Some(terms) = self.contracts.get(place).copied() else { return Ok(()) };
        let id = terms.id;
        match self.rng.below(20) {
            0..=9 => match office.desk().escrow(&id).cloned() {
                None => {
                    let proposal = Event::Propose(Box::new(terms.signed.clone()));
                    self.act(office, id, proposal).map(drop)
                }
                Some(escrow) => self.progress(office, &escrow),
            },
            10..=12 => self.settle(office, id),
            13 | 14 => self.deliver(office, id),
            15 => {
                let fault = self.rng.pick(&Fault::ALL).unwrap_or(Fault::None);
                self.note(|| format!("rail: {fault:?}"));
                office.rail().ledger().arm(fault);
                Ok(())
            }
            16 => {
                let crash = if self.rng.one_in(2) { Crash::Before } else { Crash::After };
                let writes = self.rng.below(3);
                self.note(|| format!("crash {crash:?} in {writes}"));
                self.machine.0.borrow_mut().die_in(writes, crash);
                Ok(())
            }
            17 => {
                office.rail().ledger().heal();
                Ok(())
            }
            18 => self.mischief(office, id),
            _ => {
                self.turn_clock(office, id);
                Ok(())
            }
        }
    }

    /// What an honest party would do next; now and then the message is late.
    fn progress(&mut self, office: &mut Desk, escrow: &Escrow) -> Result<(), Stop> {
        let (id, event) = match self.together(office, escrow) {
            Some(both) => both,
            None => match self.next(escrow)? {
                Some(event) => (escrow.id, event),
                None => return self.settle(office, escrow.id),
            },
        };
        if self.rng.one_in(4) {
            if self.mail.len() >= MAIL_MAX {
                self.mail.remove(0);
            }
            self.tally.one(Count::Late);
            self.mail.push((id, event));
            return Ok(());
        }
        self.act(office, id, event).map(drop)
    }

    /// Now and then both escrows are locked together, when both can be.
    fn together(&mut self, office: &Desk, escrow: &Escrow) -> Option<(Digest, Event)> {
        let ids = self.contracts.map(|terms| terms.id);
        let ready = ids.iter().filter_map(|id| office.desk().escrow(id));
        let ready = ready.filter(|escrow| escrow.phase == Phase::Authorized).count();
        if escrow.phase != Phase::Authorized || ready < 2 || ids[0] == ids[1] || self.rng.one_in(3) {
            return None;
        }
        let members = office.desk().group(&ids).ok()?;
        self.tally.one(Count::Together);
        Some((members.first()?.escrow, Event::LockTogether(members)))
    }

    /// Records an event; answers whether it was.
    fn act(&mut self, office: &mut Desk, id: Digest, event: Event) -> Result<bool, Stop> {
        let kind = event.kind();
        let disputes = matches!(event, Event::Dispute(_));
        let now = self.now();
        let done = office.act(id, event, now);
        self.note(|| {
            let what = done.as_ref().map_or_else(ToString::to_string, |told| told.phase.to_string());
            format!("{kind} at {}: {what}", now.0)
        });
        match done {
            Ok(_) => {
                self.tally.one(Count::Recorded);
                if disputes {
                    self.disputed.insert(id);
                }
                Ok(true)
            }
            Err(OfficeError::Refused(_)) => {
                self.tally.one(Count::Refused);
                Ok(false)
            }
            Err(OfficeError::Unknown) => Ok(false),
            Err(error) => Err(format!("{kind}: {error}")),
        }
    }

    fn settle(&mut self, office: &mut Desk, id: Digest) -> Result<(), Stop> {
        let now = self.now();
        let done = office.settle(id, now);
        self.note(|| format!("settle at {}: {done:?}", now.0));
        if let Some(fault) = office.rail().ledger().take_met().and_then(Count::of) {
            self.tally.one(fault);
        }
        match done {
            Ok(told) => {
                let unknown =
                    office.desk().escrow(&id).is_some_and(|e| matches!(e.rail, RailState::Unknown(_)));
                self.tally.more(Count::Unknown, u64::from(told.is_some() && unknown));
                Ok(())
            }
            Err(OfficeError::Unknown | OfficeError::Refused(crate::escrow::Refusal::Missing(_))) => Ok(()),
            Err(error) => Err(format!("settle: {error}")),
        }
    }

    /// A message arrives: any, now and then again, now and then at the wrong escrow.
    fn deliver(&mut self, office: &mut Desk, id: Digest) -> Result<(), Stop> {
        let count = u64::try_from(self.mail.len()).unwrap_or(0);
        let place = usize::try_from(self.rng.below(count)).unwrap_or(0);
        let Some((to, event)) = self.mail.get(place).cloned() else { return Ok(()) };
        if self.rng.one_in(3) {
            self.tally.one(Count::Twice);
        } else {
            self.mail.remove(place);
        }
        let wrong = self.rng.one_in(6) && to != id;
        if wrong {
            self.tally.one(Count::Astray);
        }
        let signed = !matches!(
            event,
            Event::Lock | Event::Take | Event::Reclaim | Event::Expire | Event::Authorize { mandate: None }
        );
        let kind = event.kind();
        let done = self.act(office, if wrong { id } else { to }, event)?;
        if done && wrong && signed {
            return Err(format!("a {kind} for another escrow was taken"));
        }
        Ok(())
    }

    /// What nobody may do: it must be refused.
    fn mischief(&mut self, office: &mut Desk, id: Digest) -> Result<(), Stop> {
        let Some(escrow) = office.desk().escrow(&id).cloned() else { return Ok(()) };
        let event = match self.rng.below(4) {
            0 => Event::Rail {
                call: format!("escrow:{id}:1:call"),
                outcome: Outcome::Failed { reason: "no".into() },
            },
            1 => {
                // The office itself claims that the money moved.
                let key = escrow.rail.open().map_or_else(String::new, |call| call.key.clone());
                Event::Rail { call: key, outcome: Outcome::Done { proof: "0".into() } }
            }
            _ => match self.forged(&escrow)? {
                Some(event) => event,
                None => return Ok(()),
            },
        };
        let kind = event.kind();
        self.tally.one(Count::Forged);
        if self.act(office, id, event)? {
            return Err(format!("a forged {kind} was taken"));
        }
        Ok(())
    }

    /// On, to a deadline and its neighbours, or back.
    fn turn_clock(&mut self, office: &Desk, id: Digest) {
        let now = self.now().0;
        let escrow = office.desk().escrow(&id);
        let deadlines = escrow.map(|escrow| {
            let stage = escrow.contract.stages.get(escrow.stage).map(|stage| stage.submit_by.0);
            let window = escrow.grant.as_ref().map(|grant| grant.from.0);
            let end = escrow.contract.refund_after.0;
            [window, window, window, window, window, stage, stage, Some(end)]
        });
        let step = i64::try_from(self.rng.below(300_000_000)).unwrap_or(0);
        let (to, what) = match self.rng.below(8) {
            0 => (now.saturating_sub(step.saturating_mul(6)), Count::Back),
            1..=4 => {
                let deadline = deadlines.and_then(|of| self.rng.pick(&of).flatten());
                let beside = i64::try_from(self.rng.below(3)).unwrap_or(0).saturating_sub(1);
                (deadline.map_or(now, |at| at.saturating_add(beside)), Count::Deadline)
            }
            _ => (now.saturating_add(step), Count::Forward),
        };
        self.tally.more(what, u64::from(to != now));
        self.note(|| format!("clock {now} to {to}"));
        self.machine.0.borrow_mut().now = Timestamp(to);
    }

    /// Everything works again, and every deadline is past: all must come to its end, without the verifiers.
    fn end(&mut self, mut office: Desk) -> Result<(), Stop> {
        office.rail().ledger().heal();
        let mut office = self.restart(&mut office)?;
        let past =
            self.contracts.iter().map(|terms| terms.signed.statement.refund_after.0).max().unwrap_or(0);
        self.machine.0.borrow_mut().now = Timestamp(past);
        let ids: Vec<Digest> = office.desk().escrows().map(|escrow| escrow.id).collect();
        for id in ids {
            for _ in 0..END_MAX {
                let Some(escrow) = office.desk().escrow(&id) else { break };
                match escrow.phase {
                    phase if phase.is_final() => break,
                    Phase::Proposed | Phase::Authorized => drop(self.act(&mut office, id, Event::Expire)?),
                    phase if phase.is_funded() => drop(self.act(&mut office, id, Event::Reclaim)?),
                    _ => self.settle(&mut office, id)?,
                }
            }
        }
        for escrow in office.desk().escrows() {
            self.tally.one(match escrow.phase {
                Phase::Released => Count::Released,
                Phase::Refunded => Count::Refunded,
                _ => Count::Expired,
            });
        }
        self.tally.more(Count::Disputed, u64::try_from(self.disputed.len()).unwrap_or(0));
        let anew = self.rng.one_in(8);
        let mut machine = self.machine.0.borrow_mut();
        check::log(&mut machine, office.desk(), self.cast, anew)?;
        check::end(&machine, office.desk(), self.cast, self.funds)
    }
}
