//! What can be asked of the ledger.

use super::Bound;
use super::grant::{Admission, Closing};
use crate::PayError;
use crate::json::{Json, plain};
use serde::{Deserialize, Serialize};
use std::fmt;
use tollgate_core::id::AccountId;
use tollgate_core::{Amount, Asset, Digest, Timestamp};

/// Most operations that one command may carry.
pub const OPS_MAX: usize = 64;
/// Longest canonical form of all records of one command together, in bytes: an entry must fit the log's bundles.
pub const RECORD_BYTES_MAX: usize = 24 << 10;
/// Longest command, in bytes of its canonical form: what the ledger adds to it must fit an entry beside it.
pub const COMMAND_BYTES_MAX: usize = 52 << 10;
/// Longest idempotency key, in bytes.
pub const KEY_BYTES_MAX: usize = 128;

/// The number of a hold, given by the book in ascending order and written `hold_17`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HoldId(pub u64);

impl fmt::Display for HoldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hold_{}", self.0)
    }
}

impl std::str::FromStr for HoldId {
    type Err = PayError;

    fn from_str(text: &str) -> Result<Self, PayError> {
        let id = text.strip_prefix("hold_").and_then(|digits| digits.parse().ok()).map(Self);
        // One spelling only: no sign, no leading zeros.
        id.filter(|id| id.to_string() == text)
            .ok_or_else(|| PayError::bad("hold", text, "hold_ and a number, such as hold_17"))
    }
}

impl Serialize for HoldId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HoldId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What becomes of the part of a hold that is not posted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rest {
    /// It stays reserved: for releases in stages.
    Keep,
    /// It goes back to the debited account, and the hold is resolved.
    Release,
}

/// One change. Fields stand in alphabetical order, so that the plain serialisation is the canonical one (RFC 8785).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// A new account.
    Open {
        /// What it is counted in.
        asset: Asset,
        /// What it may never do.
        bound: Bound,
        /// Its id, which must be new.
        id: AccountId,
    },
    /// Moves money at once.
    Transfer {
        /// How much; more than nothing.
        amount: Amount,
        /// Who gets it.
        credit: AccountId,
        /// Who gives it.
        debit: AccountId,
    },
    /// Reserves money until it is posted, voided, or expires.
    Hold {
        /// How much; more than nothing.
        amount: Amount,
        /// Who would get it.
        credit: AccountId,
        /// Who would give it.
        debit: AccountId,
        /// When the reservation ends by itself: at this moment it no longer holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires: Option<Timestamp>,
        /// Whether it resolves only together with the other linked holds of its command.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        linked: bool,
    },
    /// Moves reserved money.
    Post {
        /// How much of it; all that is left when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<Amount>,
        /// Which hold.
        hold: HoldId,
        /// What becomes of the rest.
        rest: Rest,
    },
    /// Gives all that is still reserved back.
    Void {
        /// Which hold.
        hold: HoldId,
    },
    /// Counts a verified payment against its mandates, and uses its authorisation up.
    Admit(Box<Admission>),
    /// Ends a live admission.
    Close {
        /// Name of its authorisation.
        admission: Digest,
        /// How it ended.
        how: Closing,
    },
    /// Ends a mandate: nothing more is admitted under it.
    Revoke {
        /// Name of the mandate.
        mandate: Digest,
        /// When it ends by itself, as far as that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// Says something that has no effect on accounts: it is in the log, and with whatever else the command does or not at
    /// all. What it means is up to whoever wrote it.
    Record {
        /// What is said.
        body: Json,
    },
    /// Does nothing itself: holds whose time has run out are given back before any command.
    Sweep,
}

/// Operations that apply whole or not at all, under an idempotency key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "CommandWire", deny_unknown_fields)]
pub struct Command {
    key: String,
    ops: Vec<Op>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandWire {
    key: String,
    ops: Vec<Op>,
}

impl TryFrom<CommandWire> for Command {
    type Error = PayError;

    fn try_from(wire: CommandWire) -> Result<Self, PayError> {
        Self::new(wire.key, wire.ops)
    }
}

impl Command {
    /// A command. The key is scoped by the caller of the ledger (prefix it with whose it is).
    ///
    /// # Errors
    /// [`PayError::Bad`] when the key is not 1 to [`KEY_BYTES_MAX`] printable ASCII characters other than `"` and `\`, or
    /// there are no operations or more than [`OPS_MAX`], or records are longer than [`RECORD_BYTES_MAX`].
    pub fn new(key: impl Into<String>, ops: Vec<Op>) -> Result<Self, PayError> {
        let key = key.into();
        let plain = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        if !(1..=KEY_BYTES_MAX).contains(&key.len()) || !key.bytes().all(plain) {
            return Err(PayError::bad(
                "key",
                &key,
                "1 to 128 printable ASCII characters other than \" and \\",
            ));
        }
        if !(1..=OPS_MAX).contains(&ops.len()) {
            return Err(PayError::bad("ops", &ops.len().to_string(), "between 1 and 64 operations"));
        }
        let mut recorded = 0usize;
        for op in &ops {
            if let Op::Record { body } = op {
                recorded = recorded.saturating_add(body.canonical()?.len());
            }
        }
        if recorded > RECORD_BYTES_MAX {
            return Err(PayError::bad("records", &recorded.to_string(), "at most 24,576 bytes in all"));
        }
        Ok(Self { key, ops })
    }

    /// The idempotency key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The operations.
    #[must_use]
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// Checks that its entry can be read again, which the log needs for ever; `bytes` is the length of its canonical form.
    pub(super) fn check_entry(&self, bytes: usize) -> Result<(), PayError> {
        if bytes > COMMAND_BYTES_MAX {
            return Err(PayError::bad("command", &format!("{bytes} bytes"), "at most 53,248 bytes long"));
        }
        let deep = self.ops.iter().any(|op| matches!(op, Op::Record { body } if !body.is_readable()));
        if deep {
            return Err(PayError::bad("record", "a deep one", "nested at most 32 levels"));
        }
        Ok(())
    }

    /// Digest of the whole command: two commands with one key are the same only when these are equal.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&plain(self))
    }
}
