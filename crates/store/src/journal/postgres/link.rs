//! One session with the database: its settings, tables and statements.

use super::reach::reach;
use crate::journal::JournalError;
use postgres::{Client, Statement};
use tollgate_pay::PayError;
use tollgate_pay::log::{Frontier, Hash};

/// Entries read in one round trip.
const PAGE: i64 = 4_096;
/// First half of the advisory lock's number; the second is that of the head's table, so that each ledger has its own.
const LOCK: i32 = 0x746f_6c6c;

/// What every session needs, whatever the server's defaults: the head is compared with what was committed last, commits
/// are durable, and a vanished client is noticed.
const SETTINGS: &str = "
    SET default_transaction_isolation = 'read committed';
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') IN ('off', 'local');
    SET lock_timeout = '5s';
    SET tcp_keepalives_idle = 5;
    SET tcp_keepalives_interval = 2;
    SET tcp_keepalives_count = 3;
    SET client_min_messages = 'warning';";

/// Entries lie as the bytes that are hashed; the view is for people.
const TABLES: &str = "
    BEGIN;
    SELECT pg_advisory_xact_lock(1953459308, 0);
    CREATE TABLE IF NOT EXISTS tollgate_ledger_head (
        single boolean PRIMARY KEY DEFAULT true CHECK (single),
        version integer NOT NULL,
        next_seq bigint NOT NULL,
        root bytea NOT NULL);
    CREATE TABLE IF NOT EXISTS tollgate_ledger_entry (
        seq bigint PRIMARY KEY,
        entry bytea NOT NULL);
    CREATE TABLE IF NOT EXISTS tollgate_ledger_snapshot (
        seq bigint,
        part integer,
        bytes bytea NOT NULL,
        PRIMARY KEY (seq, part));
    CREATE OR REPLACE VIEW tollgate_ledger AS
        SELECT seq, convert_from(entry, 'UTF8')::jsonb AS entry FROM tollgate_ledger_entry;
    COMMIT;";

/// Version of the tables that this program knows.
const VERSION: i32 = 1;

const COMMIT: &str = "
    WITH moved AS (
        UPDATE tollgate_ledger_head SET next_seq = $3, root = $4
        WHERE next_seq = $1 AND root = $2 RETURNING 1)
    INSERT INTO tollgate_ledger_entry (seq, entry)
    SELECT $1 + place - 1, entry FROM unnest($5::bytea[]) WITH ORDINALITY AS new (entry, place)
    WHERE EXISTS (SELECT FROM moved)";

/// The lease's holder did not let go in time: its session ends. What it had sent either moved the head or never will.
const EVICT: &str = "
    SELECT pg_terminate_backend(pid) FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND classid::bigint = $1::integer AND objid = 'tollgate_ledger_head'::regclass AND objsubid = 2";

/// Where the log stands in the database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    pub(super) size: u64,
    pub(super) root: Hash,
}

/// See the module.
pub(super) struct Link {
    pub(super) client: Client,
    head: Statement,
    page: Statement,
    commit: Statement,
    lock: Statement,
    unlock: Statement,
}

pub(super) fn failed(doing: &'static str) -> impl Fn(postgres::Error) -> JournalError {
    move |source| JournalError::Database { doing, source: source.into() }
}

/// A session with the settings that every one needs.
pub(super) fn connect(url: &str) -> Result<Client, JournalError> {
    let mut client = reach(url)?;
    client.batch_execute(SETTINGS).map_err(failed("prepare the database"))?;
    Ok(client)
}

impl Link {
    /// Connects, and makes the tables where there are none.
    pub(super) fn open(url: &str) -> Result<Self, JournalError> {
        let mut client = connect(url)?;
        let prepare = failed("prepare the database");
        check_durable(&mut client)?;
        make_tables(&mut client)?;
        let head = client.prepare("SELECT next_seq, root FROM tollgate_ledger_head").map_err(&prepare)?;
        let page = "SELECT seq, entry FROM tollgate_ledger_entry WHERE seq >= $1 ORDER BY seq LIMIT $2";
        let page = client.prepare(page).map_err(&prepare)?;
        let commit = client.prepare(COMMIT).map_err(&prepare)?;
        let number = "($1, 'tollgate_ledger_head'::regclass::oid::integer)";
        let lock = client.prepare(&format!("SELECT pg_advisory_lock{number}")).map_err(&prepare)?;
        let unlock = client.prepare(&format!("SELECT pg_advisory_unlock{number}")).map_err(&prepare)?;
        Ok(Self { client, head, page, commit, lock, unlock })
    }

