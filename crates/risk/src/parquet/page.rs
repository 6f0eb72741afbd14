//! A column chunk: pages to one column.

use super::levels::{delta, hybrid};
use super::packing::{name, unpacked};
use super::thrift::{self, Value};
use super::{Chunk, Leaf, Meaning};
use crate::table::{Column, Data, Dictionary, NO_TEXT};

/// Largest page after decompression, in bytes.
const PAGE_MAX: usize = 1 << 30;

/// Most values for which room is made before they are read.
const ROOM_MAX: usize = 1 << 20;

/// What was wrong with a column.
pub(super) type Problem = std::borrow::Cow<'static, str>;

/// Values that are there, in order.
enum Values {
    Ints(Vec<i64>),
    Reals(Vec<f64>),
    Texts(Vec<u32>, Dictionary),
}

/// Reads a chunk's pages.
pub(super) fn column(bytes: &[u8], leaf: &Leaf, chunk: &Chunk, rows: usize) -> Result<Column, Problem> {
    // A page of a kilobyte may hold a million values (one run), but no hostile count takes more room than this.
    let room = chunk.values.min(rows).min(ROOM_MAX);
    let mut values = match leaf.kind {
        4 | 5 => Values::Reals(Vec::with_capacity(room)),
        6 => Values::Texts(Vec::with_capacity(room), Dictionary::default()),
        _ => Values::Ints(Vec::with_capacity(room)),
    };
    let mut dictionary: Option<Values> = None;
    let mut present: Vec<u32> = Vec::new();
    let (mut at, mut seen) = (0usize, 0usize);
    while seen < chunk.values {
        let rest = bytes.get(at..).unwrap_or_default();
        let (head, size) = thrift::read(rest).ok_or("a page's head cannot be read")?;
        let length = |id| head.int(id).and_then(|n| usize::try_from(n).ok());
        let (packed, plain) = length(3).zip(length(2)).ok_or("a page has no size")?;
        let body = rest.get(size..size + packed).ok_or("a page is cut short")?;
        if plain > PAGE_MAX {
            return Err("a page is larger than a gigabyte".into());
        }
        at += size + packed;
        let unpack = |body: &[u8], size| {
            unpacked(chunk.codec, body, size).ok_or_else(|| {
                Problem::from(format!(
                    "compression {} is broken or not read (none, snappy, gzip, zstd are)",
                    name(chunk.codec)
                ))
            })
        };
        match head.int(1) {
            Some(2) => {
                let info = head.field(7).ok_or("a dictionary page has no head")?;
                let count = count(info, 1)?;
                let mut words = empty(&values);
                plain_values(&unpack(body, plain)?, leaf.kind, count, &mut words)?;
                if let (Values::Texts(order, own), Values::Texts(_, all)) = (&mut words, &mut values) {
                    // Looked up once, and not page by page.
                    order.iter_mut().for_each(|code| *code = all.code(own.word(*code)));
                }
                dictionary = Some(words);
            }
            Some(0) => {
                let info = head.field(5).ok_or("a data page has no head")?;
                let count = count(info, 1)?;
                room_for(count, seen, rows)?;
                let page = unpack(body, plain)?;
                let (levels, data) =
                    if leaf.optional { split_levels(&page)? } else { (None, page.as_slice()) };
                seen += count;
                let there = definition(levels, leaf, count, &mut present)?;
                data_values(data, info.int(2), leaf.kind, there, dictionary.as_ref(), &mut values)?;
            }
            Some(3) => {
                let info = head.field(8).ok_or("a data page has no head")?;
                let count = count(info, 1)?;
                room_for(count, seen, rows)?;
                let level = info.int(5).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
                let levels = body.get(..level).ok_or("levels are cut short")?;
                let rest = &body[level..];
                let data = if info.int(7) == Some(0) {
                    rest.to_vec()
                } else {
                    unpack(rest, plain.saturating_sub(level))?
                };
                seen += count;
                let there = definition(leaf.optional.then_some(levels), leaf, count, &mut present)?;
                data_values(&data, info.int(4), leaf.kind, there, dictionary.as_ref(), &mut values)?;
            }
            _ => {}
        }
    }
    if seen != rows {
        return Err(format!("has {seen} values in {rows} rows").into());
    }
    Ok(spread(values, &present, leaf, rows))
}

/// Before a page is read: its values must be rows that are still to come.
fn room_for(count: usize, seen: usize, rows: usize) -> Result<(), Problem> {
    if count > rows.saturating_sub(seen) { Err("has more values than rows".into()) } else { Ok(()) }
}

fn count(info: &Value<'_>, id: i64) -> Result<usize, Problem> {
    // More rows than this in one page would not fit its bytes either.
    info.int(id)
        .and_then(|n| usize::try_from(n).ok())
        .filter(|n| *n <= PAGE_MAX)
        .ok_or_else(|| "a page has no count".into())
}

