//! `tollgate risk` beside the ledger: what was settled becomes payments, what was decided stands in the log; and training
//! from a folder, stopped or not.

use crate::tool::{Folder, Ran};
use serde_json::Value;

fn good(ran: Ran) -> String {
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    ran.out
}

fn amount(minor: u32) -> Value {
    serde_json::json!({"asset": {"code": "USD", "exponent": 2}, "minor": minor.to_string()})
}

#[test]
fn what_a_ledger_settled_becomes_payments() {
    let folder = Folder::new("settled");
    let open = |id: &str, bound: &str| serde_json::json!({"open": {"asset": {"code": "USD", "exponent": 2}, "bound": bound, "id": id}});
    let hold = |minor| serde_json::json!({"hold": {"amount": amount(minor), "credit": "acct_bob", "debit": "acct_ada"}});
    let transfer = |from: &str, to: &str, minor| serde_json::json!({"transfer": {"amount": amount(minor), "credit": to, "debit": from}});
    let post = |hold: &str, minor, rest: &str| serde_json::json!({"post": {"amount": amount(minor), "hold": hold, "rest": rest}});
    let commands = [
        (
            "open",
            vec![
                open("acct_bank", "none"),
                open("acct_ada", "debits_within_credits"),
                open("acct_bob", "debits_within_credits"),
            ],
        ),
        // A deposit is no payment of somebody who can default.
        ("deposit", vec![transfer("acct_bank", "acct_ada", 10_000)]),
        ("lock", vec![hold(2_500), hold(700), hold(900)]),
        ("stage-1", vec![post("hold_0", 1_000, "keep")]),
        ("stage-2", vec![serde_json::json!({"post": {"hold": "hold_0", "rest": "release"}})]),
        ("part", vec![post("hold_1", 300, "release")]),
        ("void", vec![serde_json::json!({"void": {"hold": "hold_2"}})]),
        ("back", vec![transfer("acct_bob", "acct_ada", 50)]),
        ("too-much", vec![transfer("acct_bob", "acct_ada", 99_999)]),
    ];
    let lines: Vec<String> =
        commands.iter().map(|(key, ops)| serde_json::json!({"key": key, "ops": ops}).to_string()).collect();
    folder.write("day.jsonl", &lines.join("\n"));
    assert_eq!(folder.run(&["pay", "ledger", "apply", "day.jsonl", "--ledger", "books"]).code, 1);
    let told = good(folder.run(&["risk", "settled", "--ledger", "books", "--out", "payments", "--json"]));
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["payments"], &told["left_out"]), (&4.into(), &1.into()), "{told}");
    let events = std::fs::read_to_string(folder.path().join("payments/events.csv")).unwrap();
    let rows: Vec<Vec<&str>> = events.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let found: Vec<(&str, &str, &str, &str)> =
        rows.iter().map(|row| (row[0], row[2], row[3], row[4])).collect();
    let wanted = [
        ("acct_ada", "acct_bob", "1000", "3"),
        ("acct_ada", "acct_bob", "1500", "4"),
        ("acct_ada", "acct_bob", "300", "5"),
        ("acct_bob", "acct_ada", "50", "7"),
    ];
    assert_eq!(found, wanted);
    // They are payments as any others.
    let fold = ["risk", "fold", "--data", "payments", "--out", "folded", "--whole", "--json"];
    let folded: Value = serde_json::from_str(&good(folder.run(&fold))).unwrap();
    assert_eq!((&folded["report"]["rows"], &folded["report"]["kept"]), (&4.into(), &4.into()), "{folded}");
    assert_eq!(folder.run(&["risk", "settled", "--ledger", "none", "--out", "payments"]).code, 2);
}

