//! C2SP tlog-cosignature and the rule of a witness: cosign a checkpoint only when it continues what was cosigned before.

use super::{Checkpoint, Hash, Note, Signature, SigningKey, VerifyingKey, verify_consistency};
use crate::PayError;
use std::collections::BTreeMap;
use tollgate_core::Timestamp;

/// Most logs that one witness watches.
const LOGS_MAX: usize = 10_000;

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

    /// Checks that at least `quorum` of the witnesses cosigned.
    ///
    /// # Errors
    /// [`PayError::NotProven`] with how many did.
    pub fn quorum(note: &Note, witnesses: &[VerifyingKey], quorum: usize) -> Result<(), PayError> {
        let mut seen: Vec<&VerifyingKey> = Vec::new();
        for key in witnesses.iter().filter(|key| Self::verified(note, key).is_ok()) {
            if !seen.contains(&key) {
                seen.push(key);
            }
        }
        if seen.len() >= quorum {
            return Ok(());
        }
        let reason = format!("{} of {} witnesses cosigned, {quorum} are wanted", seen.len(), witnesses.len());
        Err(PayError::NotProven { what: "witness quorum", reason })
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
        self.logs.get(origin).map(|(_, size, _)| *size)
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
