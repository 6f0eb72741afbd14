//! Keccak-256 and secp256k1: who signed a digest, and signing one.

use crate::{Address, EvmError, Word, hex, unhex};
use k256::ecdsa::{RecoveryId, SigningKey, VerifyingKey};
use sha3::{Digest as _, Keccak256};
use std::fmt;
use std::str::FromStr;

/// Keccak-256 of the parts, one after the other.
#[must_use]
pub fn keccak(parts: &[&[u8]]) -> Word {
    let mut hash = Keccak256::new();
    for part in parts {
        hash.update(part);
    }
    Word(hash.finalize().into())
}

fn address(key: &VerifyingKey) -> Address {
    let point = key.to_sec1_point(false);
    let hash = keccak(&[point.as_bytes().get(1..).unwrap_or_default()]);
    let mut bytes = [0; 20];
    for (byte, from) in bytes.iter_mut().zip(hash.0.iter().skip(12)) {
        *byte = *from;
    }
    Address(bytes)
}

/// r, s and 27 or 28.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 65]);

impl Signature {
    /// Reads 65 bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().map(Self).ok()
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Signature {
    type Err = EvmError;
    fn from_str(text: &str) -> Result<Self, EvmError> {
        let bytes = unhex(text).and_then(|bytes| Self::of(&bytes));
        bytes.ok_or_else(|| EvmError::bad("signature", text, "0x and 130 hexadecimal digits"))
    }
}

/// Who signed a digest. `None` for what is no signature, and for the twin with s in the upper half, which says the same in
/// other bytes.
#[must_use]
pub fn recover(digest: &Word, signature: &Signature) -> Option<Address> {
    let (&last, both) = signature.0.split_last()?;
    let parity = RecoveryId::from_byte(last.checked_sub(27).filter(|parity| *parity < 2)?)?;
    let signature = k256::ecdsa::Signature::from_slice(both).ok().filter(|s| s.normalize_s() == *s)?;
    VerifyingKey::recover_from_prehash(&digest.0, &signature, parity).ok().map(|key| address(&key))
}

/// A secret key. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(SigningKey);

impl Key {
    /// The key of 32 bytes.
    ///
    /// # Errors
    /// [`EvmError::Bad`] for nothing and for what is not below the curve's order.
    pub fn new(bytes: &[u8; 32]) -> Result<Self, EvmError> {
        let key = SigningKey::from_slice(bytes);
        key.map(Self)
            .map_err(|_| EvmError::bad("key", "(not shown)", "a number below the order of secp256k1"))
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> Address {
        address(self.0.verifying_key())
    }

    /// Signs a digest, deterministically (RFC 6979), with s in the lower half.
    #[must_use]
    pub fn sign(&self, digest: &Word) -> Signature {
        let (signature, parity) = self.0.sign_prehash_recoverable(&digest.0);
        let mut bytes = [0; 65];
        let (both, last) = bytes.split_at_mut(64);
        both.copy_from_slice(&signature.to_bytes());
        last.fill(parity.to_byte().saturating_add(27));
        Signature(bytes)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key of {}", self.address())
    }
}

impl FromStr for Key {
    type Err = EvmError;
    /// `0x` and 64 digits.
    fn from_str(text: &str) -> Result<Self, EvmError> {
        let bytes = unhex(text.trim()).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        Self::new(&bytes.ok_or_else(|| EvmError::bad("key", "(not shown)", "0x and 64 hexadecimal digits"))?)
    }
}
