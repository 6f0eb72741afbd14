//! A start from a snapshot is a start from the log's beginning, only shorter; a snapshot that is not right is passed over.

use std::path::Path;
use std::sync::Arc;
use tollgate_core::{Clock, Digest, ManualClock, Timestamp};
use tollgate_pay::escrow::{Event, Owner, TaskContract};
use tollgate_pay::ledger::Command;
use tollgate_pay::registry::{Query, SecretKey};
use tollgate_pay::simulate::Cast;
use tollgate_store::settlement::{Settlement, SettlementConfig};

const FILE: &str = "settlement.snapshot";

fn open(cast: &Cast, folder: &Path) -> Settlement {
    std::fs::write(folder.join("log.key"), cast.log.reveal()).unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp(1)));
    Settlement::open(&SettlementConfig::new(folder.into()), clock as Arc<dyn Clock>).unwrap()
}

fn contract(cast: &Cast, n: u8) -> TaskContract {
    let mut contract = cast.contract();
    (contract.nonce, contract.mandate) = (Digest::of(&[n]), None);
    contract
}

fn act(cast: &Cast, settlement: &Settlement, n: u8, what: &str) -> (u64, bool) {
    let contract = contract(cast, n);
    let event = match what {
        "propose" => Event::Propose(Box::new(cast.signed(contract.clone()))),
        "authorize" => cast.authorize(&contract).unwrap(),
        _ => Event::Lock,
    };
    let request = Digest::of(format!("{n} {what}").as_bytes());
    let acted = settlement.act(contract.digest(), &event, request).unwrap();
    (acted.told[0].seq, acted.again)
}

/// A ledger, an owner that changed, an agent, an escrow that is held, one that is not, two that were locked together.
fn lived(cast: &Cast, settlement: &Settlement) {
    settlement.tell(&cast.opening([20_000, 20_000]).unwrap()).unwrap();
    settlement.register(&crate::settlement::record(1), None).unwrap();
    for n in 0..4 {
        act(cast, settlement, n, "propose");
    }
    for n in [0, 2, 3] {
        act(cast, settlement, n, "authorize");
    }
    let both: Vec<_> = [2, 3].map(|n| contract(cast, n).digest()).into();
    settlement.lock_together(&both, Digest::of(b"both")).unwrap();
    let owner =
        Owner::new(cast.accounts()[3].clone(), vec![SecretKey::from_seed(&[9; 32]).public()]).unwrap();
    settlement.tell(&Command::new("own", vec![owner.op().unwrap()]).unwrap()).unwrap();
}

/// All that can be seen.
fn seen(cast: &Cast, settlement: &Settlement) -> impl PartialEq + std::fmt::Debug + use<> {
    let (escrows, _) = settlement.escrows(None, 100, |_| true);
    let entries: Vec<_> = escrows.iter().map(|escrow| settlement.escrow(&escrow.id).unwrap().1).collect();
    let owner = settlement.account(&cast.accounts()[3]).unwrap().unwrap().1;
    let agents = settlement.agents(&Query { limit: 9, ..Query::default() }).0;
    let versions: Vec<_> = agents.iter().map(|agent| settlement.agent(&agent.id).unwrap()).collect();
    // Requests get their answers again.
    let again = [act(cast, settlement, 1, "propose"), act(cast, settlement, 2, "authorize")];
    (escrows, entries, owner, versions, again, settlement.size().unwrap())
}

#[test]
fn a_start_from_a_snapshot_knows_what_the_whole_log_says() {
    let (cast, folder) = (Cast::new().unwrap(), crate::Folder::new());
    let settlement = open(&cast, &folder.0);
    lived(&cast, &settlement);
    let (before, size) = (seen(&cast, &settlement), settlement.size().unwrap());
    settlement.close();
    let from_snapshot = open(&cast, &folder.0);
    assert_eq!(from_snapshot.snapshot_size(), size);
    assert_eq!(seen(&cast, &from_snapshot), before);
    // Life goes on, and the process dies: what came since is read behind the snapshot.
    act(&cast, &from_snapshot, 0, "lock");
    let later = seen(&cast, &from_snapshot);
    let kept = std::fs::read(folder.0.join(FILE)).unwrap();
    from_snapshot.close();
    std::fs::write(folder.0.join(FILE), kept).unwrap();
    let again = open(&cast, &folder.0);
    assert_eq!((again.snapshot_size(), seen(&cast, &again)), (size, later));
    act(&cast, &again, 1, "authorize");
    again.close();
}

#[test]
fn a_snapshot_that_is_not_right_is_passed_over() {
    let (cast, folder) = (Cast::new().unwrap(), crate::Folder::new());
    let settlement = open(&cast, &folder.0);
    lived(&cast, &settlement);
    let before = seen(&cast, &settlement);
    settlement.close();
    let whole = std::fs::read(folder.0.join(FILE)).unwrap();
    // Another life under the same key, whose log has as many entries.
    let other = crate::Folder::new();
    let settlement = open(&cast, &other.0);
    settlement.tell(&cast.opening([1, 1]).unwrap()).unwrap();
    while settlement.size().unwrap() < open_size(&whole) {
        let n = settlement.size().unwrap();
        let owner = Owner::new(cast.accounts()[3].clone(), Vec::new()).unwrap();
        settlement.tell(&Command::new(format!("own-{n}"), vec![owner.op().unwrap()]).unwrap()).unwrap();
    }
    settlement.close();
    let foreign = std::fs::read(other.0.join(FILE)).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let newer =
        String::from_utf8(whole.clone()).unwrap().replacen("snapshot/v1", "snapshot/v9", 1).into_bytes();
    let mut cuts: Vec<Vec<u8>> = (0..8).map(|eighth| whole[..whole.len() * eighth / 8].to_vec()).collect();
    cuts.extend([whole[..whole.len() - 1].to_vec(), flipped, newer, foreign]);
    for (n, bytes) in cuts.iter().enumerate() {
        std::fs::write(folder.0.join(FILE), bytes).unwrap();
        let settlement = open(&cast, &folder.0);
        assert_eq!(settlement.snapshot_size(), 0, "{n}");
        assert_eq!(seen(&cast, &settlement), before, "{n}");
        settlement.close();
        assert_eq!(std::fs::read(folder.0.join(FILE)).unwrap(), whole, "{n}: it is written anew");
    }
}

/// How many entries a snapshot has.
fn open_size(snapshot: &[u8]) -> u64 {
    let line = snapshot.split(|byte| *byte == b'\n').next().unwrap();
    let head: serde_json::Value = serde_json::from_slice(line).unwrap();
    head["head"]["next"].as_u64().unwrap()
}
