//! Tools for people who write policies: diff over a trace, the picture, and a scripted session with an editor.

mod findings;
mod masked;
mod offline;
mod sample;

use crate::tool::Folder;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const CONFIG: &str = r#"
data: memory
providers: [{name: p, kind: tollgate_sim, base_url: "http://127.0.0.1:9"}]
models:
  - {name: small, provider: p, price: {input: 1, output: 2}, quality: 0.6}
  - {name: large, provider: p, price: {input: 10, output: 20}, quality: 0.9}
"#;
const BEFORE: &str = "signal hard = keyword any [\"prove\"]\nroute hard_one { when hard models { \"large\" } }\ndefault { models { \"small\" } }\n";

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("c.yaml", CONFIG);
    folder.write("a.tollgate", BEFORE);
    folder.write("b.tollgate", &BEFORE.replace("[\"prove\"]", "[\"prove\", \"derive\"]"));
    folder
}

#[test]
fn diff_says_what_moves_and_what_that_costs() {
    let folder = folder("diff");
    folder.write(
        "trace.jsonl",
        concat!(
            "{\"text\": \"prove it\"}\n",
            "{\"model\": \"auto\", \"messages\": [{\"role\": \"user\", \"content\": \"derive it\"}], \"max_tokens\": 100}\n",
            "\n",
            "{\"request\": {\"model\": \"auto\", \"max_tokens\": 100, \"messages\": [{\"role\": \"user\", \"content\": \"derive me\"}]}, \"dialect\": \"anthropic\"}\n",
            "{\"model\": \"small\", \"messages\": [{\"role\": \"user\", \"content\": \"derive it with the model I name\"}]}\n",
        ),
    );
    let diff = ["policy", "diff", "a.tollgate", "b.tollgate", "--trace", "trace.jsonl"];
    let plain = folder.run(&diff);
    assert!(
        plain.code == 0 && plain.out.contains("3 of 4 requests go elsewhere"),
        "{}{}",
        plain.out,
        plain.err
    );
    assert!(plain.out.contains("default (small)") && plain.out.contains("hard_one (large)"), "{}", plain.out);
    let ran = folder.run(&[&diff[..], &["--config", "c.yaml", "--json"]].concat());
    let found: Value =
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}{}", ran.out, ran.err));
    assert_eq!((&found["requests"], &found["changed"]), (&json!(4), &json!(3)), "{found}");
    let of = |route: &str, side: &str| found["routes"][route][side].clone();
    assert_eq!(
        (&of("hard_one", "before")["requests"], &of("hard_one", "after")["requests"]),
        (&json!(1), &json!(4))
    );
    assert_eq!(
        (&of("default", "before")["requests"], &of("default", "after")["requests"]),
        (&json!(3), &json!(0))
    );
    assert_eq!(of("hard_one", "before")["quality"], json!(0.9), "{found}");
    let cost = |side: &str| found["cost_micro"][side].as_str().unwrap().parse::<u64>().unwrap();
    assert!(cost("after") > cost("before"), "{found}");
    let quality = found["quality"]["before"].as_f64().unwrap();
    assert!((quality - (0.9 + 3.0 * 0.6) / 4.0).abs() < 1e-9, "{quality}");
    assert!(found["quality"]["after"].as_f64() > found["quality"]["before"].as_f64());
    let last = found["examples"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["before"]["model"], &last["after"]["model"]),
        (&json!("small"), &json!("small")),
        "pinned: {last}"
    );
    let same = folder.run(&["policy", "diff", "a.tollgate", "a.tollgate", "--trace", "trace.jsonl"]);
    assert!(same.out.contains("0 of 4"), "{}", same.out);
    folder.write("empty.jsonl", "\n");
    assert_eq!(folder.run(&["policy", "diff", "a.tollgate", "b.tollgate", "--trace", "empty.jsonl"]).code, 2);
    folder.write("wrong.jsonl", "{\"text\": \"a\"}\n{\"messages\": 1}\n");
    let wrong = folder.run(&["policy", "diff", "a.tollgate", "b.tollgate", "--trace", "wrong.jsonl"]);
    assert!(wrong.code == 2 && wrong.err.contains("wrong.jsonl:2"), "{}", wrong.err);
}

#[test]
fn check_says_where_governance_refuses_and_strict_fails() {
    let folder = folder("check-govern");
    folder.write("g.tollgate", &format!("role \"a\" {{ models [\"small\"] }}\n{BEFORE}"));
    let check = ["policy", "check", "g.tollgate", "--config", "c.yaml"];
    let plain = folder.run(&check);
    assert!(plain.code == 0 && plain.err.contains("route-refuses"), "{}{}", plain.out, plain.err);
    let strict = folder.run(&[&check[..], &["--strict"]].concat());
    assert!(strict.code == 1 && strict.err.contains("route-refuses"), "{}{}", strict.out, strict.err);
}

