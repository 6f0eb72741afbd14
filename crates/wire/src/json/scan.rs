//! The scanner: a pull reader over bytes.

use super::flaw::{Flaw, Problem};
use super::text::{odd_byte, string_run};
use super::{DEPTH_MAX, locate};
use crate::WireError;
use crate::view::{Span, TextSpan};
use std::borrow::Cow;

/// Words of eight bytes in which the end of a string is looked for one by one.
const SHORT_WORDS: usize = 3;

/// What kind of value comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `{`.
    Object,
    /// `[`.
    Array,
    /// `"`.
    String,
    /// A digit or a minus sign.
    Number,
    /// `true` or `false`.
    Bool,
    /// `null`.
    Null,
}

/// A position in a JSON text that only moves forward over what it has checked.
///
/// The caller pulls: [`Scanner::enter_object`] and [`Scanner::next_key`], [`Scanner::enter_array`] and
/// [`Scanner::next_element`], [`Scanner::string`], or [`Scanner::skip`] for any value whole.
#[derive(Debug)]
pub struct Scanner<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    /// Bit `n` tells whether level `n` is an object.
    objects: u128,
    depth: u8,
    limit: u8,
    /// Whether the innermost container was just entered, so that no comma is due.
    fresh: bool,
}

impl<'a> Scanner<'a> {
    /// A scanner at the start of `bytes`, which are checked to be UTF-8 here, once.
    ///
    /// # Errors
    /// [`WireError::Syntax`] for a byte order mark or bad UTF-8, [`WireError::TooLarge`] past 4 GiB.
    pub fn new(bytes: &'a [u8], depth: u8) -> Result<Self, WireError> {
        if u32::try_from(bytes.len()).is_err() {
            let size = bytes.len() as u64;
            return Err(WireError::TooLarge { what: "the JSON text in bytes".into(), size, limit: 1 << 32 });
        }
        if bytes.starts_with(b"\xef\xbb\xbf") {
            let problem = "it starts with a byte order mark; send UTF-8 without one".into();
            return Err(WireError::Syntax { place: locate(bytes, 0), problem });
        }
        if simdutf8::basic::from_utf8(bytes).is_err() {
            let good = std::str::from_utf8(bytes).map_or_else(|e| e.valid_up_to(), str::len);
            let problem = "this byte is not UTF-8; encode the text as UTF-8".into();
            return Err(WireError::Syntax { place: locate(bytes, good), problem });
        }
        Ok(Self::trusted(bytes, depth))
    }

    /// A scanner over bytes that are known to be UTF-8 or whose strings are not shown to anybody.
    pub(crate) fn trusted(bytes: &'a [u8], depth: u8) -> Self {
        Self { bytes, at: 0, objects: 0, depth: 0, limit: depth.min(DEPTH_MAX), fresh: false }
    }

