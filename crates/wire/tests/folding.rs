//! Folding, unfolding and splitting: streams and whole answers say the same, in every pair of dialects.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test that cannot go on fails")]

mod common;

use common::{corpus, spelled};
use proptest::prelude::*;
use tollgate_wire::form::{
    Body, Citation, Delta, Event, Json, Options, Part, Response, Stop, Thought, Usage,
};
use tollgate_wire::{Dialect, fold, translate};

const BROKEN: [&str; 3] = ["error", "truncated", "failed"];

fn translated(from: Dialect, to: Dialect, chunks: &[&[u8]]) -> Vec<u8> {
    let mut stream = translate::Stream::new(from, to, Options::default()).unwrap();
    let mut out: Vec<u8> = chunks.iter().flat_map(|chunk| stream.push(chunk)).collect();
    out.extend(stream.finish());
    out
}

/// fold(translate(s)) = translate(fold(s))
fn commutes(from: Dialect, to: Dialect, stream: &[u8], chunks: &[&[u8]]) {
    let options = Options::default();
    let out = translated(from, to, chunks);
    let folded = fold::fold(to, &out, &options).unwrap();
    let whole = fold::fold(from, stream, &options).unwrap().to_bytes();
    let direct = translate::response(from, to, &whole, &options).unwrap().0;
    let direct = Json::parse(&direct).unwrap();
    assert_eq!(
        spelled(&folded).to_text(),
        spelled(&direct).to_text(),
        "{} to {}\nfrom {}\nto {}",
        from.word(),
        to.word(),
        String::from_utf8_lossy(stream),
        String::from_utf8_lossy(&out)
    );
}

#[test]
fn a_corpus_stream_folds_to_the_corpus_answer_of_its_name() {
    let responses = corpus("responses");
    let mut met = 0;
    for stream in corpus("streams") {
        let twin = responses.iter().find(|r| r.dialect == stream.dialect && r.name == stream.name);
        let Some(twin) = twin.filter(|_| !BROKEN.contains(&stream.name.as_str())) else { continue };
        let folded = fold::fold_form(stream.dialect, &stream.bytes).unwrap();
        let read = translate::read_response(stream.dialect, &twin.bytes).unwrap();
        for to in Dialect::CONVERSATIONS {
            let write = |form: &Response| {
                let mut report = Default::default();
                translate::write_response(*to, form, &Options::default(), &mut report).unwrap()
            };
            let mut read = read.clone();
            read.extra = Default::default();
            let tier = |form: &Response| Response { service_tier: None, ..form.clone() };
            assert_eq!(
                spelled(&write(&tier(&folded))).to_text(),
                spelled(&write(&tier(&read))).to_text(),
                "{} {}",
                stream.dialect.word(),
                stream.name
            );
        }
        met += 1;
    }
    assert!(met >= 25, "only {met} pairs in the corpus");
}

#[test]
fn every_corpus_stream_commutes_whole_and_byte_by_byte() {
    for entry in corpus("streams").iter().filter(|e| !BROKEN.contains(&e.name.as_str())) {
        let bytes: Vec<&[u8]> = entry.bytes.chunks(1).collect();
        for to in Dialect::CONVERSATIONS {
            commutes(entry.dialect, *to, &entry.bytes, &[&entry.bytes]);
            assert_eq!(
                translated(entry.dialect, *to, &bytes),
                translated(entry.dialect, *to, &[&entry.bytes]),
                "{} {}",
                entry.dialect.word(),
                entry.name
            );
        }
    }
}

