//! Scalars: words and numbers.

use super::flaw::{Flaw, Problem};
use super::scan::{Kind, Scanner};

impl Scanner<'_> {
    pub(super) fn literal(&mut self, word: &'static [u8]) -> Result<bool, Flaw> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            return Ok(false);
        }
        Err(self.grammar("an unknown word; JSON has true, false and null"))
    }

    fn digits(&mut self, fix: &'static str) -> Result<(), Flaw> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        if self.at == start { Err(self.grammar(fix)) } else { Ok(()) }
    }

    pub(super) fn number(&mut self) -> Result<(), Flaw> {
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        if self.byte() == Some(b'0') {
            self.at += 1;
            if let Some(b'0'..=b'9') = self.byte() {
                return Err(self.grammar("a number has no leading zero"));
            }
        } else {
            self.digits("a digit should stand here")?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits("a digit should follow the decimal point")?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits("a digit should stand in the exponent")?;
        }
        Ok(())
    }

    /// Reads `true` or `false`.
    ///
    /// # Errors
    /// When the next value is neither.
    pub fn boolean(&mut self) -> Result<bool, Flaw> {
        if self.kind()? != Kind::Bool {
            return Err(self.flaw(Problem::Want("true or false")));
        }
        let value = self.byte() == Some(b't');
        self.literal(if value { b"true" } else { b"false" })?;
        Ok(value)
    }

    /// Reads a whole number of at least 0; `allowed` is what the error says should stand here.
    ///
    /// # Errors
    /// When the next value is anything else, or does not fit 64 bits.
    pub fn unsigned(&mut self, allowed: &'static str) -> Result<u64, Flaw> {
        let start = self.start();
        let want = self.flaw(Problem::Want(allowed));
        if self.kind()? != Kind::Number {
            return Err(want);
        }
        self.number()?;
        let text = self.bytes.get(start..self.at).and_then(|b| std::str::from_utf8(b).ok());
        text.and_then(|t| t.parse().ok()).ok_or(want)
    }

    /// Skips a `null` when one comes next.
    ///
    /// # Errors
    /// When no value starts here.
    pub fn null(&mut self) -> Result<bool, Flaw> {
        if self.kind()? != Kind::Null {
            return Ok(false);
        }
        self.literal(b"null").map(|_| true)
    }
}
