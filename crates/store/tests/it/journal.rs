//! The ledger's journal on a real folder: answers under load, kill -9, reopening.

use crate::kill::run_and_kill;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use tollgate_core::{Amount, Asset, ManualClock, Seed};
use tollgate_pay::ledger::{Bound, Command, HoldId, Limits, Op, Outcome, Rest};
use tollgate_store::journal::audit::Source;
use tollgate_store::journal::{Answer, Folder, Journal, JournalConfig, JournalError};

const ROUNDS: u64 = 12;
/// Commands that wait for an answer at one time.
const WINDOW: u64 = 32;

fn usd(minor: i128) -> Amount {
    Amount::new(minor, Asset::new("USD", 2).unwrap())
}

fn open(path: &Path) -> Result<Journal, JournalError> {
    let config = JournalConfig { segment_bytes: 40_000, ..JournalConfig::default() };
    Journal::open(Folder::open(path)?, config, Arc::new(ManualClock::default()))
}

fn accounts() -> Command {
    let open = |id: &str, bound| Op::Open { asset: usd(0).asset(), bound, id: id.parse().unwrap() };
    let ops = vec![
        open("acct_bank", Bound::None),
        open("acct_ada", Bound::DebitsWithinCredits),
        open("acct_bob", Bound::DebitsWithinCredits),
        Op::Transfer {
            amount: usd(1_000_000),
            credit: "acct_ada".parse().unwrap(),
            debit: "acct_bank".parse().unwrap(),
        },
    ];
    Command::new("accounts", ops).unwrap()
}

fn lock(n: u64) -> Command {
    let (credit, debit) = ("acct_bob".parse().unwrap(), "acct_ada".parse().unwrap());
    let op = Op::Hold { amount: usd(1), credit, debit, expires: None, linked: false };
    Command::new(format!("lock-{n}"), vec![op]).unwrap()
}

fn release(n: u64, hold: HoldId) -> Command {
    let op = Op::Post { amount: None, hold, rest: Rest::Release };
    Command::new(format!("release-{n}"), vec![op]).unwrap()
}

fn hold(answer: &Answer) -> HoldId {
    let Outcome::Applied { holds } = &answer.outcome else { unreachable!("{answer:?}") };
    holds[0]
}

/// Not a test by itself: what the child runs. Without a path on standard input it does nothing.
#[test]
#[ignore = "run by what_was_answered_survives_kill"]
fn child() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let Some((first, path)) = line.trim().split_once(' ') else { return };
    let (first, path): (u64, PathBuf) = (first.parse().unwrap(), path.into());
    let journal = open(&path).unwrap();
    journal.apply(accounts()).unwrap();
    let say = |kind: &str, n: u64| {
        std::io::stdout().write_all(format!("\nack {kind} {n}\n").as_bytes()).unwrap();
    };
    let (tell, told) = channel();
    let send = |n: u64, command: Command| {
        let tell = tell.clone();
        journal.submit(command, move |answer| tell.send((n, answer.unwrap())).unwrap()).unwrap();
    };
    (first..first + WINDOW).for_each(|n| send(n, lock(n)));
    let mut next = first + WINDOW;
    for (n, answer) in told.iter() {
        if matches!(&answer.outcome, Outcome::Applied { holds } if holds.is_empty()) {
            say("release", n);
            send(next, lock(next));
            next += 1;
        } else {
            say("lock", n);
            send(n, release(n, hold(&answer)));
        }
    }
}

#[test]
fn what_was_answered_survives_kill() {
    let folder = crate::Folder::new();
    let path = folder.0.join("ledger");
    let (mut seed, mut told, mut first) = (Seed(0x601d), 0, 0);
    for round in 0..ROUNDS {
        seed = seed.next();
        let acks = run_and_kill("journal::child", &path, first, 1 + seed.bits() % 300);
        let journal = open(&path).unwrap();
        assert!(journal.look(|book| book.audit().is_ok()).unwrap());
        for (kind, n) in &acks {
            // The same key gets the same answer: it was not lost, and it does not happen again.
            let locked = journal.apply(lock(*n)).unwrap();
            assert!(locked.again, "round {round}: lock {n} was answered and is gone");
            if kind == "release" {
                assert!(
                    journal.apply(release(*n, hold(&locked))).unwrap().again,
                    "round {round}: release {n}"
                );
            }
        }
        told += acks.len();
        first += 100_000;
        journal.close();
    }
    assert!(told > 500, "{told}");
}

#[test]
fn a_folder_has_one_journal_at_a_time() {
    let folder = crate::Folder::new();
    let journal = open(&folder.0).unwrap();
    assert!(matches!(open(&folder.0), Err(JournalError::InUse { .. })));
    journal.apply(accounts()).unwrap();
    journal.close();
    assert!(matches!(journal.apply(accounts()), Err(JournalError::Closed { .. })));
    let again = open(&folder.0).unwrap();
    let answer = again.apply(accounts()).unwrap();
    assert!(answer.again, "a key is remembered across a restart");
    again.close();
}

