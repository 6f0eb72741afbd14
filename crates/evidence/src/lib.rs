//! Evidence that a task was done: verifiers, each a pure function from bytes, collateral, time and trust to claims.
//!
//! [`verify`] reads evidence of a [`Kind`] and answers [`Claims`] or a named [`Refusal`]. It reads no clock, no file and no
//! network: when it is checked, what vendors say about it (collateral) and whom to trust ([`Policy`]) are arguments, so a
//! verdict can be repeated years later. Sizes, depths and counts are bounded before anything is allocated.
//!
//! Evidence is *of this task* when it carries [`Bind`], the hash over escrow, task, output and nonce, at the place where its
//! kind has room for the caller's data. That check is made here and never left to whoever writes a predicate.
//!
//! ```
//! use tollgate_core::Timestamp;
//! use tollgate_evidence::{Check, Collateral, Kind, Policy, verify};
//!
//! let (policy, collateral) = (Policy::default(), Collateral::default());
//! let check = Check { at: Timestamp(0), policy: &policy, collateral: &collateral, bind: None };
//! let refusal = verify(Kind::AwsNitro, b"\x84", &check).unwrap_err();
//! assert_eq!(refusal.code(), "malformed");
//! ```
#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::indexing_slicing
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::indexing_slicing,
        reason = "tests"
    )
)]

mod bind;
mod check;
mod claims;
mod collateral;
mod crypto;
mod kinds;
mod policy;
pub mod predicate;
pub mod proof;
mod read;
mod refusal;
mod x509;

pub use bind::Bind;
pub use check::{Check, EVIDENCE_BYTES_MAX, verify};
pub use claims::{Claims, Value};
pub use collateral::{COLLATERAL_BYTES_MAX, COLLATERAL_FILES_MAX, Collateral};
pub use crypto::{PublicKey, Scheme};
pub use kinds::{Appraisal, Appraisals, EXECUTION, Fact, FactType, Kind};
pub use policy::{Attestors, Floor, GUESTS, Identity, Policy, Signer, Snp, Tcb};
pub use refusal::Refusal;
