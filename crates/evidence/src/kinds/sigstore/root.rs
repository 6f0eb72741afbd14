//! The trusted root: which authorities and logs count, and when. It comes as collateral, in the form that sigstore publishes
//! (`trusted_root.json`), and counts when the policy names the SHA-256 of its canonical JSON among the roots of the kind.

use crate::crypto::{PublicKey, sha256};
use crate::read::der::iso_time;
use crate::read::text::{base64, hex};
use crate::{Check, Kind, Refusal};
use tollgate_pay::json::Json;

const WHAT: &str = "trusted root";
/// Most entries of a list.
const ENTRIES_MAX: usize = 32;
/// Longest chain of an authority.
const CHAIN_MAX: usize = 8;

/// First and last second that a key or an authority counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validity(i64, i64);

impl Validity {
    fn read(json: Option<&Json>) -> Result<Self, Refusal> {
        let time = |name| match json.and_then(|json| json.get(name)) {
            None | Some(Json::Null) => Ok(None),
            Some(text) => {
                text.text().and_then(seconds).map(Some).ok_or(bad("a time is not of RFC 3339 in UTC"))
            }
        };
        let start =
            time("start")?.ok_or(Refusal::Missing { what: "the start of a validity in the trusted root" })?;
        Ok(Self(start, time("end")?.unwrap_or(i64::MAX)))
    }

    /// Refuses a time before or after.
    pub(super) fn holds(self, what: &'static str, at: i64) -> Result<(), Refusal> {
        let Self(from, until) = self;
        if (from..=until).contains(&at) { Ok(()) } else { Err(Refusal::Time { what, from, until, at }) }
    }
}

/// A log of signatures, or of certificates.
pub(super) struct Log {
    /// Host and port of its address, which sign its checkpoints.
    pub(super) host: String,
    pub(super) id: Vec<u8>,
    pub(super) key: PublicKey,
    pub(super) validity: Validity,
}

/// Who signs certificates, or times: certificates from the lowest up.
pub(super) struct Authority {
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) validity: Validity,
}

/// All of them.
pub(super) struct Root {
    /// Its name in the policy.
    pub(super) name: String,
    pub(super) logs: Vec<Log>,
    pub(super) certificate_logs: Vec<Log>,
    pub(super) authorities: Vec<Authority>,
    pub(super) clocks: Vec<Authority>,
}

const fn bad(reason: &'static str) -> Refusal {
    Refusal::Malformed { what: WHAT, at: 0, reason }
}

/// Seconds of a time in UTC; parts of a second are cut.
fn seconds(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z')?;
    let whole = match text.split_once('.') {
        Some((whole, part)) if (1..=9).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()) => {
            whole
        }
        Some(_) => return None,
        None => text,
    };
    iso_time(&format!("{whole}Z"))
}

fn list<T>(json: &Json, name: &str, one: fn(&Json) -> Result<T, Refusal>) -> Result<Vec<T>, Refusal> {
    let items = json.get(name).and_then(Json::list).unwrap_or_default();
    if items.len() > ENTRIES_MAX {
        return Err(Refusal::TooLarge {
            what: WHAT,
            is: items.len(),
            unit: "entries of a list",
            most: ENTRIES_MAX,
        });
    }
    items.iter().map(one).collect()
}

fn bytes(json: Option<&Json>) -> Result<Vec<u8>, Refusal> {
    base64(WHAT, json.and_then(Json::text).ok_or(bad("a member is not there, or is no text"))?)
}

fn log(json: &Json) -> Result<Log, Refusal> {
    let key = json.get("publicKey").ok_or(bad("a log has no key"))?;
    let address = json.get("baseUrl").and_then(Json::text).unwrap_or_default();
    let (_, rest) = address.split_once("://").ok_or(bad("a log has no address"))?;
    let spki = bytes(key.get("rawBytes"))?;
    // Early logs of certificates have the bare form of RFC 8017.
    let key_read = match key.get("keyDetails").and_then(Json::text) {
        Some("PKCS1_RSA_PKCS1V5") => PublicKey::Rsa(spki),
        _ => PublicKey::from_spki(&spki)?,
    };
    Ok(Log {
        host: rest.split('/').next().unwrap_or_default().to_owned(),
        id: bytes(json.get("logId").and_then(|id| id.get("keyId")))?,
        key: key_read,
        validity: Validity::read(key.get("validFor"))?,
    })
}

fn authority(json: &Json) -> Result<Authority, Refusal> {
    let chain = json.get("certChain").and_then(|chain| chain.get("certificates")).and_then(Json::list);
    let chain = chain.filter(|chain| (1..=CHAIN_MAX).contains(&chain.len()));
    let chain = chain.ok_or(bad("an authority has no chain of 1 to 8 certificates"))?;
    let chain =
        chain.iter().map(|certificate| bytes(certificate.get("rawBytes"))).collect::<Result<_, _>>()?;
    Ok(Authority { chain, validity: Validity::read(json.get("validFor"))? })
}

impl Root {
    /// The trusted root in the collateral, which the policy names.
    pub(super) fn find(check: &Check<'_>) -> Result<Self, Refusal> {
        let json =
            check.collateral.object_with("tlogs").ok_or(Refusal::Missing { what: "a trusted root" })?;
        let spelled = json.canonical_foreign().map_err(|_| bad("a number has no one spelling"))?;
        let digest = hex(&sha256(spelled.as_bytes()));
        let name = check.policy.roots(Kind::Sigstore).get(&digest);
        let name = name.cloned().ok_or(Refusal::Untrusted { what: WHAT, is: digest })?;
        Ok(Self {
            name,
            logs: list(&json, "tlogs", log)?,
            certificate_logs: list(&json, "ctlogs", log)?,
            authorities: list(&json, "certificateAuthorities", authority)?,
            clocks: list(&json, "timestampAuthorities", authority)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_validity_are_within() {
        let read = |text: &str| Validity::read(Some(&Json::parse(text.as_bytes()).unwrap()));
        let valid =
            read(r#"{"start": "1970-01-01T00:00:01Z", "end": "1970-01-01T00:00:03.999000Z"}"#).unwrap();
        let at = [0, 1, 3, 4].map(|at| valid.holds("test", at).is_ok());
        assert_eq!(at, [false, true, true, false]);
        let open = read(r#"{"start": "1970-01-01T00:00:01Z", "end": null}"#).unwrap();
        open.holds("test", i64::MAX).unwrap();
        for wrong in [
            r#"{"end": null}"#,
            r#"{"start": "1970-01-01T00:00:01+00:00"}"#,
            r#"{"start": "1970-01-01T00:00:01.Z"}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
