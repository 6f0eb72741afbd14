//! Large requests hold up nobody else.

use crate::common::raw::{STREAM_HEAD, Scripted, Step, chunk, delta};
use crate::common::{Flow, Folder, World, settings};
use serde_json::{Value, json};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::Notify;
use tollgate_gateway::serve::Options;

const CONFIG: &str = r#"
policy: {policy}
providers:
  - {name: paced, kind: openai_compatible, base_url: "http://{0}"}
  - {name: whole, kind: openai_compatible, base_url: "http://{1}"}
models: [{name: paced, provider: paced}, {name: whole, provider: whole}]
timeouts: {connect_ms: 60000, first_content_ms: 600000, idle_ms: 600000, total_ms: 3600000, probe_ms: 60000}
"#;
const WHOLE: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;
/// Bytes of a large request.
const BYTES: usize = 2 << 20;
/// Work may be over before anybody looks.
const TRIES: usize = 50;

/// A gateway with one thread that serves, a stream of which each event comes when it is told to, and that stream's beginning.
async fn streaming(more: &str) -> (World, Flow, Arc<Notify>, [Scripted; 2]) {
    let go = Arc::new(Notify::new());
    let paced = Scripted::start(vec![
        Step::Say(STREAM_HEAD.into()),
        Step::Say(chunk(&delta("first"))),
        Step::Each(chunk(&delta("more")), go.clone()),
    ])
    .await;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
    let whole = Scripted::start(vec![Step::Say(format!("{head}{}\r\n\r\n{WHOLE}", WHOLE.len()))]).await;
    let folder = Folder::new();
    let policy = folder.write("p.tollgate", "policy \"t\"\nsignal s = keyword any [\"needle\"]\nroute r { when s models { \"whole\" } }\ndefault { models { \"whole\" } }\n");
    let addresses = [paced.addr.to_string(), whole.addr.to_string()];
    let settings = settings(&format!("{CONFIG}{more}"), &addresses, &policy);
    let world = World::launch(Vec::new(), Options { settings: Some(settings), ..Options::default() }).await;
    let body = json!({"model": "paced", "messages": [{"role": "user", "content": "go"}], "stream": true});
    let (status, _, mut flow) = world.open("/v1/chat/completions", &[], &body).await;
    assert_eq!(status.as_u16(), 200);
    flow.read_until("first").await;
    (world, flow, go, [paced, whole])
}

async fn metric(world: &World, name: &str) -> u64 {
    let text = world.get("/metrics").await.text();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("{name} in {text}")).parse().unwrap()
}

/// The large requests, and how often each is worked on: when it is read, and when it is translated.
fn requests() -> [(&'static str, Value, u64); 9] {
    let words = "so many words ".repeat(BYTES / 14);
    let user = json!([{"role": "user", "content": words}]);
    let (chat, messages) = (
        json!({"model": "whole", "messages": user, "max_tokens": 20}),
        json!({"model": "whole", "messages": user, "max_tokens": 20}),
    );
    let texts: Vec<_> = (0..500).map(|n| format!("{n}: {}", "so many words ".repeat(20))).collect();
    [
        ("/v1/chat/completions", chat.clone(), 1),
        ("/v1/messages", messages.clone(), 2),
        ("/v1/responses", json!({"model": "whole", "input": words}), 2),
        ("/v1/messages/count_tokens", messages, 1),
        ("/v1/route", chat, 1),
        ("/api/v1/eval", json!({"text": words}), 1),
        ("/api/v1/classify/pii", json!({"text": words}), 1),
        ("/api/v1/classify/intent", json!({"text": words}), 1),
        ("/api/v1/classify/batch", json!({"texts": texts, "task_type": "all"}), 1),
    ]
}

/// Drives both; the first may end at any time, and says so.
async fn beside<T>(first: impl Future<Output = T>, mut second: impl AsyncFnMut(bool) -> bool) -> T {
    let mut first = pin!(first);
    let mut done = None;
    loop {
        let over = {
            let mut turn = pin!(second(done.is_some()));
            poll_fn(|cx| {
                if done.is_none()
                    && let Poll::Ready(output) = first.as_mut().poll(cx)
                {
                    done = Some(output);
                }
                turn.as_mut().poll(cx)
            })
            .await
        };
        if over {
            return match done {
                Some(done) => done,
                None => first.await,
            };
        }
    }
}

/// Metrics are answered by the one thread that serves: while they show work, that thread does not do it.
#[tokio::test]
async fn a_stream_goes_on_while_a_large_request_is_worked_on() {
    let (world, mut flow, go, _upstreams) = streaming("").await;
    for (path, body, works) in requests() {
        let (before, mut seen, mut tries) = (metric(&world, "tollgate_large_bodies_total").await, false, 0);
        while !seen {
            tries += 1;
            assert!(tries <= TRIES, "{path} is worked on where streams are served");
            let got = beside(world.post(path, &body), async |over| {
                go.notify_one();
                flow.read_until("more").await;
                seen |= !over && metric(&world, "tollgate_large_bodies_in_work").await > 0;
                over || seen
            })
            .await;
            assert_eq!(got.status.as_u16(), 200, "{path}: {}", got.text());
        }
        go.notify_one();
        flow.read_until("more").await;
        let after = metric(&world, "tollgate_large_bodies_total").await;
        assert_eq!(after - before, works * tries as u64, "{path}");
    }
}

#[tokio::test]
async fn a_small_request_is_worked_on_at_once_and_what_callers_ask_beside_answers_has_its_bound_too() {
    let (world, flow, _go, _upstreams) = streaming("limits: {in_flight: 1}\n").await;
    let body =
        json!({"model": "whole", "max_tokens": 20, "messages": [{"role": "user", "content": "hello"}]});
    let text = json!({"text": "hello"});
    let asked = [
        ("/v1/chat/completions", &body),
        ("/v1/route", &body),
        ("/v1/messages/count_tokens", &body),
        ("/api/v1/eval", &text),
        ("/api/v1/classify/pii", &text),
    ];
    for (path, body) in asked {
        let got = world.post(path, body).await;
        assert_eq!(got.status.as_u16(), 503, "{path}: {}", got.text());
        assert!(got.text().contains("in flight") && !got.header("retry-after").is_empty(), "{}", got.text());
    }
    drop(flow);
    world.settled().await;
    for (path, body) in asked {
        let got = world.post(path, body).await;
        assert_eq!(got.status.as_u16(), 200, "{path}: {}", got.text());
    }
    assert_eq!(metric(&world, "tollgate_large_bodies_total").await, 0);
}