#[test]
fn a_folder_trains_and_its_decisions_stand_in_the_log() {
    let folder = Folder::new("terms");
    good(folder.run(&["risk", "generate", "--out", "payments", "--users", "400", "--events", "20"]));
    good(folder.run(&["risk", "fold", "--data", "payments", "--out", "folded", "--whole"]));
    let train = |words: &[&str]| {
        let all = ["risk", "train", "--data", "payments", "--epochs", "1", "--json"];
        good(folder.run(&[&all, words].concat()))
    };
    // Groups are compared on users that the winner had not seen.
    let files = train(&["--out", "model", "--attribute", "user"]);
    assert!(files.contains("\"attribute\":\"user\"") && files.contains("\"ratio\":"), "{files}");
    let kept = ["--folded", "folded", "--kept", "progress", "--out"];
    let first = train(&[&kept[..], &["again"]].concat());
    // What was kept is not learned again, and gives the same model.
    let second = train(&[&kept[..], &["twice"]].concat());
    assert_eq!(first.replace("again", ""), second.replace("twice", ""));
    let weights = |name: &str| std::fs::read(folder.path().join(name).join("model.safetensors")).unwrap();
    assert_eq!(weights("again"), weights("twice"));
    // A folder scores as its files do, and leaves nothing beside the scores.
    let score = ["risk", "score", "--model", "model", "--data", "payments", "--out"];
    good(folder.run(&[&score[..], &["scores.csv"]].concat()));
    good(folder.run(&[&score[..], &["parts.csv", "--folded", "folded"]].concat()));
    let scores = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(scores("parts.csv"), scores("scores.csv"));
    assert!(!folder.path().join("parts.csv.progress").exists());
    folder.write(
        "terms.yaml",
        "asset: EUR\nrows:\n  - { below: 0.2, credit_minor: 500, prefund_percent: 0, hold_days: 1 }\n  \
- { credit_minor: 0, prefund_percent: 100, hold_days: 9 }\n",
    );
    let terms = ["risk", "terms", "--model", "model", "--data", "payments", "--table", "terms.yaml"];
    let terms = [&terms[..], &["--out", "decisions.jsonl", "--ledger", "books"]].concat();
    assert!(good(folder.run(&terms)).contains("400 of 400 decisions are new"));
    assert!(good(folder.run(&terms)).contains("0 of 400 decisions are new"));
    // Other terms, and back to the first: each is what is in force then, so each is logged.
    let strict = std::fs::read_to_string(folder.path().join("terms.yaml")).unwrap();
    folder.write("terms.yaml", &strict.replace("credit_minor: 500,", "credit_minor: 900,"));
    assert!(good(folder.run(&terms)).contains("400 of 400 decisions are new"));
    folder.write("terms.yaml", &strict);
    assert!(good(folder.run(&terms)).contains("400 of 400 decisions are new"));
    assert!(good(folder.run(&terms)).contains("0 of 400 decisions are new"));
    // A ledger that cannot be written keeps the decisions back.
    folder.write("broken", "no folder");
    let kept = ["risk", "terms", "--model", "model", "--data", "payments", "--table", "terms.yaml"];
    assert_ne!(folder.run(&[&kept[..], &["--out", "unlogged.jsonl", "--ledger", "broken"]].concat()).code, 0);
    assert!(!folder.path().join("unlogged.jsonl").exists());
    good(folder.run(&["pay", "audit", "keygen", "example.com/books", "--out", "log.key"]));
    good(folder.run(&["pay", "audit", "publish", "--ledger", "books", "--log", "log", "--key", "log.key"]));
    // An entry of the log has the decision with its reasons, and can be proved.
    let receipt = ["pay", "audit", "receipt", "5", "--log", "log", "--out", "one.tlog-proof"];
    good(folder.run(&receipt));
    let decisions = std::fs::read_to_string(folder.path().join("decisions.jsonl")).unwrap();
    assert_eq!(decisions.lines().count(), 400);
    // The record names the files that decided, to the byte.
    let first: Value = serde_json::from_str(decisions.lines().next().unwrap()).unwrap();
    for name in ["model", "table", "data"] {
        assert_eq!(first[name].as_str().unwrap().len(), "sha256:".len() + 64, "{name}");
    }
    assert!(first["payments"].as_u64().is_some());
    // A threshold of a share that approves everybody, and a model that can be opened.
    train(&["--out", "all", "--attribute", "user", "--approve", "1", "--no-network"]);
    let all = folder.run(&["risk", "eval", "--model", "all", "--data", "payments"]);
    assert!(good(all).contains("users are left out, for the model has learned from them"));
    assert_eq!(
        folder.run(&["risk", "train", "--data", "payments", "--out", "x", "--approve", "1.5"]).code,
        2
    );
    // A challenger is judged on whom neither has learned from, and not at all where there is nobody.
    let beside = ["risk", "monitor", "--model", "model", "--data", "payments", "--challenger", "all"];
    assert!(folder.run(&beside).out.contains("champion"));
    let trained = folder.run(&["risk", "eval", "--model", "all", "--data", "payments", "--part", "train"]);
    assert!(good(trained).contains("TRAINING FIGURES"), "what was learned from says so");
    assert!(decisions.lines().any(|line| line.contains("\"row\":2") && line.contains("\"reasons\":[\"")));
}
