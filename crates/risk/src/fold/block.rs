//! A folded block as bytes: columns one after the other, little-endian, under a checksum.
//!
//! `"TGFOLD1\n"`, then the lengths (u64 each: users, groups, behaviours, text, category, numbers), the columns in the
//! order of [`Folded`], and the CRC-32C of everything before it. Read by position: no map of memory is needed.

use super::folded::{Folded, Older};
use crate::ingest::Events;

const MAGIC: &[u8; 8] = b"TGFOLD1\n";

/// Most further numbers of a behaviour.
const NUMBERS_MAX: usize = 4_096;

/// Bytes of a block.
#[must_use]
pub fn encode(folded: &Folded) -> Vec<u8> {
    let events = &folded.events;
    let mut out = Vec::with_capacity(64 + folded.merchants.len() * 36 + events.len() * 28);
    out.extend_from_slice(MAGIC);
    let lengths = [
        folded.users.len(),
        folded.merchants.len(),
        events.time.len(),
        events.text.len(),
        events.category.len(),
        events.numbers.len(),
    ];
    lengths.iter().for_each(|n| out.extend_from_slice(&(*n as u64).to_le_bytes()));
    let words = [&folded.users, &folded.groups, &folded.merchants, &folded.pooled, &folded.starts];
    for column in words.into_iter().chain([&events.text, &events.category]) {
        put(&mut out, column, |n| n.to_le_bytes());
    }
    for older in &folded.older {
        out.extend_from_slice(&older.count.to_le_bytes());
        for n in [older.sum, older.first, older.last] {
            out.extend_from_slice(&n.to_le_bytes());
        }
    }
    for column in [&events.time, &events.amount] {
        put(&mut out, column, |n| n.to_le_bytes());
    }
    for column in &events.numbers {
        put(&mut out, column, |n| n.to_le_bytes());
    }
    out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
    out
}

/// Adds a column, all at once: number by number it would be asked each time whether there is room.
fn put<T: Copy, const N: usize>(out: &mut Vec<u8>, column: &[T], bytes: impl Fn(T) -> [u8; N]) {
    let start = out.len();
    out.resize(start + column.len() * N, 0);
    for (to, n) in out[start..].as_chunks_mut::<N>().0.iter_mut().zip(column) {
        *to = bytes(*n);
    }
}

/// Reads a block; `None` when the bytes are not a whole block.
///
/// The users and merchants of single behaviours are made from the groups.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Folded> {
    let (body, crc) = bytes.split_last_chunk::<4>()?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let mut reader = Columns { rest: body.strip_prefix(MAGIC)? };
    let mut lengths = [0usize; 6];
    for length in &mut lengths {
        *length = usize::try_from(u64::from_le_bytes(*reader.chunk()?)).ok()?;
    }
    let [users, groups, rows, texts, categories, numbers] = lengths;
    // Columns of no rows take no bytes, so their count is bounded by itself.
    if numbers > NUMBERS_MAX {
        return None;
    }
    let mut folded = Folded {
        users: reader.words(users)?,
        groups: reader.words(users.checked_add(1)?)?,
        merchants: reader.words(groups)?,
        pooled: reader.words(groups)?,
        starts: reader.words(groups.checked_add(1)?)?,
        ..Folded::default()
    };
    let (text, category) = (reader.words(texts)?, reader.words(categories)?);
    for _ in 0..groups {
        let count = u32::from_le_bytes(*reader.chunk()?);
        let mut long = || Some(i64::from_le_bytes(*reader.chunk()?));
        folded.older.push(Older { count, sum: long()?, first: long()?, last: long()? });
    }
    let mut longs =
        || Some(reader.taken(rows, 8)?.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b)).collect());
    let (time, amount) = (longs()?, longs()?);
    let real = |bytes: &[u8]| bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let numbers = (0..numbers).map(|_| reader.taken(rows, 4).map(real)).collect::<Option<Vec<_>>>()?;
    let ascending = |offsets: &[u32], end: usize| {
        offsets.is_sorted() && offsets.first() == Some(&0) && offsets.last() == Some(&(end as u32))
    };
    let whole = ascending(&folded.groups, groups)
        && ascending(&folded.starts, rows)
        && [texts, categories].iter().all(|n| *n == 0 || *n == rows)
        && reader.rest.is_empty();
    if !whole {
        return None;
    }
    let mut events = Events { time, amount, text, category, numbers, ..Events::default() };
    for place in 0..users {
        for group in folded.groups_of(place) {
            for _ in folded.behaviours_of(group) {
                events.user.push(folded.users[place]);
                events.merchant.push(folded.merchants[group]);
            }
        }
    }
    folded.events = events;
    Some(folded)
}

struct Columns<'a> {
    rest: &'a [u8],
}

impl<'a> Columns<'a> {
    fn taken(&mut self, count: usize, wide: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(count.checked_mul(wide)?)?;
        self.rest = rest;
        Some(bytes)
    }

    fn chunk<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        self.taken(1, N)?.first_chunk()
    }

    fn words(&mut self, count: usize) -> Option<Vec<u32>> {
        Some(self.taken(count, 4)?.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Caps, capped};
    use super::*;

    #[test]
    fn a_block_comes_back_and_a_broken_one_does_not() {
        let events = Events {
            user: vec![0, 0, 1, 0],
            merchant: vec![1, 0, 1, 1],
            time: vec![1, 2, 3, 4],
            amount: vec![-5, 6, 7, 8],
            text: vec![0, 1, 2, 3],
            category: Vec::new(),
            numbers: vec![vec![0.5, 1.5, 2.5, 3.5]],
        };
        let folded = capped(&Folded::of(&events, None), Caps { merchants: 1, behaviours: 1 }, |_, _| 0);
        let bytes = encode(&folded);
        assert_eq!(decode(&bytes).unwrap(), folded);
        for cut in [0, 9, bytes.len() / 2, bytes.len() - 1] {
            assert_eq!(decode(&bytes[..cut]), None);
        }
        // Columns of numbers without end, and no rows in them.
        let mut lie = MAGIC.to_vec();
        [0u64, 0, 0, 0, 0, 1 << 40].iter().for_each(|length| lie.extend_from_slice(&length.to_le_bytes()));
        lie.extend_from_slice(&[0; 8]);
        lie.extend_from_slice(&crc32c::crc32c(&lie).to_le_bytes());
        assert_eq!(decode(&lie), None);
        let mut flipped = bytes;
        flipped[70] ^= 1;
        assert_eq!(decode(&flipped), None);
    }
}
