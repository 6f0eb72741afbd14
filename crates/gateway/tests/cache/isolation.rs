//! What never may hit: another caller, another context, and answers that are not to be given twice.

use crate::common::shapes::Client;
use crate::common::{Folder, sims};
use crate::{POLICY, cache, count, key, launch, send, world};
use http::Method;
use serde_json::{Value, json};

/// Asks the same of everyone and says what the cache said.
async fn says(world: &crate::common::World, headers: &[(&str, &str)], body: &Value) -> String {
    let got = world.send(Method::POST, "/v1/chat/completions", headers, body.to_string()).await;
    cache(&got).to_owned()
}

#[tokio::test]
async fn no_other_caller_hits_and_tenants_share_only_where_it_is_said() {
    for (share, across_keys, across_tenants) in
        [("caller", false, false), ("tenant", true, false), ("everyone", true, true)]
    {
        let world = world(&format!("{{share: {share}}}")).await;
        let (_, ada) = world.key(&json!({"name": "ada", "tenant": "acme"})).await;
        let (_, bob) = world.key(&json!({"name": "bob", "tenant": "acme"})).await;
        let (_, eve) = world.key(&json!({"name": "eve", "tenant": "evil"})).await;
        let (_, root) = world.key(&json!({"name": "root", "tenant": "acme", "roles": ["admin"]})).await;
        let ask = Client::Chat.ask("m", "What do we sell?", false);
        assert_eq!(cache(&send(&world, &ada, Client::Chat, &ask).await), "miss");
        assert!(cache(&send(&world, &ada, Client::Chat, &ask).await).starts_with("hit; "));
        for (who, hits) in [(&bob, across_keys), (&eve, across_tenants), (&root, false)] {
            let got = send(&world, who, Client::Chat, &ask).await;
            assert_eq!(cache(&got).starts_with("hit; "), hits, "{share} {}", cache(&got));
        }
        // Nobody without a name shares anything, unless everyone does.
        let told = says(&world, &[], &ask).await;
        assert_eq!(told == "bypass; anonymous", share != "everyone", "{told}");
    }
}

/// A request's variations, each of which must be another request.
fn variations() -> Vec<(&'static str, Value)> {
    let tool = |name: &str| json!([{"type": "function", "function": {"name": name, "parameters": {}}}]);
    let said = |content: &str| json!([{"role": "system", "content": content}, {"role": "user", "content": "Hello there"}]);
    let user = |content: &str| json!([{"role": "user", "content": content}]);
    let mut before = said("Be kind.");
    before.as_array_mut().unwrap().insert(1, json!({"role": "assistant", "content": "Hi"}));
    vec![
        ("plain", json!({"messages": user("Hello there")})),
        ("letter case", json!({"messages": user("hello there")})),
        ("system prompt", json!({"messages": said("Be kind.")})),
        ("another system prompt", json!({"messages": said("Be rude.")})),
        ("history", json!({"messages": before})),
        ("tools", json!({"messages": user("Hello there"), "tools": tool("read")})),
        ("other tools", json!({"messages": user("Hello there"), "tools": tool("write")})),
        ("temperature", json!({"messages": user("Hello there"), "temperature": 0.1})),
        ("other temperature", json!({"messages": user("Hello there"), "temperature": 0.2})),
        ("top_p", json!({"messages": user("Hello there"), "top_p": 0.2})),
        ("seed", json!({"messages": user("Hello there"), "seed": 7})),
        ("other seed", json!({"messages": user("Hello there"), "seed": 8})),
        ("limit", json!({"messages": user("Hello there"), "max_tokens": 300})),
        ("stop", json!({"messages": user("Hello there"), "stop": ["x"]})),
        ("format", json!({"messages": user("Hello there"), "response_format": {"type": "text"}})),
        ("user", json!({"messages": user("Hello there"), "user": "u1"})),
        ("model", json!({"model": "other", "messages": user("Hello there")})),
        ("no model", json!({"model": "auto", "messages": user("Hello there")})),
    ]
}

