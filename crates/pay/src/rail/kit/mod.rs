//! Conformance of rails: every fault that a network and a process have, at every call, against what the rail promises.
//!
//! A rail's tests give a [`Bench`]: the rail, its far side, and a network between them whose faults can be armed. [`conform`]
//! plays whole escrows with one fault in each call, reconciles as the office does, and looks at the far side: each call took
//! effect once; what was said to have failed never took effect, not even when a copy came late; a used key moves nothing
//! for another call; nothing is paid out beyond what is held, or after it went back.
//!
//! It answers with the first promise that is broken, so a rail that passes was held to all of them.

mod faulty;
mod play;

pub use faulty::FaultyLedger;
pub use play::conform;

use super::Rail;
use crate::escrow::TaskContract;
use tollgate_core::id::AccountId;

/// What goes wrong with the next request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing.
    None,
    /// The request is lost.
    DropRequest,
    /// The request arrives, its answer is lost.
    DropAnswer,
    /// The request arrives twice.
    Duplicate,
    /// The request arrives at [`Bench::heal`], after others, and its answer is lost.
    Delay,
    /// The rail's process dies before it sends, and starts again.
    CrashBefore,
    /// The request arrives; the rail's process dies before it sees the answer, and starts again.
    CrashAfter,
    /// The answer is lost, and the next query is answered as if the request had not arrived.
    StaleQuery,
}

impl Fault {
    /// All, in order.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::DropRequest,
        Self::DropAnswer,
        Self::Duplicate,
        Self::Delay,
        Self::CrashBefore,
        Self::CrashAfter,
        Self::StaleQuery,
    ];
}

/// A rail with its far side, in the state before anything happened.
pub trait Bench {
    /// The rail.
    type Rail: Rail;

    /// A contract whose funding is there, with as many stages, fees and sources as the rail can carry.
    fn contract(&self) -> TaskContract;
    /// A contract whose funding is not there, on the same accounts.
    fn beyond(&self) -> TaskContract;
    /// The rail.
    fn rail(&mut self) -> &mut Self::Rail;
    /// The rail's process dies and starts again with what it has on disk.
    fn restart(&mut self);
    /// Something goes wrong with the next request.
    fn arm(&mut self, fault: Fault);
    /// All that was delayed arrives, and nothing is armed any more.
    fn heal(&mut self);
    /// What an account has at the far side, held funds included, in minor units.
    fn balance(&self, account: &AccountId) -> i128;
    /// What is held at the far side, in minor units.
    fn held(&self) -> i128;
}

/// What was tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Escrows played.
    pub plays: u32,
    /// Calls made, repetitions included.
    pub calls: u32,
    /// Calls that had an unknown outcome first.
    pub unknown: u32,
}

/// A promise that a rail broke.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{play}, {fault:?} at {at}: {what}")]
pub struct Finding {
    /// What was played.
    pub play: &'static str,
    /// What went wrong.
    pub fault: Fault,
    /// At which call.
    pub at: String,
    /// What the rail did.
    pub what: String,
}
