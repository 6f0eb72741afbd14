//! Pools, instances, models and prices.

use super::parts::{badge, name, scroll};
use super::shell::{Place, document};
use crate::chart::spark;
use crate::format::{NONE, TimeStyle, count, money, ms, percent, when};
use crate::view::{InstanceState, InstanceView, ModelView, PoolView, PoolsView, Shell};
use maud::{Markup, html};

/// Seconds after which the page's content is fetched again.
const REFRESH_S: u32 = 5;

/// The page of pools.
#[must_use]
pub fn pools(shell: &Shell, view: &PoolsView) -> String {
    let expected = format!("Expected TTFT of {} tokens", count(view.prompt_tokens));
    let body = html! {
        div.page-head { h1 { "Pools" } }
        div #pools data-refresh=(REFRESH_S) {
            @if view.pools.is_empty() {
                div.empty { p { strong { "No pools." } " Add one under " code { "pools:" } " in the configuration." } }
            }
            @for (at, pool) in view.pools.iter().enumerate() { (one_pool(at, pool, &expected)) }
        }
        (models(shell, &view.models))
    };
    document(shell, "Pools", Some(Place::Pools), &body, &[])
}

fn one_pool(at: usize, pool: &PoolView, expected: &str) -> Markup {
    let in_flight: u64 = pool.instances.iter().map(|i| u64::from(i.in_flight)).sum();
    let up = pool.instances.iter().filter(|i| i.state == InstanceState::Up).count();
    html! { section.panel aria-labelledby={ "pool-" (at) } {
        div.panel-head {
            h2 #{ "pool-" (at) } { (name(Some(&pool.name))) }
            (badge(if up == 0 { "bad" } else if up < pool.instances.len() { "warn" } else { "ok" }, &format!("{up} of {} up", pool.instances.len())))
        }
        dl.facts {
            div { dt { "Boundary" } dd { @match pool.max_total_tokens { Some(most) => { "up to " (count(most)) " tokens" } None => "none" } } }
            @if !pool.rule.is_empty() { div { dt { "Rule" } dd { (pool.rule) } } }
            div { dt { "Placement" } dd { (pool.placement) } }
            div { dt { "In flight" } dd { (count(in_flight)) } }
            div { dt { "Expected wait" } dd { (ms(pool.wait_ms)) } }
        }
        (scroll(&format!("Instances of {}", pool.name), &html! { table.cards {
            thead { tr {
                th { "Instance" } th { "State" } th.num { "In flight" } th.num { "TTFT" } th.num { "Per token" }
                th.num { (expected) } th.num { "Success" } th { "Recent TTFT" } th { "Models" }
            } }
            tbody { @for instance in &pool.instances { (one_instance(instance, expected)) } }
        } }))
    } }
}

const fn state_class(state: InstanceState) -> &'static str {
    match state {
        InstanceState::Up => "ok",
        InstanceState::HalfOpen | InstanceState::Cooling => "warn",
        _ => "bad",
    }
}

/// Few failures are normal, many are not.
const fn success_class(share: f64) -> &'static str {
    match share {
        0.99.. => "good",
        0.9.. => "warn",
        _ => "fault",
    }
}

fn one_instance(i: &InstanceView, expected: &str) -> Markup {
    html! { tr {
        td { (name(Some(&i.name))) div.note { (i.provider) " · " (name(Some(&i.url))) } }
        td data-label="State" { span.badge.(state_class(i.state)) title=(i.state.help()) { (i.state.word()) }
            @if let Some(until) = i.until { div.note { "until " (when(until, TimeStyle::Clock)) } } }
        td.num data-label="In flight" { (i.in_flight) @if let Some(slots) = i.slots { span.note { " of " (slots) } } }
        td.num data-label="TTFT" { (ms(i.ttft_ms)) }
        td.num data-label="Per token" { (ms(i.tpot_ms)) }
        td.num data-label=(expected) { (ms(i.expected_ttft_ms)) }
        td.num data-label="Success" { @match i.success {
            Some(share) => { span.(success_class(share)) { (percent(i.success)) } " " div.note { "of " (count(i.answers)) } }
            None => span.none { (NONE) }
        } }
        td data-label="Recent TTFT" { @if i.spark_ttft_ms.iter().flatten().next().is_some() {
            (spark(&format!("Recent TTFT of {}: now {}", i.name, ms(i.ttft_ms)), &i.spark_ttft_ms))
        } @else { span.none { (NONE) } } }
        td.words data-label="Models" { (i.models.join(", ")) }
    } }
}

fn models(shell: &Shell, models: &[ModelView]) -> Markup {
    let price = |label: &str, micro| html! { td.num data-label=(label) { (money(micro)) } };
    html! { section.panel aria-labelledby="models" {
        div.panel-head { h2 #models { "Models" } span.note { "prices in " (shell.currency) " per million tokens" } }
        (scroll("Models", &html! { table.cards {
            thead { tr {
                th { "Model" } th { "Pools" } th.num { "Context" } th { "Can" } th.num { "Prompt" } th.num { "Cached" } th.num { "Completion" }
            } }
            tbody { @for m in models { tr {
                td { (name(Some(&m.name))) @if !m.aliases.is_empty() { div.note { "also " (m.aliases.join(", ")) } } }
                td data-label="Pools" { (m.pools.join(", ")) }
                td.num data-label="Context" { (m.context_tokens.map_or_else(|| NONE.into(), count)) }
                td.words data-label="Can" { (m.capabilities.join(", ")) }
                (price("Prompt", m.input_micro)) (price("Cached", m.cached_micro)) (price("Completion", m.output_micro))
            } } }
        } }))
    } }
}
