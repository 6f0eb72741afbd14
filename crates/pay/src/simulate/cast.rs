//! Who takes part: keys, accounts and contracts.

use super::Rng;
use crate::PayError;
use crate::escrow::{
    ControlPlane, Evaluator, EvidencePolicy, Fee, Form, Party, Payee, PublicKey, Quorum, SettlementPlane,
    Signed, Signer, Source, Stage, TaskContract,
};
use crate::ledger::{Bound, Command, Op};
use crate::log::{Role, SigningKey};
use crate::rail::LEDGER_RAIL;
use tollgate_core::id::AccountId;
use tollgate_core::{Amount, Asset, Digest, Timestamp};

/// A second, in microseconds.
const SECOND: i64 = 1_000_000;
/// The log's name.
const ORIGIN: &str = "simulated.example/log";

/// See the module.
#[derive(Debug)]
pub struct Cast {
    /// The payer.
    pub payer: Signer<Party>,
    /// The payee.
    pub payee: Signer<Party>,
    /// Three verifiers, of whom two must sign.
    pub verifiers: [ControlPlane; 3],
    /// One verifier that nobody named.
    pub stranger: ControlPlane,
    /// Three evaluators, of whom two must sign.
    pub evaluators: [Signer<Evaluator>; 3],
    /// The log's key.
    pub log: SigningKey,
    /// What is counted.
    pub asset: Asset,
    accounts: [AccountId; 6],
}

impl Cast {
    /// The same cast every time.
    ///
    /// # Errors
    /// None in practice: the names are legal.
    pub fn new() -> Result<Self, PayError> {
        let verifier = |n| ControlPlane::new(Signer::from_seed(&[n; 32]));
        let asset =
            Asset::new("USD", 2).map_err(|error| PayError::bad("asset", &error.to_string(), "USD"))?;
        Ok(Self {
            payer: Signer::from_seed(&[1; 32]),
            payee: Signer::from_seed(&[2; 32]),
            verifiers: [verifier(3), verifier(4), verifier(5)],
            stranger: verifier(9),
            evaluators: [6, 7, 8].map(|n| Signer::from_seed(&[n; 32])),
            log: SigningKey::from_seed(ORIGIN, Role::Log, &[10; 32])?,
            asset,
            accounts: [
                account("acct_bank")?,
                account("acct_payer")?,
                account("acct_payer-2")?,
                account("acct_payee")?,
                account("acct_fee-1")?,
                account("acct_fee-2")?,
            ],
        })
    }

    /// The settlement plane that trusts the log.
    #[must_use]
    pub fn plane(&self) -> SettlementPlane {
        SettlementPlane::new(self.log.public().clone(), ORIGIN.into())
    }

