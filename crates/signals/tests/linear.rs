//! Long and hostile prompts. Nothing is timed here (the benches do that): with quadratic work these sizes would take
//! half a minute and more: the incumbent needs 3.15 s for one keyword-set rule at this size, optimised.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::{Value as Json, json};
use support::{chat, hundred_rules, prose, read, spec, user};
use tollgate_core::signal::{Kind, SignalSource, Value};
use tollgate_core::{ManualClock, Timestamp};
use tollgate_signals::safety::{Looks, Suspicion, TEXT_MAX, readings, shown};
use tollgate_signals::{Input, Reading, SignalSet};

const SIZE: usize = 256 << 10;

fn number(kind: Kind, params: Json, text: &str) -> f64 {
    match read(spec("s", kind, params), &user(text)).value {
        Value::Number(number) => number,
        Value::Flag(flag) => f64::from(u8::from(flag)),
        other => panic!("{other:?}"),
    }
}

/// The incumbent walks the whole prefix on every hit; here a hit looks at two neighbours.
#[test]
fn keyword_sets_on_text_full_of_hits() {
    let text = "first 然后 then ".repeat(SIZE / 18);
    let times = (SIZE / 18) as f64;
    let words = json!(["first", "then", "然后", "finally"]);
    assert_eq!(number(Kind::Feature, json!({"measure": "count", "words": words}), &text), 3.0 * times);
    assert_eq!(number(Kind::Feature, json!({"measure": "density", "words": words}), &text), 75.0);
    assert_eq!(number(Kind::Feature, json!({"measure": "sequence", "words": words}), &text), 0.0);
    let order = json!({"measure": "sequence", "words": ["then", "first", "然后"]});
    assert_eq!(number(Kind::Feature, order, &text), 1.0);
}

#[test]
fn one_endless_word_and_many_overlaps() {
    let text = "a".repeat(SIZE);
    let nested: Vec<String> = (1..40).map(|n| "a".repeat(n)).collect();
    assert_eq!(number(Kind::Keyword, json!({"any": nested}), &text), 0.0);
    assert_eq!(
        number(Kind::Keyword, json!({"any": ["aaaaaaaab"], "method": "fuzzy", "distance": 3}), &text),
        0.0
    );
    assert_eq!(number(Kind::Keyword, json!({"any": ["aaab"], "method": "ngram"}), &text), 0.0);
    let chinese = "哈".repeat(SIZE / 3);
    assert_eq!(
        number(Kind::Feature, json!({"measure": "count", "words": ["哈哈"]}), &chinese),
        (SIZE / 6) as f64
    );
    assert_eq!(
        number(Kind::Keyword, json!({"any": ["哈哈笑笑哈笑"], "method": "fuzzy", "distance": 1}), &chinese),
        0.0
    );
}

/// Every match of the first expression looks ahead to the end; counting is capped, so the work stays bounded.
#[test]
fn expressions_that_look_far_ahead() {
    let text = "b".repeat(SIZE / 16);
    let params = json!({"measure": "count", "regex": [".*[^b]|b"]});
    assert_eq!(number(Kind::Feature, params, &text), 1000.0);
    assert_eq!(number(Kind::Keyword, json!({"any": ["(b+)+c"], "method": "regex"}), &"b".repeat(SIZE)), 0.0);
    let order = json!({"measure": "sequence", "regex": ["b", "b", "c"]});
    assert_eq!(number(Kind::Feature, order, &"b".repeat(SIZE)), 0.0);
}

#[test]
fn words_that_are_nearly_the_keyword() {
    let text = "pasword1 drowssap wordpass ".repeat(SIZE / 27 / 4);
    assert_eq!(number(Kind::Keyword, json!({"any": ["password"], "method": "fuzzy"}), &text), 0.0);
    assert_eq!(
        number(Kind::Keyword, json!({"any": ["password"], "method": "fuzzy", "distance": 2}), &text),
        1.0
    );
}

#[test]
fn every_rule_on_a_long_mixed_prompt_and_many_turns() {
    let set = SignalSet::compile(&hundred_rules()).unwrap();
    let clock = ManualClock::new(Timestamp(0));
    let view = user(&prose(SIZE, true));
    let mut reading = Reading::new(&set, &Input::new(&view), &clock);
    let matched = (0..set.len()).filter(|i| reading.read(*i).matched).count();
    assert!((20..100).contains(&matched), "{matched}");
    let turns: Vec<(&str, &str)> =
        (0..8000).flat_map(|_| [("user", "again?"), ("assistant", "no")]).collect();
    let view = chat(&turns);
    for kind in Kind::ALL.iter().filter(|k| k.is_fact()) {
        assert_eq!(read(spec("f", *kind, json!({})), &view).failure, None, "{kind:?}");
    }
    assert!(read(spec("r", Kind::Reask, json!({"lookback": 16})), &view).matched);
}

