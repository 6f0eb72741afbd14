//! Tests inside a policy see what governance leaves: models, tools, refusals with their guard.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

mod common;

use common::toy;
use tollgate_policy::{Fleet, Known, Place, Policy, Price, TestResult, fmt};

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
    }
}

fn run(case: &str, fleet: Option<&Fleet>) -> TestResult {
    let text = POLICY.replace("CASE", case);
    let policy = Policy::load("p", &text, &Known::any()).unwrap_or_else(|error| panic!("{case}: {error}"));
    assert_eq!(fmt("p", &fmt("p", &text).unwrap()).unwrap(), fmt("p", &text).unwrap());
    let [result] = policy.run_tests(fleet, |case| toy(policy.specs(), &case.text)).try_into().unwrap();
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
    assert!(!blind.passed && blind.governed.unwrap().contains("give the configuration"));
    assert!(run(r#"{ text "a" tool_names ["look"] } -> default refused "others""#, None).passed);
}
