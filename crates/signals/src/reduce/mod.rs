//! A long text in its most telling sentences, for heads that read a page.
//!
//! Each sentence is scored by how central it is (TextRank: Mihalcea and Tarau 2004, with the cosine of TF-IDF vectors as
//! likeness), where it stands (beginning and end say what is wanted), and how rare its words are in the text. The best
//! are taken until the budget is full, each for what it says that the ones before did not (novelty), and stand in the
//! order of the text. What attacks and hazards are looked for is never reduced: those signals read all of it.
//!
//! Invariants: bounded work whatever is sent, linear up to there (the walk over likeness goes through the words, so no pair of sentences is
//! ever looked at); a text within the budget is returned as it is; the result is within the budget, and each of
//! its sentences stands in the text.
//!
//! ```
//! use tollgate_signals::reduce::reduce;
//! let filler = "The room was quiet and the clock went on. ".repeat(40);
//! let text = format!("Translate the contract. {filler}The tenant owes the landlord three months of rent. {filler}Be brief.");
//! let short = reduce(&text, 200);
//! assert!(short.len() <= 200 && short.starts_with("Translate the contract.") && short.ends_with("Be brief."));
//! assert!(short.contains("three months of rent"));
//! ```

mod rank;

use crate::support::sentences;
use crate::text::{cut, cut_front};
use rank::Table;
use std::borrow::Cow;
use std::ops::Range;

/// Bytes at either end of a longer text that are read.
const END_MAX: usize = 64 << 10;
/// Most sentences; of more, neighbours are taken together.
const SENTENCES_MAX: usize = 1024;
/// Longest sentence in bytes: what has no end for so long is cut at a blank.
const SENTENCE_MAX: usize = 600;

/// The most telling sentences of `text`, at most `budget` bytes.
#[must_use]
pub fn reduce(text: &str, budget: usize) -> Cow<'_, str> {
    if text.len() <= budget {
        return Cow::Borrowed(text);
    }
    let parts = parts(text);
    let table = Table::of(parts.iter().map(|part| text.get(part.clone()).unwrap_or_default()));
    let sizes: Vec<usize> = parts.iter().map(|part| part.len() + 1).collect();
    let chosen = table.choose(&sizes, budget + 1);
    if chosen.is_empty() {
        // Not even one sentence fits.
        return Cow::Borrowed(cut(text, budget));
    }
    let texts: Vec<&str> = chosen.iter().filter_map(|at| text.get(parts.get(*at)?.clone())).collect();
    Cow::Owned(texts.join(" "))
}

/// The sentences that are looked at, by their bytes.
fn parts(text: &str) -> Vec<Range<usize>> {
    let whole = text.len() <= 2 * END_MAX;
    let (head, tail) = if whole { (text, "") } else { (cut(text, END_MAX), cut_front(text, END_MAX)) };
    let mut all = Vec::new();
    for (part, start) in [(head, 0), (tail, text.len() - tail.len())] {
        for range in sentences(part) {
            split(part, range, &mut |range| all.push(range.start + start..range.end + start));
        }
    }
    let together = all.len().div_ceil(SENTENCES_MAX).max(1);
    let join = |run: &[Range<usize>]| Some(run.first()?.start..run.last()?.end);
    if together == 1 { all } else { all.chunks(together).filter_map(join).collect() }
}

/// Cuts a long sentence at blanks.
fn split(text: &str, range: Range<usize>, give: &mut impl FnMut(Range<usize>)) {
    let mut start = range.start;
    while range.end - start > SENTENCE_MAX {
        let piece = cut(text.get(start..range.end).unwrap_or_default(), SENTENCE_MAX);
        let end = piece.rfind(char::is_whitespace).filter(|at| *at > 0).unwrap_or(piece.len());
        if end == 0 {
            break;
        }
        give(start..start + end);
        start += end;
    }
    give(start..range.end);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filler(count: usize) -> String {
        (0..count).map(|n| format!("Paragraph {n} speaks of the garden, the gate and the wall. ")).collect()
    }

    #[test]
    fn what_stands_out_is_kept_wherever_it_stands() {
        for (before, after) in [(10, 400), (200, 200), (400, 10)] {
            let needle = "Compute the eigenvalues of the Hermitian matrix by Rayleigh iteration.";
            let text = format!("Help me. {} {needle} {} Thank you.", filler(before), filler(after));
            let short = reduce(&text, 2048);
            assert!(short.contains(needle), "{before} {after}");
            assert!(short.starts_with("Help me.") && short.ends_with("Thank you."));
        }
    }

    #[test]
    fn repetition_is_kept_once() {
        let text =
            format!("{}{}", "The same sentence is said again and again. ".repeat(300), "A whale dived. ");
        let short = reduce(&text, 1000);
        assert!(short.contains("whale"));
        assert!(short.matches("again and again").count() <= 4, "{short}");
    }

    #[test]
    fn texts_without_sentences_are_cut() {
        let blob = "x".repeat(300_000);
        assert!((1..=1000).contains(&reduce(&blob, 1000).len()));
        assert_eq!(reduce(&blob, 10).len(), 10);
        let words = "alpha beta gamma delta ".repeat(20_000);
        assert!((1..=4096).contains(&reduce(&words, 4096).len()));
        let lines = "a\n".repeat(200_000);
        assert!((1..=4096).contains(&reduce(&lines, 4096).len()));
    }

    proptest! {
        #[test]
        fn within_the_budget_and_of_the_text(text in "([a-zé]{1,9}[ .?\\n]{1,2}){0,80}", budget in 1_usize..300) {
            let short = reduce(&text, budget);
            prop_assert!(short.len() <= budget.max(text.len().min(budget)));
            if text.len() <= budget {
                prop_assert_eq!(&*short, &*text);
            }
            for word in short.split_whitespace() {
                prop_assert!(text.contains(word));
            }
            prop_assert_eq!(reduce(&text, budget), short);
        }
    }
}
