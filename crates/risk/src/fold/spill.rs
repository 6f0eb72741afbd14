//! Behaviours set aside by user: one file per part, so that each part fits in memory.

use crate::error::{Result, RiskError};
use crate::ingest::Events;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Files that behaviours are set aside in.
pub(super) struct Spill {
    files: Vec<(PathBuf, BufWriter<File>)>,
    numbers: usize,
}

/// Bytes of a behaviour set aside.
pub(super) const fn record(numbers: usize) -> usize {
    32 + 4 * numbers
}

impl Spill {
    /// Makes the files.
    pub(super) fn new(folder: &Path, parts: usize, numbers: usize) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|e| RiskError::file(folder, e))?;
        let open = |part: usize| {
            let path = part_file(folder, part);
            let file = File::create(&path).map_err(|e| RiskError::file(&path, e))?;
            Ok((path, BufWriter::with_capacity(1 << 16, file)))
        };
        Ok(Self { files: (0..parts).map(open).collect::<Result<_>>()?, numbers })
    }

    /// Sets behaviours aside, each with those of its user.
    pub(super) fn add(&mut self, events: &Events) -> Result<()> {
        let parts = self.files.len();
        let mut bytes = Vec::with_capacity(record(self.numbers));
        for row in 0..events.len() {
            bytes.clear();
            let word = |column: &[u32]| column.get(row).copied().unwrap_or(0).to_le_bytes();
            bytes.extend_from_slice(&events.user[row].to_le_bytes());
            bytes.extend_from_slice(&events.merchant[row].to_le_bytes());
            bytes.extend_from_slice(&events.time[row].to_le_bytes());
            bytes.extend_from_slice(&events.amount[row].to_le_bytes());
            bytes.extend_from_slice(&word(&events.text));
            bytes.extend_from_slice(&word(&events.category));
            for column in &events.numbers {
                bytes.extend_from_slice(&column[row].to_le_bytes());
            }
            let (path, file) = &mut self.files[events.user[row] as usize % parts];
            file.write_all(&bytes).map_err(|e| RiskError::file(path, e))?;
        }
        Ok(())
    }

    /// Ends the files.
    pub(super) fn finish(self) -> Result<()> {
        self.files.into_iter().try_for_each(|(path, file)| {
            file.into_inner()
                .map_err(|e| e.into_error())
                .and_then(|f| f.sync_all())
                .map_err(|e| RiskError::file(&path, e))
        })
    }
}

pub(super) fn part_file(folder: &Path, part: usize) -> PathBuf {
    folder.join(format!("part-{part:04}.bin"))
}

/// Reads one part back, in order of arrival.
pub(super) fn read(
    folder: &Path,
    part: usize,
    numbers: usize,
    texts: bool,
    categories: bool,
) -> Result<Events> {
    let path = part_file(folder, part);
    let bytes = std::fs::read(&path).map_err(|e| RiskError::file(&path, e))?;
    if bytes.len() % record(numbers) != 0 {
        return Err(RiskError::format(
            path.display().to_string(),
            "ends inside a behaviour; remove the folder and fold again",
        ));
    }
    let mut events = Events { numbers: vec![Vec::new(); numbers], ..Events::default() };
    for row in bytes.chunks_exact(record(numbers)) {
        let word = |at: usize| {
            row.get(at..at + 4).and_then(|b| b.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b))
        };
        let long = |at: usize| {
            row.get(at..at + 8).and_then(|b| b.first_chunk()).map_or(0, |b| i64::from_le_bytes(*b))
        };
        events.user.push(word(0));
        events.merchant.push(word(4));
        events.time.push(long(8));
        events.amount.push(long(16));
        if texts {
            events.text.push(word(24));
        }
        if categories {
            events.category.push(word(28));
        }
        for (i, column) in events.numbers.iter_mut().enumerate() {
            column.push(f32::from_bits(word(32 + 4 * i)));
        }
    }
    Ok(events)
}
