//! The two planes, apart in types: the one signs orders, the other executes them and has nothing to sign with.
//!
//! ```compile_fail
//! use tollgate_pay::escrow::{SettlementPlane, Signer, Verifier};
//! let key: Signer<Verifier> = Signer::from_seed(&[7; 32]);
//! SettlementPlane::new(key, "log".into()); // a settlement plane is made from a log's public key
//! ```

use super::step::{about, before};
use super::{
    Act, Escrow, Event, Mark, PublicKey, Refusal, ReleaseOrder, Signed, Signer, Statement, Tally, Verdict,
    Verifier,
};
use crate::PayError;
use crate::log::{Checkpoint, Note, Policy, Receipt, VerifyingKey, verify_inclusion};
use std::sync::Arc;
use tollgate_core::{Amount, Digest, Timestamp};

/// One verifier. It looks at evidence and signs; it knows no rail and moves no money.
#[derive(Debug)]
pub struct ControlPlane {
    signer: Signer<Verifier>,
}

impl ControlPlane {
    /// The verifier with this key.
    #[must_use]
    pub const fn new(signer: Signer<Verifier>) -> Self {
        Self { signer }
    }

    /// The verifier's public key.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.signer.public()
    }

    /// What the verifiers of an escrow are to sign when they have looked at its evidence.
    #[must_use]
    pub const fn verdict(escrow: &Escrow, granted: Amount, pote: Digest) -> Verdict {
        Verdict { contract: escrow.id, granted, pote, version: escrow.version }
    }

    /// The order that executes what was decided; `leaf` is the leaf hash of the entry that holds the decision.
    ///
    /// # Errors
    /// [`Refusal::Illegal`] when nothing was decided.
    pub fn order(escrow: &Escrow, leaf: Digest, expires: Timestamp) -> Result<ReleaseOrder, Refusal> {
        let illegal = || Refusal::Illegal { phase: escrow.phase, event: super::EventKind::Release };
        let (act, amount, destination) = target(escrow).ok_or_else(illegal)?;
        let index = escrow.grant.as_ref().and_then(|grant| grant.entry).ok_or_else(illegal)?;
        let (contract, rail, version) = (escrow.id, escrow.contract.rail.clone(), escrow.version);
        Ok(ReleaseOrder { act, amount, contract, destination, expires, index, leaf, rail, version })
    }

    /// Signs a verdict or an order.
    #[must_use]
    pub fn sign<S: Statement<By = Verifier>>(&self, statement: &S) -> Mark {
        self.signer.sign(statement)
    }
}

/// What was decided, as an order says it: what to do, with how much, for whom.
fn target(escrow: &Escrow) -> Option<(Act, Amount, tollgate_core::id::AccountId)> {
    let grant = escrow.grant.as_ref()?;
    if grant.amount.minor() > 0 {
        return Some((Act::Release, grant.amount, escrow.contract.payee.account.clone()));
    }
    Some((Act::Refund, escrow.left(), escrow.contract.funding.first()?.account.clone()))
}

/// What executes orders. It checks who signed, that the order is about the escrow as it is, and that the decision is in a
/// log that it trusts; it never sees evidence.
///
/// Where it knows a policy of witnesses, a new order is taken only when a quorum of them has cosigned the log that shows the
/// decision. What stands in the log already is not asked for it again: a policy may be set, and changed, at any time.
#[derive(Clone, Debug)]
pub struct SettlementPlane {
    log: VerifyingKey,
    origin: String,
    witnesses: Option<Arc<Policy>>,
}

impl SettlementPlane {
    /// A plane that trusts the log of this key and name.
    #[must_use]
    pub const fn new(log: VerifyingKey, origin: String) -> Self {
        Self { log, origin, witnesses: None }
    }

    /// The plane that also wants the witnesses of this policy.
    ///
    /// # Errors
    /// [`PayError::NotProven`] when the policy is about other logs.
    pub fn witnessed(self, policy: Arc<Policy>) -> Result<Self, PayError> {
        policy.is_about(&self.log)?;
        Ok(Self { witnesses: Some(policy), ..self })
    }

    /// The policy of witnesses, if it has one.
    #[must_use]
    pub fn witnesses(&self) -> Option<&Policy> {
        self.witnesses.as_deref()
    }

    /// Checks that the witnesses who are wanted have cosigned a checkpoint.
    ///
    /// # Errors
    /// [`PayError::NotProven`] with who has.
    pub fn seen(&self, checkpoint: &Note) -> Result<(), PayError> {
        self.witnesses().map_or(Ok(()), |policy| policy.met(checkpoint))
    }

    /// Checks what is asked of a new event only, beside [`super::step`]: that witnesses have seen what an order rests on.
    pub(super) fn allows(&self, event: &Event) -> Result<(), Refusal> {
        let Event::Order { proof, .. } = event else { return Ok(()) };
        let receipt = Receipt::parse(proof).map_err(Refusal::Unproven)?;
        self.seen(&receipt.checkpoint).map_err(Refusal::Unproven)
    }

    /// The log's public key.
    #[must_use]
    pub const fn log(&self) -> &VerifyingKey {
        &self.log
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Checks an order at `now`, and answers who signed it.
    ///
    /// # Errors
    /// [`Refusal`] with the first thing that is wrong: the order is about another escrow, version, amount, destination or
    /// rail; it has expired; too few verifiers signed; the decision is not proven to be in the log.
    pub fn check(
        &self,
        escrow: &Escrow,
        signed: &Signed<ReleaseOrder>,
        proof: &str,
        now: Timestamp,
    ) -> Result<Tally, Refusal> {
        let order = &signed.statement;
        about(escrow, &order.contract, order.version)?;
        let illegal = || Refusal::Illegal { phase: escrow.phase, event: super::EventKind::Release };
        let (act, amount, destination) = target(escrow).ok_or_else(illegal)?;
        if order.act != act {
            let word = |act| if act == Act::Release { "release" } else { "refund" };
            return Err(Refusal::mismatch("act", &word(order.act), &word(act)));
        }
        if order.amount != amount {
            return Err(Refusal::mismatch("amount", &order.amount, &amount));
        }
        if order.destination != destination {
            return Err(Refusal::mismatch("destination", &order.destination, &destination));
        }
        if order.rail != escrow.contract.rail {
            return Err(Refusal::mismatch("rail", &order.rail, &escrow.contract.rail));
        }
        before("the order", now, order.expires)?;
        let entry = escrow.grant.as_ref().and_then(|grant| grant.entry);
        if entry != Some(order.index) {
            let is = entry.map_or("not known".into(), |entry| entry.to_string());
            return Err(Refusal::mismatch("entry of the decision", &order.index, &is));
        }
        let tally = escrow.contract.verifiers.meets(signed)?;
        self.check_log(order, proof).map_err(Refusal::Unproven)?;
        Ok(tally)
    }

    fn check_log(&self, order: &ReleaseOrder, proof: &str) -> Result<(), PayError> {
        let receipt = Receipt::parse(proof)?;
        if receipt.index != order.index {
            let reason =
                format!("it is about entry {}, the decision is entry {}", receipt.index, order.index);
            return Err(PayError::NotProven { what: "inclusion proof", reason });
        }
        let checkpoint = Checkpoint::verified(&receipt.checkpoint, &self.log, &self.origin)?;
        verify_inclusion(order.leaf.0, receipt.index, checkpoint.size, &receipt.path, checkpoint.root)
    }
}
