//! The rail over the API.
//!
//! A hold makes a payment, then confirms it; a release captures it, a refund cancels it. A payment has one end, so the rail
//! carries contracts of one stage, one payer and no fees, whose payee is the account of the API's key.

mod step;

use crate::record::Record;
use crate::{Api, CardError, Cards, Journal};
use std::sync::Arc;
use tollgate_core::id::AccountId;
use tollgate_core::{Amount, Asset, Clock, Digest, Timestamp};
use tollgate_pay::PayError;
use tollgate_pay::escrow::{Part, Source, TaskContract};
use tollgate_pay::rail::{Ask, Call, Capabilities, OUTCOME_BYTES_MAX, Outcome, Rail};
use tollgate_rail::Silent;

/// What contracts call it.
pub const CARD_RAIL: &str = "card";
/// Largest amount that the API takes, in the currency's smallest unit.
const AMOUNT_MAX: u64 = 99_999_999;
const HOUR_US: i64 = 3_600_000_000;

/// Whose money comes in, in what, and for how long it can be held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RailConfig {
    /// The account that the API's key belongs to, by our name: contracts pay nobody else.
    pub merchant: AccountId,
    /// Currencies, as assets: `EUR/2`.
    pub assets: Vec<Asset>,
    /// How long a card's bank surely holds, in hours.
    pub hold_h: u32,
    /// Cards are charged while their holders are away, with the consent that they gave before.
    pub off_session: bool,
}

/// The API's currency of an asset. The API counts some currencies otherwise than ISO 4217 does; their assets must count as the
/// API does.
#[must_use]
pub fn currency(asset: Asset) -> Option<String> {
    let places = match asset.code() {
        "BIF" | "CLP" | "DJF" | "GNF" | "JPY" | "KMF" | "KRW" | "MGA" | "PYG" | "RWF" | "VND" | "VUV"
        | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "JOD" | "KWD" | "OMR" | "TND" => 3,
        code if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()) => 2,
        _ => return None,
    };
    (asset.exponent() == places).then(|| asset.code().to_ascii_lowercase())
}

/// What amounts of a currency must be a multiple of.
fn grain(currency: &str) -> u64 {
    match currency {
        "isk" | "ugx" => 100,
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 10,
        _ => 1,
    }
}

fn bad(field: &'static str, value: &str, wanted: &'static str) -> PayError {
    PayError::Bad { field, value: value.chars().take(80).collect(), wanted }
}

/// A call in the API's terms.
enum Wanted {
    Hold { account: AccountId, whole: u64, currency: String, off_session: bool },
    Capture { intent: String, whole: u64, amount: u64, currency: String },
    Cancel { intent: String, whole: u64, currency: String },
}

impl RailConfig {
    /// Whether a contract can be paid by card, as of now.
    ///
    /// # Errors
    /// [`PayError::Bad`] with why not.
    pub fn carries(
        &self,
        cards: &mut impl Cards,
        now: Timestamp,
        contract: &TaskContract,
    ) -> Result<(), PayError> {
        CAPABILITIES.check(contract)?;
        if contract.payee.account != self.merchant {
            return Err(bad("payee", contract.payee.account.as_str(), "the account of the API's key"));
        }
        let (account, whole, _) = self.source(&contract.funding)?;
        if whole == 0 {
            return Err(bad("price", &contract.price.to_string(), "more than nothing"));
        }
        let most = i64::from(self.hold_h).saturating_mul(HOUR_US);
        if contract.refund_after.0.saturating_sub(now.0) > most {
            let wanted = "within the hours that a card's bank surely holds (hold_hours): past them a release could come too late";
            return Err(bad("refund_after", &contract.refund_after.to_string(), wanted));
        }
        match cards.card(&account) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => {
                Err(bad("account", account.as_str(), "one with a card: file it with `pay rail card file`"))
            }
            Err(_) => Err(bad("account", account.as_str(), "one whose card can be read")),
        }
    }

    fn money(&self, amount: Amount) -> Result<(u64, String), PayError> {
        let named = self.assets.contains(&amount.asset());
        let wanted = "one of the currencies that the rail's configuration names";
        let currency = currency(amount.asset()).filter(|_| named);
        let currency = currency.ok_or_else(|| bad("asset", amount.asset().code(), wanted))?;
        let minor = u64::try_from(amount.minor()).ok().filter(|minor| *minor <= AMOUNT_MAX);
        let minor = minor.filter(|minor| minor.checked_rem(grain(&currency)) == Some(0));
        let wanted = "an amount that cards are charged with: at most 99999999 of the smallest unit, whole where it must be";
        Ok((minor.ok_or_else(|| bad("amount", &amount.to_string(), wanted))?, currency))
    }

    fn source(&self, funding: &[Source]) -> Result<(AccountId, u64, String), PayError> {
        let [source] = funding else {
            return Err(bad("funding", &funding.len().to_string(), "one card"));
        };
        let (whole, currency) = self.money(source.amount)?;
        Ok((source.account.clone(), whole, currency))
    }

    fn check_parts(&self, parts: &[Part], amount: Amount) -> Result<(), PayError> {
        let stranger = parts.iter().find(|part| part.account != self.merchant);
        if let Some(part) = stranger {
            return Err(bad("part", part.account.as_str(), "the account of the API's key"));
        }
        let sum = parts.iter().try_fold(0i128, |sum, part| sum.checked_add(part.amount.minor()));
        if sum == Some(amount.minor()) {
            return Ok(());
        }
        Err(bad("parts", &parts.len().to_string(), "the release's amount in sum"))
    }

    fn wanted(&self, call: &Call) -> Result<Wanted, PayError> {
        let name = |held: &str, before: &Amount| {
            if before.minor() != 0 {
                return Err(bad("paid before", &before.to_string(), "nothing: a payment has one end"));
            }
            let intent = Some(held).filter(|held| crate::intent::is_name(held)).map(str::to_owned);
            intent.ok_or_else(|| bad("held funds", held, "the name of a payment"))
        };
        match &call.ask {
            Ask::Hold { funding } => {
                let (account, whole, currency) = self.source(funding)?;
                Ok(Wanted::Hold { account, whole, currency, off_session: self.off_session })
            }
            Ask::Release { held, funding, before, amount, parts, last: true } => {
                let (_, whole, currency) = self.source(funding)?;
                self.check_parts(parts, *amount)?;
                let (minor, of) = self.money(*amount)?;
                if of != currency || minor == 0 || minor > whole {
                    return Err(bad("release", &amount.to_string(), "more than nothing, of what is held"));
                }
                Ok(Wanted::Capture { intent: name(held, before)?, whole, amount: minor, currency })
            }
            Ask::Release { .. } => Err(bad("release", "another follows", "the last: a payment has one end")),
            Ask::Refund { held, funding, before } => {
                let (_, whole, currency) = self.source(funding)?;
                Ok(Wanted::Cancel { intent: name(held, before)?, whole, currency })
            }
        }
    }
}

