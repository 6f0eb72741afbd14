//! Changing a running gateway: by file, by signal's way, by API; what is wrong changes nothing and is named.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

mod common;

use common::raw::{LAST_CHUNK, STREAM_HEAD, Scripted, Step, chunk, delta};
use common::shapes::{Client, events};
use common::{Folder, World, sims};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tollgate_gateway::config;
use tollgate_gateway::serve::{Options, ServeError, Serving};

const CONFIG: &str = r#"policy: p.tollgate
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: one}, {name: two}]
pools:
  - name: only
    instances: [{name: a, provider: sim, url: "http://{0}", models: {one: one, two: two}}]
"#;

fn policy(model: &str) -> String {
    format!("policy \"t\"\ndefault {{ models {{ \"{model}\" }} }}\ntests {{ \"hi\" -> default }}\n")
}

/// A gateway that was started with files: `c.yaml` and `p.tollgate` in `folder`.
async fn world(folder: &Folder) -> (World, String) {
    let (sims, addresses) = sims(1).await;
    let text = CONFIG.replace("{0}", &addresses[0]);
    folder.write("p.tollgate", &policy("one"));
    let config = folder.write("c.yaml", &text);
    (World::launch(sims, Options { config: Some(config), ..Options::default() }).await, text)
}

async fn model(world: &World) -> String {
    let got = world.post("/v1/chat/completions", &Client::Chat.ask("auto", "hi", false)).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    got.header("x-tollgate-model").to_owned()
}

