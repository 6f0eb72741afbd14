//! The samples of real evidence, which are not part of the repository, and how each is to be judged.

use std::io::Write as _;
use std::path::PathBuf;
use tollgate_core::Timestamp;
use tollgate_evidence::{
    Bind, Check, Claims, Collateral, Floor, Identity, Kind, Policy, PublicKey, Refusal, Signer, Snp, Tcb,
    verify,
};
use tollgate_pay::json::Json;

/// A sample with what it is checked with.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) evidence: Vec<u8>,
    pub(crate) collateral: Vec<Vec<u8>>,
    /// Seconds since 1970.
    pub(crate) at: i64,
    pub(crate) policy: Policy,
    /// The code of the refusal, if it is to be refused.
    pub(crate) refused: Option<&'static str>,
}

impl Sample {
    /// Checks it, or what became of it.
    pub(crate) fn judge(&self, evidence: &[u8], at: i64, bind: Option<&Bind>) -> Result<Claims, Refusal> {
        let collateral = Collateral::new(self.collateral.clone())?;
        let at = Timestamp(at * 1_000_000);
        verify(self.kind, evidence, &Check { at, policy: &self.policy, collateral: &collateral, bind })
    }
}

/// A file of the samples; `None`, said loudly, where they are not.
pub(crate) fn file(name: &str) -> Option<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/evidence").join(name);
    let bytes = std::fs::read(&path);
    if bytes.is_err() {
        // Past the capture of output of tests that pass.
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no {}", path.display());
    }
    bytes.ok()
}

