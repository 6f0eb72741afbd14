//! Every sample has its stated verdict at its stated time, and no changed byte of it is accepted.

use crate::data::{Sample, hardening, samples};
use tollgate_core::Timestamp;
use tollgate_evidence::{Bind, Check, Collateral, Refusal, Tcb, Value, verify};

#[test]
fn every_sample_has_its_stated_verdict() {
    for sample in samples() {
        let verdict = sample.judge(&sample.evidence, sample.at, None);
        assert_eq!(verdict.as_ref().err().map(Refusal::code), sample.refused, "{}: {verdict:?}", sample.name);
    }
}

#[test]
fn no_sample_is_evidence_of_a_task_of_ours() {
    for sample in samples().iter().filter(|sample| sample.refused.is_none()) {
        let refusal = sample.judge(&sample.evidence, sample.at, Some(&Bind([7; 64]))).unwrap_err();
        assert_eq!(refusal.code(), "unbound", "{}: {refusal}", sample.name);
    }
}

#[test]
fn facts_are_those_of_the_table() {
    for sample in samples().iter().filter(|sample| sample.refused.is_none()) {
        let claims = sample.judge(&sample.evidence, sample.at, None).unwrap();
        let table: Vec<_> = sample.kind.facts().iter().map(|fact| fact.name).collect();
        assert!(table.is_sorted(), "{}", sample.kind);
        for name in claims.facts.keys() {
            assert!(table.contains(&name.as_str()), "{}: {name}", sample.name);
        }
    }
}

