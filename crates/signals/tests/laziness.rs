//! Each signal is computed when first read, once, and says how long it took; nothing else is computed.

mod support;

use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use support::{hundred_rules, prose, spec, user};
use tollgate_core::signal::{Kind, SignalSource, SignalSpec};
use tollgate_core::{Clock, Tick, Timestamp};
use tollgate_signals::{Input, Reading, SignalSet};

/// A clock that moves by 5 ns whenever it is asked.
#[derive(Default)]
struct Counting(AtomicU64);

impl Clock for Counting {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    fn tick(&self) -> Tick {
        Tick(self.0.fetch_add(5, Ordering::SeqCst))
    }
}

#[test]
fn a_signal_is_computed_once_and_timed_where_it_reads_text() {
    let hello = spec("hello", Kind::Keyword, json!({"any": ["hello"]}));
    let specs = [SignalSpec::fact(Kind::Turns), SignalSpec::fact(Kind::Tokens), hello];
    let set = SignalSet::compile(&specs).unwrap();
    let (view, clock) = (user("hello"), Counting::default());
    let mut reading = Reading::new(&set, &Input::new(&view), &clock);
    assert_eq!(reading.times().count(), 0);
    let first = reading.read(2).clone();
    assert_eq!(*reading.read(2), first);
    reading.read(0);
    reading.read(2);
    let times: Vec<_> = reading.times().map(|(index, ns, signal)| (index, ns, signal.matched)).collect();
    assert_eq!(times, [(2, 5, true), (0, 0, true)]);
    assert_eq!(clock.0.load(Ordering::SeqCst), 10, "two ticks for the keyword, none for the fact");
}

#[test]
fn an_unknown_index_fails_without_a_panic() {
    let set = SignalSet::compile(&[]).unwrap();
    let (view, clock) = (user("hello"), Counting::default());
    let mut reading = Reading::new(&set, &Input::new(&view), &clock);
    assert!(reading.read(7).failure.is_some());
    assert_eq!(reading.times().count(), 0);
}

#[test]
fn evidence_is_given_only_when_asked_for_and_changes_nothing_else() {
    let mut specs = hundred_rules();
    specs.push(spec("event", Kind::Event, json!({"types": ["model"], "temporal": true})));
    specs.push(spec("meta", Kind::Metadata, json!({"key": "a"})));
    let set = SignalSet::compile(&specs).unwrap();
    let (view, clock) = (user(&prose(4000, true)), Counting::default());
    let read = |evidence| {
        let mut reading = Reading::new(&set, &Input::new(&view), &clock);
        reading.show_evidence(evidence);
        (0..set.len()).map(|i| reading.read(i).clone()).collect::<Vec<_>>()
    };
    let (with, mut without) = (read(true), read(false));
    assert!(without.iter().all(|s| s.evidence.is_none()));
    assert!(with.iter().filter(|s| s.evidence.is_some()).count() > 10);
    for (with, without) in with.iter().zip(&mut without) {
        without.evidence.clone_from(&with.evidence);
        assert_eq!(with, without);
    }
}

#[test]
fn the_order_of_reading_does_not_matter() {
    let set = SignalSet::compile(&hundred_rules()).unwrap();
    let (view, clock) = (user(&prose(4000, true)), Counting::default());
    let input = Input::new(&view);
    let (mut forward, mut backward) =
        (Reading::new(&set, &input, &clock), Reading::new(&set, &input, &clock));
    for i in (0..set.len()).rev() {
        backward.read(i);
    }
    for i in 0..set.len() {
        assert_eq!(forward.read(i), backward.read(i), "{:?}", set.name(i));
    }
}
