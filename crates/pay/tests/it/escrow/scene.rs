//! One escrow on one machine, driven to where a test needs it.

use tollgate_core::{Amount, Digest, Timestamp};
use tollgate_pay::escrow::{
    ControlPlane, Desk, Escrow, Event, Mark, Objection, Office, OfficeError, Phase, Refusal, ReleaseOrder,
    Ruling, Side, Signed, Submission, TaskContract, Told, Verdict,
};
use tollgate_pay::ledger::Account;
use tollgate_pay::rail::kit::FaultyLedger;
use tollgate_pay::rail::{Ledger as _, LedgerRail};
use tollgate_pay::simulate::{Cast, Machine, Shared};

pub(super) const HOUR: i64 = 3_600_000_000;

pub(super) struct Scene {
    pub(super) cast: Cast,
    pub(super) machine: Shared,
    pub(super) office: Office<Shared, LedgerRail<FaultyLedger<Shared>>>,
    pub(super) contract: TaskContract,
    pub(super) id: Digest,
}

impl Scene {
    pub(super) fn new(change: impl FnOnce(&mut TaskContract)) -> Self {
        let (cast, mut machine) = (Cast::new().unwrap(), Shared::new(Machine::new()));
        machine.apply(cast.opening([20_000, 20_000]).unwrap()).unwrap();
        let rail = LedgerRail::new(FaultyLedger::new(machine.clone()), Cast::clearing().unwrap());
        let desk = machine.0.borrow().desk_anew(&cast).unwrap();
        let office = Office::new(desk, machine.clone(), rail);
        let mut contract = cast.contract();
        change(&mut contract);
        let id = contract.digest();
        Self { cast, machine, office, contract, id }
    }

    /// A scene whose escrow is in this phase, at the earliest time at which it can be.
    pub(super) fn at(phase: Phase, change: impl FnOnce(&mut TaskContract)) -> Self {
        let mut scene = Self::new(change);
        let propose = scene.propose();
        scene.good(propose);
        for _ in 0..20 {
            let escrow = scene.escrow();
            if escrow.phase == phase {
                break;
            }
            if phase == Phase::Expired {
                scene.wait(HOUR);
                scene.good(Event::Expire);
                continue;
            }
            let against = matches!(phase, Phase::Refusable | Phase::Refunding | Phase::Refunded);
            match escrow.phase {
                Phase::Proposed => {
                    scene.good(scene.authorize());
                }
                Phase::Authorized => {
                    scene.good(Event::Lock);
                }
                Phase::Locked | Phase::PartlyReleased => {
                    scene.good(scene.submit());
                }
                Phase::Submitted => {
                    scene.good(Event::Take);
                }
                Phase::Verifying => {
                    let granted = if against { 0 } else { scene.stage_amount() };
                    {
                        scene.good(scene.verdict(granted));
                    };
                }
                Phase::Releasable if phase == Phase::Disputed => {
                    scene.good(scene.object(Side::Payer));
                }
                Phase::Releasable | Phase::Refusable => {
                    scene.until_open();
                    {
                        scene.good(scene.order());
                    };
                }
                _ => {
                    scene.settle();
                }
            }
        }
        assert_eq!(scene.escrow().phase, phase);
        scene
    }

    pub(super) fn escrow(&self) -> Escrow {
        self.office.desk().escrow(&self.id).unwrap().clone()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.machine.0.borrow().now
    }

    pub(super) fn set(&self, now: i64) {
        self.machine.0.borrow_mut().now = Timestamp(now);
    }

    pub(super) fn wait(&self, more: i64) {
        let now = self.now().0;
        self.set(now + more);
    }

    pub(super) fn until_open(&self) {
        let from = self.escrow().grant.unwrap().from;
        self.set(from.0.max(self.now().0));
    }

    pub(super) fn act(&mut self, event: Event) -> Result<Told, OfficeError> {
        let now = self.now();
        self.office.act(self.id, event, now)
    }

    pub(super) fn good(&mut self, event: Event) -> Told {
        self.act(event).unwrap()
    }

