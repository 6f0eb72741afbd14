//! Where witnesses are wanted, an order rests on a log that a quorum of them has seen.

use super::scene::Scene;
use std::sync::Arc;
use tollgate_core::Timestamp;
use tollgate_pay::PayError;
use tollgate_pay::escrow::{Bundle, Desk, Event, Needs, Phase, Refusal, SettlementPlane};
use tollgate_pay::log::{Policy, Receipt, Role, SigningKey, Witness};

fn key(n: u8) -> SigningKey {
    SigningKey::from_seed(&format!("witness{n}.example"), Role::Witness, &[n; 32]).unwrap()
}

/// Two of three witnesses.
fn plane(scene: &Scene) -> SettlementPlane {
    let policy = Policy::of(&[1, 2, 3].map(|n| key(n).public().clone()), 2).unwrap();
    scene.cast.plane().witnessed(Arc::new(policy)).unwrap()
}

fn desk(scene: &Scene, plane: SettlementPlane) -> Desk {
    let mut desk = Desk::new(plane, 4);
    for entry in &scene.machine.0.borrow().entries {
        desk.fold(&entry.command, &entry.outcome, entry.seq).unwrap();
    }
    desk
}

/// The receipt with the lines of these witnesses.
fn cosigned(scene: &Scene, mut receipt: Receipt, who: &[u8]) -> Receipt {
    for n in who {
        let mut witness = Witness::new(key(*n)).unwrap();
        let log = scene.cast.log.public();
        witness.watch(log.name(), log.clone(), 0, [0; 32]).unwrap();
        witness.cosign(&mut receipt.checkpoint, 0, &[], Timestamp(0)).unwrap();
    }
    receipt
}

/// The order of now, whose proof these witnesses have cosigned.
fn order(scene: &Scene, who: &[u8]) -> Event {
    let (order, proof) = scene.release_order();
    let receipt = cosigned(scene, Receipt::parse(&proof).unwrap(), who);
    scene.signed_order(order, receipt.to_string())
}

#[test]
fn an_order_waits_for_the_witnesses() {
    let mut scene = Scene::at(Phase::Releasable, |_| {});
    scene.until_open();
    let wanting = desk(&scene, plane(&scene));
    scene.reopen(wanting);
    // One is no quorum, nor is one and a stranger; the order itself is right.
    for who in [&[][..], &[1], &[1, 9]] {
        let refusal = scene.refused(order(&scene, who));
        let Refusal::Unproven(PayError::NotProven { what, .. }) = &refusal else { panic!("{refusal:?}") };
        assert_eq!(*what, "witness quorum", "{who:?}");
    }
    scene.good(order(&scene, &[3, 1]));
    scene.settle().unwrap();
    assert_eq!(scene.escrow().phase, Phase::Released);
}

#[test]
fn what_stands_in_the_log_is_asked_for_no_witnesses() {
    let mut scene = Scene::at(Phase::Releasable, |_| {});
    scene.until_open();
    scene.good(scene.order());
    scene.settle().unwrap();
    let again = desk(&scene, plane(&scene));
    assert_eq!(again.escrow(&scene.id), scene.office.desk().escrow(&scene.id));
}

#[test]
fn a_bundle_is_held_against_the_witnesses_of_who_replays_it() {
    let scene = Scene::at(Phase::Released, |_| {});
    let bundle = |who: &[u8]| {
        let machine = scene.machine.0.borrow();
        let escrow = scene.escrow();
        let mut needs = Needs::new(&escrow);
        let mine = machine.entries.iter().filter(|entry| needs.wants(&entry.command).unwrap());
        let receipts: Vec<_> = mine
            .map(|entry| cosigned(&scene, machine.receipt(&scene.cast, entry.seq, true).unwrap(), who))
            .collect();
        Bundle::new(scene.id, &receipts)
    };
    assert_eq!(bundle(&[]).replay(&scene.cast.plane()).unwrap().escrow.phase, Phase::Released);
    assert_eq!(bundle(&[2, 3]).replay(&plane(&scene)).unwrap().escrow.phase, Phase::Released);
    for who in [&[][..], &[2]] {
        let error = bundle(who).replay(&plane(&scene)).unwrap_err();
        assert!(matches!(error, PayError::NotProven { what: "witness quorum", .. }), "{error}");
    }
}
