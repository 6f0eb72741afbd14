//! Conditions on the arguments of a tool call, in three values.
//!
//! A test of an argument that is not there, or is of another type, is *unknown*; only what certainly holds is allowed.
//! So `not "path" like "/etc/*"` does not allow a call without `path`. Where a path meets several values (`*` stands
//! for every item or member), a test must hold of each, and its negation of each too. A member whose name differs from a
//! step's only in case is what the path means to some tools and not to others, so every test of it is unknown.

use super::strict::Value;
use crate::decide::Verdict;
use crate::effects::like;
use crate::syntax::tree::Cmp;

/// A path into the arguments, split at its dots.
pub(crate) type Path = Vec<String>;

/// What is asked of an argument.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum ArgTest {
    Number(Cmp, f64),
    OneOf(Vec<String>),
    Flag(bool),
    Like(Vec<String>),
    Given,
}

/// A condition on arguments.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Not(Box<Condition>),
    Test(Path, ArgTest),
}

impl Condition {
    /// Whether it certainly holds of `arguments`.
    pub(super) fn holds(&self, arguments: &Value) -> bool {
        self.judge(arguments, true) == Verdict::True
    }

    /// The condition (`wanted`) or its negation, with negations pushed down to the tests.
    fn judge(&self, arguments: &Value, wanted: bool) -> Verdict {
        let all = |parts: &[Self]| {
            parts.iter().fold(Verdict::True, |held, part| both(held, part.judge(arguments, wanted)))
        };
        let any = |parts: &[Self]| {
            parts.iter().fold(Verdict::False, |held, part| either(held, part.judge(arguments, wanted)))
        };
        match self {
            Self::Not(inner) => inner.judge(arguments, !wanted),
            Self::All(parts) if wanted => all(parts),
            Self::Any(parts) if wanted => any(parts),
            Self::All(parts) => any(parts),
            Self::Any(parts) => all(parts),
            Self::Test(path, test) => {
                let mut met = Vec::new();
                find(arguments, path, &mut met);
                if met.contains(&Met::Unclear) {
                    return Verdict::Unknown;
                }
                if *test == ArgTest::Given && !met.contains(&Met::Nothing) {
                    return truth(met.is_empty() != wanted);
                }
                if met.is_empty() {
                    return Verdict::Unknown;
                }
                met.iter().fold(Verdict::True, |held, value| both(held, fact(test, value, wanted)))
            }
        }
    }
}

const fn truth(holds: bool) -> Verdict {
    if holds { Verdict::True } else { Verdict::False }
}

const fn both(a: Verdict, b: Verdict) -> Verdict {
    match (a, b) {
        (Verdict::False, _) | (_, Verdict::False) => Verdict::False,
        (Verdict::True, Verdict::True) => Verdict::True,
        _ => Verdict::Unknown,
    }
}

const fn either(a: Verdict, b: Verdict) -> Verdict {
    match (a, b) {
        (Verdict::True, _) | (_, Verdict::True) => Verdict::True,
        (Verdict::False, Verdict::False) => Verdict::False,
        _ => Verdict::Unknown,
    }
}

/// What stands at a path.
#[derive(PartialEq)]
enum Met<'v> {
    Value(&'v Value),
    /// Nothing, in one branch of a `*`.
    Nothing,
    /// Something that another reader takes for more: under a name that is a step's for who folds case, in a text that may
    /// be JSON itself, or in a list where an object is meant.
    Unclear,
}

/// The values at a path; a missing one under a `*` stands as nothing.
fn find<'v>(value: &'v Value, path: &[String], met: &mut Vec<Met<'v>>) {
    let Some((step, rest)) = path.split_first() else {
        met.push(Met::Value(value));
        return;
    };
    match value {
        Value::List(items) if step == "*" => items.iter().for_each(|item| below(item, rest, met)),
        Value::Members(members) if step == "*" => {
            members.iter().for_each(|(_, member)| below(member, rest, met));
        }
        Value::Members(members) => {
            // No two names of one object fold to the same.
            match members.iter().find(|(name, _)| tollgate_core::fold::same(name.as_bytes(), step)) {
                Some((name, member)) if name == step => find(member, rest, met),
                Some(_) => met.push(Met::Unclear),
                None => {}
            }
        }
        Value::List(items) => match step.parse::<usize>() {
            Ok(at) => items.get(at).into_iter().for_each(|item| find(item, rest, met)),
            Err(_) if items.is_empty() => {}
            Err(_) => met.push(Met::Unclear),
        },
        Value::Text(text) if text.trim_start().starts_with(['{', '[', '"']) => met.push(Met::Unclear),
        _ => {}
    }
}

/// One branch of a `*`: where the path ends early there, that is noted.
fn below<'v>(value: &'v Value, rest: &[String], met: &mut Vec<Met<'v>>) {
    let before = met.len();
    find(value, rest, met);
    if met.len() == before {
        met.push(Met::Nothing);
    }
}

fn fact(test: &ArgTest, met: &Met<'_>, wanted: bool) -> Verdict {
    let value = match met {
        Met::Value(value) => Some(*value),
        Met::Nothing => None,
        Met::Unclear => return Verdict::Unknown,
    };
    let holds = match (test, value) {
        (ArgTest::Number(cmp, bound), Some(Value::Number(number))) => {
            crate::decide::holds(*cmp, *number, *bound)
        }
        (ArgTest::OneOf(words), Some(Value::Text(text))) => words.contains(text),
        (ArgTest::Like(patterns), Some(Value::Text(text))) => {
            patterns.iter().any(|pattern| like(pattern, text))
        }
        (ArgTest::Flag(flag), Some(Value::Flag(found))) => flag == found,
        // Under a `*`: given in every branch, or (negated) in none.
        (ArgTest::Given, value) => value.is_some(),
        _ => return Verdict::Unknown,
    };
    truth(holds == wanted)
}

