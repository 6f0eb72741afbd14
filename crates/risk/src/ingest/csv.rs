//! CSV with a head line (RFC 4180): some rows at a time, each column as whatever all its values are.
//!
//! A row with another number of fields than the head is torn: it is passed on as such, never guessed at.

use crate::error::{Result, RiskError};
use crate::table::{Batch, Column, Data, Dictionary, NO_TEXT};
use std::io::{BufRead, Read};

/// Rows per batch.
pub const BATCH_ROWS: usize = 65_536;
/// Longest row, in bytes.
const ROW_MAX: usize = 1 << 20;

/// A file being read.
#[derive(Debug)]
pub struct CsvFile<R> {
    input: R,
    place: String,
    names: Vec<String>,
    row: u64,
    line: Vec<u8>,
    written: Vec<String>,
}

impl<R: BufRead> CsvFile<R> {
    /// Reads the head line.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn open(input: R, place: &str) -> Result<Self> {
        let mut file = Self {
            input,
            place: place.to_owned(),
            names: Vec::new(),
            row: 0,
            line: Vec::new(),
            written: Vec::new(),
        };
        if !file.next_line()? {
            return Err(RiskError::format(place, "is empty; its first line must name the columns"));
        }
        let mut fields = Fields::default();
        // A byte-order mark is not part of a name.
        fields.split(file.line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&file.line));
        file.names = (0..fields.len()).map(|i| fields.text(i).trim().to_owned()).collect();
        Ok(file)
    }

    /// Names columns of keys and words: they are whole numbers that print as they are written, or text, but never reals.
    pub fn as_written(&mut self, names: &[String]) {
        self.written = names.to_vec();
    }

    /// The names of the columns.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The next rows of the named columns; `None` at the end. With it, the rows that are torn, from 0 in the batch.
    ///
    /// # Errors
    /// A column is not there, or the file cannot be read.
    pub fn batch(&mut self, wanted: &[String]) -> Result<Option<(Batch, Vec<usize>)>> {
        let places = wanted.iter().map(|name| self.place_of(name)).collect::<Result<Vec<_>>>()?;
        let mut raws: Vec<Raw> = wanted.iter().map(|_| Raw::default()).collect();
        let (first_row, mut rows, mut torn) = (self.row, 0, Vec::new());
        let mut fields = Fields::default();
        while rows < BATCH_ROWS && self.next_line()? {
            fields.split(&self.line);
            let whole = fields.len() == self.names.len();
            if !whole {
                torn.push(rows);
            }
            for (raw, place) in raws.iter_mut().zip(&places) {
                raw.push(if whole { fields.bytes(*place) } else { b"" });
            }
            rows += 1;
        }
        self.row += rows as u64;
        if rows == 0 {
            return Ok(None);
        }
        let columns =
            raws.into_iter().zip(wanted).map(|(raw, name)| raw.column(self.written.contains(name))).collect();
        Ok(Some((Batch { first_row, rows, columns }, torn)))
    }

    fn place_of(&self, name: &str) -> Result<usize> {
        self.names.iter().position(|known| known == name).ok_or_else(|| RiskError::Column {
            file: self.place.clone(),
            column: name.to_owned(),
            known: self.names.join(", "),
        })
    }

    /// Reads one record, which quotes may spread over lines. Empty lines are passed over.
    fn next_line(&mut self) -> Result<bool> {
        self.line.clear();
        let mut at = At::Start;
        loop {
            let before = self.line.len();
            let room = (ROW_MAX + 1).saturating_sub(before) as u64;
            let read = self
                .input
                .by_ref()
                .take(room)
                .read_until(b'\n', &mut self.line)
                .map_err(|source| RiskError::File { path: self.place.clone().into(), source })?;
            if self.line.len() > ROW_MAX {
                let row = self.row + 1;
                return Err(RiskError::format(
                    format!("{}, row {row}", self.place),
                    format!("is longer than {ROW_MAX} bytes; is a quote open?"),
                ));
            }
            let new = self.line.get(before..).unwrap_or_default();
            if at == At::Quoted || new.contains(&b'"') {
                at = new.iter().fold(at, |at, byte| at.after(*byte));
            }
            if read == 0 && before == 0 {
                return Ok(false);
            }
            if read == 0 || at != At::Quoted {
                while matches!(self.line.last(), Some(b'\n' | b'\r')) {
                    self.line.pop();
                }
                if self.line.is_empty() && read > 0 {
                    at = At::Start;
                    continue;
                }
                return Ok(!self.line.is_empty());
            }
        }
    }
}

