//! Embeddings of an encoder inside the gateway, over a tiny random model.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[path = "../common/mod.rs"]
mod common;

use common::World;
use http::Method;
use serde_json::json;
use tollgate_encode::{Options, load};
use tollgate_gateway::config::{self, DEFAULT_INSTANCES};
use tollgate_gateway::serve;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../encode/tests/data/tiny-bert");

/// The embedded default with an encoder.
async fn world(exact: bool) -> World {
    let mut sims = Vec::new();
    for name in DEFAULT_INSTANCES {
        sims.push(common::sim(name).await);
    }
    let addresses: Vec<_> = sims.iter().map(tollgate_sim::Running::addr).collect();
    let mut settings = config::default_settings(&addresses, "tollgate.yaml".as_ref()).unwrap();
    let text = format!("encoder: {{folder: '{FOLDER}', model: tiny, exact: {exact}, deadline_ms: 60000}}\n");
    settings.encoder = config::read(&text, "tollgate.yaml".as_ref()).unwrap().encoder;
    World::launch(sims, serve::Options { settings: Some(settings), ..serve::Options::default() }).await
}

/// Requests that went upstream.
async fn sent(world: &World) -> usize {
    let journal = world.journal(0).await;
    journal["requests"]
        .as_array()
        .map_or(0, |requests| requests.iter().filter(|r| r.to_string().contains("embeddings")).count())
}

#[tokio::test]
async fn embeddings_come_from_the_process_itself() {
    let world = world(false).await;
    let texts = ["the cat sat", "a route"];
    let got = world.post("/v1/embeddings", &json!({"model": "tiny", "input": texts})).await;
    assert_eq!((got.status.as_u16(), got.header("x-tollgate-model")), (200, "tiny"), "{}", got.text());
    let answer = got.json();
    let encoder = load(FOLDER.as_ref(), &Options::default()).unwrap();
    for (index, text) in texts.iter().enumerate() {
        let row = &answer["data"][index];
        assert_eq!((row["object"].as_str(), row["index"].as_u64()), (Some("embedding"), Some(index as u64)));
        let vector: Vec<f32> = serde_json::from_value(row["embedding"].clone()).unwrap();
        assert_eq!(vector, encoder.embed(text));
    }
    let tokens: usize = texts.iter().map(|text| encoder.count_tokens(text)).sum();
    assert_eq!(answer["usage"], json!({"prompt_tokens": tokens, "total_tokens": tokens}));
    // Nothing went upstream, and the models that do are listed beside it.
    assert_eq!(sent(&world).await, 0);
    let names = world.get("/v1/models").await.text();
    assert!(names.contains("\"tiny\"") && names.contains("\"sim-small\""), "{names}");
    assert_eq!(world.get("/v1/models/tiny").await.status.as_u16(), 200);
}

