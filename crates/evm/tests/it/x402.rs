//! Payments by x402 on a real node: by a payer who cheats, on a chain that reorganises, through nodes that are behind.

use crate::node::Shared;
use crate::world::{CHAIN_ID, bounds, key, node, usdc};
use serde_json::json;
use std::sync::MutexGuard;
use tollgate_core::Timestamp;
use tollgate_evm::typed::{Authorization, Domain, Use};
use tollgate_evm::x402::{Facilitator, FacilitatorConfig, PAYMENT_GAS, Settled, Token, verify};
use tollgate_evm::{Address, At, Chain, Key, MemoryJournal, Sender, SenderConfig, Word, abi, hex, keccak};
use tollgate_rail::Journal as _;

/// A contract that makes the calls of USDC that it is given, each after its length, and fails when one of them does.
const BATCH: &str = "0x5f5b36811015603757803590602001818\
15f375f5f835f5f73036cbd53842c5426634e7929541ec2318f3dcf7e5af1156039570160015\
65b005b5f5ffd";
/// An account that is a contract and says yes to every signature (EIP-1271).
const YES: &str = "0x631626ba7e60e01b5f5260205ff3";
/// One that says yes after a loop of many millions of gas.
const BOMB: &str = "0x620f42405b6001900380600457631626ba7e60e01b5f5260205ff3";
/// One that says yes only where gas has no price, which is when it is asked and nothing is sent.
const LIAR: &str = "0x3a15600857\
5f5ffd5b631626ba7e60e01b5f5260205ff3";

/// A seller's facilitator, and payers.
struct Till {
    node: Shared,
    facilitator: Facilitator<Shared, MemoryJournal>,
    name: String,
    seller: Address,
}

fn config() -> FacilitatorConfig {
    FacilitatorConfig::new(
        CHAIN_ID,
        vec![Token { address: usdc(), name: "USDC".into(), version: "2".into() }],
    )
}

impl Till {
    /// On a chain whose blocks the test makes.
    fn new(node: &Shared, name: &str, bounds: SenderConfig) -> Self {
        let head = node.ask("eth_blockNumber", json!([]));
        let name = format!("{name} {} {}", std::process::id(), head.as_str().unwrap());
        node.ask("evm_setAutomine", json!([false]));
        {
            let mut network = node.0.borrow_mut();
            (network.ticks, network.behind, network.lacks) = (false, 0, None);
        }
        let sender = key(&format!("till {name}"));
        node.ask("anvil_setBalance", json!([sender.address(), "0x56bc75e2d63100000"]));
        let sender = Sender::new(Chain::new(node.clone()), MemoryJournal::default(), sender, bounds);
        let seller = key(&format!("seller {name}")).address();
        let facilitator = Facilitator::new(sender, config());
        Self { node: node.clone(), facilitator, name, seller }
    }

    fn payer(&self, who: &str, amount: u128) -> Key {
        let payer = key(&format!("{who} {}", self.name));
        self.node.mint(payer.address(), amount);
        payer
    }

    fn now(&self) -> u64 {
        Chain::new(self.node.clone()).block(At::Latest).unwrap().time
    }

    fn authorization(&self, from: Address, to: Address, value: u128, nonce: &str) -> Authorization {
        Authorization {
            from,
            to,
            value: Word::number(value),
            valid_after: Word::default(),
            valid_before: Word::number(u128::from(self.now()) + 3_600),
            nonce: keccak(&[nonce.as_bytes(), self.name.as_bytes()]),
        }
    }

    fn pay(&self, payer: &Key, value: u128, nonce: &str) -> Paid {
        let authorization = self.authorization(payer.address(), self.seller, value, nonce);
        Paid { signature: sign(payer, &authorization), authorization }
    }

    fn settle(&mut self, paid: &Paid) -> Settled {
        let now = Timestamp(i64::try_from(self.now()).unwrap() * 1_000_000);
        self.facilitator.settle(&paid.body(), now)
    }

    /// What became of it, in one word.
    fn told(&mut self, paid: &Paid) -> &'static str {
        let settled = self.settle(paid);
        assert_eq!(settled.success, settled.error_reason.is_none());
        settled.error_reason.unwrap_or("settled")
    }

    fn attempts(&mut self, paid: &Paid) -> Vec<(u64, Word)> {
        let name = format!(":{}", paid.authorization.nonce);
        let records = self.facilitator.sender().journal().records();
        let of = records.filter(|record| record.key.ends_with(&name)).flat_map(|record| &record.attempts);
        of.map(|attempt| (attempt.nonce, attempt.hash)).collect()
    }

    fn mine(&self, blocks: u64) {
        for _ in 0..blocks {
            self.node.ask("evm_mine", json!([]));
        }
    }

    fn code(&self, what: &str, code: &str) -> Address {
        let at = key(&format!("{what} {}", self.name)).address();
        self.node.ask("anvil_setCode", json!([at, code]));
        at
    }
}

/// A payment that was signed.
struct Paid {
    authorization: Authorization,
    signature: Vec<u8>,
}