#[test]
fn a_full_queue_and_full_keys_are_said() {
    let folder = crate::Folder::new();
    let limits = Limits { keys_max: 1, ..Limits::default() };
    let config = JournalConfig { limits, queue_max: 1, ..JournalConfig::default() };
    let clock = Arc::new(ManualClock::default());
    let journal = Journal::open(Folder::open(&folder.0).unwrap(), config, clock).unwrap();
    journal.apply(accounts()).unwrap();
    assert!(matches!(journal.apply(lock(1)), Err(JournalError::Ledger(_))));
    // The thread is held up inside an answer: one command waits, the next finds no room.
    let (let_go, held) = channel::<()>();
    let (at_work, working) = channel();
    let waits = move |_: &tollgate_pay::ledger::Book| {
        at_work.send(()).unwrap();
        let _ = held.recv();
    };
    let handle = journal.clone();
    std::thread::scope(|scope| {
        scope.spawn(move || handle.look(waits).unwrap());
        working.recv().unwrap();
        journal.submit(accounts(), |_| {}).unwrap();
        assert!(matches!(journal.submit(accounts(), |_| {}), Err(JournalError::Busy { limit: 1 })));
        drop(let_go);
    });
    journal.close();
}

#[test]
fn entries_end_only_at_what_nothing_was_built_upon() {
    let folder = crate::Folder::new();
    let config = JournalConfig { segment_bytes: 1 << 20, ..JournalConfig::default() };
    let clock = Arc::new(ManualClock::default());
    let journal = Journal::open(Folder::open(&folder.0).unwrap(), config, clock).unwrap();
    journal.apply(accounts()).unwrap();
    (0..20).for_each(|n| drop(journal.apply(lock(n)).unwrap()));
    journal.close();
    let file = folder.0.join(format!("{:020}.journal", 0));
    let whole = std::fs::read(&file).unwrap();
    let read = || {
        let mut seen = 0;
        Source::Folder(folder.0.clone())
            .entries(0, |_, _| {
                seen += 1;
                Ok(())
            })
            .map(|next| (next, seen))
    };
    assert_eq!(read().unwrap(), (21, 21));
    // The last record may be a torn write; any earlier one was built upon, as each command had a sync of its own.
    let place = |key: &str| whole.windows(key.len()).position(|found| found == key.as_bytes()).unwrap();
    let (third, last) = (place("lock-3"), place("lock-19"));
    for at in [third - 30, third, last - 300] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        std::fs::write(&file, flipped).unwrap();
        assert!(matches!(read(), Err(JournalError::Damaged { .. })), "byte {at}: {:?}", read());
    }
    let mut torn = whole.clone();
    torn[last] ^= 1;
    std::fs::write(&file, &torn).unwrap();
    assert_eq!(read().unwrap(), (20, 20));
    std::fs::write(&file, &torn[..8]).unwrap();
    assert_eq!(read().unwrap(), (0, 0), "a segment that is being begun");
    std::fs::write(folder.0.join(format!("{:020}.journal", 21)), []).unwrap();
    assert!(matches!(read(), Err(JournalError::Damaged { .. })), "an older segment without a header");
}

#[test]
fn a_command_for_an_entry_is_decided_as_that_entry_or_not_at_all() {
    let folder = crate::Folder::new();
    let journal = open(&folder.0).unwrap();
    assert_eq!(journal.apply_at(0, accounts()).unwrap().seq, 0);
    for wrong in [0, 2] {
        assert!(matches!(journal.apply_at(wrong, lock(1)), Err(JournalError::Behind)));
    }
    // A key that was used gets its first answer, wherever the log stands; what was refused as too late has used none.
    let again = journal.apply_at(0, accounts()).unwrap();
    assert_eq!((again.seq, again.again), (0, true));
    let first = journal.apply_at(1, lock(1)).unwrap();
    assert_eq!((first.seq, first.again), (1, false));
    journal.close();
}

/// What is signed must never be lost: a publisher stops at what is durable, whatever else can be read already. And of files at the
/// edge of the log only a few are kept.
#[test]
fn a_log_is_published_as_far_as_it_is_durable() {
    use tollgate_pay::log::{Role, SigningKey};
    use tollgate_store::journal::audit::LogFolder;
    let (folder, published) = (crate::Folder::new(), crate::Folder::new());
    let journal = open(&folder.0).unwrap();
    journal.apply(accounts()).unwrap();
    (0..299).for_each(|n| drop(journal.apply(lock(n)).unwrap()));
    journal.close();
    let (source, log) = (Source::Folder(folder.0.clone()), LogFolder::new(&published.0));
    let key = SigningKey::from_seed("example.com/log", Role::Log, &[7; 32]).unwrap();
    let extend = |durable| log.extend(&source, durable, &key, "example.com/log").unwrap();
    let partials = |tile: &str| std::fs::read_dir(published.0.join(tile)).map_or(0, Iterator::count);
    for durable in 0..250 {
        assert_eq!(extend(Some(durable)).size, durable);
        assert!(partials("tile/entries/000.p") <= 8 && partials("tile/0/000.p") <= 8);
    }
    assert_eq!((partials("tile/entries/000.p"), partials("tile/0/000.p")), (8, 8));
    assert_eq!(log.receipt(100).unwrap().index, 100);
    assert_eq!(extend(None).size, 300);
    assert_eq!((partials("tile/entries/000.p"), partials("tile/0/000.p")), (0, 0), "the whole tile is there");
    assert_eq!((partials("tile/entries/001.p"), partials("tile/0/001.p")), (1, 1));
    assert_eq!(log.receipt(0).unwrap().index, 0);
}
