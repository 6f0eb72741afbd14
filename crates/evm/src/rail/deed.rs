//! Calls of an escrow as deeds.

use super::{RailConfig, address, address_of, bad};
use crate::abi::call;
use crate::{
    Address, At, Block, Chain, Deed, EvmError, Node, Order, OrderAsk, Papers, Payment, PaymentInfo, Request,
    Standing, Word, keccak,
};
use tollgate_core::Amount;
use tollgate_pay::PayError;
use tollgate_pay::escrow::Part;
use tollgate_pay::rail::{Ask, Call};

/// A call in the chain's terms.
pub(super) enum Wanted {
    Hold,
    Order(Order),
}

impl Wanted {
    /// Checks a call against the payment that its contract means.
    pub(super) fn of(asked: &Call, info: &PaymentInfo, config: &RailConfig) -> Result<Self, PayError> {
        let payment = info.hash(config.chain_id, config.escrow);
        if info.salt.0 != asked.escrow.0 {
            return Err(bad("payment", &payment.to_string(), "one of this escrow"));
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
pub(super) fn proof(config: &RailConfig, payment: &Word) -> String {
    format!("eip155:{}:{}:{payment}", config.chain_id, config.escrow)
}

/// What the contracts say of a payment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    /// It was held once.
    pub collected: bool,
    /// It went back after its deadline, with nobody's word.
    pub reclaimed: bool,
    /// What is held of it.
    pub capturable: u128,
    /// What orders paid of it.
    pub paid: u128,
}

impl State {
    pub(super) fn of<N: Node>(
        config: &RailConfig,
        chain: &mut Chain<N>,
        info: &PaymentInfo,
        at: At,
    ) -> Result<Self, EvmError> {
        let (payment, operator) = (&info.hash(config.chain_id, config.escrow), info.operator);
        let answer = EvmError::Answer { method: "eth_call", wanted: "the escrow's state" };
        let words = chain.words(config.escrow, &call("paymentState(bytes32)", &[(*payment).into()]), at)?;
        let paid = chain.words(operator, &call("paid(bytes32)", &[(*payment).into()]), at)?;
        let ([collected, reclaimed, capturable, _], [paid]) = (words.as_slice(), paid.as_slice()) else {
            return Err(answer);
        };
        let (Some(capturable), Some(paid)) = (capturable.small(), paid.small()) else { return Err(answer) };
        Ok(Self { collected: collected.is_set(), reclaimed: reclaimed.is_set(), capturable, paid })
    }
}

/// A call as a deed.
pub(super) struct Escrowed<'a, P> {
    pub(super) asked: &'a Call,
    pub(super) info: PaymentInfo,
    /// What its payer signed, where it is there.
    pub(super) paper: Option<Payment>,
    pub(super) wanted: Wanted,
    pub(super) papers: &'a mut P,
    pub(super) config: &'a RailConfig,
}

impl<P: Papers> Escrowed<'_, P> {
    fn hash(&self) -> Word {
        self.info.hash(self.config.chain_id, self.config.escrow)
    }

    fn executed<N: Node>(&self, chain: &mut Chain<N>, key: &Word, at: At) -> Result<bool, EvmError> {
        let data = call("executed(bytes32,bytes32)", &[self.hash().into(), (*key).into()]);
        let words = chain.words(self.info.operator, &data, at)?;
        Ok(words.first().is_some_and(Word::is_set))
    }

    /// Why an order can do nothing any more, if so. Each reason stays once it is there: what is held can come until the payer's
    /// signature ends, and what was paid before can still grow to what the order says.
    fn is_over(&self, order: &Order, state: &State, time: u64) -> Option<&'static str> {
        let info = &self.info;
        if order.amount > 0 && time >= info.authorization_expiry {
            return Some("the time to capture is over");
        }
        if !state.collected {
            return (time >= info.pre_approval_expiry).then_some("nothing was held");
        }
        if state.paid > order.paid_before {
            return Some("another amount was paid before");
        }
        (state.capturable == 0 || state.capturable < order.amount).then_some("less is held")
    }
}

impl<N: Node, P: Papers> Deed<N> for Escrowed<'_, P> {
    fn standing(&mut self, chain: &mut Chain<N>, block: &Block) -> Result<Standing, EvmError> {
        let (at, time) = (block.at(), block.time);
        let state = State::of(self.config, chain, &self.info, at)?;
        let (info, proof) = (&self.info, proof(self.config, &self.hash()));
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
                let Some(reason) = self.is_over(order, &state, time) else { return Ok(Standing::Open) };
                // The reads of one block are several requests: a node that takes in the next one meanwhile may answer the
                // first from there. Only what it says twice is for good.
                let again = State::of(self.config, chain, &self.info, at)?;
                if again != state {
                    return Ok(Standing::Open);
                }
                if self.executed(chain, &order.key, at)? {
                    return Ok(Standing::Done { proof: format!("{proof}:{}", order.key) });
                }
                impossible(reason)
            }
        }
    }

    fn request(&mut self, chain: &mut Chain<N>) -> Result<Option<Request>, EvmError> {
        let (info, config) = (&self.info, self.config);
        let Wanted::Order(order) = &self.wanted else {
            let paper = self.paper.as_ref();
            return Ok(paper.map(|paper| Request { to: info.operator, data: paper.authorize() }));
        };
        let now = chain.block(At::Latest)?.time;
        if order.amount == 0 && now >= info.authorization_expiry {
            return Ok(Some(Request { to: config.escrow, data: info.reclaim() }));
        }
        let ask = OrderAsk { escrow: self.asked.escrow, order: order.clone() };
        let Some(quorum) = config.quorum_of(info.operator) else { return Ok(None) };
        for signed in self.papers.orders(&ask)?.into_iter().filter(|signed| signed.order.expires > now) {
            let signatures = signed.sorted(config.chain_id, quorum.operator).into_iter();
            // What others signed besides would have the contract refuse all.
            let signatures = signatures.filter(|(signer, _)| quorum.verifiers.contains(signer));
            let needed = quorum.needed.into();
            let signatures: Vec<_> = signatures.map(|(_, signature)| signature).take(needed).collect();
            if signatures.len() == needed {
                return Ok(Some(Request {
                    to: quorum.operator,
                    data: signed.order.execute(info, &signatures),
                }));
            }
        }
        Ok(None)
    }

    /// Only the submitter holds. Orders are anybody's.
    fn is_ours_alone(&self) -> bool {
        matches!(self.wanted, Wanted::Hold)
    }
}
