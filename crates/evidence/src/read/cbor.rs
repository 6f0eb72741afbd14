//! CBOR (RFC 8949) as COSE documents use it: definite lengths, shortest heads, bounded depth; no floats, no tags.

use super::Cursor;
use crate::Refusal;

/// Deepest nesting.
const DEPTH_MAX: u8 = 8;

/// A value. Maps keep the order of their entries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Cbor<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    List(Vec<Self>),
    Map(Vec<(Self, Self)>),
    Bool(bool),
    Null,
}

impl<'a> Cbor<'a> {
    /// Reads one value, which is all there is.
    pub(crate) fn parse(what: &'static str, bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut cursor = Cursor::new(what, bytes);
        let value = Self::read(&mut cursor, DEPTH_MAX)?;
        cursor.end()?;
        Ok(value)
    }

    fn read(cursor: &mut Cursor<'a>, depth: u8) -> Result<Self, Refusal> {
        let here = cursor.clone();
        let depth = depth.checked_sub(1).ok_or_else(|| here.bad("it nests too deep"))?;
        let (major, count) = head(cursor)?;
        let length = || usize::try_from(count).map_err(|_| here.bad("a length is too large"));
        let number = || i64::try_from(count).map_err(|_| here.bad("a number is too large"));
        match (major, count) {
            (0, _) => Ok(Self::Integer(number()?)),
            // -1 - n does not overflow for n up to the largest.
            (1, _) => Ok(Self::Integer(!number()?)),
            (2, _) => Ok(Self::Bytes(cursor.take(length()?)?)),
            (3, _) => {
                let text = std::str::from_utf8(cursor.take(length()?)?);
                text.map(Self::Text).map_err(|_| here.bad("text is not UTF-8"))
            }
            // Every element has a byte at least, so what is gathered is bounded by the input.
            (4, _) => (0..count).map(|_| Self::read(cursor, depth)).collect::<Result<_, _>>().map(Self::List),
            (5, _) => Self::entries(cursor, count, depth),
            (7, 20 | 21) => Ok(Self::Bool(count == 21)),
            (7, 22) => Ok(Self::Null),
            _ => Err(here.bad("a value is of a type that these documents do not have")),
        }
    }

    fn entries(cursor: &mut Cursor<'a>, count: u64, depth: u8) -> Result<Self, Refusal> {
        let mut entries: Vec<(Self, Self)> = Vec::new();
        for _ in 0..count {
            let here = cursor.clone();
            let key = Self::read(cursor, depth)?;
            if entries.iter().any(|(earlier, _)| *earlier == key) {
                return Err(here.bad("a key stands twice"));
            }
            if entries.len() >= 64 {
                return Err(here.bad("a map has more than 64 entries"));
            }
            entries.push((key, Self::read(cursor, depth)?));
        }
        Ok(Self::Map(entries))
    }

    /// The entry of a map with this text as its key.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => {
                entries.iter().find(|(key, _)| *key == Cbor::Text(name)).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The bytes.
    pub(crate) const fn bytes(&self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }
}

/// Major type and argument of the next value.
fn head(cursor: &mut Cursor<'_>) -> Result<(u8, u64), Refusal> {
    let here = cursor.clone();
    let first = cursor.byte()?;
    let (major, short) = (first >> 5, first & 0x1f);
    let (count, least) = match short {
        0..=23 => return Ok((major, u64::from(short))),
        24 => (u64::from(cursor.byte()?), 24),
        25 => (u64::from(u16::from_be_bytes(cursor.array()?)), 1 << 8),
        26 => (u64::from(u32::from_be_bytes(cursor.array()?)), 1 << 16),
        27 => (u64::from_be_bytes(cursor.array()?), 1 << 32),
        _ => return Err(here.bad("a length is indefinite")),
    };
    if count < least {
        return Err(here.bad("a length is not in its shortest form"));
    }
    Ok((major, count))
}

/// The head of a byte string of this length.
pub(crate) fn bytes_head(length: usize) -> Vec<u8> {
    let mut head = Vec::new();
    match (u8::try_from(length), u16::try_from(length), u32::try_from(length)) {
        (Ok(short @ 0..24), _, _) => head.push(0x40 | short),
        (Ok(length), _, _) => head.extend([0x58, length]),
        (_, Ok(length), _) => {
            head.push(0x59);
            head.extend(length.to_be_bytes());
        }
        (_, _, Ok(length)) => {
            head.push(0x5a);
            head.extend(length.to_be_bytes());
        }
        // No evidence is that large.
        _ => head.push(0x5b),
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read() {
        let bytes = [0xa2, 0x61, b'a', 0x38, 0x22, 0x61, b'b', 0x82, 0x41, 7, 0xf6];
        let value = Cbor::parse("test", &bytes).unwrap();
        assert_eq!(value.get("a"), Some(&Cbor::Integer(-35)));
        assert_eq!(value.get("b"), Some(&Cbor::List(vec![Cbor::Bytes(&[7]), Cbor::Null])));
        assert_eq!(bytes_head(5), [0x45]);
        assert_eq!(bytes_head(300), [0x59, 1, 44]);
    }

    #[test]
    fn what_is_not_of_the_form_is_refused() {
        let wrong: &[&[u8]] = &[
            &[],
            &[0x18, 5],
            &[0x5f, 0xff],
            &[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0xa2, 1, 1, 1, 1],
            &[0x81; 20],
            &[0xfb, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0, 0],
        ];
        for bytes in wrong {
            assert!(Cbor::parse("test", bytes).is_err(), "{bytes:?}");
        }
    }
}
