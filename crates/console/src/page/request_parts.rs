//! The parts of a request's page that belong to one phase.

use super::explain::{confidence, route};
use super::parts::{badge, facts, name, scroll, status_class};
use crate::chart::{Part, shares};
use crate::format::{NONE, count, ms, ns, number, share, us, us_or};
use crate::view::{Attempt, Candidate, Check, DecisionView, Fact, RequestView, SignalView};
use maud::{Markup, html};

/// Facts, or nothing.
pub(super) fn listed(list: &[Fact]) -> Markup {
    html! { @if !list.is_empty() { (facts(list)) } }
}

/// The signals: those that were read first, as they stand.
pub(super) fn signals(list: &[SignalView]) -> Markup {
    let (read, unread): (Vec<_>, Vec<_>) = list.iter().partition(|s| s.read);
    html! { @if !list.is_empty() {
        (scroll("Signals", &html! { table.cards {
            thead { tr { th { "Signal" } th { "Kind" } th { "Matched" } th { "Value" } th.num { "Confidence" } th.num { "Time" } } }
            tbody {
                @for signal in read { (signal_row(signal)) }
                @for signal in unread { (signal_row(signal)) }
            }
        } }))
    } }
}

fn signal_row(signal: &SignalView) -> Markup {
    html! { tr.unread[!signal.read] {
        td { code { (signal.name) } }
        td data-label="Kind" { (signal.kind) }
        @if signal.read {
            td data-label="Matched" { @if signal.failure.is_some() { (badge("bad", "failed")) } @else if signal.matched { (badge("ok", "yes")) } @else { (badge("plain", "no")) } }
            td data-label="Value" { @if let Some(failure) = &signal.failure { span.fault { (failure) } } @else { (name(Some(&signal.value))) } }
            td.num data-label="Confidence" { (number(signal.confidence)) }
            td.num data-label="Time" { (signal.ns.map_or_else(|| NONE.into(), ns)) }
        } @else {
            td colspan="4" data-label="Matched" { "not needed" }
        }
    } }
}

/// The decision with the routes that were looked at.
pub(super) fn decision(decision: Option<&DecisionView>) -> Markup {
    let Some(d) = decision else { return html! { p.note { "No policy was asked." } } };
    html! {
        dl.facts {
            div { dt { "Route" } dd { code { (d.route) } } }
            @if let Some(tier) = d.tier { div { dt { "Tier" } dd { (tier) } } }
            @if let Some(priority) = d.priority { div { dt { "Priority" } dd { (priority) } } }
            div { dt { "Confidence" } dd { (confidence(d.confidence)) } }
            div { dt { "Runner-up" } dd { @if let Some(next) = &d.runner_up { code { (next) } } @else { span.none { "none" } } } }
        }
        @if !d.why.is_empty() { p { (d.why) } }
        @if !d.routes.is_empty() { h3 { "Routes that were looked at" } }
        @for tried in &d.routes { (route(tried)) }
        @if d.routes_left_out > 0 { p.note { (d.routes_left_out) " further routes were looked at but are not in the record." } }
    }
}

/// The candidate models.
pub(super) fn candidates(view: &RequestView) -> Markup {
    let row = |c: &Candidate| {
        html! { tr.chosen[c.chosen] {
            td { (name(Some(&c.model))) " " @if c.chosen { (badge("ok", "chosen")) } }
            td.num data-label="Weight" { (c.weight) }
            td data-label="Effort" { (name(c.effort.as_deref())) }
            td data-label="Remark" { (name(c.note.as_deref())) }
        } }
    };
    html! {
        @if let Some(reason) = &view.model_reason { p { (reason) } }
        @if !view.candidates.is_empty() { (scroll("Candidates", &html! { table.cards {
            thead { tr { th { "Model" } th.num { "Weight" } th { "Effort" } th { "Remark" } } }
            tbody { @for candidate in &view.candidates { (row(candidate)) } }
        } })) }
    }
}

