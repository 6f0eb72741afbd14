//! What is known of merchants: a name and a category each.

use super::events::Names;
use super::keys::{Key, Keys, NO_KEY};
use super::mapping::MerchantsMap;
use super::source::Source;
use crate::error::Result;
use crate::table::NO_TEXT;
use std::path::Path;

/// Names and categories by the merchant's number.
#[derive(Debug, Clone, Default)]
pub struct Merchants {
    /// The number of the name among descriptions, or [`NO_TEXT`].
    pub names: Vec<u32>,
    /// The number of the category, or [`NO_TEXT`].
    pub categories: Vec<u32>,
}

impl Merchants {
    /// Reads the table of a folder.
    ///
    /// # Errors
    /// The file is broken or lacks a column.
    pub fn read(folder: &Path, map: &MerchantsMap, names: &mut Names) -> Result<Self> {
        let wanted: Vec<String> = std::iter::once(&map.merchant)
            .chain(map.name.iter())
            .chain(map.category.iter())
            .cloned()
            .collect();
        let columns = Source::open(&folder.join(&map.file))?.as_written(&wanted).all(&wanted)?;
        let mut out = Self::default();
        let [keys, rest @ ..] = columns.as_slice() else { return Ok(out) };
        let numbers = names.merchants.column(keys);
        let (name, category) = match (&map.name, rest) {
            (Some(_), [name, rest @ ..]) => (Some(name), rest.first()),
            (_, rest) => (None, rest.first()),
        };
        out.sized(names.merchants.len());
        for (row, number) in numbers.into_iter().enumerate().filter(|(_, n)| *n != NO_KEY) {
            if let Some(name) = name.filter(|c| !c.is_absent(row)) {
                out.names[number as usize] = names.texts.code(&name.shown(row));
            }
            if let Some(category) = category.filter(|c| !c.is_absent(row)) {
                out.categories[number as usize] = names.categories.code(&category.shown(row));
            }
        }
        Ok(out)
    }

    fn sized(&mut self, count: usize) {
        self.names.resize(count.max(self.names.len()), NO_TEXT);
        self.categories.resize(count.max(self.categories.len()), NO_TEXT);
    }

    /// Gives every merchant a place; one without a name whose key is text has its key as name.
    pub fn complete(&mut self, names: &mut Names) {
        self.sized(names.merchants.len());
        for (key, name) in
            names.merchants.list().iter().zip(&mut self.names).filter(|(_, name)| **name == NO_TEXT)
        {
            if let Key::Text(text) = key {
                *name = names.texts.code(text);
            }
        }
    }

    /// Moves each merchant to its new number.
    pub fn renumbered(&mut self, numbers: &[u32]) {
        for column in [&mut self.names, &mut self.categories] {
            let old = std::mem::replace(column, vec![NO_TEXT; numbers.len()]);
            old.into_iter().zip(numbers).for_each(|(value, number)| column[*number as usize] = value);
        }
    }

    /// Puts rare merchants under their name, and rare names under their category (`users_min` users make one common).
    ///
    /// `users_of` counts the users of each key; it is asked for the merchants and for the names. Answers the number that
    /// stands for each merchant: its own, or that of the first merchant, in the order of keys, of its name or category. Who
    /// stands for merchants of several names or categories has none itself: their payments must not carry the words of a
    /// merchant that nobody visited.
    ///
    /// # Errors
    /// Those of `users_of`.
    pub fn chained(
        &mut self,
        keys: &Keys,
        users_min: u32,
        users_of: &mut dyn FnMut(&[u32]) -> Result<Vec<u32>>,
    ) -> Result<Vec<u32>> {
        let own: Vec<u32> = (0..self.names.len() as u32).collect();
        if users_min <= 1 {
            return Ok(own);
        }
        let mut order: Vec<u32> = own.clone();
        order.sort_by_key(|merchant| keys.list().get(*merchant as usize));
        let by_name = merged(&own, &users_of(&own)?, users_min, &self.names, &order);
        let all = merged(&by_name, &users_of(&by_name)?, users_min, &self.categories, &order);
        for column in [&mut self.names, &mut self.categories] {
            let words = column.clone();
            for (merchant, stands) in all.iter().enumerate() {
                if words[merchant] != words[*stands as usize] {
                    column[*stands as usize] = NO_TEXT;
                }
            }
        }
        Ok(all)
    }
}

/// What stands for each merchant when keys of too few users are put under the first of their label in `order`.
fn merged(keys: &[u32], seen: &[u32], users_min: u32, label: &[u32], order: &[u32]) -> Vec<u32> {
    let mut first: std::collections::HashMap<u32, u32> = std::collections::HashMap::new();
    let mut out = keys.to_vec();
    for merchant in order {
        let (at, key) = (*merchant as usize, keys[*merchant as usize]);
        if seen[key as usize] < users_min && label[at] != NO_TEXT {
            out[at] = *first.entry(label[at]).or_insert(key);
        }
    }
    out
}

/// How many users each key has, where `keys[merchant]` stands for a merchant.
#[must_use]
pub fn seen(user: &[u32], merchant: &[u32], keys: &[u32]) -> Vec<u32> {
    let mut pairs: Vec<(u32, u32)> =
        user.iter().zip(merchant).map(|(u, m)| (keys.get(*m as usize).copied().unwrap_or(*m), *u)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let mut users = vec![0; keys.len()];
    for (key, _) in pairs {
        users[key as usize] += 1;
    }
    users
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_merchants_fold_under_name_then_category() {
        // Merchants 0, 1 share a name; 2 has its own; all but 3 are of category 8; 3 is common.
        let merchants = Merchants { names: vec![5, 5, 6, 7], categories: vec![8, 8, 8, 9] };
        let mut keys = Keys::default();
        ["m0", "m1", "m2", "m3"].iter().for_each(|key| _ = keys.text(key));
        let user = [0, 1, 2, 0, 1, 2];
        let merchant = [0, 1, 2, 3, 3, 3];
        let words = |n| {
            let mut merchants = merchants.clone();
            let stands = merchants.chained(&keys, n, &mut |keys| Ok(seen(&user, &merchant, keys))).unwrap();
            (stands, merchants.names)
        };
        let chained = |n| words(n).0;
        assert_eq!(chained(1), [0, 1, 2, 3]);
        assert_eq!(chained(2), [0, 0, 2, 3]);
        assert_eq!(chained(3), [0, 0, 0, 3]);
        // Under a name the name stays; under a category there is none.
        assert_eq!((words(2).1[0], words(3).1[0]), (5, NO_TEXT));
    }
}
