//! Receivers that fail, break off, hang and come back: each is told everything, in order, signed.

use super::scene::{Scene, operator, problem};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use tollgate_gateway::webhooks::HookKey;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What a receiver does with a delivery.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Does {
    Take,
    Fail,
    /// Ends the connection without an answer.
    BreakOff,
    /// Keeps the connection and says nothing.
    Hang,
}

#[derive(Clone, Debug)]
struct Got {
    headers: Vec<(String, String)>,
    body: String,
    did: Does,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn version(&self) -> u64 {
        self.json()["data"]["version"].as_u64().unwrap()
    }
}

/// What it will do first, what it does then, what came, and connections that it keeps.
#[derive(Default)]
struct Book {
    first: VecDeque<Does>,
    then: Option<Does>,
    got: Vec<Got>,
    kept: Vec<TcpStream>,
}

#[derive(Clone)]
struct Receiver {
    at: SocketAddr,
    book: Arc<Mutex<Book>>,
}

impl Receiver {
    fn new(first: &[Does], then: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let first = first.iter().copied().collect();
        let book = Arc::new(Mutex::new(Book { first, then: Some(then), ..Book::default() }));
        let this = Self { at: listener.local_addr().unwrap(), book };
        let serving = this.clone();
        std::thread::spawn(move || listener.incoming().for_each(|stream| serving.serve(stream.unwrap())));
        this
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut headers, mut line) = (Vec::new(), String::new());
        loop {
            line.clear();
            // A gateway that stops opens connections it never uses.
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            match line.trim_end().split_once(": ") {
                Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
                None if line.trim_end().is_empty() => break,
                None => assert_eq!(line.trim_end(), "POST /hook?x=1 HTTP/1.1"),
            }
        }
        let length = headers.iter().find(|(name, _)| name == "content-length").unwrap().1.parse().unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let mut book = self.book.lock().unwrap();
        let did = book.first.pop_front().or(book.then).unwrap();
        book.got.push(Got { headers, body: String::from_utf8(body).unwrap(), did });
        let status = match did {
            Does::Take => "204 No Content",
            Does::Fail => "503 Service Unavailable",
            Does::BreakOff => return,
            Does::Hang => return book.kept.push(stream),
        };
        drop(book);
        let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }

    fn got(&self) -> Vec<Got> {
        self.book.lock().unwrap().got.clone()
    }

    fn taken(&self) -> Vec<u64> {
        self.got().iter().filter(|got| got.did == Does::Take).map(Got::version).collect()
    }

    fn now_does(&self, does: Does) {
        let mut book = self.book.lock().unwrap();
        book.then = Some(does);
        book.kept.clear();
    }

    /// What stands under `settle:`.
    fn settle(&self, attempts: u32, more: &str) -> String {
        let secret =
            std::env::temp_dir().join(format!("tollgate-hook-{}-{}", std::process::id(), self.at.port()));
        std::fs::write(&secret, SECRET).unwrap();
        format!(
            ", webhooks: [{{name: books, url: 'http://{}/hook?x=1', secret: 'file:{}', attempts: {attempts}, first_wait_ms: 1{more}}}]",
            self.at,
            secret.display()
        )
    }
}

