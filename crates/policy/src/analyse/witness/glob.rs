//! A text that fits some patterns and avoids others, found by walking all patterns at once.
//!
//! Each pattern is a small automaton whose states are positions in it; `*` lets a position stay. A text exists if
//! and only if the walk over sets of positions reaches one where every wanted pattern is at its end and no unwanted
//! one is. Only the characters that the patterns name matter, and one that none names.

use std::collections::{BTreeSet, VecDeque};

/// Most sets of positions that are visited.
const MAX_STATES: usize = 4_096;
/// Most characters of all patterns together; beyond that only the guesses are tried.
const MAX_CHARS: usize = 4_096;

type Positions = Vec<BTreeSet<u16>>;

/// `Some(Some(text))`, `Some(None)` when there is no such text, `None` when the search was cut off.
pub(crate) fn fitting(fits: &[String], avoids: &[String]) -> Option<Option<String>> {
    let patterns: Vec<Vec<char>> = fits.iter().chain(avoids).map(|text| text.chars().collect()).collect();
    let accepts = |text: &str| {
        fits.iter().all(|pattern| crate::effects::like(pattern, text))
            && !avoids.iter().any(|pattern| crate::effects::like(pattern, text))
    };
    // Readable guesses first.
    let guess = fits.first().map_or("other".to_owned(), |pattern| pattern.replace('*', ""));
    for text in [guess.clone(), format!("{guess}-other"), "other".into(), "another".into()] {
        if accepts(&text) {
            return Some(Some(text));
        }
    }
    let chars: usize = patterns.iter().map(Vec::len).sum();
    if chars > MAX_CHARS { None } else { walk(&patterns, fits.len()) }
}

fn walk(patterns: &[Vec<char>], wanted: usize) -> Option<Option<String>> {
    let named: BTreeSet<char> = patterns.iter().flatten().copied().filter(|c| *c != '*').collect();
    let mut alphabet: Vec<char> = named.iter().copied().collect();
    alphabet.extend(('a'..='z').chain('0'..='9').chain('\u{4e00}'..='\u{9fff}').find(|c| !named.contains(c)));
    let start: Positions = patterns.iter().map(|pattern| closed(pattern, BTreeSet::from([0]))).collect();
    let mut seen = BTreeSet::from([start.clone()]);
    let mut open = VecDeque::from([(start, String::new())]);
    while let Some((at, text)) = open.pop_front() {
        let ended = |(pattern, positions): (&Vec<char>, &BTreeSet<u16>)| {
            positions.iter().any(|position| usize::from(*position) == pattern.len())
        };
        let mut ends = patterns.iter().zip(&at).map(ended);
        if ends.by_ref().take(wanted).all(|ended| ended) && !ends.any(|ended| ended) {
            return Some(Some(text));
        }
        for c in &alphabet {
            let next: Positions =
                patterns.iter().zip(&at).map(|(pattern, from)| step(pattern, from, *c)).collect();
            let dead = next.iter().take(wanted).any(BTreeSet::is_empty);
            if dead || !seen.insert(next.clone()) {
                continue;
            }
            if seen.len() > MAX_STATES {
                return None;
            }
            open.push_back((next, format!("{text}{c}")));
        }
    }
    Some(None)
}

/// Positions reached by one character.
fn step(pattern: &[char], from: &BTreeSet<u16>, c: char) -> BTreeSet<u16> {
    let next = from.iter().filter_map(|position| match pattern.get(usize::from(*position)) {
        Some('*') => Some(*position),
        Some(held) if *held == c => Some(position + 1),
        _ => None,
    });
    closed(pattern, next.collect())
}

/// A star may stand for nothing.
fn closed(pattern: &[char], mut positions: BTreeSet<u16>) -> BTreeSet<u16> {
    for (at, _) in pattern.iter().enumerate().filter(|(_, c)| **c == '*') {
        let at = u16::try_from(at).unwrap_or(u16::MAX);
        if positions.contains(&at) {
            positions.insert(at.saturating_add(1));
        }
    }
    positions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(fits: &[&str], avoids: &[&str]) -> Option<Option<String>> {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        fitting(&own(fits), &own(avoids))
    }

    #[test]
    fn texts_fit_or_are_proven_absent() {
        for (fits, avoids) in [
            (&["gpt-*"][..], &[][..]),
            (&["gpt-*", "*-mini"], &["gpt-4o-mini"]),
            (&["*a*", "*b*"], &["*ab*", "a*"]),
            (&[], &["other", "another", "a*"]),
            (&["*"], &["", "a", "other", "b"]),
        ] {
            let found = find(fits, avoids).flatten().unwrap_or_else(|| unreachable!("{fits:?} {avoids:?}"));
            assert!(fits.iter().all(|p| crate::effects::like(p, &found)), "{found} {fits:?}");
            assert!(!avoids.iter().any(|p| crate::effects::like(p, &found)), "{found} {avoids:?}");
        }
        for (fits, avoids) in [
            (&["a*"][..], &["*"][..]),
            (&["a*", "b*"], &[]),
            (&["gpt-*"], &["g*"]),
            (&["a*b"], &["a*"]),
            (&["ab*", "*ba"], &["a*a"]),
        ] {
            assert_eq!(find(fits, avoids), Some(None), "{fits:?} {avoids:?}");
        }
    }
}
