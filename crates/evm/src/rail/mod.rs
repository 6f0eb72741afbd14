//! The rail over our escrow contracts.
//!
//! A contract's terms give its payment ([`RailConfig::info`]): same parties, price, fee and deadlines, and its digest as salt, so
//! the payer signs for this contract and no other. A hold is what the payer signed; a release or refund is what the verifiers
//! signed, and says how much was paid before. From `refund_after` on a refund needs nobody: the escrow gives the rest back.
//! Accounts are addresses: `acct_0x…`.

mod deed;

pub use deed::State;

use crate::{Address, At, Chain, EvmError, Journal, Node, Order, Papers, PaymentInfo, Sender, Word};
use deed::{Escrowed, Wanted};
use tollgate_core::id::AccountId;
use tollgate_core::{Amount, Asset};
use tollgate_pay::PayError;
use tollgate_pay::escrow::TaskContract;
use tollgate_pay::rail::{Call, Capabilities, Outcome, Rail};

/// What contracts call it.
pub const EVM_RAIL: &str = "evm";
/// Longest time after the last capture in which what was paid may be refunded: 90 days.
const REFUND_S: u64 = 90 * 86_400;
const SECOND_US: i64 = 1_000_000;

/// Where the rail's contracts and tokens are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RailConfig {
    /// The chain's number (EIP-155).
    pub chain_id: u64,
    /// The escrow.
    pub escrow: Address,
    /// The operator that payments name.
    pub operator: Address,
    /// Who may sign orders.
    pub verifiers: Vec<Address>,
    /// How many of them must.
    pub needed: u8,
    /// Tokens by the assets that they are.
    pub tokens: Vec<(Asset, Address)>,
}

/// The address of an account: `acct_0x` and 40 lower-case digits.
#[must_use]
pub fn address_of(account: &AccountId) -> Option<Address> {
    let text = account.as_str().strip_prefix(AccountId::PREFIX)?;
    text.parse().ok().filter(|_| text.bytes().all(|byte| !byte.is_ascii_uppercase()))
}

fn bad(field: &'static str, value: &str, wanted: &'static str) -> PayError {
    PayError::Bad { field, value: value.chars().take(80).collect(), wanted }
}

fn address(account: &AccountId) -> Result<Address, PayError> {
    address_of(account).ok_or_else(|| bad("account", account.as_str(), "acct_0x and 40 lower-case digits"))
}

impl RailConfig {
    /// The payment that a contract means.
    ///
    /// # Errors
    /// [`PayError::Bad`] with what the rail cannot carry.
    pub fn info(&self, contract: &TaskContract) -> Result<PaymentInfo, PayError> {
        CAPABILITIES.check(contract)?;
        let (payer, fee) = match (contract.funding.as_slice(), contract.fees.as_slice()) {
            ([source], []) => (&source.account, None),
            ([source], [fee]) => (&source.account, Some(fee)),
            _ => {
                return Err(bad(
                    "fees",
                    &contract.fees.len().to_string(),
                    "at most one: the escrow pays one",
                ));
            }
        };
        let price = contract.price.minor();
        let max_amount = u128::try_from(price).ok().filter(|amount| *amount < 1 << 120);
        let first = contract.stages.iter().map(|stage| stage.submit_by.0).min().unwrap_or_default();
        // Up to the next second, so that the chain lets go no earlier than the terms.
        let refund = contract.refund_after.0.saturating_add(SECOND_US.saturating_sub(1));
        let seconds = |us: i64| u64::try_from(us.div_euclid(SECOND_US)).ok().filter(|s| *s < 1 << 47);
        let time = |us| seconds(us).ok_or_else(|| bad("time", &us.to_string(), "one that a chain can tell"));
        let bps = fee.map_or(0, |fee| fee.bps);
        Ok(PaymentInfo {
            operator: self.operator,
            payer: address(payer)?,
            receiver: address(&contract.payee.account)?,
            token: self.token(contract.price)?,
            max_amount: max_amount.ok_or_else(|| bad("price", &price.to_string(), "less than 2^120"))?,
            pre_approval_expiry: time(first)?,
            authorization_expiry: time(refund)?,
            refund_expiry: time(refund)?.saturating_add(REFUND_S),
            min_fee_bps: bps,
            max_fee_bps: bps,
            fee_receiver: fee.map_or(Ok(Address::default()), |fee| address(&fee.account))?,
            salt: Word(contract.digest().0),
        })
    }

