//! Tables of payments, folded blocks and files of tensors.

use std::io::Cursor;
use std::path::Path;
use tollgate_risk::fold::{decode, encode};
use tollgate_risk::ingest::csv::CsvFile;
use tollgate_risk::model::Tensors;
use tollgate_risk::parquet::ParquetFile;

/// Row groups and columns that are read of one file.
const GROUPS_MAX: usize = 4;
const COLUMNS_MAX: usize = 16;

/// Any bytes are a table with a head or are refused; every column has as many values as there are rows.
pub fn csv(data: &[u8]) -> bool {
    let Ok(mut file) = CsvFile::open(data, "fuzz.csv") else { return false };
    let names: Vec<String> = file.names().iter().take(COLUMNS_MAX).cloned().collect();
    while let Ok(Some((batch, torn))) = file.batch(&names) {
        assert!(batch.columns.iter().all(|c| c.data.len() == batch.rows), "a value is missing");
        assert!(torn.iter().all(|row| *row < batch.rows), "a torn row outside");
        assert!(
            torn.iter().all(|row| batch.columns.iter().all(|c| c.is_absent(*row))),
            "a torn row has a value"
        );
    }
    true
}

/// Any bytes, written as hexadecimal digits, are a Parquet file or are refused; a column that is read is whole.
pub fn parquet(data: &[u8]) -> bool {
    let bytes = unwritten(data);
    let length = bytes.len() as u64;
    let Ok(mut file) = ParquetFile::over(Cursor::new(bytes), length, Path::new("fuzz.parquet")) else {
        return false;
    };
    let names: Vec<String> = file.names().into_iter().take(COLUMNS_MAX).collect();
    for group in 0..file.groups().min(GROUPS_MAX) {
        for name in &names {
            if let Ok(batch) = file.group(group, std::slice::from_ref(name)) {
                let column = &batch.columns[0];
                assert_eq!(column.data.len(), batch.rows, "{name}");
                if let Some(row) = batch.rows.checked_sub(1) {
                    let _ = (column.shown(row), column.number(row));
                }
            }
        }
    }
    true
}

/// Bytes of pairs of hexadecimal digits, with any white space between them; of what is no digit the lower half counts.
fn unwritten(data: &[u8]) -> Vec<u8> {
    let digit = |b: &u8| char::from(*b).to_digit(16).map_or(*b & 15, |digit| digit as u8);
    let digits: Vec<u8> = data.iter().filter(|b| !b.is_ascii_whitespace()).map(digit).collect();
    digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect()
}

/// Any bytes are a file of tensors or are refused; what is one is written again as it was read.
pub fn tensors(data: &[u8]) -> bool {
    let Ok(tensors) = Tensors::read(data, "fuzz") else { return false };
    let again = Tensors::read(&tensors.bytes(), "fuzz").expect("what was written can be read");
    assert_eq!(again.bytes(), tensors.bytes());
    true
}

/// Any bytes are a folded block or are refused; the checksum is mended, so that what lies behind it is reached.
pub fn block(data: &[u8]) -> bool {
    let mut bytes = data.to_vec();
    bytes.extend_from_slice(&crc32c::crc32c(data).to_le_bytes());
    let Some(folded) = decode(&bytes) else { return false };
    assert_eq!(encode(&folded), bytes);
    true
}
