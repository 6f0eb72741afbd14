//! Candidates and state to a choice: models, pools, instances.
//!
//! Everything here is pure: time comes in as a [`tollgate_core::Tick`], randomness as a [`tollgate_core::Seed`],
//! and nothing does IO, so the gateway and the fleet simulator run the same code and a choice replays from its
//! record. Read it in the order of a request: [`model`] picks the model, [`pool`] the token-budget pool, [`place`]
//! the instance from what [`instance`] and [`prefix`] know of each; [`circuit`] and [`health`] say who may be picked,
//! [`deadline`] how long to wait, [`retry`] what to do after a fault, and [`cascade`] whether an answer stands. [`estimate`] holds the bounded statistics.
//!
//! ```
//! use tollgate_core::{Seed, Tick};
//! use tollgate_select::pool::members::{Ask, Members, MemberSpec, MembersConfig};
//! use tollgate_select::{circuit::Outcome, instance::Completion};
//!
//! let specs = ["a", "b"].map(MemberSpec::named);
//! let mut pool = Members::new(&specs, MembersConfig::default(), Seed(7), Tick(0)).unwrap();
//! let ask = Ask::of_tokens(1200);
//! let placed = pool.place(&ask, Seed(1), Tick(0)).unwrap();
//! let mut ticket = pool.dispatch(placed.first(), &ask, Tick(0)).unwrap();
//! pool.first_content(&mut ticket, Tick(0).plus_ms(40));
//! pool.complete(ticket, Outcome::Success, Completion::answered(64), Tick(0).plus_ms(700)).unwrap();
//! assert_eq!(pool.in_flight(), 0);
//! ```

pub mod cascade;
pub mod circuit;
pub mod deadline;
pub mod error;
pub mod estimate;
pub mod health;
pub mod instance;
pub mod model;
pub mod place;
pub mod pool;
pub mod prefix;
pub mod retry;

pub use error::Error;
