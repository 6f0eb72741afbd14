//! Whom and what a verifier trusts: configuration, with defaults that refuse what is doubtful.

use crate::proof::Blob;
use crate::read::text::pem;
use crate::{Kind, PublicKey, Refusal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tollgate_pay::PayError;
use tollgate_pay::json::Json;

/// Roots by kind: SHA-256 of the root key's `SubjectPublicKeyInfo`, and the root's name. Computed from the vendors' published
/// root certificates; of the web's roots those that most interfaces for programs lead to.
const ROOTS: &[(Kind, &str, &str)] = &[
    (
        Kind::AwsNitro,
        "f2caf5ecc6190b4a8399b78bc58a2bbcd0382375db8a1bfd78a82743874fd225",
        "AWS Nitro Enclaves Root G1",
    ),
    (Kind::AmdSevSnp, "9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9", "AMD ARK-Milan"),
    (Kind::AmdSevSnp, "429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831", "AMD ARK-Genoa"),
    (Kind::AmdSevSnp, "4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08", "AMD ARK-Turin"),
    (
        Kind::IntelDcap,
        "a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e",
        "Intel SGX Root CA",
    ),
    (
        Kind::NvidiaGpu,
        "a90c4eb5acfd3e3d03a25db6a26b84f720ad0503196c627c21ddd48dd85b06a4",
        "NVIDIA Device Identity CA",
    ),
    (Kind::TlsNotary, "0b9fa5a59eed715c26c1020c711b4f6ec42d58b0015e14337a39dad301c5afc3", "ISRG Root X1"),
    (Kind::TlsNotary, "762195c225586ee6c0237456e2107dc54f1efc21f61a792ebd515913cce68332", "ISRG Root X2"),
    (Kind::TlsNotary, "871a9194f4eed5b312ff40c84c1d524aed2f778bbff25f138cf81f680a7adc67", "GTS Root R1"),
    (Kind::TlsNotary, "9847e5653e5e9e847516e5cb818606aa7544a19be67fd7366d506988e8d84347", "GTS Root R4"),
    (
        Kind::TlsNotary,
        "8bb593a93be1d0e8a822bb887c547890c3e706aad2dab76254f97fb36b82fc26",
        "DigiCert Global Root G2",
    ),
    (
        Kind::TlsNotary,
        "b94c198300cec5c057ad0727b70bbe91816992256439a7b32f4598119dda9c97",
        "DigiCert Global Root G3",
    ),
    (Kind::TlsNotary, "fbe3018031f9586bcbf41727e417b7d1c45c2f47f93be372a17b96b50757d5a2", "Amazon Root CA 1"),
];
/// The attestor that signed for the Reclaim protocol's first epoch.
const ATTESTOR: &str = "0x244897572368eadf65bfbc5aec98d8e5443a9072";

impl Signer {
    /// A signer of one kind of evidence, from the text of its public key: `ed25519:` and base64 as keys of this program are
    /// written, a JWK, or `SubjectPublicKeyInfo` in PEM.
    ///
    /// # Errors
    /// Those of [`PublicKey::from_jwk`]; [`Refusal::Missing`] for a text with no public key.
    pub fn of(kind: Kind, role: &str, issuer: Option<&str>, text: &str) -> Result<Self, Refusal> {
        let own = text.trim_end().parse::<tollgate_pay::escrow::PublicKey>();
        let key = match (own, Json::parse(text.as_bytes())) {
            (Ok(own), _) => PublicKey::Ed25519(own.as_bytes().to_vec()),
            (_, Ok(jwk)) => PublicKey::from_jwk(&jwk)?,
            _ => {
                let blocks = pem("public key", "PUBLIC KEY", text)?;
                PublicKey::from_spki(blocks.first().ok_or(Refusal::Missing { what: "a public key" })?)?
            }
        };
        let issuer = issuer.map(str::to_owned);
        Ok(Self { issuer, key, kinds: vec![kind], name: role.into(), role: role.into() })
    }
}

/// What Intel must say of a platform, its quoting enclave and its module.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tcb {
    /// Security advisories that may apply.
    pub advisories: Vec<String>,
    /// Oldest edition of Intel's levels (`tcbEvaluationDataNumber`) that does, so that collateral cannot be rolled back as far as
    /// its own end date lets it. By default the one of June 2025; raise it when your collateral has a later one.
    pub edition_min: i64,
    /// What a TDX guest may be that its measurements do not show, by the names of [`GUESTS`]. None of it by default: with a
    /// migration guest of the host's choice its state can be read and changed, its measurements staying what they were.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guests: Vec<String>,
    /// Statuses that do.
    pub statuses: Vec<String>,
}

