//! Which classes of data and rules bind a request.
//!
//! Fails closed: a condition that stays open, or for which any signal that was read failed, counts as holding.

use super::outcome::Verdict;
use super::run::Run;
use crate::govern::Guard;
use crate::table::NONE;
use smallvec::SmallVec;

impl Run<'_, '_> {
    /// Positions of the guards that bind, reading what settles them.
    pub(crate) fn binding(&mut self, guards: &[Guard]) -> SmallVec<[u32; 4]> {
        let binds = |run: &mut Self, guard: &Guard| guard.root.is_none_or(|root| run.holds_or_fails(root));
        let mut held = SmallVec::new();
        for (at, guard) in guards.iter().enumerate() {
            if binds(self, guard) {
                held.extend(u32::try_from(at));
            }
        }
        held
    }

    fn holds_or_fails(&mut self, root: u32) -> bool {
        loop {
            let tri = self.node(root);
            match tri.verdict {
                Verdict::True => return true,
                Verdict::False => return self.any_failed(root),
                Verdict::Unknown if tri.need == NONE => return true,
                Verdict::Unknown => self.take(tri.need),
            }
        }
    }

    /// Whether a signal under `root` was read and failed.
    fn any_failed(&mut self, root: u32) -> bool {
        let reads = self.table.reads(root);
        reads
            .into_iter()
            .any(|signal| self.read.contains(signal) && self.source.read(signal as usize).failure.is_some())
    }
}
