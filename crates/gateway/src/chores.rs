//! What is done beside requests: probes, traces, webhooks, keys and files that others change, and the store's sweep.
//!
//! Each chore has its own loop and none waits for another's network: an instance that hangs delays neither a reload nor
//! a key that was revoked on the command line. All of them are one task, which ends when the gateway stops.

use crate::cashier;
use crate::config;
use crate::control;
use crate::fleet::Prober;
use crate::state::Shared;
use crate::webhooks;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use tollgate_net::client::Client;
use tollgate_net::upstream::Timeouts;
use tollgate_policy::{NoVectors, Report, analyse_governed};
use tollgate_store::settlement::Settlement;
use tollgate_store::{Store, StoreError};

/// How often each chore is looked at; what another process did to files or keys is in force that much later.
const EVERY: Duration = Duration::from_millis(500);
/// Rounds between two sweeps of the store.
const SWEEP_ROUNDS: u32 = 10;
/// Longest wait for the trace collector; spans that it does not take by then are dropped and counted.
const COLLECTOR_WAIT: Duration = Duration::from_secs(5);

/// Does all chores until told to stop. `read` says when the files that are in force were written.
pub(crate) async fn run(shared: Arc<Shared>, stopped: watch::Receiver<bool>, read: Written) {
    tokio::join!(
        probe(&shared, stopped.clone()),
        export(&shared, stopped.clone()),
        analyse(&shared, stopped.clone()),
        webhooks::run(&shared, stopped.clone()),
        tend(&shared, stopped.clone()),
        rails(&shared, stopped.clone()),
        keep(&shared, stopped, read)
    );
}

/// Waits for the next round; `false` when there is none.
pub(crate) async fn next(stopped: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        _ = stopped.changed() => false,
        () = tokio::time::sleep(EVERY) => true,
    }
}

async fn probe(shared: &Shared, mut stopped: watch::Receiver<bool>) {
    let mut prober = Prober::new();
    while next(&mut stopped).await {
        let snapshot = shared.snapshot.load_full();
        prober.round(&snapshot.fleet, &*shared.clock).await;
    }
}

/// Payments by x402 about which nobody asks any more, and what buyers of models owe or get back.
async fn tend(shared: &Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut round = 0u32;
    while next(&mut stopped).await {
        round = round.wrapping_add(1);
        let is_due = round.is_multiple_of(SWEEP_ROUNDS);
        if is_due {
            cashier::tend(shared).await;
        }
        cashier::tend_sales(shared, is_due).await;
    }
}

/// Says what is likely not meant in a policy that came into force. A large one takes a while, so nobody waits for it.
async fn analyse(shared: &Shared, mut stopped: watch::Receiver<bool>) {
    let mut seen = 0;
    while next(&mut stopped).await {
        let snapshot = shared.snapshot.load_full();
        if snapshot.generation == seen {
            continue;
        }
        seen = snapshot.generation;
        let work = tokio::task::spawn_blocking(move || {
            let mut report = Report::default();
            let known = crate::snapshot::known(&snapshot.settings);
            let found = analyse_governed(&snapshot.policy, &NoVectors, &known, &mut report);
            (found, report)
        });
        // A gateway that stops does not wait for it either.
        let findings = tokio::select! {
            found = work => found,
            _ = stopped.changed() => return,
        };
        let Ok((findings, governed)) = findings else { continue };
        for found in governed.diagnostics {
            tracing::warn!(kind = found.code, repair = ?found.help, "policy: {}", found.message);
        }
        for finding in findings.findings {
            let (kind, routes) = (finding.kind.word(), finding.rules.join(", "));
            tracing::warn!(kind, %routes, repair = %finding.repair, "policy: {}", finding.message);
        }
    }
}

async fn export(shared: &Shared, mut stopped: watch::Receiver<bool>) {
    let Some(traces) = &shared.traces else { return };
    let mut collector = Client::default();
    let wait = COLLECTOR_WAIT;
    collector.timeouts = Timeouts { connect: wait, head: wait, idle: wait, total: wait };
    while next(&mut stopped).await {
        traces.flush(&collector).await;
    }
    // What the last requests left.
    traces.flush(&collector).await;
}

/// Keys and files that another process changed, and the store's sweep.
async fn keep(shared: &Arc<Shared>, mut stopped: watch::Receiver<bool>, mut seen: Written) {
    let mut round = 0u32;
    while next(&mut stopped).await {
        keys(shared).await;
        let now = modified(shared);
        if now != seen {
            seen = now;
            // What is wrong was logged; the last good state stays.
            let _ = control::reload(shared);
        }
        round = round.wrapping_add(1);
        if round.is_multiple_of(SWEEP_ROUNDS) {
            let now = shared.clock.now();
            if let Some(kept) = &shared.kept {
                kept.cache.sweep(now);
            }
            in_store(shared, "the sweep", move |store| store.sweep(now)).await;
            let remembering = shared.clone();
            in_store(shared, "writing notes", move |_| remember(&remembering)).await;
        }
    }
}

/// Calls to rails whose answer was lost, and holds that are over. A bank or a node may take its time.
async fn rails(shared: &Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut round = 0u32;
    while next(&mut stopped).await {
        round = round.wrapping_add(1);
        if round.is_multiple_of(SWEEP_ROUNDS) {
            settle(shared).await;
        }
    }
}

/// Writes down what is only in memory and must not be forgotten with the process.
pub(crate) fn remember(shared: &Shared) -> Result<(), StoreError> {
    let now = shared.clock.now();
    shared.suspects.save(&shared.store, now)?;
    shared.rates.save(&shared.store, now)
}

/// Finds out what became of calls to a rail whose answer was lost.
async fn settle(shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    let work = move || shared.settlement.as_ref().map(Settlement::settle_all);
    match tokio::task::spawn_blocking(work).await {
        Ok(Some(Err(error))) => tracing::warn!(%error, "settlement failed"),
        Ok(Some(Ok(1..))) => tracing::info!("calls to rails were found to have ended"),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "settlement failed"),
    }
}

async fn keys(shared: &Arc<Shared>) {
    if in_store(shared, "looking for changed keys", Store::refresh_keys).await == Some(true) {
        control::apply_budgets(shared);
        tracing::info!("keys were changed by another process and are in force");
    }
}

/// Does something with the store off this thread; what fails is logged, and the store stays as it was.
async fn in_store<T: Send + 'static>(
    shared: &Shared,
    what: &'static str,
    work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
) -> Option<T> {
    let store = shared.store.clone();
    match tokio::task::spawn_blocking(move || work(&store)).await {
        Ok(Ok(done)) => return Some(done),
        Ok(Err(error)) => tracing::warn!(%error, what, "the store failed"),
        Err(error) => tracing::warn!(%error, what, "the store failed"),
    }
    None
}

/// When configuration, policy and the files that they refer to were last written. To be asked before they are read: what
/// changes in between is then seen.
pub(crate) type Written = Vec<Option<SystemTime>>;

/// When a file was last written; `None` where there is none.
pub(crate) fn written(path: Option<&PathBuf>) -> Option<SystemTime> {
    path.and_then(|path| config::last_written(path))
}

fn modified(shared: &Shared) -> Written {
    let settings = &shared.snapshot.load().settings;
    let own = [written(shared.origin.config.as_ref()), written(settings.policy.as_ref())];
    own.into_iter().chain(settings.referred.iter().map(|(path, _)| config::last_written(path))).collect()
}