#[tokio::test]
async fn a_receiver_that_fails_and_breaks_off_is_told_everything_in_order() {
    let receiver = Receiver::new(&[Does::Fail, Does::BreakOff, Does::Take, Does::Fail], Does::Take);
    let scene = Scene::with(&receiver.settle(8, "")).await;
    let (id, _) = scene.locked("one").await;
    scene.world.until("all is told", async || receiver.taken().len() >= 4).await;
    assert_eq!(receiver.taken(), [1, 2, 3, 4]);
    let (key, got) = (HookKey::parse(SECRET).unwrap(), receiver.got());
    let mut attempts = Vec::new();
    for got in &got {
        let (hook_id, seconds) = (got.header("webhook-id"), got.header("webhook-timestamp"));
        assert_eq!(hook_id, format!("{id}-{}", got.version()), "the same for every attempt");
        let signature = key.sign(hook_id, seconds.parse().unwrap(), got.body.as_bytes());
        assert_eq!(got.header("webhook-signature"), signature);
        attempts.push(got.header("webhook-attempt").to_owned());
        let told = got.json();
        let entry = scene.get(&format!("log/entries?from={}&limit=1", told["data"]["entry"])).await.json();
        let record = &entry["entries"][0]["command"]["ops"][0]["record"]["body"];
        assert_eq!(
            (&record["escrow"], &record["version"]),
            (&told["data"]["escrow"], &told["data"]["version"])
        );
        assert_eq!(record["phase"], told["data"]["phase"]);
        assert_eq!(told["type"], format!("escrow.{}", record["phase"].as_str().unwrap()));
    }
    assert_eq!(attempts, ["1", "2", "3", "1", "2", "1", "1"]);
    let last = got.last().unwrap().json();
    assert_eq!((&last["data"]["what"], &last["type"]), (&json!("rail done"), &json!("escrow.locked")));
    scene.world.until("it is kept", async || standing(&scene).await["waiting"] == 0).await;
    assert_eq!(standing(&scene).await["given_up"], 0);
    scene.stop().await;
}

async fn standing(scene: &Scene) -> Value {
    scene.get("webhooks").await.json()["webhooks"][0].clone()
}

#[tokio::test]
async fn what_is_never_taken_is_given_up_shown_and_told_again_on_demand() {
    let receiver = Receiver::new(&[], Does::Fail);
    let scene = Scene::with(&receiver.settle(2, ", phases: [locked, released]")).await;
    scene.locked("one").await;
    scene.world.until("it is given up", async || standing(&scene).await["given_up"] == 1).await;
    let shown = standing(&scene).await;
    let dead = &shown["dead"][0];
    assert_eq!((&dead["attempts"], &shown["waiting"]), (&json!(2), &json!(0)), "{shown}");
    assert!(dead["why"].as_str().unwrap().contains("503"), "{shown}");
    receiver.now_does(Does::Take);
    let refused = scene.post(1, "webhooks/books/again", "k1", json!({})).await;
    problem(&refused, StatusCode::FORBIDDEN, "forbidden");
    problem(&scene.post(2, "webhooks/none/again", "k2", json!({})).await, StatusCode::NOT_FOUND, "not-found");
    let other = json!({"entry": dead["entry"].as_u64().unwrap() + 1});
    assert_eq!(scene.post(2, "webhooks/books/again", "k3", &other).await.json()["again"], 0);
    let this = json!({"entry": dead["entry"]});
    assert_eq!(scene.post(2, "webhooks/books/again", "k4", &this).await.json()["again"], 1);
    scene.world.until("it is told", async || receiver.taken().len() == 1).await;
    assert_eq!(receiver.taken(), [4], "of the other phases it is not told");
    scene.stop().await;
}

#[tokio::test]
async fn a_gateway_that_stops_while_a_receiver_hangs_tells_it_after_the_restart() {
    let receiver = Receiver::new(&[], Does::Hang);
    let settle = receiver.settle(8, "");
    let scene = Scene::with(&settle).await;
    scene.locked("one").await;
    scene.world.until("the first is under way", async || !receiver.got().is_empty()).await;
    let folder = scene.stop().await;
    assert_eq!(receiver.taken(), [0u64; 0]);
    receiver.now_does(Does::Take);
    let world = Scene::launch(&folder, &settle).await;
    world.until("all is told", async || receiver.taken().len() >= 4).await;
    assert_eq!(receiver.taken(), [1, 2, 3, 4]);
    world.stop().await;
    // What was taken is not told again.
    let told = receiver.got().len();
    let world = Scene::launch(&folder, &settle).await;
    let (name, secret) = operator();
    let shown = world.send(Method::GET, "/v1/settle/webhooks", &[(name, &secret)], "").await.json();
    assert_eq!((&shown["webhooks"][0]["waiting"], receiver.got().len()), (&json!(0), told), "{shown}");
    world.stop().await;
}
