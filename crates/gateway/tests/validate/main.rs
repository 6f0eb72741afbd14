//! Answers judged beside the context that they were to be answered from, end to end.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[path = "../common/mod.rs"]
mod common;

use common::models::model;
use common::raw::{LAST_CHUNK, STREAM_HEAD, Scripted, Step, chunk, delta};
use common::{Folder, Got, World, settings, sims};
use serde_json::{Value, json};
use tollgate_encode::{Options as EncodeOptions, load_classifier};
use tollgate_gateway::serve::Options;

const QUESTION: &str = "In which year was the bridge opened, and how long is it?";
const PAGE: &str = "The bridge was opened in 1932 and is 503 metres long. It does not carry trains.";
const RIGHT: &str = "The bridge was opened in 1932. It is 503 metres long.";
const WRONG: &str = "The bridge was opened in 1933. It is 603 metres long.";

fn whole(text: &str) -> Vec<Step> {
    let message = json!({"role": "assistant", "content": text});
    let body = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices":
        [{"index": 0, "finish_reason": "stop", "message": message}], "usage": {"prompt_tokens": 1, "completion_tokens": 2}})
    .to_string();
    let length = body.len();
    vec![Step::Say(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    ))]
}

fn streamed(text: &str) -> Vec<Step> {
    let end = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    vec![Step::Say(format!("{STREAM_HEAD}{}{}{LAST_CHUNK}", chunk(&delta(text)), chunk(end)))]
}

/// A gateway in front of two scripted upstreams, models `m` and `other`.
async fn world(scripts: [Vec<Step>; 2], support: &str, folder: &Folder) -> (World, [Scripted; 2]) {
    let [one, two] = scripts;
    let upstreams = [Scripted::start(one).await, Scripted::start(two).await];
    let addresses: Vec<String> = upstreams.iter().map(|upstream| upstream.addr.to_string()).collect();
    let text = format!(
        "policy: {{policy}}\nproviders: [{{name: up, kind: litellm}}]\nmodels: [{{name: m}}, {{name: other}}]\n\
         timeouts: {{probe_ms: 600000}}\npools:\n  - name: only\n    instances:\n      \
         - {{name: a, provider: up, url: \"http://{{0}}\", models: {{m: m}}}}\n      \
         - {{name: b, provider: up, url: \"http://{{1}}\", models: {{other: other}}}}\n\
         cache: {{share: everyone}}\nsupport: {support}\n"
    );
    let policy = folder.write("p.tollgate", "policy \"t\"\ndefault { models { \"m\" } }\n");
    let settings = settings(&text, &addresses, &policy);
    let (sims, _) = sims(0).await;
    let data = Some(folder.path().to_owned());
    (World::launch(sims, Options { settings: Some(settings), data, ..Options::default() }).await, upstreams)
}

/// The question with a page that a tool has brought.
fn with_page(stream: bool) -> Value {
    let call = json!({"id": "c", "type": "function", "function": {"name": "read", "arguments": "{}"}});
    json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": QUESTION},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": PAGE}]})
}

async fn ask(world: &World, stream: bool) -> Got {
    world.post("/v1/chat/completions", &with_page(stream)).await
}

#[tokio::test]
async fn an_answer_is_told_apart_from_one_that_the_page_does_not_support() {
    for (text, told, enough) in [(RIGHT, "2/2; contradicted=0", true), (WRONG, "0/2; contradicted=2", false)]
    {
        let folder = Folder::new();
        let (world, _upstreams) = world([whole(text), whole(RIGHT)], "{}", &folder).await;
        let got = ask(&world, false).await;
        assert_eq!((got.status.as_u16(), got.header("x-tollgate-support")), (200, told), "{}", got.text());
        let record = world.decision(&got.headers).await;
        let support = &record["decision"]["support"][0];
        assert_eq!((&support["enough"], &support["model"]), (&json!(enough), &json!("m")), "{record}");
        assert_eq!(support["unsupported"].as_array().unwrap().is_empty(), enough);
        assert!(!record.to_string().contains("metres"), "places, never words: {record}");
        // Without a context, and without a question about facts, nothing is judged.
        let plain = json!({"model": "m", "messages": [{"role": "user", "content": QUESTION}]});
        assert_eq!(world.post("/v1/chat/completions", &plain).await.header("x-tollgate-support"), "");
        let mut task = with_page(false);
        task["messages"][0]["content"] = json!("Write a cheerful poem about a cat that likes the rain.");
        assert_eq!(world.post("/v1/chat/completions", &task).await.header("x-tollgate-support"), "");
        world.stop().await;
    }
}

#[tokio::test]
async fn it_is_withheld_or_another_model_asked_where_that_is_configured() {
    let folder = Folder::new();
    let (world, _upstreams) = world([whole(WRONG), whole(RIGHT)], "{act: block}", &folder).await;
    let got = ask(&world, false).await;
    assert_eq!(got.status.as_u16(), 403, "{}", got.text());
    assert!(got.text().contains("of its 2 statements the context supports 0") && !got.text().contains("603"));
    assert!(world.decision(&got.headers).await["completion_tokens"].as_u64().unwrap() > 0);
    world.stop().await;

    let folder = Folder::new();
    let retry = "{act: retry, retry_model: other}";
    let (world, _upstreams) = self::world([whole(WRONG), whole(RIGHT)], retry, &folder).await;
    let got = ask(&world, false).await;
    assert_eq!((got.status.as_u16(), got.header("x-tollgate-model")), (200, "other"), "{}", got.text());
    assert_eq!(got.header("x-tollgate-support"), "2/2; contradicted=0");
    let record = world.decision(&got.headers).await;
    assert_eq!(record["decision"]["support"].as_array().unwrap().len(), 2, "{record}");
    assert_eq!(record["completion_tokens"], 4, "both were paid for: {record}");
    world.stop().await;
}

