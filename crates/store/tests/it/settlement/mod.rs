//! Settlement in a folder: what it takes can be read again, whatever its bounds are then.

mod guarded;

use std::path::Path;
use std::sync::Arc;
use tollgate_core::{Clock, Digest, ManualClock, Timestamp};
use tollgate_pay::PayError;
use tollgate_pay::escrow::{Event, OfficeError, Phase, Refusal};
use tollgate_pay::json::Json;
use tollgate_pay::ledger::{Command, Limits, Op};
use tollgate_pay::registry::{Challenge, Sealed, SecretKey, prove};
use tollgate_pay::simulate::Cast;
use tollgate_store::escrows::open_office;
use tollgate_store::journal::JournalConfig;
use tollgate_store::journal::audit::Source;
use tollgate_store::settlement::{
    Bounds, CHALLENGE_S, HookConfig, Settlement, SettlementConfig, SettlementError,
};

fn open(cast: &Cast, folder: &Path, bounds: Bounds) -> Settlement {
    std::fs::write(folder.join("log.key"), cast.log.reveal()).unwrap();
    let config = SettlementConfig { bounds, ..SettlementConfig::new(folder.into()) };
    let clock = Arc::new(ManualClock::new(Timestamp(1)));
    Settlement::open(&config, clock as Arc<dyn Clock>).unwrap()
}

/// The first record of the agent whose id is this key.
pub(crate) fn record(n: u8) -> Sealed {
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

/// An escrow whose call cannot be made keeps nobody from being served.
#[test]
fn an_escrow_that_cannot_go_on_does_not_keep_the_server_from_opening() {
    let (cast, folder) = (Cast::new().unwrap(), crate::Folder::new());
    let contract = cast.contract();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp(1)));
    let source = Source::Folder(folder.0.join("books"));
    let (config, clearing) = (JournalConfig::default(), Cast::clearing().unwrap());
    let (mut office, _, journal) =
        open_office(&source, config, 8, clock, cast.plane(), clearing, Vec::new()).unwrap();
    office.tell(&cast.opening([20_000, 0]).unwrap()).unwrap();
    let propose = Event::Propose(Box::new(cast.signed(contract.clone())));
    for event in [propose, cast.authorize(&contract).unwrap(), Event::Lock] {
        office.act(contract.digest(), event, Timestamp(1)).unwrap();
    }
    journal.close();
    let full = Limits { keys_max: 1, ..Limits::default() };
    let settlement = open(&cast, &folder.0, Bounds { ledger: full, ..Bounds::default() });
    assert!(settlement.settle_all().is_err(), "it is said, each time");
    assert_eq!(settlement.escrow(&contract.digest()).unwrap().0.phase, Phase::Locking);
    settlement.close();
    let settlement = open(&cast, &folder.0, Bounds::default());
    assert_eq!(settlement.escrow(&contract.digest()).unwrap().0.phase, Phase::Locked);
    settlement.close();
}

/// Holds end by the clock, not by the next command.
#[test]
fn a_hold_that_is_over_is_given_back_when_nobody_asks() {
    let (cast, folder) = (Cast::new().unwrap(), crate::Folder::new());
    std::fs::write(folder.0.join("log.key"), cast.log.reveal()).unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp(0)));
    let config = SettlementConfig::new(folder.0.clone());
    let settlement = Settlement::open(&config, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    settlement.tell(&cast.opening([20_000, 0]).unwrap()).unwrap();
    let [_, payer, _, payee, ..] = cast.accounts().clone();
    let amount = cast.contract().amount(100);
    let hold = Op::Hold {
        amount,
        credit: payee,
        debit: payer.clone(),
        expires: Some(Timestamp(1_000_000)),
        linked: false,
    };
    settlement.tell(&Command::new("hold", vec![hold]).unwrap()).unwrap();
    let reserved = || settlement.account(&payer).unwrap().unwrap().0.pending.debits;
    let size = settlement.size().unwrap();
    settlement.settle_all().unwrap();
    assert_eq!((reserved(), settlement.size().unwrap()), (100, size), "its time is not over");
    clock.advance_ms(1_000);
    settlement.settle_all().unwrap();
    settlement.settle_all().unwrap();
    assert_eq!((reserved(), settlement.size().unwrap()), (0, size + 1), "one entry says so");
    settlement.close();
    let source = Source::Folder(folder.0.join("books"));
    let seen = |at| source.past(Some(Timestamp(at))).unwrap().account(&payer).unwrap().pending.debits;
    assert_eq!([999_999, 1_000_000].map(seen), [100, 0]);
}

