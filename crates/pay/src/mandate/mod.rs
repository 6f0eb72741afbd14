//! Mandates: what a person allowed an agent to pay, as signed delegation chains that deterministic code checks.
//!
//! The wire form is AP2 v0.2 (`mandate.payment.open.1` delegating to `mandate.payment.1`): SD-JWTs joined by `~~`, each hop
//! signed by the key that the hop before names, ES256 throughout. [`Chain::verify`] proves who allowed what to whom;
//! [`Chain::admit`] checks the payment against every constraint of every hop, so a delegation can only narrow.
//!
//! A payment that the principal signed without delegation ([`Chain::verify_single`]) and AP2 v0.1's three objects
//! ([`verify_version_1`]) are read too. What must be counted over time, budgets, recurrences and that each authorisation is
//! used once, is the ledger's: [`Chain::admission`] gives it.
//!
//! Nothing is taken for granted: a constraint that is unknown, or of which a part is unknown or not shown, is a refusal; audience and
//! nonce of every hop are compared with those that are given ([`Expect`]), which proves something where whoever checks has given them
//! out, as for the last hop, and nothing where they come with the chain, as those of the hops between do in an escrow; amounts are positive minor units with their currency's own exponent, dates are moments and not texts.
//! [`Chain::id`] names the authorisation and not its bytes: an ECDSA signature has a second spelling, which must not be a
//! second payment.

mod admission;
mod chain;
mod constraint;
mod currency;
mod disclose;
mod first;
pub mod issue;
mod jws;
mod period;
mod refusal;
mod single;
mod terms;

pub use chain::{Addressed, Chain, Expect, HOPS_MAX, TOKEN_BYTES_MAX};
pub use constraint::{Constraint, Usage};
pub use currency::{exponent, minor_units};
pub use first::{Trust, Version1, Version1Payment, verify_version_1};
pub use jws::Es256Key;
pub use period::Frequency;
pub use refusal::Refusal;
pub use terms::{Closed, Open, Party};
