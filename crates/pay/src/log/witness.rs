//! C2SP tlog-cosignature and tlog-witness: the rule of a witness, to cosign a checkpoint only when it continues what was cosigned
//! before, and what a log and its witness say to each other (`POST PREFIX/add-checkpoint`).

use super::{Checkpoint, Hash, Note, Signature, SigningKey, VerifyingKey, verify_consistency};
use crate::PayError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::fmt;
use tollgate_core::Timestamp;

/// Most logs that one witness watches.
const LOGS_MAX: usize = 10_000;
/// Most hashes of a request's proof (C2SP tlog-witness).
const HASHES_MAX: usize = 63;

/// What a cosignature signs: a header with the time in seconds, then the checkpoint's text.
fn message(seconds: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

/// A cosignature that holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cosigned {
    /// When the witness saw the checkpoint.
    pub time: Timestamp,
}

impl Cosigned {
    /// Checks a witness's line on a note.
    ///
    /// # Errors
    /// [`PayError::NotProven`] when it is missing or does not hold.
    pub fn verified(note: &Note, key: &VerifyingKey) -> Result<Self, PayError> {
        let refused = |reason: String| PayError::NotProven { what: "cosignature", reason };
        let line = note.signatures().iter().find(|line| line.claims(key));
        let line = line.ok_or_else(|| refused(format!("no line is by {key}")))?;
        let (time, bytes) = line.bytes.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        let seconds = u64::from_be_bytes(*time);
        let held = <&[u8; 64]>::try_from(bytes)
            .is_ok_and(|bytes| key.holds(message(seconds, note.text()).as_bytes(), bytes));
        let us = i64::try_from(seconds).ok().and_then(|s| s.checked_mul(1_000_000)).filter(|_| held);
        us.map(|us| Self { time: Timestamp(us) }).ok_or_else(|| {
            refused(format!("the line of {} was not made by that key for this text", key.name()))
        })
    }

    /// Takes a witness's answer: adds its line to the checkpoint when it holds, and leaves lines of others.
    ///
    /// # Errors
    /// [`PayError::NotProven`] when no line is the witness's own or it does not hold, [`PayError::Bad`] for what are no lines.
    pub fn take(note: &mut Note, lines: &str, key: &VerifyingKey) -> Result<Self, PayError> {
        let answer = note.with(lines)?;
        let cosigned = Self::verified(&answer, key)?;
        let mine = answer.signatures().iter().find(|line| line.claims(key)).cloned();
        mine.into_iter().for_each(|line| note.add(line));
        Ok(cosigned)
    }
}

/// What a log asks of a witness.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddCheckpoint {
    /// The size that the witness cosigned last, as far as the log knows.
    pub old: u64,
    /// That the checkpoint continues it.
    pub proof: Vec<Hash>,
    /// The checkpoint, signed by the log.
    pub checkpoint: Note,
}

impl AddCheckpoint {
    /// Reads the body of a request; nothing is checked yet.
    ///
    /// # Errors
    /// [`PayError::Bad`] for another body.
    pub fn parse(text: &str) -> Result<Self, PayError> {
        let bad = |value: &str| {
            let wanted = "`old SIZE`, at most 63 hashes in base64, an empty line and a checkpoint";
            PayError::bad("add-checkpoint", value, wanted)
        };
        let (head, note) = text.split_once("\n\n").ok_or_else(|| bad(text))?;
        let mut lines = head.split('\n');
        let digits = lines.next().and_then(|line| line.strip_prefix("old ")).ok_or_else(|| bad(head))?;
        let old: u64 = digits.parse().map_err(|_| bad(digits))?;
        if old.to_string() != digits {
            return Err(bad(digits));
        }
        let hash = |line: &str| STANDARD.decode(line).ok().and_then(|bytes| Hash::try_from(bytes).ok());
        let proof = lines.take(HASHES_MAX + 1).map(|line| hash(line).ok_or_else(|| bad(line)));
        let proof = proof.collect::<Result<Vec<_>, _>>()?;
        if proof.len() > HASHES_MAX {
            return Err(bad("more than 63 hashes"));
        }
        Ok(Self { old, proof, checkpoint: Note::parse(note)? })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{}", STANDARD.encode(hash)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// What a witness answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answered {
    /// Its signature lines.
    Cosigned(String),
    /// It cosigned another size last, or another tree of this size: this size.
    Conflict(u64),
    /// It does not: the status of the answer, and why.
    Refused(u16, String),
}

impl Answered {
    /// Type of a body that says a size.
    pub const SIZE_TYPE: &'static str = "text/x.tlog.size";

    /// Reads an answer by its status and body.
    #[must_use]
    pub fn read(status: u16, body: &str) -> Self {
        match (status, body.trim_end_matches('\n').parse()) {
            (200, _) => Self::Cosigned(body.to_owned()),
            (409, Ok(size)) => Self::Conflict(size),
            _ => Self::Refused(status, body.chars().take(200).collect()),
        }
    }