    /// The log's name.
    #[must_use]
    pub const fn origin() -> &'static str {
        ORIGIN
    }

    /// The account through which the ledger rail clears.
    ///
    /// # Errors
    /// None in practice: the name is legal.
    pub fn clearing() -> Result<AccountId, PayError> {
        account("acct_clearing")
    }

    /// The bank, the two accounts of the payer, the payee's, and two for fees.
    #[must_use]
    pub const fn accounts(&self) -> &[AccountId; 6] {
        &self.accounts
    }

    /// What opens the accounts and gives the payer money on each of its accounts.
    ///
    /// # Errors
    /// None in practice.
    pub fn opening(&self, funds: [i128; 2]) -> Result<Command, PayError> {
        let clearing = Self::clearing()?;
        let [bank, first, second, ..] = &self.accounts;
        let open = |id: &AccountId| {
            let bound = if id == bank { Bound::None } else { Bound::DebitsWithinCredits };
            Op::Open { asset: self.asset, bound, id: id.clone() }
        };
        let mut ops: Vec<Op> = self.accounts.iter().chain([&clearing]).map(open).collect();
        for (credit, minor) in [first, second].into_iter().zip(funds).filter(|(_, minor)| *minor > 0) {
            let amount = Amount::new(minor, self.asset);
            ops.push(Op::Transfer { amount, credit: credit.clone(), debit: bank.clone() });
        }
        Command::new("opening", ops)
    }

    /// A plain contract: 100 dollars in one stage, due after an hour, with an hour to challenge, two fees, a partial verdict
    /// allowed, and the money back after four hours.
    #[must_use]
    pub fn contract(&self) -> TaskContract {
        let [_, payer, _, payee, fees @ ..] = &self.accounts;
        let amount = Amount::new(10_000, self.asset);
        let quorum = |keys: Vec<PublicKey>| Quorum { keys, threshold: 2 };
        TaskContract {
            challenge_us: 3_600 * SECOND,
            evaluators: quorum(self.evaluators.iter().map(Signer::public).collect()),
            evidence: EvidencePolicy {
                kinds: vec!["test_result".into()],
                predicate: Digest::of(b"predicate"),
            },
            fees: fees.iter().zip([250, 33]).map(|(fee, bps)| Fee { account: fee.clone(), bps }).collect(),
            funding: vec![Source { account: payer.clone(), amount }],
            mandate: Digest::of(b"mandate"),
            nonce: Digest::of(b"nonce"),
            partial: true,
            payee: Payee { account: payee.clone(), key: self.payee.public() },
            payer: self.payer.public(),
            price: amount,
            rail: LEDGER_RAIL.into(),
            refund_after: Timestamp(4 * 3_600 * SECOND),
            stages: vec![Stage { amount, submit_by: Timestamp(3_600 * SECOND) }],
            task: "task-1".into(),
            r#type: Form::V1,
            verifiers: quorum(self.verifiers.iter().map(ControlPlane::key).collect()),
        }
    }

    /// The contract with both parties' signatures.
    #[must_use]
    pub fn signed(&self, contract: TaskContract) -> Signed<TaskContract> {
        let marks = vec![self.payer.sign(&contract), self.payee.sign(&contract)];
        Signed::new(contract, marks)
    }

    /// Some contract: one to three stages, none to two fees, one or two sources, with or without a window.
    pub(super) fn any_contract(&self, rng: &mut Rng) -> TaskContract {
        let mut contract = self.contract();
        let [_, first, second, ..] = &self.accounts;
        contract.nonce = Digest::of(&rng.below(u64::MAX).to_le_bytes());
        contract.mandate = Digest::of(&rng.below(3).to_le_bytes());
        contract.partial = !rng.one_in(3);
        contract.fees.truncate(usize::try_from(rng.below(3)).unwrap_or(0));
        contract.challenge_us = i64::try_from(rng.below(3)).unwrap_or(0).saturating_mul(600 * SECOND);
        let (mut price, mut due) = (0i128, 0i64);
        contract.stages.clear();
        for _ in 0..=rng.below(3) {
            let minor = i128::from(1u64.saturating_add(rng.below(5_000)));
            price = price.saturating_add(minor);
            due = due.saturating_add(900 * SECOND);
            let stage = Stage { amount: Amount::new(minor, self.asset), submit_by: Timestamp(due) };
            contract.stages.push(stage);
        }
        contract.price = Amount::new(price, self.asset);
        contract.refund_after =
            Timestamp(due.saturating_add(contract.challenge_us).saturating_add(1_800 * SECOND));
        let other = if rng.one_in(2) { 0 } else { price.checked_div(3).unwrap_or(0) };
        let source = |account: &AccountId, minor| Source {
            account: account.clone(),
            amount: Amount::new(minor, self.asset),
        };
        contract.funding = vec![source(first, price.saturating_sub(other)), source(second, other)];
        contract.funding.retain(|source| source.amount.minor() > 0);
        contract
    }
}

fn account(id: &str) -> Result<AccountId, PayError> {
    id.parse().map_err(|_| PayError::bad("account", id, "an account's id"))
}
