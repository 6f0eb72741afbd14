//! Classifiers of one's own as signals: a folder, endpoints in every shape, a judge; and what happens when one does not answer.

#[path = "../common/mod.rs"]
mod common;

use common::models::model;
use common::raw::{Scripted, Step};
use common::{Folder, Got, World, settings, sims};
use http::Method;
use serde_json::json;
use tollgate_encode::{Inference, Labeller, Options as EncodeOptions, load_classifier, load_labeller};
use tollgate_gateway::serve::Options;

/// A gateway with one simulator, `{0}`, and these sources; its policy routes to `caught` where `signal` holds.
async fn world(sources: &str, signal: &str) -> World {
    let (sims, addresses) = sims(1).await;
    let text = format!(
        "policy: {{policy}}\nproviders: [{{name: sim, kind: tollgate_sim}}]\nmodels: [{{name: m}}]\npools:\n  \
         - name: only\n    instances: [{{name: a, provider: sim, url: \"http://{{0}}\", models: {{m: m}}}}]\n\
         signals:\n{sources}\n"
    );
    let folder = Folder::new();
    let policy = format!(
        "policy \"t\"\n{signal}\nroute caught {{ when caught models {{ \"m\" }} }}\ndefault {{ models {{ \"m\" }} }}\n"
    );
    let policy = folder.write("p.tollgate", &policy);
    let settings = settings(&text, &addresses, &policy);
    World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await
}

async fn say(world: &World, text: &str) -> Got {
    world
        .post(
            "/v1/chat/completions",
            &json!({"model": "auto", "messages": [{"role": "user", "content": text}]}),
        )
        .await
}

async fn route(world: &World, text: &str) -> String {
    let got = say(world, text).await;
    assert_eq!(got.status.as_u16(), 200, "{}", got.text());
    got.header("x-tollgate-decision").to_owned()
}

fn whole(body: &str) -> Vec<Step> {
    let length = body.len();
    vec![Step::Say(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    ))]
}

#[tokio::test]
async fn a_folder_says_what_it_says_alone() {
    let folder = model("bert-classifier");
    let classifier = load_classifier(folder.path(), &EncodeOptions::default()).unwrap();
    let text = "the cat sat on the mat";
    let shares = classifier.classify(text);
    let (at, share) = shares.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
    let label = &classifier.labels()[at];
    let source = format!("  - {{name: own, folder: '{}', timeout_ms: 60000}}", folder.path().display());
    for (threshold, wanted) in [(share - 0.01, "caught"), (share + 0.01, "default")] {
        let signal =
            format!("signal caught = classifier source \"own\" is [{label:?}] threshold {threshold}");
        let world = world(&source, &signal).await;
        let got = say(&world, text).await;
        assert_eq!(got.header("x-tollgate-decision"), wanted, "{label} {share} {threshold}");
        let record = world.decision(&got.headers).await;
        assert_eq!(record["decision"]["asked"][0]["source"], "own", "{record}");
        let replayed = world
            .send(
                Method::POST,
                &format!("/api/v1/decisions/{}/replay", got.header("x-tollgate-request-id")),
                &[],
                "",
            )
            .await;
        assert!(
            replayed.text().contains("\"same\":true") || replayed.status.as_u16() == 200,
            "{}",
            replayed.text()
        );
    }
}

