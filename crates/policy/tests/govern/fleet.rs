//! Guards against a fleet: every refusal that a request can meet is told, and none hides another.

use proptest::prelude::*;
use std::fmt::Write as _;
use tollgate_policy::{Diagnostic, Fleet, Known, Place, Severity, review};

fn place(pool: &str, region: &str, on_premise: bool, models: &[String]) -> Place {
    Place {
        pool: pool.into(),
        instance: format!("{pool}-1"),
        provider: pool.into(),
        region: Some(region.into()),
        on_premise,
        tokens_per_joule: None,
        models: models.iter().cloned().collect(),
    }
}

fn found(text: &str, places: Vec<Place>) -> Vec<Diagnostic> {
    let models: Vec<String> = places.iter().flat_map(|place| place.models.iter().cloned()).collect();
    let pools: Vec<String> = places.iter().map(|place| place.pool.clone()).collect();
    let known = Known::new(models, pools).with_fleet(Fleet { places, ..Fleet::default() });
    let report = review(text, &known).report;
    report.diagnostics.into_iter().filter(|found| !matches!(found.code, "unused" | "no-others")).collect()
}

fn cloud_and_house() -> Vec<Place> {
    let models = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    vec![
        place("cloud", "us-east", false, &models(&["large"])),
        place("house", "eu-de", true, &models(&["small"])),
    ]
}

const DEFAULT: &str = "default { models { \"large\", \"small\" } }";

#[test]
fn a_rule_for_a_role_is_held_against_it_and_no_other_conflict_hides_that() {
    let role = "role \"a\" { models [\"large\"] }\nothers { }\nrule ra { when role has \"a\"  on_premise }";
    let apart = "rule de { when language is \"de\"  on_premise }\nrule fr { when language is \"fr\"  providers [\"cloud\"] }";
    for text in [role.to_owned(), format!("{role}\n{apart}")] {
        let report = found(&format!("{text}\n{DEFAULT}"), cloud_and_house());
        let error = report.iter().find(|found| found.severity == Severity::Error);
        let error = error.unwrap_or_else(|| panic!("{text}: {report:?}"));
        assert!(error.message.starts_with("role \"a\" reaches no model"), "{error:?}");
        assert_eq!(error.labels.len(), 1, "the rule that binds is shown: {error:?}");
        assert!(!report.iter().any(|found| found.code == "no-place-together"), "{report:?}");
    }
}

#[test]
fn every_smallest_set_of_guards_is_told() {
    // Two rules that meet leave nothing, and so does a role beside another rule.
    let text = "role \"a\" { models [\"large\"] }\nothers { }\nrule here { when stream  on_premise }
        rule fr { when language is \"fr\"  providers [\"cloud\"] }\nrule de { when language is \"de\"  providers [\"house\"] }";
    let report = found(&format!("{text}\n{DEFAULT}"), cloud_and_house());
    let mut told: Vec<_> = report.iter().filter(|found| found.code == "no-place-together").collect();
    told.sort_by(|a, b| a.message.cmp(&b.message));
    let told: Vec<&str> = told.iter().map(|found| found.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "role \"a\" and rule `de` together leave no instance",
            "role \"a\" and rule `here` together leave no instance",
            "rule `here` and rule `fr` together leave no instance",
        ],
        "`fr` and `de` never meet: {report:?}"
    );
}

#[test]
fn a_rule_that_always_holds_is_held_against_roles_that_no_condition_names() {
    let text = "role \"a\" { models [\"large\"] }\nothers { }\nrule ra { when always  on_premise }";
    let report = found(&format!("{text}\n{DEFAULT}"), cloud_and_house());
    let error = report.iter().find(|found| found.severity == Severity::Error);
    assert!(error.is_some_and(|error| error.message.contains("role \"a\"")), "{report:?}");
}

