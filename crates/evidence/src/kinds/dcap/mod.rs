//! Quotes of Intel SGX enclaves and TDX guests (DCAP), versions 3, 4 and 5.
//!
//! Four links, each checked: Intel's root certifies the platform (PCK); the platform signs the report of the quoting enclave;
//! that report names the attestation key; the key signs the quote. What Intel says about platform, quoting enclave and TDX
//! module (collateral: levels, identities, revocation lists) is signed under the same root, and must count at the time of the
//! check. Levels that the policy does not accept are refused, and so are older editions of the levels than it wants. The
//! binding is the whole of `report_data`.
//!
//! Sources: Intel's "SGX ECDSA QuoteLibReference DCAP API" and "TDX DCAP Quoting Library API" (layouts), "PCK Certificate and
//! CRL Profile" (extensions), and the schemas of the Provisioning Certification Service (levels, identities).

mod levels;
mod platform;
mod quote;

use super::{Fact, FactType, Kind, fact};
use crate::crypto::{PublicKey, Scheme, sha256};
use crate::read::text::{binary, hex, pem, unhex};
use crate::x509::{Certificate, Crl, Listed, Trust};
use crate::{Check, Claims, Refusal};
use levels::{Level, Levels};
use platform::Platform;
use quote::{Body, Quote};
use tollgate_pay::json::Json;

pub(super) const FACTS: &[Fact] = &[
    fact("advisories", FactType::List, "security advisories that apply to the platform"),
    fact("debug", FactType::Bool, "whether it ran in debug mode"),
    fact("fmspc", FactType::Text, "the platform's family, model and stepping"),
    fact("isvprodid", FactType::Integer, "SGX: the product number"),
    fact("isvsvn", FactType::Integer, "SGX: the enclave's security version"),
    fact("measurement", FactType::Text, "SGX: MRENCLAVE; TDX: MRTD"),
    fact("module_status", FactType::Text, "TDX: level of the module"),
    fact("mr_service_td", FactType::Text, "TDX 1.5: the guest that is bound to it"),
    fact("mrconfigid", FactType::Text, "TDX: the owner's configuration"),
    fact("mrowner", FactType::Text, "TDX: the owner"),
    fact("mrownerconfig", FactType::Text, "TDX: the owner's own configuration"),
    fact("mrseam", FactType::Text, "TDX: measurement of the module"),
    fact("mrsigner", FactType::Text, "SGX: who signed the enclave"),
    fact("qe_status", FactType::Text, "level of the quoting enclave"),
    fact("report_data", FactType::Text, "the caller's 64 bytes"),
    fact("rtmr0", FactType::Text, "TDX: measurement register 0"),
    fact("rtmr1", FactType::Text, "TDX: measurement register 1"),
    fact("rtmr2", FactType::Text, "TDX: measurement register 2"),
    fact("rtmr3", FactType::Text, "TDX: measurement register 3"),
    fact("tcb_evaluation", FactType::Integer, "edition of Intel's levels"),
    fact("tcb_status", FactType::Text, "level of the platform"),
    fact("td_attributes", FactType::Text, "TDX: the guest's attributes, as its report has them"),
    fact("tee", FactType::Text, "sgx or tdx"),
    fact("xfam", FactType::Text, "TDX: features of the processor that the guest may use"),
];

/// Signed text of the collateral: who signed it, and the JSON.
struct Issued {
    json: Json,
    until: i64,
}

/// What Intel says, in one JSON file.
struct Vendor<'a> {
    file: &'a Json,
    trust: Trust<'a>,
}

