//! Verifying and settling.

use super::payment::Refused;
use super::transfer::{Now, Transfer};
use super::{Network, Payment, Refusal, Settled, Supported, VerifyAnswer};
use crate::{Address, Chain, EvmError, Journal, Node, Sender};
use tollgate_core::{Digest, Timestamp};
use tollgate_pay::rail::Outcome;

/// A token that is settled here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// Its contract.
    pub address: Address,
    /// Its name in what payers sign.
    pub name: String,
    /// Its version in what payers sign.
    pub version: String,
}

/// What is settled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FacilitatorConfig {
    /// The chain's number (EIP-155).
    pub chain_id: u64,
    /// The tokens.
    pub tokens: Vec<Token>,
    /// Whether accounts that are contracts may pay: what their code takes to check a signature is paid by whoever settles.
    pub contracts: bool,
    /// Most gas that a payment may take, the check of its signature included.
    pub max_gas: u64,
}

/// Gas that a payment may take where nothing else is said: several times what USDC takes for a key's signature, and enough for
/// that of the usual accounts that are contracts.
pub const PAYMENT_GAS: u64 = 300_000;

impl FacilitatorConfig {
    /// These tokens of this chain, with the usual bounds.
    #[must_use]
    pub const fn new(chain_id: u64, tokens: Vec<Token>) -> Self {
        Self { chain_id, tokens, contracts: true, max_gas: PAYMENT_GAS }
    }
}

/// Settles payments, each once.
#[derive(Debug)]
pub struct Facilitator<N, J> {
    sender: Sender<N, J>,
    config: FacilitatorConfig,
}

/// Checks a payment against the clock and the chain.
fn check<N: Node>(
    config: &FacilitatorConfig,
    payment: &Payment,
    chain: &mut Chain<N>,
    now: Timestamp,
) -> Result<Now, Refused> {
    payment.check_time(now)?;
    let unavailable = |error: EvmError| (Refusal::Unavailable, error.to_string());
    let found = Now::of(payment, chain, config.max_gas).map_err(unavailable)?;
    if found.is_contract && !config.contracts {
        return Err((Refusal::Signature, "accounts that are contracts are not served here".into()));
    }
    payment.check_signature(found.is_contract)?;
    if found.is_used {
        return Err((Refusal::NonceUsed, "the authorisation was used or cancelled".into()));
    }
    if !found.is_funded {
        return Err((Refusal::Funds, "the payer has less than that".into()));
    }
    match found.refused {
        None => Ok(found),
        Some(why) => Err((Refusal::Simulation, why)),
    }
}

/// The answer to `/verify`, from a chain of the caller's own: it changes nothing and needs no sender.
pub fn verify<N: Node>(
    config: &FacilitatorConfig,
    chain: &mut Chain<N>,
    body: &[u8],
    now: Timestamp,
) -> VerifyAnswer {
    let payment = Payment::read(body, config);
    let payer = payment.as_ref().ok().map(|payment| payment.authorization.from.to_string());
    let checked = payment.and_then(|payment| check(config, &payment, chain, now));
    let (reason, message) = match checked {
        Ok(_) => (None, None),
        Err((refusal, why)) => (Some(refusal.word()), Some(why)),
    };
    VerifyAnswer { is_valid: reason.is_none(), invalid_reason: reason, invalid_message: message, payer }
}

impl<N: Node, J: Journal> Facilitator<N, J> {
    /// A facilitator that sends with this sender.
    pub const fn new(sender: Sender<N, J>, config: FacilitatorConfig) -> Self {
        Self { sender, config }
    }

    /// What is settled.
    pub const fn config(&self) -> &FacilitatorConfig {
        &self.config
    }

    /// What sends.
    pub const fn sender(&mut self) -> &mut Sender<N, J> {
        &mut self.sender
    }

    /// The answer to `/supported`.
    #[must_use]
    pub fn supported(&self) -> Supported {
        Supported::new(Network(self.config.chain_id), self.sender.address().to_string())
    }

