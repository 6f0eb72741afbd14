//! Evidence from the command line: accepted, refused with the reason's name, unreadable.

use crate::tool::Folder;
use serde_json::Value;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples");

fn example(name: &str) -> String {
    std::fs::read_to_string(format!("{EXAMPLES}/{name}")).unwrap()
}

#[test]
fn the_exit_code_tells_accepted_refused_and_unreadable_apart() {
    let folder = Folder::new("evidence");
    let good = example("test-result.dsse.json");
    folder.write("good.json", &good);
    folder.write("policy.json", &example("evidence-policy.json"));
    folder.write("none.json", "{}");
    folder.write("torn.json", &good[..good.len() / 2]);
    let verify = |more: &[&str]| {
        let words = ["pay", "evidence", "verify", "--kind", "dsse", "--at", "2026-12-01T12:00:00Z", "--json"];
        let ran = folder.run(&[&words, more].concat());
        let said: Value = serde_json::from_str(&ran.out).unwrap_or_default();
        (ran.code, said["accepted"].as_bool(), said["error"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(verify(&["--policy", "policy.json", "good.json"]), (0, Some(true), String::new()));
    let policy: Value = serde_json::from_str(&example("evidence-policy.json")).unwrap();
    let key = policy["signers"][0]["key"].as_str().unwrap();
    folder.write("runner.pem", &format!("-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n"));
    assert_eq!(verify(&["--signer", "runner=runner.pem", "good.json"]), (0, Some(true), String::new()));
    assert_eq!(verify(&["--signer", "runner=good.json", "good.json"]).0, 2, "no key");
    assert_eq!(verify(&["--policy", "none.json", "good.json"]), (1, Some(false), "signature".into()));
    let other = "00".repeat(64);
    let unbound = verify(&["--policy", "policy.json", "--bind", &other, "good.json"]);
    assert_eq!(unbound, (1, Some(false), "unbound".into()));
    assert_eq!(verify(&["--policy", "policy.json", "torn.json"]), (2, Some(false), "malformed".into()));
    assert_eq!(verify(&["--policy", "torn.json", "good.json"]).0, 2);
    assert_eq!(verify(&["--policy", "policy.json", "--collateral", "absent", "good.json"]).0, 2);
    assert_eq!(verify(&["--policy", "policy.json", "--bind", "00", "good.json"]).0, 2);
}

#[test]
fn kinds_and_the_policy_are_printed() {
    let folder = Folder::new("evidence-kinds");
    let kinds = folder.run(&["pay", "evidence", "kinds", "--json"]);
    let rows: Vec<Value> = serde_json::from_str(&kinds.out).unwrap();
    assert!(
        rows.iter().any(|row| row["kind"] == "aws-nitro" && row["fact"] == "pcr0" && row["type"] == "text")
    );
    let policy = folder.run(&["pay", "evidence", "policy"]);
    folder.write("policy.json", &policy.out);
    folder.write("good.json", &example("test-result.dsse.json"));
    let words = ["pay", "evidence", "verify", "--kind", "dsse", "--policy", "policy.json", "good.json"];
    let ran = folder.run(&words);
    assert_eq!(ran.code, 1, "what is printed is a policy: {}", ran.err);
}
