//! Nonces of signed requests, for as long as their signatures count: the same request a second time is refused, also after a
//! restart and at another server of the same database.
//!
//! A folder has a file of its own for them, to which each is added and synced before the request is looked at; the servers of a
//! database ask it.

use super::keep::{self, Keep};
use super::{Settlement, SettlementError};
use crate::journal::JournalError;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tollgate_core::Digest;

/// Most nonces that a server remembers; beyond it signed writes have to wait.
pub const NONCES_MAX: usize = 100_000;
/// Most nonces in the file, those included that count no longer; it is written anew then.
const FILE_MAX: usize = 2 * NONCES_MAX;
/// A nonce and the second until which it counts.
const ROW: usize = 40;

/// What is found of a nonce.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nonce {
    /// It is new, and remembered from now on.
    New,
    /// It was used.
    Used,
    /// It is new, and there is no room to remember it.
    Full,
}

#[derive(Debug, Default)]
struct Seen {
    nonces: BTreeSet<Digest>,
    /// By the second from which on the signature no longer counts.
    until: BTreeMap<i64, Vec<Digest>>,
}

impl Seen {
    fn first(&mut self, nonce: Digest, until: i64, now: i64) -> Nonce {
        let live = self.until.split_off(&now.saturating_add(1));
        let over = std::mem::replace(&mut self.until, live);
        for nonce in over.values().flatten() {
            self.nonces.remove(nonce);
        }
        if self.nonces.contains(&nonce) {
            return Nonce::Used;
        }
        if self.nonces.len() >= NONCES_MAX {
            return Nonce::Full;
        }
        self.nonces.insert(nonce);
        self.until.entry(until).or_default().push(nonce);
        Nonce::New
    }

    fn rows(&self) -> impl Iterator<Item = [u8; ROW]> {
        let each = |(until, nonces): (&i64, &Vec<Digest>)| {
            let until = *until;
            nonces.iter().map(move |nonce| row(nonce, until)).collect::<Vec<_>>()
        };
        self.until.iter().flat_map(each)
    }
}

fn row(nonce: &Digest, until: i64) -> [u8; ROW] {
    let mut row = [0; ROW];
    let (name, end) = row.split_at_mut(32);
    name.copy_from_slice(&nonce.0);
    end.copy_from_slice(&until.to_le_bytes());
    row
}

/// The file of a folder.
struct Rows {
    path: PathBuf,
    file: File,
    count: usize,
}

impl Rows {
    fn failed(&self, source: std::io::Error) -> JournalError {
        JournalError::Io { doing: "write", file: self.path.display().to_string(), source }
    }

    /// Writes the file anew with what counts.
    fn anew(path: &Path, seen: &Seen) -> Result<Self, JournalError> {
        let bytes: Vec<u8> = seen.rows().flatten().collect();
        keep::write(path, &bytes)?;
        let file = OpenOptions::new().append(true).open(path);
        let open = |source| JournalError::Io { doing: "open", file: path.display().to_string(), source };
        Ok(Self { path: path.into(), file: file.map_err(open)?, count: bytes.len() / ROW })
    }

    fn add(&mut self, nonce: &Digest, until: i64, seen: &Seen) -> Result<(), JournalError> {
        if self.count >= FILE_MAX {
            *self = Self::anew(&self.path, seen)?;
            return Ok(());
        }
        let added = self.file.write_all(&row(nonce, until)).and_then(|()| self.file.sync_data());
        self.count = self.count.saturating_add(1);
        added.map_err(|source| self.failed(source))
    }
}

/// See the module.
pub(super) struct Nonces(Mutex<(Seen, Option<Rows>)>);

impl Nonces {
    /// Those of a folder, with what counts at `now`; the servers of a database share theirs there.
    pub(super) fn open(data: &Path, shared: bool, now: i64) -> Result<Self, JournalError> {
        let mut seen = Seen::default();
        if shared {
            return Ok(Self(Mutex::new((seen, None))));
        }
        let path = data.join("nonces");
        let bytes = keep::read(&path)?.unwrap_or_default();
        // What a crash cut off belongs to a request that was not looked at.
        for row in bytes.chunks_exact(ROW) {
            let Some((name, end)) = row.split_first_chunk::<32>() else { continue };
            let until = i64::from_le_bytes(end.try_into().unwrap_or_default());
            if until > now {
                seen.first(Digest(*name), until, now);
            }
        }
        let rows = Rows::anew(&path, &seen)?;
        Ok(Self(Mutex::new((seen, Some(rows)))))
    }

