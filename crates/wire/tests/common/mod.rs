//! The corpus, read from its files; the gateway's tests read it too.
#![allow(
    dead_code,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "each test uses its part, and fails by panicking"
)]

use std::path::PathBuf;
use tollgate_wire::Dialect;
use tollgate_wire::form::Json;

/// One file of the corpus.
pub struct Entry {
    pub dialect: Dialect,
    pub kind: String,
    pub name: String,
    pub covers: String,
    pub bytes: Vec<u8>,
}

/// Every file of one kind (`requests`, `responses`, `streams`) in the manifest's order.
pub fn corpus(kind: &str) -> Vec<Entry> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../wire/corpus");
    let manifest = Json::parse(&std::fs::read(root.join("manifest.json")).unwrap()).unwrap();
    let text = |json: &Json, key: &str| json.get(key).and_then(Json::as_str).unwrap().to_owned();
    let all = manifest.items().iter().map(|line| {
        let path = text(line, "path");
        Entry {
            dialect: Dialect::parse(&text(line, "dialect")).unwrap(),
            kind: text(line, "kind"),
            name: path.rsplit('/').next().unwrap().split('.').next().unwrap().to_owned(),
            covers: text(line, "covers"),
            bytes: std::fs::read(root.join(&path)).unwrap(),
        }
    });
    all.filter(|entry| entry.kind == kind).collect()
}

/// The same JSON with the arguments of calls spelled in one way: a stream may split them anywhere and dialects that
/// hold them as objects do not keep their blanks.
pub fn spelled(json: &Json) -> Json {
    match json {
        Json::Object(members) => Json::Object(
            members
                .iter()
                .map(|(key, value)| match (key.as_str(), value) {
                    ("arguments", Json::String(text)) => {
                        let parsed =
                            Json::parse(text.as_bytes()).map_or_else(|_| text.clone(), |json| json.to_text());
                        (key.clone(), Json::String(parsed))
                    }
                    _ => (key.clone(), spelled(value)),
                })
                .collect(),
        ),
        Json::Array(items) => Json::Array(items.iter().map(spelled).collect()),
        other => other.clone(),
    }
}
