//! Calls, step by step: look at the payment, do the one thing that its stage allows, look again.

use super::{CardRail, Wanted, failed};
use crate::record::Record;
use crate::{Api, Card, CardError, Cards, Intent, Journal, Request, Stage};
use tollgate_core::Digest;
use tollgate_pay::rail::{Call, Outcome};

/// How a call stands by its payment.
enum Standing {
    /// It is known.
    Over(Outcome),
    /// It may still happen: this asks for it.
    Open(Request),
    /// Somebody else has to do something first.
    Waits,
}

impl<A: Api, J: Journal, C: Cards> CardRail<A, J, C> {
    pub(super) fn go(
        &mut self,
        mut record: Record,
        call: &Call,
        wanted: &Wanted,
        act: bool,
    ) -> Result<Outcome, CardError> {
        let named = match wanted {
            Wanted::Hold { .. } => record.intent.clone(),
            Wanted::Capture { intent, .. } | Wanted::Cancel { intent, .. } => Some(intent.clone()),
        };
        let name = match named {
            Some(name) => name,
            None if !act => return Ok(Outcome::Unknown),
            None => match self.make(&mut record, call, wanted)? {
                Ok(name) => name,
                Err(reason) => return self.keep(record, failed(&reason)),
            },
        };
        // A hold that is refused is cancelled before it counts as failed, so there are two steps at most.
        for _ in 0..2 {
            let intent = self.payment(&name)?;
            let request = match standing(&record, call, wanted, &intent, self.ends(&name)) {
                Standing::Over(outcome) => return self.end(record, &name, outcome),
                Standing::Open(request) if act => request,
                Standing::Open(_) | Standing::Waits => return Ok(Outcome::Unknown),
            };
            if !matches!(wanted, Wanted::Hold { .. }) {
                let end = Record { outcome: None, ..self.record(&format!("end:{name}"), record.asked) };
                self.journal.put(Record { asked: record.asked, ..end })?;
            }
            self.journal.put(record.clone())?;
            // Whatever it is answered: the payment says what it did.
            self.send(&mut record, &request)?;
        }
        let intent = self.payment(&name)?;
        match standing(&record, call, wanted, &intent, self.ends(&name)) {
            Standing::Over(outcome) => self.end(record, &name, outcome),
            Standing::Open(_) | Standing::Waits => Ok(Outcome::Unknown),
        }
    }

    /// Keeps what is known; a call that failed does not hold up another that ends the payment.
    fn end(&mut self, record: Record, name: &str, outcome: Outcome) -> Result<Outcome, CardError> {
        let key = format!("end:{name}");
        let is_ours = self.journal.get(&key).is_some_and(|end| end.asked == record.asked);
        if is_ours && matches!(outcome, Outcome::Failed { .. }) {
            let end = Record { outcome: Some(outcome.clone()), ..self.record(&key, record.asked) };
            self.journal.put(end)?;
        }
        self.keep(record, outcome)
    }

    /// What ends a payment, as far as the journal knows.
    fn ends(&self, name: &str) -> Option<Digest> {
        let end = self.journal.get(&format!("end:{name}"))?;
        end.outcome.is_none().then_some(end.asked)
    }

