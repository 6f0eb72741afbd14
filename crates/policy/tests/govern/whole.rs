//! Governance: every slip by name, what is found against a fleet, and clearances against a plain re-reading.

use crate::common::{Given, policy};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tollgate_core::signal::Signal;
use tollgate_policy::{
    Ask, Diagnostic, Fleet, Known, Place, Policy, Price, Report, Severity, Standing, Topic, compile, fmt,
    review,
};

const ROUTES: &str = r#"
signal names = keyword any ["born", "address"]
route long tier 1 { when tokens > 4_000  models { "cloud-xl" }  pool "cloud" }
default { models { "house", "cloud-m" } }
"#;

fn place(pool: &str, instance: &str, region: Option<&str>, on_premise: bool, models: &[&str]) -> Place {
    Place {
        pool: pool.into(),
        instance: instance.into(),
        provider: format!("{pool}-provider"),
        region: region.map(str::to_owned),
        on_premise,
        tokens_per_joule: on_premise.then_some(4.0),
        models: models.iter().map(|model| (*model).to_owned()).collect(),
    }
}

fn fleet() -> Fleet {
    let places = vec![
        place("rack", "rack-1", Some("eu-de"), true, &["house"]),
        place("cloud", "cloud-1", Some("us-east"), false, &["cloud-m", "cloud-xl"]),
        place("cloud", "cloud-2", None, false, &["cloud-m"]),
    ];
    let price = |input, output| Price { input_micro: input, output_micro: output };
    let prices = [
        ("house", price(0, 0)),
        ("cloud-m", price(400_000, 1_600_000)),
        ("cloud-xl", price(5_000_000, 25_000_000)),
    ];
    let prices = prices.into_iter().map(|(name, price)| (name.to_owned(), price)).collect();
    Fleet { places, prices, ..Fleet::default() }
}

fn known() -> Known {
    Known::new(["house", "cloud-m", "cloud-xl"], ["rack", "cloud"]).with_fleet(fleet())
}

fn reviewed(text: &str, known: &Known) -> Report {
    review(text, known).report
}

fn found(governance: &str) -> Vec<Diagnostic> {
    let text = format!("{governance}\n{ROUTES}");
    let report = reviewed(&text, &known());
    report.diagnostics.into_iter().filter(|found| !matches!(found.code, "unused" | "no-others")).collect()
}

fn codes(governance: &str) -> Vec<&'static str> {
    found(governance).iter().map(|found| found.code).collect()
}

#[test]
fn each_slip_is_named() {
    for (text, code) in [
        ("role \"a\" { when stream }", "bad-value"),
        ("data d { on_premise }", "missing-when"),
        ("rule r { when stream }", "bad-value"),
        ("rule r { models [] }", "bad-value"),
        ("rule r { cost >= 5 }", "syntax"),
        ("rule r { cost <= 0.5 }", "range"),
        ("rule r { energy <= 5 }", "syntax"),
        ("rule r { energy >= 0 }", "range"),
        ("rule r { cost <= 9 cost <= 8 }", "duplicate-statement"),
        ("rule r { tool \"\" }", "bad-value"),
        ("rule r { tool \"a\" when \"x..y\" given }", "bad-value"),
        ("rule r { tool \"a\" when \"x\" in [] }", "bad-value"),
        ("rule r { tool \"a\" denied drop }", "bad-value"),
        ("rule r { tool \"a*\"  tool \"ab\" never }", "unreachable"),
        ("rule r { denied block  on_premise }", "unused"),
        ("rule r { modles [\"a\"] }", "syntax"),
        ("rule r { on_premise", "syntax"),
        ("role \"a\" { cost <= 9 }\nrole \"a\" { cost <= 8 }", "duplicate-name"),
        ("others { cost <= 9 }\nothers { cost <= 8 }", "duplicate-name"),
        ("rule r { models [\"claude*\"] }", "no-place"),
        ("rule r { regions [\"eu-d\", \"us-*\"] }", "unknown-pattern"),
    ] {
        let report = reviewed(&format!("{text}\n{ROUTES}"), &known());
        let codes: Vec<_> = report.diagnostics.iter().map(|found| found.code).collect();
        assert!(codes.contains(&code), "{text}: {codes:?}");
    }
}

