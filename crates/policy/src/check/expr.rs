//! Expressions of truth: to nodes of the table.

use super::names::{Checker, Meaning};
use crate::limits;
use crate::syntax::tree::{Cmp, Expr, ExprKind, Name};
use crate::table::{Leaf, Node, Num, Test};
use crate::text::diagnostic::Diagnostic;
use crate::text::span::Span;
use tollgate_core::signal::ValueType;

impl<'a> Checker<'a, '_> {
    /// The node for `expr`; reports why when there is none.
    pub(super) fn truth(&mut self, expr: &Expr<'a>) -> Option<u32> {
        match &expr.kind {
            ExprKind::And(parts) | ExprKind::Or(parts) => {
                // Every part is checked, so that one error does not hide another.
                let nodes: Vec<Option<u32>> = parts.iter().map(|part| self.truth(part)).collect();
                let nodes: Option<Vec<u32>> = nodes.into_iter().collect();
                let start = index(self.table.children.len());
                self.table.children.extend(nodes?);
                self.table.places.extend(parts.iter().map(|part| part.span));
                let end = index(self.table.children.len());
                let and = matches!(expr.kind, ExprKind::And(_));
                Some(self.node(if and { Node::And(start, end) } else { Node::Or(start, end) }, expr.span))
            }
            ExprKind::Not(inner) => {
                let inner = self.truth(inner)?;
                Some(self.node(Node::Not(inner), expr.span))
            }
            ExprKind::Compare(left, cmp, right) => self.compare(left, *cmp, right, expr.span),
            ExprKind::Words(subject, negated, test, words) => {
                let leaf = self.words(*subject, *test, words, expr.span)?;
                self.leaf_maybe_not(leaf, *negated, expr.span)
            }
            ExprKind::Member(group, negated, member) => {
                let leaf = self.member(*group, *member)?;
                self.leaf_maybe_not(leaf, *negated, expr.span)
            }
            // A conjunction of nothing: it holds, with confidence 0.
            ExprKind::Name(Name { text: "always", .. }) => {
                let end = index(self.table.children.len());
                Some(self.node(Node::And(end, end), expr.span))
            }
            ExprKind::Name(name) => {
                let meaning = self.resolve(*name)?;
                self.named_truth(*name, meaning)
            }
            ExprKind::Sum(_)
            | ExprKind::Product(_)
            | ExprKind::Negate(_)
            | ExprKind::Number(_)
            | ExprKind::Call(..)
            | ExprKind::Text => {
                let found = Diagnostic::error("type", expr.span, "this is a value, not true or false");
                self.push(found.help("compare it, for example with `> 0`"));
                None
            }
        }
    }

    /// A route's condition under what is given: both must hold, the condition alone says how surely.
    pub(super) fn given(&mut self, given: (u32, Span), when: (u32, Span)) -> u32 {
        let start = index(self.table.children.len());
        self.table.children.extend([given.0, when.0]);
        self.table.places.extend([given.1, when.1]);
        self.node(Node::Given(start, index(self.table.children.len())), when.1)
    }

    fn node(&mut self, node: Node, span: Span) -> u32 {
        self.table.nodes.push(node);
        self.table.spans.push(span);
        index(self.table.nodes.len() - 1)
    }

    pub(super) fn leaf(&mut self, leaf: Leaf, span: Span) -> Option<u32> {
        self.leaves += 1;
        if self.leaves > limits::MAX_LEAVES {
            if self.leaves == limits::MAX_LEAVES + 1 {
                let message = format!("the route tests more than {} signals", limits::MAX_LEAVES);
                self.push(Diagnostic::error("too-many", span, message).help("split the route, or use lists"));
            }
            return None;
        }
        self.table.leaves.push(leaf);
        self.table.labels.push(one_line(span.of(self.text)));
        let leaf = index(self.table.leaves.len() - 1);
        Some(self.node(Node::Leaf(leaf), span))
    }

    fn leaf_maybe_not(&mut self, leaf: Leaf, negated: bool, span: Span) -> Option<u32> {
        let node = self.leaf(leaf, span)?;
        Some(if negated { self.node(Node::Not(node), span) } else { node })
    }

    /// A bare name: a yes-or-no signal, a flag, a band, or a group of which any member fires.
    pub(super) fn named_truth(&mut self, name: Name<'a>, meaning: Meaning) -> Option<u32> {
        self.expand(name);
        let signal = match meaning {
            Meaning::Signal(signal) => signal,
            // Every use shares the flag's node.
            Meaning::Flag(node) => return Some(node),
            Meaning::Band(band) => return self.leaf(Leaf::Band(band), name.span),
            Meaning::Group(group) => return self.leaf(Leaf::Fires(group), name.span),
            Meaning::Score(_) => {
                let message = format!("`{}` is a score, not true or false", name.text);
                let help = format!("compare it: {} >= 0.5", name.text);
                self.push(Diagnostic::error("type", name.span, message).help(help));
                return None;
            }
        };
        let (what, help) = match self.spec(signal)?.kind.info().value {
            ValueType::Flag => return self.leaf(Leaf::Signal { signal, test: Test::Holds }, name.span),
            ValueType::Number => ("a number", format!("compare it: {} > 0", name.text)),
            ValueType::Text => ("a text", format!("test it: {} is \"...\"", name.text)),
            ValueType::Set => ("a set", format!("test it: {} has \"...\"", name.text)),
        };
        let message = format!("`{}` is {what}, not true or false", name.text);
        self.push(Diagnostic::error("type", name.span, message).help(help));
        None
    }

    fn compare(&mut self, left: &Expr<'a>, cmp: Cmp, right: &Expr<'a>, span: Span) -> Option<u32> {
        if matches!(left.kind, ExprKind::Text) || matches!(right.kind, ExprKind::Text) {
            let found = Diagnostic::error("type", span, "texts are not compared with signs");
            self.push(found.help("write NAME is \"...\", NAME in [...] or NAME has \"...\""));
            return None;
        }
        for side in [left, right] {
            self.no_flag(side)?;
        }
        // The bounds hold for each comparison by itself; what contains it adds them up.
        let outer = std::mem::take(&mut self.size);
        let (left_number, right_number) = (self.number(left), self.number(right));
        self.size.height = self.size.height.max(outer.height);
        self.size.terms = self.size.terms.saturating_add(outer.terms);
        let leaf = match (left_number?, right_number?) {
            (Num::Const(_), Num::Const(_)) => {
                self.push(Diagnostic::error("type", span, "both sides are plain numbers"));
                return None;
            }
            (Num::Value { signal, .. }, Num::Const(bound)) if self.is_number(signal) => {
                Leaf::Signal { signal, test: Test::Number(cmp, bound) }
            }
            (Num::Const(bound), Num::Value { signal, .. }) if self.is_number(signal) => {
                Leaf::Signal { signal, test: Test::Number(cmp.flip(), bound) }
            }
            (left, right) => Leaf::Compare(left, cmp, right),
        };
        self.leaf(leaf, span)
    }

    fn is_number(&self, signal: u32) -> bool {
        self.spec(signal).is_some_and(|spec| spec.kind.info().value == ValueType::Number)
    }

    /// A yes-or-no signal compared with a number is a slip.
    fn no_flag(&mut self, side: &Expr<'a>) -> Option<()> {
        let ExprKind::Name(name) = side.kind else { return Some(()) };
        let flag = match self.resolve(name)? {
            Meaning::Signal(signal) => self.spec(signal)?.kind.info().value == ValueType::Flag,
            Meaning::Flag(_) | Meaning::Band(_) => true,
            Meaning::Score(_) | Meaning::Group(_) => false,
        };
        if !flag {
            return Some(());
        }
        let message = format!("`{}` is true or false, not a number", name.text);
        let help = format!("write `{0}` or `not {0}`; its certainty is confidence({0})", name.text);
        self.push(Diagnostic::error("type", name.span, message).help(help));
        None
    }
}

/// Array lengths fit 32 bits because the text does.
pub(super) fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A label: the source on one line, at most 120 characters.
pub(crate) fn one_line(source: &str) -> Box<str> {
    if source.len() <= 120 && !source.contains(['\n', '\t', '#']) {
        return source.into();
    }
    let words = source.lines().flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
    let mut short: String = words.chars().take(117).collect();
    if short.len() < words.len() {
        short.push_str("...");
    }
    short.into()
}
