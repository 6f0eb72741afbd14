//! One table of requests, six ways: what a mask leaves of a class of data is the same to whoever asks, dispatch, `POST /v1/route`,
//! `POST /api/v1/eval`, `policy explain`, `policy test` and `policy diff`.

use crate::tool::{Folder, Server, header};
use serde_json::{Value, json};

/// Two classes that may be masked: one holds its requests at home, one is masked wherever it goes.
const POLICY: &str = r#"signal numbers = pii scope sent
signal names = keyword any ["passport"] scope sent
signal plans = keyword any ["codename"] scope sent
signal homely = keyword any ["homely"]
data personal { when numbers or names  pools ["long"]  mask }
data secret { when plans  mask }
route home { when homely models { "sim-medium" } pool "long" }
route cloud_only_mask { when numbers and names models { "sim-small" } pool "short" mask ["email"] }
route fixed { when plans and numbers answer 403 "not here" }
default { models { "sim-small" } pool "short" }
"#;

/// What the default has of pools and models, for commands that ask nobody.
const CONFIG: &str = r#"
data: memory
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: sim-small, price: {input: 1, output: 2}}, {name: sim-medium, price: {input: 1, output: 2}}]
pools:
  - {name: short, instances: [{name: s, provider: sim, url: "http://127.0.0.1:9", models: {sim-small: sim-small, sim-medium: sim-medium}}]}
  - {name: long, instances: [{name: l, provider: sim, url: "http://127.0.0.1:9", models: {sim-small: sim-small, sim-medium: sim-medium}}]}
"#;

/// A text, its route, and the model that serves it or the guard that refuses it.
const TABLE: [(&str, &str, Result<&str, &str>); 9] = [
    ("Hello", "default", Ok("sim-small")),
    ("Mail ada@example.org", "default", Ok("sim-small")),
    ("My passport is lost", "default", Err("data personal")),
    ("My passport, mail ada@example.org", "cloud_only_mask", Err("data personal")),
    ("The number is 4111 1111 1111 1111, or 415-555-0132", "default", Ok("sim-small")),
    ("My homely passport", "home", Ok("sim-medium")),
    ("The codename is Ada", "default", Err("data secret")),
    ("The homely codename", "home", Err("data secret")),
    ("The codename is ada@example.org", "fixed", Ok("")),
];

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// The tests that say what the table says, or its contrary.
fn tests(contrary: bool) -> String {
    let line = |(text, route, end): &(&str, &str, Result<&str, &str>)| {
        let said = match (end, contrary) {
            (Ok(""), false) => "models []".to_owned(),
            (Ok(model), false) => format!("models [\"{model}\"]"),
            (Err(_), true) => "models [\"sim-small\"]".to_owned(),
            (Err(guard), false) => format!("refused \"{guard}\""),
            (Ok(_), true) => "refused \"data personal\"".to_owned(),
        };
        format!("  {{ text \"{text}\" }} -> {route} {said}\n")
    };
    format!("tests {{\n{}}}\n", TABLE.iter().map(line).collect::<String>())
}

/// What somebody says of a request: the model that serves it, or why nothing does.
fn same(who: &str, text: &str, wanted: Result<&str, &str>, model: Option<&str>, refused: Option<&str>) {
    match wanted {
        Ok(wanted) => assert!(
            refused.is_none() && model.unwrap_or_default() == wanted,
            "{who}, {text:?}: {model:?} {refused:?}"
        ),
        Err(guard) => {
            assert!(refused.is_some_and(|why| why.contains(guard)), "{who}, {text:?}: {model:?} {refused:?}");
        }
    }
}

fn body_of(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    read(&body[body.find('{').unwrap()..=body.rfind('}').unwrap()])
}

