//! Whether two questions ask the same, in words: what a vector is blind to.
//!
//! Sentence vectors put "how do I open an account" beside "how do I close an account", and "in 1912" beside "in 1921". So
//! two questions whose vectors agree are compared once more by what decides an answer: what is asked for (a person, a time,
//! a number, a way), negation, numbers and signs of calculation, names, the order of both, whose it is, what comes from where, and
//! any matter that only one of them has. The lists are English: what is written in another script is only like itself, word by
//! word. Any doubt is a difference: a miss costs one request, a wrong hit a wrong answer.
//!
//! Invariants: symmetric; a text is like itself; linear in the texts, up to [`TEXT_MAX`].
//!
//! ```
//! use tollgate_cache::guard::{Difference, Gist};
//! let differs = |a, b| Gist::of(a).differs(&Gist::of(b));
//! assert_eq!(differs("How do I reset my password?", "how can i reset the password"), None);
//! assert_eq!(differs("Can I open an account?", "Can I close an account?"), Some(Difference::Matter));
//! assert_eq!(differs("Who won in 1912?", "Who won in 1921?"), Some(Difference::Number));
//! ```

mod split;
mod words;

use split::{Word, is_latin, split};
use words::{
    AMOUNTS, AUXILIARIES, DIRECTION, EMPTY, GIVEN, LEADS_IN, NEGATIVE, NUMBERS, OPERATORS, QUANTIFIERS,
    REASONS, SOON_OLD, TIMES, WAYS,
};

/// Longest question that is compared in words, in bytes; a longer one is only like itself.
pub const TEXT_MAX: usize = 2048;
/// Shortest word in which one wrong letter is forgiven, in letters: shorter words have neighbours (contact, contract).
const TYPO_MIN: usize = 9;
/// Fewest letters that are left of a word without its ending.
const STEM_MIN: usize = 3;

/// What a question asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asks {
    /// Nothing in particular, or it cannot be told.
    #[default]
    Open,
    /// A yes or no.
    Whether,
    /// A thing.
    What,
    /// A way to do something.
    Way,
    /// Someone.
    Who,
    /// A time.
    When,
    /// A place.
    Where,
    /// A reason.
    Why,
    /// A number or an amount.
    Amount,
    /// How something is.
    How,
}

/// Why two questions are not the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Difference {
    /// One of them is too long to be compared.
    Long,
    /// They ask for different kinds of things.
    Asks,
    /// One of them is negated.
    Negation,
    /// Their numbers differ.
    Number,
    /// The same numbers or names stand in another order.
    Order,
    /// Their names differ.
    Name,
    /// They are about what is another one's.
    Owner,
    /// They go another way: from A to B, from B to A.
    Direction,
    /// One has matter that the other has not.
    Matter,
}

/// A question as it is compared.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Gist {
    asks: Asks,
    long: bool,
    negations: u8,
    /// With the signs of calculation between them, in order.
    numbers: Vec<String>,
    /// Stems of words that are written as names, each once, in order.
    names: Vec<String>,
    /// Stems of the words that carry its matter, in order.
    matter: Vec<String>,
    /// Whether it speaks of what is the asked one's.
    asked_ones: bool,
    /// Words of direction with the stem that follows each, in order.
    directions: Vec<(String, String)>,
    /// Whether it is written in a script of which no lists are known: its matter is then all of its words.
    #[serde(default)]
    foreign: bool,
}

