//! Integer money with its asset; every operation is checked.
//!
//! An [`Amount`] is `minor × 10^-exponent` units of its asset. Two amounts combine only when their assets are
//! equal, so micro-dollars can never be added to cents by accident.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest asset code accepted, in bytes.
pub const ASSET_CODE_MAX: usize = 12;
/// Largest decimal exponent accepted (18 covers every asset in use).
pub const EXPONENT_MAX: u8 = 18;

/// What an amount is counted in: a code (`USD`, `USDC`) and the number of decimal places of its minor unit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Asset {
    code: [u8; ASSET_CODE_MAX],
    exponent: u8,
}

impl Asset {
    /// An asset by code (1 to 12 upper-case letters or digits) and exponent (0 to 18).
    ///
    /// # Errors
    /// [`AmountError::BadAsset`] when the code or the exponent is out of range.
    pub fn new(code: &str, exponent: u8) -> Result<Self, AmountError> {
        let plain = code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if code.is_empty() || code.len() > ASSET_CODE_MAX || !plain || exponent > EXPONENT_MAX {
            return Err(AmountError::BadAsset { code: code.into(), exponent });
        }
        let mut bytes = [0; ASSET_CODE_MAX];
        for (slot, byte) in bytes.iter_mut().zip(code.bytes()) {
            *slot = byte;
        }
        Ok(Self { code: bytes, exponent })
    }

    /// Millionths of a US dollar: the unit in which model prices are quoted here.
    #[must_use]
    pub const fn usd_micro() -> Self {
        Self { code: *b"USD\0\0\0\0\0\0\0\0\0", exponent: 6 }
    }

    /// The code, such as `USD`.
    #[must_use]
    pub fn code(&self) -> &str {
        let end = self.code.iter().position(|b| *b == 0).unwrap_or(ASSET_CODE_MAX);
        self.code.get(..end).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default()
    }

    /// Decimal places of the minor unit.
    #[must_use]
    pub const fn exponent(&self) -> u8 {
        self.exponent
    }
}

impl fmt::Debug for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}e-{}", self.code(), self.exponent)
    }
}

/// Why an amount could not be made or combined.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AmountError {
    /// The asset's code or exponent is out of range.
    #[error(
        "asset {code:?} with exponent {exponent}: the code must be 1 to 12 of A-Z 0-9 and the exponent at most 18"
    )]
    BadAsset {
        /// The code as given.
        code: String,
        /// The exponent as given.
        exponent: u8,
    },
    /// Two amounts of different assets were combined.
    #[error("cannot combine {left:?} with {right:?}: the assets differ")]
    AssetMismatch {
        /// Asset of the left operand.
        left: Asset,
        /// Asset of the right operand.
        right: Asset,
    },
    /// The result does not fit in 128 bits.
    #[error("amount overflows 128 bits")]
    Overflow,
}

/// An integer number of minor units of an asset.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Amount {
    minor: i128,
    asset: Asset,
}

impl Amount {
    /// `minor` minor units of `asset`.
    #[must_use]
    pub const fn new(minor: i128, asset: Asset) -> Self {
        Self { minor, asset }
    }

    /// The number of minor units.
    #[must_use]
    pub const fn minor(&self) -> i128 {
        self.minor
    }

    /// The asset.
    #[must_use]
    pub const fn asset(&self) -> Asset {
        self.asset
    }

    /// Sum of two amounts of one asset.
    ///
    /// # Errors
    /// [`AmountError::AssetMismatch`] or [`AmountError::Overflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, AmountError> {
        self.combine(other, i128::checked_add)
    }

    /// Difference of two amounts of one asset.
    ///
    /// # Errors
    /// [`AmountError::AssetMismatch`] or [`AmountError::Overflow`].
    pub fn checked_sub(self, other: Self) -> Result<Self, AmountError> {
        self.combine(other, i128::checked_sub)
    }

    fn combine(self, other: Self, op: fn(i128, i128) -> Option<i128>) -> Result<Self, AmountError> {
        if self.asset != other.asset {
            return Err(AmountError::AssetMismatch { left: self.asset, right: other.asset });
        }
        let minor = op(self.minor, other.minor).ok_or(AmountError::Overflow)?;
        Ok(Self { minor, asset: self.asset })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = usize::from(self.asset.exponent);
        let digits = format!("{:0>width$}", self.minor.unsigned_abs(), width = places.saturating_add(1));
        let (whole, part) = digits.split_at(digits.len().saturating_sub(places));
        let sign = if self.minor < 0 { "-" } else { "" };
        let dot = if part.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{dot}{part} {}", self.asset.code())
    }
}

