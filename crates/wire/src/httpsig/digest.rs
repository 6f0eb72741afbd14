//! Digests of contents (RFC 9530).

use super::Flaw;
use super::message::{Message, joined};
use crate::sfv::{self, Member};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256, Sha512};

/// The value of `Content-Digest` for a body, with SHA-256.
#[must_use]
pub fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)))
}

/// Holds the body against `Content-Digest`: every digest by SHA-256 or SHA-512 must be the body's, and there must be one.
///
/// # Errors
/// [`Flaw::Digest`], and [`Flaw::Field`] for an unreadable field.
pub fn check_digest(message: &Message<'_>, body: &[u8]) -> Result<(), Flaw> {
    const FIELD: &str = "content-digest";
    let text = joined(message.fields(), FIELD)?.ok_or(Flaw::Missing(FIELD))?;
    let unreadable = |error| Flaw::Field { field: FIELD.into(), error };
    let mut known = 0;
    for (name, member) in sfv::dictionary(&text).map_err(unreadable)?.0 {
        let found = match &member {
            Member::Item(item) => item.value.bytes(),
            Member::Inner(_) => None,
        };
        let right = match name.as_str() {
            "sha-256" => found == Some(Sha256::digest(body).as_slice()),
            "sha-512" => found == Some(Sha512::digest(body).as_slice()),
            _ => continue,
        };
        if !right {
            return Err(Flaw::Digest("is not that of the body"));
        }
        known += 1;
    }
    if known == 0 {
        Err(Flaw::Digest("is by no algorithm that is known: use sha-256 or sha-512"))
    } else {
        Ok(())
    }
}
