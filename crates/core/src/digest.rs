//! Content digests (BLAKE3, 256 bits), printed as lower-case hex.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::fmt;

/// Bytes of short parts that are joined before they are digested.
const JOINED: usize = 512;

/// A 256-bit BLAKE3 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Digest of `bytes` for one named purpose, so that equal bytes in different roles have different digests.
    #[must_use]
    pub fn keyed(context: &str, bytes: &[u8]) -> Self {
        Self(blake3::derive_key(context, bytes))
    }

    /// Digest of several parts, each preceded by its length so that the split is part of the content.
    #[must_use]
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        // Short parts are joined first: one call on joined bytes costs much less than many on a hasher.
        let mut joined = SmallVec::<[u8; JOINED]>::new();
        let mut hasher = None;
        for part in parts {
            let length = (part.len() as u64).to_le_bytes();
            if hasher.is_none() && joined.len() + length.len() + part.len() <= JOINED {
                joined.extend_from_slice(&length);
                joined.extend_from_slice(part);
                continue;
            }
            let hasher = hasher.get_or_insert_with(|| {
                let mut hasher = blake3::Hasher::new();
                hasher.update(&joined);
                hasher
            });
            hasher.update(&length);
            hasher.update(part);
        }
        Self(hasher.map_or_else(|| blake3::hash(&joined), |hasher| hasher.finalize()).into())
    }

    /// The first 64 bits, for tables and rendezvous hashing.
    #[must_use]
    pub fn short(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (high, low) = self.0.split_at(16);
        for half in [high, low] {
            let bits = half.iter().fold(0u128, |bits, byte| (bits << 8) | u128::from(*byte));
            f.write_str(std::str::from_utf8(&crate::id::hex::<32>(bits)).unwrap_or_default())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// The text was not 64 hexadecimal digits.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not 64 hexadecimal digits")]
pub struct DigestError(pub String);

impl std::str::FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let bad = || DigestError(text.chars().take(80).collect());
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad());
        }
        let mut bytes = [0; 32];
        for (slot, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| bad())?;
            *slot = u8::from_str_radix(pair, 16).map_err(|_| bad())?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_as_hex() {
        let digest = Digest::of(b"tollgate");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("zz".repeat(32).parse::<Digest>().is_err());
        assert!("+1".repeat(32).parse::<Digest>().is_err());
        assert!("ab".parse::<Digest>().is_err());
    }

    /// The BLAKE3 paper's digest of the empty input.
    #[test]
    fn matches_the_published_digest() {
        let empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(Digest::of(b"").to_string(), empty);
    }

    #[test]
    fn the_split_is_part_of_the_content() {
        let ab_c = Digest::of_parts([b"ab".as_slice(), b"c"]);
        let a_bc = Digest::of_parts([b"a".as_slice(), b"bc"]);
        assert_ne!(ab_c, a_bc);
        // Joined or not, at every place where a part may cross the bound.
        let filler = [7u8; 2 * JOINED];
        for size in [0, 1, JOINED - 17, JOINED - 16, JOINED - 15, JOINED, 2 * JOINED] {
            let parts = [&filler[..size], b"x", &filler[..size / 2], b"yz"];
            let mut plain = Vec::new();
            for part in parts {
                plain.extend_from_slice(&(part.len() as u64).to_le_bytes());
                plain.extend_from_slice(part);
            }
            assert_eq!(Digest::of_parts(parts), Digest::of(&plain), "{size}");
        }
        assert_ne!(Digest::keyed("a", b"x"), Digest::keyed("b", b"x"));
    }
}