/// Price of `tokens` at `micro_per_million` micro-units per million tokens, rounded up, saturating.
///
/// Rounding up means that a positive price never rounds to a free call.
#[must_use]
pub fn token_price_micro(tokens: u64, micro_per_million: u64) -> u64 {
    let product = u128::from(tokens).saturating_mul(u128::from(micro_per_million));
    u64::try_from(product.div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// The wire form of an asset: `{"code": "USD", "exponent": 6}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AssetWire {
    code: String,
    exponent: u8,
}

/// The wire form of an amount: minor units as a decimal string, as JSON numbers are not exact beyond 2^53.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AmountWire<'a> {
    asset: Asset,
    #[serde(borrow)]
    minor: std::borrow::Cow<'a, str>,
}

impl Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        AmountWire { asset: self.asset, minor: self.minor.to_string().into() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = AmountWire::deserialize(deserializer)?;
        let canonical = |minor: &i128| minor.to_string() == wire.minor;
        let minor = wire.minor.parse().ok().filter(canonical).ok_or_else(|| {
            let cut: String = wire.minor.chars().take(80).collect();
            serde::de::Error::custom(format_args!(
                "minor {cut:?} is not an integer of at most 128 bits in plain digits"
            ))
        })?;
        Ok(Self { minor, asset: wire.asset })
    }
}

impl Serialize for Asset {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        AssetWire { code: self.code().into(), exponent: self.exponent }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Asset {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = AssetWire::deserialize(deserializer)?;
        Self::new(&wire.code, wire.exponent).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prints_with_its_decimal_places() {
        let cases = [(5, 2, "0.05 EUR"), (-1234, 2, "-12.34 EUR"), (7, 0, "7 EUR"), (0, 6, "0.000000 EUR")];
        for (minor, exponent, expected) in cases {
            let asset = Asset::new("EUR", exponent).unwrap();
            assert_eq!(Amount::new(minor, asset).to_string(), expected);
        }
    }

    #[test]
    fn refuses_mixed_assets_and_overflow() {
        let micro = Amount::new(1, Asset::usd_micro());
        let cents = Amount::new(1, Asset::new("USD", 2).unwrap());
        assert!(matches!(micro.checked_add(cents), Err(AmountError::AssetMismatch { .. })));
        let most = Amount::new(i128::MAX, Asset::usd_micro());
        assert_eq!(most.checked_add(micro), Err(AmountError::Overflow));
    }

    #[test]
    fn refuses_bad_assets() {
        for code in ["", "usd", "U$D", "ABCDEFGHIJKLM"] {
            assert!(Asset::new(code, 2).is_err(), "{code}");
        }
        assert!(Asset::new("USD", 19).is_err());
        assert!(serde_json::from_str::<Asset>(r#"{"code":"usd","exponent":2}"#).is_err());
    }

    #[test]
    fn a_positive_price_is_never_free() {
        assert_eq!(token_price_micro(1, 1), 1);
        assert_eq!(token_price_micro(0, 1_000_000), 0);
        assert_eq!(token_price_micro(1_500_000, 2_000_000), 3_000_000);
        assert_eq!(token_price_micro(u64::MAX, u64::MAX), u64::MAX);
    }

    #[test]
    fn an_amount_has_one_spelling_in_json() {
        let amount = Amount::new(-170, Asset::new("EUR", 2).unwrap());
        let text = r#"{"asset":{"code":"EUR","exponent":2},"minor":"-170"}"#;
        assert_eq!(serde_json::to_string(&amount).unwrap(), text);
        assert_eq!(serde_json::from_str::<Amount>(text).unwrap(), amount);
        for minor in ["", "+1", "01", "-0", "1.0", "1e3", " 1", "170141183460469231731687303715884105728"] {
            assert!(serde_json::from_str::<Amount>(&text.replace("-170", minor)).is_err(), "{minor}");
        }
    }

    proptest! {
        #[test]
        fn sub_undoes_add(a in -1_000_000_000i128..1_000_000_000, b in -1_000_000_000i128..1_000_000_000) {
            let (a, b) = (Amount::new(a, Asset::usd_micro()), Amount::new(b, Asset::usd_micro()));
            prop_assert_eq!(a.checked_add(b).unwrap().checked_sub(b).unwrap(), a);
        }
    }
}
