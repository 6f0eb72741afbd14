//! What lives as long as the process: clock, store, metrics, estimates, and the snapshot in force.

use crate::cashier::Cashier;
use crate::clock::Seeds;
use crate::encoder::EncoderPool;
use crate::kept::Kept;
use crate::observe::otlp::Exporter;
use crate::observe::{Fair, Metrics};
use crate::pipeline::Recent;
use crate::safety::{Scored, Suspects};
use crate::snapshot::Snapshot;
use crate::sources::Sources;
use crate::support::{Inferring, Rates};
use crate::threads::large::Large;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::{Semaphore, broadcast};
use tollgate_core::{Clock, Timestamp};
use tollgate_net::body::Room;
use tollgate_risk::online::Scorer;
use tollgate_select::retry::RetryBudget;
use tollgate_signals::{OutputLength, TokenRatio};
use tollgate_store::Store;
use tollgate_store::settlement::Settlement;

/// Decisions kept for a slow reader of the live feed; beyond it the reader skips.
const LIVE_BACKLOG: usize = 256;

/// What observed traffic has taught about sizes.
#[derive(Default)]
pub struct Estimates {
    /// Bytes per token, by model.
    pub ratio: TokenRatio,
    /// Output length by route and prompt length.
    pub output: OutputLength,
}

/// Where the running configuration came from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The configuration file.
    pub config: Option<std::path::PathBuf>,
    /// The fields that the command line set, whatever the file says.
    pub overridden: Vec<&'static str>,
    /// Whether a public address without keys was asked for.
    pub force_open: bool,
}

impl Origin {
    /// Whether the command line set `field`.
    #[must_use]
    pub fn overrides(&self, field: &str) -> bool {
        self.overridden.contains(&field)
    }
}

/// Shared by all workers.
pub struct Shared {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Request ids and seeds.
    pub seeds: Seeds,
    /// Metrics.
    pub metrics: Metrics,
    /// The database.
    pub store: Store,
    /// Settlement, when it is configured.
    pub settlement: Option<Settlement>,
    /// What comes in for rails of settlement that wait for others.
    pub rails: crate::rails::Rails,
    /// The facilitator for payments by x402, when it is configured.
    pub cashier: Option<Box<Cashier>>,
    /// Who judges evidence, when somebody does.
    pub judge: Option<Arc<dyn crate::judge::Judge>>,
    /// The text encoder, when one is configured.
    pub encoder: Option<Arc<EncoderPool>>,
    /// The risk model, when one is configured.
    pub risk: Option<Arc<Scorer>>,
    /// The cache of answers, when one is configured.
    pub kept: Option<Arc<Kept>>,
    /// Classifiers that signals ask.
    pub sources: Sources,
    /// The risk of conversations and callers.
    pub suspects: Suspects,
    /// The texts of conversations that were looked at.
    pub(crate) scored: Scored,
    /// Long texts that may be looked at for attacks and hazards at one time.
    pub(crate) scanning: Arc<Semaphore>,
    /// How often the answers of each model are supported.
    pub rates: Rates,
    /// What judges answers beside words, when it is configured.
    pub(crate) inference: Option<Arc<Inferring>>,
    /// Answers that wait to be written.
    pub(crate) recent: Recent,
    /// Requests that may wait for the store at one time.
    pub(crate) reading: Arc<Semaphore>,
    /// Who works on large bodies.
    pub(crate) large: Large,
    /// Requests that may wait for settlement at one time.
    pub(crate) settling: Semaphore,
    /// Documents of agents that may be fetched at one time.
    pub(crate) resolving: Semaphore,
    /// Configuration, policy, models and fleet in force.
    pub snapshot: ArcSwap<Snapshot>,
    /// Sizes.
    pub estimates: Mutex<Estimates>,
    /// What retries may cost.
    pub retries: Mutex<RetryBudget>,
    /// Requests in flight.
    pub in_flight: AtomicUsize,
    /// Memory that the bodies of requests take together.
    pub(crate) bodies: Room,
    /// Decisions as they are made, as JSON.
    pub live: broadcast::Sender<Arc<str>>,
    /// Keeps the prefix digests of this process apart from guesses.
    pub prefix_root: u64,
    /// Which failures are recorded.
    pub(crate) fair: Fair,
    /// Where traces go, when a collector is configured.
    pub traces: Option<Exporter>,
    /// Held while configuration or policy is changed, from reading what is in force to having it replaced.
    pub(crate) changing: Mutex<()>,
    /// Held while the ledger is told its limits, so that the last to tell it has seen the newest configuration.
    pub(crate) limiting: Mutex<()>,
    /// The last reload that was refused, while its predecessor is in force: when and why.
    pub refused: Mutex<Option<(Timestamp, String)>>,
    /// Who checks a policy, and who waits to.
    pub(crate) checks: Checks,
    /// Whether the policy in force was put there by the API and is in no file.
    pub(crate) unwritten: AtomicBool,
    /// Where the configuration came from.
    pub origin: Origin,
    /// When the process started.
    pub started: Timestamp,
}

