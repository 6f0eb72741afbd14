//! Models sold by x402: held before the answer, captured after it, whatever becomes of the answer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

#[path = "../../../evm/tests/it/sale/buyer.rs"]
mod buyer;
#[path = "../common/mod.rs"]
mod common;
#[path = "../../../evm/tests/it/sale/ledger.rs"]
mod ledger;
mod node;
mod ware;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use buyer::{Buyer, header};
use common::{Folder, Got, World, settings, sims};
use http::{Method, StatusCode};
use ledger::Ledger;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tollgate_core::Clock as _;
use tollgate_evm::{Address, Key, keccak};
use tollgate_gateway::clock::SystemClock;
use tollgate_gateway::serve::Options;

const CONFIG: &str = r#"
policy: {policy}
auth: {AUTH}
x402:
  data: DATA/x402
  network: eip155:84532
  node: file:DATA/node.url
  key: file:DATA/sender.key
  wait_ms: WAIT
  tokens: [{address: "TOKEN", name: USDC, version: "2"}]
  sale: {pay_to: "SELLER", escrow: "ESCROW", collector: "COLLECTOR"}
providers: [{name: sim, kind: tollgate_sim}, {name: old, kind: ollama}, {name: new, kind: openai}]
models:
  - {name: dear, sold: true, price: {input: "100", output: "400"}}
  - {name: older, sold: true, price: {input: "100", output: "400"}}
  - {name: newer, sold: true, price: {input: "100", output: "400"}}
  - {name: priciest, sold: true, price: {input: "1000", output: "4000"}}
  - {name: cheap, price: {input: "1", output: "4"}}
pools:
  - name: only
    instances:
      - {name: a, provider: sim, url: "http://{0}", models: {dear: dear, priciest: priciest, cheap: cheap}}
      - {name: b, provider: old, url: "http://{0}", models: {older: older}}
      - {name: c, provider: new, url: "http://{0}", models: {newer: newer}}
"#;
const POLICY: &str = "policy \"t\"\ndefault { models { \"dear\", \"cheap\" } }\n";
const CHAT: &str = "/v1/chat/completions";

fn key(seed: &str) -> Key {
    Key::new(&keccak(&[seed.as_bytes()]).0).unwrap()
}

fn address(seed: &str) -> Address {
    key(seed).address()
}

struct Shop {
    world: World,
    ledger: Arc<Mutex<Ledger>>,
    buyer: Buyer,
    folder: Folder,
}

const FUNDS: u128 = 100_000_000;

impl Shop {
    async fn open(auth: &str, wait_ms: u32) -> Self {
        Self::with(auth, wait_ms, POLICY).await
    }

    /// One with settings more behind `auth`, and a policy of its own.
    async fn under(auth: &str, policy: &str) -> Self {
        Self::with(auth, 60_000, policy).await
    }

    async fn with(auth: &str, wait_ms: u32, policy: &str) -> Self {
        let folder = Folder::new();
        let now = u64::try_from(SystemClock::new().now().seconds()).unwrap();
        let ledger = Arc::new(Mutex::new(Ledger::new(84_532, address("escrow"), now)));
        let buyer = Buyer::new("buyer", address("collector"));
        ledger.lock().unwrap().balances.insert(buyer.key.address(), FUNDS);
        folder.write("node.url", &node::serve(ledger.clone()));
        let secret = keccak(&[b"sender".as_slice()]);
        folder.write("sender.key", &secret.to_string());
        let world = Self::start(&folder, auth, wait_ms, policy).await;
        Self { world, ledger, buyer, folder }
    }

    async fn start(folder: &Folder, auth: &str, wait_ms: u32, policy: &str) -> World {
        let (sims, addresses) = sims(1).await;
        let text = CONFIG
            .replace("{AUTH}", auth)
            .replace("DATA", &folder.path().display().to_string())
            .replace("WAIT", &wait_ms.to_string())
            .replace("TOKEN", &address("token").to_string())
            .replace("SELLER", &address("seller").to_string())
            .replace("ESCROW", &address("escrow").to_string())
            .replace("COLLECTOR", &address("collector").to_string());
        let settings = settings(&text, &addresses, &folder.write("p.tollgate", policy));
        World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await
    }

    async fn ask(&self, body: &Value, headers: &[(&str, &str)]) -> Got {
        self.world.send(Method::POST, CHAT, headers, body.to_string()).await
    }

    /// What is asked for a request that does not pay.
    async fn offer(&self, body: &Value) -> Value {
        let got = self.ask(body, &[]).await;
        assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED, "{}", got.text());
        let told: Value =
            serde_json::from_slice(&STANDARD.decode(got.header("payment-required")).unwrap()).unwrap();
        assert_eq!(told, got.json(), "the header says what the body says");
        assert_eq!(told["x402Version"], 2);
        told["accepts"][0].clone()
    }

    async fn payment(&self, body: &Value, salt: &str) -> String {
        let offer = self.offer(body).await;
        header(&self.buyer.payload(&self.ledger.lock().unwrap(), &offer, salt))
    }

    /// What buyer and seller have once nothing is held any more.
    async fn settled(&self) -> (u128, u128) {
        let both = || {
            let ledger = self.ledger.lock().unwrap();
            (ledger.balance(self.buyer.key.address()), ledger.balance(address("seller")))
        };
        self.world
            .until("all is captured or gone back", async || {
                let (buyer, seller) = both();
                buyer + seller == FUNDS
            })
            .await;
        both()
    }

    fn done(&self) -> Vec<&'static str> {
        self.ledger.lock().unwrap().done.clone()
    }
}

