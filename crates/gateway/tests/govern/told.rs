//! How denials are told: explained without sending, evaluated, bounded in number with the decisive one kept.

use super::common::{self, World, settings, sims};
use super::{PERSONAL, say, send, world};
use crate::common::shapes::Client;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tollgate_gateway::serve::Options;

#[tokio::test]
async fn a_caller_is_shown_the_models_that_it_may_use_and_no_others() {
    let world = world().await;
    let all = vec!["auto", "house", "cloud-small", "cloud-large"];
    // Both clouds' models are served inside the union, too; a visitor has the house's only.
    for (role, may) in [("visitor", vec!["auto", "house"]), ("analyst", all.clone()), ("operator", all)] {
        let headers = [("x-tollgate-caller", "someone"), ("x-tollgate-roles", role)];
        let listed = world.send(Method::GET, "/v1/models", &headers, "").await.json();
        let names: Vec<_> = listed["data"].as_array().unwrap().iter().map(|m| m["id"].clone()).collect();
        assert_eq!(json!(names), json!(may), "{role}: {listed}");
        for model in ["house", "cloud-small", "cloud-large"] {
            let one = world.send(Method::GET, &format!("/v1/models/{model}"), &headers, "").await;
            assert_eq!(one.status == StatusCode::OK, may.contains(&model), "{role}: {}", one.text());
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn a_route_is_explained_with_its_guards_and_denials() {
    let world = world().await;
    let ask = |model: &str| Client::Chat.ask(model, PERSONAL, false);
    let explained = send(&world, "operator", "/v1/route", &ask("auto")).await.json();
    assert_eq!(explained["governed"], json!(["role operator", "data personal"]), "{explained}");
    assert_eq!(explained["denials"][0]["rule"], "data personal");
    assert_eq!((&explained["model"], &explained["pool"]), (&json!("house"), &json!("rack")));
    assert!(explained["explanation"].as_str().unwrap().contains("bound by: data personal"));
    let refused = send(&world, "operator", "/v1/route", &ask("cloud-large")).await.json();
    assert!(refused["refused"].as_str().unwrap().contains("on premise"), "{refused}");
    world.stop().await;
}

#[tokio::test]
async fn an_evaluation_selects_what_governance_leaves() {
    let world = world().await;
    let eval = async |role: &str, body: Value| send(&world, role, "/api/v1/eval", &body).await.json();
    let plain = eval("operator", json!({"text": "Hello"})).await;
    assert_eq!(plain["selected_model"], "cloud-small", "{plain}");
    let personal = eval("operator", json!({"text": PERSONAL})).await;
    assert_eq!(
        (&personal["selected_model"], &personal["recommended_models"]),
        (&json!("house"), &json!(["house"])),
        "{personal}"
    );
    let visitor = eval("visitor", json!({"text": "Hello"})).await;
    assert_eq!(visitor["selected_model"], "house", "{visitor}");
    let refused = eval("operator", json!({"text": PERSONAL, "model": "cloud-large"})).await;
    assert_eq!(
        (&refused["selected_model"], &refused["selection_status"]),
        (&Value::Null, &json!("failed")),
        "{refused}"
    );
    assert!(refused["refused"].as_str().unwrap().contains("data personal"), "{refused}");
    let tool = json!([{"type": "function", "function": {"name": "shell"}}]);
    let blocked = eval("visitor", json!({"text": "Hello", "tools": tool})).await;
    assert_eq!(blocked["selection_status"], "failed", "{blocked}");
    world.stop().await;
}

#[tokio::test]
async fn the_denial_that_decides_is_kept_and_told_first_however_many_came_before() {
    let (sims, addresses) = sims(1).await;
    let site = |name: &str, model: &str| {
        format!(
            "      - {{name: {name}, provider: p, url: \"http://{{0}}\", models: {{{model}: {model}}}}}\n"
        )
    };
    let far: String = (0..60).map(|at| site(&format!("far-{at}"), "m")).collect();
    let text = format!(
        "policy: {{policy}}\nauth: {{mode: open, trusted_hops: [127.0.0.1]}}\nproviders: [{{name: p, kind: tollgate_sim}}]\n\
         models: [{{name: m}}, {{name: n}}]\npools:\n  - name: far\n    region: us\n    instances:\n{far}  - name: near\n    \
         region: eu\n    instances:\n{}",
        site("near", "n")
    );
    let folder = common::Folder::new();
    let policy =
        "role \"z\" { regions [\"eu\"] }\nrule a { tool \"*\" }\ndefault { models { \"m\", \"n\" } }";
    let policy = folder.write("p.tollgate", policy);
    let settings = settings(&text, &addresses, &policy);
    let world = World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await;
    let got = say(&world, "z", "auto", "Hello").await;
    assert_eq!((got.status, got.header("x-tollgate-model")), (StatusCode::OK, "n"), "{}", got.text());
    let got = say(&world, "z", "m", "Hello").await;
    assert_eq!(
        (got.status, got.header("x-tollgate-denied")),
        (StatusCode::FORBIDDEN, "role z"),
        "{}",
        got.text()
    );
    world.gateway.shared().store.flush().unwrap();
    let record = world.decision(&got.headers).await;
    let denials = record["decision"]["denials"].as_array().unwrap();
    assert_eq!(denials.len(), 32, "the list is bounded");
    let last = denials.last().unwrap();
    assert!(got.text().contains(last["why"].as_str().unwrap()), "{last} {}", got.text());
    let metrics = world.get("/metrics").await.text();
    assert!(metrics.contains(r#"tollgate_denials_total{rule="role z",topic="region"}"#), "{metrics}");
    world.stop().await;
}

/// What a caller calls its tools is the caller's own: it is told so, and neither records nor the log quote it.
#[tokio::test]
async fn denials_quote_no_words_of_the_request_in_records() {
    let world = world().await;
    let offer = |name: &str| {
        let mut body = Client::Chat.ask("auto", "Hello", false);
        body["tools"] = json!([{"type": "function", "function": {"name": name, "parameters": {}}}]);
        body
    };
    // Taken from the request, and the end of it.
    for (role, status) in [("analyst", StatusCode::OK), ("visitor", StatusCode::FORBIDDEN)] {
        let got = send(&world, role, Client::Chat.path(), &offer("plan_of_ada_lovelace")).await;
        assert_eq!(got.status, status, "{}", got.text());
        assert_eq!(
            got.text().contains("plan_of_ada_lovelace"),
            status == StatusCode::FORBIDDEN,
            "{}",
            got.text()
        );
        world.gateway.shared().store.flush().unwrap();
        let record = world.decision(&got.headers).await;
        assert!(!record.to_string().contains("ada_lovelace"), "{record}");
        let denials = record["decision"]["denials"].as_array().unwrap();
        let denial = denials.iter().find(|denial| denial["topic"] == "tool").unwrap();
        assert!(denial["why"].as_str().unwrap().contains("a tool that no statement names"), "{record}");
    }
    // A name that stands in the policy is the policy's.
    let unseen = json!({"model": "auto", "functions": [{"name": "ada"}], "messages": [{"role": "user", "content": "Hi"}]});
    let got = send(&world, "analyst", Client::Chat.path(), &unseen).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN);
    world.gateway.shared().store.flush().unwrap();
    let record = world.decision(&got.headers).await;
    assert_eq!(record["decision"]["denials"][0]["subject"], "functions", "{record}");
    world.stop().await;
}