#[test]
fn a_role_whose_models_stand_in_routes_that_are_never_taken_reaches_none() {
    let text = "role \"a\" { models [\"large\"] }\nothers { }\nroute every tier 1 { when tokens >= 0  models { \"small\" } }
        route late tier 2 { when stream  models { \"large\" } }\ndefault { models { \"small\" } }";
    let report = found(text, cloud_and_house());
    let error = report.iter().find(|found| found.code == "role-without-model");
    let error = error.unwrap_or_else(|| panic!("{report:?}"));
    assert_eq!(error.severity, Severity::Error);
    let alive = text.replace("tokens >= 0", "tokens >= 10");
    let report = found(&alive, cloud_and_house());
    assert!(!report.iter().any(|found| found.code == "role-without-model"), "{report:?}");
}

#[test]
fn as_many_guards_and_places_as_may_be_end_within_the_bound() {
    let models: Vec<String> = (0..120).map(|at| format!("m{at}")).collect();
    let places = (0..136).map(|at| place(&format!("p{at}"), "eu", at % 2 == 0, &models)).collect();
    let mut text = String::from("rule last { when tokens > 7  pools [\"p*\"] }\nothers { }\n");
    for at in 0..125 {
        let _ = writeln!(text, "role \"r{at}\" {{ models [\"m{}\", \"m{}\"] }}", at % 120, (at * 7) % 120);
        let _ = writeln!(text, "rule g{at} {{ when tokens > {at}  models [\"m{at}*\", \"m1*\"] }}");
    }
    let report = found(&format!("{text}\ndefault {{ models {{ \"m0\", \"m1\" }} }}"), places);
    assert!(!report.is_empty() && report.len() <= 64, "{} findings", report.len());
}

/// A guard in plain words: which of three cells it leaves open, and when it binds.
#[derive(Clone, Debug)]
struct Plain {
    open: [bool; 3],
    when: When,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    Always,
    Stream,
    NoStream,
    German,
    French,
    Role(usize),
}

const PLACES: [(&str, bool); 3] = [("eu", true), ("eu", false), ("us", false)];

impl Plain {
    /// Bounds that leave exactly these cells open, by pools.
    fn body(&self) -> String {
        let pools: Vec<String> = (0..3).filter(|at| self.open[*at]).map(|at| format!("\"p{at}\"")).collect();
        format!("pools [{}]", pools.join(", "))
    }

    fn when(&self) -> String {
        match self.when {
            When::Always => String::new(),
            When::Stream => "when stream".to_owned(),
            When::NoStream => "when not stream".to_owned(),
            When::German => "when language is \"de\"".to_owned(),
            When::French => "when language is \"fr\"".to_owned(),
            When::Role(role) => format!("when role has \"r{role}\""),
        }
    }

    fn binds(&self, held: &[usize], stream: bool, language: &str) -> bool {
        match self.when {
            When::Always => true,
            When::Stream => stream,
            When::NoStream => !stream,
            When::German => language == "de",
            When::French => language == "fr",
            When::Role(role) => held.contains(&role),
        }
    }
}

fn plain() -> impl Strategy<Value = Plain> {
    let open = any::<[bool; 3]>().prop_filter("something is open", |open| open.iter().any(|open| *open));
    let when = proptest::sample::select(vec![
        When::Always,
        When::Stream,
        When::NoStream,
        When::German,
        When::French,
        When::Role(0),
        When::Role(1),
    ]);
    (open, when).prop_map(|(open, when)| Plain { open, when })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_request_is_refused_exactly_where_something_is_told(
        roles in proptest::collection::vec(plain(), 2),
        rules in proptest::collection::vec(plain(), 0..5),
    ) {
        let mut text = String::from("others { }\n");
        for (at, role) in roles.iter().enumerate() {
            let _ = writeln!(text, "role \"r{at}\" {{ {} }}", role.body());
        }
        for (at, rule) in rules.iter().enumerate() {
            let _ = writeln!(text, "rule g{at} {{ {} {} }}", rule.when(), rule.body());
        }
        text.push_str("default { models { \"m\" } }");
        let model = ["m".to_owned()];
        let places = PLACES.iter().enumerate();
        let places = places.map(|(at, (region, house))| place(&format!("p{at}"), region, *house, &model)).collect();
        let report = found(&text, places);

        let refused = |held: &[usize], stream: bool, language: &str| {
            let bound: Vec<&Plain> = rules.iter().filter(|rule| rule.binds(held, stream, language)).collect();
            let closed = |cell: usize| {
                bound.iter().any(|rule| !rule.open[cell])
                    || !held.is_empty() && held.iter().all(|role| !roles[*role].open[cell])
            };
            (0..3).all(closed)
        };
        let some = |callers: &[&[usize]]| {
            callers.iter().any(|held| {
                [true, false].iter().any(|stream| ["de", "fr", "en"].iter().any(|at| refused(held, *stream, at)))
            })
        };
        let told = report.iter().any(|found| matches!(found.code, "no-place" | "no-place-together"));
        prop_assert!(told || !some(&[&[], &[0], &[1]]), "hidden: {}\n{:?}", &text, &report);
        prop_assert!(!told || some(&[&[], &[0], &[1], &[0, 1]]), "made up: {}\n{:?}", &text, &report);
        // A role of which certain rules leave nothing is an error, and only that is.
        for (role, own) in roles.iter().enumerate() {
            let certain = rules.iter().filter(|rule| matches!(rule.when, When::Always) || rule.when == When::Role(role));
            let guards: Vec<&Plain> = certain.chain([own]).collect();
            let nothing = (0..3).all(|cell| guards.iter().any(|guard| !guard.open[cell]));
            let name = format!("role \"r{role}\" reaches no model");
            let error = report.iter().any(|found| found.severity == Severity::Error && found.message.starts_with(&name));
            prop_assert_eq!(error, nothing, "{}\n{:?}", &text, &report);
        }
    }
}
