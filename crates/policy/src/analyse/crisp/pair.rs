//! Two routes of one rank: whether they differ, and how to keep them apart.

use crate::analyse::World;
use crate::table::Num;

impl World<'_> {
    /// Whether two routes of one rank do different things and nothing but confidence and name decides between them.
    pub(in crate::analyse) fn differ(&self, a: u32, b: u32) -> bool {
        let route = |rule: u32| self.table.rules.get(rule as usize).map(|rule| &rule.route);
        route(a).zip(route(b)).is_some_and(|(a, b)| a.effects != b.effects && a.priority == b.priority)
    }

    /// How to keep two routes apart.
    pub(in crate::analyse) fn keep_apart(&self, a: u32, b: u32) -> String {
        self.by_group(a, b).unwrap_or_else(|| {
            "give one of them a higher priority, make their conditions exclude each other, or put what they ask for into \
             one exclusive group"
                .to_owned()
        })
    }

    /// The repair where each asks for another member of one group, but not through the group: thresholds on the members
    /// themselves never exclude each other, while at most one member wins (the strongest, over the softmax of all).
    fn by_group(&self, a: u32, b: u32) -> Option<String> {
        let (first, second) = (self.table.reads(self.root(a)), self.table.reads(self.root(b)));
        self.table.groups.iter().filter(|group| group.contest.is_exclusive()).find_map(|group| {
            let member = |reads: &[u32]| {
                let signals = group.members.iter().filter_map(|num| match num {
                    Num::Strength(signal) => Some(*signal),
                    _ => None,
                });
                let mut held = signals.filter(|signal| reads.contains(signal));
                held.next().filter(|_| held.next().is_none())
            };
            let (one, other) = (member(&first)?, member(&second)?);
            if one == other {
                return None;
            }
            let name = |signal: u32| self.table.specs.get(signal as usize).map(|spec| spec.name.as_str());
            let group = group.name.of(self.policy.text());
            Some(format!(
                "ask for the group: of `{group} is {}` and `{group} is {}` at most one holds, which no threshold on the \
                 members themselves can promise",
                name(one)?,
                name(other)?
            ))
        })
    }
}
