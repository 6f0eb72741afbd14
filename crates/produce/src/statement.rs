//! Statements about outputs (in-toto Statement v1), and the task that they are of.

use crate::Key;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;
use tollgate_core::Digest;
use tollgate_pay::escrow::bind;

/// The media type of in-toto statements.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// SHA-256 of an output: what statements are about.
#[must_use]
pub fn output(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

/// A task, as its producer knows it: the contract's digest and nonce. Written as both in hexadecimal digits with a colon between.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Task {
    /// Digest of the contract, which names the escrow too.
    pub contract: Digest,
    /// The contract's nonce.
    pub nonce: Digest,
}

/// A text that names no task.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the text names no task: write the contract's digest, a colon and its nonce, each as 64 hexadecimal digits"
)]
pub struct TaskError;

impl Task {
    /// What evidence of an output must carry to be of this task: 128 hexadecimal digits.
    #[must_use]
    pub fn bind(&self, output: &Digest) -> String {
        use fmt::Write as _;
        let bytes = bind(&self.contract, &self.nonce, output);
        bytes.iter().fold(String::new(), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.contract, self.nonce)
    }
}

impl FromStr for Task {
    type Err = TaskError;

    fn from_str(text: &str) -> Result<Self, TaskError> {
        let (contract, nonce) = text.split_once(':').ok_or(TaskError)?;
        let digest = |digits: &str| digits.parse::<Digest>().map_err(|_| TaskError);
        Ok(Self { contract: digest(contract)?, nonce: digest(nonce)? })
    }
}

/// A statement of a type about outputs.
#[derive(Clone, PartialEq, Debug)]
pub struct Statement {
    kind: String,
    subjects: Vec<Digest>,
    said: Map<String, Value>,
}

impl Statement {
    /// About these outputs, saying nothing yet.
    #[must_use]
    pub fn new(kind: &str, subjects: &[Digest]) -> Self {
        Self { kind: kind.to_owned(), subjects: subjects.to_vec(), said: Map::new() }
    }

    /// As evidence of a task: bound to its first output.
    #[must_use]
    pub fn of(self, task: &Task) -> Self {
        match self.subjects.first() {
            Some(first) => {
                let bind = task.bind(first);
                self.say("bind", bind)
            }
            None => self,
        }
    }

    /// Says something more; a name that stood there already gets the new value.
    #[must_use]
    pub fn say(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.said.insert(name.to_owned(), value.into());
        self
    }

    /// The statement as JSON: what is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let subjects: Vec<_> = self
            .subjects
            .iter()
            .map(|digest| json!({"digest": {"sha256": digest}, "name": "output"}))
            .collect();
        json!({"_type": "https://in-toto.io/Statement/v1", "predicate": self.said, "predicateType": self.kind,
            "subject": subjects})
        .to_string()
    }

    /// In an envelope that a key signed: evidence of kind `dsse`.
    #[must_use]
    pub fn envelope(&self, key: &Key) -> String {
        key.envelope(IN_TOTO, self.text().as_bytes())
    }
}
