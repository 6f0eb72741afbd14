//! Whose money it is, and mandates counted by the entry that authorizes.

use super::scene::{HOUR, Scene};
use tollgate_core::{Digest, Timestamp};
use tollgate_pay::PayError;
use tollgate_pay::escrow::{Bundle, Event, Mandate, Needs, OfficeError, Owner, Phase, Refusal, TaskContract};
use tollgate_pay::json::Json;
use tollgate_pay::ledger::{self, Closing, Command, Op, Unmet};
use tollgate_pay::mandate::issue::{self, Es256Secret};
use tollgate_pay::mandate::{Addressed, Refusal as NotAllowed};
use tollgate_pay::rail::Ledger as _;
use tollgate_pay::registry::PublicKey;
use tollgate_pay::simulate::Cast;

/// Under the second mandate of the cast, which allows 200 dollars.
fn under(contract: &mut TaskContract) {
    contract.mandate = Cast::new().unwrap().mandates().nth(1).map(|(name, _)| name);
}

/// Another contract of the same parties in the scene, proposed.
fn second(scene: &mut Scene, change: impl FnOnce(&mut TaskContract)) -> TaskContract {
    let mut contract = scene.contract.clone();
    contract.nonce = Digest::of(b"second");
    change(&mut contract);
    let (id, now) = (contract.digest(), scene.now());
    scene.office.act(id, Event::Propose(Box::new(scene.cast.signed(contract.clone()))), now).unwrap();
    contract
}

fn counted(scene: &Scene) -> (u64, i128) {
    let name = scene.contract.mandate.unwrap();
    let (payments, spent, ..) = scene.machine.0.borrow().book.mandate(name).unwrap();
    (payments, spent.map_or(0, |amount| amount.minor()))
}

/// The desk that follows from the log is the desk of the office.
fn replays(scene: &Scene) {
    let again = scene.machine.0.borrow().desk_anew(&scene.cast).unwrap();
    assert!(again.escrows().eq(scene.office.desk().escrows()));
}

fn word(event: Event, change: impl FnOnce(&mut Mandate)) -> Event {
    let Event::Authorize { mandate: Some(mut mandate) } = event else { panic!("no mandate") };
    change(&mut mandate);
    Event::Authorize { mandate: Some(mandate) }
}

#[test]
fn one_command_authorizes_and_counts() {
    let scene = Scene::at(Phase::Authorized, under);
    assert_eq!(counted(&scene), (1, 10_000));
    let machine = scene.machine.0.borrow();
    let [Op::Record { .. }, Op::Admit(_)] = machine.entries.last().unwrap().command.ops() else {
        panic!("{:?}", machine.entries.last());
    };
    drop(machine);
    replays(&scene);
    // Whoever writes the record without the count does not follow.
    let mut entries = scene.machine.0.borrow().entries.clone();
    let last = entries.pop().unwrap();
    let mut desk = tollgate_pay::escrow::Desk::new(scene.cast.plane(), 4);
    for entry in &entries {
        desk.fold(&entry.command, &entry.outcome, entry.seq).unwrap();
    }
    let bare = Command::new(last.command.key(), last.command.ops()[..1].to_vec()).unwrap();
    assert!(matches!(desk.fold(&bare, &last.outcome, last.seq), Err(PayError::Diverged { .. })));
}

#[test]
fn a_mandate_pays_one_escrow_at_a_time_and_no_more_than_its_budget() {
    let mut scene = Scene::at(Phase::Authorized, under);
    let other = second(&mut scene, |_| {});
    let id = other.digest();
    let authorize = scene.cast.authorize(&other).unwrap();
    for _ in 0..3 {
        let now = scene.now();
        let refused = scene.office.act(id, authorize.clone(), now).unwrap_err();
        let OfficeError::Refused(Refusal::Ledger(ledger::Refusal::Mandate { why, .. })) = refused else {
            panic!("{refused:?}");
        };
        assert!(matches!(*why, Unmet::Live { .. }), "{why:?}");
    }
    assert_eq!(scene.office.desk().escrow(&id).unwrap().tries, 3);
    replays(&scene);
    // The first one comes to nothing: what it counted is given back by the entry that says so, and the second goes on.
    scene.set(scene.contract.stages[0].submit_by.0);
    scene.good(Event::Expire);
    assert_eq!(counted(&scene), (0, 0));
    let now = scene.now();
    assert!(matches!(
        scene.office.act(id, authorize, now),
        Err(OfficeError::Refused(Refusal::TooLate { .. }))
    ));
    scene.office.act(id, Event::Expire, now).unwrap();
    replays(&scene);
}

