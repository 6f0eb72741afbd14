//! The cache of answers as the process has it: what is kept, who is under way to fill it, and the rows behind it.
//!
//! Of equal requests that come at one time one goes upstream and the others wait for what it brings, each for a bounded
//! time. Rows on disk are never more than what is in memory: what makes room there goes here too, and a command that
//! forgets is answered when its rows are gone.

use crate::config::CacheSettings;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;
use tollgate_cache::{Answer, Cache, Chosen, Question};
use tollgate_core::{Digest, Timestamp};
use tollgate_store::{KeptAnswer, Store, StoreError};

/// See the module.
pub struct Kept {
    /// What is kept.
    pub cache: Cache,
    /// The encoder that made the vectors.
    encoder: Option<Digest>,
    /// Requests that are under way, with what tells of their end.
    flights: Mutex<HashMap<Digest, watch::Receiver<()>>>,
    /// Where the rows are; none where nothing is written.
    rows: Option<Store>,
    settings: CacheSettings,
    /// Counts the commands that forget: what was asked for before one is not kept after it.
    epoch: AtomicU64,
}

/// What a row says of its answer.
#[derive(Serialize, Deserialize)]
struct About {
    answer: Answer,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    question: Option<Question>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encoder: Option<Digest>,
}

/// How a request stands to equal ones.
pub(crate) enum Flight {
    /// It is the first: the others wait for it.
    Lead(Lead),
    /// Another one is under way.
    Wait(watch::Receiver<()>),
}

/// The right to fill the cache for a key; those who wait go on when it is dropped.
pub(crate) struct Lead {
    kept: Arc<Kept>,
    key: Digest,
    _tell: watch::Sender<()>,
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.kept.flights.lock().remove(&self.key);
    }
}

impl Kept {
    /// The cache with what the store has of it.
    ///
    /// # Errors
    /// [`StoreError`] when the rows cannot be read.
    pub fn open(
        settings: &CacheSettings,
        encoder: Option<Digest>,
        store: &Store,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let kept = Self {
            cache: Cache::new(settings.bounds),
            encoder,
            flights: Mutex::default(),
            rows: settings.persist.then(|| store.clone()),
            settings: settings.clone(),
            epoch: AtomicU64::new(0),
        };
        let rows = match &kept.rows {
            Some(store) => store.answers(now, settings.bounds.entries)?,
            None => Vec::new(),
        };
        let (read, mut gone) = (rows.len(), Vec::new());
        for row in rows {
            let name = row.key.clone();
            match kept.restore(row) {
                Some(evicted) => gone.extend(evicted.iter().map(Digest::to_string)),
                // Of another version of this program, or larger than may be by now.
                None => gone.push(name),
            }
        }
        if read > 0 {
            tracing::info!(answers = read - gone.len(), "the cache has its answers again");
        }
        if let (Some(store), false) = (&kept.rows, gone.is_empty()) {
            store.forget_answers(gone)?;
        }
        Ok(kept)
    }

    fn restore(&self, row: KeptAnswer) -> Option<Vec<Digest>> {
        let key = row.key.parse().ok()?;
        let about: About = serde_json::from_str(&row.about).ok()?;
        let (numbers, _) = row.vector.as_chunks::<4>();
        let vector: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        // Vectors of another encoder are not comparable; the request itself still is.
        let same = self.encoder.is_some() && about.encoder == self.encoder;
        let question = about.question.filter(|_| same).map(|question| Question { vector, ..question });
        let answer = Answer { body: row.body.into(), ..about.answer };
        self.cache.put(key, answer, question)
    }

    /// Joins the requests under this key.
    pub(crate) fn join(self: &Arc<Self>, key: Digest) -> Flight {
        let mut flights = self.flights.lock();
        if let Some(told) = flights.get(&key) {
            return Flight::Wait(told.clone());
        }
        let (tell, told) = watch::channel(());
        flights.insert(key, told);
        drop(flights);
        Flight::Lead(Lead { kept: self.clone(), key, _tell: tell })
    }

    /// The present epoch, for [`Self::put`].
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Keeps an answer that was asked for in this epoch, in memory and, where rows are written, on disk.
    pub(crate) fn put(&self, key: Digest, answer: Answer, question: Option<Question>, epoch: u64) {
        if self.epoch() != epoch {
            return;
        }
        let row = self.rows.as_ref().and_then(|_| self.row(&key, &answer, question.as_ref()));
        let Some(evicted) = self.cache.put(key, answer, question) else { return };
        let (Some(store), Some(row)) = (&self.rows, row) else { return };
        let bounds = self.settings.bounds;
        let kept = store.offer_answer(row, bounds.entries, bounds.bytes as u64);
        if !(kept && store.offer_forgetting(evicted.iter().map(Digest::to_string).collect())) {
            tracing::warn!("an answer is kept in memory only: the store's queue is full");
        }
    }

    fn row(&self, key: &Digest, answer: &Answer, question: Option<&Question>) -> Option<KeptAnswer> {
        let vector = question.map(|q| q.vector.iter().flat_map(|x| x.to_le_bytes()).collect());
        let about = About { answer: answer.clone(), question: question.cloned(), encoder: self.encoder };
        Some(KeptAnswer {
            key: key.to_string(),
            expires: answer.expires,
            about: serde_json::to_string(&about).ok()?,
            body: answer.body.to_vec(),
            vector: vector.unwrap_or_default(),
        })
    }

    /// Forgets the chosen answers, in memory at once, on disk before it returns; says how many.
    ///
    /// # Errors
    /// [`StoreError`] when their rows could not be deleted.
    pub(crate) fn forget(&self, chosen: &Chosen) -> Result<usize, StoreError> {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        let keys = self.cache.forget(chosen);
        self.delete(&keys)?;
        Ok(keys.len())
    }

    fn delete(&self, keys: &[Digest]) -> Result<(), StoreError> {
        match &self.rows {
            Some(store) => store.forget_answers(keys.iter().map(Digest::to_string).collect()).map(drop),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
