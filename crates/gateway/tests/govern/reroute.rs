//! Members and headers by which a proxy upstream would send a request elsewhere do not reach it.

use super::common::World;
use super::{body_of, example, send, sims};
use crate::common::shapes::{CLIENTS, Client};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// What OpenRouter and LiteLLM route by, and what changes price or region elsewhere.
const ROUTING: [&str; 26] = [
    "models",
    "provider",
    "plugins",
    "route",
    "transforms",
    "preset",
    "fallbacks",
    "context_window_fallbacks",
    "content_policy_fallbacks",
    "metadata",
    "litellm_metadata",
    "tags",
    "api_base",
    "base_url",
    "api_key",
    "api_version",
    "model_list",
    "custom_llm_provider",
    "deployment_id",
    "region_name",
    "aws_region_name",
    "vertex_location",
    "extra_body",
    "extra_headers",
    "service_tier",
    "Models",
];

fn smuggling(client: Client, stream: bool) -> Value {
    let mut body = client.ask("cloud-small", "Hello", stream);
    for name in ROUTING {
        body[name] = json!({"sent": "elsewhere"});
    }
    body["temperature"] = json!(0.5);
    body
}

/// The last request that any instance got.
async fn sent(world: &World) -> Value {
    let all = [world.received(1).await, world.received(2).await].concat();
    all.into_iter().next_back().unwrap()
}

#[tokio::test]
async fn members_that_route_are_withheld_where_governance_restricts_and_told_as_lost() {
    for kind in ["litellm", "openai_compatible"] {
        let (sims, addresses) = sims(3).await;
        let world = World::launch(sims, example(&addresses, kind)).await;
        for client in CLIENTS {
            for stream in [false, true] {
                let before = sent_count(&world).await;
                let mut body = smuggling(client, stream);
                // Tool governance refuses this one outright; that is another test.
                body.as_object_mut().unwrap().remove("plugins");
                let got = send(&world, "analyst", client.path(), &body).await;
                assert_eq!(got.status, StatusCode::OK, "{kind} {client:?} {}", got.text());
                assert_eq!(sent_count(&world).await, before + 1);
                let up = body_of(&sent(&world).await);
                for name in ROUTING {
                    assert!(up.get(name).is_none(), "{kind} {client:?} {name}: {up}");
                }
                assert!(!up.to_string().contains("elsewhere"), "{up}");
                assert_eq!(up["temperature"], 0.5, "{up}");
                assert!(got.header("x-tollgate-lost").contains("governance restricts"), "{:?}", got.headers);
                world.gateway.shared().store.flush().unwrap();
                let record = world.decision(&got.headers).await;
                let lost = record["decision"]["attempts"][0]["lost"].to_string();
                assert!(
                    lost.contains("member models withheld") && lost.contains("member fallbacks withheld"),
                    "{lost}"
                );
            }
        }
        // Nothing binds this caller, so nothing is taken from it.
        let got = send(&world, "operator", Client::Chat.path(), &smuggling(Client::Chat, false)).await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text());
        let up = body_of(&sent(&world).await);
        assert!(ROUTING.iter().all(|name| up.get(*name).is_some()), "{up}");
        world.stop().await;
    }
}

async fn sent_count(world: &World) -> usize {
    world.received(1).await.len() + world.received(2).await.len()
}

#[tokio::test]
async fn headers_that_route_are_withheld_too() {
    let (sims, addresses) = sims(3).await;
    let world = World::launch(sims, example(&addresses, "litellm")).await;
    let routing = ["x-litellm-tags", "x-portkey-config", "helicone-target-url", "x-model", "x-custom"];
    let mut headers =
        vec![("x-tollgate-caller", "someone"), ("x-tollgate-roles", "analyst"), ("user-agent", "me")];
    headers.extend(routing.map(|name| (name, "elsewhere")));
    let body = Client::Chat.ask("cloud-small", "Hello", false).to_string();
    let got = world.send(Method::POST, Client::Chat.path(), &headers, body).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let up = sent(&world).await["headers"].to_string();
    assert!(!up.contains("elsewhere"), "{up}");
    assert!(got.header("x-tollgate-lost").contains("header x-portkey-config withheld"), "{:?}", got.headers);
    world.stop().await;
}

#[tokio::test]
async fn the_configuration_may_let_a_member_pass() {
    let (sims, addresses) = sims(3).await;
    let text = super::EXAMPLE
        .replace("- {name: cloud, kind: tollgate_sim}", "- {name: cloud, kind: litellm, carries: [tags]}");
    let options = super::example_of(&text, &addresses, "tollgate_sim");
    let world = World::launch(sims, options).await;
    let mut body = Client::Chat.ask("cloud-small", "Hello", false);
    (body["tags"], body["fallbacks"]) = (json!(["mine"]), json!(["other"]));
    let got = send(&world, "analyst", Client::Chat.path(), &body).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let up = body_of(&sent(&world).await);
    assert_eq!((up.get("tags"), up.get("fallbacks")), (Some(&json!(["mine"])), None), "{up}");
    world.stop().await;
}
