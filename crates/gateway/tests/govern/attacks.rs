//! Ways around governance that an adversarial caller would try, each of which ends here.

use super::common::{World, rule, sims};
use super::{
    EXAMPLE, PERSONAL, POLICY, body_of, example, example_of, late_call, say, send, with_tools, world,
};
use crate::common::raw::{LAST_CHUNK, STREAM_HEAD, Scripted, Step, chunk};
use crate::common::shapes::{CLIENTS, Client};
use http::{Method, StatusCode};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::Notify;

#[tokio::test]
async fn a_fallback_goes_nowhere_that_the_first_choice_could_not() {
    let world = world().await;
    world.fault(1, &rule("status=503")).await;
    for client in CLIENTS {
        for stream in [false, true] {
            let got =
                send(&world, "analyst", client.path(), &client.ask("cloud-small", "Hello", stream)).await;
            assert!(got.status.is_server_error(), "{client:?} {}", got.text());
        }
    }
    // Chosen by the policy, the next model's permitted place answers.
    let got = say(&world, "analyst", "auto", "Hello").await;
    assert_eq!((got.status, got.header("x-tollgate-instance")), (StatusCode::OK, "rack-1"), "{}", got.text());
    assert_eq!(world.received(2).await.len(), 0, "nothing went to another region");
    world.stop().await;
}

#[tokio::test]
async fn a_spent_budget_degrades_to_no_model_that_the_role_may_not_use() {
    let (sims, addresses) = sims(3).await;
    let budget =
        "budgets: [{name: month, scope: global, window: month, usd: '0.000001', when_spent: cloud-small}]\n";
    let text = format!("{EXAMPLE}{budget}");
    let world = World::launch(sims, example_of(&text, &addresses, "tollgate_sim")).await;
    for words in ["Hello", PERSONAL] {
        let got = say(&world, "visitor", "auto", words).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{}", got.text());
        assert!(got.text().contains("others") || got.text().contains("data personal"), "{}", got.text());
        assert!(got.text().contains("budget month is spent and names cloud-small"), "{}", got.text());
    }
    assert_eq!((world.received(1).await.len(), world.received(2).await.len()), (0, 0));
    world.stop().await;
}

