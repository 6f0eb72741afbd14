//! What of a buyer's request is sold, and goes up: text within the limit that is paid for, by the model that is sold.

use super::buyer::header;
use super::{CHAT, POLICY, Shop, words};
use http::{Method, StatusCode};
use serde_json::{Value, json};

const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";

/// The smallest request to a path, with some members more.
fn plain(path: &str, more: &Value) -> Value {
    let mut body = match path {
        RESPONSES => json!({"model": "dear", "max_output_tokens": 50, "input": "a"}),
        _ => json!({"model": "dear", "max_tokens": 50, "messages": [{"role": "user", "content": "a"}]}),
    };
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn what_chooses_model_price_place_or_tools_is_refused_by_name() {
    let shop = Shop::open("{mode: keys}", 60_000).await;
    let function = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    let good = [
        (CHAT, json!({"temperature": 0, "tools": function, "stream_options": {"include_usage": true}})),
        (MESSAGES, json!({"system": "a", "thinking": {"type": "disabled"}})),
        (RESPONSES, json!({"store": false, "reasoning": {"effort": "low"}, "text": {"verbosity": "low"}})),
    ];
    for (path, more) in good {
        let got = shop.world.send(Method::POST, path, &[], plain(path, &more).to_string()).await;
        assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED, "{path} {more}: {}", got.text());
    }
    let bad = [
        (CHAT, json!({"models": ["cheap"]}), "models"),
        (CHAT, json!({"route": "fallback"}), "route"),
        (CHAT, json!({"provider": {}}), "provider"),
        (CHAT, json!({"service_tier": "priority"}), "service_tier"),
        (CHAT, json!({"web_search_options": {}}), "web_search_options"),
        (CHAT, json!({"enable_search": true}), "enable_search"),
        (CHAT, json!({"plugins": []}), "plugins"),
        (CHAT, json!({"metadata": {"tags": "a"}}), "metadata"),
        (CHAT, json!({"user": "a"}), "user"),
        (CHAT, json!({"prediction": {"type": "content", "content": "a"}}), "prediction"),
        (CHAT, json!({"audio": {}}), "audio"),
        (CHAT, json!({"stream_options": {"tier": "a"}}), "stream_options.tier"),
        (CHAT, json!({"num_predict": 1}), "num_predict"),
        (CHAT, json!({"Num_Predict": 1}), "Num_Predict"),
        (CHAT, json!({"tools": [{"type": "web_search_preview"}]}), "tools[0]"),
        (MESSAGES, json!({"mcp_servers": []}), "mcp_servers"),
        (MESSAGES, json!({"speed": "fast"}), "speed"),
        (MESSAGES, json!({"container": "a"}), "container"),
        (MESSAGES, json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}), "tools[0]"),
        (RESPONSES, json!({"conversation": "c"}), "conversation"),
        (RESPONSES, json!({"prompt": {"id": "p"}}), "prompt"),
        (RESPONSES, json!({"store": true}), "store"),
        (RESPONSES, json!({"max_tokens": 1}), "max_tokens"),
        (RESPONSES, json!({"reasoning": {"max_tokens": 1}}), "reasoning.max_tokens"),
        (RESPONSES, json!({"background": true}), "background"),
    ];
    for (path, more, name) in bad {
        let got = shop.world.send(Method::POST, path, &[], plain(path, &more).to_string()).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{path} {more}: {}", got.text());
        assert!(got.text().contains(&format!("`{name}` is not sold")), "{path} {more}: {}", got.text());
    }
    for (path, name) in [(MESSAGES, "anthropic-beta"), (CHAT, "openai-beta"), (CHAT, "openai-project")] {
        let headers = [(name, "context-1m-2025-08-07")];
        let got = shop.world.send(Method::POST, path, &headers, plain(path, &json!({})).to_string()).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{name}: {}", got.text());
        assert!(got.text().contains(&format!("`{name}` is not sold")), "{}", got.text());
    }
    assert!(shop.world.received(0).await.is_empty());
    shop.world.stop().await;
}

#[tokio::test]
async fn of_a_buyers_headers_only_what_the_answer_needs_goes_up() {
    let shop = Shop::open("{mode: keys}", 60_000).await;
    let ask = words(false);
    let paid = shop.payment(&ask, "a").await;
    let headers = [
        ("payment-signature", paid.as_str()),
        ("accept", "application/json"),
        ("x-portkey-config", "elsewhere"),
        ("helicone-target-url", "elsewhere"),
        ("x-litellm-tags", "elsewhere"),
        ("idempotency-key", "elsewhere"),
        ("x-sim-fault", "status=500"),
    ];
    let got = shop.ask(&ask, &headers).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let (_, up) = shop.world.sent(0).await;
    let up = format!("{up:?}");
    assert!(
        up.contains("application/json") && !up.contains("elsewhere") && !up.contains("status=500"),
        "{up}"
    );
    shop.world.stop().await;
}

