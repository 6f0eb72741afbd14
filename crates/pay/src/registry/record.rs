//! One version of what an agent says of itself.

use super::{Challenge, PublicKey, Sealed};
use crate::PayError;
use crate::json::Json;
use tollgate_core::{Digest, Timestamp};

/// Longest id, name or other text of a record, in bytes.
pub const TEXT_BYTES_MAX: usize = 1_024;
/// Most keys, and most of each other list.
const LIST_MAX: usize = 64;
/// What a signature over a record says that it is over.
pub(super) const TYP: &str = "tollgate-agent-record+jws";

/// What a key may be used for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Purpose {
    /// Signs the next version of the record.
    Control,
    /// Signs mandates and delegations.
    Mandate,
    /// Signs evidence and receipts.
    Evidence,
    /// Signs for payouts.
    Payout,
    /// Signs HTTP messages (RFC 9421).
    Httpsig,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Control, Self::Mandate, Self::Evidence, Self::Payout, Self::Httpsig];

    /// Its name in records.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Mandate => "mandate",
            Self::Evidence => "evidence",
            Self::Payout => "payout",
            Self::Httpsig => "httpsig",
        }
    }

    /// By its name in records.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.word() == name)
    }
}

/// A key of an agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AgentKey {
    /// Its id within the record.
    pub kid: String,
    /// The key.
    pub key: PublicKey,
    /// What it may be used for.
    pub purposes: Vec<Purpose>,
    /// First moment at which it counts.
    pub not_before: Option<Timestamp>,
    /// First moment at which it no longer does.
    pub not_after: Option<Timestamp>,
    /// When it was revoked: from then on it does not count.
    pub revoked_at: Option<Timestamp>,
}

impl AgentKey {
    /// Whether it counts for this purpose at this moment.
    #[must_use]
    pub fn counts(&self, purpose: Purpose, at: Timestamp) -> bool {
        self.purposes.contains(&purpose)
            && self.not_before.is_none_or(|from| at >= from)
            && [self.not_after, self.revoked_at].into_iter().flatten().all(|until| at < until)
    }
}

/// An account on a rail, with the proof that the agent controls it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RailAccount {
    /// The rail.
    pub rail: String,
    /// The account there.
    pub account: String,
    /// The account's key; none where the account's name is the address of its key.
    pub key: Option<PublicKey>,
    /// The challenge that the proof answers.
    pub nonce: String,
}

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AgentRecord {
    /// `did:key:…`, `did:web:…` or `eip155:{chain}:{registry}:{agent}`.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// From 1, without gaps.
    pub version: u64,
    /// Digest of the version before; none for the first.
    pub previous: Option<Digest>,
    /// When it was signed; later than the version before.
    pub issued_at: Timestamp,
    /// Its keys, revoked ones too.
    pub keys: Vec<AgentKey>,
    /// What it can do, for searching.
    pub skills: Vec<String>,
    /// SHA-256 of the canonical form of each card of it.
    pub cards: Vec<Digest>,
    /// Accounts whose control is proven.
    pub rails: Vec<RailAccount>,
}

fn bad(field: &'static str, found: &str, wanted: &'static str) -> PayError {
    PayError::bad(field, found, wanted)
}

fn text(json: &Json, name: &'static str) -> Result<String, PayError> {
    let found = json.get(name).and_then(Json::text).unwrap_or_default();
    let plain = (1..=TEXT_BYTES_MAX).contains(&found.len()) && !found.chars().any(char::is_control);
    if plain {
        Ok(found.into())
    } else {
        Err(bad(name, found, "1 to 1,024 bytes of text without control characters"))
    }
}

/// RFC 3339, with its offset.
fn moment(json: &Json, name: &'static str) -> Result<Option<Timestamp>, PayError> {
    let Some(value) = json.get(name) else { return Ok(None) };
    let found = value.text().unwrap_or_default();
    let moment: Result<jiff::Timestamp, _> = found.parse();
    moment
        .map(|at| Some(Timestamp(at.as_microsecond())))
        .map_err(|_| bad(name, found, "a moment as in RFC 3339"))
}

