//! Parquet files, read by column: flat columns of numbers and text, row group by row group.
//!
//! The reader is our own because the released one brings a second time crate and links a C library; flat event tables
//! need a small part of the format. Read are plain, dictionary, run-length and delta encodings under no compression,
//! Snappy, gzip or Zstandard. Every length is checked against the bytes there are. Memory: one row group's columns.
//! Source: Apache Parquet format 2.12 (`parquet.thrift`, `Encodings.md`).

mod levels;
mod packing;
mod page;
mod thrift;

use crate::error::{Result, RiskError};
use crate::table::{Batch, Column};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use thrift::Value;

/// Largest footer that is read, in bytes.
const FOOTER_MAX: u64 = 64 << 20;
/// Most rows of a row group: a run of one value takes a few bytes, so bytes do not bound them.
const ROWS_MAX: usize = 1 << 26;
/// Largest column chunk that is read, in bytes.
const CHUNK_MAX: usize = 1 << 30;

/// How a number is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Plain,
    /// Days since 1970.
    Days,
    /// So many to a second since 1970.
    PerSecond(i64),
    /// Not below zero: the highest bit is no sign.
    Unsigned,
}

/// A leaf of the schema.
#[derive(Debug, Clone)]
struct Leaf {
    name: String,
    kind: i64,
    optional: bool,
    meaning: Meaning,
    /// Flat, of a kind that is read.
    flat: bool,
}

/// One column's bytes in a row group.
#[derive(Debug, Clone)]
struct Chunk {
    codec: i64,
    start: u64,
    length: usize,
    values: usize,
}

/// An open file.
#[derive(Debug)]
pub struct ParquetFile<F = File> {
    file: F,
    length: u64,
    path: PathBuf,
    leaves: Vec<Leaf>,
    groups: Vec<Group>,
}

impl ParquetFile {
    /// Opens a file and reads its footer.
    ///
    /// # Errors
    /// The file cannot be read or is not Parquet.
    pub fn open(path: &Path) -> Result<Self> {
        let file_error = |source| RiskError::file(path, source);
        let file = File::open(path).map_err(file_error)?;
        let length = file.metadata().map_err(file_error)?.len();
        Self::over(file, length, path)
    }
}

impl<F: Read + Seek> ParquetFile<F> {
    /// Reads the footer of a file of so many bytes that is open already; `path` names it in errors.
    ///
    /// # Errors
    /// The file cannot be read or is not Parquet.
    pub fn over(mut file: F, length: u64, path: &Path) -> Result<Self> {
        let file_error = |source| RiskError::file(path, source);
        let broken = |what: &str| RiskError::format(path.display().to_string(), what);
        if length < 12 {
            return Err(broken("is too short for a Parquet file"));
        }
        let mut tail = [0u8; 8];
        file.seek(SeekFrom::End(-8)).and_then(|_| file.read_exact(&mut tail)).map_err(file_error)?;
        let [a, b, c, d, magic @ ..] = tail;
        let size = u64::from(u32::from_le_bytes([a, b, c, d]));
        if magic != *b"PAR1" || size + 12 > length || size > FOOTER_MAX {
            return Err(broken("does not end as a Parquet file does (PAR1)"));
        }
        let mut footer = vec![0; size as usize];
        file.seek(SeekFrom::Start(length - 8 - size))
            .and_then(|_| file.read_exact(&mut footer))
            .map_err(file_error)?;
        let (leaves, groups) = thrift::read(&footer)
            .and_then(|(meta, _)| footer_parts(&meta))
            .ok_or_else(|| broken("has a footer that cannot be read"))?;
        if groups.iter().any(|(rows, _)| *rows > ROWS_MAX) {
            return Err(broken("has a row group of more than 64 million rows; write smaller ones"));
        }
        Ok(Self { file, length, path: path.to_owned(), leaves, groups })
    }

