//! Where settlement is kept, and what it may grow to.

use super::HookConfig;
use crate::escrows::ESCROWS_MAX;
use crate::journal::audit::Source;
use std::path::PathBuf;
use tollgate_core::id::AccountId;
use tollgate_pay::ledger::Limits;
use tollgate_pay::registry::AGENTS_MAX;

/// Where settlement is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettlementConfig {
    /// The data folder.
    pub data: PathBuf,
    /// The account through which the ledger rail clears.
    pub clearing: AccountId,
    /// Where the ledger is: in the folder, or in a database that other servers share.
    pub ledger: Option<Source>,
    /// Who is told what happens.
    pub hooks: Vec<HookConfig>,
    /// What it may grow to.
    pub bounds: Bounds,
    /// Rails of the folder beside our own ledger, by name.
    pub rails: Vec<String>,
}

/// What a settlement may grow to. Bounds are asked of what is new, and never of what stands in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Those of the ledger.
    pub ledger: Limits,
    /// Escrows, for ever.
    pub escrows: usize,
    /// Agents, for ever.
    pub agents: usize,
    /// Events in memory for receivers that were not told yet; the rest wait in the log.
    pub events: usize,
    /// Those of each caller that is not the operator, so that none uses up what is for all.
    pub caller: CallerBounds,
}

/// What each caller may add.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallerBounds {
    /// Escrows, for ever: the log says whose proposal each was.
    pub escrows: usize,
    /// Agents, for ever: the log says who brought each.
    pub agents: usize,
    /// Requests that change something, at one server in one day (UTC). They are counted in memory.
    pub writes: u64,
}

impl Default for CallerBounds {
    /// A quarter of what there is for all: 250,000 escrows, 25,000 agents, and a million requests.
    fn default() -> Self {
        Self { escrows: ESCROWS_MAX / 4, agents: AGENTS_MAX / 4, writes: 1_000_000 }
    }
}

impl Default for Bounds {
    /// A million escrows, a hundred thousand agents, 4,096 events, and the ledger's own.
    fn default() -> Self {
        let (ledger, caller) = (Limits::default(), CallerBounds::default());
        Self { ledger, escrows: ESCROWS_MAX, agents: AGENTS_MAX, events: 4_096, caller }
    }
}

impl SettlementConfig {
    /// The folder's name of the account through which its rail clears, unless the configuration says another.
    pub const CLEARING: &'static str = "acct_clearing";

    /// Settlement in this folder.
    #[must_use]
    pub fn new(data: PathBuf) -> Self {
        let clearing = Self::CLEARING.parse().unwrap_or_else(|_| unreachable!("a legal name"));
        Self { data, clearing, ledger: None, hooks: Vec::new(), bounds: Bounds::default(), rails: Vec::new() }
    }
}