const CAPABILITIES: Capabilities = Capabilities { stages: false, fees: false, groups: false };

/// See the module.
pub struct CardRail<A, J, C> {
    pub(crate) api: A,
    pub(crate) journal: J,
    cards: C,
    config: RailConfig,
    clock: Arc<dyn Clock>,
}

impl<A, J, C> std::fmt::Debug for CardRail<A, J, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CardRail to {}", self.config.merchant)
    }
}

impl<A: Api, J: Journal, C: Cards> CardRail<A, J, C> {
    /// The rail over an API, with the cards of payers.
    pub fn new(api: A, journal: J, cards: C, config: RailConfig, clock: Arc<dyn Clock>) -> Self {
        Self { api, journal, cards, config, clock }
    }

    /// The API.
    pub const fn api(&mut self) -> &mut A {
        &mut self.api
    }

    /// What is known of calls.
    pub const fn journal(&mut self) -> &mut J {
        &mut self.journal
    }

    fn run(&mut self, call: &Call, act: bool) -> Outcome {
        let (key, asked) = (format!("call:{}", call.key), call.digest());
        if let Some(record) = self.journal.get(&key) {
            if record.asked != asked {
                return failed("the key was used for another call");
            }
            if let Some(outcome) = &record.outcome {
                return outcome.clone();
            }
        }
        let wanted = match self.config.wanted(call) {
            Ok(wanted) => wanted,
            Err(reason) => return failed(&reason.to_string()),
        };
        let record = self.record(&key, asked);
        // Whatever failed on the way, the call itself may have an effect.
        self.go(record, call, &wanted, act).unwrap_or(Outcome::Unknown)
    }

    pub(crate) fn record(&self, key: &str, asked: Digest) -> Record {
        self.journal.get(key).cloned().unwrap_or_else(|| Record::new(key.into(), asked))
    }

    /// What is known for good, on disk before it is told.
    pub(crate) fn keep(&mut self, mut record: Record, outcome: Outcome) -> Result<Outcome, CardError> {
        record.outcome = Some(outcome.clone());
        self.journal.put(record)?;
        Ok(outcome)
    }
}

impl<A: Api, J: Journal, C: Cards> Rail for CardRail<A, J, C> {
    fn name(&self) -> &str {
        CARD_RAIL
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn prepare(&mut self, contract: &TaskContract) -> Result<(), PayError> {
        self.config.carries(&mut self.cards, self.clock.now(), contract)
    }

    fn perform(&mut self, call: &Call) -> Outcome {
        self.run(call, true)
    }

    fn query(&mut self, call: &Call) -> Outcome {
        self.run(call, false)
    }
}

pub(crate) fn failed(reason: &str) -> Outcome {
    let end = reason.floor_char_boundary(OUTCOME_BYTES_MAX);
    Outcome::Failed { reason: reason.get(..end).unwrap_or_default().into() }
}

impl<A: Api, J: Journal, C: Cards> CardRail<A, J, C> {
    /// Makes a request. A fault of the API is remembered, as it would be repeated under the same idempotency key.
    pub(crate) fn send(
        &mut self,
        record: &mut Record,
        request: &crate::Request,
    ) -> Result<crate::Answer, CardError> {
        let answer = self.api.send(request)?;
        if answer.status >= 500 {
            record.faults = record.faults.saturating_add(1);
            self.journal.put(record.clone())?;
            return Err(Silent(format!("status {}", answer.status)).into());
        }
        Ok(answer)
    }
}
