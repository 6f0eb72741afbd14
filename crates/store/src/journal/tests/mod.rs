//! The journal on a disk that crashes and forgets, driven step by step from a seed.

mod crash;
mod damage;
mod disk;

use super::files::Files;
use super::queue::{Job, Queue};
use super::writer::Writer;
use super::{Answer, JournalConfig, JournalError, recover};
use std::sync::{Arc, Mutex};
use tollgate_core::{Amount, Asset, ManualClock, Seed, Timestamp};
use tollgate_pay::ledger::{Book, Bound, Command, Op};

/// A stream of random numbers.
#[derive(Clone, Copy)]
struct Rng(Seed);

impl Rng {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.next();
        self.0.bits() % limit.max(1)
    }
}

fn usd() -> Asset {
    Asset::new("USD", 2).unwrap()
}

/// The command with this number: the first opens the accounts, the others move one cent each.
fn command(n: u64) -> Command {
    let open = |id: &str| Op::Open { asset: usd(), bound: Bound::None, id: id.parse().unwrap() };
    let ops = match n {
        0 => vec![open("acct_bank"), open("acct_ada")],
        _ => vec![Op::Transfer {
            amount: Amount::new(1, usd()),
            credit: "acct_ada".parse().unwrap(),
            debit: "acct_bank".parse().unwrap(),
        }],
    };
    Command::new(format!("command-{n}"), ops).unwrap()
}

fn credited(book: &Book) -> u128 {
    book.account(&"acct_ada".parse().unwrap()).map_or(0, |account| account.posted.credits)
}

/// Small segments, so that schedules cross many of them.
fn config() -> JournalConfig {
    JournalConfig { segment_bytes: 2_000, ..JournalConfig::default() }
}

type Told = Arc<Mutex<Vec<(u64, Result<Answer, JournalError>)>>>;

fn job(n: u64, told: &Told) -> Job {
    let told = Arc::clone(told);
    Job::Decide(command(n), None, Box::new(move |answer| told.lock().unwrap().push((n, answer))))
}

/// A writer without its thread.
fn writer(mut disk: disk::Crashing) -> Result<Writer<Files<disk::Crashing>>, JournalError> {
    let found = recover(&mut disk, &config().limits)?;
    let (files, state) = Files::new(disk, found, config().segment_bytes);
    let clock = Arc::new(ManualClock::new(Timestamp(1)));
    Ok(Writer::new(files, state, config(), clock, Arc::new(Queue::new(64))))
}
