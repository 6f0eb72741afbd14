//! What each name means, and where it was declared.
//!
//! Signals may be declared anywhere; scores, bands and groups before they are used, so no cycle can be written.

use crate::check::Known;
use crate::effects::OutputRule;
use crate::limits;
use crate::syntax::tree::{Argument, Item, ItemKind, Literal, Name};
use crate::table::Table;
use crate::text::diagnostic::{Diagnostic, Report};
use crate::text::span::Span;
use crate::text::suggest::nearest;
use std::collections::HashMap;
use tollgate_core::signal::{Kind, SignalSpec};

/// Words of the language that cannot name anything.
const RESERVED: &[&str] = &[
    "policy",
    "signal",
    "score",
    "sum",
    "flag",
    "order",
    "virtual",
    "global",
    "always",
    "band",
    "group",
    "route",
    "default",
    "tests",
    "rejected",
    "and",
    "or",
    "not",
    "is",
    "in",
    "has",
    "like",
    "any",
    "all",
    "true",
    "false",
    "min",
    "max",
    "confidence",
    "entropy",
    "size",
];

/// Whether `word` cannot name anything.
pub(crate) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

/// With more declared names than this, an unknown name is compared with the facts only.
const MAX_SUGGESTED: usize = 1024;

/// What a name means in an expression.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    Signal(u32),
    Score(u32),
    /// The node of its expression.
    Flag(u32),
    Band(u32),
    Group(u32),
}

pub(super) struct Symbol {
    pub(super) meaning: Meaning,
    pub(super) span: Span,
    pub(super) used: bool,
}

/// Cost of expanding a derived name: its height and number of terms.
#[derive(Clone, Copy, Default)]
pub(super) struct Size {
    pub(super) height: u32,
    pub(super) terms: u32,
}

/// The state of one check.
pub(super) struct Checker<'a, 'r> {
    pub(super) text: &'a str,
    pub(super) known: &'r Known,
    pub(super) report: &'r mut Report,
    pub(super) table: Table,
    pub(super) symbols: HashMap<&'a str, Symbol>,
    /// Names of derived items with their place, also those declared further down.
    pub(super) declared: HashMap<&'a str, Span>,
    /// Route names with their place.
    pub(super) routes: HashMap<&'a str, Span>,
    pub(super) sizes: HashMap<&'a str, Size>,
    /// Members of each group by name.
    pub(super) members: Vec<Vec<&'a str>>,
    /// Leaves of the route in work.
    pub(super) leaves: usize,
    /// The size of the derived item in work.
    pub(super) size: Size,
    /// Rules on the answers of every route.
    pub(super) output_rules: Vec<OutputRule>,
    /// The signals that rules on answers ask.
    pub(super) output_specs: Vec<SignalSpec>,
}

