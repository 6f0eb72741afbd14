//! Requests as OpenRouter takes them: models with fallbacks, and preferences among providers.
//!
//! Each request (the file is one, a list, or `presets:` by name) becomes a route for the model name that it asks for.
//! Its candidates are the model at each preferred provider in turn, then the next model; `only` and `ignore` become a
//! rule besides, which holds whatever the route says.
//!
//! ```text
//! {model: a/b, provider: {order: [anthropic], allow_fallbacks: false}}
//!   -> route … { when model in ["a/b"]  models { "a/b@anthropic" } }   rule … { when …  providers ["anthropic"] }
//! ```

use super::ImportError;
use super::fault;
use super::gaps::Gaps;
use super::money::shifted;
use super::write::{Names, list, quote};
use super::yaml::{Node, Value};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Providers by their slugs: kind here, and the variable that holds the key.
const PROVIDERS: &[(&str, &str, &str)] = &[
    ("anthropic", "anthropic", "ANTHROPIC_API_KEY"),
    ("openai", "openai", "OPENAI_API_KEY"),
    ("google-ai-studio", "gemini", "GEMINI_API_KEY"),
    ("mistral", "mistral", "MISTRAL_API_KEY"),
    ("groq", "groq", "GROQ_API_KEY"),
    ("deepseek", "deepseek", "DEEPSEEK_API_KEY"),
    ("together", "together", "TOGETHER_API_KEY"),
    ("amazon-bedrock", "bedrock", "BEDROCK_API_KEY"),
    (ITSELF, "openrouter", "OPENROUTER_API_KEY"),
];
/// Providers that serve the models of their own house alone, with the authors that name it.
const HOUSES: &[(&str, &[&str])] = &[
    ("anthropic", &["anthropic"]),
    ("openai", &["openai"]),
    ("google-ai-studio", &["google"]),
    ("mistral", &["mistralai", "mistral"]),
    ("deepseek", &["deepseek"]),
];
/// OpenRouter as a provider.
const ITSELF: &str = "openrouter";
/// Preferences without an equivalent.
const DROPPED: &[(&str, &str)] = &[
    ("quantizations", "instances do not say how they are quantised: keep to providers that you know"),
    ("require_parameters", "a parameter that cannot cross to a provider's dialect is dropped and reported"),
    ("preferred_min_throughput", "the instance with the least expected time to the first token is taken"),
    ("preferred_max_latency", "the instance with the least expected time to the first token is taken"),
    ("experimental", "no such preference"),
];

/// What a request gets that may go only where the gateway cannot send it.
const REFUSED: &str = "answer 503 \"none of the providers that this request may go to is known here\"\n";

/// Where a model is asked for.
type Place<'y> = (&'y str, &'y str);

struct Preset<'y> {
    name: &'y str,
    node: &'y Node,
}

/// What the presets together need.
#[derive(Default)]
struct Needs<'y> {
    places: BTreeSet<Place<'y>>,
    virtuals: Vec<&'y str>,
    first: Option<Place<'y>>,
}

/// The policy and the configuration.
pub(super) fn import(root: &Node, gaps: &mut Gaps) -> Result<(String, Option<String>), ImportError> {
    let presets = presets(root);
    let (mut names, mut needs) = (Names::default(), Needs::default());
    let (mut routes, mut rules) = (String::new(), String::new());
    for preset in &presets {
        one(preset, &mut names, &mut needs, (&mut routes, &mut rules), gaps);
    }
    if needs.virtuals.is_empty() {
        return Err(fault(1, "no request names a `model` that a known provider serves"));
    }
    let mut out =
        String::from("# Imported from requests to OpenRouter; the importer's list says what differs.\n");
    let _ = writeln!(out, "policy {}\nvirtual {}", quote("openrouter"), list(needs.virtuals.iter().copied()));
    out += &rules;
    out += &routes;
    let Some(first) = needs.first else {
        let _ = write!(out, "default {{\n{REFUSED}}}\n");
        return Ok((out, None));
    };
    let _ = write!(out, "default {{\nmodels {{ {} }}\n}}\n", quote(&named(first)));
    Ok((out, Some(config(&needs.places))))
}

fn presets(root: &Node) -> Vec<Preset<'_>> {
    if let Some(table) = root.get("presets") {
        let mut found = Vec::new();
        for super::yaml::Entry { key, node, seen } in table.entries() {
            seen.set(true);
            found.push(Preset { name: key, node });
        }
        return found;
    }
    let nodes = if matches!(root.value, Value::List(_)) { root.items() } else { std::slice::from_ref(root) };
    nodes.iter().map(|node| Preset { name: node.str("model").unwrap_or_default(), node }).collect()
}

