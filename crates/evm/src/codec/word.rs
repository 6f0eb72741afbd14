//! The two values that everything on a chain is made of: words of 32 bytes and addresses of 20.
//!
//! A word is read from decimals only in their one spelling: no sign, no leading zero, no exponent, less than 2^256.

use crate::{EvmError, keccak};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Bytes as `0x` and lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::from("0x"), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads `0x` and pairs of hexadecimal digits of either case; `None` for anything else.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| {
        let &[high, low] = pair else { return None };
        Some(digit(high)? << 4 | digit(low)?)
    };
    digits.chunks(2).map(pair).collect()
}

/// 32 bytes, big-endian: a number, a hash, or anything else that fills a word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Word(pub [u8; 32]);

impl Word {
    /// A number.
    #[must_use]
    pub const fn number(value: u128) -> Self {
        let mut bytes = [0; 32];
        let (_, low) = bytes.split_at_mut(16);
        low.copy_from_slice(&value.to_be_bytes());
        Self(bytes)
    }

    /// The number, when it is less than 2^128.
    #[must_use]
    pub fn small(&self) -> Option<u128> {
        let (high, low) = self.0.split_first_chunk::<16>()?;
        (*high == [0; 16]).then(|| low.try_into().map(u128::from_be_bytes).ok()).flatten()
    }

    /// Reads a number in its one decimal spelling.
    #[must_use]
    pub fn decimal(text: &str) -> Option<Self> {
        let plain = (1..=78).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if !plain || (text.len() > 1 && text.starts_with('0')) {
            return None;
        }
        let mut bytes = [0u8; 32];
        for digit in text.bytes() {
            let mut carry = u16::from(digit.checked_sub(b'0')?);
            for byte in bytes.iter_mut().rev() {
                let [high, low] = u16::from(*byte).checked_mul(10)?.checked_add(carry)?.to_be_bytes();
                (*byte, carry) = (low, high.into());
            }
            if carry > 0 {
                return None;
            }
        }
        Some(Self(bytes))
    }

    /// Whether it is not nothing.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0 != [0; 32]
    }
}

impl From<Address> for Word {
    fn from(address: Address) -> Self {
        let mut bytes = [0; 32];
        let (_, low) = bytes.split_at_mut(12);
        low.copy_from_slice(&address.0);
        Self(bytes)
    }
}

impl From<bool> for Word {
    fn from(value: bool) -> Self {
        Self::number(value.into())
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Word {
    type Err = EvmError;
    /// `0x` and 64 digits.
    fn from_str(text: &str) -> Result<Self, EvmError> {
        let bytes = unhex(text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| EvmError::bad("word", text, "0x and 64 hexadecimal digits"))
    }
}

/// An account or a contract.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Address(pub [u8; 20]);

impl Address {
    /// The address in a word's low bytes, when there is nothing above.
    #[must_use]
    pub fn of(word: &Word) -> Option<Self> {
        let (high, low) = word.0.split_first_chunk::<12>()?;
        (*high == [0; 12]).then(|| low.try_into().map(Self).ok()).flatten()
    }
}

impl fmt::Display for Address {
    /// With the checksum of EIP-55: a letter is a capital where the hash of the digits has a high bit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = hex(&self.0);
        let digits = plain.trim_start_matches("0x");
        let hash = hex(&keccak(&[digits.as_bytes()]).0);
        f.write_str("0x")?;
        for (digit, nibble) in digits.chars().zip(hash.chars().skip(2)) {
            let high = nibble.to_digit(16).is_some_and(|nibble| nibble >= 8);
            write!(f, "{}", if high { digit.to_ascii_uppercase() } else { digit })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Address {
    type Err = EvmError;
    /// `0x` and 40 digits; where they are of both cases, with the right checksum.
    fn from_str(text: &str) -> Result<Self, EvmError> {
        let bad =
            || EvmError::bad("address", text, "0x and 40 hexadecimal digits, in EIP-55 spelling if mixed");
        let address = unhex(text).and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or_else(bad)?;
        let digits = || text.bytes().skip(2);
        let mixed =
            digits().any(|byte| byte.is_ascii_uppercase()) && digits().any(|byte| byte.is_ascii_lowercase());
        if mixed && address.to_string() != text { Err(bad()) } else { Ok(address) }
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

as_text!(Word, Address);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(Word::decimal("0"), Some(Word::default()));
        assert_eq!(Word::decimal("10000"), Some(Word::number(10_000)));
        let most = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        assert_eq!(Word::decimal(most), Some(Word([0xff; 32])));
        assert_eq!(Word::decimal(most).unwrap().small(), None);
        let beyond = "115792089237316195423570985008687907853269984665640564039457584007913129639936";
        for bad in
            ["", "010000", "1e4", "-1", "+1", " 1", "1.0", "0x10", beyond, &"9".repeat(78), &"1".repeat(79)]
        {
            assert_eq!(Word::decimal(bad), None, "{bad}");
        }
    }

    /// The examples of EIP-55.
    #[test]
    fn addresses_have_checksums() {
        for text in [
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
            "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(text.to_lowercase().parse::<Address>().unwrap(), address);
            assert!(text.replacen('A', "a", 1).parse::<Address>().is_err() || !text.contains('A'));
            assert_eq!(Address::of(&address.into()), Some(address));
        }
        for bad in
            ["", "0x", "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1bea"]
        {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
        assert_eq!(Address::of(&Word([1; 32])), None);
    }
}