/// The encoder is governed like any model: roles, their models and classes of data are asked, and a route's fixed answer holds.
#[tokio::test]
async fn roles_and_classes_of_data_bind_the_encoder_too() {
    const POLICY: &str = r#"
role "reader" { models ["tin*"] regions ["mars"] }
role "writer" { models ["sim-small"] }
signal secret = keyword any ["passport"] scope sent
data papers { when secret models ["sim-small"] }
signal shut = keyword any ["forbidden"]
route closed { when shut answer 403 "not here" }
default { models { "sim-small" } }
"#;
    const CONFIG: &str = "policy: {policy}
auth: {mode: open, trusted_hops: [127.0.0.1]}
providers: [{name: p, kind: tollgate_sim}]
models: [{name: sim-small}]
pools: [{name: a, instances: [{name: a-1, provider: p, url: 'http://{0}', models: {sim-small: sim-small}}]}]
";
    let folder = common::Folder::new();
    let file = folder.write("p.tollgate", POLICY);
    let (sims, addresses) = common::sims(1).await;
    let text = format!("{CONFIG}encoder: {{folder: '{FOLDER}', model: tiny, deadline_ms: 60000}}\n");
    let settings = Some(common::settings(&text, &addresses, &file));
    let world = World::launch(sims, serve::Options { settings, ..serve::Options::default() }).await;
    let headers = |role| [("x-tollgate-caller", "someone"), ("x-tollgate-roles", role)];
    let ask = async |role, input: &str| {
        let body = json!({"model": "tiny", "input": input}).to_string();
        world.send(Method::POST, "/v1/embeddings", &headers(role), body).await
    };
    for (role, input, status, rule) in [
        ("reader", "hello", 200, ""),
        ("writer", "hello", 403, "role writer"),
        ("visitor", "hello", 403, "others"),
        ("reader", "my passport", 403, "data papers"),
        ("reader", "forbidden", 403, ""),
    ] {
        let got = ask(role, input).await;
        assert_eq!((got.status.as_u16(), got.header("x-tollgate-denied")), (status, rule), "{}", got.text());
        if rule.is_empty() {
            continue;
        }
        world.gateway.shared().store.flush().unwrap();
        let record = world.decision(&got.headers).await;
        assert_eq!(record["decision"]["denials"][0]["rule"], rule, "{record}");
        let (path, body) = ("/v1/route?dialect=openai_embeddings", json!({"model": "tiny", "input": input}));
        let told = world.send(Method::POST, path, &headers(role), body.to_string()).await.json();
        assert_eq!(
            (told["denials"][0]["rule"].as_str(), told["model"].as_str()),
            (Some(rule), None),
            "{told}"
        );
    }
    for (role, listed) in [("reader", true), ("writer", false), ("visitor", false)] {
        let list = world.send(Method::GET, "/v1/models", &headers(role), String::new()).await.text();
        let one = world.send(Method::GET, "/v1/models/tiny", &headers(role), String::new()).await;
        assert_eq!(
            (list.contains("\"tiny\""), one.status.as_u16() == 200),
            (listed, listed),
            "{role}: {list}"
        );
    }
    assert_eq!(sent(&world).await, 0);
    world.stop().await;
}

/// What the gateway makes itself costs no money, and is a request with tokens all the same.
#[tokio::test]
async fn embeddings_of_the_process_count_in_budgets() {
    const CONFIG: &str = "auth: {mode: keys}
providers: [{name: p, kind: tollgate_sim, base_url: 'http://127.0.0.1:1'}]
models: [{name: m, provider: p}]
budgets: [{name: two, scope: 'key:*', window: total, requests: 2, tokens: 100000}]
";
    let encoder = format!("encoder: {{folder: '{FOLDER}', model: tiny, deadline_ms: 60000}}\n");
    let settings = config::read(&format!("{CONFIG}{encoder}"), "tollgate.yaml".as_ref()).unwrap();
    let folder = common::Folder::new();
    let policy = folder.write("p.tollgate", "policy \"t\"\ndefault { models { \"m\" } }\n");
    let policy = Some(policy);
    let options = serve::Options { settings: Some(settings), policy, ..serve::Options::default() };
    let world = World::launch(Vec::new(), options).await;
    let (_, secret) = world.key(&json!({"name": "k"})).await;
    let bearer = format!("Bearer {secret}");
    let ask = async |input: serde_json::Value| {
        let body = json!({"model": "tiny", "input": input}).to_string();
        world.send(Method::POST, "/v1/embeddings", &[("authorization", &bearer)], body).await
    };
    let mut tokens = 0;
    // One that fails has been asked for too.
    for (input, status) in
        [(json!(["the cat sat", "a route"]), 200), (json!([1, 2]), 400), (json!("the cat"), 429)]
    {
        let got = ask(input).await;
        assert_eq!(got.status.as_u16(), status, "{}", got.text());
        tokens += if status == 200 { got.json()["usage"]["total_tokens"].as_u64().unwrap() } else { 0 };
    }
    world.settled().await;
    let budgets = world.get("/api/v1/budgets").await.json();
    let settled = |meter: &str| {
        let row = budgets["accounts"].as_array().unwrap().iter().find(|row| row["meter"] == meter).unwrap();
        (row["settled"].as_u64().unwrap(), row["reserved"].as_u64().unwrap())
    };
    assert_eq!((settled("requests"), settled("tokens")), ((2, 0), (tokens, 0)));
}