fn words(stream: bool) -> Value {
    json!({"model": "dear", "stream": stream, "max_tokens": 200, "messages": [{"role": "user", "content": "two words"}]})
}

/// What an answer of the dear model costs, in micro-dollars, which are the token's minor units.
fn price(usage: &Value) -> u128 {
    let tokens = |name: &str| u128::from(usage[name].as_u64().unwrap());
    tokens("prompt_tokens") * 100 + tokens("completion_tokens") * 400
}

#[tokio::test]
async fn an_answer_costs_what_it_used_and_a_payment_buys_one() {
    let shop = Shop::open("{mode: keys}", 60_000).await;
    let ask = words(false);
    let paid = shop.payment(&ask, "a").await;
    let got = shop.ask(&ask, &[("payment-signature", &paid)]).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let (_, up) = shop.world.sent(0).await;
    assert!(!format!("{up:?}").contains("payment"), "whoever serves the model is shown no payment: {up:?}");
    let settled: Value =
        serde_json::from_slice(&STANDARD.decode(got.header("payment-response")).unwrap()).unwrap();
    assert_eq!((&settled["success"], &settled["network"]), (&json!(true), &json!("eip155:84532")));
    assert_eq!(settled["payer"], shop.buyer.key.address().to_string());
    assert_eq!(settled["transaction"].as_str().unwrap().len(), 66);
    let cost = price(&got.json()["usage"]);
    assert!(cost > 0);
    assert_eq!(shop.settled().await, (FUNDS - cost, cost));
    assert_eq!(shop.done(), ["hold", "capture", "void"]);
    // The same payment again buys nothing, and neither does one for less.
    let asked = shop.world.received(0).await.len();
    let again = shop.ask(&ask, &[("payment-signature", &paid)]).await;
    assert_eq!(again.status, StatusCode::PAYMENT_REQUIRED);
    assert!(again.json()["error"].as_str().unwrap().contains("nonce_already_used"), "{}", again.text());
    let mut longer = words(false);
    longer["max_tokens"] = json!(201);
    let short = shop.payment(&ask, "b").await;
    assert_eq!(
        shop.ask(&longer, &[("payment-signature", &short)]).await.status,
        StatusCode::PAYMENT_REQUIRED
    );
    assert_eq!(shop.world.received(0).await.len(), asked, "nobody was asked for what was not paid");
    assert_eq!(shop.settled().await, (FUNDS - cost, cost));
    shop.world.stop().await;
}

#[tokio::test]
async fn of_many_requests_with_one_payment_one_is_answered() {
    let shop = Shop::open("{mode: keys}", 60_000).await;
    let ask = words(false);
    let paid = shop.payment(&ask, "a").await;
    let headers = [("payment-signature", paid.as_str())];
    let got = common::all((0..8).map(|_| shop.ask(&ask, &headers))).await;
    let good = got.iter().filter(|got| got.status == StatusCode::OK).count();
    assert_eq!(good, 1);
    assert!(got.iter().all(|got| matches!(got.status.as_u16(), 200 | 402)));
    assert_eq!(shop.world.received(0).await.len(), 1);
    shop.settled().await;
    shop.world.stop().await;
}

#[tokio::test]
async fn a_stream_costs_what_passed_also_when_its_caller_leaves() {
    let shop = Shop::open("{mode: open}", 60_000).await;
    let mut ask = words(true);
    ask["stream_options"] = json!({"include_usage": true});
    let paid = shop.payment(&ask, "a").await;
    let got = shop.ask(&ask, &[("payment-signature", &paid)]).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let usage = got
        .text()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .find_map(|event| event.get("usage").filter(|usage| usage.is_object()).cloned())
        .unwrap();
    let cost = price(&usage);
    assert_eq!(shop.settled().await, (FUNDS - cost, cost));
    // One that stands still after some words, and whose caller goes.
    let paid = shop.payment(&ask, "b").await;
    shop.world.fault(0, &json!({"fault": "stall=6:3600000", "count": 1})).await;
    let headers = [("payment-signature", paid.as_str())];
    let (status, head, mut flow) = shop.world.open(CHAT, &headers, &ask).await;
    assert_eq!(status, StatusCode::OK);
    flow.read_until("content").await;
    drop(flow);
    let (_, after) = shop.settled().await;
    let row = shop.world.decision(&head).await;
    assert_eq!(
        (&row["status"], after - cost),
        (&json!(499), u128::from(row["cost_micro"].as_u64().unwrap()))
    );
    assert!(after > cost, "what passed is paid");
    shop.world.stop().await;
}

