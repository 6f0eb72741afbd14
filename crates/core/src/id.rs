//! Typed ids: a prefix that says what it names and a body that says which.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest id body accepted, in bytes.
pub const ID_MAX: usize = 64;

/// The text is not an id of the wanted kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{text:?} is not an id that starts with {prefix:?} and goes on with 1 to 64 of A-Z a-z 0-9 - _")]
pub struct IdError {
    /// The text as given, cut at 80 characters.
    pub text: String,
    /// The prefix that was wanted.
    pub prefix: &'static str,
}

/// The last `N` hex digits of `bits`, lower case, without the machinery of `format!`: every request writes several.
///
/// ```
/// assert_eq!(&tollgate_core::id::hex::<4>(0xabc), b"0abc");
/// ```
#[must_use]
pub fn hex<const N: usize>(bits: u128) -> [u8; N] {
    // All digits at once, so that compilers take many in one step.
    let mut all = [0_u8; 32];
    for (pair, byte) in all.as_chunks_mut::<2>().0.iter_mut().zip(bits.to_be_bytes()) {
        *pair = [byte >> 4, byte & 0xf];
    }
    for digit in &mut all {
        *digit += if *digit < 10 { b'0' } else { b'a' - 10 };
    }
    let mut digits = [b'0'; N];
    digits.iter_mut().rev().zip(all.iter().rev()).for_each(|(digit, found)| *digit = *found);
    digits
}

fn check(text: &str, prefix: &'static str) -> Result<(), IdError> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    match text.strip_prefix(prefix) {
        Some(body) if (1..=ID_MAX).contains(&body.len()) && body.bytes().all(legal) => Ok(()),
        _ => Err(IdError { text: text.chars().take(80).collect(), prefix }),
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// An id whose body is these bits in hex.
            #[must_use]
            pub fn from_bits(bits: u128) -> Self {
                let digits = hex::<32>(bits);
                let mut text = String::with_capacity($prefix.len() + digits.len());
                text.push_str($prefix);
                text.push_str(std::str::from_utf8(&digits).unwrap_or_default());
                Self(text)
            }

            /// The id as text, prefix included.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                check(text, $prefix).map(|()| Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// One request through the gateway, and the decision made for it.
    RequestId = "req_";
    /// A virtual key (never its secret).
    KeyId = "key_";
    /// A stored response of the Responses API.
    ResponseId = "resp_";
    /// An account of the ledger.
    AccountId = "acct_";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_illegal_id_cannot_be_parsed() {
        let id = RequestId::from_bits(255);
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        for bad in ["", "req_", "key_1", "req_a b", "req_é", &format!("req_{}", "a".repeat(65))] {
            assert!(bad.parse::<RequestId>().is_err(), "{bad}");
            assert!(serde_json::from_str::<RequestId>(&format!("{bad:?}")).is_err(), "{bad}");
        }
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("{:?}", id.as_str()));
    }
}
