//! All keys by the digest of their secrets: a snapshot that answers without touching the database.

use super::VirtualKey;
use super::secret::digest;
use std::collections::HashMap;
use std::sync::Arc;
use tollgate_core::{Digest, Timestamp};

/// Why a secret opens nothing. Callers should be told no more than that the key is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// No key has this secret.
    #[error("the key is not known")]
    Unknown,
    /// The key was revoked.
    #[error("the key was revoked")]
    Revoked,
    /// The key, or a secret that was replaced, is past its time.
    #[error("the key has expired")]
    Expired,
}

/// See the module.
#[derive(Default)]
pub struct KeyRing {
    by_digest: HashMap<Digest, Slot>,
    all: Vec<Arc<VirtualKey>>,
    /// The count of changes at which the keys were read.
    pub(super) changes: i64,
}

struct Slot {
    key: Arc<VirtualKey>,
    /// End of a secret that was replaced.
    until: Option<Timestamp>,
}

impl KeyRing {
    /// The key that `secret` opens at `now`.
    ///
    /// # Errors
    /// [`KeyRefusal`].
    pub fn find(&self, secret: &str, now: Timestamp) -> Result<Arc<VirtualKey>, KeyRefusal> {
        // Without keys there is nothing to compare a digest with.
        if self.by_digest.is_empty() {
            return Err(KeyRefusal::Unknown);
        }
        let slot = self.by_digest.get(&digest(secret)).ok_or(KeyRefusal::Unknown)?;
        if slot.key.revoked.is_some() {
            return Err(KeyRefusal::Revoked);
        }
        let ends = [slot.until, slot.key.spec.expires];
        if ends.into_iter().flatten().any(|end| end <= now) {
            return Err(KeyRefusal::Expired);
        }
        Ok(Arc::clone(&slot.key))
    }

    /// Every key, the revoked ones included, by time of creation and id.
    #[must_use]
    pub fn all(&self) -> &[Arc<VirtualKey>] {
        &self.all
    }

    /// The key with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<VirtualKey>> {
        self.all.iter().find(|key| key.id.as_str() == id)
    }

    pub(super) fn add(&mut self, key: VirtualKey, digest: Digest, previous: Option<(Digest, Timestamp)>) {
        let key = Arc::new(key);
        self.by_digest.insert(digest, Slot { key: Arc::clone(&key), until: None });
        if let Some((digest, until)) = previous {
            self.by_digest.insert(digest, Slot { key: Arc::clone(&key), until: Some(until) });
        }
        self.all.push(key);
    }
}
