//! Signed statements: who may sign what is a matter of types, and every kind of statement has a domain of its own.
//!
//! The message under a signature is the statement's domain, a newline and its canonical JSON, so that no signature serves
//! for another kind. Signatures are checked strictly (RFC 8032 with a reduced `S`, no keys of small order), and keys have
//! one spelling: a second spelling of a signer would be a second signer.

use super::Refusal;
use crate::PayError;
use crate::json::{self, Json, plain};
use crate::remembered;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

/// Most signatures under one statement.
pub const SIGNATURES_MAX: usize = 32;
/// Most keys of a quorum.
pub const QUORUM_MAX: usize = 16;
/// What a public key's text begins with.
const PREFIX: &str = "ed25519:";

/// Whoever signs: parties, verifiers or evaluators. A key made for one role cannot sign for another.
pub trait Role {
    /// The role's name, as it stands in files of secret keys.
    const NAME: &'static str;
}

/// Payer or payee.
#[derive(Debug)]
pub enum Party {}
/// One of the control plane's verifiers, who look at evidence.
#[derive(Debug)]
pub enum Verifier {}
/// One of those who decide disputes.
#[derive(Debug)]
pub enum Evaluator {}

impl Role for Party {
    const NAME: &'static str = "party";
}
impl Role for Verifier {
    const NAME: &'static str = "verifier";
}
impl Role for Evaluator {
    const NAME: &'static str = "evaluator";
}

/// A statement that can be signed. Its plain serialisation is canonical: fields in alphabetical order, no floats.
pub trait Statement: Serialize {
    /// Who signs it.
    type By: Role;
    /// Stands before the statement under every signature.
    const DOMAIN: &'static str;

    /// The bytes that are signed.
    fn message(&self) -> Vec<u8> {
        let mut bytes = Self::DOMAIN.as_bytes().to_vec();
        bytes.push(b'\n');
        bytes.extend(plain(self));
        bytes
    }
}

/// What a DSSE envelope's signature is over (secure-systems-lab/dsse, protocol v1): type and payload behind their lengths. No
/// domain of our statements begins so: a signature of an envelope serves for no verdict, order or contract.
#[must_use]
pub fn dsse_message(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    bytes.extend(payload);
    bytes
}

/// Reads data whose text is signed or hashed: strictly, and only what its canonical form says.
///
/// # Errors
/// [`PayError::Bad`] for text that is not strict JSON, and those of [`json::read`].
pub fn read<T: Serialize + DeserializeOwned>(what: &'static str, text: &[u8]) -> Result<T, PayError> {
    json::read(what, &Json::parse(text)?)
}

/// A public key, written `ed25519:` and base64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key of these bytes.
    ///
    /// # Errors
    /// [`PayError::Bad`] when they are no point, one of small order, or a second spelling of a point.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, PayError> {
        let key = remembered::key(bytes, || {
            VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak() && reduced(bytes))
        });
        let shown = || STANDARD.encode(bytes);
        key.map(Self)
            .ok_or_else(|| PayError::bad("public key", &shown(), "an Ed25519 key in its one spelling"))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    fn holds(&self, message: &[u8], signature: &Signature) -> bool {
        remembered::holds(self.as_bytes(), message, &signature.0, || {
            self.0.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok()
        })
    }
}

/// Whether the y coordinate is below 2^255 - 19.
fn reduced(bytes: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = bytes;
    *low < 0xed || high & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff)
}

impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", STANDARD.encode(self.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::str::FromStr for PublicKey {
    type Err = PayError;

    fn from_str(text: &str) -> Result<Self, PayError> {
        let bytes = text.strip_prefix(PREFIX).and_then(|coded| STANDARD.decode(coded).ok());
        let bytes: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
        let bytes =
            bytes.ok_or_else(|| PayError::bad("public key", text, "ed25519: and the base64 of 32 bytes"))?;
        Self::from_bytes(&bytes)
    }
}

/// 64 bytes, written as base64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::str::FromStr for Signature {
    type Err = PayError;

    fn from_str(text: &str) -> Result<Self, PayError> {
        let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| PayError::bad("signature", text, "the base64 of 64 bytes"))
    }
}

/// As text, both ways.
macro_rules! as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
as_text!(PublicKey, Signature);

/// A secret key of one role. It is not printed, and wiped when dropped.
pub struct Signer<R> {
    secret: SigningKey,
    role: PhantomData<fn(R)>,
}

