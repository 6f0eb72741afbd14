//! Routers, caches and queues in simulation, by their options.

use super::{json, run};
use crate::tool::Folder;
use serde_json::Value;
use std::fmt::Write as _;

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("chat.json", "[[600,0.25],[1200,0.5],[3000,0.75],[9000,1.0]]");
    folder.write("parted.json", "[[600,0.5],[1000,0.9],[30000,1.0]]");
    folder
}

/// Short chats and a tail of documents: two pools are cheaper than one.
const PARTED: &str = "--cdf parted.json --slo-ttft-ms 1500 --gpu h100 --tensor-parallel 1 --boundary 2048 --requests 3000 --replications 2";

const ASKED: &str = "--cdf chat.json --rate 40 --slo-ttft-ms 3000 --gpu h100 --tensor-parallel 1 --requests 3000 --replications 2";

/// What a simulation found; whether it met the promises is not asked.
fn simulated(folder: &Folder, words: &str) -> Value {
    let (code, found) = json(folder, &format!("fleet simulate {words} --json"));
    assert!(code < 2, "{words}: {found}");
    let class = &found["outcome"]["classes"][0];
    let count = |what: &str| class[what].as_u64().unwrap();
    let ended = ["completed", "too_long", "full", "impatient", "lost"].map(count).iter().sum::<u64>();
    assert_eq!(count("offered"), ended, "{words}: every request is counted once");
    found["outcome"].clone()
}

fn served(outcome: &Value) -> Vec<u64> {
    outcome["pools"].as_array().unwrap().iter().map(|pool| pool["served"].as_u64().unwrap()).collect()
}

fn ttft_ms(outcome: &Value) -> f64 {
    number(&outcome["classes"][0]["ttft_ms"]["mean"]["mean"])
}

/// The same requests through every router: each has its row, and random placement is the worst of those by load.
#[test]
fn compare_simulates_every_router() {
    let folder = folder("fleet-routers");
    let (code, found) = json(&folder, &format!("fleet compare {ASKED} --simulate --json"));
    let rows = found["simulated"].as_array().unwrap_or_else(|| panic!("{found}"));
    let p99 = |name: &str| {
        let row = rows.iter().find(|row| row["router"] == name).unwrap_or_else(|| panic!("{name}: {found}"));
        assert_eq!(
            row["outcome"]["classes"][0]["offered"], 4_800,
            "{name}: the same requests, less the first fifth"
        );
        number(&row["outcome"]["classes"][0]["ttft_ms"]["p99"]["mean"])
    };
    assert_eq!((code, rows.len()), (0, 11), "{found}");
    let names =
        ["by prompt length", "by token budget", "prefix affinity", "session affinity", "least energy"];
    assert!(names.into_iter().all(|name| p99(name) > 0.0));
    assert!(p99("at random") > p99("least expected TTFT") && p99("at random") > p99("better of two"));
    assert_eq!(p99("as asked"), p99("least expected TTFT"), "which is the default");
    assert!(p99("spill over after 250 ms") > 0.0 && p99("cascade, accepting from 0.7") > 0.0);
}

/// A short pool of one instance, far too few: with spilling the long pool takes what would wait.
#[test]
fn a_long_wait_spills_over() {
    let folder = folder("fleet-spill");
    let asked = format!("{PARTED} --rate 150 --instances 1,73");
    let (kept, spilt) =
        (simulated(&folder, &asked), simulated(&folder, &format!("{asked} --spill-over-ms 50")));
    assert!(served(&spilt)[1] > served(&kept)[1], "{:?} {:?}", served(&kept), served(&spilt));
    assert!(ttft_ms(&spilt) < ttft_ms(&kept), "{} {}", ttft_ms(&spilt), ttft_ms(&kept));
}

/// Answers that are not good enough are asked for again in the next pool: more work, and a longer way to the last token.
#[test]
fn a_cascade_asks_the_next_pool() {
    let folder = folder("fleet-cascade");
    let asked = format!("{PARTED} --rate 60 --instances 2,36");
    let (plain, cascade) =
        (simulated(&folder, &asked), simulated(&folder, &format!("{asked} --cascade 0.5")));
    let sum = |outcome: &Value| served(outcome).iter().sum::<u64>() as f64;
    // Half of the answers of the short pool, which has nine tenths of the requests.
    let more = sum(&cascade) / sum(&plain);
    assert!((1.35..1.6).contains(&more), "{:?} {:?}", served(&plain), served(&cascade));
    let e2e = |outcome: &Value| number(&outcome["classes"][0]["e2e_ms"]["mean"]["mean"]);
    assert!(e2e(&cascade) > e2e(&plain));
}

/// More than one instance carries: who waits too long leaves, beyond so many nobody may wait, and neither is within the promise.
#[test]
fn the_impatient_leave_and_a_full_queue_refuses() {
    let folder = folder("fleet-patience");
    let asked = format!("{} --instances 1 --sequences 8", ASKED.replace("--rate 40", "--rate 30"));
    let of = |more: &str, what: &str| {
        let outcome = simulated(&folder, &format!("{asked} --boundary 9000 --pools 1 {more}"));
        let class = &outcome["classes"][0];
        assert!(
            number(&class["attainment"]["mean"])
                <= number(&class["completed"]) / number(&class["offered"]) + 1e-9
        );
        class[what].as_u64().unwrap()
    };
    assert_eq!(of("", "impatient"), 0);
    assert!(of("--patience-s 2", "impatient") > 100);
    assert!(of("--waiting 5", "full") > 100);
}

