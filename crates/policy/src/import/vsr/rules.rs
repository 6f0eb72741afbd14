//! Rule trees to conditions.
//!
//! `AND` takes the mean confidence of its children, `OR` the best, `NOT` 1 when it holds: as the language does, so a
//! tree is written as it stands. An empty `AND`, or no rules at all, always holds with confidence 0; an empty `OR` or `NOT`
//! never does.

use super::super::yaml::Node;
use super::leaf::{Lower, NEVER, Term};

/// Deepest tree that is written; the language allows 64 levels of parentheses.
const MAX_DEPTH: usize = 48;
/// Most tests of one condition; what is written around a condition has room above.
const MAX_TESTS: usize = crate::limits::MAX_LEAVES - 8;

impl<'y> Lower<'y, '_> {
    /// The condition of a decision's `rules`.
    pub(super) fn condition(&mut self, rules: Option<&'y Node>) -> String {
        let Some(rules) = rules else { return "always".to_owned() };
        if is_omitted(rules) {
            rules.see(&["conditions"]);
            return "always".to_owned();
        }
        let mut tests = 0;
        self.tree(rules, 0, &mut tests)
    }

    /// The condition of a node.
    pub(super) fn tree(&mut self, node: &'y Node, depth: usize, tests: &mut usize) -> String {
        if node.get("type").is_some() {
            // Each bound of a predicate is a test of its own.
            *tests += node.get("predicate").map_or(1, |predicate| predicate.entries().len().max(1));
        }
        if depth > MAX_DEPTH || *tests > MAX_TESTS {
            self.gaps
                .dropped(node, "the rules are deeper or larger than a policy can be; this part never holds");
            return NEVER.to_owned();
        }
        if node.get("type").is_some() {
            return self.rule_leaf(node);
        }
        let operator = node.str("operator").unwrap_or("OR").trim().to_ascii_uppercase();
        let children = node.list("conditions");
        match operator.as_str() {
            "NOT" => {
                let [child] = children else {
                    node.see_all();
                    self.gaps.wrong(node, "NOT takes exactly one condition; this never holds");
                    return NEVER.to_owned();
                };
                format!("not {}", self.tree(child, depth + 1, tests))
            }
            "AND" if children.is_empty() => "always".to_owned(),
            "OR" if children.is_empty() => {
                self.gaps.wrong(node, "OR of nothing never holds");
                NEVER.to_owned()
            }
            "AND" | "OR" => {
                let parts: Vec<String> =
                    children.iter().map(|child| self.tree(child, depth + 1, tests)).collect();
                match parts.as_slice() {
                    [only] => only.clone(),
                    _ => format!("({})", parts.join(if operator == "AND" { " and " } else { " or " })),
                }
            }
            _ => {
                self.gaps.wrong(node, "the operators are AND, OR and NOT; this never holds");
                NEVER.to_owned()
            }
        }
    }

    /// A leaf: `{type, name}`, or with a `predicate` over its value.
    fn rule_leaf(&mut self, node: &'y Node) -> String {
        let (Some(kind), Some(name)) = (node.str("type"), node.str("name")) else {
            self.gaps.wrong(node, "a condition has a type and a name; this never holds");
            return NEVER.to_owned();
        };
        let label = node.str("label");
        let on_error = node.str("on_error");
        let predicate = node.get("predicate");
        if kind == "classifier" {
            self.gaps.stands_in(
                node,
                "no model of this kind is loaded; the condition is answered by its on_error, else it does not hold",
            );
            predicate.into_iter().for_each(Node::see_all);
            return if on_error == Some("match") { "not not always".to_owned() } else { NEVER.to_owned() };
        }
        for (key, given) in [("label", label.is_some()), ("on_error", on_error.is_some())] {
            if given {
                self.gaps.drop_key(node, key, "only conditions on classifiers have it");
            }
        }
        let Some(predicate) = predicate else {
            return self.leaf(kind, name, node).truth();
        };
        let bounds = self.bounds(predicate);
        if bounds.is_empty() {
            self.gaps.wrong(predicate, "the predicate has no bound; it never holds");
            return NEVER.to_owned();
        }
        let Some(value) = self.raw(kind, name, node) else { return NEVER.to_owned() };
        let tests: Vec<String> =
            bounds.iter().map(|(mark, bound)| format!("{value} {mark} {bound}")).collect();
        match tests.as_slice() {
            [only] => only.clone(),
            _ => format!("({})", tests.join(" and ")),
        }
    }

    /// Bounds of a predicate or band: marks and numbers.
    pub(super) fn bounds(&mut self, node: &'y Node) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        for (key, mark) in [("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<="), ("eq", "==")] {
            let Some(bound) = node.get(key) else { continue };
            match bound.number() {
                Some(number) => found.push((mark, super::super::write::number(number))),
                None => self.gaps.wrong(bound, "not a number; the bound is left out"),
            }
        }
        found
    }

    /// A condition of a composer, in which embeddings have not yet been cut to the best.
    pub(super) fn composer(&mut self, node: &'y Node) -> Option<String> {
        if is_omitted(node) {
            return None;
        }
        let mut tests = 0;
        self.composing = true;
        let condition = self.tree(node, 0, &mut tests);
        self.composing = false;
        Some(condition)
    }
}

/// Whether a decision's rules are those of one that always matches: none, or an `AND` of nothing.
pub(super) fn is_always(rules: Option<&Node>) -> bool {
    rules.is_none_or(|rules| {
        let is_and = rules.str("operator").is_some_and(|word| word.trim().eq_ignore_ascii_case("AND"));
        is_omitted(rules) || (is_and && rules.get("type").is_none() && rules.list("conditions").is_empty())
    })
}

/// Whether a node says nothing at all.
fn is_omitted(node: &Node) -> bool {
    ["type", "name", "operator"].iter().all(|key| node.get(key).is_none())
        && node.list("conditions").is_empty()
}

impl Term {
    /// The term as a condition.
    pub(super) fn truth(&self) -> String {
        match self {
            Self::Named(name) => name.clone(),
            Self::Never => NEVER.to_owned(),
        }
    }
}
