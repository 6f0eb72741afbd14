//! Fleets from the command line: the fixed form that scripts rely on.

mod calibrate;
mod compat;
mod log;
mod operate;
mod recorded;
mod report;
#[path = "../../../../fleet/tests/baseline/same.rs"]
mod same;
mod simulate;
mod trade;

use crate::tool::{Folder, Ran};
use serde_json::Value;

/// Runs a command whose words have no spaces in them.
fn run(folder: &Folder, words: &str) -> Ran {
    folder.run(&words.split_whitespace().collect::<Vec<_>>())
}

/// Its exit code and the JSON that it prints.
fn json(folder: &Folder, words: &str) -> (i32, Value) {
    let ran = run(folder, words);
    let shown = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{words}: {}{}", ran.out, ran.err));
    (ran.code, shown)
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_there_is() {
    let folder = Folder::new("fleet-refused");
    folder.write("chat.json", "[[600,0.25],[1200,0.5],[3000,0.75],[9000,1.0]]");
    let asked = "--cdf chat.json --rate 20 --slo-ttft-ms 3000 --boundary 4096 --gpu h100";
    let asked: Vec<&str> = asked.split_whitespace().collect();
    let refused = |command: &str, more: &[&str], words: &[&str]| {
        let ran = folder.run(&[&["fleet", command], &asked[..], more].concat());
        assert_eq!(ran.code, 2, "{more:?}: {}{}", ran.out, ran.err);
        assert!(words.iter().all(|word| ran.err.contains(word)), "{more:?}: {}", ran.err);
    };
    refused("simulate", &["--instances", "3,3,3"], &["--instances has 3 numbers", "up to 9000 tokens"]);
    refused("simulate", &["--instances", "0"], &["--instances", "above 0"]);
    refused("simulate", &["--repair-hours", "2"], &["--failure-hours"]);
    refused("simulate", &["--failure-hours", "1e-9", "--repair-hours", "1"], &["mean_up_s", "0.001"]);
    refused("compare", &["--class-times", "typo=2"], &["no class `typo`", "chat"]);
}

/// The gateway compresses no prompts, so a plan counts on it only where that is asked for, and says what it costs without.
#[test]
fn a_plan_counts_on_no_compressor_unless_asked() {
    let folder = Folder::new("fleet-compressor");
    folder.write(
        "chat.json",
        "[[256,0.22],[512,0.45],[1024,0.68],[2048,0.86],[4096,0.95],[8192,0.99],[16384,1.0]]",
    );
    let asked =
        "fleet plan --cdf chat.json --rate 50 --slo-ttft-ms 1000 --gpu h100 --pools-out pools.yaml --json";
    let plain = json(&folder, asked).1;
    let pools = |found: &Value| found["plan"]["pools"].as_array().unwrap().clone();
    assert!(pools(&plain).iter().all(|pool| pool["gamma"] == 1.0), "{plain}");
    let why = |found: &Value| found["plan"]["why"].to_string();
    assert!(!why(&plain).contains("compressor"), "{plain}");
    let gpus = plain["plan"]["gpus"].as_u64().unwrap();
    let compressing = json(&folder, &format!("{asked} --gamma 1 --gamma 2")).1;
    assert!(pools(&compressing).iter().any(|pool| pool["gamma"] == 2.0), "{compressing}");
    let wanted = format!("needs a prompt compressor; without it {gpus} GPUs");
    assert!(why(&compressing).contains(&wanted), "{compressing}");
    let written = std::fs::read_to_string(folder.path().join("pools.yaml")).unwrap();
    assert!(written.contains(&wanted), "{written}");
    let told = |words: &str, gamma: &str| {
        let asked = "--cdf chat.json --rate 50 --slo-ttft-ms 1000 --gpu h100";
        let ran = run(&folder, &format!("fleet {words} {asked} {gamma}"));
        assert_eq!(ran.code, 0, "{words}: {}{}", ran.out, ran.err);
        ran.out.contains("prompt compressor")
    };
    for words in ["simulate --requests 12000 --replications 2", "compare", "pareto --all"] {
        assert!(told(words, "--gamma 2") && !told(words, ""), "{words}");
    }
}

/// A boundary that was asked for is a choice: where one pool is cheaper, the plan says what two come to.
#[test]
fn one_pool_in_place_of_two_says_what_two_would_cost() {
    let folder = Folder::new("fleet-parted");
    folder.write("chat.json", "[[600,0.25],[1200,0.5],[3000,0.75],[9000,1.0]]");
    let plan = |more: &str| {
        let asked = "fleet plan --cdf chat.json --rate 3 --slo-ttft-ms 3000 --gpu h100 --json";
        json(&folder, &format!("{asked} {more}")).1["plan"].clone()
    };
    let (asked, free) = (plan("--boundary 4096"), plan(""));
    assert_eq!((asked["pools"].as_array().unwrap().len(), asked["gpus"].as_u64()), (1, Some(1)));
    let wanted = "one pool does it: parted at 4096 it takes 2 GPUs, 8.04 USD an hour";
    assert!(asked["why"].to_string().contains(wanted), "{asked}");
    assert!(!free["why"].to_string().contains("parted"), "{free}");
}

/// A cache of half the bytes holds twice the tokens, so twice the sequences and some: lengths of more even out better.
#[test]
fn a_cache_in_8_bits_has_twice_the_slots() {
    let folder = Folder::new("fleet-kv");
    folder.write("long.json", "[[8000,0.5],[16000,1.0]]");
    let slots = |kv: &str| {
        let asked =
            "fleet plan --cdf long.json --rate 2 --slo-ttft-ms 9000 --gpu h100 --tensor-parallel 1 --json";
        json(&folder, &format!("{asked} --kv {kv}")).1["plan"]["pools"][0]["slots"].as_u64().unwrap()
    };
    let (wide, narrow) = (slots("fp16"), slots("fp8"));
    assert!(wide > 4 && (2 * wide..=2 * wide + wide / 5).contains(&narrow), "{wide} {narrow}");
}

/// Bursts ask for more than independent arrivals do.
#[test]
fn bursts_of_a_distribution_are_planned_for() {
    let folder = Folder::new("fleet-bursts");
    folder.write("chat.json", "[[600,0.3],[1200,0.5],[3000,1.0]]");
    let asked = "fleet plan --cdf chat.json --rate 60 --slo-ttft-ms 400 --gpu h100 --json";
    let plan = |more: &str| json(&folder, &format!("{asked} {more}")).1["plan"].clone();
    let pool = |plan: &Value, of: &str| plan["pools"][0][of].as_f64().unwrap();
    let (even, bursts) = (plan(""), plan("--burstiness 16"));
    assert_eq!((pool(&even, "arrival_cv2"), plan("--burstiness 1")), (1.0, even.clone()));
    assert!(pool(&bursts, "arrival_cv2") > 4.0, "{bursts}");
    assert!(bursts["gpus"].as_u64() >= even["gpus"].as_u64() && bursts != even, "{bursts}");
    let odd = run(&folder, "fleet plan --cdf chat.json --rate 60 --gpu h100 --burstiness 0");
    assert!(odd.code == 2 && odd.err.contains("--burstiness 0"), "{}", odd.err);
}

/// What is left out as too long is left out of the shape of the workload too.
#[test]
fn what_is_too_long_is_left_out_of_the_distribution() {
    let folder = Folder::new("fleet-longer");
    folder.write("mixed.json", "[[600,0.3],[1200,0.5],[20000,0.6],[60000,1.0]]");
    let asked = "fleet plan --cdf mixed.json --rate 5 --slo-ttft-ms 9000 --gpu h100 --json";
    let archetype = |more: &str| json(&folder, &format!("{asked} {more}")).1["workload"]["archetype"].clone();
    assert_ne!(archetype(""), "concentrated-below");
    assert_eq!(archetype("--context 2000 --drop-longer"), "concentrated-below");
}

/// The policy beside a configuration replaces its like and nobody's own.
#[test]
fn a_plan_writes_over_nobody_s_policy() {
    let folder = Folder::new("fleet-pools-out");
    folder.write("chat.json", "[[600,0.5],[1200,1.0]]");
    let asked = "fleet plan --cdf chat.json --rate 5 --slo-ttft-ms 1000 --gpu h100 --pools-out";
    let write = |to: &str| run(&folder, &format!("{asked} {to}"));
    assert_eq!((write("pools.yaml").code, write("pools.yaml").code), (0, 0));
    folder.write("own.tollgate", "policy \"own\"\n");
    for (to, word) in [("own.yaml", "not of this command"), ("x.tollgate", "name a .yaml file")] {
        let refused = write(to);
        assert!(refused.code == 2 && refused.err.contains(word), "{}", refused.err);
        assert!(!folder.path().join(to).exists());
    }
}

/// One replication has no interval, so it cannot tell that a promise is kept.
#[test]
fn one_replication_is_not_known_to_meet() {
    let folder = Folder::new("fleet-unknown");
    folder.write("chat.json", "[[600,0.5],[1200,1.0]]");
    let simulate = |replications: &str| {
        let asked = ["--cdf", "chat.json", "--rate", "5", "--slo-ttft-ms", "5000", "--gpu", "h100"];
        let run = ["--requests", "500", "--replications", replications, "--json"];
        let ran = folder.run(&[&["fleet", "simulate"], &asked[..], &run].concat());
        (ran.code, serde_json::from_str::<Value>(&ran.out).unwrap()["met"].clone())
    };
    assert_eq!(simulate("1"), (1, Value::Null));
    assert_eq!(simulate("2"), (0, Value::Bool(true)));
    // Ten requests are neither a P99 nor a fleet in balance.
    let asked = "--cdf chat.json --rate 5 --slo-ttft-ms 5000 --gpu h100 --requests 10 --replications 2";
    let ran = run(&folder, &format!("fleet simulate {asked}"));
    assert!(ran.code == 1 && ran.out.contains("too short") && ran.out.contains("unknown"), "{}", ran.out);
}
