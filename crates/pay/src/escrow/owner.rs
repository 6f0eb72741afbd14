//! Whose money it is: the keys that speak for an account, and what they must have signed before an escrow is paid from it.
//!
//! An [`Owner`] is a record in the log that says which keys an account answers to; the last one counts. The price of a contract
//! is allowed by its payer, when the payer's own key is one of every account that it comes from, or by a [`Mandate`] whose
//! principal is. A mandate is checked for this contract and no other: it pays this price to this payee for a transaction that is
//! the contract's digest, and answers the contract's nonce. Whoever else the contract pays must be somebody whom the mandate
//! lets be paid, and the payee's key one of its account's. What it counts is admitted by the very command that authorizes.
//!
//! Invariant: an account without an owner pays nothing.

use super::{Record, Refusal, Rules, SettlementPlane, TaskContract};
use crate::PayError;
use crate::json::{Json, plain, read};
use crate::ledger::{Admission, Command, Op};
use crate::mandate::{Addressed, Chain, Es256Key, Expect, HOPS_MAX, Refusal as NotAllowed};
use crate::registry::{Accepted, PublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tollgate_core::id::AccountId;
use tollgate_core::{Digest, Timestamp};

/// Most keys of one account.
const KEYS_MAX: usize = 8;

/// The version of the form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Form {
    #[serde(rename = "tollgate/account-owner/v1")]
    V1,
}

/// Which keys speak for an account. Fields stand in alphabetical order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    account: AccountId,
    /// As `did:key`.
    keys: Vec<PublicKey>,
    r#type: Form,
}

impl Owner {
    /// The owner of an account. Without keys nobody speaks for it any more.
    ///
    /// # Errors
    /// [`PayError::Bad`] for more than 8 keys, or a key that stands twice.
    pub fn new(account: AccountId, keys: Vec<PublicKey>) -> Result<Self, PayError> {
        let owner = Self { account, keys, r#type: Form::V1 };
        owner.check().map(|()| owner)
    }

    fn check(&self) -> Result<(), PayError> {
        let twice = self.keys.iter().enumerate().any(|(n, key)| self.keys.iter().take(n).any(|k| k == key));
        if twice || self.keys.len() > KEYS_MAX {
            let shown = self.keys.len().to_string();
            return Err(PayError::bad("account keys", &shown, "at most 8, each once"));
        }
        Ok(())
    }

    /// The account.
    #[must_use]
    pub const fn account(&self) -> &AccountId {
        &self.account
    }

    /// Its keys.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// The operation that says so; it stands beside whatever else a command does, such as opening the account.
    ///
    /// # Errors
    /// [`PayError::Bad`] never in practice: the record is plain.
    pub fn op(&self) -> Result<Op, PayError> {
        Ok(Op::Record { body: Json::parse(&plain(self))? })
    }

    /// What a command says of owners.
    ///
    /// # Errors
    /// [`PayError::Bad`] for a record of this type that is not as it must be.
    pub fn of(command: &Command) -> Result<Vec<Self>, PayError> {
        let mut owners = Vec::new();
        for op in command.ops() {
            if let Op::Record { body } = op
                && body.get("type").and_then(Json::text) == Some("tollgate/account-owner/v1")
            {
                let owner: Self = read("account owner", body)?;
                owner.check()?;
                owners.push(owner);
            }
        }
        Ok(owners)
    }
}

/// Checks that a command that somebody wrote by hand is about accounts, mandates or records of its writer's own. What escrows and
/// agents record is decided by their rules: in the log, a record that does not follow from them would stop every reader.
///
/// # Errors
/// [`PayError::Bad`] for a key or a record of escrows and agents, and for an owner's record that is none.
pub fn by_hand(command: &Command) -> Result<(), PayError> {
    let reserved = ["escrow:", "agent:"].iter().any(|prefix| command.key().starts_with(prefix));
    if reserved || Record::of(command)?.is_some() || Accepted::of(command)?.is_some() {
        let wanted = "a command about accounts, mandates or records of your own: escrows and agents have ways of their own";
        return Err(PayError::bad("command", command.key(), wanted));
    }
    Owner::of(command).map(drop)
}

/// A mandate as it is shown: the signed text, and whom its hops between the first and the last are addressed to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mandate {
    /// Audience and nonce of each delegation between the principal's token and the payment, in order, as whoever shows it says: they
    /// are held against the tokens, and nobody here has given them out. The payment's own are the log's name and the terms' nonce.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<Addressed>,
    /// An AP2 v0.2 chain, or one JWS that the principal signed itself.
    pub token: String,
}

