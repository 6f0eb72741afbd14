//! Keys of logs and witnesses, in the text form of C2SP signed-note: `name+hash+base64(algorithm ‖ public key)`.

use crate::PayError;
use crate::remembered;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey as Ed25519Key, VerifyingKey as Ed25519Point};
use sha2::{Digest as _, Sha256};
use std::fmt;
use tollgate_core::Digest;

/// Longest key name, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// What a key signs; each role has its own algorithm byte, so that no signature serves in another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// A log signs its notes (algorithm `0x01`).
    Log,
    /// A witness cosigns checkpoints with a time (algorithm `0x04`).
    Witness,
}

impl Role {
    const fn algorithm(self) -> u8 {
        match self {
            Self::Log => 1,
            Self::Witness => 4,
        }
    }
}

/// A public key with its name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyingKey {
    name: String,
    role: Role,
    hash: [u8; 4],
    point: Ed25519Point,
}

impl VerifyingKey {
    fn new(name: &str, role: Role, point: Ed25519Point) -> Result<Self, PayError> {
        let legal = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(legal) {
            return Err(PayError::bad(
                "key name",
                name,
                "1 to 255 bytes without spaces, control characters and +",
            ));
        }
        let digest = Sha256::new()
            .chain_update(name)
            .chain_update([b'\n', role.algorithm()])
            .chain_update(point.as_bytes())
            .finalize();
        let mut hash = [0; 4];
        hash.iter_mut().zip(digest).for_each(|(slot, byte)| *slot = byte);
        Ok(Self { name: name.into(), role, hash, point })
    }

    /// The key's name; for a log it is usually its origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the key signs.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The first four bytes of the digest of name, algorithm and key: a hint, not a proof.
    #[must_use]
    pub const fn hash(&self) -> [u8; 4] {
        self.hash
    }

    /// Whether both are the same point, whatever they are called.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.point == other.point
    }

    /// Whether the signature is this key's over the message (strict: no small-order keys, no second spelling).
    #[must_use]
    pub fn holds(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        remembered::holds(self.point.as_bytes(), message, signature, || {
            self.point.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
        })
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: Vec<u8> = [self.role.algorithm()].iter().chain(self.point.as_bytes()).copied().collect();
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.hash), STANDARD.encode(bytes))
    }
}

impl std::str::FromStr for VerifyingKey {
    type Err = PayError;

    fn from_str(text: &str) -> Result<Self, PayError> {
        let bad = || {
            PayError::bad("verifier key", text, "name+hash+base64 of an Ed25519 key of a log or a witness")
        };
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(coded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad());
        };
        let bytes = STANDARD.decode(coded).map_err(|_| bad())?;
        let (role, point) = match bytes.split_first() {
            Some((1, point)) => (Role::Log, point),
            Some((4, point)) => (Role::Witness, point),
            _ => return Err(bad()),
        };
        let point = <[u8; 32]>::try_from(point).ok().and_then(|bytes| Ed25519Point::from_bytes(&bytes).ok());
        let key = Self::new(name, role, point.ok_or_else(bad)?)?;
        // The hash in the text must be the right one, in its one spelling.
        if key.to_string() == text { Ok(key) } else { Err(bad()) }
    }
}

/// A secret key with its name. It is not printed, and wiped when dropped.
pub struct SigningKey {
    secret: Ed25519Key,
    public: VerifyingKey,
}

impl SigningKey {
    /// The key whose seed is these 32 bytes (RFC 8032, section 5.1.5).
    ///
    /// # Errors
    /// [`PayError::Bad`] for a name that is not allowed.
    pub fn from_seed(name: &str, role: Role, seed: &[u8; 32]) -> Result<Self, PayError> {
        let secret = Ed25519Key::from_bytes(seed);
        let public = VerifyingKey::new(name, role, secret.verifying_key())?;
        Ok(Self { secret, public })
    }

    /// Reads a secret key as Go's sumdb/note writes it: `PRIVATE+KEY+name+hash+base64(algorithm ‖ seed)`.
    ///
    /// # Errors
    /// [`PayError::Bad`] when it is not one; the text is not repeated.
    pub fn from_text(text: &str) -> Result<Self, PayError> {
        let bad =
            || PayError::bad("signing key", "(not shown)", "PRIVATE+KEY+name+hash+base64 of an Ed25519 seed");
        let mut parts = text.strip_prefix("PRIVATE+KEY+").ok_or_else(bad)?.splitn(3, '+');
        let (Some(name), Some(hash), Some(coded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad());
        };
        let bytes = STANDARD.decode(coded).map_err(|_| bad())?;
        let (role, seed) = match bytes.split_first() {
            Some((1, seed)) => (Role::Log, seed),
            Some((4, seed)) => (Role::Witness, seed),
            _ => return Err(bad()),
        };
        let key = Self::from_seed(name, role, seed.try_into().map_err(|_| bad())?)?;
        if format!("{:08x}", u32::from_be_bytes(key.public.hash)) == hash { Ok(key) } else { Err(bad()) }
    }

    /// The secret key as text, for a file that only its owner reads.
    #[must_use]
    pub fn reveal(&self) -> String {
        let seed = self.secret.to_bytes();
        let bytes: Vec<u8> = [self.public.role.algorithm()].iter().chain(&seed).copied().collect();
        let hash = u32::from_be_bytes(self.public.hash);
        format!("PRIVATE+KEY+{}+{hash:08x}+{}", self.public.name, STANDARD.encode(bytes))
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &VerifyingKey {
        &self.public
    }

    /// A key for another purpose, which whoever has this one can make and nobody else.
    #[must_use]
    pub fn derived(&self, purpose: &str) -> Digest {
        Digest::keyed(purpose, &self.secret.to_bytes())
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature = self.secret.sign(message).to_bytes();
        remembered::made(self.public.point.as_bytes(), message, &signature);
        signature
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}
