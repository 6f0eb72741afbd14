//! The ledger and its audit log from the command line: a day of business, then everything that may be wrong with the log.

mod escrow;
mod evidence;
mod json;
mod served;
mod submitted;
mod witnessed;

use crate::tool::{Folder, Ran};
use serde_json::Value;
use std::path::Path;

const USD: &str = r#"{"code":"USD","exponent":2}"#;

fn command(key: &str, ops: &str) -> String {
    format!("{{\"key\":\"{key}\",\"ops\":[{}]}}\n", ops.replace("USD", USD))
}

fn transfer(n: u32) -> String {
    let op = r#"{"transfer":{"amount":{"asset":USD,"minor":"1"},"credit":"acct_ada","debit":"acct_bank"}}"#;
    command(&format!("transfer-{n}"), op)
}

fn opening() -> String {
    command(
        "open",
        r#"{"open":{"asset":USD,"bound":"none","id":"acct_bank"}},{"open":{"asset":USD,"bound":"debits_within_credits","id":"acct_ada"}}"#,
    )
}

/// A ledger of `count` entries and its published log; answers the log's public key.
fn published(folder: &Folder, count: u32) -> String {
    let key = folder.run(&["pay", "audit", "keygen", "example.com/books", "--out", "log.key"]);
    assert_eq!(key.code, 0, "{}", key.err);
    grow(folder, 0, count);
    key.out.trim().to_owned()
}

fn grow(folder: &Folder, from: u32, to: u32) {
    let first = if from == 0 { opening() } else { String::new() };
    folder.write("day.jsonl", &(from.max(1)..to).fold(first, |text, n| text + &transfer(n)));
    good(&folder.run(&["pay", "ledger", "apply", "day.jsonl", "--ledger", "books"]));
    good(&folder.run(&["pay", "audit", "publish", "--ledger", "books", "--log", "log", "--key", "log.key"]));
}

fn good(ran: &Ran) {
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

fn verify(folder: &Folder, key: &str, more: &[&str]) -> Ran {
    folder.run(&[&["pay", "audit", "verify", "log", "--key", key, "--json"], more].concat())
}

#[test]
fn a_ledger_answers_once_and_remembers_the_past() {
    let folder = Folder::new("ledger");
    let too_much =
        r#"{"transfer":{"amount":{"asset":USD,"minor":"999"},"credit":"acct_bank","debit":"acct_ada"}}"#;
    folder.write("day.jsonl", &(opening() + &transfer(1) + &command("too-much", too_much)));
    let first = folder.run(&["pay", "ledger", "apply", "day.jsonl", "--ledger", "books", "--json"]);
    assert_eq!(first.code, 1, "a refusal is told by the exit code: {}{}", first.out, first.err);
    assert!(first.out.contains("acct_ada has 1 minor units available, 999 are wanted"), "{}", first.out);
    let again = folder.run(&["pay", "ledger", "apply", "day.jsonl", "--ledger", "books", "--json"]);
    let lines: Vec<Value> = again.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() == 3 && lines.iter().all(|line| line["again"] == true), "{}", again.out);
    let accounts = |more: &[&str]| -> Value {
        let ran = folder.run(&[&["pay", "ledger", "accounts", "--ledger", "books", "--json"], more].concat());
        serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.err))
    };
    assert_eq!(
        (&accounts(&[])["entries"], &accounts(&[])["accounts"][1]["balance"]),
        (&3.into(), &"1".into())
    );
    assert_eq!(accounts(&["--at", "2020-01-01T00:00:00Z"])["entries"], 0);
    // A line that cannot be read stops all, before anything is applied.
    folder.write("bad.jsonl", &(transfer(7) + "{\"key\":\"x\"}\n"));
    let bad = folder.run(&["pay", "ledger", "apply", "bad.jsonl", "--ledger", "books"]);
    assert!(bad.code == 2 && bad.err.contains("bad.jsonl:2"), "{}", bad.err);
    assert_eq!(accounts(&[])["entries"], 3);
}

#[test]
fn a_log_is_published_in_steps_and_holds() {
    let folder = Folder::new("log-grows");
    // Sizes around the width of a tile, each continuing the one before.
    let key = published(&folder, 3);
    for (from, to) in [(3, 255), (255, 256), (256, 257), (257, 700)] {
        std::fs::copy(folder.path().join("log/checkpoint"), folder.path().join("older")).unwrap();
        grow(&folder, from, to);
        let ran = verify(&folder, &key, &["--replay", "--older", "older"]);
        good(&ran);
        let shown: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((&shown["entries"], &shown["ledger"]["accounts"]), (&to.into(), &2.into()));
        for entry in [0, from - 1, to - 1] {
            let (entry, file) = (entry.to_string(), "one.tlog-proof");
            good(&folder.run(&["pay", "audit", "receipt", &entry, "--log", "log", "--out", file]));
            let held = folder.run(&["pay", "audit", "verify", file, "--key", &key, "--json"]);
            good(&held);
            let shown: Value = serde_json::from_str(&held.out).unwrap();
            let told: Value = serde_json::from_str(shown["entry"].as_str().unwrap()).unwrap();
            assert_eq!(told["seq"].to_string(), entry);
        }
    }
    let missing = folder.run(&["pay", "audit", "receipt", "700", "--log", "log"]);
    assert!(missing.code == 1 && missing.err.contains("700"), "{}", missing.err);
}

