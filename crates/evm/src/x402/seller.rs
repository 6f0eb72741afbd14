//! Selling any resource by x402: what is wanted, what was paid, and goods that leave once for a payment.
//!
//! A [`Till`] does no IO. It says `402` with its offers, reads what a buyer sends, has it verified before anybody works, settled after,
//! and gives the goods away only for a payment that is settled, once. Two requests with one payment at the same time get one of
//! it; a settled payment is refused by the chain ever after. What is still under way is owed: the same request again gets it.
//!
//! Source: x402 specification, version 2, its HTTP transport.

use super::Network;
use crate::Address;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The header of a request that pays.
pub const PAYMENT_SIGNATURE: &str = "payment-signature";
/// The header of the answer 402.
pub const PAYMENT_REQUIRED: &str = "payment-required";
/// The header of an answer to a request that paid.
pub const PAYMENT_RESPONSE: &str = "payment-response";
/// Longest header of a payment, in bytes.
pub const HEADER_MAX: usize = 16 << 10;
/// Most payments that are being worked on, or owed.
pub const OPEN_MAX: usize = 10_000;

/// What a resource costs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The chain.
    pub network: Network,
    /// The token.
    pub asset: Address,
    /// Its name in what payers sign.
    pub name: String,
    /// Its version in what payers sign.
    pub version: String,
    /// How much, in minor units.
    pub amount: u128,
    /// Who is paid.
    pub pay_to: Address,
    /// For how long a payment must be good, in seconds.
    pub max_timeout_s: u32,
}

impl Offer {
    fn requirements(&self) -> Value {
        json!({
            "scheme": "exact", "network": self.network.to_string(), "asset": self.asset.to_string(),
            "amount": self.amount.to_string(), "payTo": self.pay_to.to_string(), "maxTimeoutSeconds": self.max_timeout_s,
            "extra": {"name": self.name, "version": self.version},
        })
    }
}

/// What became of a payment.
#[derive(Clone, PartialEq, Debug)]
pub enum Settling {
    /// The money moved; what the facilitator said.
    Done(Value),
    /// It is under way.
    Pending(Value),
    /// It did not, and will not; what the facilitator said.
    Refused(Value),
}

impl Settling {
    /// Reads a facilitator's answer to `/settle`.
    #[must_use]
    pub fn of(answer: Value) -> Self {
        let is_pending = answer.get("errorReason").and_then(Value::as_str) == Some("settlement_pending");
        match answer.get("success").and_then(Value::as_bool) {
            Some(true) => Self::Done(answer),
            Some(false) if !is_pending => Self::Refused(answer),
            // Without a word that is understood, the money may have moved.
            _ => Self::Pending(answer),
        }
    }
}

/// Whoever verifies and settles: a [`super::Facilitator`] here, or one behind a URL.
pub trait Settles {
    /// Whether the payment could be settled.
    ///
    /// # Errors
    /// Why not, for the buyer.
    fn verify(&mut self, body: &[u8]) -> Result<(), String>;
    /// Settles it, or looks what became of it.
    fn settle(&mut self, body: &[u8]) -> Settling;
}

/// How a request ends.
#[derive(Clone, PartialEq, Debug)]
pub enum Sale<T> {
    /// Status 402: the header [`PAYMENT_REQUIRED`], and why.
    Required {
        /// The header's value.
        header: String,
        /// Why, for people.
        why: String,
    },
    /// Status 200, with the header [`PAYMENT_RESPONSE`].
    Sold {
        /// What was bought.
        goods: T,
        /// The header's value.
        header: String,
    },
    /// Status 503 with the header [`PAYMENT_RESPONSE`]: the same request again, with the same payment, gets the goods.
    Owed {
        /// The header's value.
        header: String,
    },
}

/// Where a payment is between the till and the buyer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Working,
    Owed,
}

/// See the module.
pub struct Till {
    offers: Vec<Offer>,
    open: Mutex<BTreeMap<String, Open>>,
}

impl std::fmt::Debug for Till {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Till with {} offers", self.offers.len())
    }
}

pub(super) fn encoded(json: &Value) -> String {
    STANDARD.encode(json.to_string())
}

/// A payment as it came, for the facilitator, and its name.
struct Paid {
    body: Vec<u8>,
    name: String,
}

impl Till {
    /// A till that takes any one of these.
    #[must_use]
    pub const fn new(offers: Vec<Offer>) -> Self {
        Self { offers, open: Mutex::new(BTreeMap::new()) }
    }

