//! Attestation documents of AWS Nitro enclaves: a `COSE_Sign1` (RFC 9052) over a CBOR map, signed with ES384 by a key whose
//! chain leads to the AWS root.
//!
//! The leaf counts for three hours, so the document is checked at the time at which it was handed in. An enclave in debug
//! mode has measurements of zeros. The binding is the whole of `user_data` or of `nonce`.

use super::{Fact, FactType, Kind, fact};
use crate::bind::unbound;
use crate::crypto::Scheme;
use crate::read::cbor::{Cbor, bytes_head};
use crate::read::text::{binary, hex};
use crate::x509::{Certificate, Listed};
use crate::{Check, Claims, Refusal};

const WHAT: &str = "attestation document";
/// Tag 18 in front of a `COSE_Sign1`.
const TAG: u8 = 0xd2;
/// `{1: -35}`: ECDSA with SHA-384.
const PROTECTED: &[u8] = &[0xa1, 0x01, 0x38, 0x22];

pub(super) const FACTS: &[Fact] = &[
    fact(
        "bound_in",
        FactType::Text,
        "where the task's binding stands: user_data, or the nonce, which the caller chooses",
    ),
    fact("debug", FactType::Bool, "whether the enclave ran in debug mode"),
    fact("module_id", FactType::Text, "the enclave's name"),
    fact("nonce", FactType::Text, "the caller's nonce, in hexadecimal digits"),
    fact("pcr0", FactType::Text, "measurement of the enclave image"),
    fact("pcr1", FactType::Text, "measurement of the kernel"),
    fact("pcr2", FactType::Text, "measurement of the application"),
    fact("pcr3", FactType::Text, "hash of the role of the parent instance"),
    fact("pcr4", FactType::Text, "hash of the parent instance's name"),
    fact("pcr8", FactType::Text, "hash of the certificate that signed the image"),
    fact("public_key", FactType::Text, "a key of the enclave, in hexadecimal digits"),
    fact("user_data", FactType::Text, "the caller's data, in hexadecimal digits"),
];
/// Registers that are facts.
const REGISTERS: [(i64, &str); 6] =
    [(0, "pcr0"), (1, "pcr1"), (2, "pcr2"), (3, "pcr3"), (4, "pcr4"), (8, "pcr8")];

const fn bad(reason: &'static str) -> Refusal {
    Refusal::Malformed { what: WHAT, at: 0, reason }
}

/// Payload and signature; the headers have one form.
fn opened(document: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let body = document.strip_prefix(&[TAG]).unwrap_or(document);
    let Cbor::List(parts) = Cbor::parse(WHAT, body)? else { return Err(bad("it is not a list")) };
    let [Cbor::Bytes(protected), Cbor::Map(open), Cbor::Bytes(payload), Cbor::Bytes(signature)] =
        parts.as_slice()
    else {
        return Err(bad("it is not a COSE_Sign1 of four parts"));
    };
    if *protected != PROTECTED || !open.is_empty() {
        return Err(Refusal::Unsupported { what: "COSE header", is: hex(protected) });
    }
    Ok((payload, signature))
}

/// What is signed (RFC 9052, section 4.4).
fn signed(payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x84, 0x6a];
    bytes.extend(b"Signature1");
    bytes.extend(bytes_head(PROTECTED.len()));
    bytes.extend(PROTECTED);
    bytes.push(0x40);
    bytes.extend(bytes_head(payload.len()));
    bytes.extend(payload);
    bytes
}

/// Registers by number.
fn registers<'a>(payload: &Cbor<'a>) -> Result<Vec<(i64, &'a [u8])>, Refusal> {
    let Some(Cbor::Map(entries)) = payload.get("pcrs") else { return Err(Refusal::Missing { what: "pcrs" }) };
    let entry = |(key, value): &(Cbor<'a>, Cbor<'a>)| match (key, value) {
        (Cbor::Integer(number @ 0..32), Cbor::Bytes(bytes)) if bytes.len() == 48 => Ok((*number, *bytes)),
        _ => Err(bad("a register is not 48 bytes under a number below 32")),
    };
    entries.iter().map(entry).collect()
}

/// Certificates from leaf to root.
fn chain<'a>(payload: &Cbor<'a>) -> Result<Vec<Certificate<'a>>, Refusal> {
    let leaf =
        payload.get("certificate").and_then(Cbor::bytes).ok_or(Refusal::Missing { what: "certificate" })?;
    let Some(Cbor::List(bundle)) = payload.get("cabundle") else {
        return Err(Refusal::Missing { what: "cabundle" });
    };
    let above =
        bundle.iter().rev().map(|item| item.bytes().ok_or_else(|| bad("cabundle holds other than bytes")));
    std::iter::once(Ok(leaf)).chain(above).take(16).map(|der| Certificate::parse(der?)).collect()
}

pub(super) fn verify(evidence: &[u8], check: &Check<'_>) -> Result<Claims, Refusal> {
    let document = binary(WHAT, evidence)?;
    let (raw, signature) = opened(&document)?;
    let payload = Cbor::parse(WHAT, raw)?;
    if payload.get("digest") != Some(&Cbor::Text("SHA384")) {
        return Err(Refusal::Unsupported { what: "digest", is: "of other than SHA384".into() });
    }
    let chain = chain(&payload)?;
    let trusted = check.chain(Kind::AwsNitro, "certificate chain", &chain, Listed::Any)?;
    let leaf = chain.first().ok_or(Refusal::Missing { what: "certificate" })?;
    if !leaf.key.holds(Scheme::Es384, &signed(raw), signature) {
        return Err(Refusal::Signature { what: WHAT });
    }
    let registers = registers(&payload)?;
    let first: Vec<_> = registers.iter().filter(|(number, _)| *number < 3).collect();
    if first.len() != 3 {
        return Err(Refusal::Missing { what: "pcr0, pcr1 or pcr2" });
    }
    let debug = first.iter().any(|(_, bytes)| bytes.iter().all(|byte| *byte == 0));
    check.debug(debug, "a measurement of the image is zero")?;
    let caller = |name| payload.get(name).and_then(Cbor::bytes);
    let mut bound_in = None;
    if let Some(bind) = check.bind {
        let names = ["user_data", "nonce"];
        bound_in = names.into_iter().find(|name| caller(name) == Some(&bind.0[..]));
        if bound_in.is_none() {
            let absent = names.into_iter().all(|name| caller(name).is_none());
            return Err(unbound("user_data and nonce", absent));
        }
    }
    let Some(Cbor::Integer(made_ms)) = payload.get("timestamp") else {
        return Err(Refusal::Missing { what: "timestamp" });
    };
    let Some(Cbor::Text(module)) = payload.get("module_id") else {
        return Err(Refusal::Missing { what: "module_id" });
    };
    let mut claims =
        Claims::new(Kind::AwsNitro, trusted.root).with("debug", debug).with("module_id", *module);
    for (number, name) in REGISTERS {
        if let Some((_, bytes)) = registers.iter().find(|(is, _)| *is == number) {
            claims = claims.with(name, hex(bytes));
        }
    }
    for name in ["nonce", "public_key", "user_data"] {
        if let Some(bytes) = caller(name) {
            claims = claims.with(name, hex(bytes));
        }
    }
    if let Some(name) = bound_in {
        claims = claims.with("bound_in", name);
    }
    claims.produced_at = Some(made_ms.div_euclid(1000));
    claims.valid_until = Some(trusted.validity.1);
    Ok(claims)
}
