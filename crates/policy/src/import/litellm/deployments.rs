//! `model_list`: groups of deployments to models, providers and pools.

use super::super::gaps::Gaps;
use super::super::money::shifted;
use super::super::write::quote;
use super::super::yaml::Node;
use super::address::{self, Address};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Prefixes of `litellm_params.model` with the provider's kind here.
const KINDS: &[(&str, &str)] = &[
    ("openai", "openai"),
    ("text-completion-openai", "openai"),
    ("azure", "azure_openai"),
    ("anthropic", "anthropic"),
    ("gemini", "gemini"),
    ("bedrock", "bedrock"),
    ("mistral", "mistral"),
    ("groq", "groq"),
    ("deepseek", "deepseek"),
    ("together_ai", "together"),
    ("openrouter", "openrouter"),
    ("ollama", "ollama"),
    ("ollama_chat", "ollama"),
    ("hosted_vllm", "vllm"),
    ("vllm", "vllm"),
    ("litellm_proxy", "openai_compatible"),
    ("custom_openai", "openai_compatible"),
];
/// Parameters of a deployment that have no effect here.
const DROPPED: &[(&str, &str)] = &[
    ("max_budget", "a deployment has no budget of its own: set one on a key, a tenant or everything"),
    ("budget_duration", "a deployment has no budget of its own: set one on a key, a tenant or everything"),
    ("timeout", "`timeouts:` bounds all requests alike"),
    ("stream_timeout", "`timeouts:` bounds all requests alike"),
    ("max_retries", "`retry:` bounds all requests alike"),
    ("tags", "routes choose by what a request says, not by tags"),
    ("api_version", "the provider's row says the path"),
    ("order", "the instances of a pool have no order"),
    ("organization", "what the key belongs to is billed"),
    ("max_tokens", "a route sets and caps parameters: `param cap max_tokens 500`"),
    ("temperature", "a route sets and caps parameters: `param set temperature 0.2`"),
    ("top_p", "a route sets and caps parameters: `param set top_p 0.9`"),
];
/// Ways to call a Bedrock model, written before its id.
const BEDROCK_CALLS: &[&str] = &["converse/", "converse_like/", "invoke/"];

/// Model groups in the order of the file.
pub(super) struct Groups<'y> {
    groups: Vec<Group<'y>>,
    /// Groups whose name is the policy's, so that their model has another.
    renamed: BTreeSet<&'y str>,
}

struct Group<'y> {
    name: &'y str,
    deployments: Vec<Deployment<'y>>,
    price: Vec<(&'static str, String)>,
    window: Option<u64>,
    embeds: bool,
}

struct Deployment<'y> {
    kind: &'static str,
    address: Address,
    key: Option<String>,
    upstream: &'y str,
    /// Its share under weighted placement.
    weight: Option<u32>,
}

impl<'y> Groups<'y> {
    /// Reads `model_list`.
    pub(super) fn read(root: &'y Node, placement: &str, gaps: &mut Gaps) -> Self {
        let mut groups: Vec<Group<'y>> = Vec::new();
        for node in root.list("model_list") {
            let Some(name) = node.str("model_name").filter(|name| !name.is_empty()) else {
                gaps.wrong(node, "a model has a model_name; it is left out");
                continue;
            };
            if name.contains('*') {
                gaps.dropped(node, "each model is listed by its name; a pattern serves nothing");
                continue;
            }
            let Some(deployment) = deployment(node, placement == "weighted", gaps) else { continue };
            let at = groups.iter().position(|group| group.name == name).unwrap_or_else(|| {
                groups.push(Group {
                    name,
                    deployments: Vec::new(),
                    price: Vec::new(),
                    window: None,
                    embeds: false,
                });
                groups.len() - 1
            });
            let Some(group) = groups.get_mut(at) else { continue };
            group.deployments.push(deployment);
            group.describe(node, gaps);
        }
        Self { groups, renamed: BTreeSet::new() }
    }

