use super::*;
use crate::config;
use crate::pipeline::filter::Whole;
use proptest::prelude::*;
use serde_json::json;
use tollgate_core::{ManualClock, Seed, Timestamp};

const POLICY: &str = r#"
signal secret = keyword any ["open sesame"]
signal contact = pii types ["email"]
signal odd = keyword any ["odd"]
default {
  models { "sim-small" }
  output block secret
  output annotate contact
  output audit odd
}
"#;

fn snapshot(policy: &str) -> Arc<Snapshot> {
    let addresses = [([127, 0, 0, 1], 1).into(); config::DEFAULT_INSTANCES.len()];
    let mut settings = config::default_settings(&addresses, "tollgate.yaml".as_ref()).unwrap();
    (settings.output.hold_bytes, settings.output.hold_ms) = (64, 500);
    settings.output.safer_model = Some("sim-small".into());
    Arc::new(Snapshot::build(settings, policy.into(), None, Seed(1), &ManualClock::default()).unwrap())
}

fn guard(policy: &str, dialect: Dialect) -> (Guard, Arc<ManualClock>) {
    static USUAL: std::sync::LazyLock<Arc<Snapshot>> = std::sync::LazyLock::new(|| snapshot(POLICY));
    let snapshot = if policy == POLICY { USUAL.clone() } else { snapshot(policy) };
    let clock = Arc::new(ManualClock::new(Timestamp(0)));
    let rules = snapshot.policy.default_route().effects.output.clone();
    let guard = Guard::new(&snapshot, &(clock.clone() as Arc<dyn Clock>), dialect, &rules).unwrap();
    (guard, clock)
}

/// A stream of a dialect that says these pieces.
fn stream(dialect: Dialect, pieces: &[&str]) -> String {
    let mut out = String::new();
    let mut event = |name: &str, data: Value| {
        let named = if dialect == Dialect::OpenaiChat { String::new() } else { format!("event: {name}\n") };
        out.push_str(&format!("{named}data: {data}\n\n"));
    };
    match dialect {
        Dialect::Anthropic => {
            event(
                "message_start",
                json!({"type": "message_start", "message": {"id": "msg_1", "content": []}}),
            );
            event(
                "content_block_start",
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            );
            for piece in pieces {
                let delta = json!({"type": "text_delta", "text": piece});
                event(
                    "content_block_delta",
                    json!({"type": "content_block_delta", "index": 0, "delta": delta}),
                );
            }
            event("content_block_stop", json!({"type": "content_block_stop", "index": 0}));
            event("message_stop", json!({"type": "message_stop"}));
        }
        Dialect::OpenaiResponses => {
            event(
                "response.created",
                json!({"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}}),
            );
            for piece in pieces {
                event(
                    "response.output_text.delta",
                    json!({"type": "response.output_text.delta", "output_index": 0,
                    "content_index": 0, "delta": piece}),
                );
            }
            let whole = pieces.concat();
            event(
                "response.output_text.done",
                json!({"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": whole}),
            );
            let output = json!([{"type": "message", "content": [{"type": "output_text", "text": whole}]}]);
            event(
                "response.completed",
                json!({"type": "response.completed", "response": {"id": "resp_1", "output": output}}),
            );
        }
        _ => {
            for piece in pieces {
                event(
                    "",
                    json!({"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": piece}}]}),
                );
            }
            event("", json!({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}));
            out.push_str("data: [DONE]\n\n");
        }
    }
    out
}

/// The whole stream through a guard, in pieces as the network gives them.
fn passed<'b>(guard: &mut Guard, chunks: impl Iterator<Item = &'b [u8]>) -> String {
    let (mut whole, mut out) = (Whole::default(), Vec::new());
    for chunk in chunks {
        out.extend_from_slice(&guard.feed(&whole.feed(&Bytes::copy_from_slice(chunk))));
    }
    out.extend_from_slice(&guard.end(&whole.end()));
    String::from_utf8(out).unwrap()
}

const DIALECTS: [Dialect; 3] = [Dialect::OpenaiChat, Dialect::Anthropic, Dialect::OpenaiResponses];

fn said(stream: &str) -> String {
    let events =
        stream.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    let text = |event: Value| {
        let places = ["/choices/0/delta/content", "/delta/text", "/delta"];
        places.iter().find_map(|place| event.pointer(place)?.as_str().map(str::to_owned))
    };
    events.filter_map(text).collect()
}

#[test]
fn what_is_clean_passes_byte_for_byte_and_nothing_waits_at_the_end() {
    for dialect in DIALECTS {
        let (mut guard, _) = guard(POLICY, dialect);
        let stream = stream(dialect, &["A long and ", "harmless answer. "].repeat(40));
        assert_eq!(passed(&mut guard, stream.as_bytes().chunks(700)), stream);
        assert!(guard.found().is_empty() && guard.held.is_empty() && guard.held_bytes == 0);
    }
}

