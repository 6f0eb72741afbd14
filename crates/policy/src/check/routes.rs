//! Routes: `when`, tier and priority, ranks, and routes that can never be chosen.

use super::bodies::Body;
use super::names::{Checker, shorten};
use crate::effects::Route;
use crate::syntax::tree::{Argument, Literal, RouteDecl};
use crate::table::{Leaf, NONE, Node, Opening, Rank, Rule, Table, Test};
use crate::text::diagnostic::Diagnostic;
use std::collections::HashMap;
use std::sync::Arc;

impl<'a> Checker<'a, '_> {
    /// Checks one route; absent when its `when` is wrong.
    pub(super) fn route(&mut self, declared: &RouteDecl<'a>) -> Option<Rule> {
        self.options(&declared.options, &["tier", "priority"], "a route");
        let tier = self.whole(&declared.options, "tier", 0.0, 1_000_000.0);
        let priority = self.whole(&declared.options, "priority", -1_000_000.0, 1_000_000.0).unwrap_or(0);
        let body = self.effects(declared);
        let Some(when) = body.when else {
            if declared.whole {
                let message = format!("`{}` has no `when`", declared.name.text);
                let found = Diagnostic::error("missing-when", declared.name.span, message);
                self.push(found.help("say when it is chosen; what is left over goes to `default`"));
            }
            return None;
        };
        self.leaves = 0;
        let given = body.given.map(|given| Some((given, self.truth(given)?)));
        let root = self.truth(when)?;
        let root = match given {
            Some(given) => {
                let (given, node) = given?;
                self.given((node, given.span), (root, when.span))
            }
            None => root,
        };
        let route = Route {
            name: declared.name.text.to_owned(),
            tier: tier.and_then(|tier| u32::try_from(tier).ok()),
            priority,
            effects: body.effects,
            notes: body.notes,
        };
        let (name, when, given) = (declared.name.span, when.span, body.given.map(|given| given.span));
        Some(Rule { route: Arc::new(route), root, gate: None, entry: NONE, name, when, given })
    }

    /// The default's effects.
    pub(super) fn default(&mut self, declared: &RouteDecl<'a>) -> Arc<Route> {
        let body = self.effects(declared);
        if let Some((word, expr)) =
            body.when.map(|when| ("when", when)).or(body.given.map(|given| ("given", given)))
        {
            let message = format!("the default has no `{word}`");
            let found = Diagnostic::error("bad-value", expr.span, message);
            self.push(found.help("it is chosen when no route is"));
        }
        let Body { effects, notes, .. } = body;
        Arc::new(Route { name: "default".to_owned(), tier: None, priority: 0, effects, notes })
    }

    fn whole(&mut self, options: &[Argument<'a>], name: &str, least: f64, most: f64) -> Option<i32> {
        let given = options.iter().find(|option| option.name.text == name)?;
        match &given.value {
            Literal::Number(n) if n.value.fract() == 0.0 && (least..=most).contains(&n.value) => {
                // Whole and within a range that fits, as just checked.
                Some(n.value as i32)
            }
            other => {
                let message = format!("`{name}` must be a whole number from {least} to {most}");
                self.push(Diagnostic::error("range", other.span(), message));
                None
            }
        }
    }

    /// Sorts the routes into ranks and warns of those that an equal `when` always beats.
    pub(super) fn rank(&mut self, mut drafts: Vec<Rule>, by_confidence: bool) {
        // Routes of one rank compete by confidence; within a rank the order here breaks ties.
        let key = |route: &Route| {
            let priority = -i64::from(route.priority);
            (route.tier.unwrap_or(u32::MAX), if by_confidence { 0 } else { priority })
        };
        drafts.sort_by(|a, b| {
            let (a, b) = (&a.route, &b.route);
            key(a).cmp(&key(b)).then_with(|| b.priority.cmp(&a.priority)).then_with(|| a.name.cmp(&b.name))
        });
        let mut first: HashMap<String, usize> = HashMap::new();
        let mut never = Vec::new();
        for (at, draft) in drafts.iter().enumerate() {
            let given = draft.given.map(|given| given.of(self.text)).unwrap_or_default();
            let words =
                given.split_whitespace().chain(["when"]).chain(draft.when.of(self.text).split_whitespace());
            let words = words.collect::<Vec<_>>().join(" ");
            match first.get(&words).and_then(|earlier| drafts.get(*earlier)) {
                Some(earlier) => never.push(unreachable(draft, earlier)),
                None => drop(first.insert(words, at)),
            }
        }
        never.into_iter().for_each(|found| self.push(found));
        for draft in drafts {
            let at = super::expr::index(self.table.rules.len());
            let rank = key(&draft.route);
            self.table.rules.push(draft);
            let same = at.checked_sub(1).and_then(|last| self.table.rules.get(last as usize));
            match (same.is_some_and(|last| key(&last.route) == rank), self.table.ranks.last_mut()) {
                (true, Some(held)) => held.rules.end = at + 1,
                _ => self.table.ranks.push(Rank { rules: at..at + 1, order: Vec::new(), door: NONE }),
            }
        }
    }
}

