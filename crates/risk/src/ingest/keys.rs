//! Keys of files to dense numbers, in order of first sight.

use crate::table::{Column, Data, NO_TEXT};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The number of a key that is not there.
pub const NO_KEY: u32 = u32::MAX;
/// Integer keys below this are looked up in a plain table.
const DIRECT: i64 = 1 << 22;
/// Up to here every whole number is a real of its own.
const EXACT: f64 = 9_007_199_254_740_991.0;

/// A key as a file has it: an integer, or text that is none. Integers come before text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// An integer.
    Int(i64),
    /// Text.
    Text(Box<str>),
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(n) => write!(f, "{n}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A hash of one integer by multiplication (Fibonacci hashing: Knuth, TAOCP 3, 6.4).
#[derive(Debug, Default, Clone)]
struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn write_i64(&mut self, n: i64) {
        let mixed = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Keys and their numbers.
#[derive(Debug, Default, Clone)]
pub struct Keys {
    list: Vec<Key>,
    direct: Vec<u32>,
    ints: HashMap<i64, u32, BuildHasherDefault<Mix>>,
    texts: HashMap<Box<str>, u32>,
    sparse: bool,
}

impl Keys {
    /// The keys in order of their numbers.
    #[must_use]
    pub fn list(&self) -> &[Key] {
        &self.list
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// None, for few keys: no table is made that is as long as the largest of them, for one who sends a single large key
    /// would fill megabytes.
    #[must_use]
    pub fn sparse() -> Self {
        Self { sparse: true, ..Self::default() }
    }

    /// The number of an integer key, new or known.
    pub fn int(&mut self, key: i64) -> u32 {
        if !self.sparse && (0..DIRECT).contains(&key) {
            let at = key as usize;
            if at >= self.direct.len() {
                self.direct.resize((at + 1).next_power_of_two(), NO_KEY);
            }
            let known = self.direct[at];
            if known != NO_KEY {
                return known;
            }
            let number = self.list.len() as u32;
            self.direct[at] = number;
            self.list.push(Key::Int(key));
            return number;
        }
        *self.ints.entry(key).or_insert_with(|| {
            self.list.push(Key::Int(key));
            self.list.len() as u32 - 1
        })
    }

    /// The number of a text key; text that is an integer is that integer.
    pub fn text(&mut self, key: &str) -> u32 {
        if let Some(n) = canonical(key) {
            return self.int(n);
        }
        if let Some(number) = self.texts.get(key) {
            return *number;
        }
        let number = self.list.len() as u32;
        self.texts.insert(key.into(), number);
        self.list.push(Key::Text(key.into()));
        number
    }

    /// The number of a key.
    pub fn key(&mut self, key: &Key) -> u32 {
        match key {
            Key::Int(n) => self.int(*n),
            Key::Text(text) => self.text(text),
        }
    }

    /// The number of a known key.
    #[must_use]
    pub fn find(&self, key: &Key) -> Option<u32> {
        match key {
            Key::Int(n) if !self.sparse && (0..DIRECT).contains(n) => {
                self.direct.get(*n as usize).copied().filter(|k| *k != NO_KEY)
            }
            Key::Int(n) => self.ints.get(n).copied(),
            Key::Text(text) => self.texts.get(text).copied(),
        }
    }

    /// Gives the keys new numbers in their own order, so that numbers do not depend on which came first. Answers the new
    /// number of each old one.
    pub fn sort(&mut self) -> Vec<u32> {
        let old = std::mem::take(&mut self.list);
        *self = Self { sparse: self.sparse, ..Self::default() };
        let mut order: Vec<usize> = (0..old.len()).collect();
        order.sort_unstable_by(|a, b| old[*a].cmp(&old[*b]));
        let mut numbers = vec![NO_KEY; old.len()];
        for place in order {
            numbers[place] = self.key(&old[place]);
        }
        numbers
    }

    /// The numbers of a column's rows; [`NO_KEY`] where a row has none.
    pub fn column(&mut self, column: &Column) -> Vec<u32> {
        let mut numbers = match &column.data {
            Data::Int(values) => match &column.absent {
                None => values.iter().map(|n| self.int(*n)).collect(),
                Some(absent) => values
                    .iter()
                    .zip(absent)
                    .map(|(n, hole)| if *hole { NO_KEY } else { self.int(*n) })
                    .collect(),
            },
            Data::Real(values) => values
                .iter()
                .map(|n| match n {
                    // Beyond, neighbouring whole numbers are one real: no real is a key there.
                    n if n.fract() == 0.0 && n.abs() <= EXACT => self.int(*n as i64),
                    _ => NO_KEY,
                })
                .collect::<Vec<_>>(),
            Data::Text(codes, words) => {
                let known: Vec<u32> =
                    words.words().iter().map(|w| if w.is_empty() { NO_KEY } else { self.text(w) }).collect();
                let number = |code: &u32| if *code == NO_TEXT { NO_KEY } else { known[*code as usize] };
                codes.iter().map(number).collect()
            }
        };
        if let (Some(absent), Data::Text(..) | Data::Real(_)) = (&column.absent, &column.data) {
            numbers.iter_mut().zip(absent).filter(|(_, hole)| **hole).for_each(|(n, _)| *n = NO_KEY);
        }
        numbers
    }
}

fn canonical(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (digits.len() == 1 || !digits.starts_with('0'));
    if plain && text != "-0" { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_has_one_number_however_it_is_written() {
        let mut keys = Keys::default();
        let a = keys.int(7);
        assert_eq!(keys.text("7"), a);
        assert_ne!(keys.text("07"), a);
        let big = keys.int(1 << 40);
        assert_eq!(keys.text(&(1i64 << 40).to_string()), big);
        assert_eq!(keys.find(&Key::Text("07".into())), Some(1));
        assert_eq!((keys.len(), keys.list()[0].to_string()), (3, "7".into()));
        keys.text("a");
        keys.int(-2);
        assert_eq!(keys.sort(), [1, 3, 2, 4, 0]);
        assert_eq!(
            keys.list().iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["-2", "7", "1099511627776", "07", "a"]
        );
        assert_eq!(keys.text("a"), 4);
        let mut few = Keys::sparse();
        assert_eq!((few.int(DIRECT - 1), few.int(3), few.find(&Key::Int(3))), (0, 1, Some(1)));
        assert!(few.direct.is_empty() && few.sort() == [1, 0] && few.int(3) == 0 && few.direct.is_empty());
    }
}