#[tokio::test]
async fn a_stream_is_told_at_its_end_and_rates_are_kept_over_a_restart() {
    let folder = Folder::new();
    let (world, upstreams) = world([streamed(WRONG), whole(RIGHT)], "{act: block}", &folder).await;
    let got = ask(&world, true).await;
    assert_eq!(got.status.as_u16(), 200);
    assert_eq!(got.header("x-tollgate-support"), "told at the end of the stream, as a comment");
    assert!(
        got.text().contains("603") && got.text().ends_with(": x-tollgate-support: 0/2; contradicted=2\n\n"),
        "{}",
        got.text()
    );
    // What was not supported is not given again, where answers are kept.
    let page = format!("{}\n\n{QUESTION}", format!("{PAGE} ").repeat(6));
    let body = json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": page}]});
    for _ in 0..2 {
        let got = world.post("/v1/chat/completions", &body).await;
        assert!(got.text().contains(": x-tollgate-support: 0/2"), "{}", got.text());
        assert_eq!(got.header("x-tollgate-cache"), "miss");
    }
    let rates = world.get("/api/v1/support").await.json();
    let rate = &rates["rates"][0];
    assert_eq!(
        (&rate["model"], &rate["supported"], &rate["unsupported"]),
        (&json!("m"), &json!(0), &json!(3)),
        "{rates}"
    );
    assert!(
        (rate["mean"].as_f64().unwrap() - 0.2).abs() < 1e-9 && rate["high"].as_f64().unwrap() < 0.75,
        "{rates}"
    );
    let metrics = world.get("/metrics").await.text();
    assert!(
        metrics.contains("outcome=\"unsupported\"} 3")
            && metrics.contains("tollgate_support_share{model=\"m\""),
        "{metrics}"
    );
    let settings = world.gateway.shared().snapshot.load().settings.clone();
    world.stop().await;
    let options =
        Options { settings: Some(settings), data: Some(folder.path().to_owned()), ..Options::default() };
    let again = World::launch(Vec::new(), options).await;
    assert_eq!(again.get("/api/v1/support").await.json(), rates);
    drop(upstreams);
    again.stop().await;
}

/// What stands behind what is judged, or cannot be read at all, is not supported because what stands before it is.
#[tokio::test]
async fn an_answer_that_is_not_read_whole_is_not_enough() {
    let long = format!("{RIGHT} {} The bridge carries trains.", "\n".repeat(70_000));
    let odd = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{\"odd\": 1.}";
    for (script, told) in [
        (whole(&long), "2/2; contradicted=0; unread"),
        (vec![Step::Say(odd.to_owned())], "0/0; contradicted=0; unread"),
    ] {
        let folder = Folder::new();
        let (world, _upstreams) = world([script.clone(), whole(RIGHT)], "{}", &folder).await;
        let got = ask(&world, false).await;
        // Whoever cannot be read may be answered for by the gateway itself.
        assert!(got.status.as_u16() >= 500 || got.header("x-tollgate-support") == told, "{:?}", got.headers);
        world.stop().await;
        let folder = Folder::new();
        let (world, _upstreams) = self::world([script, whole(RIGHT)], "{act: block}", &folder).await;
        let got = ask(&world, false).await;
        assert!(got.status.as_u16() >= 400 && !got.text().contains("trains"), "{}", got.text());
        world.stop().await;
    }
}

/// A model of inference that is as good as certain of one thing, whatever it reads: the label that its logits are highest for is
/// called `label`, and the temperature is low.
fn always(label: &str) -> Folder {
    let folder = model("bert-pairs");
    let logits =
        load_classifier(folder.path(), &EncodeOptions::default()).unwrap().logits_of_pair(PAGE, RIGHT);
    let likeliest = (0..3).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).unwrap();
    let others = ["entailment", "contradiction", "neutral"].into_iter().filter(|other| *other != label);
    let mut names: Vec<&str> = others.collect();
    names.insert(likeliest, label);
    let text = std::fs::read_to_string(folder.path().join("config.json")).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["id2label"] = json!({"0": names[0], "1": names[1], "2": names[2]});
    folder.write("config.json", &config.to_string());
    folder.write("calibration.json", r#"{"temperature": 0.02}"#);
    folder
}

#[tokio::test]
async fn a_model_of_inference_judges_beside_words() {
    // Half of its words are not in the page: words alone do not support it.
    let paraphrase = "Traffic began to cross that structure during the year 1932.";
    for (label, text, told) in [
        ("contradiction", RIGHT, "0/2; contradicted=2"),
        ("entailment", RIGHT, "2/2; contradicted=0"),
        ("entailment", paraphrase, "1/1; contradicted=0"),
        ("neutral", paraphrase, "0/1; contradicted=0"),
        // Another number stays one.
        ("entailment", WRONG, "0/2; contradicted=2"),
    ] {
        let nli = always(label);
        let support = format!("{{inference: {{folder: '{}', timeout_ms: 60000}}}}", nli.path().display());
        let folder = Folder::new();
        let (world, _upstreams) = world([whole(text), whole(RIGHT)], &support, &folder).await;
        let got = ask(&world, false).await;
        assert_eq!((got.status.as_u16(), got.header("x-tollgate-support")), (200, told), "{label} {text}");
        let record = world.decision(&got.headers).await;
        assert_eq!(record["decision"]["support"][0].get("by_words"), None, "{record}");
        world.stop().await;
    }
    let refused =
        tollgate_gateway::config::read("support: {inference: {folder: x, queue: 0}}", "t.yaml".as_ref());
    assert!(refused.unwrap_err().to_string().contains("support.inference.queue"));
}
