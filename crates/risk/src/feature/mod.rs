//! A user's history as a row of numbers: aggregates, fold features, and words of descriptions by time.
//!
//! A [`FeatureSpace`] fixes which categories, words and columns there are; it is learned on training users only and kept
//! with a model, so that a row means the same when other data are scored. The window is the data set's: nothing at or
//! after a user's cut-off is in it.

mod aggregate;
mod folding;
mod lookup;
mod matrix;
mod view;
mod words;

pub use lookup::{Index, Lookup};
pub use matrix::Matrix;
pub use words::{USERS_MIN, WORDS_MAX, vocabulary, words};

use crate::dataset::Dataset;
use crate::error::Result;
use crate::shelf::Shelf;
use aggregate::Out;
use serde::{Deserialize, Serialize};
pub(crate) use view::{Moments, Seen, View};
use words::Counted;

/// Most categories with columns of their own.
const CATEGORIES_MAX: usize = 32;
/// Fewest users who lack a number for models to learn what that means.
const HOLES_MIN: usize = 10;

/// Which features there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureSpace {
    /// Categories with columns, the most common first.
    pub categories: Vec<String>,
    /// Words with columns.
    pub words: Vec<String>,
    /// Numbers of users.
    pub profile: Vec<String>,
    /// Those of them that enough of the training users lacked for models to learn what that means. A user who lacks
    /// another one is not scored.
    #[serde(default)]
    pub holes: Vec<String>,
    /// Numbers of payments.
    #[serde(default)]
    pub numbers: Vec<String>,
    /// Whether there are histories.
    pub events: bool,
}

impl FeatureSpace {
    /// Learns which categories and words the users given have.
    #[must_use]
    pub fn learn(data: &Dataset, users: &[u32]) -> Self {
        let (mut counts, mut words) = (vec![0; data.names.categories.len()], Counted::of(&data.names));
        count(&mut counts, data, users);
        words.add(data, users);
        Self::of(data, users, counts, words.common(users.len()))
    }

    /// The same from a shelf.
    ///
    /// # Errors
    /// A part cannot be read.
    pub fn learn_from(shelf: &mut Shelf<'_>, users: &[u32]) -> Result<Self> {
        let names = &shelf.about().names;
        let (mut counts, mut words) = (vec![0; names.categories.len()], Counted::of(names));
        shelf.each(users, |data, users| {
            count(&mut counts, data, users);
            words.add(data, users);
        })?;
        Ok(Self::of(shelf.about(), users, counts, words.common(users.len())))
    }

    fn of(data: &Dataset, users: &[u32], counts: Vec<u64>, words: Vec<String>) -> Self {
        let mut common: Vec<(u64, &String)> = counts
            .into_iter()
            .zip(data.names.categories.words())
            .filter(|(n, w)| *n > 0 && !w.is_empty())
            .collect();
        common.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        Self {
            categories: common.into_iter().take(CATEGORIES_MAX).map(|(_, word)| word.clone()).collect(),
            words,
            holes: holes(data, users),
            profile: data.users.number_names.clone(),
            numbers: data.mapping.events.as_ref().map_or_else(Vec::new, |map| map.numbers.clone()),
            events: data.has_events(),
        }
    }

    /// The first number that a user lacks though models have not learned what that means; such a user is not scored.
    #[must_use]
    pub fn lacks(&self, data: &Dataset, user: usize) -> Option<&str> {
        let known =
            |column: Option<&Vec<f32>>| column.and_then(|c| c.get(user)).is_some_and(|n| n.is_finite());
        let lacked = |(place, name): &(usize, &String)| {
            !self.holes.contains(name) && !known(data.users.numbers.get(*place))
        };
        self.profile.iter().enumerate().find(lacked).map(|(_, name)| name.as_str())
    }

    /// The features of every user of a data set.
    #[must_use]
    pub fn rows(&self, data: &Dataset) -> Matrix {
        let mut names = Vec::new();
        let mut values = Vec::new();
        self.write(data, &self.lookup(&data.names), Some(&mut names), &mut values);
        Matrix { width: names.len(), names, values, rows: data.users.count }
    }

