//! A gateway's own log, from a running gateway to a fleet that the gateway can load.

use super::{json, run};
use crate::tool::{Folder, Server};
use serde_json::Value;

#[test]
fn a_running_gateway_s_log_becomes_a_workload_and_a_fleet() {
    let folder = Folder::new("fleet-log");
    let server = Server::start(&folder, &[]);
    let asked =
        ["Say hello", "Prove step by step that this function terminates", "What is the capital of Peru?"];
    for n in 0..30 {
        let answer = server.chat("", asked[n % asked.len()]);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // The log is written behind the answers: the gateway stops only when it is on disk.
    server.signal("TERM");
    let (status, err) = server.end();
    assert_eq!(status.code(), Some(0), "{err}");

    assert_eq!(run(&folder, "decisions export --out log.jsonl").code, 0);
    let plan = "--trace log.jsonl --rate 50 --slo-ttft-ms 1000 --gpu l40s";
    let (code, planned) = json(&folder, &format!("fleet plan {plan} --pools-out pools.yaml --json"));
    assert_eq!((code, &planned["workload"]["files"][0]["requests"]), (0, &30.into()), "{planned}");
    let classes = planned["workload"]["classes"].as_array().unwrap();
    let named = |name: &str| classes.iter().any(|class| class["class"]["name"] == name);
    assert!(named("hard_question") && classes.len() > 1, "routes are classes: {classes:?}");
    let rate: f64 = classes.iter().map(|class| class["rate_per_s"].as_f64().unwrap()).sum();
    assert!((rate - 50.0).abs() < 1e-6, "{rate}");

    let checked = run(&folder, "config check pools.yaml");
    let instances: u64 = planned["plan"]["pools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pool| pool["instances"].as_u64().unwrap())
        .sum();
    assert!(
        checked.code == 0 && checked.out.contains(&format!("{instances} instances")),
        "{}{}",
        checked.out,
        checked.err
    );

    let (_, replayed) = json(&folder, &format!("fleet simulate {plan} --replay --replications 2 --json"));
    let offered = |class: &Value| class["offered"].as_u64().unwrap();
    let all: u64 = replayed["outcome"]["classes"].as_array().unwrap().iter().map(offered).sum();
    assert_eq!(all, 24, "a replay of thirty is one sample, the first fifth being the warm-up");
}
