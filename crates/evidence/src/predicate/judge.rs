//! Does it hold, and if not, why not?

use super::{Expr, Predicate, Test};
use crate::{Claims, Refusal, Value};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use tollgate_core::Digest;
use tollgate_pay::json::Json;

/// Most reasons that are told.
const REASONS_MAX: usize = 32;

/// What it is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// When, in seconds since 1970.
    pub at: i64,
    /// Claims of evidence that was accepted and is bound to the task. Unbound claims count for nothing.
    pub claims: &'a [Claims],
    /// SHA-256 of the output.
    pub output: &'a Digest,
}

/// Why something does not hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// A JSON pointer into the predicate.
    pub place: String,
    /// What is not as it must be.
    pub says: String,
}

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    /// Whether all of it holds.
    pub holds: bool,
    /// Why not: at most 32 reasons, in the order of the predicate. None when it holds.
    pub reasons: Vec<Reason>,
}

impl Predicate {
    /// Whether it holds.
    #[must_use]
    pub fn judge(&self, given: &Given<'_>) -> Judged {
        let mut reasons = Vec::new();
        let judging = Judging { given, parsed: RefCell::default() };
        let holds = judging.expr(&self.require, "/require", &mut reasons);
        reasons.truncate(REASONS_MAX);
        if holds { Judged { holds, reasons: Vec::new() } } else { Judged { holds, reasons } }
    }
}

/// Facts that were parsed, by the claims' place and the fact's name; nothing where it is no strict JSON.
type Parsed<'a> = BTreeMap<(usize, &'a str), Option<Rc<Json>>>;

/// What is judged, with the facts that were parsed on the way: a predicate may look into each of them hundreds of times.
struct Judging<'a> {
    given: &'a Given<'a>,
    parsed: RefCell<Parsed<'a>>,
}

impl<'a> Judging<'a> {
    /// Recursion is bounded by the depth of predicates that are read, and again by that of checked ones.
    fn expr(&self, expr: &Expr, place: &str, reasons: &mut Vec<Reason>) -> bool {
        let (name, least, parts) = match expr {
            Expr::All(parts) => ("all", parts.len(), parts),
            Expr::Any(parts) => ("any", 1, parts),
            Expr::AtLeast { count, of } => ("at_least/of", *count, of),
            Expr::Evidence { kind, r#where } => {
                let before = reasons.len();
                let mut seen = false;
                let all = self.given.claims.iter().enumerate();
                for claims in all.filter(|(_, claims)| claims.kind == *kind && claims.bound) {
                    seen = true;
                    if self.tests(claims, r#where, place, reasons) {
                        reasons.truncate(before);
                        return true;
                    }
                }
                if !seen {
                    tell(reasons, place, format!("there is no accepted evidence of kind {kind}"));
                }
                return false;
            }
        };
        let mut own = Vec::new();
        let numbered = parts.iter().enumerate();
        let held =
            numbered.filter(|(n, part)| self.expr(part, &format!("{place}/{name}/{n}"), &mut own)).count();
        let holds = held >= least && !parts.is_empty();
        if !holds {
            if name != "all" {
                tell(reasons, place, format!("{held} of {} hold, {least} must", parts.len()));
            }
            reasons.extend(own);
        }
        holds
    }

