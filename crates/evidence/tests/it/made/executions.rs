//! Runs that are repeated: of one task, and refused by name.

#[path = "../../../../rerun/tests/wasm/mod.rs"]
mod wasm;

use crate::forge::{bound_by, judge};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tollgate_core::Digest;
use tollgate_evidence::predicate::{Given, Ready};
use tollgate_evidence::{Bind, Kind, Policy, Value as Fact};
use tollgate_pay::escrow::bind;
use wasm::{END, Wasm, code, number};

/// A suite: what is given passes when it begins with `g`, and is told as it came.
fn suite() -> Vec<u8> {
    let zero = number(0);
    let first = code(&[&zero, &zero, &number(1), &[0x10, 1], &zero, &number(1), &[0x10, 2]]);
    // i32.load8_u at 0; i32.const 'g'; i32.ne
    Wasm::new(&code(&[&first, &zero, &[0x2d, 0, 0], &number(103), &[0x47]])).bytes()
}

/// A run for the task with this digest.
fn exhibit(module: &[u8], input: &[u8], task: &Digest) -> Value {
    json!({"type": "tollgate/execution/v1", "fuel": 10_000, "input": STANDARD.encode(input),
        "module": STANDARD.encode(module), "nonce": NONCE.to_string(), "task": task.to_string()})
}

const NONCE: Digest = Digest([3; 32]);
const TASK: Digest = Digest([7; 32]);

fn sha256(bytes: &[u8]) -> Digest {
    Digest(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().try_into().unwrap())
}

#[test]
fn runs_are_of_one_task_and_of_its_output() {
    let of = |task: &Digest, nonce: &Digest, output: &[u8]| Bind(bind(task, nonce, &sha256(output)));
    let mine = of(&TASK, &NONCE, b"good");
    let good = exhibit(&suite(), b"good", &TASK);
    bound_by(Kind::Execution, &Policy::default(), &[], &mine, good.to_string().as_bytes());
    let told = |exhibit: &Value, bind: &Bind| {
        let text = exhibit.to_string();
        let verdict = judge(Kind::Execution, text.as_bytes(), &Policy::default(), &[], Some(bind));
        verdict.map_or_else(|refusal| refusal.code(), |_| "accepted")
    };
    assert_eq!(told(&good, &mine), "accepted");
    let other = Digest([8; 32]);
    for bind in [of(&other, &NONCE, b"good"), of(&TASK, &other, b"good"), of(&TASK, &NONCE, b"bad")] {
        assert_eq!(told(&good, &bind), "unbound");
    }
    // Somebody else's run, made out to one's own task: what it ran on is not what was delivered.
    let delivered = of(&other, &NONCE, b"bad");
    let mut copied = exhibit(&suite(), b"good", &other);
    assert_eq!(told(&copied, &delivered), "unbound");
    copied["bind"] = json!(delivered.to_string());
    copied["output"] = json!(sha256(b"bad").to_string());
    assert_eq!(told(&copied, &delivered), "unbound", "whatever else it says");
    for name in ["task", "nonce"] {
        let mut less = good.clone();
        less.as_object_mut().unwrap().remove(name);
        assert_eq!(told(&less, &mine), "missing");
    }
}

#[test]
fn a_suite_passes_on_what_is_good_and_on_nothing_else() {
    let wanted = Ready::named("tests-rerun").unwrap();
    let suite_name = sha256(&suite()).to_string();
    let wanted = wanted.with(&BTreeMap::from([("suite", suite_name.as_str())])).unwrap();
    let other = Wasm::new(&number(0)).bytes();
    for (module, input, output, holds) in [
        (suite(), &b"good"[..], &b"good"[..], true),
        (suite(), b"bad", b"bad", false),
        // The run of something else, or by another suite.
        (suite(), b"good", b"bad", false),
        (other, b"bad", b"bad", false),
    ] {
        let exhibit = exhibit(&module, input, &TASK).to_string();
        let mut claims = judge(Kind::Execution, exhibit.as_bytes(), &Policy::default(), &[], None).unwrap();
        if module == suite() {
            let wrote = sha256(&input[..1]).to_string();
            assert_eq!(claims.fact("output"), Some(&Fact::Text(wrote)), "the first byte");
        }
        claims.bound = true;
        let judged = wanted.judge(&Given { at: 0, claims: &[claims], output: &sha256(output) });
        assert_eq!(judged.holds, holds, "{:?}", judged.reasons);
    }
}

#[test]
fn runs_are_refused_by_name() {
    let good = exhibit(&suite(), b"good", &TASK);
    let told = |change: &dyn Fn(&mut Value)| {
        let mut exhibit = good.clone();
        change(&mut exhibit);
        let verdict = judge(Kind::Execution, exhibit.to_string().as_bytes(), &Policy::default(), &[], None);
        verdict.map_or_else(|refusal| refusal.code(), |_| "accepted")
    };
    let module =
        |module: Vec<u8>| move |exhibit: &mut Value| exhibit["module"] = json!(STANDARD.encode(&module));
    let endless = Wasm::new(&code(&[&[0x03, 0x40, 0x0c, 0, END], &number(0)])).bytes();
    let mut wants = Wasm::new(&number(0));
    wants.imports.push(("env", "clock", 0));
    wants.exports[1].2 = 4;
    assert_eq!(told(&|_| {}), "accepted");
    assert_eq!(told(&|exhibit| exhibit["type"] = json!("tollgate/execution/v2")), "unsupported");
    assert_eq!(told(&|exhibit| exhibit["fuel"] = json!(10)), "status");
    assert_eq!(told(&|exhibit| exhibit["fuel"] = json!(1_u64 << 29)), "malformed");
    assert_eq!(told(&|exhibit| exhibit["fuel"] = json!(-1)), "malformed");
    assert_eq!(told(&|exhibit| drop(exhibit.as_object_mut().unwrap().remove("input"))), "missing");
    assert_eq!(told(&|exhibit| exhibit["input"] = json!("%")), "malformed");
    assert_eq!(told(&module(endless)), "status");
    assert_eq!(told(&module(vec![0; 8])), "malformed");
    assert_eq!(told(&module(wants.bytes())), "unsupported");
    assert_eq!(told(&module(Wasm::new(&[0x00]).bytes())), "status");
    assert_eq!(told(&|exhibit| exhibit["input"] = json!("")), "status", "it reads what is not there");
    let floats = Wasm::new(&code(&[&[0x43, 0, 0, 0xc0, 0x7f, 0x1a], &number(0)])).bytes();
    assert_eq!(told(&module(floats)), "malformed", "what is no number has bits of its own");
}
