//! Stored responses: owners, ends, chains, pages of items, bounds.

use crate::{at, memory, quick};
use tollgate_store::{ItemQuery, StoreConfig, StoreError, StoredResponse};

fn response(n: u64) -> StoredResponse {
    let items: Vec<_> = (0..5).map(|i| format!(r#"{{"id":"msg_{n}_{i}"}}"#)).collect();
    StoredResponse {
        id: format!("resp_{n}"),
        owner: "key_a".into(),
        created: at(n),
        expires: at(n + 1000),
        previous_id: n.checked_sub(1).map(|p| format!("resp_{p}")),
        metadata: "{}".into(),
        input: format!("[{}]", items.join(",")),
        output: format!(r#"{{"id":"resp_{n}"}}"#),
    }
}

#[test]
fn only_the_owner_reads_until_the_end() {
    let store = memory(quick());
    store.put_response(response(0)).unwrap();
    assert_eq!(store.response("resp_0", "key_a", at(1)).unwrap(), Some(response(0)));
    assert_eq!(store.response("resp_0", "key_b", at(1)).unwrap(), None);
    assert_eq!(store.response("resp_0", "key_a", at(1000)).unwrap(), None);
    assert!(!store.delete_response("resp_0", "key_b").unwrap());
    assert!(store.delete_response("resp_0", "key_a").unwrap());
    assert_eq!(store.response("resp_0", "key_a", at(1)).unwrap(), None);
    store.put_response(response(1)).unwrap();
    assert!(matches!(store.put_response(response(1)), Err(StoreError::Duplicate { .. })));
    assert_eq!(store.sweep(at(2000)).unwrap().responses, 1);
    assert!(store.fsck().unwrap().is_clean());
}

#[test]
fn an_offer_is_there_after_a_flush() {
    let store = memory(quick());
    assert!(store.offer_response(response(0)).unwrap());
    store.flush().unwrap();
    assert!(store.response("resp_0", "key_a", at(1)).unwrap().is_some());
}

#[test]
fn a_chain_is_oldest_first_and_ends_at_a_gap() {
    let store = memory(quick());
    for n in 0..6 {
        store.put_response(response(n)).unwrap();
    }
    let chain = |id: &str, limit| {
        let chain = store.response_chain(id, "key_a", at(7), limit);
        chain.map(|c| c.into_iter().map(|r| r.id).collect::<Vec<_>>())
    };
    assert_eq!(chain("resp_2", 10).unwrap(), ["resp_0", "resp_1", "resp_2"]);
    assert_eq!(chain("resp_5", 2).unwrap(), ["resp_4", "resp_5"]);
    store.delete_response("resp_3", "key_a").unwrap();
    assert_eq!(chain("resp_5", 10).unwrap(), ["resp_4", "resp_5"]);
    assert!(matches!(chain("resp_3", 10), Err(StoreError::NotFound { .. })));
    let mut looped = response(9);
    looped.previous_id = Some("resp_9".into());
    store.put_response(looped).unwrap();
    assert_eq!(chain("resp_9", 4).unwrap().len(), 4, "a loop is cut by the limit");
}

#[test]
fn items_come_in_pages_both_ways() {
    let store = memory(quick());
    store.put_response(response(0)).unwrap();
    let page = |after: Option<&str>, limit, ascending| {
        let query = ItemQuery { after: after.map(Into::into), limit, ascending };
        store.input_items("resp_0", "key_a", at(1), &query)
    };
    let first = page(None, 2, true).unwrap();
    assert_eq!((first.first_id.as_deref(), first.last_id.as_deref()), (Some("msg_0_0"), Some("msg_0_1")));
    assert!(first.has_more);
    let rest = page(Some("msg_0_1"), 10, true).unwrap();
    assert_eq!((rest.data.len(), rest.has_more), (3, false));
    let newest = page(None, 2, false).unwrap();
    assert_eq!(newest.first_id.as_deref(), Some("msg_0_4"));
    assert!(matches!(page(Some("msg_x"), 2, true), Err(StoreError::NotFound { what: "input item", .. })));
}

#[test]
fn the_oldest_make_room_by_count_and_by_bytes() {
    let store = memory(StoreConfig { responses_max: 3, ..quick() });
    for n in 0..5 {
        store.put_response(response(n)).unwrap();
    }
    assert!(store.response("resp_1", "key_a", at(6)).unwrap().is_none());
    assert!(store.response("resp_2", "key_a", at(6)).unwrap().is_some());
    let store = memory(StoreConfig { responses_bytes_max: 500, ..quick() });
    for n in 0..9 {
        store.put_response(response(n)).unwrap();
    }
    let left = (0..9).filter(|n| store.response(&format!("resp_{n}"), "key_a", at(9)).unwrap().is_some());
    assert!((1..5).contains(&left.count()));
    assert!(store.fsck().unwrap().is_clean());
}

#[test]
fn a_full_store_gives_up_rows_of_whoever_has_most() {
    let of = |owner: &str, n: u64, size: usize| StoredResponse {
        owner: owner.into(),
        previous_id: None,
        output: format!("\"{}\"", "x".repeat(size)),
        ..response(n)
    };
    // By bytes: one with large answers, whatever their number, and by count: one with many.
    let bounds = [
        (StoreConfig { responses_bytes_max: 40_000, ..quick() }, 9_000),
        (StoreConfig { responses_max: 20, ..quick() }, 1),
    ];
    for (config, size) in bounds {
        let store = memory(config);
        for n in 0..3 {
            store.put_response(of("small", n, 1)).unwrap();
        }
        for n in 100..200 {
            store.put_response(of("large", n, size)).unwrap();
        }
        let kept = |owner: &str, ids: std::ops::Range<u64>| {
            ids.filter(|n| store.response(&format!("resp_{n}"), owner, at(200)).unwrap().is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(kept("small", 0..3), [0, 1, 2], "others push nothing out");
        let large = kept("large", 100..200);
        assert!(large.len() > 2 && large.ends_with(&[199]), "its newest stay: {large:?}");
        // With an end of what they have the shares end, too.
        assert!(store.delete_response("resp_0", "small").unwrap());
        store.sweep(at(5_000)).unwrap();
        assert!(store.fsck().unwrap().is_clean());
    }
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let store = memory(StoreConfig { response_bytes_max: 300, ..quick() });
    let mut large = response(0);
    large.output = format!("\"{}\"", "x".repeat(300));
    assert!(matches!(store.put_response(large), Err(StoreError::TooLarge { limit: 300, .. })));
    let bad = |change: fn(&mut StoredResponse)| {
        let mut response = response(0);
        change(&mut response);
        matches!(store.put_response(response), Err(StoreError::Bad { .. }))
    };
    assert!(bad(|r| r.input = "{}".into()));
    assert!(bad(|r| r.output = "{".into()));
    assert!(bad(|r| r.metadata = String::new()));
}
