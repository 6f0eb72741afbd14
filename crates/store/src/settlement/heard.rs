//! What the log says beside the escrows: agents, and which entries are about which escrow.

use std::collections::BTreeMap;
use tollgate_core::Digest;
use tollgate_pay::PayError;
use tollgate_pay::escrow::Record;
use tollgate_pay::json::plain_text;
use tollgate_pay::ledger::Command;
use tollgate_pay::registry::{Accepted, Directory};

/// What the log says beside the escrows, kept to be shown.
#[derive(Clone, Default)]
pub(super) struct Heard {
    pub(super) agents: Directory,
    /// Accepted records of agents as the log has them, in its order.
    pub(super) records: Vec<String>,
    /// How many agents each caller brought, of whom the log says so.
    pub(super) brought: BTreeMap<Digest, usize>,
    /// Entries about each escrow, in order.
    pub(super) entries: BTreeMap<Digest, Vec<u64>>,
}

impl Heard {
    pub(super) fn new(agents: usize) -> Self {
        Self { agents: Directory::new(agents), ..Self::default() }
    }

    /// Takes what an entry says of agents and about which escrow it is, which the office has; the record of the latter.
    pub(super) fn hear(
        &mut self,
        command: &Command,
        seq: u64,
        applied: bool,
    ) -> Result<Option<Record>, PayError> {
        if !applied {
            return Ok(None);
        }
        if let Some(accepted) = Accepted::of(command)? {
            self.register(&accepted)?;
        }
        let record = Record::of(command)?;
        for (escrow, _) in record.iter().flat_map(Record::about) {
            self.entries.entry(escrow).or_default().push(seq);
        }
        Ok(record)
    }

    /// Takes the record of an agent.
    pub(super) fn register(&mut self, accepted: &Accepted) -> Result<(), PayError> {
        let before = self.agents.len();
        if accepted.offer(&mut self.agents)? {
            self.records.push(plain_text(accepted));
        }
        // A later version of an agent is no agent more.
        if let Some(by) = accepted.by().filter(|_| self.agents.len() > before) {
            let brought = self.brought.entry(by).or_default();
            *brought = brought.saturating_add(1);
        }
        Ok(())
    }
}
