//! All versions of one agent's record, each continuing the one before.

use super::record::TYP;
use super::{AgentKey, AgentRecord, Document, PublicKey, Purpose, Sealed};
use crate::PayError;
use std::sync::Arc;
use tollgate_core::{Digest, Timestamp};

/// Most versions of one record: see [`super::Directory::check_new`].
pub const VERSIONS_MAX: usize = 4_096;

/// See the module. Only what was verified is in it.
#[derive(Clone, Debug)]
pub struct History {
    versions: Vec<(Arc<AgentRecord>, Digest)>,
}

fn refused(reason: impl Into<String>) -> PayError {
    PayError::NotProven { what: "record", reason: reason.into() }
}

impl History {
    /// Begins with a first version, which the id itself must vouch for: by its key (`did:key`), or by a key of the
    /// document that it names (`did:web`). An id on a chain (`eip155:`) needs its owner's word and is not taken here.
    ///
    /// # Errors
    /// [`PayError::Bad`], [`PayError::NotProven`].
    pub fn begin(sealed: &Sealed, document: Option<&Document>, now: Timestamp) -> Result<Self, PayError> {
        let record = AgentRecord::read(sealed.payload())?;
        if record.version != 1 || record.previous.is_some() {
            return Err(refused("the first version has number 1 and no previous one"));
        }
        in_time(&record, now)?;
        let vouches = |kid: &str| match document {
            _ if record.id.starts_with("did:key:") => PublicKey::from_did(&record.id).ok(),
            Some(document) if document.id == record.id => document.key(kid),
            _ => None,
        };
        if sealed.signers(TYP, vouches).next().is_none() {
            return Err(refused(format!("no key of {} itself has signed its first version", record.id)));
        }
        if !AgentRecord::signed_by(sealed, &record, record.issued_at) {
            return Err(refused(
                "none of its own control keys has signed it, so that it could never be changed",
            ));
        }
        Ok(Self { versions: vec![(Arc::new(record), sealed.digest())] })
    }

    /// Adds the next version. The very same one again changes nothing.
    ///
    /// # Errors
    /// [`PayError::NotProven`] when it does not continue the last one.
    pub fn extend(&mut self, sealed: &Sealed, now: Timestamp) -> Result<(), PayError> {
        let record = AgentRecord::read(sealed.payload())?;
        let Some((last, digest)) = self.versions.last() else {
            return Err(refused("there is no first version"));
        };
        if sealed.digest() == *digest {
            return Ok(());
        }
        if record.id != last.id || record.version != last.version.saturating_add(1) {
            let next = last.version.saturating_add(1);
            return Err(refused(format!("version {next} of {} comes next", last.id)));
        }
        if record.previous != Some(*digest) {
            return Err(refused(format!(
                "it continues another version {} than the one that is known",
                last.version
            )));
        }
        if record.issued_at <= last.issued_at {
            return Err(refused("it was issued before the version that it continues"));
        }
        in_time(&record, now)?;
        if !AgentRecord::signed_by(sealed, last, record.issued_at) {
            return Err(refused(
                "no control key of the version before has signed it, or it no longer counted",
            ));
        }
        kept_revoked(last, &record)?;
        self.versions.push((Arc::new(record), sealed.digest()));
        Ok(())
    }

    /// The last version alone, which is all that the next one is held against.
    pub(super) fn tip(&self) -> Self {
        Self { versions: self.versions.last().cloned().into_iter().collect() }
    }

    /// The version that counts now.
    #[must_use]
    pub fn current(&self) -> Option<&Arc<AgentRecord>> {
        self.versions.last().map(|(record, _)| record)
    }

    /// Digest of the version that counts now: what the next one must name.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.versions.last().map(|(_, digest)| *digest)
    }

    /// All versions with their digests, the first one first. A copy of the list shares the records.
    #[must_use]
    pub fn versions(&self) -> &[(Arc<AgentRecord>, Digest)] {
        &self.versions
    }

    /// The key that counted under this id and for this purpose at a moment, by all that is known now: a key counts from the
    /// version that brought it, for what that one says, and no longer than a later version says.
    #[must_use]
    pub fn key_at(&self, kid: &str, purpose: Purpose, at: Timestamp) -> Option<PublicKey> {
        let (mut found, mut ends) = (None::<&AgentKey>, Vec::new());
        for (record, _) in &self.versions {
            let named = record.keys.iter().find(|key| key.kid == kid);
            if record.issued_at <= at {
                // What was said by then; a version without it ends it.
                found = named;
            } else if let Some(key) = named.filter(|key| found.is_some_and(|found| found.key == key.key)) {
                // What was said since can take from the past, and add nothing to it.
                ends.extend([key.not_after, key.revoked_at].into_iter().flatten());
            }
        }
        let counts = |key: &&AgentKey| key.counts(purpose, at) && ends.iter().all(|end| at < *end);
        found.filter(counts).map(|key| key.key.clone())
    }
}

fn in_time(record: &AgentRecord, now: Timestamp) -> Result<(), PayError> {
    // Clocks may differ by five minutes.
    let latest = now.0.saturating_add(300_000_000);
    if record.issued_at.0 <= latest { Ok(()) } else { Err(refused("it was issued in the future")) }
}

/// A revocation is never taken back or put off, whether by the same entry, by leaving it out and bringing it again, or
/// under another id.
fn kept_revoked(last: &AgentRecord, next: &AgentRecord) -> Result<(), PayError> {
    for old in last.keys.iter().filter(|key| key.revoked_at.is_some()) {
        let kept = next.keys.iter().any(|key| {
            key.kid == old.kid
                && key.key == old.key
                && key.revoked_at.is_some_and(|at| Some(at) <= old.revoked_at)
        });
        if !kept {
            return Err(refused(format!(
                "key {:?} was revoked and must stay in the record as revoked",
                old.kid
            )));
        }
    }
    Ok(())
}
