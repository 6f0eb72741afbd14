use super::*;
use proptest::prelude::*;

fn events(chunks: &[&[u8]]) -> Vec<Event> {
    let mut framer = Framer::default();
    let mut out = Vec::new();
    for chunk in chunks {
        framer.push(Bytes::copy_from_slice(chunk));
        while let Some(event) = framer.next_event().unwrap() {
            out.push(event);
        }
    }
    out.extend(framer.finish().unwrap());
    out
}

fn data(chunks: &[&[u8]]) -> Vec<String> {
    events(chunks).iter().map(|e| String::from_utf8(e.data.to_vec()).unwrap()).collect()
}

#[test]
fn reads_the_standards_examples() {
    let cases: &[(&str, &[&str])] = &[
        ("data: YHOO\ndata: +2\ndata: 10\n\n", &["YHOO\n+2\n10"]),
        (
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            &["first event", "second event", " third event"],
        ),
        ("data\n\ndata\ndata\n\n", &["", "\n"]),
        ("data:test\n\ndata: test\r\n\r\ndata: x\r\r", &["test", "test", "x"]),
        ("\u{feff}data: bom\n\n\u{feff}data: not a field\n\n", &["bom"]),
        ("event: only\n\nretry: 10\n\n", &[]),
        ("data: unfinished", &["unfinished"]),
    ];
    for (stream, expected) in cases {
        assert_eq!(data(&[stream.as_bytes()]), *expected, "{stream:?}");
    }
}

#[test]
fn fields_are_kept() {
    let got = events(&[b"event: a\nevent: b\nid: 7\nretry: 250\nretry: x\nfoo: bar\ndata: {}\n\n"]);
    let expected =
        Event { name: Some("b".into()), data: "{}".into(), id: Some("7".into()), retry_ms: Some(250) };
    assert_eq!(got, [expected]);
}

#[test]
fn one_chunk_is_not_copied() {
    let chunk = Bytes::from_static(b"data: abc\n\ndata: def\n\n");
    let mut framer = Framer::default();
    framer.push(chunk.clone());
    let first = framer.next_event().unwrap().unwrap();
    assert_eq!(first.data.as_ptr(), chunk[6..].as_ptr());
}

#[test]
fn bounds_hold_before_the_event_ends() {
    let mut framer = Framer::new(20, 10);
    framer.push("data: 123456789012345".into());
    assert!(matches!(framer.next_event(), Err(WireError::TooLarge { limit: 20, .. })));
    let mut framer = Framer::new(20, 10);
    framer.push("data: 12345678\n\n".into());
    assert!(matches!(framer.next_event(), Err(WireError::TooLarge { limit: 10, .. })));
}

#[test]
fn whole_events_are_gathered() {
    let mut boundary = Boundary::default();
    assert_eq!(boundary.complete_up_to(b"data: 1\n\ndata: 2\n\ndata"), 18);
    assert_eq!(boundary.complete_up_to(b": 3\n"), 0);
    assert_eq!(boundary.complete_up_to(b"\n"), 1);
    assert_eq!(boundary.complete_up_to(b"data: 4\r\n\r"), 10);
    assert_eq!(boundary.complete_up_to(b"\ndata: 5\r\n\r\n"), 12);
}

#[test]
fn the_writer_splits_lines() {
    let mut out = Vec::new();
    write_event(&mut out, Some("x\ny"), b"a\nb\r\nc");
    write_event(&mut out, None, b"");
    assert_eq!(String::from_utf8_lossy(&out), "event: xy\ndata: a\ndata: b\ndata: c\n\ndata: \n\n");
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "data: ", "data", "event: e", "id: 1", ": c", "\n", "\r", "\r\n", "\n\n", "é", "x", "\u{feff}",
        "retry: 5",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_split_gives_the_same_events(stream in stream(), cuts in prop::collection::vec(1usize..9, 0..60)) {
        let mut chunks = Vec::new();
        let mut rest = stream.as_slice();
        for cut in cuts {
            let (head, tail) = rest.split_at(cut.min(rest.len()));
            chunks.push(head);
            rest = tail;
        }
        chunks.push(rest);
        prop_assert_eq!(events(&chunks), events(&[&stream]));
    }

    #[test]
    fn written_events_are_read_back(parts in prop::collection::vec("[a-zé{}:\" \n]{0,20}", 0..6)) {
        let mut out = Vec::new();
        for part in &parts {
            write_event(&mut out, Some("n"), part.as_bytes());
        }
        prop_assert_eq!(data(&[&out]), parts);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let _ = events(&[&bytes]);
        let _ = data_lines(&bytes);
    }
}