/// Facts that the authors of the samples state.
#[test]
fn samples_say_what_their_authors_state() {
    let stated = [
        ("reclaim/proof_coingecko_eth_usd.json", "host", "api.coingecko.com"),
        ("aws-nitro/valid-attestation-doc-bytes", "pcr0", "f4d48b81"),
        ("aws-nitro/valid-attestation-doc-bytes", "pcr8", "8790eb3c"),
        ("amd-sev-snp/report_milan.hex", "measurement", "7a1e5c26"),
        ("amd-sev-snp/report_milan.hex", "report_data", "d447b55d"),
        ("tdx-sgx-dcap/sgx_quote", "measurement", "33d8736d"),
        ("tdx-sgx-dcap/sgx_quote", "mrsigner", "815f42f1"),
        ("tdx-sgx-dcap/sgx_quote", "report_data", "48656c6c6f2c20776f726c6421000000"),
        ("tdx-sgx-dcap/sgx_quote", "tcb_status", "ConfigurationAndSWHardeningNeeded"),
        ("tdx-sgx-dcap/tdx_quote", "measurement", "91eb2b44"),
        ("tdx-sgx-dcap/tdx_quote", "tcb_status", "UpToDate"),
        ("nvidia-gpu/hopperAttestationReport.txt", "nonce", "931d8dd0"),
        ("nvidia-gpu/gpu_evidence_1.json", "nonce", "4760e305"),
        ("tlsnotary/presentation.bin", "host", "tlsnotary.org"),
        ("tlsnotary/presentation.bin", "authority", "localhost"),
        ("tlsnotary/presentation.bin", "body", r#"{"foo": "bar", "bazz": 123, "buzz": [1,"5"]}"#),
        ("tlsnotary/presentation_secp256r1.bin", "host", "tlsnotary.org"),
        ("tlsnotary/presentation_secp256k1eth.bin", "host", "tlsnotary.org"),
        ("nvidia-gpu/gpu_evidence_1.json", "driver_version", "590.12"),
        ("nvidia-gpu/gpu_evidence_1.json", "vbios_version", "96.00.A5.00.01"),
    ];
    for sample in samples() {
        for (_, name, starts) in stated.iter().filter(|(of, ..)| *of == sample.name) {
            let claims = sample.judge(&sample.evidence, sample.at, None).unwrap();
            match claims.fact(name) {
                Some(Value::Text(text)) => assert!(text.starts_with(starts), "{name}: {text}"),
                other => panic!("{}: {name} is {other:?}", sample.name),
            }
        }
    }
}

/// Verdicts at other times: keys of Nitro live three hours, claims of attestors as long as the policy says.
#[test]
fn time_is_part_of_the_verdict() {
    let cases = [
        ("aws-nitro/valid-attestation-doc-bytes", 1_665_651_478, "time"),
        ("aws-nitro/valid-attestation-doc-bytes", 1_665_662_283, "time"),
        ("reclaim/proof_coingecko_eth_usd.json", 1_717_383_161 + 86_401, "time"),
        ("reclaim/proof_coingecko_eth_usd.json", 1_717_383_161 - 301, "time"),
        ("tdx-sgx-dcap/sgx_quote", 1_750_330_570, "time"),
        ("tdx-sgx-dcap/sgx_quote", 1_752_919_278, "time"),
        ("tdx-sgx-dcap/tdx_quote", 1_750_332_747 - 86_400, "time"),
        ("tdx-sgx-dcap/tdx_quote", 1_752_919_235, "time"),
        ("amd-sev-snp/report_milan.hex", 1_680_000_000, "time"),
        ("tlsnotary/presentation.bin", 1_671_637_529 - 301, "time"),
        ("tlsnotary/presentation.bin", 1_671_637_529 + 86_401, "time"),
        ("amd-sev-snp/report_milan.hex", 1_910_000_000, "time"),
    ];
    for sample in samples() {
        for (_, at, code) in cases.iter().filter(|(of, ..)| *of == sample.name) {
            let refusal = sample.judge(&sample.evidence, *at, None).unwrap_err();
            assert_eq!(refusal.code(), *code, "{} at {at}: {refusal}", sample.name);
        }
    }
}

/// A changed sample is refused, or says the same to the last fact: then the change was in what nobody reads.
fn unmoved(sample: &Sample, changed: &[u8], what: &str) {
    let before = sample.judge(&sample.evidence, sample.at, None);
    if let Ok(after) = sample.judge(changed, sample.at, None) {
        assert_eq!(Ok(after), before, "{}: {what} was accepted", sample.name);
    }
}

/// `EVIDENCE_SWEEP=1` changes every byte in four ways; without it every 499th, beginning anywhere.
#[test]
fn no_changed_byte_is_accepted() {
    let step = if std::env::var_os("EVIDENCE_SWEEP").is_some() { 1 } else { 499 };
    for sample in samples().iter().filter(|sample| sample.refused.is_none()) {
        let mut changed = sample.evidence.clone();
        for at in (sample.at as usize % step..changed.len()).step_by(step) {
            for flip in [0x01, 0x20, 0x80, 0xff] {
                changed[at] ^= flip;
                unmoved(sample, &changed, &format!("byte {at} ^ {flip:#x}"));
                changed[at] ^= flip;
            }
        }
        for length in (0..changed.len()).step_by(step) {
            unmoved(sample, &changed[..length], &format!("the first {length} bytes"));
        }
        for more in [&[0][..], b"\n", b"ff", &changed] {
            unmoved(sample, &[&changed, more].concat(), "with more behind it");
        }
    }
}

/// The same for the collateral.
#[test]
fn no_changed_collateral_is_accepted() {
    let step = if std::env::var_os("EVIDENCE_SWEEP").is_some() { 1 } else { 499 };
    for mut sample in samples().into_iter().filter(|sample| sample.refused.is_none()) {
        let before = sample.judge(&sample.evidence, sample.at, None);
        for file in 0..sample.collateral.len() {
            for at in (0..sample.collateral[file].len()).step_by(step) {
                for flip in [0x01, 0x20, 0x80] {
                    sample.collateral[file][at] ^= flip;
                    if let Ok(after) = sample.judge(&sample.evidence, sample.at, None) {
                        assert_eq!(Ok(after), before, "{}: byte {at} of {file}", sample.name);
                    }
                    sample.collateral[file][at] ^= flip;
                }
            }
        }
    }
}

/// A level below the best is refused unless the policy names it, and its advisories.
#[test]
fn levels_are_accepted_by_name() {
    for mut sample in samples().into_iter().filter(|sample| sample.name == "tdx-sgx-dcap/sgx_quote") {
        let mut refused = |tcb: Tcb| {
            sample.policy.tcb = tcb;
            sample.judge(&sample.evidence, sample.at, None).unwrap_err().to_string()
        };
        let whole = hardening();
        assert!(
            refused(Tcb::default())
                .contains("ConfigurationAndSWHardeningNeeded; the policy accepts UpToDate")
        );
        let fewer = Tcb { advisories: vec!["INTEL-SA-00289".into()], ..whole.clone() };
        assert!(refused(fewer).contains("INTEL-SA-00615"));
        assert!(refused(Tcb { edition_min: 1_000, ..whole }).contains("edition of the levels"));
    }
}

/// Collateral of one platform says nothing of another.
#[test]
fn collateral_of_another_quote_is_refused() {
    let all: Vec<_> =
        samples().into_iter().filter(|sample| sample.name.starts_with("tdx-sgx-dcap/")).collect();
    for sample in all.iter().filter(|sample| sample.refused.is_none()) {
        for other in
            all.iter().filter(|other| other.collateral != sample.collateral && !other.collateral.is_empty())
        {
            let collateral = Collateral::new(other.collateral.clone()).unwrap();
            let at = Timestamp(sample.at * 1_000_000);
            let check = Check { at, policy: &sample.policy, collateral: &collateral, bind: None };
            verify(sample.kind, &sample.evidence, &check).unwrap_err();
        }
    }
}
