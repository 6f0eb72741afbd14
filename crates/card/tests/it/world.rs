//! A merchant, a payer with cards, and contracts between them.

use crate::bank::{ASKING, Bank, REFUSED};
use crate::network::Network;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use tollgate_card::{Api, Card, CardError, CardRail, Cards, MemoryJournal, RailConfig, Record};
use tollgate_core::id::AccountId;
use tollgate_core::{Asset, Clock, ManualClock, Timestamp};
use tollgate_pay::escrow::TaskContract;
use tollgate_pay::rail::{Ask, Call};
use tollgate_pay::simulate::Cast;
use tollgate_rail::KeepError;

pub(crate) const HOUR_US: i64 = 3_600_000_000;

pub(crate) fn account(name: &str) -> AccountId {
    format!("acct_{name}").parse().unwrap()
}

#[derive(Clone, Default)]
pub(crate) struct Filed(pub(crate) BTreeMap<AccountId, Card>);

impl Cards for Filed {
    fn card(&mut self, account: &AccountId) -> Result<Option<Card>, CardError> {
        Ok(self.0.get(account).cloned())
    }
}

/// A journal that outlives the rail.
#[derive(Clone, Default)]
pub(crate) struct Disk(pub(crate) Rc<RefCell<MemoryJournal>>, MemoryJournal);

impl Disk {
    pub(crate) fn opened(&self) -> Self {
        Self(Rc::clone(&self.0), self.0.borrow().clone())
    }
}

impl tollgate_rail::Journal for Disk {
    type Record = Record;

    fn get(&self, key: &str) -> Option<&Record> {
        self.1.get(key)
    }

    fn records(&self) -> Box<dyn Iterator<Item = &Record> + '_> {
        self.1.records()
    }

    fn put(&mut self, record: Record) -> Result<(), KeepError> {
        self.0.borrow_mut().put(record.clone())?;
        self.1.put(record)
    }

    fn prune(&mut self, keep: &mut dyn FnMut(&Record) -> bool) -> Result<usize, KeepError> {
        self.0.borrow_mut().prune(keep)?;
        self.1.prune(keep)
    }
}

pub(crate) type Rail<A> = CardRail<Network<A>, Disk, Filed>;

/// See the module.
pub(crate) struct World<A: Api> {
    pub(crate) network: Network<A>,
    pub(crate) disk: Disk,
    pub(crate) cards: Filed,
    pub(crate) config: RailConfig,
    pub(crate) rail: Rail<A>,
}

impl World<Bank> {
    pub(crate) fn of_bank() -> Self {
        let cards = [("ada", "pm_good"), ("broke", REFUSED), ("asking", ASKING)];
        Self::new(Bank::default(), cards.map(|(name, method)| (account(name), method.to_owned())))
    }

    pub(crate) fn bank<T>(&self, look: impl FnOnce(&mut Bank) -> T) -> T {
        look(&mut self.network.0.borrow_mut().far)
    }
}

impl<A: Api> World<A> {
    pub(crate) fn new(far: A, cards: impl IntoIterator<Item = (AccountId, String)>) -> Self {
        let card = |payment_method| Card { payment_method, customer: None };
        let cards = Filed(cards.into_iter().map(|(account, method)| (account, card(method))).collect());
        let config = RailConfig {
            merchant: account("merchant"),
            assets: vec![Asset::new("EUR", 2).unwrap(), Asset::new("JPY", 0).unwrap()],
            hold_h: 96,
            off_session: false,
        };
        let (network, disk) = (Network::new(far), Disk::default());
        let rail = start(&network, &disk, &cards, &config);
        Self { network, disk, cards, config, rail }
    }

    /// The rail's process starts again.
    pub(crate) fn restart(&mut self) {
        self.rail = start(&self.network, &self.disk, &self.cards, &self.config);
    }
}

fn start<A: Api>(network: &Network<A>, disk: &Disk, cards: &Filed, config: &RailConfig) -> Rail<A> {
    let now = Timestamp(contract("ada").refund_after.0 - 95 * HOUR_US);
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(now));
    CardRail::new(network.clone(), disk.opened(), cards.clone(), config.clone(), clock)
}

/// A contract of one stage, of which part may be paid.
pub(crate) fn contract(payer: &str) -> TaskContract {
    // The cast makes keys, which takes its time.
    static MADE: LazyLock<TaskContract> = LazyLock::new(|| Cast::new().unwrap().contract());
    let mut contract = MADE.clone();
    contract.rail = tollgate_card::CARD_RAIL.into();
    contract.price = tollgate_core::Amount::new(10_000, Asset::new("EUR", 2).unwrap());
    contract.fees.clear();
    contract.funding.truncate(1);
    contract.funding[0].account = account(payer);
    contract.funding[0].amount = contract.price;
    contract.payee.account = account("merchant");
    contract.stages.truncate(1);
    contract.stages[0].amount = contract.price;
    contract.partial = true;
    contract
}

pub(crate) fn hold(contract: &TaskContract) -> Call {
    let ask = Ask::Hold { funding: contract.funding.clone() };
    Call { key: "hold".into(), escrow: contract.digest(), ask }
}

pub(crate) fn release(contract: &TaskContract, held: &str, minor: i128) -> Call {
    let ask = Ask::Release {
        held: held.into(),
        funding: contract.funding.clone(),
        before: contract.amount(0),
        amount: contract.amount(minor),
        parts: contract.split(minor).unwrap(),
        last: true,
    };
    Call { key: "release".into(), escrow: contract.digest(), ask }
}

pub(crate) fn refund(contract: &TaskContract, held: &str) -> Call {
    let (held, funding) = (held.into(), contract.funding.clone());
    let ask = Ask::Refund { held, funding, before: contract.amount(0) };
    Call { key: "refund".into(), escrow: contract.digest(), ask }
}
