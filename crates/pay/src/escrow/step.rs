//! The state machine: escrow, event, time → next escrow, or why not.
//!
//! What the rail is to do stands in the next escrow's [`RailState`]; what the log is to hold is the event itself, with its
//! time. Time never runs back: an event that comes with an earlier time than the one before happens at that one's.

use super::desk::{join, share};
use super::{
    Act, Escrow, Event, Exhibits, Grant, Member, Objection, Phase, RailState, Refusal, ReleaseOrder, Rules,
    Ruling, SettlementPlane, Side, Signed, Submission, TaskContract, Verdict,
};
use crate::PayError;
use crate::rail::{Ask, OUTCOME_BYTES_MAX, Outcome};
use tollgate_core::{Amount, Digest, Timestamp};

/// Most objections and exhibits in one dispute, and most of one side: neither takes the other's place.
pub const EXHIBITS_MAX: u32 = 2 * SIDE_EXHIBITS_MAX;
/// See [`EXHIBITS_MAX`].
pub const SIDE_EXHIBITS_MAX: u32 = 8;

/// What follows from an event. The escrow that is given is not changed.
///
/// # Errors
/// [`Refusal`], which says why the event cannot happen.
pub fn step(
    plane: &SettlementPlane,
    escrow: &Escrow,
    event: &Event,
    now: Timestamp,
) -> Result<Escrow, Refusal> {
    let at = At { escrow, now: now.max(escrow.time), event };
    let version = escrow.version.saturating_add(1);
    let mut next = Escrow { version, tries: 0, time: at.now, ..escrow.clone() };
    if let Some(call) = escrow.rail.open().filter(|_| !matches!(event, Event::Rail { .. })) {
        return Err(Refusal::Blocked { key: call.key.clone() });
    }
    match event {
        Event::Propose(_) => return Err(Refusal::Exists(escrow.id)),
        Event::Authorize { .. } => at.authorize(&mut next)?,
        Event::Lock => at.lock(&mut next, None)?,
        Event::LockTogether(members) => at.lock(&mut next, Some(members))?,
        Event::Rail { call, outcome } => at.rail(&mut next, call, outcome)?,
        Event::Submit(submission) => at.submit(&mut next, submission)?,
        Event::Take => at.take(&mut next)?,
        Event::Verdict(verdict) => at.verdict(&mut next, verdict)?,
        Event::Order { order, proof } => at.order(&mut next, plane, order, proof)?,
        Event::Dispute(objection) => at.dispute(&mut next, objection)?,
        Event::Counter(objection) => at.counter(&mut next, objection)?,
        Event::Rule(ruling) => at.rule(&mut next, ruling)?,
        Event::Reclaim => at.reclaim(&mut next)?,
        Event::Expire => at.expire(&mut next)?,
    }
    Ok(next)
}

/// An event at its moment.
struct At<'a> {
    escrow: &'a Escrow,
    now: Timestamp,
    event: &'a Event,
}

