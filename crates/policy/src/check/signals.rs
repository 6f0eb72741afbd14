//! Declared signals: kind, parameters, words and ranges against the catalogue.

use super::names::{Checker, Meaning, shorten};
use crate::syntax::tree::{Argument, Literal, Name, SignalDecl};
use crate::text::diagnostic::Diagnostic;
use crate::text::suggest::nearest;
use std::collections::BTreeMap;
use tollgate_core::signal::{Info, Kind, OnFailure, Param, ParamInfo, ParamType, SignalSpec, ValueType};

/// Range of a numeric parameter; the catalogue states them in its help texts.
struct Range {
    kind: Kind,
    name: &'static str,
    least: f64,
    most: f64,
    whole: bool,
}

const fn range(kind: Kind, name: &'static str, least: f64, most: f64, whole: bool) -> Range {
    Range { kind, name, least, most, whole }
}

const RANGES: &[Range] = &[
    range(Kind::Keyword, "distance", 1.0, 3.0, true),
    range(Kind::Keyword, "threshold", 0.0, 1000.0, false),
    range(Kind::Keyword, "arity", 2.0, 5.0, true),
    range(Kind::Reask, "threshold", 0.0, 1.0, false),
    range(Kind::Reask, "lookback", 1.0, 16.0, true),
    range(Kind::Reask, "streak", 1.0, 16.0, true),
    range(Kind::Similar, "threshold", 0.0, 1.0, false),
    range(Kind::Domain, "threshold", 0.0, 1.0, false),
    range(Kind::Jailbreak, "threshold", 0.0, 1.0, false),
    range(Kind::Hazard, "threshold", 0.0, 1.0, false),
    range(Kind::Classifier, "threshold", 0.0, 1.0, false),
];

/// Of these parameters at least one must be given.
const ONE_OF: &[(Kind, &[&str])] = &[
    (Kind::Keyword, &["any", "all", "none"]),
    (Kind::Feature, &["words", "regex"]),
    (Kind::Event, &["types", "severities", "codes", "temporal"]),
];

/// Keyword parameters that only some methods read.
const ONLY_WITH: &[(&str, &[&str])] =
    &[("distance", &["fuzzy"]), ("threshold", &["bm25", "ngram"]), ("arity", &["ngram"])];

const SEVERITIES: &[&str] = &["critical", "high", "medium", "low"];

