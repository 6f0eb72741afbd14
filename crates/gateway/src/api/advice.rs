//! `GET /api/v1/fleet/advice`: which boundary and γ the requests of the last minutes want, by the planner, and what each pool will be
//! asked for in the next minutes.
//!
//! The decision log is read back, newest first and bounded, and the fleet planned for it on the GPUs that the question names. What counts is what
//! pools were asked for: answers from elsewhere (a cache, the gateway itself) are no demand of theirs, and what an overloaded pool refused is,
//! with the lengths of the answered request before it.
//! Nothing is changed by asking: a boundary moves with a new configuration.

use super::{Answered, json, query, query_number};
use crate::pipeline::blocking;
use crate::state::Shared;
use crate::worker::Worker;
use http::StatusCode;
use http::request::Parts;
use serde_json::json;
use tollgate_core::{Fault, FaultKind, Timestamp};
use tollgate_fleet::Error;
use tollgate_fleet::catalogue::Catalogue;
use tollgate_fleet::operate::{Advice, Asked, Setting, advise};
use tollgate_fleet::workload::{Request, Slo};
use tollgate_store::{DecisionFilter, DecisionRow, StoreError};

/// Most decisions that are looked at.
const ROWS_MAX: usize = 100_000;
/// Most GPUs and values of γ of a question.
const CHOICES_MAX: usize = 8;
/// Most routes that are forecast each by itself.
const ARCHETYPES_MAX: usize = 32;
/// The shape of model that is planned for where none is said.
const MODEL: &str = "llama-3.1-8b";

/// A question, as its parameters say it.
struct Question {
    gpus: Vec<String>,
    model: String,
    gammas: Vec<f64>,
    ttft_ms: f64,
    minutes: u32,
}

/// Answers.
pub(super) async fn advice(worker: &Worker, parts: &Parts) -> Answered {
    let shared = worker.shared();
    let question = Question::read(parts)?;
    let now = shared.clock.now();
    let since = Timestamp(now.0.saturating_sub(i64::from(question.minutes) * 60_000_000));
    let filter = DecisionFilter {
        route: query(parts, "route"),
        model: query(parts, "served"),
        since: Some(since),
        ..DecisionFilter::default()
    };
    let pools: Vec<String> =
        query(parts, "pool").map(|all| all.split(',').map(Into::into).collect()).unwrap_or_default();
    let set = boundary_of(shared);
    let found = blocking(shared, move |shared| {
        shared.store.flush()?;
        let (requests, read) = requests(shared, &filter, &pools)?;
        Ok((read, question.answer(&requests, now, set)))
    });
    let (rows, answer) = found.await?;
    let advice = answer.map_err(|error| refused(&error))?;
    json(StatusCode::OK, &json!({"advice": advice, "all": rows < ROWS_MAX}))
}

fn refused(error: &Error) -> Fault {
    match error {
        Error::Empty { .. } => Fault::caller(
            FaultKind::NotFound,
            format!("no answered request of that time, route and model: ask for more minutes ({error})"),
        ),
        other => Fault::caller(FaultKind::BadRequest, other.to_string()),
    }
}

/// The boundary that is configured between the first two pools.
fn boundary_of(shared: &Shared) -> Option<Setting> {
    let snapshot = shared.snapshot.load();
    let [short, _, ..] = snapshot.settings.pools.as_slice() else { return None };
    let boundary = u32::try_from(short.max_total_tokens?).ok()?;
    Some(Setting { boundary, gamma: short.gamma })
}

/// Whether a decision asked something of the pools (of `pools`, where any are named): answered or tried there, and not refused for what the caller
/// sent; or refused as none could be tried.
fn asked_a_pool(row: &DecisionRow, pools: &[String]) -> bool {
    match &row.pool {
        Some(pool) => {
            (pools.is_empty() || pools.contains(pool))
                && matches!(row.status, 200..=299 | 408 | 429 | 499..=599)
        }
        None => pools.is_empty() && matches!(row.status, 503 | 504),
    }
}

/// Gives requests without a length (refused, cut off) that of the one before them of their class, or of any; those before all that are known are
/// left out.
fn with_lengths(requests: &mut Vec<Request>) {
    let mut known: Vec<Option<Request>> = vec![None; ARCHETYPES_MAX];
    let mut last: Option<Request> = None;
    requests.retain_mut(|request| {
        let class = &mut known[usize::from(request.class) % ARCHETYPES_MAX];
        if request.prompt_tokens > 0 && request.output_tokens > 0 {
            (*class, last) = (Some(request.clone()), Some(request.clone()));
            return true;
        }
        let Some(like) = class.as_ref().or(last.as_ref()) else { return false };
        (request.prompt_tokens, request.output_tokens) = (like.prompt_tokens, like.output_tokens);
        request.cached_tokens = like.cached_tokens;
        true
    });
}

