//! What a provider writes to its prompt cache costs what its price says, before the request is sent and after.

use crate::common::raw::{LAST_CHUNK, STREAM_HEAD, Scripted, Step, chunk};
use crate::common::shapes::Client;
use crate::common::{Folder, World, settings};
use serde_json::{Value, json};
use tollgate_gateway::serve::Options;

const CONFIG: &str = r#"
policy: {policy}
auth: {mode: keys}
providers: [{name: claude, kind: anthropic, base_url: "http://{0}"}]
models:
  - {name: m, provider: claude, context_window: 200000, price: {input: "10", cached_input: "1", output: "40"}}
budgets: [{name: all, scope: global, window: total, tokens: 100000000, usd: "1000"}]
timeouts: {connect_ms: 60000, first_content_ms: 60000, idle_ms: 60000, total_ms: 120000, probe_ms: 60000}
retry: {attempts: 1}
"#;
/// 100 tokens as they are, 200 read, 600 written for minutes and 400 for an hour, ten out.
const USAGE: &str = r#"{"input_tokens":100,"cache_read_input_tokens":200,"cache_creation_input_tokens":1000,"cache_creation":{"ephemeral_5m_input_tokens":600,"ephemeral_1h_input_tokens":400},"output_tokens":10}"#;
/// 100 · 10 + 200 · 1 + 600 · 12.5 + 400 · 20 + 10 · 40.
const COST: u64 = 17_100;

async fn world(upstream: &Scripted) -> (World, String) {
    let folder = Folder::new();
    let policy = folder.write("p.tollgate", "policy \"t\"\ndefault { models { \"m\" } }\n");
    let settings = settings(CONFIG, &[upstream.addr.to_string()], &policy);
    let world = World::launch(Vec::new(), Options { settings: Some(settings), ..Options::default() }).await;
    let (_, secret) = world.key(&json!({"name": "k"})).await;
    (world, secret)
}

async fn account(world: &World, meter: &str, column: &str) -> u64 {
    let budgets = world.get("/api/v1/budgets").await.json();
    let rows = budgets["accounts"].as_array().unwrap();
    let row = rows.iter().find(|row| row["meter"] == meter && row["kind"] == "global");
    row.map_or(0, |row| row[column].as_u64().unwrap())
}

fn answer(streamed: bool) -> Vec<Step> {
    if !streamed {
        let body = format!(
            r#"{{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[{{"type":"text","text":"Hi"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{USAGE}}}"#
        );
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
        return vec![Step::Say(format!("{head}{}\r\n\r\n{body}", body.len()))];
    }
    let event = |name: &str, data: String| Step::Say(chunk(&format!("event: {name}\ndata: {data}\n\n")));
    vec![
        Step::Say(STREAM_HEAD.into()),
        event("message_start", format!(r#"{{"type":"message_start","message":{{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[],"stop_reason":null,"stop_sequence":null,"usage":{USAGE}}}}}"#)),
        event("content_block_start", r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#.into()),
        event("content_block_delta", r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#.into()),
        event("content_block_stop", r#"{"type":"content_block_stop","index":0}"#.into()),
        event("message_delta", r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":10}}"#.into()),
        event("message_stop", r#"{"type":"message_stop"}"#.into()),
        Step::Say(LAST_CHUNK.into()),
    ]
}

#[tokio::test]
async fn what_is_written_to_a_cache_is_settled_at_its_own_price() {
    for (client, streamed) in [(Client::Messages, false), (Client::Messages, true), (Client::Chat, false)] {
        let upstream = Scripted::start(answer(streamed)).await;
        let (world, secret) = world(&upstream).await;
        let bearer = format!("Bearer {secret}");
        let body = client.ask("m", "hello", streamed).to_string();
        let got = world.send(http::Method::POST, client.path(), &[("authorization", &bearer)], body).await;
        assert_eq!(got.status.as_u16(), 200, "{}", got.text());
        world.settled().await;
        let row = world.decisions().await.remove(0);
        assert_eq!(row["cost_micro"], COST, "{row}");
        assert_eq!((&row["prompt_tokens"], &row["cached_tokens"]), (&json!(1300), &json!(200)), "{row}");
        if !streamed {
            assert_eq!(got.header("x-tollgate-cost-micro"), COST.to_string());
        }
        let record = world.decision(&got.headers).await;
        assert_eq!(record["decision"]["cache_write_tokens"], 1000, "{record}");
        assert_eq!(
            (account(&world, "micro", "settled").await, account(&world, "micro", "reserved").await),
            (COST, 0)
        );
        let metrics = world.get("/metrics").await.text();
        assert!(
            metrics.contains("tollgate_tokens_total{model=\"m\",kind=\"cache_write\"} 1000"),
            "{metrics}"
        );
        world.stop().await;
    }
}

#[tokio::test]
async fn a_prompt_that_may_be_written_to_a_cache_is_promised_at_that_price() {
    let text = |mark: Value| {
        let mut part = json!({"type": "text", "text": "so many words ".repeat(200)});
        if !mark.is_null() {
            part["cache_control"] = mark;
        }
        json!({"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": [part]}]})
            .to_string()
    };
    let short = text(json!({"type": "ephemeral"}));
    let cases = [
        (text(Value::Null), 20),
        (short.clone(), 25),
        // JSON has more than one spelling for a word, and so for every word.
        (short.replace("cache_control", "cache\\u005fcontrol"), 40),
        (text(json!({"type": "ephemeral", "ttl": "1h"})), 40),
    ];
    for (body, half_dollars) in cases {
        let upstream = Scripted::start(vec![Step::Hold]).await;
        let (world, secret) = world(&upstream).await;
        let bearer = format!("Bearer {secret}");
        let headers = [("authorization", bearer.as_str())];
        let asked = world.send(http::Method::POST, "/v1/messages", &headers, body.clone());
        let seen = async {
            world
                .until("something is promised", async || account(&world, "tokens", "reserved").await > 0)
                .await;
            (account(&world, "tokens", "reserved").await, account(&world, "micro", "reserved").await)
        };
        tokio::select! {
            got = asked => panic!("{}", got.text()),
            (tokens, micro) = seen => {
                let prompt = tokens - 100;
                assert!(prompt > 400, "{prompt}");
                assert_eq!(micro, (prompt * half_dollars).div_ceil(2) + 100 * 40, "{body}");
            }
        }
    }
}
