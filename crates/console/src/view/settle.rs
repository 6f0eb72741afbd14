//! Settlement: escrows with their timelines, agents, and the log.

use super::Fact;
use serde::{Deserialize, Serialize};
use tollgate_core::Timestamp;

/// How a phase is to be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Under way.
    #[default]
    Plain,
    /// Somebody should look: disputed, refused, or a rail that has not answered.
    Attention,
    /// Ended well.
    Good,
    /// Ended without payment.
    Over,
}

/// One escrow in a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EscrowRow {
    /// The contract's digest.
    pub id: String,
    /// What the parties call the task.
    pub task: String,
    /// The price with its asset.
    pub price: String,
    /// What was paid out.
    pub released: String,
    /// Where it is.
    pub phase: String,
    /// How that is to be taken.
    pub tone: Tone,
    /// The rail has not said what became of a call.
    pub waiting: bool,
    /// Time of the last event.
    pub at: Timestamp,
    /// From when on the payer takes back what was not released.
    pub refund_after: Timestamp,
}

/// What the list of escrows shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EscrowsView {
    /// This page of them.
    pub rows: Vec<EscrowRow>,
    /// The phase that is shown; all when none.
    pub phase: Option<String>,
    /// All phases.
    pub phases: Vec<String>,
    /// The id after which the next page begins.
    pub next: Option<String>,
}

/// One event of an escrow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EventRow {
    /// Its entry in the log.
    pub entry: u64,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub what: String,
    /// Where the escrow was after it.
    pub phase: String,
    /// How that is to be taken.
    pub tone: Tone,
}

/// What the page of one escrow shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EscrowView {
    /// The escrow.
    pub escrow: EscrowRow,
    /// Its terms and its state.
    pub facts: Vec<Fact>,
    /// What happened, the first event first.
    pub timeline: Vec<EventRow>,
}

/// One agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Version of its record.
    pub version: u64,
    /// When that was issued.
    pub issued: Timestamp,
    /// What it says it can do.
    pub skills: Vec<String>,
    /// Its keys: id and purposes of those that count now.
    pub keys: Vec<String>,
    /// Accounts that it has proven.
    pub accounts: Vec<String>,
}

/// What the page of agents shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentsView {
    /// This page of them.
    pub rows: Vec<AgentRow>,
    /// The id after which the next page begins.
    pub next: Option<String>,
}

/// One mandate that terms name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MandateRow {
    /// Its name.
    pub name: String,
    /// Payments under it that are live or paid.
    pub payments: u64,
    /// Their sum, with its asset.
    pub spent: Option<String>,
    /// When the last was admitted.
    pub last: Option<Timestamp>,
    /// Nothing more is paid under it.
    pub revoked: bool,
    /// The first escrows that name it.
    pub escrows: Vec<String>,
    /// How many there are.
    pub count: u64,
}

/// What the page of mandates shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MandatesView {
    /// This page of them.
    pub rows: Vec<MandateRow>,
    /// The name after which the next page begins.
    pub next: Option<String>,
}

/// One entry of the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogRow {
    /// Its number.
    pub entry: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// The command's key.
    pub key: String,
    /// Its operations, in words.
    pub what: String,
    /// Why it was refused; nothing when it was applied.
    pub refused: Option<String>,
    /// The escrow that it is about.
    pub escrow: Option<String>,
}

/// What the log explorer shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogView {
    /// The log's name.
    pub origin: String,
    /// Entries in all.
    pub size: u64,
    /// This page of them, newest first.
    pub rows: Vec<LogRow>,
    /// First entry of the page of newer ones.
    pub newer: Option<u64>,
    /// First entry of the page of older ones.
    pub older: Option<u64>,
}
