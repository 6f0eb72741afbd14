//! Refunds of what was captured: after an escrow is over, by the merchant's own word.
//!
//! A refund has a key, which the API keeps with it. It is looked for before it is asked for, so that it happens once, whatever became
//! of an answer.

use crate::rail::failed;
use crate::{Api, CardError, CardRail, Cards, Journal, Request, Stage};
use serde_json::Value;
use tollgate_core::Digest;
use tollgate_pay::rail::Outcome;

/// Most refunds of one payment.
const REFUNDS_MAX: usize = 100;

/// A refund, as the API tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refunded {
    /// Its name: `re_…`.
    pub id: String,
    /// Our key of it, when it is ours.
    pub key: Option<String>,
    /// How much.
    pub amount: u64,
    /// It did not reach the card.
    pub is_failed: bool,
}

impl Refunded {
    fn read(json: &Value) -> Option<Self> {
        let text = |pointer: &str| json.pointer(pointer).and_then(Value::as_str);
        Some(Self {
            id: text("/id")?.into(),
            key: text("/metadata/tollgate_refund").map(str::to_owned),
            amount: json.get("amount")?.as_u64()?,
            is_failed: matches!(text("/status"), Some("failed" | "canceled")),
        })
    }

    fn outcome(&self) -> Outcome {
        if self.is_failed {
            return failed("the card's bank did not take the refund");
        }
        Outcome::Done { proof: self.id.clone() }
    }
}

impl<A: Api, J: Journal, C: Cards> CardRail<A, J, C> {
    /// Gives back a part of what was captured, in the currency's smallest unit, once for a key. [`Outcome::Unknown`] says to ask
    /// again with the same key.
    pub fn give_back(&mut self, key: &str, intent: &str, amount: u64) -> Outcome {
        let asked = Digest::of_parts([b"refund".as_slice(), intent.as_bytes(), &amount.to_be_bytes()]);
        let name = format!("refund:{key}");
        let is_fresh = match self.journal.get(&name) {
            Some(record) if record.asked != asked => {
                return failed("the key was used for another refund");
            }
            Some(record) => match &record.outcome {
                Some(outcome) => return outcome.clone(),
                None => false,
            },
            None => true,
        };
        if !crate::intent::is_name(intent) || amount == 0 {
            return failed("a refund is of more than nothing, of a payment by its name");
        }
        self.refund(key, &name, asked, intent, amount, is_fresh).unwrap_or(Outcome::Unknown)
    }

    fn refund(
        &mut self,
        key: &str,
        name: &str,
        asked: Digest,
        intent: &str,
        amount: u64,
        is_fresh: bool,
    ) -> Result<Outcome, CardError> {
        let mut record = self.record(name, asked);
        let payment = self.payment(intent)?;
        let there = self.refunds(intent)?;
        if let Some(refund) = there.iter().find(|refund| refund.key.as_deref() == Some(key)) {
            return self.keep(record, refund.outcome());
        }
        let ours = there.iter().filter(|refund| refund.key.is_some() && !refund.is_failed);
        let gone = ours.fold(0u64, |sum, refund| sum.saturating_add(refund.amount));
        let is_more = gone.saturating_add(amount) > payment.received;
        if is_fresh && (payment.stage != Stage::Captured || is_more) {
            return Ok(failed("that much was not captured, or went back already"));
        }
        self.journal.put(record.clone())?;
        let mut form = vec![
            ("payment_intent", intent.to_owned()),
            ("amount", amount.to_string()),
            ("metadata[tollgate_refund]", key.to_owned()),
        ];
        form.extend(payment.escrow.map(|escrow| ("metadata[tollgate_escrow]", escrow.to_string())));
        let request = Request::post("/v1/refunds".into(), form, record.step("refund"));
        let answer = self.send(&mut record, &request)?;
        // A "no" to a second try may be because the first was heard.
        if answer.is_no() && is_fresh {
            let reason = answer.good().map_or_else(|error| error.to_string(), |_| String::new());
            return self.keep(record, failed(&reason));
        }
        let refund = Refunded::read(&answer.good()?);
        let refund = refund.filter(|refund| refund.amount == amount);
        let refund = refund.ok_or_else(|| CardError::bad("the API's answer", intent, "the refund"))?;
        self.keep(record, refund.outcome())
    }

    /// What went back of a payment.
    ///
    /// # Errors
    /// When the API does not say, or says more than can be looked at.
    pub fn refunds(&mut self, intent: &str) -> Result<Vec<Refunded>, CardError> {
        let path = format!("/v1/refunds?payment_intent={intent}&limit={REFUNDS_MAX}");
        let listed = self.api.send(&Request::get(path))?.good()?;
        let bad = || CardError::bad("the API's answer", intent, "at most 100 refunds of the payment");
        let data = listed.get("data").and_then(Value::as_array).ok_or_else(bad)?;
        if listed.get("has_more").and_then(Value::as_bool) == Some(true) {
            return Err(bad());
        }
        data.iter().map(|json| Refunded::read(json).ok_or_else(bad)).collect()
    }
}