fn split_levels(page: &[u8]) -> Result<(Option<&[u8]>, &[u8]), Problem> {
    let length =
        page.first_chunk::<4>().map(|b| u32::from_le_bytes(*b) as usize).ok_or("levels are cut short")?;
    let levels = page.get(4..4 + length).ok_or("levels are cut short")?;
    Ok((Some(levels), &page[4 + length..]))
}

/// Notes which rows have a value; answers how many.
fn definition(
    levels: Option<&[u8]>,
    leaf: &Leaf,
    count: usize,
    present: &mut Vec<u32>,
) -> Result<usize, Problem> {
    let Some(levels) = levels.filter(|_| leaf.optional) else { return Ok(count) };
    let from = present.len();
    hybrid(levels, 1, count, present).ok_or("levels cannot be read")?;
    // A run's value has a whole byte for its one bit.
    if present[from..].iter().any(|level| *level > 1) {
        return Err("a level is neither 0 nor 1".into());
    }
    Ok(present[from..].iter().filter(|level| **level == 1).count())
}

const fn empty(like: &Values) -> Values {
    match like {
        Values::Ints(_) => Values::Ints(Vec::new()),
        Values::Reals(_) => Values::Reals(Vec::new()),
        Values::Texts(..) => Values::Texts(Vec::new(), Dictionary::new()),
    }
}

fn data_values(
    bytes: &[u8],
    encoding: Option<i64>,
    kind: i64,
    count: usize,
    dictionary: Option<&Values>,
    out: &mut Values,
) -> Result<(), Problem> {
    match encoding {
        Some(0) => plain_values(bytes, kind, count, out),
        Some(2 | 8) => {
            let dictionary = dictionary.ok_or("a page needs a dictionary that is not there")?;
            let (width, codes) = bytes.split_first().unwrap_or((&0, &[]));
            let mut indices = Vec::with_capacity(count);
            hybrid(codes, u32::from(*width), count, &mut indices).ok_or("codes cannot be read")?;
            look_up(&indices, dictionary, out).ok_or_else(|| "a code is outside the dictionary".into())
        }
        Some(3) if kind == 0 => {
            let Values::Ints(ints) = out else { return Err("is not a column of booleans".into()) };
            let mut bits = Vec::new();
            hybrid(bytes.get(4..).unwrap_or_default(), 1, count, &mut bits)
                .ok_or("booleans cannot be read")?;
            ints.extend(bits.into_iter().map(i64::from));
            Ok(())
        }
        Some(5) => {
            let Values::Ints(ints) = out else {
                return Err("differences in a column that is not of integers".into());
            };
            let start = ints.len();
            delta(bytes, count, ints).ok_or("differences cannot be read")?;
            if kind == 1 {
                // Writers wrap sums at the width of the column.
                ints.iter_mut().skip(start).for_each(|n| *n = i64::from(*n as i32));
            }
            Ok(())
        }
        Some(6) => {
            let mut lengths = Vec::new();
            let start = delta(bytes, count, &mut lengths).ok_or("lengths cannot be read")?;
            let Values::Texts(codes, words) = out else { return Err("is not a column of text".into()) };
            let mut rest = bytes.get(start..).unwrap_or_default();
            for length in lengths {
                let (word, after) = usize::try_from(length)
                    .ok()
                    .and_then(|n| rest.split_at_checked(n))
                    .ok_or("text is cut short")?;
                codes.push(words.code(&String::from_utf8_lossy(word)));
                rest = after;
            }
            Ok(())
        }
        other => {
            Err(format!("encoding {other:?} is not read (plain, dictionary, run-length, delta are)").into())
        }
    }
}

fn look_up(indices: &[u32], dictionary: &Values, out: &mut Values) -> Option<()> {
    match (dictionary, out) {
        (Values::Ints(words), Values::Ints(out)) => {
            out.reserve(indices.len());
            for index in indices {
                out.push(*words.get(*index as usize)?);
            }
        }
        (Values::Reals(words), Values::Reals(out)) => {
            for index in indices {
                out.push(*words.get(*index as usize)?);
            }
        }
        (Values::Texts(codes, _), Values::Texts(out, _)) => {
            for index in indices {
                out.push(*codes.get(*index as usize)?);
            }
        }
        _ => return None,
    }
    Some(())
}

