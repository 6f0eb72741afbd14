//! `tollgate bench gateway`: the gateway beside a proxy that only passes on, in one run.

use super::folder::Folder;
use super::learned;
use super::load::{Seen, closed};
use super::payload;
use super::process::{Part, can_pin, free_address, pin_here};
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tollgate_core::Clock;
use tollgate_gateway::clock::SystemClock;

/// The policy that is measured: the shipped one, with one model.
const POLICY: &str = include_str!("policy.tollgate");
/// The configuration that is measured.
const CONFIG: &str = include_str!("tollgate.yaml");
/// The core of the gateway and the floor.
const MEASURED_CORE: usize = 0;
/// The core of everything else.
const OTHER_CORE: usize = 1;
/// Seconds of load before the first measurement, so that connections are open and caches warm.
const WARM_UP_S: f64 = 0.3;

/// Measure the gateway against a proxy that only passes on
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate bench gateway                 about half a minute
  tollgate bench gateway --secs 1 --rounds 1 --json
  tollgate bench gateway --model models/all-minilm-l6-v2
                                         learned signals with an encoder's vectors, too

Numbers are CPU time of the process per request, and the ratio of the gateway to the floor. Both take turns on one core,
upstream and load have another; other work on the machine disturbs the times much and the ratios little. Needs Linux.")]
pub(crate) struct GatewayArgs {
    /// Seconds of each measurement
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=60))]
    secs: u8,
    /// Rounds; of each number the least disturbed counts
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=20))]
    rounds: u8,
    /// Folder of a text encoder whose vectors learned signals read, too
    #[arg(long, value_name = "FOLDER")]
    model: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// One kind of request.
struct Case {
    name: &'static str,
    body: Vec<u8>,
    connections: usize,
    /// Highest ratio of CPU time that is wanted.
    bar: f64,
}

/// What one target showed in one case.
#[derive(Clone, Debug)]
struct Measured {
    cpu_us: f64,
    seen: Seen,
}

pub(super) fn run(args: &GatewayArgs) -> Result<Ending> {
    let clock = SystemClock::new();
    let folder = Folder::make(&std::env::temp_dir(), &clock)?;
    pin_here(OTHER_CORE);
    let upstream_at = free_address()?;
    let listen = |at: SocketAddr| at.to_string();
    let upstream = Part::start(
        &clock,
        OTHER_CORE,
        upstream_at,
        &["bench", "part", "upstream", "--listen", &listen(upstream_at)],
    )?;
    let floor_at = free_address()?;
    let to = listen(upstream.addr);
    let floor_args = ["bench", "part", "floor", "--listen", &listen(floor_at), "--upstream", &to];
    let floor = Part::start(&clock, MEASURED_CORE, floor_at, &floor_args)?;
    let gateway_at = free_address()?;
    let config = write(&folder.0, POLICY, gateway_at, upstream.addr)?;
    let gateway = Part::start(&clock, MEASURED_CORE, gateway_at, &["serve", &config, "--quiet"])?;
    let idle_mb = gateway.rss_mb()?;

    let cases = cases();
    let mut best: Vec<[Option<Measured>; 2]> = vec![[None, None]; cases.len()];
    for _ in 0..args.rounds {
        for (case, slots) in cases.iter().zip(&mut best) {
            for (part, slot) in [&floor, &gateway].into_iter().zip(slots) {
                let measured = measure(&clock, part, case, f64::from(args.secs))?;
                if slot.as_ref().is_none_or(|old| measured.cpu_us < old.cpu_us) {
                    *slot = Some(measured);
                }
            }
        }
    }
    let rows: Vec<Value> = cases.iter().zip(&best).filter_map(|(case, slots)| row(case, slots)).collect();
    let learned = learned_signals(&clock, (&folder, upstream.addr), args)?;
    let report = json!({
        "learned": learned,
        "pinned": can_pin(), "start_s": gateway.start_s, "idle_mb": idle_mb, "busy_mb": gateway.rss_mb()?,
        "cases": rows,
    });
    show(&report, args.json)?;
    Ok(Ending::Good)
}

/// What reading all learned signals adds, by more gateways that take turns: without them, with them, and with an encoder.
fn learned_signals(
    clock: &SystemClock,
    (folder, upstream): (&Folder, SocketAddr),
    args: &GatewayArgs,
) -> Result<Value> {
    let start = |name: &str, policy: &str, encoder: &str| -> Result<Part> {
        let folder = folder.0.join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let at = free_address()?;
        let config = write(&folder, policy, at, upstream)?;
        let text = std::fs::read_to_string(&config).with_context(|| format!("cannot read {config}"))?;
        std::fs::write(&config, text + encoder).with_context(|| format!("cannot write {config}"))?;
        Part::start(clock, MEASURED_CORE, at, &["serve", &config, "--quiet"])
    };
    let mut parts = vec![start("plain", learned::PLAIN, "")?, start("learned", learned::POLICY, "")?];
    if let Some(model) = &args.model {
        let model = std::path::absolute(model)?;
        parts.push(start("encoder", learned::POLICY, &learned::encoder(&model))?);
    }
    let case = Case { name: "learned signals", body: learned::body(), connections: 32, bar: 0.0 };
    let mut best = vec![f64::MAX; parts.len()];
    for _ in 0..args.rounds {
        for (part, best) in parts.iter().zip(&mut best) {
            *best = best.min(measure(clock, part, &case, f64::from(args.secs))?.cpu_us);
        }
    }
    let of = |at: usize| best.get(at).copied();
    Ok(learned::row(of(0).unwrap_or_default(), of(1).unwrap_or_default(), of(2)))
}

