//! A table in a file, CSV or Parquet by its ending, some rows at a time.

use super::csv::CsvFile;
use crate::error::{Result, RiskError};
use crate::parquet::ParquetFile;
use crate::table::{Batch, Column};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Endings that are read.
pub const ENDINGS: [&str; 2] = ["parquet", "csv"];

enum Kind {
    Csv(CsvFile<BufReader<File>>),
    Parquet(ParquetFile, usize),
}

/// An open table.
pub struct Source {
    kind: Kind,
    path: PathBuf,
    size: u64,
}

impl Source {
    /// Opens a file.
    ///
    /// # Errors
    /// It cannot be read, or its ending is neither `.csv` nor `.parquet`.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| RiskError::file(path, e))?;
        let size = file.metadata().map_or(0, |m| m.len());
        let kind = match path.extension().and_then(|e| e.to_str()) {
            Some("parquet") => Kind::Parquet(ParquetFile::open(path)?, 0),
            Some("csv") => Kind::Csv(CsvFile::open(
                BufReader::with_capacity(1 << 20, file),
                &path.display().to_string(),
            )?),
            _ => {
                return Err(RiskError::mapping(
                    path.display().to_string(),
                    "must end in .csv or .parquet, which say how it is read",
                ));
            }
        };
        Ok(Self { kind, path: path.to_owned(), size })
    }

    /// The same table, where the columns named hold keys and words: they are read as they are written, never as reals.
    #[must_use]
    pub fn as_written<'a>(mut self, names: impl IntoIterator<Item = &'a String>) -> Self {
        if let Kind::Csv(file) = &mut self.kind {
            file.as_written(&names.into_iter().cloned().collect::<Vec<_>>());
        }
        self
    }

    /// The names of the columns.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        match &self.kind {
            Kind::Csv(file) => file.names().to_vec(),
            Kind::Parquet(file, _) => file.names(),
        }
    }

    /// About how many rows there are, for sizes and progress.
    #[must_use]
    pub fn rows_about(&self) -> u64 {
        match &self.kind {
            Kind::Csv(_) => self.size / 24,
            Kind::Parquet(file, _) => file.rows(),
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next rows, with those that are torn; `None` at the end.
    ///
    /// # Errors
    /// A column is missing or the file is broken.
    pub fn batch(&mut self, wanted: &[String]) -> Result<Option<(Batch, Vec<usize>)>> {
        match &mut self.kind {
            Kind::Csv(file) => file.batch(wanted),
            Kind::Parquet(file, group) => {
                if *group >= file.groups() {
                    return Ok(None);
                }
                *group += 1;
                Ok(Some((file.group(*group - 1, wanted)?, Vec::new())))
            }
        }
    }

    /// All rows of the named columns.
    ///
    /// # Errors
    /// As [`Source::batch`]; a torn row too, for tables that are read whole are small and must be right.
    pub fn all(&mut self, wanted: &[String]) -> Result<Vec<Column>> {
        let mut all: Vec<Column> = Vec::new();
        while let Some((batch, torn)) = self.batch(wanted)? {
            if let Some(row) = torn.first() {
                return Err(RiskError::format(
                    format!("{}, row {}", self.path.display(), batch.first_row + *row as u64 + 1),
                    "has another number of fields than the head",
                ));
            }
            if all.is_empty() {
                all = batch.columns;
            } else {
                all.iter_mut().zip(batch.columns).for_each(|(a, b)| a.append(b));
            }
        }
        Ok(all)
    }
}

/// The file of a table in a folder: `STEM.parquet` or `STEM.csv`.
#[must_use]
pub fn find(folder: &Path, stem: &str) -> Option<PathBuf> {
    ENDINGS.iter().map(|ending| folder.join(format!("{stem}.{ending}"))).find(|path| path.is_file())
}
