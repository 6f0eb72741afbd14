//! Guards that leave no place together although fewer of them would: every smallest such set, pairs first.
//!
//! A set is grown in the order of the guards, with the AND of their cells carried along; a branch ends where no guard that
//! follows could empty it. Each step is counted, so that an adversarial policy costs the bound and no more.

use super::cells::{Bits, Held};
use super::{Meeting, Meetings, World, who};
use crate::govern::overlap::may_hold_for;
use crate::limits;
use crate::text::diagnostic::Diagnostic;

/// The guards that are looked at, and the set as it is grown.
pub(super) struct Cores<'a, 'w> {
    world: &'a World<'w>,
    /// The guard that every set has, a role.
    base: Option<&'a Held<'w>>,
    rules: Vec<&'a Held<'w>>,
    /// What all guards from a position on leave open.
    rest: Vec<Bits>,
    /// Sizes that are told in this pass.
    sizes: std::ops::RangeInclusive<usize>,
    chosen: Vec<&'a Held<'w>>,
}

impl<'a, 'w> Cores<'a, 'w> {
    pub(super) fn new(world: &'a World<'w>, base: Option<&'a Held<'w>>, rules: Vec<&'a Held<'w>>) -> Self {
        let mut rest = vec![Bits::all(&world.cells)];
        for held in rules.iter().rev() {
            let with = rest.last().map_or_else(|| held.open.clone(), |rest| rest.and(&held.open));
            rest.push(with);
        }
        rest.reverse();
        Self { world, base, rules, rest, sizes: 0..=0, chosen: Vec::new() }
    }

    /// Tells each smallest set once, small ones first, for as long as `tell` says to go on and the bound holds.
    pub(super) fn each(&mut self, tell: &mut dyn FnMut(&[&'a Held<'w>]) -> bool) {
        self.chosen = self.base.into_iter().collect();
        let open = self.base.map_or_else(|| Bits::all(&self.world.cells), |base| base.open.clone());
        if self.rest.first().is_some_and(|rest| rest.meets(&open)) {
            return;
        }
        for sizes in [2..=2, 3..=3, 4..=usize::MAX] {
            self.sizes = sizes;
            if !self.grow(0, &open, tell) {
                return;
            }
        }
    }

    fn grow(&mut self, from: usize, open: &Bits, tell: &mut dyn FnMut(&[&'a Held<'w>]) -> bool) -> bool {
        for at in from..self.rules.len() {
            let Some(held) = self.rules.get(at).copied() else { break };
            if !self.world.spend(2 * open.words()) {
                return false;
            }
            let next = open.and(&held.open);
            let size = self.chosen.len() + 1;
            self.chosen.push(held);
            let go_on = if next.is_empty() {
                !self.sizes.contains(&size) || !self.is_smallest() || tell(&self.chosen)
            } else {
                let emptied = self.rest.get(at + 1).is_some_and(|rest| !rest.meets(&next));
                size >= *self.sizes.end() || !emptied || self.grow(at + 1, &next, tell)
            };
            self.chosen.pop();
            if !go_on {
                return false;
            }
        }
        true
    }

    /// Whether each guard of the set is needed.
    fn is_smallest(&self) -> bool {
        let without = |left: usize| {
            let others = self.chosen.iter().enumerate().filter(|(at, _)| *at != left);
            others.fold(Bits::all(&self.world.cells), |open, (_, held)| {
                self.world.spend(open.words());
                open.and(&held.open)
            })
        };
        (0..self.chosen.len()).all(|left| !without(left).is_empty())
    }
}

impl<'w> World<'w> {
    /// Guards that leave no place together, although fewer of them do.
    pub(super) fn together(&self, meetings: &mut dyn Meetings, found: &mut Vec<Diagnostic>) {
        let (mut asked, mut told) = (0, Vec::new());
        for base in std::iter::once(None).chain(self.roles.iter().map(Some)) {
            let binds = |rule: &&Held<'w>| match (base, rule.guard.root) {
                (Some(role), Some(root)) => may_hold_for(self.table, root, &Self::held(role.guard)),
                _ => true,
            };
            let rules = self.rules.iter().filter(binds).collect();
            Cores::new(self, base, rules).each(&mut |core| {
                asked += 1;
                if asked > limits::MAX_CORES || told.len() >= limits::MAX_DIAGNOSTICS {
                    self.left.set(0);
                    return false;
                }
                told.extend(self.core(core, meetings));
                true
            });
        }
        found.extend(told);
    }

    /// What is told of guards that leave no place, unless no request is bound by all of them.
    fn core(&self, core: &[&Held<'_>], meetings: &mut dyn Meetings) -> Option<Diagnostic> {
        let (first, others) = core.split_first()?;
        let roots: Vec<u32> = core.iter().filter_map(|held| held.guard.root).collect();
        let example = match meetings.together(&roots) {
            Meeting::Never => return None,
            Meeting::Example(example) if !roots.is_empty() => format!(", for example {example}"),
            Meeting::Example(_) | Meeting::Perhaps => String::new(),
        };
        let names: Vec<String> = core.iter().map(|held| who(held.guard)).collect();
        let message = format!("{} together leave no instance", names.join(" and "));
        let mut told = Diagnostic::warning("no-place-together", first.guard.span, message);
        for held in others {
            told = told.label(held.guard.span, "binds with it");
        }
        let why = self.why(&Bits::all(&self.cells), core).map(|denial| denial.why).unwrap_or_default();
        let help = format!("a request that all of them bind is refused{example}: {why}; widen one of them");
        Some(told.help(help))
    }
}
