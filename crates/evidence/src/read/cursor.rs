//! Bytes from front to back.

use crate::Refusal;

/// A place in bytes. Every reading moves it and fails at the end, never beyond.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    what: &'static str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the front; `what` names the bytes in refusals.
    pub(crate) const fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, bytes, at: 0 }
    }

    /// How far it is.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// What was not read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// What was read since `from`.
    pub(crate) fn since(&self, from: usize) -> &'a [u8] {
        self.bytes.get(from..self.at).unwrap_or_default()
    }

    /// A refusal at this place.
    pub(crate) const fn bad(&self, reason: &'static str) -> Refusal {
        Refusal::Malformed { what: self.what, at: self.at, reason }
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Refusal> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end).map(|taken| (end, taken)));
        let (end, taken) = taken.ok_or_else(|| self.bad("it ends too early"))?;
        self.at = end;
        Ok(taken)
    }

    /// The next bytes, as many as the array has.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| self.bad("it ends too early"))
    }

    /// One byte.
    pub(crate) fn byte(&mut self) -> Result<u8, Refusal> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Two bytes, little end first.
    pub(crate) fn u16_le(&mut self) -> Result<u16, Refusal> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes, little end first.
    pub(crate) fn u32_le(&mut self) -> Result<u32, Refusal> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes, little end first.
    pub(crate) fn u64_le(&mut self) -> Result<u64, Refusal> {
        self.array().map(u64::from_le_bytes)
    }

    /// As many bytes as the little-endian number in front of them says.
    pub(crate) fn counted_u16(&mut self) -> Result<&'a [u8], Refusal> {
        let count = self.u16_le()?;
        self.take(usize::from(count))
    }

    /// As [`Self::counted_u16`], with the number's big end first.
    pub(crate) fn counted_u16_be(&mut self) -> Result<&'a [u8], Refusal> {
        let count = self.array().map(u16::from_be_bytes)?;
        self.take(usize::from(count))
    }

    /// As [`Self::counted_u16`], with four bytes of number.
    pub(crate) fn counted_u32(&mut self) -> Result<&'a [u8], Refusal> {
        let count = usize::try_from(self.u32_le()?).map_err(|_| self.bad("a length is too large"))?;
        self.take(count)
    }

    /// Refuses unless the next bytes are these.
    pub(crate) fn expect(&mut self, bytes: &[u8], reason: &'static str) -> Result<(), Refusal> {
        let here = self.bad(reason);
        if self.take(bytes.len())? == bytes { Ok(()) } else { Err(here) }
    }

    /// Refuses bytes that nobody read.
    pub(crate) fn end(&self) -> Result<(), Refusal> {
        if self.rest().is_empty() { Ok(()) } else { Err(self.bad("more bytes follow")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_beyond_the_end() {
        let mut cursor = Cursor::new("test", &[2, 0, 7, 8, 9]);
        assert_eq!(cursor.counted_u16().unwrap(), [7, 8]);
        assert!(cursor.end().is_err());
        assert!(cursor.u16_le().is_err());
        assert_eq!(cursor.byte().unwrap(), 9);
        cursor.end().unwrap();
        let mut huge = Cursor::new("test", &[0xff; 6]);
        assert!(huge.counted_u32().is_err());
        assert!(Cursor::new("test", &[1]).take(usize::MAX).is_err());
    }
}
