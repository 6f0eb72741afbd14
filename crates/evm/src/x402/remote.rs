//! A facilitator behind a URL.

use super::seller::{Settles, Settling};
use serde_json::Value;
use tollgate_rail::{Silent, Waiting};

/// See the module. It waits for each answer, so it belongs where waiting is allowed.
#[derive(Debug)]
pub struct Remote {
    waiting: Waiting,
    url: String,
}

impl Remote {
    /// The facilitator at a URL, such as `http://127.0.0.1:8080/x402`.
    ///
    /// # Errors
    /// [`Silent`] when this machine gives no room for it.
    pub fn new(url: &str) -> Result<Self, Silent> {
        Ok(Self { waiting: Waiting::new()?, url: url.trim_end_matches('/').into() })
    }

    fn ask(&self, path: &str, body: &[u8]) -> Result<Value, String> {
        let body = String::from_utf8_lossy(body).into_owned();
        let answer = self.waiting.post_json(&format!("{}/{path}", self.url), body);
        let answer = answer.map_err(|_| "the facilitator does not answer".to_owned())?;
        let read = serde_json::from_slice(&answer.body).ok();
        read.ok_or_else(|| format!("the facilitator answers with status {} and no JSON", answer.status))
    }
}

impl Settles for Remote {
    fn verify(&mut self, body: &[u8]) -> Result<(), String> {
        let answer = self.ask("verify", body)?;
        if answer.get("isValid").and_then(Value::as_bool) == Some(true) {
            return Ok(());
        }
        let reason = answer.get("invalidReason").and_then(Value::as_str);
        Err(reason.unwrap_or("the facilitator does not say that it is valid").into())
    }

    fn settle(&mut self, body: &[u8]) -> Settling {
        // Silence says nothing of the money: it is asked again.
        self.ask("settle", body).map_or(Settling::Pending(Value::Null), Settling::of)
    }
}
