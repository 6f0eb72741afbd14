//! From another router's file to a running gateway.

use crate::tool::{Folder, Server, header};
use serde_json::Value;

const ROUTER: &str = "version: v0.3
providers:
  defaults: {default_model: small}
  models: [{name: small, backend_refs: [{endpoint: h}]}, {name: large, backend_refs: [{endpoint: h}]}]
entrypoints: [{model_names: [team/auto], recipe: default}]
routing:
  signals:
    keywords: [{name: proofs, keywords: [prove, theorem], colour: red}]
  decisions:
    - {name: hard-one, priority: 10, rules: {type: keyword, name: proofs}, modelRefs: [{model: large}]}
";

#[test]
fn an_imported_policy_is_checked_and_served() {
    let folder = Folder::new("moving");
    folder.write("vsr.yaml", ROUTER);
    let told = folder.run(&["policy", "import", "vllm-sr", "vsr.yaml", "--out", "r.tollgate"]);
    assert_eq!(told.code, 0, "{}", told.err);
    let gap =
        "vsr.yaml:8: routing.signals.keywords[0].colour: unknown (red): not a field that the importer knows";
    assert!(told.err.contains(gap) && told.err.contains("wrote r.yaml"), "{}", told.err);
    let listed = folder.run(&["policy", "import", "vllm-sr", "vsr.yaml", "--json"]);
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!((&listed["gaps"][0]["line"], &listed["gaps"][0]["kind"]), (&8.into(), &"unknown".into()));
    assert!(listed["text"].as_str().unwrap().contains("route hard_one priority 10"));
    for words in [
        &["policy", "check", "r.tollgate", "--config", "r.yaml"][..],
        &["policy", "test", "r.tollgate", "--config", "r.yaml"],
        &["policy", "fmt", "r.tollgate", "--check"],
        &["config", "check", "r.yaml"],
    ] {
        let ran = folder.run(words);
        assert_eq!(ran.code, 0, "{words:?}: {}{}", ran.out, ran.err);
    }

    // Without a configuration its models are simulated.
    let server = Server::start(&folder, &["--data", "memory", "--policy", "r.tollgate"]);
    let chat = r#"{"model":"team/auto","messages":[{"role":"user","content":"Prove it"}]}"#;
    let answer = server.ask("POST", "/v1/chat/completions", "", chat);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(header(&answer, "x-tollgate-model"), Some("large"));
    let models = server.ask("GET", "/v1/models", "", "");
    assert!(models.contains("\"team/auto\""), "{models}");
    let eval = server.ask("POST", "/api/v1/eval", "", r#"{"text":"Prove it"}"#);
    assert!(eval.contains("\"decision_name\":\"hard-one\""), "{eval}");
}

#[test]
fn what_is_no_such_file_is_refused() {
    let folder = Folder::new("moving-bad");
    folder.write("a.yaml", "version: v0.9\n");
    let ran = folder.run(&["policy", "import", "vllm-sr", "a.yaml"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("a.yaml: line 1: version v0.9 is not read"), "{}", ran.err);
    assert_eq!(folder.run(&["policy", "import", "vllm-sr", "missing.yaml"]).code, 2);
}

const PROXY: &str = "model_list:
  - model_name: small
    litellm_params: {model: openai/small, api_base: http://127.0.0.1:9/v1}
";

/// Neither the file that is read nor one that somebody wrote is written over, by whatever name it goes.
#[test]
fn an_import_overwrites_only_imports() {
    let folder = Folder::new("moving-over");
    let import = |file: &str, more: &[&str]| {
        let words = [&["policy", "import", "litellm", file][..], more].concat();
        folder.run(&words)
    };
    folder.write("litellm.yaml", PROXY);
    for more in [
        &["--out", "litellm.tollgate"][..],
        &["--out", "litellm.tollgate", "--force"],
        &["--out", "litellm.yaml"],
        &["--out", "p.tollgate", "--config", "./litellm.yaml"],
    ] {
        let ran = import("litellm.yaml", more);
        assert_eq!(ran.code, 2, "{more:?}: {}", ran.err);
        assert!(ran.err.contains("is the file that is read"), "{more:?}: {}", ran.err);
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("litellm.yaml")).unwrap(), PROXY);
    assert!(!folder.path().join("litellm.tollgate").exists() && !folder.path().join("p.tollgate").exists());

    folder.write("mine.yaml", "models: []\n");
    let out = ["--out", "mine.tollgate"];
    let ran = import("litellm.yaml", &out);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("mine.yaml exists and was not imported"), "{}", ran.err);
    assert!(!folder.path().join("mine.tollgate").exists());
    // Once imported, it may be imported anew.
    for more in [&["--out", "mine.tollgate", "--force"][..], &out] {
        let ran = import("litellm.yaml", more);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
}
