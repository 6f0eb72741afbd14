//! Deeds: what has an effect on a chain, once, whatever happens to transactions on their way.
//!
//! A deed's outcome is read from the chain's state as of a block that lies deep enough ([`SenderConfig::confirmations`]), and no
//! less deep than any that was read before, so that a node which is behind says nothing; what a node says when it takes a
//! transaction counts for nothing. Until then it is [`Outcome::Unknown`]: asked again, the same signed bytes are sent again, or
//! a dearer transaction with the same nonce, of which the chain takes one. A new nonce is used only when, in that deep block,
//! the former one is spent and the effect is not there. Each contract here refuses a deed that was done, so that even two
//! nonces cannot do it twice.
//!
//! A deed that its contract would refuse now has failed when it was never sent, or when nothing sent for it can land any more:
//! the journal says so before the answer, and it is never sent again.

mod deed;
mod index;
mod lane;

pub use deed::{Deed, Request, SenderConfig, Standing, UnderWay};

use crate::{Address, At, Block, Chain, EvmError, Journal, Key, Node, Record, Reply};
use index::Index;
use tollgate_core::Digest;
use tollgate_pay::rail::{OUTCOME_BYTES_MAX, Outcome};

/// Most transactions that are signed for one deed.
pub const ATTEMPTS_MAX: usize = 64;

/// Seconds for which what a deed came to is told after it can happen no more: a week.
const KEPT_S: u64 = 7 * 86_400;
/// Records that can be forgotten before they are: the journal is written anew then.
const FORGET: usize = 1_024;
/// Rounds of [`Sender::tend`] between two looks for them.
const FORGET_ROUNDS: u32 = 64;

/// See the module.
#[derive(Debug)]
pub struct Sender<N, J> {
    chain: Chain<N>,
    journal: J,
    key: Key,
    config: SenderConfig,
    /// The newest block of which anything was ever read as deep enough.
    deepest: u64,
    index: Index,
    rounds: u32,
}

impl<N: Node, J: Journal> Sender<N, J> {
    /// A sender with a key of its own: nobody else may send with it.
    pub fn new(chain: Chain<N>, journal: J, key: Key, config: SenderConfig) -> Self {
        let deepest = journal.records().filter_map(|record| record.known_at).max().unwrap_or_default();
        let index = Index::of(&journal);
        Self { chain, journal, key, config, deepest, index, rounds: 0 }
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
        let Some(deep) = self.deep()? else { return Ok(Outcome::Unknown) };
        self.standing(key, asked, deed, &deep)
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
        let Some(deep) = self.deep()? else { return Ok(Outcome::Unknown) };
        let outcome = self.standing(key, asked, deed, &deep)?;
        if outcome != Outcome::Unknown {
            return Ok(outcome);
        }
        let record = self.begin(key, asked, deed.expires())?;
        let next = self.chain.nonce(self.key.address(), At::Latest)?;
        self.unblock(key, next)?;
        let sent = match record.attempts.last() {
            Some(last) if last.nonce >= next => self.again(record, deed)?,
            // A block has its nonce, though not deep enough to say what it did.
            Some(last) if last.nonce >= self.chain.nonce(self.key.address(), deep.at())? => None,
            Some(_) if deed.is_tried_once() && self.was_refused(&record)? => Some(Outcome::Unknown),
            _ => self.anew(record, deed)?,
        };
        match sent {
            Some(outcome) => Ok(outcome),
            // Some chains take it at once.
            None => self.query(key, asked, deed),
        }
    }

    /// The outcome that is known of a key; a key has one deed.
    pub(crate) fn known(&self, key: &str, asked: Digest) -> Option<Outcome> {
        let record = self.journal.get(key)?;
        if record.asked != asked {
            return Some(failed("the key was used for another call"));
        }
        record.outcome.clone()
    }

    /// Whether anything was signed for a key.
    pub(crate) fn is_sent(&self, key: &str) -> bool {
        self.journal.get(key).is_some_and(|record| !record.attempts.is_empty())
    }

    /// The newest block that is deep enough; `None` of a node that is behind one that was asked before.
    fn deep(&mut self) -> Result<Option<Block>, EvmError> {
        let above = self.config.confirmations.saturating_sub(1);
        let number = self.chain.head()?.checked_sub(above).filter(|number| *number >= self.deepest);
        let Some(number) = number else { return Ok(None) };
        let block = self.chain.block(At::Block(number))?;
        self.deepest = number;
        Ok(Some(block))
    }

