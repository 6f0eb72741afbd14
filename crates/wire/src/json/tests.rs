use super::text::string_run;
use super::*;
use crate::view::TextSpan;
use proptest::prelude::*;
use serde_json::Value;

fn problem(text: &[u8]) -> String {
    validate(text, DEPTH_MAX).unwrap_err().to_string()
}

/// Acceptance by an independent reader; surrogates are not its business here, as ours replaces lone ones.
fn accepted_by_serde(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok() && serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

#[test]
fn errors_name_place_path_and_fix() {
    let cases: &[(&[u8], &str, &str)] = &[
        (b"{\"a\":1,}", "line 1, column 8, byte 7", "no comma before }"),
        (b"{\"messages\":[{},{\"content\":\"a\nb\"}]}", "messages[1].content", r"write it as \n"),
        (b"{\n \"a\": [1, 2\n}", "a[1] (line 3, column 1", "comma or ]"),
        (b"{\"\xc3\xa9\":\"\xc3\xa9\", \"a\":01}", "line 1, column 16", "no leading zero"),
        (b"\xef\xbb\xbf{}", "byte 0", "byte order mark"),
        (b"{\"a\":\"\xff\"}", "a (line 1, column 7", "not UTF-8"),
        (br#"{"a":"\x"}"#, "a (", "unknown escape"),
        (br#"{"a":"\u12g4"}"#, "a (", "four hexadecimal"),
        (b"{\"a\":tru}", "a (", "true, false and null"),
        (b"{\"a\" 1}", "a (line 1", "colon"),
        (b"{\"a\":1", "line 1, column 7", "the text ends here"),
        (b"", "byte 0", "the text ends here"),
        (b"1 2", "byte 2", "one value is allowed"),
        (b"[1 2]", "[0] (", "comma or ]"),
        (b"[,1]", "[0] (", "a value should stand here"),
        (b"-", "byte 1", "the text ends"),
        (b"1.e5", "byte 2", "decimal point"),
        (b"1e+", "byte 3", "the text ends"),
    ];
    for (text, place, fix) in cases {
        let shown = problem(text);
        assert!(shown.contains(place) && shown.contains(fix), "{shown}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |n: usize| [b"[".repeat(n), b"]".repeat(n)].concat();
    assert!(validate(&nested(128), DEPTH_MAX).is_ok());
    assert!(matches!(validate(&nested(129), DEPTH_MAX), Err(WireError::TooLarge { limit: 128, .. })));
    assert!(validate(&nested(129), u8::MAX).is_err(), "the hard limit holds");
    assert!(validate(&nested(3), 2).is_err());
    assert!(problem(&b"[".repeat(1_000_000)).contains("levels"));
}

#[test]
fn strings_of_every_length_and_oddity_end_where_they_end() {
    for len in 0..200 {
        for odd in [b'"', b'\\', 0x1f, b'\n', 0] {
            let mut bytes = vec![b'a'; len];
            bytes.push(odd);
            bytes.extend_from_slice(&[0x80, b'"', 0xff]);
            assert_eq!((plain_run(&bytes), string_run(&bytes)), (len, len), "{len} {odd}");
        }
        assert_eq!((plain_run(&vec![0xc3; len]), string_run(&vec![0xc3; len])), (len, len));
    }
}

#[test]
fn decodes_escapes_and_lone_surrogates() {
    let cases = [
        (r"plain", "plain"),
        (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r"caf\u00e9 \ud83d\ude00!", "café 😀!"),
        (r"\ud83d", "\u{fffd}"),
        (r"\ud83dx\ude00", "\u{fffd}x\u{fffd}"),
        (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
        (r"\", "\u{fffd}"),
        (r"\u12", "\u{fffd}12"),
    ];
    for (raw, text) in cases {
        assert_eq!(unescape(raw.as_bytes()), text, "{raw}");
    }
}

#[test]
fn decoded_offsets_map_to_raw_ones() {
    let raw = r"a\né\ud83d\ude00z".as_bytes();
    let text = unescape(raw);
    let mapped: Vec<_> = (0..=text.len() + 1).map(|n| raw_offset(raw, n)).collect();
    let inside = None;
    let expected =
        [Some(0), Some(1), Some(3), inside, Some(5), inside, inside, inside, Some(17), Some(18), None];
    assert_eq!(mapped, expected);
}

/// Walks a value with the pull interface and rebuilds it, so that keys, spans and order are all checked.
fn rebuild(scan: &mut Scanner<'_>, bytes: &[u8]) -> Result<Value, Flaw> {
    let text = |t: TextSpan| unescape(&bytes[t.span.start as usize..t.span.end as usize]);
    match scan.kind()? {
        Kind::Object => {
            let mut map = serde_json::Map::new();
            scan.enter_object()?;
            while let Some(key) = scan.next_key()? {
                map.insert(text(key), rebuild(scan, bytes)?);
            }
            Ok(Value::Object(map))
        }
        Kind::Array => {
            let mut list = Vec::new();
            scan.enter_array()?;
            while scan.next_element()? {
                list.push(rebuild(scan, bytes)?);
            }
            Ok(Value::Array(list))
        }
        Kind::String => scan.string().map(|t| Value::String(text(t))),
        Kind::Bool => scan.boolean().map(Value::Bool),
        _ => {
            let span = scan.skip()?;
            Ok(serde_json::from_slice(&bytes[span.start as usize..span.end as usize]).unwrap())
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
        "\\PC{0,90}".prop_map(Value::String),
        "[\\x00-\\x7f]{0,12}".prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec(("[a-z\"\\\\é]{0,9}", inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn mutated(text: &[u8], at: usize, byte: u8, how: u8) -> Vec<u8> {
    let mut bytes = text.to_vec();
    let at = at % (bytes.len() + 1);
    match how {
        0 => bytes.insert(at, byte),
        1 if at < bytes.len() => bytes[at] = byte,
        2 => bytes.truncate(at),
        _ if at < bytes.len() => drop(bytes.remove(at)),
        _ => {}
    }
    bytes
}

proptest! {
    #[test]
    fn rebuilds_what_serde_wrote(value in any_json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        let span = validate(&text, DEPTH_MAX).unwrap();
        prop_assert_eq!(span.len(), text.len());
        let mut scan = Scanner::new(&text, DEPTH_MAX).unwrap();
        prop_assert_eq!(rebuild(&mut scan, &text).unwrap(), value);
        prop_assert_eq!(scan.finish(), Ok(()));
    }

    #[test]
    fn accepts_exactly_what_serde_accepts(
        value in any_json(), at in any::<usize>(), how in 0u8..4,
        byte in prop_oneof![any::<u8>(), prop::sample::select(b"{}[],:\"\\0123456789.eE+-tfn \n\t".to_vec())],
    ) {
        let bytes = mutated(&serde_json::to_vec(&value).unwrap(), at, byte, how);
        let ours = validate(&bytes, DEPTH_MAX);
        prop_assert_eq!(ours.is_ok(), accepted_by_serde(&bytes), "{:?}", ours);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..250) {
        let _ = validate(&bytes, DEPTH_MAX);
        let _ = (unescape(&bytes), raw_offset(&bytes, at), locate(&bytes, at));
    }

    #[test]
    fn quoting_is_undone_by_decoding(text in "\\PC{0,90}|[\\x00-\\x7f]{0,30}") {
        let quoted = quote(&text);
        prop_assert!(validate(&quoted, DEPTH_MAX).is_ok());
        prop_assert_eq!(unescape(&quoted[1..quoted.len() - 1]), text);
    }
}
