//! The order of the checks: names, derived items, routes, default, tests; then the table.

use super::Known;
use super::names::{Checker, Meaning, Size, shorten};
use super::routes::order_signals;
use crate::cases::{Expected, TestCase};
use crate::effects::Route;
use crate::govern::{Governance, errors};
use crate::limits;
use crate::syntax::tree::{Argument, ItemKind, Literal, Name, TestDecl, Text, Tree};
use crate::table::{Rule, Table};
use crate::text::diagnostic::{Diagnostic, Report};
use crate::text::span::Span;
use crate::text::suggest::nearest;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tollgate_core::signal::{Kind, SignalSpec, Value, ValueType};

/// What a tree compiles to, when the report has no error.
pub(crate) struct Checked {
    pub(crate) name: String,
    pub(crate) virtuals: Vec<String>,
    pub(crate) table: Table,
    pub(crate) default: Arc<Route>,
    pub(crate) default_name: Span,
    pub(crate) tests: Vec<TestCase>,
    pub(crate) governance: Option<Arc<Governance>>,
    pub(crate) output: Vec<SignalSpec>,
}

/// What the policy says of itself.
#[derive(Default)]
struct Head {
    name: String,
    by_confidence: bool,
    virtuals: Vec<String>,
}

/// Checks `tree`, which was parsed from `text`.
pub(crate) fn check(text: &str, tree: &Tree<'_>, known: &Known, report: &mut Report) -> Option<Checked> {
    let mut checker = Checker {
        text,
        known,
        report,
        table: Table::default(),
        symbols: HashMap::new(),
        declared: HashMap::new(),
        routes: HashMap::new(),
        sizes: HashMap::new(),
        members: Vec::new(),
        leaves: 0,
        size: Size::default(),
        output_rules: Vec::new(),
        output_specs: Vec::new(),
    };
    checker.too_many(tree);
    checker.declare_all(&tree.items);
    let head = checker.derived(tree);
    let mut drafts: Vec<Rule> = Vec::new();
    let mut default: Option<(Arc<Route>, Span)> = None;
    let mut tests = Vec::new();
    for item in &tree.items {
        match &item.kind {
            ItemKind::Route(route) if drafts.len() < limits::MAX_ROUTES => {
                drafts.extend(checker.route(route));
            }
            ItemKind::Default(route) => {
                let checked = checker.default(route);
                checker.only_one(default.as_ref().map(|(_, span)| *span), route.name.span, "default");
                default = Some((checked, route.name.span));
            }
            ItemKind::Tests(cases) => {
                let room = limits::MAX_TESTS - tests.len().min(limits::MAX_TESTS);
                let checked: Vec<_> = cases.iter().take(room).filter_map(|case| checker.test(case)).collect();
                tests.extend(checked);
            }
            _ => {}
        }
    }
    if default.is_none() {
        let end = Span::new(text.len(), text.len());
        let found = Diagnostic::error("missing-default", end, "there is no default");
        checker.push(found.help("add `default { models { \"NAME\" } }`: it is chosen when no route is"));
    }
    let governance = checker.governance(&tree.items);
    checker.rank(drafts, head.by_confidence);
    let used = checker.unused();
    let output = std::mem::take(&mut checker.output_specs);
    let mut table = std::mem::take(&mut checker.table);
    if !checker.report.is_ok() {
        return None;
    }
    order_signals(&mut table, &used);
    let (default, default_name) = default?;
    if let Some(fleet) = known.fleet.as_ref().filter(|_| !governance.is_empty()) {
        let rules = table.rules.iter().map(|rule| (&*rule.route, Some(rule.root), rule.name));
        let routes: Vec<_> = rules.chain([(&*default, None, default_name)]).collect();
        errors(&governance, &table, &routes, fleet).into_iter().for_each(|found| report.push(found));
        if !report.is_ok() {
            return None;
        }
    }
    let governance = (!governance.is_empty()).then(|| Arc::new(governance));
    let Head { name, virtuals, .. } = head;
    Some(Checked { name, virtuals, table, default, default_name, tests, governance, output })
}

