//! Decisions: order, laziness, failures, derived signals, explanations, records, shipped policy.

mod common;

use common::{Given, policy, sure, toy};
use tollgate_core::signal::Signal;
use tollgate_policy::{Known, Outcome, Policy, PolicyError, Recorded, SHIPPED};

const THREE: &str = r#"
signal a = keyword any ["a"]
signal b = keyword any ["b"]
signal c = keyword any ["c"] on_failure reject
"#;

fn decide(rules: &str, given: &[(&str, Signal)]) -> String {
    let policy = policy(&format!("{THREE}{rules}\ndefault {{ models {{ \"d\" }} }}"));
    policy.decide(&mut Given::named(&policy, given), true).route_name().to_owned()
}

#[test]
fn tier_then_priority_then_confidence_then_name() {
    let yes = || [("a", sure(0.4)), ("b", sure(0.9)), ("c", sure(0.9))];
    let route = |name: &str, rank: &str, when: &str| {
        format!("route {name} {rank} {{ when {when} models {{ \"m\" }} }}\n")
    };
    for (rules, wins) in [
        (route("x", "", "a") + &route("y", "tier 9", "b"), "y"),
        (route("x", "tier 1", "a") + &route("y", "tier 2 priority 99", "b"), "x"),
        (route("x", "priority 1", "a") + &route("y", "priority 2", "b"), "y"),
        (route("x", "priority -1", "a") + &route("y", "", "b"), "y"),
        (route("x", "", "a") + &route("y", "", "b"), "y"),
        (route("z", "", "b") + &route("y", "", "c"), "y"),
        (route("x", "", "a and b") + &route("y", "", "a or b"), "y"),
        (route("x", "", "not a") + &route("y", "", "tokens > 5"), "default"),
    ] {
        assert_eq!(decide(&rules, &yes()), wins, "{rules}");
    }
}

#[test]
fn failures_follow_their_rule() {
    let failed = || Signal::failed("no index");
    let when = |when: &str| format!("route r {{ when {when} models {{ \"m\" }} }}");
    for (rule, given, want) in [
        ("a", vec![("a", failed())], "default"),
        ("not a", vec![("a", failed())], "r"),
        ("c", vec![("c", failed())], "rejected"),
        ("not c", vec![("c", failed())], "rejected"),
        ("a and c", vec![("c", failed())], "default"),
        ("a or c", vec![("a", sure(1.0)), ("c", failed())], "r"),
        ("a or c", vec![("c", failed())], "rejected"),
    ] {
        assert_eq!(decide(&when(rule), &given), want, "{rule}");
    }
    let text = format!("{THREE}{}\ndefault {{ models {{ \"d\" }} }}", when("c"));
    let policy = policy(&text);
    let decision = policy.decide(&mut Given::named(&policy, &[("c", failed())]), true);
    let Outcome::Rejected(found) = &decision.outcome else { panic!("{decision:?}") };
    assert_eq!((found.signal.as_str(), found.why.as_str(), found.route.as_str()), ("c", "no index", "r"));
    assert!(decision.explain().contains("rejected: signal c failed: no index"));
}

#[test]
fn a_won_decision_reads_nothing_more() {
    let policy = policy(
        r#"
        signal k = keyword any ["x"]
        route first priority 9 { when stream and (k or warm) models { "m" } }
        route second { when k and exact_tokens > 5 models { "m" } }
        default { models { "d" } }"#,
    );
    let read = |given: &[(&str, Signal)]| {
        let mut source = Given::named(&policy, given);
        let decision = policy.decide(&mut source, false);
        let names: Vec<_> = source.order.iter().map(|i| policy.specs()[*i].name.clone()).collect();
        assert_eq!(decision.read.len(), source.distinct());
        (decision.route_name().to_owned(), names.join(" "))
    };
    let on = || Signal::flag(true);
    assert_eq!(read(&[("stream", on()), ("warm", on())]), ("first".into(), "stream warm".into()));
    assert_eq!(read(&[("stream", on()), ("k", on())]), ("first".into(), "stream warm k".into()));
    assert_eq!(read(&[]), ("default".into(), "stream k".into()));
    assert_eq!(
        read(&[("k", on()), ("exact_tokens", Signal::number(9.0))]),
        ("second".into(), "stream k exact_tokens".into())
    );
}

