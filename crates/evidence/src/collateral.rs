//! What vendors say about keys and platforms: certificates, revocation lists, levels. It comes from anybody, as all of it
//! is signed.

use crate::Refusal;
use crate::read::text;
use tollgate_pay::json::Json;

/// Largest file, in bytes.
pub const COLLATERAL_BYTES_MAX: usize = 512 << 10;
/// Most files.
pub const COLLATERAL_FILES_MAX: usize = 16;
/// Most certificates in all of them.
const CERTIFICATES_MAX: usize = 32;

/// Files, each within its bound.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Collateral(Vec<Vec<u8>>);

impl Collateral {
    /// These files.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] for too many, or for a large one.
    pub fn new(files: Vec<Vec<u8>>) -> Result<Self, Refusal> {
        let what = "collateral";
        if files.len() > COLLATERAL_FILES_MAX {
            return Err(Refusal::TooLarge {
                what,
                is: files.len(),
                unit: "files",
                most: COLLATERAL_FILES_MAX,
            });
        }
        if let Some(large) = files.iter().find(|file| file.len() > COLLATERAL_BYTES_MAX) {
            return Err(Refusal::TooLarge {
                what,
                is: large.len(),
                unit: "bytes",
                most: COLLATERAL_BYTES_MAX,
            });
        }
        Ok(Self(files))
    }

    /// The files.
    #[must_use]
    pub fn files(&self) -> &[Vec<u8>] {
        &self.0
    }

    /// All certificates as DER: those in PEM text, and files that are DER themselves.
    pub(crate) fn certificates(&self) -> Result<Vec<Vec<u8>>, Refusal> {
        self.ders("CERTIFICATE")
    }

    /// All revocation lists in PEM text.
    pub(crate) fn lists(&self) -> Result<Vec<Vec<u8>>, Refusal> {
        let mut found = Vec::new();
        for file in &self.0 {
            found.extend(text::pem("collateral", "X509 CRL", std::str::from_utf8(file).unwrap_or_default())?);
        }
        Ok(found)
    }

    fn ders(&self, label: &str) -> Result<Vec<Vec<u8>>, Refusal> {
        let mut found = Vec::new();
        for file in &self.0 {
            match std::str::from_utf8(file) {
                Ok(text) if text.contains("-----BEGIN ") => {
                    found.extend(text::pem("collateral", label, text)?);
                }
                _ if file.starts_with(&[crate::read::der::SEQUENCE, 0x82]) => found.push(file.clone()),
                _ => {}
            }
        }
        if found.len() > CERTIFICATES_MAX {
            let (what, most) = ("collateral", CERTIFICATES_MAX);
            return Err(Refusal::TooLarge { what, is: found.len(), unit: "certificates", most });
        }
        Ok(found)
    }

    /// The first file that is a JSON object with this member.
    pub(crate) fn object_with(&self, member: &str) -> Option<Json> {
        let mut objects = self.0.iter().filter_map(|file| Json::parse(file).ok());
        objects.find(|json| json.get(member).is_some())
    }
}