#[tokio::test]
async fn a_folder_of_tokens_says_which_labels_a_text_has_anywhere() {
    let folder = model("bert-tokens");
    let Ok(Labeller::Tokens(classifier)) = load_labeller(folder.path(), &EncodeOptions::default()) else {
        panic!("no classifier of tokens")
    };
    // What the model reads at one time ends long before the last words.
    let text = format!("{}the route", "the cat sat on the model. ".repeat(30));
    let windows = tollgate_encode::Windows { tokens: 256, overlap: 32, most: usize::MAX };
    let pieces = classifier.pieces_in_windows(&text, windows);
    let source = format!("  - {{name: ner, folder: '{}', timeout_ms: 60000}}", folder.path().display());
    for (at, label) in classifier.labels().iter().enumerate() {
        let sure =
            pieces.iter().filter(|piece| piece.label == at).map(|piece| piece.sure).fold(0.0, f32::max);
        for (threshold, wanted) in [(sure - 0.01, sure > 0.0), (sure + 0.01, false)] {
            let threshold = threshold.clamp(0.0, 1.0);
            let signal =
                format!("signal caught = classifier source \"ner\" is [{label:?}] threshold {threshold}");
            let world = world(&source, &signal).await;
            assert_eq!(route(&world, &text).await == "caught", wanted, "{label} {sure} {threshold}");
        }
    }
}

#[tokio::test]
async fn a_folder_of_inference_is_asked_what_labels_say_of_a_text() {
    let folder = model("bert-pairs");
    let classifier = load_classifier(folder.path(), &EncodeOptions::default()).unwrap();
    let inference = Inference::of(classifier).unwrap();
    let (text, said) = ("the cat sat on the model", ["the cat sat", "on the route, 12"]);
    let lean = said.map(|said| inference.judge(text, said).lean()).into_iter().fold(0.0, f32::max);
    let labels = format!("labels: {{about: [{:?}, {:?}], other: ['er']}}", said[0], said[1]);
    let source =
        format!("  - {{name: zero, folder: '{}', timeout_ms: 60000, {labels}}}", folder.path().display());
    for (threshold, wanted) in [(lean - 0.01, "caught"), (lean + 0.01, "default")] {
        let signal =
            format!("signal caught = classifier source \"zero\" is [\"about\"] threshold {threshold}");
        assert_eq!(route(&world(&source, &signal).await, text).await, wanted, "{lean} {threshold}");
    }
}

#[tokio::test]
async fn evaluations_ask_classifiers_as_requests_do() {
    let folder = model("bert-classifier");
    let source = format!("  - {{name: own, folder: '{}', timeout_ms: 60000}}", folder.path().display());
    let rule = |threshold: f32, failing: &str| {
        format!(
            "signal caught = classifier source \"own\" is [\"yes\"] threshold {threshold} on_failure {failing}"
        )
    };
    for (threshold, wanted) in [(0.0, "caught"), (1.0, "default")] {
        // Not asked, it would fail, and match where it does not and not where it does.
        let failing = if wanted == "caught" { "no_match" } else { "match" };
        let world = world(&source, &rule(threshold, failing)).await;
        let text = json!({"text": "the cat sat on the mat"});
        let told = world.post("/api/v1/eval", &text).await.json();
        let name = if wanted == "caught" { "caught" } else { "" };
        assert_eq!(
            (&told["decision_result"]["decision_name"], &told["signal_errors"]),
            (&json!(name), &json!({}))
        );
        let told = world.post("/api/v1/classify/intent", &text).await.json();
        assert_eq!(
            (told["routing_decision"] == "caught", &told["signal_errors"]),
            (name == "caught", &json!({}))
        );
    }
}