    /// One request for a resource, with the header of its payment if it has one. `work` makes the goods, after the payment was
    /// verified and before it is settled, so that work that fails costs nothing.
    ///
    /// # Errors
    /// What `work` says.
    pub fn sell<T, E>(
        &self,
        resource: &str,
        header: Option<&str>,
        settles: &mut impl Settles,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<Sale<T>, E> {
        let Some(header) = header else { return Ok(self.required(resource, "a payment is required")) };
        let paid = match self.read(header) {
            Ok(paid) => paid,
            Err(why) => return Ok(self.required(resource, &why)),
        };
        let was_owed = match self.begin(&paid.name) {
            Ok(was_owed) => was_owed,
            Err(why) => return Ok(self.required(resource, why)),
        };
        // What is owed was verified before, and may be on the chain by now.
        if !was_owed && let Err(why) = settles.verify(&paid.body) {
            self.end(&paid.name, None);
            return Ok(self.required(resource, &why));
        }
        let goods = match work() {
            Ok(goods) => goods,
            Err(error) => {
                self.end(&paid.name, was_owed.then_some(Open::Owed));
                return Err(error);
            }
        };
        let settled = settles.settle(&paid.body);
        self.end(&paid.name, matches!(settled, Settling::Pending(_)).then_some(Open::Owed));
        Ok(match settled {
            Settling::Done(answer) => Sale::Sold { goods, header: encoded(&answer) },
            Settling::Pending(answer) => Sale::Owed { header: encoded(&answer) },
            Settling::Refused(answer) => {
                let why = answer.get("errorReason").and_then(Value::as_str).unwrap_or("it was not settled");
                self.required(resource, why)
            }
        })
    }

    /// The answer 402.
    fn required<T>(&self, resource: &str, why: &str) -> Sale<T> {
        let accepts: Vec<Value> = self.offers.iter().map(Offer::requirements).collect();
        let required =
            json!({"x402Version": 2, "error": why, "resource": {"url": resource}, "accepts": accepts});
        Sale::Required { header: encoded(&required), why: why.into() }
    }

    /// Reads a payment. What was accepted must be an offer of this till, member by member: a payment for something cheaper, or
    /// to somebody else, is none for this.
    fn read(&self, header: &str) -> Result<Paid, String> {
        if header.len() > HEADER_MAX {
            return Err(format!("the payment is longer than {HEADER_MAX} bytes"));
        }
        let bytes = STANDARD.decode(header.trim()).map_err(|_| "the payment is not base64".to_owned())?;
        let payment: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        let accepted = payment.get("accepted").ok_or("the payment does not say what was accepted")?;
        let offers = self.offers.iter().map(Offer::requirements);
        let offer = offers.into_iter().find(|offer| same(offer, accepted));
        let offer = offer.ok_or("what was accepted is no offer of this resource")?;
        let text = |pointer: &str| payment.pointer(pointer).and_then(Value::as_str);
        let from = text("/payload/authorization/from").ok_or("the payment has no payer")?;
        let nonce = text("/payload/authorization/nonce").ok_or("the payment has no nonce")?;
        let name = format!("{from}:{nonce}").to_ascii_lowercase();
        let body = json!({"x402Version": 2, "paymentPayload": payment, "paymentRequirements": offer});
        Ok(Paid { body: body.to_string().into_bytes(), name })
    }

    /// Whether it was owed; a payment is worked on by one request at a time.
    fn begin(&self, name: &str) -> Result<bool, &'static str> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.get(name) == Some(&Open::Working) {
            return Err("this payment is being settled by another request");
        }
        if open.len() >= OPEN_MAX && !open.contains_key(name) {
            return Err("too many payments are under way: try again");
        }
        Ok(open.insert(name.into(), Open::Working) == Some(Open::Owed))
    }

    fn end(&self, name: &str, left: Option<Open>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match left {
            Some(left) => open.insert(name.into(), left),
            None => open.remove(name),
        };
    }
}