impl Vendor<'_> {
    fn text(&self, name: &'static str) -> Result<&str, Refusal> {
        self.file.get(name).and_then(Json::text).ok_or(Refusal::Missing { what: name })
    }

    fn list(&self, name: &'static str) -> Result<Vec<u8>, Refusal> {
        unhex(name, self.text(name)?)
    }

    /// A signed text whose issuer's chain leads to the root, with every revocation list in view.
    fn issued(
        &self,
        [text, signature, chain]: [&'static str; 3],
        lists: &[Crl<'_>],
    ) -> Result<Issued, Refusal> {
        let ders = pem(chain, "CERTIFICATE", self.text(chain)?)?;
        let certificates = Certificate::parse_all(&ders)?;
        let trusted = self.trust.check(chain, &certificates, lists, Listed::All)?;
        // The signer of levels stands directly below the root; certificates of platforms stand deeper and say nothing of levels.
        let [signer, _root] = certificates.as_slice() else {
            let is = format!("{} certificates", certificates.len());
            return Err(Refusal::Mismatch {
                what: "chain of the levels' signer",
                is,
                wanted: "a signer and the root".into(),
            });
        };
        let said = self.text(text)?;
        if !signer.key.holds(Scheme::Es256, said.as_bytes(), &unhex(signature, self.text(signature)?)?) {
            return Err(Refusal::Signature { what: text });
        }
        let unreadable = |_| Refusal::Malformed { what: text, at: 0, reason: "it is not strict JSON" };
        Ok(Issued { json: Json::parse(said.as_bytes()).map_err(unreadable)?, until: trusted.validity.1 })
    }
}

/// The attestation key, by the word of the platform.
fn attestation_key(quote: &Quote<'_>, pck: &Certificate<'_>) -> Result<PublicKey, Refusal> {
    if !pck.key.holds(Scheme::Es256, quote.qe_report.bytes, quote.qe_signature) {
        return Err(Refusal::Signature { what: "report of the quoting enclave" });
    }
    let named = sha256(&[quote.key, quote.qe_authentication].concat());
    let data = quote.qe_report.report_data;
    if !data.starts_with(&named) || data.iter().skip(32).any(|byte| *byte != 0) {
        let (is, wanted) = (hex(data), hex(&named));
        return Err(Refusal::Mismatch { what: "attestation key in the report", is, wanted });
    }
    Ok(PublicKey::P256([&[4][..], quote.key].concat()))
}

/// Refuses a level that the policy does not accept.
fn accepted(what: &'static str, level: &Level, check: &Check<'_>) -> Result<(), Refusal> {
    let tcb = &check.policy.tcb;
    if !tcb.statuses.contains(&level.status) {
        return Err(Refusal::Status { what, is: level.status.clone(), accepted: tcb.statuses.join(", ") });
    }
    match level.advisories.iter().find(|advisory| !tcb.advisories.contains(advisory)) {
        Some(advisory) => {
            let accepted = if tcb.advisories.is_empty() { "none".into() } else { tcb.advisories.join(", ") };
            Err(Refusal::Status { what: "security advisory", is: advisory.clone(), accepted })
        }
        None => Ok(()),
    }
}

pub(super) fn verify(evidence: &[u8], check: &Check<'_>) -> Result<Claims, Refusal> {
    let bytes = binary("quote", evidence)?;
    let quote = Quote::read(&bytes)?;
    let file = check
        .collateral
        .object_with("tcb_info")
        .ok_or(Refusal::Missing { what: "the collateral of the quote" })?;
    let vendor = Vendor { file: &file, trust: check.trust(Kind::IntelDcap) };
    let raw_lists = [vendor.list("root_ca_crl")?, vendor.list("pck_crl")?];
    let lists = Crl::parse_all(&raw_lists)?;

    let ders = pem("PCK chain", "CERTIFICATE", quote.chain)?;
    let chain = Certificate::parse_all(&ders)?;
    let trusted = vendor.trust.check("PCK chain", &chain, &lists, Listed::All)?;
    let pck = chain.first().ok_or(Refusal::Missing { what: "PCK certificate" })?;
    if !attestation_key(&quote, pck)?.holds(Scheme::Es256, quote.signed, quote.signature) {
        return Err(Refusal::Signature { what: "quote" });
    }
    let info = vendor.issued(["tcb_info", "tcb_info_signature", "tcb_info_issuer_chain"], &lists)?;
    let identity =
        vendor.issued(["qe_identity", "qe_identity_signature", "qe_identity_issuer_chain"], &lists)?;
    let platform = Platform::of(pck)?;
    let levels = Levels::read(&info.json, check)?;
    let enclave = Levels::read(&identity.json, check)?;
    if levels.edition != enclave.edition {
        let (is, wanted) = (enclave.edition.to_string(), levels.edition.to_string());
        return Err(Refusal::Mismatch { what: "edition of the quoting enclave's levels", is, wanted });
    }
    let (at, qe) =
        (levels.platform(&platform, &quote.body)?, enclave.enclave(&quote.qe_report, &quote.body)?);
    let module = levels.module(&quote.body)?;

    check.debug(quote.body.debug(), "its attributes say so")?;
    for (what, level) in [
        ("platform level", Some(&at)),
        ("quoting enclave level", Some(&qe)),
        ("module level", module.as_ref()),
    ] {
        if let Some(level) = level {
            accepted(what, level, check)?;
        }
    }
    if let Body::Tdx(guest) = &quote.body {
        guest.accepted(check)?;
    }
    if let Some(bind) = check.bind {
        bind.is("report_data", quote.body.report_data())?;
    }
    let mut advisories = at.advisories;
    advisories.extend(qe.advisories);
    advisories.extend(module.iter().flat_map(|module| module.advisories.iter().cloned()));
    advisories.sort();
    advisories.dedup();
    let claims = Claims::new(Kind::IntelDcap, trusted.root)
        .with("advisories", advisories)
        .with("debug", quote.body.debug())
        .with("fmspc", hex(&platform.fmspc))
        .with("qe_status", qe.status)
        .with("report_data", hex(quote.body.report_data()))
        .with("tcb_evaluation", levels.edition)
        .with("tcb_status", at.status);
    let mut claims = match &quote.body {
        Body::Sgx(report) => claims
            .with("isvprodid", i64::from(report.isvprodid))
            .with("isvsvn", i64::from(report.isvsvn))
            .with("measurement", hex(report.mrenclave))
            .with("mrsigner", hex(report.mrsigner))
            .with("tee", "sgx"),
        Body::Tdx(guest) => {
            let claims = claims
                .with("measurement", hex(guest.mrtd))
                .with("mrconfigid", hex(guest.mrconfigid))
                .with("mrowner", hex(guest.mrowner))
                .with("mrownerconfig", hex(guest.mrownerconfig))
                .with("mrseam", hex(guest.mrseam))
                .with("td_attributes", hex(&guest.attributes))
                .with("tee", "tdx")
                .with("xfam", hex(guest.xfam));
            let claims = match guest.service {
                Some(service) => claims.with("mr_service_td", hex(service)),
                None => claims,
            };
            let registers = ["rtmr0", "rtmr1", "rtmr2", "rtmr3"].into_iter().zip(guest.rtmrs);
            registers.fold(claims, |claims, (name, value)| claims.with(name, hex(value)))
        }
    };
    if let Some(module) = module {
        claims = claims.with("module_status", module.status);
    }
    let ends = [trusted.validity.1, info.until, identity.until, levels.until, enclave.until];
    claims.valid_until = ends.into_iter().chain(lists.iter().map(Crl::until)).min();
    Ok(claims)
}
