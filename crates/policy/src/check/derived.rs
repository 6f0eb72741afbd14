//! Scores, sums, flags, bands and groups.

use super::names::{Checker, Meaning, Size, shorten};
use crate::limits;
use crate::syntax::tree::{Argument, BandDecl, FlagDecl, GroupDecl, Literal, Name, ScoreDecl};
use crate::table::{Band, Contest, Group, NONE, Num, Score};
use crate::text::diagnostic::Diagnostic;
use tollgate_core::signal::ValueType;

/// Steepness of a band's confidence when the policy gives none.
const SLOPE: f64 = 12.0;
/// Temperature of a group when the policy gives none.
const TEMPERATURE: f64 = 0.1;

impl<'a> Checker<'a, '_> {
    /// The measure of the derived item just checked is kept under its name.
    fn measured(&mut self, name: Name<'a>) {
        let Size { height, terms } = self.size;
        self.sizes.insert(name.text, Size { height: height + 1, terms: terms.saturating_add(1) });
    }

    pub(super) fn score(&mut self, declared: &ScoreDecl<'a>) {
        self.size = Size::default();
        let num = self.number(&declared.expr);
        let what = if declared.cut { "score" } else { "sum" };
        if matches!(num, Some(Num::Const(_))) {
            let found = Diagnostic::error(
                "type",
                declared.expr.span,
                format!("the {what} does not depend on any signal"),
            );
            self.push(found.help("add a signal with a weight, such as 0.5 * code"));
        }
        self.small_enough(declared.name, what);
        self.measured(declared.name);
        let of = num.unwrap_or(Num::Const(0.0));
        let alone = of.parts().iter().map(Num::reads_one).collect();
        self.table.scores.push(Score { of, cut: declared.cut, alone });
        let index = super::expr::index(self.table.scores.len() - 1);
        self.define(declared.name, Meaning::Score(index));
    }

    fn small_enough(&mut self, name: Name<'a>, what: &str) {
        if self.size.terms > limits::MAX_DERIVED_TERMS || self.size.height >= limits::MAX_DERIVED_HEIGHT {
            let (terms, height) = (limits::MAX_DERIVED_TERMS, limits::MAX_DERIVED_HEIGHT);
            let message = format!("the {what} expands to more than {terms} terms or {height} levels");
            self.push(Diagnostic::error("too-deep", name.span, message));
        }
    }

    /// A named condition. One that is wrong keeps its name, so that its uses are no errors too.
    pub(super) fn flag(&mut self, declared: &FlagDecl<'a>) {
        self.size = Size::default();
        self.leaves = 0;
        let node = self.truth(&declared.expr).unwrap_or(NONE);
        self.size.terms = self.size.terms.saturating_add(super::expr::index(self.leaves));
        self.small_enough(declared.name, "flag");
        self.options(&declared.options, &["label"], "a flag");
        self.measured(declared.name);
        self.define(declared.name, Meaning::Flag(node));
        self.label(declared.name, &declared.options);
    }

    pub(super) fn band(&mut self, declared: &BandDecl<'a>) {
        self.size = Size::default();
        let num = self.named_number(declared.of);
        let bounds: Vec<_> = declared.bounds.iter().map(|(cmp, number)| (*cmp, number.value)).collect();
        if let [(first, low), (second, high)] = bounds.as_slice() {
            let span = declared.name.span.to(declared.bounds.last().map_or(declared.name.span, |b| b.1.span));
            let lower = |mark: &str| mark.starts_with('>');
            if lower(first.mark()) == lower(second.mark()) {
                let found = Diagnostic::error("bad-value", span, "both bounds are on the same side");
                self.push(found.help("write NAME >= LOW and < HIGH"));
            } else if (lower(first.mark()) && low >= high) || (!lower(first.mark()) && high >= low) {
                self.push(Diagnostic::error("range", span, "no number lies between these bounds"));
            }
        }
        let slope = declared.slope.map_or(SLOPE, |slope| slope.value);
        if let Some(given) = declared.slope.filter(|slope| !(0.01..=10_000.0).contains(&slope.value)) {
            self.push(Diagnostic::error("range", given.span, "the slope must be from 0.01 to 10000"));
        }
        self.measured(declared.name);
        self.table.bands.push(Band { of: num.unwrap_or(Num::Const(0.0)), bounds, slope });
        let index = super::expr::index(self.table.bands.len() - 1);
        self.define(declared.name, Meaning::Band(index));
        self.options(&declared.options, &["label"], "a band");
        self.label(declared.name, &declared.options);
    }

    pub(super) fn group(&mut self, declared: &GroupDecl<'a>) {
        self.size = Size::default();
        let mut members = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for name in declared.members.iter().take(limits::MAX_MEMBERS) {
            if names.contains(&name.text) {
                let message = format!("`{}` is a member twice", shorten(name.text));
                self.push(Diagnostic::error("duplicate-name", name.span, message));
                continue;
            }
            names.push(name.text);
            members.push(self.strength(*name).unwrap_or(Num::Const(0.0)));
        }
        if declared.members.len() < 2 || declared.members.len() > limits::MAX_MEMBERS {
            let message = format!("a group has from 2 to {} members", limits::MAX_MEMBERS);
            self.push(Diagnostic::error("too-many", declared.name.span, message));
        }
        let temperature = self.option(declared, "temperature", 0.001, 100.0);
        let contest = if declared.winner {
            let default = self.default_member(declared, &names);
            Contest::Winner { default, softmax: temperature.is_some() }
        } else if let Some(threshold) = self.option(declared, "threshold", 0.001, 1.0) {
            self.one_bar(declared);
            Contest::Above { threshold }
        } else {
            Contest::Exclusive { margin: self.option(declared, "margin", 0.0, 1.0).unwrap_or(0.0) }
        };
        let known: &[&'static str] = if declared.winner {
            &["temperature", "default"]
        } else {
            &["temperature", "margin", "threshold"]
        };
        self.options(&declared.options, known, "such a group");
        self.measured(declared.name);
        let temperature = temperature.unwrap_or(TEMPERATURE);
        self.table.groups.push(Group { members, temperature, contest, name: declared.name.span });
        self.members.push(names);
        let index = super::expr::index(self.table.groups.len() - 1);
        self.define(declared.name, Meaning::Group(index));
    }

    /// A group has a margin or a threshold.
    fn one_bar(&mut self, declared: &GroupDecl<'a>) {
        if let Some(margin) = declared.options.iter().find(|option| option.name.text == "margin") {
            let found =
                Diagnostic::error("bad-value", margin.name.span, "a group with a threshold has no margin");
            self.push(found.help("leave one of them out"));
        }
    }

    /// The member that fires where none holds.
    fn default_member(&mut self, declared: &GroupDecl<'a>, names: &[&str]) -> Option<u32> {
        let given = declared.options.iter().find(|option| option.name.text == "default")?;
        if let Literal::Word(word) = &given.value
            && let Some(at) = names.iter().position(|name| *name == word.text)
        {
            return Some(super::expr::index(at));
        }
        let found =
            Diagnostic::error("bad-value", given.value.span(), "the default is no member of the group");
        self.push(found.help(format!("its members are {}", names.join(", "))));
        None
    }

    /// What a member puts into the softmax.
    fn strength(&mut self, name: Name<'a>) -> Option<Num> {
        self.size.terms = self.size.terms.saturating_add(1);
        match self.resolve(name)? {
            Meaning::Signal(signal) => match self.spec(signal)?.kind.info().value {
                ValueType::Flag | ValueType::Number => Some(Num::Strength(signal)),
                ValueType::Text | ValueType::Set => self.no_member(name, "a text or set"),
            },
            Meaning::Score(score) => self.derived_number(name, Num::Score(score)),
            Meaning::Flag(node) => self.derived_number(name, Num::FlagConfidence(node)),
            Meaning::Band(band) => self.derived_number(name, Num::BandConfidence(band)),
            Meaning::Group(_) => self.no_member(name, "a group"),
        }
    }

    fn no_member(&mut self, name: Name<'a>, what: &str) -> Option<Num> {
        let message = format!("`{}` is {what} and cannot be a member", name.text);
        let found = Diagnostic::error("type", name.span, message);
        self.push(found.help("members are yes-or-no or numeric signals, scores, flags and bands"));
        None
    }

    fn option(&mut self, declared: &GroupDecl<'a>, name: &str, least: f64, most: f64) -> Option<f64> {
        let given = declared.options.iter().find(|option| option.name.text == name)?;
        match &given.value {
            Literal::Number(number) if (least..=most).contains(&number.value) => Some(number.value),
            other => {
                let message = format!("`{name}` must be a number from {least} to {most}");
                self.push(Diagnostic::error("range", other.span(), message));
                None
            }
        }
    }

    /// Reports options that do not exist or stand twice.
    pub(super) fn options(&mut self, options: &[Argument<'a>], known: &[&'static str], what: &str) {
        for (at, option) in options.iter().enumerate() {
            let name = option.name.text;
            if !known.contains(&name) {
                let message = format!("{what} has no option `{}`", shorten(name));
                let all = || Some(format!("it has {}", known.join(", ")));
                let meant = crate::text::suggest::nearest(name, known.iter().copied());
                self.push(
                    Diagnostic::error("unknown-parameter", option.name.span, message).meant(meant, all),
                );
            } else if options.iter().take(at).any(|earlier| earlier.name.text == name) {
                let message = format!("`{name}` is given twice");
                self.push(Diagnostic::error("duplicate-parameter", option.name.span, message));
            }
            if at > 8 {
                // More than the known options can only repeat what was already said.
                break;
            }
        }
    }
}
