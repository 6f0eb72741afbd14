//! The policy editor.

use super::parts::{badge, short};
use super::shell::{Place, document};
use crate::format::{TimeStyle, when};
use crate::view::{CheckReport, Diagnostic, LastGood, PolicyView, Shell, TestLine};
use maud::{Markup, html};
use tollgate_core::signal::Kind;

/// The page with the policy editor.
#[must_use]
pub fn policy(shell: &Shell, view: &PolicyView) -> String {
    let body = html! {
        div.page-head { h1 { "Policy" }
            p.sub { (view.file.as_deref().unwrap_or("embedded")) " · in force since " (when(view.loaded, TimeStyle::Full)) " · " span #digest { (short(&view.digest)) } }
        }
        @if let Some(kept) = &view.last_good { (last_good(kept)) }
        @if let Some(why) = &view.read_only { p.lead { "Read only: " (why) } }
        div.policy {
            section.panel.editor-panel aria-labelledby="text" {
                div.panel-head {
                    h2 #text { "Text" }
                    span #dirty.note role="status" {}
                    div.actions {
                        button #revert type="button" hidden disabled { "Revert" }
                        button #check type="button" hidden { "Check" }
                        button.primary #apply type="button" hidden disabled[view.read_only.is_some()] { "Apply" }
                    }
                }
                (editor(view))
                p.note #editor-help { "Tab indents; Escape, then Tab leaves the editor. " kbd { "Ctrl" } "+" kbd { "Enter" } " checks, "
                    kbd { "Ctrl" } "+" kbd { "S" } " applies, " kbd { "Ctrl" } "+" kbd { "/" } " turns lines into comments." }
                h3 #findings { "Findings" }
                div #diagnostics role="status" aria-live="polite" { (findings(&view.report)) }
                noscript { p.note { "Changing the policy here needs JavaScript." } }
            }
            div.side {
                section.panel aria-labelledby="tests-head" { h2 #tests-head { "Tests" } div #tests { (tests(&view.report.tests)) } }
                section.panel aria-labelledby="outline-head" { h2 #outline-head { "Outline" } div #outline { (outline(&view.report)) } }
                (reference())
            }
        }
    };
    document(shell, "Policy", Some(Place::Policy), &body, &["policy.js"])
}

fn last_good(kept: &LastGood) -> Markup {
    html! { div.banner role="alert" {
        strong { "The last good policy is in force. " } "A newer text was refused at " (when(kept.refused, TimeStyle::Full)) ":"
        pre { (kept.reason) }
    } }
}

fn editor(view: &PolicyView) -> Markup {
    html! { div.editor #editor {
        pre.gutter aria-hidden="true" {}
        div.sheet {
            pre.paint aria-hidden="true" { code {} }
            // A line break directly after the tag is dropped by HTML; the text keeps its own.
            textarea #policy-text spellcheck="false" autocapitalize="off" autocomplete="off" wrap="off"
                aria-label="Policy text" aria-describedby="editor-help" readonly[view.read_only.is_some()] { "\n" (view.text) }
        }
    } }
}

fn findings(report: &CheckReport) -> Markup {
    html! { @if report.diagnostics.is_empty() { p.none-found { (badge("ok", "no findings")) } } @else {
        ul.findings { @for d in &report.diagnostics { (finding(d)) } }
    } }
}

fn finding(d: &Diagnostic) -> Markup {
    let class = if d.severity == crate::view::Severity::Error { "bad" } else { "warn" };
    html! { li {
        (badge(class, d.severity.word())) " "
        a href="#policy-text" data-line=(d.line) data-column=(d.column) { "line " (d.line) ", column " (d.column) } " "
        span { (d.message) }
        @if let Some(help) = &d.help { div.note { (help) } }
    } }
}

fn tests(list: &[TestLine]) -> Markup {
    let passed = list.iter().filter(|t| t.ok).count();
    html! {
        @if list.is_empty() { p.note { "This policy has no tests." } } @else {
            p { (badge(if passed == list.len() { "ok" } else { "bad" }, &format!("{passed} of {} pass", list.len()))) }
        }
        ul.tests { @for t in list { li {
            details { summary {
                (badge(if t.ok { "ok" } else { "bad" }, if t.ok { "pass" } else { "fail" })) " "
                a href="#policy-text" data-line=(t.line) { "line " (t.line) } " "
                code { (t.expected) } @if !t.ok { " got " code { (t.got) } }
            } pre { (t.explanation) } }
        } } }
    }
}

fn outline(report: &CheckReport) -> Markup {
    html! { ul.outline { @for item in &report.outline { li {
        span.note { (item.kind) } " " a href="#policy-text" data-line=(item.line) { (item.name) }
    } } } }
}

/// Every signal that a policy may use, from the catalogue.
fn reference() -> Markup {
    html! { section.panel { details { summary { "Signals that a policy may use" }
        dl.reference { @for kind in Kind::ALL {
            @let info = kind.info();
            dt { code { (info.word) } @if kind.is_fact() { " " span.note { "fact" } } }
            dd { (info.help)
                @if !info.params.is_empty() { ul { @for p in info.params { li { code { (p.name) } " " (p.help) } } } }
            }
        } }
    } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_starts_with_a_line_break_keeps_it() {
        let view = PolicyView { text: "\nx </textarea>".into(), ..PolicyView::default() };
        let html = policy(&Shell::default(), &view);
        assert!(html.contains(">\n\nx &lt;/textarea&gt;</textarea>"));
    }

    #[test]
    fn every_signal_is_in_the_reference() {
        let html = policy(&Shell::default(), &PolicyView::default());
        for kind in Kind::ALL {
            assert!(html.contains(&format!("<code>{}</code>", kind.word())), "{kind:?}");
        }
    }
}
