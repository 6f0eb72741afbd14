//! Accepted records in the log: what the directory of agents follows from.

use super::{AgentRecord, Directory, Document, Sealed};
use crate::PayError;
use crate::json::{Json, plain, read};
use crate::ledger::{Command, Op};
use serde::{Deserialize, Serialize};
use tollgate_core::{Digest, Timestamp};

/// The version of the form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Form {
    #[serde(rename = "tollgate/agent-record/v1")]
    V1,
}

/// A signed record with when it was accepted, and by which document of a `did:web` id. Fields stand in alphabetical order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    at: Timestamp,
    /// Digest of whose request brought it, where it matters how many agents each brings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    document: Option<String>,
    sealed: Json,
    r#type: Form,
}

impl Accepted {
    /// A record that is offered at `at`; nothing is verified yet.
    ///
    /// # Errors
    /// [`PayError::Bad`] never in practice: the signed object was read as JSON before.
    pub fn new(sealed: &Sealed, document: Option<String>, at: Timestamp) -> Result<Self, PayError> {
        Ok(Self { at, by: None, document, sealed: Json::parse(sealed.text().as_bytes())?, r#type: Form::V1 })
    }

    /// The record with whose request brought it.
    #[must_use]
    pub fn asked_by(self, by: Option<Digest>) -> Self {
        Self { by, ..self }
    }

    /// Whose request brought it, when that was noted.
    #[must_use]
    pub const fn by(&self) -> Option<Digest> {
        self.by
    }

    /// What a command records of an agent.
    ///
    /// # Errors
    /// [`PayError::Bad`] for a record of this type that is not as it must be.
    pub fn of(command: &Command) -> Result<Option<Self>, PayError> {
        let [Op::Record { body }] = command.ops() else { return Ok(None) };
        if body.get("type").and_then(Json::text) != Some("tollgate/agent-record/v1") {
            return Ok(None);
        }
        read("agent record", body).map(Some)
    }

    /// The command that records it. Of two next versions of one agent only one can be recorded.
    ///
    /// # Errors
    /// [`PayError::Bad`] for a record that is none, or one that is too long for the log.
    pub fn command(&self) -> Result<Command, PayError> {
        let record = AgentRecord::read(self.sealed()?.payload())?;
        let key = format!("agent:{}:{}", Digest::of(record.id.as_bytes()), record.version);
        Command::new(key, vec![Op::Record { body: Json::parse(&plain(self))? }])
    }

    fn sealed(&self) -> Result<Sealed, PayError> {
        Sealed::read(&self.sealed.canonical()?)
    }

    /// Has a directory verify it and take it; whether it was new.
    ///
    /// # Errors
    /// Those of [`Directory::take`].
    pub fn offer(&self, agents: &mut Directory) -> Result<bool, PayError> {
        let sealed = self.sealed()?;
        let id = sealed.payload().get("id").and_then(Json::text).unwrap_or_default();
        let document =
            self.document.as_deref().map(|text| Document::read(text.as_bytes(), id)).transpose()?;
        agents.take(&sealed, document.as_ref(), self.at)
    }
}
