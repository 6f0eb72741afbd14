//! Signals from words: keywords, structure of the text, events.

use super::super::limits::{MAX_REGEX, MAX_WORDS};
use super::super::write::{list, number, pattern};
use super::super::yaml::Node;
use super::leaf::{Lower, Term};

/// Largest edit distance of the language, and of the incumbent's default.
const MAX_DISTANCE: f64 = 3.0;
const DISTANCE: f64 = 2.0;
/// Slope of the confidence of a structure rule: sigmoid of four times the distance to the bound.
const STRUCTURE_SLOPE: f64 = 4.0;

/// Whether a word has a Han character, and at an edge a letter or digit that is none: such a word stands on no boundary
/// there, where otherwise it would here.
fn is_part_han(word: &str) -> bool {
    let is_han = |c: char| matches!(c, '\u{2e80}'..='\u{2fdf}' | '\u{3005}' | '\u{3007}' | '\u{3021}'..='\u{3029}' | '\u{3038}'..='\u{303b}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}');
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && !is_han(c));
    word.contains(is_han) && (edge(word.chars().next()) || edge(word.chars().next_back()))
}

impl<'y> Lower<'y, '_> {
    /// Words or patterns: any, all or none of them.
    pub(super) fn keyword(&mut self, name: &str, rule: &'y Node) -> Term {
        let operator = rule.str("operator").unwrap_or("OR").to_ascii_uppercase();
        let list = match operator.as_str() {
            "OR" => "any",
            "AND" => "all",
            "NOR" => "none",
            _ => {
                self.gaps.wrong(rule, "the operators are OR, AND and NOR; OR is taken");
                "any"
            }
        };
        let case = if rule.is_true("case_sensitive") { " case true" } else { "" };
        let method = rule.str("method");
        let fuzzy = rule.is_true("fuzzy_match");
        let read: fn(&Node) -> Option<f64> = Node::number;
        let (distance, bm25, ngram, arity) = (
            rule.get("fuzzy_threshold").and_then(read),
            rule.get("bm25_threshold").and_then(read).unwrap_or(0.1),
            rule.get("ngram_threshold").and_then(read).unwrap_or(0.4),
            rule.get("ngram_arity").and_then(read).unwrap_or(3.0),
        );
        let words = self.words(rule, "keywords", if method == Some("regex") { MAX_REGEX } else { MAX_WORDS });
        if words.is_empty() {
            self.gaps.wrong(rule, "there are no keywords to look for; the signal never holds");
            return Term::Never;
        }
        if fuzzy && matches!(method, Some("bm25" | "ngram")) {
            self.gaps.drop_key(
                rule,
                "fuzzy_match",
                "words of this method are not looked for by edit distance",
            );
        }
        match method {
            None | Some("regex") if fuzzy => return self.fuzzy(name, rule, &words, list, case, distance),
            Some("regex") => {
                let good = self.patterns(rule, &words, !case.is_empty());
                if good.is_empty() {
                    return Term::Never;
                }
                return self.signal(
                    "keyword",
                    name,
                    name,
                    &format!("keyword {list} {good} method regex{case}"),
                );
            }
            Some("bm25") => {
                let quoted = super::super::write::list(words.iter().copied());
                let threshold = number(bm25.clamp(0.0, 1000.0));
                return self.certain(
                    name,
                    &format!("keyword {list} {quoted} method bm25 threshold {threshold}{case}"),
                );
            }
            Some("ngram") => {
                let quoted = super::super::write::list(words.iter().copied());
                let (threshold, arity) =
                    (number(ngram.clamp(0.05, 1.0)), number(arity.round().clamp(2.0, 5.0)));
                let body =
                    format!("keyword {list} {quoted} method ngram threshold {threshold} arity {arity}{case}");
                return self.certain(name, &body);
            }
            None => {}
            Some(_) => {
                if let Some(node) = rule.get("method") {
                    self.gaps.wrong(
                        node,
                        "the methods are regex, bm25 and ngram; the words are looked for as they are",
                    );
                }
            }
        }
        let (unbounded, words): (Vec<&str>, Vec<&str>) =
            words.into_iter().partition(|word| is_part_han(word));
        if !unbounded.is_empty() {
            return self.unbounded(name, rule, (&unbounded, &words), list, case);
        }
        let quoted = super::super::write::list(words.iter().copied());
        self.signal("keyword", name, name, &format!("keyword {list} {quoted}{case}"))
    }

    /// Words of which some are found inside of others, since they have a Han character, although an edge is none.
    fn unbounded(
        &mut self,
        name: &str,
        rule: &'y Node,
        (unbounded, words): (&[&str], &[&str]),
        operator: &str,
        case: &str,
    ) -> Term {
        let escaped: Vec<String> = unbounded.iter().map(|word| regex_syntax::escape(word)).collect();
        let escaped: Vec<&str> = escaped.iter().map(String::as_str).collect();
        let patterns = self.patterns(rule, &escaped, !case.is_empty());
        let mut parts = Vec::new();
        if !patterns.is_empty() {
            let body = format!("keyword {operator} {patterns} method regex{case}");
            parts.push(self.helper(&format!("{name}_within"), &body));
        }
        if !words.is_empty() {
            let body = format!("keyword {operator} {}{case}", list(words.iter().copied()));
            parts.push(self.helper(&format!("{name}_words"), &body));
        }
        let join = if operator == "any" { " or " } else { " and " };
        if parts.is_empty() { Term::Never } else { self.flag("keyword", name, name, &parts.join(join)) }
    }

    /// A keyword signal of graded confidence: the incumbent's is 1 for whatever matched.
    fn certain(&mut self, name: &str, body: &str) -> Term {
        let graded = self.helper(&format!("{name}_graded"), body);
        self.flag("keyword", name, name, &format!("confidence({graded}) > 0"))
    }

    /// Words within an edit distance; those so short that nearly anything is that near are looked for as they are.
    fn fuzzy(
        &mut self,
        name: &str,
        rule: &'y Node,
        words: &[&'y str],
        operator: &str,
        case: &str,
        distance: Option<f64>,
    ) -> Term {
        let given = distance.unwrap_or(DISTANCE);
        let distance = given.round().clamp(1.0, MAX_DISTANCE);
        if given > MAX_DISTANCE {
            self.gaps.stands_in(rule, "an edit distance above 3 matches nearly any word; 3 is taken");
        }
        let near = |word: &&str| word.chars().count() as f64 > 2.0 * distance && word.chars().count() <= 64;
        let (long, short): (Vec<&str>, Vec<&str>) = words.iter().copied().partition(near);
        if !short.is_empty() {
            self.gaps.stands_in(rule, "words too short for the edit distance are looked for as they are");
        }
        let mut parts = Vec::new();
        if !long.is_empty() {
            let body =
                format!("keyword {operator} {} method fuzzy distance {}{case}", list(long), number(distance));
            let graded = self.helper(&format!("{name}_near"), &body);
            parts.push(format!("confidence({graded}) > 0"));
        }
        if !short.is_empty() {
            parts.push(
                self.helper(&format!("{name}_short"), &format!("keyword {operator} {}{case}", list(short))),
            );
        }
        let join = if operator == "any" { " or " } else { " and " };
        self.flag("keyword", name, name, &parts.join(join))
    }

    /// Texts of a list; empty and overlong ones are reported and left out.
    pub(super) fn words(&mut self, rule: &'y Node, key: &str, longest: usize) -> Vec<&'y str> {
        let mut found = Vec::new();
        for node in rule.list(key) {
            match node.text() {
                Some(text) if text.is_empty() || text.len() > longest => {
                    let consequence =
                        format!("a text to look for has from 1 to {longest} bytes; it is left out");
                    self.gaps.dropped(node, &consequence);
                }
                Some(text) => found.push(text),
                None => self.gaps.wrong(node, "not a text; it is left out"),
            }
            if found.len() >= crate::limits::MAX_LIST {
                self.gaps.dropped(node, "more texts than one signal can have; the rest is left out");
                break;
            }
        }
        found
    }

    /// A list of patterns that compile, in quotes; empty when none does.
    fn patterns(&mut self, at: &'y Node, patterns: &[&str], case: bool) -> String {
        let mut good = Vec::new();
        for text in patterns {
            match self.patterns.take(text, case) {
                Ok(text) => good.push(pattern(&text)),
                Err(why) => self.gaps.dropped(at, &format!("the pattern {text:?} is left out: {why}")),
            }
        }
        if good.is_empty() { String::new() } else { format!("[{}]", good.join(", ")) }
    }

    /// A feature of the text against a bound; confidence max(½, sigmoid(4 · distance to the bound)).
    pub(super) fn structure(&mut self, name: &str, rule: &'y Node) -> Term {
        let feature = rule.get("feature");
        if feature.is_some_and(|feature| feature.str("type") == Some("sequence")) {
            return self.sequence(name, rule);
        }
        let Some(value) = self.structure_value(name, rule) else { return Term::Never };
        let bounds = rule.get("predicate").map(|predicate| self.bounds(predicate)).unwrap_or_default();
        let banded = matches!(bounds.len(), 1 | 2) && bounds.iter().all(|(mark, _)| *mark != "==");
        if !banded {
            let condition = self.predicate(rule, &value);
            return self.flag("structure", name, name, &condition);
        }
        let tests: Vec<String> = bounds.iter().map(|(mark, bound)| format!("{mark} {bound}")).collect();
        self.band("structure", name, &value, &tests, STRUCTURE_SLOPE)
    }

    /// A labelled band over a number.
    pub(super) fn band(&mut self, kind: &str, name: &str, of: &str, tests: &[String], slope: f64) -> Term {
        let identifier = self.identifier(name);
        let label = self.label(kind, name);
        let slope = number(slope.clamp(0.01, 10_000.0));
        self.write("band", &identifier, &format!("{of} {} slope {slope} label {label}", tests.join(" and ")));
        Term::Named(identifier)
    }

    /// The name of the number that a structure rule measures.
    pub(super) fn structure_value(&mut self, name: &str, rule: &'y Node) -> Option<String> {
        let held = format!("{name}#value");
        if let Term::Named(known) = self.settled("structure", &held) {
            return Some(known);
        }
        let feature = rule.get("feature")?;
        let source = feature.get("source")?;
        let kind = match feature.str("type").unwrap_or("exists") {
            known @ ("exists" | "count" | "density") => known,
            _ => {
                self.gaps
                    .wrong(feature, "the types are exists, count, density and sequence; exists is taken");
                "exists"
            }
        };
        let case = if source.is_true("case_sensitive") || rule.is_true("case_sensitive") {
            " case true"
        } else {
            ""
        };
        let looked_for = match source.str("type") {
            Some("text_bytes") => return Some("text_bytes".to_owned()),
            Some("regex") => {
                let mut patterns = self.words(source, "pattern", MAX_REGEX);
                patterns.extend(self.words(source, "patterns", MAX_REGEX));
                let good = self.patterns(source, &patterns, true);
                if good.is_empty() {
                    return None;
                }
                // The incumbent's expressions say themselves whether case counts.
                format!("regex {good} case true")
            }
            Some("keyword_set") => {
                let words = self.words(source, "keywords", MAX_WORDS);
                if words.is_empty() {
                    self.gaps.wrong(source, "there are no keywords to look for; the signal never holds");
                    return None;
                }
                format!("words {}{case}", list(words))
            }
            _ => {
                self.gaps.wrong(
                    source,
                    "the sources are regex, keyword_set, sequence and text_bytes; the signal never holds",
                );
                return None;
            }
        };
        let found = self.helper(&format!("{name}_{kind}"), &format!("feature measure {kind} {looked_for}"));
        // Density here is per hundred units of text, there per unit.
        let value = if kind == "density" {
            self.sum(&format!("{name}_share"), &format!("{found} / 100"))
        } else {
            found
        };
        self.settle("structure", &held, Term::Named(value.clone()));
        Some(value)
    }

    /// Texts one after the other, anywhere in the turn; one sequence of several is enough.
    fn sequence(&mut self, name: &str, rule: &'y Node) -> Term {
        let source = rule.get("feature").and_then(|feature| feature.get("source"));
        if let Some(kind) =
            source.and_then(|source| source.get("type")).filter(|kind| kind.text() != Some("sequence"))
        {
            self.gaps
                .wrong(kind, "a sequence is looked for in a source of type sequence; it is taken as one");
        }
        let case =
            rule.is_true("case_sensitive") || source.is_some_and(|source| source.is_true("case_sensitive"));
        let written_case = if case { " case true" } else { "" };
        let mut tests = Vec::new();
        for steps in source.map(|source| source.list("sequences")).unwrap_or_default() {
            let steps: Vec<String> =
                steps.items().iter().filter_map(Node::text).map(regex_syntax::escape).collect();
            if steps.is_empty() || steps.iter().any(|step| step.is_empty() || step.len() > MAX_WORDS) {
                continue;
            }
            let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
            let found = self.patterns(rule, &steps, case);
            let body = format!("feature measure sequence regex {found}{written_case}");
            let found = self.helper(&format!("{name}_order"), &body);
            tests.push(format!("{found} > 0"));
        }
        if tests.is_empty() {
            self.gaps.wrong(rule, "there is no sequence to look for; the signal never holds");
            return Term::Never;
        }
        self.gaps.drop_key(rule, "predicate", "a sequence is there or not: nothing is counted");
        self.flag("structure", name, name, &tests.join(" or "))
    }

    /// Event words, severities, codes and urgency; one criterion is enough.
    pub(super) fn event(&mut self, name: &str, rule: &'y Node) -> Term {
        let mut body = "event".to_owned();
        for (key, word) in [("event_types", "types"), ("severities", "severities"), ("action_codes", "codes")]
        {
            let mut texts = self.words(rule, key, MAX_WORDS);
            let known = |text: &&str| ["critical", "high", "medium", "low"].contains(text);
            if word == "severities" && !texts.iter().all(known) {
                self.gaps
                    .wrong(rule, "the severities are critical, high, medium and low; others are left out");
                texts.retain(known);
            }
            if !texts.is_empty() {
                body += &format!(" {word} {}", list(texts));
            }
        }
        if rule.is_true("temporal") {
            body += " temporal true";
        }
        if body == "event" {
            self.gaps.wrong(rule, "there is nothing to look for; the signal never holds");
            return Term::Never;
        }
        self.signal("event", name, name, &body)
    }
}