    /// Whether no model can be served.
    pub(super) const fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Whether there is a group of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.groups.iter().any(|group| group.name == name)
    }

    /// The names of all groups.
    pub(super) fn names(&self) -> Vec<&'y str> {
        self.groups.iter().map(|group| group.name).collect()
    }

    /// Groups with fallbacks give their name to the policy.
    pub(super) fn rename(&mut self, groups: impl Iterator<Item = &'y str>) {
        self.renamed = groups.collect();
    }

    /// The tokens that a prompt of a group may have, where the file says it.
    pub(super) fn window(&self, name: &str) -> Option<u64> {
        self.groups.iter().find(|group| group.name == name)?.window
    }

    /// The model of a group, as the configuration names it.
    pub(super) fn model(&self, group: &str) -> String {
        if !self.renamed.contains(group) {
            return group.to_owned();
        }
        let mut name = format!("{group}-own");
        while self.has(&name) {
            name.push('_');
        }
        name
    }

    /// The model of the first group.
    pub(super) fn first(&self) -> String {
        self.groups.first().map(|group| self.model(group.name)).unwrap_or_default()
    }

    /// Providers, models and pools as YAML.
    pub(super) fn config(&self, aliases: &[(&str, &str)], placement: &str) -> String {
        let mut providers: BTreeMap<[&str; 4], String> = BTreeMap::new();
        let (mut listed, mut models, mut pools) = (String::new(), String::new(), String::new());
        for group in &self.groups {
            let name = self.model(group.name);
            let _ = writeln!(models, "  - name: {}", quote(&name));
            let others: Vec<String> = aliases
                .iter()
                .filter(|(_, target)| *target == group.name)
                .map(|(alias, _)| quote(alias))
                .collect();
            if !others.is_empty() {
                let _ = writeln!(models, "    aliases: [{}]", others.join(", "));
            }
            if let Some(window) = group.window {
                let _ = writeln!(models, "    context_window: {window}");
            }
            if group.embeds {
                models.push_str("    capabilities: [embeddings]\n");
            }
            if !group.price.is_empty() {
                let parts: Vec<String> =
                    group.price.iter().map(|(key, text)| format!("{key}: {}", quote(text))).collect();
                let _ = writeln!(models, "    price: {{{}}}", parts.join(", "));
            }
            let _ = writeln!(pools, "  - name: {}\n    placement: {placement}\n    instances:", quote(&name));
            for (at, one) in group.deployments.iter().enumerate() {
                let identity = [
                    one.kind,
                    one.address.base_url.as_deref().unwrap_or_default(),
                    one.address.region.as_deref().unwrap_or_default(),
                    one.key.as_deref().unwrap_or_default(),
                ];
                let next = providers.len() + 1;
                let provider = providers.entry(identity).or_insert_with(|| {
                    let name = format!("{}-{next}", one.kind.replace('_', "-"));
                    let _ = writeln!(listed, "  - name: {name}\n    kind: {}", one.kind);
                    let rows = [
                        ("base_url", &one.address.base_url),
                        ("region", &one.address.region),
                        ("key", &one.key),
                    ];
                    for (field, text) in rows {
                        if let Some(text) = text {
                            let _ = writeln!(listed, "    {field}: {}", quote(text));
                        }
                    }
                    name
                });
                let _ = writeln!(
                    pools,
                    "      - name: {}\n        provider: {provider}\n        models: {{{}: {}}}",
                    quote(&format!("{name}-{}", at + 1)),
                    quote(&name),
                    quote(one.upstream),
                );
                if let Some(weight) = one.weight {
                    let _ = writeln!(pools, "        weight: {weight}");
                }
            }
        }
        format!("providers:\n{listed}models:\n{models}pools:\n{pools}")
    }
}

