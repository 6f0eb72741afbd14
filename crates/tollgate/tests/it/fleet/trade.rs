//! What one good costs in another, and the catalogue behind it.

use super::{json, run};
use crate::tool::Folder;
use serde_json::Value;

const CHAT: &str = "[[256,0.22],[512,0.45],[1024,0.68],[2048,0.86],[4096,0.95],[8192,0.99],[16384,1.0]]";
const ASKED: &str = "--cdf chat.json --rate 100 --slo-ttft-ms 1000 --gpu h100";

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("chat.json", CHAT);
    folder
}

/// The cheapest of the search is the plan's, and nothing unbeaten is beaten.
#[test]
fn the_front_holds_the_plan_and_nothing_that_is_beaten() {
    let folder = folder("fleet-front");
    let (code, front) = json(&folder, &format!("fleet pareto {ASKED} --json"));
    let (_, plan) = json(&folder, &format!("fleet plan {ASKED} --json"));
    let rows = front["candidates"].as_array().unwrap();
    assert_eq!((code, &rows[0]["plan"]["cost_micro_per_hour"]), (0, &plan["plan"]["cost_micro_per_hour"]));
    let point = |row: &Value| {
        let plan = &row["plan"];
        [&plan["cost_micro_per_hour"], &row["worst_ttft_ms"], &plan["energy"]["facility_w"]]
            .map(|v| v.as_f64().unwrap())
    };
    let beats = |a: [f64; 3], b: [f64; 3]| a.iter().zip(&b).all(|(a, b)| a <= b) && a != b;
    for row in rows.iter().filter(|row| row["efficient"] == true) {
        assert!(!rows.iter().any(|other| beats(point(other), point(row))), "{row}");
    }
    let without = |front: &Value| front["boundaries_without_fleet"].clone();
    assert_eq!(without(&front), serde_json::json!([]), "where two pools only cost more, there is a fleet");
    // Few are long: they may be late in one pool, and not in a pool of their own.
    folder.write("rare.json", "[[1000,0.995],[16384,1.0]]");
    let rare = "--cdf rare.json --rate 5 --slo-ttft-ms 150 --gpu h100 --tensor-parallel 1 --boundary 1000";
    let rare = json(&folder, &format!("fleet pareto {rare} --json")).1;
    assert_eq!(without(&rare), serde_json::json!([1000]), "{rare}");
    let shown = run(&folder, &format!("fleet pareto {ASKED} --all")).out;
    assert!(shown.lines().count() > rows.len(), "{shown}");
    let none = run(&folder, "fleet pareto --cdf chat.json --rate 100 --slo-ttft-ms 1 --gpu h100");
    assert!(none.code == 1 && none.out.contains("no fleet meets every promise"), "{}{}", none.out, none.err);
}

/// A faster link never makes prefill and decode apart dearer or slower.
#[test]
fn prefill_apart_from_decode_pays_for_its_link() {
    let folder = folder("fleet-split");
    let split = |link: &str| {
        let (code, found) =
            json(&folder, &format!("fleet split {ASKED} --slo-tpot-ms 60 --transfer-gb-per-s {link} --json"));
        assert_eq!(code, 0, "{found}");
        let cost = found["split"]["cost_micro_per_hour"].as_i64().unwrap();
        (cost, found["split"]["ttft_ms"][0].as_f64().unwrap(), found)
    };
    let (slow, fast) = (split("4"), split("400"));
    assert!(fast.0 < slow.0 || fast.1 < slow.1, "{} {} against {} {}", fast.0, fast.1, slow.0, slow.1);
    assert_eq!(fast.2["together"][0]["name"], "as asked");
    let refused = run(&folder, &format!("fleet split {ASKED} --slo-tpot-ms 0.1"));
    assert!(refused.code == 1 && refused.out.contains("tpot"), "{}{}", refused.out, refused.err);
}

