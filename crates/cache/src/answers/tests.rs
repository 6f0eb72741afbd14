use super::*;
use crate::guard::Gist;
use proptest::prelude::*;

const START: Timestamp = Timestamp(1_000);

fn key(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

fn answer(words: &str, ends: i64) -> Answer {
    Answer {
        body: Bytes::copy_from_slice(words.as_bytes()),
        owner: "ada".into(),
        model: "m".into(),
        created: START,
        expires: Timestamp(ends),
        ..Answer::default()
    }
}

fn question(group: &str, text: &str, vector: [f32; 2]) -> Question {
    Question { group: key(group), gist: Gist::of(text), vector: vector.to_vec() }
}

fn search<'a>(question: &'a Question, least: f32) -> Search<'a> {
    Search { question, least, now: START }
}

#[test]
fn an_answer_is_found_until_its_time() {
    let cache = Cache::new(Bounds::default());
    assert_eq!(cache.put(key("a"), answer("one", 2_000), None), Some(Vec::new()));
    assert_eq!(cache.exact(&key("a"), Timestamp(1_999)).unwrap().answer.body, "one");
    assert!(cache.exact(&key("b"), START).is_none());
    assert_eq!(cache.put(key("a"), answer("two", 3_000), None), Some(Vec::new()), "one in place of another");
    assert_eq!(cache.exact(&key("a"), Timestamp(2_000)).unwrap().answer.body, "two");
    assert_eq!(cache.counts().entries, 1);
    assert!(cache.exact(&key("a"), Timestamp(3_000)).is_none());
    assert_eq!(cache.counts(), Counts::default());
    for (name, end) in [("a", 2_000), ("b", 2_001), ("c", 2_002)] {
        cache.put(key(name), answer(name, end), None);
    }
    assert_eq!(cache.sweep(Timestamp(2_001)), 2);
    assert_eq!(cache.counts().entries, 1);
}

#[test]
fn likeness_needs_the_group_the_vector_and_the_words() {
    let cache = Cache::new(Bounds::default());
    let kept = question("g", "How do I reset my password?", [1.0, 0.0]);
    cache.put(key("a"), answer("one", 2_000), Some(kept));
    let find = |group: &str, text: &str, vector: [f32; 2]| {
        let question = question(group, text, vector);
        cache.alike(&search(&question, 0.9)).map(|found| (found.key, found.cosine))
    };
    let close = [0.96, 0.28];
    let same = "how can i reset the password";
    assert_eq!(find("g", same, close), Some((key("a"), Some(0.96))));
    assert_eq!(find("h", same, close), None, "another group");
    assert_eq!(find("g", same, [0.8, 0.6]), None, "too far");
    assert_eq!(find("g", "how do I set my password", close), None, "other words");
    // Behind a nearer question that is another one.
    let other = question("g", "How do I lose my password?", close);
    cache.put(key("b"), answer("two", 2_000), Some(other));
    assert_eq!(find("g", same, close), Some((key("a"), Some(0.96))));
    // Past its time it is not found, and its group goes with the last of it.
    assert_eq!(cache.sweep(Timestamp(2_000)), 2);
    assert_eq!(cache.counts(), Counts::default());
}

#[test]
fn the_chosen_are_forgotten() {
    let cache = Cache::new(Bounds::default());
    for (name, owner, model, created) in
        [("a", "ada", "m", 1), ("b", "ada", "n", 2), ("c", "bob", "m", 3), ("d", "bob", "n", 4)]
    {
        let answer = Answer {
            owner: owner.into(),
            model: model.into(),
            created: Timestamp(created),
            ..answer(name, 2_000)
        };
        cache.put(key(name), answer, Some(question(owner, "why is that", [1.0, 0.0])));
    }
    let ada = Chosen { owner: Some("ada".into()), model: Some("m".into()), ..Chosen::default() };
    assert_eq!(cache.forget(&ada), [key("a")]);
    assert_eq!(cache.forget(&Chosen { before: Some(Timestamp(3)), ..Chosen::default() }), [key("b")]);
    assert_eq!(cache.forget(&Chosen::default()).len(), 2);
    assert_eq!(cache.counts(), Counts::default());
}

#[test]
fn the_least_recently_used_makes_room() {
    let bounds = Bounds { entries: 3, bytes: 1 << 20, answer_bytes: 100 };
    let cache = Cache::new(bounds);
    for name in ["a", "b", "c"] {
        cache.put(key(name), answer(name, 2_000), None);
    }
    assert!(cache.exact(&key("a"), START).is_some());
    assert_eq!(cache.put(key("d"), answer("d", 2_000), None), Some(vec![key("b")]));
    assert!(cache.exact(&key("b"), START).is_none());
    assert!(["a", "c", "d"].iter().all(|name| cache.exact(&key(name), START).is_some()));
    assert_eq!(cache.put(key("e"), answer(&"x".repeat(101), 2_000), None), None, "larger than one may be");
    let small = Cache::new(Bounds { entries: 100, bytes: 5 * ENTRY_BYTES, answer_bytes: ENTRY_BYTES });
    for at in 0..50 {
        assert!(small.put(key(&at.to_string()), answer(&"x".repeat(ENTRY_BYTES), 2_000), None).is_some());
        assert!(small.counts().bytes <= 5 * ENTRY_BYTES);
    }
    assert_eq!((small.counts().entries, small.counts().evicted), (2, 48));
}

proptest! {
    /// Whatever is done, the tables agree and the bounds hold.
    #[test]
    fn tables_agree(steps in proptest::collection::vec((0_u8..6, 0_u8..12, 1_i64..20), 1..80)) {
        let bounds = Bounds { entries: 5, bytes: 9_000, answer_bytes: 2_000 };
        let cache = Cache::new(bounds);
        let mut now = 0;
        for (what, name, number) in steps {
            let name = key(&name.to_string());
            match what {
                0 | 1 => {
                    let asked = question(if number > 9 { "g" } else { "h" }, "why is that", [1.0, 0.0]);
                    let kept = answer(&"x".repeat(number as usize * 100), now + number);
                    cache.put(name, kept, (what == 0).then_some(asked));
                }
                2 => drop(cache.exact(&name, Timestamp(now))),
                3 => now += number,
                4 => drop(cache.sweep(Timestamp(now))),
                _ => {
                    let asked = question("g", "why is that", [1.0, 0.0]);
                    drop(cache.alike(&Search { question: &asked, least: 0.5, now: Timestamp(now) }));
                }
            }
            let state = cache.state.lock();
            prop_assert!(state.entries.len() <= bounds.entries && state.bytes <= bounds.bytes);
            prop_assert_eq!(state.by_use.len(), state.entries.len());
            prop_assert_eq!(state.by_end.len(), state.entries.len());
            prop_assert_eq!(state.entries.values().map(|e| e.bytes).sum::<usize>(), state.bytes);
            let rows: usize = state.groups.values().map(|group| group.read().questions.len()).sum();
            prop_assert_eq!(rows, state.entries.values().filter(|e| e.place.is_some()).count());
        }
    }
}
