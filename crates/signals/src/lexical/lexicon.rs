//! All literal words of a policy for one text, found in one pass.
//!
//! Overlapping matches are all seen (`york` inside `new york`), each is checked for word boundaries in constant
//! time (by the neighbouring characters, never by walking the prefix), counted without overlap with itself, and fed
//! to the ordered sequences. The pass costs O(bytes + raw hits); raw hits per byte are bounded by the policy, not by
//! the request.

use super::lanes::each_hit;
use crate::text::{is_boundary_needed, is_joined};
use aho_corasick::dfa::DFA;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{BuildError, MatchKind};
use std::collections::BTreeMap;
use std::ops::Range;

/// Up to so many bytes of literals the automaton is a full table (fastest); above, a compact one.
const TABLE_BYTES: usize = 32 << 10;

/// Collects the literals and sequences of one text.
#[derive(Debug, Default)]
pub(crate) struct LexiconBuilder {
    index: BTreeMap<String, u32>,
    literals: Vec<String>,
    sequences: Vec<Vec<u32>>,
}

impl LexiconBuilder {
    /// The id of `literal`, which must be folded already when case does not count.
    pub(crate) fn literal(&mut self, literal: String) -> u32 {
        let next = self.literals.len() as u32;
        let literals = &mut self.literals;
        *self.index.entry(literal).or_insert_with_key(|key| {
            literals.push(key.clone());
            next
        })
    }

    /// The id of an ordered sequence of literals.
    pub(crate) fn sequence(&mut self, steps: Vec<u32>) -> u32 {
        self.sequences.push(steps);
        self.sequences.len() as u32 - 1
    }

    /// How many different literals there are.
    pub(crate) fn len(&self) -> usize {
        self.literals.len()
    }

    /// Builds the automaton. Where case does not count it also reads ASCII text that is not folded.
    pub(crate) fn build(self, case: bool) -> Result<Lexicon, BuildError> {
        let bytes: usize = self.literals.iter().map(String::len).sum();
        let automaton = if bytes <= TABLE_BYTES {
            let mut table = DFA::builder();
            table.match_kind(MatchKind::Standard).ascii_case_insensitive(!case).prefilter(false);
            Automaton::Table(table.build(&self.literals)?)
        } else {
            let mut compact = NFA::builder();
            compact.match_kind(MatchKind::Standard).ascii_case_insensitive(!case).prefilter(false);
            Automaton::Compact(compact.build(&self.literals)?)
        };
        let edges = self
            .literals
            .iter()
            .map(|l| (is_boundary_needed(l.chars().next()), is_boundary_needed(l.chars().next_back())))
            .collect();
        let mut steps_of = vec![Vec::new(); self.literals.len()];
        for (sequence, steps) in self.sequences.iter().enumerate() {
            for (step, literal) in steps.iter().enumerate() {
                if let Some(list) = steps_of.get_mut(*literal as usize) {
                    list.push((sequence as u32, step as u32));
                }
            }
        }
        let lengths = self.sequences.iter().map(|s| s.len() as u32).collect();
        Ok(Lexicon { automaton, edges, steps_of, lengths })
    }
}

/// The literals of one text, as they are looked for.
#[derive(Debug)]
enum Automaton {
    /// One row a state.
    Table(DFA),
    /// Most states as lists.
    Compact(NFA),
}

/// The automaton of one text.
#[derive(Debug)]
pub(crate) struct Lexicon {
    automaton: Automaton,
    /// Per literal: whether its left and right edges need a word boundary.
    edges: Vec<(bool, bool)>,
    /// Per literal: the steps of sequences that wait for it.
    steps_of: Vec<Vec<(u32, u32)>>,
    /// Per sequence: number of steps.
    lengths: Vec<u32>,
}

/// What one pass found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hits {
    /// Per literal: occurrences that do not overlap with one another; empty where no literal occurs.
    pub(crate) counts: Vec<u32>,
    /// Per sequence: steps found in order, greedily from the left; empty where no literal occurs.
    pub(crate) steps: Vec<u32>,
}

impl Hits {
    /// Whether nothing was found for certain: most texts hold none of a policy's words.
    pub(crate) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

impl Lexicon {
    /// Finds every literal in `text`.
    pub(crate) fn scan(&self, text: &str) -> Hits {
        let mut tally = None;
        let mut hit = |id, start, end| {
            tally.get_or_insert_with(|| Tally::of(self)).hit(self, text, id, start..end);
        };
        match &self.automaton {
            Automaton::Table(table) => each_hit(table, text.as_bytes(), &mut hit),
            Automaton::Compact(compact) => each_hit(compact, text.as_bytes(), &mut hit),
        }
        tally.map(|tally| tally.hits).unwrap_or_default()
    }

    /// Whether the sequence was found whole.
    pub(crate) fn complete(&self, hits: &Hits, sequence: u32) -> bool {
        let at = sequence as usize;
        hits.steps.get(at).is_some_and(|done| Some(done) == self.lengths.get(at))
    }
}

/// Hits as they are counted.
struct Tally {
    hits: Hits,
    /// Per literal: where its last occurrence that counts ends.
    ends: Vec<usize>,
    /// Per sequence: where its last step ends.
    step_ends: Vec<usize>,
}

impl Tally {
    fn of(lexicon: &Lexicon) -> Self {
        let (literals, sequences) = (lexicon.edges.len(), lexicon.lengths.len());
        let hits = Hits { counts: vec![0; literals], steps: vec![0; sequences] };
        Self { hits, ends: vec![0; literals], step_ends: vec![0; sequences] }
    }

