//! Cosignatures for the log's checkpoint: each witness is shown that the log continues what it saw last.

use super::{CHECKPOINT, JournalError, LogFolder, nodes};
use std::collections::{BTreeMap, BTreeSet};
use tollgate_pay::PayError;
use tollgate_pay::log::{
    AddCheckpoint, Answered, Checkpoint, Cosigned, LogFile, Note, Policy, Trusted, consistency,
};

/// How often a witness is asked for one checkpoint: the second time with the size that it said.
const TRIES: u32 = 2;

/// Whoever brings a request to a witness and the answer back.
pub trait Witnesses: Send + Sync {
    /// Asks the witness.
    ///
    /// # Errors
    /// Why there is no answer.
    fn ask(&self, witness: &Trusted, request: &AddCheckpoint) -> Result<Answered, Unasked>;
}

impl<F: Fn(&Trusted, &AddCheckpoint) -> Result<Answered, Unasked> + Send + Sync> Witnesses for F {
    fn ask(&self, witness: &Trusted, request: &AddCheckpoint) -> Result<Answered, Unasked> {
        self(witness, request)
    }
}

/// Why a witness gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unasked(pub String);

/// What is known of witnesses, by their names. It is a hint; a witness knows better.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Known {
    /// The size that each cosigned last.
    sizes: BTreeMap<String, u64>,
    /// Those that gave no cosignature when they were asked last: others are asked first.
    silent: BTreeSet<String>,
}

/// A checkpoint with the lines that came in, and whether a policy is met by them.
pub(crate) type Asked = (Note, Result<(), PayError>);

impl LogFolder {
    /// Has witnesses cosign the checkpoint until the policy is met, and keeps their lines with it.
    ///
    /// # Errors
    /// [`JournalError::Ledger`] with [`PayError::NotProven`] when the policy is not met, and what became of each witness that
    /// was asked; [`JournalError::Io`] for the folder. Lines that came in are kept either way.
    pub fn cosign(
        &self,
        policy: &Policy,
        known: &mut Known,
        witnesses: &dyn Witnesses,
    ) -> Result<Note, JournalError> {
        let ((note, met), lines) = self.ask_witnesses(policy, known, witnesses)?;
        if lines {
            self.keep_cosigned(&note)?;
        }
        met?;
        Ok(note)
    }

    /// Has witnesses cosign the checkpoint until the policy is met; also whether lines came in, which are not kept yet.
    ///
    /// # Errors
    /// [`JournalError::Io`]; [`JournalError::Ledger`] when there is no checkpoint.
    pub(crate) fn ask_witnesses(
        &self,
        policy: &Policy,
        known: &mut Known,
        witnesses: &dyn Witnesses,
    ) -> Result<(Asked, bool), JournalError> {
        let missing = || PayError::NotProven { what: "log", reason: "it has no checkpoint yet".into() };
        let mut note = self.checkpoint()?.ok_or_else(missing)?;
        let size = Checkpoint::parse(note.text())?.size;
        let (mut failed, before) = (Vec::new(), note.signatures().len());
        let mut all: Vec<&Trusted> = policy.witnesses().iter().collect();
        all.sort_by_key(|witness| known.silent.contains(&witness.name));
        for witness in all {
            if policy.met(&note).is_ok() {
                break;
            }
            if Cosigned::verified(&note, &witness.key).is_ok() {
                continue;
            }
            match self.ask(&mut note, size, witness, known, witnesses) {
                Ok(()) => drop(known.silent.remove(&witness.name)),
                Err(why) => {
                    failed.push(format!("{}: {why}", witness.name));
                    known.silent.insert(witness.name.clone());
                }
            }
        }
        let met = policy.met(&note).map_err(|error| match error {
            PayError::NotProven { what, reason } => {
                let told = if failed.is_empty() { String::new() } else { format!("; {}", failed.join("; ")) };
                PayError::NotProven { what, reason: format!("{reason}{told}") }
            }
            other => other,
        });
        let lines = note.signatures().len() > before;
        Ok(((note, met), lines))
    }

    /// Keeps the lines of witnesses with the checkpoint that they are for, while that one stands.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub(crate) fn keep_cosigned(&self, note: &Note) -> Result<(), JournalError> {
        let stands = self.checkpoint()?.is_some_and(|standing| standing.text() == note.text());
        if !stands {
            return Ok(());
        }
        self.write(&LogFile { path: CHECKPOINT.into(), bytes: note.to_string().into_bytes() })
    }

    /// Asks one witness, anew when it says that it saw another size last.
    fn ask(
        &self,
        note: &mut Note,
        size: u64,
        witness: &Trusted,
        known: &mut Known,
        witnesses: &dyn Witnesses,
    ) -> Result<(), Unasked> {
        let mut old = known.sizes.get(&witness.name).copied().unwrap_or(0).min(size);
        for _ in 0..TRIES {
            let proof = match old {
                0 => Some(Vec::new()),
                old => consistency(&nodes::Files::new(self, size), old, size),
            };
            let proof = proof.ok_or_else(|| Unasked(format!("it saw {old} entries, the log has {size}")))?;
            let request = AddCheckpoint { old, proof, checkpoint: note.clone() };
            match witnesses.ask(witness, &request)? {
                Answered::Cosigned(lines) => {
                    Cosigned::take(note, &lines, &witness.key).map_err(|error| Unasked(error.to_string()))?;
                    known.sizes.insert(witness.name.clone(), size);
                    return Ok(());
                }
                Answered::Conflict(seen) => old = seen,
                Answered::Refused(status, why) => {
                    return Err(Unasked(format!("it answered {status}: {}", why.trim())));
                }
            }
        }
        Err(Unasked(format!("it saw another log: it says that it has {old} entries, this one has {size}")))
    }
}
