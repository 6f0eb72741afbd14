//! Selling by use: on a chain in memory, whatever the chain, the buyer or the process does.

mod buyer;
mod ledger;

use buyer::{Buyer, header};
use ledger::Ledger;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::rc::Rc;
use tollgate_core::Timestamp;
use tollgate_evm::x402::{Begun, Network, Refusal, SaleRecord, SaleTerms, Sales, Stage, Token};
use tollgate_evm::{Address, Chain, Key, MemoryJournal, Node, NodeError, Sender, SenderConfig, keccak};
use tollgate_rail::Journal as _;

const CHAIN_ID: u64 = 84_532;
const START: u64 = 1_800_000_000;

/// The chain, and whether its node answers.
#[derive(Clone)]
struct Link(Rc<RefCell<Ledger>>, Rc<RefCell<bool>>);

impl Node for Link {
    fn request(&mut self, method: &'static str, params: Value) -> Result<Value, NodeError> {
        if !*self.1.borrow() {
            return Err(NodeError::Silent("nobody answers".into()));
        }
        let answer = self.0.borrow_mut().answer(method, &params);
        answer.map_err(|(code, message)| NodeError::Refused { code, message })
    }
}

type Records = tollgate_rail::MemoryJournal<SaleRecord>;

struct Shop {
    link: Link,
    sender: Sender<Link, MemoryJournal>,
    sales: Sales<Records>,
    buyer: Buyer,
}

fn address(seed: &str) -> Address {
    Key::new(&keccak(&[seed.as_bytes()]).0).unwrap().address()
}

impl Shop {
    fn new() -> Self {
        let (escrow, collector) = (address("escrow"), address("collector"));
        let link =
            Link(Rc::new(RefCell::new(Ledger::new(CHAIN_ID, escrow, START))), Rc::new(RefCell::new(true)));
        let key = Key::new(&keccak(&[b"sender"]).0).unwrap();
        let token = Token { address: address("token"), name: "USDC".into(), version: "2".into() };
        let terms = SaleTerms {
            network: Network(CHAIN_ID),
            token,
            escrow,
            collector,
            operator: key.address(),
            pay_to: address("seller"),
            max_timeout_s: 300,
            capture_s: 3_600,
            contracts: false,
        };
        let bounds = SenderConfig {
            chain_id: CHAIN_ID,
            confirmations: 1,
            patience: 10,
            max_fee_wei: 1 << 40,
            max_gas: 300_000,
        };
        let sender = Sender::new(Chain::new(link.clone()), MemoryJournal::default(), key, bounds);
        let sales = Sales::open(terms, Records::default()).unwrap();
        let buyer = Buyer::new("buyer", collector);
        link.0.borrow_mut().balances.insert(buyer.key.address(), 10_000);
        Self { link, sender, sales, buyer }
    }

    fn now(&self) -> Timestamp {
        Timestamp(i64::try_from(self.link.0.borrow().time).unwrap() * 1_000_000)
    }

    fn offer(&self, amount: u128) -> Value {
        self.sales.terms().required("http://here/v1", amount, "a payment is required", self.now()).0["accepts"][0].clone()
    }

    fn payment(&self, amount: u128, salt: &str) -> Value {
        self.buyer.payload(&self.link.0.borrow(), &self.offer(amount), salt)
    }

    fn begin(&mut self, payload: &Value, least: u128) -> Begun {
        let now = self.now();
        self.sales.begin(&mut self.sender, &header(payload), least, now).unwrap()
    }

    fn held(&mut self, payload: &Value, least: u128) -> String {
        match self.begin(payload, least) {
            Begun::Held { name, .. } => name,
            other => panic!("{other:?}"),
        }
    }

    fn tend(&mut self) {
        let now = self.now();
        // A node that is silent ends the round, and the next one goes on.
        let _ = self.sales.tend(&mut self.sender, now);
    }

    /// What buyer and seller have.
    fn money(&self) -> (u128, u128) {
        let ledger = self.link.0.borrow();
        (ledger.balance(self.buyer.key.address()), ledger.balance(address("seller")))
    }