fn plain_values(bytes: &[u8], kind: i64, count: usize, out: &mut Values) -> Result<(), Problem> {
    let wide = match kind {
        1 | 4 => 4,
        2 | 5 => 8,
        _ => 0,
    };
    let short = "a page has fewer values than it says";
    let body = bytes.get(..count.saturating_mul(wide)).ok_or(short)?;
    match (out, kind) {
        (Values::Ints(out), 0) => {
            let bits = bytes.get(..count.div_ceil(8)).ok_or(short)?;
            out.extend((0..count).map(|i| i64::from(bits[i / 8] >> (i % 8) & 1)));
        }
        (Values::Ints(out), 1) => {
            out.extend(body.as_chunks::<4>().0.iter().map(|b| i64::from(i32::from_le_bytes(*b))));
        }
        (Values::Ints(out), 2) => out.extend(body.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b))),
        (Values::Reals(out), 4) => {
            out.extend(body.as_chunks::<4>().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))));
        }
        (Values::Reals(out), 5) => out.extend(body.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b))),
        (Values::Texts(codes, words), 6) => {
            let mut rest = bytes;
            for _ in 0..count {
                let (length, after) = rest.split_first_chunk::<4>().ok_or(short)?;
                let (word, after) =
                    after.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(short)?;
                codes.push(words.code(&String::from_utf8_lossy(word)));
                rest = after;
            }
        }
        _ => return Err("is of a kind that is not read".into()),
    }
    Ok(())
}

/// Values to rows: where none is there a null stands.
fn spread(values: Values, present: &[u32], leaf: &Leaf, rows: usize) -> Column {
    let holes = present.contains(&0);
    let absent = holes.then(|| present.iter().map(|level| *level == 0).collect::<Vec<bool>>());
    let data = match values {
        // What 64 bits with a sign do not hold stays exact as text.
        Values::Ints(ints)
            if leaf.meaning == Meaning::Unsigned && leaf.kind == 2 && ints.iter().any(|n| *n < 0) =>
        {
            let mut words = Dictionary::default();
            let codes = ints.iter().map(|n| words.code(&(*n as u64).to_string())).collect();
            Data::Text(widened(codes, present, holes, NO_TEXT), words)
        }
        Values::Ints(mut ints) if leaf.meaning == Meaning::Unsigned && leaf.kind == 1 => {
            ints.iter_mut().for_each(|n| *n &= i64::from(u32::MAX));
            Data::Int(widened(ints, present, holes, 0))
        }
        Values::Ints(ints) => Data::Int(widened(seconds(ints, leaf.meaning), present, holes, 0)),
        Values::Reals(reals) => Data::Real(widened(reals, present, holes, f64::NAN)),
        Values::Texts(codes, words) => Data::Text(widened(codes, present, holes, NO_TEXT), words),
    };
    debug_assert!(data.len() == rows, "every row has a value or a hole");
    Column { data, absent, dated: !matches!(leaf.meaning, Meaning::Plain | Meaning::Unsigned) }
}

fn seconds(mut ints: Vec<i64>, meaning: Meaning) -> Vec<i64> {
    match meaning {
        Meaning::Plain | Meaning::Unsigned => {}
        Meaning::Days => ints.iter_mut().for_each(|n| *n = n.saturating_mul(86_400)),
        Meaning::PerSecond(unit) => ints.iter_mut().for_each(|n| *n = n.div_euclid(unit)),
    }
    ints
}

fn widened<T: Copy>(values: Vec<T>, present: &[u32], holes: bool, filler: T) -> Vec<T> {
    if !holes {
        return values;
    }
    let mut values = values.into_iter();
    present.iter().map(|level| if *level == 1 { values.next().unwrap_or(filler) } else { filler }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(kind: i64) -> Leaf {
        Leaf { name: "id".into(), kind, optional: false, meaning: Meaning::Unsigned, flat: true }
    }

    /// An identifier is what its writer meant, also where the highest bit is set.
    #[test]
    fn unsigned_numbers_are_not_below_zero() {
        let column = spread(Values::Ints(vec![-1_294_967_296, 7]), &[], &leaf(1), 2);
        assert_eq!([0, 1].map(|row| column.shown(row)), ["3000000000", "7"]);
        let column = spread(Values::Ints(vec![-1, 7]), &[], &leaf(2), 2);
        assert_eq!([0, 1].map(|row| column.shown(row)), ["18446744073709551615", "7"]);
        let column = spread(Values::Ints(vec![-2, 7]), &[1, 0, 1], &leaf(2), 3);
        assert_eq!([0, 1, 2].map(|row| column.shown(row)), ["18446744073709551614", "", "7"]);
    }

    /// 2147483647 and then -2147483648: a difference of one that wraps at 32 bits.
    #[test]
    fn differences_wrap_at_the_width_of_the_column() {
        // Blocks of 128 in four parts, two values, the first as zigzag; the least difference is one, in no bits.
        let bytes = [128, 1, 4, 2, 254, 255, 255, 255, 15, 2, 0, 0, 0, 0];
        let mut out = Values::Ints(Vec::new());
        data_values(&bytes, Some(5), 1, 2, None, &mut out).unwrap();
        let Values::Ints(ints) = out else { unreachable!("integers were asked for") };
        assert_eq!(ints, [2_147_483_647, -2_147_483_648]);
    }
}
