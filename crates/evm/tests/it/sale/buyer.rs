//! A buyer: takes what is offered, signs it as the official client does.

use super::ledger::Ledger;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tollgate_evm::typed::{Domain, Use};
use tollgate_evm::{Address, Key, PaymentInfo, Word, hex, keccak};

/// What is signed for an offer of `PaymentRequired`, before a test changes it.
pub(crate) struct Buyer {
    pub(crate) key: Key,
    pub(crate) collector: Address,
}

impl Buyer {
    pub(crate) fn new(seed: &str, collector: Address) -> Self {
        Self { key: Key::new(&keccak(&[seed.as_bytes()]).0).unwrap(), collector }
    }

    /// The payment for an offer, with a salt of its own.
    pub(crate) fn payload(&self, ledger: &Ledger, accepted: &Value, salt: &str) -> Value {
        let text = |pointer: &str| accepted.pointer(pointer).and_then(Value::as_str).unwrap();
        let at = |pointer: &str| text(pointer).parse::<Address>().unwrap();
        let number = |pointer: &str| accepted.pointer(pointer).and_then(Value::as_u64).unwrap();
        let info = PaymentInfo {
            operator: at("/extra/captureAuthorizer"),
            payer: self.key.address(),
            receiver: at("/payTo"),
            token: at("/asset"),
            max_amount: text("/amount").parse().unwrap(),
            pre_approval_expiry: ledger.time + number("/maxTimeoutSeconds"),
            authorization_expiry: number("/extra/captureDeadline"),
            refund_expiry: number("/extra/refundDeadline"),
            min_fee_bps: 0,
            max_fee_bps: 0,
            fee_receiver: Address::default(),
            salt: keccak(&[salt.as_bytes()]),
        };
        let authorization =
            info.authorization(ledger.chain_id, at("/extra/authCaptureEscrow"), self.collector);
        let domain = Domain {
            name: text("/extra/name"),
            version: text("/extra/version"),
            chain_id: ledger.chain_id,
            contract: info.token,
        };
        let signature = self.key.sign(&authorization.digest(&domain, Use::Receive));
        let decimal = |word: Word| word.small().unwrap().to_string();
        json!({"x402Version": 2, "accepted": accepted, "payload": {
            "authorization": {
                "from": authorization.from, "to": authorization.to, "value": decimal(authorization.value),
                "validAfter": decimal(authorization.valid_after), "validBefore": decimal(authorization.valid_before),
                "nonce": authorization.nonce,
            },
            "signature": hex(&signature.0), "salt": info.salt,
        }})
    }
}

/// As a header has it.
pub(crate) fn header(payload: &Value) -> String {
    STANDARD.encode(payload.to_string())
}
