//! Escrows from the command line: two whole tasks, a dispute that replays, and what is refused.

use crate::tool::{Folder, Ran};
use serde_json::Value;

fn good(ran: &Ran) {
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[test]
fn the_demo_pays_what_was_earned_and_proves_each_step() {
    let folder = Folder::new("demo");
    let ran = folder.run(&["pay", "demo", "--data", "demo", "--json"]);
    good(&ran);
    let lines: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let entries: Vec<u64> = lines.iter().filter_map(|line| line["entry"].as_u64()).collect();
    assert!(entries.len() > 20 && entries.is_sorted(), "{entries:?}");
    assert!(
        lines
            .iter()
            .all(|line| line["entry"].is_null() || line["proven_in"].as_u64() > line["entry"].as_u64())
    );
    let states: Vec<_> = lines.iter().filter_map(|line| line["state"].as_str()).collect();
    assert_eq!(states.iter().filter(|state| **state == "released").count(), 2, "{states:?}");
    assert!(states.contains(&"disputed"));
    // 100.00 and 60.00 less 2.5 % each.
    let last = lines.last().unwrap()["step"].as_str().unwrap();
    for has in ["acct_ada 340.00 USD", "acct_bob 156.00 USD", "acct_fees 4.00 USD", "acct_clearing 0.00 USD"]
    {
        assert!(last.contains(has), "{last}");
    }
    let shown = folder.run(&["pay", "escrow", "show", "--data", "demo", "--json"]);
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    assert!(shown.as_array().unwrap().iter().all(|escrow| escrow["phase"] == "released"), "{shown}");
    let again = folder.run(&["pay", "demo", "--data", "demo"]);
    assert!(again.code == 2 && again.err.contains("exists"), "{}", again.err);
    replays(&folder);
    refuses(&folder, &shown);
}

/// The bundle holds for whoever knows the log's key, and for no other key and no other byte.
fn replays(folder: &Folder) {
    let key = std::fs::read_to_string(folder.path().join("demo/log.pub")).unwrap();
    let replay = |file: &str, key: &str| {
        folder.run(&[
            "pay",
            "dispute",
            "replay",
            file,
            "--key",
            key,
            "--origin",
            "demo.tollgate.example/books",
            "--json",
        ])
    };
    let held = replay("demo/dispute.json", key.trim());
    good(&held);
    let shown: Value = serde_json::from_str(&held.out).unwrap();
    assert_eq!((&shown["phase"], &shown["released"]["minor"]), (&"released".into(), &"6000".into()));
    assert!(shown["events"].as_array().unwrap().iter().any(|event| event["event"] == "ruling to pay"));
    // The verdict follows from the evidence again, and from no changed evidence.
    let dossier = std::fs::read_to_string(folder.path().join("demo/dossier.json")).unwrap();
    folder.write("other.json", &dossier.replacen("\"least\":2", "\"least\":1", 1));
    for (file, code) in [("demo/dossier.json", 0), ("other.json", 1)] {
        let words = ["pay", "dispute", "replay", "demo/dispute.json", "--key", key.trim(), "--dossier", file];
        let ran = folder.run(&[&words[..], &["--origin", "demo.tollgate.example/books"]].concat());
        assert_eq!(ran.code, code, "{file}: {}{}", ran.out, ran.err);
    }
    let other = folder.run(&["pay", "audit", "keygen", "demo.tollgate.example/books", "--out", "other.key"]);
    assert_eq!(replay("demo/dispute.json", other.out.trim()).code, 1);
    let text = std::fs::read_to_string(folder.path().join("demo/dispute.json")).unwrap();
    let cut = text.replacen("index ", "index 1", 1);
    folder.write("cut.json", &cut);
    assert_eq!(replay("cut.json", key.trim()).code, 1);
    folder.write("cut.json", &text[..text.len() / 2]);
    assert_eq!(replay("cut.json", key.trim()).code, 2);
}

/// What cannot happen ends with code 1 and a reason, and changes nothing.
fn refuses(folder: &Folder, shown: &Value) {
    let id = shown[0]["escrow"].as_str().unwrap();
    let before = std::fs::read(folder.path().join("demo/books/00000000000000000000.journal")).unwrap();
    for what in ["lock", "take", "reclaim", "expire", "authorize"] {
        let ran = folder.run(&["pay", "escrow", "do", what, id, "--data", "demo"]);
        assert!(
            ran.code == 1 && ran.err.contains("cannot happen to an escrow that is released"),
            "{}",
            ran.err
        );
    }
    let ran = folder.run(&["pay", "escrow", "do", "settle", id, "--data", "demo"]);
    assert!(ran.code == 0 && ran.out.is_empty(), "{}", ran.err);
    assert_eq!(std::fs::read(folder.path().join("demo/books/00000000000000000000.journal")).unwrap(), before);
    let none = "0".repeat(64);
    let ran = folder.run(&["pay", "escrow", "show", &none, "--data", "demo"]);
    assert!(ran.code == 2 && ran.err.contains("there is no escrow"), "{}", ran.err);
}

#[test]
fn a_key_signs_what_its_role_may_say() {
    let folder = Folder::new("task");
    let key = |role: &str, name: &str| {
        let ran = folder.run(&["pay", "task", "keygen", role, "--out", name]);
        good(&ran);
        ran.out.trim().to_owned()
    };
    let (ada, bob) = (key("party", "ada.key"), key("party", "bob.key"));
    let (verifier, evaluator) = (key("verifier", "verifier.key"), key("evaluator", "evaluator.key"));
    let words = [
        "pay",
        "task",
        "new",
        "--task",
        "t-1",
        "--asset",
        "USD/2",
        "--fund",
        "acct_ada=100",
        "--payee-account",
        "acct_bob",
        "--payer",
        &ada,
        "--payee",
        &bob,
        "--stage",
        "100,2100-01-01T00:00:00Z",
        "--refund-after",
        "2100-01-02T00:00:00Z",
        "--verifier",
        &verifier,
        "--evaluator",
        &evaluator,
        "--out",
        "task.json",
    ];
    good(&folder.run(&words));
    let sign = |key: &str| folder.run(&["pay", "task", "sign", "task.json", "--key", key]);
    let show = || folder.run(&["pay", "task", "show", "task.json", "--json"]);
    assert_eq!(show().code, 1);
    assert_eq!(sign("verifier.key").code, 2, "a verifier is no party");
    good(&sign("ada.key"));
    good(&sign("ada.key"));
    assert_eq!(show().code, 1, "Ada twice is not Bob");
    good(&sign("bob.key"));
    let shown = show();
    good(&shown);
    let text = std::fs::read_to_string(folder.path().join("task.json")).unwrap();
    assert_eq!(text.matches("\"signature\"").count(), 2);
    // A term that was changed after signing.
    folder.write("task.json", &text.replace("\"t-1\"", "\"t-2\""));
    assert_eq!(show().code, 1);
    // Stages that are not the price are no terms.
    let wrong = words.map(|word| if word == "acct_ada=100" { "acct_ada=101" } else { word });
    let ran = folder.run(&wrong);
    assert!(ran.code == 2 && ran.err.contains("the price in sum"), "{}", ran.err);
}

#[test]
fn a_simulation_says_what_it_played() {
    let folder = Folder::new("simulate");
    let run = || {
        let ran = folder.run(&["pay", "simulate", "--schedules", "20", "--seed", "5", "--json"]);
        good(&ran);
        let mut shown: Value = serde_json::from_str(&ran.out).unwrap();
        shown["seconds"] = 0.into();
        shown
    };
    let shown = run();
    assert_eq!((&shown["holds"], &shown["schedules"]), (&true.into(), &20.into()));
    assert_eq!(run(), shown, "a seed plays the same again");
}
