//! Virtual keys and budgets.

use super::parts::{badge, name, scroll};
use super::shell::{Place, document};
use crate::chart::{Part, shares};
use crate::format::{TimeStyle, count, money, percent, share, when};
use crate::view::{BudgetView, BudgetsView, KeyView, Meter, RuleView, Shell};
use maud::{Markup, html};

/// Seconds after which the budgets are fetched again.
const REFRESH_S: u32 = 10;
/// Share of a limit from which its bar warns.
const NEARLY_SPENT: f64 = 0.8;

/// The page of keys and budgets.
#[must_use]
pub fn budgets(shell: &Shell, view: &BudgetsView) -> String {
    let body = html! {
        div.page-head { h1 { "Keys & budgets" } }
        section.panel aria-labelledby="budgets-head" {
            h2 #budgets-head { "Budgets" }
            div #budgets data-refresh=(REFRESH_S) { (all_budgets(shell, &view.budgets)) }
            (rules(shell, &view.rules))
        }
        section.panel aria-labelledby="keys-head" {
            div.panel-head { h2 #keys-head { "Keys" } button.primary #create type="button" hidden { "Create a key" } }
            @if view.keyless { p.note { "Callers without a key are answered too. Set " code { "auth: {mode: keys}" } " in the configuration to refuse them." } }
            div #keys { (keys(shell, &view.keys)) }
        }
        (create_dialog()) (secret_dialog()) (confirm_dialog())
    };
    document(shell, "Keys & budgets", Some(Place::Budgets), &body, &["budgets.js"])
}

fn amount(shell: &Shell, meter: Meter, value: u64) -> String {
    match meter {
        Meter::Requests => format!("{} requests", count(value)),
        Meter::Tokens => format!("{} tokens", count(value)),
        Meter::Micro => format!("{} {}", money(value), shell.currency),
    }
}

fn all_budgets(shell: &Shell, budgets: &[BudgetView]) -> Markup {
    html! {
        @if budgets.is_empty() {
            div.empty { p { strong { "No budget is in use." } " Limits stand under " code { "budgets:" } " in the configuration; a budget appears here when it is first used." } }
        }
        @for group in budgets.chunk_by(|a, b| a.subject == b.subject) {
            h3 { (name(group.first().map(|b| b.subject.as_str()))) }
            ul.budgets { @for budget in group { (one_budget(shell, budget)) } }
        }
    }
}

/// The budgets as configured, used or not.
fn rules(shell: &Shell, rules: &[RuleView]) -> Markup {
    html! { @if !rules.is_empty() {
        h3 { "Rules" }
        (scroll("Rules", &html! { table.cards {
            thead { tr { th { "Name" } th { "For" } th { "Limits" } th { "When spent" } } }
            tbody { @for rule in rules { tr {
                td { (name(Some(&rule.name))) }
                td data-label="For" { (rule.scope) }
                td data-label="Limits" {
                    @for (at, of) in rule.limits.iter().enumerate() {
                        @if at > 0 { ", " } (amount(shell, of.meter, of.limit))
                    }
                    @if rule.window == "total" { " in total" } @else { " per " (rule.window) }
                }
                td data-label="When spent" { @match &rule.degrade_to { Some(model) => { (name(Some(model))) " answers" } None => "refused" } }
            } } }
        } }))
    } }
}

fn one_budget(shell: &Shell, b: &BudgetView) -> Markup {
    let settled = share(b.settled, b.limit);
    let used = b.settled.saturating_add(b.reserved);
    let full = b.limit == 0 || used >= b.limit;
    let class = if full {
        "bad"
    } else if share(used, b.limit) >= NEARLY_SPENT {
        "warn"
    } else {
        "ok"
    };
    let print = |value| amount(shell, b.meter, value);
    let parts = [
        Part {
            class: if full { "c4" } else { "c1" },
            start: 0.0,
            share: settled,
            title: format!("settled: {}", print(b.settled)),
        },
        Part {
            class: "c2",
            start: settled,
            share: share(b.reserved, b.limit).min(1.0 - settled),
            title: format!("reserved: {}", print(b.reserved)),
        },
    ];
    html! { li {
        div.budget-head {
            strong { (print(b.limit)) @if b.window == "total" { " in total" } @else { " per " (b.window) } }
            (badge(class, &if b.limit == 0 { "nothing allowed".into() } else { percent(Some(share(used, b.limit))) }))
        }
        (shares(&format!("{} of {} used", print(used), print(b.limit)), &parts))
        p.note {
            span.key { i.(if full { "c4" } else { "c1" }) {} "settled " b { (print(b.settled)) } } " "
            span.key { i.c2 {} "reserved " b { (print(b.reserved)) } } " "
            @if b.overrun > 0 { span { "over estimates by " (print(b.overrun)) } " " }
            span { @match b.resets { Some(at) => { "starts again " (when(at, TimeStyle::Full)) } None => "never starts again" } }
        }
    } }
}

fn keys(shell: &Shell, keys: &[KeyView]) -> Markup {
    html! { @if keys.is_empty() {
        div.empty { p { strong { "No keys yet." } } }
    } @else { (scroll("Keys", &html! { table.cards {
        thead { tr { th { "Name" } th { "Secret" } th { "Tenant" } th { "Roles, scopes" } th { "Models" } th { "Created" } th { "State" } th aria-label="Actions" {} } }
        tbody { @for key in keys { (one_key(shell, key)) } }
    } })) } }
}

fn one_key(shell: &Shell, key: &KeyView) -> Markup {
    let (class, word) = match (key.revoked, key.expires) {
        (Some(_), _) => ("bad", "revoked"),
        (None, Some(end)) if end <= shell.now => ("warn", "expired"),
        _ => ("ok", "active"),
    };
    let words: Vec<&str> = key.roles.iter().chain(&key.scopes).map(String::as_str).collect();
    html! { tr {
        td { (name(Some(&key.name))) div.note { code { (key.id) } } }
        td data-label="Secret" { code { "…" (key.hint) } }
        td data-label="Tenant" { (name(key.tenant.as_deref())) }
        td data-label="Roles, scopes" { (name(Some(&words.join(", ")))) }
        td data-label="Models" { @if key.models.is_empty() { "all" } @else { (name(Some(&key.models.join(", ")))) } }
        td data-label="Created" { (when(key.created, TimeStyle::Full)) }
        td data-label="State" { (badge(class, word))
            @if let Some(at) = key.revoked { div.note { (when(at, TimeStyle::Full)) } }
            @else if let Some(at) = key.expires { div.note { "ends " (when(at, TimeStyle::Full)) } } }
        td.actions { @if key.revoked.is_none() {
            button type="button" data-action="rotate" data-id=(key.id) data-name=(key.name) hidden { "Rotate" } " "
            button.danger type="button" data-action="revoke" data-id=(key.id) data-name=(key.name) hidden { "Revoke" }
        } }
    } }
}

fn create_dialog() -> Markup {
    let field = |name: &str, label: &str, hint: &str, required: bool| {
        html! { label { span { (label) } input type="text" name=(name) maxlength="256" autocomplete="off" required[required]; small.note { (hint) } } }
    };
    html! { dialog #create-dialog aria-labelledby="create-title" { form method="dialog" {
        h2 #create-title { "Create a key" }
        (field("name", "Name", "for people", true))
        (field("tenant", "Tenant", "who pays; may be empty", false))
        (field("roles", "Roles", "separated by commas", false))
        (field("scopes", "Scopes", "separated by commas, such as admin", false))
        (field("models", "Models", "patterns separated by commas, such as gpt-*; empty allows all", false))
        label { span { "Ends" } input type="datetime-local" name="expires"; small.note { "in your time zone; empty for never" } }
        p.form-error role="alert" {}
        div.actions { button type="button" data-close { "Cancel" } button.primary type="submit" { "Create" } }
    } } }
}

fn secret_dialog() -> Markup {
    html! { dialog #secret-dialog aria-labelledby="secret-title" {
        h2 #secret-title { "The secret of " span #secret-name {} }
        p { "It is shown only now: Tollgate keeps a digest, not the secret." }
        div.command { pre tabindex="0" { code #secret {} } button type="button" data-copy="secret" { "Copy" } }
        div.actions { button.primary type="button" data-close { "I have it" } }
    } }
}

fn confirm_dialog() -> Markup {
    html! { dialog #confirm-dialog role="alertdialog" aria-labelledby="confirm-title" aria-describedby="confirm-text" {
        h2 #confirm-title {}
        p #confirm-text {}
        p.form-error role="alert" {}
        div.actions { button type="button" data-close { "Cancel" } button.danger #confirm-yes type="button" { "Yes" } }
    } }
}
