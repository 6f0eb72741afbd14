//! Leaves `{type, name}` to names of the language, declared when they are first asked for.
//!
//! Every signal of a recipe is declared once, with its `type:name` as label, in an order in which nothing is used
//! before it stands. A name that nothing declares never holds, and is reported.

use super::super::gaps::Gaps;
use super::super::patterns::Patterns;
use super::super::write::{Names, quote};
use super::super::yaml::Node;
use super::Recipe;
use std::collections::HashMap;
use std::fmt::Write as _;

/// What never holds.
pub(super) const NEVER: &str = "not always";

/// Leaf types with the key under which their rules stand.
pub(super) const TYPES: &[(&str, &str)] = &[
    ("keyword", "keywords"),
    ("context", "context"),
    ("language", "language"),
    ("structure", "structure"),
    ("conversation", "conversation"),
    ("event", "events"),
    ("metadata", "metadata"),
    ("authz", "role_bindings"),
    ("reask", "reasks"),
    ("embedding", "embeddings"),
    ("domain", "domains"),
    ("complexity", "complexity"),
    ("kb", "kb"),
    ("preference", "preferences"),
    ("jailbreak", "jailbreak"),
    ("pii", "pii"),
    ("fact_check", "fact_check"),
    ("user_feedback", "user_feedbacks"),
    ("modality", "modality"),
    ("classifier", "classifiers"),
];

/// What a leaf stands for.
#[derive(Clone, Debug)]
pub(super) enum Term {
    /// A declared name that is true or false.
    Named(String),
    /// It never holds.
    Never,
}

/// A leaf's state: what is there before the best embedding is chosen, and after.
#[derive(Clone, Debug)]
struct Known {
    early: Term,
    late: Term,
}

/// One recipe on its way into the language.
pub(super) struct Lower<'y, 'g> {
    pub(super) routing: &'y Node,
    /// The file, for what stands outside the recipe.
    pub(super) root: &'y Node,
    pub(super) names: &'g mut Names,
    pub(super) gaps: &'g mut Gaps,
    pub(super) patterns: &'g mut Patterns,
    /// Whether a condition of a composer is being written.
    pub(super) composing: bool,
    /// Whether what is declared is a member of a group, which is told of under its label instead.
    pub(super) bare: bool,
    /// Name of the recipe where there are several.
    recipe: Option<&'y str>,
    /// Rules by leaf type and name.
    rules: HashMap<(&'y str, &'y str), &'y Node>,
    known: HashMap<(String, String), Known>,
    busy: Vec<(String, String)>,
    out: String,
}

impl<'y, 'g> Lower<'y, 'g> {
    pub(super) fn new(
        recipe: &Recipe<'y>,
        many: bool,
        root: &'y Node,
        names: &'g mut Names,
        gaps: &'g mut Gaps,
        patterns: &'g mut Patterns,
    ) -> Self {
        let mut lower = Self {
            routing: recipe.routing,
            root,
            names,
            gaps,
            patterns,
            composing: false,
            bare: false,
            recipe: many.then_some(recipe.name),
            rules: HashMap::new(),
            known: HashMap::new(),
            busy: Vec::new(),
            out: String::new(),
        };
        lower.index();
        lower
    }

    /// Finds every rule by its type and name, and declares those that need nothing else.
    fn index(&mut self) {
        let signals = self.routing.get("signals");
        for (kind, key) in TYPES {
            for rule in signals.map(|signals| signals.list(key)).unwrap_or_default() {
                super::gaps_free_text(rule);
                let name = if *kind == "authz" { rule.str("role") } else { rule.str("name") };
                let Some(name) = name else {
                    self.gaps.wrong(rule, "a signal has a name; it is left out");
                    continue;
                };
                if self.rules.insert((kind, name), rule).is_some() && *kind != "authz" {
                    self.gaps.wrong(rule, "two signals of one type and name; the later one counts");
                }
            }
        }
        self.partitions();
        self.best_embeddings();
        self.best_of("preference");
        for (kind, key) in TYPES {
            for rule in signals.map(|signals| signals.list(key)).unwrap_or_default() {
                let name = if *kind == "authz" { rule.str("role") } else { rule.str("name") };
                let Some(name) = name else { continue };
                if *kind == "complexity" {
                    for level in ["hard", "medium", "easy"] {
                        self.leaf(kind, &format!("{name}:{level}"), rule);
                    }
                } else if *kind == "classifier" {
                    self.gaps.dropped(
                        rule,
                        "no model of this kind is loaded; its conditions are answered by their on_error",
                    );
                } else {
                    self.leaf(kind, name, rule);
                }
            }
        }
    }

