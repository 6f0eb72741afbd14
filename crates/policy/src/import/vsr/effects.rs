//! What a decision does: candidates, algorithm, plugins.

use super::super::write::{list, number, quote};
use super::super::yaml::Node;
use super::decisions::note;
use super::leaf::Lower;
use super::models::Models;
use std::fmt::Write as _;

/// Largest weight of a candidate.
const MAX_WEIGHT: f64 = 10_000.0;
/// Plugins without an equivalent, with what follows.
const PLUGINS: &[(&str, &str)] = &[
    ("response_cache", "answers are not cached"),
    ("semantic-cache", "answers are not cached"),
    ("semantic_cache", "answers are not cached"),
    ("response-cache", "answers are not cached"),
    ("router_replay", "the gateway records every decision by itself and replays it"),
    ("memory", "nothing is remembered across conversations"),
    ("rag", "no documents are looked up"),
    ("hallucination", "answers are not checked against their sources"),
    ("response_jailbreak", "answers are not checked"),
    ("tool_selection", "tools are kept or dropped by name, not by meaning"),
    ("image_gen", "no images are made"),
    ("context_compression", "prompts are not shortened"),
];

impl<'y> Lower<'y, '_> {
    /// Writes the statements of a route after its `when`.
    pub(super) fn effects(&mut self, decision: &'y Node, models: &Models<'y>, out: &mut String) {
        let mut plugins: Vec<&str> = Vec::new();
        let (mut edits, mut answer) = (String::new(), None);
        for plugin in decision.list("plugins") {
            let kind = plugin.str("type").unwrap_or_default();
            if plugins.contains(&kind) {
                self.gaps.wrong(plugin, "a decision has one plugin of a type: the first counts");
                plugin.see_all();
                continue;
            }
            plugins.push(kind);
            let empty = plugin.get("configuration").is_none();
            let configuration = plugin.get("configuration").unwrap_or(plugin);
            if !empty && configuration.get("enabled").and_then(Node::flag) == Some(false) {
                configuration.see_all();
                continue;
            }
            match kind {
                "fast_response" => {
                    answer = configuration.str("message");
                    if answer.is_none() {
                        self.gaps.wrong(plugin, "there is no message to answer with; models answer");
                    }
                }
                _ => self.plugin(kind, plugin, configuration, &mut edits),
            }
        }
        match answer {
            Some(message) => {
                if let Some(refs) = decision.get("modelRefs") {
                    refs.see_all();
                }
                let _ = writeln!(out, "answer 200 {}", quote(message));
            }
            None => self.candidates(decision, models, out),
        }
        self.algorithm(decision, answer.is_some(), out);
        let keep = |line: &&str| answer.is_none() || line.starts_with("system") || line.starts_with("header");
        for line in edits.lines().filter(keep) {
            out.push_str(line);
            out.push('\n');
        }
        if !plugins.is_empty() {
            let _ = writeln!(out, "note plugins {}", note(&plugins.join(", ")));
        }
    }

    fn candidates(&mut self, decision: &'y Node, models: &Models<'y>, out: &mut String) {
        let mut found: Vec<String> = Vec::new();
        let mut given = std::collections::BTreeSet::new();
        let refs = decision.list("modelRefs");
        let weights: Vec<f64> =
            refs.iter().map(|node| node.get("weight").and_then(Node::number).unwrap_or(1.0)).collect();
        let fractions = weights.iter().any(|weight| weight.fract() != 0.0);
        let is_static =
            decision.get("algorithm").is_some_and(|algorithm| algorithm.str("type") == Some("static"));
        for (node, weight) in refs.iter().zip(weights) {
            let Some(name) = node.str("lora_name").or_else(|| node.str("model")) else {
                self.gaps.wrong(node, "a candidate names a model; it is left out");
                continue;
            };
            node.see(&["model", "reasoning_description"]);
            let adapter = node.get("lora_name").filter(|_| !models.serves(name));
            if let Some(adapter) = adapter {
                self.gaps
                    .dropped(adapter, "no model of the file has the adapter's name; its base model answers");
            }
            let name = if adapter.is_some() { node.str("model").unwrap_or(name) } else { name };
            if !models.serves(name) {
                self.gaps.wrong(node, "no provider serves this model; the candidate is left out");
                continue;
            }
            if !given.insert(name) {
                self.gaps.dropped(node, "the model is a candidate already: the first mention counts");
                continue;
            }
            if found.len() >= crate::limits::MAX_MODELS {
                self.gaps.dropped(node, "more candidates than a route can have");
                continue;
            }
            let mut text = quote(name);
            if !is_static && weight != 1.0 {
                let weight = if fractions { weight * 100.0 } else { weight };
                let _ = write!(text, " weight {}", number(weight.round().clamp(1.0, MAX_WEIGHT)));
            }
            if let Some(effort) = self.effort(node, models) {
                let _ = write!(text, " effort {effort}");
            }
            found.push(text);
        }
        if found.is_empty() {
            if let Some(name) = models.default_name() {
                self.gaps.wrong(
                    decision,
                    "there is no candidate that is served; the default model takes the decision",
                );
                found.push(quote(name));
            } else {
                self.gaps.wrong(decision, "there is no model to answer; the decision is refused");
                out.push_str("answer 503 \"no model is configured for this decision\"\n");
                return;
            }
        }
        let _ = writeln!(out, "models {{ {} }}", found.join(", "));
    }

    fn effort(&mut self, node: &'y Node, models: &Models<'y>) -> Option<&'static str> {
        let given = node.get("reasoning_effort");
        match node.get("use_reasoning").and_then(Node::flag) {
            Some(false) => return Some("none"),
            None if given.is_none() => return None,
            Some(true) | None => {}
        }
        let word = given.and_then(Node::text).or(models.default_effort).unwrap_or("medium");
        Some(match word {
            "none" => "none",
            "minimal" => "minimal",
            "low" => "low",
            "medium" => "medium",
            "high" => "high",
            _ => {
                self.gaps.stands_in(given.unwrap_or(node), "the greatest effort is high");
                "high"
            }
        })
    }

    fn algorithm(&mut self, decision: &'y Node, answered: bool, out: &mut String) {
        let Some(algorithm) = decision.get("algorithm") else { return };
        let kind = algorithm.str("type").unwrap_or("static");
        let _ = writeln!(out, "note algorithm {}", note(kind));
        if kind == "static" {
            if !answered && decision.list("modelRefs").len() > 1 {
                out.push_str("algorithm static\n");
            }
            return;
        }
        self.gaps.stands_in(
            algorithm,
            "candidates are taken in their order, or by weight; others are tried when one fails",
        );
        algorithm.see_all();
    }

    fn plugin(&mut self, kind: &str, plugin: &'y Node, configuration: &'y Node, out: &mut String) {
        match kind {
            "system_prompt" => {
                let replace = configuration.str("mode") == Some("replace");
                if let Some(prompt) = configuration.str("system_prompt") {
                    let mode = if replace { "replace" } else { "prepend" };
                    let _ = writeln!(out, "system {mode} {}", quote(prompt));
                } else {
                    self.gaps.wrong(plugin, "there is no system_prompt to put in; it has no effect");
                }
            }
            "header_mutation" => self.headers(configuration, out),
            "request_params" => self.params(configuration, out),
            "tools" => self.tools(configuration, out),
            _ => match PLUGINS.iter().find(|(known, _)| *known == kind) {
                Some((_, consequence)) => self.gaps.dropped(plugin, consequence),
                None => self.gaps.dropped(plugin, "no plugin that the importer knows; it has no effect"),
            },
        }
    }

    fn headers(&mut self, configuration: &'y Node, out: &mut String) {
        let token = |name: &str| {
            !name.is_empty()
                && name.len() <= 256
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
        };
        for key in ["add", "update"] {
            for header in configuration.list(key) {
                let (name, value) =
                    (header.str("name").unwrap_or_default(), header.str("value").unwrap_or_default());
                if token(name)
                    && value.bytes().all(|b| (b' '..=b'~').contains(&b))
                    && !crate::check::is_own_header(name)
                {
                    let _ = writeln!(out, "header set {} {}", quote(name), quote(value));
                } else {
                    self.gaps.dropped(header, "the gateway sets this header itself, or it is none");
                }
            }
        }
        for header in configuration.list("delete") {
            match header.text() {
                Some(name) if token(name) && !crate::check::is_own_header(name) => {
                    let _ = writeln!(out, "header remove {}", quote(name));
                }
                _ => self.gaps.dropped(header, "the gateway sets this header itself, or it is none"),
            }
        }
    }

    fn params(&mut self, configuration: &'y Node, out: &mut String) {
        for node in configuration.list("blocked_params") {
            match node.text() {
                Some(name) if crate::check::is_param(name) => {
                    let _ = writeln!(out, "param remove {name}");
                }
                _ => self.gaps.dropped(node, "not a parameter that a policy can remove"),
            }
        }
        for (key, param) in [("max_tokens_limit", "max_tokens"), ("max_n", "n")] {
            if let Some(most) = configuration.get(key) {
                match most.number() {
                    Some(most) if most >= 1.0 => {
                        let _ = writeln!(out, "param cap {param} {}", number(most));
                    }
                    _ => self.gaps.wrong(most, "not a number above 0"),
                }
            }
        }
        self.gaps.drop_key(
            configuration,
            "strip_unknown",
            "parameters that the gateway does not know are forwarded",
        );
    }

    fn tools(&mut self, configuration: &'y Node, out: &mut String) {
        let names = configuration.get("allow_tools").or_else(|| configuration.get("block_tools"));
        match configuration.str("mode") {
            Some("none") => {
                out.push_str("tools keep []\n");
                if let Some(names) = names {
                    self.gaps.wrong(names, "the mode is none: no tool is offered, whatever is named");
                    configuration.see(&["allow_tools", "block_tools"]);
                    return self.tool_choices(configuration);
                }
            }
            Some("passthrough") if names.is_some() => {
                self.gaps
                    .wrong(configuration, "the mode is passthrough, but tools are named: they are filtered");
            }
            None | Some("passthrough" | "filtered") => {}
            Some(_) => self
                .gaps
                .wrong(configuration, "the modes are passthrough, filtered and none; no mode is taken"),
        }
        let allowed = configuration.texts("allow_tools");
        if !allowed.is_empty() {
            let _ = writeln!(out, "tools keep {}", list(allowed.iter().copied()));
        }
        let blocked = configuration.texts("block_tools");
        if let Some(both) = configuration
            .list("block_tools")
            .iter()
            .find(|node| node.text().is_some_and(|name| allowed.contains(&name)))
        {
            self.gaps.wrong(both, "the tool is allowed and blocked: it is not offered");
        }
        if !blocked.is_empty() {
            let _ = writeln!(out, "tools drop {}", list(blocked));
        }
        self.tool_choices(configuration);
    }

    /// What is not chosen by name.
    fn tool_choices(&mut self, configuration: &'y Node) {
        for (key, consequence) in [
            ("semantic_selection", "tools are kept or dropped by name, not by meaning"),
            ("strategy", "tools are kept or dropped by name, not by meaning"),
            ("dynamic_retrieval", "tools are kept or dropped by name, not by meaning"),
            ("strip_tool_history", "earlier tool calls stay in the conversation"),
        ] {
            self.gaps.drop_key(configuration, key, consequence);
        }
    }
}