    /// Whether all tests of one piece of evidence pass; each that does not is a reason.
    fn tests(
        &self,
        claims: (usize, &'a Claims),
        tests: &[Test],
        place: &str,
        reasons: &mut Vec<Reason>,
    ) -> bool {
        let mut all = true;
        for (n, test) in tests.iter().enumerate() {
            if let Err(says) = self.test(claims, test) {
                tell(reasons, &format!("{place}/evidence/where/{n}"), says);
                all = false;
            }
        }
        all
    }

    fn test(&self, (at_claims, claims): (usize, &'a Claims), test: &Test) -> Result<(), String> {
        let pass = |holds: bool, says: String| if holds { Ok(()) } else { Err(says) };
        let reach = |fact: &str, at| self.reach((at_claims, claims), fact, at);
        match test {
            Test::Age { most_s } => {
                let made = claims.produced_at.ok_or("it does not say when it was made")?;
                let age = self.given.at.saturating_sub(made);
                pass(age <= *most_s, format!("it is {age} s old, at most {most_s} s do"))
            }
            Test::Anchor { one_of } => pass(
                one_of.contains(&claims.anchor),
                format!("its anchor is {}", Refusal::shown(&claims.anchor)),
            ),
            Test::Contains { at, fact, value } => match reach(fact, at.as_ref())? {
                Value::List(values) => {
                    pass(values.contains(value), format!("{fact} does not contain {}", Refusal::shown(value)))
                }
                other => Err(format!("{fact} is {}, no list", shown(&other))),
            },
            Test::Count { fact, least } => match reach(fact, None)? {
                Value::List(values) => pass(
                    values.len() >= *least,
                    format!("{fact} has {} entries, at least {least} must be", values.len()),
                ),
                other => Err(format!("{fact} is {}, no list", shown(&other))),
            },
            Test::Equals { at, fact, value } => {
                let is = reach(fact, at.as_ref())?;
                pass(is == *value, format!("{fact} is {}, not {}", shown(&is), shown(value)))
            }
            Test::OneOf { at, fact, values } => {
                let is = reach(fact, at.as_ref())?;
                pass(
                    values.contains(&is),
                    format!("{fact} is {}, none of the {} that do", shown(&is), values.len()),
                )
            }
            Test::Output { at, fact } => {
                let (is, wanted) = (reach(fact, at.as_ref())?, self.given.output.to_string());
                let holds = match &is {
                    Value::Text(text) => *text == wanted,
                    Value::List(values) => values.contains(&wanted),
                    _ => false,
                };
                pass(holds, format!("{fact} is {}, not the output {wanted}", shown(&is)))
            }
            Test::Range { at, fact, from, to } => match reach(fact, at.as_ref())? {
                Value::Integer(is) => {
                    pass((from..=to).contains(&&is), format!("{fact} is {is}, not {from} to {to}"))
                }
                other => Err(format!("{fact} is {}, no whole number", shown(&other))),
            },
        }
    }
}

impl<'a> Judging<'a> {
    /// The fact, or what is at a place in it.
    fn reach(
        &self,
        (place, claims): (usize, &'a Claims),
        fact: &str,
        at: Option<&String>,
    ) -> Result<Value, String> {
        let shown = claims.facts.get_key_value(fact);
        let (name, value) = shown.ok_or_else(|| format!("it does not show {fact}"))?;
        let (Some(pointer), Value::Text(text)) = (at, value) else { return Ok(value.clone()) };
        let mut parsed = self.parsed.borrow_mut();
        let parse = || Json::parse(text.as_bytes()).ok().map(Rc::new);
        let json = parsed.entry((place, name.as_str())).or_insert_with(parse).clone();
        within(&*json.ok_or_else(|| format!("{fact} is not strict JSON"))?, fact, pointer)
    }
}

fn tell(reasons: &mut Vec<Reason>, place: &str, says: String) {
    if reasons.len() < REASONS_MAX {
        reasons.push(Reason { place: place.to_owned(), says });
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Text(text) => Refusal::shown(text),
        Value::List(values) => format!("a list of {}", values.len()),
    }
}

/// What is at a place in a fact.
fn within(json: &Json, fact: &str, pointer: &str) -> Result<Value, String> {
    let found = pointer.split('/').skip(1).try_fold(json, |json, step| {
        let name = step.replace("~1", "/").replace("~0", "~");
        match json {
            Json::List(items) => {
                let plain =
                    name == "0" || (!name.starts_with('0') && name.bytes().all(|b| b.is_ascii_digit()));
                items.get(name.parse::<usize>().ok().filter(|_| plain)?)
            }
            other => other.get(&name),
        }
    });
    match found.ok_or_else(|| format!("{fact} has nothing at {}", Refusal::shown(pointer)))? {
        Json::Bool(value) => Ok(Value::Bool(*value)),
        Json::Text(text) => Ok(Value::Text(text.clone())),
        Json::List(items) => {
            let texts = items.iter().map(|item| item.text().map(str::to_owned)).collect::<Option<_>>();
            texts
                .map(Value::List)
                .ok_or_else(|| format!("{fact} has other than texts at {}", Refusal::shown(pointer)))
        }
        number @ Json::Number(_) => {
            let whole = number.integer().and_then(|number| i64::try_from(number).ok());
            whole
                .map(Value::Integer)
                .ok_or_else(|| format!("{fact} has no whole number at {}", Refusal::shown(pointer)))
        }
        Json::Null | Json::Map(_) => Err(format!("{fact} has no value at {}", Refusal::shown(pointer))),
    }
}