#[test]
fn what_was_paid_stays_counted_and_what_was_given_back_does_not() {
    for (phase, wanted) in [(Phase::Released, (1, 10_000)), (Phase::Refunded, (0, 0))] {
        let mut scene = Scene::at(phase, under);
        assert_eq!(counted(&scene), wanted, "{phase}");
        replays(&scene);
        let other = second(&mut scene, |contract| {
            contract.stages[0].submit_by = Timestamp(50 * HOUR);
            contract.refund_after = Timestamp(60 * HOUR);
        });
        let (id, now) = (other.digest(), scene.now());
        let authorize = scene.cast.authorize(&other).unwrap();
        scene.office.act(id, authorize, now).unwrap();
        assert_eq!(counted(&scene), (wanted.0 + 1, wanted.1 + 10_000));
    }
    // 80 dollars do not pay 100.
    let small = |contract: &mut TaskContract| {
        contract.mandate = Cast::new().unwrap().mandates().next().map(|(name, _)| name);
    };
    let mut scene = Scene::at(Phase::Proposed, small);
    let authorize = scene.authorize();
    assert!(matches!(
        scene.act(authorize),
        Err(OfficeError::Refused(Refusal::Mandate(NotAllowed::Unmet { .. })))
    ));
}

#[test]
fn an_authorisation_that_somebody_else_ended_does_not_hold_the_escrow_up() {
    let mut scene = Scene::at(Phase::Locking, under);
    let admission = scene.escrow().admission.unwrap().id;
    let close = Command::new("by-hand", vec![Op::Close { admission, how: Closing::Rejected }]).unwrap();
    scene.machine.clone().apply(close).unwrap();
    scene.settle().unwrap();
    scene.set(scene.contract.refund_after.0);
    scene.good(Event::Reclaim);
    // This office has not read the log since; one that has goes on.
    let now = scene.now();
    assert!(scene.office.settle(scene.id, now).is_err());
    let desk = scene.machine.0.borrow().desk_anew(&scene.cast).unwrap();
    scene.reopen(desk);
    scene.settle().unwrap();
    assert_eq!(scene.escrow().phase, Phase::Refunded);
    replays(&scene);
}

#[test]
fn a_bundle_shows_who_allowed_it() {
    let scene = Scene::at(Phase::Released, under);
    let machine = scene.machine.0.borrow();
    let escrow = scene.escrow();
    let mut needs = Needs::new(&escrow);
    let mine = machine.entries.iter().filter(|entry| needs.wants(&entry.command).unwrap());
    let all: Vec<_> = mine.map(|entry| machine.receipt(&scene.cast, entry.seq, true).unwrap()).collect();
    let replayed = Bundle::new(scene.id, &all).replay(&scene.cast.plane()).unwrap();
    assert_eq!(replayed.escrow, scene.escrow());
    let without = Bundle::new(scene.id, &all[1..]).replay(&scene.cast.plane());
    assert!(matches!(without, Err(PayError::Diverged { .. })), "{without:?}");
}

