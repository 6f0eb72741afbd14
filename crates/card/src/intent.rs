//! A payment as the API tells it.

use serde_json::Value;
use tollgate_core::Digest;

/// Longest name of an object of the API, in bytes.
const NAME_MAX: usize = 255;
/// Longest reason, in bytes.
const REASON_MAX: usize = 200;

/// Where a payment is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Made, without effect.
    Made,
    /// The card was refused, or its holder has to do something.
    Refused,
    /// The card's bank is asked.
    Processing,
    /// Held.
    Held,
    /// Captured.
    Captured,
    /// Given back, or never held.
    Cancelled,
}

impl Stage {
    /// A word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Refused => "refused",
            Self::Processing => "processing",
            Self::Held => "held",
            Self::Captured => "captured",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A payment (PaymentIntent).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Intent {
    /// Its name: `pi_…`.
    pub id: String,
    /// Where it is.
    pub stage: Stage,
    /// What it is for, in the currency's smallest unit.
    pub amount: u64,
    /// The currency, in lower case.
    pub currency: String,
    /// What was captured.
    pub received: u64,
    /// The escrow that it is for, by its metadata.
    pub escrow: Option<Digest>,
    /// Why the card was refused or the payment ended.
    pub reason: String,
}

/// Whether a text can be the name of a payment.
pub(crate) fn is_name(text: &str) -> bool {
    let rest = text.strip_prefix("pi_").unwrap_or_default();
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..NAME_MAX).contains(&rest.len()) && rest.bytes().all(legal)
}

impl Intent {
    /// Reads one; `None` when something is missing.
    #[must_use]
    pub fn read(json: &Value) -> Option<Self> {
        let text = |pointer: &str| json.pointer(pointer).and_then(Value::as_str);
        let stage = match text("/status")? {
            "requires_confirmation" => Stage::Made,
            "requires_payment_method" | "requires_action" => Stage::Refused,
            "processing" => Stage::Processing,
            "requires_capture" => Stage::Held,
            "succeeded" => Stage::Captured,
            "canceled" => Stage::Cancelled,
            _ => return None,
        };
        let id = text("/id").filter(|id| is_name(id))?.to_owned();
        let reasons = ["/last_payment_error/message", "/last_payment_error/code", "/cancellation_reason"];
        let reason = reasons.iter().find_map(|pointer| text(pointer)).unwrap_or_default();
        let end = reason.floor_char_boundary(REASON_MAX);
        Some(Self {
            id,
            stage,
            amount: json.get("amount")?.as_u64()?,
            currency: text("/currency")?.to_ascii_lowercase(),
            received: received(json, stage)?,
            escrow: text("/metadata/tollgate_escrow").and_then(|text| text.parse().ok()),
            reason: reason.get(..end).unwrap_or_default().into(),
        })
    }
}

/// What was captured. Where the payment does not say it, its charge does: what it was for, less what was not captured of it.
fn received(json: &Value, stage: Stage) -> Option<u64> {
    if let Some(received) = json.get("amount_received").and_then(Value::as_u64) {
        return Some(received);
    }
    if stage != Stage::Captured {
        return Some(0);
    }
    let charge = json.get("latest_charge")?;
    let number = |name: &str| charge.get(name).and_then(Value::as_u64);
    number("amount_captured").or_else(|| number("amount")?.checked_sub(number("amount_refunded")?))
}
