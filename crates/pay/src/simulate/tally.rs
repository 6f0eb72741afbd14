//! What happened while schedules were played, counted: schedules in which little happens prove little.

use crate::rail::kit::Fault;
use std::collections::BTreeMap;

/// Names, once.
macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What is counted.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Count {
            $($(#[$doc])* $name,)*
        }

        impl Count {
            /// All, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}
counts! {
    /// Schedules.
    Schedules = "schedules";
    /// Schedules in which no signature was taken for good because it was made here.
    Verified = "schedules_all_verified";
    /// Steps of all schedules.
    Steps = "steps";
    /// Events that were recorded.
    Recorded = "recorded";
    /// Events that were refused.
    Refused = "refused";
    /// Rail calls with an unknown outcome.
    Unknown = "unknown";
    /// Escrows that ended released.
    Released = "released";
    /// Escrows that ended refunded.
    Refunded = "refunded";
    /// Escrows that ended expired.
    Expired = "expired";
    /// Escrows that were disputed at some time.
    Disputed = "disputed";
    /// The office started again from a snapshot.
    Shortened = "started_from_snapshot";
    /// Escrows were to be locked together.
    Together = "locked_together";
    /// The office died at a write that did not happen.
    CrashBefore = "crash_before_write";
    /// The office died after a write of which nobody was told.
    CrashAfter = "crash_after_write";
    /// A request to the rail was lost.
    RailDropRequest = "rail_request_lost";
    /// The rail's answer was lost.
    RailDropAnswer = "rail_answer_lost";
    /// The rail got a request twice.
    RailDuplicate = "rail_request_twice";
    /// The rail got a request late, after others.
    RailDelay = "rail_request_late";
    /// The rail's process died before it sent.
    RailCrashBefore = "rail_crash_before_send";
    /// The rail's process died before it saw the answer.
    RailCrashAfter = "rail_crash_after_send";
    /// The rail did not know yet of what it had done.
    RailStale = "rail_query_stale";
    /// A message of a party or a verifier did not come when it was sent.
    Late = "message_late";
    /// A message came again.
    Twice = "message_twice";
    /// A message came to the wrong escrow.
    Astray = "message_astray";
    /// What nobody may do was tried.
    Forged = "forged";
    /// The clock was turned to a deadline or a microsecond beside one.
    Deadline = "clock_to_deadline";
    /// The clock was turned on.
    Forward = "clock_forward";
    /// The clock was turned back.
    Back = "clock_back";
}

impl Count {
    /// What a fault of the rail counts as.
    pub(super) const fn of(fault: Fault) -> Option<Self> {
        Some(match fault {
            Fault::None => return None,
            Fault::DropRequest => Self::RailDropRequest,
            Fault::DropAnswer => Self::RailDropAnswer,
            Fault::Duplicate => Self::RailDuplicate,
            Fault::Delay => Self::RailDelay,
            Fault::CrashBefore => Self::RailCrashBefore,
            Fault::CrashAfter => Self::RailCrashAfter,
            Fault::StaleQuery => Self::RailStale,
        })
    }
}

/// What was simulated.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally(BTreeMap<Count, u64>);

impl Tally {
    /// How often it happened.
    #[must_use]
    pub fn get(&self, what: Count) -> u64 {
        self.0.get(&what).copied().unwrap_or(0)
    }

    /// Times that the office died at a write.
    #[must_use]
    pub fn crashes(&self) -> u64 {
        self.get(Count::CrashBefore).saturating_add(self.get(Count::CrashAfter))
    }

    /// Counts once.
    pub(super) fn one(&mut self, what: Count) {
        self.more(what, 1);
    }

    /// Counts so many.
    pub(super) fn more(&mut self, what: Count, times: u64) {
        let count = self.0.entry(what).or_default();
        *count = count.saturating_add(times);
    }

    /// Adds what another part of the run counted.
    pub fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(what, times)| self.more(*what, *times));
    }
}
