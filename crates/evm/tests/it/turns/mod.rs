//! What a chain does that a network does not: blocks that vanish, fees that rise, time that passes, others who act.

mod changes;

use crate::world::{CHAIN_ID, World, node, usdc};
use serde_json::json;
use tollgate_core::Digest;
use tollgate_evm::{At, Key, Word, abi};
use tollgate_pay::escrow::TaskContract;
use tollgate_pay::rail::{Ask, Call, Outcome, Rail as _};
use tollgate_rail::Journal as _;

fn hold(contract: &TaskContract) -> Call {
    let ask = Ask::Hold { funding: contract.funding.clone() };
    Call { key: "hold".into(), escrow: contract.digest(), ask }
}

fn release(contract: &TaskContract, held: &str, before: i128, minor: i128, last: bool) -> Call {
    let ask = Ask::Release {
        held: held.into(),
        funding: contract.funding.clone(),
        before: contract.amount(before),
        amount: contract.amount(minor),
        parts: contract.split(minor).unwrap(),
        last,
    };
    Call { key: format!("release {before}"), escrow: contract.digest(), ask }
}

fn refund(contract: &TaskContract, held: &str, before: i128) -> Call {
    let ask =
        Ask::Refund { held: held.into(), funding: contract.funding.clone(), before: contract.amount(before) };
    Call { key: "refund".into(), escrow: contract.digest(), ask }
}

impl World {
    fn perform(&mut self, call: &Call) -> Outcome {
        self.rail.as_mut().unwrap().perform(call)
    }

    fn query(&mut self, call: &Call) -> Outcome {
        self.rail.as_mut().unwrap().query(call)
    }

    fn mine(&self, blocks: u32) {
        for _ in 0..blocks {
            self.node.ask("evm_mine", json!([]));
        }
    }

    /// A world with one funded contract, in which blocks are made by the test.
    fn quiet(name: &str, node: &crate::node::Shared, confirmations: u64) -> (Self, TaskContract) {
        let mut world = Self::new(node, "turns", name, confirmations);
        let contract = world.contract(&[6_000, 4_000]);
        world.mint(world.payer.address(), 10_000);
        world.node.0.borrow_mut().ticks = false;
        world.node.ask("evm_setAutomine", json!([false]));
        (world, contract)
    }

    fn held_for(&mut self, contract: &TaskContract) -> String {
        let call = hold(contract);
        assert_eq!(self.perform(&call), Outcome::Unknown);
        self.mine(4);
        let Outcome::Done { proof } = self.query(&call) else { panic!("not held") };
        proof
    }

    fn attempts(&mut self, key: &str) -> Vec<(u64, Word)> {
        let record = self.rail.as_mut().unwrap().sender().journal().get(key).cloned().unwrap();
        record.attempts.iter().map(|attempt| (attempt.nonce, attempt.hash)).collect()
    }
}

#[test]
fn a_block_that_vanishes_takes_nothing_for_good() {
    let Some((node, _alone)) = node() else { return };
    let (mut world, contract) = World::quiet("reorg", &node, 3);
    let call = hold(&contract);
    assert_eq!(world.perform(&call), Outcome::Unknown);
    world.mine(1);
    assert_eq!((world.query(&call), world.held()), (Outcome::Unknown, 10_000), "held, and not deep enough");
    // A block is not enough for a second transaction either.
    assert_eq!(world.perform(&call), Outcome::Unknown);
    assert_eq!(world.attempts("hold").len(), 1);
    world.mine(1);
    node.ask("anvil_reorg", json!([2, []]));
    assert_eq!((world.query(&call), world.held()), (Outcome::Unknown, 0), "its block is gone");
    // After a restart too the same bytes are sent again.
    world.start();
    assert_eq!(world.perform(&call), Outcome::Unknown);
    world.mine(2);
    assert_eq!(world.query(&call), Outcome::Unknown, "one block is missing");
    world.mine(1);
    assert!(matches!(world.query(&call), Outcome::Done { .. }));
    assert_eq!(
        (world.attempts("hold").len(), world.held(), world.tokens(world.payer.address())),
        (1, 10_000, 0)
    );
}

