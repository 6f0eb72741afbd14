//! One request's path, phase by phase.

use super::parts::{name, short, status, tile};
use super::request_parts as phase;
use super::shell::document;
use crate::chart::{Part, shares};
use crate::format::{NONE, TimeStyle, count, money, ns, share, us, us_or, when};
use crate::view::{PhaseView, RequestView, Shell};
use maud::{Markup, html};

/// The page of one request.
#[must_use]
pub fn request(shell: &Shell, view: &RequestView) -> String {
    let body = html! {
        nav.crumbs aria-label="Breadcrumb" { a href="/console" { "Live requests" } " / " span aria-current="page" { code { (view.row.id) } } }
        div.page-head {
            h1 { (name(view.row.model.as_deref().or(view.requested_model.as_deref()))) " " (status(&view.row)) }
            p.sub { (when(view.row.time, TimeStyle::Full)) @if view.row.stream { " · streamed" } }
        }
        @if let Some(message) = &view.fault_message { div.banner role="note" { strong { "The caller was told: " } (message) } }
        (tiles(shell, view))
        (whole(view))
        (waterfall(view))
        ol.phases { @for (at, this) in view.phases.iter().enumerate() {
            li #{ "phase-" (at) } .panel {
                h2 { span.step aria-hidden="true" { (at + 1) } (this.name) span.note { (own(this.ns)) } }
                @if !this.outcome.is_empty() { p.outcome { (this.outcome) } }
                (detail(shell, view, &this.name))
            }
        } }
    };
    document(shell, &format!("Request {}", view.row.id), None, &body, &["request.js"])
}

fn tiles(shell: &Shell, view: &RequestView) -> Markup {
    let row = &view.row;
    let place = match (&row.pool, &row.instance) {
        (Some(pool), Some(instance)) => format!("{pool} / {instance}"),
        (Some(pool), None) => pool.clone(),
        _ => NONE.into(),
    };
    let asked =
        view.requested_model.as_deref().map_or_else(String::new, |model| format!("asked for {model}"));
    html! { dl.tiles {
        (tile("Route", row.route.as_deref().unwrap_or(NONE), &place))
        (tile("TTFT", &us_or(row.ttft_us), "first content byte"))
        (tile("Total", &us(row.total_us), "to the last byte"))
        (tile("Overhead", &us(row.overhead_us), "our own part"))
        (tile("Tokens", &format!("{} → {}", count(row.prompt_tokens), count(row.completion_tokens)), &format!("{} cached", count(row.cached_tokens))))
        (tile(&format!("Cost ({})", shell.currency), &money(row.cost_micro), &asked))
    } }
}

/// The whole time: our part, waiting for the first content, the rest of the answer.
fn whole(view: &RequestView) -> Markup {
    let row = &view.row;
    let first = row.ttft_us.unwrap_or(row.total_us).min(row.total_us);
    let ours = row.overhead_us.min(row.total_us);
    let wait = first.saturating_sub(ours);
    let rest = row.total_us.saturating_sub(wait).saturating_sub(ours);
    let pieces = [
        ("c3", "our own part", ours),
        ("c2", "waiting for the first content", wait),
        ("c1", "the rest of the answer", rest),
    ];
    let mut start = 0.0;
    let parts: Vec<Part> = pieces
        .iter()
        .map(|(class, title, time)| {
            let share = share(*time, row.total_us);
            let part = Part { class, start, share, title: format!("{title}: {}", us(*time)) };
            start += share;
            part
        })
        .collect();
    html! { section.panel aria-labelledby="whole" {
        h2 #whole { "Where the time went" }
        (shares(&format!("Of {}", us(row.total_us)), &parts))
        p.legend { @for (class, title, time) in pieces { span.key { i.(class) {} (title) " " b { (us(time)) } } } }
    } }
}

/// Our own time, phase after phase, without the waiting in between.
fn waterfall(view: &RequestView) -> Markup {
    let total: u64 = view.phases.iter().fold(0, |sum, p| sum.saturating_add(p.ns));
    let mut before = 0u64;
    let bars: Vec<(&PhaseView, Part)> = view
        .phases
        .iter()
        .map(|p| {
            let title = format!("{}: {}", p.name, ns(p.ns));
            let part = Part { class: "c3", start: share(before, total), share: share(p.ns, total), title };
            before = before.saturating_add(p.ns);
            (p, part)
        })
        .collect();
    html! { section.panel aria-labelledby="own" {
        h2 #own { "Our own part, phase by phase " span.note { (ns(total)) " in all, waiting left out" } }
        ol.waterfall { @for (at, (this, part)) in bars.iter().enumerate() {
            li {
                a href={ "#phase-" (at) } { (this.name) }
                (shares(&part.title, std::slice::from_ref(part)))
                span.num { (own(this.ns)) }
                span.outcome { (this.outcome) }
            }
        } }
    } }
}

/// The time of a phase; one without time of its own is part of another.
fn own(time: u64) -> String {
    if time == 0 { NONE.into() } else { ns(time) }
}

/// What belongs to a phase beyond its one line.
fn detail(shell: &Shell, view: &RequestView, phase_name: &str) -> Markup {
    match phase_name {
        "authenticate" => phase::listed(&view.caller),
        "characterise" => phase::listed(&view.workload),
        "signal" => phase::signals(&view.signals),
        "decide" => html! { (phase::decision(view.decision.as_ref())) (phase::listed(&view.governance)) },
        "shape" => phase::listed(&view.edits),
        "select" => phase::candidates(view),
        "place" => phase::placement(view),
        "dispatch" => phase::attempts(view),
        "validate" => phase::checks(&view.checks),
        "settle" => settle(shell, view),
        "record" => record(view),
        _ => html! {},
    }
}

fn settle(shell: &Shell, view: &RequestView) -> Markup {
    let row = &view.row;
    html! {
        dl.facts {
            div { dt { "Prompt" } dd { (count(row.prompt_tokens)) " tokens, " (count(row.cached_tokens)) " of them from a cache" } }
            div { dt { "Completion" } dd { (count(row.completion_tokens)) " tokens" } }
            div { dt { "Cost" } dd { (money(row.cost_micro)) " " (shell.currency) } }
            @for fact in &view.settlement { div { dt { (fact.name) } dd { (fact.value) } } }
        }
    }
}

fn record(view: &RequestView) -> Markup {
    let id = |label: &str, text: Option<&str>| {
        html! { div { dt { (label) } dd { @if let Some(text) = text { code { (text) } } @else { span.none { (NONE) } } } } }
    };
    html! {
        dl.facts {
            (id("Request", Some(&view.row.id)))
            (id("Session", view.session.as_deref()))
            (id("Trace", view.trace.as_deref()))
            (id("Key", view.row.key.as_deref()))
            (id("Dialect in", Some(&view.dialect_in)))
            (id("Dialect out", view.dialect_out.as_deref()))
            (id("Asked for", view.requested_model.as_deref()))
            @if let Some(decision) = &view.decision { div { dt { "Policy" } dd { (short(&decision.policy)) } } }
        }
        @if view.replayable {
            p.replay { button #replay type="button" data-id=(view.row.id) hidden { "Replay the decision" } " "
                span.note { "decides again from the recorded signals, by the policy that decided" } }
            div #replay-result role="status" aria-live="polite" {}
        }
    }
}
