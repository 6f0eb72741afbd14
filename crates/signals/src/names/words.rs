//! Words of a piece: runs of tokens with no sign between them, their states, and what they look like.

use super::States;
use std::ops::Range;

/// Words that say of a neighbour what it is, in small letters.
const DAYS: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];
const FIRMS: &[&str] = &[
    "inc",
    "llc",
    "ltd",
    "plc",
    "gmbh",
    "corp",
    "corporation",
    "company",
    "co",
    "group",
    "sons",
    "bank",
    "university",
    "college",
    "institute",
    "foundation",
    "agency",
    "association",
    "partners",
    "holdings",
    "ag",
    "sa",
    "bv",
    "kg",
];
const STREETS: &[&str] = &[
    "street",
    "st",
    "avenue",
    "ave",
    "road",
    "rd",
    "lane",
    "ln",
    "drive",
    "dr",
    "boulevard",
    "blvd",
    "court",
    "ct",
    "way",
    "place",
    "square",
    "terrace",
    "apt",
    "suite",
    "highway",
    "hwy",
    "box",
    "po",
    "floor",
    "unit",
];
const TITLES: &[&str] = &["mr", "mrs", "ms", "miss", "dr", "prof", "sir", "madam", "mx", "herr", "frau"];

/// What is looked at of one word.
const LOOKS: usize = 20;
/// Numbers that a row has beside the state: the looks of a word and of its two neighbours.
pub(super) const SHAPES: usize = 3 * LOOKS;

/// A word with the mean of its tokens' states.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) at: Range<usize>,
    state: Vec<f32>,
}

/// The words of a piece.
pub(super) fn words(piece: &str, states: &States) -> Vec<Word> {
    let dims = states.states.len() / states.spans.len().max(1);
    let mut words: Vec<(Word, f32)> = Vec::with_capacity(states.spans.len());
    for (span, state) in states.spans.iter().zip(states.states.chunks_exact(dims.max(1))) {
        match words.last_mut() {
            Some((word, tokens)) if joined(piece, word.at.end, span.start) => {
                word.at.end = span.end.max(word.at.end);
                word.state.iter_mut().zip(state).for_each(|(sum, x)| *sum += x);
                *tokens += 1.0;
            }
            _ => words.push((Word { at: span.clone(), state: state.to_vec() }, 1.0)),
        }
    }
    let mean = |(mut word, tokens): (Word, f32)| {
        word.state.iter_mut().for_each(|sum| *sum /= tokens);
        word
    };
    words.into_iter().map(mean).collect()
}

/// Whether a token that begins at `start` goes on the word that ends at `end`. Tokens of one letter overlap.
fn joined(piece: &str, end: usize, start: usize) -> bool {
    let before = piece.get(..end).and_then(|text| text.chars().next_back());
    let after = piece.get(start..).and_then(|text| text.chars().next());
    start <= end && [before, after].into_iter().flatten().all(char::is_alphanumeric)
}

/// What heads read of each word: its state, then how the word before it, it and the one behind it look.
pub(super) fn rows(piece: &str, words: &[Word]) -> Vec<Vec<f32>> {
    let looks: Vec<[f32; LOOKS]> = words.iter().map(|word| look(piece, &word.at)).collect();
    let row = |(at, word): (usize, &Word)| {
        let mut row = word.state.clone();
        for neighbour in [at.checked_sub(1), Some(at), Some(at + 1)] {
            row.extend(neighbour.and_then(|at| looks.get(at)).unwrap_or(&[0.0; LOOKS]));
        }
        row
    };
    words.iter().enumerate().map(row).collect()
}

/// How a word and its place look, each as 0 or 1.
fn look(piece: &str, at: &Range<usize>) -> [f32; LOOKS] {
    let word = piece.get(at.clone()).unwrap_or_default();
    let before = piece.get(..at.start).unwrap_or_default();
    let after = piece.get(at.end..).unwrap_or_default();
    let letters = word.chars().count();
    let all = |is: fn(char) -> bool| word.chars().all(is);
    let upper = all(char::is_uppercase);
    let digits = all(|c| c.is_ascii_digit());
    let small = word.to_lowercase();
    let listed = |list: &[&str]| list.contains(&small.as_str());
    let signs = before.trim_end_matches([' ', '\t', '"', '\'', ')']);
    let looks = [
        word.chars().next().is_some_and(char::is_uppercase) && !(letters > 1 && upper),
        letters > 1 && upper,
        all(char::is_lowercase),
        digits,
        !digits && word.chars().any(|c| c.is_ascii_digit()),
        !word.chars().any(char::is_alphanumeric),
        letters == 1 && upper,
        digits && letters <= 2,
        digits && letters == 4,
        digits && matches!(letters, 5 | 6),
        !word.is_ascii(),
        before.trim().is_empty(),
        before.trim_end_matches([' ', '\t']).ends_with('\n'),
        signs.len() < before.len() && signs.ends_with(['.', '!', '?', ':']),
        after.starts_with('\n'),
        after.starts_with(','),
        listed(DAYS),
        listed(FIRMS),
        listed(STREETS),
        listed(TITLES),
    ];
    looks.map(|yes| f32::from(u8::from(yes)))
}
