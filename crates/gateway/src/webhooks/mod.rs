//! Telling receivers what happened to escrows: signed posts, tried again until they are taken.
//!
//! What is to be told, and how far each receiver is, is the outbox's ([`tollgate_store::settlement`]); this is the part that
//! sends. Every receiver has a loop of its own, so one that hangs delays no other. Of the servers of one database one tells: the
//! others find nothing due.

mod sign;

pub use sign::HookKey;

use crate::chores::next;
use crate::config::Receiver;
use crate::state::Shared;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tollgate_net::client::Client;
use tollgate_net::upstream::{Outgoing, Timeouts};
use tollgate_store::settlement::{Delivery, Happened, Reported, Settlement, SettlementError};

/// Longest wait for a receiver's answer.
const RECEIVER_WAIT: Duration = Duration::from_secs(10);
/// Largest answer that is read; what it says is not looked at.
const ANSWER_MAX: usize = 64 << 10;

/// Tells all receivers until told to stop.
pub(crate) async fn run(shared: &Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let receivers = shared.settlement.as_ref().map(Settlement::receivers).unwrap_or_default();
    let mut loops = JoinSet::new();
    for name in receivers {
        loops.spawn(tell(Arc::clone(shared), name, stopped.clone()));
    }
    // Deliveries that are under way when the gateway stops are made again by the next one.
    let _ = stopped.wait_for(|stopped| *stopped).await;
    loops.shutdown().await;
}

async fn tell(shared: Arc<Shared>, name: String, mut stopped: watch::Receiver<bool>) {
    let mut client = Client { max_answer: ANSWER_MAX, ..Client::default() };
    let wait = RECEIVER_WAIT;
    client.timeouts = Timeouts { connect: wait, head: wait, idle: wait, total: wait };
    loop {
        match round(&shared, &name, &client).await {
            Ok(1..) => {}
            Ok(0) if next(&mut stopped).await => {}
            Ok(0) => return,
            Err(error) => {
                tracing::warn!(%error, receiver = name, "what receivers were told cannot be kept");
                if !next(&mut stopped).await {
                    return;
                }
            }
        }
    }
}

/// Makes the deliveries that are due, all at once; answers how many.
async fn round(shared: &Arc<Shared>, name: &str, client: &Client) -> Result<usize, SettlementError> {
    let due = {
        let name = name.to_owned();
        in_settlement(shared, move |settlement| settlement.deliveries(&name)).await?
    };
    if due.is_empty() {
        return Ok(0);
    }
    let snapshot = shared.snapshot.load_full();
    let receiver = snapshot.settings.receivers.iter().find(|receiver| receiver.name == name);
    let origin = shared.settlement.as_ref().map(Settlement::origin).unwrap_or_default();
    let mut sending = JoinSet::new();
    for delivery in &due {
        let request =
            receiver.map(|receiver| (receiver.url.clone(), post(receiver, delivery, origin, shared)));
        let (seq, client) = (delivery.happened.seq, client.clone());
        sending.spawn(async move { (seq, send(&client, request).await) });
    }
    let mut reported: Vec<Reported> = Vec::new();
    while let Some(done) = sending.join_next().await {
        // One that panicked was logged by the runtime.
        reported.extend(done);
    }
    for delivery in &due {
        let seq = delivery.happened.seq;
        if !reported.iter().any(|(told, _)| *told == seq) {
            reported.push((seq, Err("the delivery broke off".into())));
        }
    }
    let (count, name_) = (due.len(), name.to_owned());
    let given_up = in_settlement(shared, move |settlement| settlement.delivered(&name_, &reported)).await?;
    for entry in given_up {
        tracing::error!(receiver = name, entry, "an event was never taken: it is kept as given up");
    }
    Ok(count)
}

/// Does something with the settlement where waiting is allowed; nothing without one.
async fn in_settlement<T: Default + Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Settlement) -> Result<T, SettlementError> + Send + 'static,
) -> Result<T, SettlementError> {
    let shared = Arc::clone(shared);
    let done = tokio::task::spawn_blocking(move || shared.settlement.as_ref().map_or(Ok(T::default()), work));
    done.await.unwrap_or_else(|error| {
        tracing::error!(%error, "telling receivers failed");
        Ok(T::default())
    })
}

async fn send(
    client: &Client,
    request: Option<(String, Result<Outgoing, tollgate_net::Error>)>,
) -> Result<(), String> {
    let (url, request) = request.ok_or("the configuration does not have this receiver any more")?;
    let request = request.map_err(|error| error.to_string())?;
    match client.send(&url, request).await {
        Ok(answer) if answer.status.is_success() => Ok(()),
        Ok(answer) => Err(format!("it answered {}", answer.status)),
        Err(error) => Err(error.to_string()),
    }
}

/// The request: signed as Standard Webhooks has it. Its id is the same for every attempt.
fn post(
    receiver: &Receiver,
    delivery: &Delivery,
    origin: &str,
    shared: &Shared,
) -> Result<Outgoing, tollgate_net::Error> {
    let Happened { seq, escrow, at, what, phase, version } = delivery.happened;
    let body = json!({
        "type": format!("escrow.{phase}"),
        "timestamp": at.to_string(),
        "data": {
            "escrow": escrow, "entry": seq, "what": what.word(), "phase": phase, "version": version, "log": origin,
        },
    });
    let (id, body) = (format!("{escrow}-{version}"), body.to_string());
    let seconds = shared.clock.now().0.div_euclid(1_000_000);
    let signature = receiver.key.sign(&id, seconds, body.as_bytes());
    let header = |request: Outgoing, name: &'static str, value: &str| match HeaderValue::from_str(value) {
        Ok(value) => request.header(HeaderName::from_static(name), value),
        Err(_) => request,
    };
    let request = Outgoing::new(Method::POST, tollgate_net::client::path_of(&receiver.url))?
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .body(Bytes::from(body));
    let request = header(request, "webhook-id", &id);
    let request = header(request, "webhook-timestamp", &seconds.to_string());
    let request = header(request, "webhook-attempt", &delivery.attempt.to_string());
    Ok(header(request, "webhook-signature", &signature))
}
