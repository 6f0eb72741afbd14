//! The inside of JSON strings: finding its end fast, decoding it, writing it.

/// Bytes examined at once in long strings; the loop over a block is branch-free, so compilers vectorise it.
const BLOCK: usize = 64;
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
/// Bytes below it are control characters.
const FIRST_PRINTED: u8 = 0x20;

/// [`plain_run`] for strings that are read: a control character ends the reading there, so looking for the next quote
/// or backslash beyond it is done at most once. Both looks are vectors over the whole run, and the first is of the
/// machine's widest.
#[inline]
pub(super) fn string_run(bytes: &[u8]) -> usize {
    // Escapes often follow each other closely.
    if let Some(at) = bytes.first_chunk::<8>().and_then(|word| odd_byte(*word)) {
        return at;
    }
    let (run, _) = bytes.split_at(memchr::memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len()));
    let least = run.iter().fold(u8::MAX, |least, byte| least.min(*byte));
    if least < FIRST_PRINTED { plain_bytes(run) } else { run.len() }
}

/// Number of leading bytes that need no attention: no quote, no backslash, no control character.
#[inline]
pub(crate) fn plain_run(bytes: &[u8]) -> usize {
    // Keys and names end within two words; prose runs for blocks.
    let mut done = 0;
    for _ in 0..2 {
        match bytes.get(done..).and_then(<[u8]>::first_chunk::<8>) {
            Some(word) => match odd_byte(*word) {
                Some(at) => return done + at,
                None => done += 8,
            },
            None => return done + plain_bytes(bytes.get(done..).unwrap_or_default()),
        }
    }
    let (blocks, _) = bytes.get(done..).unwrap_or_default().as_chunks::<BLOCK>();
    done += blocks.iter().take_while(|block| plain_block(block)).count() * BLOCK;
    let rest = bytes.get(done..).unwrap_or_default();
    let (words, tail) = rest.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        if let Some(at) = odd_byte(*word) {
            return done + index * 8 + at;
        }
    }
    done + words.len() * 8 + plain_bytes(tail)
}

#[inline]
fn is_odd(byte: u8) -> bool {
    byte < FIRST_PRINTED || byte == b'"' || byte == b'\\'
}

fn plain_bytes(bytes: &[u8]) -> usize {
    bytes.iter().position(|b| is_odd(*b)).unwrap_or(bytes.len())
}

/// Whether no byte of a block is odd: each kind of odd byte makes one of three terms zero. Their minimum is an
/// instruction on every machine's vectors, where three comparisons and their union are several.
#[inline]
fn plain_block(block: &[u8; BLOCK]) -> bool {
    let least = |b: u8| (b ^ b'"').min(b ^ b'\\').min(b.saturating_sub(0x1f));
    block.iter().fold(u8::MAX, |seen, b| seen.min(least(*b))) != 0
}

/// Index of the first odd byte of a word. Borrows only make false marks above a true one, so the lowest is right.
#[inline]
pub(super) fn odd_byte(word: [u8; 8]) -> Option<usize> {
    let word = u64::from_le_bytes(word);
    let zero = |x: u64| x.wrapping_sub(ONES) & !x;
    let quote = zero(word ^ (ONES * 0x22));
    let slash = zero(word ^ (ONES * 0x5c));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let marks = (quote | slash | control) & HIGHS;
    (marks != 0).then(|| marks.trailing_zeros() as usize / 8)
}

/// One decoded escape: the character (U+FFFD for a lone surrogate) and its length in the raw text.
fn escape_at(raw: &[u8]) -> (char, usize) {
    let simple = |c| (c, 2);
    match raw.get(1) {
        Some(b'n') => simple('\n'),
        Some(b't') => simple('\t'),
        Some(b'r') => simple('\r'),
        Some(b'b') => simple('\u{8}'),
        Some(b'f') => simple('\u{c}'),
        Some(b'u') => unicode_at(raw),
        Some(other) if other.is_ascii() => simple(char::from(*other)),
        _ => (char::REPLACEMENT_CHARACTER, 1),
    }
}

