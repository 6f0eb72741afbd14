//! A key's secret: text that is shown once, and its digest.

use tollgate_core::Digest;

/// What every secret made here starts with, so that scanners for leaked secrets find it.
const PREFIX: &str = "tg-";
/// Base-62 digits of 256 bits.
const DIGITS: usize = 43;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Keeps these digests apart from those of other uses.
const CONTEXT: &str = "tollgate 2026 virtual key secret";
/// Characters of the secret that are kept to tell keys apart; 24 of its 256 bits.
const HINT: usize = 4;

/// A secret; its `Debug` form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret of 256 random bits, as `tg-` and 43 digits.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut number = *bytes;
        let mut digits = Vec::with_capacity(DIGITS);
        for _ in 0..DIGITS {
            // Schoolbook division of the 256-bit number by 62.
            let mut rest = 0u16;
            for byte in &mut number {
                let value = (rest << 8) | u16::from(*byte);
                *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
                rest = value % 62;
            }
            digits.push(ALPHABET.get(usize::from(rest)).copied().unwrap_or(b'0'));
        }
        digits.reverse();
        Self(format!("{PREFIX}{}", String::from_utf8_lossy(&digits)))
    }

    /// A secret that was made elsewhere, such as one from the configuration.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// The text, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest(&self.0)
    }

    /// The last characters.
    pub(super) fn hint(&self) -> String {
        let skip = self.0.chars().count().saturating_sub(HINT);
        self.0.chars().skip(skip).collect()
    }
}

/// The digest of a presented secret.
pub(super) fn digest(text: &str) -> Digest {
    Digest::keyed(CONTEXT, text.as_bytes())
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn has_a_fixed_form() {
        assert_eq!(Secret::from_bytes(&[0; 32]).reveal(), format!("tg-{}", "0".repeat(43)));
        let mut one = [0; 32];
        one[31] = 63;
        assert_eq!(Secret::from_bytes(&one).reveal(), format!("tg-{}11", "0".repeat(41)));
        // 2^256 - 1 in base 62, computed with Python's integers.
        let most = "tg-yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1";
        assert_eq!(Secret::from_bytes(&[255; 32]).reveal(), most);
        assert_eq!(format!("{:?}", Secret::from_text("x")), "Secret(…)");
    }

    proptest! {
        #[test]
        fn no_bit_is_lost(bytes: [u8; 32]) {
            let secret = Secret::from_bytes(&bytes);
            let mut number = [0u8; 32];
            for digit in secret.reveal().bytes().skip(3) {
                let mut carry = ALPHABET.iter().position(|a| *a == digit).unwrap() as u16;
                for byte in number.iter_mut().rev() {
                    let value = u16::from(*byte) * 62 + carry;
                    *byte = (value & 255) as u8;
                    carry = value >> 8;
                }
            }
            prop_assert_eq!(number, bytes);
        }
    }
}