async fn refused(world: &World) -> String {
    let got = world.send(Method::POST, "/api/v1/reload", &[], "").await;
    assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", got.text());
    got.json()["problems"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn files_that_change_are_taken_over() {
    let folder = Folder::new();
    let (world, text) = world(&folder).await;
    assert_eq!(model(&world).await, "one");
    folder.write("p.tollgate", &policy("two"));
    world.until("the policy", async || model(&world).await == "two").await;
    folder.write("c.yaml", &text.replace("{name: two}", "{name: two, aliases: [deux]}"));
    let ask = Client::Chat.ask("deux", "hi", false);
    world
        .until("the alias", async || world.post("/v1/chat/completions", &ask).await.status == StatusCode::OK)
        .await;
    world.stop().await;
}

#[tokio::test]
async fn instances_that_hang_in_their_probes_delay_no_reload() {
    // One after the other they would hang for longer than anybody waits here.
    const HANGING: usize = 20;
    let folder = Folder::new();
    let upstream = Scripted::start(vec![Step::Hold]).await;
    let one = |i: usize| {
        format!(
            "\n      - {{name: i{i}, provider: sim, url: \"http://{}\", models: {{one: one, two: two}}}}",
            upstream.addr
        )
    };
    let instances: String = (0..HANGING).map(one).collect();
    let (head, _) = CONFIG.split_once("    instances:").unwrap();
    folder.write("p.tollgate", &policy("one"));
    let config =
        folder.write("c.yaml", &format!("{head}    instances:{instances}\ntimeouts: {{probe_ms: 100}}\n"));
    let world = World::launch(Vec::new(), Options { config: Some(config), ..Options::default() }).await;
    let down = async || world.instance("i0").await["standing"] == "down";
    world.until("probes have failed", down).await;
    folder.write("p.tollgate", &policy("two"));
    world.until("the policy", async || world.get("/api/v1/policy").await.text() == policy("two")).await;
    world.stop().await;
}

#[tokio::test]
async fn a_reload_on_demand_is_in_force_at_once() {
    let folder = Folder::new();
    let (world, _) = world(&folder).await;
    folder.write("p.tollgate", &policy("two"));
    world.gateway.reload().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(model(&world).await, "two");
    folder.write("p.tollgate", &policy("one"));
    let got = world.send(Method::POST, "/api/v1/reload", &[], "").await;
    assert_eq!((got.status, &got.json()["reloaded"]), (StatusCode::OK, &json!(true)));
    assert_eq!(model(&world).await, "one");
    world.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_named_with_its_place_and_the_last_good_state_stays() {
    let folder = Folder::new();
    let (world, text) = world(&folder).await;
    // The file as changed, and what the refusal must name: place, field, value, fix.
    let configs = [
        (text.replace("provider: sim,", "provider: smi,"), vec!["c.yaml:6:", "provider", "smi", "sim"]),
        (text.replace("kind: tollgate_sim", "kind: nope"), vec!["c.yaml:2:", "kind", "nope"]),
        (format!("{text}limits: {{json_depth: 5}}\n"), vec!["limits.json_depth", "5", "8 to 128"]),
        (format!("{text}timeouts: {{idle_mss: 5}}\n"), vec!["c.yaml:7:", "idle_mss"]),
        (format!("{text}listen: [\n"), vec!["c.yaml:"]),
        (text.replace("p.tollgate", "gone.tollgate"), vec!["gone.tollgate"]),
        (text.replace("models: [{name: one}", "models: [{name: uno}"), vec!["c.yaml", "one"]),
    ];
    for (bad, words) in configs {
        folder.write("c.yaml", &bad);
        let said = refused(&world).await;
        for word in words {
            assert!(said.contains(word), "{word} in {said}");
        }
        assert_eq!(model(&world).await, "one");
    }
    folder.write("c.yaml", &text);
    let policies = [
        (policy("three"), vec!["p.tollgate", "2:", "three"]),
        ("policy \"t\"\ndefault { modles { \"one\" } }\n".to_owned(), vec!["2:", "modles", "models"]),
        (policy("two").replace("-> default", "-> elsewhere"), vec!["elsewhere"]),
        (
            "policy \"t\"\nroute r { when tokens > 1_000 models { \"two\" } }\ndefault { models { \"two\" } }\ntests { \"hi\" -> r }\n".to_owned(),
            vec!["line 4", "expected r", "default"],
        ),
    ];
    for (bad, words) in policies {
        folder.write("p.tollgate", &bad);
        let said = refused(&world).await;
        for word in words {
            assert!(said.contains(word), "{word} in {said}");
        }
        assert_eq!(model(&world).await, "one");
        let put = world.send(Method::PUT, "/api/v1/policy", &[], bad).await;
        assert_eq!(put.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", put.text());
        assert_eq!(model(&world).await, "one");
    }
    let metrics = world.get("/metrics").await.text();
    let line = metrics.lines().find(|l| l.starts_with("tollgate_reloads_refused_total")).unwrap();
    assert!(line.rsplit(' ').next().unwrap().parse::<u64>().unwrap() >= 15, "{line}");
    world.stop().await;
}

#[tokio::test]
async fn a_policy_is_put_checked_and_read_back() {
    let folder = Folder::new();
    let (world, _) = world(&folder).await;
    let checked = world.send(Method::POST, "/api/v1/policy/check", &[], policy("two")).await;
    assert_eq!((&checked.json()["ok"], checked.status), (&json!(true), StatusCode::OK));
    assert_eq!(model(&world).await, "one", "checking changes nothing");
    let put = world.send(Method::PUT, "/api/v1/policy", &[], policy("two")).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text());
    assert_eq!(model(&world).await, "two");
    assert_eq!(world.get("/api/v1/policy").await.text(), policy("two"));
    let binary = world.send(Method::PUT, "/api/v1/policy", &[], &b"policy \xff"[..]).await;
    assert_eq!(binary.status, StatusCode::BAD_REQUEST);
    let deep = format!("policy \"t\"\nroute r {{ when {} tokens > 1 }}", "not (".repeat(5000));
    let deep = world.send(Method::PUT, "/api/v1/policy", &[], deep).await;
    assert_eq!(deep.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(model(&world).await, "two");
    world.stop().await;
}

#[tokio::test]
async fn a_policy_that_is_in_no_file_says_so_and_a_reload_says_that_it_is_gone() {
    let folder = Folder::new();
    let (world, _) = world(&folder).await;
    let put = world.send(Method::PUT, "/api/v1/policy", &[], policy("two")).await.json();
    assert_eq!((&put["ok"], &put["written"]), (&json!(true), &json!(false)), "{put}");
    let note = put["note"].as_str().unwrap();
    assert!(note.contains("next reload") && note.contains("p.tollgate"), "{note}");
    let reloaded = world.send(Method::POST, "/api/v1/reload", &[], "").await.json();
    let warnings = reloaded["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|w| w.as_str().unwrap().contains("PUT /api/v1/policy")), "{reloaded}");
    assert_eq!(model(&world).await, "one");
    let again = world.send(Method::POST, "/api/v1/reload", &[], "").await.json();
    assert_eq!(again["warnings"], json!([]), "{again}");
    world.stop().await;
}

#[tokio::test]
async fn what_only_a_start_reads_is_not_passed_over_in_silence() {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let upstream = CONFIG.replace("{0}", &addresses[0]);
    folder.write("p.tollgate", &policy("one"));
    let config = folder.write("c.yaml", &format!("listen: 127.0.0.1:0\nworkers: 1\n{upstream}"));
    let options = Options { config: Some(config), data: Some("memory".into()), ..Options::default() };
    let gateway = Serving::start(options).await.unwrap_or_else(|e| panic!("{e}"));
    let world = World { gateway, sims, client: tollgate_net::client::Client::default(), admin: None };
    let changed = "listen: 127.0.0.1:8099\nworkers: 3\ndata: elsewhere\nlimits: {connections: 9, headers: 60, in_flight: 8}\n\
        retry: {budget_percent: 7, attempts: 2}\nlog: {level: warn, decisions: 5, content: true}\n\
        otlp: {endpoint: \"http://127.0.0.1:4318\"}\n";
    folder.write("c.yaml", &format!("{changed}{upstream}"));
    let expected = [
        "`listen: 127.0.0.1:8099` is ignored, 127.0.0.1:0 stays in force: restart to change it",
        "`workers: 3` is ignored, 1 stays in force: restart to change it",
        "`limits.connections: 9` is ignored, 20000 stays in force: restart to change it",
        "`limits.headers: 60` is ignored, 100 stays in force: restart to change it",
        "`retry.budget_percent: 7` is ignored, 20 stays in force: restart to change it",
        "`log.level: warn` is ignored, info stays in force: restart to change it",
        "`log.decisions: 5` is ignored, 100000 stays in force: restart to change it",
        "`otlp.endpoint: http://127.0.0.1:4318` is ignored, none stays in force: restart to change it",
    ];
    // As long as the file differs, not only once; `data` was the command line's.
    for _ in 0..2 {
        let reloaded = world.send(Method::POST, "/api/v1/reload", &[], "").await.json();
        assert_eq!(reloaded["warnings"], json!(expected), "{reloaded}");
    }
    let limits = &world.gateway.shared().snapshot.load().settings.limits;
    assert_eq!((limits.in_flight, limits.connections), (8, 20_000), "what can change did");
    world.stop().await;
}

#[tokio::test]
async fn the_caller_is_told_what_the_route_changes_whoever_named_the_model() {
    let folder = Folder::new();
    let (world, _) = world(&folder).await;
    let told = async |model: &str| {
        let got = world.post("/v1/chat/completions", &Client::Chat.ask(model, "hi", false)).await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text());
        got.headers.get("x-tollgate-edits").map(|told| told.to_str().unwrap().to_owned())
    };
    assert_eq!(told("two").await, None);
    let edits = "param cap max_tokens 7 header set \"x-team\" \"gold\" system append \"Be brief.\"";
    let edited = policy("one").replace("models { \"one\" }", &format!("models {{ \"one\" }} {edits}"));
    let put = world.send(Method::PUT, "/api/v1/policy", &[], edited).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text());
    let lines = "system prompt: 9 bytes appended; parameter max_tokens: at most 7; header x-team: set";
    for model in ["auto", "two"] {
        assert_eq!(told(model).await.as_deref(), Some(lines), "{model}");
        let (sent, headers) = world.sent(0).await;
        assert_eq!(
            (&sent["model"], &sent["max_tokens"], &sent["messages"][0]),
            (
                &json!(model.replace("auto", "one")),
                &json!(7),
                &json!({"role": "system", "content": "Be brief."})
            )
        );
        assert_eq!(sent["messages"][1], json!({"role": "user", "content": "hi"}), "the rest is the caller's");
        assert!(headers.contains(&json!(["x-team", "gold"])), "{headers:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn running_streams_and_their_load_survive_a_reload() {
    let folder = Folder::new();
    let (world, text) = world(&folder).await;
    let ask = Client::Chat.ask("auto", "hi", true);
    // The second half of the answer comes only after the reloads.
    let (_, head, mut flow) =
        world.open("/v1/chat/completions", &[("x-sim-fault", "stall=4:700")], &ask).await;
    let first = flow.read_until("content").await;
    folder.write("p.tollgate", &policy("two"));
    world.gateway.reload().unwrap();
    folder.write("c.yaml", &text.replace("name: only", "name: renamed"));
    world.gateway.reload().unwrap();
    assert_eq!(model(&world).await, "two");
    let (rest, whole) = flow.rest().await;
    assert!(whole && Client::Chat.ended(&format!("{first}{rest}")), "{first}{rest}");
    world.settled().await;
    let row = world.decision(&head).await;
    assert_eq!(
        (&row["model"], &row["pool"], &row["fault"]),
        (&json!("one"), &json!("only"), &Value::Null),
        "{row}"
    );
    world.stop().await;
}

#[tokio::test]
async fn what_is_known_of_an_unchanged_pool_survives_a_reload() {
    let folder = Folder::new();
    let (world, _) = world(&folder).await;
    world.fault(0, &json!({"fault": "status=429:60", "count": 1})).await;
    let got = world.post("/v1/chat/completions", &Client::Chat.ask("auto", "hi", false)).await;
    assert_eq!(got.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(world.instance("a").await["standing"], "cooling");
    folder.write("p.tollgate", &policy("two"));
    world.gateway.reload().unwrap();
    assert_eq!(world.instance("a").await["standing"], "cooling", "a reload is no amnesty");
    world.stop().await;
}

#[tokio::test]
async fn budgets_that_grow_are_in_force_after_a_reload_and_keep_what_was_used() {
    let folder = Folder::new();
    let (world, text) = world(&folder).await;
    let ask = Client::Chat.ask("auto", "hi", false);
    let status = async || world.post("/v1/chat/completions", &ask).await.status.as_u16();
    let limit =
        |n: u32| format!("{text}budgets: [{{name: b, scope: global, window: total, requests: {n}}}]\n");
    for (most, statuses) in [(2, [200, 200, 429]), (4, [200, 200, 429]), (3, [429, 429, 429])] {
        folder.write("c.yaml", &limit(most));
        world.gateway.reload().unwrap();
        assert_eq!([status().await, status().await, status().await], statuses, "{most}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_shutdown_waits_for_running_streams() {
    let script = |pause: Vec<Step>| {
        let mut steps = vec![Step::Say(STREAM_HEAD.into()), Step::Say(chunk(&delta("first ")))];
        steps.extend(pause);
        steps.extend([
            Step::Say(chunk(&delta("last"))),
            Step::Say(chunk("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")),
            Step::Say(LAST_CHUNK.into()),
        ]);
        steps
    };
    let go = std::sync::Arc::new(tokio::sync::Notify::new());
    let upstream = Scripted::start(script(vec![Step::Await(go.clone())])).await;
    let folder = Folder::new();
    folder.write("p.tollgate", &policy("one"));
    // A probe would run the script too, and hear the word that is meant for the stream.
    let text =
        format!("{}timeouts: {{probe_ms: 600000}}\n", CONFIG.replace("{0}", &upstream.addr.to_string()));
    let config = folder.write("c.yaml", &text);
    let world = World::launch(Vec::new(), Options { config: Some(config), ..Options::default() }).await;
    let addr = world.gateway.addr();
    let (_, _, mut flow) =
        world.open("/v1/chat/completions", &[], &Client::Chat.ask("auto", "hi", true)).await;
    let first = flow.read_until("first").await;
    let mut stopping = Box::pin(world.gateway.shutdown());
    let refused = async {
        // New connections are refused while the old stream goes on.
        while tokio::net::TcpStream::connect(addr).await.is_ok() {}
    };
    tokio::select! {
        _ = &mut stopping => panic!("it did not wait"),
        () = refused => {}
    }
    go.notify_one();
    let read = async { flow.rest().await };
    let (stopped, (rest, whole)) = tokio::join!(stopping, read);
    let stopped = stopped.unwrap();
    assert!(whole && Client::Chat.ended(&format!("{first}{rest}")), "{first}{rest}");
    assert_eq!(stopped.records_dropped, 0);
    assert_eq!(events(&format!("{first}{rest}")).len(), 4);
}

#[tokio::test]
async fn a_public_address_without_keys_is_refused_unless_forced() {
    let start = async |text: &str, force_open: bool| {
        let settings = config::read(text, "tollgate.yaml".as_ref()).unwrap();
        let listen = Some(([0, 0, 0, 0], 0).into());
        let data = Some("memory".into());
        let options = Options {
            settings: Some(settings),
            listen,
            data,
            workers: Some(1),
            force_open,
            ..Options::default()
        };
        Serving::start(options).await
    };
    let text = "providers: [{name: p, kind: ollama}]\nmodels: [{name: sim-small, provider: p}, {name: sim-medium, provider: p}, {name: sim-large, provider: p}]\npools: [{name: short, instances: [{name: s, provider: p, models: {sim-small: a}}]}, {name: long, instances: [{name: l, provider: p, models: {sim-small: a}}]}]\n";
    match start(text, false).await {
        Err(ServeError::Public(why)) => {
            assert!(
                why.contains("0.0.0.0") && why.contains("auth: {mode: keys}") && why.contains("--force-open"),
                "{why}"
            );
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it serves"),
    }
    for (text, force) in [(text.to_owned(), true), (format!("{text}auth: {{mode: keys}}\n"), false)] {
        let running = start(&text, force).await.unwrap_or_else(|e| panic!("{e}"));
        running.shutdown().await.unwrap();
    }
}