#[test]
fn a_broken_stream_ends_with_an_error_event_wherever_it_breaks() {
    let whole = corpus("streams");
    for entry in whole.iter().filter(|e| e.name == "tools") {
        for cut in (0..entry.bytes.len()).step_by(7) {
            for to in Dialect::CONVERSATIONS {
                let mut stream = translate::Stream::new(entry.dialect, *to, Options::default()).unwrap();
                let mut out = stream.push(&entry.bytes[..cut]);
                let before = stream.ended();
                out.extend(stream.finish());
                let folded = fold::fold(*to, &out, &Options::default());
                assert_eq!(
                    stream.failed(),
                    folded.is_err(),
                    "{} to {} cut at {cut}",
                    entry.dialect.word(),
                    to.word()
                );
                if stream.failed() && !before {
                    let text = String::from_utf8_lossy(&out);
                    assert!(text.contains("error"), "{} to {}: {text}", entry.dialect.word(), to.word());
                }
            }
        }
    }
    for entry in whole.iter().filter(|e| BROKEN.contains(&e.name.as_str())) {
        for to in Dialect::CONVERSATIONS {
            let out = translated(entry.dialect, *to, &[&entry.bytes]);
            assert!(
                fold::fold(*to, &out, &Options::default()).is_err(),
                "{} {}",
                entry.dialect.word(),
                entry.name
            );
        }
    }
}

#[test]
fn a_whole_answer_unfolds_to_a_stream_that_folds_to_it() {
    for entry in corpus("responses").iter().filter(|e| e.name != "failed") {
        for to in Dialect::CONVERSATIONS {
            let options = Options::default();
            let (stream, _) = translate::unfolded(entry.dialect, *to, &entry.bytes, &options).unwrap();
            let folded = fold::fold(*to, &stream, &options).unwrap();
            let direct = translate::response(entry.dialect, *to, &entry.bytes, &options).unwrap().0;
            let mut form = translate::read_response(*to, &direct).unwrap();
            form.extra = Default::default();
            let direct = translate::write_response(*to, &form, &options, &mut Default::default()).unwrap();
            assert_eq!(
                spelled(&folded).to_text(),
                spelled(&direct).to_text(),
                "{} {}",
                entry.dialect.word(),
                entry.name
            );
        }
    }
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[ -~]{0,12}",
        2 => "[äß世界🜁\\n\\r\\t\"\\\\\u{0}\u{2028}]{0,6}",
        1 => Just("data: [DONE]\n\nevent: x\n\n".to_owned()),
    ]
}

fn part() -> impl Strategy<Value = Part> {
    let citation = ("[a-z]{1,5}", texts(), proptest::option::of((0_u64..3, 3_u64..6))).prop_map(
        |(url, title, range)| Citation::Url {
            url: format!("https://{url}.example"),
            title,
            range,
            cited: None,
            encrypted: None,
        },
    );
    let arguments = prop_oneof![
        Just(String::new()),
        Just("{}".to_owned()),
        Just("{\"broken\": ".to_owned()),
        texts().prop_map(|t| Json::object().with("q", t).with("n", 1_u64).to_text()),
    ];
    prop_oneof![
        4 => (texts(), proptest::collection::vec(citation, 0..2)).prop_map(|(text, citations)| {
            let citations = if text.is_empty() { Vec::new() } else { citations };
            Part::of(Body::Text { text, citations, logprobs: Vec::new() })
        }),
        1 => "[a-z]{1,8}".prop_map(|t| Part::of(Body::Refusal(t))),
        3 => ("[a-z0-9]{4}", "[a-z]{1,6}", arguments).prop_map(|(id, name, arguments)| {
            Part::of(Body::ToolCall { id: format!("call_{id}"), name, arguments, signature: None })
        }),
        2 => (texts(), proptest::collection::vec("[a-z]{1,6}", 0..3), proptest::option::of("[a-z]{4}"), 0..4_usize).prop_map(
            |(text, summary, signature, origin)| Part::thought(Thought {
                text, summary, signature, origin: Some(Dialect::CONVERSATIONS[origin]), ..Thought::default()
            })
        ),
    ]
}

