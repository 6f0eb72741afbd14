//! The `mask` statement of a class of data: where it lets a request go, what it must hide there, and what it cannot.

use crate::common::{Given, policy};
use tollgate_core::signal::Signal;
use tollgate_policy::{Ask, Clearance, Decision, Fleet, Known, Place, Policy, compile, review};

const ASK: Ask<'_> = Ask { model: "m", cost_micro: None, unbounded: None };

fn place(name: &str, on_premise: bool) -> Place {
    Place {
        pool: name.into(),
        instance: format!("{name}-1"),
        provider: "p".into(),
        region: None,
        on_premise,
        tokens_per_joule: None,
        models: std::iter::once("m".to_owned()).collect(),
    }
}

fn text(class: &str) -> String {
    format!(
        "signal mails = pii types [\"email\"] scope sent\ndata personal {{ when mails {class} }}\ndefault {{ models {{ \"m\" }} }}\n"
    )
}

fn decided(policy: &Policy, carries: bool) -> Decision {
    policy.decide(&mut Given::named(policy, &[("mails", Signal::flag(carries))]), false)
}

fn cleared(policy: &Policy) -> Clearance {
    policy.cleared(&[], &decided(policy, true)).unwrap()
}

#[test]
fn a_class_goes_masked_where_it_may_not_go_plain() {
    let policy = policy(&text("on_premise mask [\"email\", \"ssn\", \"email\"]"));
    let mut clearance = cleared(&policy);
    let (home, cloud) = (place("home", true), place("cloud", false));
    assert_eq!(clearance.masking(), ["email", "ssn"]);
    assert!(clearance.place(&ASK, &home).is_ok() && clearance.place(&ASK, &cloud).is_ok());
    assert_eq!(clearance.masks(&ASK, &home), Vec::<&str>::new());
    assert_eq!(clearance.masks(&ASK, &cloud), ["email", "ssn"]);
    // What was masked is clean.
    clearance.carry(&decided(&policy, false));
    assert!(clearance.place(&ASK, &cloud).is_ok());
    // What was masked still carries it: the bounds hold.
    clearance.carry(&decided(&policy, true));
    assert!(clearance.place(&ASK, &home).is_ok());
    let denial = clearance.place(&ASK, &cloud).unwrap_err();
    assert_eq!((denial.rule.as_str(), denial.topic.word()), ("data personal", "premise"));
    assert_eq!(clearance.masks(&ASK, &cloud), Vec::<&str>::new());
}

#[test]
fn a_class_that_only_the_masked_request_carries_binds_it() {
    let policy = policy(
        "signal mails = pii types [\"email\"] scope sent\nsignal tels = pii types [\"phone\"] scope sent\n\
         data a { when mails on_premise mask [\"email\"] }\ndata b { when not mails and tels on_premise }\n\
         default { models { \"m\" } }\n",
    );
    let decided = |mails| {
        let given = [("mails", Signal::flag(mails)), ("tels", Signal::flag(true))];
        policy.decide(&mut Given::named(&policy, &given), false)
    };
    let mut clearance = policy.cleared(&[], &decided(true)).unwrap();
    let (home, cloud) = (place("home", true), place("cloud", false));
    assert!(clearance.place(&ASK, &cloud).is_ok());
    clearance.carry(&decided(false));
    assert_eq!(clearance.place(&ASK, &cloud).unwrap_err().rule, "data b");
    assert!(clearance.place(&ASK, &home).is_ok());
}

#[test]
fn a_class_without_bounds_masks_everywhere() {
    let policy = policy(&text("mask"));
    let mut clearance = cleared(&policy);
    let all = ["email", "phone", "credit_card", "ssn", "iban", "ip_address"];
    for at in [place("home", true), place("cloud", false)] {
        assert_eq!(clearance.masks(&ASK, &at), all);
        clearance.carry(&decided(&policy, false));
        assert!(clearance.place(&ASK, &at).is_ok());
    }
    clearance.carry(&decided(&policy, true));
    let denial = clearance.place(&ASK, &place("home", true)).unwrap_err();
    assert!(denial.why.contains("still carries personal"), "{denial}");
    // A request that does not carry the class is not touched.
    let free = policy.cleared(&[], &decided(&policy, false)).unwrap();
    assert!(free.masking().is_empty() && !free.restricts());
}

#[test]
fn slips_are_named_and_what_goes_masked_is_refused_nowhere() {
    let fleet = Fleet { places: vec![place("cloud", false)], ..Fleet::default() };
    let known = Known::new(["m"], ["cloud"]).with_fleet(fleet);
    let codes = |text: &str| -> Vec<&str> {
        review(text, &known).report.diagnostics.iter().map(|found| found.code).collect()
    };
    assert!(codes(&text("on_premise")).contains(&"no-place"));
    assert_eq!(codes(&text("on_premise mask")), Vec::<&str>::new());
    let slip = |class: &str| {
        let found = compile(&text(class), &Known::any()).report.diagnostics;
        assert!(!found.is_empty(), "{class}");
        (found[0].code, found[0].message.clone())
    };
    assert!(slip("on_premise mask [\"faces\"]").1.contains("no type of personal data"));
    assert!(slip("on_premise mask []").1.contains("nothing is masked"));
    assert_eq!(slip("mask mask [\"email\"]").0, "duplicate-statement");
    let rule = "rule r { on_premise mask }\ndefault { models { \"m\" } }";
    let found = compile(rule, &Known::any()).report.diagnostics;
    assert!(found[0].message.contains("only a class of data"), "{found:?}");
}