#[cfg(test)]
mod tests {
    use super::super::strict::parse;
    use super::*;

    fn test(path: &str, test: ArgTest) -> Condition {
        Condition::Test(path.split('.').map(str::to_owned).collect(), test)
    }

    fn like(path: &str, pattern: &str) -> Condition {
        test(path, ArgTest::Like(vec![pattern.into()]))
    }

    fn not(inner: Condition) -> Condition {
        Condition::Not(Box::new(inner))
    }

    #[test]
    fn only_what_certainly_holds_is_allowed() {
        let most = test("amount", ArgTest::Number(Cmp::Le, 500.0));
        let cases = [
            (most.clone(), r#"{"amount":500}"#, true),
            (most.clone(), r#"{"amount":500.5}"#, false),
            (most.clone(), r#"{"amount":"5"}"#, false),
            (most.clone(), "{}", false),
            (most.clone(), "[]", false),
            (not(most.clone()), r#"{"amount":"900"}"#, false),
            (not(most), r#"{"amount":900}"#, true),
            (not(like("path", "/etc/*")), r#"{"path":"/tmp/x"}"#, true),
            (not(like("path", "/etc/*")), r#"{"path":"/etc/x"}"#, false),
            (not(like("path", "/etc/*")), "{}", false),
            (like("files.*.path", "/tmp/*"), r#"{"files":[{"path":"/tmp/a"},{"path":"/tmp/b"}]}"#, true),
            (like("files.*.path", "/tmp/*"), r#"{"files":[{"path":"/tmp/a"},{"path":"/etc/b"}]}"#, false),
            (like("files.*.path", "/tmp/*"), r#"{"files":[{"path":"/tmp/a"},{}]}"#, false),
            (like("files.*.path", "/tmp/*"), r#"{"files":[]}"#, false),
            (not(like("files.*", "/etc/*")), r#"{"files":["/tmp/a","/etc/b"]}"#, false),
            (not(like("files.*", "/etc/*")), r#"{"files":["/tmp/a","/tmp/b"]}"#, true),
            (test("dry_run", ArgTest::Flag(true)), r#"{"dry_run":true}"#, true),
            (not(test("force", ArgTest::Given)), "{}", true),
            (not(test("force", ArgTest::Given)), r#"{"force":null}"#, false),
            (test("files.*.path", ArgTest::Given), r#"{"files":[{"path":"/a"},{}]}"#, false),
            (test("files.*.path", ArgTest::Given), r#"{"files":[{"path":"/a"},{"path":""}]}"#, true),
            (not(test("files.*.path", ArgTest::Given)), r#"{"files":[{"path":"/a"},{}]}"#, false),
            (not(test("files.*.path", ArgTest::Given)), r#"{"files":[{},{}]}"#, true),
            (like("to.0", "a*"), r#"{"to":["ab","b"]}"#, true),
            // Names that some readers take for the path's.
            (not(test("force", ArgTest::Given)), r#"{"Force":true}"#, false),
            (not(test("token", ArgTest::Given)), "{\"to\u{212a}en\":1}", false),
            (test("force", ArgTest::Given), r#"{"FORCE":1}"#, false),
            (not(like("to.path", "/etc/*")), r#"{"To":{"path":"/tmp/x"}}"#, false),
            (not(test("files.*.Path", ArgTest::Given)), r#"{"files":[{},{"path":"/a"}]}"#, false),
            (not(test("straße", ArgTest::Given)), r#"{"strasse":1}"#, true),
        ];
        for (condition, arguments, allowed) in cases {
            assert_eq!(condition.holds(&parse(arguments).unwrap()), allowed, "{condition:?} {arguments}");
        }
    }

    #[test]
    fn chains_follow_kleene() {
        let (a, b) = (test("a", ArgTest::Flag(true)), test("b", ArgTest::Flag(true)));
        let any = Condition::Any(vec![a.clone(), b.clone()]);
        let all = Condition::All(vec![a, b]);
        let holds = |condition: &Condition, text: &str| condition.holds(&parse(text).unwrap());
        assert!(holds(&any, r#"{"a":true}"#) && !holds(&all, r#"{"a":true}"#));
        assert!(holds(&not(all.clone()), r#"{"a":false}"#), "one part that fails is enough");
        assert!(!holds(&not(any), r#"{"a":false}"#), "the other part is unknown");
        assert!(holds(&all, r#"{"a":true,"b":true}"#));
    }

    #[test]
    fn a_member_that_stands_twice_is_refused_at_any_depth() {
        assert!(parse(r#"{"amount":1,"amount":900}"#).is_err());
        assert!(parse(r#"{"a":[{"b":1,"b":2}]}"#).is_err());
        assert!(parse(r#"{"amount":1,"\u0061mount":900}"#).is_err(), "spelled otherwise it is the same");
        assert!(parse(r#"{"amount":1,"Amount":900}"#).is_err(), "a reader that folds case reads the other");
        assert!(parse("{\"token\":1,\"to\u{212a}en\":2}").is_err(), "nor the other way");
        assert!(parse(&"[".repeat(200)).is_err());
        assert_eq!(parse("").unwrap(), Value::Members(Vec::new()));
    }
}
