//! What cards do that a network does not: authorisations lapse, banks refuse, people use the dashboard, keys are forgotten.

use crate::bank::Bank;
use crate::world::{HOUR_US, World, account, contract, hold, refund, release};
use tollgate_core::{Asset, Timestamp};
use tollgate_pay::escrow::TaskContract;
use tollgate_pay::rail::kit::Fault;
use tollgate_pay::rail::{Call, Outcome, Rail as _};

fn held(world: &mut World<Bank>, contract: &TaskContract) -> String {
    match world.rail.perform(&hold(contract)) {
        Outcome::Done { proof } => proof,
        other => panic!("not held: {other:?}"),
    }
}

fn reason(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed { reason } => reason,
        other => panic!("not failed: {other:?}"),
    }
}

#[test]
fn an_authorisation_that_lapsed_is_a_refund_that_is_done_and_no_release() {
    let (mut world, contract) = (World::of_bank(), contract("ada"));
    let held = held(&mut world, &contract);
    world.bank(|bank| bank.only().1.status = "canceled");
    assert!(reason(world.rail.perform(&release(&contract, &held, 10_000))).contains("went back"));
    assert!(matches!(world.rail.perform(&refund(&contract, &held)), Outcome::Done { .. }));
}

#[test]
fn an_answer_of_200_to_a_capture_that_did_nothing_is_no_success() {
    let (mut world, contract) = (World::of_bank(), contract("ada"));
    let held = held(&mut world, &contract);
    world.bank(|bank| bank.is_cancelled_before_capture = true);
    assert!(reason(world.rail.perform(&release(&contract, &held, 10_000))).contains("went back"));
    // And what is over is not captured, whatever the far side would say to it.
    world.bank(|bank| bank.posts.clear());
    let again = Call { key: "other".into(), ..release(&contract, &held, 9_000) };
    assert!(matches!(world.rail.perform(&again), Outcome::Failed { .. }));
    assert_eq!(world.bank(|bank| bank.posts.clone()), [""; 0]);
}

#[test]
fn another_amount_from_the_dashboard_is_not_our_release() {
    let (mut world, contract) = (World::of_bank(), contract("ada"));
    let held = held(&mut world, &contract);
    world.bank(|bank| {
        let (_, paid) = bank.only();
        (paid.status, paid.received) = ("succeeded", 9_999);
    });
    assert!(reason(world.rail.perform(&release(&contract, &held, 10_000))).contains("another amount"));
    assert!(reason(world.rail.perform(&refund(&contract, &held))).contains("captured"));
}

#[test]
fn one_call_ends_a_payment_and_another_with_the_same_amount_did_not() {
    let (mut world, contract) = (World::of_bank(), contract("ada"));
    let held = held(&mut world, &contract);
    let first = release(&contract, &held, 8_000);
    assert!(matches!(world.rail.perform(&first), Outcome::Done { .. }));
    world.restart();
    let second = Call { key: "second".into(), ..first.clone() };
    assert!(reason(world.rail.perform(&second)).contains("another call"));
    assert!(matches!(world.rail.query(&first), Outcome::Done { .. }));
    assert_eq!(world.bank(|bank| bank.only().1.received), 8_000);
}

#[test]
fn keys_that_are_forgotten_hold_nothing_twice() {
    for fault in [Fault::DropAnswer, Fault::DropRequest, Fault::CrashAfter, Fault::Delay] {
        for skip in 0..2 {
            let (mut world, contract) = (World::of_bank(), contract("ada"));
            world.network.arm(fault, skip);
            assert_eq!(world.rail.perform(&hold(&contract)), Outcome::Unknown, "{fault:?} {skip}");
            world.bank(Bank::forget_keys);
            world.restart();
            assert!(matches!(world.rail.perform(&hold(&contract)), Outcome::Done { .. }));
            world.bank(Bank::forget_keys);
            world.network.heal();
            let held = world
                .bank(|bank| bank.payments.values().filter(|paid| paid.status == "requires_capture").count());
            assert_eq!(held, 1, "{fault:?} {skip}");
        }
    }
}

#[test]
fn a_fault_that_is_repeated_under_its_key_is_asked_anew_and_others_are_waited_for() {
    let (mut world, contract) = (World::of_bank(), contract("ada"));
    for status in [500, 503, 429, 409, 401] {
        world.bank(|bank| bank.faults = vec![status]);
        assert_eq!(world.rail.perform(&hold(&contract)), Outcome::Unknown, "{status}");
        assert_eq!(world.bank(|bank| bank.payments.len()), 0);
    }
    let held = held(&mut world, &contract);
    let call = release(&contract, &held, 10_000);
    // The second request of a release is the capture: its fault is kept under its key.
    world.bank(|bank| bank.faults = vec![500]);
    assert_eq!(world.rail.perform(&call), Outcome::Unknown);
    assert!(matches!(world.rail.perform(&call), Outcome::Done { .. }));
}

