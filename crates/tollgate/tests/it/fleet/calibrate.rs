//! What was measured, fitted, and planned with.

use super::{json, run};
use crate::tool::Folder;
use serde_json::Value;
use std::fmt::Write as _;

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

const PLAN: &str =
    "fleet plan --cdf chat.json --rate 60 --slo-ttft-ms 4000 --gpu h100 --tensor-parallel 1 --json";

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("chat.json", "[[600,0.5],[1200,0.9],[4000,1.0]]");
    folder
}

/// A run of an engine that takes 30 ms an iteration: fitted, judged by the half that was not seen, and planned with.
#[test]
fn a_recorded_run_is_planned_with() {
    let folder = folder("fleet-run");
    let mut text = String::new();
    for i in 0..80u32 {
        let (at, prompt, output) = (f64::from(i) * 0.7, 200 + i * 997 % 1500, 50 + i * 37 % 200);
        let first = at + 0.03 + f64::from(prompt) * 0.0001;
        let last = first + f64::from(output - 1) * 0.03;
        writeln!(
            text,
            "{{\"input_toks\":{prompt},\"output_toks\":{output},\"arrival_time\":{at},\"queued_ts\":{at},\"scheduled_ts\":{at},\
             \"first_token_ts\":{first},\"last_token_ts\":{last}}}"
        )
        .unwrap();
    }
    folder.write("run.jsonl", &text);
    let (code, fit) = json(&folder, &format!("{RUN} --run run.jsonl --out fitted.json --json"));
    assert_eq!((code, fit["held_out"].as_u64()), (0, Some(40)), "{fit}");
    assert!(
        number(&fit["errors"]["tpot"]).abs() < 0.05 && number(&fit["errors"]["ttft"]).abs() < 0.1,
        "{fit}"
    );
    // As many at once as in the run: some six.
    let slow = PLAN.replace("--rate 60", "--rate 1");
    let ((_, sheet), (code, fitted)) =
        (json(&folder, &slow), json(&folder, &format!("{slow} --fitted fitted.json")));
    let basis = &fitted["plan"]["pools"][0]["basis"]["fitted"];
    assert!(code == 0 && basis["source"] == "run.jsonl" && basis["points"] == 40, "{fitted}");
    let step = |plan: &Value| number(&plan["plan"]["pools"][0]["iteration_ms"]);
    assert!((20.0..50.0).contains(&step(&fitted)) && step(&fitted) > 2.0 * step(&sheet), "{fitted}");
    let two = run(&folder, &format!("{PLAN} --gpu l40s --fitted fitted.json"));
    assert!(two.code == 2 && two.err.contains("one --gpu"), "{}", two.err);
    // It is of one machine and no other.
    for (from, to) in
        [("--gpu h100", "--gpu a100"), ("--json", "--weights fp8"), ("--json", "--model mistral-7b")]
    {
        let other = run(&folder, &format!("{} --fitted fitted.json", PLAN.replace(from, to)));
        assert!(
            other.code == 2 && other.err.contains("--fitted is of h100"),
            "{to}: {}{}",
            other.out,
            other.err
        );
    }
    let nameless = run(&folder, "fleet calibrate --run run.jsonl --out fitted.json");
    assert!(nameless.code == 2 && nameless.err.contains("--gpu"), "{}", nameless.err);
}

const RUN: &str = "fleet calibrate --gpu h100 --model llama-3.1-8b --tensor-parallel 1 --max-sequences 64";