fn stop() -> impl Strategy<Value = Stop> {
    prop_oneof![
        Just(Stop::End),
        Just(Stop::Length),
        Just(Stop::ContextFull),
        Just(Stop::ToolCalls),
        Just(Stop::ContentFilter),
        Just(Stop::Refusal),
        Just(Stop::Pause),
        Just(Stop::Sequence("END".to_owned())),
        Just(Stop::Other("odd".to_owned())),
    ]
}

fn usage() -> impl Strategy<Value = Usage> {
    let some = || proptest::option::of(1_u64..50);
    (100_u64..200, some(), some(), 60_u64..90, some()).prop_map(
        |(prompt, cached, cache_write, completion, reasoning)| Usage {
            prompt,
            cached,
            cache_write,
            completion,
            reasoning,
        },
    )
}

fn answer() -> impl Strategy<Value = Response> {
    let parts = proptest::collection::vec(part(), 0..6);
    (parts, stop(), proptest::option::of(usage())).prop_map(|(mut parts, stop, usage)| {
        // Ids of calls are unique; the chat dialect has no place for text between calls, so it comes first.
        for (n, part) in parts.iter_mut().enumerate() {
            if let Body::ToolCall { id, .. } = &mut part.body {
                id.push_str(&n.to_string());
            }
        }
        Response {
            id: Some("resp_x1".to_owned()),
            model: Some("m".to_owned()),
            parts,
            stop: Some(stop),
            usage,
            ..Response::default()
        }
    })
}

/// The order in which a chat message says its parts.
fn chat_order(part: &Part) -> u8 {
    match part.body {
        Body::Reasoning(_) => 0,
        Body::Text { .. } => 1,
        Body::Refusal(_) => 2,
        _ => 3,
    }
}

/// The answer as a stream of `dialect`, its pieces cut after every `every`th character.
fn streamed(dialect: Dialect, answer: &Response, every: usize) -> Vec<u8> {
    let mut sink = translate::Sink::new(dialect, Options::default()).unwrap();
    let (mut out, mut report) = (Vec::new(), Default::default());
    for event in fold::events(answer) {
        let cut = |text: &str| -> Vec<String> {
            let letters: Vec<char> = text.chars().collect();
            letters.chunks(every).map(|piece| piece.iter().collect()).collect()
        };
        let pieces: Vec<Event> = match &event {
            Event::Delta { part, delta: Delta::Text(text) } => {
                cut(text).into_iter().map(|t| Event::Delta { part: *part, delta: Delta::Text(t) }).collect()
            }
            Event::Delta { part, delta: Delta::Arguments(text) } => cut(text)
                .into_iter()
                .map(|t| Event::Delta { part: *part, delta: Delta::Arguments(t) })
                .collect(),
            _ => vec![event.clone()],
        };
        pieces.iter().for_each(|event| sink.write(event, &mut report, &mut out));
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn generated_streams_commute_in_every_pair(answer in answer(), every in 1_usize..5, cuts in proptest::collection::vec(0_usize..4000, 0..6)) {
        for from in Dialect::CONVERSATIONS {
            let mut answer = answer.clone();
            if *from == Dialect::OpenaiChat {
                answer.parts.sort_by_key(chat_order);
            }
            let stream = streamed(*from, &answer, every);
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
            at.extend([0, stream.len()]);
            at.sort_unstable();
            let chunks: Vec<&[u8]> = at.windows(2).map(|w| &stream[w[0]..w[1]]).collect();
            for to in Dialect::CONVERSATIONS {
                commutes(*from, *to, &stream, &chunks);
            }
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), pick in 0_usize..1000, flip in 0_usize..4000) {
        let streams = corpus("streams");
        let mut bent = streams[pick % streams.len()].bytes.clone();
        let at = flip % bent.len();
        bent.splice(at..at, bytes);
        for from in Dialect::CONVERSATIONS {
            let out = translated(*from, Dialect::OpenaiResponses, &[&bent]);
            prop_assert!(!out.is_empty());
            let _ = translate::read_request(*from, &bent);
            let _ = translate::read_response(*from, &bent);
        }
    }
}
