//! Many replicas of one ledger: nothing is applied twice, nothing answered is lost, whoever of them or the server dies.

use super::conform::attempt;
use super::server::{Server, scratch};
use super::{accounts, clock, holds, lock, open, release};
use crate::kill::run_and_kill;
use postgres::{Client, NoTls};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use tollgate_core::{Clock, ManualClock, Seed, Tick, Timestamp};
use tollgate_pay::ledger::{Book, Command, Decision, Entry, Limits, Outcome};
use tollgate_pay::log::{Frontier, leaf_hash};
use tollgate_store::journal::audit::Source;
use tollgate_store::journal::{Answer, Journal, JournalConfig, JournalError};

/// Sends until the outcome is known, as a caller must.
fn apply(journal: &Journal, command: &Command) -> Answer {
    loop {
        match journal.apply(command.clone()) {
            Err(JournalError::Unknown) => {}
            answer => return answer.unwrap(),
        }
    }
}

#[test]
fn replicas_that_get_the_same_commands_apply_each_once() {
    let Some(scratch) = scratch() else { return };
    let source = Source::Database(scratch.url());
    let replicas = [open(&source, &clock()), open(&source, &clock())];
    apply(&replicas[0], &accounts(1_000));
    let answers = Mutex::new(BTreeMap::<u64, Vec<Answer>>::new());
    std::thread::scope(|scope| {
        for journal in &replicas {
            for start in [0, 20] {
                let answers = &answers;
                scope.spawn(move || {
                    for n in (start..40).chain(0..start) {
                        let answer = apply(journal, &lock(n));
                        answers.lock().unwrap().entry(n).or_default().push(answer);
                    }
                });
            }
        }
    });
    for (n, answers) in answers.into_inner().unwrap() {
        assert_eq!(answers.len(), 4);
        assert!(answers.iter().all(|a| (a.seq, &a.outcome) == (answers[0].seq, &answers[0].outcome)), "{n}");
        assert_eq!(answers.iter().filter(|answer| !answer.again).count(), 1, "lock {n}");
    }
    for journal in &replicas {
        let seen = journal.look(|book| (book.next_seq(), book.open_holds(), book.audit())).unwrap();
        assert_eq!(seen, (41, 40, Ok(())), "every replica sees what the others wrote");
        journal.close();
    }
}

#[test]
fn one_authorisation_is_consumed_once_by_all_replicas_together() {
    let Some(scratch) = scratch() else { return };
    let source = Source::Database(scratch.url());
    let replicas = [open(&source, &clock()), open(&source, &clock())];
    apply(&replicas[0], &accounts(1_000));
    let applied = Mutex::new(BTreeMap::<u64, u32>::new());
    std::thread::scope(|scope| {
        // Each client has keys of its own, so that only the authorisation can tell that the payment is the same.
        for (client, journal) in [0, 1, 0, 1].into_iter().map(|n| &replicas[n]).enumerate() {
            let applied = &applied;
            scope.spawn(move || {
                for n in 0..20 {
                    let answer = apply(journal, &attempt(n, 1_000 + n, &format!("client-{client}-{n}")));
                    let once = matches!(answer.outcome, Outcome::Applied { .. });
                    *applied.lock().unwrap().entry(n).or_default() += u32::from(once);
                }
            });
        }
    });
    let applied = applied.into_inner().unwrap();
    assert!(applied.len() == 20 && applied.values().all(|times| *times == 1), "{applied:?}");
    assert_eq!(replicas[1].look(|book| (book.open_holds(), book.audit())).unwrap(), (20, Ok(())));
    replicas.iter().for_each(Journal::close);
}

/// Not a test by itself: a replica that holds and releases until it is killed. Its standard input names the ledger.
#[test]
#[ignore = "run by what_a_killed_replica_answered_is_there"]
fn child() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let Some((first, url)) = line.trim().split_once(' ') else { return };
    let first: u64 = first.parse().unwrap();
    let journal = open(&Source::Database(url.into()), &clock());
    let say = |kind: &str, n: u64| {
        std::io::stdout().write_all(format!("\nack {kind} {n}\n").as_bytes()).unwrap();
    };
    std::thread::scope(|scope| {
        for client in 0..4 {
            let journal = &journal;
            scope.spawn(move || {
                for n in (first + client * 10_000..).take(10_000) {
                    let held = apply(journal, &lock(n));
                    say("lock", n);
                    apply(journal, &release(n, holds(&held)[0]));
                    say("release", n);
                }
            });
        }
    });
}

