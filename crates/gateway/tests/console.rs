//! Every page of the console, filled from a real request, and what must not get in.

mod common;

use common::World;
use http::{Method, StatusCode};
use serde_json::json;

#[tokio::test]
async fn every_page_is_served_and_the_gateway_goes_on() {
    let world = World::start().await;
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": "hello <script>alert(1)</script>"}]});
    let answer = world.post("/v1/chat/completions", &body).await;
    let request = format!("/console/requests/{}", answer.header("x-tollgate-request-id"));
    let pages = ["/console", &request, "/console/pools", "/console/policy", "/console/budgets"];
    for page in pages {
        let got = world.get(page).await;
        assert_eq!(got.status, StatusCode::OK, "{page}: {}", got.text());
        assert!(got.text().contains("<main"), "{page}");
        assert!(got.header("content-security-policy").contains("default-src 'self'"), "{page}");
        assert!(!got.text().contains("alert(1)"), "{page}: no prompt text");
    }
    assert!(world.get(&request).await.text().contains("greeting"), "the route is named");
    assert!(world.get("/console/pools").await.text().contains("long-1"));
    let style = world.get("/console/assets/base.css").await;
    assert!(style.header("content-type").starts_with("text/css"));
    assert_eq!(world.get("/console/assets/nope.css").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get("/console/requests/req_nope").await.status, StatusCode::NOT_FOUND);
    world.stop().await;
}

#[tokio::test]
async fn why_this_instance_is_told_with_those_not_taken() {
    let world = World::configured(
        3,
        r#"
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: sim-small}, {name: sim-medium}, {name: sim-large}]
pools:
  - name: short
    max_total_tokens: 8192
    instances:
      - {name: a, provider: sim, url: "http://{0}", models: &all {sim-small: m, sim-medium: m, sim-large: m}}
      - {name: b, provider: sim, url: "http://{1}", models: *all}
      - {name: c, provider: sim, url: "http://{2}", models: {sim-large: m}}
  - {name: long, instances: [{name: d, provider: sim, url: "http://{2}", models: *all}]}
"#,
    )
    .await;
    let body = json!({"model": "sim-small", "messages": [{"role": "user", "content": "hi"}]});
    let explained = world.post("/v1/route", &body).await.json();
    let names = |seen: &serde_json::Value| {
        let mut names: Vec<_> = seen.as_array().unwrap().iter().map(|s| s["instance"].clone()).collect();
        names.sort_by_key(ToString::to_string);
        names
    };
    assert_eq!(names(&explained["place"]["instances"]), ["a", "b"], "c does not serve it: {explained}");
    world.fault(0, &json!({"fault": "status=500", "count": 1})).await;
    world.fault(1, &json!({"fault": "status=500", "count": 1})).await;
    let got = world.post("/v1/chat/completions", &body).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let row = world.decision(&got.headers).await;
    let attempts = row["decision"]["attempts"].as_array().unwrap();
    assert!(attempts.len() > 1, "{row}");
    assert_eq!(
        attempts[0]["seen"][0]["instance"], attempts[0]["instance"],
        "the first is the one that was asked"
    );
    assert_eq!(names(&attempts[0]["seen"]), ["a", "b"]);
    assert!(attempts[0]["seen"][1]["prefill_ms"].as_f64().unwrap() > 0.0, "{row}");
    assert!(attempts[1..].iter().all(|a| a.get("seen").is_none()), "once for one placement: {row}");
    let page = world.get(&format!("/console/requests/{}", got.header("x-tollgate-request-id"))).await.text();
    let table = page.split("aria-label=\"Instances\"").nth(1).unwrap().split("</table>").next().unwrap();
    assert_eq!(table.matches("ready").count(), 2, "{table}");
    world.stop().await;
}

#[tokio::test]
async fn the_pools_page_shows_how_each_instance_did_of_late() {
    let world = World::start().await;
    for _ in 0..3 {
        let body =
            json!({"model": "auto", "stream": true, "messages": [{"role": "user", "content": "hello"}]});
        assert_eq!(world.post("/v1/chat/completions", &body).await.status, StatusCode::OK);
    }
    let pools = world.get("/api/v1/pools").await.json();
    let good = |i: &serde_json::Value| i["recent"]["good"].as_u64().unwrap();
    let all: u64 = pools["pools"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|p| p["instances"].as_array().unwrap())
        .map(good)
        .sum();
    assert_eq!(all, 3, "{pools}");
    let page = world.get("/console/pools").await.text();
    assert!(page.contains("100 %") && page.contains("class=\"spark\""), "{page}");
    world.stop().await;
}

