//! Which classes of data and rules bind a request.
//!
//! Fails closed: a condition that stays open, or for which any signal that was read failed, counts as holding. So does
//! one that words could still make hold, where the request sends content that no signal reads as words and the guard
//! suspects that kind of content: the condition is then judged once more with every signal of words unread.

use super::outcome::{Suspected, Verdict};
use super::run::Run;
use crate::govern::Guard;
use crate::table::NONE;
use smallvec::SmallVec;
use tollgate_core::signal::UnreadSet;

impl Run<'_, '_> {
    /// Positions of the guards that bind, reading what settles them, and those of them that bind by suspicion.
    pub(crate) fn binding(&mut self, guards: &[Guard]) -> (SmallVec<[u32; 4]>, Suspected) {
        let unread = self.source.unread();
        let mut held = SmallVec::new();
        let mut suspected = Suspected { rules: SmallVec::new(), unread };
        for (at, guard) in guards.iter().enumerate() {
            let holds = guard.root.is_none_or(|root| self.holds_or_fails(root));
            let suspect = self.suspects(guard, holds, unread);
            if holds || suspect {
                held.extend(u32::try_from(at));
            }
            if suspect {
                suspected.rules.extend(u32::try_from(at));
            }
        }
        (held, suspected)
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

    /// Whether content that was not read makes this guard bind, or refuse.
    fn suspects(&mut self, guard: &Guard, holds: bool, unread: UnreadSet) -> bool {
        let on = guard.rights.unread;
        let refuses = !on.refuse.and(unread).is_empty();
        if holds || (!refuses && on.suspect.and(unread).is_empty()) {
            return holds && refuses;
        }
        let Some(root) = guard.root else { return false };
        let facts: SmallVec<[u32; 8]> = self.table.reads(root).into_iter().collect();
        let words =
            |signal: u32| self.table.specs.get(signal as usize).is_some_and(|spec| spec.kind.reads_words());
        let facts: SmallVec<[u32; 8]> = facts.into_iter().filter(|signal| !words(*signal)).collect();
        // They are part of what the decision rests on.
        facts.iter().for_each(|signal| self.take(*signal));
        let mut open = Run::new(self.table, &mut *self.source);
        facts.iter().for_each(|signal| open.take(*signal));
        open.node(root).verdict != Verdict::False
    }

    /// Whether a signal under `root` was read and failed.
    fn any_failed(&mut self, root: u32) -> bool {
        let reads = self.table.reads(root);
        reads
            .into_iter()
            .any(|signal| self.read.contains(signal) && self.source.read(signal as usize).failure.is_some())
    }
}
