//! The corpus of the wire crate through a running gateway: what goes up and what comes back is exactly what the dialects'
//! readers and writers make of it, and where the dialects are the same, the original bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../../../wire/tests/common/mod.rs"]
mod files;

use common::raw::{LAST_CHUNK, STREAM_HEAD, Scripted, Step, chunk};
use common::shapes::{CLIENTS, Client};
use common::{Folder, World, settings, sims};
use files::{Entry, corpus};
use http::{Method, StatusCode};
use tollgate_gateway::serve::Options;
use tollgate_wire::form::{Json, Options as Translation, Response};
use tollgate_wire::{Dialect, fold, translate};

const POLICY: &str = "policy \"t\"\ndefault { models { \"m-large\" } }\n";
/// The models that the corpus asks for, under another name upstream.
const CONFIG: &str = r#"
policy: {policy}
providers: [{name: p, kind: KIND}]
models: [{name: m-large}, {name: claude-x}]
pools: [{name: only, instances: [{name: a, provider: p, url: "http://{0}", models: {m-large: up, claude-x: up}}]}]
timeouts: {probe_ms: 60000}
"#;
/// A provider kind for each dialect that upstreams speak.
const UPSTREAMS: [(&str, Dialect); 4] = [
    ("openai_compatible", Dialect::OpenaiChat),
    ("openai_responses", Dialect::OpenaiResponses),
    ("anthropic", Dialect::Anthropic),
    ("gemini", Dialect::Gemini),
];
/// Streams and answers that say themselves that they failed, or break off.
const BROKEN: [&str; 3] = ["error", "truncated", "failed"];

fn client(dialect: Dialect) -> Option<Client> {
    CLIENTS.into_iter().find(|c| inbound(*c) == dialect)
}

fn inbound(client: Client) -> Dialect {
    match client {
        Client::Chat => Dialect::OpenaiChat,
        Client::Responses => Dialect::OpenaiResponses,
        Client::Messages => Dialect::Anthropic,
    }
}

async fn world(sims: Vec<tollgate_sim::Running>, kind: &str, address: &str) -> World {
    let folder = Folder::new();
    let policy = folder.write("p.tollgate", POLICY);
    let settings = settings(&CONFIG.replace("KIND", kind), &[address.to_owned()], &policy);
    World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await
}

fn streams(body: &[u8]) -> bool {
    Json::parse(body).unwrap().get("stream") == Some(&Json::Bool(true))
}

#[tokio::test]
async fn every_request_goes_up_as_its_bytes_or_as_its_translation() {
    let mut met = 0;
    for (kind, to) in UPSTREAMS {
        let (sims, addresses) = sims(1).await;
        let world = world(sims, kind, &addresses[0]).await;
        // A continued answer is another one's story: `conversations.rs`.
        let entries = corpus("requests").into_iter().filter(|e| e.name != "stored");
        for (entry, client) in entries.filter_map(|e| client(e.dialect).map(|c| (e, c))) {
            let what = format!("{} {} to {kind}", entry.dialect.word(), entry.name);
            let got = world.send(Method::POST, client.path(), &[], entry.bytes.clone()).await;
            assert!(!got.status.is_server_error(), "{what}: {}", got.text());
            let sent = world.received(0).await;
            let sent =
                sent.last().unwrap_or_else(|| panic!("{what}: {}", got.text()))["body"].as_str().unwrap();
            let text = std::str::from_utf8(&entry.bytes).unwrap();
            let expected = if entry.dialect == to {
                // Not a byte differs but the model's name.
                let named = text.replacen("\"m-large\"", "\"up\"", 1).replacen("\"claude-x\"", "\"up\"", 1);
                assert_ne!(named, text, "{what}");
                named
            } else {
                let options = Translation {
                    model: Some("up".into()),
                    stream: Some(streams(&entry.bytes)),
                    ..Translation::default()
                };
                let crossed = translate::request(entry.dialect, to, &entry.bytes, &options).unwrap();
                let crossed = String::from_utf8(crossed.body).unwrap();
                // The name of the limit that any compatible server reads.
                let any = kind == "openai_compatible";
                if any { crossed.replace("\"max_completion_tokens\":", "\"max_tokens\":") } else { crossed }
            };
            assert_eq!(sent, expected, "{what}");
            met += 1;
        }
        world.stop().await;
    }
    assert!(met > 120, "only {met}");
}

