//! What is produced here is accepted there, for its own task and for no other.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use tollgate_core::{Digest, Timestamp};
use tollgate_evidence::{Bind, Check, Claims, Collateral, Kind, Policy, Refusal, Signer, verify};
use tollgate_produce::{Answer, Asked, Key, KeyError, Statement, Task, Usage, output};

const NOW: Timestamp = Timestamp(1_795_824_000_000_000);

fn key() -> Key {
    Key::from_seed(&[7; 32])
}

fn task(nonce: u8) -> Task {
    Task { contract: Digest([3; 32]), nonce: Digest([nonce; 32]) }
}

fn judge(kind: Kind, evidence: &str, task: &Task, of: &Digest) -> Result<Claims, Refusal> {
    let signer = Signer::of(kind, "inference-provider", None, &key().pem()).unwrap();
    let policy = Policy { signers: vec![signer], ..Policy::default() };
    let bind: Bind = task.bind(of).parse().unwrap();
    let check = Check { at: NOW, policy: &policy, collateral: &Collateral::default(), bind: Some(&bind) };
    verify(kind, evidence.as_bytes(), &check)
}

fn usage(answer: &[u8]) -> Usage {
    Usage {
        model: "m-1".into(),
        request: "req_1".into(),
        request_body: output(b"{}"),
        answer_body: output(answer),
        input_tokens: 12,
        cached_tokens: 0,
        output_tokens: 40,
        exact: true,
        cost_micro: 52,
        at: NOW,
    }
}

#[test]
fn receipts_of_usage_are_of_one_task_and_one_answer() {
    let receipt = usage(b"answer").statement(Some(&task(1))).envelope(&key());
    let claims = judge(Kind::Dsse, &receipt, &task(1), &output(b"answer")).unwrap();
    assert!(claims.bound);
    assert_eq!(claims.fact("predicate_type"), Some(&"tollgate/usage-receipt/v1".into()));
    assert_eq!(claims.fact("subjects"), Some(&vec![output(b"answer").to_string()].into()));
    for (task, of) in [(task(2), output(b"answer")), (task(1), output(b"another"))] {
        assert_eq!(judge(Kind::Dsse, &receipt, &task, &of).unwrap_err().code(), "unbound");
    }
    let loose = usage(b"answer").statement(None).envelope(&key());
    assert_eq!(judge(Kind::Dsse, &loose, &task(1), &output(b"answer")).unwrap_err().code(), "unbound");
}

#[test]
fn a_receipt_meets_the_ready_predicate() {
    use tollgate_evidence::predicate::{Given, Ready};
    let ready = Ready::named("usage-receipt").unwrap();
    let judged = |usage: &Usage, most| {
        let receipt = usage.statement(Some(&task(1))).envelope(&key());
        let claims = [judge(Kind::Dsse, &receipt, &task(1), &output(b"answer")).unwrap()];
        let request = output(b"{}").to_string();
        let given = [("request", request.as_str()), ("model", "m-1"), ("least", "1"), ("most", most)];
        let wanted = ready.with(&given.into()).unwrap();
        wanted.judge(&Given { at: NOW.seconds(), claims: &claims, output: &output(b"answer") }).holds
    };
    let good = usage(b"answer");
    assert!(judged(&good, "40"));
    assert!(!judged(&good, "39"));
    assert!(!judged(&Usage { exact: false, ..good.clone() }, "40"), "estimated");
    // An answer of as many tokens to another question, sent in under the task's name.
    assert!(!judged(&Usage { request_body: output(b"write anything"), ..good }, "40"));
}

#[test]
fn signed_answers_are_of_one_task() {
    let asked = Asked { method: "POST", authority: "api.example", path: "/v1/jobs", query: Some("x=1") };
    let answer = Answer { asked, status: 200, body: br#"{"done":true}"# };
    let evidence = answer.evidence(&key(), Some(&task(1)), NOW).unwrap();
    let of = output(answer.body);
    let claims = judge(Kind::HttpSignature, &evidence, &task(1), &of).unwrap();
    for (name, is) in
        [("authority", "api.example"), ("path", "/v1/jobs"), ("query", "?x=1"), ("method", "POST")]
    {
        let value = claims.fact(name).unwrap().clone();
        assert!(value == is.into() || value == is.trim_start_matches('?').into(), "{name}: {value:?}");
    }
    assert_eq!(judge(Kind::HttpSignature, &evidence, &task(2), &of).unwrap_err().code(), "unbound");
    let changed = evidence.replace("/v1/jobs", "/v1/jobz");
    assert_eq!(judge(Kind::HttpSignature, &changed, &task(1), &of).unwrap_err().code(), "signature");
}

#[test]
fn keys_and_tasks_have_one_spelling() {
    assert_eq!(Key::from_text(&key().reveal()).unwrap().id(), key().id());
    for wrong in ["", "tollgate-secret:party:AAAA", "tollgate-secret:provider:AAAA"] {
        assert_eq!(Key::from_text(wrong).unwrap_err(), KeyError);
    }
    assert_eq!(task(1).to_string().parse::<Task>().unwrap(), task(1));
    assert!("ab:cd".parse::<Task>().is_err());
    assert!(!format!("{:?}", key()).contains(key().reveal().rsplit(':').next().unwrap()));
    let said = Statement::new("t", &[]).of(&task(1)).text();
    assert!(!said.contains("bind"), "there is nothing to bind to");
}

/// The same evidence made by the Python client; left out, with a word, where Python or its `cryptography` is not.
#[test]
fn the_python_client_makes_what_is_accepted_here() {
    use std::io::Write as _;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../clients/python");
    let python =
        |words: &[String]| std::process::Command::new("python3").current_dir(folder).args(words).output();
    let able = python(&["-c".into(), "import cryptography".into()]).is_ok_and(|ran| ran.status.success());
    if !able {
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no python3 with the package cryptography");
        return;
    }
    let asked = ["example_sign.py".to_owned(), task(1).to_string(), NOW.seconds().to_string()];
    let ran = python(&asked).unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let made: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    assert_eq!((text("id"), text("pem")), (key().id(), key().pem()));
    let claims = judge(Kind::Dsse, &text("receipt"), &task(1), &output(b"answer")).unwrap();
    assert_eq!(claims.fact("predicate_type"), Some(&"tollgate/usage-receipt/v1".into()));
    let refused = judge(Kind::Dsse, &text("receipt"), &task(2), &output(b"answer")).unwrap_err();
    assert_eq!(refused.code(), "unbound");
    let of = output(br#"{"done":true}"#);
    let claims = judge(Kind::HttpSignature, &text("exchange"), &task(1), &of).unwrap();
    assert_eq!(claims.fact("authority"), Some(&"api.example".into()));
    let package = tollgate_evidence::proof::Package::parse(text("package").as_bytes()).unwrap();
    assert_eq!(package.exhibits.len(), 1, "the package has the one spelling that a submission names");
}
