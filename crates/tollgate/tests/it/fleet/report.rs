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
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert!(
        html.contains("with a boundary at 128 tokens") && html.contains("class=\"shade\""),
        "no boundary at 128"
    );
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
         --replications 2 --autoscale 0.5 --out t.html",
    );
    let html = std::fs::read_to_string(folder.path().join("t.html")).unwrap();
    assert!(
        timed.code == 0 && html.contains("The simulation over time") && html.contains("Instances that serve"),
        "{}",
        timed.err
    );
}
