//! The rail over our escrow contracts.
//!
//! A contract's terms give its payment ([`RailConfig::info`]): same parties, price, fee and deadlines, and its digest as salt, so
//! the payer signs for this contract and no other. A hold is what the payer signed; a release or refund is what the verifiers
//! signed, and says how much was paid before. From `refund_after` on a refund needs nobody: the escrow gives the rest back.
//! Accounts are addresses: `acct_0x…`.

use crate::abi::call;
use crate::{
    Address, At, Chain, Deed, EvmError, Journal, Node, Order, OrderAsk, Papers, Payment, PaymentInfo,
    Request, Sender, Standing, Word, keccak,
};
use tollgate_core::id::AccountId;
use tollgate_core::{Amount, Asset, Digest};
use tollgate_pay::PayError;
use tollgate_pay::escrow::{Part, Source, TaskContract};
use tollgate_pay::json::plain;
use tollgate_pay::rail::{Ask, Call, Capabilities, Outcome, Rail};

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
        let digest = digest(asked);
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

/// What was asked, so that a key is not used for anything else.
fn digest(asked: &Call) -> Digest {
    let parts = |parts: &[Part]| parts.iter().map(plain).collect::<Vec<_>>().concat();
    let sources = |funding: &[Source]| funding.iter().map(plain).collect::<Vec<_>>().concat();
    let said = match &asked.ask {
        Ask::Hold { funding } => vec![b"hold".to_vec(), sources(funding)],
        Ask::Release { held, funding, before, amount, parts: to, last } => vec![
            b"release".to_vec(),
            held.clone().into_bytes(),
            sources(funding),
            plain(before),
            plain(amount),
            parts(to),
            vec![(*last).into()],
        ],
        Ask::Refund { held, funding, before } => {
            vec![b"refund".to_vec(), held.clone().into_bytes(), sources(funding), plain(before)]
        }
    };
    Digest::of_parts(
        [asked.key.as_bytes(), &asked.escrow.0].into_iter().chain(said.iter().map(Vec::as_slice)),
    )
}

/// A call in the chain's terms.
enum Wanted {
    Hold,
    Order(Order),
}

impl Wanted {
    /// Checks a call against the payment that it is about.
    fn of(asked: &Call, info: &PaymentInfo, config: &RailConfig) -> Result<Self, PayError> {
        let payment = info.hash(config.chain_id, config.escrow);
        if info.salt.0 != asked.escrow.0 || info.operator != config.operator {
            return Err(bad("payment", &payment.to_string(), "one of this escrow at this operator"));
        }
        let number = |amount: &Amount| -> Result<u128, PayError> {
            let token = config.token(*amount)? == info.token;
            let minor = u128::try_from(amount.minor()).ok().filter(|minor| token && *minor < 1 << 120);
            minor.ok_or_else(|| bad("amount", &amount.to_string(), "an amount of the payment's token"))
        };
        let (held, funding, before, amount, parts, last) = match &asked.ask {
            Ask::Hold { funding } => (None, funding, 0, 0, None, false),
            Ask::Release { held, funding, before, amount, parts, last } => {
                (Some(held), funding, number(before)?, number(amount)?, Some(parts), *last)
            }
            Ask::Refund { held, funding, before } => (Some(held), funding, number(before)?, 0, None, true),
        };
        let whole = match funding.as_slice() {
            [source] if address_of(&source.account) == Some(info.payer) => number(&source.amount)?,
            _ => return Err(bad("funding", &funding.len().to_string(), "the payment's payer alone")),
        };
        if whole != info.max_amount {
            return Err(bad("funding", &whole.to_string(), "the payment's amount"));
        }
        let Some(held) = held else { return Ok(Self::Hold) };
        if *held != proof(config, &payment) {
            return Err(bad("held funds", held, "what the hold of this escrow was answered"));
        }
        let fee = parts.map_or(Ok(0), |parts| fee(parts, amount, info, number))?;
        let (key, pote) = (keccak(&[asked.key.as_bytes()]), Word::default());
        Ok(Self::Order(Order { payment, pote, key, paid_before: before, amount, fee, last, expires: 0 }))
    }
}

/// The fee among the parts of a release, which must be the payee's and the fee's and sum to the amount.
fn fee(
    parts: &[Part],
    amount: u128,
    info: &PaymentInfo,
    number: impl Fn(&Amount) -> Result<u128, PayError>,
) -> Result<u128, PayError> {
    let (mut sum, mut fee) = (0u128, 0u128);
    for part in parts {
        let (to, minor) = (address(&part.account)?, number(&part.amount)?);
        sum = sum.saturating_add(minor);
        if to == info.fee_receiver && to != Address::default() {
            fee = fee.saturating_add(minor);
        } else if to != info.receiver {
            return Err(bad("part", part.account.as_str(), "the payee or who gets the fee"));
        }
    }
    if sum == amount { Ok(fee) } else { Err(bad("parts", &sum.to_string(), "the release's amount in sum")) }
}

