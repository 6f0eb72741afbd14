//! Linked holds resolve together or not at all.

use crate::ledger::{World, hold, post, void};
use tollgate_core::Timestamp;
use tollgate_pay::ledger::{HoldId, Op, Refusal, Rest};

fn linked() -> World {
    let mut world = World::new();
    world.applied(vec![
        hold("acct_ada", "acct_bob", 100, Some(90), true),
        hold("acct_ada", "acct_bank", 5, Some(60), true),
    ]);
    world
}

#[test]
fn a_group_is_never_split() {
    let mut world = linked();
    assert_eq!(
        world.refused(vec![Op::Sweep, post(0, None, Rest::Release)]),
        (1, Refusal::GroupSplit { hold: HoldId(1) })
    );
    assert_eq!(world.refused(vec![void(1)]), (0, Refusal::GroupSplit { hold: HoldId(0) }));
    assert_eq!(world.has("acct_ada"), (1_000, 895));
    // A stage that leaves every member open is no split, and resolving may mix.
    world.applied(vec![post(0, Some(40), Rest::Keep)]);
    world.applied(vec![post(0, Some(20), Rest::Release), void(1)]);
    assert_eq!((world.has("acct_ada"), world.has("acct_bob")), ((940, 940), (60, 60)));
}

#[test]
fn a_group_expires_whole_at_its_earliest_moment() {
    let mut world = linked();
    assert_eq!(world.book.next_expiry(), Some(Timestamp(60)));
    world.now = 60;
    let why = world.refused(vec![post(0, None, Rest::Release)]).1;
    assert_eq!(why, Refusal::Resolved { hold: HoldId(0) });
    assert_eq!((world.has("acct_ada"), world.book.open_holds()), ((1_000, 1_000), 0));
}

#[test]
fn a_lone_hold_cannot_stand_inside_a_group() {
    let mut world = World::new();
    let (op, why) = world.refused(vec![
        hold("acct_ada", "acct_bob", 1, None, true),
        hold("acct_ada", "acct_bob", 1, None, false),
        hold("acct_ada", "acct_bob", 1, None, true),
    ]);
    assert_eq!((op, why), (1, Refusal::GroupSplit { hold: HoldId(0) }));
    assert_eq!(world.book.open_holds(), 0);
}

#[test]
fn a_group_survives_a_snapshot() {
    let mut world = linked();
    let mut again = tollgate_pay::ledger::Book::new(world.book.limits().clone());
    world.book.rows().for_each(|row| again.restore(row).unwrap());
    assert!(again.rows().eq(world.book.rows()));
    world.book = again;
    assert_eq!(world.refused(vec![void(0)]).1, Refusal::GroupSplit { hold: HoldId(1) });
}
