//! Whatever `tollgate pay` prints, `--json` makes it JSON: results, refusals and errors. Every verb of the command line is run.

use crate::tool::Folder;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Verbs that print nothing: what they make goes to the file that they are told.
const SILENT: [&str; 2] = ["mandate pay", "task sign"];
/// Verbs that print one value a line, as each is durable before the next is looked at.
const LINES: [&str; 4] = ["demo", "escrow apply", "escrow do", "ledger apply"];

/// A module of WebAssembly whose `run` answers 0; all of its bytes are of ASCII.
const ANSWERS_NOUGHT: &str = "\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7f\x03\x02\x01\0\x05\x03\x01\0\x01\x07\x10\x02\
    \x06memory\x02\0\x03run\0\0\x0a\x06\x01\x04\0\x41\0\x0b";

/// Runs verbs and remembers which.
struct Runs {
    folder: Folder,
    seen: BTreeSet<String>,
}

impl Runs {
    /// Runs a verb with `--json`; what it printed. Those that are not `good` are refused or fail here, and say so as JSON.
    fn run(&mut self, verb: &str, words: &str, good: bool) -> Value {
        let all: Vec<&str> =
            ["pay"].into_iter().chain(verb.split(' ')).chain(words.split_whitespace()).collect();
        let ran = self.folder.run(&[&all[..], &["--json"]].concat());
        let shown = format!("{all:?}: {}\n{}\n{}", ran.code, ran.out, ran.err);
        assert_eq!(ran.code == 0, good, "{shown}");
        let value = if LINES.contains(&verb) && good {
            let lines: Vec<Value> =
                ran.out.lines().map(|line| serde_json::from_str(line).expect(&shown)).collect();
            lines.last().expect(&shown).clone()
        } else {
            serde_json::from_str::<Value>(&ran.out).expect(&shown)
        };
        if !ran.err.is_empty() && !good {
            assert!(value["error"].as_str().is_some_and(|said| ran.err.contains(said)), "{shown}");
            assert_eq!(value["refused"], ran.code == 1, "{shown}");
        }
        self.seen.insert(verb.to_owned());
        value
    }

    fn write(&self, name: &str, value: &Value) {
        self.folder.write(name, &value.to_string());
    }
}

/// All verbs, from the manual's pages: those without verbs of their own.
fn verbs(folder: &Folder) -> BTreeSet<String> {
    assert_eq!(folder.run(&["man", "man"]).code, 0);
    let pages = std::fs::read_dir(folder.path().join("man")).unwrap();
    let names: Vec<String> = pages.map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    let paths: BTreeSet<String> = names
        .iter()
        .filter_map(|name| {
            name.strip_prefix("tollgate-pay-")?.strip_suffix(".1").map(|rest| rest.replace('-', " "))
        })
        .collect();
    let leaf = |path: &&String| !paths.iter().any(|other| other.starts_with(&format!("{path} ")));
    paths.iter().filter(leaf).cloned().collect()
}

#[test]
fn every_verb_that_prints_something_prints_json_when_asked() {
    let mut runs = Runs { folder: Folder::new("pay-json"), seen: BTreeSet::new() };
    runs.folder.write("day.jsonl", &super::opening());
    let did = agents(&mut runs);
    let key = ledger(&mut runs, &did);
    let task = tasks(&mut runs);
    let shown = runs.run("escrow show", "--data demo", true);
    let id = shown[0]["escrow"].as_str().unwrap().to_owned();
    runs.run("escrow apply", "task.json --data demo", false);
    runs.run("escrow do", &format!("lock {id} --data demo"), false);
    runs.run("escrow draft", &format!("dispute {id} --by payer --evidence day.jsonl --data demo"), true);
    let bundle = runs.run("dispute bundle", &format!("{id} --data demo"), true);
    runs.write("bundle.json", &bundle);
    let log = std::fs::read_to_string(runs.folder.path().join("demo/log.pub")).unwrap();
    runs.run("dispute replay", &format!("bundle.json --key {}", log.trim()), true);
    runs.run("dispute replay", &format!("bundle.json --key {key}"), false);
    evidence(&mut runs, &task, &id);
    mandates(&mut runs);
    rails(&mut runs, &id);
    runs.run("simulate", "--schedules 1", true);
    let printing: BTreeSet<String> =
        verbs(&runs.folder).into_iter().filter(|verb| !SILENT.contains(&verb.as_str())).collect();
    assert!(printing.len() > 45, "{printing:?}");
    assert_eq!(runs.seen, printing);
}

fn ledger(runs: &mut Runs, did: &str) -> String {
    runs.run("ledger apply", "day.jsonl --ledger books", true);
    runs.run("ledger accounts", "--ledger books", true);
    runs.run("ledger own", &format!("acct_ada {did} --ledger books"), true);
    runs.run("ledger own", &format!("acct_none {did} --ledger books"), false);
    let key = runs.run("audit keygen", "example.com/books --out log.key", true);
    let key = key["key"].as_str().unwrap().to_owned();
    runs.run("audit publish", "--ledger books --log log --key log.key", true);
    runs.run("audit receipt", "0 --log log", true);
    runs.run("audit receipt", "99 --log log", false);
    runs.run("audit verify", &format!("log --key {key}"), true);
    runs.run("audit witness", &format!("--key none --seen seen --log {key}"), false);
    runs.run("demo", "--data demo", true);
    key
}