impl Mandate {
    /// What the payment under a mandate must say to be one for this contract: its `transaction_id`.
    #[must_use]
    pub fn transaction(contract: &Digest) -> String {
        URL_SAFE_NO_PAD.encode(contract.0)
    }

    /// The payment for a contract, for whoever the mandate names to sign ([`crate::mandate::issue`]).
    ///
    /// # Errors
    /// [`PayError::Bad`] for a price of more minor units than every JSON reader holds exactly.
    pub fn payment(contract: &TaskContract) -> Result<Json, PayError> {
        let (price, payee) = (contract.price, contract.payee.account.as_str());
        let payment = Json::parse(
            format!(
                r#"{{"payee":{{"id":"{payee}"}},"payment_amount":{{"amount":{},"currency":"{}"}},"payment_instrument":{{"id":"{}","type":"rail"}},"transaction_id":"{}","vct":"mandate.payment.1"}}"#,
                price.minor(),
                price.asset().code(),
                contract.rail,
                Self::transaction(&contract.digest()),
            )
            .as_bytes(),
        )?;
        payment.canonical().map(|_| payment)
    }

    /// Whom the payment must be addressed to, and what it must answer: the log's name and the contract's nonce.
    #[must_use]
    pub fn addressed(log: &str, contract: &TaskContract) -> Addressed {
        Addressed { audience: log.into(), nonce: contract.nonce.to_string() }
    }

    fn verify(&self, key: &Es256Key, shown: &Shown<'_>) -> Result<Chain, NotAllowed> {
        let Shown { last, hops, now, rules } = *shown;
        let root = |_: &str| Some(key.clone());
        let expect = Expect { hops, now };
        match (self.token.contains('~'), rules) {
            (true, Rules::First) => Chain::verify_loosely(&self.token, root, &expect),
            (true, Rules::Second) => Chain::verify(&self.token, root, &expect),
            (false, _) => Chain::verify_single(&self.token, root, last, now),
        }
    }
}

/// To whom a mandate was shown, and when.
struct Shown<'a> {
    last: &'a Addressed,
    hops: &'a [Addressed],
    now: Timestamp,
    rules: Rules,
}

/// All owners, as the log says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Owners(BTreeMap<AccountId, Owner>);

impl Owners {
    pub(super) fn take(&mut self, owner: Owner) {
        self.0.insert(owner.account.clone(), owner);
    }

