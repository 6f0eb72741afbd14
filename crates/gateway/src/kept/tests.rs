use super::*;
use bytes::Bytes;
use tollgate_cache::guard::Gist;
use tollgate_cache::{Bounds, Rules, Search};
use tollgate_store::{Location, StoreConfig};

const NOW: Timestamp = Timestamp(1_000);

fn settings(persist: bool) -> CacheSettings {
    CacheSettings {
        bounds: Bounds { entries: 2, ..Bounds::default() },
        rules: Rules { ttl_s: 60, ..Rules::default() },
        share: crate::config::written::CacheShare::Caller,
        wait_ms: 0,
        persist,
    }
}

fn question() -> Question {
    let gist = Gist::of("why is the sky blue");
    Question { group: Digest::of(b"group"), gist, vector: vec![0.6, 0.8] }
}

fn key(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

fn answer(words: &'static str) -> Answer {
    Answer { body: Bytes::from_static(words.as_bytes()), expires: Timestamp(2_000), ..Answer::default() }
}

#[test]
fn a_restart_keeps_what_was_kept_and_nothing_else() {
    let store = Store::open(&Location::Memory, StoreConfig::default()).unwrap();
    let encoder = Some(Digest::of(b"encoder"));
    let before = Kept::open(&settings(true), encoder, &store, NOW).unwrap();
    for (name, words) in [("a", "one"), ("b", "two"), ("c", "three")] {
        before.put(key(name), answer(words), Some(question()), 0);
    }
    store.flush().unwrap();
    let asked = question();
    let search = Search { question: &asked, least: 0.9, now: NOW };
    let after = Kept::open(&settings(true), encoder, &store, NOW).unwrap();
    assert!(after.cache.exact(&key("a"), NOW).is_none(), "it had made room");
    assert_eq!(after.cache.exact(&key("b"), NOW).unwrap().answer.body, "two");
    assert!(after.cache.alike(&search).is_some());
    // Another encoder's vectors say nothing here.
    let other = Kept::open(&settings(true), Some(Digest::of(b"other")), &store, NOW).unwrap();
    assert!(other.cache.exact(&key("b"), NOW).is_some() && other.cache.alike(&search).is_none());
    assert_eq!(after.forget(&Chosen::default()).unwrap(), 2);
    after.put(key("e"), answer("asked for before"), None, 0);
    store.flush().unwrap();
    assert_eq!(after.cache.counts().entries, 0);
    assert_eq!(Kept::open(&settings(true), encoder, &store, NOW).unwrap().cache.counts().entries, 0);
    // Nothing is written where nothing is to be.
    let silent = Kept::open(&settings(false), encoder, &store, NOW).unwrap();
    silent.put(key("d"), answer("four"), None, 0);
    store.flush().unwrap();
    assert!(store.answers(NOW, 9).unwrap().is_empty());
    assert!(store.fsck().unwrap().is_clean());
}

#[test]
fn who_comes_second_waits_until_the_first_is_done() {
    let store = Store::open(&Location::Memory, StoreConfig::default()).unwrap();
    let kept = Arc::new(Kept::open(&settings(false), None, &store, NOW).unwrap());
    let Flight::Lead(lead) = kept.join(key("a")) else { panic!("the first leads") };
    let Flight::Wait(mut told) = kept.join(key("a")) else { panic!("the second waits") };
    assert!(matches!(kept.join(key("b")), Flight::Lead(_)), "another key");
    assert_eq!(told.has_changed().ok(), Some(false));
    drop(lead);
    assert!(told.has_changed().is_err(), "the end is told");
    told.mark_unchanged();
    assert!(matches!(kept.join(key("a")), Flight::Lead(_)));
    assert!(kept.flights.lock().is_empty());
}
