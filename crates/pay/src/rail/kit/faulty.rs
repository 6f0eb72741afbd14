//! A ledger behind a bad network.

use super::Fault;
use crate::ledger::{Account, Command, Outcome};
use crate::rail::{Ledger, LedgerFault};
use tollgate_core::id::AccountId;

/// Most requests under way at one time; beyond it they are lost.
const DELAYED_MAX: usize = 64;

/// See the module.
#[derive(Debug)]
pub struct FaultyLedger<L> {
    inner: L,
    armed: Fault,
    met: Option<Fault>,
    delayed: Vec<Command>,
    stale: bool,
}

impl<L: Ledger> FaultyLedger<L> {
    /// The ledger, with a network that works so far.
    pub const fn new(inner: L) -> Self {
        Self { inner, armed: Fault::None, met: None, delayed: Vec::new(), stale: false }
    }

    /// Something goes wrong with the next request.
    pub const fn arm(&mut self, fault: Fault) {
        self.armed = fault;
    }

    /// What went wrong with a request, where something did since this was last asked.
    pub const fn take_met(&mut self) -> Option<Fault> {
        self.met.take()
    }

    /// All that was delayed arrives, the last first, and nothing is armed any more.
    pub fn heal(&mut self) {
        (self.armed, self.stale) = (Fault::None, false);
        while let Some(command) = self.delayed.pop() {
            // Nobody waits for the answer any more.
            let _ = self.inner.apply(command);
        }
    }

    /// Takes what is under way: it outlives the process that sent it.
    pub fn take_delayed(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.delayed)
    }

    /// These are under way too.
    pub fn delay(&mut self, commands: Vec<Command>) {
        self.delayed.extend(commands);
        self.delayed.truncate(DELAYED_MAX);
    }

    /// The far side itself.
    pub const fn inner(&self) -> &L {
        &self.inner
    }

    /// The far side itself.
    pub const fn inner_mut(&mut self) -> &mut L {
        &mut self.inner
    }
}

impl<L: Ledger> Ledger for FaultyLedger<L> {
    fn apply(&mut self, command: Command) -> Result<(u64, Outcome), LedgerFault> {
        let fault = std::mem::replace(&mut self.armed, Fault::None);
        self.met = Some(fault).filter(|fault| *fault != Fault::None).or(self.met);
        match fault {
            Fault::None => self.inner.apply(command),
            Fault::DropRequest | Fault::CrashBefore => Err(LedgerFault::Unknown),
            Fault::DropAnswer | Fault::CrashAfter => {
                let _ = self.inner.apply(command);
                Err(LedgerFault::Unknown)
            }
            Fault::Duplicate => {
                let _ = self.inner.apply(command.clone());
                self.inner.apply(command)
            }
            Fault::Delay => {
                if self.delayed.len() < DELAYED_MAX {
                    self.delayed.push(command);
                }
                Err(LedgerFault::Unknown)
            }
            Fault::StaleQuery => {
                self.stale = true;
                let _ = self.inner.apply(command);
                Err(LedgerFault::Unknown)
            }
        }
    }

    fn find(&mut self, key: &str) -> Result<Option<(u64, Outcome)>, LedgerFault> {
        if std::mem::take(&mut self.stale) { Ok(None) } else { self.inner.find(key) }
    }

    fn account(&mut self, id: &AccountId) -> Result<Option<Account>, LedgerFault> {
        self.inner.account(id)
    }
}
