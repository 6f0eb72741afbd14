//! Parts of a condition that change nothing.
//!
//! A part of an `and` is redundant when the other parts already imply it; a part of an `or`, when it implies another
//! or never holds. What stands around the part is taken along: it only matters where the parts of every `and` above
//! it hold and those of every `or` above it do not. A named condition is looked at once, for itself.

use crate::Span;
use crate::analyse::World;
use crate::analyse::finding::{FindingKind, Findings, Witness, finding};
use crate::analyse::question::{Ask, Found, Question};
use crate::table::Node;
use std::collections::BTreeMap;

/// Adds the redundant parts of a rule's condition.
pub(super) fn find(world: &World<'_>, question: &mut Question<'_>, rule: u32, findings: &mut Findings) {
    let ask = world.ask(rule, true);
    look(world, question, world.name(rule), ask, findings);
}

/// Adds the redundant parts of named conditions that are used as parts of others.
pub(super) fn find_named(world: &World<'_>, findings: &mut Findings) {
    let table = world.table;
    let used = table.children.iter().copied().zip(table.places.iter().copied());
    let named: BTreeMap<u32, Span> =
        used.filter(|(node, place)| !is_written_at(world, *node, *place)).collect();
    for (node, place) in named {
        let own = table.spans.get(node as usize).copied().unwrap_or_default();
        let ask = Ask { node, holds: true, place: own };
        look(world, &mut Question::new(world), world.said(place), ask, findings);
    }
}

/// Whether the node's own text stands at `place`, and not only a name for it.
fn is_written_at(world: &World<'_>, node: u32, place: Span) -> bool {
    let own = world.table.spans.get(node as usize).copied().unwrap_or_default();
    place.start <= own.start && own.end <= place.end
}

fn look(world: &World<'_>, question: &mut Question<'_>, name: String, whole: Ask, findings: &mut Findings) {
    let mut look = Look { world, question, name, whole: whole.node, findings, uses: BTreeMap::new() };
    look.count(whole.node);
    look.node(whole.node, &mut Vec::new());
}

struct Look<'l, 'w, 'q> {
    world: &'w World<'w>,
    question: &'l mut Question<'q>,
    /// The route or named condition that is looked at.
    name: String,
    /// Its node.
    whole: u32,
    findings: &'l mut Findings,
    /// How many tests of the condition read each signal.
    uses: BTreeMap<u32, u32>,
}

