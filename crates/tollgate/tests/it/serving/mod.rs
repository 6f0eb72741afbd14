//! A gateway from start to stop: the working default, reload, drain, and starts that are refused.

mod idle;

use crate::tool::{Folder, Server, header};
use std::io::{Read, Write};
use std::process::Command;

#[test]
fn the_default_answers_records_and_replays() {
    let folder = Folder::new("default");
    let server = Server::start(&folder, &[]);
    let address = &server.address;
    for line in [
        format!("tollgate {}: 4 models in 2 pools", env!("CARGO_PKG_VERSION")),
        format!("  console   http://{address}/console"),
        format!("  API       http://{address}/v1"),
        "  policy    shipped".into(),
    ] {
        assert!(server.greeting.lines().any(|shown| shown == line), "{line}: {}", server.greeting);
    }
    let console = server.ask("GET", "/console", "", "");
    assert!(console.starts_with("HTTP/1.1 200") && console.contains("<main"), "{console}");
    let answer = server.chat("", "Prove step by step that this function terminates");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(header(&answer, "x-tollgate-decision"), Some("hard_question"));
    assert_eq!(header(&answer, "x-tollgate-model"), Some("sim-large"));
    let id = header(&answer, "x-tollgate-request-id").unwrap().to_owned();
    assert!(server.ask("GET", "/healthz", "", "").starts_with("HTTP/1.1 200"));
    server.signal("TERM");
    let (status, err) = server.end();
    assert_eq!(status.code(), Some(0), "{err}");

    let listed = folder.run(&["decisions", "list", "--json"]);
    let page: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(
        (&page["rows"][0]["id"], &page["rows"][0]["route"]),
        (&id.as_str().into(), &"hard_question".into())
    );
    let shown = folder.run(&["decisions", "show", &id]);
    assert!(
        shown.code == 0 && shown.out.contains("phases_ns:") && !shown.out.contains("Prove step"),
        "{}",
        shown.out
    );
    let replayed = folder.run(&["decisions", "replay", &id]);
    assert!(
        replayed.code == 0 && replayed.out.contains("the same as recorded"),
        "{}{}",
        replayed.out,
        replayed.err
    );
    assert_eq!(folder.run(&["decisions", "show", "req_none"]).code, 1);
    // Another policy text is not the one of the record.
    folder.write("other.tollgate", "default { models { \"a\" } }");
    let other = folder.run(&["decisions", "replay", &id, "--policy", "other.tollgate"]);
    assert!(other.code == 2 && other.err.contains("--policy"), "{}", other.err);
}

/// What a newcomer pastes first, as it was printed.
#[test]
fn the_printed_curl_gets_an_answer() {
    if !Command::new("curl").arg("--version").output().is_ok_and(|ran| ran.status.success()) {
        let _ = std::io::stderr().write_all(b"SKIPPED: there is no curl\n");
        return;
    }
    let folder = Folder::new("pasted");
    let server = Server::start(&folder, &["--data", "memory"]);
    let command = server.greeting.lines().find(|line| line.starts_with("curl ")).unwrap();
    let ran = Command::new("sh").args(["-c", command]).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{command}: {err}");
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(
        answer["choices"][0]["message"]["content"].as_str().is_some_and(|text| !text.is_empty()),
        "{out}"
    );
    assert_eq!(answer["choices"][0]["finish_reason"], "stop", "{out}");
}

#[test]
fn the_first_signal_waits_for_open_answers_and_the_second_ends_at_once() {
    for name in ["TERM", "INT"] {
        let folder = Folder::new(&format!("twice-{name}"));
        let mut server = Server::start(&folder, &["--data", "memory"]);
        let body =
            r#"{"model":"sim-small","stream":true,"messages":[{"role":"user","content":"tell me more"}]}"#;
        let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
        let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-sim-fault: stall=2:600000\r\n";
        stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains("\"content\"") {
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece).unwrap();
            assert!(read > 0, "it ended: {}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&piece[..read]);
        }
        server.signal(name);
        server.hear("open answers finish first");
        server.signal(name);
        let (status, err) = server.end();
        assert!(err.contains("ended at once"), "{name}: {err}");
        assert_eq!(status.code(), Some(1), "{name}: {err}");
    }
}

