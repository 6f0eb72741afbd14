//! Whether heads say of a long text in its most telling sentences what they say of all of it.
//!
//! A long text is thirty to ninety questions of one subject, one behind the other, so that its subject is known and its beginning
//! is a small part of it. Beside it stands what heads read before: the first page.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use tollgate_signals::head::shipped;
use tollgate_signals::reduce::reduce;

const PAGE: usize = 4096;
const HEADS: [&str; 4] = ["domain", "fact_check", "reasoning", "difficulty"];

fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn documents() -> Option<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/signals/mmlu-pro-28/questions.jsonl.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).ok()?).read_to_string(&mut text).ok()?;
    let mut subjects: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let (subject, question) = (row["category"].as_str()?, row["question"].as_str()?);
        subjects.entry(subject.to_owned()).or_default().push(question.to_owned());
    }
    let of = |all: Vec<String>| {
        let sizes = [30, 50, 70, 90].into_iter().cycle();
        let mut rest = all.into_iter();
        let cut = sizes.map(move |size| rest.by_ref().take(size).collect::<Vec<_>>().join("\n"));
        cut.take_while(|text| text.len() > 2 * PAGE).collect::<Vec<_>>()
    };
    Some(subjects.into_values().flat_map(of).collect())
}

#[test]
fn heads_agree_on_a_long_text_and_its_page() {
    let Some(documents) = documents() else {
        return say("SKIPPED: no ../shared/data/signals/mmlu-pro-28 beside the repository");
    };
    let bytes: usize = documents.iter().map(String::len).sum();
    say(&format!("{} texts of {} bytes on average", documents.len(), bytes / documents.len()));
    for name in HEADS {
        let Some(head) = shipped(name) else { continue };
        let best = |text: &str| head.classify_text(text).best().0;
        let first = |text: &str| {
            text.char_indices().take_while(|(at, _)| *at < PAGE).map(|(_, c)| c).collect::<String>()
        };
        let (mut page, mut cut) = (0, 0);
        for text in &documents {
            let full = best(text);
            page += usize::from(best(&reduce(text, PAGE)) == full);
            cut += usize::from(best(&first(text)) == full);
        }
        let share = |count: usize| count as f64 / documents.len() as f64;
        say(&format!("{name}: reduced {:.3}, first page {:.3}", share(page), share(cut)));
        assert!(share(page) >= 0.85, "{name}");
    }
}
