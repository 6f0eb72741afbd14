//! Signals that ask a model in the incumbent, and what stands in for it here.
//!
//! | signal | stands in |
//! |---|---|
//! | embedding, preference | `similar`: words and 3-grams in common with the examples, at three quarters of the threshold |
//! | complexity | `similar` to the hard examples minus `similar` to the easy ones; no level without any likeness |
//! | domain, kb over such labels | `domain`: word lists |
//! | fact_check, user_feedback | `fact_seeking`, `feedback`: word lists |
//! | jailbreak | `jailbreak`: patterns and the shipped head |
//! | pii | `pii`: patterns |
//! | modality | keywords, as in the incumbent's own keyword method |

use super::super::limits::MAX_WORDS;
use super::super::write::{list, number};
use super::super::yaml::Node;
use super::leaf::{Lower, NEVER, Term};

/// Likeness of words that stands for one unit of cosine between embeddings. A choice and not a measurement: it is the
/// ratio between the defaults for repeated turns, 0.6 of likeness here and a cosine of 0.8 in the incumbent.
pub(super) const SCALE: f64 = 0.75;
/// Least likeness to either side at which a level of complexity is told.
const LIKENESS: f64 = 0.1;
/// The labels of the `domain` signal.
const DOMAINS: &[&str] = &[
    "biology",
    "business",
    "chemistry",
    "computer science",
    "economics",
    "engineering",
    "health",
    "history",
    "law",
    "math",
    "other",
    "philosophy",
    "physics",
    "psychology",
];
impl<'y> Lower<'y, '_> {
    /// Examples that are near enough.
    pub(super) fn embedding(&mut self, name: &str, rule: &'y Node) -> Term {
        let examples = self.words(rule, "candidates", MAX_WORDS);
        if let Some(modality) = rule.get("query_modality").filter(|node| node.text() != Some("text")) {
            self.gaps.dropped(modality, "only text is compared; the signal never holds");
            return Term::Never;
        }
        let mean = rule.str("aggregation_method") == Some("mean");
        self.similar("embedding", name, rule, &examples, mean)
    }

    /// The best of the preferences whose description and examples are near enough.
    pub(super) fn preference(&mut self, name: &str, rule: &'y Node) -> Term {
        let mut examples = self.words(rule, "examples", MAX_WORDS);
        examples.extend(rule.str("description").filter(|text| text.len() <= MAX_WORDS));
        self.similar("preference", name, rule, &examples, false)
    }

    fn similar(&mut self, kind: &str, name: &str, rule: &'y Node, examples: &[&str], mean: bool) -> Term {
        let threshold = rule.get("threshold").and_then(Node::number).unwrap_or(0.5).clamp(0.0, 1.0);
        if examples.is_empty() {
            self.gaps.wrong(rule, "there are no examples; the signal never holds");
            return Term::Never;
        }
        self.gaps.stands_in(
            rule,
            "likeness of words and 3-grams stands in for embeddings: only near wordings match",
        );
        let mean = if mean { " mean true" } else { "" };
        let threshold = number(threshold * SCALE);
        self.signal(
            kind,
            name,
            name,
            &format!("similar to {} threshold {threshold}{mean}", list(examples.iter().copied())),
        )
    }

    /// `rule:hard`, `rule:medium` or `rule:easy`.
    pub(super) fn complexity(&mut self, name: &str, level: &str, rule: &'y Node, at: &'y Node) -> Term {
        if !["hard", "medium", "easy", ""].contains(&level) {
            self.gaps.wrong(at, "the levels are hard, medium and easy; it never holds");
            return Term::Never;
        }
        let held = format!("{name}#signal");
        if matches!(self.settled("complexity", &held), Term::Never) {
            let threshold = rule.get("threshold").and_then(Node::number).unwrap_or(0.1).clamp(0.0, 1.0);
            let mut sides = Vec::new();
            for side in ["hard", "easy"] {
                let examples =
                    rule.get(side).map(|bank| self.words(bank, "candidates", MAX_WORDS)).unwrap_or_default();
                if examples.is_empty() {
                    self.gaps.wrong(rule, "complexity needs hard and easy candidates; it never holds");
                    return Term::Never;
                }
                sides.push(self.helper(
                    &format!("{name}_{side}_like"),
                    &format!("similar to {} threshold 0", list(examples)),
                ));
                if let Some(bank) = rule.get(side) {
                    self.gaps.drop_key(bank, "image_candidates", "images are not compared");
                }
            }
            self.gaps.drop_key(rule, "image_candidates", "images are not compared");
            self.gaps.stands_in(rule, "likeness of words and 3-grams stands in for embeddings");
            let composer = rule.get("composer").and_then(|composer| self.composer(composer));
            let [hard, easy] = sides.as_slice() else { return Term::Never };
            let sum = self.sum(&format!("{name}_lean"), &format!("confidence({hard}) - confidence({easy})"));
            let threshold = number(threshold);
            let only = composer.map_or_else(String::new, |condition| format!("{condition} and "));
            let near = format!("max(confidence({hard}), confidence({easy})) >= {LIKENESS}");
            for (level, condition) in [
                ("hard", format!("{sum} > {threshold}")),
                ("easy", format!("{sum} < -{threshold}")),
                ("medium", format!("{sum} >= -{threshold} and {sum} <= {threshold} and {near}")),
            ] {
                let full = format!("{name}:{level}");
                let term = if only.starts_with(NEVER) {
                    Term::Never
                } else {
                    self.flag("complexity", &full, &format!("{name}_{level}"), &format!("{only}{condition}"))
                };
                self.settle("complexity", &full, term);
            }
            self.settle("complexity", &held, Term::Named(sum));
        }
        let level = if level.is_empty() { "hard" } else { level };
        self.settled("complexity", &format!("{name}:{level}"))
    }

    /// One of fourteen subjects.
    pub(super) fn domain(&mut self, name: &str, rule: Option<&'y Node>, at: &'y Node) -> Term {
        let mut labels: Vec<String> = Vec::new();
        for category in rule.map(|rule| rule.list("mmlu_categories")).unwrap_or_default() {
            match category.text().map(normal) {
                Some(label) if DOMAINS.contains(&label.as_str()) => labels.push(label),
                _ => self.gaps.wrong(category, "no subject of the classifier; it is left out"),
            }
        }
        labels.push(normal(name));
        if let Some(rule) = rule {
            self.gaps.drop_key(rule, "model_scores", "models are not scored by subject");
        }
        labels.retain(|label| DOMAINS.contains(&label.as_str()));
        labels.dedup();
        if labels.is_empty() {
            self.gaps.wrong(at, "no subject of the classifier; it never holds");
            return Term::Never;
        }
        self.gaps.stands_in(at, "word lists stand in for the subject classifier");
        self.signal(
            "domain",
            name,
            &format!("domain_{name}"),
            &format!("domain is {}", list(labels.iter().map(String::as_str))),
        )
    }

    /// A label or group of a knowledge base.
    pub(super) fn knowledge(&mut self, name: &str, rule: &'y Node) -> Term {
        let base = rule.str("kb").unwrap_or_default();
        self.gaps.drop_key(rule, "match", "the signal holds where the subject or an example does");
        let Some(target) = rule.get("target") else {
            self.gaps.wrong(rule, "a target is wanted; the signal never holds");
            return Term::Never;
        };
        let value = target.str("value").unwrap_or_default();
        let labels: Vec<&str> = match target.str("kind") {
            Some("group") => self.group(base, value),
            _ => vec![value],
        };
        let subjects: Vec<String> = labels
            .iter()
            .map(|label| normal(label))
            .filter(|label| DOMAINS.contains(&label.as_str()))
            .collect();
        if !subjects.is_empty() {
            self.gaps.stands_in(rule, "word lists of subjects stand in for the knowledge base");
            self.gaps.drop_key(rule, "threshold", "a word list has no scale to compare with");
            let body = format!("domain is {}", list(subjects.iter().map(String::as_str)));
            return self.signal("kb", name, name, &body);
        }
        let examples = self.exemplars(base, &labels);
        if examples.is_empty() {
            self.gaps
                .dropped(rule, "the knowledge base's examples are not in the file; the signal never holds");
            return Term::Never;
        }
        self.similar("kb", name, rule, &examples, false)
    }

    fn base(&self, name: &str) -> Option<&'y Node> {
        let bases = self.root.get("global")?.get("model_catalog")?.get("kbs")?;
        bases.items().iter().find(|base| base.str("name") == Some(name)).or_else(|| bases.get(name))
    }

    /// The labels of a group.
    fn group(&self, base: &str, group: &str) -> Vec<&'y str> {
        let Some(groups) = self.base(base).and_then(|base| base.get("groups")) else { return Vec::new() };
        let listed = groups
            .items()
            .iter()
            .find(|node| node.str("name") == Some(group))
            .map(|node| node.texts("labels"));
        listed.unwrap_or_else(|| groups.texts(group))
    }

    /// Examples of labels, where the file itself has them.
    fn exemplars(&self, base: &str, labels: &[&str]) -> Vec<&'y str> {
        let Some(known) = self.base(base).and_then(|base| base.get("labels")) else { return Vec::new() };
        let mut found = Vec::new();
        for label in labels {
            let node = known
                .items()
                .iter()
                .find(|node| node.str("name") == Some(*label))
                .or_else(|| known.get(label));
            let Some(node) = node else { continue };
            for key in ["exemplars", "examples", "candidates"] {
                found.extend(node.texts(key));
            }
        }
        found.retain(|text| !text.is_empty() && text.len() <= MAX_WORDS);
        found.truncate(crate::limits::MAX_LIST);
        found
    }

    /// The number that a metric of a knowledge base gives; absent when it cannot be told.
    pub(super) fn metric(&mut self, input: &'y Node) -> Option<String> {
        let base = input.str("kb").unwrap_or_default();
        let name = input.str("metric").unwrap_or_default();
        let metric = self.base(base)?.list("metrics").iter().find(|node| node.str("name") == Some(name))?;
        let mut sides = Vec::new();
        for key in ["positive_group", "negative_group"] {
            let labels = metric.str(key).map(|group| self.group(base, group)).unwrap_or_default();
            let subjects: Vec<String> = labels
                .iter()
                .map(|label| normal(label))
                .filter(|label| DOMAINS.contains(&label.as_str()))
                .collect();
            let body = if subjects.is_empty() {
                let examples = self.exemplars(base, &labels);
                (!examples.is_empty()).then(|| format!("similar to {} threshold 0", list(examples)))
            } else {
                Some(format!("domain is {}", list(subjects.iter().map(String::as_str))))
            };
            sides.push(self.helper(&format!("{name}_{key}"), &body?));
        }
        let [positive, negative] = sides.as_slice() else { return None };
        Some(self.sum(name, &format!("confidence({positive}) - confidence({negative})")))
    }

    /// Whether an answer would state facts that can be looked up.
    pub(super) fn fact_check(&mut self, name: &str, at: &'y Node) -> Term {
        let condition = match name {
            "needs_fact_check" => "fact_seeking",
            "no_fact_check_needed" => "not fact_seeking",
            _ => {
                self.gaps
                    .wrong(at, "the names are needs_fact_check and no_fact_check_needed; it never holds");
                return Term::Never;
            }
        };
        self.gaps.stands_in(at, "word lists stand in for the classifier");
        self.gaps.drop_key(at, "threshold", "a word list has no scale to compare with");
        self.flag("fact_check", name, name, condition)
    }

    /// What the user thinks of the answer before.
    pub(super) fn feedback(&mut self, name: &str, at: &'y Node) -> Term {
        if !["satisfied", "need_clarification", "wrong_answer", "want_different"].contains(&name) {
            self.gaps.wrong(at, "no label of the feedback classifier; it never holds");
            return Term::Never;
        }
        self.gaps.stands_in(at, "word lists stand in for the classifier");
        self.gaps.drop_key(at, "threshold", "a word list has no scale to compare with");
        self.signal("user_feedback", name, &format!("feedback_{name}"), &format!("feedback is {name}"))
    }
}

/// A label as the word lists spell it.
fn normal(label: &str) -> String {
    label.trim().to_ascii_lowercase().replace(['_', '-'], " ")
}
