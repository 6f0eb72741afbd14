//! Signals whose answers somebody else gives.

mod support;

use serde_json::json;
use support::{chat, spec};
use tollgate_core::signal::{Kind, SignalSource, SignalSpec};
use tollgate_core::{ManualClock, Timestamp};
use tollgate_signals::{Input, Reading, SignalSet};

fn specs() -> Vec<SignalSpec> {
    let of = |name: &str, source: &str, is: &str, scope: &str| {
        spec(name, Kind::Classifier, json!({"source": source, "is": [is], "threshold": 0.6, "scope": scope}))
    };
    vec![
        of("bad", "tone", "bad", "last_user"),
        of("good", "tone", "good", "last_user"),
        of("all", "tone", "bad", "all"),
        of("other", "topic", "law", "last_user"),
    ]
}

#[test]
fn each_text_of_a_source_is_wanted_once_and_only_when_it_is_read() {
    let (set, view) = (
        SignalSet::compile(&specs()).unwrap(),
        chat(&[("user", "first"), ("assistant", "so"), ("user", "second")]),
    );
    let clock = ManualClock::new(Timestamp(0));
    let input = Input::new(&view);
    let mut reading = Reading::new(&set, &input, &clock);
    reading.show_evidence(true);
    assert!(reading.wanted().is_none());
    assert!(reading.read(0).failure.is_some());
    reading.read(3);
    assert_eq!(reading.wanted(), Some(("tone", "second")), "the first that was read");
    reading.answer(Ok(vec![("good".into(), 0.25), ("bad".into(), 0.75)]), 42);
    assert_eq!(reading.wanted(), None);
    let bad = reading.read(0).clone();
    assert_eq!((bad.matched, bad.confidence, bad.evidence.as_deref()), (true, 0.75, Some("bad 0.75")));
    let good = reading.read(1).clone();
    assert_eq!(
        (good.matched, good.confidence, good.failure),
        (false, 0.75, None),
        "the same answer serves both"
    );
    assert!(reading.wanted().is_none());
    reading.read(2);
    assert_eq!(reading.wanted(), Some(("tone", "first\nso\nsecond")), "another text is another question");
    reading.answer(Err("it was late".into()), 7);
    assert_eq!(reading.read(2).failure.as_deref(), Some("it was late"));
    assert!(reading.read(0).matched, "what was answered before stays");
    assert!(reading.times().any(|(index, ns, _)| (index, ns) == (0, 42)));
    let answers = reading.answers().clone();
    let mut again = Reading::new(&set, &input, &clock);
    again.answered(&answers);
    assert!(again.read(0).matched && again.wanted().is_none());
}

#[test]
fn a_label_that_the_source_does_not_have_fails_and_says_which_it_has() {
    let (set, view) = (SignalSet::compile(&specs()).unwrap(), chat(&[("user", "x")]));
    let clock = ManualClock::new(Timestamp(0));
    let mut reading = Reading::new(&set, &Input::new(&view), &clock);
    reading.read(3);
    reading.answer(Ok(vec![("math".into(), 1.0)]), 0);
    let failure = reading.read(3).failure.clone().unwrap();
    assert!(failure.contains("topic") && failure.contains("math"), "{failure}");
}
