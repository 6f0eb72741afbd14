//! Escrows that are locked together: all or none is held, and each goes its own way from there.

use super::scene::{HOUR, Scene};
use tollgate_core::{Digest, Timestamp};
use tollgate_pay::escrow::{Bundle, Event, Member, Needs, OfficeError, Phase, Refusal, TaskContract, Told};

/// A scene with authorized escrows of these prices, in the order of their ids, and their terms.
fn scene(prices: &[i128]) -> (Scene, Vec<TaskContract>) {
    let mut scene = Scene::new(|_| {});
    let mut contracts: Vec<TaskContract> = prices
        .iter()
        .enumerate()
        .map(|(n, price)| {
            let mut contract = scene.contract.clone();
            contract.nonce = Digest::of(&n.to_le_bytes());
            contract.price = contract.amount(*price);
            // All of it from the first account, so that one can lack what the others took.
            contract.funding.truncate(1);
            contract.funding[0].amount = contract.price;
            contract.stages[0].amount = contract.price;
            contract
        })
        .collect();
    contracts.sort_by_key(TaskContract::digest);
    for contract in &contracts {
        let propose = Event::Propose(Box::new(scene.cast.signed(contract.clone())));
        for event in [propose, scene.cast.authorize(contract).unwrap()] {
            act(&mut scene, contract, event).unwrap();
        }
    }
    (scene, contracts)
}

fn act(scene: &mut Scene, contract: &TaskContract, event: Event) -> Result<Told, OfficeError> {
    (scene.id, scene.contract) = (contract.digest(), contract.clone());
    scene.act(event)
}

fn ids(contracts: &[TaskContract]) -> Vec<Digest> {
    contracts.iter().map(TaskContract::digest).collect()
}

fn lock(scene: &mut Scene, contracts: &[TaskContract]) -> Result<Vec<Told>, OfficeError> {
    let now = scene.now();
    let (told, _) = scene.office.lock_together(&ids(contracts), None, now)?;
    for contract in contracts {
        scene.office.settle(contract.digest(), now).unwrap();
    }
    Ok(told)
}

fn phases(scene: &Scene, contracts: &[TaskContract]) -> Vec<Phase> {
    ids(contracts).iter().map(|id| scene.office.desk().escrow(id).unwrap().phase).collect()
}

/// The log alone gives the same escrows.
fn follows_from_the_log(scene: &Scene) {
    let anew = scene.machine.0.borrow().desk_anew(&scene.cast).unwrap();
    assert!(anew.escrows().eq(scene.office.desk().escrows()));
}

#[test]
fn each_of_a_group_is_released_or_given_back_by_its_own() {
    let (mut scene, contracts) = scene(&[5_000, 3_000, 3_000]);
    let before = scene.balance(1);
    let told = lock(&mut scene, &contracts).unwrap();
    assert_eq!(
        told.iter().map(|told| told.seq).collect::<Vec<_>>(),
        [told[0].seq; 3],
        "one entry says it of all"
    );
    assert_eq!(phases(&scene, &contracts), [Phase::Locked; 3]);
    follows_from_the_log(&scene);
    let held: Vec<_> = ids(&contracts)
        .iter()
        .map(|id| scene.office.desk().escrow(id).unwrap().held.clone().unwrap())
        .collect();
    assert!(held[0] != held[1] && held[1] != held[2] && held[0] != held[2], "{held:?}");

    // The second is done and paid; the others are not.
    (scene.id, scene.contract) = (contracts[1].digest(), contracts[1].clone());
    for event in [scene.submit(), Event::Take] {
        scene.good(event);
    }
    let price = contracts[1].price.minor();
    scene.good(scene.verdict(price));
    scene.until_open();
    scene.good(scene.order());
    scene.settle().unwrap();
    assert_eq!(phases(&scene, &contracts), [Phase::Locked, Phase::Released, Phase::Locked]);
    assert_eq!(scene.balance(1), before - price);
    scene.set(contracts[0].refund_after.0);
    for at in [2, 0] {
        act(&mut scene, &contracts[at], Event::Reclaim).unwrap();
        scene.settle().unwrap();
    }
    assert_eq!(phases(&scene, &contracts), [Phase::Refunded, Phase::Released, Phase::Refunded]);
    assert_eq!((scene.balance(1), scene.machine.0.borrow().book.open_holds()), (before - price, 0));
    follows_from_the_log(&scene);
}

#[test]
fn what_one_of_a_group_lacks_none_has() {
    let (mut scene, contracts) = scene(&[12_000, 12_000]);
    lock(&mut scene, &contracts).unwrap();
    assert_eq!(phases(&scene, &contracts), [Phase::Authorized; 2], "there are 20,000");
    assert_eq!(scene.machine.0.borrow().book.open_holds(), 0);
    // Each alone can be held, and then the other cannot.
    for (contract, phase) in contracts.iter().zip([Phase::Locked, Phase::Authorized]) {
        act(&mut scene, contract, Event::Lock).unwrap();
        scene.settle().unwrap();
        assert_eq!(scene.escrow().phase, phase);
    }
    follows_from_the_log(&scene);
}