#[test]
fn a_role_of_the_gateways_own_models_alone_needs_no_place() {
    let text = format!("role \"indexer\" {{ models [\"own-*\"] }}\nothers {{ }}\n{ROUTES}");
    assert!(compile(&text, &known()).report.errors() > 0);
    let fleet = Fleet { own: ["own-encoder".to_owned()].into(), ..fleet() };
    let known = Known { fleet: Some(fleet), ..known() };
    let report = reviewed(&text, &known);
    let unknown = report.diagnostics.iter().any(|found| found.code == "unknown-pattern");
    assert!(report.errors() == 0 && !unknown, "{}", report.render("p", &text));
}

#[test]
fn its_words_stay_free_for_names_and_conditions() {
    let text = "signal data = keyword any [\"x\"]\nsignal others = keyword any [\"y\"]\n
        route rule { when data or\n role has \"gold\" or\n others\n models { \"house\" } }\ndefault { models { \"house\" } }";
    let compiled = compile(text, &known());
    assert!(compiled.policy.is_some(), "{}", compiled.report.render("p", text));
}

#[test]
fn the_layout_is_one_statement_a_line_with_comments_kept() {
    let text = "role \"a\" { models [\"x\"] tool \"t\" when (\"n\"<=5 or not \"to\" like \"a*\") # why\n denied block }\n
data d { # class\n when stream on_premise }";
    let laid_out = fmt("p", text).unwrap();
    assert_eq!(
        laid_out,
        "role \"a\" {\n  models [\"x\"]\n  tool \"t\" when (\"n\" <= 5 or not \"to\" like \"a*\")  # why\n  denied block\n}\n
data d {  # class\n  when stream\n  on_premise\n}\n"
    );
    assert_eq!(fmt("p", &laid_out).unwrap(), laid_out);
}

#[test]
fn what_no_place_satisfies_is_an_error_with_the_repair() {
    for (text, why) in [
        ("rule r { on_premise  models [\"cloud-*\"] }", "on premise"),
        ("rule r { regions [\"ap-*\"] }", "region"),
        ("rule r { energy >= 9 }", "tokens per joule"),
        ("rule r { cost <= 1  models [\"cloud-*\"] }", "micro-dollars"),
        ("rule r { providers [\"openai\"] }", "provider"),
        ("data d { when names  pools [\"rack\"]  models [\"cloud-m\"] }", "pool"),
        ("role \"a\" { on_premise  models [\"cloud-m\"] }", "reaches no model"),
    ] {
        let report = found(text);
        let error = report
            .iter()
            .find(|found| found.code == "no-place")
            .unwrap_or_else(|| panic!("{text}: {report:?}"));
        assert_eq!(error.severity, Severity::Error);
        assert!(error.message.contains(why) && error.help.is_some(), "{text}: {error:?}");
    }
    assert_eq!(codes("rule r { energy >= 4 }\nrule s { cost <= 1 }"), ["route-refuses", "route-refuses"]);
}

#[test]
fn a_price_that_is_not_declared_keeps_no_bound_on_cost() {
    let mut fleet = fleet();
    fleet.prices.remove("house");
    let known = Known::new(["house", "cloud-m", "cloud-xl"], ["rack", "cloud"]).with_fleet(fleet);
    let report = reviewed(&format!("rule r {{ models [\"house\"] cost <= 5 }}\n{ROUTES}"), &known);
    let found = report.diagnostics.iter().find(|found| found.code == "no-place").unwrap();
    assert!(found.message.contains("price of model house is not declared"), "{}", found.message);
}

#[test]
fn a_role_that_no_route_serves_reaches_no_model() {
    let report = found("role \"a\" { regions [\"us-*\"]  models [\"cloud-m\"] }");
    assert_eq!(report.iter().map(|f| f.code).collect::<Vec<_>>(), ["route-refuses"], "default serves it");
    assert!(report[0].message.contains("`long` refuses what role \"a\" binds"), "{report:?}");
    let text = "role \"a\" { on_premise }\nroute only { when role has \"b\"  models { \"house\" } }";
    let routes = ROUTES.replace("\"house\", \"cloud-m\"", "\"cloud-m\"");
    let report = reviewed(&format!("{text}\n{routes}"), &known());
    let error = report.diagnostics.iter().find(|f| f.code == "role-without-model");
    let error = error.unwrap_or_else(|| panic!("{report:?}"));
    assert!(error.help.as_ref().unwrap().contains("house in pool rack"), "{error:?}");
    // The only route that could serve it is closed to it by the condition; opened, it is enough.
    let opened = format!("{}\n{routes}", text.replace("has \"b\"", "has \"a\""));
    let report = reviewed(&opened, &known());
    assert!(!report.diagnostics.iter().any(|f| f.code == "role-without-model"), "{report:?}");
}

#[test]
fn routes_that_refuse_a_class_of_data_are_named_unless_they_exclude_it() {
    let report = found("data personal { when names  on_premise }");
    assert_eq!(report.len(), 1, "{report:?}");
    assert_eq!(report[0].code, "route-refuses");
    assert!(report[0].message.contains("`long`") && report[0].message.contains("not on premise"));
    let example = &report[0].labels[0].message;
    assert!(
        example.contains("names") && example.contains("tokens = ") && example.ends_with("-> long"),
        "{example}"
    );
    let text = format!(
        "data personal {{ when names  on_premise }}\n{}",
        ROUTES.replace("tokens > 4_000", "tokens > 4_000 and not names")
    );
    let report = reviewed(&text, &known());
    assert!(report.diagnostics.is_empty(), "{}", report.render("p", &text));
}

#[test]
fn a_route_that_such_requests_never_take_is_not_named() {
    // Another route comes first for all of them.
    let before = "route people tier 1 priority 9 { when names  models { \"house\" } }";
    assert_eq!(codes(&format!("data personal {{ when names  on_premise }}\n{before}")), Vec::<&str>::new());
    // Their numbers exclude each other.
    assert_eq!(codes("data small { when tokens < 100  on_premise }"), Vec::<&str>::new());
    assert_eq!(codes("data large { when tokens < 5_000  on_premise }"), ["route-refuses"]);
}

#[test]
fn guards_that_leave_no_place_together_are_a_smallest_core() {
    let text = "data personal { when names  on_premise }\nrule spare { cost <= 900 }\nrule green { when stream  energy >= 2 }
        role \"us\" { regions [\"us-*\"] }\nothers { }";
    let report = found(text);
    let core = report.iter().find(|f| f.code == "no-place-together").unwrap_or_else(|| panic!("{report:?}"));
    assert!(core.message.starts_with("role \"us\" and "), "{core:?}");
    assert!(!core.message.contains("spare"), "it takes no part: {core:?}");
    assert_eq!(core.labels.len(), 1, "smallest: one of the two is enough: {core:?}");
    let apart = "data a { when names  pools [\"rack\"] }\nrule b { when not names  pools [\"cloud\"] }";
    assert!(!codes(apart).contains(&"no-place-together"), "they never bind at once");
}

#[test]
fn a_guard_binds_when_its_condition_holds_or_its_signal_failed() {
    let text = "signal personal_words = keyword any [\"x\"]\ndata personal { when personal_words and tokens > 10  on_premise }
        rule standing { cost <= 5 }\ndefault { models { \"m\" } }";
    let policy = policy(text);
    let bound = |personal_words: Signal, tokens: f64| {
        let mut source =
            Given::named(&policy, &[("personal_words", personal_words), ("tokens", Signal::number(tokens))]);
        let decision = policy.decide(&mut source, true);
        let trace = decision.trace.as_ref().unwrap();
        assert_eq!(trace.binding, policy.binding_labels(&decision.binding));
        trace.binding.clone()
    };
    assert_eq!(bound(Signal::flag(true), 20.0), ["data personal", "rule standing"]);
    assert_eq!(bound(Signal::flag(true), 5.0), ["rule standing"]);
    assert_eq!(bound(Signal::failed("no model"), 20.0), ["data personal", "rule standing"]);
    let mut source =
        Given::named(&policy, &[("personal_words", Signal::flag(true)), ("tokens", Signal::number(20.0))]);
    let decision = policy.decide(&mut source, false);
    let recorded = policy.record(&decision, &mut source);
    assert_eq!(policy.replay(&recorded).unwrap().binding, decision.binding, "it replays");
}

#[test]
fn callers_need_a_declared_role_where_there_are_any() {
    let rights = policy("role \"a\" { tool \"x\" }\ndefault { models { \"m\" } }");
    let cleared = |roles: &[&str]| {
        let roles: Vec<String> = roles.iter().map(|r| (*r).to_owned()).collect();
        rights.clearance(&roles, &[]).unwrap()
    };
    assert!(cleared(&["a", "z"]).caller().is_ok());
    let denial = cleared(&["z"]).caller().unwrap_err();
    assert_eq!((denial.rule.as_str(), denial.topic), ("others", Topic::Caller));
    assert!(matches!(cleared(&[]).tool("x"), Standing::Denied { block: true, .. }));
    assert!(
        policy("default { models { \"m\" } }").clearance(&[], &[]).is_none(),
        "nothing governed, nothing asked"
    );
    let open = policy("role \"a\" { tool \"x\" }\nothers { }\ndefault { models { \"m\" } }");
    assert!(open.clearance(&[], &[]).unwrap().call("anything", "{}").is_ok());
}

#[test]
fn the_first_statement_that_fits_a_tool_decides_and_any_role_is_enough() {
    let text = r#"
role "clerk" {
  tool "pay" when "amount" <= 100 and "to" like "acct-*"
  tool "shell" never
  tool "*"
}
role "boss" { tool "pay" when "amount" <= 9_000 }
rule all { tool "pay" when "currency" in ["EUR"]  tool "*"  denied block }
default { models { "m" } }
"#;
    let policy = policy(text);
    let call = |roles: &[&str], tool: &str, arguments: &str| {
        let roles: Vec<String> = roles.iter().map(|r| (*r).to_owned()).collect();
        let clearance = policy.clearance(&roles, &[0]).unwrap();
        clearance.call(tool, arguments).map_err(|denial| denial.rule)
    };
    let pay = |amount: u32| format!(r#"{{"amount":{amount},"to":"acct-1","currency":"EUR"}}"#);
    assert_eq!(call(&["clerk"], "pay", &pay(100)), Ok(()));
    assert_eq!(call(&["clerk"], "pay", &pay(101)), Err("role clerk".into()));
    assert_eq!(call(&["clerk", "boss"], "pay", &pay(101)), Ok(()));
    assert_eq!(call(&["clerk", "boss"], "pay", &pay(9_001)), Err("role clerk, role boss".into()));
    assert_eq!(call(&["boss"], "pay", &pay(5).replace("EUR", "USD")), Err("rule all".into()));
    assert_eq!(call(&["clerk"], "shell", "{}"), Err("role clerk".into()));
    assert_eq!(call(&["boss"], "shell", "{}"), Err("role boss".into()), "a list of rights is closed");
    assert_eq!(call(&["clerk"], "pay", r#"{"amount":1,"amount":900,"to":"acct-1"}"#), Err("rule all".into()));
    let clearance = policy.clearance(&["clerk".into()], &[0]).unwrap();
    assert_eq!(clearance.tool("pay"), Standing::Conditional);
    assert_eq!(clearance.tool("read"), Standing::Allowed);
    assert!(matches!(clearance.tool("shell"), Standing::Denied { block: false, .. }));
}

/// One guard by plain words: what it asks of model, region, premises and cost.
#[derive(Clone, Debug)]
struct Plain {
    models: Option<&'static str>,
    region: Option<&'static str>,
    on_premise: bool,
    cost: Option<u64>,
}

impl Plain {
    fn text(&self) -> String {
        let mut body = String::from("tool \"*\" ");
        body.extend(self.models.map(|m| format!("models [\"{m}\"] ")));
        body.extend(self.region.map(|r| format!("regions [\"{r}\"] ")));
        body.push_str(if self.on_premise { "on_premise " } else { "" });
        body.extend(self.cost.map(|c| format!("cost <= {c} ")));
        body
    }

    fn allows(&self, model: &str, cost: u64, place: &Place) -> bool {
        let starts = |pattern: &str, text: &str| text.starts_with(pattern.trim_end_matches('*'));
        self.models.is_none_or(|m| starts(m, model))
            && self.region.is_none_or(|r| place.region.as_ref().is_some_and(|at| starts(r, at)))
            && (!self.on_premise || place.on_premise)
            && self.cost.is_none_or(|most| cost <= most)
    }
}

fn plain() -> impl Strategy<Value = Plain> {
    let models = proptest::sample::select(vec![None, Some("house*"), Some("cloud-*"), Some("cloud-m*")]);
    let region = proptest::sample::select(vec![None, Some("eu-*"), Some("us-*")]);
    let cost = proptest::sample::select(vec![None, Some(0), Some(2), Some(30)]);
    (models, region, proptest::bool::weighted(0.3), cost)
        .prop_map(|(models, region, on_premise, cost)| Plain { models, region, on_premise, cost })
}

/// A policy of two roles and two rules, and the same in plain words.
fn governed(roles: &[Plain], rules: &[Plain]) -> String {
    let roles = roles.iter().enumerate().map(|(at, role)| format!("role \"r{at}\" {{ {} }}\n", role.text()));
    let rules = rules.iter().enumerate().map(|(at, rule)| format!("rule g{at} {{ {} }}\n", rule.text()));
    roles.chain(rules).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn clearances_say_what_a_plain_reading_says(
        roles in proptest::collection::vec(plain(), 1..3),
        rules in proptest::collection::vec(plain(), 0..3),
        held in proptest::collection::vec(any::<bool>(), 2),
        prompt in 0u64..200,
    ) {
        let text = governed(&roles, &rules) + "default { models { \"house\" } }";
        let policy = Policy::load("p", &text, &Known::any()).unwrap();
        let mine: Vec<usize> = (0..roles.len()).filter(|at| held[*at]).collect();
        let names: Vec<String> = mine.iter().map(|at| format!("r{at}")).collect();
        let binding: Vec<u32> = (0..u32::try_from(rules.len()).unwrap()).collect();
        let clearance = policy.clearance(&names, &binding).unwrap();
        let fleet = fleet();
        for place in &fleet.places {
            for model in &place.models {
                let cost = fleet.price(model).unwrap().cost_micro(prompt, 10);
                let expected = mine.iter().any(|at| roles[*at].allows(model, cost, place))
                    && rules.iter().all(|rule| rule.allows(model, cost, place));
                let got = clearance.place(&Ask { model, cost_micro: Some(cost), unbounded: None }, place);
                prop_assert_eq!(got.is_ok(), expected, "{} {} {:?}", model, &place.instance, got);
            }
        }
    }

    #[test]
    fn errors_are_found_exactly_where_no_place_is_left(
        roles in proptest::collection::vec(plain(), 1..3),
        rules in proptest::collection::vec(plain(), 0..3),
    ) {
        let fleet = fleet();
        let cells = || fleet.places.iter().flat_map(|place| place.models.iter().map(move |model| (model, place)));
        let cheapest: BTreeMap<&String, u64> = cells().map(|(m, _)| (m, fleet.price(m).unwrap().cost_micro(1, 1))).collect();
        let open = |guards: &[&Plain]| cells().any(|(m, place)| guards.iter().all(|g| g.allows(m, cheapest[m], place)));
        let report = found(&governed(&roles, &rules));
        let says = |code: &str| report.iter().any(|found| found.code == code);
        let rule_alone = rules.iter().any(|rule| !open(&[rule]));
        let role_alone = roles.iter().any(|role| {
            !open(&rules.iter().chain([role]).collect::<Vec<_>>())
        });
        prop_assert_eq!(says("no-place"), rule_alone || role_alone, "{:?}", report);
        // Rules without a condition are in every set, so what is left over shows with the roles.
        prop_assert!(!says("no-place-together") || !role_alone);
    }
}

#[test]
fn roles_without_others_are_told_to_refuse_everybody_else() {
    let told = |governance: &str| {
        let report = reviewed(&format!("{governance}\n{ROUTES}"), &Known::any());
        report.diagnostics.iter().any(|f| f.code == "no-others" && f.severity == Severity::Warning)
    };
    assert!(told("role \"a\" { }"));
    assert!(!told("role \"a\" { }\nothers { }"));
    assert!(!told("rule dear { cost <= 1_000 }") && !told(""));
}
