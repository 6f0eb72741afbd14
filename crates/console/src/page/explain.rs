//! The explanation tree of a decision as nested lists.

use super::parts::badge;
use crate::format::number;
use crate::view::{Confidence, ExplainNode, RouteTried, Verdict};
use maud::{Markup, html};

/// Deepest level that is shown.
pub const EXPLAIN_DEPTH_MAX: usize = 24;
/// Most nodes that are shown of one condition.
pub const EXPLAIN_NODES_MAX: usize = 500;

/// An interval, or one number where both ends are the same.
pub(super) fn confidence(c: Confidence) -> String {
    let (low, high) = (number(c.low), number(c.high));
    if low == high { low } else { format!("{low} to {high}") }
}

const fn verdict(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::True => ("ok", "holds"),
        Verdict::False => ("no", "does not hold"),
        Verdict::Unknown => ("plain", "not needed"),
    }
}

/// One route that was looked at, open when it was chosen.
pub(super) fn route(route: &RouteTried) -> Markup {
    let (class, word) = verdict(route.when.verdict);
    let mut left = EXPLAIN_NODES_MAX;
    html! {
        details.route open[route.chosen] {
            summary {
                code { (route.name) } " "
                span.note { @if let Some(tier) = route.tier { "tier " (tier) ", " } "priority " (route.priority) } " "
                @if route.chosen { (badge("ok", "chosen")) } @else { (badge(class, word)) }
            }
            ul.tree { (node(&route.when, 0, &mut left)) }
            @if left == 0 { p.note { "Only the first " (EXPLAIN_NODES_MAX) " parts are shown." } }
        }
    }
}

fn node(this: &ExplainNode, depth: usize, left: &mut usize) -> Markup {
    if *left == 0 {
        return html! {};
    }
    *left -= 1;
    if depth >= EXPLAIN_DEPTH_MAX {
        return html! { li.note { "deeper parts are not shown" } };
    }
    let (class, word) = verdict(this.verdict);
    html! {
        li.(class) {
            span.mark aria-hidden="true" { @match this.verdict { Verdict::True => "✓", Verdict::False => "✗", Verdict::Unknown => "·" } }
            code { (this.text) }
            @if let Some(value) = &this.value { " " span.value { "is " (value) } }
            " " span.note { (word) @if let Some(c) = this.confidence { ", confidence " (confidence(c)) } }
            @if !this.parts.is_empty() { ul { @for part in &this.parts { (node(part, depth + 1, left)) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_and_size_are_bounded() {
        let mut deep = ExplainNode { text: "leaf".into(), ..ExplainNode::default() };
        for _ in 0..EXPLAIN_DEPTH_MAX * 2 {
            deep = ExplainNode { text: "not".into(), parts: vec![deep], ..ExplainNode::default() };
        }
        let html = route(&RouteTried { when: deep, ..RouteTried::default() }).into_string();
        assert_eq!(html.matches("<code>not").count(), EXPLAIN_DEPTH_MAX);
        let wide = ExplainNode {
            parts: vec![ExplainNode::default(); EXPLAIN_NODES_MAX * 3],
            ..ExplainNode::default()
        };
        let html = route(&RouteTried { when: wide, ..RouteTried::default() }).into_string();
        assert_eq!(html.matches("<li").count(), EXPLAIN_NODES_MAX);
    }
}
