//! Recordings: replayed, followed by a sliding window, forecast; and fleets that change while they run.

use super::{json, run};
use crate::tool::Folder;
use serde_json::Value;
use std::fmt::Write as _;

const ASKED: &str = "--slo-ttft-ms 2000 --gpu h100";

/// Requests a second apart for so many minutes, each as `of` says: prompt tokens, class.
fn trace(minutes: u32, of: impl Fn(u32) -> (u32, &'static str)) -> String {
    (0..minutes * 60).fold("arrival_s,prompt_tokens,output_tokens,class\n".into(), |mut text, second| {
        let (prompt, class) = of(second);
        writeln!(text, "{second},{prompt},100,{class}").unwrap();
        text
    })
}

/// Short chats, then long documents too.
fn shift(second: u32) -> (u32, &'static str) {
    let chat = (200 + second * 37 % 1500, "chat");
    if second > 3600 && second.is_multiple_of(3) { (6000 + second * 53 % 20_000, "documents") } else { chat }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

#[test]
fn a_boundary_moves_when_the_lengths_do_and_not_before() {
    let folder = Folder::new("fleet-tune");
    folder.write("shift.csv", &trace(120, shift));
    let tune = |more: &str| {
        let words = "--window-min 20 --every-min 4 --min-requests 300 --gamma 1 --start 1024:1 --json";
        // On GPUs with little to spare, so that the boundary matters.
        let asked = "--slo-ttft-ms 4000 --gpu l40s";
        json(&folder, &format!("fleet tune --trace shift.csv {asked} {words} {more}")).1
    };
    let found = tune("--rate 40");
    let looks = found["looks"].as_array().unwrap();
    let changes = |found: &Value| -> Vec<f64> {
        let looks = found["looks"].as_array().unwrap().iter();
        looks.filter(|look| look["changed"] == true).map(|look| number(&look["at_s"])).collect()
    };
    let means = |found: &Value| {
        ["as_started", "tuned", "best_at_every_look"].map(|name| number(&found["mean_usd_per_hour"][name]))
    };
    let eager = tune("--rate 40 --confirmations 1 --min-saving 0.02 --hold-min 0");
    let moved = changes(&eager);
    // Chats alone want one pool, and a boundary that is set is paid for: it is left at once, and moves again with the lengths only.
    let [first, later @ ..] = moved.as_slice() else { panic!("nothing moved") };
    assert!(*first < 1000.0 && !later.is_empty(), "{moved:?}");
    assert!(later.iter().all(|at| *at > 3600.0), "not before the lengths do: {moved:?}");
    assert!(
        changes(&found).len() < moved.len(),
        "a saving that does not last is no reason: {:?}",
        changes(&found)
    );
    let [start, tuned, best] = means(&eager);
    assert!(best <= tuned && tuned < start, "{start} {tuned} {best}");
    // More requests stand for each recorded one; the clock stays.
    let doubled = tune("--rate 80");
    let (one, two) = (&looks[9], &doubled["looks"].as_array().unwrap()[9]);
    assert_eq!((&one["at_s"], &one["requests"]), (&two["at_s"], &two["requests"]));
    assert!((number(&two["rate_per_s"]) / number(&one["rate_per_s"]) - 2.0).abs() < 1e-9);
    let none = run(&folder, &format!("fleet tune --trace shift.csv {ASKED} --min-requests 100000"));
    assert!(none.code == 1 && none.out.contains("100000 requests"), "{}{}", none.out, none.err);
}

#[test]
fn archetypes_are_forecast_and_judged_against_the_aggregate() {
    let folder = Folder::new("fleet-forecast");
    // Chat and agents take turns in waves: their sum stays, their work does not.
    let waves = |second: u32| {
        let agents = f64::from(second) / 900.0;
        let share = 0.5 + 0.45 * agents.sin();
        let draw = f64::from(second.wrapping_mul(2_654_435_761) >> 8) / f64::from(1u32 << 24);
        if draw < share { (9000, "agent") } else { (300, "chat") }
    };
    folder.write("waves.csv", &trace(180, waves));
    let (code, found) =
        json(&folder, &format!("fleet forecast --trace waves.csv --rate 20 {ASKED} --at 4096 --json"));
    let names: Vec<&str> = found["archetypes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(code == 0 && names.contains(&"agent") && names.contains(&"chat"), "{found}");
    assert_eq!(found["steps"], 180);
    for horizon in found["horizons"].as_array().unwrap() {
        let error = |name: &str| number(&horizon["errors"][name]);
        assert!(error("archetypes") < error("aggregate"), "{horizon}");
        assert!(horizon["pools"].as_array().unwrap().len() == 2, "{horizon}");
    }
    let sum = |name: &str| -> f64 { found["provision"][name].as_array().unwrap().iter().map(number).sum() };
    assert!(sum("mixed") <= sum("worst_case") && number(&found["provision"]["uncovered"]) <= 0.02, "{found}");
    let far = run(&folder, &format!("fleet forecast --trace waves.csv {ASKED} --ahead-min 5000"));
    assert!(far.code == 2 && far.err.contains("--ahead-min 5000"), "{}", far.err);
    folder.write("lengths.json", "[[600,0.5],[1200,1.0]]");
    let drawn = run(&folder, &format!("fleet forecast --cdf lengths.json --rate 5 {ASKED}"));
    assert!(drawn.code == 2 && drawn.err.contains("needs a recording"), "{}", drawn.err);
}

fn timeline(found: &Value, of: &str) -> Vec<f64> {
    let one = |sample: &Value| match &sample[of] {
        Value::Array(pools) => pools.iter().map(number).sum(),
        other => number(other),
    };
    found["outcome"]["timeline"].as_array().unwrap().iter().map(one).collect()
}

/// A burst that a drawn workload would not have comes at its time, once for each recorded request.
#[test]
fn a_replay_is_the_recording() {
    let folder = Folder::new("fleet-replay");
    let mut text = trace(10, |_| (500, "chat"));
    (0..400).for_each(|n| writeln!(text, "{},500,100,chat", 300.0 + f64::from(n) * 0.001).unwrap());
    folder.write("burst.csv", &text);
    folder.write("lengths.json", "[[600,0.5],[1200,1.0]]");
    let simulate = |more: &str| {
        json(&folder, &format!("fleet simulate --trace burst.csv {ASKED} --replications 2 --json {more}")).1
    };
    let replayed = simulate("--replay");
    let arrived = timeline(&replayed, "arrived");
    assert!(arrived.iter().sum::<f64>() <= 1000.0, "{arrived:?}");
    let busiest = arrived.iter().copied().fold(0.0, f64::max);
    assert!(busiest >= 400.0, "{arrived:?}");
    assert_eq!(replayed["outcome"]["classes"][0]["offered"], 800, "once, and a fifth is the warm-up");
    let twice = simulate("--replay --rate 4");
    let span =
        |found: &Value| number(&found["outcome"]["timeline"].as_array().unwrap().last().unwrap()["at_s"]);
    assert!(span(&twice) < 0.6 * span(&replayed), "time is stretched: {} {}", span(&twice), span(&replayed));
    let no = run(&folder, &format!("fleet simulate --cdf lengths.json --rate 1 {ASKED} --replay"));
    assert!(no.code == 2 && no.err.contains("needs a recording"), "{}", no.err);
}

/// Rates swing, pools follow with a delay, instances fail: all of it is seen in the timeline.
#[test]
fn what_changes_is_seen_over_time() {
    let folder = Folder::new("fleet-changes");
    folder.write(
        "chat.json",
        "[[256,0.22],[512,0.45],[1024,0.68],[2048,0.86],[4096,0.95],[8192,0.99],[16384,1.0]]",
    );
    let simulate = |more: &str| {
        let words = "--cdf chat.json --rate 40 --slo-ttft-ms 5000 --gpu h100 --pools 1 --hours 0.1 --replications 2 --json";
        json(&folder, &format!("fleet simulate {words} {more}")).1
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    // Up to the last arrival: behind it the fleet only runs empty.
    let timeline = |found: &Value, of: &str| {
        let last = timeline(found, "arrived").iter().rposition(|n| *n > 0.0).unwrap();
        timeline(found, of)[..=last].to_vec()
    };
    let thirds = |values: &[f64]| {
        let third = values.len() / 3;
        [mean(&values[..third]), mean(&values[third..2 * third]), mean(&values[2 * third..])]
    };
    let even = simulate("");
    let serving = timeline(&even, "serving");
    assert!(serving.windows(2).all(|pair| pair[0] == pair[1]), "nothing changes: {serving:?}");
    let swung = simulate("--swing 0.8 --swing-hours 0.1 --autoscale 0.5 --cold-start-s 5 --autoscale-s 5");
    let (rates, serving) = (thirds(&timeline(&swung, "arrived")), thirds(&timeline(&swung, "serving")));
    assert!(rates[1] > 1.5 * rates[0] && rates[1] > 1.5 * rates[2], "{rates:?}");
    assert!(serving[1] > serving[0], "the pool grows with the rate: {serving:?}");
    let failing = simulate("--failure-hours 0.05 --repair-hours 0.02 --instances 12");
    let serving = timeline(&failing, "serving");
    assert!(serving.iter().any(|n| *n < 12.0) && serving[0] == 12.0, "{serving:?}");
    let drifted = simulate("--drift chat=3");
    let rates = thirds(&timeline(&drifted, "arrived"));
    assert!(rates[2] > 1.4 * rates[0], "{rates:?}");
    let unknown =
        run(&folder, "fleet simulate --cdf chat.json --rate 4 --gpu h100 --slo-ttft-ms 5000 --drift agent=3");
    assert!(unknown.code == 2 && unknown.err.contains("no class `agent`"), "{}", unknown.err);
}

/// Points of a machine that is slower than its data sheet make a dearer plan than the data sheet does.
#[test]
fn what_was_learned_from_points_can_be_planned_with() {
    let folder = Folder::new("fleet-points");
    let head = "silicon_data_source,backend,backend_version,model_path,system,mode,isl,osl,gemm_quant_mode,batch_size,tp_size,pp_size,\
                attention_dp_size,moe_ep_size,silicon_ttft_ms,silicon_tpot_ms\n";
    let mut text = head.to_owned();
    for batch in [1, 2, 4, 8, 16, 32, 64, 128] {
        for prompt in [256, 1024, 4096] {
            let tpot = 20.0 + 0.4 * f64::from(batch) + 1e-4 * f64::from(batch * prompt);
            let ttft = 0.2 * f64::from(prompt) * (1.0 + 0.25 * f64::from(batch - 1));
            writeln!(text, "run {batch},vllm,1,meta-llama/Llama-3.1-8B-Instruct,h100_sxm,agg,{prompt},256,bfloat16,{batch},1,1,1,1,{ttft},{tpot}").unwrap();
        }
    }
    folder.write("points.csv", &text);
    let (code, learned) =
        json(&folder, "fleet calibrate --points points.csv --backend vllm --out machines.json --json");
    assert_eq!((code, &learned["machines"][0]["model"]), (0, &"llama-3.1-8b".into()), "{learned}");
    folder.write("chat.json", "[[600,0.5],[1200,0.9],[4000,1.0]]");
    let plan = |more: &str| {
        json(
            &folder,
            &format!("fleet plan --cdf chat.json --rate 60 --slo-ttft-ms 4000 --gpu h100 --json {more}"),
        )
    };
    let ((sheet, by_sheet), (code, fitted)) = (plan(""), plan("--fitted machines.json"));
    let cost = |plan: &Value| number(&plan["plan"]["cost_micro_per_hour"]);
    assert!(
        sheet == 0 && code == 0 && cost(&fitted) > 1.5 * cost(&by_sheet),
        "{} {}",
        cost(&fitted),
        cost(&by_sheet)
    );
    let basis = |plan: &Value| plan["plan"]["pools"][0]["basis"].clone();
    assert_eq!(basis(&by_sheet), "first_principles");
    assert!(basis(&fitted)["fitted"]["tpot_error"].is_number(), "{fitted}");
    let why = |plan: &Value| plan["plan"]["why"].to_string();
    assert!(why(&by_sheet).contains("nothing was measured") && why(&fitted).contains("held out"), "{fitted}");
    for command in ["simulate --requests 500", "compare", "pareto"] {
        let ran = run(
            &folder,
            &format!(
                "fleet {command} --cdf chat.json --rate 60 --slo-ttft-ms 4000 --gpu h100 --fitted machines.json"
            ),
        );
        assert!(ran.err.contains("h100-sxmx2 llama-3.1-8b is left out"), "{command}: {}{}", ran.out, ran.err);
    }
    let other = run(&folder, "fleet plan --cdf chat.json --rate 60 --gpu a100 --fitted machines.json");
    assert!(other.code == 2 && other.err.contains("h100-sxmx1 llama-3.1-8b fp16"), "{}", other.err);
    folder.write("odd.json", "{\"source\":\"x\",\"held_out\":1,\"errors\":{\"ttft\":0,\"tpot\":0}}");
    let odd = run(&folder, "fleet plan --cdf chat.json --rate 60 --gpu h100 --fitted odd.json");
    assert!(odd.code == 2 && odd.err.contains("neither `time` nor `machines`"), "{}", odd.err);
}