#[test]
fn scores_bands_and_groups() {
    let text = r#"
        signal a = keyword any ["a"]
        signal b = keyword any ["b"]
        score s = 0.6 * a + 0.4 * (tokens / 8000)
        band high = s >= 0.7 slope 10
        band mid = s >= 0.3 and < 0.7
        group g = exclusive(a, b) temperature 0.2 margin 0.1
        route both priority 5 { when entropy(g) > 0.99 and a models { "m" } }
        route a_wins priority 4 { when g is a and high models { "m" } }
        route b_wins priority 3 { when g is b models { "m" } }
        route middle priority 2 { when mid models { "m" } }
        default { models { "d" } }"#;
    let policy = policy(text);
    let run = |a: f64, b: f64, tokens: f64| {
        let signal = |c: f64| if c > 0.0 { sure(c) } else { Signal::flag(false) };
        let given = [("a", signal(a)), ("b", signal(b)), ("tokens", Signal::number(tokens))];
        let decision = policy.decide(&mut Given::named(&policy, &given), true);
        (decision.route_name().to_owned(), decision.confidence.low)
    };
    assert_eq!(run(0.8, 0.8, 0.0).0, "both");
    assert_eq!(run(0.2, 0.9, 0.0).0, "b_wins");
    assert_eq!(run(0.9, 0.1, 100.0).0, "middle");
    assert_eq!(run(0.0, 0.0, 100.0).0, "default");
    let (route, confidence) = run(0.9, 0.1, 8000.0);
    assert_eq!(route, "a_wins");
    let share = 1.0 / (1.0 + (-0.8_f64 / 0.2).exp());
    let band = 1.0 / (1.0 + (-10.0 * 0.3_f64).exp());
    assert!((confidence - (share + band) / 2.0).abs() < 1e-9, "{confidence}");
}

#[test]
fn text_set_and_number_tests() {
    let route = |when: &str| format!("route r {{ when {when} models {{ \"m\" }} }}");
    let given = || {
        let roles = Signal::set(vec!["gold".into(), "eu".into()]);
        [("language", Signal::text("de")), ("role", roles), ("tokens", Signal::number(10.0))]
    };
    for (when, holds) in [
        ("language in [\"en\", \"de\"]", true),
        ("language not in [\"en\", \"de\"]", false),
        ("language is not \"en\"", true),
        ("language like \"d*\"", true),
        ("role has \"gold\"", true),
        ("role has any [\"x\", \"eu\"]", true),
        ("role has all [\"x\", \"eu\"]", false),
        ("not role has \"x\"", true),
        ("size(role) == 2", true),
        ("10 <= tokens", true),
        ("tokens != 10", false),
        ("max(tokens, turns) * 2 - 1 > 18.5", true),
        ("tokens > 5 and language is \"fr\"", false),
    ] {
        assert_eq!(decide(&route(when), &given()) == "r", holds, "{when}");
    }
}

#[test]
fn records_replay_to_the_same_decision() {
    let policy = policy(SHIPPED);
    let mut source = toy(policy.specs(), "Please explain this compile error");
    let decision = policy.decide(&mut source, true);
    let recorded = policy.record(&decision, &mut source);
    let json = serde_json::to_string(&recorded).unwrap();
    let back: Recorded = serde_json::from_str(&json).unwrap();
    assert_eq!(policy.replay(&back).unwrap(), decision);

    let mut short = back.clone();
    let first = short.signals.keys().next().unwrap().clone();
    short.signals.remove(&first);
    assert!(matches!(policy.replay(&short), Err(PolicyError::Incomplete { signal }) if signal == first));
    let other = common::policy("default { models { \"d\" } }");
    assert!(matches!(other.replay(&back), Err(PolicyError::OtherPolicy { .. })));
}

#[test]
fn the_shipped_policy_is_right() {
    let known = Known::new(["sim-small", "sim-medium", "sim-large"], ["short", "long"]);
    let policy = Policy::load("shipped.tollgate", SHIPPED, &known).unwrap();
    let warnings = tollgate_policy::diagnose(SHIPPED, &known);
    assert!(warnings.diagnostics.is_empty(), "{}", warnings.render("shipped.tollgate", SHIPPED));
    let results = policy.run_tests(None, |case, _, decide| decide(&mut toy(policy.specs(), &case.text)));
    for result in &results {
        assert!(result.passed, "line {}: got {}\n{}", result.line, result.got, result.explanation);
    }
    assert_eq!(results.len(), 7);
    assert_eq!(tollgate_policy::fmt("shipped.tollgate", SHIPPED).unwrap(), SHIPPED, "keep it formatted");
}

