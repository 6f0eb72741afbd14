//! What one lock and release costs in the kernel alone: decided, serialised and hashed, nothing written.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench stops at its first surprise")]

use divan::Bencher;
use divan::counter::ItemsCount;
use tollgate_core::{Amount, Asset, Timestamp};
use tollgate_pay::ledger::{Book, Bound, Command, HoldId, Limits, Op, Rest};
use tollgate_pay::log::{Frontier, leaf_hash};

const CYCLES: u64 = 10_000;

fn main() {
    divan::main();
}

/// Cycles of hold and post between two accounts, each entry serialised and added to the log's tree.
#[divan::bench]
fn lock_and_release(bencher: Bencher<'_, '_>) {
    let asset = Asset::new("USD", 6).unwrap();
    let amount = Amount::new(1_000, asset);
    bencher.counter(ItemsCount::new(CYCLES)).with_inputs(|| Book::new(Limits::default())).bench_local_values(
        |mut book| {
            let mut tree = Frontier::default();
            let open = |id: &str| Op::Open { asset, bound: Bound::None, id: id.parse().unwrap() };
            book.apply(Timestamp(0), Command::new("open", vec![open("acct_a"), open("acct_b")]).unwrap())
                .unwrap();
            for n in 0..CYCLES {
                let (debit, credit) = ("acct_a".parse().unwrap(), "acct_b".parse().unwrap());
                let lock = Op::Hold { amount, credit, debit, expires: None, linked: false };
                let release = Op::Post { amount: None, hold: HoldId(n), rest: Rest::Release };
                for (name, op) in [("lock", lock), ("release", release)] {
                    let command = Command::new(format!("{name}-{n}"), vec![op]).unwrap();
                    let decision = book.apply(Timestamp(0), command).unwrap();
                    let tollgate_pay::ledger::Decision::Fresh(entry) = decision else { continue };
                    tree.push(leaf_hash(&serde_json::to_vec(&entry).unwrap()));
                }
            }
            tree.root()
        },
    );
}
