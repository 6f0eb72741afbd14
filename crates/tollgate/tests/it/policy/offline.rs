//! What the policy commands say without a gateway is what a gateway does, and needs nothing that only a gateway needs.

use crate::tool::{Folder, Server};
use serde_json::{Value, json};

const POLICY: &str =
    "route long { when total_tokens > 8_000 models { \"large\" } }\ndefault { models { \"small\" } }\n";
const CONFIG: &str = r#"
data: memory
providers: [{name: p, kind: openai, base_url: "http://127.0.0.1:9/v1", key: "env:TOLLGATE_TEST_NO_SUCH_KEY"}]
models: [{name: small, provider: p}, {name: large, provider: p}]
"#;

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("p.tollgate", POLICY);
    folder.write("c.yaml", CONFIG);
    folder
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// 7,700 tokens of prompt are long only with the answer that is expected.
#[test]
fn explain_test_and_diff_decide_as_a_gateway_that_just_started() {
    let folder = folder("offline");
    let text = "word ".repeat(7_700 * 4 / 5);
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": text}]}).to_string();
    folder.write("long.json", &body);
    let explained = folder.run(&["policy", "explain", "--request", "long.json", "--json"]);
    let explained = read(&explained.out)["route"].clone();
    let server = Server::start(&folder, &[]);
    let answer = server.ask("POST", "/v1/route", "content-type: application/json\r\n", &body);
    let live = read(answer.split("\r\n\r\n").nth(1).unwrap());
    assert_eq!((&explained, &live["route"]), (&json!("long"), &json!("long")), "{live}");
    folder.write("t.tollgate", &format!("{POLICY}tests {{ {text:?} -> long }}\n"));
    let tested = folder.run(&["policy", "test", "t.tollgate"]);
    assert!(tested.code == 0 && tested.out.contains("1 tests, 0 failed"), "{}{}", tested.out, tested.err);
    folder.write("small.tollgate", "default { models { \"small\" } }\n");
    let diff = ["policy", "diff", "p.tollgate", "small.tollgate", "--trace", "long.json"];
    let moved = folder.run(&diff);
    assert!(moved.out.contains("1 of 1 requests go elsewhere"), "{}{}", moved.out, moved.err);
}

#[test]
fn explain_of_a_refused_request_does_nothing_and_names_what_binds() {
    let folder = folder("refused");
    folder.write("g.tollgate", &format!("role \"staff\" {{ }}\n{POLICY}"));
    let ran = folder.run(&["policy", "explain", "g.tollgate", "--text", "Hello"]);
    assert!(ran.code == 1 && ran.out.contains("governed by: others\n"), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("refused: ") && !ran.out.contains("model small (weight"), "{}", ran.out);
    let checked = folder.run(&["policy", "check", "g.tollgate"]);
    assert!(checked.code == 0 && checked.err.contains("no-others"), "{}{}", checked.out, checked.err);
    let bare = folder.run(&["policy", "explain", "g.tollgate"]);
    assert!(bare.code == 2 && bare.err.contains("--text") && bare.err.contains("--request"), "{}", bare.err);
}

