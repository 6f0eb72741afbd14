//! What a space knows, by the numbers that a data set's dictionaries gave: made once, not user by user.

use super::FeatureSpace;
use super::words::words;
use crate::ingest::Names;
use crate::table::NO_TEXT;
use std::collections::HashMap;

/// Where a space's words and categories have their columns.
#[derive(Debug, Clone, Default)]
pub struct Index {
    words: HashMap<String, u32>,
    categories: HashMap<String, u32>,
}

/// Columns of a data set's categories, and the words of its texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lookup {
    /// By the category's number; [`NO_TEXT`] where the space does not know it.
    pub(crate) columns: Vec<u32>,
    starts: Vec<u32>,
    words: Vec<u32>,
}

impl FeatureSpace {
    /// Where words and categories have their columns.
    #[must_use]
    pub fn index(&self) -> Index {
        let numbered = |list: &[String]| list.iter().cloned().zip(0..).collect();
        Index { words: numbered(&self.words), categories: numbered(&self.categories) }
    }

    /// What the space knows of a data set's dictionaries.
    #[must_use]
    pub fn lookup(&self, names: &Names) -> Lookup {
        let mut lookup = Lookup::default();
        self.index().extend(names, &mut lookup);
        lookup
    }
}

impl Index {
    /// Looks up what came into the dictionaries since.
    pub fn extend(&self, names: &Names, lookup: &mut Lookup) {
        let columns = lookup.columns.len();
        for word in names.categories.words().iter().skip(columns) {
            lookup.columns.push(self.categories.get(word).copied().unwrap_or(NO_TEXT));
        }
        let texts = lookup.starts.len();
        for text in names.texts.words().iter().skip(texts) {
            lookup.starts.push(lookup.words.len() as u32);
            lookup.words.extend(words(text).filter_map(|word| self.words.get(&word).copied()));
        }
    }
}

impl Lookup {
    /// The words of a text.
    #[must_use]
    pub fn words(&self, text: u32) -> &[u32] {
        let at = text as usize;
        let Some(start) = self.starts.get(at) else { return &[] };
        let end = self.starts.get(at + 1).map_or(self.words.len(), |end| *end as usize);
        self.words.get(*start as usize..end).unwrap_or_default()
    }

    /// How many of the texts have a word that is known, of how many.
    #[must_use]
    pub fn known(&self) -> (usize, usize) {
        let known = (0..self.starts.len() as u32).filter(|text| !self.words(*text).is_empty()).count();
        (known, self.starts.len())
    }
}
