//! Conformance of the store: every promise of the crate's documentation, against files and memory.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod answers;
mod away;
mod budget;
mod decisions;
mod escrows;
mod journal;
mod keys;
mod kill;
mod ledger;
mod lifecycle;
mod responses;
mod settlement;
mod snapshot;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use tollgate_core::id::RequestId;
use tollgate_core::{Seed, Timestamp};
use tollgate_store::{DecisionRecord, Location, Store, StoreConfig};

/// A folder of this test's own, deleted at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tollgate-store-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("store.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Short waits and no fsync, so that the tests are quick.
fn quick() -> StoreConfig {
    StoreConfig { group_ms: 1, durability: tollgate_store::Durability::Process, ..StoreConfig::default() }
}

fn memory(config: StoreConfig) -> Store {
    Store::open(&Location::Memory, config).unwrap()
}

fn open(path: &Path, config: StoreConfig) -> Store {
    Store::open(&Location::File(path.into()), config).unwrap()
}

/// A record whose values follow from `n`.
fn sample(n: u64) -> DecisionRecord {
    let bits = Seed(n).bits();
    DecisionRecord {
        route: Some(if n.is_multiple_of(3) { "code" } else { "chat" }.into()),
        model: Some(if n.is_multiple_of(2) { "small" } else { "large" }.into()),
        key: Some("key_1".into()),
        status: 200,
        prompt_tokens: bits % 4096,
        completion_tokens: bits % 512,
        cost_micro: bits % 1000,
        total_us: 1000 + bits % 1_000_000,
        overhead_us: bits % 100,
        ..DecisionRecord::new(RequestId::from_bits(u128::from(n)), at(n), "openai_chat")
    }
}

/// The `n`-th second after a fixed start.
fn at(n: u64) -> Timestamp {
    Timestamp(1_700_000_000_000_000 + i64::try_from(n).unwrap() * 1_000_000)
}