    fn hit(&mut self, lexicon: &Lexicon, text: &str, id: usize, at: Range<usize>) {
        let (Some(&(left, right)), Some(end), Some(count)) =
            (lexicon.edges.get(id), self.ends.get_mut(id), self.hits.counts.get_mut(id))
        else {
            return;
        };
        if (left && joined_before(text, at.start)) || (right && joined_after(text, at.end)) {
            return;
        }
        if at.start >= *end {
            *end = at.end;
            *count = count.saturating_add(1);
        }
        for (sequence, step) in lexicon.steps_of.get(id).map(Vec::as_slice).unwrap_or_default() {
            let of = *sequence as usize;
            if let (Some(done), Some(last)) = (self.hits.steps.get_mut(of), self.step_ends.get_mut(of))
                && *done == *step
                && at.start >= *last
            {
                *done += 1;
                *last = at.end;
            }
        }
    }
}

/// Whether a letter of a spaced script ends right before byte `at`. Constant time.
fn joined_before(text: &str, at: usize) -> bool {
    match at.checked_sub(1).and_then(|before| text.as_bytes().get(before)) {
        None => false,
        Some(byte) if byte.is_ascii() => byte.is_ascii_alphanumeric() || *byte == b'_',
        Some(_) => text.get(..at).and_then(|t| t.chars().next_back()).is_some_and(is_joined),
    }
}

/// Whether a letter of a spaced script starts at byte `at`. Constant time.
fn joined_after(text: &str, at: usize) -> bool {
    match text.as_bytes().get(at) {
        None => false,
        Some(byte) if byte.is_ascii() => byte.is_ascii_alphanumeric() || *byte == b'_',
        Some(_) => text.get(at..).and_then(|t| t.chars().next()).is_some_and(is_joined),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::fold;
    use proptest::prelude::*;

    fn count(literal: &str, text: &str) -> u32 {
        let mut builder = LexiconBuilder::default();
        let id = builder.literal(fold(literal)) as usize;
        builder.build(false).unwrap().scan(&fold(text)).counts[id]
    }

    #[test]
    fn literals_stand_on_word_boundaries() {
        for (literal, text, hits) in [
            ("cat", "cat, Cat; CAT_ concat cats (cat)", 3),
            ("c++", "c++ or C++17 or xc++", 2),
            (".net", "use .NET now, asp.net", 2),
            ("new york", "New York new yorker", 1),
            ("python", "用Python写 pythonic", 1),
            ("退款", "我要退款。退款退款", 3),
            ("환불", "환불을 원해요", 1),
            ("café", "CAFÉ cafés", 1),
            ("cafe", "cafe\u{301} cafe", 1),
            ("straße", "STRAẞE straße", 2),
            ("σίσυφος", "ΣΊΣΥΦΟΣ Σίσυφος", 2),
            ("is", "İS is", 1),
            ("🔥", "🔥🔥 a🔥b", 3),
            ("hot 🔥", "hot 🔥x shot 🔥", 1),
            ("哈哈", "哈哈哈", 1),
        ] {
            assert_eq!(count(literal, text), hits, "{literal} in {text}");
        }
    }

    #[test]
    fn sequences_are_ordered_and_do_not_overlap() {
        let mut builder = LexiconBuilder::default();
        let mut sequence = |words: &[&str]| {
            let steps = words.iter().map(|w| builder.literal((*w).into())).collect();
            builder.sequence(steps)
        };
        let (abc, aa, ny) =
            (sequence(&["a", "b", "c"]), sequence(&["a", "a"]), sequence(&["new york", "york"]));
        let lexicon = builder.build(false).unwrap();
        for (text, wanted) in [
            ("a b c", [true, false, false]),
            ("c b a", [false, false, false]),
            ("b a c b c a", [true, true, false]),
            ("new york", [false, false, false]),
            ("new york, york", [false, false, true]),
        ] {
            let hits = lexicon.scan(text);
            assert_eq!([abc, aa, ny].map(|s| lexicon.complete(&hits, s)), wanted, "{text}");
        }
    }

    proptest! {
        /// Against the obvious quadratic search.
        #[test]
        fn equals_naive_search(text in "[abé中 ]{0,40}", literals in proptest::collection::vec("[abé中]{1,3}", 1..6)) {
            let mut builder = LexiconBuilder::default();
            let ids: Vec<_> = literals.iter().map(|l| builder.literal(l.clone())).collect();
            let hits = builder.build(true).unwrap().scan(&text);
            for (literal, id) in literals.iter().zip(ids) {
                let (mut naive, mut from) = (0, 0);
                for (at, _) in text.char_indices().filter(|(at, _)| text[*at..].starts_with(literal)) {
                    let end = at + literal.len();
                    let left = text[..at].chars().next_back().is_some_and(is_joined)
                        && literal.chars().next().is_some_and(is_joined);
                    let right = text[end..].chars().next().is_some_and(is_joined)
                        && literal.chars().next_back().is_some_and(is_joined);
                    if at >= from && !left && !right {
                        (naive, from) = (naive + 1, end);
                    }
                }
                prop_assert_eq!(hits.counts.get(id as usize).copied().unwrap_or(0), naive, "{} in {}", literal, text);
            }
        }
    }
}