/// What the attributes of a TDX guest may say beside debug mode (Intel, "TDX Module Base Architecture Specification", TD
/// attributes): `sept-ve` where exceptions of the host's making are not disabled, `service-td` where another guest is bound to it.
/// A guest with a bit that has no name here is refused.
pub const GUESTS: &[&str] = &["icssd", "kl", "lass", "migratable", "pks", "sept-ve", "service-td", "tpa"];

/// Least security versions of AMD's firmware, as reports and their keys have them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Floor {
    /// Of the boot loader.
    pub bootloader: u8,
    /// Of the microcode. Its numbers are those of a stepping, so there is none by default: take yours from AMD's bulletins.
    pub microcode: u8,
    /// Of the SNP firmware.
    pub snp: u8,
    /// Of the operating system of the security processor.
    pub tee: u8,
}

/// Which of AMD's platforms and guests do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Snp {
    /// Least levels by processor line; a line that is not named is refused. By default those of AMD-SB-3015 (December 2024), below
    /// which memory that lies about its size breaks the guest's integrity.
    pub floors: BTreeMap<String, Floor>,
    /// Whether guests do that an agent of the host may move: their measurement does not name it.
    pub migration: bool,
}

impl Default for Snp {
    fn default() -> Self {
        let floor = |snp| Floor { snp, ..Floor::default() };
        let floors = [("Genoa", floor(23)), ("Milan", floor(24)), ("Turin", floor(0))];
        Self { floors: floors.map(|(line, floor)| (line.to_owned(), floor)).into(), migration: false }
    }
}

/// The edition of Intel's levels that counted on 2025-06-19.
const EDITION_MIN: i64 = 17;

impl Default for Tcb {
    fn default() -> Self {
        let statuses = vec!["UpToDate".into()];
        Self { advisories: Vec::new(), edition_min: EDITION_MIN, guests: Vec::new(), statuses }
    }
}

/// Most revocation lists of a kind.
const LISTS_MAX: usize = 16;
/// Most signers, and most identities.
const SIGNERS_MAX: usize = 64;

/// Who may attest to what a web server answered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Attestors {
    /// Their addresses: `0x` and 40 lower-case hexadecimal digits.
    pub addresses: Vec<String>,
    /// How many of them must have signed.
    pub threshold: usize,
}

impl Default for Attestors {
    fn default() -> Self {
        Self { addresses: vec![ATTESTOR.into()], threshold: 1 }
    }
}

/// Who may sign statements, tokens or answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signer {
    /// The issuer for whose tokens this key speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The public key: base64 of its `SubjectPublicKeyInfo`.
    pub key: PublicKey,
    /// Kinds of evidence that it may sign.
    pub kinds: Vec<Kind>,
    /// Its name; one signer may have several keys.
    pub name: String,
    /// What it is trusted for, in the word that predicates use.
    pub role: String,
}

/// Who may sign with a certificate that was given for an identity provider's word (sigstore).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The identity provider.
    pub issuer: String,
    /// Its name here.
    pub name: String,
    /// What it is trusted for, in the word that predicates use.
    pub role: String,
    /// The whole of the address or URI in the certificate.
    pub subject: String,
}

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Whether enclaves in debug mode do. They do not prove anything.
    pub allow_debug: bool,
    /// Attestors of claims about web servers.
    pub attestors: Attestors,
    /// Who may sign by an identity. Nobody by default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<Identity>,
    /// Revocation lists that the verifier fetched, by kind: DER, or PEM, in base64. What is handed in with evidence is looked at too,
    /// and is the payee's choice.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lists: BTreeMap<Kind, Vec<Blob>>,
    /// Oldest evidence that tells when it was made, in seconds.
    pub max_age_s: i64,
    /// Fingerprints (SHA-256 of the DER, in hexadecimal digits) of certificates that do not count any more.
    pub revoked: Vec<String>,
    /// Roots by kind: SHA-256 of the key's `SubjectPublicKeyInfo` in hexadecimal digits, and a name. For `sigstore` it is the
    /// SHA-256 of a trusted root as canonical JSON (RFC 8785).
    pub roots: BTreeMap<Kind, BTreeMap<String, String>>,
    /// Who may sign what is signed by plain keys. Nobody by default.
    pub signers: Vec<Signer>,
    /// How far clocks may be apart, in seconds.
    pub skew_s: i64,
    /// Which of AMD's platforms and guests do.
    pub snp: Snp,
    /// Which levels of Intel's platforms do.
    pub tcb: Tcb,
    /// Kinds whose vendor publishes a list of what it revoked, and of which evidence does without one in `lists`: `amd-sev-snp`, whose
    /// list is AMD's (`https://kdsintf.amd.com/vcek/v1/Milan/crl`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unlisted: Vec<Kind>,
    /// Whether reports do that are signed by a key which AMD gave a cloud provider for many chips (VLEK), not by the chip's own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub vlek: bool,
    /// Least privileged level of a guest's software whose reports do (AMD's VMPL: 0 is the most privileged).
    pub vmpl_max: u32,
}

