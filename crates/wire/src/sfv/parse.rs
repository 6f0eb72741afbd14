//! The parser: section 4.2 of RFC 8941, one function for each algorithm.

use super::{
    Bare, Dictionary, FIELD_BYTES_MAX, InnerList, Item, List, MEMBERS_MAX, Member, Params, SfvError,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Reads a dictionary.
///
/// # Errors
/// [`SfvError`].
pub fn dictionary(field: &str) -> Result<Dictionary, SfvError> {
    let mut parser = Parser::new(field)?;
    let mut members = Vec::new();
    parser.members(|parser| {
        let key = parser.key()?;
        let member = if parser.eat(b'=') {
            parser.member()?
        } else {
            Member::Item(Item { value: Bare::Boolean(true), params: parser.params()? })
        };
        parser.push(&mut members, key, member)
    })?;
    Ok(Dictionary(members))
}

/// Reads a list.
///
/// # Errors
/// [`SfvError`].
pub fn list(field: &str) -> Result<List, SfvError> {
    let mut parser = Parser::new(field)?;
    let mut members = Vec::new();
    parser.members(|parser| {
        members.push(parser.member()?);
        parser.bounded(members.len())
    })?;
    Ok(List(members))
}

/// Reads one item.
///
/// # Errors
/// [`SfvError`].
pub fn item(field: &str) -> Result<Item, SfvError> {
    let mut parser = Parser::new(field)?;
    let item = parser.item()?;
    parser.spaces();
    if parser.peek().is_some() { Err(parser.wanted("the end of the field")) } else { Ok(item) }
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Whether a byte may begin a key.
const fn begins_key(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte == b'*'
}

/// Whether a byte may stand in a key.
pub(super) const fn in_key(byte: u8) -> bool {
    begins_key(byte) || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.')
}

/// Whether a byte may stand in a token.
pub(super) const fn in_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || is_token_mark(byte) || matches!(byte, b':' | b'/')
}

/// The marks of RFC 9110's `tchar`.
const fn is_token_mark(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#'
            | b'$'
            | b'%'
            | b'&'
            | b'\''
            | b'*'
            | b'+'
            | b'-'
            | b'.'
            | b'^'
            | b'_'
            | b'`'
            | b'|'
            | b'~'
    )
}

impl<'a> Parser<'a> {
    fn new(field: &'a str) -> Result<Self, SfvError> {
        let mut parser = Self { bytes: field.as_bytes(), at: 0 };
        if field.len() > FIELD_BYTES_MAX {
            return Err(parser.wanted("a field of at most 32 KiB"));
        }
        parser.spaces();
        Ok(parser)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn wanted(&self, wanted: &'static str) -> SfvError {
        SfvError { at: self.at, wanted }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn spaces(&mut self) {
        while self.eat(b' ') {}
    }

    /// The longest run of bytes that fit, as text; they are all ASCII.
    fn run(&mut self, fits: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| !fits(*byte)).unwrap_or(rest.len());
        self.at += length;
        std::str::from_utf8(rest.get(..length).unwrap_or_default()).unwrap_or_default()
    }

    fn bounded(&self, length: usize) -> Result<(), SfvError> {
        if length > MEMBERS_MAX { Err(self.wanted("at most 256 members")) } else { Ok(()) }
    }

    /// Adds what has a key that did not stand before.
    fn push<T>(&self, all: &mut Vec<(String, T)>, key: &str, value: T) -> Result<(), SfvError> {
        if all.iter().any(|(known, _)| known == key) {
            return Err(self.wanted("each key once"));
        }
        all.push((key.to_owned(), value));
        self.bounded(all.len())
    }

    /// Members between commas, until the end.
    fn members(&mut self, mut one: impl FnMut(&mut Self) -> Result<(), SfvError>) -> Result<(), SfvError> {
        let blank = |parser: &mut Self| while parser.eat(b' ') || parser.eat(b'\t') {};
        while self.peek().is_some() {
            one(self)?;
            blank(self);
            if self.peek().is_none() {
                return Ok(());
            }
            if !self.eat(b',') {
                return Err(self.wanted("a comma"));
            }
            blank(self);
            if self.peek().is_none() {
                return Err(self.wanted("a member after the comma"));
            }
        }
        Ok(())
    }

    fn key(&mut self) -> Result<&'a str, SfvError> {
        if self.peek().is_some_and(begins_key) {
            return Ok(self.run(in_key));
        }
        Err(self.wanted("a key: a lower-case letter or * first"))
    }

