//! A ceiling of cost is kept in the worst case, and what was used is settled however an answer ends.

use super::body_of;
use super::common::{Folder, Got, World, rule, settings, sims};
use crate::common::raw::{LAST_CHUNK, STREAM_HEAD, Scripted, Step, chunk};
use crate::common::shapes::Client;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tollgate_gateway::serve::Options;
use tollgate_sim::Running;

const POLICY: &str = r#"
rule thrift { cost <= CEILING }
rule careful { tool "look" }
default { models { "plain", "cheap" } }
"#;
/// `plain` costs 10 micro-dollars for a token of output, `free` has no price.
const CONFIG: &str = r#"
policy: {policy}
auth: {mode: keys}
providers: [{name: p, kind: KIND}]
models:
  - {name: plain, price: {input: 1, output: 10}}
  - {name: cheap, price: {input: 0.1, output: 0.1}}
  - {name: free}
budgets: [{name: all, scope: global, window: total, usd: '5'}]
pools:
  - name: only
    instances:
      - {name: a, provider: p, url: "http://{0}", models: {plain: plain, cheap: cheap, free: free}}
"#;

async fn world(addresses: &[String], sims: Vec<Running>, kind: &str) -> (World, String) {
    world_of(addresses, sims, kind, 1_000).await
}

async fn world_of(addresses: &[String], sims: Vec<Running>, kind: &str, ceiling: u64) -> (World, String) {
    let folder = Folder::new();
    let policy = folder.write("p.tollgate", &POLICY.replace("CEILING", &ceiling.to_string()));
    let settings = settings(&CONFIG.replace("KIND", kind), addresses, &policy);
    let world = World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await;
    let secret = world.key(&json!({"name": "k"})).await.1;
    (world, secret)
}

async fn ask(world: &World, secret: &str, client: Client, body: &Value) -> Got {
    let bearer = format!("Bearer {secret}");
    world.send(Method::POST, client.path(), &[("authorization", &bearer)], body.to_string()).await
}