impl Group<'_> {
    /// Prices and sizes: of several deployments the first that says them.
    fn describe(&mut self, node: &Node, gaps: &mut Gaps) {
        let places = [node.get("litellm_params"), node.get("model_info")];
        for (key, ours) in [
            ("input_cost_per_token", "input"),
            ("cache_read_input_token_cost", "cached_input"),
            ("cache_creation_input_token_cost", "cache_write"),
            ("cache_creation_input_token_cost_above_1hr", "cache_write_1h"),
            ("output_cost_per_token", "output"),
        ] {
            let Some(given) = places.iter().flatten().find_map(|place| place.get(key)) else { continue };
            match given.text().and_then(|text| shifted(text, 6)) {
                Some(text) if !self.price.iter().any(|(known, _)| *known == ours) => {
                    self.price.push((ours, text));
                }
                Some(_) => {}
                None => gaps
                    .wrong(given, "not a price with at most six places per million tokens; it is left out"),
            }
        }
        if let Some(info) = node.get("model_info") {
            let size = info.get("max_input_tokens").and_then(Node::number);
            // A window is far below 2^53.
            self.window = self.window.or(size.filter(|size| *size >= 1.0).map(|size| size as u64));
            self.embeds |= info.str("mode") == Some("embedding");
            info.see(&["id", "description"]);
            for key in ["base_model", "max_output_tokens"] {
                gaps.drop_key(info, key, "of a model's description only its window and its prices count");
            }
            gaps.drop_key(info, "max_tokens", "it is the longest answer; the window is `max_input_tokens`");
        }
    }
}

fn deployment<'y>(node: &'y Node, weighted: bool, gaps: &mut Gaps) -> Option<Deployment<'y>> {
    let params = node.get("litellm_params");
    let Some((params, model)) = params.and_then(|params| Some((params, params.str("model")?))) else {
        gaps.wrong(node, "a deployment has litellm_params with a model; it is left out");
        return None;
    };
    let base_url = params.str("api_base").or_else(|| params.str("base_url"));
    let provider = params.str("custom_llm_provider");
    let (prefix, rest) = match (provider, model.split_once('/')) {
        (Some(provider), Some((prefix, rest))) if prefix == provider => (provider, rest),
        (Some(provider), _) => (provider, model),
        (None, Some((prefix, rest))) => (prefix, rest),
        (None, None) => ("openai", model),
    };
    let known = KINDS.iter().find(|(known, _)| *known == prefix).map(|(_, kind)| *kind);
    let (kind, upstream) = match (known, base_url) {
        // An OpenAI client with another address is a compatible server.
        (Some("openai"), Some(url)) if !url.starts_with("https://api.openai.com") => {
            ("openai_compatible", rest)
        }
        (Some(kind), _) => (kind, rest),
        (None, Some(_)) => ("openai_compatible", rest),
        (None, None) => {
            gaps.dropped(
                node,
                "no provider that the gateway knows; give its api_base, or add it under `providers:`",
            );
            return None;
        }
    };
    let upstream = match kind {
        "bedrock" => BEDROCK_CALLS.iter().find_map(|call| upstream.strip_prefix(call)).unwrap_or(upstream),
        _ => upstream,
    };
    let key = address::key(params, kind, gaps);
    for (key, consequence) in DROPPED {
        gaps.drop_key(params, key, consequence);
    }
    let weight = weight(params, weighted, gaps);
    let address = Address::read(params, kind, gaps)?;
    Some(Deployment { kind, address, key, upstream, weight })
}

/// Its share of the pool's requests, where the pool's placement goes by weight.
fn weight(params: &Node, weighted: bool, gaps: &mut Gaps) -> Option<u32> {
    if !weighted {
        for key in ["weight", "rpm", "tpm"] {
            gaps.drop_key(params, key, "the placement that `routing_strategy` became does not go by weight");
        }
        return None;
    }
    let number = |key: &str| params.get(key).and_then(Node::number);
    let share = number("weight").or_else(|| number("rpm")).or_else(|| number("tpm").map(|tpm| tpm / 1000.0));
    for key in ["rpm", "tpm"] {
        if let Some(limit) = params.get(key) {
            gaps.stands_in(
                limit,
                "a share of the pool's traffic; the limit itself is not kept per deployment",
            );
        }
    }
    // Whole and in range after the clamp.
    Some(share.unwrap_or(1.0).round().clamp(1.0, 10_000.0) as u32)
}
