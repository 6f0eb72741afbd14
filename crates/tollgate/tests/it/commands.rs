//! Commands that read and print: exit codes, errors, JSON.

use crate::tool::Folder;
use serde_json::Value;

#[test]
fn a_policy_is_checked_explained_tested_and_laid_out() {
    let folder = Folder::new("policy");
    folder.write(
        "good.tollgate",
        "route r { when tokens > 4_000 models { \"sim-large\" } }\ndefault { models { \"sim-small\" } }\n",
    );
    folder.write(
        "bad.tollgate",
        "route r { when tokns > 4 models { \"sim-large\" } }\ndefault { models { \"sim-small\" } }\n",
    );
    folder.write("fails.tollgate", "default { models { \"sim-small\" } }\ntests { \"a\" -> other }\n");
    let cases: [(&[&str], i32, &str); 12] = [
        (&["policy", "check"], 0, "shipped policy: good"),
        (&["policy", "check", "good.tollgate"], 0, "not checked"),
        (&["policy", "check", "bad.tollgate"], 1, "did you mean `tokens`"),
        (&["policy", "check", "missing.tollgate"], 2, "cannot read missing.tollgate"),
        (&["policy", "test"], 0, "0 failed"),
        (&["policy", "explain", "--text", "hello"], 0, "greeting"),
        (&["policy", "explain", "bad.tollgate", "--text", "hello"], 2, "tokns"),
        (&["policy", "explain"], 2, "--text"),
        (&["policy", "fmt", "good.tollgate", "--check"], 1, "--write"),
        (&["policy", "fmt", "good.tollgate", "--write"], 0, ""),
        (&["policy", "fmt", "good.tollgate", "--check"], 0, ""),
        (&["policy", "catalogue", "nothing"], 2, "catalogue"),
    ];
    for (words, code, said) in cases {
        let ran = folder.run(words);
        let all = format!("{}{}", ran.out, ran.err);
        assert!(ran.code == code && all.contains(said), "{words:?}: {} {all}", ran.code);
    }
    let failing = folder.run(&["policy", "test", "fails.tollgate"]);
    assert_ne!(failing.code, 0, "{}{}", failing.out, failing.err);
    let keyword = folder.run(&["policy", "catalogue", "keyword"]);
    assert!(keyword.out.contains("threshold") && keyword.out.contains("last_user"), "{}", keyword.out);
}

#[test]
fn data_comes_as_json_where_asked() {
    let folder = Folder::new("json");
    folder.write("bad.yaml", "listen: nowhere\n");
    folder.write(
        "request.json",
        r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hello"}],"top_k":3}"#,
    );
    folder.write("bad.tollgate", "route");
    let json = |words: &[&str]| {
        let ran = folder.run(words);
        let value: Value = serde_json::from_str(&ran.out)
            .unwrap_or_else(|e| panic!("{words:?}: {e}\n{}{}", ran.out, ran.err));
        (ran.code, value)
    };
    let (code, found) = json(&["config", "check", "bad.yaml", "--json"]);
    assert_eq!((code, &found["ok"], &found["problems"][0]["line"]), (1, &false.into(), &1.into()));
    let (code, found) = json(&["policy", "check", "bad.tollgate", "--json"]);
    assert!(
        code == 1
            && found["errors"].as_u64() > Some(0)
            && found["diagnostics"][0]["range"]["start"]["line"] == 1
    );
    let (_, found) =
        json(&["policy", "explain", "--request", "request.json", "--dialect", "anthropic", "--json"]);
    assert_eq!(found["route"], "greeting");
    assert!(found["trace"]["routes"].as_array().unwrap().iter().any(|r| r["name"] == "hard_question"));
    assert_eq!(json(&["policy", "test", "--json"]).1["failed"], 0);
    assert!(json(&["policy", "catalogue", "--json"]).1.as_array().unwrap().len() > 30);
    assert!(json(&["config", "providers", "--json"]).1.as_array().unwrap().len() > 12);
    let (code, found) =
        json(&["wire", "translate", "--from", "anthropic", "--to", "openai_chat", "request.json", "--json"]);
    assert_eq!((code, &found["body"]["messages"][0]["content"]), (0, &"hello".into()));
    assert!(!found["report"]["losses"].as_array().unwrap().is_empty(), "top_k cannot cross");
}

#[test]
fn streams_and_whole_answers_are_translated() {
    let folder = Folder::new("wire");
    let chunk = |delta: &str, end: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{end}}}]}}\n\n"
        )
    };
    let stream = [
        chunk(r#"{"role":"assistant","content":"hel"}"#, "null"),
        chunk(r#"{"content":"lo"}"#, "\"stop\""),
        "data: [DONE]\n\n".into(),
    ]
    .concat();
    folder.write("answer.sse", &stream);
    let ran = folder.run(&[
        "wire",
        "translate",
        "--from",
        "openai_chat",
        "--to",
        "anthropic",
        "--stream",
        "answer.sse",
    ]);
    assert!(
        ran.code == 0 && ran.out.contains("event: message_stop") && ran.out.contains("hel"),
        "{}{}",
        ran.out,
        ran.err
    );
    folder.write("x.json", "{");
    let broken = folder.run(&["wire", "translate", "--from", "openai_chat", "--to", "anthropic", "x.json"]);
    assert!(
        broken.code == 2 && broken.err.contains("x.json") && broken.err.contains("line 1"),
        "{}",
        broken.err
    );
    let unknown = folder.run(&["wire", "translate", "--from", "chat", "--to", "anthropic", "x.json"]);
    assert!(unknown.code == 2 && unknown.err.contains("openai_chat, openai_responses"), "{}", unknown.err);
}

#[test]
fn the_default_configuration_is_good_and_shell_files_are_made() {
    let folder = Folder::new("default-config");
    folder.write("t.yaml", &folder.run(&["config", "default"]).out);
    let checked = folder.run(&["config", "check", "t.yaml"]);
    assert!(
        checked.code == 0 && checked.out.contains("4 models, 3 instances in 2 pools"),
        "{}{}",
        checked.out,
        checked.err
    );
    folder.write("unknown.yaml", "providers: [{name: p, kind: vllm}]\nmodels: [{name: m, provider: p}]\n");
    let unknown = folder.run(&["config", "check", "unknown.yaml"]);
    assert!(
        unknown.code == 1 && unknown.err.contains("set `policy:`") && unknown.err.lines().count() == 1,
        "the shipped policy names other models: {}",
        unknown.err
    );
    folder.write("public.yaml", "listen: 0.0.0.0:80\n");
    assert_eq!(folder.run(&["config", "check", "public.yaml"]).code, 1);
    assert!(folder.run(&["completions", "bash"]).out.contains("_tollgate"));
    assert_eq!(folder.run(&["man", "man"]).code, 0);
    assert!(folder.path().join("man/tollgate-policy-explain.1").is_file());
    assert_eq!(
        (folder.run(&[]).code, folder.run(&["nonsense"]).code, folder.run(&["--help"]).code),
        (2, 2, 0)
    );
}
