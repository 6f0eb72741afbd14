//! `POST /api/v1/classify/{task}`: one text, or for `batch` several.
//!
//! `intent` asks the policy in force as an evaluation does; the other tasks look at the text alone. `{"text": …}` for all
//! tasks but `batch`, which takes `{"texts": […], "task_type": "intent" | "pii" | "security" | "all"}`. A confidence is
//! that of what was found; where nothing was found there is none to give: it is 0, and feedback has no type. Times are whole
//! milliseconds, as the incumbent's types have them.

use super::super::caller::who;
use super::super::{Answered, json};
use super::answer::{Told, name};
use super::named::grouped;
use super::personal::{personal, type_of};
use super::text::Read;
use super::{Asker, bad, object, options};
use crate::threads::large::LARGE;
use crate::worker::Worker;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use tollgate_core::{Fault, FaultKind};

/// Below this a result counts as unsure: in a batch's statistics, and where no decision says where to go.
const UNSURE: f64 = 0.7;
/// Most texts of one batch.
const TEXTS_MAX: usize = 1000;
/// The tasks.
const TASKS: &str = "intent, pii, security, fact-check, user-feedback, combined or batch";
/// Tasks that a batch may name; `all` is the subject of a text unless something in it must not pass.
const BATCH_TASKS: &str = "intent, pii, security or all";

/// What is asked of an intent.
#[derive(Default, Deserialize)]
#[serde(default)]
struct IntentOptions {
    /// How sure a subject must be where no decision holds.
    confidence_threshold: Option<f64>,
}

/// What is asked of a security check.
#[derive(Default, Deserialize)]
#[serde(default)]
struct SecurityOptions {
    include_reasoning: bool,
}

/// What is asked of a batch.
#[derive(Default, Deserialize)]
#[serde(default)]
struct BatchOptions {
    /// Whether the results carry the share of every subject.
    return_probabilities: bool,
}

#[derive(Deserialize)]
struct Batch {
    #[serde(default)]
    texts: Vec<String>,
    #[serde(default)]
    task_type: Option<String>,
    #[serde(default)]
    options: Option<BatchOptions>,
}

/// What a task is done with.
struct Desk<'w> {
    asker: &'w Asker,
    members: &'w Map<String, Value>,
}

/// Classifies a text.
pub(in super::super) async fn classify(
    worker: &Worker,
    parts: &Parts,
    task: &str,
    body: Bytes,
    peer: IpAddr,
) -> Answered {
    let (caller, snapshot) = who(worker, parts, peer)?;
    let asker = Asker { shared: worker.shared().clone(), headers: parts.headers.clone(), caller, snapshot };
    let (task, start) = (task.to_owned(), asker.shared.clock.tick());
    // A thousand texts take long, however short they are.
    let bytes = if task == "batch" { LARGE } else { body.len() };
    let work = async move || {
        let members = object(&body, "{\"text\": …}")?;
        let ms = || asker.shared.clock.tick().since_ns(start) / 1_000_000;
        let desk = Desk { asker: &asker, members: &members };
        let mut answer = if task == "batch" { batch(&members, &ms)? } else { desk.one(&task).await? };
        timed(&mut answer, ms());
        Ok(answer)
    };
    json(StatusCode::OK, &worker.shared().large.work_that_waits(bytes, work).await?)
}

/// Notes the time where the incumbent has it: beside a subject, and in each part of several.
fn timed(answer: &mut Value, ms: u64) {
    let Some(members) = answer.as_object_mut() else { return };
    for part in ["intent", "pii", "security"] {
        if let Some(part) = members.get_mut(part) {
            timed(part, ms);
        }
    }
    match members.get_mut("classification") {
        Some(inner) => inner["processing_time_ms"] = json!(ms),
        None => drop(members.insert("processing_time_ms".to_owned(), json!(ms))),
    }
}