impl<'a> Checker<'a, '_> {
    fn too_many(&mut self, tree: &Tree<'a>) {
        let (mut routes, mut signals, mut derived) = (0, 0, 0);
        let mut tests = 0;
        for item in &tree.items {
            let (count, most, what) = match &item.kind {
                ItemKind::Route(_) => (&mut routes, limits::MAX_ROUTES, "routes"),
                ItemKind::Signal(_) => (&mut signals, limits::MAX_SIGNALS, "signals"),
                ItemKind::Tests(cases) => {
                    tests += cases.len().saturating_sub(1);
                    (&mut tests, limits::MAX_TESTS, "tests")
                }
                ItemKind::Score(_) | ItemKind::Flag(_) | ItemKind::Band(_) | ItemKind::Group(_) => {
                    (&mut derived, limits::MAX_SIGNALS, "scores, flags, bands and groups")
                }
                ItemKind::Policy(_)
                | ItemKind::Order(_)
                | ItemKind::Virtual(..)
                | ItemKind::Output(..)
                | ItemKind::Default(_)
                | ItemKind::Guard(_) => continue,
            };
            let before = *count;
            *count += 1;
            if *count > most && (before <= most || what == "tests") {
                let message = format!("there are more than {most} {what}");
                self.push(Diagnostic::error("too-many", item.span, message).help("split the policy"));
            }
        }
    }

    /// Signals first, since they may stand anywhere; then scores, flags, bands and groups in the order written.
    fn derived(&mut self, tree: &Tree<'a>) -> Head {
        let mut head = Head::default();
        let mut name: Option<(String, Span)> = None;
        let (mut order, mut names) = (None, None);
        let signals = tree.items.iter().filter_map(|item| match &item.kind {
            ItemKind::Signal(signal) => Some(signal),
            _ => None,
        });
        signals.take(limits::MAX_SIGNALS).for_each(|signal| self.signal(signal));
        for item in &tree.items {
            match &item.kind {
                ItemKind::Policy(text) => {
                    self.only_one(name.as_ref().map(|(_, span)| *span), text.span, "policy");
                    name = Some((text.value.clone().into_owned(), text.span));
                }
                ItemKind::Order(words) => {
                    self.only_one(order, item.span, "order");
                    order = Some(item.span);
                    head.by_confidence = self.order(words, item.span);
                }
                ItemKind::Virtual(list, span) => {
                    self.only_one(names, *span, "virtual");
                    names = Some(*span);
                    head.virtuals = self.virtuals(list);
                }
                ItemKind::Score(score) => self.score(score),
                ItemKind::Flag(flag) => self.flag(flag),
                ItemKind::Band(band) => self.band(band),
                ItemKind::Group(group) => self.group(group),
                ItemKind::Output(act, signal) => {
                    let rule = self.output(*act, *signal);
                    self.output_rules.extend(rule);
                }
                ItemKind::Signal(_)
                | ItemKind::Route(_)
                | ItemKind::Default(_)
                | ItemKind::Guard(_)
                | ItemKind::Tests(_) => {}
            }
        }
        head.name = name.map_or_else(|| "policy".to_owned(), |(name, _)| name);
        head
    }

    /// Whether confidence comes before priority.
    fn order(&mut self, words: &[Name<'a>], span: Span) -> bool {
        let words: Vec<&str> = words.iter().map(|word| word.text).collect();
        match words.as_slice() {
            ["tier", "priority", "confidence"] => false,
            ["tier", "confidence", "priority"] => true,
            _ => {
                let found = Diagnostic::error("bad-value", span, "there is no such order of routes");
                let help = "write `order tier priority confidence` (the default) or `order tier confidence priority`";
                self.push(found.help(help));
                false
            }
        }
    }

    /// Names that callers may ask for instead of a model.
    fn virtuals(&mut self, names: &[Text<'a>]) -> Vec<String> {
        for name in names {
            let is_model = self.known.models.as_ref().is_some_and(|models| models.contains(&*name.value));
            if is_model || name.value.is_empty() {
                let message = format!("{:?} is no name to give to the policy", shorten(&name.value));
                let found = Diagnostic::error("bad-value", name.span, message);
                self.push(found.help("a virtual name is not empty and not the name of a model"));
            }
        }
        names.iter().map(|name| name.value.clone().into_owned()).collect()
    }

    fn only_one(&mut self, first: Option<Span>, again: Span, what: &str) {
        if let Some(first) = first {
            let found = Diagnostic::error("duplicate-name", again, format!("there are two `{what}` lines"));
            self.push(found.label(first, "first here").help("keep one of them"));
        }
    }

    /// Warns of names that nothing reads; answers which signals are read.
    fn unused(&mut self) -> Vec<bool> {
        let mut used = vec![false; self.table.specs.len()];
        let mut found = Vec::new();
        for (name, symbol) in &self.symbols {
            if let (Meaning::Signal(signal), true) = (symbol.meaning, symbol.used)
                && let Some(slot) = used.get_mut(signal as usize)
            {
                *slot = true;
            }
            if !symbol.used {
                found.push((symbol.span, *name));
            }
        }
        found.sort_by_key(|(span, _)| span.start);
        for (span, name) in found {
            let message = format!("`{}` is never used", shorten(name));
            self.push(Diagnostic::warning("unused", span, message).help("use it in a route, or remove it"));
        }
        used
    }

    fn test(&mut self, declared: &TestDecl<'a>) -> Option<TestCase> {
        let mut case = TestCase {
            text: String::new(),
            facts: BTreeMap::new(),
            expect: declared.expect.text.to_owned(),
            governed: Expected {
                models: declared.models.as_deref().map(owned),
                tools: declared.tools.as_deref().map(owned),
                refused: declared.refused.as_ref().map(|text| text.value.clone().into_owned()),
            },
            span: declared.span,
        };
        let expect = declared.expect;
        if !matches!(expect.text, "default" | "rejected") && !self.routes.contains_key(expect.text) {
            let names = self.routes.keys().copied().chain(["default", "rejected"]);
            let full = self.report.diagnostics.len() >= limits::MAX_DIAGNOSTICS;
            let meant = if full { None } else { nearest(expect.text, names) };
            let message = format!("there is no route `{}`", shorten(expect.text));
            let help = "name a route, default or rejected";
            let found = Diagnostic::error("unknown-route", expect.span, message);
            self.push(found.meant(meant, || Some(help.to_owned())));
        }
        for Argument { name, value } in &declared.fields {
            match (name.text, value) {
                ("text", Literal::Text(text)) => case.text = text.value.clone().into_owned(),
                ("text", other) => {
                    self.push(Diagnostic::error("bad-value", other.span(), "`text` takes a text in quotes"));
                }
                _ => {
                    let (kind, value) = self.fact(*name, value)?;
                    case.facts.insert(kind, value);
                }
            }
        }
        Some(case)
    }

    /// A fact that a test sets, of the fact's type.
    fn fact(&mut self, name: Name<'a>, value: &Literal<'a>) -> Option<(Kind, Value)> {
        let facts = || Kind::ALL.iter().filter(|kind| kind.is_fact()).map(|kind| kind.word());
        let Some(kind) = Kind::parse(name.text).filter(|kind| kind.is_fact()) else {
            let message = format!("a test cannot set `{}`", shorten(name.text));
            let found = Diagnostic::error("unknown-name", name.span, message);
            let help = || Some("a test sets text and facts such as tokens, role or language".to_owned());
            self.push(found.meant(nearest(name.text, facts().chain(["text"])), help));
            return None;
        };
        let given = match (kind.info().value, value) {
            (ValueType::Number, Literal::Number(number)) => Value::Number(number.value),
            (ValueType::Flag, Literal::Word(Name { text: word @ ("true" | "false"), .. })) => {
                Value::Flag(*word == "true")
            }
            (ValueType::Text, Literal::Text(text)) => Value::Text(text.value.clone().into_owned()),
            (ValueType::Set, Literal::List(items, _)) => {
                Value::Set(items.iter().map(|item| item.value.clone().into_owned()).collect())
            }
            (wanted, other) => {
                let wanted = match wanted {
                    ValueType::Number => "a number",
                    ValueType::Flag => "true or false",
                    ValueType::Text => "a text",
                    ValueType::Set => "a list of texts",
                };
                let message = format!("`{}` takes {wanted}, not {}", name.text, other.describe());
                self.push(Diagnostic::error("type", other.span(), message));
                return None;
            }
        };
        Some((kind, given))
    }
}

fn owned(texts: &[Text<'_>]) -> Vec<String> {
    texts.iter().map(|text| text.value.clone().into_owned()).collect()
}
