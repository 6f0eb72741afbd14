//! Deeds: what has an effect on a chain, once, whatever happens to transactions on their way.
//!
//! A deed's outcome is read from the chain's state as of a block that lies deep enough ([`SenderConfig::confirmations`]); what
//! a node says when it takes a transaction counts for nothing. Until then it is [`Outcome::Unknown`]: asked again, the same
//! signed bytes are sent again, or a dearer transaction with the same nonce, of which the chain takes one. A new nonce is
//! used only when, in that deep block, the former one is spent and the effect is not there. Each contract here refuses a
//! deed that was done, so that even two nonces cannot do it twice.
//!
//! A deed that its contract would refuse now has failed when it was never sent, or when nothing sent for it can land any more:
//! the journal says so before the answer, and it is never sent again.

use crate::transaction::Transaction;
use crate::{Address, At, Attempt, Chain, EvmError, Fees, Journal, Key, Node, Record, Reply, hex, unhex};
use std::collections::BTreeSet;
use tollgate_core::Digest;
use tollgate_pay::rail::{OUTCOME_BYTES_MAX, Outcome};

/// Most transactions that are signed for one deed.
pub const ATTEMPTS_MAX: usize = 64;
/// Most nonces that may be under way at one time.
const UNDER_WAY_MAX: u64 = 256;

/// How a deed stands in a block's state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Its effect is there.
    Done {
        /// What proves it.
        proof: String,
    },
    /// It cannot happen any more, in this block's state or in any that follows.
    Impossible {
        /// Why.
        reason: String,
    },
    /// It may still happen.
    Open,
}

/// How a deed whose outcome is not known stands at the newest block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnderWay {
    /// Nothing was sent for it.
    Unsent,
    /// It was sent, again just now, and no block has it.
    Sent,
    /// A block has it.
    Taken {
        /// Which.
        block: u64,
        /// Whether it did what it said.
        done: bool,
    },
    /// Another transaction has its nonce.
    Replaced,
}

/// A call that does a deed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The contract.
    pub to: Address,
    /// What it is told.
    pub data: Vec<u8>,
}

/// Something that can be done once.
pub trait Deed<N: Node> {
    /// How it stands as of a block.
    ///
    /// # Errors
    /// When the node does not say.
    fn standing(&mut self, chain: &mut Chain<N>, at: At) -> Result<Standing, EvmError>;
    /// What does it; `None` while something that must be signed is missing.
    ///
    /// # Errors
    /// When what was signed cannot be read.
    fn request(&mut self, chain: &mut Chain<N>) -> Result<Option<Request>, EvmError>;
    /// Whether a refusal by the contract now is a "no" for good, given that nothing was sent: nobody else can do the deed.
    fn is_ours_alone(&self) -> bool;
}

/// Bounds and depths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SenderConfig {
    /// The chain's number (EIP-155).
    pub chain_id: u64,
    /// Blocks, from the one that has an effect to the newest, that make it final.
    pub confirmations: u64,
    /// Blocks after which a transaction that is not taken is sent again at a higher fee.
    pub patience: u64,
    /// Most wei per gas.
    pub max_fee_wei: u128,
}

/// See the module.
#[derive(Debug)]
pub struct Sender<N, J> {
    chain: Chain<N>,
    journal: J,
    key: Key,
    config: SenderConfig,
}

impl<N: Node, J: Journal> Sender<N, J> {
    /// A sender with a key of its own: nobody else may send with it.
    pub const fn new(chain: Chain<N>, journal: J, key: Key, config: SenderConfig) -> Self {
        Self { chain, journal, key, config }
    }

    /// The chain.
    pub const fn chain(&mut self) -> &mut Chain<N> {
        &mut self.chain
    }

    /// What was asked for.
    pub const fn journal(&self) -> &J {
        &self.journal
    }

    /// Who sends.
    #[must_use]
    pub fn address(&self) -> Address {
        self.key.address()
    }

    /// Bounds and depths.
    #[must_use]
    pub const fn config(&self) -> &SenderConfig {
        &self.config
    }

    /// What became of a deed.
    ///
    /// # Errors
    /// When nobody knows because the node or the disk failed: treat it as [`Outcome::Unknown`].
    pub fn query<D: Deed<N>>(&mut self, key: &str, asked: Digest, deed: &mut D) -> Result<Outcome, EvmError> {
        if let Some(known) = self.known(key, asked) {
            return Ok(known);
        }
        let Some(depth) = self.depth()? else { return Ok(Outcome::Unknown) };
        self.standing(key, asked, deed, depth)
    }

