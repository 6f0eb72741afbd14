//! Providers and model cards to the gateway's configuration.

use super::super::gaps::Gaps;
use super::super::money::shifted;
use super::super::write::quote;
use super::super::yaml::Node;
use super::Recipe;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Members of a provider's model that have no effect here.
const DROPPED: &[(&str, &str)] = &[
    ("reasoning_family", "the provider's row says how an effort is asked for"),
    ("reliability", "see `retry`, `timeouts` and the circuits of pools"),
    ("external_model_ids", "the name at the provider is `upstream`"),
];
/// Members of a backend that have no effect here.
const BACKEND_DROPPED: &[(&str, &str)] = &[
    ("auth_header", "keys are sent as the provider's row says"),
    ("auth_prefix", "keys are sent as the provider's row says"),
    ("extra_headers", "write them under the provider's `headers:`"),
    ("chat_path", "the dialect says the path"),
];

const OPENAI: &str = "https://api.openai.com";
/// Address of a model for which the file gives none.
const STANDS_IN: &str = "http://127.0.0.1:8000/v1";
/// Providers by the file's word, with their kind here.
const KINDS: &[(&str, &str)] = &[
    ("openai", "openai"),
    ("anthropic", "anthropic"),
    ("azure", "azure_openai"),
    ("azure-openai", "azure_openai"),
    ("bedrock", "bedrock"),
    ("gemini", "gemini"),
    ("openrouter", "openrouter"),
    ("mistral", "mistral"),
    ("groq", "groq"),
    ("deepseek", "deepseek"),
    ("together", "together"),
    ("litellm", "litellm"),
    ("ollama", "ollama"),
    ("vllm", "vllm"),
    ("openai-compatible", "openai_compatible"),
];

/// What the file says of models.
#[derive(Default)]
pub(super) struct Models<'y> {
    models: Vec<Model<'y>>,
    default: Option<&'y str>,
    /// Effort of candidates that reason without saying how much.
    pub(super) default_effort: Option<&'y str>,
}

struct Model<'y> {
    name: &'y str,
    upstream: &'y str,
    backends: Vec<Backend<'y>>,
    price: Vec<(&'static str, String)>,
    window: Option<u64>,
}

struct Backend<'y> {
    url: String,
    kind: &'static str,
    key_env: Option<&'y str>,
    weight: u32,
}

