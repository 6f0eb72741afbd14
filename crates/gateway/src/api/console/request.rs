//! One request's path, phase by phase, from its record.

use super::live::row;
use super::story::{Read, Seen, Story, Tried, plain};
use crate::api::admin;
use crate::observe::PHASES;
use crate::worker::Worker;
use serde_json::Value;
use tollgate_console::view::{
    Attempt, Candidate, Check, Confidence, DecisionView, ExplainNode, Fact, PhaseView, PlacementView,
    PoolOption, RequestView, RouteTried, SignalView, Verdict,
};
use tollgate_core::Fault;
use tollgate_policy::{Decision, NodeReport, Policy};
use tollgate_store::DecisionRow;

/// The request page's model.
pub(super) async fn view(worker: &Worker, id: &str) -> Result<RequestView, Fault> {
    let stored = admin::row(worker, id).await?;
    let snapshot = worker.shared().snapshot.load_full();
    let story: Story =
        stored.decision.as_ref().and_then(|d| serde_json::from_str(d.get()).ok()).unwrap_or_default();
    let read: Vec<Read> =
        stored.signals.as_ref().and_then(|s| serde_json::from_str(s.get()).ok()).unwrap_or_default();
    // The same policy explains itself again; another one cannot speak for it.
    let replayed = story.recorded.as_ref().and_then(|r| snapshot.policy.replay(r).ok());
    let key = stored.key.as_deref().and_then(|k| worker.shared().store.keys().get(k).cloned());
    let mut caller = vec![Fact::new("key", key.as_ref().map_or("none", |k| k.spec.name.as_str()))];
    if let Some(key) = &key {
        caller.push(Fact::new("tenant", key.spec.tenant.clone().unwrap_or_default()));
        caller.push(Fact::new("roles", key.spec.roles.join(", ")));
    }
    let last = story.attempts.last();
    Ok(RequestView {
        row: row(&stored),
        requested_model: stored.requested_model.clone(),
        dialect_in: stored.dialect_in.clone(),
        dialect_out: stored.dialect_out.clone(),
        session: stored.session.clone(),
        trace: stored.trace.clone(),
        fault_message: (!story.fault.is_empty()).then(|| story.fault.clone()),
        phases: phases(&stored, &story),
        caller,
        workload: story
            .facts
            .iter()
            .map(|(name, value)| Fact::new(&name.replace('_', " "), plain(value)))
            .collect(),
        signals: signals(&snapshot.policy, &read),
        decision: stored
            .route
            .as_deref()
            .map(|route| decision(route, &story, replayed.as_ref(), &snapshot.policy)),
        governance: governance(&story),
        edits: story.edits.iter().map(|line| edit(line)).collect(),
        candidates: candidates(&story, replayed.as_ref(), stored.model.as_deref()),
        model_reason: (!story.models.is_empty()).then(|| story.models.clone()),
        pools: pools(&snapshot, last),
        pool_reason: last.and_then(|a| a.reason.split("; ").next().map(str::to_owned)),
        instances: placement(&story.attempts),
        place_reason: last.and_then(|a| a.reason.split("; ").nth(1).map(|why| why.replace('_', " "))),
        attempts: attempts(&story, &stored),
        checks: checks(&stored, last),
        settlement: settlement(&story),
        replayable: story.recorded.is_some(),
    })
}

fn phases(stored: &DecisionRow, story: &Story) -> Vec<PhaseView> {
    let times: serde_json::Map<String, Value> =
        stored.phases_ns.as_ref().and_then(|p| serde_json::from_str(p.get()).ok()).unwrap_or_default();
    let last = story.attempts.last();
    let outcome = |phase: &str| match phase {
        "authenticate" => stored.key.clone().unwrap_or_else(|| "anonymous".into()),
        "characterise" => story
            .facts
            .get("prompt_tokens")
            .map(|t| format!("about {} prompt tokens", plain(t)))
            .unwrap_or_default(),
        "decide" => stored.route.clone().unwrap_or_default(),
        "shape" => match story.edits.len() {
            0 => String::new(),
            1 => "1 edit".into(),
            count => format!("{count} edits"),
        },
        "select" => stored.model.clone().unwrap_or_default(),
        "place" => last.map(|a| format!("{} / {}", a.pool, a.instance)).unwrap_or_default(),
        "dispatch" => last.map(|a| a.outcome.clone()).unwrap_or_default(),
        "settle" => format!("{} tokens in, {} out", stored.prompt_tokens, stored.completion_tokens),
        _ => String::new(),
    };
    PHASES
        .iter()
        .map(|name| PhaseView {
            name: (*name).into(),
            ns: times.get(*name).and_then(Value::as_u64).unwrap_or(0),
            outcome: outcome(name),
        })
        .collect()
}

