//! Structured field values (RFC 8941, with the dates of RFC 9651): read strictly, written in their one canonical form.
//!
//! A key that stands twice is refused, where the RFC lets the last one win: two readers must never see two different values.
//! Text is bounded by [`FIELD_BYTES_MAX`], lists by [`MEMBERS_MAX`]; nesting is at most a list in a list by the grammar.

mod parse;
mod write;

pub use parse::{dictionary, item, list};

/// Longest field that is read, in bytes.
pub const FIELD_BYTES_MAX: usize = 32 * 1_024;
/// Most members of a list or dictionary, and most parameters of one item.
pub const MEMBERS_MAX: usize = 256;

/// A value without its parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Bare {
    /// Up to 15 digits.
    Integer(i64),
    /// In thousandths; up to 12 digits before the point.
    Decimal(i64),
    /// Visible ASCII and spaces.
    Text(String),
    /// A word without quotes.
    Token(String),
    /// Bytes, as base64 between colons.
    Bytes(Vec<u8>),
    /// `?0` or `?1`.
    Boolean(bool),
    /// Seconds since 1970, after `@`.
    Date(i64),
}

impl Bare {
    /// The text, of a text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, of an integer.
    #[must_use]
    pub const fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The bytes, of bytes.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// Parameters in their order; each name once.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Params(pub Vec<(String, Bare)>);

impl Params {
    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Bare> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// A value with its parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// The value.
    pub value: Bare,
    /// Its parameters.
    pub params: Params,
}

/// A list in parentheses with its parameters.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct InnerList {
    /// Its items.
    pub items: Vec<Item>,
    /// The parameters of the list itself.
    pub params: Params,
}

/// A member of a list or dictionary.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Member {
    /// One value.
    Item(Item),
    /// Several.
    Inner(InnerList),
}

/// Members with their keys, in their order; each key once.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Dictionary(pub Vec<(String, Member)>);

impl Dictionary {
    /// The member of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Member> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, member)| member)
    }
}

/// A list of members.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct List(pub Vec<Member>);

/// What is wrong with a field, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("at byte {at}: expected {wanted}")]
pub struct SfvError {
    /// Offset in the field.
    pub at: usize,
    /// What should be there.
    pub wanted: &'static str,
}

#[cfg(test)]
mod tests;
