//! Selective disclosure (RFC 9901): digests in a signed payload are replaced by the parts that are shown.

use super::Refusal;
use crate::json::Json;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Most parts that one token may show.
const PARTS_MAX: usize = 128;
/// Deepest nesting of the whole payload, parts within parts included.
const DEPTH_MAX: u8 = 64;

/// SHA-256 of text as base64url without padding.
pub(super) fn digest(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

/// One shown part: an element of an array, or a named member of an object.
struct Part {
    name: Option<String>,
    value: Json,
    used: bool,
}

/// The payload with every part that is shown in its place. What is not shown stays as `{"...": digest}` in arrays and as a
/// digest in `_sd`; whoever reads must say what may be hidden.
pub(super) fn disclose(hop: usize, payload: &Json, shown: &[&str]) -> Result<Json, Refusal> {
    let bad = |what: String| Refusal::Unreadable { hop, what };
    if shown.len() > PARTS_MAX {
        return Err(bad(format!("it shows more than {PARTS_MAX} parts")));
    }
    match payload.get("_sd_alg") {
        None => {}
        Some(alg) if alg.text() == Some("sha-256") => {}
        Some(_) => return Err(bad("its digests are not SHA-256".into())),
    }
    let mut parts = BTreeMap::new();
    for text in shown {
        let part = part(text).ok_or_else(|| bad(format!("a shown part is none: {:.20}", text)))?;
        if parts.insert(digest(text), part).is_some() {
            return Err(bad("a part is shown twice".into()));
        }
    }
    let whole = replace(payload, &mut parts, DEPTH_MAX).map_err(|what| bad(what.into()))?;
    match parts.values().find(|part| !part.used) {
        Some(_) => Err(bad("a shown part belongs nowhere".into())),
        None => Ok(whole),
    }
}

fn part(text: &str) -> Option<Part> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let Json::List(items) = Json::parse(&bytes).ok()? else { return None };
    let mut items = items.into_iter();
    let (_salt, second, third, end) =
        (items.next()?.text()?.to_owned(), items.next()?, items.next(), items.next());
    if end.is_some() {
        return None;
    }
    match third {
        None => Some(Part { name: None, value: second, used: false }),
        Some(value) => {
            let name = second.text().filter(|name| !["_sd", "...", "_sd_alg"].contains(name))?.to_owned();
            Some(Part { name: Some(name), value, used: false })
        }
    }
}

fn replace(value: &Json, parts: &mut BTreeMap<String, Part>, depth: u8) -> Result<Json, &'static str> {
    let Some(depth) = depth.checked_sub(1) else { return Err("its parts nest too deep") };
    match value {
        Json::List(items) => {
            let mut whole = Vec::new();
            for item in items {
                match element_digest(item).and_then(|digest| parts.get_mut(digest)) {
                    Some(part) => {
                        let value = take(part, false)?.1;
                        whole.push(replace(&value, parts, depth)?);
                    }
                    None => whole.push(replace(item, parts, depth)?),
                }
            }
            Ok(Json::List(whole))
        }
        Json::Map(members) => {
            let mut whole = BTreeMap::new();
            for (name, member) in members.iter().filter(|(name, _)| *name != "_sd" && *name != "_sd_alg") {
                whole.insert(name.clone(), replace(member, parts, depth)?);
            }
            let mut hidden = Vec::new();
            for digest in members.get("_sd").and_then(Json::list).unwrap_or_default() {
                let Some(part) = digest.text().and_then(|digest| parts.get_mut(digest)) else {
                    hidden.push(digest.clone());
                    continue;
                };
                let (name, value) = take(part, true)?;
                let value = replace(&value, parts, depth)?;
                if whole.insert(name.unwrap_or_default(), value).is_some() {
                    return Err("a shown part has the name of another member");
                }
            }
            if !hidden.is_empty() {
                whole.insert("_sd".into(), Json::List(hidden));
            }
            Ok(Json::Map(whole))
        }
        other => Ok(other.clone()),
    }
}

fn take(part: &mut Part, named: bool) -> Result<(Option<String>, Json), &'static str> {
    if part.used || part.name.is_some() != named {
        return Err("a shown part stands in two places, or in one that is not of its kind");
    }
    part.used = true;
    Ok((part.name.clone(), part.value.clone()))
}

/// The digest of an element that may be hidden: `{"...": digest}` and nothing else.
pub(super) fn element_digest(item: &Json) -> Option<&str> {
    match item {
        Json::Map(members) if members.len() == 1 => members.get("...").and_then(Json::text),
        _ => None,
    }
}