/// Conversations whose prompts begin alike, in the layout that names blocks: a cache saves prefill, and affinity finds it.
#[test]
fn caches_are_found_by_prefix_and_by_conversation() {
    let folder = Folder::new("fleet-caches");
    let mut blocks = String::new();
    let mut sessions = "arrival_s,prompt_tokens,output_tokens,session\n".to_owned();
    for i in 0..1500u32 {
        let (talk, turn) = (i * 7919 % 60, i / 60);
        let ids: Vec<String> = (0..8 + turn / 4).map(|at| (talk * 1000 + at).to_string()).collect();
        let prompt = ids.len() * 512;
        writeln!(
            blocks,
            "{{\"timestamp\":{},\"input_length\":{prompt},\"output_length\":60,\"hash_ids\":[{}]}}",
            i * 40,
            ids.join(",")
        )
        .unwrap();
        writeln!(sessions, "{},{prompt},60,talk-{talk}", f64::from(i) * 0.04).unwrap();
    }
    folder.write("blocks.jsonl", &blocks);
    folder.write("talks.csv", &sessions);
    let asked =
        "--slo-ttft-ms 6000 --gpu h100 --tensor-parallel 1 --replay --pools 1 --instances 8 --replications 2";
    let of =
        |trace: &str, more: &str| ttft_ms(&simulated(&folder, &format!("--trace {trace} {asked} {more}")));
    // A cache of 100 blocks holds ten conversations of the sixty: who is sent anywhere seldom finds what was his.
    let none = of("blocks.jsonl", "");
    let cached = |placement: &str| of("blocks.jsonl", &format!("--cache-blocks 100 --placement {placement}"));
    let [any, owned, random] = ["least-ttft", "prefix-affinity", "weighted"].map(cached);
    assert!(any < 0.5 * none && owned < 0.5 * none, "{none} {any} {owned}");
    assert!(owned < 0.8 * random, "{owned} {random}");
    // Without blocks there is nothing to cache; a conversation goes to its owner all the same.
    let even = simulated(&folder, &format!("--trace talks.csv {asked}"));
    let stuck = simulated(&folder, &format!("--trace talks.csv {asked} --placement session-affinity"));
    assert!(ttft_ms(&stuck) > ttft_ms(&even), "owners have queues that others could have served");
}

/// Every placement is taken; energy goes where it costs least, and the rate follows the recording.
#[test]
fn placements_differ_and_the_rate_follows_the_recording() {
    let folder = folder("fleet-placements");
    let asked = format!("{ASKED} --pools 1 --instances 12");
    let p99 = |placement: &str| {
        let outcome = simulated(&folder, &format!("{asked} --placement {placement}"));
        number(&outcome["classes"][0]["ttft_ms"]["p99"]["mean"])
    };
    let [least, two, random, energy] = ["least-ttft", "two-choices", "weighted", "least-energy"].map(p99);
    assert!(least <= two * 1.02 && two < random && energy > 0.0, "{least} {two} {random} {energy}");
    let unknown = run(&folder, &format!("fleet simulate {asked} --placement nearest"));
    assert!(unknown.code == 2 && unknown.err.contains("session-affinity"), "{}", unknown.err);
    let mut trace = "arrival_s,prompt_tokens,output_tokens\n".to_owned();
    for second in 0..3600 {
        let every = if second < 1800 { 1 } else { 4 };
        (0..8 / every).for_each(|part| writeln!(trace, "{second}.{part},700,60").unwrap());
    }
    folder.write("half.csv", &trace);
    let followed =
        simulated(&folder, "--trace half.csv --slo-ttft-ms 3000 --gpu h100 --follow --replications 2");
    let arrived: Vec<f64> =
        followed["timeline"].as_array().unwrap().iter().map(|sample| number(&sample["arrived"])).collect();
    let (first, second) = arrived.split_at(arrived.len() / 2);
    let ratio = first.iter().sum::<f64>() / second.iter().sum::<f64>();
    assert!((3.0..5.5).contains(&ratio), "{ratio}");
}

/// One class may be promised something else; the plan holds it to that.
#[test]
fn a_class_has_a_promise_of_its_own() {
    let folder = folder("fleet-class-slo");
    folder.write("agent.json", "[[4000,0.5],[16000,1.0]]");
    let asked =
        "fleet plan --cdf chat.json --cdf agent.json --rate 20 --rate 5 --slo-ttft-ms 1000 --gpu h100 --json";
    let gpus = |more: &str| {
        let (code, plan) = json(&folder, &format!("{asked} {more}"));
        assert_eq!(code, 0, "{more}: {plan}");
        number(&plan["plan"]["gpus"])
    };
    let (strict, loose) = (gpus("--class-slo agent:tpot=15"), gpus("--class-slo agent:ttft=8000,tpot=200"));
    assert!(strict > loose, "{strict} {loose}");
    let unknown = run(&folder, &format!("{asked} --class-slo agents:ttft=8000"));
    assert!(
        unknown.code == 2 && unknown.err.contains("no class `agents`; there is chat, agent"),
        "{}",
        unknown.err
    );
    let wrong = run(&folder, &format!("{asked} --class-slo agent:p99=3"));
    assert!(wrong.code == 2 && wrong.err.contains("CLASS:ttft=T"), "{}", wrong.err);
}
