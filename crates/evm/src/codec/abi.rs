//! The contract ABI: how calls carry their arguments.
//!
//! Source: Solidity documentation, "Contract ABI Specification". Written are words, byte strings, arrays and tuples, which is
//! what the contracts here take; what they answer is words.

use crate::{Word, keccak};

/// An argument.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// Anything that fits into a word.
    Word(Word),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// An array of any length.
    Array(Vec<Value>),
    /// A struct.
    Tuple(Vec<Value>),
}

impl<T: Into<Word>> From<T> for Value {
    fn from(word: T) -> Self {
        Self::Word(word.into())
    }
}

impl Value {
    fn is_dynamic(&self) -> bool {
        match self {
            Self::Word(_) => false,
            Self::Bytes(_) | Self::Array(_) => true,
            Self::Tuple(values) => values.iter().any(Self::is_dynamic),
        }
    }

    /// Bytes that it takes in the head of what holds it.
    fn head(&self) -> usize {
        match self {
            Self::Tuple(values) if !self.is_dynamic() => values.iter().map(Self::head).sum(),
            _ => 32,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Word(word) => out.extend_from_slice(&word.0),
            Self::Bytes(bytes) => {
                out.extend_from_slice(&length(bytes.len()));
                out.extend_from_slice(bytes);
                let whole = bytes.len().next_multiple_of(32);
                out.extend(std::iter::repeat_n(0, whole.saturating_sub(bytes.len())));
            }
            Self::Array(values) => {
                out.extend_from_slice(&length(values.len()));
                out.extend(encode(values));
            }
            Self::Tuple(values) => out.extend(encode(values)),
        }
    }
}

fn length(length: usize) -> [u8; 32] {
    Word::number(u128::try_from(length).unwrap_or(u128::MAX)).0
}

/// Values one after the other: heads first, then what heads point to.
#[must_use]
pub fn encode(values: &[Value]) -> Vec<u8> {
    let heads: usize = values.iter().map(Value::head).sum();
    let (mut head, mut tail) = (Vec::with_capacity(heads), Vec::new());
    for value in values {
        if value.is_dynamic() {
            head.extend_from_slice(&length(heads.saturating_add(tail.len())));
            value.write(&mut tail);
        } else {
            value.write(&mut head);
        }
    }
    head.extend(tail);
    head
}

/// A call: four bytes of the signature's hash, then the arguments.
#[must_use]
pub fn call(signature: &str, values: &[Value]) -> Vec<u8> {
    let mut call: Vec<u8> = keccak(&[signature.as_bytes()]).0.into_iter().take(4).collect();
    call.extend(encode(values));
    call
}

/// The words of an answer; `None` when it is not whole words.
#[must_use]
pub fn words(answer: &[u8]) -> Option<Vec<Word>> {
    let (chunks, rest) = answer.as_chunks::<32>();
    rest.is_empty().then(|| chunks.iter().map(|chunk| Word(*chunk)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    fn lines(call: &[u8]) -> Vec<String> {
        let (selector, rest) = call.split_at(4);
        let rest = rest.chunks(32).map(|word| hex(word).trim_start_matches("0x").to_owned());
        std::iter::once(hex(selector).trim_start_matches("0x").to_owned()).chain(rest).collect()
    }

    fn word(value: u128) -> Value {
        Value::Word(Word::number(value))
    }

    /// The examples of the specification.
    #[test]
    fn examples() {
        let baz = call("baz(uint32,bool)", &[word(69), true.into()]);
        let wanted = ["cdcd77c0", &format!("{:064x}", 0x45), &format!("{:064x}", 1)];
        assert_eq!(lines(&baz), wanted);
        let values =
            [Value::Bytes(b"dave".to_vec()), true.into(), Value::Array(vec![word(1), word(2), word(3)])];
        let sam = call("sam(bytes,bool,uint256[])", &values);
        let n = |n: u128| format!("{n:064x}");
        let text = format!("64617665{}", "0".repeat(56));
        let wanted = ["a5643bf2".to_owned(), n(0x60), n(1), n(0xa0), n(4), text, n(3), n(1), n(2), n(3)];
        assert_eq!(lines(&sam), wanted);
        // A dynamic array of dynamic values has its own offsets.
        let nested = encode(&[Value::Array(vec![Value::Bytes(vec![1]), Value::Bytes(vec![2; 33])])]);
        let offsets: Vec<_> = words(&nested).unwrap().iter().map(|word| word.small()).collect();
        assert_eq!(offsets[..5], [Some(0x20), Some(2), Some(0x40), Some(0x80), Some(1)]);
        // A static struct stands in the head, a dynamic one behind it.
        let flat = encode(&[Value::Tuple(vec![word(1), word(2)]), Value::Bytes(vec![])]);
        assert_eq!(words(&flat).unwrap(), [1, 2, 0x60, 0].map(Word::number));
        assert_eq!(words(&flat[1..]), None);
    }
}
