//! JSON that was signed: strict, exact, and with one canonical form.
//!
//! A name stands once in its object, a number keeps its digits, nesting is bounded. [`Json::canonical`] is RFC 8785 for what
//! our own objects may hold: whole numbers up to 2^53 - 1, no fractions.
//!
//! ```
//! use tollgate_pay::json::Json;
//! let json = Json::parse(br#"{"b": 1, "a": ["x"]}"#)?;
//! assert_eq!(json.canonical()?, r#"{"a":["x"],"b":1}"#);
//! assert!(Json::parse(br#"{"a": 1, "a": 2}"#).is_err());
//! # Ok::<(), tollgate_pay::PayError>(())
//! ```

mod data;
mod number;

use crate::PayError;
use std::collections::BTreeMap;
use tollgate_wire::json::{Flaw, Kind, Scanner};
use tollgate_wire::view::TextSpan;

/// Deepest nesting of signed JSON.
const DEPTH_MAX: u8 = 32;
/// Largest whole number that every JSON reader holds exactly (RFC 8259, section 6).
const EXACT_MAX: u64 = (1 << 53) - 1;

/// A JSON value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it was written.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Self>),
    /// An object.
    Map(BTreeMap<String, Self>),
}

/// The serialisation of plain data: what is hashed, signed and stored.
///
/// It cannot fail, as our data has no maps with other keys than text and memory takes all bytes. Were it to, this stops the
/// program: an empty text under a signature would be worse.
#[must_use]
pub fn plain<T: serde::Serialize + ?Sized>(data: &T) -> Vec<u8> {
    match serde_json::to_vec(data) {
        Ok(bytes) => bytes,
        Err(error) => unreachable!("data that is not plain: {error}"),
    }
}

/// As [`plain`], as text.
#[must_use]
pub fn plain_text<T: serde::Serialize + ?Sized>(data: &T) -> String {
    match serde_json::to_string(data) {
        Ok(text) => text,
        Err(error) => unreachable!("data that is not plain: {error}"),
    }
}

/// Reads data whose text is signed or hashed: only what its canonical form says.
///
/// # Errors
/// [`PayError::Bad`] for other fields, and for data whose canonical form is not that of the JSON.
pub fn read<T: serde::Serialize + serde::de::DeserializeOwned>(
    what: &'static str,
    json: &Json,
) -> Result<T, PayError> {
    let canonical = json.canonical()?;
    let data: T = serde_json::from_str(&canonical)
        .map_err(|error| PayError::bad(what, &error.to_string(), "an object of this form"))?;
    let again = plain_text(&data);
    if again == canonical {
        return Ok(data);
    }
    let differs = again.bytes().zip(canonical.bytes()).position(|(a, b)| a != b).unwrap_or(0);
    let near: String = canonical.chars().skip(differs.saturating_sub(20)).take(60).collect();
    Err(PayError::bad(what, &near, "written in its one canonical spelling"))
}

impl Json {
    /// Reads one JSON text.
    ///
    /// # Errors
    /// [`PayError::Bad`] with the place, when it is not JSON, nests deeper than 32 levels, repeats a name or has half of a
    /// surrogate pair.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayError> {
        let bad =
            |reason: String| PayError::bad("signed JSON", &reason, "strict JSON without repeated names");
        let mut scan = Scanner::new(bytes, DEPTH_MAX).map_err(|error| bad(error.to_string()))?;
        let value =
            parsed(&mut scan, bytes).and_then(|value| scan.finish().map(|()| value).map_err(Stop::Flaw));
        value.map_err(|stop| match stop {
            Stop::Flaw(flaw) => bad(flaw.explain(bytes).to_string()),
            Stop::Repeated(name) => bad(format!("the name {name:?} stands twice")),
            Stop::Broken => bad("a string has half of a surrogate pair".into()),
        })
    }

    /// Whether it nests no deeper than what [`Json::parse`] reads.
    #[must_use]
    pub(crate) fn is_readable(&self) -> bool {
        fn within(json: &Json, levels: u8) -> bool {
            let inner = |json: &Json| levels.checked_sub(1).is_some_and(|levels| within(json, levels));
            match json {
                Json::List(items) => levels > 0 && items.iter().all(inner),
                Json::Map(members) => levels > 0 && members.values().all(inner),
                _ => true,
            }
        }
        within(self, DEPTH_MAX)
    }

    /// The member of an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(members) => members.get(name),
            _ => None,
        }
    }

    /// The string.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number; `None` for a fraction, an exponent, or one beyond 128 bits.
    #[must_use]
    pub fn integer(&self) -> Option<i128> {
        match self {
            Self::Number(digits) => digits.parse().ok(),
            _ => None,
        }
    }

    /// The elements of an array.
    #[must_use]
    pub fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The canonical form (RFC 8785), which is what digests of our own objects are over.
    ///
    /// # Errors
    /// [`PayError::Bad`] for a fraction or a number beyond 2^53 - 1: signed objects have none.
    pub fn canonical(&self) -> Result<String, PayError> {
        self.spell(whole)
    }

    /// The canonical form of what others made: fractions and exponents too, as long as a double keeps them exactly.
    ///
    /// # Errors
    /// [`PayError::Bad`] for a number that a double would round.
    pub fn canonical_foreign(&self) -> Result<String, PayError> {
        self.spell(|digits| {
            let wanted = "a number that a double keeps exactly";
            number::canonical(digits).ok_or_else(|| PayError::bad("number", digits, wanted))
        })
    }

    fn spell(&self, number: fn(&str) -> Result<String, PayError>) -> Result<String, PayError> {
        let mut out = Vec::new();
        self.write(&mut out, number)?;
        Ok(String::from_utf8(out).unwrap_or_default())
    }

    fn write(&self, out: &mut Vec<u8>, number: fn(&str) -> Result<String, PayError>) -> Result<(), PayError> {
        match self {
            Self::Null => out.extend(b"null"),
            Self::Bool(value) => out.extend(if *value { b"true".as_slice() } else { b"false" }),
            Self::Number(digits) => out.extend_from_slice(number(digits)?.as_bytes()),
            Self::Text(text) => quote(text, out),
            Self::List(items) => {
                out.push(b'[');
                for (n, item) in items.iter().enumerate() {
                    if n > 0 {
                        out.push(b',');
                    }
                    item.write(out, number)?;
                }
                out.push(b']');
            }
            Self::Map(members) => {
                out.push(b'{');
                let mut first = true;
                in_order(members, |name, value| {
                    if !std::mem::take(&mut first) {
                        out.push(b',');
                    }
                    quote(name, out);
                    out.push(b':');
                    value.write(out, number)
                })?;
                out.push(b'}');
            }
        }
        Ok(())
    }
}

fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    tollgate_wire::json::escape_into(text, out);
    out.push(b'"');
}

/// Visits members in the order of RFC 8785: by UTF-16 code units, which differs from UTF-8 beyond the basic plane, that is only
/// where a name has a byte from 0xf0 on.
fn in_order<E>(
    members: &BTreeMap<String, Json>,
    mut visit: impl FnMut(&String, &Json) -> Result<(), E>,
) -> Result<(), E> {
    if members.keys().all(|name| name.bytes().all(|byte| byte < 0xf0)) {
        return members.iter().try_for_each(|(name, value)| visit(name, value));
    }
    let mut names: Vec<_> = members.iter().collect();
    names.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    names.into_iter().try_for_each(|(name, value)| visit(name, value))
}

/// The one spelling of a whole number.
fn whole(digits: &str) -> Result<String, PayError> {
    let number = digits.parse::<i64>().ok().filter(|number| number.unsigned_abs() <= EXACT_MAX);
    let number =
        number.ok_or_else(|| PayError::bad("number", digits, "a whole number of at most 2^53 - 1"))?;
    Ok(number.to_string())
}

enum Stop {
    Flaw(Flaw),
    Repeated(String),
    Broken,
}

impl From<Flaw> for Stop {
    fn from(flaw: Flaw) -> Self {
        Self::Flaw(flaw)
    }
}

/// Half of a surrogate pair decodes to U+FFFD, which nobody writes as an escape with good reason.
fn string(scan: &Scanner<'_>, text: TextSpan) -> Result<String, Stop> {
    let decoded = String::from_utf8_lossy(&scan.name(text)).into_owned();
    if text.escaped && decoded.contains('\u{fffd}') { Err(Stop::Broken) } else { Ok(decoded) }
}

/// Recursion is bounded by the scanner's depth.
fn parsed(scan: &mut Scanner<'_>, bytes: &[u8]) -> Result<Json, Stop> {
    match scan.kind()? {
        Kind::Object => {
            scan.enter_object()?;
            let mut members = BTreeMap::new();
            while let Some(key) = scan.next_key()? {
                let name = string(scan, key)?;
                let value = parsed(scan, bytes)?;
                if members.contains_key(&name) {
                    return Err(Stop::Repeated(name));
                }
                members.insert(name, value);
            }
            Ok(Json::Map(members))
        }
        Kind::Array => {
            scan.enter_array()?;
            let mut items = Vec::new();
            while scan.next_element()? {
                items.push(parsed(scan, bytes)?);
            }
            Ok(Json::List(items))
        }
        Kind::String => {
            let text = scan.string()?;
            string(scan, text).map(Json::Text)
        }
        Kind::Number => {
            let span = scan.skip()?;
            let range = usize::try_from(span.start).ok().zip(usize::try_from(span.end).ok());
            let digits = range.and_then(|(start, end)| bytes.get(start..end)).unwrap_or_default();
            Ok(Json::Number(String::from_utf8_lossy(digits).into_owned()))
        }
        Kind::Bool => Ok(Json::Bool(scan.boolean()?)),
        Kind::Null => scan.null().map(|_| Json::Null).map_err(Stop::Flaw),
    }
}
