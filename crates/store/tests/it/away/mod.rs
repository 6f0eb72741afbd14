//! Rails that wait for others: an unknown outcome blocks until it is known, and nobody else waits.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tollgate_core::{Clock, Digest, ManualClock, Timestamp};
use tollgate_pay::PayError;
use tollgate_pay::escrow::{Event, OfficeError, Phase, RailState, Refusal, TaskContract};
use tollgate_pay::rail::{Call, Capabilities, Outcome, Rail};
use tollgate_pay::simulate::Cast;
use tollgate_store::settlement::{Acted, AwayRail, Settlement, SettlementConfig, SettlementError};

/// A bank that is silent until it is told to speak.
#[derive(Default)]
struct State {
    speaks: bool,
    asked: u32,
    /// Told when a call has come in, and waits for this before it answers.
    gate: Option<(Sender<()>, Receiver<()>)>,
}

#[derive(Clone, Default)]
struct Bank(Arc<Mutex<State>>);

impl Rail for Bank {
    fn name(&self) -> &str {
        "bank"
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities { stages: true, fees: true, groups: true }
    }
    fn prepare(&mut self, _contract: &TaskContract) -> Result<(), PayError> {
        Ok(())
    }
    fn perform(&mut self, call: &Call) -> Outcome {
        self.query(call)
    }
    fn query(&mut self, _call: &Call) -> Outcome {
        let gate = self.0.lock().unwrap().gate.take();
        if let Some((came, go)) = gate {
            came.send(()).unwrap();
            go.recv().unwrap();
        }
        let mut state = self.0.lock().unwrap();
        state.asked += 1;
        if state.speaks { Outcome::Done { proof: "held".into() } } else { Outcome::Unknown }
    }
}

struct World {
    cast: Cast,
    clock: Arc<ManualClock>,
    bank: Bank,
    folder: crate::Folder,
}

impl World {
    fn new() -> Self {
        let (cast, folder) = (Cast::new().unwrap(), crate::Folder::new());
        let (clock, bank) = (Arc::new(ManualClock::new(Timestamp(1))), Bank::default());
        Self { cast, clock, bank, folder }
    }

    fn open(&self) -> Settlement {
        let path: &Path = &self.folder.0;
        std::fs::write(path.join("log.key"), self.cast.log.reveal()).unwrap();
        let away = AwayRail {
            name: "bank".into(),
            carries: Box::new(|contract| {
                let small = contract.price.minor() <= 10_000;
                let wanted = "at most 10000";
                if small {
                    Ok(())
                } else {
                    Err(PayError::Bad { field: "price", value: String::new(), wanted })
                }
            }),
            rail: Box::new(self.bank.clone()),
        };
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Settlement::with_rails(&SettlementConfig::new(path.into()), clock, vec![away]).unwrap()
    }

    fn contract(&self, rail: &str, nonce: u8) -> TaskContract {
        let mut contract = self.cast.contract();
        (contract.rail, contract.nonce) = (rail.into(), Digest::of(&[nonce]));
        contract
    }

    /// Everything up to the lock, and what that was answered.
    fn lock(&self, settlement: &Settlement, contract: &TaskContract) -> Result<Acted, SettlementError> {
        let propose = Event::Propose(Box::new(self.cast.signed(contract.clone())));
        let authorize = self.cast.authorize(contract).unwrap();
        let mut last = Ok(Acted { told: Vec::new(), again: false });
        for (n, event) in [propose, authorize, Event::Lock].iter().enumerate() {
            let request = Digest::of_parts([contract.digest().0.as_slice(), &[n as u8]]);
            last = Ok(settlement.act(contract.digest(), event, request)?);
        }
        last
    }
}

fn refused(outcome: Result<Acted, SettlementError>) -> Refusal {
    let Err(SettlementError::Office(OfficeError::Refused(refusal))) = outcome else {
        unreachable!("not refused: {outcome:?}")
    };
    refusal
}

#[test]
fn what_is_unknown_blocks_and_is_reconciled_by_the_clock_of_the_settlement() {
    let world = World::new();
    let settlement = world.open();
    settlement.tell(&world.cast.opening([20_000, 0]).unwrap()).unwrap();
    let other = world.contract("chain", 1);
    assert!(matches!(refused(world.lock(&settlement, &other)), Refusal::Mismatch { field: "rail", .. }));
    let mut dear = world.contract("bank", 2);
    dear.price = dear.amount(20_000);
    (dear.stages[0].amount, dear.funding[0].amount) = (dear.price, dear.price);
    assert!(matches!(refused(world.lock(&settlement, &dear)), Refusal::Bad(_)), "the rail does not carry it");
    let (contract, id) = (world.contract("bank", 3), world.contract("bank", 3).digest());
    world.lock(&settlement, &contract).unwrap();
    let rail = |settlement: &Settlement| settlement.escrow(&id).unwrap().0.rail;
    assert!(matches!(rail(&settlement), RailState::Unknown(_)));
    // The money may be held, so nothing else happens, not even long after.
    world.clock.advance_ms(u32::MAX);
    let expire = settlement.act(id, &Event::Expire, Digest::of(b"expire"));
    assert!(matches!(refused(expire), Refusal::Blocked { .. }));
    assert_eq!(settlement.settle_all().unwrap(), 0, "still nobody knows");
    settlement.close();
    let settlement = world.open();
    assert!(matches!(rail(&settlement), RailState::Unknown(_)), "opening waits for nobody");
    world.bank.0.lock().unwrap().speaks = true;
    assert_eq!(settlement.settle_all().unwrap(), 1);
    let escrow = settlement.escrow(&id).unwrap().0;
    assert_eq!((escrow.phase, escrow.held.as_deref()), (Phase::Locked, Some("held")));
    let asked = world.bank.0.lock().unwrap().asked;
    assert_eq!(settlement.settle_all().unwrap(), 0);
    assert_eq!(world.bank.0.lock().unwrap().asked, asked, "what is known is not asked again");
    settlement.close();
}

#[test]
fn nobody_waits_for_a_bank_but_who_asked_for_it() {
    let world = World::new();
    let settlement = world.open();
    settlement.tell(&world.cast.opening([20_000, 0]).unwrap()).unwrap();
    let (came, has_come) = channel();
    let (go, may_go) = channel();
    {
        let mut state = world.bank.0.lock().unwrap();
        (state.speaks, state.gate) = (true, Some((came, may_go)));
    }
    let (slow, own) = (world.contract("bank", 1), world.contract("ledger", 2));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| world.lock(&settlement, &slow).unwrap());
        has_come.recv_timeout(Duration::from_secs(60)).unwrap();
        let (done, is_done) = channel();
        let (world, settlement, own, slow) = (&world, &settlement, &own, &slow);
        scope.spawn(move || {
            let phase = world.lock(settlement, own).unwrap().told.last().unwrap().phase;
            done.send((phase, settlement.escrow(&slow.digest()).unwrap().0.phase)).unwrap();
        });
        let seen = is_done.recv_timeout(Duration::from_secs(60));
        // Whatever was seen, nothing is left waiting.
        go.send(()).unwrap();
        assert_eq!(seen.unwrap(), (Phase::Locked, Phase::Locking));
        assert_eq!(waiting.join().unwrap().told.last().unwrap().phase, Phase::Locked);
    });
    settlement.close();
}