impl<'y> Models<'y> {
    /// Reads providers, and the cards of all recipes.
    pub(super) fn read(root: &'y Node, recipes: &[Recipe<'y>], gaps: &mut Gaps) -> Self {
        let mut found = Self::default();
        if let Some(providers) = root.get("providers") {
            if let Some(defaults) = providers.get("defaults") {
                found.default = defaults.str("default_model");
                found.default_effort = defaults.str("default_reasoning_effort");
                gaps.drop_key(
                    defaults,
                    "reasoning_families",
                    "the provider's row says how an effort is asked for",
                );
            }
            for node in providers.list("models") {
                found.model(node, gaps);
            }
            gaps.drop_key(providers, "reliability", "see `retry`, `timeouts` and the circuits of pools");
        }
        let tops = root.get("routing").into_iter();
        for routing in tops.chain(recipes.iter().map(|recipe| recipe.routing)) {
            for card in routing.list("modelCards") {
                found.card(card, gaps);
            }
        }
        if found.default.is_none() {
            found.default = found.models.first().map(|model| model.name);
        }
        if found.default.is_none() {
            let mut refs = recipes
                .iter()
                .flat_map(|recipe| recipe.routing.list("decisions"))
                .flat_map(|decision| decision.list("modelRefs"));
            found.default = refs.find_map(|node| node.str("model"));
        }
        found
    }

    fn model(&mut self, node: &'y Node, gaps: &mut Gaps) {
        let Some(name) = node.str("name") else {
            return gaps.wrong(node, "a model has a name; it is left out");
        };
        let dialect = node.str("api_format").unwrap_or("openai");
        if let Some(format) = node.get("api_format").filter(|_| !["openai", "anthropic"].contains(&dialect)) {
            gaps.wrong(format, "the formats are openai and anthropic; openai is taken");
        }
        let listed = node.list("backend_refs").iter();
        let mut backends: Vec<Backend<'y>> =
            listed.filter_map(|backend| backend_of(backend, dialect, gaps)).collect();
        if backends.is_empty() {
            gaps.stands_in(
                node,
                "it has no backend with an address: http://127.0.0.1:8000 stands in, correct it",
            );
            let kind = if dialect == "anthropic" { "anthropic" } else { "openai_compatible" };
            backends.push(Backend { url: STANDS_IN.to_owned(), kind, key_env: None, weight: 1 });
        }
        let price = node.get("pricing").map(|pricing| price(pricing, gaps)).unwrap_or_default();
        for (key, consequence) in DROPPED {
            gaps.drop_key(node, key, consequence);
        }
        self.models.push(Model {
            name,
            upstream: node.str("provider_model_id").unwrap_or(name),
            backends,
            price,
            window: None,
        });
    }

    /// A card says how much a model can take; the rest describes it for algorithms that are not here.
    fn card(&mut self, card: &'y Node, gaps: &mut Gaps) {
        let name = card.str("name");
        super::gaps_free_text(card);
        let Some(model) = self.models.iter_mut().find(|model| name == Some(model.name)) else {
            return gaps.dropped(card, "no provider serves a model of this name: the card has no effect");
        };
        for entry in card.entries() {
            match &*entry.key {
                "name" | "description" => {}
                "context_window_size" => {
                    entry.seen.set(true);
                    match entry.node.number().filter(|size| (1.0..=1e12).contains(size)) {
                        // Far below 2^53.
                        Some(size) => model.window = Some(size as u64),
                        None => gaps.wrong(&entry.node, "not a number of tokens; the model has no bound"),
                    }
                }
                _ => {
                    entry.seen.set(true);
                    gaps.dropped(&entry.node, "of a card only the context window has an effect");
                }
            }
        }
    }

    /// Whether the file has a model of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.models.iter().any(|model| model.name == name)
    }

    /// Whether a candidate of this name can be served: where the file lists no models, any.
    pub(super) fn serves(&self, name: &str) -> bool {
        self.models.is_empty() || self.has(name)
    }

    /// The model that takes what nothing else does.
    pub(super) fn default_name(&self) -> Option<&'y str> {
        self.default.filter(|name| self.serves(name))
    }

    /// The `default` of the policy.
    pub(super) fn default_route(&self) -> String {
        match self.default_name() {
            Some(name) => format!("default {{\nmodels {{ {} }}\n}}\n", quote(name)),
            None => "default {\nanswer 503 \"no default model is configured\"\n}\n".to_owned(),
        }
    }

    /// Providers, models and pools as YAML; absent when there is no model.
    pub(super) fn config(&self) -> Option<String> {
        if self.models.is_empty() {
            return None;
        }
        let mut providers: BTreeMap<(String, String, String), String> = BTreeMap::new();
        let mut listed = String::new();
        let mut models = String::from("models:\n");
        let mut pools = String::from("pools:\n");
        for model in &self.models {
            let _ = writeln!(models, "  - name: {}", quote(model.name));
            if let Some(window) = model.window {
                let _ = writeln!(models, "    context_window: {window}");
            }
            if !model.price.is_empty() {
                let parts: Vec<String> =
                    model.price.iter().map(|(key, text)| format!("{key}: {}", quote(text))).collect();
                let _ = writeln!(models, "    price: {{{}}}", parts.join(", "));
            }
            let _ = writeln!(pools, "  - name: {}\n    instances:", quote(model.name));
            for (at, backend) in model.backends.iter().enumerate() {
                let kind = backend.kind;
                let key = backend.key_env.unwrap_or_default();
                let identity = (backend.url.clone(), kind.to_owned(), key.to_owned());
                let next = providers.len() + 1;
                let provider = providers.entry(identity).or_insert_with(|| {
                    let name = format!("provider-{next}");
                    let _ = writeln!(
                        listed,
                        "  - name: {name}\n    kind: {kind}\n    base_url: {}",
                        quote(&backend.url)
                    );
                    if !key.is_empty() {
                        let _ = writeln!(listed, "    key: {}", quote(&format!("env:{key}")));
                    }
                    name
                });
                let _ = writeln!(
                    pools,
                    "      - name: {}\n        provider: {provider}\n        models: {{{}: {}}}\n        weight: {}",
                    quote(&format!("{}-{}", model.name, at + 1)),
                    quote(model.name),
                    quote(model.upstream),
                    backend.weight
                );
            }
        }
        Some(format!("providers:\n{listed}{models}{pools}"))
    }
}