fn agents(runs: &mut Runs) -> String {
    let made = runs.run("agent keygen", "--out ada.key", true);
    let did = made["id"].as_str().unwrap().to_owned();
    let keys = json!([{"kid": "main", "jwk": made["jwk"], "purposes": ["control"]}]);
    runs.write("ada.json", &json!({"id": did, "name": "Ada", "keys": keys}));
    let signed = runs.run("agent sign", "ada.json --key ada.key --kid main", true);
    runs.write("signed.json", &signed);
    runs.run("agent register", "signed.json --registry agents.jsonl", true);
    runs.run("agent show", &format!("{did} --registry agents.jsonl"), true);
    runs.run("agent find", "--registry agents.jsonl", true);
    runs.run("agent key", &format!("{did} main control --registry agents.jsonl"), true);
    runs.run("agent resolve", &did, true);
    let proof = format!("--agent {did} --nonce n --rail");
    runs.run("agent prove", &format!("{proof} ledger --account acct_ada --key ada.key"), true);
    let account = "eip155:1:0x2c7536e3605d9c16a7a3d7b1898e529396a65c23";
    runs.run("agent prove", &format!("{proof} evm --account {account}"), true);
    runs.run("agent request", "GET http://localhost/v1/settle/escrows --key ada.key", true);
    runs.run("agent card", "none.json --key none.json", false);
    runs.run("agent registration", "none.json", false);
    did
}

/// Terms, in a file.
fn tasks(runs: &mut Runs) -> String {
    let roles = ["party", "party", "verifier", "evaluator"];
    let keys: Vec<String> = (0..roles.len())
        .map(|n| {
            let made = runs.run("task keygen", &format!("{} --out key-{n}", roles[n]), true);
            made["key"].as_str().unwrap().to_owned()
        })
        .collect();
    let words = format!(
        "--task t --asset USD/2 --fund acct_ada=1 --payee-account acct_bank --payer {} --payee {} --verifier {} --evaluator {}
         --stage 1,2100-01-01T00:00:00Z --refund-after 2100-02-01T00:00:00Z",
        keys[0], keys[1], keys[2], keys[3]
    );
    let task = runs.run("task new", &words, true);
    runs.write("task.json", &task);
    runs.run("task show", "task.json", false);
    "task.json".into()
}

fn evidence(runs: &mut Runs, task: &str, id: &str) {
    let output = "0".repeat(64);
    runs.run("evidence kinds", "", true);
    runs.run("evidence policy", "", true);
    runs.run("evidence bind", &format!("--task {task} --output {output}"), true);
    runs.run(
        "evidence appraise",
        &format!("--task {task} --output {output} --key key-3 --to said.json"),
        true,
    );
    let envelope = runs.run("evidence attest", &format!("--task {task} --output {output} --key key-0"), true);
    runs.write("result.json", &envelope);
    runs.run("evidence verify", &format!("--kind dsse --task {task} --output {output} result.json"), false);
    runs.run("evidence pack", "--exhibit dsse=result.json --out package.json", true);
    runs.run("evidence predicate ready", "", true);
    let other = "none.json";
    runs.run("evidence predicate check", other, false);
    let judged = format!("package.json --task {task} --predicate {other} --output {output}");
    runs.run("evidence judge", &judged, false);
    let handed =
        format!("{id} --data demo --package package.json --predicate {other} --output day.jsonl --key key-0");
    runs.run("evidence submit", &handed, false);
    runs.folder.write("run.wasm", ANSWERS_NOUGHT);
    runs.run("evidence run", "run.wasm --input day.jsonl", true);
    runs.run("evidence run", "day.jsonl --input day.jsonl", false);
}

fn mandates(runs: &mut Runs) {
    let made = runs.run("mandate keygen", "--out user.key", true);
    let user = made["id"].as_str().unwrap();
    runs.write("user.jwk", &made["jwk"]);
    runs.folder.write("constraints.json", r#"[{"type": "payment.budget", "max": 500, "currency": "USD"}]"#);
    let open = format!("--key user.key --holder {user} --constraints constraints.json --out open.txt");
    let name = runs.run("mandate open", &open, true)["mandate"].as_str().unwrap().to_owned();
    runs.run("mandate verify", "open.txt --key user.jwk --hop a,b", false);
    runs.run("mandate admit", "open.txt --key user.jwk --hop a,b --ledger books", false);
    runs.run("mandate close", &format!("{name} paid --ledger books"), false);
    runs.run("mandate revoke", &format!("{name} --ledger books"), true);
}

/// Without a chain and a bank they say that, and no more.
fn rails(runs: &mut Runs, id: &str) {
    runs.run("rail card file", "acct_ada --payment-method pm_card_visa --data demo", false);
    runs.run("rail card status", &format!("{id} --data demo"), false);
    runs.run("rail card refund", &format!("{id} --amount 1 --key k --data demo"), false);
    runs.run("rail card event", "day.jsonl --signature s --data demo", false);
    runs.run("rail card reconcile", "--data demo", false);
    runs.run("rail evm keygen", "--out chain.key", true);
    runs.run("rail evm deploy", "--data demo", false);
    runs.run("rail evm payment", "task.json --data demo", false);
    runs.run("rail evm sign", &format!("{id} --key chain.key --data demo"), false);
    runs.run("rail evm status", &format!("{id} --data demo"), false);
    runs.run("rail evm reconcile", "--data demo", false);
}