fn unicode_at(raw: &[u8]) -> (char, usize) {
    let Some(first) = hex4(raw) else { return (char::REPLACEMENT_CHARACTER, raw.len().min(2)) };
    if let Some(c) = char::from_u32(first) {
        return (c, 6);
    }
    let second = raw.get(6..).filter(|rest| rest.starts_with(b"\\u")).and_then(hex4);
    match (first, second) {
        (0xd800..0xdc00, Some(low @ 0xdc00..0xe000)) => {
            let code = 0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
        }
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

/// The four digits of `\uXXXX`.
fn hex4(raw: &[u8]) -> Option<u32> {
    let digits = raw.get(2..6)?;
    digits.iter().try_fold(0, |code, digit| Some(code * 16 + char::from(*digit).to_digit(16)?))
}

/// Decodes the inside of a JSON string. Lone surrogates become U+FFFD.
#[must_use]
pub fn unescape(raw: &[u8]) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, escaped) = rest.split_at(at);
        text.push_str(&String::from_utf8_lossy(plain));
        let (c, len) = escape_at(escaped);
        text.push(c);
        rest = escaped.get(len..).unwrap_or_default();
    }
    text.push_str(&String::from_utf8_lossy(rest));
    text
}

/// The offset in the raw inside of a string that stands for `decoded` bytes of its decoded text; `None` when
/// that is past its end or inside a character.
#[must_use]
pub fn raw_offset(raw: &[u8], decoded: usize) -> Option<usize> {
    let (mut at, mut seen) = (0, 0);
    while seen < decoded {
        let rest = raw.get(at..)?;
        let near = rest.get(..decoded - seen).unwrap_or(rest);
        let run = memchr::memchr(b'\\', near).unwrap_or(near.len());
        if run > 0 {
            (at, seen) = (at + run, seen + run);
        } else if rest.is_empty() {
            return None;
        } else {
            let (c, len) = escape_at(rest);
            (at, seen) = (at + len, seen + c.len_utf8());
        }
    }
    let boundary = raw.get(at).is_none_or(|b| b & 0xc0 != 0x80);
    (seen == decoded && boundary).then_some(at)
}

/// The raw inside of a string and its decoded text, walked side by side: many offsets cost one pass.
///
/// ```
/// let mut aligned = tollgate_wire::json::Aligned::new(br"a\u0040b");
/// assert_eq!((aligned.raw(1), aligned.raw(2), aligned.raw(3)), (Some(1), Some(7), Some(8)));
/// ```
#[derive(Clone, Debug)]
pub struct Aligned<'r> {
    raw: &'r [u8],
    /// How far both were walked.
    seen: usize,
    at: usize,
}

impl<'r> Aligned<'r> {
    /// At the start of `raw`.
    #[must_use]
    pub const fn new(raw: &'r [u8]) -> Self {
        Self { raw, seen: 0, at: 0 }
    }

    /// The raw offset of a decoded one, as [`raw_offset`]; `None` also when it lies before one that was asked for earlier.
    pub fn raw(&mut self, decoded: usize) -> Option<usize> {
        let step = raw_offset(self.raw.get(self.at..)?, decoded.checked_sub(self.seen)?)?;
        (self.seen, self.at) = (decoded, self.at + step);
        Some(self.at)
    }
}

/// Appends `text` as the inside of a JSON string.
pub fn escape_into(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let (plain, odd) = rest.split_at(plain_run(rest));
        out.extend_from_slice(plain);
        let Some((byte, after)) = odd.split_first() else { return };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
        rest = after;
    }
}

/// `text` as a JSON string with its quotes.
#[must_use]
pub fn quote(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    out.push(b'"');
    escape_into(text, &mut out);
    out.push(b'"');
    out
}
