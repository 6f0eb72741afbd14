//! Public keys and signatures: what hardware vendors, logs and token issuers sign with.

use crate::Refusal;
use crate::read::der::{BIT_STRING, Der, INTEGER, OID, SEQUENCE, wrapped};
use crate::read::text::{base64, base64url};
use base64::Engine as _;
use ring::signature as algorithm;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256, Sha512};
use sha3::Keccak256;
use tollgate_pay::json::Json;

/// Object identifiers, as the bytes of their DER.
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const CURVE_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const CURVE_P384: &[u8] = &[0x2b, 0x81, 4, 0, 34];
const CURVE_K256: &[u8] = &[0x2b, 0x81, 4, 0, 10];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
const ED25519: &[u8] = &[0x2b, 101, 112];
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const ECDSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
/// sha256WithRSAEncryption and its fellows differ in the last byte.
const RSA_PKCS1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1];
/// RSASSA-PSS-params (RFC 4055) with SHA-384, MGF1 over it and a salt of 48 bytes: the one choice in use by vendors.
const PSS_SHA384: &[u8] = &[
    0x30, 0x39, 0xa0, 0x0f, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2, 5, 0, 0xa1, 0x1c, 0x30,
    0x1a, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3,
    4, 2, 2, 5, 0, 0xa2, 3, 2, 1, 48, 0xa3, 3, 2, 1, 1,
];
/// The same without the trailer field, whose default it is.
const PSS_SHA384_SHORT: &[u8] = &[
    0x30, 0x34, 0xa0, 0x0f, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2, 5, 0, 0xa1, 0x1c, 0x30,
    0x1a, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3,
    4, 2, 2, 5, 0, 0xa2, 3, 2, 1, 48,
];

/// A public key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PublicKey {
    /// A point of P-256, uncompressed: 65 bytes.
    P256(Vec<u8>),
    /// A point of P-384, uncompressed: 97 bytes.
    P384(Vec<u8>),
    /// A point of secp256k1, uncompressed: 65 bytes.
    K256(Vec<u8>),
    /// `RSAPublicKey` (RFC 8017, appendix A.1.1) as DER.
    Rsa(Vec<u8>),
    /// 32 bytes.
    Ed25519(Vec<u8>),
}

/// A way to sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// ECDSA over SHA-256 with `r` and `s` in DER.
    EcdsaSha256,
    /// ECDSA over SHA-384 with `r` and `s` in DER.
    EcdsaSha384,
    /// ECDSA over SHA-512 with `r` and `s` in DER.
    EcdsaSha512,
    /// ECDSA over SHA-256, `r` and `s` of 32 bytes each: JOSE's `ES256`.
    Es256,
    /// ECDSA over SHA-384, `r` and `s` of 48 bytes each: JOSE's and COSE's `ES384`.
    Es384,
    /// ECDSA on secp256k1 over SHA-256, `r` and `s` of 32 bytes each, `s` in the lower half.
    Es256k,
    /// The same over Keccak-256, as Ethereum signs.
    Es256kKeccak,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// Ed25519.
    EdDsa,
}

impl PublicKey {
    /// Reads `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7).
    pub(crate) fn from_spki(spki: &[u8]) -> Result<Self, Refusal> {
        let mut outer = Der::new("public key", spki);
        let mut info = outer.sequence("public key")?;
        outer.end()?;
        let mut form = info.sequence("public key")?;
        let (kind, curve) = (form.expect(OID)?, form.optional(OID)?);
        let curve = curve.filter(|_| form.is_empty());
        let bits = info.bits()?.to_vec();
        info.end()?;
        let point = |length| bits.len() == length && bits.first() == Some(&4);
        match (kind, curve) {
            (EC_PUBLIC_KEY, Some(CURVE_P256)) if point(65) => Ok(Self::P256(bits)),
            (EC_PUBLIC_KEY, Some(CURVE_P384)) if point(97) => Ok(Self::P384(bits)),
            (EC_PUBLIC_KEY, Some(CURVE_K256)) if point(65) => Ok(Self::K256(bits)),
            (RSA | RSA_PSS, _) => Ok(Self::Rsa(bits)),
            (ED25519, None) if bits.len() == 32 => Ok(Self::Ed25519(bits)),
            _ => Err(Refusal::Unsupported { what: "public key algorithm", is: "of a certificate".into() }),
        }
    }

