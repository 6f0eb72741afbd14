//! What the signals of a policy can say, by kind: the ranges that the analysis may assume.
//!
//! Every range here is one that the catalogue promises: numbers are not negative, counts are whole, shares lie in
//! [0, 1], an exact signal is sure when it matches. A range that is too wide only loses findings; one that is too
//! narrow would report what is not so.

use tollgate_core::signal::{Family, Kind, Param, SignalSpec, ValueType};

/// Thresholds when the policy gives none: of a repeated turn, of likeness, of a subject, of an attack, of a hazard, of a label.
const REASK: f64 = 0.6;
const SIMILAR: f64 = 0.5;
const SUBJECT: f64 = 0.3;
const ATTACK: f64 = 0.7;
const HAZARD: f64 = 0.8;
const CLASSIFIER: f64 = 0.5;

/// The values of one signal.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Domain {
    /// It matches or not; where it does, its confidence is from this to 1.
    Flag(f64),
    /// A number from 0 to `most`.
    Number { whole: bool, most: f64 },
    /// One text: of these, or any when there are none.
    Text(&'static [&'static str]),
    /// A set of texts.
    Set,
}

impl Domain {
    pub(super) fn of(spec: &SignalSpec) -> Self {
        match spec.kind.info().value {
            ValueType::Flag => Self::Flag(least_confidence(spec)),
            ValueType::Number => number(spec),
            ValueType::Text => Self::Text(crate::check::fixed_words(spec.kind).unwrap_or_default()),
            ValueType::Set => Self::Set,
        }
    }

    /// Whether a match is always sure.
    pub(super) fn is_exact(self) -> bool {
        !matches!(self, Self::Flag(least) if least < 1.0)
    }
}

fn least_confidence(spec: &SignalSpec) -> f64 {
    match spec.kind {
        Kind::Keyword => match spec.text("method") {
            None | Some("literal" | "regex") => 1.0,
            _ if spec.list("any").is_empty() && spec.list("all").is_empty() => 1.0,
            _ => 0.0,
        },
        Kind::Event => {
            let criteria = spec.params.values().filter(|param| matches!(param, Param::List(_))).count()
                + usize::from(spec.flag("temporal") == Some(true));
            0.5 + 0.5 / criteria.max(1) as f64
        }
        // These match where the score reaches the threshold, and the score is the confidence.
        Kind::Reask => spec.number("threshold").unwrap_or(REASK),
        Kind::Similar => spec.number("threshold").unwrap_or(SIMILAR),
        Kind::Domain => spec.number("threshold").unwrap_or(SUBJECT),
        Kind::Jailbreak => spec.number("threshold").unwrap_or(ATTACK),
        Kind::Hazard => spec.number("threshold").unwrap_or(HAZARD),
        Kind::Classifier => spec.number("threshold").unwrap_or(CLASSIFIER),
        Kind::Metadata => 1.0,
        kind if kind.is_fact() && matches!(kind.info().family, Family::Structural | Family::Identity) => 1.0,
        _ => 0.0,
    }
}

fn number(spec: &SignalSpec) -> Domain {
    let (whole, most) = match spec.kind {
        Kind::Bytes
        | Kind::Turns
        | Kind::Depth
        | Kind::Tools
        | Kind::ToolBytes
        | Kind::ToolFailures
        | Kind::Images
        | Kind::MaxTokens
        | Kind::ExactTokens => (true, crate::table::HUGE),
        Kind::Ratio | Kind::BudgetLeft | Kind::SessionRisk | Kind::CallerRisk | Kind::Difficulty => {
            (false, 1.0)
        }
        Kind::Feature => match spec.text("measure") {
            Some("exists" | "sequence") => (true, 1.0),
            Some("count") => (true, crate::table::HUGE),
            _ => (false, crate::table::HUGE),
        },
        _ => (false, crate::table::HUGE),
    };
    Domain::Number { whole, most }
}

/// Numbers in their order, as integers without gaps: the next number is the next key.
pub(super) fn key(value: f64) -> i64 {
    // Adding zero turns -0 into 0, so that equal numbers have one key.
    let bits = (value + 0.0).to_bits().cast_signed();
    if bits < 0 { !(bits & i64::MAX) } else { bits }
}

/// The number of a key.
pub(super) fn value(key: i64) -> f64 {
    f64::from_bits(if key < 0 { (!key).cast_unsigned() | 1 << 63 } else { key.cast_unsigned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_order_and_without_gaps() {
        let numbers = [-1e300, -2.0, -f64::MIN_POSITIVE, 0.0, 5e-324, 0.25, 1.0, 4000.0, 1e300];
        for pair in numbers.windows(2) {
            assert!(key(pair[0]) < key(pair[1]), "{pair:?}");
        }
        for number in numbers {
            assert_eq!(value(key(number)).to_bits(), number.to_bits());
            assert_eq!(value(key(number) + 1), number.next_up(), "{number}");
        }
        assert_eq!(key(-0.0), key(0.0));
    }
}
