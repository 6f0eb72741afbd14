//! Everything that a reload swaps: settings, policy, signals, models and fleet, as one immutable value.

use crate::config::{ConfigError, Price, Settings};
use crate::fleet::{Fleet, FleetError};
use crate::observe::metrics::ModelSeries;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tollgate_core::signal::Kind;
use tollgate_core::{Clock, Digest, Seed, Timestamp};
use tollgate_policy::{Known, OutputAct, Place, Policy, Price as PlainPrice};
use tollgate_select::model::{Capabilities, ModelCandidate};
use tollgate_signals::{SignalSet, SpecError, TextSignals};

/// Model names that mean "you choose".
pub const AUTO_NAMES: &[&str] = &["auto", "tollgate", "tollgate/auto"];

/// A model as the pipeline needs it.
#[derive(Debug)]
pub struct ModelEntry {
    /// Its name.
    pub name: Arc<str>,
    /// Its price.
    pub price: Price,
    /// Whether that was declared.
    pub priced: bool,
    /// Its name, window and abilities, as the selection crate wants them.
    pub candidate: ModelCandidate,
    /// Its metrics, once a request has used it.
    pub series: OnceLock<Arc<ModelSeries>>,
}

/// One consistent state of everything that can be reloaded.
pub struct Snapshot {
    /// The configuration.
    pub settings: Settings,
    /// The policy.
    pub policy: Policy,
    /// Its text.
    pub policy_text: String,
    /// The signals that the policy asks for.
    pub signals: SignalSet,
    /// Those that its rules on answers ask.
    pub output: TextSignals,
    /// The models, in the configuration's order.
    pub models: Vec<ModelEntry>,
    /// Name or alias to position in `models`.
    names: BTreeMap<String, usize>,
    /// The fleet.
    pub fleet: Fleet,
    /// What governance asks of each instance, by its position over all pools.
    pub places: Vec<Place>,
    /// Whether writing to a provider's cache costs more than input does, of some model.
    pub bills_writes: bool,
    /// Digest of the models and of where they are served.
    pub served: Digest,
    /// When it was built.
    pub built: Timestamp,
    /// Grows with every swap, so that workers notice.
    pub generation: u64,
}

/// Why a snapshot could not be built; the process keeps the one it has.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The policy file cannot be read.
    #[error("cannot read the policy {path}: {source}")]
    PolicyFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It would open what is closed.
    #[error("{0}")]
    Opens(String),
    /// The policy is wrong; the text shows every finding with its place.
    #[error("{0}")]
    Policy(String),
    /// A signal's parameters are wrong.
    #[error("the policy's signals cannot be built: {0}")]
    Signals(String),
    /// The fleet cannot be built.
    #[error(transparent)]
    Fleet(#[from] FleetError),
}

impl Snapshot {
    /// Builds a snapshot from settings and the text of a policy; state of unchanged pools is taken from `before`.
    ///
    /// # Errors
    /// [`SnapshotError`]; nothing is changed then.
    pub fn build(
        settings: Settings,
        policy_text: String,
        before: Option<&Self>,
        seed: Seed,
        clock: &dyn Clock,
    ) -> Result<Self, SnapshotError> {
        let policy = load_policy(&settings, &policy_text)?;
        let wrong = |errors: Vec<SpecError>| {
            SnapshotError::Signals(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        };
        let signals = SignalSet::compile(policy.specs()).map_err(wrong)?;
        let output = TextSignals::compile(policy.output_specs()).map_err(wrong)?;
        sources_exist(&settings, &policy)?;
        if settings.output.safer_model.is_none() && asks_for_safer(&policy) {
            let message =
                "the policy says `output safer`, and no model is named for it: set `output.safer_model`";
            return Err(SnapshotError::Policy(message.into()));
        }
        if policy.masks() {
            // Its expressions are compiled now, so that no request waits for them.
            let _ = tollgate_signals::content::personal_data("");
        }
        let fleet =
            Fleet::build(&settings.pools, &settings.timeouts, before.map(|b| &b.fleet), seed, clock.tick())?;
        let (models, names) = models(&settings);
        let dear = |p: &Price| p.cache_write_micro.max(p.cache_write_1h_micro) > p.input_micro;
        let bills_writes = settings.models.iter().any(|model| dear(&model.price));
        let places = places(&settings);
        let described = [format!("{:?}", settings.pools), format!("{:?}", settings.models)];
        let served = Digest::of_parts(described.iter().map(String::as_bytes));
        let generation = before.map_or(1, |b| b.generation + 1);
        Ok(Self {
            settings,
            policy,
            policy_text,
            signals,
            output,
            models,
            names,
            fleet,
            places,
            bills_writes,
            served,
            built: clock.now(),
            generation,
        })
    }

    /// Whether the policy chooses the model where a caller asks for `name`: none at all, `auto`, or a virtual name.
    #[must_use]
    pub fn chooses(&self, name: &str) -> bool {
        name.is_empty() || AUTO_NAMES.contains(&name) || self.policy.virtual_names().iter().any(|v| v == name)
    }

    /// The model of this name or alias.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&ModelEntry> {
        self.model_index(name).and_then(|i| self.models.get(i))
    }

