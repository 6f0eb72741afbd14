//! Base58 of Bitcoin (`base58btc`), for `did:key`; bounded, as it is quadratic.

/// Longest text that is read, in characters.
const TEXT_MAX: usize = 128;
const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Multiplies a big-endian number by `by` and adds `add`, both small.
fn step(number: &mut Vec<u8>, by: u32, mut add: u32) {
    for byte in number.iter_mut().rev() {
        add = add.saturating_add(u32::from(*byte).saturating_mul(by));
        let [low, ..] = add.to_le_bytes();
        *byte = low;
        add >>= 8;
    }
    while add > 0 {
        let [low, ..] = add.to_le_bytes();
        number.insert(0, low);
        add >>= 8;
    }
}

pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() > TEXT_MAX {
        return None;
    }
    let mut number = Vec::new();
    for byte in text.bytes() {
        let digit = ALPHABET.iter().position(|known| *known == byte)?;
        step(&mut number, 58, u32::try_from(digit).ok()?);
    }
    let zeros = text.bytes().take_while(|byte| *byte == b'1').count();
    Some([vec![0; zeros], number].concat())
}

pub(super) fn encode(bytes: &[u8]) -> String {
    let mut digits: Vec<u8> = Vec::new();
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry = carry.saturating_add(u32::from(*digit).saturating_mul(256));
            *digit = u8::try_from(carry % 58).unwrap_or_default();
            carry /= 58;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 58).unwrap_or_default());
            carry /= 58;
        }
    }
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let letter = |digit: &u8| ALPHABET.get(usize::from(*digit)).copied().map_or('1', char::from);
    std::iter::repeat_n('1', zeros).chain(digits.iter().rev().map(letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn the_published_examples_hold() {
        // draft-msporny-base58, section 5.
        for (bytes, text) in [
            (b"Hello World!".as_slice(), "2NEpo7TZRRrLZSi2U"),
            (
                b"The quick brown fox jumps over the lazy dog.",
                "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z",
            ),
            (&[0, 0, 0x28, 0x7f, 0xb4, 0xcd], "11233QC4"),
        ] {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).as_deref(), Some(bytes));
        }
        assert_eq!(decode("0OIl"), None);
        assert_eq!(decode(&"2".repeat(129)), None);
    }
}
