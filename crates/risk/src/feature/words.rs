//! Descriptions as words.

use crate::dataset::Dataset;
use crate::ingest::Names;
use std::collections::HashMap;

/// Most words of a vocabulary.
pub const WORDS_MAX: usize = 2_048;
/// A word of fewer users is left out: what a model says of one word must rest on more than a few people.
pub const USERS_MIN: usize = 20;

/// The words of a text: lowercase letters and digits, without plain numbers (they name a branch, not a kind).
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && !word.bytes().all(|b| b.is_ascii_digit()))
        .map(str::to_lowercase)
}

/// The words that enough of the users given have, the most common first.
#[must_use]
pub fn vocabulary(data: &Dataset, users: &[u32]) -> Vec<String> {
    let mut counted = Counted::of(&data.names);
    counted.add(data, users);
    counted.common(users.len())
}

/// By how many users each word is had, counted part by part.
pub(super) struct Counted {
    all: Vec<String>,
    by_text: Vec<Vec<u32>>,
    /// Users, and the last one who was counted.
    seen: Vec<(usize, u32)>,
}

impl Counted {
    pub(super) fn of(names: &Names) -> Self {
        let mut all: Vec<String> = Vec::new();
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let mut number = |word: String| {
            *numbers.entry(word.clone()).or_insert_with(|| {
                all.push(word);
                all.len() as u32 - 1
            })
        };
        let by_text = names.texts.words().iter().map(|text| words(text).map(&mut number).collect()).collect();
        Self { seen: vec![(0, u32::MAX); all.len()], by_text, all }
    }

    pub(super) fn add(&mut self, data: &Dataset, users: &[u32]) {
        for user in users {
            for group in data.folded.groups_of(*user as usize) {
                for event in data.folded.behaviours_of(group) {
                    for text in data.texts(data.folded.merchants[group], event) {
                        for word in self.by_text.get(text as usize).map_or(&[][..], Vec::as_slice) {
                            let (count, last) = &mut self.seen[*word as usize];
                            if *last != *user {
                                *last = *user;
                                *count += 1;
                            }
                        }
                    }
                }
            }
        }
    }

    /// Words of enough of so many users.
    pub(super) fn common(&self, users: usize) -> Vec<String> {
        let mut common: Vec<(usize, &String)> = self
            .seen
            .iter()
            .zip(&self.all)
            .filter(|((count, _), _)| *count >= USERS_MIN.min(users.div_ceil(10)))
            .map(|((count, _), word)| (*count, word))
            .collect();
        common.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        common.into_iter().take(WORDS_MAX).map(|(_, word)| word.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_name_no_kind() {
        assert_eq!(words("Okafor OUTLET-grocer 17").collect::<Vec<_>>(), ["okafor", "outlet", "grocer"]);
        assert_eq!(words("24h|x2").collect::<Vec<_>>(), ["24h", "x2"]);
    }
}
