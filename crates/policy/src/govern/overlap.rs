//! Whether a caller with some roles may meet a condition, as far as the roles alone tell.
//!
//! Says yes and no only where it is certain.

use crate::decide::Verdict;
use crate::decide::run::Run;
use crate::table::Table;
use tollgate_core::signal::{Kind, Signal, SignalSource};

/// A source in which only the caller's roles are known.
struct Roles(Signal);

impl SignalSource for Roles {
    fn read(&mut self, _index: usize) -> &Signal {
        &self.0
    }
}

/// What the condition at `root` is for a caller with exactly these roles, of whom nothing else is known.
fn for_caller(table: &Table, root: u32, roles: &[&str]) -> Verdict {
    let signal = table.specs.iter().position(|spec| spec.kind == Kind::Role);
    let mut source = Roles(Signal::set(roles.iter().map(|role| (*role).to_owned()).collect()));
    let mut run = Run::new(table, &mut source);
    if let Some(signal) = signal.and_then(|at| u32::try_from(at).ok()) {
        run.take(signal);
    }
    run.node(root).verdict
}

/// Whether the condition at `root` may hold for a caller with exactly these roles.
pub(super) fn may_hold_for(table: &Table, root: u32, roles: &[&str]) -> bool {
    for_caller(table, root, roles) != Verdict::False
}

/// Whether it holds for every request of such a caller.
pub(super) fn holds_for(table: &Table, root: u32, roles: &[&str]) -> bool {
    for_caller(table, root, roles) == Verdict::True
}