impl Gist {
    /// Reads `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        if text.len() > TEXT_MAX {
            return Self { long: true, ..Self::default() };
        }
        let words = split(text);
        if text.chars().any(|c| c.is_alphabetic() && !is_latin(c)) {
            let matter = words.into_iter().map(|word| word.plain).collect();
            return Self { foreign: true, matter, ..Self::default() };
        }
        let mut gist = Self { asks: asks(&words), ..Self::default() };
        let shouted = words.iter().filter(|word| word.named && !word.first).count() * 2 > words.len();
        let mut direction: Option<String> = None;
        for (at, word) in words.iter().enumerate() {
            let plain = word.plain.as_str();
            gist.asked_ones |= matches!(plain, "your" | "yours");
            if at == 1 && QUANTIFIERS.contains(&plain) && AUXILIARIES.contains(&words[0].plain.as_str()) {
                gist.matter.push(word.plain.clone());
                continue;
            }
            if NEGATIVE.binary_search(&plain).is_ok() {
                gist.negations = gist.negations.saturating_add(1);
                continue;
            }
            if let Some(number) = number(plain) {
                gist.directions.extend(direction.take().map(|way| (way, number.clone())));
                gist.numbers.push(number);
                continue;
            }
            if DIRECTION.binary_search(&plain).is_ok() {
                direction = Some(word.plain.clone());
                continue;
            }
            let mine = || words.get(at + 1).is_some_and(|next| matches!(next.plain.as_str(), "me" | "us"));
            if EMPTY.binary_search(&plain).is_ok() || GIVEN.contains(&plain) && mine() {
                continue;
            }
            let stem = stem(plain);
            if word.named && !word.first && !shouted && !gist.names.contains(&stem) {
                gist.names.push(stem.clone());
            }
            if let Some(before) = direction.take() {
                gist.directions.push((before, stem.clone()));
            }
            gist.matter.push(stem);
        }
        gist
    }

    /// Bytes that it takes in memory, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let words = self.numbers.iter().chain(&self.names).chain(&self.matter);
        let ways = self.directions.iter().flat_map(|(way, to)| [way, to]);
        words.chain(ways).map(|word| word.len() + size_of::<String>()).sum()
    }

    /// Why this question is not the same as `other`; none where nothing says so.
    #[must_use]
    pub fn differs(&self, other: &Self) -> Option<Difference> {
        if self.long || other.long {
            return Some(Difference::Long);
        }
        if self.foreign || other.foreign {
            let same = self.foreign == other.foreign && self.matter == other.matter;
            return (!same).then_some(Difference::Matter);
        }
        if self.asks != other.asks {
            return Some(Difference::Asks);
        }
        if self.negations != other.negations {
            return Some(Difference::Negation);
        }
        if self.numbers != other.numbers {
            let sorted = |gist: &Self| {
                let mut numbers = gist.numbers.clone();
                numbers.sort_unstable();
                numbers
            };
            let same = sorted(self) == sorted(other);
            return Some(if same { Difference::Order } else { Difference::Number });
        }
        let lacks = |a: &Self, b: &Self| a.names.iter().any(|name| !b.matter.contains(name));
        if lacks(self, other) || lacks(other, self) {
            return Some(Difference::Name);
        }
        if self.asked_ones != other.asked_ones {
            return Some(Difference::Owner);
        }
        let (here, there) = (&self.directions, &other.directions);
        if turned(here, there) || turned(there, here) {
            return Some(Difference::Direction);
        }
        if self.turns_names_of(other) || other.turns_names_of(self) {
            return Some(Difference::Order);
        }
        let only = |a: &Self, b: &Self| {
            a.matter.iter().filter(|word| !b.matter.iter().any(|m| alike(m, word))).count()
        };
        let (here, there) = (only(self, other), only(other, self));
        let nothing = self.matter.is_empty() && self.numbers.is_empty();
        (nothing || here + there > 0).then_some(Difference::Matter)
    }

    /// Whether the other's names stand in another order here, but for those that a word of direction ties to their place in both.
    fn turns_names_of(&self, other: &Self) -> bool {
        let tied = |gist: &Self, name: &String| gist.directions.iter().any(|(_, to)| to == name);
        let free = other.names.iter().filter(|name| !(tied(self, name) && tied(other, name)));
        let places: Vec<usize> = free.filter_map(|name| self.matter.iter().position(|m| m == name)).collect();
        !places.is_sorted()
    }
}

