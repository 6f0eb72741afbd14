//! Constraints of open mandates (AP2 v0.2, `payment.*`), and whether a payment meets them.

use super::period::moments;
use super::terms::{Closed, Details, Party};
use super::{Chain, Frequency, Refusal, exponent, minor_units};
use crate::json::Json;
use tollgate_core::Timestamp;

/// What a payment must satisfy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Constraint {
    /// The amount lies between two others, in minor units of a currency.
    AmountRange {
        /// Currency code.
        currency: String,
        /// Least, if any.
        min: Option<i128>,
        /// Most.
        max: i128,
    },
    /// The payee is one of these.
    Payees(Vec<Party>),
    /// The payment is for this transaction.
    Reference(String),
    /// Payments recur at most this often.
    Recurrence {
        /// How often.
        frequency: Frequency,
        /// How many at most, if limited.
        occurrences: Option<u64>,
    },
    /// The instrument is one of these.
    Instruments(Vec<Party>),
    /// The payment service is one of these.
    Pisps(Vec<Party>),
    /// All payments together stay within this, in minor units.
    Budget {
        /// Currency code.
        currency: String,
        /// Most.
        max: i128,
    },
    /// The payment is executed within these moments.
    Execution {
        /// First moment.
        not_before: Option<Timestamp>,
        /// Last moment.
        not_after: Option<Timestamp>,
    },
}

/// What was paid under an open mandate before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Sum in minor units of the mandate's currency.
    pub spent: i128,
    /// Number of payments.
    pub payments: u64,
    /// When the last one was.
    pub last: Option<Timestamp>,
}

/// What a constraint may say, besides its type: whatever else it says might bind.
const MEMBERS: [(&str, &[&str]); 8] = [
    ("payment.amount_range", &["currency", "max", "min"]),
    ("payment.allowed_payees", &["allowed"]),
    ("payment.allowed_payment_instruments", &["allowed"]),
    ("payment.allowed_pisps", &["allowed"]),
    ("payment.reference", &["conditional_transaction_id"]),
    ("payment.agent_recurrence", &["frequency", "max_occurrences"]),
    ("payment.budget", &["currency", "max"]),
    ("payment.execution_date", &["not_after", "not_before"]),
];

