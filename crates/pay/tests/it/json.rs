//! Signed JSON: the public vectors of RFC 8785 where they are whole numbers, and what must be refused.

use std::io::Write as _;
use std::path::Path;
use tollgate_pay::json::Json;

#[test]
fn repeated_names_and_broken_texts_are_refused() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#""\ud800""#,
        "[1,]",
        "01",
        "nul",
        "",
        "[1] x",
        "\u{feff}1",
    ] {
        assert!(Json::parse(text.as_bytes()).is_err(), "{text}");
    }
    for text in ["1.5", "1e2", "9007199254740992", "-0.0"] {
        assert!(Json::parse(text.as_bytes()).unwrap().canonical().is_err(), "{text}");
    }
}

#[test]
fn names_are_sorted_by_utf_16_units() {
    // U+FB33 comes after U+1F600 in UTF-16 (whose first unit is D83D) and before it in UTF-8.
    let json = Json::parse("{\"\u{fb33}\":1,\"\u{1f600}\":2,\"1\":3,\"\\r\":4}".as_bytes()).unwrap();
    assert_eq!(json.canonical().unwrap(), "{\"\\r\":4,\"1\":3,\"\u{1f600}\":2,\"\u{fb33}\":1}");
    let text = Json::parse(br#""\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/""#).unwrap();
    assert_eq!(text.canonical().unwrap(), "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"");
}

#[test]
fn the_published_vectors_of_jcs_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/evidence/jcs");
    let Ok(files) = std::fs::read_dir(folder.join("input")) else {
        // Past the capture of a test that passes.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {} is absent", folder.display());
        return;
    };
    let mut held = 0;
    for file in files.flatten() {
        let name = file.file_name();
        let Ok(wanted) = std::fs::read_to_string(folder.join("output").join(&name)) else { continue };
        let json = Json::parse(&std::fs::read(file.path()).unwrap()).unwrap();
        // Some have fractions, which our signed objects refuse.
        if let Ok(text) = json.canonical() {
            assert_eq!(text, wanted.trim_end_matches('\n'), "{name:?}");
            held += 1;
        }
    }
    assert!(held >= 3, "{held} vectors");
}