#[tokio::test]
async fn nearness_to_examples_is_an_endpoint_away_and_a_text_is_asked_once() {
    let (sims, addresses) = sims(1).await;
    let source = format!(
        "  - {{name: intent, url: 'http://{}/v1', api: embeddings, model: e, price: '2', timeout_ms: 60000,\n     \
         labels: {{refund: ['I want my money back'], weather: ['Will it rain tomorrow?']}}}}",
        addresses[0]
    );
    let signal = "signal refund = classifier source \"intent\" is [\"refund\"] threshold 0.99\n\
        signal weather = classifier source \"intent\" is [\"weather\"] threshold 0.99\nflag caught = refund or weather";
    let world = world(&source, signal).await;
    assert_eq!(route(&world, "I want my money back").await, "caught");
    assert_eq!(route(&world, "An answer to something else entirely").await, "default");
    let client = tollgate_net::client::Client::default();
    let journal = client.get(&format!("http://{}/sim/requests", addresses[0])).await.unwrap();
    let journal: serde_json::Value = serde_json::from_slice(&journal.body).unwrap();
    // The examples of two labels, and each of two texts once although two signals ask.
    assert_eq!(journal["requests"].as_array().unwrap().iter().filter(|r| r["method"] == "POST").count(), 4);
    let told = world
        .post(
            "/v1/route",
            &json!({"model": "auto", "messages": [{"role": "user", "content": "Will it rain tomorrow?"}]}),
        )
        .await;
    let told = told.json();
    assert_eq!(told["route"], "caught", "{told}");
    assert!(
        told["asked"][0]["tokens"].as_u64().unwrap() > 0 && told["asked"][0]["ms"].as_f64().unwrap() > 0.0,
        "{told}"
    );
    let metrics = world.get("/metrics").await.text();
    assert!(
        metrics.contains("tollgate_signal_sources_total{source=\"intent\",outcome=\"answered\"} 3"),
        "{metrics}"
    );
    drop(sims);
}

#[tokio::test]
async fn a_judge_and_a_moderation_are_asked_in_their_own_shapes() {
    // The simulator repeats what it is asked: it names the label that stands in the text.
    let (_sims, addresses) = sims(1).await;
    let judge = format!(
        "  - {{name: judge, url: 'http://{}/v1', api: chat, model: j, prompt: 'Is it rude?', timeout_ms: 60000,\n     \
         labels: {{rude: [], polite: []}}}}",
        addresses[0]
    );
    let world = world(&judge, "signal caught = classifier source \"judge\" is [\"rude\"]").await;
    assert_eq!(route(&world, "that was rude of you").await, "caught");
    assert_eq!(route(&world, "that was polite of you").await, "default");
    let scores = json!({"results": [{"category_scores": {"violence": 0.875, "hate": 0.125}}]}).to_string();
    let upstream = Scripted::start(whole(&scores)).await;
    let source = format!("  - {{name: mod, url: 'http://{}/v1', timeout_ms: 60000}}", upstream.addr);
    for (label, wanted) in [("violence", "caught"), ("hate", "default")] {
        let world =
            self::world(&source, &format!("signal caught = classifier source \"mod\" is [{label:?}]")).await;
        assert_eq!(route(&world, "anything").await, wanted);
    }
}

#[tokio::test]
async fn one_that_fails_or_does_not_answer_is_unknown_and_the_policy_says_what_that_means() {
    let broken =
        Scripted::start(vec![Step::Say("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n".into())]).await;
    let silent = Scripted::start(vec![Step::Hold]).await;
    let odd = Scripted::start(whole("{\"results\":[]}")).await;
    for (upstream, why) in [(&broken, "answered 500"), (&silent, "within 50 ms"), (&odd, "category_scores")] {
        let source = format!("  - {{name: mod, url: 'http://{}/v1', timeout_ms: 50}}", upstream.addr);
        for (rule, wanted) in [("", "default"), ("on_failure match", "caught")] {
            let signal = format!("signal caught = classifier source \"mod\" is [\"x\"] {rule}");
            assert_eq!(route(&world(&source, &signal).await, "anything").await, wanted, "{why}");
        }
        let signal = "signal caught = classifier source \"mod\" is [\"x\"] on_failure reject";
        let world = world(&source, signal).await;
        let got = say(&world, "anything").await;
        assert_eq!(got.status.as_u16(), 403, "{}", got.text());
        assert!(got.text().contains("caught"), "{}", got.text());
        let metrics = world.get("/metrics").await.text();
        assert!(metrics.contains("source=\"mod\",outcome=\"failed\"} 1"), "{metrics}");
    }
}

