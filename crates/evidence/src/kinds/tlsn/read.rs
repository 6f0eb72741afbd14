//! The bytes of a presentation: `bincode` with fixed-width, little-endian numbers and 64-bit counts.
//!
//! A count is believed as far as bytes follow: nothing is allocated that a count alone asks for, and the hidden bytes of a
//! transcript are numbers here, never buffers.

use crate::Refusal;
use crate::read::Cursor;

const WHAT: &str = "presentation";
/// Most certificates, extensions, commitments, openings, and ranges of one set.
const CERTIFICATES_MAX: u64 = 8;
const EXTENSIONS_MAX: u64 = 16;
const COMMITMENTS_MAX: u64 = 1024;
const RANGES_MAX: u64 = 1024;
/// Largest transcript of one direction, hidden bytes included.
const TRANSCRIPT_BYTES_MAX: u64 = (1 << 32) - 1;

/// A hash with the number of its algorithm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Typed<'a> {
    pub(super) algorithm: u8,
    pub(super) value: &'a [u8],
}

/// Which way bytes went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    Sent,
    Received,
}

/// Ranges of bytes in rising order, none empty, none touching the next.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Ranges(pub(super) Vec<(u64, u64)>);

/// A hash over parts of the transcript, as the notary signed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Commitment<'a> {
    pub(super) direction: Direction,
    pub(super) ranges: Ranges,
    pub(super) hash: Typed<'a>,
}

/// What opens a commitment.
pub(super) struct Opening<'a> {
    pub(super) direction: Direction,
    pub(super) ranges: Ranges,
    pub(super) algorithm: u8,
    pub(super) blinder: &'a [u8],
}

/// The server's key of one connection, a point of P-256.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ephemeral<'a>(pub(super) &'a [u8]);

/// What the notary signed: the fields of the body in the order of their numbers.
pub(super) struct Body<'a> {
    pub(super) key: Typed<'a>,
    /// Seconds since 1970.
    pub(super) time: u64,
    pub(super) version: u32,
    pub(super) sent: u32,
    pub(super) received: u32,
    pub(super) ephemeral: Ephemeral<'a>,
    pub(super) identity: Typed<'a>,
    pub(super) extensions: Vec<(&'a [u8], &'a [u8])>,
    pub(super) commitments: Vec<Commitment<'a>>,
}

/// Whose server it was: name, certificates and the signature of its handshake.
pub(super) struct Identity<'a> {
    pub(super) name: &'a str,
    pub(super) certificates: Vec<&'a [u8]>,
    pub(super) algorithm: u32,
    pub(super) signature: &'a [u8],
    pub(super) client_random: &'a [u8],
    pub(super) server_random: &'a [u8],
    pub(super) ephemeral: Ephemeral<'a>,
    pub(super) blinder: &'a [u8],
}

/// One direction: the bytes that are shown, and where they stand.
pub(super) struct Side<'a> {
    pub(super) shown: &'a [u8],
    pub(super) ranges: Ranges,
    pub(super) total: u64,
}

/// What is shown of the transcript.
pub(super) struct Transcript<'a> {
    pub(super) sent: Side<'a>,
    pub(super) received: Side<'a>,
    pub(super) openings: Vec<Opening<'a>>,
}

/// All of it.
pub(super) struct Presentation<'a> {
    /// The number of the signature's algorithm, and the signature.
    pub(super) signature: Typed<'a>,
    pub(super) id: &'a [u8],
    pub(super) version: u32,
    pub(super) root: Typed<'a>,
    pub(super) body: Body<'a>,
    pub(super) identity: Option<Identity<'a>>,
    pub(super) transcript: Option<Transcript<'a>>,
}

/// Reads the parts in their order.
struct Reader<'a>(Cursor<'a>);

impl<'a> Reader<'a> {
    fn count(&mut self, most: u64) -> Result<u64, Refusal> {
        let here = self.0.bad("a count is too large");
        Some(self.0.u64_le()?).filter(|count| *count <= most).ok_or(here)
    }

