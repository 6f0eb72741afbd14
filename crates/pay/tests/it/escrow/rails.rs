//! The ledger rail passes the conformance kit; rails that are wrong in one way each do not.

use super::scene::Scene;
use tollgate_core::Digest;
use tollgate_core::id::AccountId;
use tollgate_pay::PayError;
use tollgate_pay::escrow::{Event, OfficeError, Phase, RailState, Refusal, Side, TaskContract};
use tollgate_pay::ledger::Account;
use tollgate_pay::rail::kit::{Bench, Fault, FaultyLedger, Finding, Report, conform};
use tollgate_pay::rail::{Ask, Call, Capabilities, Ledger as _, LedgerRail, Outcome, Rail};
use tollgate_pay::simulate::{Cast, Machine, Shared};

type Inner = LedgerRail<FaultyLedger<Shared>>;

/// A rail that is wrong in one way, around one that is right.
trait Wrong: Sized {
    fn new(inner: Inner) -> Self;
    fn inner(&mut self) -> &mut Inner;
    fn perform(&mut self, call: &Call) -> Outcome {
        self.inner().perform(call)
    }
    fn query(&mut self, call: &Call) -> Outcome {
        self.inner().query(call)
    }
}

struct Rails<W>(W);

impl<W: Wrong> Rail for Rails<W> {
    fn name(&self) -> &str {
        "ledger"
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities { stages: true, fees: true, groups: true }
    }
    fn prepare(&mut self, contract: &TaskContract) -> Result<(), PayError> {
        self.0.inner().prepare(contract)
    }
    fn perform(&mut self, call: &Call) -> Outcome {
        self.0.perform(call)
    }
    fn query(&mut self, call: &Call) -> Outcome {
        self.0.query(call)
    }
}

struct LedgerBench<W> {
    cast: Cast,
    machine: Shared,
    rail: Rails<W>,
}

impl<W: Wrong> LedgerBench<W> {
    fn new() -> Self {
        let (cast, mut machine) = (Cast::new().unwrap(), Shared::new(Machine::new()));
        machine.apply(cast.opening([10_000, 2_500]).unwrap()).unwrap();
        let rail = Self::start(&machine);
        Self { cast, machine, rail }
    }

    fn start(machine: &Shared) -> Rails<W> {
        Rails(W::new(LedgerRail::new(FaultyLedger::new(machine.clone()), Cast::clearing().unwrap())))
    }
}

impl<W: Wrong> Bench for LedgerBench<W> {
    type Rail = Rails<W>;

    /// Three stages from two accounts, of which the first is used up within the second stage.
    fn contract(&self) -> TaskContract {
        let mut contract = self.cast.contract();
        let (stage, source) = (contract.stages[0].clone(), contract.funding[0].clone());
        contract.stages = [3_000, 5_000, 2_000]
            .map(|minor| {
                let mut stage = stage.clone();
                stage.amount = contract.amount(minor);
                stage
            })
            .into();
        contract.funding = vec![source.clone(), source];
        contract.funding[0].amount = contract.amount(7_600);
        contract.funding[1].amount = contract.amount(2_400);
        contract.funding[1].account = self.cast.accounts()[2].clone();
        contract
    }

    fn beyond(&self) -> TaskContract {
        let mut contract = self.contract();
        contract.funding[0].amount = contract.amount(10_001);
        contract
    }

    fn rail(&mut self) -> &mut Rails<W> {
        &mut self.rail
    }

    fn restart(&mut self) {
        let delayed = self.rail.0.inner().ledger().take_delayed();
        self.rail = Self::start(&self.machine);
        self.rail.0.inner().ledger().delay(delayed);
    }

    fn arm(&mut self, fault: Fault) {
        self.rail.0.inner().ledger().arm(fault);
    }

    fn heal(&mut self) {
        self.rail.0.inner().ledger().heal();
    }

    fn balance(&self, account: &AccountId) -> i128 {
        // Held funds are still on the account.
        self.machine.0.borrow().book.account(account).and_then(Account::balance).unwrap()
    }

    fn held(&self) -> i128 {
        let clearing = Cast::clearing().unwrap();
        let machine = self.machine.0.borrow();
        machine.book.account(&clearing).unwrap().pending.credits.try_into().unwrap()
    }
}

struct Right(Inner);

impl Wrong for Right {
    fn new(inner: Inner) -> Self {
        Self(inner)
    }
    fn inner(&mut self) -> &mut Inner {
        &mut self.0
    }
}

/// Takes silence for a "no".
struct Hasty(Inner);