#[test]
fn what_nobody_takes_is_offered_dearer_under_the_same_nonce() {
    let Some((node, _alone)) = node() else { return };
    let (mut world, contract) = World::quiet("dearer", &node, 1);
    world.sender.patience = 0;
    world.start();
    let held = {
        let call = hold(&contract);
        for _ in 0..3 {
            assert_eq!(world.perform(&call), Outcome::Unknown);
        }
        let attempts = world.attempts("hold");
        assert_eq!(attempts.len(), 3);
        assert!(attempts.iter().all(|(nonce, _)| *nonce == attempts[0].0), "{attempts:?}");
        // What is lost is sent again at the next try.
        node.ask("anvil_dropTransaction", json!([attempts[2].1]));
        assert_eq!(world.perform(&call), Outcome::Unknown);
        world.mine(1);
        let Outcome::Done { proof } = world.query(&call) else { panic!("not held") };
        proof
    };
    assert_eq!((world.held(), world.tokens(world.payer.address())), (10_000, 0));
    let call = release(&contract, &held, 0, 6_000, false);
    world.sender.max_fee_wei = 1;
    world.start();
    assert_eq!(world.perform(&call), Outcome::Unknown, "dearer than allowed: it waits");
    assert!(world.attempts("release 0").is_empty());
    world.sender.max_fee_wei = u128::MAX;
    world.start();
    assert_eq!(world.perform(&call), Outcome::Unknown);
    world.mine(1);
    assert!(matches!(world.query(&call), Outcome::Done { .. }));
}

#[test]
fn two_calls_under_way_have_two_nonces_and_a_lost_one_holds_up_nothing_for_good() {
    let Some((node, _alone)) = node() else { return };
    let (mut world, contract) = World::quiet("two", &node, 1);
    let held = world.held_for(&contract);
    let (first, second) = (release(&contract, &held, 0, 6_000, false), hold(&contract));
    let other = Call { key: "hold again".into(), ..second };
    assert_eq!(world.perform(&first), Outcome::Unknown);
    // The effect is there, so the same hold under another key needs no transaction.
    assert!(matches!(world.perform(&other), Outcome::Done { .. }));
    let lost = world.attempts("release 0")[0];
    node.ask("anvil_dropTransaction", json!([lost.1]));
    world.mine(2);
    assert_eq!(world.query(&first), Outcome::Unknown);
    assert_eq!(world.perform(&first), Outcome::Unknown);
    world.mine(1);
    assert!(matches!(world.query(&first), Outcome::Done { .. }));
    assert_eq!(world.attempts("release 0"), [lost]);
    assert_eq!((world.held(), world.tokens(world.party("payee"))), (4_000, 5_850));
}

#[test]
fn from_the_deadline_on_the_rest_goes_back_with_nobodys_word() {
    let Some((node, _alone)) = node() else { return };
    let snapshot = node.ask("evm_snapshot", json!([]));
    let (mut world, contract) = World::quiet("late", &node, 1);
    let held = world.held_for(&contract);
    let (early, back) = (release(&contract, &held, 0, 6_000, false), refund(&contract, &held, 0));
    let late = u64::try_from(contract.refund_after.0 / 1_000_000).unwrap() + 1;
    node.ask("evm_setNextBlockTimestamp", json!([late]));
    world.mine(1);
    let Outcome::Failed { reason } = world.perform(&early) else { panic!("released after its time") };
    assert!(reason.contains("time"), "{reason}");
    // No verifier signs, and no operator is asked.
    world.papers.expires = 0;
    world.start();
    assert_eq!(world.perform(&back), Outcome::Unknown);
    world.mine(1);
    assert!(matches!(world.query(&back), Outcome::Done { .. }));
    assert_eq!((world.held(), world.tokens(world.payer.address())), (0, 10_000));
    node.ask("evm_revert", json!([snapshot]));
}