    /// Goes one step with a payment: sends it, or looks what became of it. An answer of [`Refusal::Pending`] says to ask again,
    /// with the same body; any other is for good, or nothing was sent.
    pub fn settle(&mut self, body: &[u8], now: Timestamp) -> Settled {
        let payment = match Payment::read(body, &self.config) {
            Ok(payment) => payment,
            Err((refusal, why)) => return refused(None, refusal, why, String::new()),
        };
        let key = self.key(&payment);
        match self.step(&key, &payment, now) {
            Ok(Outcome::Done { proof }) => Settled {
                success: true,
                error_reason: None,
                error_message: None,
                payer: Some(payment.authorization.from.to_string()),
                transaction: proof,
                network: payment.network,
                amount: Some(payment.amount),
            },
            Ok(Outcome::Failed { reason }) => {
                let is_other =
                    self.sender.journal().get(&key).is_some_and(|record| record.asked != asked(&payment));
                let refusal = if is_other { Refusal::Duplicate } else { Refusal::Failed };
                refused(Some(&payment), refusal, reason, String::new())
            }
            Ok(Outcome::Unknown) => {
                let attempt = self.sender.journal().get(&key).and_then(|record| record.attempts.last());
                let transaction = attempt.map_or_else(String::new, |attempt| attempt.hash.to_string());
                let why = "it is under way: ask again with the same payment";
                refused(Some(&payment), Refusal::Pending, why.into(), transaction)
            }
            Err((refusal, why)) => refused(Some(&payment), refusal, why, String::new()),
        }
    }

    /// The payer and its nonce name a payment: a token takes each once.
    fn key(&self, payment: &Payment) -> String {
        let authorization = &payment.authorization;
        format!(
            "x402:{}:{}:{}:{}",
            self.config.chain_id, payment.asset, authorization.from, authorization.nonce
        )
    }

    fn step(&mut self, key: &str, payment: &Payment, now: Timestamp) -> Result<Outcome, Refused> {
        let record = self.sender.journal().get(key);
        let is_sent = record.is_some_and(|record| !record.attempts.is_empty() || record.outcome.is_some());
        let is_contract = if is_sent {
            // What was checked when it was first sent. A record of another payment under this name is refused by the sender.
            payment.signature.len() != 65
        } else {
            match check(&self.config, payment, self.sender.chain(), now) {
                Ok(found) => found.is_contract,
                // Somebody else may have sent it, which pays the seller as well.
                Err((Refusal::NonceUsed, why)) => {
                    let mut deed = Transfer { payment, is_contract: false };
                    return match self.sender.query(key, asked(payment), &mut deed) {
                        Ok(done @ Outcome::Done { .. }) => Ok(done),
                        Ok(Outcome::Failed { .. }) => Err((Refusal::NonceUsed, why)),
                        // By whom and for what is not known: the seller may have been paid.
                        Ok(Outcome::Unknown) | Err(_) => Ok(Outcome::Unknown),
                    };
                }
                Err(refused) => return Err(refused),
            }
        };
        let mut deed = Transfer { payment, is_contract };
        let performed = self.sender.perform(key, asked(payment), &mut deed);
        let is_sent = self.sender.journal().get(key).is_some_and(|record| !record.attempts.is_empty());
        match performed {
            Ok(outcome) => Ok(outcome),
            // Whatever failed on the way, what was signed may have been sent.
            Err(_) if is_sent => Ok(Outcome::Unknown),
            Err(error) => Err((Refusal::Unavailable, format!("nothing was sent: {error}"))),
        }
    }
}

/// What is settled under a payment's name: all that the payer signed.
fn asked(payment: &Payment) -> Digest {
    Digest::of_parts([b"x402 exact".as_slice(), &payment.asset.0, &payment.digest.0])
}

fn refused(payment: Option<&Payment>, refusal: Refusal, why: String, transaction: String) -> Settled {
    Settled {
        success: false,
        error_reason: Some(refusal.word()),
        error_message: Some(why),
        payer: payment.map(|payment| payment.authorization.from.to_string()),
        transaction,
        network: payment.map_or_else(String::new, |payment| payment.network.clone()),
        amount: None,
    }
}
