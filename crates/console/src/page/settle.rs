//! Escrows, one escrow with its timeline, agents, and the log.

use super::parts::{badge, facts, name, scroll, short};
use super::shell::{Place, document};
use crate::format::{TimeStyle, count, when};
use crate::view::{AgentsView, EscrowRow, EscrowView, EscrowsView, LogView, MandatesView, Shell, Tone};
use maud::{Markup, html};

/// Seconds after which a page's content is fetched again.
const REFRESH_S: u32 = 5;

const fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Attention => "warn",
        Tone::Good => "ok",
        Tone::Over => "bad",
    }
}

fn phase(word: &str, tone: Tone, waiting: bool) -> Markup {
    html! {
        (badge(class(tone), &word.replace('_', " ")))
        @if waiting { " " span.note { "the rail has not answered" } }
    }
}

fn link(id: &str) -> Markup {
    html! { a href={ "/console/escrows/" (id) } { (short(id)) } }
}

/// The list of escrows; those in dispute are one phase of it.
#[must_use]
pub fn escrows(shell: &Shell, view: &EscrowsView) -> String {
    let chosen = view.phase.as_deref();
    let body = html! {
        div.page-head { h1 { "Escrows" } }
        form.filter method="get" action="/console/escrows" role="search" aria-label="Filter escrows" {
            label { "Phase " select name="phase" {
                option value="" selected[chosen.is_none()] { "all" }
                @for word in &view.phases { option value=(word) selected[chosen == Some(word)] { (word.replace('_', " ")) } }
            } }
            button type="submit" { "Show" }
        }
        div #escrows data-refresh=(REFRESH_S) {
            @if view.rows.is_empty() {
                div.empty { p { strong { "No escrows." } " Terms that both parties signed make one: " code { "POST /v1/settle/escrows" } "." } }
            } @else { (scroll("Escrows", &html! { table.cards {
                thead { tr { th { "Escrow" } th { "Task" } th.num { "Price" } th.num { "Released" } th { "Phase" } th { "Since" } th { "Reclaim from" } } }
                tbody { @for row in &view.rows { (one_row(row)) } }
            } })) }
            @if let Some(next) = &view.next {
                p { a href={ "/console/escrows?after=" (next) "&phase=" (chosen.unwrap_or_default()) } { "More" } }
            }
        }
    };
    document(shell, "Escrows", Some(Place::Escrows), &body, &[])
}

fn one_row(row: &EscrowRow) -> Markup {
    html! { tr {
        td { (link(&row.id)) }
        td data-label="Task" { (name(Some(&row.task))) }
        td.num data-label="Price" { (row.price) }
        td.num data-label="Released" { (row.released) }
        td data-label="Phase" { (phase(&row.phase, row.tone, row.waiting)) }
        td data-label="Since" { (when(row.at, TimeStyle::Minute)) }
        td data-label="Reclaim from" { (when(row.refund_after, TimeStyle::Full)) }
    } }
}

/// One escrow: where it is, its terms, and every event with its place in the log.
#[must_use]
pub fn escrow(shell: &Shell, view: &EscrowView) -> String {
    let row = &view.escrow;
    let body = html! {
        div.page-head { h1 { "Escrow " (short(&row.id)) } }
        div #escrow data-refresh=(REFRESH_S) {
            p.lead { (name(Some(&row.task))) " for " (row.price) ": " (phase(&row.phase, row.tone, row.waiting)) }
            (facts(&view.facts))
            section.panel aria-labelledby="timeline" {
                div.panel-head { h2 #timeline { "What happened" } span.note { "each with its entry of the log" } }
                (scroll("Timeline", &html! { table.cards {
                    thead { tr { th.num { "Entry" } th { "When" } th { "Event" } th { "Then" } } }
                    tbody { @for event in &view.timeline { tr {
                        td.num { a href={ "/console/log?from=" (event.entry) } { (count(event.entry)) } }
                        td data-label="When" { (when(event.at, TimeStyle::Full)) }
                        td data-label="Event" { (event.what) }
                        td data-label="Then" { (phase(&event.phase, event.tone, false)) }
                    } } }
                } }))
            }
        }
        p { a href={ "/v1/settle/escrows/" (row.id) "/bundle" } { "The whole of it as one file" } ", to replay offline with " code { "tollgate pay dispute replay" } "." }
    };
    document(shell, "Escrow", Some(Place::Escrows), &body, &[])
}

