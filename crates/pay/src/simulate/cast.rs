//! Who takes part: keys, accounts and contracts.

use super::Rng;
use super::stock::Stock;
use crate::PayError;
use crate::escrow::{
    ControlPlane, Evaluator, Event, EvidencePolicy, Fee, Form, Mandate, Owner, Party, Payee,
    PublicKey as Key, Quorum, SettlementPlane, Signed, Signer, Source, Stage, TaskContract,
};
use crate::json::Json;
use crate::ledger::{Bound, Command, Op};
use crate::log::{Role, SigningKey};
use crate::mandate::issue::{self, Es256Secret};
use crate::rail::LEDGER_RAIL;
use crate::registry::PublicKey;
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
    /// Who owns the payer's accounts beside the payer, and signs mandates.
    pub principal: Es256Secret,
    /// Whom mandates allow to pay.
    pub agent: Es256Secret,
    /// The log's key.
    pub log: SigningKey,
    /// What is counted.
    pub asset: Asset,
    /// Two open mandates, with their budgets in minor units.
    mandates: Vec<(String, Digest, i128)>,
    accounts: [AccountId; 6],
    /// [`Cast::clearing`], read once.
    pub(super) clears: AccountId,
    /// What schedules draw from.
    pub(super) stock: Stock,
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
        let mut cast = Self {
            mandates: Vec::new(),
            payer: Signer::from_seed(&[1; 32]),
            payee: Signer::from_seed(&[2; 32]),
            verifiers: [verifier(3), verifier(4), verifier(5)],
            stranger: verifier(9),
            evaluators: [6, 7, 8].map(|n| Signer::from_seed(&[n; 32])),
            principal: secret(11)?,
            agent: secret(12)?,
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
            clears: Self::clearing()?,
            stock: Stock::new(),
        };
        for (budget, minor) in [(80, 8_000), (200, 20_000)] {
            let open = cast.open_mandate(budget)?;
            let name = issue::name(&open).map_err(|why| PayError::bad("mandate", &why.to_string(), "one"))?;
            cast.mandates.push((open, name, minor));
        }
        Ok(cast)
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

    /// What opens the accounts, names the owners of the payer's, and gives the payer money on each of them.
    ///
    /// # Errors
    /// None in practice.
    pub fn opening(&self, funds: [i128; 2]) -> Result<Command, PayError> {
        let [bank, first, second, payee, ..] = &self.accounts;
        let open = |id: &AccountId| {
            let bound = if id == bank { Bound::None } else { Bound::DebitsWithinCredits };
            Op::Open { asset: self.asset, bound, id: id.clone() }
        };
        let mut ops: Vec<Op> = self.accounts.iter().chain([&self.clears]).map(open).collect();
        let keys = vec![owner_key(&self.payer.public())?, PublicKey::P256(self.principal.public())];
        for account in [first, second] {
            ops.push(Owner::new(account.clone(), keys.clone())?.op()?);
        }
        ops.push(Owner::new(payee.clone(), vec![owner_key(&self.payee.public())?])?.op()?);
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
        let quorum = |keys: Vec<Key>| Quorum { keys, threshold: 2 };
        TaskContract {
            challenge_us: 3_600 * SECOND,
            evaluators: quorum(self.evaluators.iter().map(Signer::public).collect()),
            evidence: EvidencePolicy {
                kinds: vec!["test_result".into()],
                policy: None,
                predicate: Digest::of(b"predicate"),
            },
            fees: fees.iter().zip([250, 33]).map(|(fee, bps)| Fee { account: fee.clone(), bps }).collect(),
            funding: vec![Source { account: payer.clone(), amount }],
            mandate: None,
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

    /// An open mandate of the principal for the agent: one payment at a time, `budget` dollars in all.
    ///
    /// # Errors
    /// None in practice.
    pub fn open_mandate(&self, budget: u32) -> Result<String, PayError> {
        let jwk = PublicKey::P256(self.agent.public()).jwk().canonical()?;
        let text = format!(
            r#"{{"cnf":{{"jwk":{jwk}}},"constraints":[{{"currency":"USD","max":{budget},"type":"payment.budget"}}],"vct":"mandate.payment.open.1"}}"#
        );
        Ok(issue::first(&self.principal, "principal", &Json::parse(text.as_bytes())?, Timestamp(0)))
    }

    /// Names and budgets of the principal's mandates, of which a contract may name one.
    pub fn mandates(&self) -> impl Iterator<Item = (Digest, i128)> {
        self.mandates.iter().map(|(_, name, budget)| (*name, *budget))
    }

    /// What authorizes a contract: nothing but the payer's signature, or the payment under the open mandate that it names.
    ///
    /// # Errors
    /// None in practice.
    pub fn authorize(&self, contract: &TaskContract) -> Result<Event, PayError> {
        let open = self.mandates.iter().find(|(_, name, _)| Some(*name) == contract.mandate);
        let Some((open, ..)) = open else { return Ok(Event::Authorize { mandate: None }) };
        let (payment, to) = (Mandate::payment(contract)?, Mandate::addressed(ORIGIN, contract));
        let token = issue::next(&self.agent, open, &payment, &to, Timestamp(0));
        Ok(Event::Authorize { mandate: Some(Box::new(Mandate { hops: Vec::new(), token })) })
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
        contract.mandate = rng
            .pick(&[None, None, Some(0), Some(1)])
            .flatten()
            .and_then(|n: usize| self.mandates.get(n))
            .map(|(_, name, _)| *name);
        contract.partial = !rng.one_in(3);
        contract.fees.truncate(usize::try_from(rng.below(3)).unwrap_or(0));
        contract.challenge_us = i64::try_from(rng.below(3)).unwrap_or(0).saturating_mul(600 * SECOND);
        let windows = contract.challenge_us.saturating_mul(2);
        let (mut price, mut due) = (0i128, 0i64);
        contract.stages.clear();
        for _ in 0..=rng.below(3) {
            let minor = i128::from(1u64.saturating_add(rng.below(5_000)));
            price = price.saturating_add(minor);
            due = due.saturating_add(windows).saturating_add(1_200 * SECOND);
            let stage = Stage { amount: Amount::new(minor, self.asset), submit_by: Timestamp(due) };
            contract.stages.push(stage);
        }
        contract.price = Amount::new(price, self.asset);
        contract.refund_after = Timestamp(due.saturating_add(windows).saturating_add(1_800 * SECOND));
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

fn secret(n: u8) -> Result<Es256Secret, PayError> {
    Es256Secret::from_seed(&[n; 32]).ok_or_else(|| PayError::bad("seed", &n.to_string(), "a scalar"))
}

/// A party's key as a key of an account.
fn owner_key(key: &Key) -> Result<PublicKey, PayError> {
    PublicKey::from_ed25519(key.as_bytes())
}

fn account(id: &str) -> Result<AccountId, PayError> {
    id.parse().map_err(|_| PayError::bad("account", id, "an account's id"))
}
