//! Router and proxy settings: retries, deadlines, budgets, who may call.

use super::super::gaps::Gaps;
use super::super::write::{number, quote};
use super::super::yaml::Node;
use std::fmt::Write as _;

/// Settings that have no effect here, with what follows.
const DROPPED: &[(&str, &str)] = &[
    ("allowed_fails", "each instance has a circuit that opens by its error rate"),
    ("allowed_fails_policy", "each instance has a circuit that opens by its error rate"),
    ("cooldown_time", "each instance has a circuit with its own pauses"),
    ("retry_policy", "retries go by the kind of failure, within a budget"),
    ("retry_after", "pauses grow from attempt to attempt; `Retry-After` is respected"),
    ("provider_budget_config", "a provider has no budget of its own"),
    ("enable_pre_call_checks", "models that a request does not fit are always left out"),
    ("cache", "answers are not cached"),
    ("cache_params", "answers are not cached"),
    ("callbacks", "see metrics, traces and the decision log"),
    ("success_callback", "see metrics, traces and the decision log"),
    ("failure_callback", "see metrics, traces and the decision log"),
    ("drop_params", "parameters that cannot cross to another dialect are dropped and reported"),
    ("set_verbose", "see `log:`"),
    ("redis_host", "one gateway keeps its own state"),
    ("redis_port", "one gateway keeps its own state"),
    ("redis_password", "one gateway keeps its own state"),
    ("redis_url", "one gateway keeps its own state"),
    ("routing_strategy_args", "placement has no parameters"),
];

/// How an instance of a group is chosen.
pub(super) fn placement(root: &Node, gaps: &mut Gaps) -> &'static str {
    let strategy = root.get("router_settings").and_then(|settings| settings.get("routing_strategy"));
    match strategy.and_then(Node::text) {
        None | Some("simple-shuffle") => "weighted",
        Some("latency-based-routing" | "least-busy") => "least_ttft",
        Some(_) => {
            if let Some(node) = strategy {
                gaps.stands_in(node, "the instance with the least expected time to the first token is taken");
            }
            "least_ttft"
        }
    }
}

/// Everything but models, as YAML.
pub(super) fn read(root: &Node, gaps: &mut Gaps) -> String {
    let mut out = String::new();
    // What the router's settings say comes before the library's.
    let sections: Vec<&Node> =
        ["router_settings", "litellm_settings"].iter().filter_map(|key| root.get(key)).collect();
    let mut first = |keys: &[&str]| {
        let mut found = keys.iter().flat_map(|key| sections.iter().filter_map(|section| section.get(key)));
        let first = found.next();
        found.for_each(|other| gaps.dropped(other, "another setting says it, and comes first"));
        first
    };
    let (retries, total) = (first(&["num_retries"]), first(&["timeout", "request_timeout"]));
    if let Some(retries) = retries.and_then(Node::number) {
        let _ = writeln!(out, "retry: {{attempts: {}}}", number((retries + 1.0).round().clamp(1.0, 10.0)));
    }
    if let Some(seconds) = total.and_then(Node::number).filter(|seconds| *seconds > 0.0) {
        let _ = writeln!(
            out,
            "timeouts: {{total_ms: {}}}",
            number((seconds * 1000.0).round().clamp(1000.0, 3_600_000.0))
        );
    }
    for section in &sections {
        for (key, consequence) in DROPPED {
            gaps.drop_key(section, key, consequence);
        }
    }
    out += &budget(&sections, gaps);
    if let Some(general) = root.get("general_settings") {
        out += &auth(general, gaps);
    }
    if let Some(variables) = root.get("environment_variables") {
        for entry in variables.entries() {
            entry.seen.set(true);
            gaps.secret(&entry.node, "set it in the gateway's environment");
        }
    }
    out
}

fn budget(sections: &[&Node], gaps: &mut Gaps) -> String {
    let find = |key: &str| sections.iter().find_map(|section| section.get(key));
    let Some(most) = find("max_budget") else { return String::new() };
    let Some(usd) = most.text().and_then(|text| super::super::money::shifted(text, 0)) else {
        gaps.wrong(most, "not an amount of dollars; there is no budget");
        return String::new();
    };
    let duration = find("budget_duration");
    if let (Some(node), Some("30d" | "31d")) = (duration, duration.and_then(Node::text)) {
        gaps.stands_in(node, "a calendar month is taken: it begins on the first, not with the first request");
    }
    let window = match duration.and_then(Node::text) {
        None => "total",
        Some("1m" | "60s") => "minute",
        Some("1h" | "60m") => "hour",
        Some("1d" | "24h") => "day",
        Some("1mo" | "30d" | "31d") => "month",
        Some(_) => {
            if let Some(node) = duration {
                gaps.stands_in(
                    node,
                    "windows are a minute, an hour, a day, a month or everything; a month is taken",
                );
            }
            "month"
        }
    };
    format!("budgets:\n  - {{name: all, scope: global, window: {window}, usd: {}}}\n", quote(&usd))
}

fn auth(general: &Node, gaps: &mut Gaps) -> String {
    let mut out = String::new();
    if let Some(master) = general.get("master_key") {
        match master.text().and_then(|text| text.strip_prefix("os.environ/")) {
            Some(name) => {
                let _ = writeln!(out, "auth: {{mode: keys, admin: {}}}", quote(&format!("env:{name}")));
            }
            None => {
                out.push_str("auth: {mode: keys}\n");
                gaps.secret(master, "keys are not copied: write `auth: {mode: keys, admin: env:NAME}`");
            }
        }
    }
    for (key, consequence) in [
        ("database_url", "keys, budgets and the log are in the gateway's own database"),
        ("store_model_in_db", "models are in the configuration"),
        ("alerting", "see the metrics"),
        (
            "health_check_interval",
            "instances that are out are probed; the others say themselves how they are",
        ),
        (
            "background_health_checks",
            "instances that are out are probed; the others say themselves how they are",
        ),
    ] {
        if key == "database_url" {
            if let Some(found) = general.get(key) {
                gaps.secret(found, consequence);
            }
        } else {
            gaps.drop_key(general, key, consequence);
        }
    }
    out
}