fn digest(json: &Json, name: &'static str) -> Result<Digest, PayError> {
    let found = json.text().unwrap_or_default();
    // One spelling only.
    let read = found.parse::<Digest>().ok().filter(|digest| digest.to_string() == found);
    read.ok_or_else(|| bad(name, found, "a SHA-256 as 64 lower-case hexadecimal digits"))
}

fn list<T>(
    json: &Json,
    name: &'static str,
    read: impl Fn(&Json) -> Result<T, PayError>,
) -> Result<Vec<T>, PayError> {
    let Some(value) = json.get(name) else { return Ok(Vec::new()) };
    let items = value.list().filter(|items| items.len() <= LIST_MAX);
    let items = items.ok_or_else(|| bad(name, "", "a list of at most 64"))?;
    items.iter().map(read).collect()
}

/// Nothing but these members: what is not understood might bind.
pub(super) fn only(json: &Json, field: &'static str, names: &[&str]) -> Result<(), PayError> {
    let Json::Map(members) = json else { return Err(bad(field, "", "an object")) };
    match members.keys().find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(bad(field, name, "an object of known members only")),
        None => Ok(()),
    }
}

fn key(json: &Json) -> Result<AgentKey, PayError> {
    only(json, "key", &["kid", "jwk", "purposes", "not_before", "not_after", "revoked_at"])?;
    let jwk = json.get("jwk").ok_or_else(|| bad("key", "", "a jwk"))?;
    let purposes = list(json, "purposes", |name| {
        let name = name.text().unwrap_or_default();
        Purpose::named(name)
            .ok_or_else(|| bad("purpose", name, "control, mandate, evidence, payout or httpsig"))
    })?;
    Ok(AgentKey {
        kid: text(json, "kid")?,
        key: PublicKey::from_jwk(jwk)?,
        purposes,
        not_before: moment(json, "not_before")?,
        not_after: moment(json, "not_after")?,
        revoked_at: moment(json, "revoked_at")?,
    })
}

impl AgentRecord {
    /// Reads a record, and checks the proofs of its accounts.
    ///
    /// # Errors
    /// [`PayError::Bad`] for the first member that is not what it must be, [`PayError::NotProven`] for an account.
    pub fn read(json: &Json) -> Result<Self, PayError> {
        let members = ["id", "name", "version", "previous", "issued_at", "keys", "skills", "cards", "rails"];
        only(json, "record", &members)?;
        let id = text(json, "id")?;
        super::did::check_id(&id)?;
        let keys = list(json, "keys", key)?;
        for (n, key) in keys.iter().enumerate() {
            if keys.iter().take(n).any(|other| other.kid == key.kid || other.key == key.key) {
                return Err(bad("key", &key.kid, "a key id and a key that stand once"));
            }
        }
        let skill = |json: &Json| {
            let skill = json.text().filter(|skill| (1..=TEXT_BYTES_MAX).contains(&skill.len()));
            skill.map(str::to_owned).ok_or_else(|| bad("skill", "", "a text of at most 1,024 bytes"))
        };
        let version =
            json.get("version").and_then(Json::integer).and_then(|version| u64::try_from(version).ok());
        let issued = moment(json, "issued_at")?.ok_or_else(|| bad("issued_at", "", "a moment"))?;
        Ok(Self {
            name: text(json, "name")?,
            version: version.filter(|version| *version > 0).ok_or_else(|| bad("version", "", "1 or more"))?,
            previous: json.get("previous").map(|json| digest(json, "previous")).transpose()?,
            issued_at: issued,
            keys,
            skills: list(json, "skills", skill)?,
            cards: list(json, "cards", |json| digest(json, "card"))?,
            rails: list(json, "rails", |proof| Challenge::proven(proof, &id, issued))?,
            id,
        })
    }

    /// The key that a signature names, if it counts for this purpose at this moment.
    #[must_use]
    pub fn key(&self, kid: &str, purpose: Purpose, at: Timestamp) -> Option<PublicKey> {
        let key = self.keys.iter().find(|key| key.kid == kid)?;
        key.counts(purpose, at).then(|| key.key.clone())
    }

    /// Whether a control key of `by` that counts at a moment has signed it.
    pub(super) fn signed_by(sealed: &Sealed, by: &Self, at: Timestamp) -> bool {
        let key = |kid: &str| by.key(kid, Purpose::Control, at);
        sealed.signers(TYP, key).next().is_some()
    }
}
