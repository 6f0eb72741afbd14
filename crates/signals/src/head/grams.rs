//! Hashed n-grams: words, pairs of neighbouring words, and runs of three and four characters inside a word.
//!
//! The text is read in small letters, with every digit as `0`, so that numbers count by their shape. A word is a run of
//! letters and digits, padded with one blank on each side for its runs of characters; any other character that shows is
//! a word by itself, since brackets and operators tell code, formulas and templates from prose. A gram is 24 bits of a
//! hash; what collides is told apart by nothing, which at a few thousand kept grams is one false hit in a page.
//!
//! ```
//! use tollgate_signals::head::Grams;
//! assert_eq!(Grams::of("Room 12"), Grams::of("room 34"));
//! assert_ne!(Grams::of("room"), Grams::of("rooms"));
//! ```

/// How many different grams there can be.
pub const BUCKETS: u32 = 1 << 24;
/// Characters of one word that are read for its runs: a blob of encoded bytes is no vocabulary.
const WORD_MAX: usize = 64;

/// Kinds of grams, so that a word and a run of the same characters differ.
#[derive(Clone, Copy)]
enum Kind {
    Word = 1,
    Pair = 2,
    Run = 3,
    Surface = 4,
}

/// The grams of one text, in its order, with repeats.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Grams {
    hashes: Vec<u32>,
}

const fn mix(hash: u64, value: u64) -> u64 {
    (hash ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

const fn start(kind: Kind) -> u64 {
    mix(0x2545_f491_4f6c_dd1d, kind as u64)
}

/// The upper bits of a well-mixed word.
const fn bucket(hash: u64) -> u32 {
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (mixed >> 40) as u32 & (BUCKETS - 1)
}

/// A digit as `0`.
const fn shape(c: char) -> char {
    if c.is_ascii_digit() { '0' } else { c }
}

impl Grams {
    /// The grams of `text`. Linear.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let folded = crate::text::fold(text);
        let mut grams = Self { hashes: Vec::with_capacity(folded.len() * 3) };
        let (mut word, mut before) = (Vec::with_capacity(WORD_MAX + 2), start(Kind::Word));
        for c in folded.chars() {
            if c.is_alphanumeric() && !crate::text::is_cjk(c) {
                word.push(shape(c));
                continue;
            }
            before = grams.word(&mut word, before);
            if !c.is_whitespace() && !c.is_control() {
                word.push(c);
                before = grams.word(&mut word, before);
            }
        }
        grams.word(&mut word, before);
        grams
    }

    /// The same, with what the text looks like as a whole: its length, and its shares of digits, code and line breaks, each
    /// as the step of a ladder. For heads where that is a reason, as with difficulty, and not a trap.
    #[must_use]
    pub fn with_surface(mut self, text: &str) -> Self {
        let share = |count: usize| (16 * count / text.len().max(1)) as u64;
        let count = |wanted: fn(u8) -> bool| text.bytes().filter(|b| wanted(*b)).count();
        let steps = [
            u64::from(text.len().max(1).ilog2()) * 2
                + u64::from(text.len() & (1 << text.len().max(2).ilog2() >> 1) > 0),
            share(4 * count(|b| b.is_ascii_digit())),
            share(8 * count(|b| b"{}[]();=<>".contains(&b))),
            share(16 * count(|b| b == b'\n')),
            share(8 * count(|b| b"\\^_$+*/".contains(&b))),
        ];
        for (at, step) in steps.into_iter().enumerate() {
            self.hashes.push(bucket(mix(mix(start(Kind::Surface), at as u64), step.min(63))));
        }
        self
    }

    /// The grams.
    #[must_use]
    pub fn hashes(&self) -> &[u32] {
        &self.hashes
    }

    /// Adds a word and empties it; the hash that the next pair starts with.
    fn word(&mut self, word: &mut Vec<char>, before: u64) -> u64 {
        if word.is_empty() {
            return before;
        }
        let whole = word.iter().fold(start(Kind::Word), |hash, c| mix(hash, u64::from(u32::from(*c))));
        self.hashes.push(bucket(whole));
        self.hashes.push(bucket(mix(mix(start(Kind::Pair), before), whole)));
        word.truncate(WORD_MAX);
        if word.len() > 1 || word.iter().any(|c| c.is_alphanumeric()) {
            word.insert(0, ' ');
            word.push(' ');
            for (at, run) in word.windows(3).enumerate() {
                let three = run.iter().fold(start(Kind::Run), |hash, c| mix(hash, u64::from(u32::from(*c))));
                self.hashes.push(bucket(three));
                if let Some(fourth) = word.get(at + 3) {
                    self.hashes.push(bucket(mix(three, u64::from(u32::from(*fourth)))));
                }
            }
        }
        word.clear();
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_by_hand() {
        // Two words, two pairs; " ab " has runs of 3: 2, of 4: 1; "(" has none.
        assert_eq!(Grams::of("ab").hashes().len(), 2 + 3);
        assert_eq!(Grams::of("ab (").hashes().len(), 4 + 3);
        assert_eq!(Grams::of("").hashes().len(), 0);
        assert_eq!(Grams::of("").with_surface("").hashes().len(), 5);
        assert_eq!(Grams::of("Ab\tab"), Grams::of("ab AB"));
        let (one, two) = (Grams::of("new york"), Grams::of("york new"));
        assert_eq!(one.hashes().len(), two.hashes().len());
        assert_ne!(one, two, "the order of words counts");
    }

    proptest! {
        #[test]
        fn linear_and_in_range(text in "\\PC{0,200}") {
            let grams = Grams::of(&text);
            prop_assert!(grams.hashes().iter().all(|gram| *gram < BUCKETS));
            prop_assert!(grams.hashes().len() <= 4 * text.chars().count() + 4);
        }
    }
}
