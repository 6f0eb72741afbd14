//! What is said to the API, and who says it.

use crate::CardError;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use serde_json::Value;
use tollgate_net::client::path_of;
use tollgate_net::upstream::Outgoing;
use tollgate_rail::{Silent, Waiting};

/// The version of the API that is asked for.
pub const API_VERSION: &str = "2024-06-20";
/// Longest message of the API that is kept, in bytes.
const MESSAGE_MAX: usize = 400;

/// What a request does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// It looks.
    Get,
    /// It changes.
    Post,
}

/// A request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// What it does.
    pub method: Method,
    /// Path under the API's base, with its query: `/v1/payment_intents/pi_…`.
    pub path: String,
    /// Fields of its form.
    pub form: Vec<(&'static str, String)>,
    /// Its idempotency key; of requests that change something.
    pub key: String,
}

impl Request {
    pub(crate) fn get(path: String) -> Self {
        Self { method: Method::Get, path, form: Vec::new(), key: String::new() }
    }

    pub(crate) fn post(path: String, form: Vec<(&'static str, String)>, key: String) -> Self {
        Self { method: Method::Post, path, form, key }
    }
}

/// An answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// HTTP's status.
    pub status: u16,
    /// Its JSON; null where it had none.
    pub body: Value,
}

impl Answer {
    /// The object of a good answer.
    ///
    /// # Errors
    /// [`CardError::Refused`] with the API's message.
    pub fn good(self) -> Result<Value, CardError> {
        if (200..300).contains(&self.status) && self.body.is_object() {
            return Ok(self.body);
        }
        let message = self.body.pointer("/error/message").and_then(Value::as_str).unwrap_or("no reason");
        let end = message.floor_char_boundary(MESSAGE_MAX);
        let message = message.get(..end).unwrap_or_default().to_owned();
        Err(CardError::Refused { status: self.status, message })
    }

    /// Whether the request was looked at and will never have an effect: it is not of its form, or names what is not there.
    /// Statuses of limits, locks, credentials and faults say nothing of what becomes of it.
    #[must_use]
    pub const fn is_no(&self) -> bool {
        matches!(self.status, 400 | 402 | 404)
    }
}

/// Whoever answers requests.
pub trait Api {
    /// The answer to a request.
    ///
    /// # Errors
    /// [`Silent`] when nobody knows whether it was heard.
    fn send(&mut self, request: &Request) -> Result<Answer, Silent>;
}

/// The API behind a URL. It waits for each answer, so it belongs where waiting is allowed.
pub struct Https {
    waiting: Waiting,
    base: String,
    authorization: HeaderValue,
}

impl std::fmt::Debug for Https {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Https to {}", self.base)
    }
}

impl Https {
    /// The API at a base URL, such as `https://api.stripe.com`, with a secret key.
    ///
    /// # Errors
    /// [`CardError::Bad`] for a key that cannot be in a header, [`CardError::Silent`] when this machine gives no room.
    pub fn new(base: &str, secret: &str) -> Result<Self, CardError> {
        let header = HeaderValue::from_str(&format!("Bearer {}", secret.trim()));
        let mut authorization =
            header.map_err(|_| CardError::bad("secret key", "…", "one line of visible characters"))?;
        authorization.set_sensitive(true);
        Ok(Self { waiting: Waiting::new()?, base: base.trim_end_matches('/').into(), authorization })
    }
}

impl Api for Https {
    fn send(&mut self, request: &Request) -> Result<Answer, Silent> {
        let refused = |error: tollgate_net::Error| Silent(error.to_string());
        let method = match request.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
        };
        let version = HeaderValue::from_static(API_VERSION);
        let url = format!("{}{}", self.base, request.path);
        let mut outgoing = Outgoing::new(method, path_of(&url))
            .map_err(refused)?
            .header(AUTHORIZATION, self.authorization.clone())
            .header(HeaderName::from_static("stripe-version"), version);
        if request.method == Method::Post {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            outgoing = outgoing.header(CONTENT_TYPE, form).body(Bytes::from(written(&request.form)));
            if let Ok(key) = HeaderValue::from_str(&request.key) {
                outgoing = outgoing.header(HeaderName::from_static("idempotency-key"), key);
            }
        }
        let answer = self.waiting.send(&url, outgoing)?;
        let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        Ok(Answer { status: answer.status.as_u16(), body })
    }
}

/// A form as it goes over the wire.
fn written(form: &[(&'static str, String)]) -> String {
    let mut text = String::new();
    for (name, value) in form {
        if !text.is_empty() {
            text.push('&');
        }
        escape(name, &mut text);
        text.push('=');
        escape(value, &mut text);
    }
    text
}

fn escape(raw: &str, text: &mut String) {
    for byte in raw.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_escaped() {
        let form = [("metadata[a]", "1 + 1 = ü&".to_owned()), ("b", String::new())];
        assert_eq!(written(&form), "metadata%5Ba%5D=1%20%2B%201%20%3D%20%C3%BC%26&b=");
    }

    #[test]
    fn the_secret_key_is_not_shown() {
        let api = Https::new("http://127.0.0.1:1/", "sk_test_x").unwrap();
        assert_eq!(format!("{api:?}"), "Https to http://127.0.0.1:1");
        assert!(Https::new("http://127.0.0.1:1", "a\nb").is_err());
    }
}
