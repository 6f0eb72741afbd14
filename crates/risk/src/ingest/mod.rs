//! Files to behaviours and users: a declared mapping, refused rows with reasons, nothing after the cut-off.

pub mod csv;
mod events;
mod keys;
mod mapping;
mod merchants;
mod report;
mod source;
mod time;
mod users;

pub(crate) use events::AMOUNT_MAX;
pub use events::{EventReader, Events, Limits, Names};
pub use keys::{Key, Keys, NO_KEY};
pub use mapping::{EventsMap, KeysMap, MAPPING_FILE, Mapping, MerchantsMap, UsersMap, WindowMap};
pub use merchants::{Merchants, seen};
pub use report::{Reason, Refused, Report, SAMPLES, Sample};
pub use source::{ENDINGS, Source, find};
pub use time::parse as parse_time;
pub(crate) use time::{TIME_MAX, plausible};
pub use users::{Part, Users};
