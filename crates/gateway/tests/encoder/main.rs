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