fn sign(payer: &Key, authorization: &Authorization) -> Vec<u8> {
    let domain = Domain { name: "USDC", version: "2", chain_id: CHAIN_ID, contract: usdc() };
    payer.sign(&authorization.digest(&domain, Use::Transfer)).0.to_vec()
}

impl Paid {
    fn body(&self) -> Vec<u8> {
        let Authorization { from, to, value, valid_before, nonce, .. } = &self.authorization;
        let (value, until) = (value.small().unwrap().to_string(), valid_before.small().unwrap().to_string());
        let wanted = json!({
            "scheme": "exact", "network": "eip155:84532", "asset": usdc(), "amount": value, "payTo": to,
            "maxTimeoutSeconds": 600, "extra": {"name": "USDC", "version": "2"},
        });
        let authorization = json!({
            "from": from, "to": to, "value": value, "validAfter": "0", "validBefore": until, "nonce": nonce,
        });
        let payload = json!({"signature": hex(&self.signature), "authorization": authorization});
        let paid = json!({"x402Version": 2, "accepted": wanted, "payload": payload});
        json!({"x402Version": 2, "paymentPayload": paid, "paymentRequirements": wanted})
            .to_string()
            .into_bytes()
    }

    /// The token's call.
    fn call(&self) -> Vec<u8> {
        let mut values = self.authorization.values();
        values.push(abi::Value::Bytes(self.signature.clone()));
        abi::call("transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)", &values)
    }
}

/// The chain with a till on it, for one test at a time; its blocks are made by themselves again when the test ends.
fn till(name: &str, bounds: SenderConfig) -> Option<(Till, Quiet)> {
    let (node, alone) = node()?;
    let quiet = Quiet { node: node.clone(), _alone: alone };
    Some((Till::new(&node, name, bounds), quiet))
}

struct Quiet {
    node: Shared,
    _alone: MutexGuard<'static, ()>,
}

impl Drop for Quiet {
    fn drop(&mut self) {
        self.node.ask("evm_setAutomine", json!([true]));
    }
}

/// A payer uses up the authorisations that it showed, for nothing, beside one transfer of the price in the same transaction.
#[test]
fn a_transfer_pays_by_one_authorisation_and_by_no_other_of_its_transaction() {
    let Some((mut till, _alone)) = till("batch", bounds(1)) else { return };
    let payer = till.payer("payer", 10_000);
    let batch = till.code("batch", BATCH);
    let shown: Vec<Paid> = ["1", "2", "3"].map(|nonce| till.pay(&payer, 10_000, nonce)).into();
    let nothing = |nonce: &str| {
        let authorization = till.authorization(payer.address(), batch, 0, nonce);
        Paid { signature: sign(&payer, &authorization), authorization }
    };
    // Two are used for nothing, before and after the one that pays.
    let calls = [nothing("1").call(), shown[1].call(), nothing("3").call()];
    let data: Vec<u8> = calls
        .iter()
        .flat_map(|call| [&Word::number(call.len().try_into().unwrap()).0, call.as_slice()].concat())
        .collect();
    till.node.does(4, batch, &data);
    assert_eq!((till.node.tokens(till.seller), till.node.tokens(payer.address())), (10_000, 0));
    let told: Vec<&str> = shown.iter().map(|paid| till.told(paid)).collect();
    let used = "invalid_exact_evm_nonce_already_used";
    assert_eq!(told, [used, "settled", used]);
}

/// The node that answers has the block and not yet its receipts, or not its logs: nobody knows whether the money moved.
#[test]
fn a_receipt_that_a_node_lacks_is_no_failure() {
    let Some((mut till, _alone)) = till("lacks", bounds(1)) else { return };
    let payer = till.payer("payer", 20_000);
    let ours = till.pay(&payer, 10_000, "ours");
    assert_eq!(till.told(&ours), "settlement_pending");
    till.mine(1);
    let theirs = till.pay(&payer, 10_000, "theirs");
    till.node.does(4, usdc(), &theirs.call());
    for lacks in ["eth_getTransactionReceipt", "eth_getLogs"] {
        till.node.0.borrow_mut().lacks = Some(lacks);
        for paid in [&ours, &theirs] {
            assert_eq!(till.told(paid), "settlement_pending", "without {lacks}");
        }
    }
    till.node.0.borrow_mut().lacks = None;
    for paid in [&ours, &theirs] {
        assert_eq!(till.told(paid), "settled");
    }
}

#[test]
fn a_block_that_vanishes_is_no_settlement() {
    let Some((mut till, _alone)) = till("reorg", bounds(3)) else { return };
    let payer = till.payer("payer", 10_000);
    let paid = till.pay(&payer, 10_000, "once");
    assert_eq!(till.told(&paid), "settlement_pending");
    till.mine(2);
    assert_eq!((till.told(&paid), till.node.tokens(till.seller)), ("settlement_pending", 10_000), "not deep");
    till.node.ask("anvil_reorg", json!([2, []]));
    assert_eq!((till.told(&paid), till.node.tokens(till.seller)), ("settlement_pending", 0), "it is gone");
    till.mine(3);
    assert_eq!((till.told(&paid), till.node.tokens(till.seller)), ("settled", 10_000));
    assert_eq!(till.attempts(&paid).len(), 1);
}

