//! Sell: a caller without a key pays for its answer by x402, where models are sold.
//!
//! Such a caller is served by models that are sold and by nothing else. What its answer can cost at most is held before anything
//! is sent to an upstream; what was held bounds the answer; what the answer cost is captured at its end, however it ends: of
//! a stream that its caller left, what passed. An answer that never began costs nothing.
//!
//! Invariant: between the hold and the end of the answer nothing is lost, for dropping [`Sold`] ends it.

use super::ware;
use crate::cashier::{Held, bought};
use crate::config::SaleSettings;
use crate::pipeline::admit::Ours;
use crate::pipeline::answer::Refusal;
use crate::pipeline::authenticate::{Caller, authenticate, presented};
use crate::pipeline::choose::{Demand, ModelPlan};
use crate::pipeline::govern::{self, OUTPUT_MIN, unstated_most};
use crate::pipeline::journey::Journey;
use crate::pipeline::tokens::PriceTag;
use crate::snapshot::{ModelEntry, Snapshot};
use crate::state::Shared;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use tollgate_core::{Fault, FaultKind, Timestamp};
use tollgate_evm::x402::{Begun, PAYMENT_REQUIRED, PAYMENT_RESPONSE, PAYMENT_SIGNATURE, Refusal as Reason};
use tollgate_policy::Effects;
use tollgate_select::model::Capabilities;
use tollgate_wire::view::RequestView;

/// The header that says how a payment was settled.
pub(crate) const SETTLED: HeaderName = HeaderName::from_static(PAYMENT_RESPONSE);
/// Seconds after which a payment that is under way is worth asking for again.
const AGAIN_S: u32 = 2;

/// A payment that is held for this request's answer.
pub(crate) struct Sold {
    held: Held,
    /// What the answer's head says of it.
    pub(crate) told: Option<HeaderValue>,
}

impl Sold {
    /// The answer ended and cost so much.
    pub(crate) fn end(self, micro: u64) {
        self.held.end(micro);
    }
}

/// Who asks: where models are sold, whoever shows no key is a buyer.
pub(in crate::pipeline) fn caller(
    shared: &Shared,
    snapshot: &Snapshot,
    headers: &HeaderMap,
    peer: IpAddr,
    now: Timestamp,
) -> Result<Caller, Fault> {
    let known = authenticate(headers, peer, &snapshot.settings.auth, &shared.store.keys(), now);
    if shared.cashier.as_ref().is_none_or(|cashier| cashier.sale().is_none()) {
        return known;
    }
    let buys = Some(snapshot.settings.sold.clone());
    match known {
        Ok(caller) if caller.key.is_none() && caller.id.is_empty() => Ok(Caller { buys, ..caller }),
        Err(fault) if fault.kind == FaultKind::Unauthenticated && presented(headers).is_none() => {
            Ok(Caller { buys, ..Caller::default() })
        }
        known => known,
    }
}

/// Has what a buyer's answer can cost held, and bounds the answer by it. Others pass.
pub(in crate::pipeline) async fn sell(
    ours: &Ours<'_>,
    shared: &Arc<Shared>,
    (caller, view): (&Caller, &RequestView),
    parts: &Parts,
    demand: &mut Demand,
    (plan, effects): (&ModelPlan, &Effects),
    journey: &mut Journey,
) -> Result<(), Box<Refusal>> {
    if caller.buys.is_none() {
        return Ok(());
    }
    let Some(sale) = shared.cashier.as_ref().and_then(|cashier| cashier.sale()) else {
        return Err(Fault::internal("models are sold, and nothing says how").into());
    };
    ware::check(view, &parts.headers)?;
    let instead = ware::instead((shared, ours.snapshot), view, effects);
    let bill = Bill::of(ours.snapshot, (caller, view), demand, (plan, &instead))?;
    let resource = resource(parts);
    let wanted = |why: &str| {
        let asked = sale.minor(bill.most(demand)).max(1);
        let (body, header) = sale.terms.required(&resource, asked, why, ours.now);
        required(&body, &header, why)
    };
    let Some(header) = parts.headers.get(PAYMENT_SIGNATURE) else {
        return Err(wanted("a payment is required"));
    };
    let Ok(header) = header.to_str() else { return Err(wanted("the payment is not base64")) };
    let least = sale.minor(bill.least(demand)).max(1);
    match bought(shared, header.to_owned(), least).await? {
        (Begun::Held { payer, transaction, amount, .. }, Some(held)) => {
            let told = settled(sale, true, (&payer, &transaction), Some(amount), None);
            journey.sold = Some(Box::new(Sold { held, told }));
            bill.bound(demand, sale.micro(amount));
            journey.resume();
            Ok(())
        }
        (Begun::Pending { payer, transaction }, _) => {
            let told = settled(sale, false, (&payer, &transaction), None, Some(Reason::Pending));
            let message = "the payment is under way: send the same request again, with the same payment";
            let fault = Fault::upstream(FaultKind::Unavailable, message);
            let extra = told.map(|told| (SETTLED, told));
            Err(Box::new(Refusal { fault, retry_after_s: Some(AGAIN_S), said: None, extra }))
        }
        (Begun::Refused { reason, why }, _) => Err(wanted(&format!("{}: {why}", reason.word()))),
        (Begun::Held { .. }, None) => Err(Fault::internal("a payment is held for nobody").into()),
    }
}