#[test]
fn a_card_that_is_refused_is_cancelled_before_it_counts_as_failed() {
    for (payer, why) in [("broke", "declined"), ("asking", "refused")] {
        let (mut world, contract) = (World::of_bank(), contract(payer));
        let said = reason(world.rail.perform(&hold(&contract)));
        assert!(said.contains(why), "{said}");
        assert_eq!(world.bank(|bank| bank.only().1.status), "canceled");
        // A fault in between leaves it unknown, and then failed.
        let mut world = World::of_bank();
        world.network.arm(Fault::DropRequest, 2);
        assert_eq!(world.rail.perform(&hold(&contract)), Outcome::Unknown);
        assert_eq!(world.rail.query(&hold(&contract)), Outcome::Unknown);
        assert!(matches!(world.rail.perform(&hold(&contract)), Outcome::Failed { .. }));
    }
    let (mut world, contract) = (World::of_bank(), contract("nobody"));
    assert!(reason(world.rail.perform(&hold(&contract))).contains("no card"));
}

#[test]
fn a_lost_journal_loses_nothing_that_was_held() {
    let (mut world, contract) = (World::of_bank(), contract("ada"));
    let held = held(&mut world, &contract);
    let call = release(&contract, &held, 7_000);
    world.network.arm(Fault::DropAnswer, 0);
    assert_eq!(world.rail.perform(&call), Outcome::Unknown);
    world.disk = Default::default();
    world.restart();
    assert!(matches!(world.rail.query(&call), Outcome::Done { .. }));
    assert!(matches!(world.rail.perform(&refund(&contract, &held)), Outcome::Failed { .. }));
    assert_eq!(world.bank(|bank| bank.only().1.received), 7_000);
}

#[test]
fn a_payment_of_another_escrow_is_not_captured() {
    let (mut world, contract) = (World::of_bank(), contract("ada"));
    let held = held(&mut world, &contract);
    let mut other = contract.clone();
    other.task.push('x');
    for call in [release(&other, &held, 1), refund(&other, &held)] {
        assert!(reason(world.rail.perform(&call)).contains("not this escrow's"));
    }
    for name in ["", "pi_", "pi_a/../b", "pi_1?x", "ch_1"] {
        let call = Call { key: name.into(), ..refund(&contract, name) };
        assert!(matches!(world.rail.perform(&call), Outcome::Failed { .. }), "{name}");
    }
    assert_eq!(world.bank(|bank| bank.only().1.status), "requires_capture");
}

#[test]
fn what_cannot_be_paid_by_card_is_refused_before_anybody_works() {
    type Turn<'a> = (&'a str, &'a dyn Fn(&mut TaskContract));
    let mut world = World::of_bank();
    world.rail.prepare(&contract("ada")).unwrap();
    let euros = |minor| tollgate_core::Amount::new(minor, Asset::new("EUR", 2).unwrap());
    let turns: [Turn<'_>; 7] = [
        ("payee", &|contract| contract.payee.account = account("somebody")),
        ("account", &|contract| contract.funding[0].account = account("nobody")),
        ("asset", &|contract| {
            contract.funding[0].amount = tollgate_core::Amount::new(10_000, Asset::new("USD", 2).unwrap());
        }),
        ("amount", &|contract| contract.funding[0].amount = euros(100_000_000)),
        ("price", &|contract| contract.funding[0].amount = euros(0)),
        ("rail", &|contract| contract.stages.push(contract.stages[0].clone())),
        ("refund_after", &|contract| {
            contract.refund_after = Timestamp(contract.refund_after.0 + 2 * HOUR_US);
        }),
    ];
    for (field, turn) in turns {
        let mut contract = contract("ada");
        turn(&mut contract);
        let error = world.rail.prepare(&contract).unwrap_err().to_string();
        assert!(error.contains(field), "{field}: {error}");
    }
}

#[test]
fn currencies_count_as_the_api_counts() {
    let read = |code, places| tollgate_card::currency(Asset::new(code, places).unwrap());
    assert_eq!(read("EUR", 2).as_deref(), Some("eur"));
    assert_eq!(read("JPY", 0).as_deref(), Some("jpy"));
    assert_eq!(read("KWD", 3).as_deref(), Some("kwd"));
    // Two places there, none in ISO 4217.
    assert_eq!(read("ISK", 2).as_deref(), Some("isk"));
    for (code, places) in [("EUR", 3), ("JPY", 2), ("USDC", 6), ("ISK", 0), ("KWD", 2)] {
        assert_eq!(read(code, places), None, "{code}/{places}");
    }
}