#[test]
fn what_the_payer_took_back_itself_is_a_refund_that_is_done() {
    let Some((node, _alone)) = node() else { return };
    let snapshot = node.ask("evm_snapshot", json!([]));
    let (mut world, contract) = World::quiet("itself", &node, 1);
    let held = world.held_for(&contract);
    let late = u64::try_from(contract.refund_after.0 / 1_000_000).unwrap() + 1;
    node.ask("evm_setNextBlockTimestamp", json!([late]));
    let data = world.papers.payments[&contract.digest()].info.reclaim();
    let from = node.ask("eth_accounts", json!([]))[5].clone();
    let sent = json!([{"from": from, "to": world.config.escrow, "data": tollgate_evm::hex(&data)}]);
    node.ask("eth_sendTransaction", sent);
    assert_eq!((world.held(), world.tokens(world.payer.address())), (0, 10_000));
    assert!(matches!(world.query(&refund(&contract, &held, 0)), Outcome::Done { .. }));
    assert!(matches!(world.query(&release(&contract, &held, 0, 6_000, false)), Outcome::Failed { .. }));
    node.ask("evm_revert", json!([snapshot]));
}

#[test]
fn papers_that_are_missing_are_waited_for_and_wrong_ones_move_nothing() {
    let Some((node, _alone)) = node() else { return };
    let (mut world, contract) = World::quiet("papers", &node, 1);
    let held = world.held_for(&contract);
    let call = release(&contract, &held, 0, 6_000, false);
    let expires = std::mem::take(&mut world.papers.expires);
    world.start();
    assert_eq!(world.perform(&call), Outcome::Unknown, "the order has expired");
    assert!(world.attempts("release 0").is_empty());
    world.papers.expires = expires;
    world.start();
    let other = Call { key: "wrong".into(), ..call.clone() };
    let mut wrong = other.clone();
    let Ask::Release { parts, .. } = &mut wrong.ask else { unreachable!() };
    parts[0].account = format!("acct_{}", usdc().to_string().to_lowercase()).parse().unwrap();
    assert!(matches!(world.perform(&wrong), Outcome::Failed { .. }), "to somebody else");
    let mut wrong = other.clone();
    wrong.escrow = Digest::of(b"another");
    assert_eq!(world.perform(&wrong), Outcome::Unknown, "an escrow without a payment");
    let held_by = |held: &str| Call { key: "wrong".into(), ..release(&contract, held, 0, 6_000, false) };
    let wrong = held_by(&format!("{held}0"));
    assert_eq!(world.perform(&wrong), Outcome::Unknown, "of something else that is held");
    let wrong = held_by("eip155:84532:0x:0x");
    assert_eq!(world.perform(&wrong), Outcome::Unknown, "of what is held in another escrow");
    assert_eq!(world.perform(&call), Outcome::Unknown);
    world.mine(1);
    assert!(matches!(world.query(&call), Outcome::Done { .. }));
    // Another call cannot use its key, not even after a restart.
    world.start();
    let other = Call { key: call.key.clone(), ..refund(&contract, &held, 6_000) };
    assert!(matches!(world.perform(&other), Outcome::Failed { .. }));
    assert_eq!(world.held(), 4_000);
}

#[test]
fn whichever_requests_are_lost_each_call_takes_effect_once() {
    let Some((node, _alone)) = node() else { return };
    for drops in [23, 29, 31, 37, 41, 43] {
        let mut world = World::new(&node, "turns", &format!("lossy {drops}"), 2);
        let contract = world.contract(&[6_000, 4_000]);
        world.mint(world.payer.address(), 10_000);
        let mut until_known = |call: &Call| {
            for _ in 0..200 {
                // Whatever is asked first, some request of it may be the one that is lost.
                node.0.borrow_mut().drops = Some(drops);
                let outcome = match world.query(call) {
                    Outcome::Unknown => world.perform(call),
                    known => known,
                };
                node.0.borrow_mut().drops = None;
                node.0.borrow_mut().skip();
                match outcome {
                    Outcome::Unknown => {}
                    Outcome::Done { proof } => return proof,
                    Outcome::Failed { reason } => panic!("with each {drops}th lost: {reason}"),
                }
            }
            panic!("with each {drops}th lost its outcome stays unknown");
        };
        let held = until_known(&hold(&contract));
        until_known(&release(&contract, &held, 0, 6_000, false));
        until_known(&refund(&contract, &held, 6_000));
        let balances =
            [world.payer.address(), world.party("payee"), world.party("fees")].map(|who| world.tokens(who));
        assert_eq!((balances, world.held()), ([4_000, 5_850, 150], 0), "with each {drops}th lost");
    }
}

