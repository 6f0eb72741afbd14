//! Starting and stopping: from options to listening workers, and back with every stream drained.

use crate::cashier::Cashier;
use crate::chores;
use crate::claim::Claim;
use crate::clock::{SystemClock, entropy};
use crate::config::{self, ConfigError, Settings};
use crate::control;
use crate::encoder::{EncoderError, EncoderPool};
use crate::kept::Kept;
use crate::rails::{Rails, RailsError};
use crate::safety::Suspects;
use crate::snapshot::{Snapshot, SnapshotError, policy_text};
use crate::sources::{SourceError, Sources};
use crate::state::{Origin, Shared};
use crate::support::{InferenceError, Inferring, Rates};
use crate::witness::OverHttp;
use crate::worker::Worker;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tollgate_core::{Clock, Seed};
use tollgate_net::server::{Drained, Limits, Running, Server};
use tollgate_risk::model::Model;
use tollgate_risk::online::Scorer;
use tollgate_select::retry::{BudgetConfig, RetryBudget};
use tollgate_store::settlement::{Settlement, SettlementConfig, SettlementError};
use tollgate_store::{Location, Store, StoreConfig, StoreError};

/// What the command line says.
#[derive(Debug, Default)]
pub struct Options {
    /// Configuration file; absent = `settings`, or an empty configuration.
    pub config: Option<PathBuf>,
    /// Settings made elsewhere, such as the embedded default.
    pub settings: Option<Settings>,
    /// Address to listen on, instead of the configured one.
    pub listen: Option<SocketAddr>,
    /// Policy file, instead of the configured one.
    pub policy: Option<PathBuf>,
    /// Folder of the database, or `memory`, instead of the configured one.
    pub data: Option<PathBuf>,
    /// Folder of settlement, instead of the configured one.
    pub settle: Option<PathBuf>,
    /// Who judges evidence for settlement.
    pub judge: Option<Arc<dyn crate::judge::Judge>>,
    /// Worker threads, instead of the configured number.
    pub workers: Option<usize>,
    /// Serve a public address without keys all the same.
    pub force_open: bool,
}

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Configuration, policy or fleet is wrong.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A public address without keys.
    #[error("{0}")]
    Public(String),
    /// Another gateway runs on the data folder.
    #[error(
        "another gateway runs on the data folder {}: stop it, or give this one a folder of its own with --data DIR, or \
         --data memory; two gateways on one folder would each grant the whole of every budget", folder.display()
    )]
    Claimed {
        /// The folder.
        folder: PathBuf,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Settlement cannot be opened.
    #[error(transparent)]
    Settlement(#[from] Box<SettlementError>),
    /// A rail of settlement cannot be opened.
    #[error(transparent)]
    Rails(#[from] Box<RailsError>),
    /// The facilitator for payments by x402 cannot be opened.
    #[error("x402 cannot be served: {0}")]
    X402(#[from] Box<tollgate_evm::EvmError>),
    /// The risk model cannot be loaded.
    #[error("the risk model cannot be served: {0}")]
    Risk(#[from] Box<tollgate_risk::RiskError>),
    /// The text encoder cannot be loaded.
    #[error("the encoder cannot be started: {0}")]
    Encoder(#[from] Box<EncoderError>),
    /// A classifier cannot be used.
    #[error(transparent)]
    Source(#[from] Box<SourceError>),
    /// The model of inference cannot be used.
    #[error(transparent)]
    Inference(#[from] Box<InferenceError>),
    /// The address cannot be listened on.
    #[error(transparent)]
    Net(#[from] tollgate_net::Error),
    /// The system gives no entropy, or a folder cannot be made.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// How a shutdown went.
#[derive(Debug)]
pub struct Stopped {
    /// Connections: open at the start, cut at the deadline.
    pub drained: Drained,
    /// Decision records that were dropped over the whole run.
    pub records_dropped: u64,
}

/// A gateway that runs.
pub struct Serving {
    shared: Arc<Shared>,
    running: Running,
    stop: watch::Sender<bool>,
    chores: JoinHandle<()>,
    drain: Duration,
    /// Given back after the database is closed.
    claim: Option<Claim>,
}

impl Serving {
    /// Starts the gateway. Needs a tokio runtime for its chores; requests run on threads of their own.
    ///
    /// # Errors
    /// [`ServeError`]; nothing is left running then.
    pub async fn start(options: Options) -> Result<Self, ServeError> {
        let origin = origin(&options);
        let (force_open, judge) = (options.force_open, options.judge.clone());
        let config_written = chores::written(options.config.as_ref());
        let settings = settings(options)?;
        let own = [config_written, chores::written(settings.policy.as_ref())];
        let read = own.into_iter().chain(settings.referred.iter().map(|(_, time)| *time)).collect();
        if let Some(why) = config::public_without_keys(&settings).filter(|_| !force_open) {
            return Err(ServeError::Public(why));
        }
        let claim = settings.database.as_deref().map(Claim::of).transpose()?;
        let mut shared = shared(settings, origin)?;
        (shared.settlement, shared.rails) = settlement(&shared).await?;
        shared.cashier = cashier(&shared).await?;
        shared.judge = judge;
        let shared = Arc::new(shared);
        control::apply_budgets(&shared);
        let snapshot = shared.snapshot.load_full();
        let server =
            Server::bind(snapshot.settings.listen, workers(&snapshot.settings), limits(&snapshot.settings))?;
        let for_workers = shared.clone();
        let running = server.start(move |_| Worker::new(for_workers.clone()))?;
        let (stop, stopped) = watch::channel(false);
        let chores = spawn_chores(shared.clone(), stopped, read);
        let drain = Duration::from_millis(snapshot.settings.limits.drain_ms);
        Ok(Self { shared, running, stop, chores, drain, claim })
    }

    /// The address that is served, with its real port.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.running.addr()
    }

    /// Reads configuration and policy again.
    ///
    /// # Errors
    /// [`SnapshotError`]; the last good state stays then.
    pub fn reload(&self) -> Result<u64, SnapshotError> {
        control::reload(&self.shared).map(|reloaded| reloaded.generation)
    }

    /// What all workers share, for tests and embedding programs.
    #[must_use]
    pub const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Stops accepting, drains streams up to the configured time, writes everything down.
    ///
    /// # Errors
    /// [`ServeError::Store`] when the last records cannot be written.
    pub async fn shutdown(self) -> Result<Stopped, ServeError> {
        let drained = self.running.shutdown(self.drain).await;
        self.stop.send_replace(true);
        // The chores end at their next look at the switch; a panic there was logged by the runtime.
        let _ = self.chores.await;
        let shared = Arc::clone(&self.shared);
        let closed = tokio::task::spawn_blocking(move || {
            if let Some(settlement) = &shared.settlement {
                settlement.close();
            }
            if let Some(cashier) = &shared.cashier {
                cashier.close();
            }
            // What cannot be written now is missed in the same way after a crash; the store's own close says why.
            let _ = chores::remember(&shared);
            shared.store.close()
        })
        .await;
        let stats = match closed {
            Ok(stats) => stats?,
            Err(error) => return Err(system("closing the database")(std::io::Error::other(error))),
        };
        drop(self.claim);
        Ok(Stopped { drained, records_dropped: stats.dropped })
    }
}

fn system(what: &str) -> impl FnOnce(std::io::Error) -> ServeError + '_ {
    move |source| ServeError::System { what: what.to_owned(), source }
}

fn origin(options: &Options) -> Origin {
    let given = [
        ("listen", options.listen.is_some()),
        ("workers", options.workers.is_some()),
        ("data", options.data.is_some()),
        ("policy", options.policy.is_some()),
        ("settle", options.settle.is_some()),
    ];
    let overridden = given.iter().filter(|(_, given)| *given).map(|(field, _)| *field).collect();
    Origin { config: options.config.clone(), overridden, force_open: options.force_open }
}

fn settings(options: Options) -> Result<Settings, ServeError> {
    let mut settings = match (options.config, options.settings) {
        (Some(path), _) => config::load(&path)?,
        (None, Some(settings)) => settings,
        (None, None) => config::read("", "tollgate.yaml".as_ref())?,
    };
    if let Some(listen) = options.listen {
        settings.listen = listen;
    }
    if let Some(policy) = options.policy {
        settings.policy = Some(policy);
    }
    if let Some(data) = options.data {
        settings.database = (data.as_os_str() != "memory").then(|| data.join("tollgate.db"));
    }
    if let Some(data) = options.settle {
        match &mut settings.settle {
            Some(settle) => settle.data = data,
            None => settings.settle = Some(SettlementConfig::new(data)),
        }
    }
    if let Some(workers) = options.workers {
        settings.workers = workers;
    }
    Ok(settings)
}

fn shared(settings: Settings, origin: Origin) -> Result<Shared, ServeError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let bytes = entropy().map_err(system("reading entropy"))?;
    let word = |i: usize| bytes.iter().skip(i * 8).take(8).fold(0u64, |w, b| (w << 8) | u64::from(*b));
    let location = match &settings.database {
        None => Location::Memory,
        Some(path) => Location::File(path.clone()),
    };
    let config = StoreConfig {
        decisions_max: settings.log.decisions,
        decisions_per_s: settings.log.decisions_per_second,
        ..StoreConfig::default()
    };
    let store = Store::open(&location, config)?;
    let retries = BudgetConfig {
        ratio: f64::from(settings.retry.budget_percent) / 100.0,
        floor_per_s: f64::from(settings.retry.floor_per_second),
        ..BudgetConfig::default()
    };
    let text = policy_text(&settings)?;
    let snapshot = Snapshot::build(settings, text, None, Seed(word(3)), &*clock)?;
    control::pass(&snapshot, &*clock)?;
    let retries = RetryBudget::new(retries, clock.tick());
    let mut shared = Shared::new(clock, [word(0), word(1), word(2)], store, snapshot, retries, origin);
    let sources = Sources::start(&shared.snapshot.load().settings.sources, &shared.clock);
    shared.sources = sources.map_err(Box::new)?;
    let inference = shared.snapshot.load().settings.support.as_ref().and_then(|s| s.inference.clone());
    let inference = inference.map(|settings| Inferring::start(&settings, Arc::clone(&shared.clock)));
    shared.inference = inference.transpose().map_err(Box::new)?.map(Arc::new);
    shared.suspects = Suspects::open(&shared.store)?;
    shared.rates = Rates::open(&shared.store)?;
    let encoder = shared.snapshot.load().settings.encoder.clone();
    let encoder = encoder.map(|settings| EncoderPool::start(&settings, Arc::clone(&shared.clock)));
    shared.encoder = encoder.transpose().map_err(Box::new)?.map(Arc::new);
    let folder = shared.snapshot.load().settings.risk.clone();
    let scorer = folder.map(|folder| Model::open(&folder).and_then(Scorer::new).map(Arc::new));
    shared.risk = scorer.transpose().map_err(Box::new)?;
    let digest = shared.encoder.as_ref().map(|pool| pool.encoder().card().digest);
    let cache = shared.snapshot.load().settings.cache.clone();
    let kept = cache.map(|cache| Kept::open(&cache, digest, &shared.store, shared.clock.now()));
    shared.kept = kept.transpose()?.map(Arc::new);
    Ok(shared)
}

/// Opens settlement where waiting is allowed: its log is read from the beginning, and may be in a database.
async fn settlement(shared: &Shared) -> Result<(Option<Settlement>, Rails), ServeError> {
    let settle = shared.snapshot.load().settings.settle.clone();
    let Some(config) = settle else { return Ok((None, Rails::default())) };
    let clock = Arc::clone(&shared.clock);
    let witnesses = Box::new(OverHttp::new(tokio::runtime::Handle::current()));
    let opening = tokio::task::spawn_blocking(move || {
        let (rails, away) = Rails::open(&config, &clock).map_err(Box::new)?;
        let settlement = Settlement::with_rails(&config, clock, away).map_err(Box::new)?;
        Ok((Some(settlement.with_witnesses(witnesses)), rails))
    });
    opening.await.map_err(std::io::Error::other).map_err(system("opening settlement"))?
}

/// Opens the facilitator where waiting is allowed.
async fn cashier(shared: &Shared) -> Result<Option<Box<Cashier>>, ServeError> {
    let Some(settings) = shared.snapshot.load().settings.x402.clone() else { return Ok(None) };
    let opening = tokio::task::spawn_blocking(move || Cashier::open(settings).map(Box::new));
    let opened = opening.await.map_err(std::io::Error::other).map_err(system("opening x402"))?;
    Ok(Some(opened.map_err(Box::new)?))
}

fn workers(settings: &Settings) -> usize {
    match settings.workers {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        count => count,
    }
}

fn limits(settings: &Settings) -> Limits {
    let set = &settings.limits;
    Limits {
        max_connections: set.connections,
        max_header_bytes: set.header_bytes,
        max_headers: set.headers,
        header_read: Duration::from_millis(set.header_ms),
        keep_alive: Duration::from_millis(set.idle_ms),
        ..Limits::default()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one background task; `Serving::shutdown` ends it and waits"
)]
fn spawn_chores(
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
    read: chores::Written,
) -> JoinHandle<()> {
    tokio::spawn(chores::run(shared, stopped, read))
}
