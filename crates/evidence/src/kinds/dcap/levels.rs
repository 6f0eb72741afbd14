//! What Intel says of platforms, quoting enclaves and modules: levels, best first, each with a status.

use super::platform::Platform;
use super::quote::{Body, Enclave};
use crate::read::der::iso_time;
use crate::read::text::{hex, unhex_array};
use crate::{Check, Refusal};
use tollgate_pay::json::Json;

const WHAT: &str = "levels";

/// A level.
#[derive(Clone, Debug)]
pub(super) struct Level {
    pub(super) status: String,
    pub(super) advisories: Vec<String>,
}

/// A signed list of levels.
pub(super) struct Levels<'a> {
    json: &'a Json,
    /// The edition (`tcbEvaluationDataNumber`), which grows.
    pub(super) edition: i64,
    /// Last second that it counts.
    pub(super) until: i64,
}

fn missing(what: &'static str) -> Refusal {
    Refusal::Missing { what }
}

fn text<'a>(json: &'a Json, name: &'static str) -> Result<&'a str, Refusal> {
    json.get(name).and_then(Json::text).ok_or(missing(name))
}

fn number(json: &Json, name: &'static str) -> Result<u64, Refusal> {
    json.get(name).and_then(Json::integer).and_then(|number| u64::try_from(number).ok()).ok_or(missing(name))
}

fn mask<const N: usize>(value: [u8; N], mask: [u8; N]) -> [u8; N] {
    let mut masked = value;
    masked.iter_mut().zip(mask).for_each(|(byte, mask)| *byte &= mask);
    masked
}

fn same(what: &'static str, is: &[u8], wanted: &[u8]) -> Result<(), Refusal> {
    if is == wanted { Ok(()) } else { Err(Refusal::Mismatch { what, is: hex(is), wanted: hex(wanted) }) }
}

/// The first level of a list that `fits`.
fn first(
    json: &Json,
    what: &'static str,
    fits: impl Fn(&Json) -> Result<bool, Refusal>,
) -> Result<Level, Refusal> {
    for level in json.get("tcbLevels").and_then(Json::list).ok_or(missing("tcbLevels"))? {
        if fits(level.get("tcb").ok_or(missing("tcb"))?)? {
            let named = level.get("advisoryIDs").and_then(Json::list).unwrap_or_default();
            let advisories = named.iter().filter_map(Json::text).map(str::to_owned).collect();
            return Ok(Level { status: text(level, "tcbStatus")?.to_owned(), advisories });
        }
    }
    Err(Refusal::Status {
        what,
        is: "below all that the vendor lists".into(),
        accepted: "none of these".into(),
    })
}

/// Whether each version reaches that of a component; there are as many of both.
fn reach(versions: &[u64], level: &Json, name: &'static str, skip: usize) -> Result<bool, Refusal> {
    let components = level.get(name).and_then(Json::list).ok_or(missing(name))?;
    if components.len() != versions.len() {
        return Err(Refusal::Malformed { what: WHAT, at: 0, reason: "a level has not 16 components" });
    }
    for (version, component) in versions.iter().zip(components).skip(skip) {
        if *version < number(component, "svn")? {
            return Ok(false);
        }
    }
    Ok(true)
}

impl<'a> Levels<'a> {
    /// Refuses a list that does not count now, or is of an older edition than the policy wants.
    pub(super) fn read(json: &'a Json, check: &Check<'_>) -> Result<Self, Refusal> {
        let time = |name| {
            let reason = "a time is not RFC 3339 in UTC";
            iso_time(text(json, name)?).ok_or(Refusal::Malformed { what: WHAT, at: 0, reason })
        };
        // The next edition is due at its moment: from then on this one does not count.
        let (from, until) = (time("issueDate")?, time("nextUpdate")?.saturating_sub(1));
        let at = check.seconds();
        if !(from..=until).contains(&at) {
            return Err(Refusal::Time { what: WHAT, from, until, at });
        }
        let edition = number(json, "tcbEvaluationDataNumber")?;
        let edition = i64::try_from(edition).map_err(|_| missing("tcbEvaluationDataNumber"))?;
        let least = check.policy.tcb.edition_min;
        if edition < least {
            let accepted = format!("{least} or later");
            return Err(Refusal::Status { what: "edition of the levels", is: edition.to_string(), accepted });
        }
        Ok(Self { json, edition, until })
    }