/// Much to take out, names of many humps, marks that wait to be ordered, and letters that unfold into many.
#[test]
fn loose_readings_of_long_and_hostile_texts() {
    for unit in ["_-\t ", "aB", "a\u{301}\u{316}", "\u{200b}", "\u{301}", "\u{fdfa}", "date of "] {
        let text = format!("{} date_of birth", unit.repeat(SIZE / unit.len()));
        let any = json!({"any": ["date of birth"], "all": ["birth"], "scope": "sent"});
        assert_eq!(number(Kind::Keyword, any, &format!("{text} of\nbirth.")), 1.0, "{unit:?}");
    }
}

/// Hits that are nothing are gone through from byte to byte.
#[test]
fn numbers_that_are_nobodys() {
    for unit in ["1 ", "4111 ", "2024-01-01 ", "1-1.1 ", "0 01", "1:", "AB12 CD34 ", "1\u{a0}", "call 1.5 "] {
        let text = unit.repeat(SIZE / 16 / unit.len());
        let any = json!({"types": ["iban", "ssn", "email"], "scope": "sent"});
        assert_eq!(number(Kind::Pii, any, &text), 0.0, "{unit:?}");
        let _ = tollgate_signals::content::personal_data(&text);
    }
}

/// Codes that go on for ever and say nothing, blanks before many paragraphs, and dumps of bytes.
fn coded(size: usize) -> Vec<String> {
    let units = [
        "00 ",
        "ff:",
        "41,",
        "7f-",
        "\\x00",
        "%00",
        "%ff",
        "\\u0000",
        "&#0;",
        "&#x;",
        "a b ",
        "a  b  ",
        "4 ",
        "h3 ",
        "QUJD",
        "V",
        "0",
        "gur ",
        "eht ",
        "\u{e0041}",
        "\u{fe00}",
        "\u{200b}",
        "\u{fdfa}",
        "о",
        "a\n\n",
        ". ",
        ".\n",
        " ",
    ];
    let mut all: Vec<String> = units.iter().map(|unit| unit.repeat(size / unit.len())).collect();
    let blanks = " ".repeat(size / 3);
    all.push(format!("{blanks}{}{blanks}", "a\n\n".repeat(size / 9)));
    all.push((0..size / 57).map(|at| format!("{:08x}:{}\n", at * 16, " 7f".repeat(16))).collect());
    let gap = |at: usize| if at % 16 == 15 { '\n' } else { ' ' };
    all.push((0..size / 3).map(|at| format!("{:02X}{}", at * 7 % 256, gap(at))).collect());
    all
}

#[test]
fn readings_of_codes_that_say_nothing() {
    for text in coded(SIZE) {
        let all = readings(&text).unwrap();
        let bytes: usize = all.iter().map(|reading| reading.len()).sum();
        assert!(bytes <= 36 * text.len(), "{bytes} of {:?}", text.chars().take(20).collect::<String>());
        assert!(shown(&text).len() <= 11 * text.len());
    }
}

#[test]
fn scans_of_codes_that_say_nothing() {
    for text in coded(SIZE / 8) {
        assert!(Suspicion::of(&text, Looks::ALL).is_some());
    }
}

/// What becomes longer by being read cannot be read beyond the same bound as what is sent.
#[test]
fn every_reading_is_bounded() {
    let ligatures = |bytes: usize| "\u{fdfa}".repeat(bytes / 33);
    assert!(readings(&ligatures(TEXT_MAX)).is_some());
    for text in [ligatures(TEXT_MAX + 33), "V".repeat(TEXT_MAX / 2), "a".repeat(TEXT_MAX + 1)] {
        assert!(readings(&text).is_none() && Suspicion::of(&text, Looks::ALL).is_none());
        assert_eq!(shown(&text), text);
        let signal = read(spec("s", Kind::Jailbreak, json!({})), &user(&text));
        assert!(signal.failure.is_some_and(|why| why.contains("4 MiB")), "{}", text.len());
    }
}
