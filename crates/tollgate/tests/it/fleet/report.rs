//! The report: one file that needs nothing else, and that says where there is no fleet.

use super::{json, run};
use crate::tool::Folder;
use std::fmt::Write as _;

/// A day with an hour of requests too long for the promise at their rate.
#[test]
fn where_there_is_no_fleet_is_shown() {
    let folder = Folder::new("fleet-report");
    let mut text = "arrival_s,prompt_tokens,output_tokens\n".to_owned();
    for second in 0..7200 {
        writeln!(text, "{second},{},100", 300 + second * 37 % 3000).unwrap();
    }
    folder.write("day.csv", &text);
    let report = |more: &str| {
        let words = format!(
            "fleet report --trace day.csv --gpu h100 --requests 2000 --replications 2 --out r.html {more}"
        );
        let (code, said) = json(&folder, &format!("{words} --json"));
        (code, said, std::fs::read_to_string(folder.path().join("r.html")).unwrap())
    };
    let (code, said, html) = report("--slo-ttft-ms 2000 --rate 40 --boundary 128 --boundary 2048");
    assert_eq!((code, &said["fleet"]), (0, &true.into()), "{said}");
    for part in [
        "What arrives",
        "The fleet",
        "Alternatives",
        "Latency against the promises",
        "Over the day",
        "Energy",
        "2000 ms promised",
        "P99",
        "Decode only, full slots: an upper bound",
        "a promise is missed",
        "Total tokens of a request, with the boundary",
        "Cost against the boundary",
        "Cost and latency of every fleet",
        "Arrivals",
        "GPUs needed",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert!(
        html.contains("with a boundary at 128 tokens") && html.contains("class=\"shade\""),
        "no boundary at 128"
    );
    assert!(html.contains("γ is 1 alone") && !html.contains("Cost against γ"), "no curve of one point");
    for never in ["http://", "https://", "src=", "<script", "NaN"] {
        assert!(!html.contains(never), "{never}");
    }
    let (code, said, html) = report("--slo-ttft-ms 1 --rate 40");
    assert_eq!((code, &said["fleet"]), (1, &false.into()));
    assert!(html.contains("No fleet meets the promises") && html.contains("the nearest that can is"), "why");
    assert!(html.contains("Over the day") && html.contains("why no fleet"), "when");
    let timed = run(
        &folder,
        "fleet report --trace day.csv --gpu h100 --slo-ttft-ms 2000 --rate 40 --swing 0.5 --swing-hours 0.05 --hours 0.05 \
         --replications 2 --autoscale 0.5 --boundary 2048 --gamma 1 --gamma 1.5 --out t.html",
    );
    let html = std::fs::read_to_string(folder.path().join("t.html")).unwrap();
    assert!(
        timed.code == 0 && html.contains("The simulation over time") && html.contains("Instances that serve"),
        "{}",
        timed.err
    );
    assert!(html.contains("Cost against γ at 2048 tokens") && !html.contains(" alone: --gamma"), "two γ");
}

/// A distribution that is said to swing has a day as well, and two recordings are on one clock.
#[test]
fn swings_and_several_recordings_have_a_day() {
    let folder = Folder::new("fleet-days");
    folder.write("chat.json", "[[600,0.5],[4000,1.0]]");
    for (file, start) in [("early.csv", 0), ("late.csv", 3600)] {
        let rows = (0..1800).map(|n| format!("{},{},100\n", start + 2 * n, 300 + n * 37 % 3000));
        folder.write(file, &format!("arrival_s,prompt_tokens,output_tokens\n{}", rows.collect::<String>()));
    }
    let report = |what: &str| {
        let words = format!(
            "fleet report {what} --gpu h100 --slo-ttft-ms 2000 --requests 1000 --replications 2 --out d.html"
        );
        let ran = run(&folder, &words);
        // The report is written whether the promises hold in so short a simulation or not.
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        std::fs::read_to_string(folder.path().join("d.html")).unwrap()
    };
    assert!(!report("--cdf chat.json --rate 40").contains("Over the day"));
    let swing = report("--cdf chat.json --rate 40 --swing 0.5");
    assert!(swing.contains("Over the day") && swing.contains("GPUs needed"));
    let two = report("--trace early.csv --trace late.csv --rate 40");
    assert!(two.contains("Over the day") && two.contains("GPUs needed"));
}

/// Three pools are fleets like others: the front has them, and what is planned.
#[test]
fn the_front_has_three_pools_and_the_plan() {
    let folder = Folder::new("fleet-front");
    folder.write("mixed.json", "[[600,0.5],[1000,0.8],[6000,0.93],[30000,1.0]]");
    let asked = "--cdf mixed.json --rate 200 --slo-ttft-ms 1500 --gpu h100 --pools 3 --boundary 1024 --boundary 2048 --boundary 8192";
    let (code, found) = json(&folder, &format!("fleet pareto {asked} --all --json"));
    let (_, planned) = json(&folder, &format!("fleet plan {asked} --json"));
    let candidates = found["candidates"].as_array().unwrap();
    let has = |count: usize| {
        candidates.iter().any(|c| c["boundaries"].as_array().is_some_and(|b| b.len() == count))
    };
    assert!(code == 0 && has(0) && has(1) && has(2), "{found}");
    assert!(candidates.iter().any(|c| c["plan"]["pools"] == planned["plan"]["pools"]), "{planned}");
    let shown = run(&folder, &format!("fleet pareto {asked} --all")).out;
    assert!(["1024, 8192", "2048, 8192", "1024, 2048"].iter().any(|pair| shown.contains(pair)), "{shown}");
}
