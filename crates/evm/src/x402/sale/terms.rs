//! What is asked of a buyer, and what a buyer signed for it.

use crate::typed::{Domain, Use};
use crate::x402::payment::{MARGIN_S, Refused, is_by, no, signed};
use crate::x402::seller::{HEADER_MAX, encoded, same};
use crate::x402::wire::Written;
use crate::x402::{Network, Refusal, Token};
use crate::{Address, Payment, PaymentInfo, Word};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_core::Timestamp;

/// How long after the time to capture a refund may come, in seconds: ours never does, and the terms name a time all the same.
const REFUND_S: u64 = 86_400;
/// Seconds by which the clocks of buyer and seller may differ.
const CLOCKS_S: u64 = 60;

/// What payments by use have in common: a chain, a token, an escrow, and who is paid. Nobody takes a fee.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SaleTerms {
    /// The chain.
    pub network: Network,
    /// What is paid in.
    pub token: Token,
    /// Holds payments: the `auth-capture` escrow.
    pub escrow: Address,
    /// What brings payments to it by EIP-3009.
    pub collector: Address,
    /// Who holds, captures and gives back: whoever sends.
    pub operator: Address,
    /// Who is paid.
    pub pay_to: Address,
    /// For how long a buyer's signature must be good, in seconds.
    pub max_timeout_s: u32,
    /// For how long a payment may be captured, from the offer on, in seconds.
    pub capture_s: u32,
    /// Whether accounts that are contracts may pay.
    pub contracts: bool,
}

/// The header of a request that pays.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    x402_version: u64,
    accepted: Value,
    payload: Signed,
}

/// The payload of `auth-capture` by EIP-3009.
#[derive(Deserialize)]
struct Signed {
    authorization: Written,
    signature: String,
    salt: String,
}

fn seconds(now: Timestamp) -> u64 {
    u64::try_from(now.seconds()).unwrap_or_default()
}

impl SaleTerms {
    /// What is asked for something that costs so much at most, in minor units: `PaymentRequired`, which is the body, and the
    /// header in base64.
    #[must_use]
    pub fn required(&self, resource: &str, amount: u128, why: &str, now: Timestamp) -> (Value, String) {
        let capture = seconds(now).saturating_add(self.capture_s.into());
        let accepts = [self.requirements(&amount.to_string(), capture, capture.saturating_add(REFUND_S))];
        let required =
            json!({"x402Version": 2, "error": why, "resource": {"url": resource}, "accepts": accepts});
        let header = encoded(&required);
        (required, header)
    }

    fn requirements(&self, amount: &str, capture: u64, refund: u64) -> Value {
        json!({
            "scheme": "auth-capture", "network": self.network.to_string(), "asset": self.token.address.to_string(),
            "amount": amount, "payTo": self.pay_to.to_string(), "maxTimeoutSeconds": self.max_timeout_s,
            "extra": {
                "name": self.token.name, "version": self.token.version,
                "authCaptureEscrow": self.escrow.to_string(), "captureAuthorizer": self.operator.to_string(),
                "operatorType": "delegated", "captureDeadline": capture, "refundDeadline": refund,
                "feeRecipient": Address::default().to_string(), "minFeeBps": 0, "maxFeeBps": 0,
                "paymentFlow": "escrow", "captureMode": "deferred", "assetTransferMethod": "eip3009",
            },
        })
    }