fn unreachable(draft: &Rule, earlier: &Rule) -> Diagnostic {
    let (name, other) = (shorten(&draft.route.name), shorten(&earlier.route.name));
    let message = format!("`{name}` can never be chosen: `{other}` asks the same and comes first");
    let found = Diagnostic::warning("unreachable", draft.name, message);
    found
        .label(earlier.when, "the same condition")
        .help("routes are ordered by tier, priority, confidence and name")
}

/// Numbers the signals in order of cost, and finds each rule's entry and gate.
pub(super) fn order_signals(table: &mut Table, used: &[bool]) {
    let mut order: Vec<usize> =
        (0..table.specs.len()).filter(|at| used.get(*at).copied().unwrap_or(false)).collect();
    let cost = |at: &usize| table.specs.get(*at).map_or(0, cost);
    order.sort_by_key(cost);
    let mut new_index = vec![NONE; table.specs.len()];
    for (new, old) in order.iter().enumerate() {
        if let Some(slot) = new_index.get_mut(*old) {
            *slot = super::expr::index(new);
        }
    }
    let mut specs: Vec<Option<_>> = std::mem::take(&mut table.specs).into_iter().map(Some).collect();
    table.specs = order.iter().filter_map(|old| specs.get_mut(*old).and_then(Option::take)).collect();
    let mut renumber = |signal: &mut u32| *signal = new_index.get(*signal as usize).copied().unwrap_or(NONE);
    for leaf in &mut table.leaves {
        match leaf {
            Leaf::Signal { signal, .. } => renumber(signal),
            Leaf::Compare(left, _, right) => {
                left.signals(&mut renumber);
                right.signals(&mut renumber);
            }
            Leaf::Band(_) | Leaf::Member { .. } | Leaf::Fires(_) => {}
        }
    }
    table.scores.iter_mut().for_each(|score| score.of.signals(&mut renumber));
    table.bands.iter_mut().for_each(|band| band.of.signals(&mut renumber));
    table
        .groups
        .iter_mut()
        .flat_map(|group| &mut group.members)
        .for_each(|member| member.signals(&mut renumber));
    find_gates(table);
}

/// Nominal nanoseconds of a signal: fixed, and per KiB of a typical text of its scope.
fn cost(spec: &tollgate_core::signal::SignalSpec) -> u64 {
    let (fixed, per_kib) = spec.kind.info().cost_ns;
    let kib = match spec.text("scope") {
        Some("all") => 16,
        Some("users") => 4,
        _ => 2,
    };
    u64::from(fixed) + kib * u64::from(per_kib)
}

fn find_gates(table: &mut Table) {
    let found: Vec<(u32, Option<u32>)> = table
        .rules
        .iter()
        .map(|rule| {
            let entry = table.reads(rule.root).first().copied().unwrap_or(NONE);
            (entry, gate(table, rule.root, entry))
        })
        .collect();
    for (rule, (entry, gate)) in table.rules.iter_mut().zip(found) {
        (rule.entry, rule.gate) = (entry, gate);
    }
    for rank in &mut table.ranks {
        let opening = |rule: u32| {
            let found = table.rules.get(rule as usize)?;
            let gate = found.gate.and_then(|leaf| table.leaves.get(leaf as usize));
            let door = matches!(gate, Some(Leaf::Signal { test: Test::Holds, .. }));
            Some(Opening { rule, entry: found.entry, door })
        };
        rank.order = rank.rules.clone().filter_map(opening).collect();
        rank.order.sort_by_key(|opening| opening.entry);
        if let [Opening { entry, door: true, .. }] = rank.order.as_slice() {
            rank.door = *entry;
        }
    }
}

/// The leaf over `entry` among the conjuncts at `root`.
fn gate(table: &Table, root: u32, entry: u32) -> Option<u32> {
    let is_gate = |node: u32| match table.node(node) {
        Some(Node::Leaf(leaf)) => match table.leaves.get(leaf as usize) {
            Some(Leaf::Signal { signal, .. }) if *signal == entry => Some(leaf),
            _ => None,
        },
        _ => None,
    };
    match table.node(root)? {
        Node::Leaf(_) => is_gate(root),
        Node::And(start, end) | Node::Given(start, end) => {
            table.kids(start, end).iter().find_map(|kid| is_gate(*kid))
        }
        Node::Or(..) | Node::Not(_) => None,
    }
}
