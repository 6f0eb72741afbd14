//! A payment's transfer as a deed.

use super::Payment;
use crate::abi::{Value, call};
use crate::{At, Block, Chain, Deed, EvmError, Log, Node, Reply, Request, Standing, Word, keccak};

/// Blocks in which the event of a payment that was used is looked for, before the one that is asked about.
const LOOK_BACK: u64 = 5_000;

impl Payment {
    /// The token's call that moves the money. Keys' signatures go in three parts, which every version of the token takes.
    #[must_use]
    pub fn call(&self, is_contract: bool) -> Vec<u8> {
        let mut values = self.authorization.values();
        let fields = "address,address,uint256,uint256,uint256,bytes32";
        if let (false, Ok(bytes)) = (is_contract, <&[u8; 65]>::try_from(self.signature.as_slice())) {
            let (rs, v) = bytes.split_at(64);
            values.push(Value::Word(Word::number(v.first().copied().unwrap_or_default().into())));
            let (halves, _) = rs.as_chunks::<32>();
            values.extend(halves.iter().map(|half| Value::Word(Word(*half))));
            return call(&format!("transferWithAuthorization({fields},uint8,bytes32,bytes32)"), &values);
        }
        values.push(Value::Bytes(self.signature.clone()));
        call(&format!("transferWithAuthorization({fields},bytes)"), &values)
    }

    /// Whether the authorisation was used or cancelled, as of a block.
    ///
    /// # Errors
    /// When the node does not say.
    pub fn is_used<N: Node>(&self, chain: &mut Chain<N>, at: At) -> Result<bool, EvmError> {
        let (from, nonce) = (self.authorization.from.into(), self.authorization.nonce.into());
        let words =
            chain.words(self.asset, &call("authorizationState(address,bytes32)", &[from, nonce]), at)?;
        Ok(words.first().is_some_and(Word::is_set))
    }

    /// How a used authorisation was used: the transaction that paid by it, or why none did.
    ///
    /// # Errors
    /// When its event is too long ago, or the node does not have all of it: that says nothing, the money may have moved.
    fn used<N: Node>(&self, chain: &mut Chain<N>, to: u64) -> Result<Standing, EvmError> {
        let (from, nonce) = (Some(Word::from(self.authorization.from)), Some(self.authorization.nonce));
        let first = to.saturating_sub(LOOK_BACK);
        let mut find = |event: &str| {
            chain.logs(self.asset, &[Some(keccak(&[event.as_bytes()])), from, nonce], first, to)
        };
        let used = find("AuthorizationUsed(address,bytes32)")?;
        let cancelled = find("AuthorizationCanceled(address,bytes32)")?;
        if !cancelled.is_empty() {
            return Ok(Standing::Impossible { reason: "the payer cancelled the authorisation".into() });
        }
        let missing = EvmError::Answer { method: "eth_getLogs", wanted: "the event of a used authorisation" };
        let Some(used) = used.first() else { return Err(missing) };
        let receipt = chain.receipt(used.transaction)?.filter(|at| at.done && at.block == used.block);
        let moved = receipt.and_then(|receipt| self.moved(&receipt.logs, used));
        let wanted = "the receipt of the transaction that used an authorisation";
        match moved {
            Some(true) => Ok(Standing::Done { proof: used.transaction.to_string() }),
            Some(false) => {
                let reason = "the authorisation was used for another payment".into();
                Ok(Standing::Impossible { reason })
            }
            None => Err(EvmError::Answer { method: "eth_getTransactionReceipt", wanted }),
        }
    }

    /// Whether this authorisation moved this payment: a token tells the transfer right after it tells which authorisation it
    /// uses for it (EIP-3009's reference implementation, and USDC). Any other transfer of the same transaction belongs to
    /// something else, however much it looks like this one.
    fn moved(&self, logs: &[Log], used: &Log) -> Option<bool> {
        let told = |log: &Log| log.address == used.address && log.topics == used.topics;
        let next = logs.iter().skip_while(|log| !told(log)).nth(1)?;
        let event = keccak(&[b"Transfer(address,address,uint256)"]);
        let is_transfer = next.address == self.asset && next.topics.first() == Some(&event);
        let parties = [self.authorization.from, self.authorization.to].map(Word::from);
        let is_this = next.topics.get(1..) == Some(&parties) && next.data == self.authorization.value.0;
        is_transfer.then_some(is_this)
    }
}

/// The deed of a payment.
pub(super) struct Transfer<'a> {
    pub(super) payment: &'a Payment,
    pub(super) is_contract: bool,
}

impl<N: Node> Deed<N> for Transfer<'_> {
    fn standing(&mut self, chain: &mut Chain<N>, block: &Block) -> Result<Standing, EvmError> {
        if self.payment.is_used(chain, block.at())? {
            return self.payment.used(chain, block.number);
        }
        if self.payment.authorization.valid_before <= Word::number(block.time.into()) {
            return Ok(Standing::Impossible { reason: "the authorisation has expired unused".into() });
        }
        Ok(Standing::Open)
    }

    fn request(&mut self, _chain: &mut Chain<N>) -> Result<Option<Request>, EvmError> {
        Ok(Some(Request { to: self.payment.asset, data: self.payment.call(self.is_contract) }))
    }

    /// Anybody who has the authorisation can use it.
    fn is_ours_alone(&self) -> bool {
        false
    }

    /// Its payer, who may be a contract, decides what the token says on the chain, and pays nothing for it.
    fn is_tried_once(&self) -> bool {
        true
    }

    fn expires(&self) -> Option<u64> {
        self.payment.authorization.valid_before.small().and_then(|until| u64::try_from(until).ok())
    }
}

/// What the chain says of a payment now, before anything is sent.
pub(super) struct Now {
    pub(super) is_contract: bool,
    pub(super) is_used: bool,
    pub(super) is_funded: bool,
    /// Why the token would refuse it.
    pub(super) refused: Option<String>,
}

impl Now {
    pub(super) fn of<N: Node>(
        payment: &Payment,
        chain: &mut Chain<N>,
        max_gas: u64,
    ) -> Result<Self, EvmError> {
        let is_contract = !chain.code(payment.authorization.from, At::Latest)?.is_empty();
        let is_used = payment.is_used(chain, At::Latest)?;
        let data = call("balanceOf(address)", &[payment.authorization.from.into()]);
        let balance = chain.words(payment.asset, &data, At::Latest)?;
        let is_funded = balance.first().is_some_and(|balance| *balance >= payment.authorization.value);
        let simulated = chain.call(payment.asset, &payment.call(is_contract), Some(max_gas), At::Latest)?;
        let refused = match simulated {
            Reply::Ok(_) => None,
            Reply::Reverted(why) => Some(why),
        };
        Ok(Self { is_contract, is_used, is_funded, refused })
    }
}