    fn params(&mut self) -> Result<Params, SfvError> {
        let mut params = Vec::new();
        while self.eat(b';') {
            self.spaces();
            let key = self.key()?;
            let value = if self.eat(b'=') { self.bare()? } else { Bare::Boolean(true) };
            self.push(&mut params, key, value)?;
        }
        Ok(Params(params))
    }

    fn member(&mut self) -> Result<Member, SfvError> {
        if self.peek() != Some(b'(') {
            return self.item().map(Member::Item);
        }
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.spaces();
            if self.eat(b')') {
                return Ok(Member::Inner(InnerList { items, params: self.params()? }));
            }
            items.push(self.item()?);
            self.bounded(items.len())?;
            if !matches!(self.peek(), Some(b' ' | b')')) {
                return Err(self.wanted("a space or )"));
            }
        }
    }

    fn item(&mut self) -> Result<Item, SfvError> {
        Ok(Item { value: self.bare()?, params: self.params()? })
    }

    fn bare(&mut self) -> Result<Bare, SfvError> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'"') => self.text(),
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'*' => {
                Ok(Bare::Token(self.run(in_token).into()))
            }
            Some(b':') => self.binary(),
            Some(b'?') => {
                self.at += 1;
                match (self.eat(b'1'), self.peek()) {
                    (true, _) => Ok(Bare::Boolean(true)),
                    (false, Some(b'0')) => {
                        self.at += 1;
                        Ok(Bare::Boolean(false))
                    }
                    _ => Err(self.wanted("0 or 1")),
                }
            }
            Some(b'@') => {
                self.at += 1;
                match self.number()? {
                    Bare::Integer(seconds) => Ok(Bare::Date(seconds)),
                    _ => Err(self.wanted("whole seconds")),
                }
            }
            _ => Err(self.wanted("a value")),
        }
    }

    fn number(&mut self) -> Result<Bare, SfvError> {
        let sign = if self.eat(b'-') { -1 } else { 1 };
        let whole = self.run(|byte| byte.is_ascii_digit());
        let digits = |text: &str, most: usize| match text.len() {
            n if (1..=most).contains(&n) => text.parse::<i64>().ok(),
            _ => None,
        };
        if !self.eat(b'.') {
            let number = digits(whole, 15).ok_or_else(|| self.wanted("1 to 15 digits"))?;
            return Ok(Bare::Integer(sign * number));
        }
        let whole = digits(whole, 12).ok_or_else(|| self.wanted("1 to 12 digits before the point"))?;
        let part = self.run(|byte| byte.is_ascii_digit());
        let read = digits(part, 3).ok_or_else(|| self.wanted("1 to 3 digits after the point"))?;
        let scale = [0, 100, 10, 1].get(part.len()).copied().unwrap_or_default();
        Ok(Bare::Decimal(sign * (whole * 1_000 + read * scale)))
    }

    fn text(&mut self) -> Result<Bare, SfvError> {
        self.at += 1;
        let mut text = String::new();
        loop {
            text.push_str(self.run(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')));
            if self.eat(b'"') {
                return Ok(Bare::Text(text));
            }
            if !self.eat(b'\\') {
                return Err(self.wanted("visible ASCII, and \" at the end"));
            }
            match self.peek() {
                Some(byte @ (b'"' | b'\\')) => text.push(char::from(byte)),
                _ => return Err(self.wanted("\" or \\ after \\")),
            }
            self.at += 1;
        }
    }

    fn binary(&mut self) -> Result<Bare, SfvError> {
        self.at += 1;
        let coded = self.run(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
        let bytes = STANDARD.decode(coded).map_err(|_| self.wanted("base64 with its padding"))?;
        if self.eat(b':') { Ok(Bare::Bytes(bytes)) } else { Err(self.wanted(": after the base64")) }
    }
}