#[test]
fn only_owners_pay() {
    // The payer's key speaks for none of these.
    let mut scene = Scene::at(Phase::Proposed, |contract| {
        contract.funding[0].account = Cast::new().unwrap().accounts()[0].clone();
    });
    let authorize = scene.authorize();
    assert!(matches!(scene.refused(authorize), Refusal::Unowned(_)));
    let mut scene = Scene::at(Phase::Proposed, |_| {});
    let account = scene.contract.funding[0].account.clone();
    let other = PublicKey::from_ed25519(scene.cast.payee.public().as_bytes()).unwrap();
    for (n, keys) in [vec![other], Vec::new()].into_iter().enumerate() {
        let owner = Owner::new(account.clone(), keys).unwrap();
        let own = Command::new(format!("own-{n}"), vec![owner.op().unwrap()]).unwrap();
        scene.machine.clone().apply(own).unwrap();
        let desk = scene.machine.0.borrow().desk_anew(&scene.cast).unwrap();
        scene.reopen(desk);
        let refused = scene.refused(Event::Authorize { mandate: None });
        assert!(matches!(refused, Refusal::NotOwner | Refusal::Unowned(_)), "{refused:?}");
    }
    // Of two accounts one is the payer's.
    let mut scene = Scene::at(Phase::Proposed, |contract| {
        let half = contract.amount(5_000);
        contract.funding[0].amount = half;
        let bank = Cast::new().unwrap().accounts()[0].clone();
        contract.funding.push(tollgate_pay::escrow::Source { account: bank, amount: half });
    });
    assert!(matches!(scene.refused(Event::Authorize { mandate: None }), Refusal::Unowned(_)));
    assert!(Owner::new(account, vec![scene_key(1), scene_key(1)]).is_err());
}

/// A request to own an account that is sent again, long after another key took over, is answered as before and changes nothing.
#[test]
fn an_old_owner_does_not_come_back_with_a_retry() {
    let mut scene = Scene::at(Phase::Proposed, |_| {});
    let account = scene.contract.funding[0].account.clone();
    let own = |name: &str, key: PublicKey| {
        let owner = Owner::new(account.clone(), vec![key]).unwrap();
        Command::new(name, vec![owner.op().unwrap()]).unwrap()
    };
    let stolen = PublicKey::from_ed25519(scene.cast.payer.public().as_bytes()).unwrap();
    let (old, new) = (own("own-1", stolen), own("own-2", scene_key(7)));
    let first = scene.office.tell(&old).unwrap();
    scene.office.tell(&new).unwrap();
    assert_eq!(scene.office.tell(&old).unwrap(), first, "the answer of then");
    assert_eq!(scene.office.desk().owner(&account).unwrap().keys(), [scene_key(7)]);
    assert_eq!(scene.refused(Event::Authorize { mandate: None }), Refusal::NotOwner);
    replays(&scene);
}

fn scene_key(n: u8) -> PublicKey {
    PublicKey::P256(Es256Secret::from_seed(&[n; 32]).unwrap().public())
}