    /// The level of a platform.
    pub(super) fn platform(&self, platform: &Platform, body: &Body<'_>) -> Result<Level, Refusal> {
        let id = if matches!(body, Body::Tdx(_)) { "TDX" } else { "SGX" };
        let (is, version) = (text(self.json, "id")?, number(self.json, "version")?);
        if is != id || version != 3 {
            let is = format!("{} of version {version}", Refusal::shown(is));
            return Err(Refusal::Mismatch {
                what: "list of levels",
                is,
                wanted: format!("{id} of version 3"),
            });
        }
        same("fmspc", &platform.fmspc, &unhex_array::<6>("fmspc", text(self.json, "fmspc")?)?)?;
        same("pceId", &platform.pceid, &unhex_array::<2>("pceId", text(self.json, "pceId")?)?)?;
        first(self.json, "platform level", |level| {
            let mut fits = reach(&platform.components, level, "sgxtcbcomponents", 0)?
                && platform.pcesvn >= number(level, "pcesvn")?;
            if let Body::Tdx(guest) = body {
                // From its second major version on the module has levels of its own, and its two versions are judged there.
                let [_, major, ..] = guest.svns;
                let skip = if major > 0 { 2 } else { 0 };
                fits = fits && reach(&guest.svns.map(u64::from), level, "tdxtcbcomponents", skip)?;
            }
            Ok(fits)
        })
    }

    /// The level of a quoting enclave.
    pub(super) fn enclave(&self, report: &Enclave<'_>, body: &Body<'_>) -> Result<Level, Refusal> {
        let id = if matches!(body, Body::Tdx(_)) { "TD_QE" } else { "QE" };
        let is = text(self.json, "id")?;
        if is != id {
            let is = Refusal::shown(is);
            return Err(Refusal::Mismatch { what: "identity of the quoting enclave", is, wanted: id.into() });
        }
        let of = |name| text(self.json, name);
        // Both orders of bytes are in use: numbers are written big end first.
        let reversed = |mut bytes: [u8; 4]| {
            bytes.reverse();
            bytes
        };
        let misc = reversed(unhex_array("miscselect", of("miscselect")?)?);
        let misc_mask = reversed(unhex_array("miscselectMask", of("miscselectMask")?)?);
        same(
            "miscselect of the quoting enclave",
            &mask(report.miscselect, misc_mask),
            &mask(misc, misc_mask),
        )?;
        let attributes_mask = unhex_array("attributesMask", of("attributesMask")?)?;
        let attributes = mask(unhex_array("attributes", of("attributes")?)?, attributes_mask);
        same("attributes of the quoting enclave", &mask(report.attributes, attributes_mask), &attributes)?;
        same(
            "signer of the quoting enclave",
            report.mrsigner,
            &unhex_array::<32>("mrsigner", of("mrsigner")?)?,
        )?;
        if u64::from(report.isvprodid) != number(self.json, "isvprodid")? || report.debug() {
            let is = report.isvprodid.to_string();
            return Err(Refusal::Mismatch {
                what: "product of the quoting enclave",
                is,
                wanted: "the one listed".into(),
            });
        }
        first(self.json, "quoting enclave level", |level| {
            Ok(u64::from(report.isvsvn) >= number(level, "isvsvn")?)
        })
    }

    /// The level of a TDX module; modules of the first major version have none of their own.
    pub(super) fn module(&self, body: &Body<'_>) -> Result<Option<Level>, Refusal> {
        let Body::Tdx(guest) = body else { return Ok(None) };
        let [minor, major, ..] = guest.svns;
        let module = if major == 0 {
            self.json.get("tdxModule")
        } else {
            let id = format!("TDX_{major:02X}");
            let list = self.json.get("tdxModuleIdentities").and_then(Json::list).unwrap_or_default();
            list.iter().find(|module| module.get("id").and_then(Json::text) == Some(&id))
        };
        let module = module.ok_or(missing("the TDX module among the levels"))?;
        same(
            "signer of the module",
            guest.mrsigner_seam,
            &unhex_array::<48>("mrsigner", text(module, "mrsigner")?)?,
        )?;
        let attributes_mask = unhex_array("attributesMask", text(module, "attributesMask")?)?;
        let attributes = mask(unhex_array("attributes", text(module, "attributes")?)?, attributes_mask);
        same("attributes of the module", &mask(guest.seam_attributes, attributes_mask), &attributes)?;
        if major == 0 {
            return Ok(None);
        }
        first(module, "module level", |level| Ok(u64::from(minor) >= number(level, "isvsvn")?)).map(Some)
    }
}
