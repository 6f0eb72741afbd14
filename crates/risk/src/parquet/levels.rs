//! The encodings of numbers in pages: runs and bit-packed groups, and packed differences.
//!
//! Source: Apache Parquet format, `Encodings.md` (RLE/bit-packing hybrid; DELTA_BINARY_PACKED).

/// Reads `count` values of `width` bits in the hybrid of runs and bit-packed groups into `out`.
pub(super) fn hybrid(bytes: &[u8], width: u32, count: usize, out: &mut Vec<u32>) -> Option<()> {
    if width > 32 {
        return None;
    }
    let end = out.len() + count;
    let mut at = 0;
    let wide = (width as usize).div_ceil(8);
    while out.len() < end {
        let head = varint(bytes, &mut at)?;
        let left = end - out.len();
        if head & 1 == 0 {
            let mut value = [0u8; 4];
            value.get_mut(..wide)?.copy_from_slice(bytes.get(at..at + wide)?);
            at += wide;
            let run = usize::try_from(head >> 1).ok()?.min(left);
            // A run of nothing would never end.
            if run == 0 {
                return None;
            }
            out.resize(out.len() + run, u32::from_le_bytes(value));
        } else {
            let values = usize::try_from(head >> 1).ok()?.checked_mul(8)?;
            let size = values.checked_mul(width as usize)? / 8;
            // The last group may be cut short at the end of the page.
            let group = bytes.get(at..bytes.len().min(at.checked_add(size)?))?;
            at += group.len();
            if values == 0 {
                return None;
            }
            unpack(group, width, values.min(left), |value| out.push(value as u32))?;
        }
    }
    Some(())
}

/// Reads `count` values of packed differences; answers how many bytes they took.
pub(super) fn delta(bytes: &[u8], count: usize, out: &mut Vec<i64>) -> Option<usize> {
    let mut at = 0;
    let block = usize::try_from(varint(bytes, &mut at)?).ok()?;
    let minis = usize::try_from(varint(bytes, &mut at)?).ok()?;
    let total = usize::try_from(varint(bytes, &mut at)?).ok()?;
    let per_mini = block.checked_div(minis).filter(|n| *n > 0 && *n % 8 == 0)?;
    // Differences of no bits take no bytes: how many there are must be known from elsewhere.
    if total != count || minis > 512 {
        return None;
    }
    let mut last = zigzag(varint(bytes, &mut at)?);
    if total == 0 {
        return Some(at);
    }
    out.push(last);
    let mut left = total - 1;
    while left > 0 {
        let least = zigzag(varint(bytes, &mut at)?);
        let widths = bytes.get(at..at + minis)?;
        at += minis;
        for width in widths.iter().map(|w| u32::from(*w)) {
            if left == 0 {
                break;
            }
            let size = (width as usize).checked_mul(per_mini)? / 8;
            let mini = bytes.get(at..bytes.len().min(at + size))?;
            at += mini.len();
            let taken = per_mini.min(left);
            unpack(mini, width, taken, |value| {
                last = last.wrapping_add(least).wrapping_add(value as i64);
                out.push(last);
            })?;
            left -= taken;
        }
    }
    Some(at)
}

/// Little-endian bit-packed values of `width` bits each.
fn unpack(bytes: &[u8], width: u32, count: usize, mut each: impl FnMut(u64)) -> Option<()> {
    if width > 64 || (count * width as usize).div_ceil(8) > bytes.len() {
        return None;
    }
    let mask = if width == 64 { u64::MAX } else { (1u64 << width) - 1 };
    let mut bit = 0usize;
    for _ in 0..count {
        let (byte, shift) = (bit / 8, bit % 8);
        let value = match bytes.get(byte..byte + 8).and_then(|w| <[u8; 8]>::try_from(w).ok()) {
            Some(word) if shift + width as usize <= 64 => u64::from_le_bytes(word) >> shift,
            _ => {
                let mut word = [0u8; 16];
                let tail = bytes.get(byte..bytes.len().min(byte + 16))?;
                word.get_mut(..tail.len())?.copy_from_slice(tail);
                (u128::from_le_bytes(word) >> shift) as u64
            }
        };
        each(value & mask);
        bit += width as usize;
    }
    Some(())
}

pub(super) fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

const fn zigzag(raw: u64) -> i64 {
    (raw >> 1) as i64 ^ -((raw & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The specification's example: 0 to 7 in three bits each.
    #[test]
    fn the_specifications_groups() {
        let mut out = Vec::new();
        hybrid(&[3, 0b1000_1000, 0b1100_0110, 0b1111_1010], 3, 8, &mut out).unwrap();
        assert_eq!(out, [0, 1, 2, 3, 4, 5, 6, 7]);
        let mut out = Vec::new();
        hybrid(&[10, 7], 3, 5, &mut out).unwrap();
        assert_eq!(out, [7; 5]);
        assert_eq!(hybrid(&[0, 7], 3, 5, &mut Vec::new()), None);
    }

    /// The specification's example: 7, 5, 3, 1, 2, 3, 4, 5 in one block.
    #[test]
    fn the_specifications_differences() {
        let bytes = [128, 1, 4, 8, 14, 3, 2, 0, 0, 0, 0b1100_0000, 0b0011_1111, 0, 0, 0, 0, 0, 0];
        let mut out = Vec::new();
        delta(&bytes, 8, &mut out).unwrap();
        assert_eq!(out, [7, 5, 3, 1, 2, 3, 4, 5]);
    }
}
