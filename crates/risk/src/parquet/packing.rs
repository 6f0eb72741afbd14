//! How a page's bytes are compressed: not at all, Snappy, gzip or Zstandard.

use std::io::Read;

/// Undoes a codec of the format; `size` is the length after.
pub(super) fn unpacked(codec: i64, bytes: &[u8], size: usize) -> Option<Vec<u8>> {
    let out = match codec {
        0 => bytes.to_vec(),
        1 => snappy(bytes, size)?,
        2 => {
            let mut out = Vec::with_capacity(size);
            flate2::read::GzDecoder::new(bytes).take(size as u64).read_to_end(&mut out).ok()?;
            out
        }
        6 => {
            let mut out = vec![0; size];
            let length = ruzstd::decoding::FrameDecoder::new().decode_all(bytes, &mut out).ok()?;
            out.truncate(length);
            out
        }
        _ => return None,
    };
    (out.len() == size).then_some(out)
}

/// The name of a codec, for errors.
pub(super) fn name(codec: i64) -> &'static str {
    match codec {
        0 => "none",
        1 => "snappy",
        2 => "gzip",
        3 => "lzo",
        4 => "brotli",
        5 => "lz4",
        6 => "zstd",
        7 => "lz4_raw",
        _ => "unknown",
    }
}

/// Snappy's raw format (source: `format_description.txt` of google/snappy).
fn snappy(bytes: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut at = 0;
    if super::levels::varint(bytes, &mut at)? != size as u64 {
        return None;
    }
    let mut out: Vec<u8> = Vec::with_capacity(size);
    while at < bytes.len() {
        let tag = *bytes.get(at)?;
        at += 1;
        let wide = |at: usize, n: usize| -> Option<usize> {
            bytes.get(at..at + n).map(|b| b.iter().rev().fold(0, |v, b| v << 8 | usize::from(*b)))
        };
        let (length, back) = match tag & 3 {
            0 => {
                let mut length = usize::from(tag >> 2);
                if length >= 60 {
                    let n = length - 59;
                    length = wide(at, n)?;
                    at += n;
                }
                out.extend_from_slice(bytes.get(at..at.checked_add(length + 1)?)?);
                at += length + 1;
                continue;
            }
            1 => {
                at += 1;
                (usize::from(tag >> 2 & 7) + 4, usize::from(tag >> 5) << 8 | wide(at - 1, 1)?)
            }
            kind => {
                let n = if kind == 2 { 2 } else { 4 };
                at += n;
                (usize::from(tag >> 2) + 1, wide(at - n, n)?)
            }
        };
        let from = out.len().checked_sub(back).filter(|_| back > 0 && out.len() + length <= size)?;
        // Copies may overlap what they write: byte by byte.
        for i in from..from + length {
            let byte = *out.get(i)?;
            out.push(byte);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snappy_copies_overlap() {
        // "ab" literal, then a copy of 6 from 2 back.
        let bytes = [8, 1 << 2, b'a', b'b', 2 << 2 | 1, 2];
        assert_eq!(snappy(&bytes, 8).unwrap(), b"abababab");
        assert_eq!(snappy(&[8, 1 << 2, b'a', b'b', 2 << 2 | 1, 3], 8), None);
    }
}