    /// Status, type and body of the answer.
    #[must_use]
    pub fn response(&self) -> (u16, &'static str, String) {
        match self {
            Self::Cosigned(lines) => (200, "text/plain; charset=utf-8", lines.clone()),
            Self::Conflict(size) => (409, Self::SIZE_TYPE, format!("{size}\n")),
            Self::Refused(status, why) => (*status, "text/plain; charset=utf-8", format!("{why}\n")),
        }
    }
}

/// A witness: remembers the last checkpoint of each log. Keep its state durable before handing a cosignature out.
#[derive(Debug)]
pub struct Witness {
    key: SigningKey,
    logs: BTreeMap<String, (VerifyingKey, u64, Hash)>,
}

impl Witness {
    /// A witness that has seen nothing.
    ///
    /// # Errors
    /// [`PayError::Bad`] when the key is not a witness's.
    pub fn new(key: SigningKey) -> Result<Self, PayError> {
        if key.public().role() != super::Role::Witness {
            return Err(PayError::bad("witness key", key.public().name(), "a key made for a witness"));
        }
        Ok(Self { key, logs: BTreeMap::new() })
    }

    /// Watches a log from the given size and root on (0 and anything for a log that is new).
    ///
    /// # Errors
    /// [`PayError::Bad`] when too many logs are watched.
    pub fn watch(&mut self, origin: &str, key: VerifyingKey, size: u64, root: Hash) -> Result<(), PayError> {
        if self.logs.len() >= LOGS_MAX {
            return Err(PayError::bad("log", origin, "one of at most 10,000 logs"));
        }
        let root = if size == 0 { super::Frontier::default().root() } else { root };
        self.logs.insert(origin.into(), (key, size, root));
        Ok(())
    }

    /// The last size that was cosigned for a log.
    #[must_use]
    pub fn size(&self, origin: &str) -> Option<u64> {
        self.seen(origin).map(|(size, _)| size)
    }

    /// The last size and root that were cosigned for a log: what to keep before an answer leaves.
    #[must_use]
    pub fn seen(&self, origin: &str) -> Option<(u64, Hash)> {
        self.logs.get(origin).map(|(_, size, root)| (*size, *root))
    }

    /// Answers the body of a request. What was cosigned must be durable before the answer leaves: see [`Witness::seen`].
    pub fn answer(&mut self, body: &str, now: Timestamp) -> Answered {
        let refused = |status, error: &dyn fmt::Display| Answered::Refused(status, error.to_string());
        let parsed = AddCheckpoint::parse(body).and_then(|asked| {
            Checkpoint::parse(asked.checkpoint.text()).map(|checkpoint| (asked, checkpoint))
        });
        let (asked, checkpoint) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => return refused(400, &error),
        };
        let AddCheckpoint { old, proof, checkpoint: mut note } = asked;
        let Some((key, size, root)) = self.logs.get(&checkpoint.origin).cloned() else {
            return refused(404, &format!("log {:?} is not watched", checkpoint.origin));
        };
        if let Err(error) = Checkpoint::verified(&note, &key, &checkpoint.origin) {
            return refused(403, &error);
        }
        if old > checkpoint.size {
            return refused(400, &"the old size is larger than the checkpoint's");
        }
        if old != size || old == checkpoint.size && root != checkpoint.root {
            return Answered::Conflict(size);
        }
        let before = note.signatures().len();
        match self.cosign(&mut note, old, &proof, now) {
            Ok(()) => {
                Answered::Cosigned(note.signatures().iter().skip(before).map(ToString::to_string).collect())
            }
            Err(error) => refused(422, &error),
        }
    }

    /// Adds this witness's line to the checkpoint, when it continues what was seen (C2SP tlog-witness, add-checkpoint).
    ///
    /// # Errors
    /// [`PayError::NotProven`] for an unknown log, a wrong signature, another old size than the one seen, or a proof that
    /// does not hold; a fork or a rollback is one of these. Nothing has changed then.
    pub fn cosign(
        &mut self,
        note: &mut Note,
        old: u64,
        proof: &[Hash],
        now: Timestamp,
    ) -> Result<(), PayError> {
        let refused = |reason: String| PayError::NotProven { what: "checkpoint", reason };
        let origin = Checkpoint::parse(note.text())?.origin;
        let seen =
            self.logs.get_mut(&origin).ok_or_else(|| refused(format!("log {origin:?} is not watched")))?;
        let checkpoint = Checkpoint::verified(note, &seen.0, &origin)?;
        if old != seen.1 {
            return Err(refused(format!("the proof starts at size {old}, the last one seen is {}", seen.1)));
        }
        verify_consistency(old, seen.2, checkpoint.size, checkpoint.root, proof)?;
        let seconds = u64::try_from(now.seconds()).map_err(|_| refused("the time is before 1970".into()))?;
        (seen.1, seen.2) = (checkpoint.size, checkpoint.root);
        let signature = self.key.sign(message(seconds, note.text()).as_bytes());
        let bytes = seconds.to_be_bytes().iter().chain(&signature).copied().collect();
        note.add(Signature { name: self.key.public().name().into(), hash: self.key.public().hash(), bytes });
        Ok(())
    }
}
