//! Groups whose threshold keeps nothing apart: at 1/2 or less, two members can reach it together.
//!
//! It is told of groups of which routes ask for two members that some request makes fire together.

use super::list;
use crate::analyse::World;
use crate::analyse::finding::{Finding, FindingKind, Findings, Witness, finding};
use crate::analyse::question::{Ask, Found, Question};
use crate::table::{Contest, Leaf, Node};
use std::collections::BTreeMap;
use tollgate_core::signal::Signal;

/// Adds the groups of which two members can fire together.
pub(super) fn find(world: &World<'_>, findings: &mut Findings) {
    for (group, held) in (0..).zip(&world.table.groups) {
        let Contest::Above { threshold } = held.contest else { continue };
        if held.contest.is_exclusive() {
            continue;
        }
        let members = asked_for(world, group);
        let nodes: Vec<u32> = members.values().copied().collect();
        let pairs =
            nodes.iter().enumerate().flat_map(|(at, a)| nodes.iter().skip(at + 1).map(move |b| [*a, *b]));
        let mut question = Question::new(world);
        let mut open = false;
        let found = pairs.into_iter().find_map(|pair| {
            let asks = pair.map(|node| Ask { node, holds: true, place: span(world, node) });
            match question.ask(&asks) {
                Found::Witness(signals) => Some(loose(world, group, threshold, &asks, &signals)),
                Found::Never(_) => None,
                Found::Unknown => {
                    open = true;
                    None
                }
            }
        });
        findings.unsettled += usize::from(open && found.is_none());
        findings.findings.extend(found);
    }
}

fn span(world: &World<'_>, node: u32) -> crate::Span {
    world.table.spans.get(node as usize).copied().unwrap_or_default()
}

/// The members of a group that conditions ask for, each with a node that does.
fn asked_for(world: &World<'_>, group: u32) -> BTreeMap<u32, u32> {
    (0..).zip(&world.table.nodes).filter_map(|(at, node)| Some((member(world, *node, group)?, at))).collect()
}

/// The member of the group that a node is the test of.
fn member(world: &World<'_>, node: Node, group: u32) -> Option<u32> {
    let Node::Leaf(leaf) = node else { return None };
    match world.table.leaves.get(leaf as usize) {
        Some(Leaf::Member { group: of, member }) if *of == group => Some(*member),
        _ => None,
    }
}

fn loose(world: &World<'_>, group: u32, threshold: f64, asks: &[Ask; 2], signals: &[Signal]) -> Finding {
    let count = u32::try_from(world.table.rules.len()).unwrap_or(u32::MAX);
    let asking: Vec<u32> = (0..count).filter(|rule| asks_for(world, world.root(*rule), group)).collect();
    let span = world.table.groups.get(group as usize).map(|held| held.name).unwrap_or_default();
    let name = span.of(world.policy.text());
    let [first, second] = asks.map(|ask| format!("`{}`", world.said(ask.place)));
    let rules: Vec<String> = asking.iter().map(|rule| world.name(*rule)).collect();
    let used = if rules.is_empty() { String::new() } else { format!(" in {}", list(&rules)) };
    let message = format!(
        "`{name}` keeps nothing apart: with a threshold of {threshold}, {first} and {second}{used} can hold together"
    );
    let repair = "write a threshold above 0.5, which one share at most can reach, or none: then the strongest member \
                  alone fires";
    let mut found = finding(FindingKind::LooseGroup, rules, span, message, repair.to_owned());
    for ask in asks {
        found.labels.push(crate::Label { span: ask.place, message: "this member".to_owned() });
        found.core.push(super::Part {
            rule: name.to_owned(),
            text: world.said(ask.place),
            span: ask.place,
            holds: true,
        });
    }
    found.witness = Some(Witness::of(world, signals, &asking));
    found
}

/// Whether a condition asks for a member of the group.
fn asks_for(world: &World<'_>, node: u32, group: u32) -> bool {
    match world.table.node(node) {
        Some(leaf @ Node::Leaf(_)) => member(world, leaf, group).is_some(),
        Some(Node::And(start, end) | Node::Given(start, end) | Node::Or(start, end)) => {
            world.table.kids(start, end).iter().any(|kid| asks_for(world, *kid, group))
        }
        Some(Node::Not(inner)) => asks_for(world, inner, group),
        None => false,
    }
}
