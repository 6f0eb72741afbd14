//! Settlement in a folder: what it takes can be read again, whatever its bounds are then.

use std::path::Path;
use std::sync::Arc;
use tollgate_core::{Clock, Digest, ManualClock, Timestamp};
use tollgate_pay::PayError;
use tollgate_pay::escrow::{Event, OfficeError, Refusal};
use tollgate_pay::json::Json;
use tollgate_pay::registry::{Sealed, SecretKey};
use tollgate_pay::simulate::Cast;
use tollgate_store::settlement::{Bounds, Settlement, SettlementConfig, SettlementError};

fn open(cast: &Cast, folder: &Path, bounds: Bounds) -> Settlement {
    std::fs::write(folder.join("log.key"), cast.log.reveal()).unwrap();
    let config = SettlementConfig { bounds, ..SettlementConfig::new(folder.into()) };
    let clock = Arc::new(ManualClock::new(Timestamp(1)));
    Settlement::open(&config, clock as Arc<dyn Clock>).unwrap()
}

/// The first record of the agent whose id is this key.
fn record(n: u8) -> Sealed {
    let key = SecretKey::from_seed(&[n; 32]);
    let (did, jwk) = (key.public().did(), key.public().jwk().canonical().unwrap());
    let text = format!(
        r#"{{"id":"{did}","issued_at":"1970-01-01T00:00:00Z","keys":[{{"jwk":{jwk},"kid":"k","purposes":["control"]}}],"name":"{n}","version":1}}"#
    );
    Sealed::sign(&Json::parse(text.as_bytes()).unwrap(), "tollgate-agent-record+jws", "k", &key).unwrap()
}

#[test]
fn a_full_registry_takes_no_more_and_opens_again() {
    let (cast, folder) = (Cast::new().unwrap(), crate::Folder::new());
    let settlement = open(&cast, &folder.0, Bounds { agents: 2, ..Bounds::default() });
    for n in 1..=2 {
        assert!(settlement.register(&record(n), None).unwrap().is_some());
    }
    let size = settlement.size().unwrap();
    let full = settlement.register(&record(3), None).unwrap_err();
    assert!(
        matches!(&full, SettlementError::Office(OfficeError::Ledger(PayError::Full { limit: 2, .. }))),
        "{full}"
    );
    assert_eq!(settlement.size().unwrap(), size, "nothing was written");
    assert_eq!(settlement.register(&record(2), None).unwrap(), None, "one that is known is no new one");
    settlement.close();
    // A smaller bound is one for what is new.
    let settlement = open(&cast, &folder.0, Bounds { agents: 1, ..Bounds::default() });
    assert!((1..=2).all(|n| settlement.agent(&SecretKey::from_seed(&[n; 32]).public().did()).is_some()));
    settlement.close();
}

#[test]
fn more_escrows_than_the_bound_are_still_read() {
    let (cast, folder) = (Cast::new().unwrap(), crate::Folder::new());
    let contracts: Vec<_> = (0..3u8)
        .map(|n| {
            let mut contract = cast.contract();
            contract.nonce = Digest::of(&[n]);
            contract
        })
        .collect();
    let propose = |settlement: &Settlement, n: usize| {
        let event = Event::Propose(Box::new(cast.signed(contracts[n].clone())));
        settlement.act(contracts[n].digest(), &event, Digest::of(&[n as u8]))
    };
    let settlement = open(&cast, &folder.0, Bounds { escrows: 2, ..Bounds::default() });
    settlement.tell(&cast.opening([0, 0]).unwrap()).unwrap();
    assert!((0..2).all(|n| propose(&settlement, n).is_ok()));
    let full = propose(&settlement, 2).unwrap_err();
    assert!(
        matches!(full, SettlementError::Office(OfficeError::Refused(Refusal::Full { limit: 2 }))),
        "{full}"
    );
    settlement.close();
    let settlement = open(&cast, &folder.0, Bounds { escrows: 1, ..Bounds::default() });
    assert_eq!(settlement.escrows(None, 9, |_| true).0.len(), 2);
    settlement.close();
}