impl<'a> Checker<'a, '_> {
    /// Checks one declaration and defines its name, even when its parameters are wrong.
    pub(super) fn signal(&mut self, declared: &SignalDecl<'a>) {
        let Some(kind) = self.kind(declared.kind) else {
            // The name stays usable, so that one wrong kind does not make every use of it an error too.
            return self.add(declared.name, SignalSpec::fact(Kind::Stream));
        };
        let info = kind.info();
        let mut spec = SignalSpec {
            name: declared.name.text.to_owned(),
            kind,
            params: BTreeMap::new(),
            on_failure: kind.on_failure(),
        };
        for argument in &declared.arguments {
            if argument.name.text == "on_failure" {
                spec.on_failure = self.on_failure(kind, argument);
            } else if argument.name.text == "label" {
                self.no_label(&info, argument);
            } else if let Some(param) = self.param(kind, &info, argument)
                && spec.params.insert(argument.name.text.to_owned(), param).is_some()
            {
                let message = format!("`{}` is given twice", argument.name.text);
                self.push(Diagnostic::error("duplicate-parameter", argument.name.span, message));
            }
        }
        self.needs(declared, &info, &spec);
        self.add(declared.name, spec);
        if info.value == ValueType::Flag {
            self.label(declared.name, &declared.arguments);
        }
    }

    /// Only what is true or false can be reported as holding.
    fn no_label(&mut self, info: &Info, argument: &Argument<'a>) {
        if info.value != ValueType::Flag {
            let message = format!("`{}` is neither true nor false and takes no label", info.word);
            let found = Diagnostic::error("unknown-parameter", argument.name.span, message);
            self.push(found.help("label a flag or a band over it"));
        }
    }

    fn add(&mut self, name: Name<'a>, mut spec: SignalSpec) {
        let index = u32::try_from(self.table.specs.len()).unwrap_or(u32::MAX);
        name.text.clone_into(&mut spec.name);
        self.table.specs.push(spec);
        self.define(name, Meaning::Signal(index));
    }

    fn kind(&mut self, word: Name<'a>) -> Option<Kind> {
        let kind = Kind::parse(word.text);
        if kind.is_none() {
            let meant = nearest(word.text, Kind::ALL.iter().map(|kind| kind.word()));
            let message = format!("there is no kind of signal `{}`", shorten(word.text));
            let all = || Some(Kind::ALL.iter().map(|kind| kind.word()).collect::<Vec<_>>().join(", "));
            self.push(Diagnostic::error("unknown-kind", word.span, message).meant(meant, all));
        }
        kind
    }

    fn on_failure(&mut self, kind: Kind, argument: &Argument<'a>) -> OnFailure {
        match &argument.value {
            Literal::Word(Name { text: "no_match", .. }) => OnFailure::NoMatch,
            Literal::Word(Name { text: "match", .. }) => OnFailure::Match,
            Literal::Word(Name { text: "reject", .. }) => OnFailure::Reject,
            other => {
                let found = Diagnostic::error("bad-value", other.span(), "on_failure takes no such value");
                self.push(found.help("write no_match, match or reject"));
                kind.on_failure()
            }
        }
    }

    fn param(&mut self, kind: Kind, info: &Info, argument: &Argument<'a>) -> Option<Param> {
        let Argument { name, value } = argument;
        let Some(param) = info.params.iter().find(|param| param.name == name.text) else {
            let known: Vec<&str> =
                info.params.iter().map(|p| p.name).chain(["on_failure", "label"]).collect();
            let message = format!("`{}` has no parameter `{}`", info.word, shorten(name.text));
            let found = Diagnostic::error("unknown-parameter", name.span, message);
            let all = || Some(format!("it has {}", known.join(", ")));
            self.push(found.meant(nearest(name.text, known.iter().copied()), all));
            return None;
        };
        match (param.param_type, value) {
            (ParamType::Flag, Literal::Word(Name { text: flag @ ("true" | "false"), .. })) => {
                return Some(Param::Flag(*flag == "true"));
            }
            (ParamType::Number, Literal::Number(number)) => {
                return self
                    .in_range(kind, param, number.value, argument)
                    .then_some(Param::Number(number.value));
            }
            (ParamType::Text, Literal::Text(text)) => {
                return Some(Param::Text(text.value.clone().into_owned()));
            }
            (ParamType::Word(words), Literal::Word(word)) if words.contains(&word.text) => {
                return Some(Param::Text(word.text.to_owned()));
            }
            (ParamType::Word(words), Literal::Word(word)) => {
                let message = format!("`{}` is no {} of `{}`", shorten(word.text), name.text, info.word);
                let all = || Some(format!("write one of {}", words.join(", ")));
                let meant = nearest(word.text, words.iter().copied());
                self.push(Diagnostic::error("bad-value", word.span, message).meant(meant, all));
                return None;
            }
            (ParamType::List, Literal::List(items, _)) => {
                return self.texts(argument, items.iter().map(|item| &*item.value));
            }
            (ParamType::List, Literal::Text(text)) => {
                return self.texts(argument, std::iter::once(&*text.value));
            }
            _ => {}
        }
        let wanted = match param.param_type {
            ParamType::Flag => "true or false".to_owned(),
            ParamType::Number => "a number".to_owned(),
            ParamType::Text => "a text in quotes".to_owned(),
            ParamType::Word(words) => format!("one of {}, without quotes", words.join(", ")),
            ParamType::List => "a list of texts".to_owned(),
        };
        let message = format!("`{}` takes {wanted}, not {}", name.text, value.describe());
        self.push(Diagnostic::error("bad-value", value.span(), message).help(param.help));
        None
    }

    fn texts<'t>(&mut self, argument: &Argument<'a>, items: impl Iterator<Item = &'t str>) -> Option<Param> {
        let list: Vec<String> = items.map(str::to_owned).collect();
        let name = argument.name.text;
        let problem = if list.is_empty() {
            "the list is empty".to_owned()
        } else if list.iter().any(String::is_empty) {
            "an empty text would match everything".to_owned()
        } else if let ("severities", Some(odd)) =
            (name, list.iter().find(|item| !SEVERITIES.contains(&item.as_str())))
        {
            format!("{odd:?} is no severity; there are {}", SEVERITIES.join(", "))
        } else {
            return Some(Param::List(list));
        };
        self.push(Diagnostic::error("bad-value", argument.value.span(), format!("`{name}`: {problem}")));
        None
    }

    fn in_range(&mut self, kind: Kind, param: &ParamInfo, value: f64, argument: &Argument<'a>) -> bool {
        let found = RANGES.iter().find(|range| range.kind == kind && range.name == param.name);
        let Some(Range { least, most, whole, .. }) = found else { return true };
        let fits = (*least..=*most).contains(&value) && (!whole || value.fract() == 0.0);
        if !fits {
            let number = if *whole { "a whole number" } else { "a number" };
            let message = format!("`{}` must be {number} from {least} to {most}", param.name);
            self.push(Diagnostic::error("range", argument.value.span(), message).help(param.help));
        }
        fits
    }

    /// Parameters that must be there, and those that go together.
    fn needs(&mut self, declared: &SignalDecl<'a>, info: &Info, spec: &SignalSpec) {
        let given = |name: &str| declared.arguments.iter().any(|argument| argument.name.text == name);
        for param in info.params.iter().filter(|param| param.required && !given(param.name)) {
            let message = format!("`{}` needs `{}`", info.word, param.name);
            self.push(Diagnostic::error("missing-parameter", declared.name.span, message).help(param.help));
        }
        if let Some((_, names)) = ONE_OF.iter().find(|(kind, _)| *kind == spec.kind)
            && !names.iter().any(|name| given(name))
        {
            let message = format!("`{}` has nothing to look for", info.word);
            let help = format!("give at least one of {}", names.join(", "));
            self.push(Diagnostic::error("missing-parameter", declared.name.span, message).help(help));
        }
        if spec.kind != Kind::Keyword {
            return;
        }
        let method = spec.text("method").unwrap_or("literal");
        for (name, methods) in ONLY_WITH {
            let argument = declared.arguments.iter().find(|argument| argument.name.text == *name);
            if let Some(argument) = argument.filter(|_| !methods.contains(&method)) {
                let message = format!("`{name}` is not read by the method {method}");
                let help = format!("add `method {}`, or leave it out", methods.join("` or `method "));
                self.push(Diagnostic::error("bad-value", argument.name.span, message).help(help));
            }
        }
    }
}
