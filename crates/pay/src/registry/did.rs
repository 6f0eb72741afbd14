//! Ids of agents, and the documents that `did:web` ids name. Reading is pure: fetching is the caller's.

use super::PublicKey;
use crate::PayError;
use crate::json::Json;

/// Most keys that a document may have.
const KEYS_MAX: usize = 64;
/// Longest id, in bytes.
const ID_BYTES_MAX: usize = 512;

fn bad(id: &str) -> PayError {
    PayError::bad("agent id", id, "did:key:z…, did:web:HOST or eip155:CHAIN:0xREGISTRY:AGENT")
}

/// Whether this is an id of one of the known forms, in its one spelling.
pub(super) fn check_id(id: &str) -> Result<(), PayError> {
    if id.len() > ID_BYTES_MAX {
        return Err(bad(id));
    }
    if id.starts_with("did:key:") {
        let key = PublicKey::from_did(id)?;
        return if key.did() == id { Ok(()) } else { Err(bad(id)) };
    }
    if id.starts_with("did:web:") {
        return web_url(id, "https").map(drop);
    }
    let mut parts = id.strip_prefix("eip155:").ok_or_else(|| bad(id))?.split(':');
    let number = |text: &str| text.parse::<u128>().is_ok_and(|number| number.to_string() == text);
    let (Some(chain), Some(registry), Some(agent), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(bad(id));
    };
    // The address in lower case, so that one agent has one id.
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let address = registry
        .strip_prefix("0x")
        .is_some_and(|hex_digits| hex_digits.len() == 40 && hex_digits.bytes().all(hex));
    if number(chain) && address && number(agent) { Ok(()) } else { Err(bad(id)) }
}

/// Where the document of a `did:web` id is: `did:web:example.com%3A8443:agents:a` is
/// `https://example.com:8443/agents/a/did.json` (the did:web method, section "Read").
///
/// # Errors
/// [`PayError::Bad`] for what is no host with an optional port and plain path segments.
pub fn web_url(id: &str, scheme: &str) -> Result<String, PayError> {
    let rest = id.strip_prefix("did:web:").ok_or_else(|| bad(id))?;
    let mut parts = rest.split(':');
    let host = parts.next().unwrap_or_default();
    let (name, port) = match host.split_once("%3A") {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    };
    let label = |label: &str| {
        let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        edge(label.as_bytes().first())
            && edge(label.as_bytes().last())
            && label.bytes().all(inner)
            && label.len() <= 63
    };
    if name.len() > 253 || !name.split('.').all(label) {
        return Err(bad(id));
    }
    let port = match port {
        None => String::new(),
        Some(port) => {
            let number = port.parse::<u16>().ok().filter(|number| *number > 0 && number.to_string() == port);
            format!(":{}", number.ok_or_else(|| bad(id))?)
        }
    };
    let segment = |part: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        !part.is_empty() && part.bytes().all(plain) && part.bytes().any(|b| b != b'.')
    };
    let path: Vec<&str> = parts.collect();
    if !path.iter().all(|part| segment(part)) {
        return Err(bad(id));
    }
    let path = if path.is_empty() { ".well-known".to_owned() } else { path.join("/") };
    Ok(format!("{scheme}://{name}{port}/{path}/did.json"))
}

/// The keys of a DID document that may sign for its subject.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Document {
    /// Its subject.
    pub id: String,
    keys: Vec<(String, PublicKey)>,
}

impl Document {
    /// Reads a document (DID Core); it must be about `id`. Keys of other kinds are passed over.
    ///
    /// # Errors
    /// [`PayError::Bad`].
    pub fn read(bytes: &[u8], id: &str) -> Result<Self, PayError> {
        let json = Json::parse(bytes)?;
        let found = json.get("id").and_then(Json::text).unwrap_or_default();
        if found != id {
            return Err(PayError::bad("DID document", found, "one whose id is the one that was asked for"));
        }
        let methods = json.get("verificationMethod").and_then(Json::list).unwrap_or_default();
        if methods.len() > KEYS_MAX {
            return Err(PayError::bad(
                "DID document",
                &methods.len().to_string(),
                "at most 64 verification methods",
            ));
        }
        // Only what the document lets assert counts; a key there for encryption or history signs nothing.
        let asserted = json.get("assertionMethod").and_then(Json::list).unwrap_or_default();
        let mut keys = Vec::new();
        for method in methods {
            let Some(name) = method.get("id").and_then(Json::text) else { continue };
            let controlled = method.get("controller").and_then(Json::text) == Some(id);
            let full = absolute(id, name);
            let allowed =
                asserted.iter().any(|item| item.text().is_some_and(|item| absolute(id, item) == full));
            let key =
                match (method.get("publicKeyJwk"), method.get("publicKeyMultibase").and_then(Json::text)) {
                    (Some(jwk), None) => PublicKey::from_jwk(jwk).ok(),
                    (None, Some(coded)) => PublicKey::from_multibase(coded).ok(),
                    _ => None,
                };
            if let Some(key) = key.filter(|_| controlled && allowed) {
                keys.push((full, key));
            }
        }
        Ok(Self { id: id.into(), keys })
    }

    /// The key of this id, absolute or as a fragment.
    #[must_use]
    pub fn key(&self, kid: &str) -> Option<PublicKey> {
        let full = absolute(&self.id, kid);
        let mut named = self.keys.iter().filter(|(name, _)| *name == full);
        // An id that stands twice is nobody's.
        let first = named.next().map(|(_, key)| key.clone());
        first.filter(|_| named.next().is_none())
    }

    /// All keys with their absolute ids.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &PublicKey)> {
        self.keys.iter().map(|(name, key)| (name.as_str(), key))
    }
}

fn absolute(id: &str, name: &str) -> String {
    if name.starts_with('#') { format!("{id}{name}") } else { name.into() }
}
