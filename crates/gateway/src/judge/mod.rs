//! Who judges evidence. The gateway parses none: it keeps what was handed in, has it judged behind this port, and tells the
//! answer. What judges knows neither sockets nor ledger.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tollgate_core::Digest;
use tollgate_pay::PayError;
use tollgate_pay::escrow::{Escrow, Verdict};

/// What a payee hands in, and by what it is to be judged.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The package of evidence, whose digest the submission names.
    pub package: &'a [u8],
    /// Whom and what is trusted; absent = the default.
    pub policy: Option<&'a [u8]>,
    /// The predicate, whose digest the contract names.
    pub predicate: &'a [u8],
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// Whether the predicate holds.
    pub holds: bool,
    /// The Proof of Task Execution, as JSON: what became of each piece, and the reasons.
    pub pote: String,
    /// What verifiers are to sign: it names the proof, and grants what follows from it.
    pub verdict: Verdict,
}

/// Judges evidence as a pure function of what it is given.
pub trait Judge: Send + Sync + fmt::Debug {
    /// All that an answer is made of, beside the contract, in one file that judges again: as of when it was handed in.
    ///
    /// # Errors
    /// [`PayError::Bad`] for what cannot be read.
    fn dossier(&self, escrow: &Escrow, case: &Case<'_>) -> Result<Vec<u8>, PayError>;

    /// The answer that a dossier gives for an escrow as it is.
    ///
    /// # Errors
    /// [`PayError::NotProven`] when package, predicate or policy are not those of submission and contract.
    fn judge(&self, escrow: &Escrow, dossier: &[u8]) -> Result<Judgement, PayError>;
}

/// Dossiers of escrows, a folder for each, a file for each version that was judged.
#[derive(Clone, Debug)]
pub(crate) struct Dossiers(PathBuf);

/// Most versions of an escrow whose evidence is kept.
const VERSIONS_MAX: usize = 64;

impl Dossiers {
    /// In the folder of settlement.
    pub(crate) fn of(data: &Path) -> Self {
        Self(data.join("dossiers"))
    }

    fn path(&self, escrow: &Digest, version: u64) -> PathBuf {
        self.0.join(escrow.to_string()).join(format!("{version:020}.json"))
    }

    /// Versions that were judged, in order.
    pub(crate) fn versions(&self, escrow: &Digest) -> Vec<u64> {
        let folder = std::fs::read_dir(self.0.join(escrow.to_string()));
        let files = folder.into_iter().flatten().filter_map(Result::ok);
        let version =
            |file: std::fs::DirEntry| file.file_name().to_str()?.strip_suffix(".json")?.parse().ok();
        let mut versions: Vec<u64> = files.filter_map(version).collect();
        versions.sort_unstable();
        versions
    }

    /// What a version was judged by.
    pub(crate) fn read(&self, escrow: &Digest, version: u64) -> std::io::Result<Option<Vec<u8>>> {
        match std::fs::read(self.path(escrow, version)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps one, unless the version has one: on the disk before its answer is told. What the version has; `None` when there is no
    /// room.
    pub(crate) fn keep(
        &self,
        escrow: &Digest,
        version: u64,
        dossier: &[u8],
    ) -> std::io::Result<Option<Vec<u8>>> {
        use std::io::Write as _;
        if self.versions(escrow).len() >= VERSIONS_MAX {
            return self.read(escrow, version);
        }
        let path = self.path(escrow, version);
        let folder = path.parent().unwrap_or(&self.0);
        std::fs::create_dir_all(folder)?;
        // Many may do this at one moment, in several processes: each writes a file of its own, and one of them is the first.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let fresh = path.with_extension(format!("{}-{count}.new", std::process::id()));
        let mut file = std::fs::File::create(&fresh)?;
        let linked = file.write_all(dossier).and_then(|()| file.sync_all());
        let linked = linked.and_then(|()| std::fs::hard_link(&fresh, &path));
        std::fs::remove_file(&fresh)?;
        match linked {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
            _ => std::fs::File::open(folder)?.sync_all()?,
        }
        self.read(escrow, version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dossiers_are_kept_by_version_within_their_bound() {
        let folder = std::env::temp_dir().join(format!("tollgate-dossiers-{}", std::process::id()));
        let (dossiers, escrow) = (Dossiers::of(&folder), Digest([7; 32]));
        assert_eq!(dossiers.versions(&escrow), [0; 0]);
        assert_eq!(dossiers.read(&escrow, 3).unwrap(), None);
        let keep = |version, text: &[u8]| dossiers.keep(&escrow, version, text).unwrap();
        for version in [11, 3] {
            assert_eq!(keep(version, b"{}").as_deref(), Some(&b"{}"[..]));
            assert_eq!(keep(version, b"[]").as_deref(), Some(&b"{}"[..]), "the first one stays");
        }
        assert_eq!(dossiers.versions(&escrow), [3, 11]);
        assert_eq!(dossiers.read(&escrow, 11).unwrap().as_deref(), Some(&b"{}"[..]));
        for version in 100..162 {
            assert!(keep(version, b"{}").is_some());
        }
        assert_eq!(keep(200, b"{}"), None, "the bound");
        assert_eq!(keep(11, b"[]").as_deref(), Some(&b"{}"[..]));
        let files = std::fs::read_dir(folder.join("dossiers").join(escrow.to_string())).unwrap();
        assert_eq!(files.count(), 64, "nothing is left beside");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
