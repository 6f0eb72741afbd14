//! The samples of real evidence, which are not part of the repository, and how each is to be judged.

use std::io::Write as _;
use std::path::PathBuf;
use tollgate_core::Timestamp;
use tollgate_evidence::{Bind, Check, Claims, Collateral, Kind, Policy, Refusal, verify};

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
const ROWS: &[Row] = &[
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
];

/// All samples that are there.
pub(crate) fn samples() -> Vec<Sample> {
    let sample = |&(kind, name, collateral, at, refused): &Row| {
        let collateral = collateral.iter().map(|name| file(name)).collect::<Option<_>>()?;
        let policy = Policy::default();
        Some(Sample { name, kind, evidence: file(name)?, collateral, at, policy, refused })
    };
    ROWS.iter().filter_map(sample).collect()
}