    /// How the deed stands there; what is known for good is kept.
    fn standing<D: Deed<N>>(
        &mut self,
        key: &str,
        asked: Digest,
        deed: &mut D,
        deep: &Block,
    ) -> Result<Outcome, EvmError> {
        let outcome = match deed.standing(&mut self.chain, deep)? {
            Standing::Done { proof } => Outcome::Done { proof },
            Standing::Impossible { reason } => failed(&reason),
            Standing::Open => return Ok(Outcome::Unknown),
        };
        self.keep(self.record(key, asked, deed.expires()), outcome)
    }

    fn keep(&mut self, record: Record, outcome: Outcome) -> Result<Outcome, EvmError> {
        let (outcome_kept, known_at) = (Some(outcome.clone()), Some(self.deepest));
        self.put(Record { outcome: outcome_kept, known_at, ..record })?;
        Ok(outcome)
    }

    fn put(&mut self, record: Record) -> Result<(), EvmError> {
        self.index.note(&record);
        Ok(self.journal.put(record)?)
    }

    /// Forgets deeds that are over and can happen no more for a week, once there are many.
    fn forget(&mut self) -> Result<(), EvmError> {
        self.rounds = self.rounds.wrapping_add(1);
        if !self.rounds.is_multiple_of(FORGET_ROUNDS) || self.journal.records().take(FORGET).count() < FORGET
        {
            return Ok(());
        }
        let now = self.chain.block(At::Latest)?.time;
        let is_past = |record: &Record| {
            let ends = record.expires.map(|expires| expires.saturating_add(KEPT_S));
            record.outcome.is_some() && ends.is_some_and(|ends| ends < now)
        };
        if self.journal.records().filter(|record| is_past(record)).take(FORGET).count() < FORGET {
            return Ok(());
        }
        self.journal.prune(&mut |record| !is_past(record))?;
        self.index = Index::of(&self.journal);
        Ok(())
    }

    fn record(&self, key: &str, asked: Digest, expires: Option<u64>) -> Record {
        self.journal.get(key).cloned().unwrap_or_else(|| Record { expires, ..Record::new(key, asked) })
    }

    /// The record of a key, kept before anything is sent under it.
    fn begin(&mut self, key: &str, asked: Digest, expires: Option<u64>) -> Result<Record, EvmError> {
        let record = self.record(key, asked, expires);
        if self.journal.get(key).is_none() {
            self.put(record.clone())?;
        }
        Ok(record)
    }

    /// Sends what is under way again, and after a while a dearer transaction in its place.
    fn again<D: Deed<N>>(&mut self, record: Record, deed: &mut D) -> Result<Option<Outcome>, EvmError> {
        let Some(last) = record.attempts.last().cloned() else { return Ok(None) };
        // First of all, whatever comes of a dearer one: later nonces wait for this one.
        self.send(&last);
        let waited = self.chain.head()?.saturating_sub(last.block);
        if waited < self.config.patience || record.attempts.len() >= ATTEMPTS_MAX {
            return Ok(None);
        }
        let Some(request) = deed.request(&mut self.chain)? else { return Ok(Some(Outcome::Unknown)) };
        match self.gas(&request)? {
            // It may have been refused because the former one is just being taken.
            Reply::Reverted(_) => {}
            Reply::Ok(gas) => self.sign(record, request, last.nonce, gas)?,
        }
        Ok(None)
    }

    /// Sends a first transaction, or one after those before it can do nothing any more.
    fn anew<D: Deed<N>>(&mut self, record: Record, deed: &mut D) -> Result<Option<Outcome>, EvmError> {
        // What is there and not deep enough yet is waited for.
        let newest = self.chain.block(At::Latest)?;
        if deed.standing(&mut self.chain, &newest)? != Standing::Open {
            return Ok(Some(Outcome::Unknown));
        }
        let Some(request) = deed.request(&mut self.chain)? else { return Ok(Some(Outcome::Unknown)) };
        match self.gas(&request)? {
            Reply::Reverted(reason) if deed.is_ours_alone() => {
                let outcome = failed(&format!("the contract refuses it: {reason}"));
                self.keep(record, outcome).map(Some)
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

    /// Whether the transaction that spent a record's last nonce did nothing, or no node says what it did.
    fn was_refused(&mut self, record: &Record) -> Result<bool, EvmError> {
        let Some(nonce) = record.attempts.last().map(|last| last.nonce) else { return Ok(false) };
        for attempt in record.attempts.iter().rev().filter(|attempt| attempt.nonce == nonce) {
            if let Some(receipt) = self.chain.receipt(attempt.hash)? {
                return Ok(!receipt.done);
            }
        }
        Ok(true)
    }
}

fn failed(reason: &str) -> Outcome {
    let end = reason.floor_char_boundary(OUTCOME_BYTES_MAX);
    Outcome::Failed { reason: reason.get(..end).unwrap_or_default().into() }
}
