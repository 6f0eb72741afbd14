//! Nonces of signed requests, for as long as their signatures count: the same request a second time is refused, also after a
//! restart and at another server of the same database.
//!
//! A folder has a file of its own for them, to which each is added and synced before the request is looked at; the servers of a
//! database ask it.

mod challenge;

pub use challenge::CHALLENGE_S;

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
/// Most of them that one signer has, so that none keeps the others from signing.
const SIGNER_MAX: usize = NONCES_MAX / 4;
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
    /// By the second from which on the signature no longer counts; with the signer, who is not known of those of before a restart.
    until: BTreeMap<i64, Vec<(Digest, Option<Digest>)>>,
    /// How many each signer has.
    signers: BTreeMap<Digest, usize>,
}

impl Seen {
    fn first(&mut self, nonce: Digest, until: i64, now: i64, by: Option<Digest>) -> Nonce {
        let live = self.until.split_off(&now.saturating_add(1));
        let over = std::mem::replace(&mut self.until, live);
        for (nonce, by) in over.values().flatten() {
            self.nonces.remove(nonce);
            self.less(by.as_ref());
        }
        if self.nonces.contains(&nonce) {
            return Nonce::Used;
        }
        let has = by.and_then(|by| self.signers.get(&by)).copied().unwrap_or_default();
        if self.nonces.len() >= NONCES_MAX || has >= SIGNER_MAX {
            return Nonce::Full;
        }
        self.nonces.insert(nonce);
        self.until.entry(until).or_default().push((nonce, by));
        if let Some(by) = by {
            self.signers.insert(by, has.saturating_add(1));
        }
        Nonce::New
    }

    /// A signer has one less.
    fn less(&mut self, by: Option<&Digest>) {
        let Some(by) = by else { return };
        match self.signers.get_mut(by) {
            Some(has) if *has > 1 => *has -= 1,
            _ => drop(self.signers.remove(by)),
        }
    }

    fn rows(&self) -> impl Iterator<Item = [u8; ROW]> {
        let each = |(until, nonces): (&i64, &Vec<(Digest, Option<Digest>)>)| {
            let until = *until;
            nonces.iter().map(move |(nonce, _)| row(nonce, until)).collect::<Vec<_>>()
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
        // What was written in part would shift all rows behind it: the next one writes the file anew.
        self.count = if added.is_ok() { self.count.saturating_add(1) } else { FILE_MAX };
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
                seen.first(Digest(*name), until, now, None);
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
        by: Option<Digest>,
    ) -> Result<Nonce, JournalError> {
        let mut mine = self.0.lock();
        let (seen, rows) = &mut *mine;
        let found = seen.first(nonce, until, now, by);
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
        self.use_nonce_by(None, nonce, until_s)
    }

    /// As [`Self::use_nonce`], of a signer that has a share of what there is room for.
    ///
    /// # Errors
    /// As [`Self::use_nonce`].
    pub fn use_nonce_by(
        &self,
        by: Option<Digest>,
        nonce: Digest,
        until_s: i64,
    ) -> Result<Nonce, SettlementError> {
        let now = self.now().0.div_euclid(1_000_000);
        Ok(self.nonces.first(&self.hooks.keep, nonce, until_s, now, by)?)
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
        assert_eq!(seen.first(name(0), 100, 50, None), Nonce::New);
        assert_eq!(seen.first(name(0), 100, 99, None), Nonce::Used);
        // At its end the signature itself is refused.
        assert_eq!(seen.first(name(0), 200, 100, None), Nonce::New);
        for n in 1..NONCES_MAX {
            assert_eq!(seen.first(name(n), 200, 100, None), Nonce::New);
        }
        assert_eq!(seen.first(name(NONCES_MAX), 300, 199, None), Nonce::Full);
        assert_eq!(seen.first(name(1), 300, 199, None), Nonce::Used);
        assert_eq!(seen.first(name(NONCES_MAX), 300, 200, None), Nonce::New);
    }

    #[test]
    fn one_signer_leaves_room_for_others() {
        let (mut seen, mallory, ada) = (Seen::default(), Some(name(1)), Some(name(2)));
        for n in 0..SIGNER_MAX {
            assert_eq!(seen.first(name(10 + n), 200, 100, mallory), Nonce::New);
        }
        assert_eq!(seen.first(name(5), 200, 100, mallory), Nonce::Full);
        assert_eq!(seen.first(name(5), 200, 100, ada), Nonce::New);
        // What is over is no share any more.
        assert_eq!(seen.first(name(6), 300, 200, mallory), Nonce::New);
        assert_eq!(seen.signers.len(), 1);
    }

    #[test]
    fn a_restart_remembers_what_still_counts_and_a_torn_row_is_none() {
        let data = std::env::temp_dir().join(format!("tollgate-nonces-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&data);
        let keep = Mutex::new(Keep::Folder { data: data.clone(), tells: false });
        let first = |nonces: &Nonces, n, until, now| nonces.first(&keep, name(n), until, now, None).unwrap();
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

    #[test]
    fn a_row_that_was_written_in_part_shifts_no_other() {
        let data = std::env::temp_dir().join(format!("tollgate-nonces-part-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&data);
        let keep = Mutex::new(Keep::Folder { data: data.clone(), tells: false });
        let nonces = Nonces::open(&data, false, 0).unwrap();
        assert_eq!(nonces.first(&keep, name(1), 100, 0, None).unwrap(), Nonce::New);
        // The disk is full after 17 bytes, and then it is not.
        let path = data.join("nonces");
        OpenOptions::new().append(true).open(&path).unwrap().write_all(&row(&name(2), 100)[..17]).unwrap();
        nonces.0.lock().1.as_mut().unwrap().file = File::open(&path).unwrap();
        assert!(nonces.first(&keep, name(2), 100, 0, None).is_err());
        assert_eq!(nonces.first(&keep, name(3), 100, 0, None).unwrap(), Nonce::New);
        drop(nonces);
        let nonces = Nonces::open(&data, false, 0).unwrap();
        for n in [1, 3] {
            assert_eq!(nonces.first(&keep, name(n), 100, 0, None).unwrap(), Nonce::Used, "{n}");
        }
        std::fs::remove_dir_all(&data).unwrap();
    }
}
