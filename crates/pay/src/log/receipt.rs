//! C2SP tlog-proof: one file that proves offline that an entry is in a log.

use super::{Checkpoint, Hash, Note, VerifyingKey, leaf_hash, verify_inclusion};
use crate::PayError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// A path in a tree of 2^64 leaves has no more hashes.
const HASHES_MAX: usize = 64;

/// An entry's place, its audit path, and the checkpoint that it leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// Bytes with the application's own meaning; here the entry itself, so that the receipt stands alone.
    pub extra: Option<Vec<u8>>,
    /// Place of the entry.
    pub index: u64,
    /// Audit path, from the leaf up.
    pub path: Vec<Hash>,
    /// Signed checkpoint, with cosignatures where there are some.
    pub checkpoint: Note,
}

impl Receipt {
    /// Reads a receipt; nothing is checked yet.
    ///
    /// # Errors
    /// [`PayError::Bad`] with the line that is not as it must be.
    pub fn parse(text: &str) -> Result<Self, PayError> {
        let bad = |value: &str| PayError::bad("receipt", value, "a C2SP tlog-proof (version 1)");
        let (head, note) = text.split_once("\n\n").ok_or_else(|| bad(text))?;
        let mut lines = head.split('\n').peekable();
        lines.next().filter(|line| *line == HEADER).ok_or_else(|| bad(head))?;
        let extra = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            Some(coded) => {
                lines.next();
                Some(STANDARD.decode(coded).map_err(|_| bad(coded))?)
            }
            None => None,
        };
        let digits = lines.next().and_then(|line| line.strip_prefix("index ")).ok_or_else(|| bad(head))?;
        let index: u64 = digits.parse().map_err(|_| bad(digits))?;
        if index.to_string() != digits {
            return Err(bad(digits));
        }
        let mut path = Vec::new();
        for line in lines {
            let hash = STANDARD.decode(line).ok().and_then(|bytes| Hash::try_from(bytes).ok());
            path.push(hash.filter(|_| path.len() < HASHES_MAX).ok_or_else(|| bad(line))?);
        }
        Ok(Self { extra, index, path, checkpoint: Note::parse(note)? })
    }

    /// Checks that `entry` is in the log of this key, and answers the checkpoint that says so.
    ///
    /// # Errors
    /// [`PayError::NotProven`] when it is not.
    pub fn verify(&self, entry: &[u8], key: &VerifyingKey, origin: &str) -> Result<Checkpoint, PayError> {
        let checkpoint = Checkpoint::verified(&self.checkpoint, key, origin)?;
        verify_inclusion(leaf_hash(entry), self.index, checkpoint.size, &self.path, checkpoint.root)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", STANDARD.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