/// A body in which a member of `place` comes twice or in disguise, as text: a JSON value could not hold it.
#[tokio::test]
async fn members_in_disguise_are_refused_before_anything_is_decided() {
    let world = world().await;
    let tool = r#"{"type":"function","function":{"name":"search""#;
    let bodies = [
        format!(r#"{{"model":"auto","messages":[{{"role":"user","content":"a"}}],"tools":[{tool},"name":"shell"}}}}]}}"#),
        format!(r#"{{"model":"auto","messages":[{{"role":"user","content":"a"}}],"tools":[{tool},"N\u0061me":"shell"}}}}]}}"#),
        format!(r#"{{"model":"auto","messages":[{{"role":"user","content":"a"}}],"tools":[{tool}}},"Function":{{"name":"shell"}}}}]}}"#),
        r#"{"model":"house","model":"cloud-large","messages":[{"role":"user","content":"a"}]}"#.to_owned(),
        r#"{"model":"house","Model":"cloud-large","messages":[{"role":"user","content":"a"}]}"#.to_owned(),
        r#"{"model":"house","messages":[{"role":"user","content":"a"}],"meſſages":[{"role":"user","content":"passport"}]}"#.to_owned(),
        r#"{"model":"house","messages":[{"role":"user","content":"a","content":"passport"}]}"#.to_owned(),
        r#"{"model":"house","messages":[{"role":"user","content":[{"type":"text","text":"a","Text":"passport"}]}]}"#.to_owned(),
        r#"{"model":"house","max_tokens":1,"max_tokens":100000,"messages":[{"role":"user","content":"a"}]}"#.to_owned(),
    ];
    let headers = [("x-tollgate-caller", "someone"), ("x-tollgate-roles", "analyst")];
    for body in bodies {
        let got = world.send(Method::POST, Client::Chat.path(), &headers, body.clone()).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{body}: {}", got.text());
        assert!(got.text().contains("given twice"), "{body}: {}", got.text());
    }
    for (client, tool) in [
        (
            Client::Responses,
            json!({"type": "namespace", "name": "search", "tools": [{"type": "function", "name": "shell"}]}),
        ),
        (
            Client::Chat,
            json!({"type": "function", "function": {"name": "search", "tools": [{"name": "shell"}]}}),
        ),
        (Client::Messages, json!({"name": "search", "input_schema": {}, "toolset": [{"name": "shell"}]})),
    ] {
        let mut body = client.ask("auto", "Hello", false);
        body["tools"] = json!([tool]);
        let got = send(&world, "analyst", client.path(), &body).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{client:?} {}", got.text());
        assert!(got.text().contains("tools[0]"), "{}", got.text());
    }
    for sim in 0..3 {
        assert_eq!(world.received(sim).await.len(), 0);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_stream_is_judged_to_its_end_by_the_policy_that_began_it() {
    let go = Arc::new(Notify::new());
    let mut script = late_call("transfer", &["{\"amount\": 400, \"to\": \"acct-7\"}"]);
    // Instead of the pause.
    script[2] = Step::Await(go.clone());
    let upstream = Scripted::start(script).await;
    let address = upstream.addr.to_string();
    let world =
        World::launch(Vec::new(), example(&[address.clone(), address.clone(), address], "litellm")).await;
    let before = std::fs::read_to_string(POLICY).unwrap();
    let stricter = before.replace("\"amount\" <= 500", "\"amount\" <= 5");
    for (policy, passes) in [(stricter, true), (before, false)] {
        // The first stream begins under the guide's policy, the second under the stricter one.
        let headers = [("x-tollgate-caller", "someone"), ("x-tollgate-roles", "analyst")];
        let (status, _, mut flow) =
            world.open(Client::Chat.path(), &headers, &with_tools(Client::Chat, "Hello", true)).await;
        assert_eq!(status, StatusCode::OK);
        flow.read_until("Let me see").await;
        let put = world.send(Method::PUT, "/api/v1/policy", &[], policy).await;
        assert!(put.status.is_success(), "{}", put.text());
        go.notify_one();
        let (rest, _) = flow.rest().await;
        assert_eq!(rest.contains("acct-7"), passes, "{rest}");
        assert_eq!(rest.contains("role analyst"), !passes, "{rest}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_second_call_at_one_place_does_not_reach_the_caller_behind_an_allowed_one() {
    let piece = |id: &str, name: &str, arguments: &str| {
        let event = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [
            {"index": 0, "finish_reason": null, "delta": {"tool_calls": [
                {"index": 0, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}]}}]});
        Step::Say(chunk(&format!("data: {event}\n\n")))
    };
    let end = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]});
    let script = vec![
        Step::Say(STREAM_HEAD.into()),
        piece("a", "search", ""),
        piece("b", "shell", ""),
        piece("b", "", "{\"command\": \"rm acct-secret\"}"),
        Step::Say(chunk(&format!("data: {end}\n\n"))),
        Step::Say(chunk("data: [DONE]\n\n") + LAST_CHUNK),
    ];
    let upstream = Scripted::start(script).await;
    let address = upstream.addr.to_string();
    let world =
        World::launch(Vec::new(), example(&[address.clone(), address.clone(), address], "litellm")).await;
    for client in CLIENTS {
        let got = send(&world, "analyst", client.path(), &with_tools(client, "Hello", true)).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{client:?} {}", got.text());
        assert!(got.text().contains("shell") && !got.text().contains("acct-secret"), "{}", got.text());
    }
    world.stop().await;
}

#[tokio::test]
async fn words_of_a_caller_that_are_not_in_the_body_go_nowhere() {
    let world = world().await;
    let headers = [
        ("x-tollgate-caller", "someone"),
        ("x-tollgate-roles", "analyst"),
        ("x-note", PERSONAL),
        ("x-session-id", "s1"),
    ];
    let body = Client::Chat.ask("cloud-small", "Hello", false).to_string();
    let got = world.send(Method::POST, "/v1/chat/completions?note=date%20of%20birth", &headers, body).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let sent = world.received(1).await.pop().unwrap();
    assert!(!sent.to_string().contains("date"), "{sent}");
    assert_eq!(body_of(&sent)["messages"][0]["content"], "Hello");
    // Counting tokens sends nothing.
    let count = json!({"model": "cloud-small", "messages": [{"role": "user", "content": PERSONAL}]});
    let counted = send(&world, "operator", "/v1/messages/count_tokens", &count).await;
    assert_eq!(counted.status, StatusCode::OK, "{}", counted.text());
    let again = say(&world, "operator", "cloud-small", PERSONAL).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert_eq!(world.received(1).await.len() + world.received(2).await.len(), 1);
    world.stop().await;
}

/// Each spelling in a message, and as the name of a member or argument: none leaves the premises, the plain words on
/// either side of it do.
#[tokio::test]
async fn personal_words_stay_however_they_are_typed() {
    let world = world().await;
    for typed in [
        "date of\nbirth",
        "date  of birth",
        "date\tof\tbirth",
        "date\u{a0}of birth",
        "date_of_birth",
        "{\"date_of_birth\": \"1980-01-01\"}",
        "{\"dateOfBirth\": \"1980-01-01\"}",
        "date-of-birth",
        "pass\u{ad}port",
        "pass\u{200b}port",
        "ｐａｓｓｐｏｒｔ",
        "passport_number",
    ] {
        let got = say(&world, "operator", "cloud-small", typed).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{typed:?}: {}", got.text());
        assert!(got.text().contains("data personal"), "{typed:?}: {}", got.text());
    }
    let arguments = json!({"query": "date of\nbirth"}).to_string();
    let call =
        json!({"id": "c1", "type": "function", "function": {"name": "search", "arguments": arguments}});
    let mut body = Client::Chat.ask("cloud-small", "Hello", false);
    body["messages"] = json!([{"role": "user", "content": "Hello"}, {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "done"}]);
    let got = send(&world, "operator", Client::Chat.path(), &body).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN, "{}", got.text());
    assert_eq!((world.received(1).await.len(), world.received(2).await.len()), (0, 0));
    let got = say(&world, "operator", "cloud-small", "the birth date of a star, a port pass").await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    world.stop().await;
}
