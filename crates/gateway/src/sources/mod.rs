//! Classifiers that a user plugs in as signals: a model's folder, or an endpoint that speaks OpenAI's shapes.
//!
//! Each is asked for one text at a time and gives labels with a probability each. A folder is computed on threads of its own, an
//! endpoint asked from one: neither on a thread that serves sockets. What finds its queue full, comes too late or fails is an
//! answer too: the signal then fails, and the policy says what that means.

mod asked;
mod asker;
mod folder;
mod remote;

use crate::config::{SourceKind, SourceSettings};
use crate::observe::metrics::{Metrics, SourceLabels};
use crate::threads::Threads;
pub(crate) use asked::{Asked, answered};
use folder::Model;
use remote::Remote;
use std::collections::BTreeMap;
use std::sync::Arc;
use tollgate_core::Clock;
use tollgate_encode::EncodeError;
use tollgate_signals::Labels;

/// Longest text that is classified, in bytes: a longer one fails instead of being read in part.
const TEXT_MAX: usize = 256 << 10;

/// Why a source cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The model cannot be loaded.
    #[error("signals: {name}: {source}")]
    Model {
        /// The source.
        name: String,
        /// What is wrong with the folder.
        source: EncodeError,
    },
    /// The system gives no thread.
    #[error("signals: {name}: the system gives no thread: {source}")]
    Thread {
        /// The source.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What a source says of one text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    /// Labels with their probabilities, or why there are none.
    pub(crate) labels: Result<Labels, String>,
    /// Nanoseconds from asking to the answer.
    pub(crate) ns: u64,
    /// Tokens that an endpoint says it read and wrote; the most that can be where it does not say, and may have.
    pub(crate) tokens: u64,
    /// What those cost, in micro-dollars.
    pub(crate) cost_micro: u64,
}

enum Source {
    Folder(Threads<String, Labels>),
    Remote(Remote),
}

/// See the module.
#[derive(Default)]
pub struct Sources {
    by_name: BTreeMap<String, (Source, u64)>,
}

impl Sources {
    /// Loads and starts what is configured.
    ///
    /// # Errors
    /// [`SourceError`]; nothing is left running then.
    pub fn start(settings: &[SourceSettings], clock: &Arc<dyn Clock>) -> Result<Self, SourceError> {
        let mut by_name = BTreeMap::new();
        for source in settings {
            let name = || source.name.clone();
            let started = match &source.kind {
                SourceKind::Folder(folder) => {
                    let model = Model::load(folder)
                        .map_err(|error| SourceError::Model { name: name(), source: error })?;
                    let work =
                        move |text: &String, wanted: &dyn Fn() -> bool| wanted().then(|| model.labels(text));
                    Threads::start("the classifier", source.size, clock.clone(), work).map(Source::Folder)
                }
                SourceKind::Endpoint(endpoint) => {
                    Remote::start(endpoint.clone(), source.size).map(Source::Remote)
                }
            };
            let started = started.map_err(|error| SourceError::Thread { name: name(), source: error })?;
            by_name.insert(source.name.clone(), (started, source.micro_per_million_tokens));
        }
        Ok(Self { by_name })
    }

    /// What a question to a source of somebody else's costs at most, in micro-dollars. None for one that costs nobody anything.
    pub(crate) fn cost_most(&self, name: &str, text: &str) -> Option<u64> {
        let (Source::Remote(remote), price) = self.by_name.get(name)? else { return None };
        Some(micro(remote.tokens_most(text), *price))
    }

    /// Asks a source about a text.
    pub(crate) async fn ask(&self, name: &str, text: &str, clock: &dyn Clock, metrics: &Metrics) -> Said {
        let start = clock.tick();
        let (labels, tokens, price) = match self.by_name.get(name) {
            None => {
                (Err(format!("there is no source {name:?}; configure it in `signals` and restart")), 0, 0)
            }
            Some(_) if text.len() > TEXT_MAX => {
                (Err("the text is over 256 KiB: too long to be classified".into()), 0, 0)
            }
            Some((Source::Folder(threads), _)) => {
                (threads.ask(text.to_owned()).await.map_err(|shed| shed.to_string()), 0, 0)
            }
            Some((Source::Remote(remote), price)) => {
                // What does not say what it took may have taken the most.
                let most = remote.tokens_most(text);
                match remote.ask(text.to_owned()).await {
                    Ok((labels, tokens)) => (Ok(labels), tokens.unwrap_or(most), *price),
                    Err(failure) => (Err(failure.why), if failure.billed { most } else { 0 }, *price),
                }
            }
        };
        let ns = clock.tick().since_ns(start);
        let outcome = if labels.is_ok() { "answered" } else { "failed" };
        let known = if self.by_name.contains_key(name) { name } else { "unknown" };
        metrics.sources.get_or_create(&SourceLabels { source: known.into(), outcome }).inc();
        Said { labels, ns, tokens, cost_micro: micro(tokens, price) }
    }
}

/// What tokens cost at a price in micro-dollars per million, rounded up: many small questions are not free.
fn micro(tokens: u64, price: u64) -> u64 {
    u64::try_from((u128::from(tokens) * u128::from(price)).div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