impl Constraint {
    /// Nothing of it is hidden, and there is nothing in it that is not known.
    pub(super) fn is_whole(hop: usize, json: &Json) -> Result<(), Refusal> {
        let kind = json.get("type").and_then(Json::text).unwrap_or_default();
        let (Some((_, known)), Json::Map(members)) = (MEMBERS.iter().find(|(name, _)| *name == kind), json)
        else {
            return Err(Refusal::Unresolved { kind: kind.into() });
        };
        match members.keys().find(|name| *name != "type" && !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) if name == "_sd" => Err(Refusal::Hidden { hop, place: format!("constraint {kind}") }),
            Some(name) => Err(Refusal::Unresolved { kind: format!("{kind}.{name}") }),
        }
    }

    pub(super) fn read(hop: usize, json: &Json) -> Result<Self, Refusal> {
        let kind = json.get("type").and_then(Json::text).unwrap_or_default();
        let bad = |what: &str| Refusal::Unreadable { hop, what: format!("constraint {kind}: {what}") };
        let text = |name: &str| json.get(name).and_then(Json::text).map(str::to_owned);
        let currency = || {
            let code = text("currency").ok_or_else(|| bad("it has no currency"))?;
            exponent(&code).map(|places| (code, places)).ok_or_else(|| bad("its currency is not known"))
        };
        let integer = |name: &str| match json.get(name) {
            None => Ok(None),
            Some(value) => value.integer().map(Some).ok_or_else(|| bad("an amount is not whole minor units")),
        };
        Ok(match kind {
            "payment.amount_range" => {
                let max = integer("max")?.ok_or_else(|| bad("it has no max"))?;
                Self::AmountRange { currency: currency()?.0, min: integer("min")?, max }
            }
            "payment.allowed_payees" => {
                Self::Payees(parties(json).ok_or_else(|| bad("allowed is no list of ids"))?)
            }
            "payment.allowed_payment_instruments" => {
                Self::Instruments(parties(json).ok_or_else(|| bad("allowed is no list of ids"))?)
            }
            "payment.allowed_pisps" => {
                Self::Pisps(parties(json).ok_or_else(|| bad("allowed is no list of ids"))?)
            }
            "payment.reference" => Self::Reference(
                text("conditional_transaction_id").ok_or_else(|| bad("it names no transaction"))?,
            ),
            "payment.agent_recurrence" => {
                let frequency = text("frequency").and_then(|name| Frequency::named(&name));
                let frequency = frequency.ok_or_else(|| bad("its frequency is not known"))?;
                let occurrences = integer("max_occurrences")?.map(u64::try_from).transpose();
                let occurrences = occurrences.map_err(|_| bad("max_occurrences is negative"))?;
                Self::Recurrence { frequency, occurrences }
            }
            "payment.budget" => {
                let (currency, places) = currency()?;
                let Some(Json::Number(decimal)) = json.get("max") else { return Err(bad("it has no max")) };
                let max =
                    minor_units(decimal, places).ok_or_else(|| bad("its max is not whole minor units"))?;
                Self::Budget { currency, max }
            }
            "payment.execution_date" => {
                let moment = |name: &str| match text(name) {
                    None => Ok(None),
                    Some(text) => {
                        moments(&text).map(Some).ok_or_else(|| bad("a date is no day and no moment"))
                    }
                };
                let (first, last) = (moment("not_before")?, moment("not_after")?);
                Self::Execution { not_before: first.map(|m| m.0), not_after: last.map(|m| m.1) }
            }
            other => return Err(Refusal::Unresolved { kind: other.into() }),
        })
    }

    /// AP2's name of the constraint.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::AmountRange { .. } => "payment.amount_range",
            Self::Payees(_) => "payment.allowed_payees",
            Self::Reference(_) => "payment.reference",
            Self::Recurrence { .. } => "payment.agent_recurrence",
            Self::Instruments(_) => "payment.allowed_payment_instruments",
            Self::Pisps(_) => "payment.allowed_pisps",
            Self::Budget { .. } => "payment.budget",
            Self::Execution { .. } => "payment.execution_date",
        }
    }

    /// Whether the payment meets it, given what was paid before and all constraints that stand beside it.
    pub(super) fn check(
        &self,
        closed: &Closed,
        usage: &Usage,
        now: Timestamp,
        beside: &[Self],
    ) -> Result<(), Refusal> {
        let unmet = |why: String| Err(Refusal::Unmet { constraint: self.kind(), why });
        let (minor, code) = (closed.amount.minor(), closed.amount.asset());
        match self {
            Self::AmountRange { currency, .. } | Self::Budget { currency, .. } if currency != code.code() => {
                unmet(format!("the payment is in {}, {currency} is allowed", code.code()))
            }
            Self::AmountRange { max, .. } if minor > *max => unmet(format!("{minor} is more than {max}")),
            Self::AmountRange { min: Some(min), .. } if minor < *min => {
                unmet(format!("{minor} is less than {min}"))
            }
            Self::Budget { max, .. } => match usage.spent.checked_add(minor).filter(|sum| sum <= max) {
                Some(_) => Ok(()),
                None => unmet(format!("{} were spent, {minor} more would exceed {max}", usage.spent)),
            },
            Self::Payees(allowed) => one_of(allowed, Some(&closed.payee)).or_else(unmet),
            Self::Instruments(allowed) => one_of(allowed, Some(&closed.instrument)).or_else(unmet),
            Self::Pisps(allowed) => one_of(allowed, closed.details.pisp.as_ref()).or_else(unmet),
            Self::Reference(wanted) if *wanted != closed.transaction => {
                unmet(format!("the payment is for {:?}, {wanted:?} is allowed", closed.transaction))
            }
            Self::Recurrence { frequency, occurrences } => {
                let bounded = |kind: &str| beside.iter().any(|other| other.kind() == kind);
                if !bounded("payment.amount_range") || !bounded("payment.budget") {
                    return unmet("a recurring payment needs an amount range and a budget beside it".into());
                }
                if occurrences.is_some_and(|most| usage.payments >= most) {
                    return unmet(format!("{} payments were made", usage.payments));
                }
                match usage.last.map(|last| frequency.allows(last, now)) {
                    None | Some(Some(true)) => Ok(()),
                    _ => unmet(format!("one was made in this period already ({frequency:?})")),
                }
            }
            Self::Execution { not_before, not_after } => {
                let Some((first, last)) = executed(&closed.details, now) else {
                    return unmet("the execution date is no day and no moment".into());
                };
                if not_before.is_some_and(|from| first < from) {
                    return unmet("it would be executed too early".into());
                }
                if not_after.is_some_and(|until| last > until) {
                    return unmet("it would be executed too late".into());
                }
                Ok(())
            }
            Self::AmountRange { .. } | Self::Reference(_) => Ok(()),
        }
    }
}

