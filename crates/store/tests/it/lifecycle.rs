//! Opening, closing, migrating, a full queue, a sick database, sessions and feedback.

use crate::{Folder, at, memory, open, quick, sample};
use std::sync::Arc;
use tollgate_store::{
    DecisionFilter, Feedback, KeySpec, Location, Secret, Sessions, Store, StoreConfig, StoreError,
};

#[test]
fn a_closed_store_has_everything_and_takes_nothing() {
    let folder = Folder::new();
    let store = open(&folder.file(), StoreConfig { group_ms: 60_000, ..quick() });
    for n in 0..100 {
        assert!(store.record(sample(n)));
    }
    assert_eq!(store.close().unwrap().written, 100);
    assert!(!store.record(sample(101)));
    assert_eq!(store.stats().dropped, 1);
    assert!(matches!(store.flush(), Err(StoreError::Closed)));
    drop(store);
    let store = open(&folder.file(), quick());
    assert_eq!(store.decisions(&DecisionFilter::default(), None, 1000).unwrap().rows.len(), 100);
    assert!(store.fsck().unwrap().is_clean());
}

#[test]
fn two_memory_stores_share_nothing() {
    let (one, two) = (memory(quick()), memory(quick()));
    one.record(sample(1));
    one.flush().unwrap();
    assert!(two.decisions(&DecisionFilter::default(), None, 10).unwrap().rows.is_empty());
}

/// More readers than connections: they wait for each other and all get their answer.
#[test]
fn readers_share_a_bounded_number_of_connections() {
    let folder = Folder::new();
    let store = open(&folder.file(), StoreConfig { readers: 1, ..quick() });
    store.record(sample(1));
    store.flush().unwrap();
    let read = || store.decisions(&DecisionFilter::default(), None, 10).unwrap().rows.len();
    let seen: usize = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| (0..20).map(|_| read()).sum::<usize>())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(seen, 160);
}

#[cfg(unix)]
#[test]
fn a_new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let store = open(&folder.file(), quick());
    store.record(sample(1));
    store.flush().unwrap();
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        let mode = std::fs::metadata(folder.0.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} {mode:o}");
    }
}

#[test]
fn a_newer_or_foreign_file_is_refused() {
    let folder = Folder::new();
    drop(open(&folder.file(), quick()));
    let conn = rusqlite::Connection::open(folder.file()).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    drop(conn);
    let text = |error: Result<Store, StoreError>| error.err().unwrap().to_string();
    let newer = text(Store::open(&Location::File(folder.file()), quick()));
    assert!(
        newer.ends_with(
            "has schema 99, this program knows up to 5: run the newer tollgate or use another file"
        )
    );
    let other = folder.0.join("text.db");
    std::fs::write(&other, "this is not a database, it only has its name".repeat(100)).unwrap();
    assert!(text(Store::open(&Location::File(other), quick())).starts_with("cannot open the database"));
    let nowhere = folder.0.join("no/such/folder.db");
    assert!(text(Store::open(&Location::File(nowhere), quick())).contains("check that its folder exists"));
}

/// Another connection holds the database's lock; the gateway's calls neither wait nor fail.
#[test]
fn a_stuck_database_drops_records_and_loses_none_that_were_taken() {
    let folder = Folder::new();
    let config = StoreConfig { queue_max: 10, jobs_max: 2, ack_ms: 1, ..quick() };
    let store = open(&folder.file(), config);
    let other = rusqlite::Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(store.flush(), Err(StoreError::TimedOut { limit_ms: 1 })));
    // The writer now waits for the lock with the first job in hand.
    let mut taken = 0;
    for n in 0..50 {
        taken += u64::from(store.record(sample(n)));
    }
    assert!((10..50).contains(&taken), "{taken}");
    assert_eq!(store.stats().dropped, 50 - taken);
    let busy = (0..4).filter(|_| matches!(store.flush(), Err(StoreError::Busy { limit: 2 }))).count();
    assert!(busy >= 1);
    other.execute_batch("COMMIT").unwrap();
    drop(other);
    let stats = store.close().unwrap();
    assert_eq!((stats.written, stats.waiting), (taken, 0));
}

#[test]
fn a_failed_commit_says_so_and_the_next_one_works() {
    let folder = Folder::new();
    let store = open(&folder.file(), quick());
    let other = rusqlite::Connection::open(folder.file()).unwrap();
    other.execute_batch("ALTER TABLE decisions RENAME TO elsewhere").unwrap();
    store.record(sample(1));
    assert!(matches!(store.flush(), Err(StoreError::RolledBack { .. })));
    let stats = store.stats();
    assert_eq!((stats.written, stats.failed), (0, 1));
    assert!(stats.last_error.unwrap().contains("no such table: decisions"));
    other.execute_batch("ALTER TABLE elsewhere RENAME TO decisions").unwrap();
    store.record(sample(2));
    store.flush().unwrap();
    assert_eq!(store.stats().written, 1);
}

