//! What explain, check and diff say of routes that nothing serves, of weights and of models without a price; and that
//! `serve` says the same.

use crate::tool::{Folder, Server, header};
use serde_json::{Value, json};

const CONFIG: &str = r#"
data: memory
providers: [{name: p, kind: tollgate_sim, base_url: "http://127.0.0.1:9"}]
models:
  - {name: small, price: {input: 1, output: 2}}
  - {name: house, price: {input: 10, output: 20}}
  - {name: free}
pools:
  - {name: rack, on_premise: true, instances: [{name: r, provider: p, models: {house: house}}]}
  - {name: cloud, instances: [{name: c, provider: p, models: {small: small, house: house, free: free}}]}
"#;
const LOST: &str = "default { models { \"small\" } pool \"rack\" }\n";

fn folder(name: &str, policies: &[(&str, &str)]) -> Folder {
    let folder = Folder::new(name);
    folder.write("c.yaml", CONFIG);
    policies.iter().for_each(|(file, text)| folder.write(file, text));
    folder
}

fn diff(folder: &Folder, before: &str, after: &str) -> (String, Value) {
    folder.write("t.jsonl", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n");
    let words = ["policy", "diff", before, after, "--trace", "t.jsonl", "--config", "c.yaml"];
    let (plain, told) = (folder.run(&words), folder.run(&[&words[..], &["--json"]].concat()));
    assert_eq!((plain.code, told.code), (0, 0), "{}{}", plain.err, told.err);
    (plain.out, serde_json::from_str(&told.out).unwrap())
}

/// A pool that serves none of a route's models serves no request: told before, and truly when it happens.
#[test]
fn a_route_that_its_pool_cannot_serve_is_told_everywhere() {
    let role = format!("role \"r\" {{ models [\"small\"] }}\n{LOST}");
    let data = format!("data d {{ when tokens > 1 on_premise }}\n{LOST}");
    let folder = folder(
        "judged-lost",
        &[
            ("lost.tollgate", LOST),
            ("role.tollgate", &role),
            ("data.tollgate", &data),
            ("good.tollgate", "default { models { \"house\" } pool \"rack\" }\n"),
        ],
    );
    let why = "no instance of pool rack serves small";
    for (file, code) in [("role.tollgate", 1), ("lost.tollgate", 0), ("data.tollgate", 0)] {
        let ran = folder.run(&["policy", "check", file, "--config", "c.yaml"]);
        assert_eq!(ran.code, code, "{file}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(why), "{file}: {}{}", ran.out, ran.err);
    }
    let good = folder.run(&["policy", "check", "good.tollgate", "--config", "c.yaml", "--strict"]);
    assert_eq!(good.code, 0, "{}", good.err);
    let ran = folder.run(&["policy", "explain", "data.tollgate", "--config", "c.yaml", "--text", "one"]);
    assert!(ran.code == 1 && ran.out.contains(&format!("refused: {why}")), "{}{}", ran.out, ran.err);
    let (plain, told) = diff(&folder, "good.tollgate", "lost.tollgate");
    assert!(plain.contains("default (refused)"), "{plain}");
    assert_eq!(told["refused"], json!({"before": 0, "after": 2}), "{told}");

    folder.write("s.yaml", &format!("policy: lost.tollgate{CONFIG}"));
    let server = Server::start(&folder, &["s.yaml"]);
    let answer = server.chat("", "one");
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    for part in ["rack", "does not serve model", "small", "pools that do: cloud"] {
        assert!(answer.contains(part), "{answer}");
    }
    assert_eq!(header(&answer, "retry-after").filter(|after| *after == "0"), None);
}

/// Two policies that share traffic out differently send it elsewhere, though their first model is the same.
#[test]
fn diff_compares_weights_and_knows_no_price_from_none() {
    let weighted = |small: u32, house: u32| {
        format!(
            "default {{ models {{ \"small\" weight {small}, \"house\" weight {house} }} algorithm weighted }}\n"
        )
    };
    let folder = folder(
        "judged-weights",
        &[
            ("a.tollgate", &weighted(3, 1)),
            ("b.tollgate", &weighted(1, 3)),
            ("twice.tollgate", &weighted(6, 2)),
            ("free.tollgate", "default { models { \"free\" } }\n"),
        ],
    );
    let (plain, told) = diff(&folder, "a.tollgate", "b.tollgate");
    assert!(plain.contains("2 of 2 requests go elsewhere"), "{plain}");
    assert!(plain.contains("default (house 1 : small 3)"), "{plain}");
    assert_eq!((&told["changed"], &told["unpriced"]), (&json!(2), &json!(0)), "{told}");
    assert_eq!(diff(&folder, "a.tollgate", "twice.tollgate").1["changed"], json!(0));
    let (plain, told) = diff(&folder, "a.tollgate", "free.tollgate");
    assert!(!plain.contains('%') && plain.contains("in no sum of costs: 2 requests"), "{plain}");
    assert_eq!((&told["cost_micro"], &told["unpriced"]), (&Value::Null, &json!(2)), "{told}");
}

/// Of several places that are denied, the one that came furthest says why.
#[test]
fn the_denial_that_is_told_is_of_the_place_that_came_furthest() {
    let policy = "role \"r\" { on_premise cost <= 100 }\nothers { }\ndefault { models { \"house\" } }\n";
    let folder = folder("judged-furthest", &[("p.tollgate", policy)]);
    let words =
        ["policy", "explain", "p.tollgate", "--config", "c.yaml", "--role", "r", "--text", "what is it"];
    let ran = folder.run(&words);
    let refused = ran.out.lines().find(|line| line.starts_with("refused: ")).unwrap_or_default();
    assert!(ran.code == 1 && refused.contains("cost"), "{}{}", ran.out, ran.err);
}

#[test]
fn a_sample_without_a_request_is_refused() {
    let folder = folder("judged-empty", &[("empty.jsonl", "\n"), ("p.tollgate", LOST)]);
    let ran = folder.run(&["policy", "check", "p.tollgate", "--sample", "empty.jsonl"]);
    assert!(ran.code == 2 && ran.err.contains("empty.jsonl holds no request"), "{}{}", ran.out, ran.err);
}
