//! What the analysis takes for granted of signals, to be held against what an extractor says.

use super::domain::Domain;
use super::relations::{Relation, relations};
use crate::policy::Policy;
use tollgate_core::signal::{Signal, Value};

/// What these signals, one for each of the policy's, say that the analysis takes to be impossible: in words, and nothing
/// where its proofs hold for them. Signals that failed are passed over.
#[must_use]
pub fn implausible(policy: &Policy, signals: &[Signal]) -> Vec<String> {
    let specs = policy.specs();
    let outside = |(spec, signal): (&tollgate_core::signal::SignalSpec, &Signal)| {
        let domain = Domain::of(spec);
        (signal.failure.is_none() && !holds(domain, signal))
            .then(|| format!("`{}` is {signal:?}, outside {domain:?}", spec.name))
    };
    let mut found: Vec<String> = specs.iter().zip(signals).filter_map(outside).collect();
    // Each relation stands with both of its ends.
    let all: std::collections::BTreeSet<Relation> = relations(specs).into_values().flatten().collect();
    for relation in all {
        let (a, b) = relation.ends();
        let at = |index: u32| signals.get(index as usize).filter(|signal| signal.failure.is_none());
        let (Some(first), Some(second)) = (at(a), at(b)) else { continue };
        let holds = match relation {
            Relation::Implies(..) => !first.matched || second.matched,
            Relation::Excludes(..) => !(first.matched && second.matched),
            Relation::Covers(..) => first.matched || second.matched,
            Relation::AtMost(..) => first.value.as_number() <= second.value.as_number(),
        };
        if !holds {
            let name = |index: u32| specs.get(index as usize).map_or("", |spec| spec.name.as_str());
            found.push(format!("`{}` and `{}` break {relation:?}: {first:?}, {second:?}", name(a), name(b)));
        }
    }
    found
}

/// A comparison is certain, so the confidence of numbers and texts is not assumed.
fn holds(domain: Domain, signal: &Signal) -> bool {
    match (domain, &signal.value) {
        (Domain::Flag(least), Value::Flag(flag)) => {
            *flag == signal.matched && (!signal.matched || (least..=1.0).contains(&signal.confidence))
        }
        (Domain::Number { whole, most }, Value::Number(number)) => {
            (0.0..=most).contains(number) && (!whole || number.fract() == 0.0)
        }
        (Domain::Text(words), Value::Text(text)) => words.is_empty() || words.contains(&text.as_str()),
        (Domain::Set, Value::Set(_)) => true,
        _ => false,
    }
}