#[test]
fn a_policy_is_reloaded_and_a_bad_one_is_not() {
    let folder = Folder::new("reload");
    let policy = |model: &str| format!("default {{ models {{ \"{model}\" }} }}\n");
    folder.write("p.tollgate", &policy("sim-small"));
    let mut server = Server::start(&folder, &["--data", "memory", "--policy", "p.tollgate"]);
    let model = |server: &Server| header(&server.chat("", "hi"), "x-tollgate-model").map(str::to_owned);
    assert_eq!(model(&server).as_deref(), Some("sim-small"));
    folder.write("p.tollgate", &policy("sim-large"));
    server.signal("HUP");
    server.hear("reloaded");
    assert_eq!(model(&server).as_deref(), Some("sim-large"));
    folder.write("p.tollgate", &policy("no-such-model"));
    server.signal("HUP");
    server.hear("no-such-model");
    assert_eq!(model(&server).as_deref(), Some("sim-large"), "the last good one stays");
}

#[test]
fn what_must_not_start_is_refused_with_a_reason() {
    let folder = Folder::new("refused");
    let public = folder.run(&["serve", "--listen", "0.0.0.0:0", "--data", "memory"]);
    assert!(public.code == 1 && public.err.contains("--force-open"), "{}", public.err);
    folder.write("bad.yaml", "listen: 127.0.0.1:0\nmodels: [{name: a, provider: nowhere}]\n");
    let bad = folder.run(&["serve", "bad.yaml"]);
    assert!(bad.code == 2 && bad.err.contains("bad.yaml:2:") && bad.err.contains("nowhere"), "{}", bad.err);
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    folder.write("taken.yaml", &format!("listen: {}\ndata: memory\n", held.local_addr().unwrap()));
    let taken = folder.run(&["serve", "taken.yaml"]);
    assert!(taken.code == 1 && taken.err.contains("is taken"), "{}", taken.err);
    // The gateway's own listeners share their port: a second gateway must not join them, with or without a file.
    let running = Server::start(&folder, &["--data", "memory"]);
    let joined = folder.run(&["serve", "--listen", &running.address, "--data", "memory"]);
    assert!(joined.code == 1 && joined.err.contains("is taken"), "{}{}", joined.out, joined.err);
    assert_eq!(folder.run(&["serve", "missing.yaml"]).code, 2);
}

#[test]
fn one_gateway_runs_on_a_data_folder_and_commands_run_beside_it() {
    let folder = Folder::new("claimed");
    let first = Server::start(&folder, &["--data", "kept"]);
    folder.write("second.yaml", "listen: 127.0.0.1:0\ndata: kept\n");
    for words in [&["serve", "second.yaml"][..], &["serve", "--listen", "127.0.0.1:0", "--data", "kept"]] {
        let second = folder.run(words);
        let named = second.err.contains("data folder") && second.err.contains("kept");
        assert!(second.code == 1 && named && second.err.contains("--data"), "{}{}", second.out, second.err);
    }
    assert!(first.chat("", "hi").starts_with("HTTP/1.1 200"), "the first one goes on");
    for words in [&["decisions", "list"][..], &["key", "create", "app"], &["key", "list"]] {
        let ran = folder.run(&[words, &["--data", "kept"]].concat());
        assert_eq!(ran.code, 0, "{words:?}: {}", ran.err);
    }
    // The claim ends with the process, also when that is killed.
    first.signal("KILL");
    first.end();
    let next = Server::start(&folder, &["--data", "kept"]);
    next.signal("TERM");
    assert_eq!(next.end().0.code(), Some(0));
    Server::start(&folder, &["--data", "kept"]);
}
