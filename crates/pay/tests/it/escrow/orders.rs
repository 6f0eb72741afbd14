//! Orders: what binds them, who must sign them, and every way to forge one.

use super::scene::{HOUR, Scene};
use tollgate_core::{Digest, Timestamp};
use tollgate_pay::escrow::{
    Act, Event, Mark, Phase, Refusal, ReleaseOrder, Signature, Signed, Submission, TaskContract, Verdict,
};
use tollgate_pay::log::Receipt;

fn open_scene() -> Scene {
    let scene = Scene::at(Phase::Releasable, |_| {});
    scene.until_open();
    scene
}

#[test]
fn an_order_is_bound_to_all_that_it_says() {
    let mut scene = open_scene();
    let (order, proof) = scene.release_order();
    let with = |change: &dyn Fn(&mut ReleaseOrder)| {
        let mut changed = order.clone();
        change(&mut changed);
        changed
    };
    let changes: [(&str, ReleaseOrder); 9] = [
        ("amount", with(&|o| o.amount = tollgate_core::Amount::new(o.amount.minor() - 1, o.amount.asset()))),
        ("contract", with(&|o| o.contract = Digest::of(b"another"))),
        ("destination", with(&|o| o.destination = "acct_mallory".parse().unwrap())),
        ("version", with(&|o| o.version -= 1)),
        ("version", with(&|o| o.version += 1)),
        ("entry of the decision", with(&|o| o.index -= 1)),
        ("rail", with(&|o| o.rail = "evm".into())),
        ("leaf", with(&|o| o.leaf = Digest::of(b"another"))),
        ("expires", with(&|o| o.expires = scene.now())),
    ];
    for (what, forged) in changes {
        // Rightly signed by the quorum, and still not this escrow's order.
        let refusal = scene.refused(scene.signed_order(forged, proof.clone()));
        match &refusal {
            Refusal::Mismatch { field, .. } => assert_eq!(*field, what),
            Refusal::Unproven(_) => assert_eq!(what, "leaf"),
            Refusal::TooLate { .. } => assert_eq!(what, "expires"),
            other => panic!("{what}: {other:?}"),
        }
    }
    let wrong_act = with(&|o| o.act = Act::Refund);
    assert!(matches!(scene.refused(scene.signed_order(wrong_act, proof.clone())), Refusal::Illegal { .. }));
    let last = with(&|o| o.expires = Timestamp(scene.now().0 + 1));
    scene.good(scene.signed_order(last, proof));
    scene.settle().unwrap();
    assert_eq!((scene.escrow().phase, scene.balance(3)), (Phase::Released, 10_000 - 250 - 33));
}

