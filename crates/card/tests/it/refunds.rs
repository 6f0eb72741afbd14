//! Refunds of what was captured.

use crate::bank::Bank;
use crate::world::{World, contract, hold, release};
use tollgate_pay::rail::kit::Fault;
use tollgate_pay::rail::{Outcome, Rail as _};

/// A world in which 8,000 of 10,000 were captured, with the payment's name.
fn captured() -> (World<Bank>, String) {
    let (mut world, contract) = (World::of_bank(), contract("ada"));
    let Outcome::Done { proof } = world.rail.perform(&hold(&contract)) else { panic!("not held") };
    assert!(matches!(world.rail.perform(&release(&contract, &proof, 8_000)), Outcome::Done { .. }));
    (world, proof)
}

#[test]
fn a_key_refunds_once_whatever_becomes_of_answers() {
    let faults = [Fault::None, Fault::DropRequest, Fault::DropAnswer, Fault::Duplicate, Fault::Delay];
    for fault in faults {
        let (mut world, held) = captured();
        world.network.arm(fault, 0);
        let first = world.rail.give_back("r1", &held, 3_000);
        let is_lost = !matches!(fault, Fault::None | Fault::Duplicate);
        assert_eq!(first == Outcome::Unknown, is_lost, "{fault:?}");
        world.restart();
        let done = world.rail.give_back("r1", &held, 3_000);
        assert!(matches!(done, Outcome::Done { .. }), "{fault:?}: {done:?}");
        world.network.heal();
        world.restart();
        assert_eq!(world.rail.give_back("r1", &held, 3_000), done);
        assert!(matches!(world.rail.give_back("r1", &held, 2_000), Outcome::Failed { .. }), "another amount");
        assert_eq!(world.bank(|bank| bank.refunds.len()), 1, "{fault:?}");
    }
}

#[test]
fn no_more_goes_back_than_was_captured() {
    let (mut world, held) = captured();
    assert!(matches!(world.rail.give_back("a", &held, 8_001), Outcome::Failed { .. }));
    assert!(matches!(world.rail.give_back("b", &held, 5_000), Outcome::Done { .. }));
    assert!(matches!(world.rail.give_back("c", &held, 3_001), Outcome::Failed { .. }));
    assert!(matches!(world.rail.give_back("d", &held, 3_000), Outcome::Done { .. }));
    assert!(matches!(world.rail.give_back("e", &held, 0), Outcome::Failed { .. }));
    assert_eq!(world.rail.give_back("f", "pi_99", 1), Outcome::Unknown, "nothing is known of that payment");
    assert_eq!(world.bank(|bank| bank.refunds.iter().map(|refund| refund.1).sum::<u64>()), 8_000);
    let (mut world, contract) = (World::of_bank(), contract("ada"));
    let Outcome::Done { proof } = world.rail.perform(&hold(&contract)) else { panic!("not held") };
    assert!(matches!(world.rail.give_back("g", &proof, 1), Outcome::Failed { .. }), "held, not captured");
}

#[test]
fn a_key_finds_its_refund_when_the_journal_is_lost_and_keys_are_forgotten() {
    let (mut world, held) = captured();
    assert!(matches!(world.rail.give_back("r1", &held, 3_000), Outcome::Done { .. }));
    world.disk = Default::default();
    world.bank(Bank::forget_keys);
    world.restart();
    assert!(matches!(world.rail.give_back("r1", &held, 3_000), Outcome::Done { .. }));
    assert_eq!(world.bank(|bank| bank.refunds.len()), 1);
}