#[tokio::test]
async fn packed_vectors_hold_the_same_numbers() {
    let world = world(true).await;
    let ask = |format: &str| json!({"model": "tiny", "input": "on the model", "encoding_format": format});
    let plain = world.post("/v1/embeddings", &ask("float")).await.json();
    let packed = world.post("/v1/embeddings", &ask("base64")).await.json();
    let wanted: Vec<f32> = serde_json::from_value(plain["data"][0]["embedding"].clone()).unwrap();
    use base64::Engine as _;
    let text = packed["data"][0]["embedding"].as_str().unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    let found: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn what_the_encoder_cannot_do_is_refused_with_the_field() {
    let world = world(false).await;
    for (body, field) in [
        (json!({"model": "tiny", "input": []}), "input"),
        (json!({"model": "tiny", "input": [1, 2]}), "input"),
        (json!({"model": "tiny", "input": "a", "dimensions": 8}), "dimensions"),
        (json!({"model": "tiny", "input": "a", "encoding_format": "hex"}), "encoding_format"),
    ] {
        let got = world.post("/v1/embeddings", &body).await;
        assert_eq!(got.status.as_u16(), 400, "{body} {}", got.text());
        assert!(got.text().contains(field), "{body} {}", got.text());
    }
    // Another model's embeddings take the usual way.
    let got = world.post("/v1/embeddings", &json!({"model": "sim-small", "input": "a"})).await;
    assert!(got.text().contains("sim-small: lacks embeddings"), "{}", got.text());
    let got = world.send(Method::POST, "/v1/embeddings", &[], "{\"model\":\"tiny\"").await;
    assert_eq!(got.status.as_u16(), 400);
}

/// The signals that a text is told by, and which encoder serves them, if any.
async fn told(encoder: &str, text: &str) -> serde_json::Value {
    const POLICY: &str = "
signal attack = jailbreak threshold 0.9999
route hard tier 1 { when difficulty > 0.9999 or attack models { \"sim-small\" } }
default { models { \"sim-small\" } }
";
    const CONFIG: &str = "policy: {policy}
providers: [{name: p, kind: tollgate_sim}]
models: [{name: sim-small}]
pools: [{name: a, instances: [{name: a-1, provider: p, url: 'http://{0}', models: {sim-small: sim-small}}]}]
";
    let folder = common::Folder::new();
    let file = folder.write("p.tollgate", POLICY);
    let (sims, addresses) = common::sims(1).await;
    let settings = Some(common::settings(&format!("{CONFIG}{encoder}"), &addresses, &file));
    let world = World::launch(sims, serve::Options { settings, ..serve::Options::default() }).await;
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": text}]});
    let got = world.post("/v1/route", &body).await.json();
    let signals = got["signals"].as_array().unwrap().iter();
    let values = signals.map(|signal| json!([signal["name"], signal["value"], signal["confidence"]]));
    let values = values.collect::<Vec<_>>();
    world.stop().await;
    json!(values)
}

/// Heads read the vectors of the encoder that they learned from and of no other; with none, words decide.
#[tokio::test]
async fn learned_signals_read_vectors_of_their_own_encoder_only() {
    let text = "Prove that every bounded sequence of real numbers has a convergent subsequence.";
    let by_words = told("", text).await;
    assert!(by_words.as_array().is_some_and(|signals| signals.len() == 2), "{by_words}");
    let other = format!("encoder: {{folder: '{FOLDER}', model: tiny, signals_ms: 60000}}\n");
    assert_eq!(told(&other, text).await, by_words, "an encoder that no head learned from");
    let models = std::env::var_os("TOLLGATE_MODELS").map(std::path::PathBuf::from);
    let Some(folder) = models.map(|models| models.join("all-minilm-l6-v2")).filter(|folder| folder.is_dir())
    else {
        use std::io::Write as _;
        std::io::stderr().write_all(b"SKIPPED: no all-minilm-l6-v2 below TOLLGATE_MODELS\n").unwrap();
        return;
    };
    let own = format!("encoder: {{folder: '{}', signals_ms: 60000}}\n", folder.display());
    assert_ne!(told(&own, text).await, by_words);
}
