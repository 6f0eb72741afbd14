//! Thrift's compact protocol, as far as Parquet's footers and page headers need it: bytes to a tree.
//!
//! Source: "Thrift compact protocol encoding" of the Apache Thrift specification. Depth and counts are bounded, so
//! hostile bytes end in an error and not in memory.

/// Deepest nesting that is read.
const DEPTH_MAX: usize = 16;

/// A value of the tree.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Bool(bool),
    Int(i64),
    Real(f64),
    Bytes(&'a [u8]),
    List(Vec<Self>),
    Struct(Vec<(i64, Self)>),
}

impl<'a> Value<'a> {
    /// A field of a structure.
    pub(super) fn field(&self, id: i64) -> Option<&Self> {
        let Self::Struct(fields) = self else { return None };
        fields.iter().find(|(key, _)| *key == id).map(|(_, value)| value)
    }

    /// A field that is a number.
    pub(super) fn int(&self, id: i64) -> Option<i64> {
        match self.field(id)? {
            Self::Int(n) => Some(*n),
            Self::Bool(b) => Some(i64::from(*b)),
            _ => None,
        }
    }

    /// A field that is a list.
    pub(super) fn list(&self, id: i64) -> Option<&[Self]> {
        match self.field(id)? {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// A field that is text.
    pub(super) fn text(&self, id: i64) -> Option<&'a str> {
        match self.field(id)? {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}

/// Reads one structure from the head of `bytes`; answers it and how many bytes it took.
pub(super) fn read(bytes: &[u8]) -> Option<(Value<'_>, usize)> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.structure(0)?;
    Some((value, reader.at))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let raw = self.varint()?;
        Some((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    fn taken(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let bytes = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    fn structure(&mut self, depth: usize) -> Option<Value<'a>> {
        if depth > DEPTH_MAX {
            return None;
        }
        let mut fields = Vec::new();
        let mut last = 0i64;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(Value::Struct(fields));
            }
            let delta = i64::from(head >> 4);
            last = if delta == 0 { self.zigzag()? } else { last.checked_add(delta)? };
            let value = match head & 15 {
                1 => Value::Bool(true),
                2 => Value::Bool(false),
                kind => self.value(kind, depth)?,
            };
            fields.push((last, value));
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Option<Value<'a>> {
        Some(match kind {
            1 | 2 => Value::Bool(self.byte()? == 1),
            3 => Value::Int(i64::from(self.byte()? as i8)),
            4..=6 => Value::Int(self.zigzag()?),
            7 => Value::Real(f64::from_le_bytes(self.taken(8)?.try_into().ok()?)),
            8 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.taken(length)?)
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                // An item takes a byte at least, so a count beyond what is left is a lie.
                if depth > DEPTH_MAX || count > (self.bytes.len() - self.at) as u64 {
                    return None;
                }
                Value::List((0..count).map(|_| self.value(head & 15, depth + 1)).collect::<Option<_>>()?)
            }
            12 => self.structure(depth + 1)?,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structure_is_read_and_its_length_known() {
        // 1: i32 = 3, 3: string "ab", 4: list<i32> [1, -1], stop, and a byte that is not ours.
        let bytes = [0x15, 6, 0x28, 2, b'a', b'b', 0x19, 0x25, 2, 1, 0, 99];
        let (value, length) = read(&bytes).unwrap();
        assert_eq!(length, 11);
        assert_eq!((value.int(1), value.text(3)), (Some(3), Some("ab")));
        assert_eq!(value.list(4), Some(&[Value::Int(1), Value::Int(-1)][..]));
    }

    #[test]
    fn lies_end_in_nothing() {
        assert_eq!(read(&[0x19, 0xf5, 0xff, 0xff, 0xff, 0x7f]), None);
        assert_eq!(read(&[0x1c; 64]), None);
        assert_eq!(read(&[0x28, 200]), None);
    }
}