fn cases() -> [Case; 3] {
    [
        Case { name: "json", body: payload::short(false), connections: 32, bar: 1.5 },
        Case { name: "json 60 KB", body: payload::long(), connections: 32, bar: 1.5 },
        Case { name: "sse burst", body: payload::short(true), connections: 16, bar: 1.3 },
    ]
}

fn measure(clock: &dyn Clock, part: &Part, case: &Case, secs: f64) -> Result<Measured> {
    let warm = closed(clock, part.addr, &case.body, case.connections, WARM_UP_S)?;
    anyhow::ensure!(warm.good > 0, "{} gets no good answer from {}", case.name, part.addr);
    let before = part.cpu_us()?;
    let seen = closed(clock, part.addr, &case.body, case.connections, secs)?;
    let used = part.cpu_us()?.saturating_sub(before);
    Ok(Measured { cpu_us: used as f64 / seen.good.max(1) as f64, seen })
}

fn row(case: &Case, slots: &[Option<Measured>; 2]) -> Option<Value> {
    let [Some(floor), Some(gateway)] = slots else { return None };
    let ratio = gateway.cpu_us / floor.cpu_us.max(f64::MIN_POSITIVE);
    let side = |m: &Measured| {
        json!({
            "cpu_us": tenths(m.cpu_us), "per_s": (m.seen.good as f64 / m.seen.wall_s).round(), "failed": m.seen.bad,
            "p50_us": m.seen.p50_us, "p99_us": m.seen.p99_us, "over_35_ms": m.seen.stalled,
        })
    };
    Some(json!({
        "case": case.name, "floor": side(floor), "gateway": side(gateway),
        "ratio": (ratio * 100.0).round() / 100.0, "bar": case.bar, "holds": ratio <= case.bar,
    }))
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn show(report: &Value, as_json: bool) -> Result<()> {
    if as_json {
        return say::json(report);
    }
    let head = [
        "case",
        "floor CPU us",
        "gateway CPU us",
        "ratio",
        "bar",
        "floor/s",
        "gateway/s",
        "p50 us",
        "p99 us",
    ];
    let rows: Vec<_> = report["cases"].as_array().into_iter().flatten().map(cells).collect();
    say::table(&head, &rows)?;
    let of_learned = |name: &str| report["learned"][name].as_f64().unwrap_or_default();
    say::line(&format!(
        "all learned signals on 64 tokens: {:.0} us of CPU time a request{}, of {:.0}{}",
        of_learned("added_cpu_us"),
        match report["learned"]["encoder_added_cpu_us"].as_f64() {
            Some(added) => format!(" by words, {added:.0} us with an encoder"),
            None => String::new(),
        },
        of_learned("bar_us"),
        if report["learned"]["holds"] == json!(true) { "" } else { " missed" },
    ))?;
    let mb = |name: &str| report[name].as_f64().unwrap_or_default();
    say::line(&format!(
        "started in {:.3} s; {:.1} MB idle, {:.1} MB after the load{}",
        mb("start_s"),
        mb("idle_mb"),
        mb("busy_mb"),
        if report["pinned"] == json!(true) {
            ""
        } else {
            "; not pinned to cores: `taskset` or a second core is missing"
        },
    ))
}

fn cells(row: &Value) -> Vec<String> {
    let mark = if row["holds"] == json!(true) { "" } else { " missed" };
    let of = |side: &str, name: &str| row[side][name].to_string();
    vec![
        row["case"].as_str().unwrap_or_default().to_owned(),
        of("floor", "cpu_us"),
        of("gateway", "cpu_us"),
        format!("{}{mark}", row["ratio"]),
        row["bar"].to_string(),
        of("floor", "per_s"),
        of("gateway", "per_s"),
        of("gateway", "p50_us"),
        of("gateway", "p99_us"),
    ]
}

/// Writes policy and configuration; answers the path of the latter.
fn write(folder: &Path, policy: &str, listen: SocketAddr, upstream: SocketAddr) -> Result<String> {
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display())).map(|()| path)
    };
    put("policy.tollgate", policy)?;
    let config = filled(folder, listen, upstream);
    Ok(put("tollgate.yaml", &config)?.display().to_string())
}

fn filled(folder: &Path, listen: SocketAddr, upstream: SocketAddr) -> String {
    CONFIG
        .replace("{RUN}", &folder.display().to_string())
        .replace("{LISTEN}", &listen.to_string())
        .replace("{UPSTREAM}", &upstream.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measured_configuration_and_policy_are_good() {
        let text = filled("/tmp/x".as_ref(), ([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into());
        let settings = tollgate_gateway::config::read(&text, "t.yaml".as_ref()).unwrap();
        let known = tollgate_gateway::snapshot::known(&settings);
        let compiled = tollgate_policy::compile(POLICY, &known);
        assert!(compiled.policy.is_some(), "{}", compiled.report.to_json(POLICY));
        let clock = SystemClock::new();
        let tests = tollgate_gateway::control::policy_tests(&compiled.policy.unwrap(), None, &clock);
        assert!(!tests.is_empty() && tests.iter().all(|t| t.passed), "{tests:?}");
    }
}