impl Chain {
    /// Checks that a payment which is executed at `now`, whatever day it says, is one that every hop allows.
    ///
    /// # Errors
    /// [`Refusal::Unmet`].
    pub fn executes_at(&self, now: Timestamp) -> Result<(), Refusal> {
        let unmet = |why: &str| Refusal::Unmet { constraint: "payment.execution_date", why: why.into() };
        if executed(&self.closed.details, now).is_none_or(|(first, last)| now < first || now > last) {
            return Err(unmet("the payment is for another day, and the money moves now"));
        }
        for constraint in self.open.iter().flat_map(|open| &open.constraints) {
            if let Constraint::Execution { not_before, not_after } = constraint
                && (not_before.is_some_and(|from| now < from) || not_after.is_some_and(|until| now > until))
            {
                return Err(unmet("now is not within it, and the money moves now"));
            }
        }
        Ok(())
    }

    /// Checks that every hop which says who may be paid names this one, besides the payee.
    ///
    /// # Errors
    /// [`Refusal::Unmet`].
    pub fn pays_to(&self, id: &str) -> Result<(), Refusal> {
        for open in &self.open {
            let lists = open.constraints.iter().filter_map(|constraint| match constraint {
                Constraint::Payees(allowed) => Some(allowed.as_slice()),
                _ => None,
            });
            let lists: Vec<&[Party]> = lists.collect();
            let is_open = open.details.payee.is_none() || !lists.is_empty();
            if !is_open || !lists.iter().all(|allowed| allowed.iter().any(|party| party.id == id)) {
                let why = format!("{id:?} is paid a fee, and is not among those that are shown");
                return Err(Refusal::Unmet { constraint: "payment.allowed_payees", why });
            }
        }
        Ok(())
    }
}

/// First and last moment at which the payment may be executed: without a date it is now.
fn executed(details: &Details, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    details.execution_date.as_deref().map_or(Some((now, now)), moments)
}

fn one_of(allowed: &[Party], party: Option<&Party>) -> Result<(), String> {
    let Some(party) = party else { return Err("the payment names none".into()) };
    if allowed.iter().any(|known| known.is(party)) {
        return Ok(());
    }
    Err(format!("{:?} is not among the {} that are shown", party.id, allowed.len()))
}

/// The parties that are shown; those that are hidden are not allowed here, which is what hiding them is for.
fn parties(json: &Json) -> Option<Vec<Party>> {
    let list = json.get("allowed")?.list()?;
    let shown = list.iter().filter(|item| super::disclose::element_digest(item).is_none());
    shown.map(Party::read).collect()
}