impl Wrong for Hasty {
    fn new(inner: Inner) -> Self {
        Self(inner)
    }
    fn inner(&mut self) -> &mut Inner {
        &mut self.0
    }
    fn perform(&mut self, call: &Call) -> Outcome {
        match self.0.perform(call) {
            Outcome::Unknown => Outcome::Failed { reason: "timeout".into() },
            known => known,
        }
    }
}

/// Uses a new key for every attempt.
struct Forgetful(Inner, u32);

impl Wrong for Forgetful {
    fn new(inner: Inner) -> Self {
        Self(inner, 0)
    }
    fn inner(&mut self) -> &mut Inner {
        &mut self.0
    }
    fn perform(&mut self, call: &Call) -> Outcome {
        self.1 += 1;
        let key = format!("{}:{}", call.key, self.1);
        self.0.perform(&Call { key, ..call.clone() })
    }
}

/// Knows its calls only in memory, and says that what it does not know did not happen.
struct Amnesiac(Inner, Vec<String>);

impl Wrong for Amnesiac {
    fn new(inner: Inner) -> Self {
        Self(inner, Vec::new())
    }
    fn inner(&mut self) -> &mut Inner {
        &mut self.0
    }
    fn perform(&mut self, call: &Call) -> Outcome {
        self.1.push(call.key.clone());
        self.0.perform(call)
    }
    fn query(&mut self, call: &Call) -> Outcome {
        if self.1.contains(&call.key) {
            self.0.query(call)
        } else {
            Outcome::Failed { reason: "no such call".into() }
        }
    }
}

/// Keeps what the last release leaves.
struct Greedy(Inner);

impl Wrong for Greedy {
    fn new(inner: Inner) -> Self {
        Self(inner)
    }
    fn inner(&mut self) -> &mut Inner {
        &mut self.0
    }
    fn perform(&mut self, call: &Call) -> Outcome {
        let mut call = call.clone();
        if let Ask::Release { last, .. } = &mut call.ask {
            *last = false;
        }
        self.0.perform(&call)
    }
}

fn finding<W: Wrong>() -> Finding {
    conform(LedgerBench::<W>::new).unwrap_err()
}

#[test]
fn the_ledger_rail_conforms() {
    let report: Report = conform(LedgerBench::<Right>::new).unwrap();
    assert!(report.plays > 100 && report.calls > 500 && report.unknown > 100, "{report:?}");
}

#[test]
fn wrong_rails_are_caught() {
    let hasty = finding::<Hasty>();
    assert_eq!(hasty.fault, Fault::DropRequest, "{hasty}");
    assert!(hasty.what.contains("timeout"), "{hasty}");
    let forgetful = finding::<Forgetful>();
    assert!(forgetful.what.contains("asked again"), "{forgetful}");
    let amnesiac = finding::<Amnesiac>();
    assert_eq!(amnesiac.fault, Fault::CrashBefore, "{amnesiac}");
    let greedy = finding::<Greedy>();
    assert!(greedy.what.contains("are held, expected 0"), "{greedy}");
}

#[test]
fn an_unknown_outcome_blocks_until_it_is_known() {
    for fault in [Fault::DropAnswer, Fault::DropRequest, Fault::StaleQuery, Fault::Delay] {
        let mut scene = Scene::at(Phase::Releasable, |_| {});
        scene.until_open();
        scene.good(scene.order());
        scene.office.rail().ledger().arm(fault);
        let told = scene.settle().unwrap();
        assert_eq!(told.phase, Phase::Releasing);
        assert!(matches!(scene.escrow().rail, RailState::Unknown(_)), "{fault:?}");
        // Long past the time to reclaim: the money may have moved, so it must not move again.
        scene.wait(1_000_000_000_000);
        assert!(matches!(scene.refused(Event::Reclaim), Refusal::Blocked { .. }));
        scene.settle().unwrap();
        scene.office.rail().ledger().heal();
        assert_eq!(
            (scene.escrow().phase, scene.balance(1), scene.balance(3)),
            (Phase::Released, 10_000, 9_717)
        );
        assert!(scene.settle().is_none());
    }
}

#[test]
fn the_office_cannot_say_that_money_moved_which_did_not() {
    let mut scene = Scene::at(Phase::Releasing, |_| {});
    let call = scene.escrow().rail.open().unwrap().key.clone();
    let said = |outcome| Event::Rail { call: call.clone(), outcome };
    let done = said(Outcome::Done { proof: "3".into() });
    assert!(matches!(scene.refused(done), Refusal::Mismatch { field: "outcome in the ledger", .. }));
    let failed = said(Outcome::Failed { reason: "no".into() });
    assert!(matches!(scene.refused(failed), Refusal::Mismatch { field: "outcome in the ledger", .. }));
    scene.settle().unwrap();
    assert_eq!(scene.escrow().phase, Phase::Released);
}

