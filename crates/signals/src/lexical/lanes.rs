//! An automaton that walks several stretches of a text at once.
//!
//! Each step of an automaton waits for the state of the step before it, which takes longer than the work of a step; so
//! the steps of four stretches are taken in turn. What a state stands for is a suffix of what was read that begins some
//! literal: it is no longer than the longest one, so that a stretch whose walk begins that many bytes earlier is read
//! as if it were reached from the start.

use aho_corasick::Anchored;
use aho_corasick::automaton::{Automaton, StateID};
use smallvec::SmallVec;

/// Stretches that are walked at once.
const LANES: usize = 4;
/// Longest stretch in bytes: the hits of one round wait in memory.
const LANE_MAX: usize = 1 << 10;
/// A stretch is at least so many times as long as the longest literal, which is read twice at its start.
const LANE_LITERALS: usize = 4;

/// Calls `hit` with pattern, start and end of every occurrence, overlapping ones included, in the order of their ends.
pub(super) fn each_hit<A: Automaton>(automaton: &A, text: &[u8], mut hit: impl FnMut(usize, usize, usize)) {
    // Automata of this crate are built for searches that are not anchored.
    let Ok(start) = automaton.start_state(Anchored::No) else { return };
    let longest = automaton.max_pattern_len();
    let mut tell = |state: StateID, end: usize| {
        for index in 0..automaton.match_len(state) {
            let pattern = automaton.match_pattern(state, index);
            hit(pattern.as_usize(), end - automaton.pattern_len(pattern), end);
        }
    };
    let step = |state: StateID, byte: &u8| automaton.next_state(Anchored::No, state, *byte);
    let special = |state: StateID| automaton.is_special(state);
    let matched = |state: StateID| special(state) && automaton.is_match(state);
    let (mut state, mut from) = (start, 0);
    loop {
        let rest = text.get(from..).unwrap_or_default();
        let lane = (rest.len() / LANES).min(LANE_MAX);
        if lane == 0 || lane < longest * LANE_LITERALS {
            break;
        }
        let warm = |lane_start: usize| {
            let before = text.get((lane_start - longest)..lane_start).unwrap_or_default();
            before.iter().fold(start, step)
        };
        let (mut a, mut b, mut c, mut d) =
            (state, warm(from + lane), warm(from + 2 * lane), warm(from + 3 * lane));
        let mut found: [SmallVec<[(StateID, usize); 4]>; LANES] = Default::default();
        let mut lanes = rest.chunks_exact(lane);
        let mut next = || lanes.next().unwrap_or_default().iter();
        let rows = next().zip(next()).zip(next()).zip(next()).enumerate();
        for (at, (((byte_a, byte_b), byte_c), byte_d)) in rows {
            (a, b, c, d) = (step(a, byte_a), step(b, byte_b), step(c, byte_c), step(d, byte_d));
            // Hits are rare: one branch for all four.
            if special(a) | special(b) | special(c) | special(d) {
                for (state, found) in [a, b, c, d].into_iter().zip(&mut found) {
                    if matched(state) {
                        found.push((state, at));
                    }
                }
            }
        }
        state = d;
        for (number, found) in found.iter().enumerate() {
            found.iter().for_each(|(state, at)| tell(*state, from + number * lane + at + 1));
        }
        from += LANES * lane;
    }
    for (at, byte) in text.get(from..).unwrap_or_default().iter().enumerate() {
        state = step(state, byte);
        if matched(state) {
            tell(state, from + at + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aho_corasick::AhoCorasick;
    use aho_corasick::dfa::DFA;
    use aho_corasick::nfa::contiguous::NFA;
    use proptest::prelude::*;

    fn hits(automaton: &impl Automaton, text: &str) -> Vec<(usize, usize, usize)> {
        let mut found = Vec::new();
        each_hit(automaton, text.as_bytes(), |pattern, start, end| found.push((pattern, start, end)));
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        /// Against the library's own search, across the ends of stretches and of rounds.
        #[test]
        fn finds_what_one_walk_finds(
            text in "[ab]{0,600}|[a-d é]{0,9000}",
            literals in proptest::collection::vec("[abé]{1,9}", 0..6),
        ) {
            let one = AhoCorasick::new(&literals).unwrap();
            let wanted: Vec<_> =
                one.find_overlapping_iter(&text).map(|hit| (hit.pattern().as_usize(), hit.start(), hit.end())).collect();
            prop_assert_eq!(hits(&DFA::new(&literals).unwrap(), &text), &wanted[..]);
            prop_assert_eq!(hits(&NFA::new(&literals).unwrap(), &text), &wanted[..]);
        }
    }
}
