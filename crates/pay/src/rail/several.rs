//! The rails of an office: each contract is carried by the one that it names, and by no other.
//!
//! A rail that waits for others, such as a chain or a bank, need not be in the office: it carries out what is [`Due`] beside it, so
//! that nobody else waits, and the office is told.

use super::{Call, Outcome, Rail};
use crate::PayError;
use crate::escrow::TaskContract;
use std::sync::Arc;

/// See the module.
pub trait Rails {
    /// Names of all.
    fn names(&self) -> Vec<&str>;
    /// Whether the rail that a contract names would carry it; `None` where there is none of that name. Nothing happens.
    fn carries(&mut self, contract: &TaskContract) -> Option<Result<(), PayError>>;
    /// The rail of a name, where the office itself makes its calls.
    fn here(&mut self, name: &str) -> Option<&mut dyn Rail>;
}

impl<R: Rail> Rails for R {
    fn names(&self) -> Vec<&str> {
        vec![self.name()]
    }

    fn carries(&mut self, contract: &TaskContract) -> Option<Result<(), PayError>> {
        (contract.rail == self.name()).then(|| self.prepare(contract))
    }

    fn here(&mut self, name: &str) -> Option<&mut dyn Rail> {
        (name == self.name()).then_some(self)
    }
}

/// A call that an escrow waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Due {
    /// The rail that makes it.
    pub rail: String,
    /// The contract that it is about.
    pub contract: Arc<TaskContract>,
    /// The call.
    pub call: Call,
    /// It was certainly not made yet, so the rail cannot know it.
    pub is_fresh: bool,
}

impl Due {
    /// Makes the call, or finds out what became of it. Only one that was certainly not made yet is made without asking; the
    /// key makes the second time harmless.
    pub fn settle(&self, rail: &mut (impl Rail + ?Sized)) -> Outcome {
        rail.about(&self.contract);
        match if self.is_fresh { Outcome::Unknown } else { rail.query(&self.call) } {
            Outcome::Unknown => rail.perform(&self.call),
            known => known,
        }
    }
}