#[tokio::test]
async fn an_answer_that_never_came_costs_nothing() {
    let shop = Shop::open("{mode: keys}", 60_000).await;
    let ask = words(false);
    let paid = shop.payment(&ask, "a").await;
    shop.world.fault(0, &json!({"fault": "status=400", "count": 1})).await;
    let got = shop.ask(&ask, &[("payment-signature", &paid)]).await;
    assert!(got.status.is_client_error() || got.status.is_server_error(), "{}", got.text());
    assert_eq!(shop.settled().await, (FUNDS, 0));
    assert_eq!(shop.done(), ["hold", "void"]);
    shop.world.stop().await;
}

#[tokio::test]
async fn there_is_no_answer_before_a_block_has_the_payment_and_then_the_same_request_gets_it() {
    let shop = Shop::open("{mode: keys}", 0).await;
    shop.ledger.lock().unwrap().automine = false;
    let ask = words(false);
    let paid = shop.payment(&ask, "a").await;
    for _ in 0..2 {
        let got = shop.ask(&ask, &[("payment-signature", &paid)]).await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE, "{}", got.text());
        let told: Value =
            serde_json::from_slice(&STANDARD.decode(got.header("payment-response")).unwrap()).unwrap();
        assert_eq!((&told["success"], &told["errorReason"]), (&json!(false), &json!("settlement_pending")));
    }
    assert!(shop.world.received(0).await.is_empty());
    {
        let mut ledger = shop.ledger.lock().unwrap();
        ledger.mine();
        ledger.automine = true;
    }
    let got = shop.ask(&ask, &[("payment-signature", &paid)]).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let cost = price(&got.json()["usage"]);
    assert_eq!(shop.settled().await, (FUNDS - cost, cost));
    shop.world.stop().await;
}

#[tokio::test]
async fn a_gateway_that_ends_captures_what_was_used_when_it_starts_again() {
    let Shop { world, ledger, buyer, folder } = Shop::open("{mode: keys}", 60_000).await;
    let shop = Shop { world, ledger, buyer, folder };
    let ask = words(false);
    let paid = shop.payment(&ask, "a").await;
    // Nothing that is sent from here on gets into a block but the hold.
    let got = shop.ask(&ask, &[("payment-signature", &paid)]).await;
    shop.ledger.lock().unwrap().automine = false;
    shop.ledger.lock().unwrap().lose();
    let cost = price(&got.json()["usage"]);
    let Shop { world, ledger, buyer, folder } = shop;
    world.stop().await;
    ledger.lock().unwrap().automine = true;
    let world = Shop::start(&folder, "{mode: keys}", 60_000, POLICY).await;
    let shop = Shop { world, ledger, buyer, folder };
    assert_eq!(shop.settled().await, (FUNDS - cost, cost));
    let again = shop.ask(&ask, &[("payment-signature", &paid)]).await;
    assert_eq!(again.status, StatusCode::PAYMENT_REQUIRED, "after a restart too");
    shop.world.stop().await;
}

#[tokio::test]
async fn without_a_key_only_what_is_sold_is_served_and_with_one_nobody_pays() {
    let shop = Shop::open("{mode: keys}", 60_000).await;
    let mut cheap = words(false);
    cheap["model"] = json!("cheap");
    assert!(matches!(shop.ask(&cheap, &[]).await.status.as_u16(), 403 | 404));
    // The policy chooses among what is sold.
    let mut auto = words(false);
    auto["model"] = json!("auto");
    assert_eq!(shop.offer(&auto).await["amount"], shop.offer(&words(false)).await["amount"]);
    let (_, secret) = shop.world.key(&json!({"name": "k"})).await;
    let bearer = format!("Bearer {secret}");
    for ask in [&cheap, &words(false)] {
        assert_eq!(shop.ask(ask, &[("authorization", &bearer)]).await.status, StatusCode::OK);
    }
    assert_eq!(
        shop.ask(&words(false), &[("authorization", "Bearer tg-nope")]).await.status,
        StatusCode::UNAUTHORIZED
    );
    // Whatever has no bound has no price.
    let mut built_in = words(false);
    built_in["n"] = json!("many");
    assert_eq!(shop.ask(&built_in, &[]).await.status, StatusCode::BAD_REQUEST);
    // Without a stated limit, what is held is the limit.
    let mut open = words(false);
    open.as_object_mut().unwrap().remove("max_tokens");
    let offer = shop.offer(&open).await;
    let paid = header(&shop.buyer.payload(&shop.ledger.lock().unwrap(), &offer, "open"));
    assert_eq!(shop.ask(&open, &[("payment-signature", &paid)]).await.status, StatusCode::OK);
    let (sent, _) = shop.world.sent(0).await;
    let limit = sent["max_tokens"].as_u64().or(sent["max_completion_tokens"].as_u64()).unwrap();
    assert!(u128::from(limit) * 400 <= offer["amount"].as_str().unwrap().parse().unwrap(), "{sent}");
    for garbage in ["", "%", "e30="] {
        assert_eq!(
            shop.ask(&words(false), &[("payment-signature", garbage)]).await.status,
            StatusCode::PAYMENT_REQUIRED
        );
    }
    shop.world.stop().await;
}
