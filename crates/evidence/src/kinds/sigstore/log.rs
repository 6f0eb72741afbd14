//! That a log holds an entry (Rekor, versions 1 and 2), and that the entry is of this signature.
//!
//! The log signs checkpoints of its tree (RFC 6962; C2SP tlog-checkpoint); version 1 also signs a promise with the time, which
//! is the only time that it vouches for. What stands in an entry is compared with the bundle to the last byte, since a signature
//! that holds is not yet the one that was logged.

use super::bundle::{Entry, Proof, bad};
use super::root::{Log, Root};
use crate::Refusal;
use crate::kinds::dsse::holds;
use crate::read::text::{base64, hex, pem};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tollgate_pay::json::Json;
use tollgate_pay::log::{Checkpoint, Note, leaf_hash, verify_inclusion};

const ENTRY: Refusal =
    Refusal::Malformed { what: "log entry", at: 0, reason: "it is not of the form of its kind" };

/// What an entry must say.
pub(super) struct Signed<'a> {
    /// SHA-256 of what was signed: of a message, or of an envelope with its pre-authentication encoding.
    pub(super) digest: Option<[u8; 32]>,
    /// SHA-256 of the envelope's payload.
    pub(super) payload: Option<[u8; 32]>,
    pub(super) signature: &'a [u8],
    /// DER of the certificate, or of the public key.
    pub(super) verifier: &'a [u8],
}

impl Entry {
    /// The log of the entry; the time that the log signed, if it did.
    pub(super) fn logged<'a>(&self, root: &'a Root) -> Result<(&'a Log, Option<i64>), Refusal> {
        let log = root.logs.iter().find(|log| log.id == self.log);
        let log = log.ok_or_else(|| Refusal::Untrusted { what: "log", is: hex(&self.log) })?;
        if let Some(proof) = &self.proof {
            proof.holds(log, &self.body)?;
        }
        let Some((time, signature)) = &self.promise else { return Ok((log, None)) };
        let body = STANDARD.encode(&self.body);
        let (id, index) = (hex(&log.id), self.index);
        // Canonical JSON: the names are in order, and no text needs an escape.
        let promised =
            format!(r#"{{"body":"{body}","integratedTime":{time},"logID":"{id}","logIndex":{index}}}"#);
        if !holds(&log.key, promised.as_bytes(), signature) {
            return Err(Refusal::Signature { what: "log's promise" });
        }
        Ok((log, Some(*time)))
    }

    /// Refuses an entry of something else.
    pub(super) fn is_of(&self, signed: &Signed<'_>) -> Result<(), Refusal> {
        let json = Json::parse(&self.body).map_err(|_| ENTRY)?;
        let named = |name, is: &str| json.get(name).and_then(Json::text) == Some(is);
        if !named("kind", &self.kind) || !named("apiVersion", &self.version) {
            return Err(ENTRY);
        }
        let spec = json.get("spec").ok_or(ENTRY)?;
        match (self.kind.as_str(), self.version.as_str()) {
            ("hashedrekord", "0.0.1") => {
                let signature = at(spec, &["signature"])?;
                signed.digest(at(spec, &["data", "hash"])?, "sha256", signed.digest)?;
                signed.signature(&coded(signature, &["content"])?)?;
                signed.verifier(&keyed(&coded(signature, &["publicKey", "content"])?)?)
            }
            ("hashedrekord", "0.0.2") => {
                let spec = at(spec, &["hashedRekordV002"])?;
                signed.digest(at(spec, &["data"])?, "SHA2_256", signed.digest)?;
                signed.second(at(spec, &["signature"])?)
            }
            ("dsse", "0.0.1") => {
                let signature = only(spec, "signatures")?;
                signed.digest(at(spec, &["payloadHash"])?, "sha256", signed.payload)?;
                signed.signature(&coded(signature, &["signature"])?)?;
                signed.verifier(&keyed(&coded(signature, &["verifier"])?)?)
            }
            ("dsse", "0.0.2") => {
                let spec = at(spec, &["dsseV002"])?;
                signed.digest(at(spec, &["payloadHash"])?, "SHA2_256", signed.payload)?;
                signed.second(only(spec, "signatures")?)
            }
            ("intoto", "0.0.2") => {
                let content = at(spec, &["content"])?;
                let signature = only(at(content, &["envelope"])?, "signatures")?;
                signed.digest(at(content, &["payloadHash"])?, "sha256", signed.payload)?;
                // This form has base64 of what is base64 already.
                let twice = String::from_utf8(coded(signature, &["sig"])?).map_err(|_| ENTRY)?;
                signed.signature(&base64("log entry", &twice)?)?;
                signed.verifier(&keyed(&coded(signature, &["publicKey"])?)?)
            }
            (kind, version) => {
                let is = Refusal::shown(&format!("{kind} {version}"));
                Err(Refusal::Unsupported { what: "log entry", is })
            }
        }
    }
}