/// A model at a provider, as the configuration names it.
fn named((model, provider): Place<'_>) -> String {
    format!("{model}@{provider}")
}

fn one<'y>(
    preset: &Preset<'y>,
    names: &mut Names,
    needs: &mut Needs<'y>,
    (routes, rules): (&mut String, &mut String),
    gaps: &mut Gaps,
) {
    let node = preset.node;
    let mut models: Vec<&str> = node.str("model").into_iter().chain(node.texts("models")).collect();
    let asked =
        if preset.name.is_empty() { models.first().copied().unwrap_or_default() } else { preset.name };
    node.see(&["route", "name"]);
    for key in ["messages", "prompt", "tools", "plugins", "transforms"] {
        gaps.drop_unshown(node, key, "what a request says is no part of a policy");
    }
    for model in &mut models {
        *model = variant(model, node, gaps);
    }
    models.retain(|model| !model.is_empty());
    let places = places(&models, node.get("provider"), gaps);
    if asked.is_empty() || models.is_empty() || needs.virtuals.contains(&asked) {
        return gaps
            .wrong(node, "a request names a model of its own that some provider serves; it is left out");
    }
    let identifier = names.give(asked);
    let when = format!("model in {}", list([asked]));
    needs.virtuals.push(asked);
    if places.is_empty() {
        let _ = write!(routes, "route {identifier} {{\nwhen {when}\n{REFUSED}}}\n");
        return gaps.wrong(
            node.get("provider").unwrap_or(node),
            "no provider that is allowed is known to the gateway: the request is refused with 503",
        );
    }
    let concrete: Vec<String> = places.iter().map(|place| named(*place)).collect();
    let candidates: Vec<String> = concrete.iter().map(|name| quote(name)).collect();
    let _ =
        write!(routes, "route {identifier} {{\nwhen {when}\nmodels {{ {} }}\n}}\n", candidates.join(", "));
    needs.first = needs.first.or(places.first().copied());
    if let Some(preferences) = node.get("provider") {
        let bounded = ["only", "ignore"].iter().any(|key| !preferences.texts(key).is_empty())
            || preferences.get("allow_fallbacks").and_then(Node::flag) == Some(false);
        let mut bounds = String::new();
        if bounded {
            let allowed: BTreeSet<&str> = places.iter().map(|(_, provider)| *provider).collect();
            let _ = writeln!(bounds, "providers {}", list(allowed));
        }
        bounds += &price(preferences, gaps);
        if !bounds.is_empty() {
            let _ = write!(
                rules,
                "rule {} {{\nwhen model in {}\n{bounds}}}\n",
                names.give(&format!("{asked}_providers")),
                // Whoever asks for a candidate by its own name is bound too.
                list(std::iter::once(asked).chain(concrete.iter().map(String::as_str)))
            );
        }
    }
    needs.places.extend(places);
}

/// The model without the ending that stands for a preference.
fn variant<'y>(model: &'y str, node: &Node, gaps: &mut Gaps) -> &'y str {
    match model.rsplit_once(':') {
        Some((plain, "nitro")) => {
            gaps.stands_in(
                node,
                "`:nitro`: the instance with the least expected time to the first token is taken",
            );
            plain
        }
        Some((plain, "floor")) => {
            gaps.stands_in(node, "`:floor`: providers are tried in their order, not by price");
            plain
        }
        Some((plain, "online")) => {
            gaps.stands_in(node, "`:online`: nothing is looked up on the web");
            plain
        }
        _ => model,
    }
}