    /// The names of the columns.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.leaves.iter().map(|leaf| leaf.name.clone()).collect()
    }

    /// How many row groups there are.
    #[must_use]
    pub const fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Rows in all groups.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.groups.iter().map(|(rows, _)| *rows as u64).sum()
    }

    /// The named columns of one row group. Times and dates come as seconds since 1970 (UTC).
    ///
    /// # Errors
    /// A column is not there, is nested, uses an encoding that is not read, or its bytes are broken.
    pub fn group(&mut self, group: usize, names: &[String]) -> Result<Batch> {
        let place = self.path.display().to_string();
        let Some((rows, chunks)) = self.groups.get(group).cloned() else {
            return Err(RiskError::format(place, format!("has no row group {group}")));
        };
        let first_row = self.groups.iter().take(group).map(|(rows, _)| *rows as u64).sum();
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            let index =
                self.leaves.iter().position(|leaf| leaf.name == *name).ok_or_else(|| RiskError::Column {
                    file: place.clone(),
                    column: name.clone(),
                    known: self.names().join(", "),
                })?;
            let leaf = self.leaves[index].clone();
            let spot = format!("{place}, column {name}, row group {group}");
            let chunk = chunks.get(index).filter(|_| leaf.flat).ok_or_else(|| {
                RiskError::format(
                    &spot,
                    "is nested or of a kind that is not read; write flat columns of numbers or text",
                )
            })?;
            let bytes = self.bytes(chunk, &spot)?;
            let column = page::column(&bytes, &leaf, chunk, rows)
                .map_err(|problem| RiskError::format(spot, problem))?;
            columns.push(column);
        }
        Ok(Batch { first_row, rows, columns })
    }

    fn bytes(&mut self, chunk: &Chunk, spot: &str) -> Result<Vec<u8>> {
        if chunk.length > CHUNK_MAX {
            return Err(RiskError::format(
                spot,
                format!("is larger than {CHUNK_MAX} bytes; write smaller row groups"),
            ));
        }
        // No more room than the file can fill, whatever the footer says.
        let size = usize::try_from(self.length).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(chunk.length.min(size) + 1);
        self.file
            .seek(SeekFrom::Start(chunk.start))
            .and_then(|_| (&mut self.file).take(chunk.length as u64).read_to_end(&mut bytes))
            .map_err(|source| RiskError::file(&self.path, source))?;
        Ok(bytes)
    }
}

/// A row group: its rows and its columns' bytes.
type Group = (usize, Vec<Chunk>);

fn footer_parts(meta: &Value<'_>) -> Option<(Vec<Leaf>, Vec<Group>)> {
    let mut leaves = Vec::new();
    // The schema is a tree in pre-order; a leaf below the root's children is nested.
    let mut open: Vec<i64> = Vec::new();
    for element in meta.list(2)? {
        while open.last() == Some(&0) {
            open.pop();
        }
        let depth = open.len();
        if let Some(left) = open.last_mut() {
            *left -= 1;
        }
        match element.int(5) {
            Some(children) if children > 0 => open.push(children),
            _ => leaves.push(leaf(element, depth == 1)?),
        }
    }
    let groups = meta.list(4)?.iter().map(|group| {
        let chunks = group.list(1)?.iter().map(chunk).collect::<Option<Vec<_>>>()?;
        Some((usize::try_from(group.int(3)?).ok()?, chunks))
    });
    Some((leaves, groups.collect::<Option<_>>()?))
}

fn leaf(element: &Value<'_>, top: bool) -> Option<Leaf> {
    let kind = element.int(1).unwrap_or(-1);
    let repetition = element.int(3).unwrap_or(0);
    let logical = element.field(10);
    let unit = logical.and_then(|l| l.field(8)).and_then(|t| t.field(2));
    let meaning = match (element.int(6), unit) {
        (_, Some(unit)) if unit.field(1).is_some() => Meaning::PerSecond(1_000),
        (_, Some(unit)) if unit.field(2).is_some() => Meaning::PerSecond(1_000_000),
        (_, Some(unit)) if unit.field(3).is_some() => Meaning::PerSecond(1_000_000_000),
        (Some(9), _) => Meaning::PerSecond(1_000),
        (Some(10), _) => Meaning::PerSecond(1_000_000),
        (Some(6), _) => Meaning::Days,
        _ if logical.is_some_and(|l| l.field(6).is_some()) => Meaning::Days,
        (Some(11..=14), _) => Meaning::Unsigned,
        _ if logical.and_then(|l| l.field(10)).is_some_and(|int| int.int(2) == Some(0)) => Meaning::Unsigned,
        _ => Meaning::Plain,
    };
    let decimal = element.int(6) == Some(5) || logical.is_some_and(|l| l.field(5).is_some());
    let flat = top && repetition < 2 && [0, 1, 2, 4, 5, 6].contains(&kind) && !decimal;
    Some(Leaf { name: element.text(4)?.to_owned(), kind, optional: repetition == 1, meaning, flat })
}

fn chunk(column: &Value<'_>) -> Option<Chunk> {
    let meta = column.field(3)?;
    let data = meta.int(9)?;
    // Some writers put 0 where there is no dictionary.
    let start = meta.int(11).filter(|at| *at > 0).map_or(data, |dictionary| dictionary.min(data));
    Some(Chunk {
        codec: meta.int(4)?,
        start: u64::try_from(start).ok()?,
        length: usize::try_from(meta.int(7)?).ok()?,
        values: usize::try_from(meta.int(5)?).ok()?,
    })
}

/// Reads a whole file's named columns, group by group appended.
///
/// # Errors
/// As [`ParquetFile::open`] and [`ParquetFile::group`].
pub fn read_all(path: &Path, names: &[String]) -> Result<Vec<Column>> {
    let mut file = ParquetFile::open(path)?;
    let mut all: Option<Vec<Column>> = None;
    for group in 0..file.groups() {
        let columns = file.group(group, names)?.columns;
        match &mut all {
            None => all = Some(columns),
            Some(all) => all.iter_mut().zip(columns).for_each(|(a, b)| a.append(b)),
        }
    }
    Ok(all.unwrap_or_default())
}