/// Agents and their keys.
#[must_use]
pub fn agents(shell: &Shell, view: &AgentsView) -> String {
    let body = html! {
        div.page-head { h1 { "Agents" } }
        @if view.rows.is_empty() {
            div.empty { p { strong { "No agents." } " A signed record makes one: " code { "POST /v1/settle/agents" } "." } }
        } @else { (scroll("Agents", &html! { table.cards {
            thead { tr { th { "Agent" } th.num { "Version" } th { "Issued" } th { "Skills" } th { "Keys that count" } th { "Accounts" } } }
            tbody { @for row in &view.rows { tr {
                td { (name(Some(&row.name))) div.note { (name(Some(&row.id))) } }
                td.num data-label="Version" { (count(row.version)) }
                td data-label="Issued" { (when(row.issued, TimeStyle::Full)) }
                td.words data-label="Skills" { (row.skills.join(", ")) }
                td.words data-label="Keys" { (row.keys.join("; ")) }
                td.words data-label="Accounts" { (row.accounts.join(", ")) }
            } } }
        } })) }
        @if let Some(next) = &view.next { p { a href={ "/console/agents?after=" (next.replace('%', "%25")) } { "More" } } }
    };
    document(shell, "Agents", Some(Place::Agents), &body, &[])
}

/// Mandates under which escrows are paid.
#[must_use]
pub fn mandates(shell: &Shell, view: &MandatesView) -> String {
    let body = html! {
        div.page-head { h1 { "Mandates" } }
        div #mandates data-refresh=(REFRESH_S) {
            @if view.rows.is_empty() {
                div.empty { p { strong { "No mandates." } " Terms name the mandate under which they are paid: " code { "tollgate pay task new --mandate" } "." } }
            } @else { (scroll("Mandates", &html! { table.cards {
                thead { tr { th { "Mandate" } th.num { "Payments" } th.num { "Spent" } th { "Last" } th { "State" } th { "Escrows" } } }
                tbody { @for row in &view.rows { tr {
                    td { (short(&row.name)) }
                    td.num data-label="Payments" { (count(row.payments)) }
                    td.num data-label="Spent" { (row.spent.as_deref().unwrap_or("–")) }
                    td data-label="Last" { @match row.last { Some(at) => (when(at, TimeStyle::Full)), None => "–" } }
                    td data-label="State" { @if row.revoked { (badge("bad", "revoked")) } @else { (badge("ok", "counts")) } }
                    td.words data-label="Escrows" {
                        @for id in &row.escrows { (link(id)) " " }
                        @let shown = u64::try_from(row.escrows.len()).unwrap_or(u64::MAX);
                        @if row.count > shown { span.note { "of " (count(row.count)) } }
                    }
                } } }
            } })) }
            @if let Some(next) = &view.next { p { a href={ "/console/mandates?after=" (next) } { "More" } } }
        }
    };
    document(shell, "Mandates", Some(Place::Mandates), &body, &[])
}

/// The log, entry by entry, the newest first.
#[must_use]
pub fn log(shell: &Shell, view: &LogView) -> String {
    let body = html! {
        div.page-head { h1 { "Log" } span.note { (view.origin) ", " (count(view.size)) " entries" } }
        form.filter method="get" action="/console/log" role="search" aria-label="Go to an entry" {
            label { "From entry " input type="number" name="from" min="0" inputmode="numeric"; }
            button type="submit" { "Show" }
        }
        @if view.rows.is_empty() {
            div.empty { p { strong { "No entries here." } } }
        } @else { (scroll("Entries of the log", &html! { table.cards {
            thead { tr { th.num { "Entry" } th { "When" } th { "What" } th { "Key" } th { "Outcome" } th { "Proof" } } }
            tbody { @for row in &view.rows { tr {
                td.num { (count(row.entry)) }
                td data-label="When" { (when(row.at, TimeStyle::Full)) }
                td.words data-label="What" { (row.what) @if let Some(id) = &row.escrow { " " (link(id)) } }
                td data-label="Key" { (name(Some(&row.key))) }
                td data-label="Outcome" { @match &row.refused {
                    None => (badge("ok", "applied")),
                    Some(why) => { (badge("warn", "refused")) div.note { (why) } }
                } }
                td data-label="Proof" { a href={ "/v1/settle/log/entries/" (row.entry) "/receipt" } { "receipt" } }
            } } }
        } })) }
        p {
            @if let Some(newer) = view.newer { a href={ "/console/log?from=" (newer) } { "Newer" } " " }
            @if let Some(older) = view.older { a href={ "/console/log?from=" (older) } { "Older" } " " }
            a href="/v1/settle/log/checkpoint" { "The signed checkpoint" }
        }
    };
    document(shell, "Log", Some(Place::Log), &body, &[])
}
