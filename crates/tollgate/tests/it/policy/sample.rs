//! What `policy check` makes of a gateway's own log, and what it prints for other tools.

use crate::tool::{Folder, Server};
use serde_json::Value;

const POLICY: &str = r#"
signal refund = similar to ["I want my money back for this order"] threshold 0.3
signal invoice = similar to ["please send me the invoice of this order"] threshold 0.3
route money_back { when refund models { "sim-small" } }
route billing { when invoice models { "sim-large" } }
default { models { "sim-medium" } }
"#;

const TEXTS: [&str; 5] = [
    "I want my money back for this order and please send me the invoice of this order",
    "please send me the invoice of this order, I want my money back for this order",
    "I want my money back for this order",
    "please send me the invoice of this order",
    "What is the weather like in the mountains?",
];

fn together(folder: &Folder, sample: &str) -> (Value, Value) {
    let check = ["policy", "check", "p.tollgate", "--sample", sample, "--rate", "0.01", "--json"];
    let ran = folder.run(&check);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    let kinds = found["findings"].as_array().unwrap();
    let seen =
        kinds.iter().find(|found| found["kind"] == "hold-together").unwrap_or_else(|| panic!("{found}"));
    (found["requests_counted"].clone(), seen.clone())
}

/// The log that a gateway exports tells of its routes what the requests themselves tell.
#[test]
fn the_exported_log_counts_like_the_requests() {
    let folder = Folder::new("sample-export");
    folder.write("p.tollgate", POLICY);
    let server = Server::start(&folder, &["--policy", "p.tollgate"]);
    let asked: Vec<&str> = TEXTS.iter().copied().cycle().take(20).collect();
    for text in &asked {
        assert!(server.chat("", text).starts_with("HTTP/1.1 200"), "{text}");
    }
    server.signal("TERM");
    let (status, err) = server.end();
    assert_eq!(status.code(), Some(0), "{err}");
    let exported = folder.run(&["decisions", "export", "--signals", "--out", "log.jsonl"]);
    assert_eq!(exported.code, 0, "{}", exported.err);
    let lines = |text: &&str| serde_json::json!({ "text": text }).to_string() + "\n";
    folder.write("texts.jsonl", &asked.iter().map(lines).collect::<String>());

    let (counted, logged) = together(&folder, "log.jsonl");
    assert_eq!(counted, 20);
    let (_, read) = together(&folder, "texts.jsonl");
    for what in ["both", "either", "rate"] {
        assert_eq!(logged["seen"][what], read["seen"][what], "{what}: {logged}");
    }
    assert_eq!((&read["seen"]["both"], &read["seen"]["either"]), (&8.into(), &16.into()));
    assert!(read["seen"]["texts"][0].as_str().unwrap().starts_with("I want my money"), "{read}");
    let same = folder.run(&["policy", "diff", "p.tollgate", "p.tollgate", "--trace", "log.jsonl"]);
    assert!(same.out.contains("0 of 20 requests go elsewhere"), "{}{}", same.out, same.err);
    // The log holds no texts: its requests are shown by their ids.
    assert!(logged["seen"]["texts"][0].as_str().unwrap().starts_with("req_"), "{logged}");
}