#[test]
fn what_a_killed_replica_answered_is_there() {
    let Some(scratch) = scratch() else { return };
    let source = Source::Database(scratch.url());
    let journal = open(&source, &clock());
    apply(&journal, &accounts(1_000_000));
    let (stop, mut seed, mut told) = (AtomicU32::new(0), Seed(0x5eed), 0);
    let url = scratch.url();
    std::thread::scope(|scope| {
        // This replica writes all the while.
        scope.spawn(|| {
            for n in (9_000_000..).take_while(|_| stop.load(Ordering::Relaxed) == 0) {
                let held = apply(&journal, &lock(n));
                assert!(!held.again);
                apply(&journal, &release(n, holds(&held)[0]));
            }
        });
        for round in 0..6 {
            seed = seed.next();
            let name = "ledger::replicas::child";
            let acks = run_and_kill(name, Path::new(&url), round * 100_000, 1 + seed.bits() % 150);
            for (kind, n) in &acks {
                let locked = apply(&journal, &lock(*n));
                assert!(locked.again, "round {round}: lock {n} was answered and is gone");
                if kind == "release" {
                    let released = apply(&journal, &release(*n, holds(&locked)[0]));
                    assert!(released.again, "round {round}: release {n} was answered and is gone");
                }
            }
            told += acks.len();
        }
        stop.store(1, Ordering::Relaxed);
    });
    assert!(told > 100, "{told}");
    assert_eq!(journal.look(Book::audit).unwrap(), Ok(()));
    let again = open(&source, &clock());
    let rows = |book: &Book| book.rows().collect::<Vec<_>>();
    assert_eq!(again.look(rows).unwrap(), journal.look(rows).unwrap());
    again.close();
    journal.close();
}

