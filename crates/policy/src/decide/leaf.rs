//! Tests on one signal's value, and comparisons.

use super::run::Tri;
use crate::effects::like;
use crate::syntax::tree::Cmp;
use crate::table::Test;
use tollgate_core::signal::{Signal, Value};

/// A confidence made safe: not a number counts as none.
pub(crate) fn sure(signal: &Signal) -> f64 {
    if signal.confidence.is_nan() { 0.0 } else { signal.confidence.clamp(0.0, 1.0) }
}

#[inline]
pub(crate) fn judge(signal: &Signal, test: &Test) -> Tri {
    let word_in = |words: &[String], word: &str| words.iter().any(|held| held == word);
    match (test, &signal.value) {
        (Test::Holds, _) => {
            if signal.matched {
                Tri::yes(sure(signal))
            } else {
                Tri::NO
            }
        }
        (Test::Number(cmp, bound), value) => Tri::of(holds(*cmp, value.as_number(), *bound)),
        (Test::OneOf(words), Value::Text(text)) => Tri::of(word_in(words, text)),
        (Test::Like(patterns), Value::Text(text)) => {
            Tri::of(patterns.iter().any(|pattern| like(pattern, text)))
        }
        (Test::HasAny(words), Value::Set(set)) => Tri::of(words.iter().any(|word| word_in(set, word))),
        (Test::HasAll(words), Value::Set(set)) => Tri::of(words.iter().all(|word| word_in(set, word))),
        // A source that answers with another type than the catalogue's matches nothing.
        (Test::OneOf(_) | Test::Like(_) | Test::HasAny(_) | Test::HasAll(_), _) => Tri::NO,
    }
}

/// A comparison of two numbers; nothing holds of one that is not a number, `!=` included.
pub(crate) fn holds(cmp: Cmp, left: f64, right: f64) -> bool {
    match cmp {
        Cmp::Lt => left < right,
        Cmp::Le => left <= right,
        Cmp::Gt => left > right,
        Cmp::Ge => left >= right,
        Cmp::Eq => left == right,
        Cmp::Ne => left != right && !left.is_nan() && !right.is_nan(),
    }
}

/// A comparison of two ranges: known only when it is the same for every pair of numbers in them.
pub(crate) fn compare(cmp: Cmp, left: (f64, f64), right: (f64, f64)) -> Option<bool> {
    let known = |yes: bool, no: bool| if yes { Some(true) } else { no.then_some(false) };
    match cmp {
        Cmp::Lt => known(left.1 < right.0, left.0 >= right.1),
        Cmp::Le => known(left.1 <= right.0, left.0 > right.1),
        Cmp::Gt => known(left.0 > right.1, left.1 <= right.0),
        Cmp::Ge => known(left.0 >= right.1, left.1 < right.0),
        Cmp::Eq | Cmp::Ne => {
            let apart = left.1 < right.0 || left.0 > right.1;
            let same = left.0 == left.1 && right.0 == right.1 && left.0 == right.0;
            let equal = known(same, apart);
            if cmp == Cmp::Eq { equal } else { equal.map(|equal| !equal) }
        }
    }
}
