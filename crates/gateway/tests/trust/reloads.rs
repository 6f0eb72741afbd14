//! A reload opens nothing that was closed, and changes that come together are made one after the other.

use crate::common::raw::{Scripted, Step};
use crate::common::shapes::Client;
use crate::common::{Folder, World, settings, sims};
use http::StatusCode;
use std::collections::BTreeSet;
use tollgate_gateway::control;
use tollgate_gateway::serve::{Options, Serving};

const CONFIG: &str = r#"policy: p.tollgate
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: one}]
pools: [{name: only, instances: [{name: a, provider: sim, url: "http://{0}", models: {one: one}}]}]
"#;
const POLICY: &str = "policy \"t\"\ndefault { models { \"one\" } }\n";

fn auth(folder: &Folder, mode: &str) -> String {
    format!("auth: {{mode: {mode}, admin: \"file:{}\"}}\n", folder.path().join("secret").display())
}

async fn started(folder: &Folder, listen: [u8; 4]) -> (World, String) {
    let (sims, addresses) = sims(1).await;
    let text = CONFIG.replace("{0}", &addresses[0]);
    folder.write("p.tollgate", POLICY);
    folder.write("secret", "operator");
    let config = Some(folder.write("c.yaml", &format!("{text}{}", auth(folder, "keys"))));
    let options = Options { config, listen: Some((listen, 0).into()), ..Options::default() };
    (World::launch(sims, options).await, text)
}

#[tokio::test]
async fn a_reload_takes_keys_and_secret_from_nobody() {
    for listen in [[127, 0, 0, 1], [0, 0, 0, 0]] {
        let folder = Folder::new();
        let (world, text) = started(&folder, listen).await;
        let half = text.split("pools:").next().unwrap();
        let losses = [
            (text.clone(), vec!["c.yaml", "auth.mode", "open", "auth: {mode: keys}"]),
            (format!("{text}{}", auth(&folder, "open")), vec!["auth.mode", "open"]),
            (format!("{text}auth: {{mode: keys}}\n"), vec!["c.yaml", "auth.admin"]),
            (half.to_owned(), vec!["c.yaml"]),
        ];
        for (lost, words) in losses {
            folder.write("c.yaml", &lost);
            let said = world.gateway.reload().unwrap_err().to_string();
            for word in words {
                assert!(said.contains(word), "{word} in {said}");
            }
            let got = world.post("/v1/chat/completions", &Client::Chat.ask("one", "hi", false)).await;
            assert_eq!(got.status, StatusCode::UNAUTHORIZED, "{}", got.text());
            let got = world.get("/api/v1/keys").await;
            assert_eq!(got.status, StatusCode::UNAUTHORIZED, "{}", got.text());
        }
        // What closes more is taken over, and so is any other change beside it.
        folder.write("c.yaml", &format!("{text}{}limits: {{body_ms: 1234}}\n", auth(&folder, "keys")));
        world.gateway.reload().unwrap_or_else(|e| panic!("{e}"));
        world.stop().await;
    }
}

#[tokio::test]
async fn a_public_address_that_was_forced_open_stays_so() {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    folder.write("p.tollgate", POLICY);
    let config = Some(folder.write("c.yaml", &CONFIG.replace("{0}", &addresses[0])));
    let listen = Some(([0, 0, 0, 0], 0).into());
    let options = Options { config, listen, force_open: true, ..Options::default() };
    let world = World::launch(sims, options).await;
    world.gateway.reload().unwrap_or_else(|e| panic!("{e}"));
    world.stop().await;
}

/// Two generations of one number would let a worker use the connections of one snapshot with the secrets of the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_at_once_are_made_one_after_the_other() {
    const EACH: u64 = 25;
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let policy = folder.write("p.tollgate", POLICY);
    let text = CONFIG.replace("p.tollgate", "{policy}");
    let settings = settings(&text, &addresses, &policy);
    let world = World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await;
    let shared = world.gateway.shared().clone();
    let before = shared.snapshot.load().generation;
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let shared = shared.clone();
            let many =
                move || (0..EACH).map(|_| control::reload(&shared).unwrap().generation).collect::<Vec<_>>();
            tokio::task::spawn_blocking(many)
        })
        .collect();
    let mut seen = BTreeSet::new();
    for thread in threads {
        let own = thread.await.unwrap();
        assert!(own.is_sorted(), "{own:?}");
        seen.extend(own);
    }
    assert_eq!(seen, (before + 1..=before + 4 * EACH).collect());
    assert_eq!(shared.snapshot.load().generation, before + 4 * EACH);
    world.stop().await;
}

