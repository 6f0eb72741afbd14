//! Providers and models of a written file.

use super::check::Findings;
use super::locality::BaseUrl;
use super::locality::Locality;
use super::money::micro;
use super::provider::{CacheWrites, PROVIDERS, ProviderRow};
use super::settings::{Authority, Model, Pool, Price, Provider};
use super::written::{self, File, Word};
use std::collections::BTreeMap;
use std::sync::Arc;
use tollgate_core::Digest;
use tollgate_net::upstream::TlsConfig;

/// Longest name of a model, pool or instance, in bytes.
const NAME_MAX: usize = 128;
/// What a model can be said to do.
const CAPABILITIES: &[&str] = &["tools", "images", "reasoning", "json", "embeddings", "stream"];

/// The providers and models of a file, by name.
pub(super) struct Catalogue {
    pub(super) providers: BTreeMap<String, Arc<Provider>>,
    pub(super) models: Vec<Arc<Model>>,
}

impl Catalogue {
    /// Notes a name that is no model's.
    pub(super) fn knows(&self, word: &Word, field: &str, findings: &mut Findings) {
        if !self.models.iter().any(|model| model.name == word.value) {
            let message = format!("the model {:?} is not configured", word.value);
            findings.at(word, field, message, "name one of `models`");
        }
    }

    pub(super) fn read(file: &File, findings: &mut Findings) -> Self {
        let mut providers = BTreeMap::new();
        for (i, written) in file.providers.iter().enumerate() {
            let field = format!("providers[{i}]");
            let Some(provider) = provider(written, &field, findings) else { continue };
            if providers.insert(provider.name.clone(), Arc::new(provider)).is_some() {
                duplicate(&written.name, &field, findings);
            }
        }
        let mut catalogue = Self { providers, models: Vec::new() };
        for (i, written) in file.models.iter().enumerate() {
            let field = format!("models[{i}]");
            let model = model(written, &field, findings);
            for name in [&written.name].into_iter().chain(&written.aliases) {
                if catalogue.model(&name.value).is_some() {
                    duplicate(name, &field, findings);
                }
            }
            catalogue.models.push(Arc::new(model));
        }
        catalogue
    }

    /// The model of this name or alias.
    pub(super) fn model(&self, name: &str) -> Option<&Arc<Model>> {
        self.models.iter().find(|m| m.name == name || m.aliases.iter().any(|a| a == name))
    }

    /// The provider that `word` names; notes a problem when there is none.
    pub(super) fn provider(
        &self,
        word: &Word,
        field: &str,
        findings: &mut Findings,
    ) -> Option<Arc<Provider>> {
        let found = self.providers.get(&word.value).cloned();
        if found.is_none() {
            let known: Vec<_> = self.providers.keys().map(String::as_str).collect();
            let message = format!("there is no provider {:?}", word.value);
            findings.at(word, field, message, &known_names(&known, "add it under `providers:`"));
        }
        found
    }
}

/// "use one of a, b" or what to do when there is none.
pub(super) fn known_names(known: &[&str], none: &str) -> String {
    if known.is_empty() { none.into() } else { format!("use one of {}", known.join(", ")) }
}

/// Notes that a name is taken.
pub(super) fn duplicate(word: &Word, field: &str, findings: &mut Findings) {
    findings.at(
        word,
        field,
        format!("the name {:?} is taken", word.value),
        "names are unique; choose another",
    );
}

/// Checks a name and returns it.
pub(super) fn name(word: &Word, field: &str, findings: &mut Findings) -> String {
    let legal = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    if word.value.is_empty() || word.value.len() > NAME_MAX || !word.value.bytes().all(legal) {
        let message = format!("{:?} is not a name", word.value);
        findings.at(
            word,
            field,
            message,
            "use 1 to 128 printable ASCII characters without spaces, quotes and backslashes",
        );
    }
    word.value.clone()
}

/// Reads a base URL; notes a problem when it is none.
pub(super) fn base_url(word: &Word, field: &str, findings: &mut Findings) -> Option<BaseUrl> {
    let url = BaseUrl::parse(&word.value);
    if url.is_none() {
        let message = format!("{:?} is not a base URL", word.value);
        findings.at(
            word,
            field,
            message,
            "write http://host:port or https://host/prefix, without a user or a query",
        );
    }
    url
}

