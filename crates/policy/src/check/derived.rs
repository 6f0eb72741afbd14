//! Scores, bands and exclusive groups.

use super::names::{Checker, Meaning, Size, shorten};
use crate::limits;
use crate::syntax::tree::{Argument, BandDecl, GroupDecl, Literal, Name, ScoreDecl};
use crate::table::{Band, Group, Num};
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
        if matches!(num, Some(Num::Const(_))) {
            let found =
                Diagnostic::error("type", declared.expr.span, "the score does not depend on any signal");
            self.push(found.help("add a signal with a weight, such as 0.5 * code"));
        }
        if self.size.terms > limits::MAX_DERIVED_TERMS {
            let message = format!("the score has more than {} terms", limits::MAX_DERIVED_TERMS);
            self.push(Diagnostic::error("too-deep", declared.name.span, message));
        }
        self.measured(declared.name);
        self.table.scores.push(num.unwrap_or(Num::Const(0.0)));
        let index = super::expr::index(self.table.scores.len() - 1);
        self.define(declared.name, Meaning::Score(index));
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
        let temperature = self.option(declared, "temperature", 0.001, 100.0).unwrap_or(TEMPERATURE);
        let margin = self.option(declared, "margin", 0.0, 1.0).unwrap_or(0.0);
        self.group_options(declared);
        self.measured(declared.name);
        self.table.groups.push(Group { members, temperature, margin });
        self.members.push(names);
        let index = super::expr::index(self.table.groups.len() - 1);
        self.define(declared.name, Meaning::Group(index));
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
            Meaning::Band(band) => self.derived_number(name, Num::BandConfidence(band)),
            Meaning::Group(_) => self.no_member(name, "a group"),
        }
    }

    fn no_member(&mut self, name: Name<'a>, what: &str) -> Option<Num> {
        let message = format!("`{}` is {what} and cannot be a member", name.text);
        let found = Diagnostic::error("type", name.span, message);
        self.push(found.help("members are yes-or-no or numeric signals, scores and bands"));
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

    fn group_options(&mut self, declared: &GroupDecl<'a>) {
        self.options(&declared.options, &["temperature", "margin"], "a group");
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
