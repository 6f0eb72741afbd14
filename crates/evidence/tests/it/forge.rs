//! Keys, certificates and evidence made here, under roots of our own: what the samples of others cannot show.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _,
};
use tollgate_core::Timestamp;
use tollgate_evidence::{Bind, Check, Claims, Collateral, Kind, Policy, PublicKey, Refusal, Signer, verify};

/// When everything here is made and checked.
pub(crate) const NOW: i64 = 1_795_824_000;
/// Validity of certificates: from 2026-01-01 to 2029-12-31.
const FROM: &str = "260101000000Z";
const UNTIL: &str = "291231235959Z";

/// An element of DER.
pub(crate) fn der(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = match body.len() {
        short @ 0..0x80 => vec![short as u8],
        middle @ 0x80..0x100 => vec![0x81, middle as u8],
        long => vec![0x82, (long >> 8) as u8, long as u8],
    };
    [&[tag][..], &length, body].concat()
}

/// A sequence.
pub(crate) fn seq(parts: &[Vec<u8>]) -> Vec<u8> {
    der(0x30, &parts.concat())
}

/// A key on P-384, or on P-256.
pub(crate) struct Key {
    pkcs8: Vec<u8>,
    /// How it signs: `r` and `s` in DER, and of fixed length.
    forms: [&'static EcdsaSigningAlgorithm; 2],
}

impl Key {
    pub(crate) fn new() -> Self {
        Self::of([&ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P384_SHA384_FIXED_SIGNING])
    }

    pub(crate) fn p256() -> Self {
        Self::of([&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P256_SHA256_FIXED_SIGNING])
    }

    fn of(forms: [&'static EcdsaSigningAlgorithm; 2]) -> Self {
        let made = EcdsaKeyPair::generate_pkcs8(forms[0], &SystemRandom::new()).unwrap();
        Self { pkcs8: made.as_ref().to_vec(), forms }
    }

    fn pair(&self, in_der: bool) -> EcdsaKeyPair {
        let form = self.forms[usize::from(!in_der)];
        EcdsaKeyPair::from_pkcs8(form, &self.pkcs8, &SystemRandom::new()).unwrap()
    }

    pub(crate) fn public(&self) -> PublicKey {
        let point = self.pair(true).public_key().as_ref().to_vec();
        if point.len() == 65 { PublicKey::P256(point) } else { PublicKey::P384(point) }
    }

    /// `r` and `s` in DER, or of fixed length.
    pub(crate) fn sign(&self, message: &[u8], in_der: bool) -> Vec<u8> {
        self.pair(in_der).sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }
}

/// An Ed25519 key from a seed.
pub(crate) fn ed25519(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

/// A signer of the policy with such a key.
pub(crate) fn signer(seed: u8, kind: Kind, name: &str, issuer: Option<&str>) -> Signer {
    Signer {
        issuer: issuer.map(str::to_owned),
        key: PublicKey::Ed25519(ed25519(seed).public_key().as_ref().to_vec()),
        kinds: vec![kind],
        name: name.into(),
        role: "provider".into(),
    }
}

/// What a certificate is to say.
pub(crate) struct Cert<'a> {
    pub(crate) subject: &'a str,
    pub(crate) issuer: &'a str,
    /// Whether it may sign others.
    pub(crate) authority: bool,
    pub(crate) until: &'a str,
    /// Further extensions, each as DER.
    pub(crate) more: Vec<Vec<u8>>,
}

impl Cert<'_> {
    pub(crate) fn new<'a>(subject: &'a str, issuer: &'a str) -> Cert<'a> {
        Cert { subject, issuer, authority: subject != "leaf", until: UNTIL, more: Vec::new() }
    }

    /// What the issuer signs.
    pub(crate) fn tbs(&self, key: &PublicKey) -> Vec<u8> {
        let name = |text: &str| seq(&[der(0x31, &seq(&[der(6, &[0x55, 4, 3]), der(0x0c, text.as_bytes())]))]);
        let constraints = if self.authority { seq(&[der(1, &[0xff])]) } else { seq(&[]) };
        let mut extensions = vec![extension(&[0x55, 0x1d, 19], true, &constraints)];
        extensions.extend(self.more.clone());
        seq(&[
            der(0xa0, &der(2, &[2])),
            der(2, &[7]),
            scheme(),
            name(self.issuer),
            seq(&[der(0x17, FROM.as_bytes()), der(0x17, self.until.as_bytes())]),
            name(self.subject),
            key.to_spki(),
            der(0xa3, &seq(&extensions)),
        ])
    }

    pub(crate) fn signed(&self, key: &PublicKey, issuer: &Key) -> Vec<u8> {
        let tbs = self.tbs(key);
        let signature = [&[0][..], &issuer.sign(&tbs, true)].concat();
        seq(&[tbs, scheme(), der(3, &signature)])
    }
}

/// ECDSA with SHA-384.
fn scheme() -> Vec<u8> {
    seq(&[der(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3])])
}