/// What the models of a plan, and those that may answer in their place, cost for one request. All of them are sold.
struct Bill {
    prices: Vec<(PriceTag, u64)>,
    embeds: bool,
}

impl Bill {
    fn of(
        snapshot: &Snapshot,
        (caller, view): (&Caller, &RequestView),
        demand: &mut Demand,
        (plan, instead): (&ModelPlan, &[&str]),
    ) -> Result<Self, Box<Refusal>> {
        let endless = |why: String| Fault::caller(FaultKind::BadRequest, format!("it cannot be sold: {why}"));
        demand.ceiling = std::mem::take(&mut demand.ceiling).with_prompt(view);
        if let Some(why) = &demand.ceiling.unbounded {
            return Err(endless(why.clone()).into());
        }
        if let Some(name) = demand.ceiling.unreadable() {
            return Err(endless(format!("`{name}` is no number from 0")).at(name.to_owned()).into());
        }
        let models = || {
            let planned = plan.order.iter().filter_map(|offer| snapshot.models.get(offer.model));
            planned.chain(instead.iter().filter_map(|name| snapshot.model(name)))
        };
        if let Some(model) = models().find(|model| !caller.buys_model(&model.name)) {
            return Err(Fault::caller(FaultKind::Forbidden, format!("{} is not sold", model.name))
                .at("model")
                .into());
        }
        let windows = models().filter_map(|model| model.candidate.context_tokens);
        let left = windows
            .min()
            .map_or(u64::MAX, |window| window.saturating_sub(demand.prompt_tokens).max(OUTPUT_MIN));
        let price = |model: &ModelEntry| (PriceTag::of(model), govern::prompt(model, &demand.ceiling));
        let embeds = demand.needs.missing(Capabilities::EMBEDDINGS).is_empty();
        let bill = Self { prices: models().map(price).collect(), embeds };
        // Where nothing is stated, what is usual is offered, or what a window or a budget leaves.
        if demand.ceiling.stated().is_none() && !embeds {
            let usual = unstated_most(demand).min(left);
            demand.held = Some(demand.held.unwrap_or(usual).min(usual));
        }
        Ok(bill)
    }

    /// The most that an answer of so many tokens costs.
    fn cost(&self, demand: &Demand, unstated: u64) -> u64 {
        let completion = if self.embeds { 0 } else { demand.ceiling.output_tokens(unstated) };
        let costs = self
            .prices
            .iter()
            .map(|(price, prompt)| price.cost_micro(price.dearest(*prompt, demand.writes, completion)));
        costs.max().unwrap_or_default()
    }

    /// What is offered.
    fn most(&self, demand: &Demand) -> u64 {
        self.cost(demand, demand.held.unwrap_or_default())
    }

    /// What must be held: all of it where a limit is stated, else enough for a short answer.
    fn least(&self, demand: &Demand) -> u64 {
        self.cost(demand, demand.held.unwrap_or_default().min(OUTPUT_MIN))
    }

    /// Where nothing is stated, an answer has as many tokens as are paid for.
    fn bound(&self, demand: &mut Demand, paid_micro: u64) {
        let Some(usual) = demand.held.filter(|_| demand.ceiling.stated().is_none()) else { return };
        let (mut fits, mut over) = (OUTPUT_MIN.min(usual), usual.saturating_add(1));
        // The cost grows with the tokens.
        while over.saturating_sub(fits) > 1 {
            let middle = fits.midpoint(over);
            if self.cost(demand, middle) <= paid_micro { fits = middle } else { over = middle }
        }
        demand.held = Some(fits);
    }
}

fn resource(parts: &Parts) -> String {
    let host = parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    format!("http://{}{}", host.unwrap_or("localhost"), parts.uri.path())
}

/// The answer 402.
fn required(body: &Value, header: &str, why: &str) -> Box<Refusal> {
    let fault = Fault::caller(FaultKind::Unauthenticated, why).quoting("a payment is required");
    let extra = HeaderValue::from_str(header).ok();
    Box::new(Refusal {
        fault,
        retry_after_s: None,
        said: Some((StatusCode::PAYMENT_REQUIRED, body.to_string().into())),
        extra: extra.map(|header| (HeaderName::from_static(PAYMENT_REQUIRED), header)),
    })
}

/// x402's `SettlementResponse`, in base64.
fn settled(
    sale: &SaleSettings,
    success: bool,
    (payer, transaction): (&str, &str),
    amount: Option<u128>,
    reason: Option<Reason>,
) -> Option<HeaderValue> {
    let mut answer = json!({
        "success": success, "payer": payer, "transaction": transaction, "network": sale.terms.network.to_string(),
    });
    if let Some(amount) = amount {
        answer["amount"] = json!(amount.to_string());
    }
    if let Some(reason) = reason {
        answer["errorReason"] = json!(reason.word());
    }
    HeaderValue::from_str(&STANDARD.encode(answer.to_string())).ok()
}
