//! Schedules of crashes: whatever was answered is there, whatever was not happens once when it is sent again.

use super::disk::Crashing;
use super::{Rng, Told, config, credited, job, writer};
use crate::journal::medium::Medium as _;
use crate::journal::{Answer, Disk, JournalError};
use std::collections::BTreeMap;
use std::sync::Arc;
use tollgate_core::Seed;
use tollgate_pay::ledger::Entry;
use tollgate_pay::log::{Frontier, leaf_hash};

const SCHEDULES: u64 = 1_000;
const COMMANDS: u64 = 40;

#[test]
fn nothing_answered_is_lost_and_nothing_happens_twice() {
    let mut crashes = 0;
    for seed in 0..SCHEDULES {
        crashes += schedule(Rng(Seed(seed).derive("crash")), seed);
    }
    assert!(crashes > SCHEDULES, "schedules of no crash prove nothing: {crashes}");
}

/// What the next process finds: the power went, or only the process was killed.
fn dead(disk: &Crashing, rng: &mut Rng) -> Crashing {
    if rng.below(2) == 0 { disk.reboot(rng) } else { disk.restart() }
}

/// Sends all commands through crashes at random operations; answers how many there were.
fn schedule(mut rng: Rng, seed: u64) -> u64 {
    let (mut disk, mut crashes) = (Crashing::default(), 0);
    let mut answered: BTreeMap<u64, Answer> = BTreeMap::new();
    let mut next = 0;
    while next < COMMANDS {
        if crashes < 12 {
            disk.die_after(1 + rng.below(25));
        }
        let mut writer = match writer(disk.clone()) {
            Ok(writer) => writer,
            Err(JournalError::Io { .. }) => {
                (disk, crashes) = (dead(&disk, &mut rng), crashes + 1);
                continue;
            }
            Err(error) => panic!("seed {seed}: {error}"),
        };
        loop {
            let told = Told::default();
            // A burst: some that are new or unanswered, and now and then one that was answered long ago.
            let burst = (1 + rng.below(5)).min(COMMANDS - next);
            let mut jobs: Vec<_> = (next..next + burst).map(|n| job(n, &told)).collect();
            jobs.extend((rng.below(4) == 0 && next > 0).then(|| job(rng.below(next), &told)));
            let failed = writer.batch(&mut jobs).is_err();
            for (n, answer) in Arc::into_inner(told).map(|t| t.into_inner().unwrap()).unwrap_or_default() {
                match answer {
                    Ok(answer) => remember(&mut answered, n, &answer, seed),
                    Err(JournalError::Unknown) => {}
                    Err(error) => panic!("seed {seed}: {error}"),
                }
            }
            if failed {
                (disk, crashes) = (dead(&disk, &mut rng), crashes + 1);
                break;
            }
            next += burst;
            if next >= COMMANDS {
                break;
            }
            if rng.below(8) == 0 && writer.medium.snapshot(&writer.state).is_err() {
                (disk, crashes) = (dead(&disk, &mut rng), crashes + 1);
                break;
            }
        }
    }
    check(&disk, &answered, seed);
    crashes
}

/// Once a command has an answer, it never gets another.
fn remember(answered: &mut BTreeMap<u64, Answer>, n: u64, answer: &Answer, seed: u64) {
    let known = answered.entry(n).or_insert_with(|| answer.clone());
    assert_eq!((known.seq, &known.outcome), (answer.seq, &answer.outcome), "seed {seed}, command {n}");
}

fn check(disk: &Crashing, answered: &BTreeMap<u64, Answer>, seed: u64) {
    let mut rng = Rng(Seed(seed).derive("last"));
    let writer = writer(disk.reboot(&mut rng)).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    assert_eq!(credited(&writer.state.book), u128::from(COMMANDS - 1), "seed {seed}");
    assert_eq!(answered.len() as u64, COMMANDS, "seed {seed}");
    let mut places: Vec<u64> = answered.values().map(|answer| answer.seq).collect();
    places.sort_unstable();
    assert!(places.into_iter().eq(0..COMMANDS), "seed {seed}: places in the log are without gaps");
    // The tree is that of the entries as they lie on the disk, from the first byte on.
    let mut tree = Frontier::default();
    let mut names = writer.medium.disk.list().unwrap();
    names.sort_unstable();
    for name in names.iter().filter(|name| name.ends_with(".journal")) {
        let bytes = writer.medium.disk.read(name).unwrap();
        let Some(header) = crate::journal::segment::Header::read(&bytes) else { continue };
        let end = crate::journal::segment::walk(name, &bytes, &header, |seq, entry| {
            let read: Entry = serde_json::from_slice(entry).map_err(|error| error.to_string())?;
            assert_eq!(read.seq, seq);
            tree.push(leaf_hash(entry));
            Ok(())
        });
        assert_eq!(end.unwrap().broken, None, "seed {seed}");
        assert!(bytes.len() <= config().segment_bytes, "seed {seed}");
    }
    assert_eq!((tree.size(), tree.root()), (COMMANDS, writer.state.tree.root()), "seed {seed}");
}