/// Most requests that settlement works on or that wait for it.
const SETTLING_MAX: usize = 128;
/// Most documents of agents that are fetched at one time: each may hold a thread for seconds.
const RESOLVING_MAX: usize = 4;
/// Most requests that read or write the store, or wait to: some dozen for each of the threads that do.
const READING_MAX: usize = 256;
/// Most long texts that are looked at for attacks and hazards at one time: each may take a core for seconds.
const SCANNING_MAX: usize = 2;
/// Most policies that are checked or wait for it.
const MAX_CHECKS: usize = 16;

/// The bounds on checking policies: analysis may take a second or two of a core.
#[derive(Debug)]
pub(crate) struct Checks {
    /// Those that are checked or wait.
    pub(crate) places: Semaphore,
    /// The one that is checked.
    pub(crate) turn: Semaphore,
}

impl Default for Checks {
    fn default() -> Self {
        Self { places: Semaphore::new(MAX_CHECKS), turn: Semaphore::new(1) }
    }
}

impl Shared {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        clock: Arc<dyn Clock>,
        root: [u64; 3],
        store: Store,
        snapshot: Snapshot,
        retries: RetryBudget,
        origin: Origin,
    ) -> Self {
        let [a, b, prefix_root] = root;
        let started = clock.now();
        let metrics = Metrics::new();
        let large = Large::new(metrics.large.clone(), metrics.large_now.clone());
        let traces = snapshot.settings.otlp.as_deref().map(Exporter::new);
        Self {
            clock,
            seeds: Seeds::new([a, b]),
            metrics,
            store,
            settlement: None,
            rails: crate::rails::Rails::default(),
            cashier: None,
            judge: None,
            encoder: None,
            risk: None,
            kept: None,
            sources: Sources::default(),
            suspects: Suspects::default(),
            scored: Scored::default(),
            scanning: Arc::new(Semaphore::new(SCANNING_MAX)),
            rates: Rates::default(),
            inference: None,
            recent: Recent::default(),
            reading: Arc::new(Semaphore::new(READING_MAX)),
            large,
            settling: Semaphore::new(SETTLING_MAX),
            resolving: Semaphore::new(RESOLVING_MAX),
            snapshot: ArcSwap::from_pointee(snapshot),
            estimates: Mutex::default(),
            retries: Mutex::new(retries),
            in_flight: AtomicUsize::new(0),
            bodies: Room::default(),
            live: broadcast::Sender::new(LIVE_BACKLOG),
            prefix_root,
            fair: Fair::default(),
            traces,
            changing: Mutex::default(),
            limiting: Mutex::default(),
            refused: Mutex::default(),
            checks: Checks::default(),
            unwritten: AtomicBool::new(false),
            origin,
            started,
        }
    }

    /// Counts a request in, when there is room.
    #[must_use]
    pub fn enter(self: &Arc<Self>, most: usize) -> Option<InFlight> {
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        let guard = InFlight(self.clone());
        self.metrics.in_flight.inc();
        (before < most).then_some(guard)
    }
}

/// A request in flight; counts itself out when dropped.
pub struct InFlight(Arc<Shared>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.in_flight.dec();
    }
}