impl<'a> Checker<'a, '_> {
    pub(super) fn push(&mut self, found: Diagnostic) {
        self.report.push(found);
    }

    /// Records every declared name; a second declaration of one is an error that shows both places.
    pub(super) fn declare_all(&mut self, items: &[Item<'a>]) {
        for item in items {
            let name = match &item.kind {
                ItemKind::Signal(signal) => signal.name,
                ItemKind::Score(score) => score.name,
                ItemKind::Flag(flag) => flag.name,
                ItemKind::Band(band) => band.name,
                ItemKind::Group(group) => group.name,
                ItemKind::Route(route) => {
                    if self.nameable(route.name) {
                        declare(&mut self.routes, route.name, "route", self.report);
                    }
                    continue;
                }
                ItemKind::Policy(_)
                | ItemKind::Order(_)
                | ItemKind::Virtual(..)
                | ItemKind::Output(..)
                | ItemKind::Default(_)
                | ItemKind::Guard(_)
                | ItemKind::Tests(_) => continue,
            };
            if self.nameable(name) {
                declare(&mut self.declared, name, "signal, score, flag, band or group", self.report);
                if Kind::parse(name.text).is_some() {
                    let message = format!("`{}` is already a kind of signal", name.text);
                    self.push(
                        Diagnostic::error("reserved-name", name.span, message).help("choose another name"),
                    );
                }
            }
        }
    }

    fn nameable(&mut self, name: Name<'a>) -> bool {
        let free = !RESERVED.contains(&name.text);
        if !free {
            let message = format!("`{}` is a word of the language", name.text);
            self.push(Diagnostic::error("reserved-name", name.span, message).help("choose another name"));
        }
        free
    }

    /// Makes a declared name usable in expressions.
    pub(super) fn define(&mut self, name: Name<'a>, meaning: Meaning) {
        self.symbols.entry(name.text).or_insert(Symbol { meaning, span: name.span, used: false });
    }

    /// Gives what is declared as `name` a label, under which the table reports whether it holds.
    pub(super) fn label(&mut self, name: Name<'a>, options: &[Argument<'a>]) {
        let Some(given) = options.iter().find(|option| option.name.text == "label") else { return };
        let Literal::Text(text) = &given.value else {
            let found = Diagnostic::error("bad-value", given.value.span(), "`label` takes a text in quotes");
            return self.push(found);
        };
        if text.value.is_empty() || text.value.len() > limits::MAX_LABEL {
            let message = format!("a label has from 1 to {} bytes", limits::MAX_LABEL);
            return self.push(Diagnostic::error("range", text.span, message));
        }
        let Some(meaning) = self.resolve(name) else { return };
        self.leaves = 0;
        if let Some(node) = self.named_truth(name, meaning) {
            self.table.labelled.push((text.value.as_ref().into(), node));
        }
    }

    /// What `name` means here; an unknown name is reported.
    pub(super) fn resolve(&mut self, name: Name<'a>) -> Option<Meaning> {
        if let Some(symbol) = self.symbols.get_mut(name.text) {
            symbol.used = true;
            return Some(symbol.meaning);
        }
        match Kind::parse(name.text) {
            Some(kind) if kind.is_fact() => {
                let index = u32::try_from(self.table.specs.len()).unwrap_or(u32::MAX);
                self.table.specs.push(SignalSpec::fact(kind));
                let meaning = Meaning::Signal(index);
                let used = true;
                self.symbols.insert(kind.word(), Symbol { meaning, span: name.span, used });
                return Some(meaning);
            }
            Some(kind) => {
                let message = format!("`{}` needs parameters", kind.word());
                let help = format!("declare it first: signal NAME = {} ...", kind.word());
                self.push(Diagnostic::error("unknown-name", name.span, message).help(help));
            }
            None => self.unknown(name),
        }
        None
    }

    fn unknown(&mut self, name: Name<'a>) {
        if let Some(span) = self.declared.get(name.text).copied() {
            let message = format!("`{}` is declared further down", name.text);
            let found = Diagnostic::error("unknown-name", name.span, message).label(span, "declared here");
            self.push(found.help("move its declaration above this line"));
            return;
        }
        let facts = Kind::ALL.iter().filter(|kind| kind.is_fact()).map(|kind| kind.word());
        // Beyond the report's bound nobody reads the suggestion: skipping it keeps the check linear.
        let full = self.report.diagnostics.len() >= limits::MAX_DIAGNOSTICS;
        let declared = self.declared.keys().copied().filter(|_| self.declared.len() <= MAX_SUGGESTED);
        let names = declared.chain(facts);
        let meant = if full { None } else { nearest(name.text, names) };
        let message = format!("there is no signal, score, flag, band or group `{}`", shorten(name.text));
        let found = Diagnostic::error("unknown-name", name.span, message);
        self.push(found.meant(meant, || Some("declare it with `signal NAME = KIND ...`".to_owned())));
    }

    pub(super) fn spec(&self, signal: u32) -> Option<&SignalSpec> {
        self.table.specs.get(signal as usize)
    }
}

fn declare<'a>(held: &mut HashMap<&'a str, Span>, name: Name<'a>, what: &str, report: &mut Report) {
    if let Some(first) = held.get(name.text) {
        let message = format!("there are two {what}s named `{}`", shorten(name.text));
        let found =
            Diagnostic::error("duplicate-name", name.span, message).label(*first, "first declared here");
        report.push(found.help("rename one of them"));
        return;
    }
    held.insert(name.text, name.span);
}

/// At most 40 characters of a name, for messages.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}
