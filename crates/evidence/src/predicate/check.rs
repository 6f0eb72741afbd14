//! Does it make sense? Every fact exists and has the type that its test needs; every count can be met and missed.

use super::{Expr, Predicate, Test};
use crate::{Fact, FactType, Kind, Value};
use std::collections::BTreeSet;
use tollgate_pay::escrow::TaskContract;

/// Deepest nesting, most nodes, and most values of one test.
const DEPTH_MAX: usize = 8;
const NODES_MAX: usize = 256;
const VALUES_MAX: usize = 64;
/// Most steps of a pointer.
const STEPS_MAX: usize = 16;

/// What makes no sense, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{place}: {says}")]
pub struct Fault {
    /// A JSON pointer into the predicate.
    pub place: String,
    /// What is wrong there.
    pub says: String,
}

impl Predicate {
    /// Holds it to the facts of the kinds that it names.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn check(&self) -> Result<(), Fault> {
        let mut nodes = 0;
        expr(&self.require, "/require", DEPTH_MAX, &mut nodes)
    }

    /// Holds it to a contract: it is the one whose digest stands there, and names no kind that the contract does not accept.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn check_for(&self, contract: &TaskContract) -> Result<(), Fault> {
        self.check()?;
        let (is, wanted) = (self.digest(), contract.evidence.predicate);
        if is != wanted {
            return Err(fault("", format!("its digest is {is}, the contract names {wanted}")));
        }
        let accepted = |kind: &Kind| contract.evidence.kinds.iter().any(|name| name == kind.name());
        match self.kinds().into_iter().find(|kind| !accepted(kind)) {
            Some(kind) => {
                Err(fault("/require", format!("the contract does not accept evidence of kind {kind}")))
            }
            None => Ok(()),
        }
    }

    /// All kinds that it names.
    #[must_use]
    pub fn kinds(&self) -> BTreeSet<Kind> {
        let (mut kinds, mut open) = (BTreeSet::new(), vec![&self.require]);
        while let Some(expr) = open.pop() {
            match expr {
                Expr::All(of) | Expr::Any(of) | Expr::AtLeast { of, .. } => open.extend(of),
                Expr::Evidence { kind, .. } => {
                    kinds.insert(*kind);
                }
            }
        }
        kinds
    }
}

fn fault(place: &str, says: impl Into<String>) -> Fault {
    Fault { place: place.to_owned(), says: says.into() }
}

/// Counts a node.
fn node(place: &str, nodes: &mut usize) -> Result<(), Fault> {
    *nodes = nodes.saturating_add(1);
    if *nodes > NODES_MAX { Err(fault(place, format!("it has more than {NODES_MAX} parts"))) } else { Ok(()) }
}

/// Whether a test asks what evaluators said: accepted is also what they signed against an output.
fn asks_evaluators(test: &Test) -> bool {
    match test {
        Test::Count { fact, .. } | Test::Contains { fact, .. } => {
            ["passed_by", "failed_by"].contains(&fact.as_str())
        }
        _ => false,
    }
}

fn expr(of: &Expr, place: &str, depth: usize, nodes: &mut usize) -> Result<(), Fault> {
    node(place, nodes)?;
    let depth =
        depth.checked_sub(1).ok_or_else(|| fault(place, format!("it nests deeper than {DEPTH_MAX}")))?;
    let (name, parts) = match of {
        Expr::All(parts) => ("all", parts),
        Expr::Any(parts) => ("any", parts),
        Expr::AtLeast { count, of } => {
            if !(1..=of.len()).contains(count) {
                return Err(fault(place, format!("{count} of {} can never hold, or always", of.len())));
            }
            ("at_least/of", of)
        }
        Expr::Evidence { kind, r#where } => {
            for (n, one) in r#where.iter().enumerate() {
                let place = format!("{place}/evidence/where/{n}");
                node(&place, nodes)?;
                test(one, *kind, &place)?;
            }
            if *kind == Kind::Evaluators && !r#where.iter().any(asks_evaluators) {
                return Err(fault(place, "it does not ask what the evaluators said: test passed_by"));
            }
            return Ok(());
        }
    };
    if parts.is_empty() {
        return Err(fault(place, "it has no parts"));
    }
    for (n, part) in parts.iter().enumerate() {
        if parts.iter().take(n).any(|earlier| earlier == part) {
            return Err(fault(place, format!("part {n} stands there twice, and would count twice")));
        }
        expr(part, &format!("{place}/{name}/{n}"), depth, nodes)?;
    }
    Ok(())
}