    fn bytes(&mut self) -> Result<&'a [u8], Refusal> {
        let here = self.0.bad("a length is too large");
        let length = usize::try_from(self.0.u64_le()?).map_err(|_| here)?;
        self.0.take(length)
    }

    fn list<T>(
        &mut self,
        most: u64,
        mut one: impl FnMut(&mut Self) -> Result<T, Refusal>,
    ) -> Result<Vec<T>, Refusal> {
        let count = self.count(most)?;
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(one(self)?);
        }
        Ok(all)
    }

    fn option<T>(&mut self, one: impl FnOnce(&mut Self) -> Result<T, Refusal>) -> Result<Option<T>, Refusal> {
        let here = self.0.bad("an option is neither there nor not");
        match self.0.byte()? {
            0 => Ok(None),
            1 => one(self).map(Some),
            _ => Err(here),
        }
    }

    /// A variant's number, which must be this one.
    fn variant(&mut self, known: u32, reason: &'static str) -> Result<(), Refusal> {
        self.0.expect(&known.to_le_bytes(), reason)
    }

    /// A number and bytes.
    fn typed(&mut self) -> Result<Typed<'a>, Refusal> {
        Ok(Typed { algorithm: self.0.byte()?, value: self.bytes()? })
    }

    /// The number of a field, which must be the next.
    fn field(&mut self, next: &mut u32) -> Result<(), Refusal> {
        self.0.expect(&next.to_le_bytes(), "the fields are not numbered one after the other")?;
        *next = next.saturating_add(1);
        Ok(())
    }

    fn direction(&mut self) -> Result<Direction, Refusal> {
        let here = self.0.bad("a direction is neither sent nor received");
        match self.0.u32_le()? {
            0 => Ok(Direction::Sent),
            1 => Ok(Direction::Received),
            _ => Err(here),
        }
    }

    fn ranges(&mut self) -> Result<Ranges, Refusal> {
        let here = self.0.bad("ranges are empty, overlap or do not rise");
        let ranges = self.list(RANGES_MAX, |reader| Ok((reader.0.u64_le()?, reader.0.u64_le()?)))?;
        let rising = ranges.windows(2).all(|pair| matches!(pair, [(_, end), (start, _)] if end < start));
        let whole = ranges.iter().all(|(start, end)| start < end && *end <= TRANSCRIPT_BYTES_MAX);
        if rising && whole { Ok(Ranges(ranges)) } else { Err(here) }
    }

    fn ephemeral(&mut self) -> Result<Ephemeral<'a>, Refusal> {
        self.variant(0, "the key of the connection is not on P-256")?;
        self.bytes().map(Ephemeral)
    }

    fn body(&mut self) -> Result<Body<'a>, Refusal> {
        let mut next = 0;
        self.field(&mut next)?;
        let key = self.typed()?;
        self.field(&mut next)?;
        let (time, version) = (self.0.u64_le()?, self.0.u32_le()?);
        let (sent, received) = (self.0.u32_le()?, self.0.u32_le()?);
        self.field(&mut next)?;
        let ephemeral = self.ephemeral()?;
        self.field(&mut next)?;
        let identity = self.typed()?;
        let extensions = self.list(EXTENSIONS_MAX, |reader| {
            reader.field(&mut next)?;
            Ok((reader.bytes()?, reader.bytes()?))
        })?;
        let commitments = self.list(COMMITMENTS_MAX, |reader| {
            reader.field(&mut next)?;
            reader.variant(0, "a commitment is not a hash of plain text")?;
            Ok(Commitment { direction: reader.direction()?, ranges: reader.ranges()?, hash: reader.typed()? })
        })?;
        // The proof that these fields are in the tree: all are here, so it is their number and no hash beside them.
        let algorithm = self.0.bad("the proof of the body is not of all its fields");
        let _ = self.0.byte()?;
        if self.0.u64_le()? != u64::from(next) || !self.bytes()?.is_empty() {
            return Err(algorithm);
        }
        Ok(Body { key, time, version, sent, received, ephemeral, identity, extensions, commitments })
    }

    fn identity(&mut self) -> Result<Identity<'a>, Refusal> {
        self.variant(0, "the server's name is not of the domain name system")?;
        let here = self.0.bad("the server's name is not text");
        let name = std::str::from_utf8(self.bytes()?).map_err(|_| here)?;
        let certificates = self.list(CERTIFICATES_MAX, Self::bytes)?;
        let (algorithm, signature) = (self.0.u32_le()?, self.bytes()?);
        self.variant(0, "the handshake is not of TLS 1.2")?;
        Ok(Identity {
            name,
            certificates,
            algorithm,
            signature,
            client_random: self.0.take(32)?,
            server_random: self.0.take(32)?,
            ephemeral: self.ephemeral()?,
            blinder: self.0.take(16)?,
        })
    }

    fn transcript(&mut self) -> Result<Transcript<'a>, Refusal> {
        let (sent, received) = (self.bytes()?, self.bytes()?);
        let (sent_ranges, received_ranges) = (self.ranges()?, self.ranges()?);
        let (sent_total, received_total) = (self.0.u64_le()?, self.0.u64_le()?);
        let openings = self.list(COMMITMENTS_MAX, |reader| {
            Ok(Opening {
                direction: reader.direction()?,
                ranges: reader.ranges()?,
                algorithm: reader.0.byte()?,
                blinder: reader.0.take(16)?,
            })
        })?;
        let side = |shown, ranges, total| Side { shown, ranges, total };
        let sent = side(sent, sent_ranges, sent_total);
        let received = side(received, received_ranges, received_total);
        let fits = |side: &Side<'_>| {
            u64::try_from(side.shown.len()).ok() == side.ranges.length() && side.ranges.end() <= side.total
        };
        if fits(&sent) && fits(&received) {
            Ok(Transcript { sent, received, openings })
        } else {
            Err(self.0.bad("the transcript has other bytes than its ranges say"))
        }
    }
}