#[test]
fn diff_reads_the_log_and_says_what_a_record_lacks() {
    let folder = folder("diff-log");
    let flag = |matched: bool| json!({"matched": matched, "confidence": 1.0, "value": matched});
    let checked = folder.run(&["policy", "check", "a.tollgate", "--json"]);
    assert_eq!(checked.code, 0);
    let digest = "00".repeat(32);
    let row = |signals: Value| {
        json!({"id": "req_1", "prompt_tokens": 1_000, "completion_tokens": 100,
        "decision": {"recorded": {"policy": digest, "signals": signals}}})
    };
    // `hard` differs between the two, so the record says nothing of the second's.
    let rows = json!({"rows": [row(json!({"hard": flag(true)}))]});
    folder.write("log.json", &serde_json::to_string_pretty(&rows).unwrap());
    let ran = folder.run(&["policy", "diff", "a.tollgate", "b.tollgate", "--trace", "log.json"]);
    assert!(ran.out.contains("1 undecided") && ran.err.contains("\"hard\""), "{}{}", ran.out, ran.err);
    // What was refused before it was decided is counted, not an error.
    folder.write("refused.jsonl", "{\"id\": \"req_2\", \"decision\": {\"fault\": \"no\"}}\n");
    let ran = folder.run(&["policy", "diff", "a.tollgate", "b.tollgate", "--trace", "refused.jsonl"]);
    assert!(
        ran.out.contains("1 undecided") && ran.err.contains("before it was decided"),
        "{}{}",
        ran.out,
        ran.err
    );
    // A fact is the same in every policy.
    folder.write(
        "c.tollgate",
        "route long { when tokens > 500 models { \"large\" } }\ndefault { models { \"small\" } }\n",
    );
    folder.write(
        "d.tollgate",
        "route long { when tokens > 5_000 models { \"large\" } }\ndefault { models { \"small\" } }\n",
    );
    let tokens = json!({"matched": true, "confidence": 1.0, "value": 1_000.0});
    folder.write("log.jsonl", &row(json!({"tokens": tokens})).to_string());
    let diff = ["policy", "diff", "c.tollgate", "d.tollgate", "--trace", "log.jsonl", "--config", "c.yaml"];
    let ran = folder.run(&diff);
    assert!(
        ran.out.contains("1 of 1") && ran.out.contains("0.012000 -> 0.001200 USD"),
        "{}{}",
        ran.out,
        ran.err
    );
}

#[test]
fn diff_obeys_governance() {
    let folder = folder("diff-governed");
    folder.write("g.tollgate", &format!("role \"gold\" {{ }}\nothers {{ models [\"small\"] }}\n{BEFORE}"));
    folder.write("t.jsonl", "{\"text\": \"prove it\"}\n{\"text\": \"prove it\", \"roles\": [\"gold\"]}\n");
    let ran = folder.run(&[
        "policy",
        "diff",
        "a.tollgate",
        "g.tollgate",
        "--trace",
        "t.jsonl",
        "--config",
        "c.yaml",
    ]);
    assert!(ran.out.contains("1 of 2") && ran.out.contains("hard_one (refused)"), "{}{}", ran.out, ran.err);
}

