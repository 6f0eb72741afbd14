//! The sender's nonces, which a chain takes one after the other: each is signed for, sent, and never left lying.
//!
//! A transaction that nobody asks about any more would hold up all that follow. Whoever sends sees to the lowest nonce first:
//! what was signed under it is sent again, and what nobody takes for long gives way to a dearer transaction that does nothing.
//! The deed that had the nonce is done under another one when it is asked for again.

use super::{Request, Sender, UnderWay};
use crate::transaction::Transaction;
use crate::{At, Attempt, EvmError, Fees, Journal, Node, Record, Reply, hex, unhex};
use std::collections::BTreeSet;
use tollgate_core::Digest;
use tollgate_pay::rail::Outcome;

/// Most nonces that may be under way at one time.
const UNDER_WAY_MAX: u64 = 256;

impl<N: Node, J: Journal> Sender<N, J> {
    /// Sends again whatever is under way, sees to the nonce that all wait for, and says how each deed stands now. What became of
    /// it is found out by asking for it again ([`Sender::query`]).
    ///
    /// # Errors
    /// When the node does not say.
    pub fn again_all(&mut self) -> Result<Vec<(Record, UnderWay)>, EvmError> {
        let open: Vec<Record> = self.index.open(&self.journal).cloned().collect();
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
        self.unblock("", next)?;
        Ok(told)
    }

    /// As [`Self::again_all`], for what no block has: says nothing, and asks little.
    ///
    /// # Errors
    /// When the node does not say.
    pub fn tend(&mut self) -> Result<(), EvmError> {
        self.forget()?;
        let open = self.index.open(&self.journal);
        let last: Vec<Attempt> = open.filter_map(|record| record.attempts.last()).cloned().collect();
        let Some(highest) = last.iter().map(|attempt| attempt.nonce).max() else { return Ok(()) };
        let next = self.chain.nonce(self.key.address(), At::Latest)?;
        if highest < next {
            return Ok(());
        }
        for attempt in last.iter().filter(|attempt| attempt.nonce >= next) {
            self.send(attempt);
        }
        self.unblock("", next)
    }

    /// Sees to the chain's next nonce where others wait for it, unless it is `mine`, which is seen to next.
    pub(super) fn unblock(&mut self, mine: &str, next: u64) -> Result<(), EvmError> {
        let open = || self.index.open(&self.journal);
        let waits = |record: &Record| record.attempts.last().is_some_and(|last| last.nonce > next);
        if !open().any(waits) {
            return Ok(());
        }
        let under = |record: &Record| record.attempts.iter().rfind(|attempt| attempt.nonce == next).cloned();
        let signed = self.index.signed(&self.journal, next);
        let signed = signed.filter_map(|record| Some((record.clone(), under(record)?)));
        let Some((record, attempt)) = signed.max_by_key(|(_, attempt)| attempt.max_fee) else {
            // What had it is forgotten.
            let key = format!("nonce:{next}");
            let outcome = Some(Outcome::Done { proof: String::new() });
            return self.give_way(Record { outcome, ..Record::new(&key, Digest::of(key.as_bytes())) }, next);
        };
        if record.key == mine {
            return Ok(());
        }
        self.send(&attempt);
        // Whoever asks for it has it offered dearer after `patience`: nobody does.
        let waited = self.chain.head()?.saturating_sub(attempt.block);
        if waited > self.config.patience.saturating_mul(2) { self.give_way(record, next) } else { Ok(()) }
    }

    /// Takes a nonce with a transaction that does nothing.
    fn give_way(&mut self, record: Record, nonce: u64) -> Result<(), EvmError> {
        let nothing = Request { to: self.key.address(), data: Vec::new() };
        let Reply::Ok(gas) = self.gas(&nothing)? else { return Ok(()) };
        match self.sign(record, nothing, nonce, gas) {
            // Dearer than allowed: what is there is sent again until the chain is cheaper.
            Err(EvmError::Fee { .. }) => Ok(()),
            signed => signed,
        }
    }

    /// The lowest nonce that no deed under way has.
    pub(super) fn free_nonce(&mut self) -> Result<u64, EvmError> {
        let first = self.chain.nonce(self.key.address(), At::Latest)?;
        let open = self.index.open(&self.journal);
        let taken: BTreeSet<u64> =
            open.filter_map(|record| record.attempts.last()).map(|attempt| attempt.nonce).collect();
        let mut range = first..first.saturating_add(UNDER_WAY_MAX);
        let full = EvmError::Full { what: "transactions under way", limit: 256 };
        range.find(|nonce| !taken.contains(nonce)).ok_or(full)
    }

    /// Gas that a request takes now.
    pub(super) fn gas(&mut self, request: &Request) -> Result<Reply<u64>, EvmError> {
        self.chain.gas(self.key.address(), request.to, &request.data, self.config.max_gas)
    }

    /// Signs a transaction, keeps it, and sends it.
    pub(super) fn sign(
        &mut self,
        mut record: Record,
        request: Request,
        nonce: u64,
        gas: u64,
    ) -> Result<(), EvmError> {
        let fees = self.fees(nonce)?;
        let Fees { tip, max_fee } = fees;
        // A quarter more than it took when it was tried: the state may differ a little when it runs.
        let gas = gas.saturating_add(gas.div_ceil(4)).min(self.config.max_gas);
        let (chain_id, to) = (self.config.chain_id, Some(request.to));
        let transaction =
            Transaction { chain_id, nonce, tip, max_fee, gas, to, value: 0, data: request.data };
        let signed = transaction.sign(&self.key);
        let block = self.chain.head()?;
        let attempt = Attempt { nonce, hash: signed.hash, raw: hex(&signed.raw), block, tip, max_fee };
        record.attempts.push(attempt.clone());
        self.put(record)?;
        self.send(&attempt);
        Ok(())
    }

    /// What the chain asks for, and at least an eighth more than what was ever offered under this nonce: nodes replace a
    /// transaction only by a dearer one.
    fn fees(&mut self, nonce: u64) -> Result<Fees, EvmError> {
        let asked = self.chain.fees()?;
        let more = |fee: u128| fee.saturating_add(fee.div_ceil(8)).saturating_add(1);
        let before = self.index.signed(&self.journal, nonce).flat_map(|record| &record.attempts);
        let before = before.filter(|attempt| attempt.nonce == nonce);
        let fees = before.fold(asked, |fees, attempt| Fees {
            tip: fees.tip.max(more(attempt.tip)),
            max_fee: fees.max_fee.max(more(attempt.max_fee)),
        });
        let limit = self.config.max_fee_wei;
        if fees.max_fee > limit { Err(EvmError::Fee { fee: fees.max_fee, limit }) } else { Ok(fees) }
    }

    /// Whatever the node says: only the chain's state tells whether it has it.
    pub(super) fn send(&mut self, attempt: &Attempt) {
        if let Some(raw) = unhex(&attempt.raw) {
            let _ = self.chain.send(&raw);
        }
    }
}
