//! Speed of the byte-level work of one request: `cargo bench -p tollgate-wire`.

use divan::{Bencher, counter::BytesCount};
use tollgate_wire::meter::{Framing, Meter};
use tollgate_wire::peek::{Limits, peek};
use tollgate_wire::sse::Framer;
use tollgate_wire::{Dialect, json};

fn main() {
    divan::main();
}

/// The 33-turn, 60 KB conversation of the gateway bench.
fn conversation() -> Vec<u8> {
    let turn = "the quick brown fox jumps over the lazy dog. ".repeat(40);
    let messages: Vec<String> = (0..33)
        .map(|i| format!(r#"{{"role":"{}","content":"turn {i}: {turn}"}}"#, ["user", "assistant"][i % 2]))
        .collect();
    let messages = messages.join(",");
    format!(r#"{{"model":"mock-model","messages":[{messages}],"max_tokens":64,"temperature":0.2}}"#)
        .into_bytes()
}

#[divan::bench]
fn validate_60k(bencher: Bencher<'_, '_>) {
    let body = conversation();
    bencher
        .counter(BytesCount::of_slice(&body))
        .bench(|| json::validate(divan::black_box(&body), 128).is_ok());
}

/// Prose with a line feed every 80 bytes and some other scripts.
#[divan::bench]
fn validate_prose(bencher: Bencher<'_, '_>) {
    let line = "an ordinary line of text with \\\"quotes\\\" in it and – naïve café.\\n";
    let body = format!("{{\"content\":\"{}\"}}", line.repeat(800)).into_bytes();
    bencher
        .counter(BytesCount::of_slice(&body))
        .bench(|| json::validate(divan::black_box(&body), 128).is_ok());
}

#[divan::bench]
fn peek_60k(bencher: Bencher<'_, '_>) {
    let body = bytes::Bytes::from(conversation());
    let limits = Limits::default();
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| peek(Dialect::OpenaiChat, divan::black_box(body.clone()), &limits).is_ok());
}

/// The 68 events of the gateway bench: a role, 64 tokens, a finish, usage and `[DONE]`.
fn chunks() -> Vec<bytes::Bytes> {
    let chunk = |delta: &str, finish: &str| {
        format!(
            r#"data: {{"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1700000000,"model":"mock-model","system_fingerprint":"fp_mock","choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}]}}"#
        ) + "\n\n"
    };
    let mut chunks = vec![chunk(r#"{"role":"assistant","content":""}"#, "null")];
    chunks.extend((0..64).map(|_| chunk(r#"{"content":" token"}"#, "null")));
    chunks.push(chunk("{}", "\"stop\""));
    chunks.push("data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":64,\"total_tokens\":76}}\n\n".into());
    chunks.push("data: [DONE]\n\n".into());
    chunks.into_iter().map(bytes::Bytes::from).collect()
}

#[divan::bench]
fn meter_68_chunks(bencher: Bencher<'_, '_>) {
    let chunks = chunks();
    bencher.bench(|| {
        let mut meter = Meter::new(Dialect::OpenaiChat, Framing::Sse);
        divan::black_box(&chunks).iter().for_each(|chunk| meter.push(chunk));
        meter.finish().complete
    });
}

/// Events of one shape each but with a number that counts up, so that every one is read in full.
#[divan::bench]
fn meter_68_numbered(bencher: Bencher<'_, '_>) {
    let event = |i| {
        format!(
            "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"sequence_number\":{i},\"item_id\":\"msg_mock\",\"output_index\":0,\"content_index\":0,\"delta\":\" token\"}}\n\n"
        )
    };
    let chunks: Vec<bytes::Bytes> = (0..68).map(|i| event(i).into()).collect();
    bencher.bench(|| {
        let mut meter = Meter::new(Dialect::OpenaiResponses, Framing::Sse);
        divan::black_box(&chunks).iter().for_each(|chunk| meter.push(chunk));
        meter.finish().content
    });
}

#[divan::bench]
fn frame_68_chunks(bencher: Bencher<'_, '_>) {
    let chunks = chunks();
    bencher.bench(|| {
        let mut framer = Framer::default();
        let mut count = 0;
        for chunk in divan::black_box(&chunks) {
            framer.push(chunk.clone());
            while let Ok(Some(_)) = framer.next_event() {
                count += 1;
            }
        }
        count
    });
}