/// Pool and instance.
pub(super) fn placement(view: &RequestView) -> Markup {
    let waits = view.pools.iter().any(|pool| pool.wait_ms.is_some());
    html! {
        @if let Some(reason) = &view.pool_reason { p { "Pool: " (reason) } }
        @if !view.pools.is_empty() { (scroll("Pools", &html! { table.cards {
            thead { tr { th { "Pool" } th.num { "Boundary" } @if waits { th.num { "Expected wait" } } } }
            tbody { @for pool in &view.pools { tr.chosen[pool.chosen] {
                td { (name(Some(&pool.name))) " " @if pool.chosen { (badge("ok", "chosen")) } }
                td.num data-label="Boundary" { @match pool.max_total_tokens { Some(most) => { (count(most)) " tokens" } None => "none" } }
                @if waits { td.num data-label="Expected wait" { (ms(pool.wait_ms)) } }
            } } }
        } })) }
        @if let Some(reason) = &view.place_reason { p { "Instance: " (reason) } }
        @if !view.instances.is_empty() { (scroll("Instances", &html! { table.cards {
            thead { tr { th { "Instance" } th { "State" } th.num { "In flight" } th.num { "Wait" } th.num { "Prefill" } th.num { "Expected TTFT" } } }
            tbody { @for i in &view.instances { tr.chosen[i.chosen] {
                td { (name(Some(&i.instance))) " " @if i.chosen { (badge("ok", "first")) } }
                td data-label="State" { (i.standing) }
                td.num data-label="In flight" { (i.in_flight) }
                td.num data-label="Wait" { (ms(i.wait_ms)) }
                td.num data-label="Prefill" { (ms(i.prefill_ms)) }
                td.num data-label="Expected TTFT" { (ms(i.expected_ttft_ms)) }
            } } }
        } })) }
    }
}

/// The attempts with their time on the request's scale.
pub(super) fn attempts(view: &RequestView) -> Markup {
    let end = view.attempts.iter().map(|a| a.end_us).fold(view.row.total_us, u64::max);
    html! { @if !view.attempts.is_empty() { (scroll("Attempts", &html! { table.cards {
        thead { tr { th { "Instance" } th { "Model there" } th.wide { "Time" } th.num { "First content" } th.num { "End" } th { "Outcome" } } }
        tbody { @for a in &view.attempts { tr {
            td { (name(Some(&a.instance))) }
            td data-label="Model there" { (name(Some(&a.model))) }
            td.wide data-label="Time" { (attempt_bar(a, end)) }
            td.num data-label="First content" { (us_or(a.first_us)) }
            td.num data-label="End" { (us(a.end_us)) }
            td.words data-label="Outcome" { (outcome(a)) }
        } } }
    } })) } }
}

fn attempt_bar(a: &Attempt, end: u64) -> Markup {
    let first = a.first_us.unwrap_or(a.end_us).clamp(a.start_us, a.end_us.max(a.start_us));
    let part = |class, from: u64, to: u64, title: &str| Part {
        class,
        start: share(from, end),
        share: share(to.saturating_sub(from), end),
        title: format!("{title}: {}", us(to.saturating_sub(from))),
    };
    let parts = [part("c2", a.start_us, first, "waiting"), part("c1", first, a.end_us, "answer")];
    shares(&format!("From {} to {}", us(a.start_us), us(a.end_us)), &parts)
}

fn outcome(a: &Attempt) -> Markup {
    html! {
        @if let Some(status) = a.status { (badge(status_class(status, a.fault.is_some()), &status.to_string())) " " }
        @if let Some(fault) = &a.fault { span.fault { (fault) } " " }
        @if let Some(next) = &a.next { span.note { (next) } }
    }
}

/// Checks of the answer.
pub(super) fn checks(list: &[Check]) -> Markup {
    html! { @if !list.is_empty() { ul.checks { @for check in list { li {
        @if check.ok { (badge("ok", "passed")) } @else { (badge("bad", "failed")) } " " (check.name)
        @if let Some(note) = &check.note { " " span.note { (note) } }
    } } } } }
}