/// The kind of a backend; `None`, with a gap, where the provider speaks what no kind here does.
fn kind_of(node: &Node, url: &str, dialect: &str, gaps: &mut Gaps) -> Option<&'static str> {
    let kind_of = |word: &str| {
        let word = word.trim().to_ascii_lowercase().replace('_', "-");
        KINDS.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind)
    };
    if let Some(provider) = node.get("provider") {
        let kind = provider.text().and_then(kind_of);
        if kind.is_none() {
            gaps.dropped(provider, "no provider of this kind is known; the backend is left out");
            return None;
        }
        // What only speaks like OpenAI is no OpenAI.
        if kind != Some("openai") || url.starts_with(OPENAI) {
            node.see(&["type"]);
            return kind;
        }
    }
    if let Some(said) = node.get("type") {
        match said.text().and_then(kind_of) {
            Some("openai") if !url.starts_with(OPENAI) => {}
            Some(kind) => return Some(kind),
            None => gaps.stands_in(
                said,
                "no provider of this kind is known; the model's format says how it is asked",
            ),
        }
    }
    Some(match dialect {
        "anthropic" => "anthropic",
        _ if url.starts_with(OPENAI) => "openai",
        _ => "openai_compatible",
    })
}

fn backend_of<'y>(node: &'y Node, dialect: &str, gaps: &mut Gaps) -> Option<Backend<'y>> {
    node.see(&["name", "endpoint"]);
    let protocol = node.str("protocol").unwrap_or("http");
    let url = match (node.str("base_url"), node.str("endpoint")) {
        (Some(url), _) => url.trim_end_matches('/').to_owned(),
        (None, Some(endpoint)) => {
            let endpoint = endpoint.trim_end_matches('/');
            let with_scheme = if endpoint.contains("://") {
                endpoint.to_owned()
            } else {
                format!("{protocol}://{endpoint}")
            };
            // A path of its own is taken as it stands.
            let has_path = with_scheme.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
            if has_path { with_scheme } else { with_scheme + "/v1" }
        }
        (None, None) => {
            gaps.wrong(node, "a backend has a base_url or an endpoint; it is left out");
            return None;
        }
    };
    if let Some(key) = node.get("api_key") {
        gaps.secret(
            key,
            "keys are not copied: put it into an environment variable and write `key: env:NAME`",
        );
    }
    for (key, consequence) in BACKEND_DROPPED {
        gaps.drop_key(node, key, consequence);
    }
    let kind = kind_of(node, &url, dialect, gaps)?;
    let weight = node.get("weight").and_then(Node::number).unwrap_or(1.0);
    // Whole and in range after the clamp.
    let weight = weight.round().clamp(1.0, 1_000_000.0) as u32;
    Some(Backend { url, kind, key_env: node.str("api_key_env"), weight })
}

fn price(node: &Node, gaps: &mut Gaps) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    if let Some(currency) = node.get("currency").filter(|currency| currency.text() != Some("USD")) {
        gaps.dropped(currency, "prices are in US dollars: convert them");
    }
    for (key, ours) in [
        ("prompt_per_1m", "input"),
        ("cached_input_per_1m", "cached_input"),
        ("cache_write_per_1m", "cache_write"),
        ("completion_per_1m", "output"),
    ] {
        let Some(given) = node.get(key) else { continue };
        match given.text().and_then(|text| shifted(text, 0)) {
            Some(text) => found.push((ours, text)),
            None => gaps.wrong(given, "not a price with at most six places; it is left out"),
        }
    }
    found
}