/// The planner is asked about the log as it is: what is set, what would be best, and for what.
#[tokio::test]
async fn the_log_advises_a_boundary() {
    let world = World::start().await;
    for _ in 0..3 {
        let body = json!({"model": "auto", "messages": [{"role": "user", "content": "hello"}]});
        assert_eq!(world.post("/v1/chat/completions", &body).await.status, StatusCode::OK);
    }
    let got = world.get("/api/v1/fleet/advice?gpu=h100,l40s&ttft_ms=2000&gamma=1,1.5&minutes=5").await;
    let told = got.json();
    let advice = &told["advice"];
    assert_eq!(
        (got.status, &advice["requests"], &told["all"]),
        (StatusCode::OK, &json!(3), &json!(true)),
        "{told}"
    );
    assert!(advice["best"]["usd_per_hour"].as_f64().is_some_and(|usd| usd > 0.0), "{told}");
    let ahead = advice["ahead"].as_array().unwrap();
    let minutes: Vec<&serde_json::Value> = ahead.iter().map(|at| &at["ahead_min"]).collect();
    assert_eq!(minutes, [&json!(5.0), &json!(10.0), &json!(15.0)], "{told}");
    assert!(ahead.iter().all(|at| at["pools"][0]["then_tokens_per_s"].as_f64() > Some(0.0)), "{told}");
    assert!(advice["longest"].as_u64().is_some_and(|tokens| tokens > 1), "{told}");
    for (asked, status, says) in [
        ("", StatusCode::BAD_REQUEST, "gpu=h100"),
        ("?gpu=abacus", StatusCode::BAD_REQUEST, "abacus"),
        ("?gpu=h100&gamma=0.5", StatusCode::BAD_REQUEST, "γ"),
        ("?gpu=h100&minutes=0", StatusCode::BAD_REQUEST, "minutes"),
        ("?gpu=h100&route=nobody", StatusCode::NOT_FOUND, "no answered request"),
    ] {
        let got = world.get(&format!("/api/v1/fleet/advice{asked}")).await;
        assert!(got.status == status && got.text().contains(says), "{asked}: {}", got.text());
    }
    world.stop().await;
}

#[tokio::test]
async fn a_page_of_another_site_cannot_act() {
    let world = World::start().await;
    let body = json!({"name": "k"}).to_string();
    for headers in [&[("origin", "http://evil.example")][..], &[("sec-fetch-site", "cross-site")]] {
        let got = world.send(Method::POST, "/api/v1/keys", headers, body.clone()).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    let made = world.send(Method::POST, "/api/v1/keys", &[], body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    world.stop().await;
}

/// A policy of nested conditions over few signals, whose analysis takes a while.
fn laborious() -> String {
    let mut seed = 7_u64;
    let mut flag = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{}s{}", if (seed >> 40).is_multiple_of(4) { "not " } else { "" }, (seed >> 33) % 40)
    };
    let signals: String = (0..40).map(|at| format!("signal s{at} = keyword any [\"w{at}\"]\n")).collect();
    let mut part = || format!("({} or ({} and ({} or {})))", flag(), flag(), flag(), flag());
    let mut when = || (0..5).map(|_| part()).collect::<Vec<_>>().join(" and ");
    let route = |at: u32, when: String| {
        format!("route r{at} priority {} {{ when {when} models {{ \"sim-small\" }} }}\n", 1_000 - at)
    };
    let routes: String = (0..400).map(|at| route(at, when())).collect();
    format!("{signals}{routes}default {{ models {{ \"sim-small\" }} }}\n")
}

#[tokio::test]
async fn a_long_check_holds_nobody_up_and_ends_when_nobody_waits() {
    // One worker: were the check made there, nothing else would be answered before it.
    let world = World::start().await;
    let text = laborious();
    let check = world.send(Method::POST, "/api/v1/policy/check", &[], text);
    let others = async {
        for _ in 0..10 {
            assert_eq!(world.get("/healthz").await.status, StatusCode::OK);
        }
    };
    tokio::select! {
        biased;
        answer = check => panic!("it was answered first: {}", answer.text()),
        () = others => {}
    }
    // The check was given up with its connection, so the next has its turn.
    let report =
        world.send(Method::POST, "/api/v1/policy/check", &[], "default { models { \"sim-small\" } }\n").await;
    assert_eq!(report.json()["ok"], json!(true), "{}", report.text());
    world.stop().await;
}

#[tokio::test]
async fn a_policy_is_checked_applied_or_refused_while_running() {
    let world = World::start().await;
    let bad = "policy \"x\"\nroute a { when tokns > 1 models { \"sim-small\" } }\ndefault { models { \"sim-small\" } }\n";
    let report = world.send(Method::POST, "/api/v1/policy/check", &[], bad).await.json();
    assert_eq!((&report["ok"], &report["diagnostics"][0]["line"]), (&json!(false), &json!(2)), "{report}");
    assert!(report["diagnostics"][0]["help"].as_str().unwrap().contains("tokens"), "{report}");
    let refused = world.send(Method::PUT, "/api/v1/policy", &[], bad).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let failing = "policy \"x\"\ndefault { models { \"sim-small\" } }\ntests { \"hi\" -> other }\n";
    assert_ne!(world.send(Method::PUT, "/api/v1/policy", &[], failing).await.status, StatusCode::OK);
    let good = "policy \"y\"\nroute every_one { when tokens > 0 models { \"sim-large\" } }\ndefault { models { \"sim-small\" } }\ntests { \"hi\" -> every_one }\n";
    let put = world.send(Method::PUT, "/api/v1/policy", &[], good).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text());
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(world.post("/v1/chat/completions", &body).await.header("x-tollgate-decision"), "every_one");
    world.stop().await;
}
