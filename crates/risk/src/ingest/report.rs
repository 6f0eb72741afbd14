//! What was read and what was refused, with rows and reasons.

use serde::{Deserialize, Serialize};

/// Refused rows that are shown per reason.
pub const SAMPLES: usize = 5;

/// Why a row was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Another number of fields than the head.
    Torn,
    /// No user.
    NoUser,
    /// No time that can be read.
    NoTime,
    /// No merchant.
    NoMerchant,
    /// No amount that is a number, or one beyond 9e15 minor units.
    NoAmount,
    /// At or after the cut-off: it was not known when the decision was taken.
    AfterCutoff,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Torn, Self::NoUser, Self::NoTime, Self::NoMerchant, Self::NoAmount, Self::AfterCutoff];

    /// What it means.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Torn => "another number of fields than the head",
            Self::NoUser => "no user",
            Self::NoTime => "no time that can be read",
            Self::NoMerchant => "no merchant",
            Self::NoAmount => "no amount that is a number",
            Self::AfterCutoff => "at or after the cut-off",
        }
    }
}

/// A row that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Its row in the file, from 1 after the head.
    pub row: u64,
    /// What stood there.
    pub found: String,
}

/// Rows refused for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// How many.
    pub rows: u64,
    /// The first of them.
    pub samples: Vec<Sample>,
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Rows of events read.
    pub rows: u64,
    /// Events kept.
    pub kept: u64,
    /// Events before the window: whole, but not asked for.
    pub before_window: u64,
    /// Events of users who are not in the table of users.
    pub unlisted: u64,
    /// Events at merchants or in categories that must not count.
    #[serde(default)]
    pub barred: u64,
    /// Events kept whose direction says that the amount leaves the account.
    #[serde(default)]
    pub leaving: u64,
    /// Refused rows by reason.
    pub refused: Vec<Refused>,
}

impl Report {
    /// Counts a refused row and keeps the first few.
    pub(crate) fn refuse(&mut self, reason: Reason, row: u64, found: impl FnOnce() -> String) {
        let at = self.refused.iter().position(|r| r.reason == reason).unwrap_or_else(|| {
            self.refused.push(Refused { reason, rows: 0, samples: Vec::new() });
            self.refused.len() - 1
        });
        let refused = &mut self.refused[at];
        refused.rows += 1;
        if refused.samples.len() < SAMPLES {
            refused.samples.push(Sample { row: row + 1, found: found() });
        }
    }

    /// All refused rows.
    #[must_use]
    pub fn refused_rows(&self) -> u64 {
        self.refused.iter().map(|r| r.rows).sum()
    }
}
