//! Agents from the command line: a key that rolls over, a document fetched from a server, and what is refused.

use crate::tool::{Folder, Ran};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

fn good(ran: &Ran) -> String {
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    ran.out.clone()
}

/// Makes a key; answers its id and its public JWK.
fn keygen(folder: &Folder, name: &str) -> (String, String) {
    let out = good(&folder.run(&["pay", "agent", "keygen", "--out", name]));
    let (id, jwk) = out.trim_end().split_once('\n').unwrap();
    (id.to_owned(), jwk.to_owned())
}

fn draft(folder: &Folder, id: &str, keys: &str) {
    folder.write("draft.json", &format!(r#"{{"id":"{id}","name":"Ada's agent","keys":[{keys}]}}"#));
}

fn sign(folder: &Folder, key: &str, kid: &str, out: &str) {
    let args =
        ["pay", "agent", "sign", "draft.json", "--key", key, "--kid", kid, "--registry", "agents.jsonl"];
    folder.write(out, &good(&folder.run(&args)));
}

fn register(folder: &Folder, file: &str, more: &[&str]) -> Ran {
    folder.run(&[&["pay", "agent", "register", file, "--registry", "agents.jsonl", "--json"], more].concat())
}

#[test]
fn a_key_rolls_over_and_a_changed_registry_is_refused() {
    let folder = Folder::new("agents");
    let (id, old) = keygen(&folder, "old.key");
    let (_, new) = keygen(&folder, "new.key");
    let key = |kid: &str, jwk: &str| format!(r#"{{"kid":"{kid}","jwk":{jwk},"purposes":["control"]}}"#);
    draft(&folder, &id, &key("old", &old));
    sign(&folder, "old.key", "old", "1.json");
    good(&register(&folder, "1.json", &[]));
    draft(&folder, &id, &key("new", &new));
    sign(&folder, "old.key", "old", "2.json");
    sign(&folder, "new.key", "new", "early.json");
    let early = register(&folder, "early.json", &[]);
    assert_eq!(early.code, 1, "a key cannot bring itself: {}{}", early.out, early.err);
    good(&register(&folder, "2.json", &[]));
    sign(&folder, "old.key", "old", "3.json");
    assert_eq!(register(&folder, "3.json", &[]).code, 1, "the old key signs nothing more");
    let shown: Value = serde_json::from_str(&good(&folder.run(&[
        "pay",
        "agent",
        "show",
        &id,
        "--registry",
        "agents.jsonl",
        "--json",
    ])))
    .unwrap();
    assert_eq!((&shown["record"]["version"], shown["versions"].as_array().unwrap().len()), (&2.into(), 2));
    let counts = |kid: &str| {
        folder.run(&["pay", "agent", "key", &id, kid, "control", "--registry", "agents.jsonl"]).code
    };
    assert_eq!((counts("old"), counts("new")), (1, 0));
    // The file is verified anew each time: one changed letter is found.
    let text = std::fs::read_to_string(folder.path().join("agents.jsonl")).unwrap();
    folder.write("agents.jsonl", &text.replacen("Ada's", "Eve's", 1));
    assert_ne!(counts("new"), 0);
    // A line that was being written when the machine stopped was never accepted.
    folder.write("agents.jsonl", &format!("{text}{{\"at\":1"));
    assert_eq!(counts("new"), 0);
    assert_eq!(std::fs::read_to_string(folder.path().join("agents.jsonl")).unwrap(), text);
}

/// Answers `count` requests with this body; gives the port.
fn serve(status: &'static str, body: String, count: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(count) {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    port
}

#[test]
fn a_did_web_document_is_fetched_within_bounds() {
    let folder = Folder::new("did-web");
    let (_, jwk) = keygen(&folder, "shop.key");
    // The document names the port that the server has: an outer server gives the port first.
    let document = |id: &str| {
        format!(
            r##"{{"id":"{id}","verificationMethod":[{{"id":"#k","type":"JsonWebKey2020","controller":"{id}","publicKeyJwk":{jwk}}}],"assertionMethod":["#k"]}}"##
        )
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let id = format!("did:web:localhost%3A{port}:shop");
    let body = document(&id);
    std::thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let asked = lines.next().unwrap().unwrap();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let status = if asked == "GET /shop/did.json HTTP/1.1" { "200 OK" } else { "404 Not Found" };
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    let shown = good(&folder.run(&["pay", "agent", "resolve", &id]));
    assert!(shown.contains("EdDSA"), "{shown}");
    draft(&folder, &id, &format!(r##"{{"kid":"#k","jwk":{jwk},"purposes":["control"]}}"##));
    sign(&folder, "shop.key", "#k", "shop.json");
    good(&register(&folder, "shop.json", &[]));
    // The document was kept: nothing is fetched to verify the registry again.
    good(&folder.run(&["pay", "agent", "show", &id, "--registry", "agents.jsonl"]));
    for (status, body) in [
        ("404 Not Found", document("did:web:other")),
        ("302 Found", String::new()),
        ("200 OK", " ".repeat(70_000)),
        ("200 OK", document("did:web:other")),
    ] {
        let port = serve(status, body, 1);
        let ran = folder.run(&["pay", "agent", "resolve", &format!("did:web:localhost%3A{port}")]);
        assert_eq!(ran.code, 2, "{status}: {}{}", ran.out, ran.err);
    }
}
