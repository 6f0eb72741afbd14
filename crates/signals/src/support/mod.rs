//! Whether a sentence of an answer is supported by the context that it was to be answered from.
//!
//! Features of a sentence beside its context (shared words, runs and characters, names and numbers that the context has not,
//! the context's best sentence) go into a small head; what plainly contradicts is never supported, however alike the words
//! are: another number beside the same words, or a negation on one side only.
//!
//! Invariants: a context is read once, a sentence costs its words and the places at which the context has them, and there is a
//! bound to both; the same texts give the same answer; an answer without a statement in it (a question, a greeting) is told
//! apart from one that is unsupported, and what is beyond the bounds from both.
//!
//! ```
//! use tollgate_signals::support::{Verdict, judge};
//! let context = "The bridge opened in 1932 and is 503 metres long. It does not carry trains.";
//! let found = judge("It opened in 1932. It is 603 metres long.", context);
//! assert_eq!(found[0].verdict, Verdict::Supported);
//! assert_eq!(found[1].verdict, Verdict::Contradicted);
//! ```

mod beside;
mod features;

pub use features::{FEATURES, features};

use crate::head::{Grams, shipped};
use beside::Beside;
use features::{Side, contradicts};
use std::ops::Range;

/// From this probability on a sentence counts as supported.
const SUPPORTED: f32 = 0.5;
/// Most of a context that is read, and most of an answer, in bytes.
const CONTEXT_MAX: usize = 256 << 10;
const ANSWER_MAX: usize = 64 << 10;
/// Most sentences of an answer that are judged.
const SENTENCES_MAX: usize = 512;
/// Fewest words of a sentence that states something.
const WORDS_MIN: usize = 3;

/// What is said of a sentence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The context says so.
    Supported,
    /// It states what the context does not say.
    Unsupported,
    /// The context says otherwise.
    Contradicted,
    /// It states nothing.
    Nothing,
    /// It is the rest of an answer that is too long to be judged whole.
    Unread,
}

/// One sentence of an answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Sentence {
    /// Its bytes in the answer.
    pub bytes: Range<usize>,
    /// Probability that the context supports it.
    pub support: f32,
    /// What is said of it.
    pub verdict: Verdict,
}

/// The sentences of `text`, by their bytes, without the white space around them.
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let (mut found, mut start) = (Vec::new(), 0);
    let mut chars = text.char_indices().peekable();
    let mut cut = |start: usize, end: usize| {
        let raw = text.get(start..end).unwrap_or_default();
        let lead = raw.len() - raw.trim_start().len();
        let trimmed = raw.trim();
        if !trimmed.is_empty() {
            found.push(start + lead..start + lead + trimmed.len());
        }
    };
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        let ends = match c {
            '.' | '!' | '?' => next.is_none_or(char::is_whitespace),
            '。' | '！' | '？' | '\n' => true,
            _ => false,
        };
        if ends {
            cut(start, at + c.len_utf8());
            start = at + c.len_utf8();
        }
    }
    cut(start, text.len());
    found
}