#[test]
fn notes_come_before_the_words_and_audits_are_not_told() {
    let (mut guard, _) = guard(POLICY, Dialect::OpenaiChat);
    let stream = stream(Dialect::OpenaiChat, &["An odd one. Write to ", "ada@example", ".org soon."]);
    let out = passed(&mut guard, [stream.as_bytes()].into_iter());
    assert_eq!(guard.told().as_deref(), Some("contact"));
    let note = ": x-tollgate-output: contact\n\n";
    assert_eq!(out.replacen(note, "", 1), stream);
    let acts: Vec<OutputAct> = guard.found().iter().map(|found| found.act).collect();
    assert_eq!(acts, [OutputAct::Audit, OutputAct::Annotate]);
}

#[test]
fn arguments_of_calls_are_judged_with_their_escapes_resolved() {
    let (mut guard, _) = guard(POLICY, Dialect::OpenaiChat);
    let piece = |text: &str| json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}}]});
    let stream = ["{\"word\":\"op", "\\u0065n ses", "ame\"}"]
        .map(|text| format!("data: {}\n\n", piece(text)))
        .concat();
    let out = passed(&mut guard, stream.as_bytes().chunks(9));
    assert_eq!((out.as_str(), guard.fault().map(|fault| fault.kind)), ("", Some(FaultKind::Forbidden)));
}

#[test]
fn what_cannot_be_read_does_not_pass() {
    for stream in ["data: {\"choices\":[{\"delta\":{\"content\":\"a\"\n\n", "data: half an ev"] {
        let (mut guard, _) = guard(POLICY, Dialect::OpenaiChat);
        let out = guard.feed(&Bytes::from_static(stream.as_bytes()));
        assert!(out.is_empty() && guard.fault().is_some(), "{stream}");
        assert!(guard.feed(&Bytes::from_static(b"data: {}\n\n")).is_empty(), "nothing follows");
    }
    let (mut guard, _) = guard(POLICY, Dialect::OpenaiChat);
    guard.whole(b"no JSON");
    assert!(guard.fault().is_some());
}

#[test]
fn a_slow_model_is_waited_for_only_so_long_and_never_for_what_is_suspected() {
    let (mut guard, clock) = guard(POLICY, Dialect::OpenaiChat);
    let event = |text: &str| {
        Bytes::from(format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": text}}]})))
    };
    assert!(guard.feed(&event("Hello")).is_empty());
    clock.advance_ms(499);
    assert!(guard.overdue().is_empty());
    clock.advance_ms(1);
    assert_eq!(guard.overdue(), event("Hello"));
    assert_eq!(guard.due(), None);
    assert!(guard.feed(&event(" open sesame")).is_empty());
    clock.advance_ms(10_000);
    assert!(guard.overdue().is_empty(), "it is suspected as it stands");
    assert_eq!(guard.due(), None, "and not looked at again before more comes");
    assert!(guard.fault().is_none(), "but nothing is decided before its window is whole");
    assert!(guard.feed(&event("d.")).is_empty());
    assert_eq!(
        guard.end(&Bytes::new()),
        [event(" open sesame"), event("d.")].concat(),
        "no word that is meant"
    );
    assert!(guard.fault().is_none());
}

#[test]
fn of_two_rules_the_heavier_counts_and_a_safer_model_only_before_the_first_words() {
    let policy = POLICY.replace("output annotate contact", "output safer contact");
    for (before, safer) in [
        ("", true),
        ("These are words enough to begin with, and more than are ever held here, as it goes on. ", false),
    ] {
        let (mut guard, _) = guard(&policy, Dialect::OpenaiChat);
        let stream = stream(Dialect::OpenaiChat, &[before, before, before, "ada@example.org"]);
        passed(&mut guard, stream.as_bytes().chunks(10));
        assert_eq!((guard.wants_safer(), guard.fault().is_some()), (safer, true), "{before}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Verdict, what passes and what does not are the same however a stream is cut, and no part of a forbidden phrase passes.
    #[test]
    fn the_verdict_does_not_depend_on_the_cuts(
        words in proptest::collection::vec(prop_oneof![4 => "[a-z]{1,9} ", 1 => Just(" open sesame ".to_owned()), 1 => "[中é]{1,9}"], 1..60),
        every in 1_usize..7,
        chunk in 1_usize..400,
        dialect in 0_usize..3,
    ) {
        let dialect = DIALECTS[dialect];
        let text = words.concat();
        let letters: Vec<char> = text.chars().collect();
        let pieces: Vec<String> = letters.chunks(every).map(|piece| piece.iter().collect()).collect();
        let stream = stream(dialect, &pieces.iter().map(String::as_str).collect::<Vec<_>>());
        let (mut at_once, _) = guard(POLICY, dialect);
        let (mut in_chunks, _) = guard(POLICY, dialect);
        let whole = passed(&mut at_once, [stream.as_bytes()].into_iter());
        let cut = passed(&mut in_chunks, stream.as_bytes().chunks(chunk));
        prop_assert_eq!(&whole, &cut);
        prop_assert_eq!(at_once.found(), in_chunks.found());
        let forbidden = words.iter().any(|word| word == " open sesame ");
        prop_assert_eq!(at_once.fault().is_some(), forbidden);
        let passed = said(&whole);
        prop_assert!(text.starts_with(&passed), "{}", passed);
        if let Some(at) = text.find("open sesame") {
            // Cut behind white space, so that not even its first word passes.
            prop_assert!(passed.len() <= at, "{}", passed);
        } else {
            prop_assert_eq!(&whole, &stream);
        }
    }
}