    /// `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn to_spki(&self) -> Vec<u8> {
        let (kind, parameters, bits): (_, &[u8], _) = match self {
            Self::P256(point) => (EC_PUBLIC_KEY, &wrapped(OID, CURVE_P256), point),
            Self::P384(point) => (EC_PUBLIC_KEY, &wrapped(OID, CURVE_P384), point),
            Self::K256(point) => (EC_PUBLIC_KEY, &wrapped(OID, CURVE_K256), point),
            Self::Rsa(key) => (RSA, &[5, 0], key),
            Self::Ed25519(key) => (ED25519, &[], key),
        };
        let form = wrapped(SEQUENCE, &[&wrapped(OID, kind), parameters].concat());
        let bits = wrapped(BIT_STRING, &[&[0][..], bits].concat());
        wrapped(SEQUENCE, &[form, bits].concat())
    }

    /// A point of secp256k1, compressed or not (SEC 1, section 2.3.4); `None` for bytes that are none.
    #[must_use]
    pub fn from_k256(point: &[u8]) -> Option<Self> {
        let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?;
        Some(Self::K256(key.to_sec1_point(false).as_bytes().to_vec()))
    }

    /// Reads a public JWK (RFC 7517, RFC 7518, RFC 8037). A key with its secret part is none.
    ///
    /// # Errors
    /// [`Refusal::Unsupported`] for another kind of key, [`Refusal::Malformed`] for numbers that are not base64url.
    pub fn from_jwk(jwk: &Json) -> Result<Self, Refusal> {
        let text = |name| jwk.get(name).and_then(Json::text).unwrap_or_default();
        let number = |name| base64url("JWK", text(name));
        let unsupported = |is: &str| Refusal::Unsupported { what: "JWK", is: is.into() };
        if jwk.get("d").is_some() {
            return Err(unsupported("with its secret part"));
        }
        let point = |length| {
            let (x, y) = (number("x")?, number("y")?);
            let fits = x.len() == length && y.len() == length;
            fits.then(|| [&[4][..], &x, &y].concat())
                .ok_or_else(|| unsupported("of another length than its curve"))
        };
        match (text("kty"), text("crv")) {
            ("EC", "P-256") => Ok(Self::P256(point(32)?)),
            ("EC", "P-384") => Ok(Self::P384(point(48)?)),
            ("EC", "secp256k1") => Ok(Self::K256(point(32)?)),
            ("OKP", "Ed25519") => Some(number("x")?)
                .filter(|x| x.len() == 32)
                .map(Self::Ed25519)
                .ok_or_else(|| unsupported("of another length")),
            ("RSA", "") => {
                let parts =
                    [number("n")?, number("e")?].map(|number| wrapped(INTEGER, &unsigned_body(&number)));
                Ok(Self::Rsa(wrapped(SEQUENCE, &parts.concat())))
            }
            (kty, _) => Err(unsupported(&Refusal::shown(kty))),
        }
    }

    /// Whether a signature of this key holds. A scheme of another kind of key does not.
    #[must_use]
    pub fn holds(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
        let (check, key): (&dyn algorithm::VerificationAlgorithm, _) = match (self, scheme) {
            (Self::K256(key), Scheme::Es256k) => return holds_k256(key, &sha256(message), signature),
            (Self::K256(key), Scheme::Es256kKeccak) => {
                return holds_k256(key, &Keccak256::digest(message).into(), signature);
            }
            (Self::P256(key), Scheme::EcdsaSha512) => {
                return holds_p256(key, &Sha512::digest(message), signature);
            }
            (Self::P256(key), Scheme::EcdsaSha256) => (&algorithm::ECDSA_P256_SHA256_ASN1, key),
            (Self::P256(key), Scheme::EcdsaSha384) => (&algorithm::ECDSA_P256_SHA384_ASN1, key),
            (Self::P256(key), Scheme::Es256) => (&algorithm::ECDSA_P256_SHA256_FIXED, key),
            (Self::P384(key), Scheme::EcdsaSha256) => (&algorithm::ECDSA_P384_SHA256_ASN1, key),
            (Self::P384(key), Scheme::EcdsaSha384) => (&algorithm::ECDSA_P384_SHA384_ASN1, key),
            (Self::P384(key), Scheme::Es384) => (&algorithm::ECDSA_P384_SHA384_FIXED, key),
            (Self::Rsa(key), Scheme::Rs256) => (&algorithm::RSA_PKCS1_2048_8192_SHA256, key),
            (Self::Rsa(key), Scheme::Rs384) => (&algorithm::RSA_PKCS1_2048_8192_SHA384, key),
            (Self::Rsa(key), Scheme::Rs512) => (&algorithm::RSA_PKCS1_2048_8192_SHA512, key),
            (Self::Rsa(key), Scheme::Ps256) => (&algorithm::RSA_PSS_2048_8192_SHA256, key),
            (Self::Rsa(key), Scheme::Ps384) => (&algorithm::RSA_PSS_2048_8192_SHA384, key),
            (Self::Rsa(key), Scheme::Ps512) => (&algorithm::RSA_PSS_2048_8192_SHA512, key),
            (Self::Ed25519(key), Scheme::EdDsa) => (&algorithm::ED25519, key),
            _ => return false,
        };
        algorithm::UnparsedPublicKey::new(check, key).verify(message, signature).is_ok()
    }
}

