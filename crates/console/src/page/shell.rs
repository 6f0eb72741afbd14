//! The frame around every page: head, navigation, notice, footer.

use super::parts::short;
use crate::format::{TimeStyle, when};
use crate::view::Shell;
use maud::{DOCTYPE, Markup, html};

/// A place in the navigation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Live,
    Pools,
    Policy,
    Budgets,
    Escrows,
    Agents,
    Mandates,
    Log,
}

const PLACES: &[(Place, &str, &str)] = &[
    (Place::Live, "/console", "Live"),
    (Place::Pools, "/console/pools", "Pools"),
    (Place::Policy, "/console/policy", "Policy"),
    (Place::Budgets, "/console/budgets", "Keys & budgets"),
];

/// Those of settlement, where it is served.
const SETTLEMENT: &[(Place, &str, &str)] = &[
    (Place::Escrows, "/console/escrows", "Escrows"),
    (Place::Agents, "/console/agents", "Agents"),
    (Place::Mandates, "/console/mandates", "Mandates"),
    (Place::Log, "/console/log", "Log"),
];

/// The document: `body` inside the frame, `scripts` (names of assets) at its end.
pub(super) fn document(
    shell: &Shell,
    title: &str,
    place: Option<Place>,
    body: &Markup,
    scripts: &[&str],
) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Tollgate" }
                link rel="icon" href="/console/assets/icon.svg" type="image/svg+xml";
                @for sheet in ["base.css", "parts.css", "pages.css"] {
                    link rel="stylesheet" href={ "/console/assets/" (sheet) };
                }
                // Not a module: it sets the theme before anything is painted.
                script src="/console/assets/theme.js" {}
                script type="module" src="/console/assets/common.js" {}
                @for script in scripts { script type="module" src={ "/console/assets/" (script) } {} }
            }
            body data-currency=(shell.currency) {
                a.skip href="#main" { "Skip to the content" }
                (header(place, shell.settlement))
                @if let Some(notice) = &shell.notice {
                    div.banner role="alert" { strong { "Attention: " } (notice) }
                }
                main #main tabindex="-1" { (body) }
                (footer(shell))
                div #toast role="status" aria-live="polite" {}
            }
        }
    };
    page.into_string()
}

fn header(place: Option<Place>, settlement: bool) -> Markup {
    let more = if settlement { SETTLEMENT } else { &[] };
    html! {
        header.top {
            a.brand href="/console" {
                svg viewBox="0 0 16 16" aria-hidden="true" { path d="M2 2h3v12H2zM5 6h9v2H5zM11 8h1.5v3H11z" {} }
                "Tollgate"
            }
            nav aria-label="Console" {
                ul { @for (this, href, name) in PLACES.iter().chain(more) {
                    li { a href=(href) aria-current=[(Some(*this) == place).then_some("page")] { (name) } }
                } }
            }
            button.quiet #theme type="button" hidden { "Theme: system" }
        }
    }
}

fn footer(shell: &Shell) -> Markup {
    html! {
        footer {
            span { "Tollgate " (shell.version) }
            @if !shell.policy.is_empty() || !shell.policy_digest.is_empty() {
                span { "policy " a href="/console/policy" { (shell.policy) " " (short(&shell.policy_digest)) } }
            }
            span { "as of " (when(shell.now, TimeStyle::Full)) }
        }
    }
}