/// An extension of a certificate.
pub(crate) fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![der(6, oid)];
    if critical {
        parts.push(der(1, &[0xff]));
    }
    parts.push(der(4, value));
    seq(&parts)
}

/// A root, an authority below it and a leaf, each with its key, and a policy that trusts the root for a kind.
pub(crate) struct House {
    pub(crate) leaf: Key,
    pub(crate) middle: Key,
    pub(crate) root: Key,
    pub(crate) policy: Policy,
}

impl House {
    pub(crate) fn new(kind: Kind) -> Self {
        let (leaf, middle, root) = (Key::new(), Key::new(), Key::new());
        let mut policy = Policy::default();
        let id = hex(ring::digest::digest(&ring::digest::SHA256, &root.public().to_spki()).as_ref());
        policy.roots.insert(kind, [(id, "test root".to_owned())].into());
        Self { leaf, middle, root, policy }
    }

    /// The chain from the leaf up; the leaf has these extensions.
    pub(crate) fn chain(&self, more: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        vec![
            Cert { more, ..Cert::new("leaf", "middle") }.signed(&self.leaf.public(), &self.middle),
            Cert::new("middle", "root").signed(&self.middle.public(), &self.root),
            Cert::new("root", "root").signed(&self.root.public(), &self.root),
        ]
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Certificates as PEM text.
pub(crate) fn pem(chain: &[Vec<u8>]) -> Vec<u8> {
    let block = |der: &Vec<u8>| {
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
    };
    chain.iter().map(block).collect::<String>().into_bytes()
}

/// Checks at [`NOW`].
pub(crate) fn judge(
    kind: Kind,
    evidence: &[u8],
    policy: &Policy,
    files: &[Vec<u8>],
    bind: Option<&Bind>,
) -> Result<Claims, Refusal> {
    judge_at(NOW, kind, evidence, policy, files, bind)
}

/// Checks at a second.
fn judge_at(
    at: i64,
    kind: Kind,
    evidence: &[u8],
    policy: &Policy,
    files: &[Vec<u8>],
    bind: Option<&Bind>,
) -> Result<Claims, Refusal> {
    let collateral = Collateral::new(files.to_vec()).unwrap();
    let check = Check { at: Timestamp(at * 1_000_000), policy, collateral: &collateral, bind };
    verify(kind, evidence, &check)
}

/// Good when it is handed in, over when the money is to move: the time of the check decides, and it is an input. What says when
/// it was made is too old after two days; what rests on certificates ends with them; an envelope alone never ends, nor does a run.
fn time_shifted(kind: Kind, evidence: &[u8], policy: &Policy, files: &[Vec<u8>], bind: &Bind) {
    let at = |at| judge_at(at, kind, evidence, policy, files, Some(bind)).map_err(|refusal| refusal.code());
    let (days, years) = (at(NOW + 2 * 86_400), at(NOW + 5 * 366 * 86_400));
    assert_eq!(days.is_err(), kind.timed(), "{kind} after two days: {days:?}");
    if !matches!(kind, Kind::Dsse | Kind::Execution) {
        assert_eq!(years.unwrap_err(), "time", "{kind} after five years");
    }
    // The verdict of the first time is there for ever.
    assert!(at(NOW).is_ok(), "{kind}");
}

/// `EVIDENCE_SEEDS=FOLDER` keeps what is made here for the fuzz target `evidence`, whose first byte chooses the kind.
fn seed(kind: Kind, evidence: &[u8]) {
    let Some(folder) = std::env::var_os("EVIDENCE_SEEDS") else { return };
    let choice = Kind::ALL.iter().position(|known| *known == kind).unwrap() as u8;
    let name = format!("{kind}-{}", evidence.len());
    std::fs::write(std::path::Path::new(&folder).join(name), [&[choice], evidence].concat()).unwrap();
}

/// Evidence that is accepted for its own task and for no other: another escrow, output or nonce gives another binding.
pub(crate) fn bound_only(kind: Kind, policy: &Policy, files: &[Vec<u8>], make: &dyn Fn(&Bind) -> Vec<u8>) {
    let mine = Bind([0x5a; 64]);
    bound_by(kind, policy, files, &mine, &make(&mine));
}

/// The same of evidence that is made for a binding.
pub(crate) fn bound_by(kind: Kind, policy: &Policy, files: &[Vec<u8>], mine: &Bind, evidence: &[u8]) {
    let other = Bind([0xa5; 64]);
    seed(kind, evidence);
    let claims = judge(kind, evidence, policy, files, Some(mine)).unwrap();
    assert!(claims.bound, "{kind}");
    let refusal = judge(kind, evidence, policy, files, Some(&other)).unwrap_err();
    assert_eq!(refusal.code(), "unbound", "{kind}: {refusal}");
    time_shifted(kind, evidence, policy, files, mine);
    // The last byte counts too, and so does the first.
    for at in [0, 31] {
        let mut near = *mine;
        near.0[at] ^= 1;
        let refusal = judge(kind, evidence, policy, files, Some(&near)).unwrap_err();
        assert_eq!(refusal.code(), "unbound", "{kind}: {refusal}");
    }
}