#[test]
fn a_policy_is_checked_against_a_configuration_whose_secrets_are_elsewhere() {
    let folder = folder("secrets");
    for verb in ["check", "test"] {
        let ran = folder.run(&["policy", verb, "p.tollgate", "--config", "c.yaml"]);
        assert_eq!(ran.code, 0, "{verb}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains("warning: c.yaml:3:") && ran.err.contains("NO_SUCH_KEY"), "{}", ran.err);
    }
    folder.write("bad.yaml", &CONFIG.replace("env:TOLLGATE_TEST_NO_SUCH_KEY", "sk-in-the-clear"));
    let ran = folder.run(&["policy", "check", "p.tollgate", "--config", "bad.yaml"]);
    assert_eq!(ran.code, 2, "a secret in the file stays an error: {}{}", ran.out, ran.err);
    let served = folder.run(&["serve", "c.yaml"]);
    assert!(served.code != 0 && served.err.contains("NO_SUCH_KEY"), "{}", served.err);
}

#[test]
fn a_log_without_signals_is_told_where_to_get_them() {
    let folder = folder("no-signals");
    let row = json!({"id": "req_1", "route": "long", "total_us": 5, "prompt_tokens": 9, "decision": null});
    folder.write("list.json", &serde_json::to_string_pretty(&json!({"rows": [row]})).unwrap());
    folder.write("array.json", &serde_json::to_string_pretty(&json!([row])).unwrap());
    folder.write("export.jsonl", "{\"route\": \"long\", \"total_us\": 5, \"prompt_tokens\": 9}\n");
    for file in ["list.json", "array.json", "export.jsonl"] {
        let ran = folder.run(&["policy", "diff", "p.tollgate", "p.tollgate", "--trace", file]);
        assert!(
            ran.code == 2 && ran.err.contains("decisions export --signals"),
            "{file}: {}{}",
            ran.out,
            ran.err
        );
    }
    let request =
        json!({"model": "auto", "messages": [{"role": "user", "content": "a"}], "route": "fallback"});
    folder.write("requests.json", &serde_json::to_string_pretty(&json!([request, request])).unwrap());
    let ran = folder.run(&["policy", "diff", "p.tollgate", "p.tollgate", "--trace", "requests.json"]);
    assert!(ran.out.contains("0 of 2 requests"), "{}{}", ran.out, ran.err);
}

#[test]
fn an_import_that_lost_something_fails_where_that_counts() {
    let folder = folder("import");
    let model = "model_list: [{model_name: m, litellm_params: {model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY}}]\n";
    folder.write("whole.yaml", model);
    folder.write("lossy.yaml", &format!("{model}no_such_setting: 1\n"));
    let import =
        |file: &str, more: &[&str]| folder.run(&[&["policy", "import", "litellm", file], more].concat());
    let whole = import("whole.yaml", &["--strict"]);
    assert_eq!(whole.code, 0, "{}", whole.err);
    assert_eq!(import("lossy.yaml", &[]).code, 0);
    let strict = import("lossy.yaml", &["--strict"]);
    assert_eq!(strict.code, 1, "{}", strict.err);
}

/// One argument alone is the text, unless it names a policy; standard input is one thing only.
#[test]
fn explain_takes_the_text_as_an_argument() {
    let folder = folder("explain-text");
    let route = |words: &[&str]| {
        let ran = folder.run(&[&["policy", "explain", "--json"], words].concat());
        assert_eq!(ran.code, 0, "{words:?}: {}{}", ran.out, ran.err);
        read(&ran.out)["route"].as_str().unwrap_or_default().to_owned()
    };
    let hard = "Prove step by step that this function terminates";
    assert_eq!(route(&[hard]), "hard_question", "of the shipped policy");
    assert_eq!(route(&["p.tollgate", "hello"]), "default");
    assert!(!route(&["--text", "p.tollgate"]).is_empty(), "a text that is a file's name");
    let wrong = |words: &[&str], says: &str| {
        let ran = folder.run(&[&["policy"], words].concat());
        assert!(ran.code == 2 && ran.err.contains(says), "{words:?}: {} {}{}", ran.code, ran.out, ran.err);
    };
    wrong(&["explain"], "write TEXT");
    wrong(&["explain", "p.tollgate"], "p.tollgate is the policy, and no request is given");
    wrong(&["explain", "gone.tollgate"], "gone.tollgate is the policy");
    wrong(&["explain", "p.tollgate", "a", "--text", "b"], "cannot be used with");
    wrong(&["explain", "-", "--request", "-"], "only one file can be standard input");
    wrong(&["check", "-", "--sample", "-"], "only one file can be standard input");
    wrong(&["diff", "-", "p.tollgate", "--trace", "-"], "only one file can be standard input");
}

/// A row that is broken is told by its own line, wherever the reader noticed.
#[test]
fn a_broken_row_of_a_trace_is_told_by_its_line() {
    let folder = folder("broken");
    let good = "{\"text\": \"a\"}\n";
    for (text, line) in [
        (format!("{good}not json\n{good}{good}"), 2),
        (format!("{good}\n{{\"text\": \"a\"\n{good}{good}"), 3),
        (format!("{good}{good}{{\"text\": \"a\n{good}"), 3),
        (format!("{good}{{\"text\": nul}}\n{good}"), 2),
        ("[\n{\"text\": \"a\"},\n\n{\"text\" \"b\"}\n]\n".to_owned(), 4),
        (format!("{good}{{\"text\": [\n"), 2),
        (format!("{good}{{\n  \"messages\": 1\n}}\n"), 2),
    ] {
        folder.write("t.jsonl", &text);
        let ran = folder.run(&["policy", "diff", "p.tollgate", "p.tollgate", "--trace", "t.jsonl"]);
        assert!(ran.code == 2 && ran.err.contains(&format!("t.jsonl:{line}: ")), "{text}: {}", ran.err);
    }
}
