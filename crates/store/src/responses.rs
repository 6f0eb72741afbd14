//! Stored objects of the Responses API: only their owner may read them, and they end.
//!
//! Bounded by count, by bytes and by time; the oldest make room. An object of somebody else looks like none.

use crate::error::check_size;
use crate::sql::{int, len, nat};
use crate::{Store, StoreError};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::value::RawValue;
use tollgate_core::Timestamp;

/// Most items in one page of input items.
pub const ITEMS_MAX: usize = 100;
/// Most predecessors that one look-up follows.
pub const CHAIN_MAX: usize = 1000;
/// Rows that one write evicts at most beyond its own.
const EVICT_STEP: usize = 1000;

/// One stored response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// Its id.
    pub id: String,
    /// The key (or other identity) that may read it.
    pub owner: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// The response that it continues.
    pub previous_id: Option<String>,
    /// JSON object.
    pub metadata: String,
    /// JSON array of the request's own input items, each with an `id`.
    pub input: String,
    /// The whole response object as JSON.
    pub output: String,
}

/// Which input items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemQuery {
    /// Only those that follow the item with this id, in the order asked for.
    pub after: Option<String>,
    /// At most so many (cut at [`ITEMS_MAX`]).
    pub limit: usize,
    /// Oldest first; the API's default is newest first.
    pub ascending: bool,
}

/// One page of input items.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ItemPage {
    /// The items.
    pub data: Vec<Box<RawValue>>,
    /// Id of the first.
    pub first_id: Option<String>,
    /// Id of the last, to be given as `after`.
    pub last_id: Option<String>,
    /// Whether there are more.
    pub has_more: bool,
}

impl Store {
    /// Stores a response and waits until it is on disk.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], [`StoreError::Bad`], [`StoreError::Duplicate`], or why the write failed.
    pub fn put_response(&self, response: StoredResponse) -> Result<(), StoreError> {
        let work = self.response_writer(response)?;
        self.write(work)
    }

    /// Queues a response to be stored, without waiting; `Ok(false)` when there is no room in the queue. A read right
    /// after may not find it yet.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] or [`StoreError::Bad`].
    pub fn offer_response(&self, response: StoredResponse) -> Result<bool, StoreError> {
        let work = self.response_writer(response)?;
        Ok(self.offer(work))
    }

    fn response_writer(
        &self,
        response: StoredResponse,
    ) -> Result<impl FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static, StoreError> {
        let size = response.size();
        check_size("response", size, self.config().response_bytes_max)?;
        if serde_json::from_str::<Vec<&RawValue>>(&response.input).is_err() {
            return Err(StoreError::bad("input", &response.input, "a JSON array"));
        }
        for (field, text) in [("metadata", &response.metadata), ("output", &response.output)] {
            serde_json::from_str::<&RawValue>(text).map_err(|_| StoreError::bad(field, text, "JSON"))?;
        }
        let (count, bytes) = (self.config().responses_max, self.config().responses_bytes_max);
        Ok(move |conn: &Connection| {
            insert(conn, &response, size)?;
            evict(conn, count, bytes)
        })
    }

    /// A response that `owner` stored and that has not ended.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn response(
        &self,
        id: &str,
        owner: &str,
        now: Timestamp,
    ) -> Result<Option<StoredResponse>, StoreError> {
        self.read(|conn| get(conn, id, owner, now))
    }

    /// The response and those it continues, oldest first, at most `limit` (cut at [`CHAIN_MAX`]) of the newest.
    /// Predecessors that ended or were deleted end the chain.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the first is missing, [`StoreError::Sqlite`].
    pub fn response_chain(
        &self,
        id: &str,
        owner: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<StoredResponse>, StoreError> {
        let mut chain = self.read(|conn| {
            let mut chain: Vec<StoredResponse> = Vec::new();
            let mut next = Some(id.to_owned());
            while let Some(id) = next.filter(|_| chain.len() < limit.min(CHAIN_MAX)) {
                let Some(found) = get(conn, &id, owner, now)? else { break };
                next = found.previous_id.clone();
                chain.push(found);
            }
            Ok(chain)
        })?;
        if chain.is_empty() {
            return Err(StoreError::NotFound { what: "response", id: id.into() });
        }
        chain.reverse();
        Ok(chain)
    }

    /// Deletes a response of `owner`; answers whether there was one.
    ///
    /// # Errors
    /// Why the write failed.
    pub fn delete_response(&self, id: &str, owner: &str) -> Result<bool, StoreError> {
        let (id, owner) = (id.to_owned(), owner.to_owned());
        self.write(move |conn| {
            let condition = "seq = (SELECT seq FROM responses WHERE id = ?1 AND owner = ?2)";
            delete(conn, condition, params![id, owner]).map(|gone| gone > 0)
        })
    }

    /// A page of the input items of one response.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the response or the item `after`, [`StoreError::Bad`] for stored input that is
    /// no array, [`StoreError::Sqlite`].
    pub fn input_items(
        &self,
        id: &str,
        owner: &str,
        now: Timestamp,
        query: &ItemQuery,
    ) -> Result<ItemPage, StoreError> {
        let missing = || StoreError::NotFound { what: "response", id: id.into() };
        let response = self.response(id, owner, now)?.ok_or_else(missing)?;
        page(&response.input, query)
    }
}