    pub(super) fn refused(&mut self, event: Event) -> Refusal {
        let before = self.office.desk().escrow(&self.id).cloned();
        match self.act(event) {
            Err(OfficeError::Refused(refusal)) => {
                assert_eq!(self.office.desk().escrow(&self.id).cloned(), before, "a refusal changes nothing");
                refusal
            }
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn settle(&mut self) -> Option<Told> {
        let now = self.now();
        self.office.settle(self.id, now).unwrap()
    }

    pub(super) fn balance(&self, account: usize) -> i128 {
        let id = &self.cast.accounts()[account];
        self.machine.0.borrow().book.account(id).and_then(Account::balance).unwrap()
    }

    pub(super) fn stage_amount(&self) -> i128 {
        let escrow = self.escrow();
        escrow.contract.stages[escrow.stage].amount.minor()
    }

    pub(super) fn amount(&self, minor: i128) -> Amount {
        self.contract.amount(minor)
    }

    /// An office that has read the log.
    pub(super) fn reopen(&mut self, desk: Desk) {
        let rail = LedgerRail::new(FaultyLedger::new(self.machine.clone()), Cast::clearing().unwrap());
        self.office = Office::new(desk, self.machine.clone(), rail);
    }

    pub(super) fn authorize(&self) -> Event {
        self.cast.authorize(&self.contract).unwrap()
    }

    pub(super) fn propose(&self) -> Event {
        Event::Propose(Box::new(self.cast.signed(self.contract.clone())))
    }

    pub(super) fn submission(&self) -> Submission {
        let escrow = self.escrow();
        Submission {
            contract: self.id,
            evidence: Digest::of(b"evidence"),
            kind: "test_result".into(),
            output: Digest::of(b"output"),
            stage: escrow.stage,
            version: escrow.version,
        }
    }

    pub(super) fn submit(&self) -> Event {
        let said = self.submission();
        let mark = self.cast.payee.sign(&said);
        Event::Submit(Signed::new(said, vec![mark]))
    }

    pub(super) fn verdict(&self, granted: i128) -> Event {
        let said = ControlPlane::verdict(&self.escrow(), self.amount(granted), Digest::of(b"pote"));
        Event::Verdict(Signed::new(said.clone(), self.verdict_marks(&said)))
    }

    pub(super) fn verdict_marks(&self, said: &Verdict) -> Vec<Mark> {
        self.cast.verifiers[..2].iter().map(|verifier| verifier.sign(said)).collect()
    }

    pub(super) fn object(&self, by: Side) -> Event {
        Event::Dispute(self.objection(by))
    }

    pub(super) fn objection(&self, by: Side) -> Signed<Objection> {
        let version = self.escrow().version;
        let said = Objection { by, contract: self.id, evidence: Digest::of(b"against"), version };
        let signer = if by == Side::Payer { &self.cast.payer } else { &self.cast.payee };
        let mark = signer.sign(&said);
        Signed::new(said, vec![mark])
    }

    pub(super) fn rule(&self, granted: i128) -> Event {
        let (granted, version) = (self.amount(granted), self.escrow().version);
        let said = Ruling { contract: self.id, granted, reasons: Digest::of(b"reasons"), version };
        let marks = self.cast.evaluators[1..].iter().map(|evaluator| evaluator.sign(&said)).collect();
        Event::Rule(Signed::new(said, marks))
    }

    /// What the verifiers would sign now, and the proof.
    pub(super) fn release_order(&self) -> (ReleaseOrder, String) {
        let (escrow, machine) = (self.escrow(), self.machine.0.borrow());
        let entry = escrow.grant.as_ref().unwrap().entry.unwrap();
        let expires = Timestamp(99 * HOUR);
        let order = ControlPlane::order(&escrow, machine.leaf(entry).unwrap(), expires).unwrap();
        (order, machine.receipt(&self.cast, entry, false).unwrap().to_string())
    }

    pub(super) fn signed_order(&self, order: ReleaseOrder, proof: String) -> Event {
        let marks = self.cast.verifiers[1..].iter().map(|verifier| verifier.sign(&order)).collect();
        Event::Order { order: Signed::new(order, marks), proof }
    }

    pub(super) fn order(&self) -> Event {
        let (order, proof) = self.release_order();
        self.signed_order(order, proof)
    }
}