    /// Reads the header of a request that pays, for something that costs at most `least` minor units. What was accepted must be
    /// what is offered, but for an amount that is higher and times that were set when it was offered.
    ///
    /// # Errors
    /// The first reason why it is no payment for this.
    pub(crate) fn read(&self, header: &str, least: u128, now: Timestamp) -> Result<Payment, Refused> {
        if header.len() > HEADER_MAX {
            return no(Refusal::Payload, format!("the payment is longer than {HEADER_MAX} bytes"));
        }
        let wrong = |why: String| (Refusal::Payload, why);
        let bytes =
            STANDARD.decode(header.trim()).map_err(|_| wrong("the payment is not base64".to_owned()))?;
        let sent: Sent = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if sent.x402_version != 2 {
            return no(Refusal::Version, format!("version {} is not 2", sent.x402_version));
        }
        let (amount, capture, refund) = self.accepted(&sent.accepted, now)?;
        if amount < least {
            let why = format!("it holds {amount}, and this request may cost {least}");
            return no(Refusal::Value, why);
        }
        let (authorization, data) = signed(&sent.payload.authorization, &sent.payload.signature)?;
        let salt: Word = sent
            .payload
            .salt
            .parse()
            .map_err(|_| wrong("the salt is not 0x and 64 hexadecimal digits".into()))?;
        let until = authorization.valid_before.small().and_then(|until| u64::try_from(until).ok());
        let info = PaymentInfo {
            operator: self.operator,
            payer: authorization.from,
            receiver: self.pay_to,
            token: self.token.address,
            max_amount: amount,
            pre_approval_expiry: until.unwrap_or(u64::MAX),
            authorization_expiry: capture,
            refund_expiry: refund,
            min_fee_bps: 0,
            max_fee_bps: 0,
            fee_receiver: Address::default(),
            salt,
        };
        if authorization != info.authorization(self.network.0, self.escrow, self.collector) {
            return no(Refusal::Payload, "the authorisation is not the one that holds what was accepted");
        }
        if u128::from(info.pre_approval_expiry) < u128::from(seconds(now)).saturating_add(MARGIN_S) {
            return no(Refusal::ValidBefore, "it is not valid any more, or too short for holding it");
        }
        if info.pre_approval_expiry > capture {
            return no(Refusal::ValidBefore, "it is valid for longer than it may be captured");
        }
        Ok(Payment { info, collector: self.collector, data })
    }

    /// Amount, and the ends of the times to capture and to refund, of what was accepted.
    fn accepted(&self, accepted: &Value, now: Timestamp) -> Result<(u128, u64, u64), Refused> {
        let wrong =
            |what: &str| (Refusal::Requirements, format!("{what} of what was accepted is not of its form"));
        let number = |name: &str| accepted.pointer(&format!("/extra/{name}")).and_then(Value::as_u64);
        let (Some(capture), Some(refund)) = (number("captureDeadline"), number("refundDeadline")) else {
            return Err(wrong("a deadline"));
        };
        let written = accepted.get("amount").and_then(Value::as_str).unwrap_or_default();
        let amount = Word::decimal(written).and_then(|amount| amount.small());
        let amount = amount.filter(|amount| *amount < 1 << 120).ok_or_else(|| wrong("the amount"))?;
        if !same(&self.requirements(written, capture, refund), accepted) {
            return no(Refusal::Requirements, "what was accepted is not what is offered");
        }
        // Half of the time is left for the answer, and what was offered is not older than the buyer's signature may be.
        let (now, whole) = (seconds(now), u64::from(self.capture_s));
        let ends = now.saturating_add(whole.div_ceil(2))..=now.saturating_add(whole).saturating_add(CLOCKS_S);
        if !ends.contains(&capture) || refund != capture.saturating_add(REFUND_S) {
            return no(Refusal::Requirements, "what was accepted was offered too long ago: ask again");
        }
        Ok((amount, capture, refund))
    }

    /// Whether the buyer's key signed a payment. An account that is a contract says so itself when it is held.
    pub(super) fn check_signature(&self, payment: &Payment, is_contract: bool) -> Result<(), Refused> {
        if is_contract {
            return Ok(());
        }
        let domain = Domain {
            name: &self.token.name,
            version: &self.token.version,
            chain_id: self.network.0,
            contract: self.token.address,
        };
        let authorization = payment.info.authorization(self.network.0, self.escrow, self.collector);
        is_by(payment.info.payer, &authorization.digest(&domain, Use::Receive), &payment.data)
    }
}