impl Desk<'_> {
    async fn one(&self, task: &str) -> Result<Value, Fault> {
        if task == "intent" {
            return self.intent("options").await;
        }
        Ok(match task {
            "pii" => personal(&self.read()?, &options(self.members, "options")?),
            "security" => security(&self.read()?, &options(self.members, "options")?),
            "fact-check" => fact_check(&self.read()?),
            "user-feedback" => {
                let found = self.read()?.feedback();
                let label = found.map(|(label, _)| label);
                json!({
                    "feedback_type": label, "label": label,
                    "confidence": found.map_or(0.0, |(_, confidence)| confidence),
                })
            }
            "combined" => {
                let read = self.read()?;
                json!({
                    "intent": self.intent("intent_options").await?,
                    "pii": personal(&read, &options(self.members, "pii_options")?),
                    "security": security(&read, &options(self.members, "security_options")?),
                })
            }
            _ => {
                let shown: String = task.chars().take(40).collect();
                let message = format!("there is no task {shown:?}; ask for {TASKS}");
                return Err(Fault::caller(FaultKind::NotFound, message).at("task"));
            }
        })
    }

    fn read(&self) -> Result<Read<'_>, Fault> {
        let text = self.members.get("text").and_then(Value::as_str);
        text.map(Read::of).ok_or_else(|| bad("give `text`".into(), "text"))
    }

    /// The subject, and what the policy makes of it.
    async fn intent(&self, key: &'static str) -> Result<Value, Fault> {
        let asked: IntentOptions = options(self.members, key)?;
        let (found, request) = self.asker.evaluated(self.members).await?;
        let told = Told::of(&self.asker.snapshot, &found);
        let read = Read::of(&request.text);
        let (category, confidence) = read.subject();
        let decision = told.chosen.map(|route| {
            json!({"decision_name": name(route), "confidence": told.confidence(), "matched_rules": told.rules()})
        });
        let sure = confidence >= asked.confidence_threshold.unwrap_or(UNSURE);
        let general = if sure { "high_confidence_specialized" } else { "low_confidence_general" };
        Ok(json!({
            "classification": {"category": category, "confidence": confidence},
            "probabilities": read.subjects(),
            "recommended_model": told.models.first(),
            "routing_decision": told.chosen.map_or(general, name),
            "matched_signals": grouped(&told.named, true),
            "decision_result": decision,
            "signal_errors": told.errors(),
        }))
    }
}

fn fact_check(read: &Read<'_>) -> Value {
    let (needed, confidence) = read.facts();
    let label = if needed { "needs_fact_check" } else { "no_fact_check_needed" };
    json!({"needs_fact_check": needed, "label": label, "confidence": confidence})
}

fn security(read: &Read<'_>, asked: &SecurityOptions) -> Value {
    let (found, risk) = read.attack();
    let kinds = if found { json!(["jailbreak"]) } else { json!([]) };
    let mut answer = json!({
        "is_jailbreak": found,
        "risk_score": risk,
        "detection_types": kinds,
        "confidence": risk,
        "recommendation": if found { "block" } else { "allow" },
        "patterns_detected": kinds,
    });
    if asked.include_reasoning {
        answer["reasoning"] = json!(format!("patterns of known attacks and the trained head: {risk:.3}"));
    }
    answer
}

/// One result of a batch.
#[derive(Serialize)]
struct Labelled {
    category: String,
    confidence: f64,
    processing_time_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    probabilities: Option<Map<String, Value>>,
}

fn batch(members: &Map<String, Value>, ms: &impl Fn() -> u64) -> Result<Value, Fault> {
    let asked: Batch =
        serde_json::from_value(Value::Object(members.clone())).map_err(|e| bad(e.to_string(), "body"))?;
    if asked.texts.is_empty() || asked.texts.len() > TEXTS_MAX {
        return Err(bad(format!("give from 1 to {TEXTS_MAX} texts"), "texts"));
    }
    let shares = asked.options.unwrap_or_default().return_probabilities;
    let task = asked.task_type.as_deref().filter(|task| !task.is_empty()).unwrap_or("intent");
    let mut from = 0;
    let mut results = Vec::with_capacity(asked.texts.len());
    for text in &asked.texts {
        let mut found = labelled(task, &Read::of(text))?;
        found.probabilities.take_if(|_| !shares);
        let now = ms();
        found.processing_time_ms = now.saturating_sub(from);
        from = now;
        results.push(found);
    }
    Ok(json!({"results": results, "total_count": results.len(), "statistics": statistics(&results)}))
}

fn labelled(task: &str, read: &Read<'_>) -> Result<Labelled, Fault> {
    let personal = || read.personal().first().map(|found| (type_of(found).to_owned(), 1.0));
    let attack = || {
        let (found, risk) = read.attack();
        found.then(|| ("jailbreak".to_owned(), risk))
    };
    let subject = || {
        let (label, confidence) = read.subject();
        (label.to_owned(), confidence)
    };
    let (category, confidence) = match task {
        "intent" => subject(),
        "pii" => personal().unwrap_or_else(|| ("no_pii".to_owned(), 0.0)),
        "security" => attack().unwrap_or_else(|| ("safe".to_owned(), 0.0)),
        "all" => attack().or_else(personal).unwrap_or_else(subject),
        _ => {
            let shown: String = task.chars().take(40).collect();
            return Err(bad(format!("there is no task {shown:?}; ask for {BATCH_TASKS}"), "task_type"));
        }
    };
    let probabilities = ["intent", "all"].contains(&task).then(|| read.subjects());
    Ok(Labelled { category, confidence, processing_time_ms: 0, probabilities })
}

/// How the results of a batch are spread. There is at least one.
fn statistics(results: &[Labelled]) -> Value {
    let mut spread: BTreeMap<&str, usize> = BTreeMap::new();
    for found in results {
        *spread.entry(&found.category).or_default() += 1;
    }
    let sum: f64 = results.iter().map(|found| found.confidence).sum();
    json!({
        "category_distribution": spread,
        "avg_confidence": sum / results.len().max(1) as f64,
        "low_confidence_count": results.iter().filter(|found| found.confidence < UNSURE).count(),
    })
}