impl Default for Policy {
    fn default() -> Self {
        let mut roots = BTreeMap::<Kind, BTreeMap<String, String>>::new();
        for (kind, key, name) in ROOTS {
            roots.entry(*kind).or_default().insert((*key).into(), (*name).into());
        }
        Self {
            allow_debug: false,
            attestors: Attestors::default(),
            identities: Vec::new(),
            lists: BTreeMap::new(),
            max_age_s: 86_400,
            revoked: Vec::new(),
            roots,
            signers: Vec::new(),
            skew_s: 300,
            snp: Snp::default(),
            tcb: Tcb::default(),
            unlisted: Vec::new(),
            vlek: false,
            vmpl_max: 0,
        }
    }
}

impl Policy {
    /// Reads a policy: strict JSON; what it does not say is as by default.
    ///
    /// # Errors
    /// [`PayError::Bad`] for another text, unknown names, and bounds that make no sense.
    pub fn parse(text: &[u8]) -> Result<Self, PayError> {
        let json = Json::parse(text)?;
        let bad =
            |value: &str, wanted| PayError::Bad { field: "evidence policy", value: value.into(), wanted };
        let policy: Self = serde_json::from_str(&json.canonical()?)
            .map_err(|error| bad(&error.to_string(), "an object of this form"))?;
        if policy.max_age_s < 0 || policy.skew_s < 0 {
            return Err(bad("a negative number of seconds", "0 or more"));
        }
        if policy.signers.len() > SIGNERS_MAX {
            return Err(bad(&policy.signers.len().to_string(), "at most 64 signers"));
        }
        if policy.identities.len() > SIGNERS_MAX {
            return Err(bad(&policy.identities.len().to_string(), "at most 64 identities"));
        }
        if let Some(name) = policy.tcb.guests.iter().find(|name| !GUESTS.contains(&name.as_str())) {
            return Err(bad(name, "one of the names for what a guest may be: see tcb.guests"));
        }
        if policy.lists.values().any(|lists| lists.len() > LISTS_MAX) {
            return Err(bad("too many lists", "at most 16 revocation lists of a kind"));
        }
        if !(1..=16).contains(&policy.attestors.threshold) {
            return Err(bad(&policy.attestors.threshold.to_string(), "a threshold of 1 to 16 attestors"));
        }
        Ok(policy)
    }

    /// The policy's canonical form, whose digest stands beside every verdict.
    #[must_use]
    pub fn canonical(&self) -> String {
        tollgate_pay::json::plain_text(self)
    }

    /// Signers that may sign evidence of a kind.
    pub(crate) fn signers_of(&self, kind: Kind) -> impl Iterator<Item = &Signer> {
        self.signers.iter().filter(move |signer| signer.kinds.contains(&kind))
    }

    /// The verifier's own revocation lists of a kind, as DER.
    pub(crate) fn lists(&self, kind: Kind) -> Result<Vec<Vec<u8>>, Refusal> {
        let mut ders = Vec::new();
        for Blob(list) in self.lists.get(&kind).into_iter().flatten() {
            match std::str::from_utf8(list) {
                Ok(text) => ders.extend(pem("revocation list in the policy", "X509 CRL", text)?),
                Err(_) => ders.push(list.clone()),
            }
        }
        Ok(ders)
    }

    /// The roots of a kind.
    pub(crate) fn roots(&self, kind: Kind) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.roots.get(&kind).unwrap_or(&NONE)
    }
}