#[test]
fn a_payment_for_anything_else_is_refused() {
    let mut scene = Scene::at(Phase::Proposed, under);
    let refused = scene.refused(Event::Authorize { mandate: None });
    assert!(matches!(refused, Refusal::Mismatch { field: "mandate", .. }), "{refused:?}");
    // For another contract: its transaction, and its nonce.
    let mut other = scene.contract.clone();
    other.nonce = Digest::of(b"other");
    let refused = scene.refused(scene.cast.authorize(&other).unwrap());
    assert!(matches!(refused, Refusal::Mandate(NotAllowed::Addressed { .. })), "{refused:?}");
    let open = scene.cast.open_mandate(200).unwrap();
    let to = Mandate::addressed(Cast::origin(), &scene.contract);
    let sign = |payment: &str, open: &str, to: &Addressed, by: &Es256Secret| {
        let payment = Json::parse(payment.as_bytes()).unwrap();
        let token = issue::next(by, open, &payment, to, Timestamp(0));
        Event::Authorize { mandate: Some(Box::new(Mandate { hops: Vec::new(), token })) }
    };
    let payment = Mandate::payment(&scene.contract).unwrap().canonical().unwrap();
    let agent = &Cast::new().unwrap().agent;
    let changed = [
        ("\"amount\":10000", "\"amount\":9999"),
        ("\"currency\":\"USD\"", "\"currency\":\"EUR\""),
        ("acct_payee", "acct_fee-1"),
        (&*Mandate::transaction(&scene.id), &*Mandate::transaction(&Digest::of(b"other"))),
    ];
    let mut refusals = Vec::new();
    for (from, to_text) in changed {
        let altered = payment.replace(from, to_text);
        assert_ne!(altered, payment);
        refusals.push(sign(&altered, &open, &to, agent));
    }
    let elsewhere = Addressed { audience: "elsewhere.example".into(), ..to.clone() };
    refusals.push(sign(&payment, &open, &elsewhere, agent));
    // Signed by somebody whom the mandate does not name; under a mandate that the contract does not name; by no owner.
    refusals.push(sign(&payment, &open, &to, &Es256Secret::from_seed(&[99; 32]).unwrap()));
    refusals.push(sign(&payment, &scene.cast.open_mandate(201).unwrap(), &to, agent));
    let mut foreign = Cast::new().unwrap();
    foreign.principal = Es256Secret::from_seed(&[98; 32]).unwrap();
    refusals.push(sign(&payment, &foreign.open_mandate(200).unwrap(), &to, agent));
    refusals.push(word(sign(&payment, &open, &to, agent), |mandate| mandate.hops.push(to.clone())));
    refusals.push(word(sign(&payment, &open, &to, agent), |mandate| mandate.token.truncate(200)));
    refusals.push(word(sign(&payment, &open, &to, agent), |mandate| mandate.token.clear()));
    for event in refusals {
        let refused = scene.refused(event);
        assert!(
            matches!(refused, Refusal::Mandate(_) | Refusal::Mismatch { .. } | Refusal::NotOwner),
            "{refused:?}"
        );
    }
    scene.good(sign(&payment, &open, &to, agent));
}

#[test]
fn an_agent_hands_on_and_a_principal_pays_itself() {
    let mut scene = Scene::at(Phase::Proposed, under);
    let (open, to) =
        (scene.cast.open_mandate(200).unwrap(), Mandate::addressed(Cast::origin(), &scene.contract));
    let sub = Es256Secret::from_seed(&[77; 32]).unwrap();
    let jwk = PublicKey::P256(sub.public()).jwk().canonical().unwrap();
    let middle = Addressed { audience: "sub.example".into(), nonce: "n-7".into() };
    let chain = |max: u32| {
        let narrower = format!(
            r#"{{"cnf":{{"jwk":{jwk}}},"constraints":[{{"currency":"USD","max":{max},"type":"payment.budget"}}],"vct":"mandate.payment.open.1"}}"#
        );
        let handed = issue::next(
            &scene.cast.agent,
            &open,
            &Json::parse(narrower.as_bytes()).unwrap(),
            &middle,
            Timestamp(0),
        );
        let payment = Mandate::payment(&scene.contract).unwrap();
        let token = issue::next(&sub, &handed, &payment, &to, Timestamp(0));
        Event::Authorize { mandate: Some(Box::new(Mandate { hops: vec![middle.clone()], token })) }
    };
    let (narrow, wide) = (chain(99), chain(100));
    assert!(matches!(scene.refused(narrow), Refusal::Mandate(NotAllowed::Unmet { .. })));
    scene.good(wide);
    // Without an open mandate the principal signs the payment itself: the contract names none.
    let mut scene = Scene::at(Phase::Proposed, |_| {});
    let to = Mandate::addressed(Cast::origin(), &scene.contract);
    let payment = Mandate::payment(&scene.contract).unwrap();
    let single = |by: &Es256Secret| {
        let token = issue::single(by, "principal", &payment, &to, Timestamp(0)).unwrap();
        Event::Authorize { mandate: Some(Box::new(Mandate { hops: Vec::new(), token })) }
    };
    let (wrong, right) = (single(&scene.cast.agent), single(&scene.cast.principal));
    assert_eq!(scene.refused(wrong), Refusal::NotOwner);
    scene.good(right);
    assert!(scene.escrow().admission.is_some_and(|admitted| admitted.live));
}