#[test]
fn a_journal_that_is_lost_pays_nothing_twice() {
    let Some((node, _alone)) = node() else { return };
    let (mut world, contract) = World::quiet("lost", &node, 1);
    let held = world.held_for(&contract);
    let call = release(&contract, &held, 0, 6_000, false);
    assert_eq!(world.perform(&call), Outcome::Unknown);
    world.mine(1);
    world.rail = None;
    std::fs::remove_dir_all(&world.folder).unwrap();
    world.start();
    assert!(matches!(world.perform(&hold(&contract)), Outcome::Done { .. }));
    assert!(matches!(world.perform(&call), Outcome::Done { .. }));
    let again = Call { key: "release again".into(), ..release(&contract, &held, 0, 6_000, false) };
    assert!(matches!(world.perform(&again), Outcome::Failed { .. }));
    assert_eq!((world.held(), world.tokens(world.party("payee"))), (4_000, 5_850));
}

#[test]
fn one_process_has_a_journal_and_a_torn_line_was_not_written() {
    let folder = std::env::temp_dir().join(format!("tollgate-evm-journal-{}", std::process::id()));
    let record = |key: &str, outcome| tollgate_evm::Record {
        key: key.into(),
        asked: Digest::of(key.as_bytes()),
        attempts: Vec::new(),
        outcome,
        known_at: None,
        expires: None,
    };
    let path = folder.join("journal.jsonl");
    {
        let mut journal = tollgate_evm::FolderJournal::open(&folder).unwrap();
        assert!(tollgate_evm::FolderJournal::open(&folder).is_err(), "two at a time");
        journal.put(record("a", None)).unwrap();
        journal.put(record("b", None)).unwrap();
        journal.put(record("a", Some(Outcome::Done { proof: "p".into() }))).unwrap();
    }
    let whole = std::fs::read(&path).unwrap();
    for cut in [whole.len(), whole.len() - 1, whole.len() - 20] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let mut journal = tollgate_evm::FolderJournal::open(&folder).unwrap();
        let done = journal.get("a").unwrap().outcome.is_some();
        assert_eq!((done, journal.records().count()), (cut == whole.len(), 2));
        journal.put(record("c", None)).unwrap();
        drop(journal);
        assert_eq!(tollgate_evm::FolderJournal::open(&folder).unwrap().records().count(), 3);
    }
    std::fs::write(&path, b"{}\n").unwrap();
    assert!(tollgate_evm::FolderJournal::open(&folder).is_err());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn our_domain_and_hashes_are_the_contracts() {
    let Some((node, _alone)) = node() else { return };
    let (world, contract) = World::quiet("hashes", &node, 1);
    let info = world.config.info(&contract).unwrap();
    let mut chain = world.chain();
    let order = tollgate_evm::Order {
        payment: info.hash(CHAIN_ID, world.config.escrow),
        pote: Word([7; 32]),
        key: Word([8; 32]),
        paid_before: 1,
        amount: 2,
        fee: 1,
        last: true,
        expires: 99,
    };
    let values = [order.payment, order.pote, order.key].map(abi::Value::Word);
    let mut values: Vec<_> = values.into();
    values.extend([1, 2, 1, 1, 99].map(|n| abi::Value::Word(Word::number(n))));
    let data = abi::call(
        "digestOf((bytes32,bytes32,bytes32,uint256,uint256,uint256,bool,uint48))",
        &[abi::Value::Tuple(values)],
    );
    let theirs = chain.words(world.config.quorum.operator, &data, At::Latest).unwrap();
    assert_eq!(theirs, [order.digest(CHAIN_ID, world.config.quorum.operator)]);
    assert!(Key::new(&[0; 32]).is_err() && Key::new(&[0xff; 32]).is_err());
}
