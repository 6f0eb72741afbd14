//! A server whose log has witnesses: receipts carry their cosignatures, and without a quorum nothing is proven or ordered.

use crate::tool::{Folder, Process, Server};
use serde_json::Value;

/// A witness as a process of its own.
fn witness(folder: &Folder, n: u8, log: &str, listen: &str) -> Process {
    let (key, seen) = (format!("w{n}.key"), format!("w{n}.seen"));
    let words = ["pay", "audit", "witness", "--key", &key, "--seen", &seen, "--log", log, "--listen", listen];
    Process::start(folder, &words)
}

fn keygen(folder: &Folder, name: &str, out: &str, more: &[&str]) -> String {
    let ran = folder.run(&[&["pay", "audit", "keygen", name, "--out", out], more].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.out.trim().to_owned()
}

/// A folder whose policy wants two of three witnesses, of which two are there; the log's key.
fn scene(name: &str) -> (Folder, String, Vec<Process>) {
    let folder = Folder::new(name);
    std::fs::create_dir(folder.path().join("pay")).unwrap();
    let log = keygen(&folder, "served.example/pay", "pay/log.key", &[]);
    let (mut policy, mut there) = (format!("log {log}\n"), Vec::new());
    for n in 1..=3 {
        let key = keygen(&folder, &format!("w{n}.example"), &format!("w{n}.key"), &["--witness"]);
        // Nobody listens at the discard port of this machine.
        let mut url = "http://127.0.0.1:9".to_owned();
        if n > 1 {
            let process = witness(&folder, n, &log, "127.0.0.1:0");
            url = process.url.clone();
            there.push(process);
        }
        policy.push_str(&format!("witness w{n} {key} {url}\n"));
    }
    folder.write("pay/witness.policy", &format!("{policy}group two 2 w1 w2 w3\nquorum two\n"));
    folder.write("none.policy", "quorum none\n");
    (folder, log, there)
}

#[test]
fn receipts_of_a_server_carry_a_quorum_of_cosignatures() {
    let (folder, log, mut there) = scene("witnessed");
    let server = Server::start(&folder, &["--settle", "pay", "--data", "memory"]);
    let url = format!("http://{}", server.address);
    let ran = folder.run(&["pay", "demo", "--server", &url, "--log", &log, "--json"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let verify = |policy: &str| {
        folder.run(&["pay", "audit", "verify", "receipt", "--key", &log, "--policy", policy, "--json"]).code
    };
    let receipt = |seq: u64| server.ask("GET", &format!("/v1/settle/log/entries/{seq}/receipt"), "", "");
    let answer = receipt(5);
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    folder.write("receipt", body);
    assert_eq!((verify("pay/witness.policy"), verify("none.policy")), (0, 0), "{answer}");
    let known = server.ask("GET", "/.well-known/tollgate-settlement", "", "");
    let known: Value = serde_json::from_str(known.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(known["log"]["key"], log);
    assert!(known["log"]["witness_policy"].as_str().unwrap().ends_with("group two 2 w1 w2 w3\nquorum two\n"));
    // Without the witnesses' lines it is a receipt of the log alone.
    let lines = body.lines().filter(|line| !line.starts_with("— w"));
    folder.write("receipt", &lines.map(|line| format!("{line}\n")).collect::<String>());
    assert_eq!((verify("pay/witness.policy"), verify("none.policy")), (1, 0));

    // One of two that were there is gone: what was cosigned stays proven, what is new is not.
    drop(there.remove(0));
    let opened = server.ask(
        "POST",
        "/v1/settle/commands",
        "idempotency-key: one\r\n",
        r#"{"ops":[{"open":{"asset":{"code":"USD","exponent":2},"bound":"none","id":"acct_new"}}]}"#,
    );
    let entry: Value = serde_json::from_str(opened.split_once("\r\n\r\n").unwrap().1).unwrap();
    let new = entry["entry"].as_u64().unwrap();
    assert!(receipt(5).starts_with("HTTP/1.1 200"), "what is published is cosigned");
    let answer = receipt(new);
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("urn:tollgate:problem:unwitnessed"),
        "{answer}"
    );
    // It is there again, by what it wrote down, and goes on.
    let policy = std::fs::read_to_string(folder.path().join("pay/witness.policy")).unwrap();
    let listen = policy.lines().find(|line| line.starts_with("witness w2")).unwrap();
    let listen = listen.rsplit_once("http://").unwrap().1;
    there.push(witness(&folder, 2, &log, listen));
    let answer = receipt(new);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    folder.write("receipt", answer.split_once("\r\n\r\n").unwrap().1);
    assert_eq!(verify("pay/witness.policy"), 0);
}

#[test]
fn a_folder_without_a_server_has_witnesses_too() {
    let (folder, log, there) = scene("witnessed-by-hand");
    let opening = r#"{"key":"open","ops":[{"open":{"asset":{"code":"USD","exponent":2},"bound":"none","id":"acct_a"}}]}"#;
    folder.write("day.jsonl", opening);
    assert_eq!(folder.run(&["pay", "ledger", "apply", "day.jsonl", "--ledger", "pay/books"]).code, 0);
    let publish =
        ["pay", "audit", "publish", "--ledger", "pay/books", "--log", "log", "--key", "pay/log.key"];
    let publish = [&publish[..], &["--policy", "pay/witness.policy"]].concat();
    let verify = ["pay", "audit", "verify", "log", "--key", &log, "--policy", "pay/witness.policy"];
    assert_eq!(folder.run(&publish).code, 0);
    assert_eq!(folder.run(&verify).code, 0);
    // Another history of the same length by the same key: the witnesses do not sign it.
    std::fs::remove_dir_all(folder.path().join("log")).unwrap();
    std::fs::remove_dir_all(folder.path().join("pay/books")).unwrap();
    folder.write("day.jsonl", &opening.replace("acct_a", "acct_b"));
    assert_eq!(folder.run(&["pay", "ledger", "apply", "day.jsonl", "--ledger", "pay/books"]).code, 0);
    let ran = folder.run(&publish);
    assert!(ran.code == 1 && ran.err.contains("another log"), "{}{}", ran.out, ran.err);
    assert_eq!(folder.run(&verify).code, 1);
    drop(there);
}
