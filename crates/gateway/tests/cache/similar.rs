//! Questions that ask the same in other words, over a tiny random model.

use crate::common::shapes::Client;
use crate::common::{Folder, World, sims};
use crate::{cache, count, key, launch, send};
use serde_json::{Value, json};
use tollgate_encode::{Options, load};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../encode/tests/data/tiny-bert");

async fn world(cache: &str) -> World {
    let (sims, addresses) = sims(1).await;
    let more = format!("encoder: {{folder: '{FOLDER}', model: tiny}}\ncache: {cache}");
    launch(sims, &addresses, &more, &Folder::new(), None).await
}

fn ask(system: &str, question: &str) -> Value {
    json!({"model": "m", "messages": [
        {"role": "system", "content": system}, {"role": "user", "content": question}]})
}

/// The vectors of a random model are near each other whatever is said, so that the words decide here.
fn near(a: &str, b: &str) -> f32 {
    let encoder = load(FOLDER.as_ref(), &Options::default()).unwrap();
    encoder.embed(a).iter().zip(encoder.embed(b)).map(|(a, b)| a * b).sum()
}

#[tokio::test]
async fn the_same_in_other_words_hits_in_the_same_context_only() {
    let world = world("{similar: 0.8}").await;
    let (ada, bob) = (key(&world, "ada").await, key(&world, "bob").await);
    let (asked, same) = ("How do I reset my password?", "how can i reset the password");
    let opposite = "How do I forget my password?";
    assert!(near(asked, same) >= 0.8 && near(asked, opposite) >= 0.8);
    assert_eq!(cache(&send(&world, &ada, Client::Chat, &ask("Be kind.", asked)).await), "miss");
    // It is kept beside the threads that serve.
    world.until("the answer is kept", async || world.get("/v1/cache").await.json()["answers"] == 1).await;
    let got = send(&world, &ada, Client::Chat, &ask("Be kind.", same)).await;
    assert!(cache(&got).starts_with("hit; similar=0."), "{}", cache(&got));
    assert_eq!(count(&world).await, 1);
    let record = world.decision(&got.headers).await;
    assert!(record["decision"]["cache"]["cosine"].as_f64().unwrap() >= 0.8, "{record}");
    for (who, body) in [
        (&bob, ask("Be kind.", same)),
        (&ada, ask("Be rude.", same)),
        (&ada, ask("Be kind.", opposite)),
        (&ada, json!({"model": "m", "temperature": 0.5, "messages": ask("Be kind.", same)["messages"]})),
    ] {
        let got = send(&world, who, Client::Chat, &body).await;
        assert_eq!(cache(&got), "miss", "{body}");
    }
}

#[tokio::test]
async fn a_category_has_a_threshold_and_a_time_of_its_own() {
    let categories = "[{domain: math, similar: 1.5}, {domain: law, ttl_s: 0}]";
    let world = world(&format!("{{similar: 0.8, categories: {categories}}}")).await;
    let ada = key(&world, "ada").await;
    let (sum, same) = ("What is the integral of the polynomial?", "what's the integral of the polynomial");
    let law = "Is the contract void under tort law without consideration by the court?";
    assert_eq!((subject(sum), subject(same), subject(law)), ("math", "math", "law"));
    for (body, told) in [(sum, "miss"), (same, "miss"), (law, "miss"), (law, "miss")] {
        assert_eq!(cache(&send(&world, &ada, Client::Chat, &ask("", body)).await), told, "{body}");
    }
    assert!(cache(&send(&world, &ada, Client::Chat, &ask("", sum)).await).starts_with("hit; "));
}

fn subject(text: &str) -> &'static str {
    tollgate_signals::content::subject(text)
}
