//! What the log says of an escrow, entry by entry.

use super::super::{Event, Phase, Rules};
use crate::PayError;
use crate::json::{Json, plain, read};
use crate::ledger::{Command, Op};
use serde::{Deserialize, Serialize};
use tollgate_core::{Digest, Timestamp};

/// Whose request asks for an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Asker {
    /// Digest of who asks, under which idempotency key.
    pub request: Option<Digest>,
    /// Digest of who asks, where it matters how many escrows each makes.
    pub by: Option<Digest>,
}

impl From<Digest> for Asker {
    /// Whoever asks under this request.
    fn from(request: Digest) -> Self {
        Self { request: Some(request), by: None }
    }
}

impl super::Desk {
    /// How many escrows a caller made, as far as the log says whose proposals they were ([`Asker::by`]).
    #[must_use]
    pub fn made_by(&self, by: &Digest) -> usize {
        self.made.get(by).copied().unwrap_or_default()
    }
}

/// What an escrow's entries of the log say. Fields stand in alphabetical order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// When it happened; never before the event before.
    pub at: Timestamp,
    /// Digest of whose request made the escrow, of a proposal alone: see [`super::Desk::made_by`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Digest>,
    /// The contract's digest.
    pub escrow: Digest,
    /// What happened.
    pub event: Event,
    /// Where the escrow is after it.
    pub phase: Phase,
    /// Digest of whose request asked for it, under which idempotency key: see [`super::Desk::answered`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Digest>,
    pub(super) r#type: Rules,
    /// Events of this escrow so far, this one included.
    pub version: u64,
}

impl Record {
    /// Reads the record out of a command; `None` when the command records something else.
    ///
    /// # Errors
    /// [`PayError::Bad`] for a record of this type that is not as it must be.
    pub fn of(command: &Command) -> Result<Option<Self>, PayError> {
        let [Op::Record { body }, ..] = command.ops() else { return Ok(None) };
        let form = body.get("type").and_then(Json::text).unwrap_or_default();
        if !["tollgate/escrow/v1", "tollgate/escrow/v2"].contains(&form) {
            return Ok(None);
        }
        read("escrow record", body).map(Some)
    }

    /// The command that records it, together with what the mandate counts.
    pub(super) fn command(&self, tries: u32, counted: Option<Op>) -> Result<Command, PayError> {
        let mut ops = vec![Op::Record { body: Json::parse(&plain(self))? }];
        ops.extend(counted);
        Command::new(self.key(tries), ops)
    }

    /// A key keeps its answer: what was refused is asked again under another one.
    pub(super) fn key(&self, tries: u32) -> String {
        let key = format!("escrow:{}:{}", self.escrow, self.version);
        if tries == 0 { key } else { format!("{key}:again-{tries}") }
    }

    /// The escrows that it is about, each with its version then: several, when they were locked together.
    #[must_use]
    pub fn about(&self) -> Vec<(Digest, u64)> {
        match &self.event {
            Event::LockTogether(members) => {
                members.iter().map(|member| (member.escrow, member.version.saturating_add(1))).collect()
            }
            _ => vec![(self.escrow, self.version)],
        }
    }

    /// Whether it is about this escrow.
    #[must_use]
    pub fn is_about(&self, id: &Digest) -> bool {
        self.about().iter().any(|(about, _)| about == id)
    }
}