    /// Makes the payment, which has no effect yet; inside, why there is none.
    fn make(
        &mut self,
        record: &mut Record,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Result<String, String>, CardError> {
        let Wanted::Hold { account, whole, currency, .. } = wanted else {
            return Ok(Err("it names no payment".into()));
        };
        // Nothing was asked for yet that could have an effect, so a "no" is one for good.
        let Some(card) = self.cards.card(account)? else {
            return Ok(Err(format!("the account {account} has no card")));
        };
        self.journal.put(record.clone())?;
        let request = creation(call, &card, *whole, currency, record.step("make"));
        let answer = self.send(record, &request)?;
        if answer.is_no() {
            return Ok(Err(answer.good().map_or_else(|error| error.to_string(), |_| String::new())));
        }
        let intent = Intent::read(&answer.good()?);
        let fits = intent.filter(|intent| intent.amount == *whole && intent.currency == *currency);
        let Some(intent) = fits.filter(|intent| intent.escrow == Some(call.escrow)) else {
            return Ok(Err("the API made another payment than was asked for".into()));
        };
        record.intent = Some(intent.id.clone());
        self.journal.put(record.clone())?;
        Ok(Ok(intent.id))
    }

    /// The payment of a name, as it is.
    ///
    /// # Errors
    /// When the API does not say.
    pub fn payment(&mut self, name: &str) -> Result<Intent, CardError> {
        let request = Request::get(format!("/v1/payment_intents/{name}?expand%5B%5D=latest_charge"));
        let read = Intent::read(&self.api.send(&request)?.good()?).filter(|intent| intent.id == name);
        read.ok_or_else(|| CardError::bad("the API's answer", name, "the payment that was asked for"))
    }
}

fn creation(call: &Call, card: &Card, whole: u64, currency: &str, key: String) -> Request {
    let mut form = vec![
        ("amount", whole.to_string()),
        ("currency", currency.to_owned()),
        ("capture_method", "manual".into()),
        ("payment_method", card.payment_method.clone()),
        ("payment_method_types[]", "card".into()),
        ("metadata[tollgate_escrow]", call.escrow.to_string()),
    ];
    form.extend(card.customer.clone().map(|customer| ("customer", customer)));
    Request::post("/v1/payment_intents".into(), form, key)
}

fn standing(
    record: &Record,
    call: &Call,
    wanted: &Wanted,
    intent: &Intent,
    ends: Option<Digest>,
) -> Standing {
    let over = |reason: &str| Standing::Over(failed(reason));
    let done = |proof: String| Standing::Over(Outcome::Done { proof });
    let post = |what: &str, form| {
        let path = format!("/v1/payment_intents/{}/{what}", intent.id);
        Standing::Open(Request::post(path, form, record.step(what)))
    };
    let (Wanted::Hold { whole, currency, .. }
    | Wanted::Capture { whole, currency, .. }
    | Wanted::Cancel { whole, currency, .. }) = wanted;
    if intent.escrow != Some(call.escrow) || intent.amount != *whole || intent.currency != *currency {
        return over("the payment is not this escrow's");
    }
    let is_ours = ends.is_none_or(|ends| ends == record.asked);
    match (wanted, intent.stage) {
        (_, Stage::Processing) => Standing::Waits,
        (Wanted::Hold { .. }, Stage::Held | Stage::Captured) => done(intent.id.clone()),
        (Wanted::Hold { off_session, .. }, Stage::Made) => {
            post("confirm", off_session.then(|| ("off_session", "true".into())).into_iter().collect())
        }
        // Only a payment that is over is one that is never held.
        (Wanted::Hold { .. }, Stage::Refused) => post("cancel", Vec::new()),
        (Wanted::Hold { .. }, Stage::Cancelled) => over(&format!("the card was refused: {}", intent.reason)),
        (_, _) if !is_ours => over("another call ended this payment"),
        (Wanted::Capture { amount, .. }, Stage::Held) => {
            post("capture", vec![("amount_to_capture", amount.to_string())])
        }
        (Wanted::Capture { amount, .. }, Stage::Captured) if intent.received == *amount => {
            done(format!("{}:{amount}", intent.id))
        }
        (Wanted::Capture { .. }, Stage::Captured) => over("another amount was captured"),
        (Wanted::Capture { .. }, Stage::Cancelled) => over("what was held went back to the card"),
        (Wanted::Capture { .. }, Stage::Made | Stage::Refused) => over("nothing is held"),
        (Wanted::Cancel { .. }, Stage::Cancelled) => done(format!("{}:cancelled", intent.id)),
        (Wanted::Cancel { .. }, Stage::Captured) => over("it was captured"),
        (Wanted::Cancel { .. }, Stage::Held | Stage::Made | Stage::Refused) => post("cancel", Vec::new()),
    }
}
