//! Webhooks: who says that something happened, and where to look.
//!
//! The header has a time and signatures, HMAC-SHA256 over time, dot and body. An event moves nothing: it names an escrow, whose
//! payment is then asked for at the API. So a repeated, late or reordered event is harmless.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use tollgate_core::{Digest, Timestamp};

/// How old or early an event's signature may be, in seconds, unless the configuration says otherwise.
pub const TOLERANCE_S: u32 = 300;
/// Largest body, in bytes.
const BODY_MAX: usize = 256 << 10;
/// Longest header, in bytes.
const HEADER_MAX: usize = 4_096;
/// Most signatures that are looked at.
const SIGNATURES_MAX: usize = 8;

/// Why an event is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HookError {
    /// The header is not of its form.
    #[error("the header Stripe-Signature is not t=TIME,v1=HEX")]
    Header,
    /// Its time is too far from now.
    #[error("the signature is older or newer than the tolerance allows")]
    Time,
    /// No signature is by the secret.
    #[error("no signature of the body is by the webhook's secret")]
    Signature,
    /// The body is not an event.
    #[error("the body is not an event, or longer than 262144 bytes")]
    Body,
}

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Its name: `evt_…`.
    pub id: String,
    /// What happened: `payment_intent.succeeded`.
    pub kind: String,
    /// The payment that it is about.
    pub intent: Option<String>,
    /// The escrow that the payment's metadata names.
    pub escrow: Option<Digest>,
}

/// Checks webhooks.
#[derive(Clone)]
pub struct Hook {
    keys: Vec<Hmac<Sha256>>,
    tolerance_s: u32,
}

impl std::fmt::Debug for Hook {
    /// Without the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hook with {} secrets", self.keys.len())
    }
}

impl Hook {
    /// With the webhook's secrets, of which there are several while one is replaced; an empty one counts for nothing.
    #[must_use]
    pub fn new(secrets: &[&str], tolerance_s: u32) -> Self {
        let secrets = secrets.iter().map(|secret| secret.trim()).filter(|secret| !secret.is_empty());
        let keys = secrets.filter_map(|secret| Hmac::new_from_slice(secret.as_bytes()).ok()).collect();
        Self { keys, tolerance_s }
    }

    /// The event of a request.
    ///
    /// # Errors
    /// The first reason why it is not taken.
    pub fn read(&self, header: &str, body: &[u8], now: Timestamp) -> Result<Event, HookError> {
        if body.len() > BODY_MAX {
            return Err(HookError::Body);
        }
        let (time, signatures) = parts(header)?;
        // What is signed is the header's own text of the time.
        let signed: i64 = time.parse().map_err(|_| HookError::Header)?;
        if now.seconds().abs_diff(signed) > u64::from(self.tolerance_s) {
            return Err(HookError::Time);
        }
        let is_ours = |key: &Hmac<Sha256>| {
            let mut mac = key.clone();
            mac.update(time.as_bytes());
            mac.update(b".");
            mac.update(body);
            signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
        };
        if !self.keys.iter().any(is_ours) {
            return Err(HookError::Signature);
        }
        event(body).ok_or(HookError::Body)
    }
}

/// The time and the signatures of the scheme that counts; others are ignored.
fn parts(header: &str) -> Result<(&str, Vec<[u8; 32]>), HookError> {
    if header.len() > HEADER_MAX {
        return Err(HookError::Header);
    }
    let (mut time, mut signatures) = (None, Vec::new());
    for part in header.split(',') {
        let (name, value) = part.trim().split_once('=').ok_or(HookError::Header)?;
        match name {
            "t" if time.is_some() || value.is_empty() => return Err(HookError::Header),
            "t" if value.bytes().all(|byte| byte.is_ascii_digit()) => time = Some(value),
            "t" => return Err(HookError::Header),
            "v1" if signatures.len() < SIGNATURES_MAX => signatures.extend(unhex(value)),
            _ => {}
        }
    }
    time.map(|time| (time, signatures)).ok_or(HookError::Header)
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digest: Digest = text.parse().ok()?;
    Some(digest.0)
}

fn event(body: &[u8]) -> Option<Event> {
    let json: Value = serde_json::from_slice(body).ok()?;
    let text = |pointer: &str| json.pointer(pointer).and_then(Value::as_str);
    let object = json.pointer("/data/object")?;
    let intent = match object.get("object").and_then(Value::as_str)? {
        "payment_intent" => object.get("id"),
        _ => object.get("payment_intent"),
    };
    let intent = intent.and_then(Value::as_str).filter(|name| crate::intent::is_name(name));
    Some(Event {
        id: text("/id").filter(|id| (1..=255).contains(&id.len()))?.into(),
        kind: text("/type").filter(|kind| (1..=100).contains(&kind.len()))?.into(),
        intent: intent.map(str::to_owned),
        escrow: text("/data/object/metadata/tollgate_escrow").and_then(|text| text.parse().ok()),
    })
}