/// Every signal of the policy in force, and those read that it no longer has.
fn signals(policy: &Policy, read: &[Read]) -> Vec<SignalView> {
    let shown = |kind: String, r: &Read| SignalView {
        name: r.name.clone(),
        kind,
        read: true,
        matched: r.matched,
        confidence: r.confidence,
        value: plain(&r.value),
        ns: Some(r.ns),
        failure: r.failure.clone(),
    };
    let kind =
        |name: &str| policy.specs().iter().find(|s| s.name == name).map_or("", |s| s.kind.word()).to_owned();
    let mut views: Vec<_> = read.iter().map(|r| shown(kind(&r.name), r)).collect();
    for spec in policy.specs().iter().filter(|s| read.iter().all(|r| r.name != s.name)) {
        views.push(SignalView {
            name: spec.name.clone(),
            kind: spec.kind.word().into(),
            ..SignalView::default()
        });
    }
    views
}

fn decision(route: &str, story: &Story, replayed: Option<&Decision>, policy: &Policy) -> DecisionView {
    let chosen = replayed.and_then(|d| d.route());
    let trace = replayed.and_then(|d| d.trace.as_ref());
    let digest = story.recorded.as_ref().map_or_else(|| policy.digest(), |r| r.policy);
    DecisionView {
        route: route.into(),
        tier: chosen.and_then(|r| r.tier),
        priority: chosen.map(|r| r.priority),
        confidence: Confidence {
            low: story.confidence,
            high: replayed.map_or(story.confidence, |d| d.confidence.high),
        },
        runner_up: replayed.and_then(Decision::runner_up).map(str::to_owned),
        why: trace.map_or_else(|| "decided by a policy that is no longer in force".into(), |t| t.why.clone()),
        policy: digest.to_string(),
        routes: trace.map(|t| t.routes.iter().map(|r| tried(r, route)).collect()).unwrap_or_default(),
        routes_left_out: trace.map_or(0, |t| t.routes_left_out),
    }
}

fn tried(report: &tollgate_policy::RouteReport, chosen: &str) -> RouteTried {
    RouteTried {
        name: report.name.clone(),
        tier: report.tier,
        priority: report.priority,
        chosen: report.name == chosen,
        when: node(&report.when),
    }
}

/// The policy bounds how deep a condition nests, so this ends.
fn node(report: &NodeReport) -> ExplainNode {
    let value = report.leaf.as_ref().and_then(|l| l.value.as_ref());
    ExplainNode {
        text: report.leaf.as_ref().map_or_else(|| report.op.clone(), |l| l.test.clone()),
        verdict: match report.verdict {
            tollgate_policy::Verdict::True => Verdict::True,
            tollgate_policy::Verdict::False => Verdict::False,
            tollgate_policy::Verdict::Unknown => Verdict::Unknown,
        },
        confidence: Some(Confidence { low: report.confidence.low, high: report.confidence.high }),
        value: value.and_then(|v| serde_json::to_value(v).ok()).map(|v| plain(&v)),
        parts: report.parts.iter().map(node).collect(),
    }
}

/// What bound the request, then each denial under its rule.
fn governance(story: &Story) -> Vec<Fact> {
    let bound = (!story.governed.is_empty()).then(|| Fact::new("bound by", story.governed.join(", ")));
    let denials = story.denials.iter().map(|d| Fact::new(&d.rule, d.why.clone()).note(&d.topic));
    bound.into_iter().chain(denials).collect()
}

fn edit(line: &str) -> Fact {
    let (name, value) = line.split_once(": ").unwrap_or((line, ""));
    Fact::new(name, value)
}