/// Every place that the printed SARIF names is in the file, and every result has a rule that says what it means.
#[test]
fn printed_sarif_is_complete() {
    let folder = Folder::new("sarif");
    let text = format!(
        "{}route dead tier 1 {{ when tokens > 5 and tokens < 3 models {{ \"sim-small\" }} }}\nroute wide tier 2 {{ when tokens > 5 models {{ \"sim-small\" }} }}\nroute narrow tier 3 {{ when tokens > 8 models {{ \"sim-large\" }} }}\nrole \"staff\" {{ regions [\"eu-*\"] }}\n",
        POLICY.replace("default", "# Größe\ndefault")
    );
    folder.write("my rules.tollgate", &text);
    let check = ["policy", "check", "my rules.tollgate", "--sarif"];
    let ran = folder.run(&check);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let sarif: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&sarif["version"], sarif["runs"].as_array().map(Vec::len)), (&"2.1.0".into(), Some(1)));
    let run = &sarif["runs"][0];
    assert_eq!(run["tool"]["driver"]["version"], env!("CARGO_PKG_VERSION"));
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let place = |physical: &Value| {
        assert_eq!(physical["artifactLocation"]["uri"], "my%20rules.tollgate");
        let number = |name: &str| usize::try_from(physical["region"][name].as_u64().unwrap()).unwrap();
        let (line, column) = (number("startLine"), number("startColumn"));
        let written = lines.get(line - 1).unwrap_or_else(|| panic!("{physical}"));
        assert!(column >= 1 && column <= written.chars().count() + 1, "{physical}");
        assert!((number("endLine"), number("endColumn")) > (line, column), "{physical}");
    };
    let mut seen = Vec::new();
    for result in results {
        let id = result["ruleId"].as_str().unwrap();
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], id);
        assert!(!rule["shortDescription"]["text"].as_str().unwrap().is_empty());
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        place(&result["locations"][0]["physicalLocation"]);
        result["relatedLocations"].as_array().unwrap().iter().for_each(|at| place(&at["physicalLocation"]));
        seen.push(id);
    }
    for id in ["unsatisfiable", "shadowed", "overlap", "no-others"] {
        assert!(seen.contains(&id), "{id}: {seen:?}");
    }
    assert_eq!(folder.run(&[&check[..], &["--strict"]].concat()).code, 1, "warnings count with --strict");
}

/// What is no sample is an error with its line; what holds nothing says so.
#[test]
fn odd_samples() {
    let folder = Folder::new("odd-samples");
    folder.write("p.tollgate", POLICY);
    for (name, text, says) in [
        ("empty", "", "holds no request"),
        ("blank", "\n\n  \n", "holds no request"),
        ("refused", "{\"id\": \"req_1\", \"decision\": null}\n", "holds no request"),
        ("word", "hello\n", "word:1: this is no JSON"),
        ("second", "{\"text\": \"a\"}\n\nhello\n", "second:3: this is no JSON"),
        ("number", "7\n", "number:1: this is no JSON object"),
        ("nothing", "{}\n", "nothing:1: "),
        ("half", "{\"text\": \"a\"\n", "half:1: "),
        ("list", "[{\"text\": \"a\"}, 7]\n", "list:1: "),
        (
            "dialect",
            "{\"text\": \"a\", \"request\": {\"model\": \"m\"}, \"dialect\": \"smoke\"}\n",
            "dialect:1: ",
        ),
    ] {
        folder.write(name, text);
        let ran = folder.run(&["policy", "check", "p.tollgate", "--sample", name]);
        assert!(ran.code == 2 && ran.err.contains(says), "{name}: {} {}{}", ran.code, ran.out, ran.err);
    }
    for (name, text, counted) in [
        ("crlf", "{\"text\": \"a\"}\r\n\r\n{\"text\": \"b\"}\r\n", 2),
        ("unended", "{\"text\": \"a\"}\n{\"text\": \"b\"}", 2),
        ("array", "[{\"text\": \"a\"}, {\"text\": \"b\"}, {\"text\": \"\"}]", 3),
        ("indented", "[\n  {\n    \"text\": \"a\"\n  },\n  {\n    \"text\": \"b\"\n  }\n]\n", 2),
        ("two", "{\n  \"text\": \"a\"\n}\n{\n  \"text\": \"b\"\n}\n", 2),
        ("unknown", "{\"text\": \"a\", \"note\": {\"x\": 1}}\n", 1),
    ] {
        folder.write(name, text);
        let ran = folder.run(&["policy", "check", "p.tollgate", "--sample", name, "--json"]);
        let found: Value =
            serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{name}: {e} {}", ran.err));
        assert_eq!(found["requests_counted"], counted, "{name}");
    }
    for rate in ["-0.1", "1.1", "NaN", "half"] {
        let ran =
            folder.run(&["policy", "check", "p.tollgate", "--sample", "array", &format!("--rate={rate}")]);
        assert!(ran.code == 2 && ran.err.contains("a share from 0 to 1"), "{rate}: {}", ran.err);
    }
}