    /// The recipe's name, where there are several.
    pub(super) const fn recipe(&self) -> Option<&'y str> {
        self.recipe
    }

    /// The rule of a leaf type and name.
    pub(super) fn rule(&self, kind: &str, name: &str) -> Option<&'y Node> {
        // Keys borrow from the file, so the look-up goes by equal texts.
        self.rules.get(&(kind, name)).copied()
    }

    /// The names of all rules of a type, in the order of the file.
    pub(super) fn all(&self, kind: &str) -> Vec<&'y str> {
        let Some((_, key)) = TYPES.iter().find(|(known, _)| *known == kind) else { return Vec::new() };
        let rules = self.routing.get("signals").map(|signals| signals.list(key)).unwrap_or_default();
        rules.iter().filter_map(|rule| rule.str("name")).collect()
    }

    /// What `{type, name}` stands for; `at` is where it is asked for.
    pub(super) fn leaf(&mut self, kind: &str, name: &str, at: &'y Node) -> Term {
        let key = (kind.to_owned(), name.to_owned());
        if !self.known.contains_key(&key) {
            if self.busy.contains(&key) || self.busy.len() > 32 {
                self.gaps.wrong(at, "the signal depends on itself; it never holds");
                return Term::Never;
            }
            self.busy.push(key.clone());
            let term = self.lower(kind, name, at);
            self.busy.pop();
            self.known.insert(key.clone(), Known { early: term.clone(), late: term });
        }
        let composing = self.composing;
        let pick = |known: &Known| if composing { known.early.clone() } else { known.late.clone() };
        self.known.get(&key).map_or(Term::Never, pick)
    }

    /// Sets what a leaf stands for, from now on.
    pub(super) fn settle(&mut self, kind: &str, name: &str, term: Term) {
        self.known.insert((kind.to_owned(), name.to_owned()), Known { early: term.clone(), late: term });
    }

    /// What was settled for a leaf.
    pub(super) fn settled(&self, kind: &str, name: &str) -> Term {
        self.known.get(&(kind.to_owned(), name.to_owned())).map_or(Term::Never, |known| known.late.clone())
    }

    /// Whether it is known what a leaf stands for.
    pub(super) fn is_settled(&self, kind: &str, name: &str) -> bool {
        self.known.contains_key(&(kind.to_owned(), name.to_owned()))
    }

    /// Whether a score is being written.
    pub(super) fn in_work(&self, name: &str) -> bool {
        self.busy.len() > 32 || self.busy.iter().any(|(kind, held)| kind == "score" && held == name)
    }

    /// A score is being written, until [`Lower::end`].
    pub(super) fn begin(&mut self, name: &str) {
        self.busy.push(("score".to_owned(), name.to_owned()));
    }

    /// The score that was begun last is written.
    pub(super) fn end(&mut self) {
        self.busy.pop();
    }

    /// Sets what a leaf stands for once the best embedding is chosen.
    pub(super) fn settle_late(&mut self, kind: &str, name: &str, late: Term) {
        if let Some(known) = self.known.get_mut(&(kind.to_owned(), name.to_owned())) {
            known.late = late;
        }
    }

    fn lower(&mut self, kind: &str, name: &str, at: &'y Node) -> Term {
        if kind == "projection" {
            return self.projection(name, at);
        }
        // A level of complexity names its rule before the colon.
        let (rule_name, level) = match (kind, name.rsplit_once(':')) {
            ("complexity", Some((rule, level))) => (rule, level),
            _ => (name, ""),
        };
        let rule = self.rule(kind, rule_name);
        match (kind, rule) {
            ("complexity", Some(rule)) => self.complexity(rule_name, level, rule, at),
            (_, Some(rule)) => self.declare(kind, name, rule),
            // Labels of classifiers may be asked for without being declared.
            ("domain" | "user_feedback" | "fact_check" | "modality" | "language" | "authz", None) => {
                self.by_label(kind, name, at)
            }
            _ => {
                self.gaps.wrong(at, "there is no signal of this type and name; it never holds");
                Term::Never
            }
        }
    }

    fn declare(&mut self, kind: &str, name: &str, rule: &'y Node) -> Term {
        match kind {
            "keyword" => self.keyword(name, rule),
            "structure" => self.structure(name, rule),
            "event" => self.event(name, rule),
            "context" => self.context(name, rule),
            "language" => self.language(name, rule, rule),
            "conversation" => self.conversation(name, rule),
            "metadata" => self.metadata(name, rule),
            "authz" => self.role(name, Some(rule)),
            "reask" => self.reask(name, rule),
            "embedding" => self.embedding(name, rule),
            "domain" => self.domain(name, Some(rule), rule),
            "kb" => self.knowledge(name, rule),
            "preference" => self.preference(name, rule),
            "jailbreak" => self.jailbreak(name, rule),
            "pii" => self.pii(name, rule),
            "fact_check" => self.fact_check(name, rule),
            "user_feedback" => self.feedback(name, rule),
            "modality" => self.modality(name, rule),
            _ => Term::Never,
        }
    }

    fn by_label(&mut self, kind: &str, name: &str, at: &'y Node) -> Term {
        match kind {
            "domain" => self.domain(name, None, at),
            "user_feedback" => self.feedback(name, at),
            "fact_check" => self.fact_check(name, at),
            "modality" => self.modality(name, at),
            "authz" => self.role(name, None),
            _ => self.language(name, at, at),
        }
    }

    /// A free identifier like `name`.
    pub(super) fn identifier(&mut self, name: &str) -> String {
        self.names.give(name)
    }

    /// The label of a leaf, in quotes.
    pub(super) fn label(&self, kind: &str, name: &str) -> String {
        let name: String = name.chars().take(160).collect();
        match self.recipe {
            Some(recipe) => quote(&format!("{}::{kind}:{name}", recipe.chars().take(80).collect::<String>())),
            None => quote(&format!("{kind}:{name}")),
        }
    }

    /// Writes a declaration: `keyword NAME = body`.
    pub(super) fn write(&mut self, keyword: &str, name: &str, body: &str) {
        let _ = writeln!(self.out, "{keyword} {name} = {body}");
    }

    /// A signal that others are told of by its label.
    pub(super) fn signal(&mut self, kind: &str, name: &str, identifier: &str, body: &str) -> Term {
        self.labelled("signal", kind, name, identifier, body)
    }

    /// A condition that others are told of by its label.
    pub(super) fn flag(&mut self, kind: &str, name: &str, identifier: &str, condition: &str) -> Term {
        if condition == NEVER {
            return Term::Never;
        }
        self.labelled("flag", kind, name, identifier, condition)
    }

    fn labelled(&mut self, keyword: &str, kind: &str, name: &str, identifier: &str, body: &str) -> Term {
        if self.bare {
            let identifier = self.identifier(&format!("{identifier}_alone"));
            self.write(keyword, &identifier, body);
            return Term::Named(identifier);
        }
        let identifier = self.identifier(identifier);
        let label = self.label(kind, name);
        self.write(keyword, &identifier, &format!("{body} label {label}"));
        Term::Named(identifier)
    }

    /// An unlabelled helper signal.
    pub(super) fn helper(&mut self, identifier: &str, body: &str) -> String {
        let name = self.identifier(identifier);
        self.write("signal", &name, body);
        name
    }

    /// An unlabelled sum.
    pub(super) fn sum(&mut self, identifier: &str, body: &str) -> String {
        let name = self.identifier(identifier);
        self.write("sum", &name, body);
        name
    }

    /// The value that a predicate on a leaf compares, or `value_source: raw` reads; absent when the leaf never holds.
    pub(super) fn raw(&mut self, kind: &str, name: &str, at: &'y Node) -> Option<String> {
        let term = self.leaf(kind, name, at);
        match kind {
            "context" => return Some("context_tokens".to_owned()),
            "structure" | "conversation" => {
                if let Some(rule) = self.rule(kind, name) {
                    let value = if kind == "structure" {
                        self.structure_value(name, rule)
                    } else {
                        self.conversation_value(rule)
                    };
                    return value;
                }
            }
            "projection" => {
                if let Some(score) = self.projection_score(name) {
                    return Some(score);
                }
            }
            _ => {}
        }
        match term {
            Term::Named(name) => Some(format!("confidence({name})")),
            Term::Never => None,
        }
    }

    /// The declarations, with those that no decision asked for.
    pub(super) fn finish(mut self) -> String {
        self.rest();
        self.out
    }
}