impl PublicKey {
    /// Whether an ECDSA signature of this key holds over something of which only the SHA-256 is known.
    pub(crate) fn holds_sha256(&self, digest: &[u8; 32], signature: &[u8]) -> Result<bool, Refusal> {
        match self {
            Self::P256(key) => Ok(holds_p256(key, digest, signature)),
            _ => Err(Refusal::Unsupported {
                what: "signature over a digest",
                is: "of a key that is not on P-256".into(),
            }),
        }
    }
}

/// Whether a key of P-256 signed this hash, with `r` and `s` in DER.
fn holds_p256(key: &[u8], hash: &[u8], signature: &[u8]) -> bool {
    use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key);
    let signature = p256::ecdsa::Signature::from_der(signature);
    let (Ok(key), Ok(signature)) = (key, signature) else { return false };
    key.verify_prehash(hash, &signature).is_ok()
}

/// Whether a key of secp256k1 signed this hash. The second spelling, with `s` in the upper half, does not count.
fn holds_k256(key: &[u8], hash: &[u8; 32], signature: &[u8]) -> bool {
    use k256::ecdsa::signature::hazmat::PrehashVerifier as _;
    let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(key);
    let signature = k256::ecdsa::Signature::from_slice(signature);
    let (Ok(key), Ok(signature)) = (key, signature) else { return false };
    signature.normalize_s() == signature && key.verify_prehash(hash, &signature).is_ok()
}

/// The body of an integer that is not negative, in its shortest form.
fn unsigned_body(digits: &[u8]) -> Vec<u8> {
    let first = digits.iter().position(|byte| *byte != 0).unwrap_or(digits.len());
    let digits = digits.get(first..).unwrap_or_default();
    let zero: &[u8] = if digits.first().is_none_or(|byte| *byte >= 0x80) { &[0] } else { &[] };
    [zero, digits].concat()
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&base64::engine::general_purpose::STANDARD.encode(self.to_spki()))
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let key = base64("public key", &text).and_then(|spki| Self::from_spki(&spki));
        key.map_err(serde::de::Error::custom)
    }
}

impl Scheme {
    /// Reads the body of an `AlgorithmIdentifier` of a signature.
    pub(crate) fn from_der(body: &[u8]) -> Result<Self, Refusal> {
        let mut form = Der::new("signature algorithm", body);
        let kind = form.expect(OID)?;
        let parameters = if form.is_empty() { None } else { Some(form.next()?.whole) };
        form.end()?;
        match (kind, parameters) {
            (ECDSA_SHA256, None) => return Ok(Self::EcdsaSha256),
            (ECDSA_SHA384, None) => return Ok(Self::EcdsaSha384),
            (ED25519, None) => return Ok(Self::EdDsa),
            (RSA_PSS, Some(PSS_SHA384 | PSS_SHA384_SHORT)) => return Ok(Self::Ps384),
            _ => {}
        }
        match (kind.split_last(), parameters) {
            (Some((11, RSA_PKCS1)), Some([5, 0])) => Ok(Self::Rs256),
            (Some((12, RSA_PKCS1)), Some([5, 0])) => Ok(Self::Rs384),
            (Some((13, RSA_PKCS1)), Some([5, 0])) => Ok(Self::Rs512),
            _ => {
                let is = crate::read::text::hex(kind);
                Err(Refusal::Unsupported { what: "signature algorithm", is })
            }
        }
    }

    /// The scheme that JOSE (RFC 7518, RFC 8037) calls by this name.
    pub(crate) fn from_jose(name: &str) -> Option<Self> {
        Some(match name {
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "EdDSA" | "Ed25519" => Self::EdDsa,
            _ => return None,
        })
    }
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