/// Somebody pays and goes away, and the node forgets the transaction: whoever pays next does not wait for it.
#[test]
fn a_transaction_that_nobody_asks_about_holds_nobody_up() {
    let Some((mut till, _alone)) = till("stuck", SenderConfig { patience: 1, ..bounds(1) }) else { return };
    let payer = till.payer("payer", 20_000);
    let (gone, next) = (till.pay(&payer, 10_000, "gone"), till.pay(&payer, 10_000, "next"));
    assert_eq!((till.told(&gone), till.told(&next)), ("settlement_pending", "settlement_pending"));
    let (first, second) = (till.attempts(&gone)[0], till.attempts(&next)[0]);
    assert_eq!(second.0, first.0 + 1);
    // What is dropped is sent again by whoever waits behind it.
    till.node.ask("anvil_dropTransaction", json!([first.1]));
    assert_eq!(till.told(&next), "settlement_pending");
    till.mine(1);
    assert_eq!((till.told(&next), till.node.tokens(till.seller)), ("settled", 20_000));
    assert_eq!(till.told(&gone), "settled");
}

/// As before, and what was signed cannot land any more: another transaction takes its place.
#[test]
fn a_transaction_that_is_too_cheap_gives_way_and_its_payment_is_made_anew() {
    let Some((mut till, _alone)) = till("cheap", SenderConfig { patience: 1, ..bounds(1) }) else { return };
    let payer = till.payer("payer", 20_000);
    let (gone, next) = (till.pay(&payer, 10_000, "gone"), till.pay(&payer, 10_000, "next"));
    assert_eq!(till.told(&gone), "settlement_pending");
    let first = till.attempts(&gone)[0];
    till.node.ask("anvil_dropTransaction", json!([first.1]));
    // The fee rises above what was offered.
    let fees = Chain::new(till.node.clone()).fees().unwrap();
    let base = json!(format!("{:#x}", fees.max_fee * 3));
    for _ in 0..10 {
        if till.attempts(&gone).len() > 1 {
            break;
        }
        till.node.ask("anvil_setNextBlockBaseFeePerGas", json!([base]));
        till.mine(1);
        assert_eq!(till.told(&next), "settlement_pending");
    }
    till.node.ask("anvil_setNextBlockBaseFeePerGas", json!(["0x7"]));
    till.mine(1);
    assert_eq!((till.told(&next), till.node.tokens(till.seller)), ("settled", 10_000));
    let spent = till.attempts(&gone);
    assert!(spent.len() > 1 && spent.iter().all(|(nonce, _)| *nonce == first.0), "{spent:?}");
    // Asked for again it is made, under another nonce.
    assert_eq!(till.told(&gone), "settlement_pending");
    till.mine(1);
    assert_eq!((till.told(&gone), till.node.tokens(till.seller)), ("settled", 20_000));
}

#[test]
fn what_a_payers_code_may_cost_is_bounded() {
    let Some((mut till, _alone)) = till("contracts", bounds(1)) else { return };
    let paid = |till: &Till, who: &str, code: &str| {
        let from = till.code(who, code);
        till.node.mint(from, 10_000);
        Paid { authorization: till.authorization(from, till.seller, 10_000, who), signature: vec![7; 65] }
    };
    let bomb = paid(&till, "bomb", BOMB);
    assert_eq!(till.told(&bomb), "invalid_exact_evm_transaction_simulation_failed");
    let now = Timestamp(i64::try_from(till.now()).unwrap() * 1_000_000);
    let mut chain = Chain::new(till.node.clone());
    let verified = verify(&config(), &mut chain, &bomb.body(), now);
    assert_eq!(verified.invalid_reason, Some("invalid_exact_evm_transaction_simulation_failed"));
    assert_eq!(till.attempts(&bomb), []);
    // One whose refusal only the chain meets is paid for once, and stays under way until it has expired.
    let liar = paid(&till, "liar", LIAR);
    for _ in 0..4 {
        assert_eq!(till.told(&liar), "settlement_pending");
        till.mine(1);
    }
    let attempts = till.attempts(&liar);
    assert_eq!(attempts.len(), 1);
    let receipt = till.node.ask("eth_getTransactionReceipt", json!([attempts[0].1]));
    assert_eq!(receipt["status"], "0x0");
    let gas = receipt["gasUsed"].as_str().unwrap().trim_start_matches("0x");
    assert!(u64::from_str_radix(gas, 16).unwrap() <= PAYMENT_GAS);
    // An honest one pays, unless contracts are not served.
    let honest = paid(&till, "honest", YES);
    let none = FacilitatorConfig { contracts: false, ..config() };
    let verified = verify(&none, &mut chain, &honest.body(), now);
    assert_eq!(verified.invalid_reason, Some("invalid_exact_evm_payload_signature"));
    assert_eq!(till.told(&honest), "settlement_pending");
    till.mine(1);
    assert_eq!((till.told(&honest), till.node.tokens(till.seller)), ("settled", 10_000));
}
