//! `POST /api/v1/classify/{task}`: one text, or for `batch` several, by word lists and patterns.
//!
//! These do not depend on the policy. `{"text": …}` for all tasks but `batch`, which takes
//! `{"texts": […], "task_type": "intent" | "pii" | "security"}`.

use super::super::caller::who;
use super::super::{Answered, json};
use super::bad;
use crate::worker::Worker;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::IpAddr;
use tollgate_core::{Fault, FaultKind};
use tollgate_signals::content::{self, Content};

/// Most texts of one batch.
const TEXTS_MAX: usize = 1000;
/// Tasks that a batch may name.
const TASKS: &str = "intent, pii, security, fact-check, user-feedback or combined";

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    texts: Vec<String>,
    #[serde(default)]
    task_type: Option<String>,
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
        let kind = body.task_type.as_deref().unwrap_or("intent");
        let results: Result<Vec<Value>, Fault> =
            body.texts.iter().map(|text| one(kind, text, "task_type")).collect();
        let results = results?;
        let total = ms();
        let count = results.len();
        return json(
            StatusCode::OK,
            &json!({
                "results": results, "total_count": count, "processing_time_ms": total,
                "statistics": {"total": count, "average_time_ms": total / count as f64},
            }),
        );
    }
    let text = body.text.ok_or_else(|| bad("give `text`".into(), "text"))?;
    let mut answer = one(task, &text, "task")?;
    answer["processing_time_ms"] = json!(ms());
    json(StatusCode::OK, &answer)
}

fn one(task: &str, text: &str, field: &'static str) -> Result<Value, Fault> {
    let content = Content::of(text);
    Ok(match task {
        "intent" => intent(&content),
        "pii" => pii(text, &content),
        "security" => security(&content),
        "fact-check" => json!({
            "needs_fact_check": content.facts > 0,
            "label": if content.facts > 0 { "needs_fact_check" } else { "no_fact_check_needed" },
            "confidence": content::certainty(content.facts.max(1)),
        }),
        "user-feedback" => json!({
            "feedback_type": content.feedback.map_or("satisfied", |(label, _)| label),
            "confidence": content.feedback.map_or(0.5, |(_, confidence)| confidence),
        }),
        "combined" => {
            json!({"intent": intent(&content), "pii": pii(text, &content), "security": security(&content)})
        }
        _ => {
            let shown: String = task.chars().take(40).collect();
            let message = format!("there is no task {shown:?}; ask for {TASKS}");
            return Err(Fault::caller(FaultKind::NotFound, message).at(field));
        }
    })
}

fn intent(content: &Content) -> Value {
    let probabilities: serde_json::Map<String, Value> =
        content.subjects.iter().map(|(label, share)| ((*label).to_owned(), json!(share))).collect();
    json!({
        "classification": {"category": content.subject.0, "confidence": content.subject.1},
        "probabilities": probabilities,
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
        "confidence": if found { risk } else { 1.0 },
        "recommendation": if found { "block" } else { "allow" },
        "reasoning": format!("{} patterns of known attacks", content.attacks.len()),
        "patterns_detected": content.attacks,
    })
}
