//! What the servers of one ledger keep together beside it: how far receivers are told, which of them tells, and nonces that were
//! used.
//!
//! The server that tells is the one whose session has an advisory lock. When it dies the lock is free, and whoever takes it goes on
//! from what was kept. What is kept of receivers is only written under the lock, so a server that lost it changes nothing.

use super::link::{Link, broken, connect, failed};
use crate::journal::JournalError;
use postgres::Client;
use tollgate_core::Digest;

/// First half of the lock's number; the second is that of the head's table, as for the ledger's lease.
const TELLS: i32 = 0x7465_6c6c;
/// Seconds between two times that nonces which count no longer are removed.
const SWEEP_S: i64 = 60;
/// Most requests to tell again that wait for the server that tells, for each receiver.
const ASKED_MAX: i64 = 1_000;

const TABLES: &str = "
    BEGIN;
    SELECT pg_advisory_xact_lock(1953459308, 0);
    CREATE TABLE IF NOT EXISTS tollgate_receiver (
        name text PRIMARY KEY,
        kept bytea NOT NULL,
        again bigint[] NOT NULL DEFAULT '{}');
    CREATE TABLE IF NOT EXISTS tollgate_nonce (
        nonce bytea PRIMARY KEY,
        until bigint NOT NULL);
    COMMIT;";

/// Who tells receivers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lead {
    /// Another server.
    Other,
    /// This one, from now on: read what is kept.
    New,
    /// This one, as before. Other servers were asked to tell these again: an entry, or all.
    Still(Vec<Asked>),
}

/// A receiver that is to be told again, of one entry or of all that it never took.
pub type Asked = (String, Option<u64>);

struct Session {
    client: Client,
    tells: bool,
}

/// See the module. A session that fails is given up, and the next call opens another.
pub struct Aside {
    url: String,
    session: Option<Session>,
    swept: i64,
}

impl Aside {
    /// Connects, and makes the tables where there are none.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn open(url: &str) -> Result<Self, JournalError> {
        // The ledger's own tables are there after this, and the schema that they are in.
        drop(Link::open(url)?);
        let mut this = Self { url: url.into(), session: None, swept: i64::MIN };
        this.with("make the tables beside the ledger", |session| session.client.batch_execute(TABLES))?;
        Ok(this)
    }

    fn with<T>(
        &mut self,
        doing: &'static str,
        work: impl FnOnce(&mut Session) -> Result<T, postgres::Error>,
    ) -> Result<T, JournalError> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => Session { client: connect(&self.url)?, tells: false },
        };
        let done = work(&mut session).map_err(failed(doing))?;
        self.session = Some(session);
        Ok(done)
    }

    /// Finds out who tells receivers, and takes that on where nobody does.
    ///
    /// # Errors
    /// [`JournalError::Database`]: this server does not tell them then.
    pub fn lead(&mut self) -> Result<Lead, JournalError> {
        if self.session.as_ref().is_some_and(|session| session.tells) {
            // That the session answers says that it still has the lock.
            let asked = "SELECT name, unnest(again) FROM tollgate_receiver";
            let rows =
                self.with("read what is to be told again", |session| session.client.query(asked, &[]))?;
            let each = |row: &postgres::Row| (row.get(0), u64::try_from(row.get::<_, i64>(1)).ok());
            return Ok(Lead::Still(rows.iter().map(each).collect()));
        }
        let take = "SELECT pg_try_advisory_lock($1, 'tollgate_ledger_head'::regclass::oid::integer)";
        let taken = self.with("ask which server tells receivers", |session| {
            session.tells = session.client.query_one(take, &[&TELLS])?.get(0);
            Ok(session.tells)
        })?;
        Ok(if taken { Lead::New } else { Lead::Other })
    }

    /// Keeps a receiver of which nothing is kept yet.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn begin(&mut self, name: &str, kept: &[u8]) -> Result<(), JournalError> {
        let begin = "INSERT INTO tollgate_receiver (name, kept) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.with("keep a new receiver", |session| session.client.execute(begin, &[&name, &kept])).map(drop)
    }

    /// What is kept of a receiver.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, JournalError> {
        let read = "SELECT kept FROM tollgate_receiver WHERE name = $1";
        let row =
            self.with("read how far a receiver is", |session| session.client.query_opt(read, &[&name]))?;
        Ok(row.map(|row| row.get(0)))
    }

    /// Keeps how far a receiver is; the first `heard` requests to tell it again are done. Nothing where this server does not tell.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn write(&mut self, name: &str, kept: &[u8], heard: usize) -> Result<(), JournalError> {
        if self.session.as_ref().is_none_or(|session| !session.tells) {
            return Ok(());
        }
        let heard = i32::try_from(heard).map_err(|_| broken("too many requests to tell again"))?;
        let write = "UPDATE tollgate_receiver SET kept = $2, again = again[$3 + 1:] WHERE name = $1";
        let work = |session: &mut Session| session.client.execute(write, &[&name, &kept, &heard]);
        self.with("keep how far a receiver is", work).map(drop)
    }

    /// Has the server that tells tell a receiver again, of one entry or of all; `false` when there is no such receiver, or more than
    /// a thousand such requests wait.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn ask(&mut self, name: &str, only: Option<u64>) -> Result<bool, JournalError> {
        let entry = only.map_or(-1, |seq| i64::try_from(seq).unwrap_or(i64::MAX));
        let ask = "UPDATE tollgate_receiver SET again = again || $2::bigint
            WHERE name = $1 AND cardinality(again) < $3::bigint";
        let work = |session: &mut Session| session.client.execute(ask, &[&name, &entry, &ASKED_MAX]);
        Ok(self.with("ask for a receiver to be told again", work)? > 0)
    }

    /// Remembers a nonce until a second; whether it is new, at any of the servers.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn nonce(&mut self, nonce: &Digest, until: i64, now: i64) -> Result<bool, JournalError> {
        if now.saturating_sub(self.swept) >= SWEEP_S {
            let sweep = "DELETE FROM tollgate_nonce WHERE until <= $1";
            self.with("forget old nonces", |session| session.client.execute(sweep, &[&now]))?;
            self.swept = now;
        }
        let add = "INSERT INTO tollgate_nonce (nonce, until) VALUES ($1, $2)
            ON CONFLICT (nonce) DO UPDATE SET until = EXCLUDED.until WHERE tollgate_nonce.until <= $3";
        let bytes = nonce.0.as_slice();
        let work = |session: &mut Session| session.client.execute(add, &[&bytes, &until, &now]);
        Ok(self.with("remember a nonce", work)? > 0)
    }
}