/// Kind, evidence, collateral, time, refusal.
type Row = (Kind, &'static str, &'static [&'static str], i64, Option<&'static str>);

const MILAN: &[&str] = &["amd-sev-snp/vcek_milan.der", "amd-sev-snp/cert_chain_milan"];
/// The SGX sample is of a platform whose level Intel calls so, with two advisories.
pub(crate) fn hardening() -> Tcb {
    let advisories = ["INTEL-SA-00289", "INTEL-SA-00615"].map(str::to_owned).to_vec();
    Tcb {
        advisories,
        statuses: vec!["UpToDate".into(), "ConfigurationAndSWHardeningNeeded".into()],
        edition_min: 0,
        guests: Vec::new(),
    }
}

/// AMD's levels of any age.
pub(crate) fn any_level() -> Snp {
    Snp { floors: [("Milan".to_owned(), Floor::default())].into(), migration: false }
}

const SGX: &[&str] = &["tdx-sgx-dcap/sgx_quote_collateral.json"];
const TDX: &[&str] = &["tdx-sgx-dcap/tdx_quote_collateral.json"];
const OLD: &[&str] = &["tdx-sgx-dcap/tdx_quote_outdated_collateral.json"];
const ROWS: &[Row] = &[
    (Kind::IntelDcap, "tdx-sgx-dcap/tdx_quote", TDX, 1_750_332_747, None),
    (Kind::IntelDcap, "tdx-sgx-dcap/sgx_quote", SGX, 1_750_334_171, None),
    (Kind::IntelDcap, "tdx-sgx-dcap/tdx_quote_outdated", OLD, 1_771_415_931, Some("status")),
    (Kind::IntelDcap, "tdx-sgx-dcap/quote-from-tappd.hex", &[], 1_750_332_747, Some("missing")),
    (Kind::Reclaim, "reclaim/proof_coingecko_eth_usd.json", &[], 1_717_383_161, None),
    (Kind::AwsNitro, "aws-nitro/valid-attestation-doc-bytes", &[], 1_665_651_482, None),
    (Kind::AwsNitro, "aws-nitro/debug-mode-attestation-doc-bytes", &[], 1_665_582_606, Some("debug")),
    (Kind::AwsNitro, "aws-nitro/valid-attestation-doc-base64", &[], 1_695_049_410, Some("debug")),
    (Kind::AmdSevSnp, "amd-sev-snp/report_milan.hex", MILAN, 1_700_000_000, None),
    (
        Kind::NvidiaGpu,
        "nvidia-gpu/hopperAttestationReport.txt",
        &["nvidia-gpu/hopperCertChain.txt"],
        1_700_000_000,
        None,
    ),
    (Kind::NvidiaGpu, "nvidia-gpu/gpu_evidence_1.json", &[], 1_790_000_000, None),
    (Kind::NvidiaGpu, "nvidia-gpu/switch_evidence_1.json", &[], 1_790_000_000, None),
    (
        Kind::Sigstore,
        REKOR_1,
        &["sigstore-dsse/bundle-verify/intoto-with-custom-trust-root/trusted_root.json"],
        1_675_209_600,
        None,
    ),
    (
        Kind::Sigstore,
        REKOR_2,
        &["sigstore-dsse/bundle-verify/rekor2-dsse-happy-path/trusted_root.json"],
        1_778_700_300,
        None,
    ),
    (Kind::TlsNotary, "tlsnotary/presentation.bin", &[], TLSN, None),
    (Kind::TlsNotary, "tlsnotary/presentation_secp256k1eth.bin", &[], TLSN, None),
    (Kind::TlsNotary, "tlsnotary/presentation_secp256r1.bin", &[], TLSN, None),
];

/// Bundles with an entry of the log's first version, and of its second.
pub(crate) const REKOR_1: &str =
    "sigstore-dsse/bundle-verify/intoto-with-custom-trust-root/bundle.sigstore.json";
pub(crate) const REKOR_2: &str = "sigstore-dsse/bundle-verify/rekor2-dsse-happy-path/bundle.sigstore.json";
/// Who signed the bundles of sigstore's suite, where a case says nothing else.
pub(crate) const BEACON: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/\
     workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
pub(crate) const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// A policy that names this trusted root of sigstore, and one identity.
pub(crate) fn sigstore(root: &[u8], issuer: &str, subject: &str) -> Policy {
    let spelled = Json::parse(root).ok().and_then(|json| json.canonical_foreign().ok()).unwrap_or_default();
    let digest = ring::digest::digest(&ring::digest::SHA256, spelled.as_bytes());
    let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut policy = Policy::default();
    policy.roots.insert(Kind::Sigstore, [(digits, "test root".to_owned())].into());
    let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
    policy.identities.push(Identity { issuer, name: "beacon".into(), role: "test-runner".into(), subject });
    policy
}

/// When the handshake of TLSNotary's samples was recorded.
pub(crate) const TLSN: i64 = 1_671_637_529;

/// The notary of the samples: the secret key is 32 bytes of 0x2a, on either curve.
#[allow(clippy::unwrap_used, reason = "the bytes stand here")]
fn notaries() -> Vec<Signer> {
    let p256 = "040c901d423c831ca85e27c73c263ba132721bb9d7a84c4f0380b2a6756fd601331c8870234dec878504c174144fa4b14b\
        66a651691606d8173e55bd37e381569e";
    let point = (0..p256.len()).step_by(2).map(|at| u8::from_str_radix(&p256[at..at + 2], 16));
    let k256 = k256::ecdsa::SigningKey::from_slice(&[0x2a; 32]).unwrap();
    let keys = [
        PublicKey::P256(point.collect::<Result<_, _>>().unwrap()),
        PublicKey::from_k256(k256.verifying_key().to_sec1_point(true).as_bytes()).unwrap(),
    ];
    let signer = |key| Signer {
        issuer: None,
        key,
        kinds: vec![Kind::TlsNotary],
        name: "sample notary".into(),
        role: "notary".into(),
    };
    keys.map(signer).into()
}

/// All samples that are there.
pub(crate) fn samples() -> Vec<Sample> {
    let sample = |&(kind, name, collateral, at, refused): &Row| {
        let collateral: Vec<_> = collateral.iter().map(|name| file(name)).collect::<Option<_>>()?;
        let tcb = if name.ends_with("sgx_quote") { hardening() } else { Tcb::default() };
        let signers = if kind == Kind::TlsNotary { notaries() } else { Vec::new() };
        let base = match (kind, collateral.first()) {
            (Kind::Sigstore, Some(root)) => sigstore(root, GITHUB, BEACON),
            // The Milan's report is of 2023, and came without AMD's list.
            _ if kind == Kind::AmdSevSnp => {
                Policy { snp: any_level(), unlisted: vec![kind], ..Policy::default() }
            }
            _ => Policy::default(),
        };
        let policy = Policy { tcb, signers, ..base };
        Some(Sample { name, kind, evidence: file(name)?, collateral, at, policy, refused })
    };
    ROWS.iter().filter_map(sample).collect()
}
