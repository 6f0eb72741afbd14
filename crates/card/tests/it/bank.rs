//! A far side in memory that behaves as the API's reference says, with faults that it may have.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tollgate_card::{Answer, Api, Method, Request};
use tollgate_rail::Silent;

/// The card that every bank refuses.
pub(crate) const REFUSED: &str = "pm_refused";
/// The card whose holder has to do something.
pub(crate) const ASKING: &str = "pm_asking";

type Form = Vec<(&'static str, String)>;

/// A payment as it is at the far side.
#[derive(Clone, Debug)]
pub(crate) struct Paid {
    pub(crate) status: &'static str,
    pub(crate) amount: u64,
    pub(crate) received: u64,
    method: String,
    metadata: Map<String, Value>,
    currency: String,
    error: Value,
}

/// See the module.
#[derive(Default, Debug)]
pub(crate) struct Bank {
    pub(crate) payments: BTreeMap<String, Paid>,
    pub(crate) refunds: Vec<(String, u64, Map<String, Value>)>,
    /// Answers by idempotency keys.
    answered: BTreeMap<String, (Form, Answer)>,
    /// Statuses that the next requests are answered with, without being looked at.
    pub(crate) faults: Vec<u16>,
    /// The next capture finds its payment cancelled by somebody else, and is answered 200 all the same.
    pub(crate) is_cancelled_before_capture: bool,
    pub(crate) posts: Vec<String>,
    made: u64,
}

fn answer(status: u16, body: Value) -> Answer {
    Answer { status, body }
}

fn no(status: u16, message: &str) -> Answer {
    answer(status, json!({"error": {"message": message}}))
}

impl Bank {
    /// What a long time does.
    pub(crate) fn forget_keys(&mut self) {
        self.answered.clear();
    }

    pub(crate) fn only(&mut self) -> (&String, &mut Paid) {
        assert_eq!(self.payments.len(), 1, "{:?}", self.payments);
        let (id, paid) = self.payments.iter_mut().next().unwrap();
        (id, paid)
    }

    fn shown(&self, id: &str) -> Answer {
        let Some(paid) = self.payments.get(id) else { return no(404, "no such payment") };
        answer(
            200,
            json!({
                "id": id, "object": "payment_intent", "status": paid.status, "amount": paid.amount,
                "amount_received": paid.received, "currency": paid.currency, "metadata": paid.metadata,
                "last_payment_error": paid.error,
            }),
        )
    }

    fn post(&mut self, path: &str, form: &[(&'static str, String)]) -> Answer {
        self.posts.push(path.into());
        let field =
            |name: &str| form.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let number = |name: &str| field(name).and_then(|text| text.parse::<u64>().ok());
        let metadata: Map<String, Value> = form
            .iter()
            .filter_map(|(name, value)| {
                let name = name.strip_prefix("metadata[")?.strip_suffix(']')?;
                Some((name.to_owned(), json!(value)))
            })
            .collect();
        let parts: Vec<&str> = path.split('/').skip(2).collect();
        match parts.as_slice() {
            ["payment_intents"] => {
                assert_eq!(field("capture_method").as_deref(), Some("manual"));
                self.made += 1;
                let id = format!("pi_{}", self.made);
                let paid = Paid {
                    status: "requires_confirmation",
                    amount: number("amount").unwrap(),
                    received: 0,
                    method: field("payment_method").unwrap(),
                    metadata,
                    currency: field("currency").unwrap(),
                    error: Value::Null,
                };
                self.payments.insert(id.clone(), paid);
                self.shown(&id)
            }
            ["payment_intents", id, what] => match self.turn(id, what, number("amount_to_capture")) {
                Some(refused) => refused,
                None => self.shown(id),
            },
            ["refunds"] => {
                let (id, amount) = (field("payment_intent").unwrap(), number("amount").unwrap());
                let gone: u64 =
                    self.refunds.iter().filter(|(of, ..)| *of == id).map(|(_, amount, _)| amount).sum();
                if self.payments[&id].received < gone + amount {
                    return no(400, "more than what is left");
                }
                self.refunds.push((id, amount, metadata));
                answer(200, self.refund(self.refunds.len() - 1))
            }
            _ => no(404, "no such path"),
        }
    }

    fn refund(&self, n: usize) -> Value {
        let (id, amount, metadata) = &self.refunds[n];
        json!({"id": format!("re_{n}"), "amount": amount, "payment_intent": id, "metadata": metadata,
            "status": "succeeded"})
    }

    fn turn(&mut self, id: &str, what: &str, amount: Option<u64>) -> Option<Answer> {
        let lies = std::mem::take(&mut self.is_cancelled_before_capture) && what == "capture";
        let Some(paid) = self.payments.get_mut(id) else { return Some(no(404, "no such payment")) };
        if lies {
            paid.status = "canceled";
            return None;
        }
        match (what, paid.status) {
            ("confirm", "requires_confirmation") if paid.method == REFUSED => {
                paid.status = "requires_payment_method";
                paid.error = json!({"message": "Your card was declined.", "code": "card_declined"});
                return Some(no(402, "Your card was declined."));
            }
            ("confirm", "requires_confirmation") if paid.method == ASKING => paid.status = "requires_action",
            ("confirm", "requires_confirmation") => paid.status = "requires_capture",
            ("capture", "requires_capture") => {
                let amount = amount.unwrap_or(paid.amount);
                if amount > paid.amount {
                    return Some(no(400, "more than is held"));
                }
                (paid.status, paid.received) = ("succeeded", amount);
            }
            ("cancel", status) if !["succeeded", "canceled"].contains(&status) => paid.status = "canceled",
            _ => return Some(no(400, "not in this state")),
        }
        None
    }
}

impl Api for Bank {
    fn send(&mut self, request: &Request) -> Result<Answer, Silent> {
        let path = request.path.split('?').next().unwrap();
        if let Some((asked, answer)) = self.answered.get(&request.key) {
            // A key is of one request.
            return Ok(if *asked == request.form { answer.clone() } else { no(400, "key used before") });
        }
        let status = self.faults.pop();
        let given = match (status, request.method) {
            (Some(status), _) => no(status, "it is not well"),
            (None, Method::Get) => match path.rsplit_once('/').unwrap() {
                ("/v1", "refunds") => {
                    let (_, id) = request.path.split_once("payment_intent=").unwrap();
                    let id = id.split('&').next().unwrap();
                    let mine = (0..self.refunds.len()).filter(|n| self.refunds[*n].0 == id);
                    answer(200, json!({"data": mine.map(|n| self.refund(n)).collect::<Vec<_>>()}))
                }
                (_, id) => self.shown(id),
            },
            (None, Method::Post) => self.post(path, &request.form),
        };
        // Answers are kept for a key when the request was executed, faults too.
        if request.method == Method::Post && ![401, 409, 429].contains(&given.status) {
            self.answered.insert(request.key.clone(), (request.form.clone(), given.clone()));
        }
        Ok(given)
    }
}
