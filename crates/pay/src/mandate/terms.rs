//! Open and closed payment mandates as types.

use super::chain::Reading;
use super::constraint::Constraint;
use super::disclose::element_digest;
use super::jws::Es256Key;
use super::{Refusal, exponent};
use crate::json::Json;
use tollgate_core::{Amount, Asset, Timestamp};

/// Most constraints that one mandate may have.
const CONSTRAINTS_MAX: usize = 64;

/// A payee, an instrument or a payment service: its id, and what else was said of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Party {
    /// Its id.
    pub id: String,
    /// All its members, the id included.
    pub all: Json,
}

impl Party {
    pub(super) fn read(json: &Json) -> Option<Self> {
        Some(Self { id: json.get("id")?.text()?.to_owned(), all: json.clone() })
    }

    /// Whether `other` is this one: the id is equal, and so is all that this one says.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let Json::Map(said) = &self.all else { return false };
        // A type or a website that was not allowed is not covered by an equal id.
        self.id == other.id && said.iter().all(|(name, value)| other.all.get(name) == Some(value))
    }
}

/// What stays the same for all payments under an open mandate, and what a closed one decides.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Details {
    pub(super) payee: Option<Party>,
    pub(super) amount: Option<Amount>,
    pub(super) instrument: Option<Party>,
    pub(super) pisp: Option<Party>,
    pub(super) execution_date: Option<String>,
}

/// A mandate that leaves something open, within constraints, to the holder of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Open {
    /// What every payment must satisfy.
    pub constraints: Vec<Constraint>,
    /// Who may close it or delegate it further.
    pub holder: Es256Key,
    /// When it ends, by its own and its token's `exp`, with the tolerance for clocks.
    pub until: Option<Timestamp>,
    pub(super) details: Details,
}

/// A mandate for one payment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Closed {
    /// The transaction that it is for.
    pub transaction: String,
    /// Who is paid.
    pub payee: Party,
    /// How much, in minor units; more than nothing.
    pub amount: Amount,
    /// What is paid with.
    pub instrument: Party,
    /// When the authorisation ends, as for [`Open::until`].
    pub until: Option<Timestamp>,
    pub(super) details: Details,
}

impl Closed {
    /// The payment service that it names.
    #[must_use]
    pub const fn pisp(&self) -> Option<&Party> {
        self.details.pisp.as_ref()
    }
}

/// Reads the members of a mandate, for errors that name the hop.
struct Reader<'a> {
    hop: usize,
    json: &'a Json,
}

impl Reader<'_> {
    fn bad(&self, what: impl Into<String>) -> Refusal {
        Refusal::Unreadable { hop: self.hop, what: what.into() }
    }

    fn party(&self, name: &str) -> Result<Option<Party>, Refusal> {
        let read = |json| Party::read(json).ok_or_else(|| self.bad(format!("{name} has no id")));
        self.json.get(name).map(read).transpose()
    }

    fn amount(&self) -> Result<Option<Amount>, Refusal> {
        let Some(json) = self.json.get("payment_amount") else { return Ok(None) };
        let code = json.get("currency").and_then(Json::text).unwrap_or_default();
        let minor = json.get("amount").and_then(Json::integer);
        let minor =
            minor.ok_or_else(|| self.bad("payment_amount.amount is not a whole number of minor units"))?;
        let places = exponent(code).ok_or_else(|| self.bad(format!("currency {code:?} is not known")))?;
        let asset = Asset::new(code, places).map_err(|error| self.bad(error.to_string()))?;
        Ok(Some(Amount::new(minor, asset)))
    }

    fn details(&self) -> Result<Details, Refusal> {
        let date = self.json.get("execution_date");
        let date = date
            .map(|json| json.text().ok_or_else(|| self.bad("execution_date is not a text")))
            .transpose()?;
        Ok(Details {
            payee: self.party("payee")?,
            amount: self.amount()?,
            instrument: self.party("payment_instrument")?,
            pisp: self.party("pisp")?,
            execution_date: date.map(str::to_owned),
        })
    }

    /// Nothing of the mandate itself may be hidden: who checks must see all that binds.
    fn all_shown(&self) -> Result<(), Refusal> {
        if self.json.get("_sd").is_some() {
            return Err(Refusal::Hidden { hop: self.hop, place: "the mandate".into() });
        }
        Ok(())
    }
}

pub(super) fn open(
    hop: usize,
    json: &Json,
    until: Option<Timestamp>,
    reading: Reading,
) -> Result<Open, Refusal> {
    let read = Reader { hop, json };
    read.all_shown()?;
    let list =
        json.get("constraints").and_then(Json::list).ok_or_else(|| read.bad("it has no constraints"))?;
    if list.len() > CONSTRAINTS_MAX {
        return Err(read.bad(format!("it has more than {CONSTRAINTS_MAX} constraints")));
    }
    if list.iter().any(|item| element_digest(item).is_some()) {
        return Err(Refusal::Hidden { hop, place: "the list of constraints".into() });
    }
    if reading == Reading::Whole {
        list.iter().try_for_each(|item| Constraint::is_whole(hop, item))?;
    }
    let constraints = list.iter().map(|item| Constraint::read(hop, item)).collect::<Result<_, _>>()?;
    let jwk = json.get("cnf").and_then(|cnf| cnf.get("jwk"));
    let holder =
        jwk.and_then(Es256Key::from_jwk).ok_or_else(|| read.bad("cnf.jwk is no P-256 public key"))?;
    Ok(Open { constraints, holder, until, details: read.details()? })
}

pub(super) fn closed(hop: usize, json: &Json, until: Option<Timestamp>) -> Result<Closed, Refusal> {
    let read = Reader { hop, json };
    read.all_shown()?;
    let transaction = json.get("transaction_id").and_then(Json::text).filter(|id| !id.is_empty());
    let transaction = transaction.ok_or_else(|| read.bad("it has no transaction_id"))?.to_owned();
    let details = read.details()?;
    let missing = |name: &str| read.bad(format!("it has no {name}"));
    let amount = details.amount.ok_or_else(|| missing("payment_amount"))?;
    if amount.minor() <= 0 {
        return Err(
            read.bad(format!("its amount is {} minor units: it must be more than nothing", amount.minor()))
        );
    }
    let payee = details.payee.clone().ok_or_else(|| missing("payee"))?;
    let instrument = details.instrument.clone().ok_or_else(|| missing("payment_instrument"))?;
    Ok(Closed { transaction, payee, amount, instrument, until, details })
}