impl At<'_> {
    /// The event belongs to these phases only.
    fn only(&self, phases: &[Phase]) -> Result<(), Refusal> {
        if phases.contains(&self.escrow.phase) { Ok(()) } else { Err(self.illegal()) }
    }

    fn illegal(&self) -> Refusal {
        Refusal::Illegal { phase: self.escrow.phase, event: self.event.kind() }
    }

    /// The statement is about this escrow as it is now.
    fn about(&self, contract: &Digest, version: u64) -> Result<(), Refusal> {
        about(self.escrow, contract, version)
    }

    /// That the owners of the money allow it is checked by whoever knows them: see [`super::Desk`].
    fn authorize(&self, next: &mut Escrow) -> Result<(), Refusal> {
        self.only(&[Phase::Proposed])?;
        before("authorizing", self.now, first_deadline(&self.escrow.contract))?;
        next.phase = Phase::Authorized;
        Ok(())
    }

    fn lock(&self, next: &mut Escrow, members: Option<&[Member]>) -> Result<(), Refusal> {
        self.only(&[Phase::Authorized])?;
        before("locking", self.now, first_deadline(&self.escrow.contract))?;
        let (call, together) = match members {
            Some(members) => join(self.escrow, members).map(|(call, together)| (call, Some(together)))?,
            None => {
                let funding = self.escrow.contract.funding.clone();
                (self.escrow.call(next.version, Ask::Hold { funding }), None)
            }
        };
        (next.rail, next.together, next.phase) = (RailState::Pending(call), together, Phase::Locking);
        Ok(())
    }

    fn rail(&self, next: &mut Escrow, key: &str, outcome: &Outcome) -> Result<(), Refusal> {
        let call = self.escrow.rail.open().ok_or_else(|| self.illegal())?;
        if call.key != key {
            return Err(Refusal::mismatch("call", &key, &call.key));
        }
        match outcome {
            Outcome::Unknown if matches!(self.escrow.rail, RailState::Unknown(_)) => {
                return Err(self.illegal());
            }
            Outcome::Unknown => next.rail = RailState::Unknown(call.clone()),
            Outcome::Done { proof } => {
                bounded(proof)?;
                next.rail = RailState::Final;
                self.done(next, proof)?;
            }
            Outcome::Failed { reason } => {
                bounded(reason)?;
                next.rail = RailState::Final;
                next.phase = match self.escrow.phase {
                    Phase::Locking => Phase::Authorized,
                    Phase::Releasing => Phase::Releasable,
                    Phase::Refunding => {
                        let nothing = self.escrow.contract.amount(0);
                        let decided = self.escrow.grant.clone().filter(|grant| grant.amount == nothing);
                        let reclaimed = Grant { amount: nothing, from: self.now, entry: None };
                        next.grant = Some(decided.unwrap_or(reclaimed));
                        Phase::Refusable
                    }
                    _ => return Err(self.illegal()),
                };
            }
        }
        Ok(())
    }

    fn done(&self, next: &mut Escrow, proof: &str) -> Result<(), Refusal> {
        match self.escrow.phase {
            Phase::Locking => {
                let together = self.escrow.together.as_ref();
                let mine = together.map(|together| share(proof, together, self.escrow)).transpose()?;
                next.held = Some(mine.unwrap_or_else(|| proof.to_owned()));
                next.phase = Phase::Locked;
            }
            Phase::Releasing => {
                let grant = self.escrow.grant.as_ref().ok_or_else(|| self.illegal())?;
                let released = self.escrow.released.checked_add(grant.amount);
                next.released = released.map_err(|_| bad_amount("released", &grant.amount))?;
                (next.grant, next.submission, next.exhibits) = (None, None, Exhibits::default());
                next.submitted = None;
                if self.escrow.is_last_stage() {
                    next.phase = Phase::Released;
                } else {
                    next.stage = self.escrow.stage.saturating_add(1);
                    next.phase = Phase::PartlyReleased;
                }
            }
            Phase::Refunding => next.phase = Phase::Refunded,
            _ => return Err(self.illegal()),
        }
        Ok(())
    }

    fn submit(&self, next: &mut Escrow, signed: &Signed<Submission>) -> Result<(), Refusal> {
        self.only(&[Phase::Locked, Phase::PartlyReleased, Phase::Submitted])?;
        let (said, contract) = (&signed.statement, &self.escrow.contract);
        let stage = contract.stages.get(self.escrow.stage).ok_or_else(|| self.illegal())?;
        before("evidence", self.now, stage.submit_by)?;
        self.about(&said.contract, said.version)?;
        if said.stage != self.escrow.stage {
            return Err(Refusal::mismatch("stage", &said.stage, &self.escrow.stage));
        }
        if !contract.evidence.kinds.contains(&said.kind) {
            return Err(Refusal::mismatch(
                "kind of evidence",
                &said.kind,
                &contract.evidence.kinds.join(" or "),
            ));
        }
        signed.check("payee", &contract.payee.key)?;
        (next.submission, next.submitted) = (Some(signed.clone()), Some(self.now));
        next.phase = Phase::Submitted;
        Ok(())
    }

    fn take(&self, next: &mut Escrow) -> Result<(), Refusal> {
        self.only(&[Phase::Submitted])?;
        before("verification", self.now, self.escrow.contract.refund_after)?;
        next.phase = Phase::Verifying;
        Ok(())
    }

    fn verdict(&self, next: &mut Escrow, signed: &Signed<Verdict>) -> Result<(), Refusal> {
        self.only(&[Phase::Verifying])?;
        let (said, contract) = (&signed.statement, &self.escrow.contract);
        self.about(&said.contract, said.version)?;
        // A window that ended too late for a ruling would be one in which the payer only has to object and wait.
        before("a verdict", self.now, contract.verdict_by(self.escrow.rules))?;
        self.grantable(&said.granted)?;
        contract.verifiers.meets(signed)?;
        let from = Timestamp(self.now.0.saturating_add(contract.challenge_us));
        self.grant(next, said.granted, from);
        Ok(())
    }

    /// What may be granted for the stage: nothing, all of it, or anything between when the contract allows parts.
    fn grantable(&self, granted: &Amount) -> Result<(), Refusal> {
        let contract = &self.escrow.contract;
        let stage = contract.stages.get(self.escrow.stage).ok_or_else(|| self.illegal())?;
        let (minor, most) = (granted.minor(), stage.amount.minor());
        let part = contract.partial && (0..=most).contains(&minor);
        if granted.asset() == stage.amount.asset() && (part || minor == 0 || minor == most) {
            return Ok(());
        }
        let between = if contract.partial {
            format!("0 to {}", stage.amount)
        } else {
            format!("0 or {}", stage.amount)
        };
        Err(Refusal::mismatch("grant", granted, &between))
    }

    fn grant(&self, next: &mut Escrow, amount: Amount, from: Timestamp) {
        next.phase = if amount.minor() > 0 { Phase::Releasable } else { Phase::Refusable };
        next.grant = Some(Grant { amount, from, entry: None });
    }

    fn order(
        &self,
        next: &mut Escrow,
        plane: &SettlementPlane,
        order: &Signed<ReleaseOrder>,
        proof: &str,
    ) -> Result<(), Refusal> {
        let escrow = self.escrow;
        match order.statement.act {
            Act::Release => self.only(&[Phase::Releasable])?,
            Act::Refund => self.only(&[Phase::Refusable])?,
        }
        let grant = escrow.grant.as_ref().ok_or_else(|| self.illegal())?;
        from("an order", self.now, grant.from)?;
        if order.statement.act == Act::Release {
            before("a release", self.now, escrow.contract.refund_after)?;
        }
        plane.check(escrow, order, proof, self.now)?;
        match order.statement.act {
            Act::Release => {
                let parts = escrow.contract.split(grant.amount.minor());
                let ask = Ask::Release {
                    held: escrow.held.clone().ok_or_else(|| self.illegal())?,
                    funding: escrow.contract.funding.clone(),
                    before: escrow.released,
                    amount: grant.amount,
                    parts: parts.ok_or_else(|| bad_amount("grant", &grant.amount))?,
                    last: escrow.is_last_stage(),
                };
                next.rail = RailState::Pending(escrow.call(next.version, ask));
                next.phase = Phase::Releasing;
            }
            Act::Refund => self.give_back(next)?,
        }
        Ok(())
    }

    fn give_back(&self, next: &mut Escrow) -> Result<(), Refusal> {
        let escrow = self.escrow;
        let ask = Ask::Refund {
            held: escrow.held.clone().ok_or_else(|| self.illegal())?,
            funding: escrow.contract.funding.clone(),
            before: escrow.released,
        };
        next.rail = RailState::Pending(escrow.call(next.version, ask));
        next.phase = Phase::Refunding;
        Ok(())
    }

    fn dispute(&self, next: &mut Escrow, signed: &Signed<Objection>) -> Result<(), Refusal> {
        // Only who the verdict is against may object to it.
        let by = match self.escrow.phase {
            Phase::Releasable => Side::Payer,
            Phase::Refusable => Side::Payee,
            _ => return Err(self.illegal()),
        };
        let grant = self.escrow.grant.as_ref().ok_or_else(|| self.illegal())?;
        before("a dispute", self.now, grant.from)?;
        if signed.statement.by != by {
            return Err(Refusal::mismatch("objecting side", &side(signed.statement.by), &side(by)));
        }
        self.exhibit(next, signed)?;
        next.phase = Phase::Disputed;
        Ok(())
    }

    fn counter(&self, next: &mut Escrow, signed: &Signed<Objection>) -> Result<(), Refusal> {
        self.only(&[Phase::Disputed])?;
        before("counter-evidence", self.now, self.escrow.contract.ruling_by(self.escrow.rules))?;
        self.exhibit(next, signed)
    }

    fn exhibit(&self, next: &mut Escrow, signed: &Signed<Objection>) -> Result<(), Refusal> {
        let said = &signed.statement;
        self.about(&said.contract, said.version)?;
        let contract = &self.escrow.contract;
        match said.by {
            Side::Payer => signed.check("payer", &contract.payer)?,
            Side::Payee => signed.check("payee", &contract.payee.key)?,
        }
        let Exhibits { payer, payee } = self.escrow.exhibits;
        let (is, most) = match (self.escrow.rules, said.by) {
            (Rules::First, _) => (payer.saturating_add(payee), EXHIBITS_MAX),
            (Rules::Second, Side::Payer) => (payer, SIDE_EXHIBITS_MAX),
            (Rules::Second, Side::Payee) => (payee, SIDE_EXHIBITS_MAX),
        };
        if is >= most {
            let wanted = "fewer in one dispute: it is for the evaluators now";
            return Err(PayError::bad("exhibits", &most.to_string(), wanted).into());
        }
        match said.by {
            Side::Payer => next.exhibits.payer = payer.saturating_add(1),
            Side::Payee => next.exhibits.payee = payee.saturating_add(1),
        }
        Ok(())
    }

    fn rule(&self, next: &mut Escrow, signed: &Signed<Ruling>) -> Result<(), Refusal> {
        self.only(&[Phase::Disputed])?;
        let (said, contract) = (&signed.statement, &self.escrow.contract);
        self.about(&said.contract, said.version)?;
        before("a ruling", self.now, contract.ruling_by(self.escrow.rules))?;
        self.grantable(&said.granted)?;
        contract.evaluators.meets(signed)?;
        // A ruling is executed at once: there is no window in which it could be disputed again.
        self.grant(next, said.granted, self.now);
        Ok(())
    }

    fn reclaim(&self, next: &mut Escrow) -> Result<(), Refusal> {
        if !self.escrow.phase.is_funded() {
            return Err(self.illegal());
        }
        from("a reclaim", self.now, self.escrow.contract.refund_after)?;
        self.give_back(next)
    }

    fn expire(&self, next: &mut Escrow) -> Result<(), Refusal> {
        self.only(&[Phase::Proposed, Phase::Authorized])?;
        from("expiry", self.now, first_deadline(&self.escrow.contract))?;
        next.phase = Phase::Expired;
        Ok(())
    }
}