/// One that guards says so, and then its failure refuses, of whatever kind it is: a folder that was given too much, a judge that names
/// no label, an endpoint that is not there.
#[tokio::test]
async fn a_guard_of_any_kind_that_fails_refuses() {
    let folder = model("bert-classifier");
    let vague =
        Scripted::start(whole(&json!({"choices": [{"message": {"content": "Hard to say"}}]}).to_string()))
            .await;
    let sources = [
        format!("  - {{name: guard, folder: '{}', timeout_ms: 60000}}", folder.path().display()),
        format!(
            "  - {{name: guard, url: 'http://{}/v1', api: chat, model: j, prompt: p, timeout_ms: 60000, labels: {{yes: [], no: []}}}}",
            vague.addr
        ),
        "  - {name: guard, url: 'http://127.0.0.1:9/v1', timeout_ms: 60000}".to_owned(),
    ];
    let long = "word ".repeat((256 << 10) / 5 + 10);
    for source in sources {
        let text = if source.contains("folder") { long.as_str() } else { "anything" };
        let signal =
            "signal caught = classifier source \"guard\" is [\"yes\"] threshold 0.99 on_failure reject";
        let world = world(&source, signal).await;
        let got = say(&world, text).await;
        assert_eq!(got.status.as_u16(), 403, "{source}: {}", got.text());
        assert!(
            got.text().contains("caught") && world.received(0).await.is_empty(),
            "{source}: {}",
            got.text()
        );
    }
}

/// What a question costs is held back and settled by all that is sent, and by the most that it can be where nobody says what it was.
#[tokio::test]
async fn a_question_that_may_have_been_billed_is_paid_for() {
    let refused =
        Scripted::start(vec![Step::Say("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n".into())]).await;
    let silent = Scripted::start(vec![Step::Hold]).await;
    let says = |extra: serde_json::Value| {
        let mut body = json!({"choices": [{"message": {"content": "polite"}}]});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        whole(&body.to_string())
    };
    let untold = Scripted::start(says(json!({}))).await;
    let told = Scripted::start(says(json!({"usage": {"total_tokens": 7}}))).await;
    let odd = Scripted::start(whole("{\"choices\": []}")).await;
    // Two thirds of a micro-dollar a token. The task, the labels, the text, the frame and the answer are tokens at most.
    let task = "Is it rude?\nAnswer with one word of these, and nothing else: polite, rude.";
    let most = ((task.len() as u64 + 8 + 64 + 64) * 666_667).div_ceil(1_000_000);
    for (upstream, timeout_ms, cost) in [
        (&refused, 60_000, 0),
        (&silent, 3_000, most),
        (&untold, 60_000, most),
        (&told, 60_000, 5),
        (&odd, 60_000, most),
    ] {
        let source = format!(
            "  - {{name: judge, url: 'http://{}/v1', api: chat, model: j, prompt: 'Is it rude?', price: '0.666667',\n     \
             timeout_ms: {timeout_ms}, labels: {{rude: [], polite: []}}}}",
            upstream.addr
        );
        let world = world(&source, "signal caught = classifier source \"judge\" is [\"rude\"]").await;
        let got = say(&world, "anything").await;
        assert_eq!(got.status.as_u16(), 200, "{}", got.text());
        let record = world.decision(&got.headers).await;
        assert_eq!(record["decision"]["asked"][0]["cost_micro"], cost, "{record}");
    }
}

