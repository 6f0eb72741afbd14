//! How a record lies in a segment: length, batch, checksum, entry.
//!
//! ```text
//! 0        4         8        12
//! | length | batch   | crc32c | entry (JSON) ...
//! ```
//! All little-endian; the checksum covers length, batch, the entry's number and the entry. A length of 0 ends the segment.

/// Bytes before the entry.
pub(super) const HEAD: usize = 12;
/// Longest entry: it must fit a bundle of the log, whose lengths are two bytes.
pub(super) const ENTRY_MAX: usize = 65_535;

/// What stands at a place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// A record.
    Record { batch: u32, entry: &'a [u8] },
    /// Zeros: nothing was written here.
    End,
    /// Something that is no record with this number.
    Broken(&'static str),
}

fn checksum(length: u32, batch: u32, seq: u64, entry: &[u8]) -> u32 {
    let mut crc = crc32c::crc32c(&length.to_le_bytes());
    crc = crc32c::crc32c_append(crc, &batch.to_le_bytes());
    crc = crc32c::crc32c_append(crc, &seq.to_le_bytes());
    crc32c::crc32c_append(crc, entry)
}

/// Appends a record. The entry is at most [`ENTRY_MAX`] bytes long.
pub(super) fn put(to: &mut Vec<u8>, batch: u32, seq: u64, entry: &[u8]) {
    let length = u32::try_from(entry.len()).unwrap_or(u32::MAX);
    to.extend(length.to_le_bytes());
    to.extend(batch.to_le_bytes());
    to.extend(checksum(length, batch, seq, entry).to_le_bytes());
    to.extend(entry);
}

/// Looks at a place.
pub(super) fn look(bytes: &[u8], seq: u64) -> Found<'_> {
    let word = |at: usize| bytes.get(at..)?.first_chunk::<4>().copied().map(u32::from_le_bytes);
    let (Some(length), Some(batch), Some(crc)) = (word(0), word(4), word(8)) else { return Found::End };
    if length == 0 {
        let zero = batch == 0 && crc == 0;
        return if zero { Found::End } else { Found::Broken("its length is zero and its head is not") };
    }
    let size = usize::try_from(length).unwrap_or(usize::MAX);
    if size > ENTRY_MAX {
        return Found::Broken("its length is beyond the longest entry");
    }
    match bytes.get(HEAD..HEAD + size) {
        Some(entry) if checksum(length, batch, seq, entry) == crc => Found::Record { batch, entry },
        Some(_) => Found::Broken("its checksum is of other bytes"),
        None => Found::Broken("it goes on beyond the segment"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_found_only_whole_and_in_its_place() {
        let mut bytes = Vec::new();
        put(&mut bytes, 7, 3, b"entry");
        bytes.extend([0; 20]);
        assert_eq!(look(&bytes, 3), Found::Record { batch: 7, entry: b"entry" });
        assert!(matches!(look(&bytes, 4), Found::Broken(_)), "another number");
        assert_eq!(look(&bytes[HEAD + 5..], 4), Found::End);
        assert_eq!(look(&[], 0), Found::End);
        for at in 0..HEAD + 5 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert!(matches!(look(&flipped, 3), Found::Broken(_)), "byte {at}");
        }
        assert!(matches!(look(&bytes[..HEAD + 4], 3), Found::Broken(_)));
    }
}
