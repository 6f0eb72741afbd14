//! Kept answers: newest rows, ends, bounds, deletion.

use crate::{at, memory, quick};
use tollgate_store::{KeptAnswer, Store};

fn answer(n: u64, bytes: usize) -> KeptAnswer {
    KeptAnswer {
        key: format!("key_{n}"),
        expires: at(1000 + n),
        about: "{}".into(),
        body: vec![b'x'; bytes],
        vector: vec![1, 2, 3, 4],
    }
}

fn keys(store: &Store, now: u64, limit: usize) -> Vec<String> {
    store.flush().unwrap();
    store.answers(at(now), limit).unwrap().into_iter().map(|answer| answer.key).collect()
}

#[test]
fn the_newest_are_read_until_their_end() {
    let store = memory(quick());
    for n in 0..4 {
        assert!(store.offer_answer(answer(n, 10), 100, 1 << 20));
    }
    assert_eq!(keys(&store, 1, 2), ["key_2", "key_3"]);
    assert_eq!(store.answers(at(1), 9).unwrap()[1], answer(1, 10));
    // Kept anew it is the newest.
    assert!(store.offer_answer(answer(0, 20), 100, 1 << 20));
    assert_eq!(keys(&store, 1, 9), ["key_1", "key_2", "key_3", "key_0"]);
    assert_eq!(keys(&store, 1002, 9), ["key_3"]);
    assert_eq!(store.sweep(at(1002)).unwrap().answers, 3);
    assert_eq!(store.forget_answers(vec!["key_3".into(), "key_9".into()]).unwrap(), 1);
    assert!(keys(&store, 1, 9).is_empty());
    assert!(store.offer_answer(answer(4, 10), 100, 1 << 20) && store.offer_forgetting(vec!["key_4".into()]));
    assert!(keys(&store, 1, 9).is_empty());
    assert!(store.fsck().unwrap().is_clean());
}

#[test]
fn count_and_bytes_are_bounded() {
    let store = memory(quick());
    for n in 0..10 {
        assert!(store.offer_answer(answer(n, 10), 3, 1 << 20));
    }
    assert_eq!(keys(&store, 1, 99), ["key_7", "key_8", "key_9"]);
    assert!(store.offer_answer(answer(10, 5000), 100, 5100));
    assert_eq!(keys(&store, 1, 99), ["key_7", "key_8", "key_9", "key_10"]);
    assert!(store.offer_answer(answer(11, 4000), 100, 5100));
    assert_eq!(keys(&store, 1, 99), ["key_11"]);
    assert!(store.fsck().unwrap().is_clean());
}
