//! C2SP tlog-checkpoint: the origin, size and root of a log as a signed note.

use super::{Hash, Note, SigningKey, VerifyingKey};
use crate::PayError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Where a log stood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// The log's unique name.
    pub origin: String,
    /// Entries in it.
    pub size: u64,
    /// Hash of its tree.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// The note signed by the log.
    ///
    /// # Errors
    /// [`PayError::Bad`] for an origin that is not a line of text.
    pub fn sign(&self, key: &SigningKey) -> Result<Note, PayError> {
        Self::parse(&self.text())?;
        let mut note = Note::new(self.text())?;
        note.sign(key);
        Ok(note)
    }

    /// Reads the text of a checkpoint. Further lines (extensions) are allowed and not kept.
    ///
    /// # Errors
    /// [`PayError::Bad`] when a line is missing or has a second spelling.
    pub fn parse(text: &str) -> Result<Self, PayError> {
        let bad =
            |value: &str| PayError::bad("checkpoint", value, "origin, size and base64 root, a line each");
        let mut lines = text.strip_suffix('\n').ok_or_else(|| bad(text))?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(bad(text));
        };
        let number: u64 = size.parse().map_err(|_| bad(size))?;
        let hash: Hash =
            STANDARD.decode(root).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| bad(root))?;
        if origin.is_empty() || number.to_string() != size || lines.any(str::is_empty) {
            return Err(bad(text));
        }
        Ok(Self { origin: origin.into(), size: number, root: hash })
    }

    /// The checkpoint of a note that the log's key signed. The origin must be `origin`.
    ///
    /// # Errors
    /// [`PayError::NotProven`] for a missing or wrong signature or another origin, [`PayError::Bad`] for another text.
    pub fn verified(note: &Note, key: &VerifyingKey, origin: &str) -> Result<Self, PayError> {
        note.verify(key)?;
        let checkpoint = Self::parse(note.text())?;
        if checkpoint.origin == origin {
            return Ok(checkpoint);
        }
        let reason = format!("its origin is {:?}, not {origin:?}", checkpoint.origin);
        Err(PayError::NotProven { what: "checkpoint", reason })
    }
}
