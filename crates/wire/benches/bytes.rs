//! Speed of the byte-level work of one request: `cargo bench -p tollgate-wire`.

use divan::{Bencher, counter::BytesCount};
use tollgate_wire::peek::{Limits, peek};
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