/// Judges the sentences of `answer` beside `context`. What comes after 64 KiB or 512 sentences is one [`Verdict::Unread`].
#[must_use]
pub fn judge(answer: &str, context: &str) -> Vec<Sentence> {
    let read = crate::text::cut(answer, ANSWER_MAX);
    let context = Beside::of(crate::text::cut(context, CONTEXT_MAX));
    let head = shipped("support");
    let one = |bytes: Range<usize>| {
        let text = read.get(bytes.clone()).unwrap_or_default();
        let side = Side::of(text);
        if side.words.len() < WORDS_MIN || text.ends_with(['?', '？']) {
            return Sentence { bytes, support: 0.0, verdict: Verdict::Nothing };
        }
        let vector = features::between(&side, &context);
        let support = head.map_or(0.5, |head| head.classify(&Grams::default(), Some(&vector)).of(1));
        let verdict = match support {
            _ if contradicts(&side, &context) => Verdict::Contradicted,
            support if support >= SUPPORTED => Verdict::Supported,
            _ => Verdict::Unsupported,
        };
        Sentence { bytes, support, verdict }
    };
    let mut ranges = sentences(read);
    let rest = ranges.get(SENTENCES_MAX).map_or(read.len(), |first| first.start);
    ranges.truncate(SENTENCES_MAX);
    let mut judged: Vec<Sentence> = ranges.into_iter().map(one).collect();
    if answer.get(rest..).is_some_and(|rest| !rest.trim().is_empty()) {
        judged.push(Sentence { bytes: rest..answer.len(), support: 0.0, verdict: Verdict::Unread });
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CONTEXT: &str = "Marie Curie was born in Warsaw in 1867. She shared the Nobel Prize in Physics in 1903 with Pierre \
        Curie and Henri Becquerel. She did not patent the isolation of radium. The prize money was 70,000 gold francs.";

    fn verdict(text: &str) -> Verdict {
        judge(text, CONTEXT)[0].verdict
    }

    #[test]
    fn contradictions_of_numbers_negation_and_names_are_caught() {
        assert_eq!(verdict("Marie Curie was born in Warsaw in 1867."), Verdict::Supported);
        assert_eq!(verdict("Marie Curie was born in Warsaw in 1876."), Verdict::Contradicted);
        assert_eq!(verdict("She did patent the isolation of radium."), Verdict::Contradicted);
        assert_eq!(verdict("She did not patent the isolation of radium."), Verdict::Supported);
        assert_eq!(verdict("Marie Curie was born in Paris in 1867."), Verdict::Contradicted);
        assert_eq!(verdict("The prize money was 70000 gold francs."), Verdict::Supported);
        assert_eq!(
            verdict("The harbour of Rotterdam handles many containers every day."),
            Verdict::Unsupported
        );
        assert_eq!(verdict("Shall I tell you more about her?"), Verdict::Nothing);
    }

    /// A list that somebody asks to have repeated, beside a context in which every word is another: what is done for each of its
    /// lines must not grow with the context. It would take minutes in a build of tests if it did.
    #[test]
    fn an_answer_too_long_to_be_judged_is_read_as_far_as_it_is_and_told() {
        let context: String = (0..6_000).map(|i| format!("word{i} is here.\n")).collect();
        let lines: String = (0..4_000).map(|i| format!("word{i} is here\n")).collect();
        let found = judge(&lines, &context);
        assert_eq!(found.len(), SENTENCES_MAX + 1);
        let rest = found.last().unwrap();
        assert_eq!((rest.verdict, rest.bytes.end), (Verdict::Unread, lines.len()));
        // What was copied from the context does not speak for what stands behind it.
        let filler = "Marie Curie was born in Warsaw in 1867. ".repeat(400);
        let long = format!("{}{}Ships sail north of Rotterdam.", &filler[..400 * 40], " ".repeat(ANSWER_MAX));
        let found = judge(&long, CONTEXT);
        assert_eq!(found.last().unwrap().verdict, Verdict::Unread);
        assert!(long[found.last().unwrap().bytes.clone()].contains("Ships"));
        assert_eq!(judge(&"It is. ".repeat(3), CONTEXT).len(), 3);
    }

    #[test]
    fn sentences_by_hand() {
        let text = "It is 3.5 m long. Yes!\n第一。第二";
        let found: Vec<&str> = sentences(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, ["It is 3.5 m long.", "Yes!", "第一。", "第二"]);
    }

    proptest! {
        #[test]
        fn every_answer_is_judged_in_bounds(answer in "\\PC{0,120}", context in "\\PC{0,200}") {
            for sentence in judge(&answer, &context) {
                prop_assert!(answer.get(sentence.bytes).is_some());
                prop_assert!((0.0..=1.0).contains(&sentence.support));
            }
        }
    }
}
