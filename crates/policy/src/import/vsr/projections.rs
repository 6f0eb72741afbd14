//! Partitions, weighted scores and threshold bands.

use super::super::limits::MAX_TERMS;
use super::super::span::Span;
use super::super::write::number;
use super::super::yaml::Node;
use super::leaf::{Lower, Term};

/// Slope of a band's confidence where the file gives none.
const SLOPE: f64 = 12.0;
/// Temperature of a softmax where the file gives none, or none above 0.
const TEMPERATURE: f64 = 1.0;
/// What pushes a score out of a band that an earlier band already took.
const FAR: &str = "1_000_000";

impl<'y> Lower<'y, '_> {
    fn projections(&self, key: &str) -> &'y [Node] {
        self.routing.get("projections").map(|projections| projections.list(key)).unwrap_or_default()
    }

    /// Declares the members of partitions: of those that hold only the strongest counts, else the default.
    pub(super) fn partitions(&mut self) {
        for partition in self.projections("partitions") {
            super::gaps_free_text(partition);
            let Some(name) = partition.str("name") else {
                self.gaps.wrong(partition, "a partition has a name; it is left out");
                continue;
            };
            let soft = match partition.str("semantics") {
                Some("softmax_exclusive") => true,
                Some("exclusive") | None => false,
                Some(_) => {
                    self.gaps.wrong(
                        partition,
                        "the semantics are exclusive and softmax_exclusive; exclusive is taken",
                    );
                    false
                }
            };
            let members: Vec<&str> = partition.texts("members");
            let kind = if members.iter().any(|member| self.rule("embedding", member).is_some()) {
                "embedding"
            } else {
                "domain"
            };
            self.bare = true;
            let alone: Vec<(&str, Term)> =
                members.iter().map(|member| (*member, self.leaf(kind, member, partition))).collect();
            self.bare = false;
            let mut named: Vec<(&str, String)> = Vec::new();
            for (member, term) in alone {
                match term {
                    Term::Named(identifier) if named.len() < crate::limits::MAX_MEMBERS => {
                        named.push((member, identifier));
                    }
                    Term::Named(_) => self.gaps.dropped(partition, "more members than a group can have"),
                    Term::Never => {}
                }
            }
            if named.len() < 2 {
                self.gaps
                    .wrong(partition, "a partition has at least two members that can hold; it is left out");
                continue;
            }
            let mut options = String::new();
            if soft {
                let given = partition.get("temperature").and_then(Node::number);
                let given = given.filter(|given| *given > 0.0).unwrap_or(TEMPERATURE);
                options = format!(" temperature {}", number(given.clamp(0.001, 100.0)));
            }
            if let Some(default) = partition.str("default")
                && let Some((_, identifier)) = named.iter().find(|(member, _)| *member == default)
            {
                options += &format!(" default {identifier}");
            }
            let group = self.identifier(name);
            let list: Vec<&str> = named.iter().map(|(_, identifier)| identifier.as_str()).collect();
            self.write("group", &group, &format!("winner({}){options}", list.join(", ")));
            for (member, identifier) in &named {
                let wanted = if kind == "domain" { format!("domain_{member}") } else { (*member).to_owned() };
                let term = self.flag(kind, member, &wanted, &format!("{group} is {identifier}"));
                self.settle(kind, member, term);
            }
        }
    }

    /// Of all embeddings that hold, the best (`top_k`, default 1) count.
    pub(super) fn best_embeddings(&mut self) {
        let top = self.root.get("global").and_then(|global| {
            global
                .get("model_catalog")?
                .get("embeddings")?
                .get("semantic")?
                .get("embedding_config")?
                .get("top_k")
        });
        let names = self.all("embedding");
        let most = top.and_then(Node::number).unwrap_or(1.0);
        if names.len() < 2 || (most - 1.0).abs() > f64::EPSILON {
            if let Some(top) = top.filter(|_| names.len() as f64 > most && most > 0.0) {
                self.gaps.stands_in(top, "all embeddings that hold count, not only the best of them");
            }
            return;
        }
        let partition = self.projections("partitions").iter();
        let mut covers = partition.map(|partition| partition.texts("members"));
        if covers.any(|members| names.iter().all(|name| members.contains(name))) {
            return;
        }
        self.best_of("embedding");
    }

    /// Of all signals of a type that hold, only the best counts.
    pub(super) fn best_of(&mut self, kind: &str) {
        let names = self.all(kind);
        if names.len() < 2 {
            return;
        }
        let mut members: Vec<(&str, String)> = Vec::new();
        for name in names {
            let Some(rule) = self.rule(kind, name) else { continue };
            self.bare = true;
            if let Term::Named(identifier) = self.leaf(kind, name, rule) {
                members.push((name, identifier));
            }
            self.bare = false;
        }
        if members.len() > crate::limits::MAX_MEMBERS {
            let consequence =
                format!("more signals of type {kind} than a group can have: all that hold count");
            self.gaps.stands_in(self.routing, &consequence);
        }
        if members.len() < 2 || members.len() > crate::limits::MAX_MEMBERS {
            return;
        }
        let group = self.identifier(&format!("best_{kind}"));
        let list: Vec<&str> = members.iter().map(|(_, identifier)| identifier.as_str()).collect();
        self.write("group", &group, &format!("winner({})", list.join(", ")));
        for (name, identifier) in &members {
            let term = self.flag(kind, name, name, &format!("{group} is {identifier}"));
            self.settle_late(kind, name, term);
        }
    }

    /// A band of a mapping by its name.
    pub(super) fn projection(&mut self, name: &str, at: &'y Node) -> Term {
        for mapping in self.projections("mappings") {
            if mapping.list("outputs").iter().any(|output| output.str("name") == Some(name)) {
                self.mapping(mapping);
                return self.settled("projection", name);
            }
        }
        self.gaps.wrong(at, "there is no projection of this name; it never holds");
        Term::Never
    }

    /// The name of a score's sum.
    pub(super) fn projection_score(&mut self, name: &str) -> Option<String> {
        let node = self.projections("scores").iter().find(|score| score.str("name") == Some(name))?;
        let held = format!("{name}#score");
        match self.settled("projection", &held) {
            Term::Named(sum) => Some(sum),
            Term::Never => {
                if self.in_work(&held) {
                    self.gaps.wrong(node, "the score depends on itself; the inner one counts 0");
                    return None;
                }
                self.begin(&held);
                let sum = self.score(name, node);
                self.end();
                self.settle("projection", &held, Term::Named(sum.clone()));
                Some(sum)
            }
        }
    }

    fn score(&mut self, name: &str, node: &'y Node) -> String {
        super::gaps_free_text(node);
        if let Some(method) = node.get("method").filter(|method| method.text() != Some("weighted_sum")) {
            self.gaps.wrong(method, "the method is weighted_sum; it is taken");
        }
        let mut parts: Vec<String> = Vec::new();
        let mut constant = 0.0;
        let inputs = node.list("inputs");
        for input in inputs.iter().take(MAX_TERMS) {
            let weight = input.get("weight").and_then(Node::number).unwrap_or_else(|| {
                self.gaps.wrong(input, "an input has a weight; 0 is taken");
                0.0
            });
            let (value, base) = self.input(input);
            constant += weight * base;
            if let Some((value, scale)) = value {
                let factor = weight * scale;
                if factor != 0.0 {
                    parts.push(format!("{} * {value}", number(factor)));
                }
            }
        }
        if parts.is_empty() {
            // A sum reads something; this one nothing that counts.
            parts.push("0 * tokens".to_owned());
        }
        if constant != 0.0 {
            parts.push(number(constant));
        }
        let body = parts.join(" + ").replace("+ -", "- ");
        self.sum(name, &body)
    }

    /// What an input contributes per unit of weight: a number with its factor, and a constant.
    fn input(&mut self, input: &'y Node) -> (Option<(String, f64)>, f64) {
        let kind = input.str("type").unwrap_or_default();
        let name = input.str("name").unwrap_or_default();
        if kind == "kb_metric" || (kind == "kb" && input.get("metric").is_some()) {
            input.see(&["value_source"]);
            let found = self.metric(input);
            if found.is_none() {
                self.gaps.stands_in(input, "the knowledge base is not in the file; its metric counts 0");
            }
            return (found.map(|value| (value, 1.0)), 0.0);
        }
        let number_of = |key: &str, default: f64| input.get(key).and_then(Node::number).unwrap_or(default);
        // A match worth 0 is one that was not given.
        let hit = Some(number_of("match", 1.0)).filter(|hit| *hit != 0.0).unwrap_or(1.0);
        let miss = number_of("miss", 0.0);
        if kind == "projection" {
            return (self.projection_input(name, input).map(|value| (value, 1.0)), 0.0);
        }
        match input.str("value_source") {
            Some("raw" | "score") => (self.raw(kind, name, input).map(|value| (value, 1.0)), 0.0),
            Some("confidence") => match self.leaf(kind, name, input) {
                Term::Named(name) => (Some((format!("confidence({name})"), 1.0)), 0.0),
                Term::Never => (None, 0.0),
            },
            other => {
                if other.is_some_and(|word| word != "binary") {
                    self.gaps.wrong(
                        input,
                        "the value sources are binary, confidence, raw and score; binary is taken",
                    );
                }
                match self.leaf(kind, name, input) {
                    Term::Named(name) => (Some((name, hit - miss)), miss),
                    Term::Never => (None, miss),
                }
            }
        }
    }

    /// What another projection contributes: a score its sum, a band its confidence where that is asked for.
    fn projection_input(&mut self, name: &str, input: &'y Node) -> Option<String> {
        let wants_confidence = input.str("value_source") == Some("confidence");
        let mappings = self.projections("mappings").iter();
        let is_band = mappings
            .flat_map(|mapping| mapping.list("outputs"))
            .any(|output| output.str("name") == Some(name));
        match (wants_confidence, is_band) {
            (true, true) => match self.leaf("projection", name, input) {
                Term::Named(band) => Some(format!("confidence({band})")),
                Term::Never => None,
            },
            (true, false) => {
                self.gaps.wrong(input, "only a band has a confidence; it counts 0");
                None
            }
            (false, _) => {
                let found = self.projection_score(name);
                if found.is_none() {
                    self.gaps.wrong(input, "there is no score of this name; it counts 0");
                }
                found
            }
        }
    }

    /// Declares every band of a mapping.
    pub(super) fn mapping(&mut self, mapping: &'y Node) {
        super::gaps_free_text(mapping);
        mapping.see(&["name"]);
        let source = mapping.str("source").unwrap_or_default();
        let first_only = match mapping.str("method") {
            Some("threshold_bands") | None => true,
            Some("multi_emit") => false,
            Some(_) => {
                self.gaps.wrong(
                    mapping,
                    "the methods are threshold_bands and multi_emit; threshold_bands is taken",
                );
                true
            }
        };
        let slope = mapping.get("calibration").map_or(SLOPE, |calibration| {
            if let Some(method) =
                calibration.get("method").filter(|method| method.text() != Some("sigmoid_distance"))
            {
                self.gaps.wrong(method, "the calibration is sigmoid_distance; it is taken");
            }
            calibration.get("slope").and_then(Node::number).unwrap_or(SLOPE)
        });
        let Some(sum) = self.projection_score(source) else {
            self.gaps.wrong(mapping, "there is no such score; its bands never hold");
            return;
        };
        let mut taken: Vec<Span> = Vec::new();
        for output in mapping.list("outputs") {
            super::gaps_free_text(output);
            let Some(name) = output.str("name") else {
                self.gaps.wrong(output, "a band has a name; it is left out");
                continue;
            };
            let span = Span::of(output);
            let overlaps = taken.iter().filter(|earlier| first_only && earlier.meets(&span));
            let before: Vec<String> = overlaps.map(|earlier| earlier.test(&sum)).collect();
            let term = self.output(name, output, &sum, slope, &before);
            if matches!(term, Term::Named(_)) {
                span.join(&mut taken);
            }
            self.settle("projection", name, term);
        }
    }

    /// One band; `before` are the conditions under which an earlier one is meant.
    fn output(&mut self, name: &str, output: &'y Node, sum: &str, slope: f64, before: &[String]) -> Term {
        let bounds = self.bounds(output);
        let span = Span::of(output);
        // The first band that fits is meant: where an earlier one fits, the number is pushed out of this one. That
        // leaves the distance to this band's own bounds, and reads the score alone, however many bands there are.
        let taken = (!before.is_empty()).then(|| {
            let taken = self.identifier(&format!("{name}_taken"));
            self.write("flag", &taken, &before.join(" or "));
            taken
        });
        let mut of = sum.to_owned();
        if let (Some(taken), false) = (&taken, bounds.is_empty()) {
            let sign = if span.low.is_finite() { "-" } else { "+" };
            of = self.sum(&format!("{name}_left"), &format!("{sum} {sign} {FAR} * {taken}"));
        }
        let sides = |mark: char| bounds.iter().filter(|(found, _)| found.starts_with(mark)).count();
        if bounds.is_empty() {
            let rest = taken.map_or_else(|| format!("{sum} >= -{FAR}"), |taken| format!("not {taken}"));
            return self.flag("projection", name, name, &rest);
        }
        if sides('>') > 1 || sides('<') > 1 || sides('=') > 0 || span.low >= span.high {
            self.gaps.wrong(
                output,
                "a band has at most one bound on each side, with numbers between; it never holds",
            );
            return Term::Never;
        }
        let mut tests: Vec<String> = bounds.iter().map(|(mark, bound)| format!("{mark} {bound}")).collect();
        tests.sort_by_key(|test| !test.starts_with('>'));
        self.band("projection", name, &of, &tests, slope)
    }

    /// Declares what no decision asked for, so that it can be told of too.
    pub(super) fn rest(&mut self) {
        for mapping in self.projections("mappings") {
            let first = mapping.list("outputs").first().and_then(|output| output.str("name"));
            if let Some(name) = first
                && !self.is_settled("projection", name)
            {
                self.mapping(mapping);
            }
        }
        for score in self.projections("scores") {
            if let Some(name) = score.str("name")
                && matches!(self.settled("projection", &format!("{name}#score")), Term::Never)
            {
                // Nothing reads it, so it is not written; its members are looked at for what is wrong with them.
                score.see_all();
                self.gaps.wrong(score, "no mapping reads this score; it is left out");
            }
        }
    }
}