impl<'a> Presentation<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut reader = Reader(Cursor::new(WHAT, bytes));
        let signature = reader.typed()?;
        let (id, version) = (reader.0.take(16)?, reader.0.u32_le()?);
        let presentation = Self {
            signature,
            id,
            version,
            root: reader.typed()?,
            body: reader.body()?,
            identity: reader.option(Reader::identity)?,
            transcript: reader.option(Reader::transcript)?,
        };
        reader.0.end()?;
        Ok(presentation)
    }
}

impl Ranges {
    /// How many bytes they have; `None` when that is no number.
    fn length(&self) -> Option<u64> {
        self.0.iter().try_fold(0_u64, |sum, (start, end)| sum.checked_add(end.checked_sub(*start)?))
    }

    /// Where the last ends.
    fn end(&self) -> u64 {
        self.0.last().map_or(0, |(_, end)| *end)
    }

    /// All of both.
    pub(super) fn union(&self, other: &Self) -> Self {
        let mut all: Vec<_> = self.0.iter().chain(&other.0).copied().collect();
        all.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (start, end) in all {
            match joined.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => joined.push((start, end)),
            }
        }
        Self(joined)
    }
}

impl<'a> Side<'a> {
    /// The shown bytes of a range; `None` when one of them is hidden.
    pub(super) fn slice(&self, start: u64, end: u64) -> Option<&'a [u8]> {
        let mut before = 0_u64;
        for (from, until) in &self.ranges.0 {
            if *from <= start && end <= *until {
                let offset = before.checked_add(start.checked_sub(*from)?)?;
                let length = end.checked_sub(start)?;
                let (offset, length) = (usize::try_from(offset).ok()?, usize::try_from(length).ok()?);
                return self.shown.get(offset..offset.checked_add(length)?);
            }
            before = before.checked_add(until.checked_sub(*from)?)?;
        }
        None
    }

    /// How many bytes are hidden.
    pub(super) fn hidden(&self) -> u64 {
        self.total.saturating_sub(self.ranges.length().unwrap_or(0))
    }

    /// What is shown without a gap from the first byte on.
    pub(super) fn front(&self) -> &'a [u8] {
        match self.ranges.0.first() {
            Some((0, end)) => self.slice(0, *end).unwrap_or_default(),
            _ => &[],
        }
    }
}