/// A judge that costs money is asked only for who may still spend some, and what it costs is the caller's.
#[tokio::test]
async fn who_has_spent_its_budget_makes_no_call_at_an_endpoint_that_costs_money() {
    let (sims, addresses) = sims(1).await;
    let more =
        "auth: {mode: keys}\nbudgets: [{name: two, scope: 'key:*', window: total, requests: 2, usd: '1'}]";
    let source = format!(
        "  - {{name: judge, url: 'http://{}/v1', api: chat, model: j, prompt: 'Is it rude?', price: '5', timeout_ms: 60000,\n     \
         labels: {{rude: [], polite: []}}}}\n{more}",
        addresses[0]
    );
    let signal = "signal caught = classifier source \"judge\" is [\"rude\"] threshold 0.5";
    let world = world(&source, signal).await;
    let (_, secret) = world.key(&json!({"name": "k"})).await;
    let bearer = format!("Bearer {secret}");
    let ask = async |path: &str, text: &str| {
        let body = json!({"model": "auto", "messages": [{"role": "user", "content": text}]}).to_string();
        world.send(Method::POST, path, &[("authorization", &bearer)], body).await
    };
    let calls = async || {
        let journal = tollgate_net::client::Client::default();
        let journal = journal.get(&format!("http://{}/sim/requests", addresses[0])).await.unwrap();
        let journal: serde_json::Value = serde_json::from_slice(&journal.body).unwrap();
        journal["requests"].as_array().unwrap().iter().filter(|r| r["method"] == "POST").count()
    };
    let settled = async |meter: &str| {
        let budgets = world.get("/api/v1/budgets").await.json();
        let rows = budgets["accounts"].as_array().unwrap();
        let row = rows.iter().find(|row| row["meter"] == meter).unwrap();
        (row["settled"].as_u64().unwrap(), row["reserved"].as_u64().unwrap())
    };
    assert_eq!(ask("/v1/chat/completions", "You are rude").await.status.as_u16(), 200);
    world.settled().await;
    let row = world.decisions().await.remove(0);
    let cost = row["cost_micro"].as_u64().unwrap();
    let record = world.get(&format!("/api/v1/decisions/{}", row["id"].as_str().unwrap())).await.json();
    let asked = &record["decision"]["asked"][0];
    assert!(cost > 0 && asked["cost_micro"] == cost, "the model is free, the judge is not: {record}");
    assert_eq!((settled("micro").await, settled("requests").await), ((cost, 0), (1, 0)));
    assert_eq!((calls().await, ask("/v1/route", "Another rude one").await.status.as_u16()), (1, 200));
    let (after, _) = settled("micro").await;
    assert!(after > cost && calls().await == 2, "an explanation asks and pays too: {after}");
    assert_eq!(settled("requests").await, (1, 0), "and is no request");
    assert_eq!(ask("/v1/chat/completions", "You are polite").await.status.as_u16(), 200);
    world.settled().await;
    let (spent, before) = (settled("micro").await, calls().await);
    for path in ["/v1/chat/completions", "/v1/route", "/api/v1/eval"] {
        let got = ask(path, "Something rude, never heard before").await;
        assert_eq!(got.status.as_u16(), 429, "{path}: {}", got.text());
    }
    assert_eq!((calls().await, settled("micro").await), (before, spent));
    drop(sims);
}

#[tokio::test]
async fn what_is_not_configured_is_refused_with_the_names_that_are() {
    let world =
        world("  - {name: own, url: 'http://127.0.0.1:9/v1'}", "signal caught = keyword any [\"x\"]").await;
    let policy = "signal a = classifier source \"other\" is [\"x\"]\nroute r { when a models { \"m\" } }\ndefault { models { \"m\" } }";
    let got = world.send(Method::PUT, "/api/v1/policy", &[], policy).await;
    assert!(
        got.status.is_client_error() && got.text().contains("own") && got.text().contains("other"),
        "{}",
        got.text()
    );
    for (text, field) in [
        ("signals: [{name: a}]", "signals[0]"),
        ("signals: [{name: a, url: 'http://x', api: embeddings}]", "signals[0].labels"),
        ("signals: [{name: a, url: 'http://x', api: chat, prompt: p, labels: {one: []}}]", "signals[0]"),
        ("signals: [{name: a, url: 'http://x', timeout_ms: 0}]", "signals[0].timeout_ms"),
        ("signals: [{name: a, folder: x, labels: {one: []}}]", "signals[0].labels"),
        ("signals: [{name: a, url: 'http://x'}, {name: a, url: 'http://x'}]", "signals[1].name"),
    ] {
        let error = tollgate_gateway::config::read(text, "t.yaml".as_ref()).unwrap_err().to_string();
        assert!(error.contains(field), "{text}: {error}");
    }
}