/// The fact of a kind, and what a test finds there: `None` when that is only known from the JSON itself.
fn found(kind: Kind, fact: &str, at: Option<&String>, place: &str) -> Result<Option<FactType>, Fault> {
    let known: Option<&Fact> = kind.facts().iter().find(|known| known.name == fact);
    let Some(known) = known else {
        let names: Vec<_> = kind.facts().iter().map(|fact| fact.name).collect();
        return Err(fault(place, format!("{kind} has no fact {fact:?}; it has {}", names.join(", "))));
    };
    match (at, known.of) {
        (None, of) => Ok(Some(of)),
        (Some(pointer), FactType::Json) => {
            let steps = pointer.split('/').count().saturating_sub(1);
            let escaped = pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
            if !pointer.starts_with('/') || !(1..=STEPS_MAX).contains(&steps) || !escaped {
                return Err(fault(
                    place,
                    format!("{pointer:?} is not a JSON pointer of 1 to {STEPS_MAX} steps"),
                ));
            }
            Ok(None)
        }
        (Some(_), _) => Err(fault(place, format!("{fact} is not JSON, so nothing is at a place in it"))),
    }
}

fn values(of: Option<FactType>, values: &[Value], place: &str) -> Result<(), Fault> {
    if values.is_empty() || values.len() > VALUES_MAX {
        return Err(fault(place, format!("it has {} values, not 1 to {VALUES_MAX}", values.len())));
    }
    let fits = |value: &Value| {
        matches!(
            (of, value),
            (Some(FactType::Bool), Value::Bool(_))
                | (Some(FactType::Integer), Value::Integer(_))
                | (Some(FactType::Text), Value::Text(_))
                | (None, Value::Bool(_) | Value::Integer(_) | Value::Text(_))
        )
    };
    match values.iter().find(|value| !fits(value)) {
        Some(value) => Err(fault(place, format!("the fact is never {value:?}: it is of another type"))),
        None => Ok(()),
    }
}

fn test(test: &Test, kind: Kind, place: &str) -> Result<(), Fault> {
    let need = |of: Option<FactType>, fits: &[FactType], what: &str| match of {
        None => Ok(()),
        Some(of) if fits.contains(&of) => Ok(()),
        Some(_) => Err(fault(place, format!("the fact is not {what}"))),
    };
    match test {
        Test::Age { most_s } if *most_s < 0 => Err(fault(place, "an age is 0 or more")),
        Test::Age { .. } if !kind.timed() => Err(fault(
            place,
            format!("{kind} does not say when it was made; its binding shows that it is fresh"),
        )),
        Test::Age { .. } => Ok(()),
        Test::Anchor { one_of } if (1..=VALUES_MAX).contains(&one_of.len()) => Ok(()),
        Test::Anchor { .. } => Err(fault(place, format!("it names not 1 to {VALUES_MAX} anchors"))),
        Test::Contains { at, fact, .. } => {
            need(found(kind, fact, at.as_ref(), place)?, &[FactType::List], "a list")
        }
        Test::Count { fact, .. } => need(found(kind, fact, None, place)?, &[FactType::List], "a list"),
        Test::Equals { at, fact, value } => {
            values(found(kind, fact, at.as_ref(), place)?, std::slice::from_ref(value), place)
        }
        Test::OneOf { at, fact, values: all } => values(found(kind, fact, at.as_ref(), place)?, all, place),
        Test::Output { at, fact } => {
            need(found(kind, fact, at.as_ref(), place)?, &[FactType::Text, FactType::List], "text or a list")
        }
        Test::Range { from, to, .. } if from > to => {
            Err(fault(place, format!("nothing is from {from} to {to}")))
        }
        Test::Range { at, fact, .. } => {
            need(found(kind, fact, at.as_ref(), place)?, &[FactType::Integer], "a whole number")
        }
    }
}
