//! Columns of a file, however it is written: numbers, text by dictionary, and which rows have none.

use std::collections::HashMap;

/// The code of a text that is not there.
pub const NO_TEXT: u32 = u32::MAX;

/// Words by code.
#[derive(Debug, Clone, Default)]
pub struct Dictionary {
    words: Vec<String>,
    codes: Option<HashMap<String, u32>>,
}

impl Dictionary {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self { words: Vec::new(), codes: None }
    }

    /// The code of a word, new or known.
    pub fn code(&mut self, word: &str) -> u32 {
        let codes = self.codes.get_or_insert_with(HashMap::new);
        if let Some(code) = codes.get(word) {
            return *code;
        }
        // Fewer than `NO_TEXT` words: each takes a row, and a batch has fewer rows.
        let code = self.words.len() as u32;
        codes.insert(word.to_owned(), code);
        self.words.push(word.to_owned());
        code
    }

    /// The word of a code; empty where there is none.
    #[must_use]
    pub fn word(&self, code: u32) -> &str {
        self.words.get(code as usize).map_or("", String::as_str)
    }

    /// How many words there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The words in order of their codes.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The code of a known word.
    #[must_use]
    pub fn find(&self, word: &str) -> Option<u32> {
        self.codes.as_ref()?.get(word).copied()
    }
}

/// The values of a column.
#[derive(Debug, Clone)]
pub enum Data {
    /// Integers; dates and times as seconds since 1970.
    Int(Vec<i64>),
    /// Reals.
    Real(Vec<f64>),
    /// Text by code.
    Text(Vec<u32>, Dictionary),
}

impl Data {
    /// Rows.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Int(v) => v.len(),
            Self::Real(v) => v.len(),
            Self::Text(v, _) => v.len(),
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A column: values, and the rows that have none.
#[derive(Debug, Clone)]
pub struct Column {
    /// The values; where a row has none, anything.
    pub data: Data,
    /// Per row whether the value is missing; `None` when all are there.
    pub absent: Option<Vec<bool>>,
    /// Whether the file itself says that these are dates or times.
    pub dated: bool,
}

impl Column {
    /// Whether a row has no value.
    #[must_use]
    pub fn is_absent(&self, row: usize) -> bool {
        self.absent.as_ref().is_some_and(|absent| absent.get(row).copied().unwrap_or(true))
    }

    /// A row as text, for keys and for showing; empty where there is none.
    #[must_use]
    pub fn shown(&self, row: usize) -> String {
        if self.is_absent(row) {
            return String::new();
        }
        match &self.data {
            Data::Int(v) => v.get(row).map_or_else(String::new, i64::to_string),
            Data::Real(v) => v.get(row).map_or_else(String::new, f64::to_string),
            Data::Text(v, words) => v.get(row).map_or("", |code| words.word(*code)).to_owned(),
        }
    }

    /// A row as a number; NaN where there is none or it cannot be read as one.
    #[must_use]
    pub fn number(&self, row: usize) -> f64 {
        if self.is_absent(row) {
            return f64::NAN;
        }
        match &self.data {
            Data::Int(v) => v.get(row).map_or(f64::NAN, |n| *n as f64),
            Data::Real(v) => v.get(row).copied().unwrap_or(f64::NAN),
            Data::Text(v, words) => v
                .get(row)
                .and_then(|code| words.word(*code).trim().parse().ok())
                .filter(|n: &f64| n.is_finite())
                .unwrap_or(f64::NAN),
        }
    }

    /// Adds another column's rows.
    pub fn append(&mut self, other: Self) {
        let (before, more) = (self.data.len(), other.data.len());
        let mut absent = self.absent.take();
        if absent.is_some() || other.absent.is_some() {
            let absent = absent.get_or_insert_with(|| vec![false; before]);
            absent.extend_from_slice(other.absent.as_deref().unwrap_or(&vec![false; more]));
        }
        match (&mut self.data, other.data) {
            (Data::Int(a), Data::Int(b)) => a.extend(b),
            (Data::Real(a), Data::Real(b)) => a.extend(b),
            (Data::Text(a, words), Data::Text(b, others)) => {
                let codes: Vec<u32> = others.words.iter().map(|word| words.code(word)).collect();
                a.extend(b.iter().map(|code| codes.get(*code as usize).copied().unwrap_or(NO_TEXT)));
            }
            // Batches that were read as different kinds: text is what every kind can be.
            (data, others) => {
                let mut words = Dictionary::new();
                let mine = std::mem::replace(data, Data::Int(Vec::new()));
                let mut codes = Vec::with_capacity(before + more);
                for column in [mine, others] {
                    let column = Self { data: column, absent: None, dated: false };
                    codes.extend((0..column.data.len()).map(|row| words.code(&column.shown(row))));
                }
                *data = Data::Text(codes, words);
            }
        }
        self.absent = absent;
    }
}

/// Some rows of a file.
#[derive(Debug)]
pub struct Batch {
    /// The number of the first row in its file, from 0.
    pub first_row: u64,
    /// How many rows.
    pub rows: usize,
    /// The columns asked for, in that order.
    pub columns: Vec<Column>,
}
