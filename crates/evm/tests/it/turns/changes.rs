//! Nodes that are behind, and quorums that change.

use super::release;
use crate::world::{World, node};
use tollgate_pay::rail::{Outcome, Rail as _};

/// A node that is behind shows what was, and what was is no reason why something can never be.
#[test]
fn a_node_that_is_behind_makes_nothing_fail() {
    let Some((node, _alone)) = node() else { return };
    let (mut world, contract) = World::quiet("behind", &node, 1);
    world.mine(2);
    let held = world.held_for(&contract);
    let (first, second) =
        (release(&contract, &held, 0, 6_000, false), release(&contract, &held, 6_000, 4_000, true));
    let behind = |blocks| node.0.borrow_mut().behind = blocks;
    // As of before the hold: with what is on disk, and without.
    behind(6);
    assert_eq!(world.perform(&first), Outcome::Unknown);
    world.start();
    assert_eq!((world.query(&first), world.perform(&first)), (Outcome::Unknown, Outcome::Unknown));
    world.rail = None;
    std::fs::remove_dir_all(&world.folder).unwrap();
    world.start();
    assert_eq!((world.query(&first), world.perform(&first)), (Outcome::Unknown, Outcome::Unknown));
    behind(0);
    assert_eq!(world.perform(&first), Outcome::Unknown);
    world.mine(1);
    assert!(matches!(world.query(&first), Outcome::Done { .. }));
    // As of before the first release.
    behind(1);
    assert_eq!((world.query(&second), world.perform(&second)), (Outcome::Unknown, Outcome::Unknown));
    world.start();
    assert_eq!((world.query(&second), world.perform(&second)), (Outcome::Unknown, Outcome::Unknown));
    world.rail = None;
    std::fs::remove_dir_all(&world.folder).unwrap();
    world.start();
    assert_eq!((world.query(&second), world.perform(&second)), (Outcome::Unknown, Outcome::Unknown));
    behind(0);
    assert_eq!(world.perform(&second), Outcome::Unknown);
    world.mine(1);
    assert!(matches!(world.query(&second), Outcome::Done { .. }));
    assert_eq!((world.held(), world.tokens(world.party("payee"))), (0, 9_750));
}

/// Another quorum has another operator: what was held under the former one is released by its orders, and what is under way is
/// not forgotten while the configuration does not name it.
#[test]
fn a_quorum_that_changes_loses_nothing_that_is_held_or_under_way() {
    let Some((node, _alone)) = node() else { return };
    let (mut world, contract) = World::quiet("rotated", &node, 1);
    let held = world.held_for(&contract);
    let (first, second) =
        (release(&contract, &held, 0, 6_000, false), release(&contract, &held, 6_000, 4_000, true));
    assert_eq!(world.perform(&first), Outcome::Unknown);
    let was = world.config.clone();
    let verifiers = was.quorum.verifiers.clone();
    let addresses = tollgate_evm::Addresses::new(world.submitter.address(), 3, &verifiers).unwrap();
    let quorum = tollgate_evm::Quorum { operator: addresses.operator, verifiers, needed: 3 };
    world.config.quorum = quorum;
    world.start();
    assert_eq!((world.query(&first), world.perform(&first)), (Outcome::Unknown, Outcome::Unknown));
    world.config.tokens.clear();
    world.start();
    assert_eq!((world.query(&first), world.perform(&first)), (Outcome::Unknown, Outcome::Unknown));
    world.mine(1);
    world.config.tokens = was.tokens;
    world.config.former = vec![was.quorum];
    world.start();
    assert!(matches!(world.query(&first), Outcome::Done { .. }));
    assert_eq!(world.perform(&second), Outcome::Unknown);
    world.mine(1);
    assert!(matches!(world.query(&second), Outcome::Done { .. }));
    assert_eq!((world.held(), world.tokens(world.party("payee"))), (0, 9_750));
}
