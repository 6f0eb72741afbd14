//! Signals from the request's shape and its sender: context, language, conversation, metadata, roles, repeated turns.

use super::super::write::{list, number, quote};
use super::super::yaml::Node;
use super::leaf::{Lower, Term};
use super::meaning::SCALE;

/// Languages that the gateway can tell (`crates/signals`, measure/language).
const LANGUAGES: &[&str] = &[
    "ar", "bn", "de", "el", "en", "es", "fr", "he", "hi", "hy", "it", "ja", "ka", "km", "ko", "nl", "pt",
    "ru", "sv", "ta", "te", "th", "tr", "uk", "vi", "zh",
];

impl<'y> Lower<'y, '_> {
    /// Tokens in an inclusive range; `32K` and `1M` are thousands and millions.
    pub(super) fn context(&mut self, name: &str, rule: &'y Node) -> Term {
        let mut bounds = Vec::new();
        for (key, mark) in [("min_tokens", ">="), ("max_tokens", "<=")] {
            let Some(node) = rule.get(key) else { continue };
            match node.text().and_then(tokens) {
                Some(0.0) if key == "min_tokens" => {}
                Some(tokens) => bounds.push(format!("context_tokens {mark} {}", number(tokens))),
                None => self.gaps.wrong(node, "not a number of tokens; the bound is left out"),
            }
        }
        let condition =
            if bounds.is_empty() { "context_tokens >= 0".to_owned() } else { bounds.join(" and ") };
        self.flag("context", name, name, &condition)
    }

    /// One language; English also where the gateway is unsure, as the incumbent then says English.
    pub(super) fn language(&mut self, name: &str, rule: &'y Node, at: &'y Node) -> Term {
        let code: String = name.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        self.gaps.drop_key(rule, "threshold", "the incumbent's detector has a scale of its own");
        if !LANGUAGES.contains(&code.as_str()) {
            self.gaps.stands_in(at, "the gateway does not tell this language; the signal never holds");
            return Term::Never;
        }
        let codes = if code == "en" { list(["en", "und"]) } else { list([code.as_str()]) };
        self.flag("language", name, &format!("language_{code}"), &format!("language in {codes}"))
    }

    /// Counts over the conversation.
    pub(super) fn conversation(&mut self, name: &str, rule: &'y Node) -> Term {
        let Some(value) = self.conversation_value(rule) else { return Term::Never };
        let condition = self.predicate(rule, &value);
        self.flag("conversation", name, name, &condition)
    }

    /// The bounds of a rule's `predicate` over a value; without one, more than none.
    pub(super) fn predicate(&mut self, rule: &'y Node, value: &str) -> String {
        let bounds = rule.get("predicate").map(|predicate| self.bounds(predicate)).unwrap_or_default();
        match bounds.as_slice() {
            [] => format!("{value} > 0"),
            _ => {
                let tests: Vec<String> =
                    bounds.iter().map(|(mark, bound)| format!("{value} {mark} {bound}")).collect();
                tests.join(" and ")
            }
        }
    }

    /// What a conversation rule counts.
    pub(super) fn conversation_value(&mut self, rule: &'y Node) -> Option<String> {
        let feature = rule.get("feature")?;
        if let Some(kind) =
            feature.get("type").filter(|kind| !matches!(kind.text(), Some("count" | "exists")))
        {
            self.gaps.wrong(kind, "the types are count and exists; count is taken");
        }
        let source = feature.get("source")?;
        let role = source.get("role");
        let word = match (source.str("type"), role.and_then(Node::text).unwrap_or_default()) {
            (Some("message"), "user") => "turns".to_owned(),
            (Some("message"), "") => "depth".to_owned(),
            (Some("message"), known @ ("assistant" | "system" | "tool" | "non_user" | "developer")) => {
                if let Some(role) = role.filter(|_| known == "developer") {
                    self.gaps.stands_in(role, "developer and system messages count as one role");
                }
                let known = if known == "developer" { "system" } else { known };
                self.helper(&format!("messages_{known}"), &format!("messages role {known}"))
            }
            (Some("tool_definition"), _) => "tools".to_owned(),
            (Some("assistant_tool_call"), _) => "tool_calls".to_owned(),
            (Some("assistant_tool_cycle"), _) => "tool_cycles".to_owned(),
            (Some("active_tool_loop"), _) => "confidence(tool_loop)".to_owned(),
            (Some("image_content"), _) => "images".to_owned(),
            _ => {
                self.gaps.wrong(source, "no source of conversation features; the signal never holds");
                return None;
            }
        };
        Some(word)
    }

    /// A key of the request's metadata.
    pub(super) fn metadata(&mut self, name: &str, rule: &'y Node) -> Term {
        let Some(key) = rule.str("key") else {
            self.gaps.wrong(rule, "metadata needs a key; the signal never holds");
            return Term::Never;
        };
        let values: Vec<&str> = match (rule.get("equals"), rule.get("in")) {
            (Some(one), _) => one.text().into_iter().collect(),
            (None, Some(many)) => many.items().iter().filter_map(Node::text).collect(),
            (None, None) => Vec::new(),
        };
        let values: Vec<&str> = values.into_iter().filter(|value| !value.is_empty()).collect();
        let wanted = if values.is_empty() { String::new() } else { format!(" is {}", list(values)) };
        let body = format!("metadata key {}{wanted}", quote(key));
        if rule.get("exists").and_then(Node::flag) == Some(false) {
            let there = self.helper(&format!("{name}_given"), &body);
            return self.flag("metadata", name, name, &format!("not {there}"));
        }
        self.signal("metadata", name, name, &body)
    }

    /// A role: given to the key, or bound to its groups or to the key itself.
    pub(super) fn role(&mut self, name: &str, rule: Option<&'y Node>) -> Term {
        let mut tests = vec![format!("role has {}", quote(name))];
        let (mut users, mut groups) = (Vec::new(), Vec::new());
        // Several bindings of one role add up.
        for rule in self.bindings(name) {
            rule.see(&["name"]);
            for subject in rule.list("subjects") {
                match (subject.str("kind"), subject.str("name")) {
                    (Some("Group"), Some(group)) => groups.push(group),
                    (Some("User"), Some(user)) => users.push(user),
                    _ => {
                        self.gaps
                            .wrong(subject, "a subject is a User or a Group with a name; it is left out");
                    }
                }
            }
        }
        if let Some(rule) = rule.filter(|_| !users.is_empty()) {
            self.gaps
                .stands_in(rule, "users are the ids of keys: give each user a key, or the key this role");
        }
        if !users.is_empty() {
            tests.push(format!("caller in {}", list(users)));
        }
        if !groups.is_empty() {
            tests.push(format!("group has any {}", list(groups)));
        }
        self.flag("authz", name, &format!("role_{name}"), &tests.join(" or "))
    }

    fn bindings(&self, role: &str) -> Vec<&'y Node> {
        let signals = self.routing.get("signals");
        let all = signals.map(|signals| signals.list("role_bindings")).unwrap_or_default();
        all.iter().filter(|rule| rule.str("role") == Some(role)).collect()
    }

    /// A turn that repeats the turns before it, in an unbroken row. Of the rules that hold only those with the largest
    /// look-back count.
    pub(super) fn reask(&mut self, name: &str, rule: &'y Node) -> Term {
        let mut rows: Vec<(u32, String)> = Vec::new();
        for other in self.all("reask") {
            let Some(node) = self.rule("reask", other) else { continue };
            let turns = node.get("lookback_turns").and_then(Node::number).unwrap_or(1.0).clamp(1.0, 16.0);
            let threshold = node.get("threshold").and_then(Node::number).unwrap_or(0.8).clamp(0.0, 1.0);
            let body = format!("reask threshold {} streak {turns}", number(threshold * SCALE));
            // Whole and in range after the clamp.
            rows.push((turns as u32, self.helper(&format!("{other}_row"), &body)));
            if let Some(threshold) = node.get("threshold") {
                self.gaps.stands_in(
                    threshold,
                    "words and 3-grams in common stand in for the cosine of embeddings, with three quarters of the threshold",
                );
            }
        }
        let names = self.all("reask");
        for ((turns, row), other) in rows.iter().zip(&names) {
            let longer: Vec<String> = rows
                .iter()
                .filter(|(more, _)| more > turns)
                .map(|(_, name)| format!("confidence({name})"))
                .collect();
            let condition = match longer.as_slice() {
                [] => row.clone(),
                _ => {
                    // A longer row that holds outweighs any confidence; else this one wins with its own.
                    let most = if let [only] = longer.as_slice() {
                        only.clone()
                    } else {
                        format!("max({})", longer.join(", "))
                    };
                    let longer = self.sum(&format!("{other}_longer"), &format!("1_000 * {most}"));
                    let group = self.identifier(&format!("{other}_group"));
                    self.write("group", &group, &format!("winner({longer}, {row})"));
                    format!("{group} is {row}")
                }
            };
            let term = self.flag("reask", other, other, &condition);
            self.settle("reask", other, term);
        }
        let _ = rule;
        self.settled("reask", name)
    }
}

/// `32K`, `1M`, `999`.
fn tokens(text: &str) -> Option<f64> {
    let text = text.trim().to_ascii_uppercase();
    let (digits, unit) = match text.chars().next_back()? {
        'K' => (text.get(..text.len() - 1)?, 1e3),
        'M' => (text.get(..text.len() - 1)?, 1e6),
        _ => (text.as_str(), 1.0),
    };
    let number: f64 = digits.trim().parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number * unit)
}

#[cfg(test)]
mod tests {
    use super::tokens;

    #[test]
    fn sizes_of_context_are_read() {
        for (text, want) in [
            ("32K", Some(32_000.0)),
            ("1M", Some(1e6)),
            ("999", Some(999.0)),
            ("1.5k", Some(1500.0)),
            ("-1", None),
            ("x", None),
        ] {
            assert_eq!(tokens(text), want, "{text}");
        }
    }
}