    pub(super) fn get(&self, account: &AccountId) -> Option<&Owner> {
        self.0.get(account)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Owner> {
        self.0.values()
    }

    /// The keys that speak for every account that the price comes from.
    fn common(&self, contract: &TaskContract) -> Result<Vec<&PublicKey>, Refusal> {
        let mut common: Option<Vec<&PublicKey>> = None;
        for source in &contract.funding {
            let owner = self.get(&source.account).filter(|owner| !owner.keys.is_empty());
            let owner = owner.ok_or_else(|| Refusal::Unowned(source.account.clone()))?;
            let mut keys: Vec<_> = owner.keys.iter().collect();
            if let Some(before) = common {
                keys.retain(|key| before.contains(key));
            }
            common = Some(keys);
        }
        Ok(common.unwrap_or_default())
    }

    /// Whether the owners allow this contract to be paid, and what their mandate is to be counted as.
    pub(super) fn allow(
        &self,
        plane: &SettlementPlane,
        contract: &TaskContract,
        mandate: Option<&Mandate>,
        now: Timestamp,
        rules: Rules,
    ) -> Result<Option<Admission>, Refusal> {
        let keys = self.common(contract)?;
        let Some(mandate) = mandate else {
            if let Some(wanted) = contract.mandate {
                return Err(Refusal::mismatch("mandate", &"none", &wanted));
            }
            let payer = keys.iter().any(|key| key.ed25519() == Some(contract.payer.as_bytes()));
            return if payer { Ok(None) } else { Err(Refusal::NotOwner) };
        };
        let chain = shown(plane, contract, mandate, &keys, now, rules)?;
        covers(&chain, contract)?;
        if rules >= Rules::Second {
            self.is_payee(contract)?;
            pays_as_allowed(&chain, plane, contract, now)?;
        }
        Ok(Some(chain.admission(now)?))
    }

    /// Whoever works and signs as the payee is somebody who speaks for the account that the mandate pays.
    fn is_payee(&self, contract: &TaskContract) -> Result<(), Refusal> {
        let payee = &contract.payee;
        let owner = self.get(&payee.account).filter(|owner| !owner.keys.is_empty());
        let owner = owner.ok_or_else(|| Refusal::Unowned(payee.account.clone()))?;
        if owner.keys.iter().any(|key| key.ed25519() == Some(payee.key.as_bytes())) {
            return Ok(());
        }
        Err(Refusal::mismatch("payee's key", &payee.key, &format!("one that speaks for {}", payee.account)))
    }
}

/// Verifies the mandate by whichever key of the owners has signed it.
fn shown(
    plane: &SettlementPlane,
    contract: &TaskContract,
    mandate: &Mandate,
    keys: &[&PublicKey],
    now: Timestamp,
    rules: Rules,
) -> Result<Chain, Refusal> {
    if mandate.hops.len() > HOPS_MAX {
        let shown = mandate.hops.len().to_string();
        return Err(PayError::bad("mandate hops", &shown, "at most 8").into());
    }
    let last = Mandate::addressed(plane.origin(), contract);
    let hops: Vec<Addressed> = mandate.hops.iter().chain([&last]).cloned().collect();
    let (mut refused, shown) = (None, Shown { last: &last, hops: &hops, now, rules });
    for key in keys {
        let PublicKey::P256(key) = key else { continue };
        match mandate.verify(key, &shown) {
            Ok(chain) => return Ok(chain),
            // What is wrong under the right key says more than that another key did not sign.
            Err(NotAllowed::Signature { hop: 0, .. }) => {}
            Err(other) => refused = Some(other),
        }
    }
    Err(refused.map_or(Refusal::NotOwner, Refusal::from))
}

/// The payment is this contract's and no other's.
fn covers(chain: &Chain, contract: &TaskContract) -> Result<(), Refusal> {
    let root = chain.names.first().copied().map(Digest);
    if root != contract.mandate {
        let word = |name: Option<Digest>| name.map_or_else(|| "none".into(), |name| name.to_string());
        return Err(Refusal::mismatch("mandate", &word(root), &word(contract.mandate)));
    }
    let closed = &chain.closed;
    let transaction = Mandate::transaction(&contract.digest());
    if closed.transaction != transaction {
        return Err(Refusal::mismatch("mandate's transaction", &closed.transaction, &transaction));
    }
    if closed.amount != contract.price {
        return Err(Refusal::mismatch("mandate's amount", &closed.amount, &contract.price));
    }
    let payee = contract.payee.account.as_str();
    if closed.payee.id != payee {
        return Err(Refusal::mismatch("mandate's payee", &closed.payee.id, &payee));
    }
    Ok(())
}

/// Everybody who is paid is somebody whom the mandate lets be paid, out of what it lets be paid with, on a day that it allows:
/// the money moves now.
fn pays_as_allowed(
    chain: &Chain,
    plane: &SettlementPlane,
    contract: &TaskContract,
    now: Timestamp,
) -> Result<(), Refusal> {
    for fee in &contract.fees {
        chain.pays_to(fee.account.as_str())?;
    }
    let instrument = &chain.closed.instrument.id;
    let out_of = |id: &str| contract.funding.iter().all(|source| source.account.as_str() == id);
    if *instrument != contract.rail && !out_of(instrument) {
        let wanted = format!("the rail {}, or the one account that pays", contract.rail);
        return Err(Refusal::mismatch("mandate's instrument", instrument, &wanted));
    }
    if let Some(pisp) = chain.closed.pisp().filter(|pisp| pisp.id != plane.origin()) {
        return Err(Refusal::mismatch("mandate's payment service", &pisp.id, &plane.origin()));
    }
    Ok(chain.executes_at(now)?)
}