#[test]
fn a_log_that_was_touched_does_not_hold() {
    let folder = Folder::new("log-touched");
    let key = published(&folder, 300);
    good(&verify(&folder, &key, &["--replay"]));
    let files = [
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
    ];
    for name in files {
        let path = folder.path().join("log").join(name);
        let whole = std::fs::read(&path).unwrap();
        for at in [0, whole.len() / 2, whole.len() - 1] {
            let mut touched = whole.clone();
            touched[at] ^= 1;
            std::fs::write(&path, touched).unwrap();
            let ran = verify(&folder, &key, &[]);
            assert_ne!(ran.code, 0, "{name} byte {at}: {}", ran.out);
        }
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_ne!(verify(&folder, &key, &[]).code, 0, "{name} cut");
        std::fs::remove_file(&path).unwrap();
        assert_ne!(verify(&folder, &key, &[]).code, 0, "{name} gone");
        std::fs::write(&path, whole).unwrap();
    }
    good(&verify(&folder, &key, &[]));
    let other = folder.run(&["pay", "audit", "keygen", "example.com/books", "--out", "other.key"]).out;
    assert_eq!(verify(&folder, other.trim(), &[]).code, 1, "another key");
    assert_eq!(verify(&folder, &key, &["--origin", "example.com/else"]).code, 1, "another log");
    assert_eq!(verify(&folder, &key, &["--quorum", "1"]).code, 2, "a quorum of nobody");
    let witness = folder.run(&["pay", "audit", "keygen", "w.example", "--witness", "--out", "w.key"]).out;
    assert_eq!(verify(&folder, &key, &["--witness", witness.trim()]).code, 1, "no witness");
}

#[test]
fn a_fork_and_a_rollback_are_found() {
    let (one, two) = (Folder::new("fork-one"), Folder::new("fork-two"));
    let key = published(&one, 20);
    // The same key signs another history of the same length, and a shorter one.
    let copy = |name: &str| std::fs::copy(one.path().join(name), two.path().join(name)).unwrap();
    copy("log.key");
    two.write("day.jsonl", &(30..49).fold(opening(), |text, n| text + &transfer(n)));
    good(&two.run(&["pay", "ledger", "apply", "day.jsonl", "--ledger", "books"]));
    good(&two.run(&["pay", "audit", "publish", "--ledger", "books", "--log", "log", "--key", "log.key"]));
    std::fs::copy(one.path().join("log/checkpoint"), two.path().join("older")).unwrap();
    good(&verify(&two, &key, &["--replay"]));
    let forked = verify(&two, &key, &["--older", "older"]);
    assert!(forked.code == 1 && forked.err.contains("forked"), "{}", forked.err);
    grow(&one, 20, 30);
    std::fs::copy(one.path().join("log/checkpoint"), two.path().join("older")).unwrap();
    let back = verify(&two, &key, &["--older", "older"]);
    assert!(back.code == 1 && back.err.contains("rolled back"), "{}", back.err);
    // A log of one ledger is not continued with another's entries.
    remove(&one.path().join("books"));
    std::fs::rename(two.path().join("books"), one.path().join("books")).unwrap();
    let mixed =
        one.run(&["pay", "audit", "publish", "--ledger", "books", "--log", "log", "--key", "log.key"]);
    assert_eq!(mixed.code, 1, "{}", mixed.err);
    // Nor when the other ledger is the longer one.
    one.write("day.jsonl", &(60..90).fold(String::new(), |text, n| text + &transfer(n)));
    good(&one.run(&["pay", "ledger", "apply", "day.jsonl", "--ledger", "books"]));
    let mixed =
        one.run(&["pay", "audit", "publish", "--ledger", "books", "--log", "log", "--key", "log.key"]);
    assert!(mixed.code == 1 && mixed.err.contains("two ledgers"), "{}", mixed.err);
}

fn remove(path: &Path) {
    std::fs::remove_dir_all(path).unwrap();
}

#[test]
fn a_mandate_is_allowed_or_refused_with_its_reason() {
    let folder = Folder::new("mandate");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples");
    for name in ["mandate-chain.txt", "mandate-user.jwk"] {
        std::fs::copy(examples.join(name), folder.path().join(name)).unwrap();
    }
    let verify = |more: &[&str]| {
        let words = ["pay", "mandate", "verify", "mandate-chain.txt", "--key", "mandate-user.jwk"];
        folder.run(&[&words, more].concat())
    };
    let noon = ["--hop", "psp.example,n-1", "--at", "2026-11-27T12:00:00Z"];
    let allowed = verify(&[&noon[..], &["--json"]].concat());
    good(&allowed);
    let shown: Value = serde_json::from_str(&allowed.out).unwrap();
    assert_eq!((&shown["amount"]["minor"], &shown["payee"]), (&"1000".into(), &"s-1".into()));
    // The budget is 200 dollars: 190 and 10 fit, a cent more does not.
    good(&verify(&[&noon[..], &["--spent", "19000"]].concat()));
    let spent = verify(&[&noon[..], &["--spent", "19001"]].concat());
    assert!(spent.code == 1 && spent.err.contains("payment.budget is not met"), "{}", spent.err);
    let replayed = verify(&["--hop", "psp.example,n-2", "--at", "2026-11-27T12:00:00Z"]);
    assert!(replayed.code == 1 && replayed.err.contains("nonce"), "{}", replayed.err);
    let early = verify(&["--hop", "psp.example,n-1", "--at", "2026-11-27T11:00:00Z", "--json"]);
    assert!(early.code == 1 && early.out.contains("invalid_credential"), "{}", early.out);
    folder.write("mandate-user.jwk", "{}");
    assert_eq!(verify(&noon).code, 2);
}
