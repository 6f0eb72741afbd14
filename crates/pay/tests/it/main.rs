//! Tests of the settlement kernel from outside.

mod groups;
mod ledger;
mod log;
mod oracle;
mod properties;
