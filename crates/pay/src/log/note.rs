//! C2SP signed-note: a text, an empty line, and signature lines `— name base64(key hash ‖ signature)`.

use super::{SigningKey, VerifyingKey};
use crate::PayError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// Most signature lines that a note may have.
pub const SIGNATURES_MAX: usize = 64;
/// Longest signed note, in bytes.
const NOTE_BYTES_MAX: usize = 1 << 16;

/// One signature line. Its bytes are what the key's algorithm says: 64 for a log, time and 64 for a witness.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    /// Name of the key.
    pub name: String,
    /// Hint of the key.
    pub hash: [u8; 4],
    /// What follows the hint.
    pub bytes: Vec<u8>,
}

impl Signature {
    /// Whether the line claims to be of this key.
    pub(super) fn claims(&self, key: &VerifyingKey) -> bool {
        self.name == key.name() && self.hash == key.hash()
    }
}

/// A text with the signatures that were made for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

impl Note {
    /// A text without signatures yet; it must end with a newline and have no other control characters.
    ///
    /// # Errors
    /// [`PayError::Bad`] for another text.
    pub fn new(text: String) -> Result<Self, PayError> {
        let legal = |c: char| c == '\n' || !c.is_control();
        if !text.ends_with('\n') || text.len() > NOTE_BYTES_MAX || !text.chars().all(legal) {
            return Err(PayError::bad("note", &text, "text of at most 64 KiB that ends with a newline"));
        }
        Ok(Self { text, signatures: Vec::new() })
    }

    /// Reads a signed note; signatures are not checked yet.
    ///
    /// # Errors
    /// [`PayError::Bad`] when the text is not a note with at least one signature line, or is larger than allowed.
    pub fn parse(text: &str) -> Result<Self, PayError> {
        let bad =
            |value: &str| PayError::bad("signed note", value, "a text, an empty line and signature lines");
        if text.len() > NOTE_BYTES_MAX {
            return Err(bad(text));
        }
        // The last empty line ends the text: it may hold empty lines itself.
        let at = text.rfind("\n\n").ok_or_else(|| bad(text))?;
        let (text, lines) = text.split_at(at.saturating_add(1));
        let lines =
            lines.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n')).ok_or_else(|| bad(lines))?;
        let mut note = Self::new(text.into())?;
        for line in lines.split('\n') {
            if note.signatures.len() >= SIGNATURES_MAX {
                return Err(PayError::bad("signed note", line, "at most 64 signatures"));
            }
            note.signatures.push(signature(line).ok_or_else(|| bad(line))?);
        }
        Ok(note)
    }

    /// The text, newline included.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, in order.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds a log's signature.
    pub fn sign(&mut self, key: &SigningKey) {
        let bytes = key.sign(self.text.as_bytes()).to_vec();
        self.add(Signature { name: key.public().name().into(), hash: key.public().hash(), bytes });
    }

    /// The text with other signature lines: those of `lines`, each with its newline.
    ///
    /// # Errors
    /// [`PayError::Bad`] for lines that are none.
    pub(super) fn with(&self, lines: &str) -> Result<Self, PayError> {
        Self::parse(&format!("{}\n{lines}", self.text))
    }

    pub(super) fn add(&mut self, signature: Signature) {
        if self.signatures.len() < SIGNATURES_MAX && !self.signatures.contains(&signature) {
            self.signatures.push(signature);
        }
    }

    /// Checks that the log's key signed the text.
    ///
    /// # Errors
    /// [`PayError::NotProven`] when no line of this key is there, or one does not hold.
    pub fn verify(&self, key: &VerifyingKey) -> Result<(), PayError> {
        let refused = |reason| Err(PayError::NotProven { what: "signature", reason });
        let mut found = false;
        for line in self.signatures.iter().filter(|line| line.claims(key)) {
            let held = <&[u8; 64]>::try_from(line.bytes.as_slice())
                .is_ok_and(|bytes| key.holds(self.text.as_bytes(), bytes));
            if !held {
                return refused(format!("the line of {} was not made by that key for this text", key.name()));
            }
            found = true;
        }
        if found { Ok(()) } else { refused(format!("no line is by {key}")) }
    }
}

fn signature(line: &str) -> Option<Signature> {
    let (name, coded) = line.strip_prefix("— ")?.split_once(' ')?;
    let bytes = STANDARD.decode(coded).ok()?;
    let (hash, bytes) = bytes.split_at_checked(4)?;
    if name.is_empty() || bytes.is_empty() {
        return None;
    }
    Some(Signature { name: name.into(), hash: hash.try_into().ok()?, bytes: bytes.into() })
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| write!(f, "{line}"))
    }
}

/// The line, its newline included.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: Vec<u8> = self.hash.iter().chain(&self.bytes).copied().collect();
        writeln!(f, "— {} {}", self.name, STANDARD.encode(bytes))
    }
}