impl StoredResponse {
    fn size(&self) -> usize {
        let texts = [&self.id, &self.owner, &self.metadata, &self.input, &self.output];
        texts.iter().map(|text| text.len()).sum::<usize>() + self.previous_id.as_ref().map_or(0, String::len)
    }
}

#[derive(serde::Deserialize)]
struct HasId {
    id: Option<String>,
}

fn page(input: &str, query: &ItemQuery) -> Result<ItemPage, StoreError> {
    let items: Vec<Box<RawValue>> =
        serde_json::from_str(input).map_err(|_| StoreError::bad("responses.input", input, "a JSON array"))?;
    let id = |item: &RawValue| serde_json::from_str::<HasId>(item.get()).ok().and_then(|item| item.id);
    let mut items = items;
    if !query.ascending {
        items.reverse();
    }
    if let Some(after) = &query.after {
        let at = items.iter().position(|item| id(item).as_deref() == Some(after));
        let at = at.ok_or_else(|| StoreError::NotFound { what: "input item", id: after.clone() })?;
        items.drain(..=at);
    }
    let limit = query.limit.clamp(1, ITEMS_MAX);
    let has_more = items.len() > limit;
    items.truncate(limit);
    let first_id = items.first().and_then(|item| id(item));
    let last_id = items.last().and_then(|item| id(item));
    Ok(ItemPage { data: items, first_id, last_id, has_more })
}

fn get(
    conn: &Connection,
    id: &str,
    owner: &str,
    now: Timestamp,
) -> Result<Option<StoredResponse>, StoreError> {
    let read = |row: &Row<'_>| {
        Ok(StoredResponse {
            id: row.get(0)?,
            owner: row.get(1)?,
            created: Timestamp(row.get(2)?),
            expires: Timestamp(row.get(3)?),
            previous_id: row.get(4)?,
            metadata: row.get(5)?,
            input: row.get(6)?,
            output: row.get(7)?,
        })
    };
    conn.prepare_cached(
        "SELECT id, owner, created_us, expires_us, previous_id, metadata, input, output
         FROM responses WHERE id = ? AND owner = ? AND expires_us > ?",
    )
    .and_then(|mut statement| statement.query_row(params![id, owner, now.0], read).optional())
    .map_err(StoreError::doing("read a response"))
}

fn insert(conn: &Connection, response: &StoredResponse, size: usize) -> Result<(), StoreError> {
    let failed = StoreError::doing("write a response");
    let r = response;
    let changed = conn
        .prepare_cached(
            "INSERT INTO responses (id, owner, created_us, expires_us, previous_id, size, metadata, input, output)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        )
        .and_then(|mut statement| {
            let (created, expires, size) = (r.created.0, r.expires.0, len(size));
            let (metadata, input, output) = (&r.metadata, &r.input, &r.output);
            statement.execute(params![
                r.id, r.owner, created, expires, r.previous_id, size, metadata, input, output
            ])
        })
        .map_err(&failed)?;
    if changed == 0 {
        return Err(StoreError::Duplicate { what: "response", id: r.id.clone() });
    }
    conn.execute("UPDATE response_totals SET count = count + 1, bytes = bytes + ?", [len(size)])
        .map_err(&failed)?;
    Ok(())
}

/// Deletes rows until both bounds hold, or a step is done: the oldest of whoever has the greatest share of either bound, so
/// that nobody pushes out what others keep while he keeps more.
fn evict(conn: &Connection, count_max: usize, bytes_max: u64) -> Result<(), StoreError> {
    let failed = StoreError::doing("evict responses");
    for _ in 0..EVICT_STEP {
        let (count, bytes): (i64, i64) = conn
            .query_row("SELECT count, bytes FROM response_totals", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(&failed)?;
        if count <= len(count_max) && nat(bytes) <= bytes_max {
            break;
        }
        // The shares as whole numbers: both bounds are above 0, and shares below a millionth are alike.
        let condition =
            "seq = (SELECT min(seq) FROM responses WHERE owner = (SELECT owner FROM response_owners
             ORDER BY max(count * 1000000.0 / ?, bytes * 1000000.0 / ?) DESC, owner LIMIT 1))";
        delete(conn, condition, params![len(count_max.max(1)), int(bytes_max.max(1))])?;
    }
    Ok(())
}

/// Deletes at most `step` responses that ended before `now`; answers how many.
pub(crate) fn expire(conn: &Connection, now: Timestamp, step: usize) -> Result<usize, StoreError> {
    let condition =
        "seq IN (SELECT seq FROM responses WHERE expires_us <= ? ORDER BY expires_us, seq LIMIT ?)";
    delete(conn, condition, params![now.0, len(step)])
}

fn delete(conn: &Connection, condition: &str, values: &[&dyn rusqlite::ToSql]) -> Result<usize, StoreError> {
    let failed = StoreError::doing("delete responses");
    let sql = format!("DELETE FROM responses WHERE {condition} RETURNING size");
    let sizes: Vec<i64> = conn
        .prepare_cached(&sql)
        .and_then(|mut statement| statement.query_map(values, |row| row.get(0))?.collect())
        .map_err(&failed)?;
    let bytes = int(sizes.iter().copied().map(nat).sum());
    conn.execute(
        "UPDATE response_totals SET count = count - ?, bytes = bytes - ?",
        params![len(sizes.len()), bytes],
    )
    .map_err(&failed)?;
    Ok(sizes.len())
}
