//! Content that nobody reads makes a class of data bind, unless what was read rules it out or the class says otherwise;
//! and tests inside a policy see what governance leaves: models, tools, refusals with their guard.

use crate::common::{Given, policy, toy};
use tollgate_core::signal::{Signal, SignalSource, Unread, UnreadSet};
use tollgate_policy::{Ask, Decision, Fleet, Known, Place, Policy, Price, TestResult, compile, fmt};

/// Signals of a request that also sends unread content.
struct Sent(Given, UnreadSet);

impl SignalSource for Sent {
    fn read(&mut self, index: usize) -> &Signal {
        self.0.read(index)
    }

    fn unread(&self) -> UnreadSet {
        self.1
    }
}

fn source(policy: &Policy, given: &[(&str, Signal)], unread: &[Unread]) -> Sent {
    Sent(Given::named(policy, given), unread.iter().copied().collect())
}

fn decide(policy: &Policy, given: &[(&str, Signal)], unread: &[Unread]) -> Decision {
    policy.decide(&mut source(policy, given, unread), true)
}

/// A condition, what was read, what was not, and whether the class binds.
type Case<'a> = (&'a str, &'a [(&'a str, Signal)], &'a [Unread], bool);

fn bound(text: &str, given: &[(&str, Signal)], unread: &[Unread]) -> Vec<String> {
    let text = format!(
        "signal people = keyword any [\"x\"] scope sent\nsignal consent = keyword any [\"y\"]\n{text}\ndefault {{ models {{ \"m\" }} }}"
    );
    let policy = policy(&text);
    let decision = decide(&policy, given, unread);
    policy.binding_labels(&decision.binding)
}

#[test]
fn a_class_of_data_binds_what_could_carry_it() {
    let class = |rest: &str| format!("data personal {{ when {rest} on_premise }}");
    let image = &[Unread::Image][..];
    let cases: [Case<'_>; 13] = [
        ("people", &[], &[], false),
        ("people", &[], image, true),
        ("people unread allow", &[], image, false),
        ("people unread allow [\"image\"]", &[], image, false),
        ("people unread allow [\"image\"]", &[], &[Unread::Image, Unread::File], true),
        ("people unread suspect [\"file\"]", &[], image, false),
        ("people unread allow", &[("people", Signal::flag(true))], image, true),
        // What was read rules it out, whatever the picture shows.
        ("people and tokens > 100", &[("tokens", Signal::number(9.0))], image, false),
        ("people and tokens > 100", &[("tokens", Signal::number(200.0))], image, true),
        ("not people", &[("people", Signal::flag(true))], image, true),
        ("not (people or stream)", &[("stream", Signal::flag(true))], image, false),
        // No words are asked for.
        ("tokens > 100", &[("tokens", Signal::number(9.0))], image, false),
        ("people and not consent", &[("consent", Signal::flag(true))], image, true),
    ];
    for (when, given, unread, binds) in cases {
        let expected: &[&str] = if binds { &["data personal"] } else { &[] };
        assert_eq!(bound(&class(when), given, unread), expected, "{when} {unread:?}");
    }
    assert!(
        bound("rule r { when people on_premise }", &[], image).is_empty(),
        "a rule only where it says so"
    );
    assert_eq!(bound("rule r { when people on_premise unread suspect }", &[], image), ["rule r"]);
}

