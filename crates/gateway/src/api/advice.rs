//! `GET /api/v1/fleet/advice`: which boundary and γ the requests of the last minutes want, by the planner, and what each pool will be
//! asked for in the next minutes.
//!
//! The decision log is read back, newest first and bounded, and the fleet planned for it on the GPUs that the question names.
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
use tollgate_store::{DecisionFilter, StoreError};

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
        status: Some((200, 299)),
        since: Some(since),
        ..DecisionFilter::default()
    };
    let set = boundary_of(shared);
    let found = blocking(shared, move |shared| {
        shared.store.flush()?;
        let requests = requests(shared, &filter)?;
        Ok((requests.len(), question.answer(&requests, now, set)))
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

/// Requests of the log that pass, by rising time; their class is their route.
fn requests(shared: &Shared, filter: &DecisionFilter) -> Result<Vec<Request>, StoreError> {
    let mut all = Vec::new();
    let mut routes: Vec<Option<String>> = Vec::new();
    let mut before = None;
    while all.len() < ROWS_MAX {
        let page = shared.store.decisions(filter, before, usize::MAX)?;
        let Some(last) = page.rows.last() else { break };
        before = Some(last.seq);
        for row in page.rows {
            // Beyond the bound, routes share the last archetype.
            let known = routes.iter().position(|route| *route == row.route);
            let class = known.unwrap_or_else(|| {
                if routes.len() < ARCHETYPES_MAX {
                    routes.push(row.route);
                }
                routes.len() - 1
            });
            let request = Request::logged(row.time.0, row.prompt_tokens, row.completion_tokens);
            all.push(Request { class: class as u16, ..request });
        }
    }
    all.truncate(ROWS_MAX);
    // As they came: a window's rate counts from its first.
    all.sort_by_key(|request| request.arrival_ns);
    Ok(all)
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
