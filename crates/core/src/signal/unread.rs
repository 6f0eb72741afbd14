//! Kinds of content that a request sends and that nothing here reads as words.
//!
//! What is not read may say anything: a policy that looks for words can only find them in the rest. So a request is
//! asked for what of it was not read, and governance treats that as it is told to.

use serde::{Deserialize, Serialize};

/// A kind of content that is not read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unread {
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// A film.
    Video,
    /// A file or document, inside the request or at an address.
    File,
    /// Text as token numbers.
    Tokens,
    /// What a provider has encrypted, such as sealed reasoning.
    Sealed,
    /// A name for something that the upstream keeps: a stored conversation, prompt, item or answer.
    Reference,
    /// A part or item of a type that is not known here.
    Unknown,
}

impl Unread {
    /// Every kind, in the order in which they are told.
    pub const ALL: [Self; 8] = [
        Self::Image,
        Self::Audio,
        Self::Video,
        Self::File,
        Self::Tokens,
        Self::Sealed,
        Self::Reference,
        Self::Unknown,
    ];

    /// Its word in policies and records.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::File => "file",
            Self::Tokens => "tokens",
            Self::Sealed => "sealed",
            Self::Reference => "reference",
            Self::Unknown => "unknown",
        }
    }

    /// The kind that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of kinds.
///
/// ```
/// use tollgate_core::signal::{Unread, UnreadSet};
/// let mut found = UnreadSet::default();
/// found.insert(Unread::File);
/// found.insert(Unread::Image);
/// assert_eq!(found.to_string(), "image, file");
/// assert!(UnreadSet::default().is_empty());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Unread>", into = "Vec<Unread>")]
pub struct UnreadSet(u8);

impl UnreadSet {
    /// Nothing.
    pub const EMPTY: Self = Self(0);
    /// Every kind.
    pub const ALL: Self = Self(u8::MAX);

    /// Adds a kind.
    pub const fn insert(&mut self, kind: Unread) {
        self.0 |= kind.bit();
    }

    /// Whether a kind is in it.
    #[must_use]
    pub const fn contains(self, kind: Unread) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Whether everything was read.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its kinds, in order.
    pub fn iter(self) -> impl Iterator<Item = Unread> {
        Unread::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }

    /// What is in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this set and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl FromIterator<Unread> for UnreadSet {
    fn from_iter<I: IntoIterator<Item = Unread>>(kinds: I) -> Self {
        let mut set = Self::default();
        kinds.into_iter().for_each(|kind| set.insert(kind));
        set
    }
}

impl From<Vec<Unread>> for UnreadSet {
    fn from(kinds: Vec<Unread>) -> Self {
        kinds.into_iter().collect()
    }
}

impl From<UnreadSet> for Vec<Unread> {
    fn from(set: UnreadSet) -> Self {
        set.iter().collect()
    }
}

impl std::fmt::Display for UnreadSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, kind) in self.iter().enumerate() {
            f.write_str(if at > 0 { ", " } else { "" })?;
            f.write_str(kind.word())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_parse_back_and_sets_are_written_as_lists() {
        for kind in Unread::ALL {
            assert_eq!(Unread::parse(kind.word()), Some(kind));
        }
        let set: UnreadSet = [Unread::Sealed, Unread::Audio].into_iter().collect();
        assert_eq!(serde_json::to_string(&set).unwrap(), r#"["audio","sealed"]"#);
        assert_eq!(serde_json::from_str::<UnreadSet>(r#"["sealed","audio","audio"]"#).unwrap(), set);
        assert_eq!(set.without([Unread::Audio].into_iter().collect()).to_string(), "sealed");
    }
}
