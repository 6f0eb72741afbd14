//! What the parties, the verifiers and forgers say.

use super::broken;
use super::play::{Play, Stop};
use crate::escrow::{
    Act, ControlPlane, Escrow, Event, Objection, Phase, ReleaseOrder, Ruling, Side, Signed, Submission,
};
use tollgate_core::{Digest, Timestamp};

impl Play<'_> {
    /// What an honest party would do next; `None` where only the rail can.
    pub(super) fn next(&mut self, escrow: &Escrow) -> Result<Option<Event>, Stop> {
        let late = self.now() >= escrow.contract.refund_after;
        Ok(Some(match escrow.phase {
            phase if phase.is_funded() && late && self.rng.one_in(2) => Event::Reclaim,
            Phase::Proposed | Phase::Authorized if late => Event::Expire,
            Phase::Proposed => return Ok(self.authorization(escrow)),
            Phase::Authorized => Event::Lock,
            Phase::Locked | Phase::PartlyReleased => self.submission(escrow),
            Phase::Submitted if self.rng.one_in(6) => self.submission(escrow),
            Phase::Submitted => Event::Take,
            Phase::Verifying => self.verdict(escrow),
            Phase::Releasable if self.rng.one_in(3) => self.objection(escrow, Side::Payer, true),
            Phase::Refusable if self.rng.one_in(3) => self.objection(escrow, Side::Payee, true),
            Phase::Releasable | Phase::Refusable => match self.order(escrow)? {
                Some(order) => order,
                None => return Ok(None),
            },
            Phase::Disputed if self.rng.one_in(3) => self.objection(escrow, Side::Payee, false),
            Phase::Disputed => self.ruling(escrow),
            Phase::Locking | Phase::Releasing | Phase::Refunding => return Ok(None),
            Phase::Released | Phase::Refunded | Phase::Expired => return Ok(None),
        }))
    }

    fn submission(&mut self, escrow: &Escrow) -> Event {
        let evidence = Digest::of(&self.rng.below(9).to_le_bytes());
        let said = Submission {
            contract: escrow.id,
            evidence,
            kind: "test_result".into(),
            output: Digest::of(b"output"),
            stage: escrow.stage,
            version: escrow.version,
        };
        let mark = self.cast.payee.sign(&said);
        Event::Submit(Signed::new(said, vec![mark]))
    }

    /// Nothing, all of the stage, or a part where parts are allowed.
    fn granted(&mut self, escrow: &Escrow) -> tollgate_core::Amount {
        let whole = escrow.contract.stages.get(escrow.stage).map_or(0, |stage| stage.amount.minor());
        let minor = match self.rng.below(4) {
            0 => 0,
            1 if escrow.contract.partial => {
                i128::from(self.rng.below(u64::try_from(whole).unwrap_or(1))).saturating_add(1)
            }
            _ => whole,
        };
        escrow.contract.amount(minor)
    }

    fn verdict(&mut self, escrow: &Escrow) -> Event {
        let said = ControlPlane::verdict(escrow, self.granted(escrow), Digest::of(b"pote"));
        let [one, two, _] = &self.cast.verifiers;
        let marks = vec![one.sign(&said), two.sign(&said)];
        Event::Verdict(Signed::new(said, marks))
    }

    fn objection(&mut self, escrow: &Escrow, by: Side, opens: bool) -> Event {
        let evidence = Digest::of(&self.rng.below(9).to_le_bytes());
        let said = Objection { by, contract: escrow.id, evidence, version: escrow.version };
        let signer = if by == Side::Payer { &self.cast.payer } else { &self.cast.payee };
        let signed = Signed::new(said.clone(), vec![signer.sign(&said)]);
        if opens { Event::Dispute(signed) } else { Event::Counter(signed) }
    }

    fn ruling(&mut self, escrow: &Escrow) -> Event {
        let granted = self.granted(escrow);
        let reasons = Digest::of(b"reasons");
        let said = Ruling { contract: escrow.id, granted, reasons, version: escrow.version };
        let [_, two, three] = &self.cast.evaluators;
        let marks = vec![three.sign(&said), two.sign(&said)];
        Event::Rule(Signed::new(said, marks))
    }

    /// The order for what was decided, as two verifiers sign it.
    fn order(&self, escrow: &Escrow) -> Result<Option<Event>, Stop> {
        let [one, _, three] = &self.cast.verifiers;
        Ok(self.unsigned(escrow)?.map(|(order, proof)| {
            let marks = vec![one.sign(&order), three.sign(&order)];
            Event::Order { order: Signed::new(order, marks), proof }
        }))
    }

    /// The order for what was decided, with the proof of the decision; `None` where nothing was that an order could rest on.
    fn unsigned(&self, escrow: &Escrow) -> Result<Option<(ReleaseOrder, String)>, Stop> {
        let machine = self.machine.0.borrow();
        let Some(entry) = escrow.grant.as_ref().and_then(|grant| grant.entry) else { return Ok(None) };
        let leaf = machine.leaf(entry).ok_or("the decision's entry has no leaf")?;
        let expires = Timestamp(machine.now.0.saturating_add(7_200_000_000));
        let order = ControlPlane::order(escrow, leaf, expires).map_err(|refusal| refusal.to_string())?;
        let proof = machine.receipt(self.cast, entry, false).map_err(|error| broken("receipt", &error))?;
        Ok(Some((order, proof.to_string())))
    }

    /// An order that is wrong in one way.
    pub(super) fn forged(&mut self, escrow: &Escrow) -> Result<Option<Event>, Stop> {
        let Some((statement, proof)) = self.unsigned(escrow)? else { return Ok(None) };
        let [one, two, _] = &self.cast.verifiers;
        let sign = |order: &ReleaseOrder| vec![one.sign(order), two.sign(order)];
        let dearer = escrow.contract.amount(statement.amount.minor().saturating_add(1));
        let payer = self.cast.accounts().first().cloned().unwrap_or_else(|| statement.destination.clone());
        let (order, marks) = match self.rng.below(6) {
            0 => (statement.clone(), vec![one.sign(&statement), one.sign(&statement)]),
            1 => (statement.clone(), vec![one.sign(&statement), self.cast.stranger.sign(&statement)]),
            2 => {
                let forged = ReleaseOrder { amount: dearer, ..statement.clone() };
                (forged.clone(), sign(&forged))
            }
            3 => {
                let forged = ReleaseOrder { destination: payer, ..statement.clone() };
                (forged.clone(), sign(&forged))
            }
            4 => {
                // Signed for one amount, sent with another.
                (ReleaseOrder { amount: dearer, ..statement.clone() }, sign(&statement))
            }
            _ => {
                let act = if statement.act == Act::Release { Act::Refund } else { Act::Release };
                let forged = ReleaseOrder { act, ..statement.clone() };
                (forged.clone(), sign(&forged))
            }
        };
        Ok(Some(Event::Order { order: Signed::new(order, marks), proof }))
    }
}
