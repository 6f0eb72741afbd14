//! Labels: the names under which others are told of what holds, and the number that stands behind one.

use super::number::Numbers as _;
use super::run::Run;
use crate::table::{Leaf, Node, Table, Test};
use std::collections::HashMap;
use tollgate_core::signal::Value;

/// What a label stands for, as a condition refers to it: all uses of a flag share its node, a signal and a band get a
/// leaf for each use.
#[derive(PartialEq, Eq, Hash)]
enum Named {
    Node(u32),
    Signal(u32),
    Band(u32),
}

/// The labels of a table.
pub(super) struct Labels<'t>(HashMap<Named, &'t str>);

impl<'t> Labels<'t> {
    pub(super) fn new(table: &'t Table) -> Self {
        Self(table.labelled.iter().map(|(label, node)| (named(table, *node), &**label)).collect())
    }

    pub(super) fn of(&self, table: &Table, node: u32) -> Option<&'t str> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&named(table, node)).copied()
    }
}

fn named(table: &Table, node: u32) -> Named {
    let Some(Node::Leaf(leaf)) = table.node(node) else { return Named::Node(node) };
    match table.leaves.get(leaf as usize) {
        Some(Leaf::Signal { signal, test: Test::Holds }) => Named::Signal(*signal),
        Some(Leaf::Band(band)) => Named::Band(*band),
        _ => Named::Node(node),
    }
}

/// The number that a condition compares: of several joined by `and` the one that they share.
pub(crate) fn compared(run: &mut Run<'_, '_>, index: u32) -> Option<f64> {
    let table = run.table;
    match table.node(index)? {
        Node::Leaf(leaf) => measured(run, leaf),
        Node::And(start, end) | Node::Given(start, end) => {
            let (first, rest) = table.kids(start, end).split_first()?;
            let value = compared(run, *first)?;
            rest.iter().all(|kid| compared(run, *kid) == Some(value)).then_some(value)
        }
        Node::Or(..) | Node::Not(_) => None,
    }
}

fn measured(run: &mut Run<'_, '_>, leaf: u32) -> Option<f64> {
    let table = run.table;
    let number = match table.leaves.get(leaf as usize)? {
        Leaf::Signal { signal, .. } if run.read.contains(*signal) => {
            return match run.source.read(*signal as usize).value {
                Value::Number(number) => Some(number),
                _ => None,
            };
        }
        Leaf::Compare(left, ..) => left,
        Leaf::Band(band) => &table.bands.get(*band as usize)?.of,
        Leaf::Signal { .. } | Leaf::Member { .. } | Leaf::Fires(_) => return None,
    };
    let bounds = run.number(number);
    (bounds.low >= bounds.high).then_some(bounds.low)
}