    /// Position in `models` of the model of this name or alias.
    #[must_use]
    pub fn model_index(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }
}

/// That every classifier which the policy asks is configured.
fn sources_exist(settings: &Settings, policy: &Policy) -> Result<(), SnapshotError> {
    for spec in policy.specs().iter().filter(|spec| spec.kind == Kind::Classifier) {
        let name = spec.text("source").unwrap_or_default();
        if !settings.sources.iter().any(|source| source.name == name) {
            let (signal, known) = (&spec.name, settings.sources.iter().map(|source| source.name.as_str()));
            let known = known.collect::<Vec<_>>().join(", ");
            let why =
                format!("signal {signal}: no source {name:?} is configured in `signals`; there is [{known}]");
            return Err(SnapshotError::Signals(why));
        }
    }
    Ok(())
}

/// Whether a rule on answers wants a safer model.
fn asks_for_safer(policy: &Policy) -> bool {
    let mut routes = policy.routes().chain([policy.default_route()]);
    routes.any(|route| route.effects.output.iter().any(|rule| rule.act == OutputAct::Safer))
}

/// Reads the policy that the settings name, or gives the shipped one.
///
/// # Errors
/// [`SnapshotError::PolicyFile`].
pub fn policy_text(settings: &Settings) -> Result<String, SnapshotError> {
    match &settings.policy {
        None => Ok(tollgate_policy::SHIPPED.to_owned()),
        Some(path) => std::fs::read_to_string(path)
            .map_err(|source| SnapshotError::PolicyFile { path: path.clone(), source }),
    }
}

/// Loads the text of the settings' policy for their models and pools.
///
/// # Errors
/// [`SnapshotError::Policy`]. The shipped policy itself is right: where it does not fit, its findings would only hide the remedy.
pub fn load_policy(settings: &Settings, text: &str) -> Result<Policy, SnapshotError> {
    let name = settings.policy.as_deref().unwrap_or_else(|| Path::new("shipped policy"));
    Policy::load(&name.display().to_string(), text, &known(settings)).map_err(|error| {
        SnapshotError::Policy(match &settings.policy {
            Some(_) => error.to_string(),
            None => "the shipped policy names the simulated models; set `policy:` to a file that names yours"
                .into(),
        })
    })
}

/// The names that a policy may use, and the fleet that its governance is checked against.
#[must_use]
pub fn known(settings: &Settings) -> Known {
    let models = settings.models.iter().map(|m| m.name.as_str());
    let price = |m: &Arc<crate::config::Model>| PlainPrice {
        input_micro: m.price.input_micro,
        output_micro: m.price.output_micro,
    };
    let prices = settings.models.iter().filter(|m| m.priced).map(|m| (m.name.clone(), price(m))).collect();
    let own = settings.encoder.iter().map(|encoder| encoder.model.clone()).collect();
    let fleet = tollgate_policy::Fleet { places: places(settings), prices, own };
    Known::new(models, settings.pools.iter().map(|p| p.name.as_str())).with_fleet(fleet)
}

/// What governance asks of each instance, by the instance's position over all pools.
fn places(settings: &Settings) -> Vec<Place> {
    let of_pool = |pool: &crate::config::Pool| {
        let name = pool.name.clone();
        let place = move |instance: &crate::config::Instance| Place {
            pool: name.clone(),
            instance: instance.name.clone(),
            provider: instance.provider.name.clone(),
            region: instance.locality.region.clone(),
            on_premise: instance.locality.on_premise,
            tokens_per_joule: instance.locality.tokens_per_joule,
            models: instance.models.keys().cloned().collect(),
        };
        pool.instances.iter().map(place).collect::<Vec<_>>()
    };
    settings.pools.iter().flat_map(of_pool).collect()
}

fn models(settings: &Settings) -> (Vec<ModelEntry>, BTreeMap<String, usize>) {
    let mut names = BTreeMap::new();
    let mut entries = Vec::with_capacity(settings.models.len());
    for (i, model) in settings.models.iter().enumerate() {
        for name in model.aliases.iter().chain([&model.name]) {
            names.insert(name.clone(), i);
        }
        let mut candidate = ModelCandidate::named(&model.name);
        candidate.context_tokens = model.context_window;
        if let Some(words) = &model.capabilities {
            let none = Capabilities::default();
            candidate.can = words.iter().filter_map(|w| ability(w)).fold(none, Capabilities::with);
        }
        entries.push(ModelEntry {
            name: model.name.as_str().into(),
            price: model.price,
            priced: model.priced,
            candidate,
            series: OnceLock::new(),
        });
    }
    (entries, names)
}

fn ability(word: &str) -> Option<Capabilities> {
    Some(match word {
        "tools" => Capabilities::TOOLS,
        "images" => Capabilities::IMAGES,
        "reasoning" => Capabilities::REASONING,
        "json" => Capabilities::SCHEMA,
        "stream" => Capabilities::STREAMING,
        "embeddings" => Capabilities::EMBEDDINGS,
        _ => return None,
    })
}
