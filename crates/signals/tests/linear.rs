//! Long and hostile prompts. Nothing is timed here (the benches do that): with quadratic work these sizes would take
//! half a minute and more: the incumbent needs 3.15 s for one keyword-set rule at this size, optimised.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::{Value as Json, json};
use support::{chat, hundred_rules, prose, read, spec, user};
use tollgate_core::signal::{Kind, SignalSource, Value};
use tollgate_core::{ManualClock, Timestamp};
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