impl<R: Role> Signer<R> {
    /// The key whose seed is these 32 bytes (RFC 8032, section 5.1.5).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self { secret: SigningKey::from_bytes(seed), role: PhantomData }
    }

    /// Reads what [`Signer::reveal`] wrote.
    ///
    /// # Errors
    /// [`PayError::Bad`] for another text or the key of another role; the text is not repeated.
    pub fn from_text(text: &str) -> Result<Self, PayError> {
        let start = format!("tollgate-secret:{}:", R::NAME);
        let seed = text.strip_prefix(&start).and_then(|coded| STANDARD.decode(coded).ok());
        let seed: Option<[u8; 32]> = seed.and_then(|seed| seed.try_into().ok());
        let wanted = "tollgate-secret, the role that signs this, and a seed, with colons between";
        seed.map(|seed| Self::from_seed(&seed))
            .ok_or_else(|| PayError::bad("secret key", "(not shown)", wanted))
    }

    /// The secret key as text, for a file that only its owner reads.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("tollgate-secret:{}:{}", R::NAME, STANDARD.encode(self.secret.to_bytes()))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.secret.verifying_key())
    }

    /// A payload of this media type in a DSSE envelope that this key signed, as JSON ([`dsse_message`]).
    #[must_use]
    pub fn envelope(&self, kind: &str, payload: &[u8]) -> String {
        let signature = self.secret.sign(&dsse_message(kind, payload)).to_bytes();
        let mark = serde_json::json!({"keyid": self.public(), "sig": STANDARD.encode(signature)});
        let whole = serde_json::json!({"payload": STANDARD.encode(payload), "payloadType": kind, "signatures": [mark]});
        whole.to_string()
    }

    /// Signs a statement of this role.
    #[must_use]
    pub fn sign<S: Statement<By = R>>(&self, statement: &S) -> Mark {
        let (key, message) = (self.public(), statement.message());
        let signature = self.secret.sign(&message).to_bytes();
        remembered::made(key.as_bytes(), &message, &signature);
        Mark { key, signature: Signature(signature) }
    }
}

impl<R: Role> fmt::Debug for Signer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, {})", R::NAME, self.public())
    }
}

/// One signature with the key that it claims to be of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Whose.
    pub key: PublicKey,
    /// The signature.
    pub signature: Signature,
}

/// A statement with the signatures that were made for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed<S> {
    /// Signatures, none of them checked.
    pub signatures: Vec<Mark>,
    /// What is said.
    pub statement: S,
}

impl<S: Statement> Signed<S> {
    /// The statement with these signatures.
    #[must_use]
    pub fn new(statement: S, signatures: Vec<Mark>) -> Self {
        Self { signatures, statement }
    }

    /// Adds a signature, unless that key signed already.
    pub fn add(&mut self, signer: &Signer<S::By>) {
        if !self.signatures.iter().any(|mark| mark.key == signer.public()) {
            self.signatures.push(signer.sign(&self.statement));
        }
    }

    /// Checks that this key signed.
    ///
    /// # Errors
    /// [`Refusal::NotSigned`] when no signature of the key is there or the one that is does not hold.
    pub fn check(&self, who: &'static str, key: &PublicKey) -> Result<(), Refusal> {
        let message = self.statement.message();
        let held = self
            .signatures
            .iter()
            .take(SIGNATURES_MAX)
            .any(|mark| mark.key == *key && key.holds(&message, &mark.signature));
        if held { Ok(()) } else { Err(Refusal::NotSigned { who }) }
    }
}

/// `threshold` of these keys must sign.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quorum {
    /// All that may.
    pub keys: Vec<PublicKey>,
    /// How many must.
    pub threshold: usize,
}

/// Who signed a statement, in the eyes of a quorum.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Members whose signature holds, each once.
    pub counted: BTreeSet<PublicKey>,
    /// Keys that are not of the quorum; their signatures count for nothing.
    pub unknown: BTreeSet<PublicKey>,
    /// Members with a signature that does not hold.
    pub wrong: BTreeSet<PublicKey>,
}

impl Quorum {
    /// Checks that the quorum can be met and that nobody stands in it twice.
    ///
    /// # Errors
    /// [`PayError::Bad`] with what is wrong.
    pub fn check(&self) -> Result<(), PayError> {
        let distinct: BTreeSet<_> = self.keys.iter().collect();
        if distinct.len() != self.keys.len() || self.keys.len() > QUORUM_MAX {
            return Err(PayError::bad(
                "quorum keys",
                &self.keys.len().to_string(),
                "at most 16 keys, each once",
            ));
        }
        if !(1..=self.keys.len()).contains(&self.threshold) {
            let wanted = "at least 1 and at most the number of keys";
            return Err(PayError::bad("quorum threshold", &self.threshold.to_string(), wanted));
        }
        Ok(())
    }

    /// Counts signatures. A signer counts once, however often it signed.
    #[must_use]
    pub fn tally<S: Statement>(&self, signed: &Signed<S>) -> Tally {
        let (message, mut tally) = (signed.statement.message(), Tally::default());
        for mark in signed.signatures.iter().take(SIGNATURES_MAX) {
            if !self.keys.contains(&mark.key) {
                tally.unknown.insert(mark.key);
            } else if tally.counted.contains(&mark.key) {
                // Once is enough, and the check costs the most.
            } else if mark.key.holds(&message, &mark.signature) {
                tally.wrong.remove(&mark.key);
                tally.counted.insert(mark.key);
            } else {
                tally.wrong.insert(mark.key);
            }
        }
        tally
    }

    /// Checks that enough members signed.
    ///
    /// # Errors
    /// [`Refusal::Quorum`] with who did and who did not count.
    pub fn meets<S: Statement>(&self, signed: &Signed<S>) -> Result<Tally, Refusal> {
        let tally = self.tally(signed);
        if tally.counted.len() >= self.threshold {
            return Ok(tally);
        }
        Err(Refusal::Quorum {
            wanted: self.threshold,
            counted: tally.counted.len(),
            unknown: tally.unknown.len(),
            wrong: tally.wrong.len(),
        })
    }
}