#[test]
fn a_group_is_whole_and_as_its_escrows_are() {
    let (mut scene, contracts) = scene(&[1_000, 2_000, 3_000]);
    let all = ids(&contracts);
    let member = |at: usize| {
        let escrow = scene.office.desk().escrow(&all[at]).unwrap();
        Member { escrow: escrow.id, funding: escrow.contract.funding.clone(), version: escrow.version }
    };
    let with = |at: usize, change: &dyn Fn(&mut Member)| {
        let mut group = vec![member(0), member(1)];
        change(&mut group[at]);
        group
    };
    let groups = [
        ("one alone", vec![member(0)]),
        ("nobody", vec![]),
        ("one twice", vec![member(0), member(0)]),
        ("another order", vec![member(1), member(0)]),
        ("nine", vec![member(0); 9]),
        ("recorded under another", vec![member(1), member(2)]),
        ("an escrow that is not there", with(1, &|member| member.escrow = Digest([255; 32]))),
        ("another version of the other", with(1, &|member| member.version += 1)),
        ("another version of the first", with(0, &|member| member.version -= 1)),
        ("other funding of the other", with(1, &|member| member.funding[0].amount = scene.amount(1))),
        ("other funding of the first", with(0, &|member| member.funding.clear())),
    ];
    for (what, group) in groups {
        let said = act(&mut scene, &contracts[0], Event::LockTogether(group));
        assert!(matches!(said, Err(OfficeError::Refused(_))), "{what}: {said:?}");
        assert_eq!(phases(&scene, &contracts), [Phase::Authorized; 3], "{what}");
    }
    // One whose time is over keeps all of them from it.
    let late = contracts.iter().map(|contract| contract.stages[0].submit_by).min().unwrap();
    scene.set(late.0);
    assert!(matches!(lock(&mut scene, &contracts), Err(OfficeError::Refused(Refusal::TooLate { .. }))));
    follows_from_the_log(&scene);
}

#[test]
fn a_request_to_lock_several_is_answered_once() {
    let (mut scene, contracts) = scene(&[1_000, 2_000, 3_000]);
    let (two, request, now) = (ids(&contracts[..2]), Some(Digest::of(b"request")), Timestamp(1));
    let (first, again) = scene.office.lock_together(&two, request, now).unwrap();
    assert!(!again);
    let reversed: Vec<_> = two.iter().rev().copied().collect();
    let (second, again) = scene.office.lock_together(&reversed, request, now).unwrap();
    assert_eq!((first, again), (second, true), "it says the same of the same");
    let other = scene.office.lock_together(&ids(&contracts[1..]), request, now);
    assert!(matches!(other, Err(OfficeError::Refused(Refusal::OtherRequest { .. }))), "{other:?}");
}

/// The second of a group is shown without the first: its bundle has the entry that locked it, and the ledger's.
#[test]
fn one_of_a_group_replays_alone() {
    let (mut scene, contracts) = scene(&[1_000, 2_000]);
    lock(&mut scene, &contracts).unwrap();
    scene.set(5 * HOUR);
    for contract in &contracts {
        act(&mut scene, contract, Event::Reclaim).unwrap();
        scene.settle().unwrap();
        let (escrow, machine) = (scene.escrow(), scene.machine.0.borrow());
        let mut needs = Needs::new(&escrow);
        let mine = machine.entries.iter().filter(|entry| needs.wants(&entry.command).unwrap());
        let receipts: Vec<_> =
            mine.map(|entry| machine.receipt(&scene.cast, entry.seq, true).unwrap()).collect();
        let replayed = Bundle::new(escrow.id, &receipts).replay(&scene.cast.plane()).unwrap();
        assert_eq!((replayed.escrow.phase, replayed.escrow), (Phase::Refunded, escrow));
        assert_eq!(replayed.events.len(), 6, "proposed, authorized, locked, held, reclaimed, given back");
        // Without the entry that locked it nothing follows.
        let without: Vec<_> = receipts.iter().enumerate().filter(|(n, _)| *n != receipts.len() - 5).collect();
        let without: Vec<_> = without.into_iter().map(|(_, receipt)| receipt.clone()).collect();
        assert!(Bundle::new(scene.id, &without).replay(&scene.cast.plane()).is_err());
    }
}

/// What failed in one group, and was locked in another or alone afterwards, has a bundle all the same.
#[test]
fn an_escrow_of_more_than_one_group_replays_alone() {
    let (mut scene, mut contracts) = scene(&[12_000, 12_000, 1_000]);
    contracts.sort_by_key(|contract| std::cmp::Reverse(contract.price.minor()));
    // There is too little for the first two, then enough for the second and third.
    lock(&mut scene, &contracts[..2]).unwrap();
    lock(&mut scene, &contracts[1..]).unwrap();
    assert_eq!(phases(&scene, &contracts), [Phase::Authorized, Phase::Locked, Phase::Locked]);
    // And for the first not alone either.
    act(&mut scene, &contracts[0], Event::Lock).unwrap();
    scene.settle().unwrap();
    for (contract, events) in contracts.iter().zip([6, 6, 4]) {
        (scene.id, scene.contract) = (contract.digest(), contract.clone());
        let (escrow, machine) = (scene.escrow(), scene.machine.0.borrow());
        let mut needs = Needs::new(&escrow);
        let mine = machine.entries.iter().filter(|entry| needs.wants(&entry.command).unwrap());
        let receipts: Vec<_> =
            mine.map(|entry| machine.receipt(&scene.cast, entry.seq, true).unwrap()).collect();
        let replayed = Bundle::new(escrow.id, &receipts).replay(&scene.cast.plane()).unwrap();
        assert_eq!(replayed.escrow, escrow);
        assert_eq!(replayed.events.len(), events);
    }
}

#[test]
fn a_key_that_was_used_for_another_request_locks_no_group() {
    let (mut scene, contracts) = scene(&[1_000, 2_000]);
    let (now, key) = (scene.now(), Digest::of(b"key"));
    let first = contracts[0].digest();
    lock(&mut scene, &contracts).unwrap();
    (scene.id, scene.contract) = (first, contracts[0].clone());
    let submit = scene.submit();
    scene.office.request(first, submit, key.into(), now).unwrap();
    let again = scene.office.lock_together(&ids(&contracts), Some(key), now);
    assert!(matches!(again, Err(OfficeError::Refused(Refusal::OtherRequest { .. }))), "{again:?}");
}