    /// A second scanner at the same position.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { ..*self }
    }

    /// A problem with the next byte.
    #[must_use]
    pub fn flaw(&self, problem: Problem) -> Flaw {
        Flaw { offset: u32::try_from(self.at).unwrap_or(u32::MAX), problem }
    }

    pub(super) fn grammar(&self, fix: &'static str) -> Flaw {
        let ended = self.at >= self.bytes.len();
        self.flaw(Problem::Grammar(if ended {
            "the text ends here; finish the value and close every string, array and object"
        } else {
            fix
        }))
    }

    #[inline]
    pub(super) fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
    }

    fn span(&self, start: usize) -> Span {
        let cast = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span { start: cast(start), end: cast(self.at) }
    }

    /// Offset of the next value, white space skipped.
    #[inline]
    pub fn start(&mut self) -> usize {
        self.space();
        self.at
    }

    /// Everything from `start` (see [`Scanner::start`]) to here.
    #[must_use]
    pub fn since(&self, start: usize) -> Span {
        self.span(start)
    }

    /// The kind of the next value, judged by its first byte.
    ///
    /// # Errors
    /// When no value starts here.
    #[inline]
    pub fn kind(&mut self) -> Result<Kind, Flaw> {
        self.space();
        match self.byte() {
            Some(b'"') => Ok(Kind::String),
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'n') => Ok(Kind::Null),
            _ => Err(self
                .grammar("a value should stand here: an object, array, string, number, true, false or null")),
        }
    }

    fn open(&mut self, object: bool) -> Result<(), Flaw> {
        if self.depth >= self.limit {
            return Err(self.flaw(Problem::Depth(self.limit)));
        }
        let bit = 1u128 << self.depth;
        self.objects = if object { self.objects | bit } else { self.objects & !bit };
        self.depth += 1;
        self.at += 1;
        self.fresh = true;
        Ok(())
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.at += 1;
        self.fresh = false;
    }

    fn in_object(&self) -> bool {
        self.depth > 0 && self.objects >> (self.depth - 1) & 1 == 1
    }

    /// Enters an object; [`Scanner::next_key`] then walks it.
    ///
    /// # Errors
    /// When the next value is not an object or too deep.
    pub fn enter_object(&mut self) -> Result<(), Flaw> {
        match self.kind()? {
            Kind::Object => self.open(true),
            _ => Err(self.flaw(Problem::Want("an object"))),
        }
    }

    /// Enters an array; [`Scanner::next_element`] then walks it.
    ///
    /// # Errors
    /// When the next value is not an array or too deep.
    pub fn enter_array(&mut self) -> Result<(), Flaw> {
        match self.kind()? {
            Kind::Array => self.open(false),
            _ => Err(self.flaw(Problem::Want("an array"))),
        }
    }

    /// The next key of the entered object, leaving the scanner at its value; `None` leaves the object.
    ///
    /// # Errors
    /// A grammar error.
    #[inline]
    pub fn next_key(&mut self) -> Result<Option<TextSpan>, Flaw> {
        self.space();
        match self.byte() {
            Some(b'}') => {
                self.close();
                return Ok(None);
            }
            Some(b',') if !self.fresh => self.at += 1,
            _ if self.fresh => {}
            _ => return Err(self.grammar("a comma or } should stand here")),
        }
        self.fresh = false;
        self.key().map(Some)
    }

    fn key(&mut self) -> Result<TextSpan, Flaw> {
        self.space();
        if self.byte() != Some(b'"') {
            return Err(self.grammar("a key in double quotes should stand here (no comma before })"));
        }
        let key = self.quoted()?;
        self.space();
        if self.byte() != Some(b':') {
            return Err(self.grammar("a colon should stand between key and value"));
        }
        self.at += 1;
        Ok(key)
    }

    /// Whether the entered array has another element, which comes next; `false` leaves the array.
    ///
    /// # Errors
    /// A grammar error.
    #[inline]
    pub fn next_element(&mut self) -> Result<bool, Flaw> {
        self.space();
        match self.byte() {
            Some(b']') => {
                self.close();
                return Ok(false);
            }
            Some(b',') if !self.fresh => self.at += 1,
            _ if self.fresh => {}
            _ => return Err(self.grammar("a comma or ] should stand here")),
        }
        self.fresh = false;
        self.kind().map(|_| true)
    }

    /// Reads a string.
    ///
    /// # Errors
    /// When the next value is not a string.
    pub fn string(&mut self) -> Result<TextSpan, Flaw> {
        match self.kind()? {
            Kind::String => self.quoted(),
            _ => Err(self.flaw(Problem::Want("a string"))),
        }
    }

    /// A string from its quote on. Keys and words mostly end within a few words of eight bytes: those are found at once.
    #[inline]
    fn quoted(&mut self) -> Result<TextSpan, Flaw> {
        self.at += 1;
        let start = self.at;
        for _ in 0..SHORT_WORDS {
            let Some(word) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<8>) else { break };
            let Some(length) = odd_byte(*word) else {
                self.at += word.len();
                continue;
            };
            self.at += length;
            if self.byte() == Some(b'"') {
                let span = self.span(start);
                self.at += 1;
                return Ok(TextSpan { span, escaped: false });
            }
            break;
        }
        self.quoted_from(start)
    }

    fn quoted_from(&mut self, start: usize) -> Result<TextSpan, Flaw> {
        let mut escaped = false;
        loop {
            self.at += string_run(self.bytes.get(self.at..).unwrap_or_default());
            match self.byte() {
                Some(b'"') => {
                    let span = self.span(start);
                    self.at += 1;
                    return Ok(TextSpan { span, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => {
                    return Err(
                        self.grammar(r"a control character in a string; write it as \n, \t or \u00XX")
                    );
                }
            }
        }
    }

    fn escape(&mut self) -> Result<(), Flaw> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 2..self.at + 6).unwrap_or_default();
                if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(self.grammar(r"\u needs four hexadecimal digits"));
                }
                self.at += 6;
            }
            _ => return Err(self.grammar(r#"an unknown escape; JSON has \" \\ \/ \b \f \n \r \t \uXXXX"#)),
        }
        Ok(())
    }

    /// Skips any value, checking it whole; its span.
    ///
    /// # Errors
    /// A grammar error.
    pub fn skip(&mut self) -> Result<Span, Flaw> {
        self.space();
        let start = self.at;
        let base = self.depth;
        loop {
            let opened = match self.kind()? {
                Kind::Object => self.open(true).map(|()| true)?,
                Kind::Array => self.open(false).map(|()| true)?,
                Kind::String => self.quoted().map(|_| false)?,
                Kind::Number => self.number().map(|()| false)?,
                Kind::Bool if self.byte() == Some(b't') => self.literal(b"true")?,
                Kind::Bool => self.literal(b"false")?,
                Kind::Null => self.literal(b"null")?,
            };
            if !opened && self.depth == base {
                return Ok(self.span(start));
            }
            // Past a value or into a container: the walkers find the next value or close levels.
            loop {
                let more = if self.in_object() { self.next_key()?.is_some() } else { self.next_element()? };
                if more {
                    break;
                }
                if self.depth == base {
                    return Ok(self.span(start));
                }
            }
        }
    }

    /// The bytes of a span.
    pub(crate) fn raw(&self, span: Span) -> &'a [u8] {
        self.bytes.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// The bytes of a key or name, decoded when it holds escapes.
    #[must_use]
    pub fn name(&self, text: TextSpan) -> Cow<'a, [u8]> {
        let raw = self.raw(text.span);
        if text.escaped { Cow::Owned(super::unescape(raw).into_bytes()) } else { Cow::Borrowed(raw) }
    }

    /// Checks that nothing but white space follows.
    ///
    /// # Errors
    /// A grammar error.
    pub fn finish(&mut self) -> Result<(), Flaw> {
        self.space();
        if self.at < self.bytes.len() {
            return Err(self.grammar("the value ends before this; one value is allowed"));
        }
        Ok(())
    }
}