fn provider(written: &written::Provider, field: &str, findings: &mut Findings) -> Option<Provider> {
    let kind = &written.kind.value;
    let row = ProviderRow::find(kind);
    if row.is_none() {
        let known: Vec<_> = PROVIDERS.iter().map(|p| p.kind).collect();
        let message = format!("there is no provider kind {kind:?}");
        findings.at(&written.kind, &format!("{field}.kind"), message, &known_names(&known, ""));
    }
    let own =
        written.base_url.as_ref().and_then(|word| base_url(word, &format!("{field}.base_url"), findings));
    let mut headers = Vec::new();
    for (key, value) in &written.headers {
        match (http::HeaderName::try_from(key.as_str()), http::HeaderValue::from_str(&value.value)) {
            (Ok(key), Ok(value)) => headers.push((key, value)),
            _ => findings.at(
                value,
                &format!("{field}.headers.{key}"),
                "is not a legal header".into(),
                "use visible ASCII",
            ),
        }
    }
    let row = row?;
    Some(Provider {
        name: name(&written.name, &format!("{field}.name"), findings),
        row,
        base_url: own.or_else(|| row.base_url.and_then(BaseUrl::parse)),
        key: findings.secret(written.key.as_ref(), &format!("{field}.key")),
        headers,
        ca_file: written.ca_file.as_ref().map(|word| authority(word, &format!("{field}.ca_file"), findings)),
        carries: written.carries.iter().map(|word| word.value.clone()).collect(),
        locality: Locality::of_provider(written, field, findings),
    })
}

/// A file of authorities that can be used: what is wrong with it is said here, and not by every request.
fn authority(word: &Word, field: &str, findings: &mut Findings) -> Authority {
    let path = findings.path(word);
    findings.refers(&path);
    let digest = std::fs::read(&path).map_or(Digest([0; 32]), |bytes| Digest::of(&bytes));
    if let Err(error) = (TlsConfig { ca_file: Some(path.clone()) }).check() {
        findings.at(word, field, error.to_string(), "name a PEM file that holds the authority's certificate");
    }
    Authority { path, digest }
}

fn model(written: &written::Model, field: &str, findings: &mut Findings) -> Model {
    let capabilities = written.capabilities.as_ref().map(|words| {
        for word in words.iter().filter(|w| !CAPABILITIES.contains(&w.value.as_str())) {
            let message = format!("{:?} is not a capability", word.value);
            findings.at(word, &format!("{field}.capabilities"), message, &known_names(CAPABILITIES, ""));
        }
        words.iter().map(|w| w.value.clone()).collect()
    });
    Model {
        name: name(&written.name, &format!("{field}.name"), findings),
        aliases: written.aliases.iter().map(|a| name(a, &format!("{field}.aliases"), findings)).collect(),
        context_window: written.context_window,
        capabilities,
        price: price(&written.price, field, findings),
        priced: written.price.input.is_some() && written.price.output.is_some(),
        quality: quality(written, field, findings),
        sold: written.sold,
    }
}

fn quality(written: &written::Model, field: &str, findings: &mut Findings) -> Option<f64> {
    if let Some(quality) = written.quality.filter(|quality| !(0.0..=1.0).contains(quality)) {
        let message = format!("{quality} is out of range");
        findings.at(&written.name, &format!("{field}.quality"), message, "use 0 to 1");
    }
    written.quality
}

fn price(written: &written::Price, field: &str, findings: &mut Findings) -> Price {
    let mut read = |word: Option<&Word>, part: &str| {
        let word = word?;
        let value = micro(&word.value);
        if value.is_none() {
            let message = format!("{:?} is not a price", word.value);
            let fix = "write US dollars per million tokens, such as 0.15, with at most six places";
            findings.at(word, &format!("{field}.price.{part}"), message, fix);
        }
        value
    };
    let input = read(written.input.as_ref(), "input").unwrap_or(0);
    let cached = read(written.cached_input.as_ref(), "cached_input").unwrap_or(input);
    let output = read(written.output.as_ref(), "output").unwrap_or(0);
    let write = read(written.cache_write.as_ref(), "cache_write").unwrap_or(input);
    let hour = read(written.cache_write_1h.as_ref(), "cache_write_1h").unwrap_or(write);
    Price {
        input_micro: input,
        cached_input_micro: cached,
        cache_write_micro: write,
        cache_write_1h_micro: hour,
        output_micro: output,
    }
}

/// Sets what writing to a cache costs where the file does not say it and a provider that serves the model bills it apart;
/// of several the dearest counts. Up to the next micro-dollar.
pub(super) fn price_writes(file: &File, models: &mut [Arc<Model>], pools: &[Pool]) {
    for (model, written) in models.iter_mut().zip(&file.models) {
        let serving = pools.iter().flat_map(|pool| &pool.instances);
        let serving = serving.filter(|instance| instance.models.contains_key(&model.name));
        let billed: Vec<_> =
            serving.filter_map(|instance| instance.provider.row.quirks.cache_writes).collect();
        let share = |percent: fn(&CacheWrites) -> u64| billed.iter().map(percent).max();
        let of_input = |percent: u64| model.price.input_micro.saturating_mul(percent).div_ceil(100);
        let short = share(|writes| writes.percent).map(of_input);
        let hour = share(|writes| writes.hour_percent).map(of_input);
        let stated = written.price.cache_write.is_some();
        let price = &mut Arc::make_mut(model).price;
        if let (Some(short), false) = (short, stated) {
            price.cache_write_micro = short;
        }
        if let (Some(hour), None) = (hour, &written.price.cache_write_1h) {
            price.cache_write_1h_micro = hour.max(price.cache_write_micro);
        }
    }
}
