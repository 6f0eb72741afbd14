//! Where a server keeps what stands beside the log: in its own folder, or in the database that servers share.
//!
//! In a folder there is one server, and it tells receivers. Of the servers of one database one does, for as long as its session
//! lives: see [`crate::journal::postgres`].

use crate::journal::JournalError;
use crate::journal::audit::Source;
#[cfg(feature = "postgres")]
use crate::journal::postgres::{Aside, Lead as Shared};
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use tollgate_core::Digest;

/// Who tells receivers.
#[derive(Debug)]
pub(super) enum Lead {
    /// Another server.
    Other,
    /// This one, from now on.
    New,
    /// This one, as before; other servers were asked to tell these receivers again, of an entry or of all.
    Still(Vec<(String, Option<u64>)>),
}

/// See the module.
pub(super) enum Keep {
    Folder {
        data: PathBuf,
        /// Whether this server has begun to tell.
        tells: bool,
    },
    #[cfg(feature = "postgres")]
    Database(Box<Aside>),
}

impl Keep {
    pub(super) fn open(data: &Path, source: &Source) -> Result<Self, JournalError> {
        match source {
            #[cfg(feature = "postgres")]
            Source::Database(url) => Ok(Self::Database(Box::new(Aside::open(url)?))),
            _ => Ok(Self::Folder { data: data.into(), tells: false }),
        }
    }

    /// Finds out who tells receivers, and takes that on where nobody does.
    pub(super) fn lead(&mut self) -> Result<Lead, JournalError> {
        match self {
            Self::Folder { tells, .. } => {
                Ok(if std::mem::replace(tells, true) { Lead::Still(Vec::new()) } else { Lead::New })
            }
            #[cfg(feature = "postgres")]
            Self::Database(aside) => Ok(match aside.lead()? {
                Shared::Other => Lead::Other,
                Shared::New => Lead::New,
                Shared::Still(asked) => Lead::Still(asked),
            }),
        }
    }

    /// Keeps a receiver of which nothing is kept yet.
    pub(super) fn begin(&mut self, name: &str, kept: &[u8]) -> Result<(), JournalError> {
        match self {
            Self::Folder { data, .. } if read(&file_of(data, name))?.is_none() => {
                write(&file_of(data, name), kept)
            }
            Self::Folder { .. } => Ok(()),
            #[cfg(feature = "postgres")]
            Self::Database(aside) => aside.begin(name, kept),
        }
    }

    /// What is kept of a receiver.
    pub(super) fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, JournalError> {
        match self {
            Self::Folder { data, .. } => read(&file_of(data, name)),
            #[cfg(feature = "postgres")]
            Self::Database(aside) => aside.read(name),
        }
    }

    /// Keeps how far a receiver is; the first `heard` of what others were asked for it is done.
    pub(super) fn write(&mut self, name: &str, kept: &[u8], heard: usize) -> Result<(), JournalError> {
        match self {
            Self::Folder { data, .. } => {
                let _ = heard;
                write(&file_of(data, name), kept)
            }
            #[cfg(feature = "postgres")]
            Self::Database(aside) => aside.write(name, kept, heard),
        }
    }

    /// Has the server that tells tell a receiver again; `false` when there is none to be asked.
    pub(super) fn ask(&mut self, name: &str, only: Option<u64>) -> Result<bool, JournalError> {
        match self {
            Self::Folder { .. } => {
                let _ = (name, only);
                Ok(false)
            }
            #[cfg(feature = "postgres")]
            Self::Database(aside) => aside.ask(name, only),
        }
    }

    /// Remembers a nonce for all servers; whether it is new. A folder's are kept by [`super::nonces`] itself.
    pub(super) fn nonce(&mut self, nonce: &Digest, until: i64, now: i64) -> Result<bool, JournalError> {
        match self {
            Self::Folder { .. } => {
                let _ = (nonce, until, now);
                Ok(true)
            }
            #[cfg(feature = "postgres")]
            Self::Database(aside) => aside.nonce(nonce, until, now),
        }
    }
}

/// The file of a receiver.
pub(super) fn file_of(data: &Path, name: &str) -> PathBuf {
    data.join("webhooks").join(format!("{name}.json"))
}

fn io<T>(doing: &'static str, path: &Path, done: std::io::Result<T>) -> Result<T, JournalError> {
    done.map_err(|source| JournalError::Io { doing, file: path.display().to_string(), source })
}

/// A whole file; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, JournalError> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => io("read", path, read).map(Some),
    }
}

/// Replaces a file: written beside, synced, and put in its place, so that a crash leaves the old one or the new one.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), JournalError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    io("make", folder, fs::create_dir_all(folder))?;
    let beside = path.with_extension("new");
    let mut file = io("make", &beside, File::create(&beside))?;
    io("write", &beside, file.write_all(bytes).and_then(|()| file.sync_all()))?;
    io("rename", path, fs::rename(&beside, path))?;
    io("sync", folder, File::open(folder).and_then(|folder| folder.sync_all()))
}