#[test]
fn funds_that_are_not_there_are_no_lock() {
    let mut scene = Scene::at(Phase::Locking, |contract| {
        contract.price = contract.amount(20_001);
        contract.funding[0].amount = contract.price;
        contract.stages[0].amount = contract.price;
    });
    scene.settle().unwrap();
    assert_eq!(scene.escrow().phase, Phase::Authorized);
    scene.set(scene.contract.stages[0].submit_by.0);
    scene.good(Event::Expire);
}

#[test]
fn the_payer_reclaims_without_anybody() {
    for phase in [Phase::Locked, Phase::Submitted, Phase::Verifying, Phase::Releasable, Phase::Disputed] {
        let mut scene = Scene::at(phase, |_| {});
        scene.set(scene.contract.refund_after.0 - 1);
        assert!(matches!(scene.refused(Event::Reclaim), Refusal::TooEarly { .. }), "{phase}");
        scene.set(scene.contract.refund_after.0);
        scene.good(Event::Reclaim);
        scene.settle().unwrap();
        assert_eq!((scene.escrow().phase, scene.balance(1)), (Phase::Refunded, 20_000), "{phase}");
    }
}

#[test]
fn a_contract_that_the_rail_cannot_carry_is_refused_at_once() {
    let mut scene = Scene::new(|contract| contract.fees[0].account = Cast::clearing().unwrap());
    assert!(matches!(scene.act(scene.propose()), Err(OfficeError::Refused(Refusal::Bad(_)))));
    let mut scene = Scene::new(|contract| contract.rail = "evm".into());
    assert!(matches!(scene.refused(scene.propose()), Refusal::Mismatch { field: "rail", .. }));
    let limited = Capabilities { stages: false, fees: false, groups: false };
    assert!(limited.check(&scene.contract).is_err());
}

#[test]
fn a_dispute_is_decided_by_evaluators_and_paid_on_the_same_path() {
    for granted in [10_000, 4_000, 0] {
        let mut scene = Scene::at(Phase::Disputed, |_| {});
        let counter = scene.objection(Side::Payee);
        scene.good(Event::Counter(counter));
        scene.good(scene.rule(granted));
        // A ruling is not disputed again, and executed at once.
        let by = if granted > 0 { Side::Payer } else { Side::Payee };
        assert!(matches!(scene.refused(scene.object(by)), Refusal::TooLate { .. }));
        scene.good(scene.order());
        scene.settle().unwrap();
        let end = if granted > 0 { Phase::Released } else { Phase::Refunded };
        assert_eq!((scene.escrow().phase, scene.balance(1)), (end, 20_000 - granted));
        bundle(&scene);
    }
}

/// The dispute in one file, replayed with nothing but the log's key; every byte of it counts.
fn bundle(scene: &Scene) {
    use tollgate_pay::escrow::{Bundle, Needs};
    let machine = scene.machine.0.borrow();
    let escrow = scene.escrow();
    let mut needs = Needs::new(&escrow);
    let mine = machine.entries.iter().filter(|entry| needs.wants(&entry.command).unwrap());
    let receipts: Vec<_> = mine.map(|entry| machine.receipt(&scene.cast, entry.seq, true).unwrap()).collect();
    let plane = scene.cast.plane();
    let text = Bundle::new(scene.id, &receipts).text();
    let replayed = Bundle::parse(text.as_bytes()).unwrap().replay(&plane).unwrap();
    assert_eq!(replayed.escrow, escrow);
    for lacks in 0..receipts.len() - 1 {
        let mut fewer = receipts.clone();
        fewer.remove(lacks);
        assert!(Bundle::new(scene.id, &fewer).replay(&plane).is_err(), "without entry {lacks}");
    }
    let mut turned = receipts.clone();
    turned.swap(1, 2);
    assert!(Bundle::new(scene.id, &turned).replay(&plane).is_err());
    assert!(Bundle::new(Digest::of(b"other"), &receipts).replay(&plane).is_err());
    for at in (0..text.len()).step_by(211) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 2;
        let held = Bundle::parse(&bytes).and_then(|bundle| bundle.replay(&plane));
        // Only the signature's hint of a key could change without effect, and it is checked too.
        assert!(held.is_err(), "byte {at}");
    }
}
