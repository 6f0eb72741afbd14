//! Keys in the database. Every change is acknowledged and then published as a new [`KeyRing`].

use super::{KeyRing, KeySpec, LIST_MAX, Secret, VirtualKey, WORD_MAX};
use crate::error::check_size;
use crate::sql::{len, row_error, words};
use crate::{Store, StoreError};
use rusqlite::{Connection, Row, params};
use std::sync::Arc;
use tollgate_core::id::KeyId;
use tollgate_core::{Digest, Timestamp};

impl Store {
    /// The keys as they are now; a snapshot that costs one atomic load.
    #[must_use]
    pub fn keys(&self) -> Arc<KeyRing> {
        self.ring().load_full()
    }

    /// Makes a key. The caller draws the id and the secret and shows the secret once.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], [`StoreError::Bad`] for the spec, [`StoreError::Full`] at `keys_max`,
    /// [`StoreError::Duplicate`] when the id or the secret is in use, or why the write failed.
    pub fn create_key(
        &self,
        id: KeyId,
        spec: KeySpec,
        secret: &Secret,
        now: Timestamp,
    ) -> Result<VirtualKey, StoreError> {
        check(&spec)?;
        let (digest, limit) = (secret.digest(), self.config().keys_max);
        let key = VirtualKey { id, spec, hint: secret.hint(), created: now, revoked: None };
        let made = key.clone();
        self.change_keys(move |conn| insert(conn, &key, digest, limit))?;
        Ok(made)
    }

    /// Ends a key now; revoking twice keeps the first time.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or why the write failed.
    pub fn revoke_key(&self, id: &str, now: Timestamp) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.change_keys(move |conn| {
            let sql = "UPDATE keys SET revoked_us = ifnull(revoked_us, ?) WHERE id = ?";
            let changed = conn.execute(sql, params![now.0, id]).map_err(StoreError::doing("revoke a key"))?;
            found(changed, &id)
        })
    }

    /// Gives a key a new secret; the old one is good until `old_until` (now: at once). Only one old secret lives on.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also for a revoked key, [`StoreError::Duplicate`] for a secret in use, or why the
    /// write failed.
    pub fn rotate_key(&self, id: &str, secret: &Secret, old_until: Timestamp) -> Result<(), StoreError> {
        let (id, digest, hint) = (id.to_owned(), secret.digest(), secret.hint());
        self.change_keys(move |conn| {
            let failed = StoreError::doing("rotate a key");
            if in_use(conn, digest)? {
                return Err(StoreError::Duplicate { what: "secret ending in", id: hint });
            }
            let sql = "UPDATE keys SET previous_digest = digest, previous_until = ?, digest = ?, hint = ?
                       WHERE id = ? AND revoked_us IS NULL";
            let changed =
                conn.execute(sql, params![old_until.0, digest.to_string(), hint, id]).map_err(failed)?;
            found(changed, &id)
        })
    }

    /// Takes over what another process did to the keys, and says whether there was anything. It costs one small read
    /// when nothing changed: call it as often as a change may be late.
    ///
    /// # Errors
    /// Why the keys could not be read; those read before stay.
    pub fn refresh_keys(&self) -> Result<bool, StoreError> {
        let stale = self.read(changes)? != self.ring().load().changes;
        if stale {
            self.publish_keys()?;
        }
        Ok(stale)
    }

    fn change_keys(
        &self,
        work: impl FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        self.write(work)?;
        self.publish_keys()
    }
}

/// How often any key was changed, by whomever.
fn changes(conn: &Connection) -> Result<i64, StoreError> {
    conn.prepare_cached("SELECT count FROM key_changes")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(StoreError::doing("read the count of key changes"))
}

/// All keys as a ring.
pub(crate) fn load(conn: &Connection) -> Result<KeyRing, StoreError> {
    let failed = StoreError::doing("read keys");
    // Counted first: a change in between is then seen at the next look.
    let mut ring = KeyRing::default();
    ring.changes = changes(conn)?;
    let sql =
        "SELECT id, name, tenant, roles, groups, scopes, models, expires_us, hint, created_us, revoked_us,
               digest, previous_digest, previous_until FROM keys ORDER BY created_us, id";
    let mut statement = conn.prepare(sql).map_err(&failed)?;
    let mut rows = statement.query([]).map_err(&failed)?;
    while let Some(row) = rows.next().map_err(&failed)? {
        add(row, &mut ring).map_err(&failed)?;
    }
    Ok(ring)
}