/// What a hold is answered, and what a release of it must say.
fn proof(config: &RailConfig, payment: &Word) -> String {
    format!("eip155:{}:{}:{payment}", config.chain_id, config.escrow)
}

/// What the contracts say of a payment.
struct State {
    collected: bool,
    reclaimed: bool,
    capturable: u128,
    paid: u128,
}

struct Escrowed<'a, P> {
    asked: &'a Call,
    payment: Payment,
    wanted: Wanted,
    papers: &'a mut P,
    config: &'a RailConfig,
}

impl<P: Papers> Escrowed<'_, P> {
    fn hash(&self) -> Word {
        self.payment.info.hash(self.config.chain_id, self.config.escrow)
    }

    fn state<N: Node>(&self, chain: &mut Chain<N>, at: At) -> Result<State, EvmError> {
        let (answer, payment) =
            (EvmError::Answer { method: "eth_call", wanted: "the escrow's state" }, self.hash());
        let words = chain.words(self.config.escrow, &call("paymentState(bytes32)", &[payment.into()]), at)?;
        let paid = chain.words(self.config.operator, &call("paid(bytes32)", &[payment.into()]), at)?;
        let ([collected, reclaimed, capturable, _], [paid]) = (words.as_slice(), paid.as_slice()) else {
            return Err(answer);
        };
        let (Some(capturable), Some(paid)) = (capturable.small(), paid.small()) else { return Err(answer) };
        Ok(State { collected: collected.is_set(), reclaimed: reclaimed.is_set(), capturable, paid })
    }

    fn executed<N: Node>(&self, chain: &mut Chain<N>, key: &Word, at: At) -> Result<bool, EvmError> {
        let data = call("executed(bytes32,bytes32)", &[self.hash().into(), (*key).into()]);
        let words = chain.words(self.config.operator, &data, at)?;
        Ok(words.first().is_some_and(Word::is_set))
    }

    /// Why an order can do nothing any more, if so. Each reason stays once it is there.
    fn is_over(order: &Order, state: &State, is_late: bool) -> Option<&'static str> {
        if !state.collected {
            return Some("nothing was held");
        }
        if state.paid != order.paid_before {
            return Some("another amount was paid before");
        }
        if state.capturable == 0 || state.capturable < order.amount {
            return Some("less is held");
        }
        (is_late && order.amount > 0).then_some("the time to capture is over")
    }
}

impl<N: Node, P: Papers> Deed<N> for Escrowed<'_, P> {
    fn standing(&mut self, chain: &mut Chain<N>, at: At) -> Result<Standing, EvmError> {
        let (state, time) = (self.state(chain, at)?, chain.block(at)?.time);
        let (info, proof) = (&self.payment.info, proof(self.config, &self.hash()));
        let impossible = |reason: &str| Ok(Standing::Impossible { reason: reason.into() });
        match &self.wanted {
            Wanted::Hold if state.collected => Ok(Standing::Done { proof }),
            Wanted::Hold if time >= info.pre_approval_expiry => {
                impossible("the payer's signature has expired")
            }
            Wanted::Hold => Ok(Standing::Open),
            Wanted::Order(order) => {
                let is_back = order.amount == 0 && state.reclaimed && state.paid == order.paid_before;
                if is_back || self.executed(chain, &order.key, at)? {
                    return Ok(Standing::Done { proof: format!("{proof}:{}", order.key) });
                }
                match Self::is_over(order, &state, time >= info.authorization_expiry) {
                    Some(reason) => impossible(reason),
                    None => Ok(Standing::Open),
                }
            }
        }
    }

    fn request(&mut self, chain: &mut Chain<N>) -> Result<Option<Request>, EvmError> {
        let (info, config) = (&self.payment.info, self.config);
        let Wanted::Order(order) = &self.wanted else {
            return Ok(Some(Request { to: config.operator, data: self.payment.authorize() }));
        };
        let now = chain.block(At::Latest)?.time;
        if order.amount == 0 && now >= info.authorization_expiry {
            return Ok(Some(Request { to: config.escrow, data: info.reclaim() }));
        }
        let ask = OrderAsk { escrow: self.asked.escrow, order: order.clone() };
        let Some(signed) = self.papers.order(&ask)?.filter(|signed| signed.order.expires > now) else {
            return Ok(None);
        };
        let signatures = signed.sorted(config.chain_id, config.operator).into_iter();
        // What others signed besides would have the contract refuse all.
        let signatures = signatures.filter(|(signer, _)| config.verifiers.contains(signer));
        let signatures: Vec<_> =
            signatures.map(|(_, signature)| signature).take(config.needed.into()).collect();
        if signatures.len() < config.needed.into() {
            return Ok(None);
        }
        Ok(Some(Request { to: config.operator, data: signed.order.execute(info, &signatures) }))
    }

    /// Only the submitter holds. Orders are anybody's.
    fn is_ours_alone(&self) -> bool {
        matches!(self.wanted, Wanted::Hold)
    }
}