#[tokio::test]
async fn whatever_differs_in_a_request_keeps_it_apart() {
    let world = world("{}").await;
    let ada = key(&world, "ada").await;
    let asks: Vec<_> = variations()
        .into_iter()
        .map(|(name, mut body)| {
            body["model"] = body.get("model").cloned().unwrap_or(json!("m"));
            (name, body)
        })
        .collect();
    for (at, (name, body)) in asks.iter().enumerate() {
        let got = send(&world, &ada, Client::Chat, body).await;
        assert_eq!((cache(&got), count(&world).await), ("miss", at + 1), "{name}");
    }
    for (name, body) in &asks {
        let got = send(&world, &ada, Client::Chat, body).await;
        assert!(cache(&got).starts_with("hit; "), "{name}: {}", cache(&got));
    }
    // Another dialect is another request, even with the same bytes' meaning.
    let got = send(&world, &ada, Client::Messages, &Client::Messages.ask("m", "Hello there", false)).await;
    assert_eq!(cache(&got), "miss");
    // So is a header that goes up; one that only says who speaks is not.
    let bearer = format!("Bearer {ada}");
    let with = |name, value| [("authorization", bearer.clone()), (name, value)];
    let head = |pairs: &[(&'static str, String)]| -> Vec<(&'static str, String)> { pairs.to_vec() };
    for (name, value, hits) in
        [("x-stainless-retry-count", "1", true), ("openai-beta", "x=1", false), ("user-agent", "me", true)]
    {
        let pairs = head(&with(name, value.to_owned()));
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let told = says(&world, &pairs, &asks[0].1).await;
        assert_eq!(told.starts_with("hit; "), hits, "{name} {told}");
    }
}

#[tokio::test]
async fn another_policy_and_other_models_behind_a_name_keep_answers_apart() {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let world = launch(sims, &addresses, "cache: {}", &folder, None).await;
    let ada = key(&world, "ada").await;
    let ask = Client::Chat.ask("m", "Hello there", false);
    assert_eq!(cache(&send(&world, &ada, Client::Chat, &ask).await), "miss");
    assert!(cache(&send(&world, &ada, Client::Chat, &ask).await).starts_with("hit; "));
    let policy = format!("{POLICY}# another version\n");
    let put = world.send(Method::PUT, "/api/v1/policy", &[], policy).await;
    assert_eq!(put.status.as_u16(), 200, "{}", put.text());
    assert_eq!(cache(&send(&world, &ada, Client::Chat, &ask).await), "miss");
    let put = world.send(Method::PUT, "/api/v1/policy", &[], POLICY).await;
    assert_eq!(put.status.as_u16(), 200, "{}", put.text());
    assert!(cache(&send(&world, &ada, Client::Chat, &ask).await).starts_with("hit; "));
}

#[tokio::test]
async fn what_is_not_to_be_given_twice_is_not_kept() {
    let world = world("{}").await;
    let ada = key(&world, "ada").await;
    let bearer = format!("Bearer {ada}");
    let head = [("authorization", &*bearer)];
    let user = |content: &str| json!({"model": "m", "messages": [{"role": "user", "content": content}]});
    let mut cases = vec![
        (user("What is the weather in Rome today?"), "bypass; soon_old"),
        (user("My mail is ada@example.org, write to me"), "miss"),
        (Client::Chat.ask_tool("m", "Weather in Rome", false), "bypass; soon_old"),
        (Client::Chat.ask_tool("m", "Look up Rome", false), "miss"),
    ];
    let mut choices = user("Two of them");
    choices["n"] = json!(2);
    let mut search = user("Look it up");
    search["web_search_options"] = json!({});
    cases.push((search, "bypass; tools"));
    let mut short = user("Say a lot about everything that there is, at length and in detail");
    short["max_tokens"] = json!(1);
    cases.push((short, "miss"));
    let result = json!({"model": "m", "messages": [
        {"role": "user", "content": "Read it"},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "read", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "done"}]});
    cases.push((result, "bypass; tools"));
    // The simulated server gives one answer only, and says so.
    let got = send(&world, &ada, Client::Chat, &choices).await;
    assert_eq!(got.header("x-tollgate-cache"), "bypass; choices");
    let before = count(&world).await;
    let asked = cases.len();
    for (body, told) in cases {
        for _ in 0..2 {
            assert_eq!(says(&world, &head, &body).await, told, "{body}");
        }
    }
    assert_eq!(world.get("/v1/cache").await.json()["answers"], 0);
    let plain = user("Hello there");
    let with = |value| [("authorization", &*bearer), ("cache-control", value)];
    assert_eq!(says(&world, &with("no-store"), &plain).await, "bypass; no-store");
    assert_eq!(says(&world, &head, &plain).await, "miss");
    assert!(says(&world, &head, &plain).await.starts_with("hit; "));
    assert_eq!(says(&world, &with("max-age=0, No-Cache"), &plain).await, "miss");
    assert_eq!(count(&world).await, before + 2 * asked + 3);
}

#[tokio::test]
async fn a_limit_on_requests_binds_kept_answers_too() {
    let (sims, addresses) = sims(1).await;
    let more = "cache: {}\nbudgets: [{name: few, scope: \"key:*\", window: total, requests: 3}]";
    let world = launch(sims, &addresses, more, &Folder::new(), None).await;
    let ada = key(&world, "ada").await;
    let ask = Client::Chat.ask("m", "Hello there", false);
    for _ in 0..3 {
        let got = send(&world, &ada, Client::Chat, &ask).await;
        assert_eq!(got.status.as_u16(), 200, "{}", got.text());
    }
    assert_eq!(send(&world, &ada, Client::Chat, &ask).await.status.as_u16(), 429);
    assert_eq!(count(&world).await, 1);
}
