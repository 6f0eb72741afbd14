//! Measurements of NVIDIA GPUs and switches: an SPDM 1.1 (DMTF DSP0274) request for measurements and its answer, signed with
//! ECDSA P-384 by the device, whose chain leads to NVIDIA's root.
//!
//! The signature is over request and answer together, so the nonce of the request is the proof of freshness: its 32 bytes
//! must be the first half of the binding. Certificates of devices do not end; measurements are compared by the predicate
//! with those that the vendor publishes for a driver and a firmware.

use super::{Fact, FactType, Kind, fact};
use crate::crypto::Scheme;
use crate::read::Cursor;
use crate::read::text::{base64, binary, hex, pem};
use crate::x509::{Certificate, Listed};
use crate::{Check, Claims, Refusal};
use tollgate_pay::json::Json;

const WHAT: &str = "measurements";
/// Version 1.1, GET_MEASUREMENTS, signature asked for, all blocks.
const REQUEST: [u8; 4] = [0x11, 0xe0, 0x01, 0xff];
/// Version 1.1, MEASUREMENTS.
const RESPONSE: [u8; 2] = [0x11, 0x60];
const SIGNATURE_BYTES: usize = 96;
/// Fields of the opaque data that are facts, by their numbers in NVIDIA's form.
const FIELDS: [(u16, &str); 2] = [(3, "driver_version"), (VBIOS, "vbios_version")];
const VBIOS: u16 = 6;

pub(super) const FACTS: &[Fact] = &[
    fact("device", FactType::Text, "fingerprint of the device's certificate"),
    fact("driver_version", FactType::Text, "version of the driver"),
    fact("measurements", FactType::List, "index, colon, and the measurement in hexadecimal digits"),
    fact("nonce", FactType::Text, "the caller's 32 bytes"),
    fact("vbios_version", FactType::Text, "version of the firmware"),
];

/// Evidence comes as bytes or text of the messages, with the chain in the collateral, or as JSON with both.
struct Parts {
    messages: Vec<u8>,
    chain: Vec<Vec<u8>>,
}

fn parts(evidence: &[u8], check: &Check<'_>) -> Result<Parts, Refusal> {
    let bad = |reason| Refusal::Malformed { what: WHAT, at: 0, reason };
    if !matches!(evidence.first(), Some(b'[' | b'{')) {
        return Ok(Parts { messages: binary(WHAT, evidence)?, chain: check.collateral.certificates()? });
    }
    let json = Json::parse(evidence).map_err(|_| bad("it is not strict JSON"))?;
    let entry = match json.list() {
        Some([entry]) => entry,
        Some(_) => return Err(bad("it is of several devices: each is evidence of its own")),
        None => &json,
    };
    let text = |name| entry.get(name).and_then(Json::text);
    let messages = base64(WHAT, text("evidence").ok_or(Refusal::Missing { what: "evidence" })?)?;
    let chain =
        base64("certificate chain", text("certificate").ok_or(Refusal::Missing { what: "certificate" })?)?;
    let chain = String::from_utf8(chain).map_err(|_| bad("its certificate is not PEM text"))?;
    Ok(Parts { messages, chain: pem("certificate chain", "CERTIFICATE", &chain)? })
}

/// What the device said.
struct Measured<'a> {
    nonce: [u8; 32],
    blocks: Vec<String>,
    fields: Vec<(&'static str, String)>,
    signed: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Measured<'a> {
    fn read(messages: &'a [u8]) -> Result<Self, Refusal> {
        let mut at = Cursor::new(WHAT, messages);
        at.expect(&REQUEST, "it is not a request for all measurements with a signature")?;
        let nonce = at.array()?;
        let _slot = at.byte()?;
        at.expect(&RESPONSE, "it is not an answer with measurements")?;
        let _parameters = at.take(2)?;
        let count = at.byte()?;
        let [low, middle, high] = at.array()?;
        let length = usize::try_from(u32::from_le_bytes([low, middle, high, 0])).unwrap_or(usize::MAX);
        let mut record = Cursor::new("measurement record", at.take(length)?);
        let mut blocks = Vec::new();
        for _ in 0..count {
            let (index, _specification) = (record.byte()?, record.byte()?);
            let mut block = Cursor::new("measurement", record.counted_u16()?);
            let _kind = block.byte()?;
            blocks.push(format!("{index}:{}", hex(block.counted_u16()?)));
            block.end()?;
        }
        record.end()?;
        let _device_nonce = at.take(32)?;
        let fields = fields(at.counted_u16()?)?;
        let signed = at.since(0);
        let signature = at.take(SIGNATURE_BYTES)?;
        at.end()?;
        Ok(Self { nonce, blocks, fields, signed, signature })
    }
}

/// Opaque data: numbers of fields, lengths and values.
fn fields(opaque: &[u8]) -> Result<Vec<(&'static str, String)>, Refusal> {
    let mut at = Cursor::new("opaque data", opaque);
    let mut found: Vec<(&'static str, String)> = Vec::new();
    while !at.rest().is_empty() {
        let (number, value) = (at.u16_le()?, at.counted_u16()?);
        let Some((_, name)) = FIELDS.iter().find(|(is, _)| *is == number) else { continue };
        if found.iter().any(|(earlier, _)| earlier == name) {
            return Err(at.bad("a field stands twice"));
        }
        found.push((name, if number == VBIOS { firmware(value) } else { shown(value) }));
    }
    Ok(found)
}

/// Printable text without the zeros behind it, or hexadecimal digits.
fn shown(value: &[u8]) -> String {
    let end = value.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
    let text = value.get(..end).unwrap_or_default();
    match std::str::from_utf8(text) {
        Ok(text) if text.bytes().all(|byte| byte.is_ascii_graphic()) => text.to_owned(),
        _ => hex(value),
    }
}

/// `96.00.A5.00.01`: four bytes, little end first, and the one behind them.
fn firmware(value: &[u8]) -> String {
    match value {
        [a, b, c, d, e, 0, 0, 0] => format!("{d:02X}.{c:02X}.{b:02X}.{a:02X}.{e:02X}"),
        other => shown(other),
    }
}

pub(super) fn verify(evidence: &[u8], check: &Check<'_>) -> Result<Claims, Refusal> {
    let parts = parts(evidence, check)?;
    let measured = Measured::read(&parts.messages)?;
    let chain = Certificate::parse_all(&parts.chain)?;
    let trusted = check.chain(Kind::NvidiaGpu, "device chain", &chain, Listed::Any)?;
    let device = chain.first().ok_or(Refusal::Missing { what: "certificate" })?;
    if !device.key.holds(Scheme::Es384, measured.signed, measured.signature) {
        return Err(Refusal::Signature { what: WHAT });
    }
    if let Some(bind) = check.bind {
        bind.starts("the request's nonce", &measured.nonce)?;
    }
    let mut claims = Claims::new(Kind::NvidiaGpu, trusted.root)
        .with("device", device.fingerprint())
        .with("measurements", measured.blocks)
        .with("nonce", hex(&measured.nonce));
    for (name, value) in measured.fields {
        claims = claims.with(name, value);
    }
    claims.valid_until = Some(trusted.validity.1);
    Ok(claims)
}