#[test]
fn explain_diff_and_test_weigh_tools_and_limits() {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    let folder = folder("weigh");
    let rights = "role \"a\" { tool \"look\"  cost <= 1_000 }\nothers { tool \"*\" never  denied block }\n";
    let cases = "tests {\n  { text \"a\" role [\"a\"] tool_names [\"look\", \"sh\"] } -> default models [\"small\"] tools [\"look\"]\n  { text \"a\" tool_names [\"look\"] } -> default refused \"others\"\n}\n";
    folder.write("g.tollgate", &format!("{rights}{BEFORE}{cases}"));
    let tools =
        r#"[{"type":"function","function":{"name":"look"}},{"type":"function","function":{"name":"sh"}}]"#;
    let request = |more: &str| {
        format!(r#"{{"model":"auto","messages":[{{"role":"user","content":"a"}}],"tools":{tools}{more}}}"#)
    };
    folder.write("r.json", &request(r#","max_tokens":50"#));
    folder.write("dear.json", &request(r#","max_tokens":50,"n":20"#));
    let explain = ["policy", "explain", "g.tollgate", "--config", "c.yaml", "--json", "--request"];
    let role = |file: &str| {
        let ran = folder.run(&[&explain[..], &[file, "--role", "a"]].concat());
        read(&ran.out)["governance"].clone()
    };
    let cheap = role("r.json");
    assert_eq!(cheap["model"], "small", "{cheap}");
    assert!(cheap["denied"].to_string().contains("tool sh is not allowed"), "{cheap}");
    let dear = role("dear.json");
    assert!(dear["refused"].as_str().unwrap().contains("may cost"), "{dear}");
    let blocked = folder.run(&[&explain[..], &["r.json"]].concat());
    assert!(read(&blocked.out)["governance"]["refused"].to_string().contains("others"), "{}", blocked.out);
    folder.write("trace.jsonl", &format!("{{\"request\": {}, \"roles\": [\"b\"]}}\n", request("")));
    let diff = [
        "policy",
        "diff",
        "a.tollgate",
        "g.tollgate",
        "--trace",
        "trace.jsonl",
        "--config",
        "c.yaml",
        "--json",
    ];
    let moved = read(&folder.run(&diff).out);
    assert!(moved["examples"][0]["after"]["refused"].to_string().contains("others"), "{moved}");
    let tested = folder.run(&["policy", "test", "g.tollgate", "--config", "c.yaml"]);
    assert!(tested.out.contains("2 tests, 0 failed"), "{}", tested.out);
    let blind = folder.run(&["policy", "test", "g.tollgate"]);
    assert!(blind.code == 0 && blind.out.contains("2 tests, 0 failed, 1 not judged"), "{}", blind.out);
}

#[test]
fn the_picture_holds_every_route_model_and_pool_and_nothing_from_elsewhere() {
    let folder = folder("graph");
    let odd = format!("policy \"<odd> & \\\"quoted\\\"\"\nrole \"a\" {{ cost <= 5 }}\n{BEFORE}");
    folder.write("odd.tollgate", &odd);
    let ran = folder.run(&["policy", "graph", "odd.tollgate"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.contains("&lt;odd&gt; &amp; &quot;quoted&quot;") && ran.out.contains("role a"),
        "{}",
        ran.out
    );
    let ran = folder.run(&["policy", "graph", "a.tollgate", "--config", "c.yaml", "--out", "a.svg"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let svg = std::fs::read_to_string(folder.path().join("a.svg")).unwrap();
    for word in [
        "hard_one",
        "default",
        "small",
        "large",
        ">p</text>",
        "prefers-color-scheme: dark",
        "10.00 / 20.00 USD",
    ] {
        assert!(svg.contains(word), "{word}: {svg}");
    }
    let elsewhere = svg.replace("http://www.w3.org/2000/svg", "");
    assert!(!elsewhere.contains("http") && !elsewhere.contains("<script"), "{svg}");
    assert_eq!(svg.matches("<path").count(), 2 + 2, "two routes to models, two models to the pool");
    assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
}

/// A session with the language server.
struct Session {
    child: Child,
    input: ChildStdin,
    out: BufReader<ChildStdout>,
    next: u64,
}

const URI: &str = "file:///p.tollgate";

impl Session {
    fn start(folder: &Folder) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["policy", "lsp", "--config", "c.yaml"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, out) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, out, next: 0 }
    }

    fn send(&mut self, body: &str) {
        write!(self.input, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        self.input.flush().unwrap();
    }

    fn receive(&mut self) -> Value {
        let (mut length, mut line) = (0, String::new());
        loop {
            line.clear();
            assert!(self.out.read_line(&mut line).unwrap() > 0, "it ended");
            match line.trim().strip_prefix("Content-Length: ") {
                Some(number) => length = number.parse().unwrap(),
                None if line.trim().is_empty() => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        self.out.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string());
        let answer = self.receive();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    fn tell(&mut self, method: &str, params: &Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string());
    }

    /// Opens or changes the text; gives its diagnostics.
    fn text(&mut self, text: &str) -> Vec<Value> {
        self.tell(
            "textDocument/didOpen",
            &json!({"textDocument": {"uri": URI, "languageId": "tollgate", "version": 1, "text": text}}),
        );
        let told = self.receive();
        assert_eq!(
            (&told["method"], &told["params"]["uri"]),
            (&json!("textDocument/publishDiagnostics"), &json!(URI))
        );
        told["params"]["diagnostics"].as_array().unwrap().clone()
    }

    fn at(&mut self, method: &str, line: usize, character: usize) -> Value {
        let place = json!({"textDocument": {"uri": URI}, "position": {"line": line, "character": character}});
        self.ask(method, &place)["result"].clone()
    }

    fn labels(&mut self, line: usize, character: usize) -> Vec<String> {
        let found = self.at("textDocument/completion", line, character);
        found["items"].as_array().unwrap().iter().map(|i| i["label"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn an_editor_is_served() {
    let folder = folder("lsp");
    let mut session = Session::start(&folder);
    let early = session.ask("textDocument/hover", &json!({}));
    assert_eq!(early["error"]["code"], -32_002, "{early}");
    let ready = session.ask("initialize", &json!({"processId": null, "rootUri": null, "capabilities": {}}));
    assert_eq!(ready["result"]["capabilities"]["positionEncoding"], "utf-16", "{ready}");
    session.tell("initialized", &json!({}));

    let wrong =
        session.text("route r { when tokns > 4 models { \"smal\" } }\ndefault { models { \"small\" } }\n");
    let codes: Vec<_> = wrong.iter().map(|d| d["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["unknown-name", "unknown-model"]);
    assert_eq!(
        wrong[0]["range"],
        json!({"start": {"line": 0, "character": 15}, "end": {"line": 0, "character": 20}})
    );
    assert!(wrong[0]["message"].as_str().unwrap().contains("did you mean `tokens`"));
    // Governance is checked too, and places are counted in UTF-16 behind a wide letter.
    let governed = session.text(&format!("# 😀 \nrule far {{ regions [\"ap-*\"] }}\n{BEFORE}"));
    assert!(
        governed.iter().any(|d| d["code"] == "no-place" && d["range"]["start"]["line"] == 1),
        "{governed:?}"
    );

    let text = "signal hard = keyword any [\"prove\"]\nrole \"gold\" {\n  models [\"large\"]\n}\nroute r {\n  when hard and tokens > 4\n  models { \"large\" }\n}\ndefault { models { \"small\" } }\ntests {\n  \"a\" -> r\n}\n";
    session.text(text);
    let hover = session.at("textDocument/hover", 5, 8)["contents"]["value"].as_str().unwrap().to_owned();
    assert!(hover.contains("signal hard = keyword any [\"prove\"]"), "{hover}");
    assert!(session.at("textDocument/hover", 5, 18).to_string().contains("tokens"), "a fact");
    assert!(session.at("textDocument/hover", 6, 3).to_string().contains("candidate models"), "a statement");
    assert_eq!(session.at("textDocument/hover", 3, 1), Value::Null);
    assert_eq!(
        session.at("textDocument/definition", 5, 8)["range"]["start"],
        json!({"line": 0, "character": 0})
    );
    assert_eq!(session.at("textDocument/definition", 10, 9)["range"]["start"]["line"], 4, "a test's route");
    assert!(session.labels(0, 0).contains(&"route".to_owned()), "declarations");
    assert!(session.labels(5, 2).contains(&"pool".to_owned()), "statements");
    let names = session.labels(5, 12);
    assert!(names.contains(&"hard".to_owned()) && names.contains(&"language".to_owned()), "{names:?}");
    assert_eq!(session.labels(6, 12), ["large", "small"], "models of the configuration");
    assert_eq!(session.labels(10, 9), ["r", "default"]);
    let symbols = session.ask("textDocument/documentSymbol", &json!({"textDocument": {"uri": URI}}));
    assert_eq!(symbols["result"].as_array().unwrap().len(), 5, "{symbols}");

    let change = json!({"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"text": BEFORE}]});
    session.tell("textDocument/didChange", &change);
    assert_eq!(session.receive()["params"]["diagnostics"], json!([]));
    let format = json!({"textDocument": {"uri": URI}, "options": {"tabSize": 2, "insertSpaces": true}});
    let edits = session.ask("textDocument/formatting", &format)["result"].clone();
    assert!(edits[0]["newText"].as_str().unwrap().contains("route hard_one {\n  when hard\n"), "{edits}");
    session.text(edits[0]["newText"].as_str().unwrap());
    assert_eq!(session.ask("textDocument/formatting", &format)["result"], json!([]), "laid out already");
    session.text("route {");
    assert!(session.ask("textDocument/formatting", &format)["error"]["message"].is_string());

    assert_eq!(session.ask("textDocument/rename", &json!({}))["error"]["code"], -32_601);
    session.send("{");
    assert_eq!(session.receive()["error"]["code"], -32_700);
    let large = "# long\n".repeat(200_000);
    session.tell("textDocument/didOpen", &json!({"textDocument": {"uri": "file:///large", "text": large}}));
    assert_eq!(session.receive()["method"], "window/showMessage");
    session.tell("textDocument/didClose", &json!({"textDocument": {"uri": URI}}));
    assert_eq!(session.receive()["params"]["diagnostics"], json!([]));
    assert_eq!(session.ask("shutdown", &Value::Null)["result"], Value::Null);
    session.tell("exit", &Value::Null);
    assert_eq!(session.child.wait().unwrap().code(), Some(0));

    let mut hasty = Session::start(&folder);
    hasty.tell("exit", &Value::Null);
    assert_eq!(hasty.child.wait().unwrap().code(), Some(1), "an end without shutdown is an error");
}
