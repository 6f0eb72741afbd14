//! What the last request of each session used: model, pool, instance and time.
//!
//! In memory, bounded, least recently used out first; written with every sweep and at the end, so a crash loses at
//! most the stickiness of some sessions, never an answer.

use crate::StoreError;
use crate::sql::{int, len, nat};
use parking_lot::Mutex;
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tollgate_core::Timestamp;

/// Where a session's last request went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEntry {
    /// The model that answered.
    pub model: Arc<str>,
    /// Its pool.
    pub pool: Option<Arc<str>>,
    /// Its instance.
    pub instance: Option<Arc<str>>,
    /// Requests of the session so far.
    pub turns: u64,
    /// When the last one came.
    pub time: Timestamp,
}

#[derive(Default)]
struct State {
    /// Entry and the stamp of its last use.
    entries: HashMap<Arc<str>, (SessionEntry, u64)>,
    /// Last use to session, oldest first.
    by_use: BTreeMap<u64, Arc<str>>,
    stamp: u64,
    /// Uses up to this stamp are written.
    saved: u64,
}

/// See the module.
pub struct Sessions {
    state: Mutex<State>,
    limit: usize,
}

impl Sessions {
    /// A table for at most `limit` sessions.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { state: Mutex::default(), limit: limit.max(1) }
    }

    /// The session's last entry.
    #[must_use]
    pub fn get(&self, session: &str) -> Option<SessionEntry> {
        self.state.lock().entries.get(session).map(|(entry, _)| entry.clone())
    }

    /// When the session's last request came.
    #[must_use]
    pub fn seen(&self, session: &str) -> Option<Timestamp> {
        self.state.lock().entries.get(session).map(|(entry, _)| entry.time)
    }

    /// Notes a request of the session; `turns` counts up by itself.
    pub fn note(
        &self,
        session: &Arc<str>,
        model: Arc<str>,
        pool: Option<Arc<str>>,
        instance: Option<Arc<str>>,
        time: Timestamp,
    ) {
        let mut state = self.state.lock();
        state.put(session, |turns| SessionEntry {
            model,
            pool,
            instance,
            turns: turns.saturating_add(1),
            time,
        });
        if state.entries.len() > self.limit
            && let Some((_, oldest)) = state.by_use.pop_first()
        {
            state.entries.remove(&oldest);
        }
    }

    /// Number of sessions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.lock().entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the newest sessions.
    pub(crate) fn load(&self, conn: &Connection) -> Result<(), StoreError> {
        let failed = StoreError::doing("read sessions");
        let sql = "SELECT id, model, pool, instance, turns, time_us FROM
                   (SELECT * FROM sessions ORDER BY time_us DESC LIMIT ?) ORDER BY time_us";
        let mut statement = conn.prepare(sql).map_err(&failed)?;
        let rows = statement
            .query_map([len(self.limit)], |row| {
                let entry = SessionEntry {
                    model: row.get(1)?,
                    pool: row.get(2)?,
                    instance: row.get(3)?,
                    turns: nat(row.get(4)?),
                    time: Timestamp(row.get(5)?),
                };
                Ok((row.get::<_, Arc<str>>(0)?, entry))
            })
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(&failed)?;
        let mut state = self.state.lock();
        for (session, entry) in rows {
            state.put(&session, |_| entry);
        }
        state.saved = state.stamp;
        Ok(())
    }

    /// Writes what was used since the last time and forgets the oldest rows; answers how many were written.
    pub(crate) fn save(&self, conn: &Connection) -> Result<usize, StoreError> {
        let failed = StoreError::doing("write sessions");
        let (changed, stamp) = self.state.lock().changed();
        for (session, entry) in &changed {
            conn.prepare_cached(
                "INSERT INTO sessions (id, model, pool, instance, turns, time_us) VALUES (?, ?, ?, ?, ?, ?)
                 ON CONFLICT DO UPDATE SET model = excluded.model, pool = excluded.pool,
                 instance = excluded.instance, turns = excluded.turns, time_us = excluded.time_us",
            )
            .and_then(|mut statement| {
                let turns = int(entry.turns);
                statement.execute(params![
                    session,
                    entry.model,
                    entry.pool,
                    entry.instance,
                    turns,
                    entry.time.0
                ])
            })
            .map_err(&failed)?;
        }
        conn.execute(
            "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions ORDER BY time_us DESC LIMIT -1 OFFSET ?)",
            [len(self.limit)],
        )
        .map_err(&failed)?;
        // A commit that fails after this loses these entries' stickiness after a restart, nothing else.
        self.state.lock().saved = stamp;
        Ok(changed.len())
    }
}

impl State {
    /// Puts in what `entry` makes of the turns so far.
    fn put(&mut self, session: &Arc<str>, entry: impl FnOnce(u64) -> SessionEntry) {
        self.stamp = self.stamp.saturating_add(1);
        let stamp = self.stamp;
        // A session that goes on is looked up once.
        let place = match self.entries.get_mut(session) {
            Some((held, used)) => {
                *held = entry(held.turns);
                self.by_use.remove(&std::mem::replace(used, stamp))
            }
            None => {
                self.entries.insert(Arc::clone(session), (entry(0), stamp));
                None
            }
        };
        self.by_use.insert(stamp, place.unwrap_or_else(|| Arc::clone(session)));
    }

    fn changed(&self) -> (Vec<(Arc<str>, SessionEntry)>, u64) {
        let fresh = self.by_use.range(self.saved.saturating_add(1)..);
        let found = fresh.filter_map(|(_, id)| Some((Arc::clone(id), self.entries.get(id)?.0.clone())));
        (found.collect(), self.stamp)
    }
}
