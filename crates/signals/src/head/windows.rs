//! A text in overlapping windows: what is hidden in the middle of a long one is not drowned by the rest.

use crate::text::cut;

/// The windows of `text`, each of at most `width` bytes: the whole of a short one, else pieces that overlap by a quarter and
/// reach its end. Whatever is shorter than a quarter of a window stands whole in one of them.
pub fn windows(text: &str, width: usize) -> impl Iterator<Item = &str> {
    let stride = (width * 3 / 4).max(1);
    let last = text.len().saturating_sub(width);
    let starts = (0..text.len().max(1)).step_by(stride);
    let needed = starts.take_while(move |start| *start == 0 || *start < last + stride);
    needed.filter_map(move |start| {
        let mut start = start;
        while !text.is_char_boundary(start) {
            start += 1;
        }
        Some(cut(text.get(start..)?, width))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WINDOW_BYTES: usize = 1024;

    proptest! {
        /// Anything of a quarter of a window, wherever it stands, is whole in some window; and windows stay linear.
        #[test]
        fn nothing_falls_between_windows(before in 0_usize..5000, after in 0_usize..5000, letter in "[aé中]") {
            let needle = "x".repeat(WINDOW_BYTES / 4 - 4);
            let text = letter.repeat(before) + &needle + &letter.repeat(after);
            prop_assert!(windows(&text, WINDOW_BYTES).any(|window| window.contains(&needle)));
            let total: usize = windows(&text, WINDOW_BYTES).map(str::len).sum();
            prop_assert!(total <= text.len() * 4 / 3 + 2 * WINDOW_BYTES);
            prop_assert!(windows(&text, WINDOW_BYTES).last().is_some_and(|window| text.ends_with(window)));
        }
    }
}
