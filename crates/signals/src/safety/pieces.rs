//! The pieces of a text that are read by themselves.
//!
//! Pages and a few sentences at a time over the whole of it; the same of every paragraph by itself, and every sentence; and
//! what stands at the joints of paragraphs. A paragraph is read the same way in every text, so that nothing before or behind it
//! takes a piece away.

use super::STEP_MAX;
use crate::head::windows;
use crate::text::cut;

/// Bytes of a page, and of a few sentences.
const WIDE: usize = 1024;
const NARROW: usize = 256;
/// Shortest sentence that is read by itself, in bytes.
const SENTENCE_MIN: usize = 24;
/// How much more the odds of a paragraph or a joint, and of a sentence, are divided by than those of a window: what is short has
/// little to tell by. Calibrated with [`STEP_MAX`] on long texts that heads learned as ordinary ones.
const APART: f32 = 2.0;
const ALONE: f32 = 8.0;
/// What the odds of a window are divided by at most.
const WINDOW_STEP_MAX: f32 = 32.0;
/// Bytes from one joint of paragraphs that is read to the next, at least.
const JOINTS_APART: usize = 64;

/// Gives every piece of `text`, at most some seven times its bytes in all, and what its odds are divided by for being one of
/// many; one may come twice. Of a text that is longer the bound is [`STEP_MAX`], which whoever adds text cannot move.
pub(super) fn each<'t>(text: &'t str, mut see: impl FnMut(&'t str, f32)) {
    let many = (count(text.len()) as f32).sqrt();
    let step = many.min(WINDOW_STEP_MAX);
    let [apart, alone] = [APART, ALONE].map(|more| (more * many).min(STEP_MAX));
    windows(text, WIDE).for_each(|piece| see(piece, step));
    let (mut start, mut end, mut joint) = (0, 0, 0);
    // Once: white space around the text is as long as its writer likes, and so are its paragraphs many.
    let whole = text.trim().len();
    let mut block = |from: usize, to: usize| {
        let block = text.get(from..to).unwrap_or_default().trim();
        if block.is_empty() {
            return;
        }
        if block.len() < whole {
            windows(block, WIDE).for_each(|piece| see(piece, apart));
            let at = from + joint_of(text, from);
            if from > 0 && at >= joint + JOINTS_APART {
                joint = at;
                see(around(text, at), apart);
            }
        }
        let narrow = windows(block, NARROW).filter(|window| window.len() < block.len());
        narrow.for_each(|piece| see(piece, step));
        let sentences = sentences(block).filter(|one| one.len() >= SENTENCE_MIN && one.len() < block.len());
        sentences.for_each(|piece| see(piece, alone));
    };
    for line in text.split_inclusive('\n') {
        if line.trim().is_empty() {
            block(start, end);
            start = end + line.len();
        }
        end += line.len();
    }
    block(start, end);
}

/// How many windows a text of so many bytes has: by its length alone, so that no way of writing it makes more of them.
pub(super) const fn count(bytes: usize) -> usize {
    1 + bytes / (NARROW * 3 / 4) + bytes / (WIDE * 3 / 4)
}

/// Bytes of white space that a paragraph begins with.
fn joint_of(text: &str, from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    rest.len() - rest.trim_start().len()
}

/// A few sentences around a place.
fn around(text: &str, at: usize) -> &str {
    let mut from = at.saturating_sub(NARROW / 2);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    cut(text.get(from..).unwrap_or_default(), NARROW)
}

/// Sentences: they end with a line, or with a mark before a blank; the marks of Chinese and Japanese need none.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut chars = rest.char_indices().peekable();
        let mut end = rest.len();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
            if matches!(c, '\n' | '。' | '！' | '？') || next && matches!(c, '.' | '!' | '?' | ';' | ':') {
                end = at + c.len_utf8();
                break;
            }
        }
        let (sentence, more) = rest.split_at(end);
        rest = more;
        Some(sentence.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &str) -> Vec<&str> {
        let mut all = Vec::new();
        each(text, |piece, _| all.push(piece));
        all
    }

    #[test]
    fn pieces_by_hand() {
        assert_eq!(all("Hello there"), ["Hello there"]);
        let sentence = "One sentence of a paragraph.";
        let pieces = all("One sentence of a paragraph. And yes! Some other one of the same.\n\nThen more");
        assert!(pieces.contains(&sentence) && pieces.contains(&"Some other one of the same."), "{pieces:?}");
        assert!(pieces.contains(&"Then more") && !pieces.contains(&"And yes!"), "{pieces:?}");
    }

    /// With work per paragraph that grows with the text this would take minutes.
    #[test]
    fn blanks_around_many_paragraphs_are_walked_once() {
        let (blanks, paragraphs) = (" ".repeat(1 << 20), "a\n\n".repeat(1 << 18));
        let mut seen = 0;
        each(&format!("{blanks}{paragraphs}{blanks}"), |piece, _| seen += usize::from(piece == "a"));
        assert_eq!(seen, 1 << 18);
    }

    proptest! {
        /// A paragraph has all its pieces in every text, and pieces stay linear.
        #[test]
        fn nothing_around_a_paragraph_takes_a_piece_away(
            before in "[a-c .é\n]{0,400}", words in proptest::collection::vec("[a-zé]{1,12}[.!]{0,1}", 1..300),
            after in "[a-c .é\n]{0,400}",
        ) {
            let paragraph = words.join(" ");
            let whole = format!("{before}\n\n{paragraph}\n\n{after}");
            let pieces = all(&whole);
            prop_assert!(all(&paragraph).iter().all(|piece| pieces.contains(piece)));
            let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
            prop_assert!(bytes <= 8 * whole.len() + 2 * (WIDE + NARROW), "{bytes} of {}", whole.len());
        }
    }
}
