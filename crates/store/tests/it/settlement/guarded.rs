//! What guards a settlement: bounds of each caller, ledgers that were set back, what is held for escrows, witnesses that take their time.

use super::{open, record};
use std::path::Path;
use std::sync::Arc;
use tollgate_core::{Clock, Digest, ManualClock, Timestamp};
use tollgate_pay::PayError;
use tollgate_pay::escrow::{Asker, Event, OfficeError, Owner, Phase};
use tollgate_pay::ledger::{Command, HoldId, Op, Rest};
use tollgate_pay::log::{AddCheckpoint, Answered, Policy, Role, SigningKey, Trusted, Witness};
use tollgate_pay::simulate::Cast;
use tollgate_store::journal::JournalConfig;
use tollgate_store::journal::audit::{Source, Unasked};
use tollgate_store::settlement::{Bounds, CallerBounds, Settlement, SettlementConfig, SettlementError};

/// What one caller made counts for that caller alone, by what the log says, over a restart and a snapshot.
#[test]
fn each_caller_has_bounds_of_its_own() {
    let (cast, folder) = (Cast::new().unwrap(), crate::Folder::new());
    let caller = CallerBounds { escrows: 2, agents: 1, writes: 3 };
    let bounds = Bounds { caller, ..Bounds::default() };
    let (mallory, ada) = (Digest::of(b"mallory"), Digest::of(b"ada"));
    let propose = |settlement: &Settlement, n: u8, by: Option<Digest>| {
        let mut contract = cast.contract();
        contract.nonce = Digest::of(&[n]);
        let event = Event::Propose(Box::new(cast.signed(contract.clone())));
        let asker = Asker { request: Some(Digest::of(&[n])), by };
        settlement.act(contract.digest(), &event, asker).map(|acted| acted.again)
    };
    fn many<T>(refused: &Result<T, SettlementError>) -> bool {
        matches!(refused, Err(SettlementError::Caller { .. }))
    }
    let settlement = open(&cast, &folder.0, bounds.clone());
    settlement.tell(&cast.opening([20_000, 0]).unwrap()).unwrap();
    assert!(!propose(&settlement, 1, Some(mallory)).unwrap());
    assert!(!propose(&settlement, 2, Some(mallory)).unwrap());
    let size = settlement.size().unwrap();
    assert!(many(&propose(&settlement, 3, Some(mallory))));
    assert_eq!(settlement.size().unwrap(), size, "nothing was written");
    assert!(propose(&settlement, 2, Some(mallory)).unwrap(), "a request that was answered is answered again");
    assert!(!propose(&settlement, 3, Some(ada)).unwrap(), "another caller has room");
    assert!(settlement.register_by(&record(1), None, Some(mallory)).unwrap().is_some());
    assert!(many(&settlement.register_by(&record(2), None, Some(mallory))));
    assert_eq!(settlement.register_by(&record(1), None, Some(mallory)).unwrap(), None, "it is known");
    settlement.close();
    // `close` wrote a snapshot; without it the log says the same.
    for from_log in [false, true] {
        if from_log {
            std::fs::remove_file(folder.0.join("settlement.snapshot")).unwrap();
        }
        let settlement = open(&cast, &folder.0, bounds.clone());
        assert_eq!(settlement.snapshot_size() == 0, from_log);
        assert!(many(&propose(&settlement, 4, Some(mallory))));
        assert!(many(&settlement.register_by(&record(2), None, Some(mallory))));
        settlement.close();
    }
    let settlement = open(&cast, &folder.0, bounds);
    assert!(!propose(&settlement, 4, None).unwrap(), "the operator has no such bound");
    assert!(settlement.register_by(&record(2), None, Some(ada)).unwrap().is_some());
    settlement.close();
}

