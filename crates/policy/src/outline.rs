//! What a policy text declares and where: for the console's editor. Works on texts with errors too.

use crate::syntax::govern::Scope;
use crate::syntax::parse;
use crate::syntax::tree::ItemKind;
use crate::text::diagnostic::Report;
use crate::text::span::{Lines, Position, Span};
use serde::Serialize;

/// One declaration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct OutlineItem {
    /// `policy`, `order`, `virtual`, `signal`, `score`, `sum`, `flag`, `band`, `group`, `route`, `default`, `role`,
    /// `others`, `data`, `rule` or `tests`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// A word more: a signal's kind, the number of a route's statements, the number of tests.
    pub detail: String,
    /// Where it stands.
    pub span: Span,
    /// Its first line and column.
    pub start: Position,
    /// Its end.
    pub end: Position,
}

/// The declarations of a text, in order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Outline {
    /// The declarations that could be read.
    pub items: Vec<OutlineItem>,
}

/// Lists the declarations of `text`.
#[must_use]
pub fn outline(text: &str) -> Outline {
    let mut report = Report::default();
    let parsed = parse(text, &mut report);
    let lines = Lines::new(text);
    let items = parsed.tree.items.iter().map(|item| {
        let (kind, name, detail) = match &item.kind {
            ItemKind::Policy(name) => ("policy", name.value.as_ref(), String::new()),
            ItemKind::Order(words) => ("order", "order", format!("{} words", words.len())),
            ItemKind::Virtual(names, _) => ("virtual", "virtual", format!("{} names", names.len())),
            ItemKind::Output(act, signal) => ("global", signal.text, format!("output {}", act.text)),
            ItemKind::Signal(signal) => ("signal", signal.name.text, signal.kind.text.to_owned()),
            ItemKind::Score(score) => {
                (if score.cut { "score" } else { "sum" }, score.name.text, String::new())
            }
            ItemKind::Flag(flag) => ("flag", flag.name.text, String::new()),
            ItemKind::Band(band) => ("band", band.name.text, band.of.text.to_owned()),
            ItemKind::Group(group) => ("group", group.name.text, format!("{} members", group.members.len())),
            ItemKind::Route(route) => ("route", route.name.text, format!("{} statements", route.body.len())),
            ItemKind::Default(route) => ("default", "default", format!("{} statements", route.body.len())),
            ItemKind::Guard(guard) => {
                let word = match guard.scope {
                    Scope::Role(_) => "role",
                    Scope::Others(_) => "others",
                    Scope::Data(_) => "data",
                    Scope::Rule(_) => "rule",
                };
                (word, guard.name().0, format!("{} statements", guard.body.len()))
            }
            ItemKind::Tests(tests) => ("tests", "tests", format!("{} tests", tests.len())),
        };
        OutlineItem {
            kind,
            name: name.to_owned(),
            detail,
            span: item.span,
            start: lines.position(item.span.start),
            end: lines.position(item.span.end),
        }
    });
    Outline { items: items.collect() }
}