#[test]
fn failing_tests_say_why() {
    let policy = policy(
        "route r { when tokens > 50 models { \"m\" } }\ndefault { models { \"d\" } }\ntests {\n  \"hi\" -> r\n}",
    );
    let [result] = policy
        .run_tests(None, |case, _, decide| decide(&mut toy(policy.specs(), &case.text)))
        .try_into()
        .unwrap();
    assert_eq!((result.passed, result.line, result.got.as_str()), (false, 4, "default"));
    insta::assert_snapshot!(result.explanation, @r"
    default
    because no route holds, so the default takes it
    read tokens = 0.5
    r: does not hold
      tokens > 50 [0.5]: does not hold
    ");
}

#[test]
fn explanations_name_every_leaf() {
    let policy = policy(
        r#"
        signal k = keyword any ["x"]
        route r tier 1 { when k and (tokens > 100 or role has "gold") models { "m" weight 2 } pool "long" }
        route s tier 2 { when k models { "m" } }
        default { models { "d" } }"#,
    );
    let found = Signal { evidence: Some("x".into()), ..sure(0.5) };
    let given = [("k", found), ("tokens", Signal::number(500.0))];
    let decision = policy.decide(&mut Given::named(&policy, &given), true);
    insta::assert_snapshot!(decision.explain(), @r#"
    route r (confidence 0.750)
    because it holds (tier 1, priority 0) and no route comes before it
    next in line: s
    read tokens = 500
    read k = true (confidence 0.500), found: x
    r: holds
      and: holds
        k [true]: holds
        or: holds
          tokens > 100 [500]: holds
          role has "gold": not needed
    s: holds
      k [true]: holds
    "#);
    assert_eq!(decision.runner_up(), Some("s"));
    let json = decision.explain_json();
    assert_eq!(json["trace"]["routes"][0]["when"]["parts"][1]["parts"][0]["leaf"]["threshold"], "> 100");
    assert_eq!(json["effects"]["models"][0]["weight"], 2);
}

#[test]
fn confidence_may_come_before_priority() {
    let given = || [("a", sure(0.4)), ("b", sure(0.9)), ("c", sure(0.9))];
    let rules = "order tier confidence priority
route x priority 9 { when a models { \"m\" } }
route y priority 1 { when b models { \"m\" } }
route z priority 2 { when c models { \"m\" } }";
    assert_eq!(decide(rules, &given()), "z", "surer than x, and of higher priority than y");
    let fallback = rules.replace("when b", "when always").replace("when c", "when always");
    assert_eq!(decide(&fallback, &given()), "x", "what always holds is not sure at all");
    assert_eq!(decide(&fallback, &[]), "z");
}

#[test]
fn sums_are_not_cut_and_flags_are_shared() {
    let rules = "flag both = a and b label \"x:both\"
sum much = 2 * a + 1.5 * confidence(both)
score little = 2 * a + 1.5 * confidence(both)
band over = much >= 2.5 slope 4
route r { when over and not little > 1 models { \"m\" } }";
    assert_eq!(decide(rules, &[("a", sure(0.6)), ("b", sure(1.0))]), "r", "2 + 1.5 * 0.8 = 3.2");
    assert_eq!(decide(rules, &[("a", sure(0.6))]), "default");
    let policy = policy(&format!("{THREE}{rules}\ndefault {{ models {{ \"d\" }} }}"));
    let found = policy.labelled(&mut Given::named(&policy, &[("a", sure(0.6)), ("b", sure(1.0))]));
    assert_eq!(found.len(), 1);
    assert!(found[0].holds && (found[0].confidence - 0.8).abs() < 1e-12, "{found:?}");
    // 1 / (1 + exp(-4 * 0.7)): the distance of the sum to its nearest bound.
    let decision = policy.decide(&mut Given::named(&policy, &[("a", sure(0.6)), ("b", sure(1.0))]), false);
    let want = (1.0 / (1.0 + (-4.0_f64 * 0.7).exp()) + 1.0) / 2.0;
    assert!((decision.confidence.low - want).abs() < 1e-12, "{decision:?}");
}

#[test]
fn a_winner_is_sought_among_what_holds() {
    let rules = |group: &str| {
        format!(
            "group g = winner(a, b, c) {group}\nroute ra {{ when g is a models {{ \"m\" }} }}
route rb {{ when g is b models {{ \"m\" }} }}\nroute rc {{ when g is c models {{ \"m\" }} }}"
        )
    };
    for (group, given, want) in [
        ("", vec![("a", sure(0.4)), ("b", sure(0.9))], "rb"),
        ("", vec![], "default"),
        ("default c", vec![], "rc"),
        ("temperature 0.1 default c", vec![("a", sure(0.2))], "ra"),
    ] {
        assert_eq!(decide(&rules(group), &given), want, "{group}");
    }
    let confidence = |group: &str, given: &[(&str, Signal)]| {
        let policy = policy(&format!("{THREE}{}\ndefault {{ models {{ \"d\" }} }}", rules(group)));
        policy.decide(&mut Given::named(&policy, given), false).confidence.low
    };
    assert_eq!(confidence("", &[("a", sure(0.4)), ("b", sure(0.9))]), 0.9, "its own");
    assert_eq!(confidence("temperature 0.1 default b", &[]), 1.0, "the default is certain");
    let share = 1.0 / (1.0 + (-5.0_f64).exp());
    let got = confidence("temperature 0.1", &[("a", sure(0.4)), ("b", sure(0.9))]);
    assert!((got - share).abs() < 1e-12, "softmax over the two that hold, not over three: {got}");
}
