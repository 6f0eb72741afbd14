//! A disk in memory that loses what was not synced, sector by sector.

use super::Rng;
use crate::journal::Disk;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    /// What survives for certain.
    durable: Vec<u8>,
    /// What a reader sees.
    live: Vec<u8>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) files: BTreeMap<String, Stored>,
    /// Operations done so far, and the one at which the machine dies.
    pub(super) operations: u64,
    dies_at: Option<u64>,
}

/// Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Crashing(pub(super) Arc<Mutex<State>>);

impl Crashing {
    /// The machine dies at the operation that is `after` operations away.
    pub(super) fn die_after(&self, after: u64) {
        let mut state = self.0.lock().unwrap();
        state.dies_at = Some(state.operations + after);
    }

    /// What is left after the process was killed: all that was written, durable or not.
    pub(super) fn restart(&self) -> Self {
        let files = self.0.lock().unwrap().files.clone();
        Self(Arc::new(Mutex::new(State { files, ..State::default() })))
    }

    /// What is left after the power went: the durable bytes, and any of the sectors that were written since.
    pub(super) fn reboot(&self, rng: &mut Rng) -> Self {
        let state = self.0.lock().unwrap();
        let mut files = BTreeMap::new();
        for (name, stored) in &state.files {
            let longest = stored.live.len().max(stored.durable.len());
            let shortest = stored.durable.len();
            let len = shortest + rng.below((longest - shortest) as u64 + 1) as usize;
            let mut bytes = stored.durable.clone();
            bytes.resize(len, 0);
            for at in (0..len).step_by(SECTOR) {
                let end = (at + SECTOR).min(len).min(stored.live.len());
                if at < end && rng.below(2) == 0 {
                    bytes[at..end].copy_from_slice(&stored.live[at..end]);
                }
            }
            files.insert(name.clone(), Stored { durable: bytes.clone(), live: bytes });
        }
        Self(Arc::new(Mutex::new(State { files, ..State::default() })))
    }

    /// Changes a stored file behind everybody's back.
    pub(super) fn tamper(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.lock().unwrap();
        let stored = state.files.get_mut(name).unwrap();
        change(&mut stored.live);
        stored.durable = stored.live.clone();
    }

    /// Counts an operation; it fails, with half of its effect or none, when the machine dies at it or has died.
    fn operate(&self, effect: impl FnOnce(&mut State) -> io::Result<()>) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.operations += 1;
        let dead = |at: u64| state.operations > at;
        if state.dies_at.is_some_and(dead) {
            return Err(io::Error::other("the machine is dead"));
        }
        let dies = state.dies_at == Some(state.operations);
        effect(&mut state)?;
        if dies { Err(io::Error::other("the machine died")) } else { Ok(()) }
    }
}

impl Disk for Crashing {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().files.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let state = self.0.lock().unwrap();
        state.files.get(name).map(|stored| stored.live.clone()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        self.operate(|state| match state.files.insert(name.into(), Stored::default()) {
            None => Ok(()),
            Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
        })
    }

    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()> {
        self.operate(|state| {
            let stored = state.files.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
            stored.live.truncate(len as usize);
            stored.durable = stored.live.clone();
            Ok(())
        })
    }

    fn write_at(&mut self, name: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.operate(|state| {
            let stored = state.files.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
            let at = at as usize;
            let len = stored.live.len().max(at + bytes.len());
            stored.live.resize(len, 0);
            stored.live[at..at + bytes.len()].copy_from_slice(bytes);
            Ok(())
        })
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.operations += 1;
        // A sync at which the machine dies has done nothing that anybody can count on.
        if state.dies_at.is_some_and(|at| state.operations >= at) {
            return Err(io::Error::other("the machine died"));
        }
        let stored = state.files.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        stored.durable = stored.live.clone();
        Ok(())
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.operate(|state| {
            state.files.insert(name.into(), Stored { durable: bytes.into(), live: bytes.into() });
            Ok(())
        })
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.operate(|state| {
            state.files.remove(name).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }
}
