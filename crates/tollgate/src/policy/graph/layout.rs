//! Where the boxes stand: routes in their order, models and pools each near what leads to them.

use std::collections::BTreeMap;

/// A box: what stands in it, and what is told of it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) about: String,
}

impl Node {
    pub(super) fn new(name: &str, about: &str) -> Self {
        Self { name: name.to_owned(), about: about.to_owned() }
    }
}

/// A line from a box of one column to one of the next.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Link {
    /// Whether it starts at a route; else at a model.
    pub(super) route: bool,
    pub(super) from: usize,
    pub(super) to: usize,
    /// The share of requests, 0 for those that only stand in.
    pub(super) share: f64,
}

impl Link {
    pub(super) const fn of_route(from: usize, to: usize, share: f64) -> Self {
        Self { route: true, from, to, share }
    }
}

/// Three columns of boxes with lines between.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    /// Routes with their tier.
    pub(super) routes: Vec<(String, Node)>,
    pub(super) models: Vec<Node>,
    pub(super) pools: Vec<Node>,
    pub(super) links: Vec<Link>,
    /// Lines below the picture.
    pub(super) notes: Vec<String>,
}

fn place(column: &mut Vec<Node>, node: Node) -> usize {
    match column.iter().position(|held| held.name == node.name) {
        Some(at) => at,
        None => {
            column.push(node);
            column.len() - 1
        }
    }
}

impl Layout {
    pub(super) fn route(&mut self, tier: &str, node: Node) -> usize {
        self.routes.push((tier.to_owned(), node));
        self.routes.len() - 1
    }

    pub(super) fn model(&mut self, node: Node) -> usize {
        place(&mut self.models, node)
    }

    pub(super) fn pool(&mut self, node: Node) -> usize {
        place(&mut self.pools, node)
    }

    /// A pool serves a model.
    pub(super) fn serves(&mut self, from: usize, to: usize) {
        let link = Link { route: false, from, to, share: 1.0 };
        if !self.links.contains(&link) {
            self.links.push(link);
        }
    }

    /// Puts each model at the mean place of its routes, then each pool at that of its models, so that few lines cross.
    pub(super) fn order(&mut self) {
        sort(&mut self.models, &mut self.links, true);
        sort(&mut self.pools, &mut self.links, false);
    }
}

/// Sorts the column at the end of `route` (or model) links by the mean of where they start.
fn sort(column: &mut Vec<Node>, links: &mut [Link], route: bool) {
    let mut starts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for link in links.iter().filter(|link| link.route == route) {
        starts.entry(link.to).or_default().push(link.from);
    }
    let mean = |at: usize| {
        let from = starts.get(&at).map(Vec::as_slice).unwrap_or_default();
        from.iter().sum::<usize>() as f64 / from.len().max(1) as f64
    };
    let mut order: Vec<usize> = (0..column.len()).collect();
    order.sort_by(|a, b| mean(*a).total_cmp(&mean(*b)).then(a.cmp(b)));
    let mut moved = vec![0; column.len()];
    for (new, old) in order.iter().enumerate() {
        if let Some(slot) = moved.get_mut(*old) {
            *slot = new;
        }
    }
    *column = order.iter().filter_map(|old| column.get(*old).cloned()).collect();
    for link in links {
        let end = if link.route == route { &mut link.to } else { &mut link.from };
        // The models are the start of the other kind of link.
        if link.route == route || route {
            *end = moved.get(*end).copied().unwrap_or(*end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_follow_what_leads_to_them_and_lines_follow_the_columns() {
        let mut layout = Layout::default();
        let (a, b) = (layout.route("tier 1", Node::new("a", "")), layout.route("tier 1", Node::new("b", "")));
        let (late, early) = (layout.model(Node::new("late", "")), layout.model(Node::new("early", "")));
        let (deep, near) = (layout.pool(Node::new("deep", "")), layout.pool(Node::new("near", "")));
        layout.links.push(Link::of_route(b, late, 1.0));
        layout.links.push(Link::of_route(a, early, 1.0));
        layout.serves(late, deep);
        layout.serves(early, near);
        layout.serves(early, near);
        layout.order();
        let names = |column: &[Node]| column.iter().map(|node| node.name.clone()).collect::<Vec<_>>();
        assert_eq!(
            (names(&layout.models), names(&layout.pools)),
            (vec!["early".into(), "late".into()], vec!["near".into(), "deep".into()])
        );
        let ends: Vec<_> = layout.links.iter().map(|link| (link.route, link.from, link.to)).collect();
        assert_eq!(ends, [(true, 1, 1), (true, 0, 0), (false, 1, 1), (false, 0, 0)]);
    }
}