    pub(super) fn head(&mut self) -> Result<Head, JournalError> {
        let row = self.client.query_one(&self.head, &[]).map_err(failed("read where the ledger stands"))?;
        let (size, root): (i64, Vec<u8>) = (row.get(0), row.get(1));
        let root = Hash::try_from(root).map_err(|_| broken("the head's root is not 32 bytes"))?;
        Ok(Head { size: u64::try_from(size).map_err(|_| broken("the head's number is negative"))?, root })
    }

    /// Reads one page of entries from `from` on; answers the number of the next.
    pub(super) fn entries(
        &mut self,
        from: u64,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), JournalError>,
    ) -> Result<u64, JournalError> {
        let start = signed(from)?;
        let rows =
            self.client.query(&self.page, &[&start, &PAGE]).map_err(failed("read the ledger's entries"))?;
        let mut next = from;
        for row in &rows {
            let (seq, entry): (i64, &[u8]) = (row.get(0), row.get(1));
            if seq != signed(next)? {
                return Err(broken(&format!("entry {next} is missing")));
            }
            each(next, entry)?;
            next += 1;
        }
        if next == from {
            return Err(broken(&format!("entry {next} is missing")));
        }
        Ok(next)
    }

    /// Moves the head and inserts the entries behind it; false when the head is elsewhere, and nothing was done.
    pub(super) fn commit(
        &mut self,
        before: &Frontier,
        after: &Frontier,
        entries: &[Vec<u8>],
    ) -> Result<bool, JournalError> {
        let (old, new) = (before.root(), after.root());
        let (first, next) = (signed(before.size())?, signed(after.size())?);
        let written = self
            .client
            .execute(&self.commit, &[&first, &old.as_slice(), &next, &new.as_slice(), &entries])
            .map_err(failed("write to the ledger"))?;
        Ok(written > 0)
    }

    /// Takes the lease. A holder that does not let go within `lock_timeout` is thrown out.
    pub(super) fn lock(&mut self) -> Result<(), JournalError> {
        let taking = failed("take the ledger's lease");
        match self.client.execute(&self.lock, &[&LOCK]) {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some(&postgres::error::SqlState::LOCK_NOT_AVAILABLE) => {
                self.client.execute(EVICT, &[&LOCK]).map_err(&taking)?;
                self.client.execute(&self.lock, &[&LOCK]).map(drop).map_err(&taking)
            }
            Err(error) => Err(taking(error)),
        }
    }

    pub(super) fn unlock(&mut self) -> Result<(), JournalError> {
        self.client.execute(&self.unlock, &[&LOCK]).map(drop).map_err(failed("let go of the ledger's lease"))
    }
}

/// What is in the database is not what was written there.
pub(super) fn broken(reason: &str) -> JournalError {
    PayError::NotProven { what: "ledger in the database", reason: reason.into() }.into()
}

pub(super) fn signed(number: u64) -> Result<i64, JournalError> {
    i64::try_from(number).map_err(|_| broken("a number beyond 2^63 is asked for"))
}

/// A server that does not sync loses what it has confirmed.
fn check_durable(client: &mut Client) -> Result<(), JournalError> {
    let row = client.query_one("SHOW fsync", &[]).map_err(failed("ask the database for its settings"))?;
    match row.get::<_, &str>(0) {
        "on" => Ok(()),
        _ => Err(broken("the server has fsync = off, so what it confirms can be lost: set it to on")),
    }
}

fn make_tables(client: &mut Client) -> Result<(), JournalError> {
    let making = failed("make the ledger's tables");
    let there = client
        .query_opt("SELECT version FROM tollgate_ledger_head", &[])
        .or_else(|error| match error.code() {
            Some(code) if *code == postgres::error::SqlState::UNDEFINED_TABLE => Ok(None),
            _ => Err(error),
        })
        .map_err(&making)?;
    if there.is_none() {
        make_schema(client)?;
        client.batch_execute(TABLES).map_err(&making)?;
        let empty = Frontier::default().root();
        let first = "INSERT INTO tollgate_ledger_head (version, next_seq, root) VALUES ($1, 0, $2)
            ON CONFLICT DO NOTHING";
        client.execute(first, &[&VERSION, &empty.as_slice()]).map_err(&making)?;
    }
    let version: i32 =
        client.query_one("SELECT version FROM tollgate_ledger_head", &[]).map_err(&making)?.get(0);
    if version == VERSION {
        return Ok(());
    }
    Err(broken(&format!(
        "its tables have version {version}, this program knows {VERSION}: run the newer tollgate"
    )))
}

/// Makes the schema that the search path names first, when none of those named is there.
fn make_schema(client: &mut Client) -> Result<(), JournalError> {
    let making = failed("make the ledger's schema");
    let row = client
        .query_one("SELECT current_schema() IS NULL, quote_ident(split_part(current_setting('search_path'), ',', 1))", &[])
        .map_err(&making)?;
    if row.get(0) {
        let name: String = row.get(1);
        client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {name}")).map_err(&making)?;
    }
    Ok(())
}