/// Where in a field a byte stands. A quote opens at the start of a field only (RFC 4180), so one inside a field, as in
/// `5" pipe`, is a character and does not swallow the rows after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Start,
    Plain,
    Quoted,
    /// After a quote that ends the field, or is the first of two that stand for one.
    Closing,
}

impl At {
    const fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Quoted, b'"') => Self::Closing,
            (Self::Start | Self::Closing, b'"') | (Self::Quoted, _) => Self::Quoted,
            (_, b',') => Self::Start,
            (Self::Start, b' ' | b'\t') => Self::Start,
            _ => Self::Plain,
        }
    }
}

/// The fields of a record, unquoted.
#[derive(Default)]
struct Fields {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Fields {
    fn split(&mut self, line: &[u8]) {
        self.text.clear();
        self.ends.clear();
        let mut at = At::Start;
        for &byte in line {
            let next = at.after(byte);
            match (at, next) {
                (At::Start, At::Quoted) | (At::Quoted, At::Closing) => {}
                (_, At::Start) if byte == b',' => self.ends.push(self.text.len()),
                _ => self.text.push(byte),
            }
            at = next;
        }
        self.ends.push(self.text.len());
    }

    const fn len(&self) -> usize {
        self.ends.len()
    }

    fn bytes(&self, field: usize) -> &[u8] {
        let end = self.ends.get(field).copied().unwrap_or(0);
        let start = if field == 0 { 0 } else { self.ends.get(field - 1).copied().unwrap_or(0) };
        self.text.get(start..end).unwrap_or_default()
    }

    fn text(&self, field: usize) -> String {
        String::from_utf8_lossy(self.bytes(field)).into_owned()
    }
}

/// One column's bytes before their kind is known.
#[derive(Default)]
struct Raw {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Raw {
    fn push(&mut self, field: &[u8]) {
        self.bytes.extend_from_slice(field.trim_ascii());
        self.ends.push(self.bytes.len());
    }

    fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    /// Integers when all are, else reals (unless the column is wanted as written), else text. An empty field is a value
    /// that is not there.
    fn column(self, as_written: bool) -> Column {
        let holes: Vec<bool> = self.fields().map(<[u8]>::is_empty).collect();
        let absent = holes.contains(&true).then_some(holes);
        let parse = |field: &[u8]| std::str::from_utf8(field).ok().map(str::to_owned);
        let ints: Option<Vec<i64>> =
            self.fields().map(|f| if f.is_empty() { Some(0) } else { whole(f) }).collect();
        if let Some(ints) = ints {
            return Column { data: Data::Int(ints), absent, dated: false };
        }
        let real = |f: &[u8]| parse(f)?.parse::<f64>().ok().filter(|n| n.is_finite() && !padded(f));
        let reals: Option<Vec<f64>> = if as_written {
            None
        } else {
            self.fields().map(|f| if f.is_empty() { Some(f64::NAN) } else { real(f) }).collect()
        };
        let data = reals.map_or_else(
            || {
                let mut words = Dictionary::new();
                let mut code = |f: &[u8]| {
                    if f.is_empty() { NO_TEXT } else { words.code(&String::from_utf8_lossy(f)) }
                };
                let codes = self.fields().map(&mut code).collect();
                Data::Text(codes, words)
            },
            Data::Real,
        );
        Column { data, absent, dated: false }
    }
}

/// Whether digits begin with a zero that no number needs: a code.
pub(super) fn padded(field: &[u8]) -> bool {
    matches!(field.strip_prefix(b"-").unwrap_or(field), [b'0', b'0'..=b'9', ..])
}

/// An integer as it is written canonically, exactly: a code with leading zeros is text, as is what 64 bits do not hold.
pub(super) fn whole(field: &[u8]) -> Option<i64> {
    let digits = field.strip_prefix(b"-").unwrap_or(field);
    if digits.is_empty() || padded(digits) || field == b"-0" {
        return None;
    }
    let negative = digits.len() < field.len();
    let mut value = 0i64;
    for digit in digits {
        let digit = i64::from(digit.checked_sub(b'0').filter(|d| *d < 10)?);
        let tens = value.checked_mul(10)?;
        value = if negative { tens.checked_sub(digit)? } else { tens.checked_add(digit)? };
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, wanted: &[&str]) -> (Batch, Vec<usize>) {
        let wanted: Vec<String> = wanted.iter().map(|w| (*w).into()).collect();
        CsvFile::open(text.as_bytes(), "a.csv").unwrap().batch(&wanted).unwrap().unwrap()
    }

    #[test]
    fn kinds_quotes_and_torn_rows() {
        let text = "\u{feff}id,name,x\n1,\"a, \"\"b\"\"\",2.5\r\n\n2,,3\n3,c\n-4,\"two\nlines\",1e3\n";
        let (batch, torn) = read(text, &["id", "x", "name"]);
        assert_eq!((batch.rows, torn), (4, vec![2]));
        assert!(matches!(&batch.columns[0].data, Data::Int(v) if *v == [1, 2, 0, -4]));
        assert_eq!(batch.columns[1].number(3), 1000.0);
        assert_eq!(batch.columns[2].shown(0), "a, \"b\"");
        assert_eq!(batch.columns[2].shown(3), "two\nlines");
        assert!(batch.columns[2].is_absent(1) && batch.columns[0].is_absent(2));
    }

    #[test]
    fn a_missing_column_names_the_known_ones() {
        let error = CsvFile::open(&b"a,b\n1,2\n"[..], "a.csv").unwrap().batch(&["c".into()]).unwrap_err();
        assert!(error.to_string().contains("has a, b"), "{error}");
    }

    /// A key is what stands in the file, whatever stands beside it.
    #[test]
    fn columns_as_written_are_never_reals() {
        let text = "id\n1234567890123456789\n1234567890123456700\n99999999999999999999\n12e4\n1.50\n-0\n";
        let mut file = CsvFile::open(text.as_bytes(), "a.csv").unwrap();
        file.as_written(&["id".into()]);
        let (batch, _) = file.batch(&["id".into()]).unwrap().unwrap();
        let shown: Vec<String> = (0..batch.rows).map(|row| batch.columns[0].shown(row)).collect();
        assert_eq!(shown, text.lines().skip(1).collect::<Vec<_>>());
        let (batch, _) = read("id\n1234567890123456789\n-9223372036854775808\n", &["id"]);
        assert!(
            matches!(&batch.columns[0].data, Data::Int(v) if *v == [1_234_567_890_123_456_789, i64::MIN])
        );
    }

    #[test]
    fn a_quote_inside_a_field_swallows_nothing() {
        let (batch, torn) = read("id,name\n1,5\" pipe\n2,b\n3,\"c\"\n", &["id", "name"]);
        assert_eq!((batch.rows, torn), (3, Vec::new()));
        assert_eq!([0, 2].map(|row| batch.columns[1].shown(row)), ["5\" pipe", "c"]);
    }

    /// The length of a line is asked for before it is in memory.
    #[test]
    fn a_line_without_end_is_refused() {
        let endless = std::io::BufReader::new(std::io::repeat(b'x'));
        let error = CsvFile::open(endless, "a.csv").unwrap_err();
        assert!(error.to_string().contains("is longer than 1048576 bytes"), "{error}");
        let quoted = b"id\n\"".chain(std::io::repeat(b'\n'));
        let mut file = CsvFile::open(std::io::BufReader::new(quoted), "a.csv").unwrap();
        assert!(file.batch(&["id".into()]).unwrap_err().to_string().contains("is a quote open?"));
    }

    #[test]
    fn codes_with_leading_zeros_stay_text() {
        let (batch, _) = read("id\n007\n42\n", &["id"]);
        assert_eq!(batch.columns[0].shown(0), "007");
    }
}
