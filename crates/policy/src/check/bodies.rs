//! The statements of a route: to effects.

use super::names::{Checker, shorten};
use crate::effects::{
    Algorithm, Answer, Candidate, Effects, Effort, HeaderEdit, ParamEdit, SystemEdit, ToolFilter,
};
use crate::limits;
use crate::syntax::tree::{
    Expr, Literal, ModelDecl, Name, Number, RouteDecl, Statement, StatementKind, Text,
};
use crate::text::diagnostic::Diagnostic;
use crate::text::span::Span;
use crate::text::suggest::nearest;
use std::collections::{BTreeMap, BTreeSet};
use tollgate_core::signal::Param;

/// Headers that the gateway itself writes or that carry credentials.
const OWN_HEADERS: &[&str] = &[
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "keep-alive",
    "proxy-authorization",
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
];
/// Members of the body that other statements govern.
const OWN_PARAMS: &[&str] =
    &["model", "messages", "input", "contents", "system", "instructions", "stream", "tools"];

/// Whether the gateway itself sets the header `name`.
pub(crate) fn is_own_header(name: &str) -> bool {
    OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// Whether `name` is a parameter that a policy may edit.
pub(crate) fn is_param(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && name.bytes().all(letter) && !OWN_PARAMS.contains(&name)
}

/// A word and what it stands for.
type Choice<T> = (&'static str, T);

type MakeSystem = fn(String) -> SystemEdit;
type MakeFilter = fn(Vec<String>) -> ToolFilter;

/// What a body says.
pub(super) struct Body<'t, 'a> {
    pub(super) given: Option<&'t Expr<'a>>,
    pub(super) when: Option<&'t Expr<'a>>,
    pub(super) effects: Effects,
    pub(super) notes: BTreeMap<String, String>,
}

impl<'a> Checker<'a, '_> {
    /// Effects of a body; statements that may stand once are checked for that.
    pub(super) fn effects<'t>(&mut self, route: &'t RouteDecl<'a>) -> Body<'t, 'a> {
        let effects = Effects { output: self.output_rules.clone(), ..Effects::default() };
        let mut body = Body { given: None, when: None, effects, notes: BTreeMap::new() };
        let mut algorithm = None;
        let mut once: Vec<(&str, Span)> = Vec::new();
        for statement in &route.body {
            self.once(&mut once, statement);
            let effects = &mut body.effects;
            match &statement.kind {
                StatementKind::Given(expr) => body.given = Some(expr),
                StatementKind::When(expr) => body.when = Some(expr),
                StatementKind::Models(models) => effects.models = self.models(models, statement.span),
                StatementKind::Algorithm(name) => algorithm = self.algorithm(*name).map(|a| (a, name.span)),
                StatementKind::Pool(pool) => effects.pool = Some(self.pool(pool)),
                StatementKind::System(mode, text) => effects.system.extend(self.system(*mode, text)),
                StatementKind::Mask(types) => effects.mask = self.masked(types.as_deref(), statement.span),
                StatementKind::HeaderSet(name, value) => {
                    effects.headers.extend(self.header(name, Some(value)));
                }
                StatementKind::HeaderRemove(name) => effects.headers.extend(self.header(name, None)),
                StatementKind::ParamSet(name, value) => effects.params.extend(self.param_set(*name, value)),
                StatementKind::ParamCap(name, at) => effects.params.extend(self.param_cap(*name, *at)),
                StatementKind::ParamRemove(name) => {
                    let name = self.body_param(*name);
                    effects.params.extend(name.map(|name| ParamEdit::Remove { name }));
                }
                StatementKind::Tools(mode, names) => {
                    effects.tools.extend(self.tools(*mode, names, statement.span));
                }
                StatementKind::Output(act, signal) => {
                    let rule = self.output(*act, *signal);
                    body.effects.output.extend(rule);
                }
                StatementKind::Note(key, text) => self.note(&mut body.notes, *key, text),
                StatementKind::Answer(status, text) => effects.answer = Some(self.answer(*status, text)),
            }
        }
        let weighted = body.effects.models.iter().any(|candidate| candidate.weight != 1);
        body.effects.algorithm = match algorithm {
            Some((Algorithm::Static, span)) if weighted => {
                let found =
                    Diagnostic::warning("unused", span, "static takes the first model; weights are not read");
                self.push(found.help("write `algorithm weighted`, or leave the weights out"));
                Algorithm::Static
            }
            Some((given, _)) => given,
            None if weighted => Algorithm::Weighted,
            None => Algorithm::Static,
        };
        self.either(route, &body.effects);
        body
    }

    fn once(&mut self, seen: &mut Vec<(&'static str, Span)>, statement: &Statement<'a>) {
        let word = match statement.kind {
            StatementKind::Given(_) => "given",
            StatementKind::When(_) => "when",
            StatementKind::Models(_) => "models",
            StatementKind::Algorithm(_) => "algorithm",
            StatementKind::Pool(_) => "pool",
            StatementKind::Mask(_) => "mask",
            StatementKind::Answer(..) => "answer",
            _ => return,
        };
        match seen.iter().find(|(held, _)| *held == word).copied() {
            Some((_, first)) => {
                let message = format!("`{word}` stands twice in one route");
                let found = Diagnostic::error("duplicate-statement", statement.span, message);
                self.push(found.label(first, "first here"));
            }
            None => seen.push((word, statement.span)),
        }
    }

    fn either(&mut self, route: &RouteDecl<'a>, effects: &Effects) {
        let written = |wanted: fn(&StatementKind<'_>) -> bool| route.body.iter().find(|s| wanted(&s.kind));
        let models = written(|kind| matches!(kind, StatementKind::Models(_)));
        match (models, written(|kind| matches!(kind, StatementKind::Answer(..)))) {
            (None, None) if route.whole => {
                let message = format!("`{}` has neither models nor an answer", route.name.text);
                let found = Diagnostic::error("missing-models", route.name.span, message);
                self.push(found.help("add `models { \"NAME\" }` or `answer 403 \"...\"`"));
            }
            (Some(models), Some(answer)) => {
                let found = Diagnostic::error("bad-value", answer.span, "a fixed answer asks no model");
                self.push(found.label(models.span, "models are given here").help("keep one of the two"));
            }
            (None, Some(_))
                if effects.pool.is_some()
                    || !effects.params.is_empty()
                    || !effects.tools.is_empty()
                    || !effects.mask.is_empty() =>
            {
                let message = "a fixed answer asks no model; pool, param, tools and mask are not read";
                self.push(Diagnostic::warning("unused", route.name.span, message));
            }
            _ => {}
        }
    }

    fn models(&mut self, models: &[ModelDecl<'a>], span: Span) -> Vec<Candidate> {
        if models.is_empty() || models.len() > limits::MAX_MODELS {
            let message = format!("a route has from 1 to {} candidate models", limits::MAX_MODELS);
            self.push(Diagnostic::error("too-many", span, message));
        }
        models.iter().take(limits::MAX_MODELS).map(|model| self.candidate(model)).collect()
    }

    fn candidate(&mut self, declared: &ModelDecl<'a>) -> Candidate {
        let known = self.known.models.as_ref();
        self.named(known, &declared.model, "model");
        let mut candidate =
            Candidate { model: declared.model.value.clone().into_owned(), weight: 1, effort: None };
        self.options(&declared.options, &["weight", "effort"], "a model");
        for option in &declared.options {
            match (option.name.text, &option.value) {
                ("weight", Literal::Number(n))
                    if n.value.fract() == 0.0 && (1.0..=10_000.0).contains(&n.value) =>
                {
                    // Whole and small, as just checked.
                    candidate.weight = n.value as u32;
                }
                ("weight", other) => {
                    self.push(Diagnostic::error(
                        "range",
                        other.span(),
                        "a weight is a whole number from 1 to 10000",
                    ));
                }
                ("effort", Literal::Word(word)) if Effort::parse(word.text).is_some() => {
                    candidate.effort = Effort::parse(word.text);
                }
                ("effort", other) => {
                    let found = Diagnostic::error("bad-value", other.span(), "there is no such effort");
                    self.push(found.help(format!("write one of {}", Effort::WORDS.join(", "))));
                }
                _ => {}
            }
        }
        candidate
    }

    fn named(&mut self, known: Option<&BTreeSet<String>>, name: &Text<'a>, what: &str) {
        let Some(known) = known.filter(|known| !known.contains(&*name.value)) else { return };
        let message = format!("there is no {what} {:?}", shorten(&name.value));
        let all = || {
            let some: Vec<&str> = known.iter().take(8).map(String::as_str).collect();
            Some(format!(
                "the gateway has {}",
                if some.is_empty() { "none".to_owned() } else { some.join(", ") }
            ))
        };
        let code = if what == "model" { "unknown-model" } else { "unknown-pool" };
        let meant = nearest(&name.value, known.iter().map(String::as_str));
        self.push(Diagnostic::error(code, name.span, message).meant(meant, all));
    }

    fn pool(&mut self, pool: &Text<'a>) -> String {
        let known = self.known.pools.as_ref();
        self.named(known, pool, "pool");
        pool.value.clone().into_owned()
    }

    /// One of a few words, or an error that lists them.
    pub(super) fn one_of<T>(&mut self, name: Name<'a>, choices: &[Choice<T>]) -> Option<T>
    where
        T: Copy,
    {
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == name.text) {
            return Some(*value);
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let message = format!("`{}` is not known here", shorten(name.text));
        let all = || Some(format!("write {}", words.join(" or ")));
        self.push(
            Diagnostic::error("bad-value", name.span, message).meant(nearest(name.text, words.clone()), all),
        );
        None
    }

    fn algorithm(&mut self, name: Name<'a>) -> Option<Algorithm> {
        self.one_of(name, &[("static", Algorithm::Static), ("weighted", Algorithm::Weighted)])
    }

    fn system(&mut self, mode: Name<'a>, text: &Text<'a>) -> Option<SystemEdit> {
        let edits: [Choice<MakeSystem>; 3] = [
            ("append", SystemEdit::Append),
            ("prepend", SystemEdit::Prepend),
            ("replace", SystemEdit::Replace),
        ];
        Some(self.one_of(mode, &edits)?(text.value.clone().into_owned()))
    }

    fn tools(&mut self, mode: Name<'a>, names: &[Text<'a>], span: Span) -> Option<ToolFilter> {
        let filters: [Choice<MakeFilter>; 2] = [("keep", ToolFilter::Keep), ("drop", ToolFilter::Drop)];
        let filter = self.one_of(mode, &filters)?;
        if names.is_empty() && mode.text == "drop" {
            self.push(Diagnostic::error("bad-value", span, "the list is empty, so nothing is dropped"));
        }
        Some(filter(names.iter().map(|name| name.value.clone().into_owned()).collect()))
    }

    fn header(&mut self, name: &Text<'a>, value: Option<&Text<'a>>) -> Option<HeaderEdit> {
        let lower = name.value.to_ascii_lowercase();
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if lower.is_empty() || lower.len() > 256 || !lower.bytes().all(token) {
            self.push(Diagnostic::error("bad-value", name.span, "this is no header name"));
            return None;
        }
        if OWN_HEADERS.contains(&lower.as_str()) {
            let message = format!("the gateway itself sets `{lower}`");
            self.push(
                Diagnostic::error("bad-value", name.span, message).help("set it on the provider instead"),
            );
            return None;
        }
        let Some(value) = value else { return Some(HeaderEdit::Remove { name: lower }) };
        if !value.value.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            self.push(Diagnostic::error("bad-value", value.span, "a header value is printable ASCII"));
            return None;
        }
        Some(HeaderEdit::Set { name: lower, value: value.value.clone().into_owned() })
    }

    fn body_param(&mut self, name: Name<'a>) -> Option<String> {
        if OWN_PARAMS.contains(&name.text) {
            let message = format!("`{}` is not a parameter to edit", name.text);
            let help = "use models, system or tools; messages are never edited";
            self.push(Diagnostic::error("bad-value", name.span, message).help(help));
            return None;
        }
        Some(name.text.to_owned())
    }

    fn param_set(&mut self, name: Name<'a>, value: &Literal<'a>) -> Option<ParamEdit> {
        let name = self.body_param(name)?;
        let value = match value {
            Literal::Number(number) => Param::Number(number.value),
            Literal::Text(text) => Param::Text(text.value.clone().into_owned()),
            Literal::List(items, _) => {
                Param::List(items.iter().map(|item| item.value.clone().into_owned()).collect())
            }
            Literal::Word(word) => Param::Flag(self.one_of(*word, &[("true", true), ("false", false)])?),
        };
        Some(ParamEdit::Set { name, value })
    }

    fn note(&mut self, notes: &mut BTreeMap<String, String>, key: Name<'a>, text: &Text<'a>) {
        if text.value.len() > limits::MAX_LABEL || notes.len() >= limits::MAX_NOTES {
            let message =
                format!("a route has at most {} notes of {} bytes", limits::MAX_NOTES, limits::MAX_LABEL);
            return self.push(Diagnostic::error("too-many", text.span, message));
        }
        if notes.insert(key.text.to_owned(), text.value.clone().into_owned()).is_some() {
            let message = format!("there are two notes `{}`", shorten(key.text));
            self.push(Diagnostic::error("duplicate-statement", key.span, message));
        }
    }

    fn param_cap(&mut self, name: Name<'a>, at: Number) -> Option<ParamEdit> {
        Some(ParamEdit::Cap { name: self.body_param(name)?, at: at.value })
    }

    fn answer(&mut self, status: Number, text: &Text<'a>) -> Answer {
        if !(200.0..=599.0).contains(&status.value) || status.value.fract() != 0.0 {
            self.push(Diagnostic::error("range", status.span, "a status is a whole number from 200 to 599"));
        }
        // The cast saturates, and a wrong number was just reported.
        Answer { status: status.value as u16, text: text.value.clone().into_owned() }
    }
}