/// A receiver that is behind what is in memory is told from the log: all of it, once, in order.
#[test]
fn a_receiver_far_behind_reads_the_log() {
    let (cast, folder) = (Cast::new().unwrap(), crate::Folder::new());
    std::fs::write(folder.0.join("log.key"), cast.log.reveal()).unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp(1)));
    let config = SettlementConfig {
        hooks: vec![HookConfig::new("one"), HookConfig::new("two")],
        bounds: Bounds { events: 3, ..Bounds::default() },
        ..SettlementConfig::new(folder.0.clone())
    };
    let settlement = Settlement::open(&config, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    settlement.tell(&cast.opening([0, 0]).unwrap()).unwrap();
    let propose = |n: u8| {
        let mut contract = cast.contract();
        contract.nonce = Digest::of(&[n]);
        let event = Event::Propose(Box::new(cast.signed(contract.clone())));
        settlement.act(contract.digest(), &event, Digest::of(&[n])).unwrap().told[0].seq
    };
    let told = |hook: &str| {
        let mut seqs = Vec::new();
        loop {
            let due = settlement.deliveries(hook).unwrap();
            if due.is_empty() {
                seqs.sort_unstable();
                return seqs;
            }
            let done: Vec<_> = due.iter().map(|delivery| (delivery.happened.seq, Ok(()))).collect();
            seqs.extend(due.iter().map(|delivery| delivery.happened.seq));
            settlement.delivered(hook, &done).unwrap();
        }
    };
    let mut all: Vec<u64> = (0..20).map(propose).collect();
    assert_eq!(told("one"), all);
    all.extend((20..40).map(propose));
    assert_eq!(told("one"), all[20..]);
    assert_eq!(told("two"), all);
    assert!(told("one").is_empty() && told("two").is_empty());
    settlement.close();
}

/// The next version of an agent that proves that it controls an account of ours, under a challenge.
pub(crate) fn proving(n: u8, nonce: &str) -> Sealed {
    let key = SecretKey::from_seed(&[n; 32]);
    let (did, jwk) = (key.public().did(), key.public().jwk().canonical().unwrap());
    let said = Challenge {
        agent: did.clone(),
        rail: "ledger".into(),
        account: "acct_payer".into(),
        nonce: nonce.into(),
        signed_at: Timestamp(0),
    };
    let proof = prove(&said, &key).unwrap();
    let text = format!(
        r#"{{"id":"{did}","issued_at":"1970-01-01T00:00:00Z","keys":[{{"jwk":{jwk},"kid":"k","purposes":["control"]}}],"name":"{n}","rails":[{}],"version":1}}"#,
        proof.text()
    );
    Sealed::sign(&Json::parse(text.as_bytes()).unwrap(), "tollgate-agent-record+jws", "k", &key).unwrap()
}

/// A challenge for that proof.
pub(crate) fn challenge(settlement: &Settlement, n: u8) -> String {
    let agent = SecretKey::from_seed(&[n; 32]).public().did();
    settlement.challenge(&agent, "ledger", "acct_payer", u128::from(n)).0
}

pub(crate) fn not_proven(refused: &Result<Option<u64>, SettlementError>) -> bool {
    matches!(refused, Err(SettlementError::Office(OfficeError::Ledger(PayError::NotProven { .. }))))
}

/// What is given out is known after a restart, counts until its end, and is used once.
#[test]
fn a_challenge_outlives_a_restart_and_ends_at_its_moment() {
    let (cast, folder) = (Cast::new().unwrap(), crate::Folder::new());
    std::fs::write(folder.0.join("log.key"), cast.log.reveal()).unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp(0)));
    let config = SettlementConfig::new(folder.0.clone());
    let open = || Settlement::open(&config, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let settlement = open();
    assert_eq!(CHALLENGE_S, 600);
    let (one, two, three) = (challenge(&settlement, 1), challenge(&settlement, 2), challenge(&settlement, 3));
    assert!(not_proven(&settlement.register(&proving(1, &two), None)), "it was given out to another");
    assert!(settlement.register(&proving(1, &one), None).unwrap().is_some());
    settlement.close();
    let settlement = open();
    assert_eq!(settlement.register(&proving(1, &one), None).unwrap(), None, "it is known");
    clock.advance_ms(599_999);
    assert!(settlement.register(&proving(2, &two), None).unwrap().is_some());
    clock.advance_ms(1);
    assert!(not_proven(&settlement.register(&proving(3, &three), None)), "at its end it counts no longer");
    settlement.close();
}