fn at<'a>(json: &'a Json, path: &[&str]) -> Result<&'a Json, Refusal> {
    path.iter().try_fold(json, |json, name| json.get(name)).ok_or(ENTRY)
}

fn coded(json: &Json, path: &[&str]) -> Result<Vec<u8>, Refusal> {
    base64("log entry", at(json, path)?.text().ok_or(ENTRY)?)
}

fn only<'a>(json: &'a Json, name: &str) -> Result<&'a Json, Refusal> {
    match json.get(name).and_then(Json::list) {
        Some([one]) => Ok(one),
        _ => Err(ENTRY),
    }
}

/// DER of the one certificate or key in PEM text.
fn keyed(text: &[u8]) -> Result<Vec<u8>, Refusal> {
    let text = std::str::from_utf8(text).map_err(|_| ENTRY)?;
    let mut found = pem("log entry", "CERTIFICATE", text)?;
    found.extend(pem("log entry", "PUBLIC KEY", text)?);
    if found.len() == 1 { found.pop().ok_or(ENTRY) } else { Err(ENTRY) }
}

fn other(what: &'static str) -> Refusal {
    Refusal::Mismatch { what, is: "another".into(), wanted: "the bundle's".into() }
}

impl Signed<'_> {
    /// A digest in hexadecimal digits (`value`), or in base64 (`digest`).
    fn digest(&self, json: &Json, algorithm: &str, wanted: Option<[u8; 32]>) -> Result<(), Refusal> {
        let said = json.get("algorithm").and_then(Json::text);
        let is = match json.get("value").and_then(Json::text) {
            Some(digits) => crate::read::text::unhex("log entry", digits)?,
            None => coded(json, &["digest"])?,
        };
        let wanted = wanted.ok_or_else(|| other("kind of the log entry"))?;
        if said == Some(algorithm) && is == wanted { Ok(()) } else { Err(other("digest in the log entry")) }
    }

    fn signature(&self, is: &[u8]) -> Result<(), Refusal> {
        if is == self.signature { Ok(()) } else { Err(other("signature in the log entry")) }
    }

    fn verifier(&self, is: &[u8]) -> Result<(), Refusal> {
        if is == self.verifier { Ok(()) } else { Err(other("certificate or key in the log entry")) }
    }

    /// Signature and verifier as version 2 of the log has them.
    fn second(&self, json: &Json) -> Result<(), Refusal> {
        self.signature(&coded(json, &["content"])?)?;
        let by = at(json, &["verifier"])?;
        let place = if by.get("x509Certificate").is_some() { "x509Certificate" } else { "publicKey" };
        self.verifier(&coded(by, &[place, "rawBytes"])?)
    }
}

impl Proof {
    fn holds(&self, log: &Log, body: &[u8]) -> Result<(), Refusal> {
        let note = Note::parse(&self.checkpoint).map_err(|_| bad("its checkpoint is no signed note"))?;
        let checkpoint =
            Checkpoint::parse(note.text()).map_err(|_| bad("its checkpoint has no origin, size and root"))?;
        // Version 1 has the number of the tree behind the name.
        let origin = checkpoint.origin.split(" - ").next().unwrap_or_default();
        let signed = note.signatures().iter().any(|line| {
            line.name == log.host
                && log.id.starts_with(&line.hash)
                && holds(&log.key, note.text().as_bytes(), &line.bytes)
        });
        if origin != log.host || !signed {
            return Err(Refusal::Signature { what: "log's checkpoint" });
        }
        if checkpoint.size != self.size || checkpoint.root != self.root {
            return Err(other("checkpoint of the log"));
        }
        verify_inclusion(leaf_hash(body), self.index, self.size, &self.hashes, self.root)
            .map_err(|_| Refusal::Signature { what: "proof that the log holds the entry" })
    }
}
