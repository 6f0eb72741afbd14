//! Escrows that are paid by a rail that waits for others: unknown until it speaks, found out by a webhook, and served meanwhile.

use super::common::Folder;
use super::scene::{Scene, problem};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use tollgate_core::{Clock as _, Digest};
use tollgate_gateway::clock::SystemClock;
use tollgate_pay::escrow::{Event, TaskContract};

const SECRET: &str = "whsec_of_this_test";

/// An API for cards that has one payment.
#[derive(Default)]
struct State {
    speaks: bool,
    status: &'static str,
    metadata: String,
    asked: Vec<String>,
}

fn api() -> (SocketAddr, Arc<Mutex<State>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (at, state) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(State::default())));
    let shared = Arc::clone(&state);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let (mut first, mut length) = (String::new(), 0usize);
            reader.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let mut state = shared.lock().unwrap();
            state.asked.push(first.clone());
            if !state.speaks {
                continue;
            }
            if first.starts_with("POST /v1/payment_intents ") {
                let form = String::from_utf8(body).unwrap();
                let escrow = form.split("tollgate_escrow%5D=").nth(1).unwrap();
                state.metadata = escrow.chars().take(64).collect();
                state.status = "requires_confirmation";
            } else if first.contains("/confirm ") {
                state.status = "requires_capture";
            }
            let answer = json!({"id": "pi_1", "status": state.status, "amount": 10_000, "amount_received": 0,
                "currency": "usd", "metadata": {"tollgate_escrow": state.metadata}})
            .to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                answer.len()
            );
            let _ = reader.get_mut().write_all(format!("{head}{answer}").as_bytes());
        }
    });
    (at, state)
}

fn prepare(folder: &Folder, api: SocketAddr) {
    std::fs::create_dir_all(folder.path().join("pay/card/cards")).unwrap();
    folder.write("pay/card/secret.key", "sk_test_12345");
    folder.write("pay/card/hook.key", SECRET);
    let file = json!({"api": format!("http://{api}"), "secret": "secret.key", "merchant": "acct_payee",
        "assets": ["USD/2"], "webhook_secrets": ["hook.key"]});
    folder.write("pay/card/rail.json", &file.to_string());
    folder.write("pay/card/cards/acct_payer.json", r#"{"payment_method": "pm_1"}"#);
}

/// A webhook about an escrow, with the header that signs it.
fn hook(escrow: Digest) -> (String, String) {
    let object = json!({"object": "payment_intent", "id": "pi_1", "metadata": {"tollgate_escrow": escrow}});
    let kind = "payment_intent.amount_capturable_updated";
    let body = json!({"id": "evt_1", "type": kind, "data": {"object": object}}).to_string();
    let time = SystemClock::new().now().seconds();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    let mac: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    (format!("t={time},v1={mac}"), body)
}

impl Scene {
    fn by_card(&self) -> TaskContract {
        let mut contract = self.contract("card");
        contract.rail = "card".into();
        contract.fees.clear();
        contract
    }

    async fn hooked(&self, header: &str, body: &str) -> StatusCode {
        let headers = [("stripe-signature", header)];
        let path = "/v1/settle/card/events";
        self.world.send(Method::POST, path, &headers, body.to_owned()).await.status
    }
}

#[tokio::test]
async fn an_escrow_is_held_by_card_once_its_api_speaks_and_a_webhook_says_so() {
    let (at, state) = api();
    let scene = Scene::prepared(", rails: [card]", |folder| prepare(folder, at)).await;
    let known = scene.world.send(Method::GET, "/.well-known/tollgate-settlement", &[], "").await;
    assert_eq!(known.json()["rails"], json!(["ledger", "card"]));
    let contract = scene.by_card();
    let id = contract.digest();
    let terms = Event::Propose(Box::new(scene.cast.signed(contract.clone())));
    let got = scene.post(1, "escrows", "terms", &terms).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    assert_eq!(scene.event(id, "auth", &scene.cast.authorize(&contract).unwrap()).await, "authorized");
    assert_eq!(scene.event(id, "lock", &Event::Lock).await, "locking");
    assert!(!state.lock().unwrap().asked.is_empty(), "the API was asked, and said nothing");
    let rail = |shown: Value| shown["rail"].as_str().map(str::to_owned);
    let shown = scene.get(&format!("escrows/{id}")).await.json();
    assert_eq!(rail(shown).as_deref(), Some("unknown"));
    // An unknown outcome blocks.
    let blocked = scene.post(1, &format!("escrows/{id}/events"), "expire", &Event::Expire).await;
    assert_eq!(blocked.status, StatusCode::CONFLICT, "{}", blocked.text());
    assert_eq!(scene.get("accounts/acct_payer").await.json()["balance"], "20000", "others are served");
    let (header, body) = hook(id);
    assert_eq!(scene.hooked(&header, &format!("{body} ")).await, StatusCode::BAD_REQUEST, "forged");
    assert_eq!(scene.hooked("", &body).await, StatusCode::BAD_REQUEST);
    state.lock().unwrap().speaks = true;
    // The gateway may have looked by itself meanwhile.
    assert_eq!(scene.hooked(&header, &body).await, StatusCode::OK);
    assert_eq!(scene.hooked(&header, &body).await, StatusCode::OK, "twice does no more than once");
    let shown = scene.get(&format!("escrows/{id}")).await.json();
    assert_eq!((shown["phase"].as_str(), state.lock().unwrap().status), (Some("locked"), "requires_capture"));
    let confirms = state.lock().unwrap().asked.iter().filter(|asked| asked.contains("/confirm ")).count();
    assert_eq!(confirms, 1);
    // Papers are for the chain, which is not configured here.
    let paper = json!({"payment": {}});
    problem(
        &scene.post(1, &format!("escrows/{id}/papers"), "paper", &paper).await,
        StatusCode::NOT_FOUND,
        "not-found",
    );
    scene.stop().await;
}

#[tokio::test]
async fn an_escrow_by_a_rail_that_is_not_configured_is_refused() {
    let scene = Scene::new().await;
    let terms = Event::Propose(Box::new(scene.cast.signed(scene.by_card())));
    let got = scene.post(1, "escrows", "terms", &terms).await;
    assert!(got.status.is_client_error() && got.text().contains("rail"), "{}", got.text());
    let (header, body) = hook(Digest::of(b"any"));
    assert_eq!(scene.hooked(&header, &body).await, StatusCode::NOT_FOUND);
    scene.stop().await;
}