#[test]
fn a_job_that_fails_undoes_itself_alone() {
    let store = memory(quick());
    let make = |n: u8| {
        let id = tollgate_core::id::KeyId::from_bits(u128::from(n % 4));
        store.create_key(id, KeySpec::named("k"), &Secret::from_bytes(&[n; 32]), at(0))
    };
    let made = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|n| scope.spawn(move || make(n).is_ok())).collect();
        threads.into_iter().map(|t| t.join().unwrap()).filter(|ok| *ok).count()
    });
    assert_eq!((made, store.keys().all().len()), (4, 4));
}

#[test]
fn fsck_names_what_is_wrong() {
    let folder = Folder::new();
    let store = open(&folder.file(), quick());
    let other = rusqlite::Connection::open(folder.file()).unwrap();
    other
        .execute_batch(
            "INSERT INTO decision_details VALUES (7, '{', NULL, NULL);
             UPDATE response_totals SET count = 3;
             INSERT INTO budget_spans VALUES ('key', 'a', 'tokens', 'day', 5, 5, 1, 2);",
        )
        .unwrap();
    let report = store.fsck().unwrap();
    assert_eq!(
        report.problems,
        [
            "decision details without a decision: 7",
            "decision details that are not JSON: 7",
            "budget counters that are negative or overrun by more than was used: a",
            "budget windows that end before they start: a",
            "totals of responses that differ from their rows: 3 rows, 0 bytes",
        ]
    );
}

#[test]
fn sessions_are_bounded_and_come_back() {
    let folder = Folder::new();
    let config = || StoreConfig { sessions_max: 3, ..quick() };
    let note = |sessions: &Sessions, id: &str, time| {
        sessions.note(&Arc::from(id), "small".into(), Some("p".into()), None, at(time));
    };
    let store = open(&folder.file(), config());
    for (time, id) in (0..).zip(["a", "b", "c", "a", "d"]) {
        note(store.sessions(), id, time);
    }
    assert_eq!(store.sessions().get("b"), None, "the least recently used went");
    assert_eq!(store.sessions().get("a").map(|s| (s.turns, s.time)), Some((2, at(3))));
    assert_eq!(store.sweep(at(5)).unwrap().sessions, 3);
    assert_eq!(store.sweep(at(5)).unwrap().sessions, 0);
    note(store.sessions(), "e", 6);
    drop(store);
    let store = open(&folder.file(), config());
    assert_eq!(store.sessions().len(), 3);
    assert_eq!(store.sessions().get("c"), None);
    assert_eq!(store.sessions().get("a").map(|s| (s.turns, s.pool)), Some((2, Some("p".into()))));
    note(store.sessions(), "f", 7);
    assert_eq!(store.sessions().get("a"), None, "the order of use came back too");
}

#[test]
fn feedback_is_kept_checked_and_bounded() {
    let store = memory(StoreConfig { feedback_max: 3, decisions_age_s: 10, ..quick() });
    let empty = Feedback {
        request_id: "req_1".into(),
        score: None,
        label: None,
        preferred_model: None,
        comment: None,
    };
    let add = |feedback: Feedback| store.add_feedback(feedback, Some("key_1"), at(0));
    assert!(matches!(add(empty.clone()), Err(StoreError::Bad { field: "feedback", .. })));
    for score in [1.5, -0.1, f64::NAN] {
        let feedback = Feedback { score: Some(score), ..empty.clone() };
        assert!(matches!(add(feedback), Err(StoreError::Bad { field: "score", .. })));
    }
    let long = Feedback { comment: Some("x".repeat(8193)), ..empty.clone() };
    assert!(matches!(add(long), Err(StoreError::TooLarge { field: "comment", .. })));
    let good = Feedback { score: Some(1.0), label: Some("satisfied".into()), ..empty };
    let seqs: Vec<_> = (0..5).map(|_| add(good.clone()).unwrap()).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5]);
    let rows = store.feedback_of("req_1").unwrap();
    assert_eq!((rows.len(), rows[0].seq, rows[0].key.as_deref()), (3, 3, Some("key_1")));
    assert_eq!(rows[0].feedback, good);
    assert_eq!(store.feedback_after(3, 1).unwrap()[0].seq, 4);
    assert_eq!(store.sweep(at(11)).unwrap().feedback, 3);
}