/// An upstream that answers with these bytes in pieces of `size`.
async fn answering(entry: &Entry, size: usize) -> Scripted {
    let head = if entry.kind == "streams" {
        STREAM_HEAD.to_owned()
    } else {
        STREAM_HEAD.replace("text/event-stream", "application/json")
    };
    // Scripts are text: a piece ends where a character does.
    let text = std::str::from_utf8(&entry.bytes).unwrap();
    let letters: Vec<char> = text.chars().collect();
    let pieces = letters.chunks(size).map(|p| Step::Say(chunk(&p.iter().collect::<String>())));
    let script = [Step::Say(head)].into_iter().chain(pieces).chain([Step::Say(LAST_CHUNK.into())]);
    Scripted::start(script.collect()).await
}

/// What an answer says, without what each of them has of its own.
fn said(mut form: Response) -> Response {
    (form.id, form.created, form.extra) = (None, None, Default::default());
    form
}

/// Answers of the Responses dialect are stored, so their ids are the gateway's, and those of their items follow from it.
fn ours(client: Client, form: &Response) -> Option<String> {
    form.id.clone().filter(|_| client == Client::Responses)
}

fn same(what: &str, to: Dialect, one: Response, other: Response) {
    let write = |form| {
        let json =
            translate::write_response(to, &said(form), &Translation::default(), &mut Default::default());
        files::spelled(&json.unwrap()).to_text()
    };
    assert_eq!(write(one), write(other), "{what}");
}

#[tokio::test]
async fn every_whole_answer_comes_back_as_its_bytes_or_as_its_translation() {
    for entry in corpus("responses").iter().filter(|e| !BROKEN.contains(&e.name.as_str())) {
        let (kind, _) = UPSTREAMS.into_iter().find(|(_, dialect)| *dialect == entry.dialect).unwrap();
        let upstream = answering(entry, 900).await;
        let world = world(Vec::new(), kind, &upstream.addr.to_string()).await;
        for client in CLIENTS {
            let to = inbound(client);
            let what = format!("{} {} for {client:?}", entry.dialect.word(), entry.name);
            let got = world.post(client.path(), &client.ask("auto", "hi", false)).await;
            assert_eq!(got.status, StatusCode::OK, "{what}: {}", got.text());
            if to == entry.dialect && client != Client::Responses {
                assert_eq!(got.text().as_bytes(), entry.bytes, "{what}: not a byte differs");
                continue;
            }
            let form = translate::read_response(to, &got.body).unwrap();
            let options = Translation { id: ours(client, &form), ..Translation::default() };
            let direct = translate::response(entry.dialect, to, &entry.bytes, &options).unwrap().0;
            same(&what, to, form, translate::read_response(to, &direct).unwrap());
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn every_stream_comes_back_as_its_bytes_or_as_its_translation_wherever_it_is_cut() {
    for entry in corpus("streams") {
        let (kind, _) = UPSTREAMS.into_iter().find(|(_, dialect)| *dialect == entry.dialect).unwrap();
        // Calls are what clients put together from pieces: cut at every byte of them.
        let upstream = answering(&entry, if entry.name == "tools" { 1 } else { 97 }).await;
        let world = world(Vec::new(), kind, &upstream.addr.to_string()).await;
        for client in CLIENTS {
            let to = inbound(client);
            let what = format!("{} {} for {client:?}", entry.dialect.word(), entry.name);
            let mut ask = client.ask("auto", "hi", true);
            if client == Client::Chat {
                ask["stream_options"] = serde_json::json!({"include_usage": true});
            }
            let got = world.post(client.path(), &ask).await;
            if BROKEN.contains(&entry.name.as_str()) {
                let told = got.status.is_client_error() || got.status.is_server_error();
                assert!(told || client.broke(&got.text()).is_some(), "{what}: {}", got.text());
                continue;
            }
            assert_eq!(got.status, StatusCode::OK, "{what}: {}", got.text());
            if to == entry.dialect && client != Client::Responses {
                assert_eq!(got.text().as_bytes(), entry.bytes, "{what}: not a byte differs");
                continue;
            }
            let form =
                fold::fold_form(to, &got.body).unwrap_or_else(|e| panic!("{what}: {e}: {}", got.text()));
            let options =
                Translation { include_usage: true, id: ours(client, &form), ..Translation::default() };
            let mut stream = translate::Stream::new(entry.dialect, to, options).unwrap();
            let mut direct = stream.push(&entry.bytes);
            direct.extend(stream.finish());
            let folded =
                fold::fold_form(to, &got.body).unwrap_or_else(|e| panic!("{what}: {e}: {}", got.text()));
            same(&what, to, folded, fold::fold_form(to, &direct).unwrap());
        }
        world.stop().await;
    }
}