/// Whether requirements are the same; addresses may be spelt in any case.
pub(super) fn same(offer: &Value, accepted: &Value) -> bool {
    let text = |json: &Value, name: &str| json.get(name).and_then(Value::as_str).map(str::to_ascii_lowercase);
    let texts = ["scheme", "network", "asset", "amount", "payTo"];
    texts.iter().all(|name| text(offer, name) == text(accepted, name))
        && offer.get("maxTimeoutSeconds") == accepted.get("maxTimeoutSeconds")
        && offer.get("extra") == accepted.get("extra")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A facilitator whose answers are set, and who counts.
    #[derive(Default)]
    struct Fake {
        refuses: Option<&'static str>,
        settled: Vec<Value>,
        verified: u32,
    }

    impl Settles for Fake {
        fn verify(&mut self, _body: &[u8]) -> Result<(), String> {
            self.verified += 1;
            self.refuses.map_or(Ok(()), |why| Err(why.into()))
        }
        fn settle(&mut self, body: &[u8]) -> Settling {
            let asked: Value = serde_json::from_slice(body).unwrap();
            assert_eq!(asked["paymentRequirements"]["amount"], "10000", "the till's own offer is settled");
            Settling::of(self.settled.remove(0))
        }
    }

    fn till() -> Till {
        let address: Address = "0x036CbD53842c5426634e7929541eC2318f3dCF7e".parse().unwrap();
        let (name, version) = ("USDC".into(), "2".into());
        Till::new(vec![Offer {
            network: Network(84_532),
            asset: address,
            name,
            version,
            amount: 10_000,
            pay_to: address,
            max_timeout_s: 60,
        }])
    }

    fn decoded(header: &str) -> Value {
        serde_json::from_slice(&STANDARD.decode(header).unwrap()).unwrap()
    }

    /// A payment for what the till asks, turned.
    fn payment(till: &Till, turn: impl FnOnce(&mut Value)) -> String {
        let Sale::Required { header, .. } = till.required::<()>("/r", "") else { unreachable!() };
        let mut accepted = decoded(&header)["accepts"][0].clone();
        turn(&mut accepted);
        let authorization = json!({"from": "0xAB", "nonce": "0x01"});
        let payload = json!({"authorization": authorization, "signature": "0x"});
        encoded(&json!({"x402Version": 2, "accepted": accepted, "payload": payload}))
    }

    fn sell(till: &Till, header: Option<&str>, fake: &mut Fake) -> Sale<&'static str> {
        till.sell("/r", header, fake, || Ok::<_, ()>("goods")).unwrap()
    }

    #[test]
    fn goods_leave_for_a_payment_that_is_settled_and_for_no_other() {
        let (till, mut fake) = (till(), Fake::default());
        assert!(matches!(sell(&till, None, &mut fake), Sale::Required { .. }));
        let paid = payment(&till, |_| {});
        fake.settled = vec![json!({"success": true, "transaction": "0x1"})];
        let Sale::Sold { goods: "goods", header } = sell(&till, Some(&paid), &mut fake) else {
            unreachable!()
        };
        assert_eq!(decoded(&header)["transaction"], "0x1");
        fake.settled = vec![json!({"success": false, "errorReason": "insufficient_funds"})];
        let Sale::Required { why, .. } = sell(&till, Some(&paid), &mut fake) else { unreachable!() };
        assert_eq!(why, "insufficient_funds");
        fake.refuses = Some("nonce used");
        assert!(matches!(sell(&till, Some(&paid), &mut fake), Sale::Required { .. }));
        assert_eq!(fake.verified, 3);
    }

    #[test]
    fn what_is_under_way_is_owed_and_comes_with_the_same_payment() {
        let (till, mut fake) = (till(), Fake::default());
        let paid = payment(&till, |_| {});
        for silence in [json!({"success": false, "errorReason": "settlement_pending"}), Value::Null] {
            fake.settled = vec![silence];
            assert!(matches!(sell(&till, Some(&paid), &mut fake), Sale::Owed { .. }));
        }
        // Work that fails takes nothing away.
        assert_eq!(till.sell("/r", Some(&paid), &mut fake, || Err::<(), _>("broken")), Err("broken"));
        // By now the chain knows it, so verifying it would refuse it.
        fake.refuses = Some("nonce used");
        fake.settled = vec![json!({"success": true})];
        assert!(matches!(sell(&till, Some(&paid), &mut fake), Sale::Sold { .. }));
        assert!(matches!(sell(&till, Some(&paid), &mut fake), Sale::Required { .. }), "once");
        assert_eq!(fake.verified, 2);
    }

    #[test]
    fn two_requests_with_one_payment_get_one_of_it() {
        let (till, mut fake) = (till(), Fake::default());
        let paid = payment(&till, |_| {});
        fake.settled = vec![json!({"success": true})];
        let sold = till.sell("/r", Some(&paid), &mut fake, || {
            let second = sell(&till, Some(&paid), &mut Fake::default());
            assert!(matches!(second, Sale::Required { .. }), "{second:?}");
            Ok::<_, ()>("goods")
        });
        assert!(matches!(sold, Ok(Sale::Sold { .. })));
    }

    #[test]
    fn a_payment_for_something_else_is_none_for_this() {
        let (till, mut fake) = (till(), Fake::default());
        for (field, value) in [
            ("amount", json!("9999")),
            ("amount", json!("010000")),
            ("payTo", json!("0x0000000000000000000000000000000000000001")),
            ("network", json!("eip155:1")),
            ("scheme", json!("upto")),
            ("maxTimeoutSeconds", json!(61)),
            ("extra", json!({"name": "USDC", "version": "1"})),
        ] {
            let paid = payment(&till, |accepted| accepted[field] = value.clone());
            assert!(matches!(sell(&till, Some(&paid), &mut fake), Sale::Required { .. }), "{field} {value}");
        }
        for header in ["", "%", "e30=", &"A".repeat(HEADER_MAX + 1)] {
            assert!(matches!(sell(&till, Some(header), &mut fake), Sale::Required { .. }));
        }
        assert_eq!(fake.verified, 0, "nobody was asked");
    }
}