/// The statement is about this escrow as it is now.
pub(super) fn about(escrow: &Escrow, contract: &Digest, version: u64) -> Result<(), Refusal> {
    if *contract != escrow.id {
        return Err(Refusal::mismatch("contract", contract, &escrow.id));
    }
    if version != escrow.version {
        return Err(Refusal::mismatch("version", &version, &escrow.version));
    }
    Ok(())
}

/// When the first evidence is due: without funds by then there is no task.
pub(super) fn first_deadline(contract: &TaskContract) -> Timestamp {
    contract.stages.first().map_or(Timestamp(0), |stage| stage.submit_by)
}

pub(super) fn before(what: &'static str, now: Timestamp, until: Timestamp) -> Result<(), Refusal> {
    if now < until { Ok(()) } else { Err(Refusal::TooLate { what, until, now }) }
}

fn from(what: &'static str, now: Timestamp, from: Timestamp) -> Result<(), Refusal> {
    if now >= from { Ok(()) } else { Err(Refusal::TooEarly { what, from, now }) }
}

const fn side(side: Side) -> &'static str {
    match side {
        Side::Payer => "payer",
        Side::Payee => "payee",
    }
}

fn bad_amount(field: &'static str, amount: &Amount) -> Refusal {
    PayError::bad(field, &amount.to_string(), "an amount whose sums fit in 128 bits").into()
}

fn bounded(text: &str) -> Result<(), Refusal> {
    let plain = |c: char| !c.is_control();
    if text.len() <= OUTCOME_BYTES_MAX && text.chars().all(plain) {
        return Ok(());
    }
    Err(PayError::bad("rail outcome", text, "at most 512 bytes without control characters").into())
}
