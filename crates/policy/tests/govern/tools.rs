//! Governance of tools: built-in ones, who asks to block, and one role for all of a request.

use crate::common::policy;
use proptest::prelude::*;
use tollgate_policy::{Ask, Known, Place, Policy, Standing};

#[test]
fn a_built_in_tool_needs_its_type_allowed_and_no_condition_that_nobody_can_judge() {
    let text = "role \"a\" { tool \"look\" tool \"web_search\" when \"q\" like \"x*\" tool \"bash_*\" tool \"bash\" when \"command\" like \"ls*\" }\ndefault { models { \"m\" } }";
    let clearance = policy(text).clearance(&["a".into()], &[]).unwrap();
    let denied =
        |name: &str, kind: Option<&str>| matches!(clearance.offer(name, kind), Standing::Denied { .. });
    assert!(denied("look", Some("code_interpreter")), "an allowed name hides no type");
    assert!(denied("shell", Some("bash_20250124")), "nor an allowed type a name");
    assert!(denied("web_search", Some("web_search")), "the provider runs it before its arguments are seen");
    assert_eq!(clearance.offer("web_search", None), Standing::Conditional, "a function of the caller's");
    assert_eq!(clearance.offer("bash", Some("bash_20250124")), Standing::Conditional, "comes back as a call");
}

#[test]
fn one_denier_that_asks_to_block_is_enough() {
    let text = "role \"a\" { tool \"x\" denied block }\nrole \"b\" { tool \"y\" }\nrule all { tool \"z\" never tool \"*\" }\ndefault { models { \"m\" } }";
    let policy = policy(text);
    let block = |roles: &[&str], rules: &[u32], tool: &str| {
        let roles: Vec<String> = roles.iter().map(|r| (*r).to_owned()).collect();
        matches!(policy.clearance(&roles, rules).unwrap().tool(tool), Standing::Denied { block: true, .. })
    };
    assert!(block(&["a"], &[0], "z"), "the rule denies first and only the role asks to block");
    assert!(block(&["a", "b"], &[], "z") && !block(&["a", "b"], &[], "y") && !block(&["b"], &[0], "z"));
}

#[test]
fn arguments_in_which_another_reader_finds_more_pass_no_condition() {
    let text = "role \"r\" { tool \"pay\" when not \"override\" given and not \"to.iban\" given }\ndefault { models { \"m\" } }";
    let policy = policy(text);
    let clearance = policy.clearance(&["r".to_owned()], &[]).unwrap();
    for arguments in [
        r#""{\"override\": 1}""#,
        r#"" [{\"override\": 1}]""#,
        r#"[{"override": 1}]"#,
        r#"{"to": "{\"iban\": 1}"}"#,
        r#"{"to": [{"iban": 1}]}"#,
        r#"{"to": {"iban": null}}"#,
    ] {
        assert!(clearance.call("pay", arguments).is_err(), "{arguments}");
    }
    for arguments in
        ["", "{}", "null", r#"{"to": "a friend"}"#, r#"{"to": []}"#, r#"{"to": {"name": "[x]"}}"#]
    {
        assert!(clearance.call("pay", arguments).is_ok(), "{arguments}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn one_role_allows_a_place_its_tools_and_its_calls(
        tools in proptest::collection::vec(proptest::collection::vec(any::<bool>(), 4), 1..4),
        regions in proptest::collection::vec(proptest::sample::select(vec![None, Some("eu-*"), Some("us-*")]), 4),
        offered in proptest::collection::vec(0usize..4, 0..4),
        called in proptest::collection::vec(0usize..4, 0..4),
    ) {
        let mut text = String::from("default { models { \"m\" } }\n");
        for (at, rights) in tools.iter().enumerate() {
            text += &format!("role \"r{at}\" {{ tool \"none\" ");
            text.extend(regions[at].map(|region| format!("regions [\"{region}\"] ")));
            text.extend(rights.iter().enumerate().filter(|(_, yes)| **yes).map(|(tool, _)| format!("tool \"t{tool}\" ")));
            text += "}\n";
        }
        let policy = Policy::load("p", &text, &Known::any()).unwrap();
        let names: Vec<String> = (0..tools.len()).map(|at| format!("r{at}")).collect();
        let mut clearance = policy.clearance(&names, &[]).unwrap();
        let place = Place { region: Some("eu-de".into()), ..Place::default() };
        let ask = Ask { model: "m", cost_micro: Some(0), unbounded: None };
        let mut left: Vec<usize> = (0..tools.len()).filter(|at| regions[*at] != Some("us-*")).collect();
        prop_assert_eq!(clearance.place(&ask, &place).is_ok(), !left.is_empty());
        if left.is_empty() {
            return Ok(());
        }
        clearance.at(&ask, &place);
        for (call, tool) in offered.iter().map(|tool| (false, tool)).chain(called.iter().map(|tool| (true, tool))) {
            let name = format!("t{tool}");
            let yes = if call { clearance.take(&name, "{}").is_ok() } else { clearance.keep(&name, None) };
            let able: Vec<usize> = left.iter().copied().filter(|at| tools[*at][*tool]).collect();
            prop_assert_eq!(yes, !able.is_empty());
            if yes {
                left = able;
            }
        }
    }
}

#[test]
fn a_name_that_only_looks_otherwise_is_no_other_tool() {
    let text = "role \"r\" { tool \"shell\" never  tool \"pay\" when \"amount\" <= 5  tool \"*\" }\ndefault { models { \"m\" } }";
    let policy = policy(text);
    let clearance = policy.clearance(&["r".to_owned()], &[]).unwrap();
    for name in
        ["shell", "Shell", "SHELL", "\u{17f}hell", " shell", "she\u{200b}ll", "\u{ff53}hell", "shell\n"]
    {
        assert!(matches!(clearance.tool(name), Standing::Denied { .. }), "{name:?}");
        assert!(clearance.call(name, "{}").is_err(), "{name:?}");
    }
    assert_eq!(clearance.tool("pay"), Standing::Conditional);
    assert!(clearance.call("pay", r#"{"amount": 3}"#).is_ok());
    for name in ["Pay", "pay ", "P\u{ad}AY"] {
        assert!(matches!(clearance.tool(name), Standing::Denied { .. }), "{name:?}");
        assert!(clearance.call(name, r#"{"amount": 3}"#).is_err(), "{name:?}");
    }
    assert_eq!(clearance.tool("shells"), Standing::Allowed);
    // What is allowed is allowed by its own name.
    let narrow = crate::common::policy("role \"r\" { tool \"look\" }\ndefault { models { \"m\" } }");
    let clearance = narrow.clearance(&["r".to_owned()], &[]).unwrap();
    assert!(matches!(clearance.tool("Look"), Standing::Denied { .. }));
}
