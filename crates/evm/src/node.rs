//! A node of a chain, over JSON-RPC.

use serde_json::{Value, json};
use tollgate_rail::{Silent, Waiting};

/// Longest message of a node that is kept, in bytes.
const MESSAGE_MAX: usize = 400;

/// Why a node gave no result.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum NodeError {
    /// Nobody knows whether it heard the request.
    #[error("no answer of the node: {0}")]
    Silent(String),
    /// It refused the request.
    #[error("the node refused: {message} (code {code})")]
    Refused {
        /// JSON-RPC's code.
        code: i64,
        /// Why, cut at 400 bytes.
        message: String,
    },
}

/// Whoever answers JSON-RPC requests about a chain.
pub trait Node {
    /// The result of a method.
    ///
    /// # Errors
    /// See [`NodeError`].
    fn request(&mut self, method: &'static str, params: Value) -> Result<Value, NodeError>;
}

/// A node behind a URL. It waits for each answer, so it belongs where waiting is allowed.
pub struct Rpc {
    waiting: Waiting,
    url: String,
    asked: u64,
}

impl std::fmt::Debug for Rpc {
    /// Without the URL, which may have a secret in its path.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rpc after {} requests", self.asked)
    }
}

impl From<Silent> for NodeError {
    fn from(Silent(why): Silent) -> Self {
        Self::Silent(why)
    }
}

impl Rpc {
    /// The node at a URL.
    ///
    /// # Errors
    /// [`NodeError::Silent`] when this machine gives no room for it.
    pub fn new(url: &str) -> Result<Self, NodeError> {
        Ok(Self { waiting: Waiting::new()?, url: url.into(), asked: 0 })
    }
}

impl Node for Rpc {
    fn request(&mut self, method: &'static str, params: Value) -> Result<Value, NodeError> {
        self.asked = self.asked.wrapping_add(1);
        let body = json!({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params});
        let silent = |why: &str| NodeError::Silent(why.into());
        let answer = self.waiting.post_json(&self.url, body.to_string())?;
        let read: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let mut read = read.ok_or_else(|| silent(&format!("status {} without JSON", answer.status)))?;
        if let Some(error) = read.get("error").filter(|error| !error.is_null()) {
            return Err(refused(error));
        }
        let same = read.get("id").and_then(Value::as_u64) == Some(self.asked);
        match read.get_mut("result") {
            Some(result) if same => Ok(result.take()),
            _ => Err(silent("an answer to something else")),
        }
    }
}

fn refused(error: &Value) -> NodeError {
    let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
    let mut message = error.get("message").and_then(Value::as_str).unwrap_or("no reason").to_owned();
    if let Some(data) = error.get("data").and_then(Value::as_str) {
        message.push_str(": ");
        message.push_str(data);
    }
    let end = message.floor_char_boundary(MESSAGE_MAX);
    message.truncate(end);
    NodeError::Refused { code, message }
}