#[test]
fn a_server_that_crashes_under_load_loses_nothing() {
    let folder = crate::Folder::new();
    let data = folder.0.join("data-of-the-server");
    std::fs::create_dir_all(&data).unwrap();
    let Some(mut server) = Server::start(Some(&data)) else { return };
    let journal = open(&Source::Database(server.url.clone()), &clock());
    apply(&journal, &accounts(1_000_000));
    let (done, stop) = (AtomicU32::new(0), AtomicU32::new(0));
    let server = std::thread::scope(|scope| {
        for client in 0..4u64 {
            let (journal, done, stop) = (&journal, &done, &stop);
            scope.spawn(move || {
                for n in (client * 100_000..).take_while(|_| stop.load(Ordering::Relaxed) == 0) {
                    let held = apply(journal, &lock(n));
                    apply(journal, &release(n, holds(&held)[0]));
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..3 {
            let before = done.load(Ordering::Relaxed);
            while done.load(Ordering::Relaxed) < before + 40 {
                std::thread::yield_now();
            }
            server.crash();
            server = Server::start(Some(&data)).unwrap();
        }
        stop.store(1, Ordering::Relaxed);
        server
    });
    let cycles = u64::from(done.load(Ordering::Relaxed));
    let seen = journal.look(|book| (book.next_seq(), book.open_holds(), book.audit())).unwrap();
    assert_eq!(seen, (1 + 2 * cycles, 0, Ok(())), "each cycle happened once, whatever was sent again");
    journal.close();
    server.crash();
}

#[test]
fn a_holder_that_never_lets_go_is_thrown_out() {
    let Some(scratch) = scratch() else { return };
    let journal = open(&Source::Database(scratch.url()), &clock());
    apply(&journal, &accounts(10));
    journal.look(|_| ()).unwrap();
    let mut frozen = Client::connect(&scratch.url(), NoTls).unwrap();
    let take = "SELECT pg_advisory_lock(1953459308, 'tollgate_ledger_head'::regclass::oid::integer)";
    frozen.execute(take, &[]).unwrap();
    assert!(!apply(&journal, &lock(1)).again);
    assert!(frozen.execute("SELECT 1", &[]).is_err(), "its session was ended");
    journal.close();
}

/// A clock that runs something at the moment when a command is being decided, between the lease and the write.
struct Meddler {
    clock: ManualClock,
    at_work: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Clock for Meddler {
    fn now(&self) -> Timestamp {
        if let Some(work) = self.at_work.lock().unwrap().take() {
            work();
        }
        self.clock.now()
    }

    fn tick(&self) -> Tick {
        self.clock.tick()
    }
}

/// Writes one command behind the ledger's back, as a replica would that does not hold the lease.
fn write_without_lease(url: &str, command: Command) {
    let (mut book, mut tree) = (Book::new(Limits::default()), Frontier::default());
    let replay = |_: u64, bytes: &[u8]| {
        book.replay(&serde_json::from_slice::<Entry>(bytes).unwrap())?;
        tree.push(leaf_hash(bytes));
        Ok(())
    };
    let next = Source::Database(url.into()).entries(0, replay).unwrap();
    let Decision::Fresh(entry) = book.apply(Timestamp(1_000), command).unwrap() else { unreachable!() };
    let bytes = serde_json::to_vec(&entry).unwrap();
    tree.push(leaf_hash(&bytes));
    let mut client = Client::connect(url, NoTls).unwrap();
    let seq = i64::try_from(next).unwrap();
    let mut work = client.transaction().unwrap();
    work.execute("INSERT INTO tollgate_ledger_entry VALUES ($1, $2)", &[&seq, &bytes]).unwrap();
    let head = "UPDATE tollgate_ledger_head SET next_seq = $1, root = $2";
    work.execute(head, &[&(seq + 1), &tree.root().as_slice()]).unwrap();
    work.commit().unwrap();
}

#[test]
fn whoever_missed_an_entry_cannot_write() {
    let Some(scratch) = scratch() else { return };
    let url = scratch.url();
    let clock = ManualClock::new(Timestamp(1_000));
    let meddler = Arc::new(Meddler { clock, at_work: Mutex::default() });
    let journal =
        Journal::open_postgres(&url, JournalConfig::default(), Arc::<Meddler>::clone(&meddler)).unwrap();
    journal.apply(accounts(10)).unwrap();
    let elsewhere = url.clone();
    *meddler.at_work.lock().unwrap() = Some(Box::new(move || write_without_lease(&elsewhere, lock(1))));
    assert!(matches!(journal.apply(lock(1)), Err(JournalError::Unknown)), "its write was refused");
    let answer = journal.apply(lock(1)).unwrap();
    assert!(answer.again && answer.seq == 1, "the same key gets the answer of whoever was first: {answer:?}");
    assert_eq!(journal.look(|book| (book.open_holds(), book.audit())).unwrap(), (1, Ok(())));
    journal.close();
}

#[test]
fn a_ledger_that_was_changed_by_hand_is_refused() {
    let Some(scratch) = scratch() else { return };
    let source = Source::Database(scratch.url());
    let journal = open(&source, &clock());
    apply(&journal, &accounts(10));
    apply(&journal, &lock(1));
    journal.close();
    let opened = || match source.open(JournalConfig::default(), clock()) {
        Err(error) => error.to_string(),
        Ok(_) => "opened".into(),
    };
    let change = |statements: &str| scratch.run(statements).unwrap();
    change("CREATE TABLE kept AS SELECT * FROM tollgate_ledger_entry");
    for (statements, said) in [
        ("DELETE FROM tollgate_ledger_entry WHERE seq = 1", "entry 1 is missing"),
        (
            "UPDATE tollgate_ledger_entry SET entry = (SELECT entry FROM kept WHERE seq = 0) WHERE seq = 1",
            "does not follow",
        ),
        (
            "UPDATE tollgate_ledger_entry SET entry = replace(convert_from(entry, 'UTF8'), '\"time\":1000', '\"time\":1001')::bytea WHERE seq = 1",
            "another root",
        ),
    ] {
        change(statements);
        let error = opened();
        assert!(error.contains(said), "{statements}: {error}");
        change("DELETE FROM tollgate_ledger_entry; INSERT INTO tollgate_ledger_entry SELECT * FROM kept");
    }
    assert_eq!(opened(), "opened");
}

/// A failover to a standby that had not everything, or a backup that was put back under a running server: what was answered is not
/// there any more, and the server says so instead of going on.
#[test]
fn a_database_that_was_set_back_under_a_server_is_refused_however_far_it_has_come_since() {
    for writes_since in 0..=2u64 {
        let Some(scratch) = scratch() else { return };
        let url = scratch.url();
        let journal = open(&Source::Database(url.clone()), &clock());
        apply(&journal, &accounts(10));
        scratch.run("CREATE TABLE kept AS SELECT * FROM tollgate_ledger_head").unwrap();
        assert_eq!(apply(&journal, &lock(1)).seq, 1);
        scratch
            .run(
                "DELETE FROM tollgate_ledger_entry WHERE seq >= (SELECT next_seq FROM kept);
                 DELETE FROM tollgate_ledger_snapshot WHERE seq > (SELECT next_seq FROM kept);
                 UPDATE tollgate_ledger_head SET (next_seq, root) = (SELECT next_seq, root FROM kept)",
            )
            .unwrap();
        for n in 0..writes_since {
            write_without_lease(&url, lock(7 + n));
        }
        assert!(journal.apply(lock(2)).is_err(), "{writes_since}");
        match journal.look(|book| book.next_seq()) {
            Err(JournalError::Closed { reason: Some(reason) }) => {
                assert!(reason.contains("set back"), "{reason}");
            }
            other => panic!("{writes_since}: {other:?}"),
        }
        journal.close();
    }
}