fn add(row: &Row<'_>, ring: &mut KeyRing) -> rusqlite::Result<()> {
    let list = |at: usize, field| {
        let text: String = row.get(at)?;
        serde_json::from_str::<Vec<String>>(&text)
            .map_err(|_| row_error(StoreError::bad(field, &text, "a JSON array of strings")))
    };
    let digest = |text: String| {
        text.parse::<Digest>().map_err(|_| row_error(StoreError::bad("keys.digest", &text, "64 hex digits")))
    };
    let id: String = row.get(0)?;
    let spec = KeySpec {
        name: row.get(1)?,
        tenant: row.get(2)?,
        roles: list(3, "keys.roles")?,
        groups: list(4, "keys.groups")?,
        scopes: list(5, "keys.scopes")?,
        models: list(6, "keys.models")?,
        expires: row.get::<_, Option<i64>>(7)?.map(Timestamp),
    };
    let key = VirtualKey {
        id: id.parse().map_err(|_| row_error(StoreError::bad("keys.id", &id, "a key id")))?,
        spec,
        hint: row.get(8)?,
        created: Timestamp(row.get(9)?),
        revoked: row.get::<_, Option<i64>>(10)?.map(Timestamp),
    };
    let old = row.get::<_, Option<String>>(12)?.zip(row.get::<_, Option<i64>>(13)?);
    let old = old.map(|(text, until)| digest(text).map(|d| (d, Timestamp(until)))).transpose()?;
    ring.add(key, digest(row.get(11)?)?, old);
    Ok(())
}

fn insert(conn: &Connection, key: &VirtualKey, digest: Digest, limit: usize) -> Result<(), StoreError> {
    let failed = StoreError::doing("write a key");
    let count: i64 = conn.query_row("SELECT count(*) FROM keys", [], |row| row.get(0)).map_err(&failed)?;
    if count >= len(limit) {
        return Err(StoreError::Full { what: "keys", limit });
    }
    if in_use(conn, digest)? {
        return Err(StoreError::Duplicate { what: "secret ending in", id: key.hint.clone() });
    }
    let spec = &key.spec;
    let changed = conn
        .execute(
            "INSERT INTO keys (id, name, digest, hint, tenant, roles, groups, scopes, models, created_us, expires_us)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
            params![
                key.id.as_str(),
                spec.name,
                digest.to_string(),
                key.hint,
                spec.tenant,
                words(&spec.roles),
                words(&spec.groups),
                words(&spec.scopes),
                words(&spec.models),
                key.created.0,
                spec.expires.map(|end| end.0)
            ],
        )
        .map_err(&failed)?;
    if changed == 0 {
        return Err(StoreError::Duplicate { what: "key", id: key.id.as_str().into() });
    }
    Ok(())
}

fn in_use(conn: &Connection, digest: Digest) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM keys WHERE digest = ?1 OR previous_digest = ?1)";
    conn.query_row(sql, [digest.to_string()], |row| row.get(0)).map_err(StoreError::doing("look a secret up"))
}

fn found(changed: usize, id: &str) -> Result<(), StoreError> {
    if changed == 0 { Err(StoreError::NotFound { what: "live key", id: id.into() }) } else { Ok(()) }
}

fn check(spec: &KeySpec) -> Result<(), StoreError> {
    if spec.name.trim().is_empty() {
        return Err(StoreError::bad(
            "name",
            &spec.name,
            "a name: give the key one that people can tell apart",
        ));
    }
    check_size("name", spec.name.len(), WORD_MAX)?;
    check_size("tenant", spec.tenant.as_deref().map_or(0, str::len), WORD_MAX)?;
    let lists = [
        ("roles", &spec.roles),
        ("groups", &spec.groups),
        ("scopes", &spec.scopes),
        ("models", &spec.models),
    ];
    for (field, list) in lists {
        if list.len() > LIST_MAX {
            return Err(StoreError::Full { what: field, limit: LIST_MAX });
        }
        list.iter().try_for_each(|word| check_size(field, word.len(), WORD_MAX))?;
    }
    Ok(())
}
