//! SHA-256 digests that name data, models and tables in records: who can make two things of one digest could say of the
//! one what was decided by the other.

use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// The digest of parts, each preceded by its length, as `sha256:` and 64 hexadecimal digits.
#[must_use]
pub(crate) fn sha256<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut text = String::from("sha256:");
    for byte in hasher.finalize() {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The digest of one part without its length, as bytes.
#[must_use]
pub(crate) fn sha256_bytes(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
