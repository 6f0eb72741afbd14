//! The rail over our escrow contracts.
//!
//! A contract's terms give its payment ([`RailConfig::info`]): same parties, price, fee and deadlines, and its digest as salt, so
//! the payer signs for this contract and no other. A hold is what the payer signed; a release or refund is what the verifiers
//! signed, and says how much was paid before. From `refund_after` on a refund needs nobody: the escrow gives the rest back.
//! Accounts are addresses: `acct_0x…`.

mod deed;

pub use deed::State;

use crate::{Address, At, Chain, EvmError, Journal, Node, Order, Papers, PaymentInfo, Sender, Word};
use deed::{Escrowed, Wanted, proof};
use std::collections::BTreeMap;
use tollgate_core::id::AccountId;
use tollgate_core::{Amount, Asset, Digest};
use tollgate_pay::PayError;
use tollgate_pay::escrow::TaskContract;
use tollgate_pay::rail::{Ask, Call, Capabilities, Outcome, Rail};

/// What contracts call it.
pub const EVM_RAIL: &str = "evm";
/// Longest time after the last capture in which what was paid may be refunded: 90 days.
const REFUND_S: u64 = 90 * 86_400;
const SECOND_US: i64 = 1_000_000;

/// Who signs orders. Their operator's address follows from them, so another quorum has another operator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quorum {
    /// The operator that payments name.
    pub operator: Address,
    /// Who may sign orders.
    pub verifiers: Vec<Address>,
    /// How many of them must.
    pub needed: u8,
}

/// Where the rail's contracts and tokens are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RailConfig {
    /// The chain's number (EIP-155).
    pub chain_id: u64,
    /// The escrow.
    pub escrow: Address,
    /// What may bring payments: our own collectors.
    pub collectors: Vec<Address>,
    /// Whose operator new payments name.
    pub quorum: Quorum,
    /// Whose operators payments named before: what is held for them is released by their orders, and by nobody else's.
    pub former: Vec<Quorum>,
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
            operator: self.quorum.operator,
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

    /// The payments that a contract may mean: at the present operator and, where it was agreed on before, at a former one.
    ///
    /// # Errors
    /// As [`Self::info`].
    pub fn infos(&self, contract: &TaskContract) -> Result<Vec<PaymentInfo>, PayError> {
        let info = self.info(contract)?;
        let quorums = std::iter::once(&self.quorum).chain(&self.former);
        Ok(quorums.map(|quorum| PaymentInfo { operator: quorum.operator, ..info.clone() }).collect())
    }

    /// The payment that a call about a contract is of: whose held funds it names. `None` of one that is held elsewhere, or at an
    /// operator that is not named here, of which nothing is known.
    fn named(&self, asked: &Call, infos: &[PaymentInfo]) -> Option<PaymentInfo> {
        let (Ask::Release { held, .. } | Ask::Refund { held, .. }) = &asked.ask else {
            return infos.first().cloned();
        };
        infos.iter().find(|info| *held == proof(self, &info.hash(self.chain_id, self.escrow))).cloned()
    }

    /// The order that a call about a contract needs signed, with its payment, but for its proof and expiry; `None` for a hold.
    ///
    /// # Errors
    /// [`PayError::Bad`] when the call is not about a payment of this contract at an operator that is named here.
    pub fn order(
        &self,
        asked: &Call,
        contract: &TaskContract,
    ) -> Result<Option<(PaymentInfo, Order)>, PayError> {
        let wanted = "of this contract, at an operator of a quorum that is named, present or former";
        let info = self.named(asked, &self.infos(contract)?);
        let info = info.ok_or_else(|| bad("held funds", &asked.key, wanted))?;
        match Wanted::of(asked, &info, self)? {
            Wanted::Hold => Ok(None),
            Wanted::Order(order) => Ok(Some((info, order))),
        }
    }

    /// What the contracts say of a payment.
    ///
    /// # Errors
    /// When the node does not say.
    pub fn state<N: Node>(
        &self,
        chain: &mut Chain<N>,
        info: &PaymentInfo,
        at: At,
    ) -> Result<State, EvmError> {
        State::of(self, chain, info, at)
    }

    /// The quorum of an operator, present or former.
    #[must_use]
    pub fn quorum_of(&self, operator: Address) -> Option<&Quorum> {
        std::iter::once(&self.quorum).chain(&self.former).find(|quorum| quorum.operator == operator)
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
    /// Contracts that calls are about.
    contracts: BTreeMap<Digest, TaskContract>,
}

/// Most contracts that are kept in mind; whoever calls says again which it is about.
const CONTRACTS_MAX: usize = 256;

impl<N: Node, J: Journal, P: Papers> EvmRail<N, J, P> {
    /// The rail that sends with this sender, what these papers say.
    pub const fn new(sender: Sender<N, J>, papers: P, config: RailConfig) -> Self {
        Self { sender, papers, config, contracts: BTreeMap::new() }
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
        // What is known stays known, with papers or without.
        if let Some(known) = self.sender.known(&asked.key, digest) {
            return known;
        }
        let infos = self.contracts.get(&asked.escrow).and_then(|contract| self.config.infos(contract).ok());
        // Without the contract, or with a token that is not named any more, nothing is known of it.
        let Some(infos) = infos else { return Outcome::Unknown };
        let paper = self.papers.payment(&asked.escrow).ok().flatten();
        let paper = paper
            .filter(|paper| self.config.collectors.contains(&paper.collector) && infos.contains(&paper.info));
        let info = match &paper {
            Some(paper) if matches!(asked.ask, Ask::Hold { .. }) => Some(paper.info.clone()),
            _ => self.config.named(asked, &infos),
        };
        let Some(info) = info else { return Outcome::Unknown };
        let wanted = match Wanted::of(asked, &info, &self.config) {
            Ok(wanted) => wanted,
            // What was sent may land, whatever is made of the call now.
            Err(_) if self.sender.is_sent(&asked.key) => return Outcome::Unknown,
            Err(reason) => return Outcome::Failed { reason: reason.to_string() },
        };
        let (papers, config) = (&mut self.papers, &self.config);
        let mut deed = Escrowed { asked, info, paper, wanted, papers, config };
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

    fn about(&mut self, contract: &TaskContract) {
        if self.contracts.len() >= CONTRACTS_MAX {
            self.contracts.clear();
        }
        self.contracts.insert(contract.digest(), contract.clone());
    }

    fn perform(&mut self, call: &Call) -> Outcome {
        self.run(call, true)
    }

    fn query(&mut self, call: &Call) -> Outcome {
        self.run(call, false)
    }
}