/// Candidates in their order: each model at each provider.
fn places<'y>(models: &[&'y str], preferences: Option<&'y Node>, gaps: &mut Gaps) -> Vec<Place<'y>> {
    let Some(preferences) = preferences else { return models.iter().map(|model| (*model, ITSELF)).collect() };
    let (only, ignore) = (preferences.texts("only"), preferences.texts("ignore"));
    let mut order = preferences.texts("order");
    let ordered = !order.is_empty();
    order.extend(only.iter().copied());
    let mut seen = BTreeSet::new();
    order.retain(|slug| {
        let allowed =
            (only.is_empty() || only.contains(slug)) && !ignore.contains(slug) && seen.insert(*slug);
        allowed && slug.split('/').next() != Some(ITSELF)
    });
    let (known, strange): (Vec<&str>, Vec<&str>) =
        order.iter().copied().partition(|slug| PROVIDERS.iter().any(|(known, ..)| known == slug));
    if !strange.is_empty() {
        let consequence =
            format!("{} is no provider that the gateway knows: it is left out", strange.join(", "));
        gaps.wrong(preferences, &consequence);
    }
    for (key, consequence) in DROPPED {
        gaps.drop_key(preferences, key, consequence);
    }
    if let Some(sort) = preferences.get("sort") {
        gaps.stands_in(
            sort,
            "providers are tried in the order given, instances by expected time to the first token",
        );
        sort.see_all();
    }
    for key in ["data_collection", "zdr"] {
        if let Some(wish) =
            preferences.get(key).filter(|wish| !matches!(wish.text(), Some("allow" | "false")))
        {
            gaps.stands_in(
                wish,
                "providers do not say here what they keep: list those that you trust under `only`",
            );
        }
    }
    let fallbacks = preferences.get("allow_fallbacks");
    let closed = fallbacks.and_then(Node::flag) == Some(false);
    // OpenRouter chooses where neither a list nor an order says who else may answer, known here or not.
    let itself = only.is_empty() && !(closed && ordered);
    if let Some(wish) = fallbacks.filter(|_| closed && itself) {
        gaps.stands_in(wish, "OpenRouter itself may still try a second provider: name one under `order`");
    }
    if itself && !ignore.is_empty() {
        gaps.stands_in(preferences, "OpenRouter itself may still take a provider that is to be ignored");
    }
    let providers = known.into_iter().chain(itself.then_some(ITSELF)).collect::<Vec<_>>();
    let all = models.iter().flat_map(|model| providers.iter().map(move |provider| (*model, *provider)));
    let (served, foreign): (Vec<Place<'y>>, Vec<Place<'y>>) = all.partition(|place| !is_foreign(*place));
    if !foreign.is_empty() {
        let pairs: Vec<String> = foreign.iter().map(|place| named(*place)).collect();
        let consequence = format!("no model of another house is there: without {}", pairs.join(", "));
        gaps.dropped(preferences, &consequence);
    }
    served.into_iter().take(crate::limits::MAX_MODELS).collect()
}

/// Whether a model is of one house and the provider another.
fn is_foreign((model, provider): Place<'_>) -> bool {
    let author = model.split('/').next().unwrap_or_default();
    let own = HOUSES.iter().find(|(_, authors)| authors.contains(&author));
    let is_house = HOUSES.iter().any(|(house, _)| *house == provider);
    is_house && own.is_some_and(|(house, _)| *house != provider)
}

/// What a request may cost: a bound on the whole request is kept, prices per token are not compared.
fn price(preferences: &Node, gaps: &mut Gaps) -> String {
    let Some(most) = preferences.get("max_price") else { return String::new() };
    for key in ["prompt", "completion", "image"] {
        if let Some(given) = most.get(key) {
            gaps.stands_in(
                given,
                "prices per token are not compared: leave dear providers out, or bound `cost` in a rule",
            );
        }
    }
    let Some(request) = most.get("request") else { return String::new() };
    gaps.stands_in(
        request,
        "the models come without prices, so that a request costs nothing and the bound never binds: give each a `price:`",
    );
    // Dollars to micro-dollars, whole.
    match request.text().and_then(|text| shifted(text, 6)).filter(|text| !text.contains('.')) {
        Some(micro) => format!("cost <= {micro}\n"),
        None => {
            gaps.wrong(request, "not an amount in whole micro-dollars; there is no bound");
            String::new()
        }
    }
}

fn config(places: &BTreeSet<Place<'_>>) -> String {
    let used: BTreeSet<&str> = places.iter().map(|(_, provider)| *provider).collect();
    let (mut providers, mut models, mut pools) = (String::new(), String::new(), String::new());
    for (slug, kind, key) in PROVIDERS.iter().filter(|(slug, ..)| used.contains(slug)) {
        let _ =
            writeln!(providers, "  - {{name: {slug}, kind: {kind}, key: {}}}", quote(&format!("env:{key}")));
        let _ = writeln!(
            pools,
            "  - name: {slug}\n    instances:\n      - name: {slug}-1\n        provider: {slug}\n        models:"
        );
        for place in places.iter().filter(|(_, provider)| provider == slug) {
            let upstream = match place.1 {
                ITSELF => place.0,
                _ => place.0.split_once('/').map_or(place.0, |(_, name)| name),
            };
            let _ = writeln!(models, "  - name: {}", quote(&named(*place)));
            let _ = writeln!(pools, "          {}: {}", quote(&named(*place)), quote(upstream));
        }
    }
    format!("providers:\n{providers}models:\n{models}pools:\n{pools}")
}
