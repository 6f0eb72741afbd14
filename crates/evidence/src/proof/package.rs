//! What the payee hands in: pieces of evidence with what vendors say about them, in one file.

use crate::{Collateral, Kind, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tollgate_core::Digest;
use tollgate_pay::PayError;
use tollgate_pay::escrow::digest;
use tollgate_pay::json::plain;

/// Most pieces of evidence.
pub const EXHIBITS_MAX: usize = 16;
/// Largest package, in bytes.
pub const PACKAGE_BYTES_MAX: usize = 4 << 20;

/// Bytes, written as base64.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Blob(pub Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// One piece. Fields stand in alphabetical order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exhibit {
    /// What vendors say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collateral: Vec<Blob>,
    /// The evidence.
    pub evidence: Blob,
    /// Its kind.
    pub kind: Kind,
}

/// The version of the form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Form {
    #[serde(rename = "tollgate/evidence-package/v1")]
    V1,
}

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The pieces.
    pub exhibits: Vec<Exhibit>,
    r#type: Form,
}

impl Package {
    /// A package of these.
    ///
    /// # Errors
    /// [`PayError::Bad`] for none, for more than [`EXHIBITS_MAX`], and for more bytes than [`PACKAGE_BYTES_MAX`].
    pub fn new(exhibits: Vec<Exhibit>) -> Result<Self, PayError> {
        let package = Self { exhibits, r#type: Form::V1 };
        package.check()?;
        Ok(package)
    }

    /// Reads one.
    ///
    /// # Errors
    /// As [`Package::new`]; [`PayError::Bad`] for another text.
    pub fn parse(text: &[u8]) -> Result<Self, PayError> {
        if text.len() > PACKAGE_BYTES_MAX {
            return Err(bad(&text.len().to_string(), "at most 4 MiB"));
        }
        let package: Self = tollgate_pay::escrow::read("evidence package", text)?;
        package.check()?;
        Ok(package)
    }

    pub(super) fn check(&self) -> Result<(), PayError> {
        let count = self.exhibits.len();
        if !(1..=EXHIBITS_MAX).contains(&count) {
            return Err(bad(&count.to_string(), "of 1 to 16 pieces"));
        }
        let bytes = |blob: &Blob| blob.0.len();
        let of = |exhibit: &Exhibit| {
            exhibit.collateral.iter().map(bytes).sum::<usize>().saturating_add(bytes(&exhibit.evidence))
        };
        let total: usize = self.exhibits.iter().map(of).sum();
        // Base64 has four characters for three bytes.
        if total > PACKAGE_BYTES_MAX.saturating_mul(3).div_euclid(4) {
            return Err(bad(&total.to_string(), "at most 4 MiB as base64"));
        }
        Ok(())
    }

    /// The canonical form: the file's text.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        plain(self)
    }

    /// SHA-256 of the canonical form: what the submission names.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest(&self.canonical())
    }
}

impl Exhibit {
    /// Its collateral, within bounds.
    pub(super) fn collateral(&self) -> Result<Collateral, Refusal> {
        Collateral::new(self.collateral.iter().map(|blob| blob.0.clone()).collect())
    }
}

fn bad(value: &str, wanted: &'static str) -> PayError {
    PayError::Bad { field: "evidence package", value: value.into(), wanted }
}