/// Deeper reductions draw less and wait longer; more instances go deeper.
#[test]
fn power_falls_with_the_caps_and_spares_go_deeper() {
    let folder = folder("fleet-flex");
    let flex = |more: &str| json(&folder, &format!("fleet flex {ASKED} --boundary 4096 --json {more}")).1;
    let curve = flex("");
    let watts: Vec<f64> =
        curve["curve"].as_array().unwrap().iter().map(|p| p["capped_w"].as_f64().unwrap()).collect();
    assert!(watts.windows(2).all(|pair| pair[1] <= pair[0]), "{watts:?}");
    let pools = curve["pools"].as_array().unwrap().len();
    let many = vec!["40"; pools].join(",");
    let deepest = |curve: &Value| curve["deepest_met_percent"].as_f64();
    let (few, many) = (deepest(&curve), deepest(&flex(&format!("--instances {many}"))));
    assert!(many > few, "{many:?} {few:?}");
    let wrong = run(&folder, &format!("fleet flex {ASKED} --instances 3,3,3,3"));
    assert!(wrong.code == 2 && wrong.err.contains("--instances has 4 numbers"), "{}", wrong.err);
}

/// What the meter shows is money and carbon by what was said of them; a bound is called a bound.
#[test]
fn energy_is_told_by_pool_and_by_context_and_the_bound_is_labelled() {
    let folder = folder("fleet-energy");
    let words =
        format!("fleet energy {ASKED} --tariff 0.2 --carbon 100 --pue 1.25 --window 2048,8192 --json");
    let (code, found) = json(&folder, &words);
    let number = |value: &Value| value.as_f64().unwrap();
    let fleet = &found["fleet"];
    let (kw, usd) = (number(&fleet["facility_w"]) / 1e3, number(&fleet["tariff_micro_per_hour"]) / 1e6);
    assert!(code == 0 && (usd - kw * 0.2).abs() < 1e-3, "{usd} for {kw} kW");
    assert!((number(&fleet["carbon_g_per_hour"]) - kw * 100.0).abs() < 1e-6);
    assert!((number(&fleet["facility_w"]) / number(&fleet["it_w"]) - 1.25).abs() < 1e-9);
    let bands = found["by_context"].as_array().unwrap();
    let rate: f64 = bands.iter().map(|band| number(&band["rate_per_s"])).sum();
    assert!((rate - 100.0).abs() < 1e-6, "every request is in one band: {rate}");
    let joules: Vec<f64> = bands.iter().map(|band| number(&band["energy"]["tokens_per_joule"])).collect();
    assert!(joules.windows(2).all(|pair| pair[1] < pair[0]), "longer contexts cost more: {joules:?}");
    assert!(found["decode_only"]["what"].as_str().unwrap().contains("upper bound"));
    assert!(run(&folder, &words.replace("--json", "")).out.contains("an upper bound, not what a fleet uses"));
}

/// A file with an A10G that is an L40S, and a price of nothing, is used and told.
#[test]
fn contradictions_in_a_catalogue_of_ones_own_are_told() {
    let folder = folder("fleet-catalogue");
    folder.write(
        "mine.yaml",
        "sources: { own: \"made up\" }\nrows:\n  mine:\n    source: own\n    figures: { memory_bytes: 85899345920, \
         bandwidth_bytes_per_s: 3.35e12, flops_fp16_per_s: 9.89e9, link_bytes_per_s: 4.5e11, network_bytes_per_s: 5e10, \
         pcie_bytes_per_s: 6.4e10, idle_power_w: 70, tdp_power_w: 700, host_power_w: 0, per_host: 8, price_micro_per_hour: 0 }\n",
    );
    let shipped = run(&folder, "fleet catalogue");
    assert!(shipped.code == 0 && shipped.out.contains("h100-sxm") && shipped.out.contains("llama-3.1-8b"));
    assert!(shipped.out.contains("~17") && shipped.out.contains("~ is an estimate"), "{}", shipped.out);
    let (code, listed) = json(&folder, "fleet catalogue --gpus mine.yaml --json");
    let findings = listed["findings"].to_string();
    assert!(
        code == 1 && findings.contains("price_micro_per_hour") && findings.contains("is it a tensor rate"),
        "{findings}"
    );
    let l4 = listed["gpus"].as_array().unwrap().iter().find(|gpu| gpu["name"] == "l4").unwrap();
    let estimate = |figure: &str| l4["sources"][figure]["estimate"].as_bool();
    assert_eq!((estimate("idle_power_w"), estimate("memory_bytes")), (Some(true), Some(false)), "{l4}");
    let planned =
        run(&folder, "fleet plan --cdf chat.json --rate 1 --slo-ttft-ms 60000 --gpu mine --gpus mine.yaml");
    assert!(
        planned.err.contains("catalogue: mine: price_micro_per_hour is 0"),
        "{}{}",
        planned.out,
        planned.err
    );
}