#[test]
fn signatures_count_once_and_only_of_the_quorum() {
    let mut scene = open_scene();
    let (order, proof) = scene.release_order();
    let [one, two, _] = &scene.cast.verifiers;
    let (first, second, stranger) = (one.sign(&order), two.sign(&order), scene.cast.stranger.sign(&order));
    // The twin with S + L, which a lax check takes for a second signature.
    let mut twin = first.signature.0;
    let group_order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0u16;
    for (byte, add) in twin[32..].iter_mut().zip(group_order) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry as u8;
        carry >>= 8;
    }
    let twin = Mark { key: first.key, signature: Signature(twin) };
    let moved = Mark { key: second.key, signature: first.signature };
    let cases: [(&str, Vec<Mark>, [usize; 3]); 6] = [
        ("none", vec![], [0, 0, 0]),
        ("one twice", vec![first.clone(), first.clone()], [1, 0, 0]),
        ("one and its twin", vec![twin.clone(), first.clone()], [1, 0, 0]),
        ("a twin alone", vec![twin], [0, 0, 1]),
        ("one and a stranger", vec![first.clone(), stranger.clone()], [1, 1, 0]),
        ("one under two names", vec![first.clone(), moved], [1, 0, 1]),
    ];
    for (what, marks, [n, strangers, bad]) in cases {
        let event = Event::Order { order: Signed::new(order.clone(), marks), proof: proof.clone() };
        match scene.refused(event) {
            Refusal::Quorum { wanted: 2, counted, unknown, wrong } => {
                assert_eq!([counted, unknown, wrong], [n, strangers, bad], "{what}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
    // Strangers beside a quorum change nothing, and are reported.
    let signed = Signed::new(order, vec![stranger, first, second]);
    let tally = scene.cast.plane().check(&scene.escrow(), &signed, &proof, scene.now()).unwrap();
    assert_eq!((tally.counted.len(), tally.unknown.len()), (2, 1));
    scene.good(Event::Order { order: signed, proof });
}

#[test]
fn an_order_works_once() {
    let two = |contract: &mut TaskContract| {
        contract.stages[0].amount = contract.amount(5_000);
        let mut second = contract.stages[0].clone();
        second.submit_by = Timestamp(5 * HOUR);
        contract.refund_after = Timestamp(9 * HOUR);
        contract.stages.push(second);
    };
    let mut scene = Scene::at(Phase::Releasable, two);
    scene.until_open();
    let order = scene.order();
    scene.good(order.clone());
    assert!(matches!(scene.refused(order.clone()), Refusal::Blocked { .. }));
    scene.settle().unwrap();
    assert!(matches!(scene.refused(order.clone()), Refusal::Illegal { .. }));
    // The second stage has the same amount, destination and rail: only the version tells the orders apart.
    for event in [scene.submit(), Event::Take] {
        scene.good(event);
    }
    scene.good(scene.verdict(5_000));
    scene.until_open();
    assert!(matches!(scene.refused(order), Refusal::Mismatch { field: "version", .. }));
    scene.good(scene.order());
    scene.settle().unwrap();
    assert_eq!((scene.escrow().phase, scene.balance(1)), (Phase::Released, 10_000));
}

#[test]
fn an_order_of_one_contract_does_nothing_for_another() {
    let one = open_scene();
    let mut two = Scene::at(Phase::Releasable, |contract| contract.nonce = Digest::of(b"two"));
    two.until_open();
    // Same parties, price, version and place in the log: the contract's digest is all that differs.
    let spliced = one.order();
    assert!(matches!(two.refused(spliced), Refusal::Mismatch { field: "contract", .. }));
    // The text of one with the signatures of the other.
    let (Event::Order { order: theirs, .. }, Event::Order { order: mine, proof }) =
        (one.order(), two.order())
    else {
        unreachable!("orders");
    };
    let event = Event::Order { order: Signed::new(mine.statement, theirs.signatures), proof };
    assert!(matches!(two.refused(event), Refusal::Quorum { counted: 0, wrong: 2, .. }));
}

#[test]
fn signatures_of_one_kind_of_statement_do_not_serve_for_another() {
    let mut scene = open_scene();
    let (order, proof) = scene.release_order();
    // Same keys, same escrow, same version: a verdict.
    let said =
        Verdict { contract: scene.id, granted: order.amount, pote: Digest::of(b"p"), version: order.version };
    let marks = scene.verdict_marks(&said);
    assert!(matches!(
        scene.refused(Event::Order { order: Signed::new(order, marks), proof }),
        Refusal::Quorum { counted: 0, wrong: 2, .. }
    ));
}

#[test]
fn the_decision_must_be_in_the_log_that_is_trusted() {
    let mut scene = open_scene();
    let (order, proof) = scene.release_order();
    let entry = order.index;
    let unproven = |scene: &mut Scene, proof: String| {
        let refusal = scene.refused(scene.signed_order(order.clone(), proof));
        assert!(matches!(refusal, Refusal::Unproven(_)), "{refusal:?}");
    };
    unproven(&mut scene, String::new());
    let receipt = Receipt::parse(&proof).unwrap();
    let mut cut = receipt.clone();
    cut.path.pop();
    unproven(&mut scene, cut.to_string());
    let mut other = receipt.clone();
    other.index = entry - 1;
    unproven(&mut scene, other.to_string());
    // Another log, with a checkpoint of its own over the same entries.
    let mut cast = tollgate_pay::simulate::Cast::new().unwrap();
    cast.log = tollgate_pay::log::SigningKey::from_seed(
        tollgate_pay::simulate::Cast::origin(),
        tollgate_pay::log::Role::Log,
        &[77; 32],
    )
    .unwrap();
    let forged = scene.machine.0.borrow().receipt(&cast, entry, false).unwrap();
    unproven(&mut scene, forged.to_string());
    // The proof of a log that has grown since is as good.
    scene.good(scene.signed_order(order.clone(), proof));
}

#[test]
fn a_submission_cannot_be_replayed_or_made_by_another() {
    let mut scene = Scene::at(Phase::Submitted, |_| {});
    let old = scene.escrow().submission.unwrap();
    let fresh = scene.submission();
    let by = |said: Submission, scene: &Scene| {
        let mark = scene.cast.payer.sign(&said);
        Event::Submit(Signed::new(said, vec![mark]))
    };
    assert!(matches!(scene.refused(by(fresh.clone(), &scene)), Refusal::NotSigned { .. }));
    scene.good(scene.submit());
    assert!(matches!(scene.refused(Event::Submit(old)), Refusal::Mismatch { field: "version", .. }));
    let said = Submission { kind: "vibes".into(), ..scene.submission() };
    let mark = scene.cast.payee.sign(&said);
    let refusal = scene.refused(Event::Submit(Signed::new(said, vec![mark])));
    assert!(matches!(refusal, Refusal::Mismatch { field: "kind of evidence", .. }), "{refusal:?}");
}

#[test]
fn a_verdict_is_given_once_and_within_the_stage() {
    let mut scene = Scene::at(Phase::Verifying, |contract| contract.partial = false);
    for minor in [-1, 1, 9_999, 10_001] {
        let refusal = scene.refused(scene.verdict(minor));
        assert!(matches!(refusal, Refusal::Mismatch { field: "grant", .. }), "{minor}: {refusal:?}");
    }
    let (pays, refuses) = (scene.verdict(10_000), scene.verdict(0));
    scene.good(pays);
    // Verifiers that say two things: the first is in the log, the second finds no place.
    assert!(matches!(scene.refused(refuses), Refusal::Illegal { .. }));
}