#[test]
fn whoever_asks_hears_the_same() {
    let folder = Folder::new("masked");
    folder.write("p.tollgate", &format!("{POLICY}{}", tests(false)));
    folder.write("contrary.tollgate", &format!("{POLICY}{}", tests(true)));
    folder.write("other.tollgate", "default { models { \"sim-medium\" } pool \"short\" }\n");
    folder.write("c.yaml", CONFIG);

    // Commands.
    let tested = folder.run(&["policy", "test", "p.tollgate", "--config", "c.yaml"]);
    assert_eq!(tested.code, 0, "{}{}", tested.out, tested.err);
    let contrary = folder.run(&["policy", "test", "contrary.tollgate", "--config", "c.yaml", "--json"]);
    let failed = read(&contrary.out);
    assert_eq!((contrary.code, &failed["failed"]), (1, &json!(TABLE.len())), "{failed:#}");
    let trace: String = TABLE.iter().map(|(text, ..)| json!({ "text": text }).to_string() + "\n").collect();
    folder.write("t.jsonl", &trace);
    let diff = ["policy", "diff", "other.tollgate", "p.tollgate", "--trace", "t.jsonl", "--config", "c.yaml"];
    let moved = folder.run(&[&diff[..], &["--json"]].concat());
    let moved = read(&moved.out);
    assert_eq!(moved["examples"].as_array().map(Vec::len), Some(TABLE.len()), "{moved:#}");

    // A gateway: it starts only where its policy's own tests hold.
    let server = Server::start(&folder, &["--data", "memory", "--policy", "p.tollgate"]);
    for (at, (text, route, wanted)) in TABLE.into_iter().enumerate() {
        let after = &moved["examples"][at]["after"];
        assert_eq!(after["route"], route, "{text:?}");
        same("diff", text, wanted, after["model"].as_str(), after["refused"].as_str());

        let ran =
            folder.run(&["policy", "explain", "p.tollgate", "--config", "c.yaml", "--json", "--text", text]);
        let told = read(&ran.out);
        let governed = &told["governance"];
        assert_eq!((ran.code, &told["places_known"]), (i32::from(wanted.is_err()), &json!(true)), "{told}");
        same("explain", text, wanted, governed["model"].as_str(), governed["refused"].as_str());

        let answer = server.chat("", text);
        let refused = answer.starts_with("HTTP/1.1 403") && header(&answer, "x-tollgate-denied").is_some();
        same("dispatch", text, wanted, header(&answer, "x-tollgate-model"), refused.then_some(&*answer));

        let body = json!({"model": "auto", "messages": [{"role": "user", "content": text}]}).to_string();
        let ask =
            |path, body: &str| body_of(&server.ask("POST", path, "content-type: application/json\r\n", body));
        let told = ask("/v1/route", &body);
        same("route", text, wanted, told["model"].as_str(), told["refused"].as_str());

        let told = ask("/api/v1/eval", &json!({ "text": text }).to_string());
        let reason = told["selection_reason"].as_str().filter(|_| told["selection_status"] == "failed");
        same("eval", text, wanted, told["selected_model"].as_str(), reason);
    }
}

/// Without pools nothing is said of places; a class that only masks needs none.
#[test]
fn what_depends_on_places_is_not_judged_without_them() {
    let folder = Folder::new("unplaced");
    folder.write("p.tollgate", &format!("{POLICY}{}", tests(false)));
    let tested = folder.run(&["policy", "test", "p.tollgate"]);
    assert_eq!(tested.code, 0, "{}{}", tested.out, tested.err);
    assert!(tested.out.contains("9 tests, 0 failed, 6 not judged"), "{}", tested.out);
    let read_out = read(&folder.run(&["policy", "test", "p.tollgate", "--json"]).out);
    assert_eq!((&read_out["failed"], &read_out["not_judged"]), (&json!(0), &json!(6)), "{read_out}");
    // A wrong route fails all the same.
    folder.write(
        "wrong.tollgate",
        &format!("{POLICY}tests {{ {{ text \"Hello\" }} -> home models [\"sim-small\"] }}\n"),
    );
    assert_eq!(folder.run(&["policy", "test", "wrong.tollgate"]).code, 1);
    let explained = |text| folder.run(&["policy", "explain", "p.tollgate", "--text", text]);
    let open = explained("My passport is lost");
    assert!(open.code == 0 && open.out.contains("places not known"), "{}", open.out);
    assert!(open.out.contains("data personal holds all the same"), "{}", open.out);
    let shut = explained("The codename is Ada");
    assert!(shut.code == 1 && shut.out.contains("what is masked still carries secret"), "{}", shut.out);
}

/// The words of a request are not in its record: where that decides, nobody guesses.
#[test]
fn a_record_that_a_mask_decides_is_undecided() {
    let folder = Folder::new("recorded");
    folder.write("c.yaml", CONFIG);
    let class = "signal names = keyword any [\"passport\"] scope sent\ndata personal { when names  pools [\"long\"]  mask }\n";
    let policy = |pool| format!("{class}default {{ models {{ \"sim-small\" }} pool \"{pool}\" }}\n");
    folder.write("short.tollgate", &policy("short"));
    folder.write("long.tollgate", &policy("long"));
    let row = |matched: bool| {
        let flag = json!({"matched": matched, "confidence": 1.0, "value": matched});
        let recorded = json!({"policy": "00".repeat(32), "signals": {"names": flag}});
        json!({"id": "r", "prompt_tokens": 9, "completion_tokens": 9, "decision": {"recorded": recorded}})
            .to_string()
    };
    folder.write("log.jsonl", &format!("{}\n{}\n", row(true), row(false)));
    let undecided = |policy: &str| {
        let ran = folder.run(&[
            "policy",
            "diff",
            policy,
            policy,
            "--trace",
            "log.jsonl",
            "--config",
            "c.yaml",
            "--json",
        ]);
        read(&ran.out)["undecided"].clone()
    };
    assert_eq!((undecided("short.tollgate"), undecided("long.tollgate")), (json!(1), json!(0)));
}