fn with(client: Client, model: &str, members: &Value) -> Value {
    let mut body = client.ask(model, "Hello", false);
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn the_worst_case_counts_before_anything_is_sent() {
    let (sims, addresses) = sims(1).await;
    let (world, secret) = world(&addresses, sims, "tollgate_sim").await;
    let chat = Client::Chat;
    let dear = [
        (chat, json!({"max_tokens": 101})),
        (chat, json!({"max_completion_tokens": 1, "max_tokens": 5000})),
        (chat, json!({"max_tokens": 30, "n": 4})),
        (chat, json!({"max_tokens": 30, "n": 1, "best_of": 4})),
        (chat, json!({"max_tokens": 30, "thinking": {"type": "enabled", "budget_tokens": 90}})),
        (chat, json!({"max_tokens": 30, "reasoning": {"max_tokens": 90}})),
        (chat, json!({"n": 20})),
        (Client::Responses, json!({"max_output_tokens": 200})),
        (Client::Messages, json!({"max_tokens": 200})),
        (Client::Messages, json!({"max_tokens": 50, "thinking": {"type": "enabled", "budget_tokens": 2000}})),
    ];
    for (client, members) in dear {
        let got = ask(&world, &secret, client, &with(client, "plain", &members)).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{members}: {}", got.text());
        assert!(got.text().contains("rule thrift") && got.text().contains("may cost"), "{}", got.text());
        // The next candidate holds it.
        let got = ask(&world, &secret, client, &with(client, "auto", &members)).await;
        assert_ne!(got.status, StatusCode::FORBIDDEN, "{}", got.text());
        assert_eq!(got.header("x-tollgate-model"), "cheap", "{}", got.text());
    }
    for members in [json!({"n": "2"}), json!({"max_tokens": 10, "n": -1})] {
        let got = ask(&world, &secret, chat, &with(chat, "cheap", &members)).await;
        assert!(
            got.status == StatusCode::FORBIDDEN && got.text().contains("no number"),
            "{members} {}",
            got.text()
        );
    }
    let search = json!({"tools": [{"type": "look"}]});
    let got = ask(&world, &secret, Client::Responses, &with(Client::Responses, "cheap", &search)).await;
    assert!(
        got.status == StatusCode::FORBIDDEN && got.text().contains("the provider runs"),
        "{}",
        got.text()
    );
    let free = ask(&world, &secret, chat, &with(chat, "free", &json!({}))).await;
    assert_eq!(free.status, StatusCode::FORBIDDEN);
    assert!(free.text().contains("the price of model free is not declared"), "{}", free.text());
    world.stop().await;
}

#[tokio::test]
async fn a_request_that_states_no_limit_gets_one_that_keeps_the_ceiling() {
    let (sims, addresses) = sims(1).await;
    let (world, secret) = world_of(&addresses, sims, "tollgate_sim", 9_000).await;
    for (client, name) in [(Client::Chat, "max_tokens"), (Client::Responses, "max_output_tokens")] {
        for n in [1, 2] {
            let mut body = client.ask("plain", "Hello", false);
            if client == Client::Chat {
                body["n"] = json!(n);
            } else if n > 1 {
                continue;
            }
            let got = ask(&world, &secret, client, &body).await;
            let up = body_of(&world.received(0).await.pop().unwrap());
            let limit = up[name].as_u64().unwrap_or_else(|| panic!("{up} {}", got.text()));
            assert!((16..=900 / n).contains(&limit), "{up}");
            assert!(got.header("x-tollgate-lost").contains("the ceiling of cost"), "{:?}", got.headers);
            // The simulated server gives one answer only.
            if n == 1 {
                assert_eq!(got.status, StatusCode::OK, "{}", got.text());
                assert!(got.header("x-tollgate-cost-micro").parse::<u64>().unwrap() <= 9_000);
            }
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn an_attempt_that_may_have_been_charged_counts_towards_the_next() {
    let (sims, addresses) = sims(1).await;
    let (world, secret) = world(&addresses, sims, "tollgate_sim").await;
    // A plain failure costs nothing: the next attempt may follow.
    world.fault(0, &rule("status=503")).await;
    let body = with(Client::Chat, "plain", &json!({"max_tokens": 60, "stream": true}));
    ask(&world, &secret, Client::Chat, &body).await;
    let tried = world.received(0).await.len();
    assert!(tried > 1, "{tried}");
    world.mend(0).await;
    world.stop().await;

    // A stream that began and broke off may have: 2 × 600 is over the ceiling.
    let head = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"},\"finish_reason\":null}]}\n\n";
    let script = vec![Step::Say(STREAM_HEAD.into()), Step::Say(chunk(head)), Step::Say(LAST_CHUNK.into())];
    let upstream = Scripted::start(script).await;
    let (world, secret) = self::world(&[upstream.addr.to_string()], Vec::new(), "litellm").await;
    for (max_tokens, attempts) in [(60, 1), (20, 3)] {
        let body = with(Client::Chat, "plain", &json!({"max_tokens": max_tokens, "stream": true}));
        let got = ask(&world, &secret, Client::Chat, &body).await;
        assert!(got.status.is_server_error(), "{}", got.text());
        world.gateway.shared().store.flush().unwrap();
        let record = world.decision(&got.headers).await;
        let made: Vec<_> = record["decision"]["attempts"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|a| a["model"] == "plain")
            .collect();
        assert_eq!(made.len() == 1, attempts == 1, "{record}");
    }
    world.stop().await;
}

#[tokio::test]
async fn an_answer_that_cannot_be_judged_is_settled_all_the_same() {
    let event = |data: &str| Step::Say(chunk(&format!("data: {data}\n\n")));
    let usage = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":20,"completion_tokens":5,"total_tokens":25}}"#;
    let said = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Let me see."},"finish_reason":null}]}"#;
    let torn = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"#;
    // Stopped before and behind the first content.
    for (before, late) in [(vec![usage, torn], false), (vec![said, usage, torn], true)] {
        let mut script = vec![Step::Say(STREAM_HEAD.into())];
        for data in &before {
            script.extend([event(data), Step::Rest(1500)]);
        }
        script.push(Step::Say(LAST_CHUNK.into()));
        let upstream = Scripted::start(script).await;
        let (world, secret) = world(&[upstream.addr.to_string()], Vec::new(), "litellm").await;
        let body = with(
            Client::Chat,
            "plain",
            &json!({"max_tokens": 20, "stream": true, "stream_options": {"include_usage": true}}),
        );
        let got = ask(&world, &secret, Client::Chat, &body).await;
        assert_eq!(got.status == StatusCode::OK, late, "{}", got.text());
        assert!(!got.text().contains("tool_calls"), "{}", got.text());
        let rows = world.decisions().await;
        let row = rows.iter().find(|row| row["key"] != Value::Null).unwrap();
        let (tokens, cost) = (
            row["prompt_tokens"].as_u64().unwrap() + row["completion_tokens"].as_u64().unwrap(),
            row["cost_micro"].as_u64().unwrap(),
        );
        assert!(tokens > 0 && cost > 0, "{row}");
        let budgets = world.get("/api/v1/budgets").await.json();
        let settled = budgets["accounts"]
            .as_array()
            .unwrap()
            .iter()
            .find(|r| r["kind"] == "global" && r["meter"] == "micro")
            .unwrap();
        assert_eq!(settled["settled"], cost, "settled is what was used: {row} {budgets}");
        world.stop().await;
    }
}

const TWO_ROLES: &str = r#"
role "thrifty" { cost <= 9_000  tool "*" }
role "rich" { cost <= 90_000  tool "search" }
default { models { "plain" } }
"#;

/// One role must allow all of a request: with a tool that only the thrifty role allows, its ceiling is the one that counts.
#[tokio::test]
async fn two_roles_do_not_get_the_tool_of_one_at_the_price_of_the_other() {
    let (sims, addresses) = sims(1).await;
    let folder = Folder::new();
    let policy = folder.write("p.tollgate", TWO_ROLES);
    let config =
        CONFIG.replace("KIND", "tollgate_sim").replace("{mode: keys}", "{trusted_hops: [127.0.0.1]}");
    let settings = settings(&config, &addresses, &policy);
    let world = World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await;
    let limit = async |roles: &str, tool: Option<&str>| {
        let mut body = Client::Chat.ask("plain", "Hello", false);
        if let Some(tool) = tool {
            body["tools"] = json!([{"type": "function", "function": {"name": tool}}]);
        }
        let headers = [("x-tollgate-caller", "someone"), ("x-tollgate-roles", roles)];
        let got = world.send(Method::POST, Client::Chat.path(), &headers, body.to_string()).await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text());
        let up = body_of(&world.received(0).await.pop().unwrap());
        assert_eq!(
            up.get("tools").is_some(),
            tool.is_some() && (roles != "rich" || tool == Some("search")),
            "{up}"
        );
        up["max_tokens"].as_u64().unwrap_or_else(|| panic!("{up}"))
    };
    let thrifty = limit("thrifty", Some("shell")).await;
    assert!(thrifty <= 900, "{thrifty}");
    let both = limit("thrifty, rich", Some("shell")).await;
    assert_eq!(both, thrifty, "the tool is the thrifty role's");
    assert!(limit("thrifty, rich", Some("search")).await <= 900, "a call may be allowed by either alone");
    let rich = limit("rich", Some("shell")).await;
    assert!(rich > 1_000, "{rich}");
    assert!(limit("thrifty, rich", None).await > 1_000, "without tools the greatest of the roles counts");
    world.stop().await;
}

/// A flag that lifts the window would make the declared one, which bounds the prompt, a lie.
#[tokio::test]
async fn under_a_ceiling_no_flag_lifts_the_window() {
    let (sims, addresses) = sims(1).await;
    let (world, secret) = world(&addresses, sims, "anthropic").await;
    let bearer = format!("Bearer {secret}");
    let flags = "prompt-caching-2024-07-31, context-1m-2025-08-07,interleaved-thinking-2025-05-14";
    let headers = [("authorization", bearer.as_str()), ("anthropic-beta", flags)];
    let body = with(Client::Messages, "plain", &json!({"max_tokens": 20}));
    let got = world.send(Method::POST, Client::Messages.path(), &headers, body.to_string()).await;
    let up = world.received(0).await.pop().unwrap();
    let headers = up["headers"].as_array().unwrap();
    let flags = headers.iter().filter(|header| header[0] == "anthropic-beta").collect::<Vec<_>>();
    assert_eq!(flags, [&json!(["anthropic-beta", "prompt-caching-2024-07-31"])], "{up}");
    assert!(got.header("x-tollgate-lost").contains("context-1m-2025-08-07"), "{:?}", got.headers);
    world.stop().await;
}
