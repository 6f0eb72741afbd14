//! How long a settlement takes to open: from the log's beginning, and from a snapshot. `ENTRIES` says how many entries (default
//! 50,000) and `DIR` where, best on a file system without a disk, as the log is made here first.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that cannot start has nothing to measure"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "it measures with the machine's clock, and is told what by the environment"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tollgate_core::{Clock, Digest, ManualClock, Timestamp};
use tollgate_pay::escrow::Event;
use tollgate_pay::simulate::Cast;
use tollgate_store::settlement::{Bounds, Settlement, SettlementConfig};

fn open(folder: &Path) -> Settlement {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp(1)));
    let config = SettlementConfig { bounds: Bounds::default(), ..SettlementConfig::new(folder.into()) };
    Settlement::open(&config, clock).unwrap()
}

fn main() {
    let entries: u64 = std::env::var("ENTRIES").ok().map_or(50_000, |text| text.parse().unwrap());
    let base = std::env::var_os("DIR").map_or_else(std::env::temp_dir, Into::into);
    let folder = base.join(format!("tollgate-opening-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let cast = Cast::new().unwrap();
    std::fs::write(folder.join("log.key"), cast.log.reveal()).unwrap();
    let settlement = open(&folder);
    settlement.tell(&cast.opening([i128::from(i64::MAX); 2]).unwrap()).unwrap();
    let mut n = 0u64;
    while settlement.size().unwrap() < entries {
        n += 1;
        let mut contract = cast.contract();
        (contract.nonce, contract.mandate) = (Digest::of(&n.to_le_bytes()), None);
        let propose = Event::Propose(Box::new(cast.signed(contract.clone())));
        for (k, event) in [propose, cast.authorize(&contract).unwrap(), Event::Lock].iter().enumerate() {
            let request = Digest::of(&[n.to_le_bytes(), (k as u64).to_le_bytes()].concat());
            settlement.act(contract.digest(), event, request).unwrap();
        }
    }
    let size = settlement.size().unwrap();
    settlement.close();
    let timed = |what: &str| {
        let begun = Instant::now();
        let settlement = open(&folder);
        let took = begun.elapsed();
        let from = settlement.snapshot_size();
        println!(
            "{what}: {size} entries, {n} escrows, opened in {took:.2?}, of which {} were read",
            size - from
        );
        settlement.close();
    };
    timed("from a snapshot");
    let bytes = std::fs::metadata(folder.join("settlement.snapshot")).unwrap().len();
    std::fs::remove_file(folder.join("settlement.snapshot")).unwrap();
    timed("from the log's beginning");
    println!("the snapshot has {bytes} bytes");
    std::fs::remove_dir_all(&folder).unwrap();
}
