//! Numeric expressions: weighted sums, bounds, and calls.
//!
//! Only linear arithmetic is allowed (one side of `*` and the right side of `/` are constants), so that a partly
//! known expression has exact bounds and evaluation can stop early.

use super::names::{Checker, Meaning, shorten};
use crate::limits;
use crate::syntax::tree::{Expr, ExprKind, Name};
use crate::table::{HUGE, Num};
use crate::text::diagnostic::Diagnostic;
use crate::text::span::Span;
use crate::text::suggest::nearest;
use tollgate_core::signal::{Kind, ValueType};

const FUNCTIONS: &[&str] = &["confidence", "entropy", "max", "min", "size"];

impl<'a> Checker<'a, '_> {
    /// The number that `expr` denotes; reports why when it denotes none.
    pub(super) fn number(&mut self, expr: &Expr<'a>) -> Option<Num> {
        self.size.terms = self.size.terms.saturating_add(1);
        match &expr.kind {
            ExprKind::Number(value) => Some(Num::Const(*value)),
            ExprKind::Negate(inner) => Some(scale(-1.0, self.number(inner)?)),
            ExprKind::Sum(terms) => self.sum(terms),
            ExprKind::Product(factors) => self.product(factors),
            ExprKind::Name(name) => self.named_number(*name),
            ExprKind::Call(name, arguments) => self.call(*name, arguments, expr.span),
            ExprKind::Text => self.no_number(expr.span, "a text is no number"),
            ExprKind::Or(_)
            | ExprKind::And(_)
            | ExprKind::Not(_)
            | ExprKind::Compare(..)
            | ExprKind::Words(..)
            | ExprKind::Member(..) => self.no_number(expr.span, "this is true or false, not a number"),
        }
    }

    fn no_number(&mut self, span: Span, message: &str) -> Option<Num> {
        let found = Diagnostic::error("type", span, message);
        self.push(found.help("a number is needed here: a number, a score, or a signal with a number"));
        None
    }

    fn sum(&mut self, terms: &[(bool, Expr<'a>)]) -> Option<Num> {
        let (mut constant, mut parts) = (0.0, Vec::new());
        for (minus, term) in terms {
            let sign = if *minus { -1.0 } else { 1.0 };
            match scale(sign, self.number(term)?) {
                Num::Const(value) => constant += value,
                other => parts.push(other),
            }
        }
        if parts.is_empty() {
            return Some(Num::Const(constant));
        }
        if constant != 0.0 {
            parts.push(Num::Const(constant));
        }
        Some(Num::Sum(parts))
    }

    fn product(&mut self, factors: &[(bool, Expr<'a>)]) -> Option<Num> {
        let (mut constant, mut variable) = (1.0, None);
        for (divide, factor) in factors {
            let number = self.number(factor)?;
            match (number, divide) {
                (Num::Const(value), false) => constant *= value,
                (Num::Const(value), true) if value != 0.0 => constant /= value,
                (Num::Const(_), true) => {
                    self.push(Diagnostic::error("range", factor.span, "division by zero"));
                    return None;
                }
                (other, false) if variable.is_none() => variable = Some(other),
                (_, divide) => {
                    let message =
                        if *divide { "only a number can divide" } else { "two signals are multiplied" };
                    let found = Diagnostic::error("type", factor.span, message);
                    self.push(found.help("scores are weighted sums: multiply and divide by plain numbers"));
                    return None;
                }
            }
        }
        if !constant.is_finite() || constant.abs() > limits::MAX_NUMBER {
            let span = factors.first().map_or(Span::default(), |(_, first)| first.span);
            let message = format!("the weight is larger than {:e}", limits::MAX_NUMBER);
            self.push(Diagnostic::error("range", span, message));
            return None;
        }
        Some(variable.map_or(Num::Const(constant), |inner| scale(constant, inner)))
    }

    pub(super) fn named_number(&mut self, name: Name<'a>) -> Option<Num> {
        let meaning = self.resolve(name)?;
        match meaning {
            Meaning::Signal(signal) => {
                let kind = self.spec(signal)?.kind;
                match kind.info().value {
                    ValueType::Flag => Some(Num::Value { signal, most: 1.0 }),
                    ValueType::Number => Some(Num::Value { signal, most: largest(kind) }),
                    ValueType::Text => {
                        let message = format!("`{}` is a text, not a number", name.text);
                        let found = Diagnostic::error("type", name.span, message);
                        self.push(
                            found.help(format!("test it in a band or route: {} is \"...\"", name.text)),
                        );
                        None
                    }
                    ValueType::Set => {
                        let message = format!("`{}` is a set, not a number", name.text);
                        let found = Diagnostic::error("type", name.span, message);
                        self.push(found.help(format!("its number of words is size({})", name.text)));
                        None
                    }
                }
            }
            Meaning::Score(score) => self.derived_number(name, Num::Score(score)),
            Meaning::Flag(node) => self.derived_number(name, Num::Flag(node)),
            Meaning::Band(band) => self.derived_number(name, Num::Band(band)),
            Meaning::Group(_) => {
                let message = format!("`{}` is a group, not a number", name.text);
                let help = format!("its uncertainty is entropy({})", name.text);
                self.push(Diagnostic::error("type", name.span, message).help(help));
                None
            }
        }
    }

    /// Counts what the derived name expands to, and refuses more than the bounds.
    pub(super) fn derived_number(&mut self, name: Name<'a>, num: Num) -> Option<Num> {
        self.expand(name);
        if self.size.height < limits::MAX_DERIVED_HEIGHT && self.size.terms <= limits::MAX_DERIVED_TERMS {
            return Some(num);
        }
        let message = format!(
            "`{}` expands to more than {} terms or {} levels",
            shorten(name.text),
            limits::MAX_DERIVED_TERMS,
            limits::MAX_DERIVED_HEIGHT
        );
        self.push(Diagnostic::error("too-deep", name.span, message).help("build it from signals directly"));
        None
    }

    /// Counts what a derived name expands to.
    pub(super) fn expand(&mut self, name: Name<'a>) {
        let size = self.sizes.get(name.text).copied().unwrap_or_default();
        self.size.terms = self.size.terms.saturating_add(size.terms);
        self.size.height = self.size.height.max(size.height);
    }

    fn call(&mut self, name: Name<'a>, arguments: &[Expr<'a>], span: Span) -> Option<Num> {
        match (name.text, arguments) {
            ("min" | "max", [_, _, ..]) => {
                let parts: Option<Vec<Num>> =
                    arguments.iter().map(|argument| self.number(argument)).collect();
                parts.map(if name.text == "min" { Num::Min } else { Num::Max })
            }
            ("confidence" | "entropy" | "size", [Expr { kind: ExprKind::Name(of), .. }]) => {
                self.call_named(name, *of)
            }
            ("min" | "max", _) => {
                let message = format!("`{}` takes two numbers or more", name.text);
                self.push(Diagnostic::error("type", span, message));
                None
            }
            ("confidence" | "entropy" | "size", _) => {
                let message = format!("`{}` takes one name", name.text);
                self.push(Diagnostic::error("type", span, message));
                None
            }
            _ => {
                let message = format!("there is no function `{}`", shorten(name.text));
                let found = Diagnostic::error("unknown-name", name.span, message);
                let all = || Some(format!("there are {}", FUNCTIONS.join(", ")));
                self.push(found.meant(nearest(name.text, FUNCTIONS.iter().copied()), all));
                None
            }
        }
    }

    fn call_named(&mut self, function: Name<'a>, of: Name<'a>) -> Option<Num> {
        let meaning = self.resolve(of)?;
        let value = match meaning {
            Meaning::Signal(signal) => self.spec(signal).map(|spec| spec.kind.info().value),
            _ => None,
        };
        let (num, wanted) = match (function.text, meaning) {
            ("confidence", Meaning::Signal(signal)) if value == Some(ValueType::Flag) => {
                (Some(Num::Confidence(signal)), "")
            }
            ("confidence", Meaning::Flag(node)) => {
                return self.derived_number(of, Num::FlagConfidence(node));
            }
            ("confidence", Meaning::Band(band)) => {
                return self.derived_number(of, Num::BandConfidence(band));
            }
            ("entropy", Meaning::Group(group)) => return self.derived_number(of, Num::Entropy(group)),
            ("size", Meaning::Signal(signal)) if value == Some(ValueType::Set) => {
                (Some(Num::Value { signal, most: HUGE }), "")
            }
            ("confidence", _) => (None, "a yes-or-no signal, a flag or a band"),
            ("entropy", _) => (None, "a group"),
            _ => (None, "a set such as role"),
        };
        if num.is_none() {
            let message = format!("`{}` takes {wanted}", function.text);
            self.push(Diagnostic::error("type", of.span, message));
        }
        num
    }
}

/// The largest value of a numeric kind.
fn largest(kind: Kind) -> f64 {
    let share = matches!(
        kind,
        Kind::Ratio | Kind::BudgetLeft | Kind::Difficulty | Kind::SessionRisk | Kind::CallerRisk
    );
    if share { 1.0 } else { HUGE }
}

fn scale(by: f64, num: Num) -> Num {
    match num {
        Num::Const(value) => Num::Const(by * value),
        same if by == 1.0 => same,
        Num::Scale(inner, num) => Num::Scale(by * inner, num),
        other => Num::Scale(by, Box::new(other)),
    }
}
