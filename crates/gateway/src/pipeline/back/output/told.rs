//! How a caller learns what was found in an answer: beside it, or as its end.

use super::Guard;
use serde_json::{Value, json};
use tollgate_wire::Dialect;
use tollgate_wire::sse::write_event;

/// A note in a stream that every client skips: a comment, as server-sent events have them.
pub(super) fn comment(signal: &str) -> String {
    format!(": x-tollgate-output: {signal}\n\n")
}

impl Guard {
    /// The event by which the caller's dialect says that content ends here for what it is, before the error that says why.
    pub(crate) fn last_words(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let Some(first) = &self.first else { return out };
        match self.dialect {
            Dialect::OpenaiChat => {
                let mut chunk = first.clone();
                chunk["choices"] = json!([{"index": 0, "delta": {}, "finish_reason": "content_filter"}]);
                write_event(&mut out, None, chunk.to_string().as_bytes());
            }
            Dialect::Anthropic => {
                let delta = json!({"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_sequence": null},
                    "usage": {"output_tokens": 0}});
                write_event(&mut out, Some("message_delta"), delta.to_string().as_bytes());
            }
            Dialect::OpenaiResponses => {
                let mut response = first.get("response").cloned().unwrap_or(Value::Null);
                if response.is_object() {
                    response["status"] = json!("incomplete");
                    response["incomplete_details"] = json!({"reason": "content_filter"});
                }
                let event = json!({"type": "response.incomplete", "sequence_number": self.events, "response": response});
                write_event(&mut out, Some("response.incomplete"), event.to_string().as_bytes());
            }
            Dialect::Gemini | Dialect::OpenaiEmbeddings => {}
        }
        out
    }

    /// What the caller is told beside the answer: the names of signals.
    pub(crate) fn told(&self) -> Option<String> {
        let names: Vec<&str> =
            self.found.iter().filter(|found| found.told()).map(|found| &*found.signal).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }
}
