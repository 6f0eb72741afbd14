//! Two whole tasks against a running server, and what is left in its folder.

use crate::tool::{Folder, Server};
use serde_json::Value;

#[test]
fn the_demo_is_played_against_a_server_that_keeps_it() {
    let folder = Folder::new("served");
    std::fs::create_dir(folder.path().join("pay")).unwrap();
    let key = folder.run(&["pay", "audit", "keygen", "served.example/pay", "--out", "pay/log.key"]);
    let log = key.out.trim();
    let server = Server::start(&folder, &["--settle", "pay", "--data", "memory"]);
    let url = format!("http://{}", server.address);
    let play = |log: &str| folder.run(&["pay", "demo", "--server", &url, "--log", log, "--json"]);
    // Again with new accounts beside the first.
    for _ in 0..2 {
        let ran = play(log);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let lines: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let states: Vec<_> = lines.iter().filter_map(|line| line["state"].as_str()).collect();
        assert_eq!(states.iter().filter(|state| **state == "released").count(), 2, "{states:?}");
        let last = lines.last().unwrap()["step"].as_str().unwrap();
        for has in ["340.00 USD", "156.00 USD", "4.00 USD", "acct_clearing 0.00 USD"] {
            assert!(last.contains(has), "{last}");
        }
    }
    // A log of another key proves nothing.
    let other = folder.run(&["pay", "audit", "keygen", "served.example/pay", "--out", "other.key"]);
    let ran = play(other.out.trim());
    assert!(ran.code != 0 && ran.err.contains("does not hold"), "{}{}", ran.out, ran.err);
    // The folder can be read while it is served, and written by nobody else.
    let shown = folder.run(&["pay", "escrow", "show", "--data", "pay", "--json"]);
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!(shown.as_array().unwrap().iter().filter(|escrow| escrow["phase"] == "released").count(), 4);
    let id = shown[0]["escrow"].as_str().unwrap();
    let ran = folder.run(&["pay", "escrow", "do", "lock", id, "--data", "pay"]);
    assert!(ran.code == 2, "{}{}", ran.out, ran.err);
    server.signal("TERM");
    let (status, err) = server.end();
    assert_eq!(status.code(), Some(0), "{err}");
    let verified = folder.run(&["pay", "audit", "verify", "pay/log", "--key", log, "--replay"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
}

#[test]
fn a_folder_without_a_log_key_is_not_served() {
    let folder = Folder::new("keyless");
    let ran = folder.run(&["serve", "--settle", "nowhere", "--data", "memory", "--listen", "127.0.0.1:0"]);
    assert!(ran.code == 1 && ran.err.contains("pay audit keygen"), "{}{}", ran.out, ran.err);
}

#[test]
fn what_would_stop_every_reader_of_the_log_is_not_written() {
    let folder = Folder::new("by-hand");
    for (n, body) in
        [r#"{"type":"tollgate/escrow/v1"}"#, r#"{"type":"tollgate/account-owner/v1"}"#].iter().enumerate()
    {
        folder.write("bad.jsonl", &format!(r#"{{"key":"k-{n}","ops":[{{"record":{{"body":{body}}}}}]}}"#));
        let ran = folder.run(&["pay", "ledger", "apply", "bad.jsonl", "--ledger", "books"]);
        assert!(ran.code == 2 && ran.err.contains("bad.jsonl:1"), "{}{}", ran.out, ran.err);
    }
    folder.write("key.jsonl", r#"{"key":"escrow:x","ops":["sweep"]}"#);
    let ran = folder.run(&["pay", "ledger", "apply", "key.jsonl", "--ledger", "books"]);
    assert!(ran.code == 2 && ran.err.contains("ways of their own"), "{}{}", ran.out, ran.err);
    assert!(!folder.path().join("books").exists(), "nothing was opened");
}