    /// The order that a call needs signed, but for its proof and expiry; `None` for a hold.
    ///
    /// # Errors
    /// [`PayError::Bad`] when the call is not about this payment.
    pub fn order(&self, asked: &Call, info: &PaymentInfo) -> Result<Option<Order>, PayError> {
        match Wanted::of(asked, info, self)? {
            Wanted::Hold => Ok(None),
            Wanted::Order(order) => Ok(Some(order)),
        }
    }

    /// What the contracts say of a payment.
    ///
    /// # Errors
    /// When the node does not say.
    pub fn state<N: Node>(&self, chain: &mut Chain<N>, payment: &Word, at: At) -> Result<State, EvmError> {
        State::of(self, chain, payment, at)
    }

    fn token(&self, amount: Amount) -> Result<Address, PayError> {
        let token = self.tokens.iter().find(|(asset, _)| *asset == amount.asset());
        let wanted = "one of the assets that the rail's configuration names a token for";
        token.map(|(_, token)| *token).ok_or_else(|| bad("asset", amount.asset().code(), wanted))
    }
}

const CAPABILITIES: Capabilities = Capabilities { stages: true, fees: true, groups: false };

/// See the module.
#[derive(Debug)]
pub struct EvmRail<N, J, P> {
    sender: Sender<N, J>,
    papers: P,
    config: RailConfig,
}

impl<N: Node, J: Journal, P: Papers> EvmRail<N, J, P> {
    /// The rail that sends with this sender, what these papers say.
    pub const fn new(sender: Sender<N, J>, papers: P, config: RailConfig) -> Self {
        Self { sender, papers, config }
    }

    /// What sends.
    pub const fn sender(&mut self) -> &mut Sender<N, J> {
        &mut self.sender
    }

    /// What others signed.
    pub const fn papers(&mut self) -> &mut P {
        &mut self.papers
    }

    fn run(&mut self, asked: &Call, act: bool) -> Outcome {
        let digest = asked.digest();
        let known = self
            .sender
            .journal()
            .get(&asked.key)
            .filter(|record| record.outcome.is_some() || record.asked != digest);
        let payment = match self.papers.payment(&asked.escrow) {
            Ok(Some(payment)) => payment,
            // What is known stays known, with papers or without.
            Ok(None) | Err(_) if known.is_none() => return Outcome::Unknown,
            Ok(None) | Err(_) => {
                return known.and_then(|record| record.outcome.clone()).unwrap_or(Outcome::Unknown);
            }
        };
        let (papers, config) = (&mut self.papers, &self.config);
        let wanted = match Wanted::of(asked, &payment.info, config) {
            Ok(wanted) => wanted,
            Err(reason) => return Outcome::Failed { reason: reason.to_string() },
        };
        let mut deed = Escrowed { asked, payment, wanted, papers, config };
        let outcome = if act {
            self.sender.perform(&asked.key, digest, &mut deed)
        } else {
            self.sender.query(&asked.key, digest, &mut deed)
        };
        // Whatever failed on the way, the call itself may have an effect.
        outcome.unwrap_or(Outcome::Unknown)
    }
}

impl<N: Node, J: Journal, P: Papers> Rail for EvmRail<N, J, P> {
    fn name(&self) -> &str {
        EVM_RAIL
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn prepare(&mut self, contract: &TaskContract) -> Result<(), PayError> {
        self.config.info(contract).map(drop)
    }

    fn perform(&mut self, call: &Call) -> Outcome {
        self.run(call, true)
    }

    fn query(&mut self, call: &Call) -> Outcome {
        self.run(call, false)
    }
}
