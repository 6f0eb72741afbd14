//! Traces over OTLP/HTTP in its JSON encoding (opentelemetry-proto 1.x): one server span per request.
//!
//! Spans wait in a bounded queue and leave in batches from the chores' task; a slow or dead collector costs spans, never
//! requests. The JSON encoding is part of the protocol, so no generated code is needed.

use super::TraceContext;
use super::genai;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use tollgate_net::client::Client;
use tollgate_store::DecisionRecord;

/// Most spans that wait.
const QUEUE_MAX: usize = 4_096;
/// Most spans in one batch.
const BATCH_MAX: usize = 512;
/// OTLP's `SPAN_KIND_SERVER`.
const KIND_SERVER: u8 = 2;
/// OTLP's `STATUS_CODE_ERROR`.
const STATUS_ERROR: u8 = 2;

/// Spans on their way to a collector.
pub struct Exporter {
    url: String,
    queue: Mutex<VecDeque<Value>>,
    dropped: AtomicU64,
}

impl Exporter {
    /// An exporter to `endpoint`, the collector's base URL.
    #[must_use]
    pub fn new(endpoint: &str) -> Self {
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        Self { url, queue: Mutex::default(), dropped: AtomicU64::new(0) }
    }

    /// Queues the span of a finished request; a caller that does not record its trace gets none.
    pub fn offer(&self, record: &DecisionRecord, trace: &TraceContext) {
        if !trace.sampled {
            return;
        }
        let span = span(record, trace);
        let mut queue = self.queue.lock();
        if queue.len() >= QUEUE_MAX {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.push_back(span);
    }

    /// Spans dropped so far, because the queue was full or the collector refused them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Sends what waits, batch by batch, until nothing waits or the collector fails.
    pub async fn flush(&self, client: &Client) {
        loop {
            let batch: Vec<Value> = {
                let mut queue = self.queue.lock();
                let count = queue.len().min(BATCH_MAX);
                queue.drain(..count).collect()
            };
            if batch.is_empty() {
                return;
            }
            let count = batch.len() as u64;
            let sent = client.post_json(&self.url, envelope(&batch).to_string()).await;
            let good = sent.as_ref().is_ok_and(|answer| answer.status.is_success());
            if !good {
                let why = sent.map_or_else(|e| e.to_string(), |answer| answer.status.to_string());
                tracing::warn!(%why, spans = count, "the trace collector took no spans");
                self.dropped.fetch_add(count, Ordering::Relaxed);
                return;
            }
        }
    }
}

fn envelope(spans: &[Value]) -> Value {
    json!({"resourceSpans": [{
        "resource": {"attributes": [text("service.name", "tollgate"), text("service.version", env!("CARGO_PKG_VERSION"))]},
        "scopeSpans": [{"scope": {"name": "tollgate"}, "schemaUrl": genai::SCHEMA_URL, "spans": spans}],
    }]})
}

fn span(record: &DecisionRecord, trace: &TraceContext) -> Value {
    let operation = if record.dialect_in == "openai_embeddings" { "embeddings" } else { "chat" };
    let model = record.model.as_deref().unwrap_or("none");
    let start = u64::try_from(record.time.0).unwrap_or(0).saturating_mul(1_000);
    let end = start.saturating_add(record.total_us.saturating_mul(1_000));
    let mut attributes = vec![
        text(genai::OPERATION, operation),
        text(genai::PROVIDER, "tollgate"),
        text(genai::RESPONSE_MODEL, model),
        number(genai::INPUT_TOKENS, record.prompt_tokens),
        number(genai::OUTPUT_TOKENS, record.completion_tokens),
        number(genai::STATUS_CODE, u64::from(record.status)),
        text("tollgate.request.id", record.id.as_str()),
        number("tollgate.cost.micro_usd", record.cost_micro),
        number("tollgate.overhead.us", record.overhead_us),
        number("tollgate.usage.cached_tokens", record.cached_tokens),
    ];
    let named = [
        (genai::REQUEST_MODEL, &record.requested_model),
        (genai::CONVERSATION, &record.session),
        ("tollgate.route", &record.route),
        ("tollgate.pool", &record.pool),
        ("tollgate.instance", &record.instance),
    ];
    attributes.extend(named.into_iter().filter_map(|(key, value)| Some(text(key, value.as_deref()?))));
    if let Some(us) = record.ttft_us {
        attributes.push(number("tollgate.time_to_first_content.us", us));
    }
    let fault = record.fault.and_then(|f| serde_json::to_value(f).ok());
    if let Some(word) = fault.as_ref().and_then(Value::as_str) {
        attributes.push(text(genai::ERROR_TYPE, word));
    }
    let mut span = json!({
        "traceId": trace.trace_id(), "spanId": format!("{:016x}", trace.span),
        "name": format!("{operation} {model}"), "kind": KIND_SERVER,
        "startTimeUnixNano": start.to_string(), "endTimeUnixNano": end.to_string(),
        "attributes": attributes,
        "status": if fault.is_some() { json!({"code": STATUS_ERROR}) } else { json!({}) },
    });
    if trace.parent != 0 {
        span["parentSpanId"] = json!(format!("{:016x}", trace.parent));
    }
    span
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// Integers travel as decimal text, as proto3's JSON mapping has it for 64 bits.
fn number(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_core::id::RequestId;
    use tollgate_core::{FaultKind, Timestamp};

    fn record() -> DecisionRecord {
        let mut record = DecisionRecord::new(RequestId::from_bits(1), Timestamp(1_000_000), "openai_chat");
        record.model = Some("m".into());
        record.route = Some("r".into());
        record.total_us = 2_500;
        record.prompt_tokens = 7;
        record
    }

    const TRACE: TraceContext = TraceContext { trace: 0xabc, parent: 0, span: 0xdef, sampled: true };

    #[test]
    fn a_span_follows_the_protocols_json_mapping() {
        let span = span(&record(), &TRACE);
        assert_eq!(span["traceId"], "00000000000000000000000000000abc");
        assert_eq!(
            (&span["startTimeUnixNano"], &span["endTimeUnixNano"]),
            (&json!("1000000000"), &json!("1002500000"))
        );
        assert!(span.get("parentSpanId").is_none() && span["status"] == json!({}));
        let attributes = span["attributes"].as_array().unwrap();
        let of = |key: &str| attributes.iter().find(|a| a["key"] == key).map(|a| a["value"].clone());
        assert_eq!(of("gen_ai.usage.input_tokens"), Some(json!({"intValue": "7"})));
        assert_eq!(of("gen_ai.response.model"), Some(json!({"stringValue": "m"})));
        assert_eq!(of("error.type"), None);
    }

    #[test]
    fn faults_parents_and_the_callers_choice_are_kept() {
        let mut failed = record();
        failed.fault = Some(FaultKind::Timeout);
        let child = TraceContext { parent: 5, ..TRACE };
        let made = span(&failed, &child);
        assert_eq!((&made["parentSpanId"], &made["status"]["code"]), (&json!("0000000000000005"), &json!(2)));
        let exporter = Exporter::new("http://127.0.0.1:1/");
        assert_eq!(exporter.url, "http://127.0.0.1:1/v1/traces");
        exporter.offer(&failed, &TraceContext { sampled: false, ..TRACE });
        assert!(exporter.queue.lock().is_empty(), "the caller does not record this trace");
    }

    #[test]
    fn the_queue_is_bounded() {
        let exporter = Exporter::new("http://127.0.0.1:1");
        for _ in 0..QUEUE_MAX + 3 {
            exporter.offer(&record(), &TRACE);
        }
        assert_eq!((exporter.queue.lock().len(), exporter.dropped()), (QUEUE_MAX, 3));
    }
}
