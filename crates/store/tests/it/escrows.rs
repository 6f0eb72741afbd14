//! Escrows on a real journal: what was recorded is there again, and a call is found however long ago it was made.

use std::path::Path;
use std::sync::Arc;
use tollgate_core::{Clock, Digest, ManualClock, Timestamp};
use tollgate_pay::escrow::{Event, Phase, RailState};
use tollgate_pay::ledger::{Account, Command, Limits, Op};
use tollgate_pay::rail::{Ledger as _, Outcome, Rail as _};
use tollgate_pay::simulate::Cast;
use tollgate_store::escrows::{JournalOffice, open_office};
use tollgate_store::journal::audit::Source;
use tollgate_store::journal::{Journal, JournalConfig};

struct World {
    cast: Cast,
    clock: Arc<ManualClock>,
    source: Source,
    config: JournalConfig,
}

impl World {
    fn new(path: &Path, limits: Limits) -> Self {
        let config = JournalConfig { limits, ..JournalConfig::default() };
        let (cast, clock) = (Cast::new().unwrap(), Arc::new(ManualClock::new(Timestamp(1))));
        let world = Self { cast, clock, source: Source::Folder(path.into()), config };
        let (_, journal) = world.open();
        journal.apply(world.cast.opening([20_000, 0]).unwrap()).unwrap();
        journal.close();
        world
    }

    fn open(&self) -> (JournalOffice, Journal) {
        let (clock, plane) = (Arc::clone(&self.clock) as Arc<dyn Clock>, self.cast.plane());
        let clearing = Cast::clearing().unwrap();
        let (office, _, journal) =
            open_office(&self.source, self.config.clone(), 8, clock, plane, clearing, Vec::new()).unwrap();
        (office, journal)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// An escrow whose lock is recorded, and whose rail has not been asked.
    fn locking(&self, office: &mut JournalOffice) -> Digest {
        let contract = self.cast.contract();
        let (id, authorize) = (contract.digest(), self.cast.authorize(&contract).unwrap());
        let propose = Event::Propose(Box::new(self.cast.signed(contract)));
        for event in [propose, authorize, Event::Lock] {
            office.act(id, event, self.now()).unwrap();
        }
        id
    }

    fn held(&self, journal: &Journal) -> (u128, usize) {
        let payer = self.cast.accounts()[1].clone();
        journal
            .look(move |book| {
                (book.account(&payer).map_or(0, |a: &Account| a.pending.debits), book.open_holds())
            })
            .unwrap()
    }
}

#[test]
fn an_office_opens_where_the_last_one_stopped() {
    let folder = crate::Folder::new();
    let world = World::new(&folder.0, Limits::default());
    let (mut office, journal) = world.open();
    let id = world.locking(&mut office);
    let before = office.desk().escrow(&id).unwrap().clone();
    journal.close();
    let (mut office, journal) = world.open();
    assert_eq!(office.desk().escrow(&id).unwrap(), &before);
    assert!(matches!(before.rail, RailState::Pending(_)));
    assert_eq!(office.settle(id, world.now()).unwrap().unwrap().phase, Phase::Locked);
    assert_eq!(world.held(&journal), (10_000, 1));
    // At its time the payer takes it back, with nobody else's word.
    world.clock.advance_ms(4 * 3_600_000);
    office.act(id, Event::Reclaim, world.now()).unwrap();
    assert_eq!(office.settle(id, world.now()).unwrap().unwrap().phase, Phase::Refunded);
    assert_eq!(world.held(&journal), (0, 0));
    journal.close();
}

#[test]
fn a_call_is_found_after_its_key_was_forgotten() {
    let folder = crate::Folder::new();
    // Keys are forgotten as soon as time moves on.
    let world = World::new(&folder.0, Limits { key_age_us: 0, ..Limits::default() });
    let (mut office, journal) = world.open();
    let id = world.locking(&mut office);
    let call = office.desk().escrow(&id).unwrap().rail.open().unwrap().clone();
    // The rail does it, and the process ends before that is recorded.
    let done = office.rail().own().perform(&call);
    assert!(matches!(done, Outcome::Done { .. }), "{done:?}");
    for n in 0..20 {
        world.clock.advance_ms(1_000);
        journal.apply(Command::new(format!("later-{n}"), vec![Op::Sweep]).unwrap()).unwrap();
    }
    let key = call.key.clone();
    assert!(journal.look(move |book| book.answered(&key).is_none()).unwrap(), "the key is still remembered");
    journal.close();
    let (mut office, journal) = world.open();
    assert_eq!(office.rail().own().query(&call), done);
    assert_eq!(office.settle(id, world.now()).unwrap().unwrap().phase, Phase::Locked);
    assert_eq!(world.held(&journal), (10_000, 1), "the funds are held once");
    let rail = office.rail().own();
    assert_eq!(rail.ledger().find("never used"), Ok(None));
    journal.close();
}
