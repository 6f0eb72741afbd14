//! Small pieces that several pages use.

use crate::format::NONE;
use crate::view::{Fact, RequestRow};
use maud::{Markup, html};

/// Most characters of a name in a table; the rest is in the title.
const NAME_SHOWN: usize = 48;

/// The first 12 characters of a digest, in full on hovering.
pub(super) fn short(digest: &str) -> Markup {
    let cut: String = digest.chars().take(12).collect();
    html! { code title=(digest) { (cut) } }
}

/// A name, cut when it is long, or a dash.
pub(super) fn name(text: Option<&str>) -> Markup {
    match text.filter(|t| !t.is_empty()) {
        None => html! { span.none { (NONE) } },
        Some(text) if text.chars().count() <= NAME_SHOWN => html! { (text) },
        Some(text) => {
            let cut: String = text.chars().take(NAME_SHOWN).collect();
            html! { span title=(text) { (cut) "…" } }
        }
    }
}

/// How good a status is: the class of its badge.
pub(super) const fn status_class(status: u16, fault: bool) -> &'static str {
    match (status, fault) {
        (500.., _) | (0, true) => "bad",
        (400..500, _) => "warn",
        (_, true) => "warn",
        (200..300, false) => "ok",
        _ => "plain",
    }
}

/// The status with its fault.
pub(super) fn status(row: &RequestRow) -> Markup {
    let class = status_class(row.status, row.fault.is_some());
    html! {
        span.badge.(class) { @if row.status == 0 { "no answer" } @else { (row.status) } }
        @if let Some(fault) = &row.fault { " " span.fault { (fault.replace('_', " ")) } }
    }
}

/// A badge.
pub(super) fn badge(class: &str, text: &str) -> Markup {
    html! { span.badge.(class) { (text) } }
}

/// Names and values.
pub(super) fn facts(facts: &[Fact]) -> Markup {
    html! { dl.facts { @for fact in facts {
        div { dt { (fact.name) } dd { (fact.value) @if let Some(note) = &fact.note { " " span.note { (note) } } } }
    } } }
}

/// A headline number; `of` is a second line.
pub(super) fn tile(label: &str, value: &str, of: &str) -> Markup {
    html! { div.tile { dt { (label) } dd { span.value { (value) } @if !of.is_empty() { span.of { (of) } } } } }
}

/// A table in a box of its own that scrolls sideways and can be reached by keyboard. On a phone each row of a `cards`
/// table is a card, whose cells carry the words of `data-label`.
pub(super) fn scroll(label: &str, table: &Markup) -> Markup {
    html! { div.scroll role="region" aria-label=(label) tabindex="0" { (table) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_a_class() {
        let table = [
            (200, false, "ok"),
            (200, true, "warn"),
            (404, true, "warn"),
            (503, true, "bad"),
            (0, true, "bad"),
            (0, false, "plain"),
        ];
        for (status, fault, class) in table {
            assert_eq!(status_class(status, fault), class, "{status} {fault}");
        }
    }

    #[test]
    fn a_long_name_is_cut_by_characters() {
        let html = name(Some(&"é".repeat(60))).into_string();
        assert_eq!(html.matches('é').count(), 60 + NAME_SHOWN);
    }
}