/// A first token before its request is no time, and milliseconds taken for seconds are no engine: nothing is written.
#[test]
fn a_run_that_makes_no_sense_is_not_fitted() {
    let folder = folder("fleet-nonsense");
    let rows = |unit: f64, first: f64| {
        let mut text = String::new();
        for i in 0..40 {
            let at = f64::from(i) * 0.7 * unit;
            let (first, last) = (at + first * unit, at + (0.3 + 0.003 * f64::from(i)) * unit * 10.0);
            writeln!(
                text,
                "{{\"input_toks\":{},\"output_toks\":100,\"arrival_time\":{at},\"queued_ts\":{at},\"scheduled_ts\":{at},\
                 \"first_token_ts\":{first},\"last_token_ts\":{last}}}",
                200 + i * 10
            )
            .unwrap();
        }
        text
    };
    folder.write("early.jsonl", &rows(1.0, -0.5));
    folder.write("milli.jsonl", &rows(1000.0, 0.1));
    let early = run(&folder, &format!("{RUN} --run early.jsonl --out fitted.json"));
    assert!(early.code == 2 && early.err.contains("do not follow each other"), "{}{}", early.out, early.err);
    let milli = run(&folder, &format!("{RUN} --run milli.jsonl --out fitted.json"));
    assert!(milli.code == 1 && milli.err.contains("in seconds"), "{}{}", milli.out, milli.err);
    assert!(!folder.path().join("fitted.json").exists());
}

/// Watts that were measured are drawn, by GPUs of one's own too; other machines keep what is known of them.
#[test]
fn measured_watts_are_planned_with() {
    let folder = folder("fleet-watts");
    folder.write(
        "watts.csv",
        "gpu,model,tensor_parallel,batch,watts\nh100,llama-3.1-8b,1,1,120\nh100,llama-3.1-8b,1,32,160\n\
         h100,llama-3.1-8b,1,256,200\nmine,llama-3.1-8b,2,64,250\nh100,llama-3.1-8b,1,many,9\n",
    );
    folder.write(
        "mine.yaml",
        "sources: { own: \"made up\" }\nrows:\n  mine:\n    source: own\n    figures: { memory_bytes: 85899345920, \
         bandwidth_bytes_per_s: 3.35e12, flops_fp16_per_s: 9.89e14, link_bytes_per_s: 4.5e11, network_bytes_per_s: 5e10, \
         pcie_bytes_per_s: 6.4e10, idle_power_w: 70, tdp_power_w: 700, host_power_w: 0, per_host: 8, price_micro_per_hour: 3000000 }\n",
    );
    let ran = run(&folder, "fleet calibrate --power watts.csv --gpus mine.yaml --out power.json");
    assert!(
        ran.code == 0 && ran.out.contains("h100-sxmx1") && ran.out.contains("minex2"),
        "{}{}",
        ran.out,
        ran.err
    );
    assert!(ran.err.contains("1 of 5 rows cannot be used"), "{}", ran.err);
    let (_, learned) = json(&folder, "fleet calibrate --power watts.csv --gpus mine.yaml --json");
    assert!(
        number(&learned["power"][0]["left_out"]) < 0.5 && learned["power"][1]["left_out"].is_null(),
        "{learned}"
    );
    let unknown = run(&folder, "fleet calibrate --power watts.csv");
    assert!(unknown.code == 2 && unknown.err.contains("mine"), "{}", unknown.err);
    let watts = |more: &str| {
        let (code, plan) = json(&folder, &format!("{PLAN} {more}"));
        assert_eq!(code, 0, "{plan}");
        assert_eq!(plan["plan"]["pools"][0]["basis"], "first_principles", "times are as they were");
        number(&plan["plan"]["energy"]["facility_w"])
    };
    assert!(watts("--fitted power.json") < 0.75 * watts(""));
    let other = run(&folder, &PLAN.replace("h100", "a100").replace("--json", "--fitted power.json"));
    assert!(other.code == 0 && other.err.contains("no power of it was measured"), "{}", other.err);
}

/// Long prompts are read at their own pace: attention makes their tokens dearer than those of short ones.
#[test]
fn times_are_of_the_lengths_that_arrive() {
    let folder = folder("fleet-lengths");
    folder.write("long.json", "[[60000,0.5],[64000,1.0]]");
    let (code, plan) = json(
        &folder,
        "fleet plan --cdf long.json --rate 1 --slo-ttft-ms 60000 --output-share 0.01 --gpu h100 --tensor-parallel 1 --json",
    );
    assert_eq!(code, 0, "{plan}");
    // 61,000 tokens at 16 GFLOP each and 0.6 of 989 TFLOP/s are 1.6 s; the pairs of attention as much again.
    let ttft = number(&plan["plan"]["pools"][0]["classes"][0]["ttft_ms"]);
    assert!(ttft > 3_000.0, "{plan}");
}