#[tokio::test]
async fn a_start_refuses_the_policy_that_a_reload_would() {
    let folder = Folder::new();
    let text = CONFIG.replace("{0}", "127.0.0.1:9");
    let start = async |policy: &str| {
        folder.write("p.tollgate", policy);
        let config = folder.write("c.yaml", &text);
        let listen = Some(([127, 0, 0, 1], 0).into());
        let options =
            Options { config: Some(config), listen, data: Some("memory".into()), ..Options::default() };
        Serving::start(options).await
    };
    let wrong = format!(
        "{}route x {{ when language is \"de\"  models {{ \"one\" }} }}\ntests {{ \"hi\" -> default }}\n",
        POLICY
    );
    let error = start(&wrong.replace("-> default", "-> x")).await.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("own tests fail") && error.contains("expected x, got default"), "{error}");
    let gateway = start(&wrong).await.unwrap_or_else(|e| panic!("{e}"));
    gateway.shutdown().await.unwrap();
}

/// The key that an instance is sent.
async fn key_sent(world: &World, upstream: &mut Scripted) -> String {
    let got = world.post("/v1/chat/completions", &Client::Chat.ask("one", "hi", false)).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let heard = upstream.heard.recv().await.unwrap();
    let mut lines = heard.lines();
    lines.find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_secret_in_a_file_that_is_replaced_is_in_force_soon_and_one_that_cannot_be_used_changes_nothing() {
    let folder = Folder::new();
    let answer = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
    let mut upstream =
        Scripted::start(vec![Step::Say(format!("{head}{}\r\n\r\n{answer}", answer.len()))]).await;
    let file = |name: &str| format!("\"file:{}\"", folder.path().join(name).display());
    let text = CONFIG
        .replace("{0}", &upstream.addr.to_string())
        .replace("kind: tollgate_sim", &format!("kind: openai_compatible, key: {}", file("key")));
    folder.write("p.tollgate", POLICY);
    folder.write("key", "first\n");
    folder.write("admin", "operator");
    let config = folder.write("c.yaml", &format!("{text}auth: {{admin: {}}}\n", file("admin")));
    let mut world = World::launch(Vec::new(), Options { config: Some(config), ..Options::default() }).await;
    world.admin = Some("operator".into());
    assert_eq!(key_sent(&world, &mut upstream).await, "Bearer first");
    folder.write("key", "second\n");
    world.until("the second key", async || key_sent(&world, &mut upstream).await == "Bearer second").await;
    folder.write("key", "");
    let refused = async || world.get("/metrics").await.text().contains("tollgate_reloads_refused_total 1");
    world.until("it is refused", refused).await;
    assert_eq!(key_sent(&world, &mut upstream).await, "Bearer second", "the last good one stays");
    folder.write("key", "third");
    world.until("the third key", async || key_sent(&world, &mut upstream).await == "Bearer third").await;
    assert_eq!(world.get("/api/v1/keys").await.status, StatusCode::OK);
    folder.write("admin", "successor");
    let shut = async || world.get("/api/v1/keys").await.status == StatusCode::UNAUTHORIZED;
    world.until("the old secret is shut out", shut).await;
    world.admin = Some("successor".into());
    assert_eq!(world.get("/api/v1/keys").await.status, StatusCode::OK);
    world.stop().await;
}

/// An editor, or `cp`, writes a file in place: whatever of it is there when it is read, the gateway goes on as it was.
#[tokio::test]
async fn a_configuration_that_is_half_written_changes_nothing() {
    let folder = Folder::new();
    let (world, text) = started(&folder, [127, 0, 0, 1]).await;
    let whole = format!("{text}{}", auth(&folder, "keys"));
    let path = folder.path().join("c.yaml");
    let state = async || {
        let pools = world.get("/api/v1/pools").await.status;
        let asked = world.post("/v1/chat/completions", &Client::Chat.ask("one", "hi", false)).await.status;
        let named = world
            .gateway
            .shared()
            .snapshot
            .load()
            .settings
            .models
            .iter()
            .map(|m| m.name.clone())
            .collect::<Vec<_>>();
        (pools, asked, named)
    };
    let before = state().await;
    for cut in (0..whole.len()).step_by(5) {
        std::fs::write(&path, &whole[..cut]).unwrap();
        // Where a part is refused it says why; one that says the same as the whole may pass.
        let _ = world.gateway.reload();
        assert_eq!(state().await, before, "after {:?}", &whole[..cut]);
    }
    std::fs::write(&path, &whole).unwrap();
    world.gateway.reload().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(state().await, before);
    world.stop().await;
}
