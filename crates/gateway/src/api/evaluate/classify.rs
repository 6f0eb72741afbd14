//! `POST /api/v1/classify/{task}`: one text, or for `batch` several, by word lists and patterns.
//!
//! These do not depend on the policy. `{"text": …}` for all tasks but `batch`, which takes
//! `{"texts": […], "task_type": "intent" | "pii" | "security" | "all"}`. A confidence is that of what was found; where
//! nothing was found there is none to give: it is 0, and feedback has no type.

use super::super::caller::who;
use super::super::{Answered, json};
use super::bad;
use crate::worker::Worker;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use tollgate_core::{Fault, FaultKind};
use tollgate_signals::content::{self, Content};

/// Below this a result counts as unsure in a batch's statistics.
const UNSURE: f64 = 0.7;
/// Most texts of one batch.
const TEXTS_MAX: usize = 1000;
/// Tasks that a batch may name.
const TASKS: &str = "intent, pii, security, fact-check, user-feedback or combined";
/// Tasks that a batch may name; `all` is the subject of a text unless something in it must not pass.
const BATCH_TASKS: &str = "intent, pii, security or all";

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    texts: Vec<String>,
    #[serde(default)]
    task_type: Option<String>,
    #[serde(default)]
    options: Options,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Options {
    /// Whether the results of a batch carry the share of every subject.
    return_probabilities: bool,
}

/// Classifies a text.
pub(in super::super) fn classify(
    worker: &Worker,
    parts: &Parts,
    task: &str,
    body: &Bytes,
    peer: IpAddr,
) -> Answered {
    who(worker, parts, peer)?;
    let body: Body =
        serde_json::from_slice(body).map_err(|e| bad(format!("{e}; send {{\"text\": …}}"), "body"))?;
    let clock = &worker.shared().clock;
    let start = clock.tick();
    let ms = || clock.tick().since_ns(start) as f64 / 1e6;
    if task == "batch" {
        if body.texts.is_empty() || body.texts.len() > TEXTS_MAX {
            return Err(bad(format!("give from 1 to {TEXTS_MAX} texts"), "texts"));
        }
        let mut from = 0.0;
        let mut results = Vec::with_capacity(body.texts.len());
        for text in &body.texts {
            let mut found = labelled(body.task_type.as_deref().unwrap_or("intent"), text)?;
            found.probabilities.take_if(|_| !body.options.return_probabilities);
            let now = ms();
            found.processing_time_ms = now - from;
            from = now;
            results.push(found);
        }
        return json(
            StatusCode::OK,
            &json!({
                "results": results, "total_count": results.len(), "processing_time_ms": ms(),
                "statistics": statistics(&results),
            }),
        );
    }
    let text = body.text.ok_or_else(|| bad("give `text`".into(), "text"))?;
    let mut answer = one(task, &text)?;
    let total = json!(ms());
    // Of a subject the time stands beside it.
    match answer.get_mut("classification") {
        Some(inner) => inner["processing_time_ms"] = total,
        None => answer["processing_time_ms"] = total,
    }
    json(StatusCode::OK, &answer)
}

fn one(task: &str, text: &str) -> Result<Value, Fault> {
    let content = Content::of(text);
    Ok(match task {
        "intent" => intent(&content),
        "pii" => pii(text, &content),
        "security" => security(&content),
        "fact-check" => json!({
            "needs_fact_check": content.facts > 0,
            "label": if content.facts > 0 { "needs_fact_check" } else { "no_fact_check_needed" },
            "confidence": content::certainty(content.facts),
        }),
        "user-feedback" => json!({
            "feedback_type": content.feedback.map(|(label, _)| label),
            "confidence": content.feedback.map_or(0.0, |(_, confidence)| confidence),
        }),
        "combined" => {
            json!({"intent": intent(&content), "pii": pii(text, &content), "security": security(&content)})
        }
        _ => {
            let shown: String = task.chars().take(40).collect();
            let message = format!("there is no task {shown:?}; ask for {TASKS}");
            return Err(Fault::caller(FaultKind::NotFound, message).at("task"));
        }
    })
}

/// One result of a batch.
#[derive(Serialize)]
struct Labelled {
    category: String,
    confidence: f64,
    processing_time_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    probabilities: Option<Map<String, Value>>,
}

fn labelled(task: &str, text: &str) -> Result<Labelled, Fault> {
    let content = Content::of(text);
    let personal = || content.personal.first().map(|found| (found.kind.to_uppercase(), 1.0));
    let attack = || {
        let sure = content::certainty(content.attacks.len());
        (!content.attacks.is_empty()).then(|| ("jailbreak".to_owned(), sure))
    };
    let subject = || {
        let (label, confidence) = subject(&content);
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
    let probabilities = ["intent", "all"].contains(&task).then(|| shares(&content));
    Ok(Labelled { category, confidence, processing_time_ms: 0.0, probabilities })
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

fn shares(content: &Content) -> Map<String, Value> {
    content.subjects.iter().map(|(label, share)| ((*label).to_owned(), json!(share))).collect()
}

/// The subject and how sure it is: not at all where no word of any was found.
fn subject(content: &Content) -> (&'static str, f64) {
    let (label, confidence) = content.subject;
    let found = content.subjects.iter().any(|(_, share)| *share > 0.0);
    (label, if found { confidence } else { 0.0 })
}

fn intent(content: &Content) -> Value {
    let (category, confidence) = subject(content);
    json!({
        "classification": {"category": category, "confidence": confidence},
        "probabilities": shares(content),
    })
}

fn pii(text: &str, content: &Content) -> Value {
    let mut masked = String::with_capacity(text.len());
    let mut from = 0;
    let mut entities = Vec::new();
    for found in &content.personal {
        let mask = format!("[{}]", found.kind.to_uppercase());
        let value = text.get(found.start..found.end).unwrap_or_default();
        entities.push(json!({
            "type": found.kind.to_uppercase(), "value": value, "confidence": 1.0,
            "start_position": found.start, "end_position": found.end, "masked_value": mask,
        }));
        masked.push_str(text.get(from..found.start).unwrap_or_default());
        masked.push_str(&mask);
        from = found.end;
    }
    masked.push_str(text.get(from..).unwrap_or_default());
    let has = !entities.is_empty();
    json!({
        "has_pii": has, "entities": entities, "masked_text": masked,
        "security_recommendation": if has { "block" } else { "allow" },
    })
}

fn security(content: &Content) -> Value {
    let found = !content.attacks.is_empty();
    let risk = content::certainty(content.attacks.len());
    json!({
        "is_jailbreak": found,
        "risk_score": risk,
        "detection_types": if found { json!(["jailbreak"]) } else { json!([]) },
        "confidence": risk,
        "recommendation": if found { "block" } else { "allow" },
        "reasoning": format!("{} patterns of known attacks", content.attacks.len()),
        "patterns_detected": content.attacks,
    })
}