/// Requests of the log that pass, by rising time, their class being their route; and how many decisions were read.
fn requests(
    shared: &Shared,
    filter: &DecisionFilter,
    pools: &[String],
) -> Result<(Vec<Request>, usize), StoreError> {
    let mut all = Vec::new();
    let mut routes: Vec<Option<String>> = Vec::new();
    let mut before = None;
    let mut read = 0;
    while read < ROWS_MAX {
        let page = shared.store.decisions(filter, before, usize::MAX)?;
        let Some(last) = page.rows.last() else { break };
        before = Some(last.seq);
        read += page.rows.len();
        for row in page.rows.into_iter().filter(|row| asked_a_pool(row, pools)) {
            // Beyond the bound, routes share the last archetype.
            let known = routes.iter().position(|route| *route == row.route);
            let class = known.unwrap_or_else(|| {
                if routes.len() < ARCHETYPES_MAX {
                    routes.push(row.route);
                }
                routes.len() - 1
            });
            let request = Request::logged(row.time.0, row.prompt_tokens, row.completion_tokens);
            let cached_tokens = u32::try_from(row.cached_tokens).unwrap_or(u32::MAX);
            all.push(Request { class: class as u16, cached_tokens, ..request });
        }
    }
    // As they came: a window's rate counts from its first.
    all.sort_by_key(|request| request.arrival_ns);
    with_lengths(&mut all);
    Ok((all, read))
}

impl Question {
    fn read(parts: &Parts) -> Result<Self, Fault> {
        let list = |name: &'static str| -> Result<Vec<String>, Fault> {
            let text = query(parts, name).unwrap_or_default();
            let all: Vec<String> = text.split(',').filter(|word| !word.is_empty()).map(Into::into).collect();
            if all.len() > CHOICES_MAX {
                let message = format!("{} are more than {CHOICES_MAX}", all.len());
                return Err(Fault::caller(FaultKind::BadRequest, message).at(name));
            }
            Ok(all)
        };
        let gpus = list("gpu")?;
        if gpus.is_empty() {
            let message = "say which GPUs there are, as gpu=h100 or gpu=h100,l40s";
            return Err(Fault::caller(FaultKind::BadRequest, message).at("gpu"));
        }
        let number = |text: String| {
            let wrong = || Fault::caller(FaultKind::BadRequest, format!("{text:?} is no γ: give 1 to 10"));
            text.parse::<f64>().ok().filter(|g| (1.0..=10.0).contains(g)).ok_or_else(wrong)
        };
        let gammas = list("gamma")?.into_iter().map(number).collect::<Result<Vec<f64>, Fault>>()?;
        Ok(Self {
            gpus,
            model: query(parts, "model").unwrap_or_else(|| MODEL.into()),
            gammas: if gammas.is_empty() { vec![1.0] } else { gammas },
            ttft_ms: query_number(parts, "ttft_ms", (1.0, 1e7), 1000.0)?,
            minutes: query_number(parts, "minutes", (1, 44_640), 60)?,
        })
    }

    fn answer(&self, requests: &[Request], now: Timestamp, set: Option<Setting>) -> Result<Advice, Error> {
        let catalogue = Catalogue::shipped()?;
        let asked = Asked {
            gpus: self.gpus.iter().map(|name| catalogue.gpu(name)).collect::<Result<_, _>>()?,
            model: catalogue.model(&self.model)?,
            slo: Slo::ttft(self.ttft_ms),
            now: set,
            gammas: self.gammas.clone(),
            window_s: f64::from(self.minutes) * 60.0,
        };
        let now_ns = u64::try_from(now.0).unwrap_or(0).saturating_mul(1000);
        advise(requests, now_ns, &asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_counts_with_the_lengths_before_it() {
        let logged = |class: u16, micros: i64, prompt: u64, output: u64| Request {
            class,
            ..Request::logged(micros, prompt, output)
        };
        let mut all = vec![
            logged(0, 1, 0, 0),
            logged(0, 2, 100, 10),
            logged(1, 3, 900, 20),
            logged(0, 4, 0, 0),
            logged(2, 5, 0, 0),
            logged(1, 6, 900, 0),
        ];
        with_lengths(&mut all);
        let lengths: Vec<(u32, u32)> = all.iter().map(|r| (r.prompt_tokens, r.output_tokens)).collect();
        assert_eq!(lengths, [(100, 10), (900, 20), (100, 10), (900, 20), (900, 20)]);
    }
}