#[tokio::test]
async fn the_limit_that_is_paid_for_is_the_one_that_the_provider_reads() {
    let shop = Shop::open("{mode: keys}", 60_000).await;
    const SPELLINGS: [&str; 3] = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
    let cases = [
        ("dear", CHAT, json!({"max_tokens": null, "max_completion_tokens": 7}), "max_tokens", 7),
        ("older", CHAT, json!({"max_tokens": null, "max_completion_tokens": 7}), "max_tokens", 7),
        ("older", CHAT, json!({"max_completion_tokens": 1, "max_tokens": 9}), "max_tokens", 9),
        ("older", CHAT, json!({"max_completion_tokens": 9, "max_tokens": 1}), "max_tokens", 9),
        ("newer", CHAT, json!({"max_tokens": 7}), "max_completion_tokens", 7),
        // What is translated, too.
        ("older", MESSAGES, json!({"max_tokens": 7}), "max_tokens", 7),
        ("newer", MESSAGES, json!({"max_tokens": 7}), "max_completion_tokens", 7),
        ("dear", RESPONSES, json!({"max_output_tokens": 7}), "max_output_tokens", 7),
    ];
    for (at, (model, path, more, name, most)) in cases.into_iter().enumerate() {
        let mut body = plain(path, &more);
        body["model"] = json!(model);
        let told = shop.world.send(Method::POST, path, &[], body.to_string()).await;
        assert_eq!(told.status, StatusCode::PAYMENT_REQUIRED, "{body}: {}", told.text());
        let offer = told.json()["accepts"][0].clone();
        let least = most * 400;
        assert!(offer["amount"].as_str().unwrap().parse::<u64>().unwrap() >= least, "{offer}");
        let paid = header(&shop.buyer.payload(&shop.ledger.lock().unwrap(), &offer, &at.to_string()));
        let got =
            shop.world.send(Method::POST, path, &[("payment-signature", &paid)], body.to_string()).await;
        assert_eq!(got.status, StatusCode::OK, "{body}: {}", got.text());
        let (up, _) = shop.world.sent(0).await;
        let stated: Vec<_> = SPELLINGS.into_iter().filter(|name| up.get(name).is_some()).collect();
        assert_eq!((stated, &up[name]), (vec![name], &json!(most)), "{body} went up as {up}");
    }
    shop.world.stop().await;
}

/// A question of fact with a page, which is what a support check looks at, and one that is answered with its own words.
fn asked(model: &str) -> [Value; 2] {
    let call = json!({"id": "c", "type": "function", "function": {"name": "read", "arguments": "{}"}});
    let page = json!({"model": model, "max_tokens": 50, "messages": [
        {"role": "user", "content": "How high is the tower of the old harbour in metres?"},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "The tower of the old harbour is 42 metres high."}]});
    let words =
        json!({"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": "open sesame"}]});
    [page, words]
}

#[tokio::test]
async fn a_model_that_is_not_sold_never_answers_in_place_of_one_that_is() {
    const RULES: &str = "policy \"t\"\nsignal secret = keyword any [\"open sesame\"]\n\
        default { models { \"dear\" } output safer secret }\n";
    let [page, secret] = asked("dear");
    for (settings, policy, body) in [
        ("support: {act: retry, retry_model: MODEL}", POLICY, page),
        ("output: {safer_model: MODEL}", RULES, secret),
    ] {
        for (model, is_sold) in [("cheap", false), ("priciest", true)] {
            let auth = format!("{{mode: keys}}\n{}", settings.replace("MODEL", model));
            let shop = Shop::under(&auth, policy).await;
            let got = shop.ask(&body, &[]).await;
            if !is_sold {
                assert_eq!(got.status, StatusCode::FORBIDDEN, "{settings}: {}", got.text());
                assert!(got.text().contains("cheap is not sold"), "{}", got.text());
                assert!(shop.world.received(0).await.is_empty());
                shop.world.stop().await;
                continue;
            }
            // One that is sold is in the bill, at its own price.
            assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED, "{settings}: {}", got.text());
            let offer = got.json()["accepts"][0].clone();
            assert!(offer["amount"].as_str().unwrap().parse::<u64>().unwrap() >= 50 * 4000, "{offer}");
            let paid = header(&shop.buyer.payload(&shop.ledger.lock().unwrap(), &offer, "a"));
            let got = shop.ask(&body, &[("payment-signature", &paid)]).await;
            let asked: Vec<Value> = shop.world.received(0).await;
            let models: Vec<Value> = asked
                .iter()
                .map(|sent| {
                    serde_json::from_str::<Value>(sent["body"].as_str().unwrap()).unwrap()["model"].clone()
                })
                .collect();
            assert_eq!(models, ["dear", "priciest"], "{}", got.text());
            shop.world.stop().await;
        }
    }
}
