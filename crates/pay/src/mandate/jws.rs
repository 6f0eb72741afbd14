//! Compact JWS with ES256, and nothing else: another algorithm, `none` included, is unreadable.

use super::Refusal;
use crate::json::Json;
use crate::remembered;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};

/// A P-256 public key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Es256Key(VerifyingKey);

impl Es256Key {
    /// Reads a public JWK (RFC 7518, section 6.2): `kty` EC, `crv` P-256, both coordinates.
    #[must_use]
    pub fn from_jwk(jwk: &Json) -> Option<Self> {
        let is = |name, value| jwk.get(name).and_then(Json::text) == Some(value);
        // A private key in a token is a leak and no key to trust.
        if !is("kty", "EC") || !is("crv", "P-256") || jwk.get("d").is_some() {
            return None;
        }
        let coordinate = |name| {
            let bytes = URL_SAFE_NO_PAD.decode(jwk.get(name)?.text()?).ok()?;
            <[u8; 32]>::try_from(bytes).ok()
        };
        let point = [[4].as_slice(), &coordinate("x")?, &coordinate("y")?].concat();
        VerifyingKey::from_sec1_bytes(&point).ok().map(Self)
    }

    pub(super) const fn of(key: VerifyingKey) -> Self {
        Self(key)
    }

    /// Reads a point in SEC1 form, compressed or not.
    pub(crate) fn from_sec1(point: &[u8]) -> Option<Self> {
        VerifyingKey::from_sec1_bytes(point).ok().map(Self)
    }

    /// The point in compressed SEC1 form: 33 bytes.
    pub(crate) fn to_sec1(&self) -> Vec<u8> {
        self.0.to_sec1_point(true).as_bytes().to_vec()
    }

    /// Both coordinates, 32 bytes each.
    pub(crate) fn coordinates(&self) -> (Vec<u8>, Vec<u8>) {
        let point = self.0.to_sec1_point(false);
        let (x, y) = point.as_bytes().get(1..).unwrap_or_default().split_at_checked(32).unwrap_or_default();
        (x.to_vec(), y.to_vec())
    }

    pub(crate) fn holds(&self, message: &[u8], signature: &[u8]) -> bool {
        remembered::holds(&self.to_sec1(), message, signature, || {
            Signature::from_slice(signature).is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
        })
    }
}

/// A JWS, read and not yet verified.
pub(super) struct Jws<'a> {
    /// What was signed: header and payload as they stand.
    pub(super) signed: &'a str,
    pub(super) header: Json,
    pub(super) payload: Json,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    pub(super) fn read(hop: usize, text: &'a str) -> Result<Self, Refusal> {
        let bad = |what: &str| Refusal::Unreadable { hop, what: what.into() };
        let (signed, signature) = text.rsplit_once('.').ok_or_else(|| bad("no signature"))?;
        let (header, payload) = signed.split_once('.').ok_or_else(|| bad("not three parts"))?;
        let decode = |part: &str, name: &str| {
            URL_SAFE_NO_PAD.decode(part).map_err(|_| bad(&format!("its {name} is not base64url")))
        };
        let json = |part: &str, name: &str| {
            Json::parse(&decode(part, name)?).map_err(|error| bad(&format!("{name}: {error}")))
        };
        let header = json(header, "header")?;
        if header.get("alg").and_then(Json::text) != Some("ES256") {
            return Err(bad("its algorithm is not ES256"));
        }
        // A header that must be understood and is not (RFC 7515, section 4.1.11).
        if header.get("crit").is_some() {
            return Err(bad("it has critical headers"));
        }
        Ok(Self {
            signed,
            header,
            payload: json(payload, "payload")?,
            signature: decode(signature, "signature")?,
        })
    }

    pub(super) fn verify(&self, hop: usize, key: &Es256Key, by: &str) -> Result<(), Refusal> {
        if key.holds(self.signed.as_bytes(), &self.signature) {
            return Ok(());
        }
        Err(Refusal::Signature { hop, by: by.into() })
    }

    pub(super) fn typ(&self) -> &str {
        self.header.get("typ").and_then(Json::text).unwrap_or_default()
    }

    pub(super) fn claim(&self, name: &str) -> Option<&str> {
        self.payload.get(name).and_then(Json::text)
    }
}