#[test]
fn the_denial_says_why_it_binds_and_replays() {
    let text = "signal people = keyword any [\"x\"]\ndata personal { when people and tokens > 1 on_premise }
        data sealed { when people unread refuse [\"sealed\"] }\ndefault { models { \"m\" } }";
    let policy = policy(text);
    let given = [("tokens", Signal::number(5.0))];
    let decision = decide(&policy, &given, &[Unread::Audio]);
    let clearance = policy.cleared(&[], &decision).unwrap();
    let place = Place { pool: "cloud".into(), instance: "c-1".into(), ..Place::default() };
    let denial = clearance.place(&Ask { model: "m", cost_micro: None, unbounded: None }, &place).unwrap_err();
    assert_eq!(denial.rule, "data personal");
    assert!(denial.why.contains("content that is not read (audio) counts as personal"), "{denial}");
    assert_eq!(decision.trace.as_ref().unwrap().binding[0], "data personal (not read: audio)");
    assert!(clearance.caller().is_ok());

    let mut source = source(&policy, &given, &[Unread::Sealed]);
    let decision = policy.decide(&mut source, true);
    let denial = policy.cleared(&[], &decision).unwrap().caller().unwrap_err();
    assert_eq!((denial.rule.as_str(), denial.topic.word()), ("data sealed", "unread"));
    let recorded = policy.record(&decision, &mut source);
    let json = serde_json::to_string(&recorded).unwrap();
    let replayed = policy.replay(&serde_json::from_str(&json).unwrap()).unwrap();
    assert_eq!((&replayed.binding, &replayed.suspected), (&decision.binding, &decision.suspected), "{json}");
}

#[test]
fn slips_are_named() {
    let found = |body: &str| {
        let text = format!("signal people = keyword any [\"x\"]\n{body}\ndefault {{ models {{ \"m\" }} }}");
        compile(&text, &Known::any()).report.render("t", &text)
    };
    for (body, told) in [
        ("data d { when people on_premise unread deny }", "`deny` is not known here"),
        ("data d { when people on_premise unread allow [\"images\"] }", "is no kind of content"),
        ("role \"r\" { unread refuse }", "a role does not look at what is sent"),
        ("data d { when people unread suspect }", "`d` bounds nothing"),
        ("data d { when people on_premise unread allow unread refuse }", "`unread` stands twice"),
    ] {
        assert!(found(body).contains(told), "{body}: {}", found(body));
    }
    assert_eq!(found("data d { when people unread refuse }"), "");
}

const POLICY: &str = r#"signal people = keyword any ["passport"] scope sent
role "clerk" { models ["small", "house"]  cost <= 1_000  tool "look" }
role "chief" { }
others { models ["house"]  tool "*" never  denied block }
data personal { when people  on_premise }
default { models { "large", "small", "house" } }
tests {
CASE
}"#;

fn fleet() -> Fleet {
    let place = |pool: &str, on_premise: bool, models: &[&str]| Place {
        pool: pool.into(),
        instance: format!("{pool}-1"),
        on_premise,
        models: models.iter().map(|m| (*m).to_owned()).collect(),
        ..Place::default()
    };
    let price = |micro| Price { input_micro: micro, output_micro: micro };
    let prices = [("large", 9_000_000), ("small", 900_000), ("house", 100)];
    Fleet {
        places: vec![place("cloud", false, &["large", "small"]), place("rack", true, &["house"])],
        prices: prices.into_iter().map(|(name, micro)| (name.to_owned(), price(micro))).collect(),
        ..Fleet::default()
    }
}

fn run(case: &str, fleet: Option<&Fleet>) -> TestResult {
    let text = POLICY.replace("CASE", case);
    let policy = Policy::load("p", &text, &Known::any()).unwrap_or_else(|error| panic!("{case}: {error}"));
    assert_eq!(fmt("p", &fmt("p", &text).unwrap()).unwrap(), fmt("p", &text).unwrap());
    let [result] = policy
        .run_tests(fleet, |case, _, decide| decide(&mut toy(policy.specs(), &case.text)))
        .try_into()
        .unwrap();
    result
}

#[test]
fn models_tools_and_refusals_are_compared() {
    let fleet = fleet();
    for case in [
        r#"{ text "a" role ["clerk"] } -> default models ["small", "house"]"#,
        r#"{ text "a passport" role ["clerk"] } -> default models ["house"]"#,
        r#"{ text "a" role ["chief"] unread ["file"] } -> default models ["house"]"#,
        r#"{ text "a" role ["clerk"] tokens 2000 } -> default models ["house"]"#,
        r#"{ text "a" role ["clerk"] tokens 10 output_tokens 2000 } -> default models ["house"]"#,
        r#""a" -> default models ["house"]"#,
        r#"{ text "a" tool_names ["look"] } -> default refused "others""#,
        r#"{ text "a" role ["clerk"] tool_names ["sh", "look"] } -> default tools ["look"]"#,
        r#"{ text "a" role ["clerk"] tool_names ["sh"] } -> default models ["small", "house"] tools []"#,
    ] {
        let result = run(case, Some(&fleet));
        assert!(result.passed, "{case}: {:?}", result.governed);
    }
    for (case, told) in [
        (r#"{ text "a" role ["clerk"] } -> default models ["large"]"#, "models small, house"),
        (
            r#"{ text "a" role ["chief"] } -> default refused "role chief""#,
            "not refused: models large, small, house",
        ),
        (r#"{ text "a" tool_names ["look"] } -> default models ["house"]"#, "refused by \"others\""),
        (r#"{ text "a" role ["clerk"] tool_names ["look"] } -> default tools []"#, "tools look"),
    ] {
        let result = run(case, Some(&fleet));
        assert!(
            !result.passed && result.governed.as_ref().unwrap().contains(told),
            "{case}: {:?}",
            result.governed
        );
    }
    let blind = run(r#"{ text "a" role ["clerk"] } -> default models ["small", "house"]"#, None);
    assert!(blind.passed && !blind.judged, "models depend on the pools");
    assert!(run(r#"{ text "a" tool_names ["look"] } -> default refused "others""#, None).passed);
}
