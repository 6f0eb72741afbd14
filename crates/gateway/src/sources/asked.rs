//! What a reading of signals still wants is asked for and handed in, until nothing is missing.

use super::Said;
use crate::pipeline::{Caller, settle};
use crate::snapshot::Snapshot;
use crate::state::Shared;
use serde::Serialize;
use tollgate_core::{Fault, Timestamp};
use tollgate_signals::{Reading, Wanted};

/// A classifier that was asked, as it is recorded.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Asked {
    source: String,
    ms: f64,
    tokens: u64,
    cost_micro: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl Asked {
    fn of(source: &str, said: &Said) -> Self {
        let failure = said.labels.as_ref().err().cloned();
        let ms = said.ns as f64 / 1e6;
        Self { source: source.to_owned(), ms, tokens: said.tokens, cost_micro: said.cost_micro, failure }
    }

    /// What it cost, in micro-dollars.
    pub(crate) const fn cost_micro(&self) -> u64 {
        self.cost_micro
    }
}

/// Has what a reading came upon answered, by the encoder or by a source, which is then noted in `asked`; whether there was
/// anything. Each round answers a text that was not answered before, so asking again until there is nothing ends.
///
/// # Errors
/// The caller's budget is spent, of which a question that costs money takes its share.
pub(crate) async fn answered(
    shared: &Shared,
    (snapshot, caller, now): (&Snapshot, &Caller, Timestamp),
    reading: &mut Reading<'_>,
    asked: &mut Vec<Asked>,
) -> Result<bool, Fault> {
    let start = shared.clock.tick();
    match reading.wanted() {
        None => Ok(false),
        Some(Wanted::Vectors(texts)) => {
            let vectors = match &shared.encoder {
                Some(encoder) => encoder.vectors(texts).await,
                None => Vec::new(),
            };
            reading.embedded(vectors, shared.clock.tick().since_ns(start));
            Ok(true)
        }
        Some(Wanted::Names(texts)) => {
            let found = match &shared.encoder {
                Some(encoder) => encoder.names(texts).await,
                None => Vec::new(),
            };
            reading.named(found, shared.clock.tick().since_ns(start));
            Ok(true)
        }
        Some(Wanted::Source { name, text }) => {
            let most = shared.sources.cost_most(name, text);
            let leave = most.map(|micro| settle::leave(shared, snapshot, caller, micro, now)).transpose();
            let leave = leave.map_err(|spent| spent.fault)?;
            let said = shared.sources.ask(name, text, &*shared.clock, &shared.metrics).await;
            if let Some(leave) = leave {
                leave.settle(said.cost_micro);
            }
            asked.push(Asked::of(name, &said));
            reading.answer(said.labels, said.ns);
            Ok(true)
        }
    }
}