fn number(word: &str) -> Option<String> {
    if word.bytes().any(|b| b.is_ascii_digit()) || word.chars().all(|c| OPERATORS.contains(c)) {
        return Some(word.replace(',', ""));
    }
    NUMBERS.iter().find(|(name, _)| *name == word).map(|(_, value)| (*value).to_owned())
}

/// A word without the ending that number and tense give it: crude, and the same on both sides.
fn stem(word: &str) -> String {
    let cut = |end: &str| word.strip_suffix(end).filter(|rest| rest.chars().count() >= STEM_MIN);
    if let Some(rest) = word.strip_suffix("ies").filter(|rest| rest.chars().count() >= 2) {
        return format!("{rest}y");
    }
    let plural = || cut("s").filter(|rest| !rest.ends_with('s'));
    let base = cut("ing").or_else(|| cut("ed")).or_else(|| cut("es")).or_else(plural).unwrap_or(word);
    let mut base = base.strip_suffix('e').unwrap_or(base).to_owned();
    let mut back = base.chars().rev();
    if let (Some(a), Some(b)) = (back.next(), back.next())
        && a == b
        && !"aeiouls".contains(a)
    {
        base.pop();
    }
    base
}

/// What the words ask for: the first word of a question that is one, else the verb that opens.
fn asks(words: &[Word]) -> Asks {
    let at = |i: usize| words.get(i).map_or("", |word| word.plain.as_str());
    let near = |i: usize, list: &[&str]| (i + 1..i + 6).any(|j| list.contains(&at(j)));
    for (i, word) in words.iter().enumerate() {
        let leads = i < 3 || LEADS_IN.contains(&at(i - 1));
        return match word.plain.as_str() {
            "how" if AMOUNTS.contains(&at(i + 1)) => Asks::Amount,
            "how" if AUXILIARIES.contains(&at(i + 1)) || at(i + 1) == "to" => Asks::Way,
            "how" => Asks::How,
            "why" => Asks::Why,
            "what" | "whats" | "which" if near(i, WAYS) => Asks::Way,
            "what" | "whats" if TIMES.contains(&at(i + 1)) => Asks::When,
            "what" | "whats" if near(i, REASONS) => Asks::Why,
            "what" | "whats" => Asks::What,
            "which" if leads => Asks::What,
            "who" | "whom" | "whose" | "whos" if leads => Asks::Who,
            "when" | "whens" if leads => Asks::When,
            "where" | "wheres" if leads => Asks::Where,
            _ => continue,
        };
    }
    let polite = matches!((at(0), at(1)), ("can" | "could" | "will" | "would", "you"));
    if !polite && AUXILIARIES.contains(&at(0)) { Asks::Whether } else { Asks::Open }
}

/// Whether two stems are one word: equal, or long, with one first letter and one letter apart behind it.
fn alike(a: &str, b: &str) -> bool {
    let long = |word: &str| word.chars().count() >= TYPO_MIN;
    a == b || (long(a) && long(b) && a.chars().next() == b.chars().next() && one_edit(a, b))
}

fn one_edit(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let front = short.iter().zip(&long).take_while(|(x, y)| x == y).count();
    let back = short.iter().rev().zip(long.iter().rev()).take_while(|(x, y)| x == y).count();
    long.len() - short.len() <= 1 && front + back + 1 >= long.len()
}

/// Whether something of `a` goes where nothing of `b` does, by a word that both have.
fn turned(a: &[(String, String)], b: &[(String, String)]) -> bool {
    a.iter()
        .any(|(way, to)| b.iter().any(|(w, _)| w == way) && !b.iter().any(|(w, t)| w == way && alike(t, to)))
}

/// Whether the answer to `text` may be another one soon. Linear, and takes no room however long the text.
#[must_use]
pub fn soon_old(text: &str) -> bool {
    let old = |word: &str| SOON_OLD.iter().any(|known| known.eq_ignore_ascii_case(word));
    text.split(|c: char| !c.is_alphanumeric()).any(old)
}

#[cfg(test)]
mod tests;
