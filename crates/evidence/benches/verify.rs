//! What one verification costs, by sample. Samples that are not here are left out, with a word.
//!
//! `cargo bench -p tollgate-evidence`

#[path = "../tests/it/data.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod data;

use divan::Bencher;

fn main() {
    divan::main();
}

/// Samples by name, as the tests have them.
const NAMES: &[&str] = &[
    "tdx-sgx-dcap/tdx_quote",
    "tdx-sgx-dcap/sgx_quote",
    "amd-sev-snp/report_milan.hex",
    "aws-nitro/valid-attestation-doc-bytes",
    "nvidia-gpu/hopperAttestationReport.txt",
    "nvidia-gpu/gpu_evidence_1.json",
    "reclaim/proof_coingecko_eth_usd.json",
    data::REKOR_1,
    data::REKOR_2,
    "tlsnotary/presentation.bin",
    "tlsnotary/presentation_secp256r1.bin",
];

#[divan::bench(args = NAMES)]
fn sample(bencher: Bencher<'_, '_>, name: &str) {
    let Some(sample) = data::samples().into_iter().find(|sample| sample.name == name) else { return };
    bencher.bench(|| sample.judge(&sample.evidence, sample.at, None).is_ok());
}