impl Look<'_, '_, '_> {
    fn count(&mut self, node: u32) {
        match self.world.table.node(node) {
            Some(Node::Leaf(leaf)) => {
                for signal in self.world.table.leaf_reads(leaf) {
                    *self.uses.entry(signal).or_default() += 1;
                }
            }
            Some(Node::And(start, end) | Node::Given(start, end) | Node::Or(start, end)) => {
                self.world.table.kids(start, end).iter().for_each(|kid| self.count(*kid));
            }
            Some(Node::Not(inner)) => self.count(inner),
            None => {}
        }
    }

    /// Whether another signal of the condition says something about this one.
    fn is_related(&self, signal: u32) -> bool {
        self.world.relations.get(&signal).into_iter().flatten().any(|relation| {
            let (a, b) = relation.ends();
            self.uses.contains_key(&a) && self.uses.contains_key(&b)
        })
    }

    /// Whether the rest of the condition says nothing about what this part reads, and the part is a plain test: then
    /// it cannot follow from the rest.
    fn stands_alone(&mut self, node: u32) -> bool {
        let lone =
            |signal: &u32| self.uses.get(signal).copied().unwrap_or(0) == 1 && !self.is_related(*signal);
        let plain = matches!(self.world.table.node(node), Some(Node::Leaf(_)));
        plain && self.world.table.reads(node).iter().all(lone) && !self.question.is_settled(node)
    }

    /// Looks at the parts of `node`, which only matters where all of `around` hold.
    fn node(&mut self, node: u32, around: &mut Vec<Ask>) {
        let table = self.world.table;
        let (start, end, neutral) = match table.node(node) {
            Some(Node::And(start, end)) => (start, end, true),
            Some(Node::Or(start, end)) => (start, end, false),
            Some(Node::Given(start, end)) => return self.given(start, end, around),
            Some(Node::Not(inner)) => {
                let place = table.spans.get(node as usize).copied().unwrap_or_default();
                if is_written_at(self.world, inner, place) {
                    self.node(inner, around);
                }
                return;
            }
            Some(Node::Leaf(_)) | None => return,
        };
        let parts: Vec<Ask> =
            table.placed(start, end).map(|(node, place)| Ask { node, holds: neutral, place }).collect();
        let mut kept: Vec<bool> = vec![true; parts.len()];
        // From the last, so that of two equal parts the second is the one that is reported.
        for (at, part) in parts.iter().enumerate().rev() {
            if self.stands_alone(part.node) {
                continue;
            }
            let depth = around.len();
            let rest =
                parts.iter().zip(&kept).enumerate().filter(|(other, (_, kept))| *other != at && **kept);
            around.extend(rest.map(|(_, (other, _))| *other));
            let broken = Ask { holds: !neutral, ..*part };
            let asks: Vec<Ask> = around.iter().copied().chain([broken]).collect();
            if let Some(core) = self.question.excluded(&asks) {
                if let Some(kept) = kept.get_mut(at) {
                    *kept = false;
                }
                let example = self.example(around, *part);
                self.report(broken, neutral, &core, example);
            } else if is_written_at(self.world, part.node, part.place) {
                self.node(part.node, around);
            }
            around.truncate(depth);
        }
    }

    /// What is given and what is asked stand each for itself: a condition that always holds is a route's own affair, as it
    /// is where nothing is given. What is given holds around the condition.
    fn given(&mut self, start: u32, end: u32, around: &mut Vec<Ask>) {
        let table = self.world.table;
        let depth = around.len();
        for (node, place) in table.placed(start, end) {
            if is_written_at(self.world, node, place) {
                self.node(node, around);
            }
            around.push(Ask { node, holds: true, place });
        }
        around.truncate(depth);
    }

    /// A request on which the part would matter, and on which it says what the rest says already.
    fn example(&mut self, around: &[Ask], part: Ask) -> Option<Witness> {
        let asks: Vec<Ask> = around.iter().copied().chain([part]).collect();
        match self.question.ask(&asks) {
            Found::Witness(signals) => Some(Witness::showing(self.world, &signals, &[self.whole])),
            Found::Never(_) | Found::Unknown => None,
        }
    }

    fn report(&mut self, part: Ask, conjunct: bool, core: &[Ask], example: Option<Witness>) {
        let world = self.world;
        let (name, text) = (&self.name, world.said(part.place));
        let causes: Vec<Ask> = core.iter().copied().filter(|ask| *ask != part).collect();
        let said: Vec<String> = causes.iter().map(|ask| describe(world, *ask)).collect();
        let message = match (conjunct, said.is_empty()) {
            (true, true) => format!("`{text}` always holds, so it changes nothing in `{name}`"),
            (false, true) => format!("`{text}` never holds, so it changes nothing in `{name}`"),
            (true, false) => {
                format!("`{text}` changes nothing in `{name}`: it follows from {}", said.join(" and "))
            }
            (false, false) => {
                format!("`{text}` changes nothing in `{name}`: it never decides where {}", said.join(" and "))
            }
        };
        let repair =
            format!("remove `{text}`, or correct it; the confidence is then that of the other parts");
        let mut found = finding(FindingKind::Redundant, vec![name.clone()], part.place, message, repair);
        for ask in &causes {
            let message = if ask.holds { "where this holds" } else { "where this does not hold" };
            found.labels.push(crate::Label { span: ask.place, message: message.to_owned() });
        }
        let part = |ask: &Ask| super::Part {
            rule: name.clone(),
            text: world.said(ask.place),
            span: ask.place,
            holds: ask.holds,
        };
        found.core = core.iter().map(part).collect();
        found.witness = example;
        self.findings.findings.push(found);
    }
}

fn describe(world: &World<'_>, ask: Ask) -> String {
    let not = if ask.holds { "" } else { "not " };
    format!("{not}`{}`", world.said(ask.place))
}