    pub(super) fn first(
        &self,
        keep: &Mutex<Keep>,
        nonce: Digest,
        until: i64,
        now: i64,
    ) -> Result<Nonce, JournalError> {
        let mut mine = self.0.lock();
        let (seen, rows) = &mut *mine;
        let found = seen.first(nonce, until, now);
        if found != Nonce::New {
            return Ok(found);
        }
        match rows {
            Some(rows) => rows.add(&nonce, until, seen)?,
            None if !keep.lock().nonce(&nonce, until, now)? => return Ok(Nonce::Used),
            None => {}
        }
        Ok(Nonce::New)
    }
}

impl Settlement {
    /// Uses up a nonce that counts until a second, for all servers and restarts.
    ///
    /// # Errors
    /// [`SettlementError::Journal`] when it cannot be kept: the request must not be looked at then.
    pub fn use_nonce(&self, nonce: Digest, until_s: i64) -> Result<Nonce, SettlementError> {
        let now = self.now().0.div_euclid(1_000_000);
        Ok(self.nonces.first(&self.hooks.keep, nonce, until_s, now)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: usize) -> Digest {
        Digest::of(&n.to_le_bytes())
    }

    #[test]
    fn a_nonce_counts_once_while_its_signature_does() {
        let mut seen = Seen::default();
        assert_eq!(seen.first(name(0), 100, 50), Nonce::New);
        assert_eq!(seen.first(name(0), 100, 99), Nonce::Used);
        // At its end the signature itself is refused.
        assert_eq!(seen.first(name(0), 200, 100), Nonce::New);
        for n in 1..NONCES_MAX {
            assert_eq!(seen.first(name(n), 200, 100), Nonce::New);
        }
        assert_eq!(seen.first(name(NONCES_MAX), 300, 199), Nonce::Full);
        assert_eq!(seen.first(name(1), 300, 199), Nonce::Used);
        assert_eq!(seen.first(name(NONCES_MAX), 300, 200), Nonce::New);
    }

    #[test]
    fn a_restart_remembers_what_still_counts_and_a_torn_row_is_none() {
        let data = std::env::temp_dir().join(format!("tollgate-nonces-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&data);
        let keep = Mutex::new(Keep::Folder { data: data.clone(), tells: false });
        let first = |nonces: &Nonces, n, until, now| nonces.first(&keep, name(n), until, now).unwrap();
        let nonces = Nonces::open(&data, false, 0).unwrap();
        assert_eq!(first(&nonces, 1, 100, 0), Nonce::New);
        assert_eq!(first(&nonces, 2, 200, 0), Nonce::New);
        drop(nonces);
        let mut file = OpenOptions::new().append(true).open(data.join("nonces")).unwrap();
        file.write_all(&row(&name(3), 300)[..39]).unwrap();
        let nonces = Nonces::open(&data, false, 100).unwrap();
        assert_eq!(std::fs::metadata(data.join("nonces")).unwrap().len(), ROW as u64, "what is over is gone");
        assert_eq!(first(&nonces, 2, 200, 100), Nonce::Used);
        assert_eq!(first(&nonces, 1, 200, 100), Nonce::New);
        assert_eq!(first(&nonces, 3, 300, 100), Nonce::New);
        drop(nonces);
        // However much was written, the file keeps to its bound.
        let nonces = Nonces::open(&data, false, 100).unwrap();
        nonces.0.lock().1.as_mut().unwrap().count = FILE_MAX;
        assert_eq!(first(&nonces, 4, 300, 199), Nonce::New);
        assert_eq!(std::fs::metadata(data.join("nonces")).unwrap().len(), 4 * ROW as u64);
        let nonces = Nonces::open(&data, false, 199).unwrap();
        for n in 1..=4 {
            assert_eq!(first(&nonces, n, 300, 199), Nonce::Used, "{n}");
        }
        std::fs::remove_dir_all(&data).unwrap();
    }
}
