//! One suite for every engine of the ledger: what the pure book decides is what each must answer, keep and log.

mod conform;
mod history;
#[cfg(feature = "postgres")]
mod replicas;
#[cfg(feature = "postgres")]
mod server;
#[cfg(feature = "postgres")]
mod settlement;
#[cfg(feature = "postgres")]
mod tls;

use std::sync::Arc;
use tollgate_core::id::AccountId;
use tollgate_core::{Amount, Asset, Clock, ManualClock, Timestamp};
use tollgate_pay::ledger::{Bound, Command, HoldId, Op, Outcome, Rest};
use tollgate_store::journal::audit::Source;
use tollgate_store::journal::{Answer, Journal, JournalConfig};

/// An engine with a ledger of its own, in which nothing has happened.
enum Engine {
    Folder(crate::Folder),
    #[cfg(feature = "postgres")]
    Postgres(tollgate_store::journal::postgres::Scratch),
}

impl Engine {
    /// Every engine that this machine can run.
    fn all() -> Vec<Self> {
        let mut all = vec![Self::Folder(crate::Folder::new())];
        #[cfg(feature = "postgres")]
        all.extend(server::scratch().map(Self::Postgres));
        all
    }

    fn source(&self) -> Source {
        match self {
            Self::Folder(folder) => Source::Folder(folder.0.join("ledger")),
            #[cfg(feature = "postgres")]
            Self::Postgres(scratch) => Source::Database(scratch.url()),
        }
    }

    fn open(&self, clock: &Arc<ManualClock>) -> Journal {
        open(&self.source(), clock)
    }
}

/// Small segments, so that a short history crosses several.
fn open(source: &Source, clock: &Arc<ManualClock>) -> Journal {
    let config = JournalConfig { segment_bytes: 20_000, ..JournalConfig::default() };
    let clock: Arc<ManualClock> = Arc::clone(clock);
    source.open(config, clock as Arc<dyn Clock>).unwrap()
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp(1_000)))
}

fn usd(minor: i128) -> Amount {
    Amount::new(minor, Asset::new("USD", 2).unwrap())
}

fn account(name: &str) -> AccountId {
    name.parse().unwrap()
}

/// Opens a bank without a bound and two customers, and gives Ada this many cents.
fn accounts(minor: i128) -> Command {
    let open = |id: &str, bound| Op::Open { asset: usd(0).asset(), bound, id: account(id) };
    let ops = vec![
        open("acct_bank", Bound::None),
        open("acct_ada", Bound::DebitsWithinCredits),
        open("acct_bob", Bound::DebitsWithinCredits),
        Op::Transfer { amount: usd(minor), credit: account("acct_ada"), debit: account("acct_bank") },
    ];
    Command::new("accounts", ops).unwrap()
}

fn hold_op(minor: i128, expires: Option<i64>, linked: bool) -> Op {
    let (credit, debit) = (account("acct_bob"), account("acct_ada"));
    Op::Hold { amount: usd(minor), credit, debit, expires: expires.map(Timestamp), linked }
}

fn lock(n: u64) -> Command {
    Command::new(format!("lock-{n}"), vec![hold_op(1, None, false)]).unwrap()
}

fn release(n: u64, hold: HoldId) -> Command {
    let op = Op::Post { amount: None, hold, rest: Rest::Release };
    Command::new(format!("release-{n}"), vec![op]).unwrap()
}

fn holds(answer: &Answer) -> Vec<HoldId> {
    match &answer.outcome {
        Outcome::Applied { holds } => holds.to_vec(),
        Outcome::Refused { .. } => unreachable!("{answer:?}"),
    }
}
