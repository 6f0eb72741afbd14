//! The three things that happen to a payment by use, as deeds: it is held, a part is captured, the rest goes back.

use super::SaleTerms;
use crate::abi::call;
use crate::{Address, At, Block, Chain, Deed, EvmError, Node, Payment, Request, Standing, Word};
use tollgate_core::Digest;

/// Which.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Act {
    Hold,
    Capture(u128),
    Void,
}

impl Act {
    /// Its key in the sender's journal. A payment is captured once.
    pub(super) fn key(self, name: &str) -> String {
        let word = match self {
            Self::Hold => "hold",
            Self::Capture(_) => "capture",
            Self::Void => "void",
        };
        format!("sale:{word}:{name}")
    }

    /// What is asked under it.
    pub(super) fn asked(self, name: &str) -> Digest {
        let amount = if let Self::Capture(amount) = self { amount } else { 0 };
        Digest::of_parts([b"x402 sale".as_slice(), self.key(name).as_bytes(), &amount.to_be_bytes()])
    }
}

/// See the module.
pub(super) struct Step<'a> {
    pub(super) act: Act,
    pub(super) payment: &'a Payment,
    pub(super) terms: &'a SaleTerms,
}

/// What the escrow says of a payment.
struct Held {
    collected: bool,
    capturable: u128,
    captured: u128,
}

impl Held {
    /// Escrows that can tell whether a payment was reclaimed say so in between.
    fn of<N: Node>(chain: &mut Chain<N>, escrow: Address, name: Word, at: At) -> Result<Self, EvmError> {
        let words = chain.words(escrow, &call("paymentState(bytes32)", &[name.into()]), at)?;
        let answer = EvmError::Answer { method: "eth_call", wanted: "the escrow's state of a payment" };
        let ([collected, capturable, captured] | [collected, _, capturable, captured]) = words.as_slice()
        else {
            return Err(answer);
        };
        let (Some(capturable), Some(captured)) = (capturable.small(), captured.small()) else {
            return Err(answer);
        };
        Ok(Self { collected: collected.is_set(), capturable, captured })
    }
}

impl<N: Node> Deed<N> for Step<'_> {
    fn standing(&mut self, chain: &mut Chain<N>, block: &Block) -> Result<Standing, EvmError> {
        let info = &self.payment.info;
        let name = info.hash(self.terms.network.0, self.terms.escrow);
        let held = Held::of(chain, self.terms.escrow, name, block.at())?;
        let done = Standing::Done { proof: name.to_string() };
        let impossible = |reason: &str| Standing::Impossible { reason: reason.into() };
        Ok(match self.act {
            Act::Hold if held.collected => done,
            Act::Hold if block.time >= info.pre_approval_expiry => {
                impossible("the buyer's signature has expired")
            }
            // Nothing was captured before, and what was is given back by nobody here.
            Act::Capture(amount) if held.captured >= amount => done,
            Act::Capture(amount) if held.collected && held.capturable < amount => impossible("less is held"),
            Act::Capture(_) if block.time >= info.authorization_expiry => {
                impossible("the time to capture is over")
            }
            Act::Void if held.collected && held.capturable == 0 => done,
            Act::Hold | Act::Capture(_) | Act::Void => Standing::Open,
        })
    }

    fn request(&mut self, _chain: &mut Chain<N>) -> Result<Option<Request>, EvmError> {
        let info = &self.payment.info;
        let data = match self.act {
            Act::Hold => self.payment.authorize(),
            Act::Capture(amount) => info.capture(amount),
            Act::Void => info.void(),
        };
        Ok(Some(Request { to: self.terms.escrow, data }))
    }

    /// Nobody else can hold it, for nobody else is its operator. What is captured or given back is asked for until it is there: a
    /// refusal may come from a node that does not know yet that it is held.
    fn is_ours_alone(&self) -> bool {
        self.act == Act::Hold
    }

    fn is_tried_once(&self) -> bool {
        self.act == Act::Hold
    }

    fn expires(&self) -> Option<u64> {
        let info = &self.payment.info;
        Some(if self.act == Act::Hold { info.pre_approval_expiry } else { info.authorization_expiry })
    }
}