#[test]
fn a_caller_s_requests_are_counted_by_the_day() {
    let (cast, folder) = (Cast::new().unwrap(), crate::Folder::new());
    std::fs::write(folder.0.join("log.key"), cast.log.reveal()).unwrap();
    let caller = CallerBounds { writes: 2, ..CallerBounds::default() };
    let bounds = Bounds { caller, ..Bounds::default() };
    let clock = Arc::new(ManualClock::new(Timestamp(86_400_000_000 - 1_000)));
    let config = SettlementConfig { bounds, ..SettlementConfig::new(folder.0.clone()) };
    let settlement = Settlement::open(&config, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let [ada, bob] = [b"ada", b"bob"].map(|name| Digest::of(name));
    assert!(settlement.count_write(ada).is_ok() && settlement.count_write(ada).is_ok());
    assert!(settlement.count_write(ada).is_err() && settlement.count_write(bob).is_ok());
    clock.advance_ms(1);
    assert!(settlement.count_write(ada).is_ok(), "another day");
    settlement.close();
}

/// A copy of a folder as it is now, as a backup would be.
fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A backup of the ledger beside a newer log: what was signed since is gone, and nothing is decided on what is left.
#[test]
fn a_ledger_that_was_set_back_behind_its_log_is_not_served() {
    let (cast, folder) = (Cast::new().unwrap(), crate::Folder::new());
    let (books, backup) = (folder.0.join("books"), folder.0.join("backup"));
    let record = |settlement: &Settlement, key: &str| {
        let owner = Owner::new(cast.accounts()[3].clone(), Vec::new()).unwrap();
        settlement.tell(&Command::new(key, vec![owner.op().unwrap()]).unwrap()).unwrap();
    };
    let settlement = open(&cast, &folder.0, Bounds::default());
    settlement.tell(&cast.opening([20_000, 0]).unwrap()).unwrap();
    assert!(!settlement.checkpoint().unwrap().is_empty());
    settlement.close();
    copy(&books, &backup);
    let settlement = open(&cast, &folder.0, Bounds::default());
    record(&settlement, "one");
    settlement.checkpoint().unwrap();
    settlement.close();
    copy(&backup, &books);
    let clock = Arc::new(ManualClock::new(Timestamp(1)));
    let refused = || {
        let config = SettlementConfig::new(folder.0.clone());
        match Settlement::open(&config, Arc::clone(&clock) as Arc<dyn Clock>) {
            Err(error) => error.to_string(),
            Ok(_) => "opened".into(),
        }
    };
    assert!(refused().contains("set back"), "{}", refused());
    // Written on elsewhere, it is another ledger.
    let journal =
        Source::Folder(books.clone()).open(JournalConfig::default(), Arc::clone(&clock) as Arc<dyn Clock>);
    let journal = journal.unwrap();
    let owner = Owner::new(cast.accounts()[2].clone(), Vec::new()).unwrap();
    journal.apply(Command::new("other", vec![owner.op().unwrap()]).unwrap()).unwrap();
    journal.close();
    assert!(refused().contains("two ledgers"), "{}", refused());
    // Whoever knows what was lost says so by moving the old log away.
    std::fs::rename(folder.0.join("log"), folder.0.join("log-of-before")).unwrap();
    let settlement = open(&cast, &folder.0, Bounds::default());
    assert_eq!(settlement.size().unwrap(), 2);
    settlement.close();
}

/// What is held for escrows is theirs: a command by hand cannot take it.
#[test]
fn a_command_by_hand_does_not_touch_what_is_held_for_escrows() {
    let (cast, folder) = (Cast::new().unwrap(), crate::Folder::new());
    let settlement = open(&cast, &folder.0, Bounds::default());
    settlement.tell(&cast.opening([20_000, 0]).unwrap()).unwrap();
    let mut contract = cast.contract();
    contract.mandate = None;
    let proposal = Event::Propose(Box::new(cast.signed(contract.clone())));
    for (n, event) in [proposal, cast.authorize(&contract).unwrap(), Event::Lock].iter().enumerate() {
        settlement.act(contract.digest(), event, Digest::of(&n.to_le_bytes())).unwrap();
    }
    let held = settlement.escrow(&contract.digest()).unwrap().0;
    assert_eq!(held.phase, Phase::Locked);
    let (clearing, payer) = (Cast::clearing().unwrap(), cast.accounts()[0].clone());
    let transfer = Op::Transfer { amount: contract.amount(1), credit: payer, debit: clearing };
    let hold = HoldId(0);
    let post = Op::Post { amount: None, hold, rest: Rest::Release };
    for (n, op) in [transfer, Op::Void { hold }, post].into_iter().enumerate() {
        let command = Command::new(format!("hand-{n}"), vec![op]).unwrap();
        let refused = settlement.tell(&command);
        assert!(
            matches!(refused, Err(SettlementError::Office(OfficeError::Ledger(PayError::Bad { .. })))),
            "{refused:?}"
        );
    }
    // Of holds that are nobody's escrow the ledger decides.
    let other = Command::new("other", vec![Op::Void { hold: HoldId(99) }]).unwrap();
    assert!(settlement.tell(&other).is_ok());
    settlement.close();
}

/// A witness that takes its time holds up those who need its word, and nobody else; what it cosigns then proves what it was asked
/// about, however far the log has come since.
#[test]
fn what_needs_no_witness_does_not_wait_for_one() {
    let (cast, folder) = (Cast::new().unwrap(), crate::Folder::new());
    let key = SigningKey::from_seed("w", Role::Witness, &[3; 32]).unwrap();
    let policy = Policy::of(&[key.public().clone()], 1).unwrap();
    std::fs::write(folder.0.join("witness.policy"), policy.to_string()).unwrap();
    let mut witness = Witness::new(key).unwrap();
    let log = cast.log.public().clone();
    witness.watch(log.name(), log.clone(), 0, [0; 32]).unwrap();
    let (asked, is_asked) = std::sync::mpsc::channel();
    let (answer, answers) = std::sync::mpsc::channel::<bool>();
    let state = std::sync::Mutex::new((answers, witness));
    let slow = move |_: &Trusted, request: &AddCheckpoint| -> Result<Answered, Unasked> {
        let mut state = state.lock().unwrap();
        asked.send(()).unwrap();
        if state.0.recv().unwrap_or(false) {
            return Ok(state.1.answer(&request.to_string(), Timestamp(1)));
        }
        Err(Unasked("it is silent".into()))
    };
    let settlement = open(&cast, &folder.0, Bounds::default()).with_witnesses(Box::new(slow));
    settlement.tell(&cast.opening([20_000, 0]).unwrap()).unwrap();
    let grow = |n: u64| {
        let owner = Owner::new(cast.accounts()[3].clone(), Vec::new()).unwrap();
        settlement.tell(&Command::new(format!("own-{n}"), vec![owner.op().unwrap()]).unwrap()).unwrap();
        assert_eq!(settlement.entry(n).unwrap().unwrap().seq, n, "what came since is published too");
    };
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| settlement.receipt(0));
        is_asked.recv().unwrap();
        grow(1);
        answer.send(false).unwrap();
        assert!(matches!(waits.join().unwrap(), Err(SettlementError::Unwitnessed(_))));
        let waits = scope.spawn(|| settlement.receipt(1));
        is_asked.recv().unwrap();
        // Past the end of a tile, and so often that the files of then are gone.
        (2..300).for_each(grow);
        answer.send(true).unwrap();
        let receipt = waits.join().unwrap().unwrap().unwrap();
        let seen = receipt.verify(receipt.extra.as_deref().unwrap(), &log, log.name()).unwrap();
        assert_eq!((receipt.index, seen.size), (1, 2));
        assert!(policy.met(&receipt.checkpoint).is_ok());
    });
    settlement.close();
}
