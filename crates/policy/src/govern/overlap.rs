//! Whether two conditions may hold together, as far as that can be told without search.
//!
//! Says no only where it is certain: a caller's roles rule a condition out, or one condition asks for a test whose
//! negation the other asks for. Anything else may be.

use crate::decide::Verdict;
use crate::decide::run::Run;
use crate::table::{Node, Table};
use tollgate_core::signal::{Kind, Signal, SignalSource};

/// A source in which only the caller's roles are known.
struct Roles(Signal);

impl SignalSource for Roles {
    fn read(&mut self, _index: usize) -> &Signal {
        &self.0
    }
}

/// Whether the condition at `root` may hold for a caller with exactly these roles.
pub(super) fn may_hold_for(table: &Table, root: u32, roles: &[&str]) -> bool {
    let signal = table.specs.iter().position(|spec| spec.kind == Kind::Role);
    let Some(signal) = signal.and_then(|at| u32::try_from(at).ok()) else { return true };
    let mut source = Roles(Signal::set(roles.iter().map(|role| (*role).to_owned()).collect()));
    let mut run = Run::new(table, &mut source);
    run.take(signal);
    run.node(root).verdict != Verdict::False
}

/// Whether the conditions at two nodes may hold on one request.
pub(super) fn may_meet(table: &Table, left: u32, right: u32) -> bool {
    let (mut held, mut others) = (Vec::new(), Vec::new());
    literals(table, left, true, &mut held);
    literals(table, right, true, &mut others);
    !held.iter().any(|(test, holds)| others.iter().any(|(other, also)| other == test && also != holds))
}

/// The tests that must hold, or must not, for the node to be `wanted`.
fn literals<'t>(table: &'t Table, node: u32, wanted: bool, found: &mut Vec<(&'t str, bool)>) {
    match table.node(node) {
        Some(Node::Leaf(leaf)) => {
            found.extend(table.labels.get(leaf as usize).map(|label| (&**label, wanted)));
        }
        Some(Node::Not(inner)) => literals(table, inner, !wanted, found),
        Some(Node::And(start, end)) if wanted => {
            table.kids(start, end).iter().for_each(|kid| literals(table, *kid, true, found));
        }
        Some(Node::Or(start, end)) if !wanted => {
            table.kids(start, end).iter().for_each(|kid| literals(table, *kid, false, found));
        }
        Some(Node::And(..) | Node::Or(..)) | None => {}
    }
}