    /// The same shop after its process ended and began again.
    fn again(&mut self) {
        let records = self.sales.records().clone();
        self.sales = Sales::open(self.sales.terms().clone(), records).unwrap();
    }

    fn reason(&mut self, payload: &Value, least: u128) -> Refusal {
        match self.begin(payload, least) {
            Begun::Refused { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_was_used_is_captured_and_the_rest_goes_back() {
    let mut shop = Shop::new();
    let paid = shop.payment(1_000, "a");
    let name = shop.held(&paid, 900);
    assert_eq!(shop.money(), (9_000, 0), "all of it is held before the answer");
    assert_eq!(shop.reason(&paid, 900), Refusal::NonceUsed, "it buys one answer, while that is under way");
    shop.sales.end(&name, 137).unwrap();
    assert_eq!(shop.reason(&paid, 900), Refusal::NonceUsed, "and when it ended");
    shop.tend();
    shop.tend();
    assert_eq!(shop.money(), (9_863, 137));
    assert_eq!(shop.link.0.borrow().done, ["hold", "capture", "void"]);
    // Whoever says again that it ended, or asks again, changes nothing.
    shop.sales.end(&name, 900).unwrap();
    shop.tend();
    assert_eq!(shop.reason(&paid, 900), Refusal::NonceUsed);
    shop.again();
    assert_eq!(shop.reason(&paid, 900), Refusal::NonceUsed, "and after a restart");
    assert_eq!(shop.money(), (9_863, 137));
}

#[test]
fn all_is_captured_without_a_rest_and_nothing_without_an_answer() {
    for (ends, left, done) in [
        (1_000, (9_000, 1_000), vec!["hold", "capture"]),
        (5_000, (9_000, 1_000), vec!["hold", "capture"]),
        (0, (10_000, 0), vec!["hold", "void"]),
    ] {
        let mut shop = Shop::new();
        let paid = shop.payment(1_000, "a");
        let name = shop.held(&paid, 1_000);
        shop.sales.end(&name, ends).unwrap();
        shop.tend();
        shop.tend();
        assert_eq!(shop.money(), left, "never more than is held");
        assert_eq!(shop.link.0.borrow().done, done);
    }
}

#[test]
fn there_is_no_answer_before_a_block_has_the_payment() {
    let mut shop = Shop::new();
    shop.link.0.borrow_mut().automine = false;
    let paid = shop.payment(1_000, "a");
    for _ in 0..3 {
        assert!(
            matches!(shop.begin(&paid, 1), Begun::Pending { transaction, .. } if transaction.len() == 66)
        );
    }
    shop.link.0.borrow_mut().mine();
    shop.held(&paid, 1);
    assert_eq!(shop.link.0.borrow().done, ["hold"], "asked four times, held once");
}

#[test]
fn a_process_that_dies_captures_nothing_of_what_it_served() {
    let mut shop = Shop::new();
    let paid = shop.payment(1_000, "a");
    shop.held(&paid, 1);
    shop.again();
    shop.tend();
    assert_eq!(shop.money(), (10_000, 0));
    assert_eq!(shop.reason(&paid, 1), Refusal::NonceUsed);
}

#[test]
fn a_buyer_that_leaves_before_its_payment_is_held_gets_it_back() {
    let mut shop = Shop::new();
    shop.link.0.borrow_mut().automine = false;
    let paid = shop.payment(1_000, "a");
    assert!(matches!(shop.begin(&paid, 1), Begun::Pending { .. }));
    shop.link.0.borrow_mut().mine();
    shop.tend();
    assert_eq!(shop.money(), (9_000, 0), "it may come again for a while");
    shop.link.0.borrow_mut().automine = true;
    shop.link.0.borrow_mut().time += 121;
    shop.tend();
    shop.tend();
    assert_eq!(shop.money(), (10_000, 0));
    assert_eq!(shop.reason(&paid, 1), Refusal::NonceUsed);
}

#[test]
fn a_payment_for_something_else_is_none_for_this() {
    let mut shop = Shop::new();
    let good = shop.payment(1_000, "a");
    let (other, twin) =
        (address("somebody"), "0x8000000000000000000000000000000000000000000000000000000000000000");
    for (pointer, value, reason) in [
        ("/x402Version", json!(1), Refusal::Version),
        ("/accepted/payTo", json!(other), Refusal::Requirements),
        ("/accepted/amount", json!("999"), Refusal::Value),
        ("/accepted/amount", json!("1001"), Refusal::Payload),
        ("/accepted/amount", json!("01000"), Refusal::Requirements),
        ("/accepted/scheme", json!("exact"), Refusal::Requirements),
        ("/accepted/network", json!("eip155:1"), Refusal::Requirements),
        ("/accepted/asset", json!(other), Refusal::Requirements),
        ("/accepted/extra/captureAuthorizer", json!(other), Refusal::Requirements),
        ("/accepted/extra/authCaptureEscrow", json!(other), Refusal::Requirements),
        ("/accepted/extra/maxFeeBps", json!(10_000), Refusal::Requirements),
        ("/accepted/extra/feeRecipient", json!(other), Refusal::Requirements),
        ("/accepted/extra/captureMode", json!("sync"), Refusal::Requirements),
        ("/accepted/extra/captureDeadline", json!(START + 1_799), Refusal::Requirements),
        ("/accepted/extra/captureDeadline", json!(START + 3_661), Refusal::Requirements),
        ("/accepted/extra/refundDeadline", json!(START + 90_001), Refusal::Requirements),
        ("/payload/authorization/to", json!(other), Refusal::Payload),
        ("/payload/authorization/value", json!("999"), Refusal::Payload),
        ("/payload/authorization/from", json!(other), Refusal::Signature),
        ("/payload/authorization/validAfter", json!("1"), Refusal::Payload),
        ("/payload/authorization/validBefore", json!((START + 3_000).to_string()), Refusal::Payload),
        ("/payload/authorization/nonce", json!(twin), Refusal::Payload),
        ("/payload/salt", json!(twin), Refusal::Payload),
        ("/payload/salt", json!("1"), Refusal::Payload),
        ("/payload/signature", json!("0x"), Refusal::Signature),
        ("/payload/signature", json!(format!("0x{}", "11".repeat(65))), Refusal::Signature),
    ] {
        let mut turned = good.clone();
        *turned.pointer_mut(pointer).unwrap() = value.clone();
        assert_eq!(shop.reason(&turned, 1_000), reason, "{pointer} = {value}");
    }
    assert_eq!(shop.reason(&good, 1_001), Refusal::Value, "less than this request may cost");
    let dear = shop.payment(10_001, "b");
    assert_eq!(shop.reason(&dear, 1), Refusal::Simulation, "more than the buyer has");
    shop.link.0.borrow_mut().time += 295;
    assert_eq!(shop.reason(&good, 1), Refusal::ValidBefore);
    assert_eq!(shop.sales.records().records().count(), 0, "none of them leaves a trace");
    assert!(shop.link.0.borrow().done.is_empty());
}

#[test]
fn a_signature_with_s_in_the_upper_half_is_refused() {
    let mut shop = Shop::new();
    let mut paid = shop.payment(1_000, "a");
    let text = paid["payload"]["signature"].as_str().unwrap().to_owned();
    let bytes = tollgate_evm::unhex(&text).unwrap();
    let order =
        tollgate_evm::unhex("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").unwrap();
    let (mut s, mut borrow) = ([0u8; 32], 0i16);
    for at in (0..32).rev() {
        let left = i16::from(order[at]) - i16::from(bytes[32 + at]) - borrow;
        (s[at], borrow) = (left.rem_euclid(256) as u8, i16::from(left < 0));
    }
    let twin = [&bytes[..32], &s, &[55 - bytes[64]]].concat();
    paid["payload"]["signature"] = json!(tollgate_evm::hex(&twin));
    assert_eq!(shop.reason(&paid, 1), Refusal::Signature);
}

#[test]
fn what_is_long_over_is_forgotten_and_buys_nothing_again() {
    let mut shop = Shop::new();
    let first = shop.payment(1, "0");
    for at in 0..1_040 {
        let paid = shop.payment(1, &at.to_string());
        let name = shop.held(&paid, 1);
        shop.sales.end(&name, 0).unwrap();
        shop.tend();
    }
    let kept =
        |shop: &mut Shop| (shop.sales.records().records().count(), shop.sender.journal().records().count());
    assert_eq!(kept(&mut shop), (1_040, 2_080));
    shop.link.0.borrow_mut().time += 9 * 86_400;
    shop.tend();
    for _ in 0..64 {
        shop.sender.tend().unwrap();
    }
    assert_eq!(kept(&mut shop), (0, 0));
    assert!(matches!(shop.begin(&first, 1), Begun::Refused { .. }));
    assert_eq!(shop.link.0.borrow().done.len(), 2_080);
}

#[derive(Clone, Copy, Debug)]
enum Turn {
    Begin(u8),
    End(u8, u16),
    Tend,
    Mine,
    Lose,
    Silence(bool),
    Again,
    Later(u8),
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        4 => (0..3u8).prop_map(Turn::Begin),
        2 => (0..3u8, 0..1_500u16).prop_map(|(which, amount)| Turn::End(which, amount)),
        4 => Just(Turn::Tend),
        4 => Just(Turn::Mine),
        1 => Just(Turn::Lose),
        2 => any::<bool>().prop_map(Turn::Silence),
        1 => Just(Turn::Again),
        1 => (0..200u8).prop_map(Turn::Later),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever happens in whatever order: what was said to have been used is captured, or nothing where the process died
    /// first; the rest goes back; each payment has one answer.
    #[test]
    fn whatever_happens_nobody_pays_more_or_twice(turns in prop::collection::vec(turn(), 1..60)) {
        let mut shop = Shop::new();
        shop.link.0.borrow_mut().automine = false;
        let paid: Vec<Value> = ["a", "b", "c"].iter().map(|salt| shop.payment(1_000, salt)).collect();
        let mut served = [None; 3];
        let mut used = [0u128; 3];
        for turn in turns {
            match turn {
                Turn::Begin(which) => {
                    let which = usize::from(which);
                    if let Begun::Held { name, .. } = shop.begin(&paid[which], 1_000) {
                        prop_assert!(served[which].is_none(), "one answer for a payment");
                        prop_assert!(shop.link.0.borrow().payments[&name].collected, "and only when it is held");
                        served[which] = Some(name.leak() as &str);
                    }
                }
                Turn::End(which, amount) => {
                    let which = usize::from(which);
                    let stage = served[which].and_then(|name| shop.sales.records().get(name)).map(|r| r.stage.clone());
                    if let (Some(name), Some(Stage::Serving)) = (served[which], stage) {
                        used[which] = u128::from(amount).min(1_000);
                        shop.sales.end(name, amount.into()).unwrap();
                    }
                }
                Turn::Tend => shop.tend(),
                Turn::Mine => shop.link.0.borrow_mut().mine(),
                Turn::Lose => shop.link.0.borrow_mut().lose(),
                Turn::Silence(is_there) => *shop.link.1.borrow_mut() = is_there,
                Turn::Again => shop.again(),
                Turn::Later(seconds) => shop.link.0.borrow_mut().time += u64::from(seconds),
            }
            let (buyer, seller) = shop.money();
            prop_assert!(buyer + seller <= 10_000 && seller <= used.iter().sum());
        }
        // The process ends, and everybody is there again.
        shop.again();
        *shop.link.1.borrow_mut() = true;
        shop.link.0.borrow_mut().time += 400;
        for _ in 0..40 {
            shop.tend();
            shop.link.0.borrow_mut().mine();
        }
        let used: u128 = used.iter().sum();
        prop_assert_eq!(shop.money(), (10_000 - used, used));
        let is_over = |record: &SaleRecord| matches!(record.stage, Stage::Over { .. } | Stage::Refused { .. });
        prop_assert!(shop.sales.records().records().all(is_over));
    }
}