    /// Does a deed, or goes on with it.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub fn perform<D: Deed<N>>(
        &mut self,
        key: &str,
        asked: Digest,
        deed: &mut D,
    ) -> Result<Outcome, EvmError> {
        if let Some(known) = self.known(key, asked) {
            return Ok(known);
        }
        let Some(depth) = self.depth()? else { return Ok(Outcome::Unknown) };
        let outcome = self.standing(key, asked, deed, depth)?;
        if outcome != Outcome::Unknown {
            return Ok(outcome);
        }
        let record = self.begin(key, asked)?;
        let sent = match record.attempts.last() {
            Some(last) if last.nonce >= self.chain.nonce(self.key.address(), At::Latest)? => {
                self.again(record, deed)?
            }
            // A block has its nonce, though not deep enough to say what it did.
            Some(last) if last.nonce >= self.chain.nonce(self.key.address(), At::Block(depth))? => None,
            _ => self.anew(record, deed)?,
        };
        match sent {
            Some(outcome) => Ok(outcome),
            // Some chains take it at once.
            None => self.query(key, asked, deed),
        }
    }

    /// Sends again whatever is under way, and says how each stands now. What became of it is found out by asking for its deed
    /// again ([`Sender::query`]).
    ///
    /// # Errors
    /// When the node does not say.
    pub fn again_all(&mut self) -> Result<Vec<(Record, UnderWay)>, EvmError> {
        let open: Vec<Record> =
            self.journal.records().filter(|record| record.outcome.is_none()).cloned().collect();
        let next = self.chain.nonce(self.key.address(), At::Latest)?;
        let mut told = Vec::new();
        for record in open {
            let mut state = UnderWay::Unsent;
            for attempt in &record.attempts {
                if let Some(receipt) = self.chain.receipt(attempt.hash)? {
                    state = UnderWay::Taken { block: receipt.block, done: receipt.done };
                }
            }
            if let (UnderWay::Unsent, Some(last)) = (state, record.attempts.last()) {
                state = if last.nonce < next { UnderWay::Replaced } else { UnderWay::Sent };
                if state == UnderWay::Sent {
                    self.send(last);
                }
            }
            told.push((record, state));
        }
        Ok(told)
    }

    /// The outcome that is known of a key; a key has one deed.
    fn known(&self, key: &str, asked: Digest) -> Option<Outcome> {
        let record = self.journal.get(key)?;
        if record.asked != asked {
            return Some(failed("the key was used for another call"));
        }
        record.outcome.clone()
    }

    /// The newest block that is deep enough.
    fn depth(&mut self) -> Result<Option<u64>, EvmError> {
        let above = self.config.confirmations.saturating_sub(1);
        Ok(self.chain.head()?.checked_sub(above))
    }

    /// How the deed stands there; what is known for good is kept.
    fn standing<D: Deed<N>>(
        &mut self,
        key: &str,
        asked: Digest,
        deed: &mut D,
        depth: u64,
    ) -> Result<Outcome, EvmError> {
        let outcome = match deed.standing(&mut self.chain, At::Block(depth))? {
            Standing::Done { proof } => Outcome::Done { proof },
            Standing::Impossible { reason } => failed(&reason),
            Standing::Open => return Ok(Outcome::Unknown),
        };
        self.keep(key, asked, outcome)
    }

    fn keep(&mut self, key: &str, asked: Digest, outcome: Outcome) -> Result<Outcome, EvmError> {
        let record = self.record(key, asked);
        self.journal.put(Record { outcome: Some(outcome.clone()), ..record })?;
        Ok(outcome)
    }

    fn record(&self, key: &str, asked: Digest) -> Record {
        let new = || Record { key: key.into(), asked, attempts: Vec::new(), outcome: None };
        self.journal.get(key).cloned().unwrap_or_else(new)
    }

    /// The record of a key, kept before anything is sent under it.
    fn begin(&mut self, key: &str, asked: Digest) -> Result<Record, EvmError> {
        let record = self.record(key, asked);
        if self.journal.get(key).is_none() {
            self.journal.put(record.clone())?;
        }
        Ok(record)
    }

    /// Sends what is under way again: the same bytes, or after a while a dearer transaction in its place.
    fn again<D: Deed<N>>(&mut self, record: Record, deed: &mut D) -> Result<Option<Outcome>, EvmError> {
        let Some(last) = record.attempts.last().cloned() else { return Ok(None) };
        let waited = self.chain.head()?.saturating_sub(last.block);
        if waited < self.config.patience || record.attempts.len() >= ATTEMPTS_MAX {
            self.send(&last);
            return Ok(None);
        }
        let Some(request) = deed.request(&mut self.chain)? else { return Ok(Some(Outcome::Unknown)) };
        match self.chain.gas(self.key.address(), Some(request.to), &request.data)? {
            // It may have been refused because the former one is just being taken.
            Reply::Reverted(_) => self.send(&last),
            Reply::Ok(gas) => self.sign(record, request, last.nonce, gas)?,
        }
        Ok(None)
    }

    /// Sends a first transaction, or one after those before it can do nothing any more.
    fn anew<D: Deed<N>>(&mut self, record: Record, deed: &mut D) -> Result<Option<Outcome>, EvmError> {
        // What is there and not deep enough yet is waited for.
        if deed.standing(&mut self.chain, At::Latest)? != Standing::Open {
            return Ok(Some(Outcome::Unknown));
        }
        let Some(request) = deed.request(&mut self.chain)? else { return Ok(Some(Outcome::Unknown)) };
        match self.chain.gas(self.key.address(), Some(request.to), &request.data)? {
            Reply::Reverted(reason) if deed.is_ours_alone() => {
                let outcome = failed(&format!("the contract refuses it: {reason}"));
                self.keep(&record.key, record.asked, outcome).map(Some)
            }
            Reply::Reverted(_) => Ok(Some(Outcome::Unknown)),
            Reply::Ok(gas) => {
                if record.attempts.len() >= ATTEMPTS_MAX {
                    return Err(EvmError::Full { what: "transactions for one deed", limit: ATTEMPTS_MAX });
                }
                let nonce = self.free_nonce()?;
                self.sign(record, request, nonce, gas).map(|()| None)
            }
        }
    }

    /// The lowest nonce that no deed under way has.
    fn free_nonce(&mut self) -> Result<u64, EvmError> {
        let first = self.chain.nonce(self.key.address(), At::Latest)?;
        let open = self.journal.records().filter(|record| record.outcome.is_none());
        let taken: BTreeSet<u64> =
            open.filter_map(|record| record.attempts.last()).map(|attempt| attempt.nonce).collect();
        let mut range = first..first.saturating_add(UNDER_WAY_MAX);
        let full = EvmError::Full { what: "transactions under way", limit: 256 };
        range.find(|nonce| !taken.contains(nonce)).ok_or(full)
    }

    /// Signs a transaction, keeps it, and sends it.
    fn sign(&mut self, mut record: Record, request: Request, nonce: u64, gas: u64) -> Result<(), EvmError> {
        let fees = self.fees(nonce)?;
        let Fees { tip, max_fee } = fees;
        // A quarter more than it took when it was tried: the state may differ a little when it runs.
        let gas = gas.saturating_add(gas.div_ceil(4));
        let (chain_id, to) = (self.config.chain_id, Some(request.to));
        let transaction =
            Transaction { chain_id, nonce, tip, max_fee, gas, to, value: 0, data: request.data };
        let signed = transaction.sign(&self.key);
        let block = self.chain.head()?;
        let attempt = Attempt { nonce, hash: signed.hash, raw: hex(&signed.raw), block, tip, max_fee };
        record.attempts.push(attempt.clone());
        self.journal.put(record)?;
        self.send(&attempt);
        Ok(())
    }

    /// What the chain asks for, and at least an eighth more than what was ever offered under this nonce: nodes replace a
    /// transaction only by a dearer one.
    fn fees(&mut self, nonce: u64) -> Result<Fees, EvmError> {
        let asked = self.chain.fees()?;
        let more = |fee: u128| fee.saturating_add(fee.div_ceil(8)).saturating_add(1);
        let before = self.journal.records().flat_map(|record| &record.attempts).filter(|a| a.nonce == nonce);
        let fees = before.fold(asked, |fees, attempt| Fees {
            tip: fees.tip.max(more(attempt.tip)),
            max_fee: fees.max_fee.max(more(attempt.max_fee)),
        });
        let limit = self.config.max_fee_wei;
        if fees.max_fee > limit { Err(EvmError::Fee { fee: fees.max_fee, limit }) } else { Ok(fees) }
    }

    /// Whatever the node says: only the chain's state tells whether it has it.
    fn send(&mut self, attempt: &Attempt) {
        if let Some(raw) = unhex(&attempt.raw) {
            let _ = self.chain.send(&raw);
        }
    }
}

fn failed(reason: &str) -> Outcome {
    let end = reason.floor_char_boundary(OUTCOME_BYTES_MAX);
    Outcome::Failed { reason: reason.get(..end).unwrap_or_default().into() }
}