fn candidates(story: &Story, replayed: Option<&Decision>, chosen: Option<&str>) -> Vec<Candidate> {
    let listed = replayed.and_then(Decision::effects).map(|e| e.models.as_slice()).unwrap_or_default();
    let mut views: Vec<Candidate> = listed
        .iter()
        .map(|c| Candidate {
            model: c.model.clone(),
            weight: c.weight.to_string(),
            effort: c.effort.and_then(|e| serde_json::to_value(e).ok()).map(|e| plain(&e)),
            chosen: chosen == Some(c.model.as_str()),
            note: story.skipped.iter().find(|s| s.model == c.model).map(|s| s.why.clone()),
        })
        .collect();
    if let Some(model) = chosen.filter(|m| views.iter().all(|v| v.model != *m)) {
        let note = Some("not from the route: named by the caller, or in place of a spent budget".into());
        views.insert(
            0,
            Candidate { model: model.into(), weight: "1".into(), chosen: true, note, ..Candidate::default() },
        );
    }
    views
}

fn pools(snapshot: &crate::snapshot::Snapshot, last: Option<&Tried>) -> Vec<PoolOption> {
    let Some(last) = last else { return Vec::new() };
    let serving = snapshot.fleet.pools.iter().filter(|p| p.serves(&last.model));
    let option = |p: &crate::fleet::PoolState| PoolOption {
        name: p.name.to_string(),
        max_total_tokens: (p.max_total_tokens < u64::MAX).then_some(p.max_total_tokens),
        wait_ms: None,
        chosen: *p.name == *last.pool,
    };
    serving.map(option).collect()
}

/// The instances that the last placement compared; where there was no choice, the one that was asked.
fn placement(attempts: &[Tried]) -> Vec<PlacementView> {
    let Some(last) = attempts.last() else { return Vec::new() };
    let Some(placed) = attempts.iter().rev().find(|a| !a.seen.is_empty() && a.pool == last.pool) else {
        let only = PlacementView {
            instance: last.instance.clone(),
            standing: "ready".into(),
            expected_ttft_ms: Some(last.expected_ttft_ms),
            chosen: true,
            ..PlacementView::default()
        };
        return vec![only];
    };
    let view = |seen: &Seen| PlacementView {
        instance: seen.instance.clone(),
        standing: seen.standing.clone(),
        in_flight: seen.in_flight,
        wait_ms: Some(seen.wait_ms),
        prefill_ms: Some(seen.prefill_ms),
        expected_ttft_ms: Some(seen.wait_ms + seen.prefill_ms),
        chosen: seen.instance == placed.instance,
    };
    placed.seen.iter().map(view).collect()
}

fn attempts(story: &Story, stored: &DecisionRow) -> Vec<Attempt> {
    let count = story.attempts.len();
    let gave_up = match story.gave_up.as_str() {
        "" => "gave up".to_owned(),
        why => format!("gave up: {why}"),
    };
    let view = |(i, a): (usize, &Tried)| {
        let good = a.outcome == "ok";
        let end = a.start_us.saturating_add((a.ms * 1000.0) as u64);
        Attempt {
            instance: a.instance.clone(),
            model: a.model.clone(),
            start_us: a.start_us,
            first_us: good.then_some(end),
            end_us: if good { stored.total_us.max(end) } else { end },
            status: good.then_some(200),
            fault: (!good).then(|| a.outcome.clone()),
            next: (!good).then(|| if i + 1 < count { "retried".into() } else { gave_up.clone() }),
        }
    };
    story.attempts.iter().enumerate().map(view).collect()
}

fn checks(stored: &DecisionRow, last: Option<&Tried>) -> Vec<Check> {
    let Some(last) = last else { return Vec::new() };
    let complete = stored.fault.is_none() && stored.status < 400;
    let mut checks =
        vec![Check { name: "the answer is whole".into(), ok: complete, note: stored.fault.clone() }];
    if stored.dialect_out.as_deref() != Some(&stored.dialect_in) {
        let note = (!last.lost.is_empty()).then(|| last.lost.join("; "));
        checks.push(Check {
            name: "everything crossed between the dialects".into(),
            ok: last.lost.is_empty(),
            note,
        });
    }
    checks
}

/// The amounts stand in the row; here is how they came about.
fn settlement(story: &Story) -> Vec<Fact> {
    let source = if story.exact_usage { "the upstream" } else { "estimates from what passed" };
    if story.attempts.is_empty() { Vec::new() } else { vec![Fact::new("Counted by", source)] }
}
