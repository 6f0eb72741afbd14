//! Nodes that are behind, quorums that change, and papers that are not the contract's.

use super::{hold, release};
use crate::world::{CHAIN_ID, World, key, node, usdc};
use serde_json::json;
use tollgate_evm::typed::{Domain, Use};
use tollgate_evm::{FolderPapers, Order, OrderAsk, Papers as _, Payment, SignedOrder, Word};
use tollgate_pay::rail::Outcome;

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

/// The readings of one block that a node gives in the middle of the next do not belong together: they are no reason either.
#[test]
fn a_state_that_is_read_across_two_blocks_makes_nothing_fail() {
    let Some((node, _alone)) = node() else { return };
    let (mut world, contract) = World::quiet("torn", &node, 1);
    world.mine(2);
    let held = world.held_for(&contract);
    let first = release(&contract, &held, 0, 6_000, false);
    assert_eq!(world.perform(&first), Outcome::Unknown);
    world.mine(1);
    // All but the first reading is as of before the release.
    (node.0.borrow_mut().behind, node.0.borrow_mut().torn) = (1, true);
    assert_eq!(world.query(&first), Outcome::Unknown);
    assert!(!node.0.borrow().torn, "it was asked");
    node.0.borrow_mut().behind = 0;
    assert!(matches!(world.query(&first), Outcome::Done { .. }));
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

/// What others signed is held to the contract: a paper for its salt may pay somebody else, or end an hour after it is held.
#[test]
fn a_paper_that_is_not_the_contracts_holds_nothing() {
    let Some((node, _alone)) = node() else { return };
    let (mut world, contract) = World::quiet("foreign", &node, 1);
    let good = world.papers.payments[&contract.digest()].clone();
    let signed = |world: &World, change: &dyn Fn(&mut Payment)| {
        let mut paper = good.clone();
        change(&mut paper);
        let authorization = paper.info.authorization(CHAIN_ID, world.config.escrow, paper.collector);
        let domain = Domain { name: "USDC", version: "2", chain_id: CHAIN_ID, contract: usdc() };
        paper.data = world.payer.sign(&authorization.digest(&domain, Use::Receive)).0.to_vec();
        paper
    };
    let payer = world.payer.address();
    let changes: [&dyn Fn(&mut Payment); 6] = [
        &|paper| paper.info.receiver = payer,
        &|paper| paper.info.fee_receiver = payer,
        &|paper| (paper.info.min_fee_bps, paper.info.max_fee_bps) = (0, 10_000),
        &|paper| paper.info.authorization_expiry = paper.info.pre_approval_expiry + 3_600,
        &|paper| paper.info.pre_approval_expiry -= 1,
        &|paper| paper.collector = key("another collector").address(),
    ];
    for (n, change) in changes.iter().enumerate() {
        let paper = signed(&world, change);
        world.papers.payments.insert(contract.digest(), paper);
        world.start();
        assert_eq!(world.perform(&hold(&contract)), Outcome::Unknown, "change {n}");
        world.mine(1);
        assert_eq!((world.query(&hold(&contract)), world.held()), (Outcome::Unknown, 0), "change {n}");
        assert!(world.attempts("hold").is_empty());
    }
    let same = signed(&world, &|_| {});
    world.papers.payments.insert(contract.digest(), same);
    world.start();
    world.held_for(&contract);
    assert_eq!(world.held(), 10_000);
}

/// Nobody can hold anything after the first deadline, so the escrow of a payer who signed nothing ends.
#[test]
fn a_hold_that_nobody_signed_for_fails_when_its_time_is_over() {
    let Some((node, _alone)) = node() else { return };
    let snapshot = node.ask("evm_snapshot", json!([]));
    let (mut world, contract) = World::quiet("unsigned", &node, 1);
    let paper = world.papers.payments.remove(&contract.digest()).unwrap();
    world.start();
    assert_eq!(world.perform(&hold(&contract)), Outcome::Unknown);
    node.ask("evm_setNextBlockTimestamp", json!([paper.info.pre_approval_expiry]));
    world.mine(1);
    assert!(matches!(world.query(&hold(&contract)), Outcome::Failed { .. }));
    node.ask("evm_revert", json!([snapshot]));
}

/// A signer who gives another proof or expiry does not take the others' signatures away.
#[test]
fn orders_of_one_call_lie_side_by_side() {
    let folder = std::env::temp_dir().join(format!("tollgate-evm-orders-{}", std::process::id()));
    let mut papers = FolderPapers::new(&folder);
    let order = |pote, expires| Order {
        payment: Word([1; 32]),
        pote: Word([pote; 32]),
        key: Word([2; 32]),
        paid_before: 0,
        amount: 5,
        fee: 0,
        last: true,
        expires,
    };
    let signed = |order: &Order, by: &str| SignedOrder { order: order.clone(), signatures: vec![by.into()] };
    let (good, other) = (order(3, 9), order(4, 10));
    for (order, by) in [(&good, "a"), (&other, "b"), (&good, "c"), (&good, "a")] {
        papers.file_order(&signed(order, by)).unwrap();
    }
    let ask = |order: &Order| OrderAsk { escrow: tollgate_core::Digest([7; 32]), order: order.clone() };
    let found = papers.orders(&ask(&order(0, 0))).unwrap();
    assert_eq!(found.len(), 2);
    let of = |order: &Order| found.iter().find(|signed| signed.order == *order).unwrap().signatures.clone();
    assert_eq!((of(&good), of(&other)), (vec!["a".to_owned(), "c".into()], vec!["b".to_owned()]));
    let another = Order { amount: 6, ..good };
    assert!(papers.orders(&ask(&another)).unwrap().is_empty());
    std::fs::remove_dir_all(&folder).unwrap();
}