    /// The same from a shelf.
    ///
    /// # Errors
    /// A part cannot be read.
    pub fn rows_from(&self, shelf: &mut Shelf<'_>) -> Result<Matrix> {
        let lookup = self.lookup(&shelf.about().names);
        let users: Vec<u32> = (0..shelf.about().users.count as u32).collect();
        let (mut out, mut found) = (Matrix { rows: users.len(), ..Matrix::default() }, Vec::new());
        shelf.each(&users, |data, own| {
            let mut names = Vec::new();
            found.clear();
            self.write_of(data, &lookup, own, Some(&mut names), &mut found);
            if !names.is_empty() {
                out.width = names.len();
                out.names = names;
            }
            out.values.resize(out.rows * out.width, 0.0);
            for (user, row) in own.iter().zip(found.chunks_exact(out.width.max(1))) {
                let at = *user as usize * out.width;
                out.values[at..at + out.width].copy_from_slice(row);
            }
        })?;
        Ok(out)
    }

    /// Writes the features of every user, and the names of the columns where they are asked for.
    pub(crate) fn write(
        &self,
        data: &Dataset,
        lookup: &Lookup,
        names: Option<&mut Vec<String>>,
        values: &mut Vec<f32>,
    ) {
        let users: Vec<u32> = (0..data.users.count as u32).collect();
        self.write_of(data, lookup, &users, names, values);
    }

    /// The same for some users.
    fn write_of(
        &self,
        data: &Dataset,
        lookup: &Lookup,
        users: &[u32],
        mut names: Option<&mut Vec<String>>,
        values: &mut Vec<f32>,
    ) {
        let mut view = View::default();
        let mut by_time: Vec<Seen> = Vec::new();
        for user in users.iter().map(|user| *user as usize) {
            let mut out = Out { names: names.take(), row: values };
            for (name, column) in data.users.number_names.iter().zip(&data.users.numbers) {
                out.known(|| format!("profile:{name}"), column[user]);
            }
            for (name, column) in data.users.number_names.iter().zip(&data.users.numbers) {
                if self.holes.contains(name) {
                    out.put(|| format!("missing:{name}"), f64::from(u8::from(!column[user].is_finite())));
                }
            }
            if !self.events {
                continue;
            }
            view.fill(data, user, &lookup.columns);
            by_time.clear();
            by_time.extend_from_slice(&view.seen);
            by_time.sort_by_key(|s| s.time);
            aggregate::write(&view, data, &self.categories, &by_time, &mut out);
            folding::write(&view, &mut out);
            self.tokens(&view, data, lookup, &mut out);
        }
    }

    /// Per word: its share of visits, how that share moved between the halves, and how amounts deviate with it.
    fn tokens(&self, view: &View, data: &Dataset, lookup: &Lookup, out: &mut Out<'_>) {
        let mut cells = vec![[0.0f64; 3]; self.words.len()];
        let mut halves = [0.0f64; 2];
        for (merchant, range) in &view.groups {
            let mut own = Moments::default();
            view.seen[range.clone()].iter().for_each(|s| own.add(f64::from(s.log)));
            let mean = own.mean_or(0.0);
            for s in &view.seen[range.clone()] {
                let half = usize::from(s.at >= 0.5);
                halves[half] += 1.0;
                for text in data.texts(*merchant, s.event) {
                    for word in lookup.words(text) {
                        let cell = &mut cells[*word as usize];
                        cell[half] += 1.0;
                        cell[2] += (f64::from(s.log) - mean) * (f64::from(s.at) - 0.5);
                    }
                }
            }
        }
        let both = halves[0].min(halves[1]) > 0.0;
        for (word, [early, late, moved]) in self.words.iter().zip(cells) {
            let n = (halves[0] + halves[1]).max(1.0);
            out.put(|| format!("word:{word} share"), (early + late) / n);
            let shift = if both { late / halves[1] - early / halves[0] } else { 0.0 };
            out.put(|| format!("word:{word} shift"), shift);
            out.put(|| format!("word:{word} deviation by time"), moved / n);
        }
    }
}

/// Numbers that enough of the users given lack.
fn holes(data: &Dataset, users: &[u32]) -> Vec<String> {
    let lacked = |(_, column): &(&String, &Vec<f32>)| {
        users.iter().filter(|user| !column[**user as usize].is_finite()).count() >= HOLES_MIN
    };
    data.users
        .number_names
        .iter()
        .zip(&data.users.numbers)
        .filter(lacked)
        .map(|(name, _)| name.clone())
        .collect()
}

/// Counts the payments of each category.
fn count(counts: &mut [u64], data: &Dataset, users: &[u32]) {
    for user in users {
        for group in data.folded.groups_of(*user as usize) {
            for event in data.folded.behaviours_of(group) {
                let category = data.category(data.folded.merchants[group], event);
                if let Some(count) = counts.get_mut(category as usize) {
                    *count += 1;
                }
            }
        }
    }
}
