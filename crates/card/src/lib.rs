//! Card payments through a Stripe-compatible API: the rail that holds and captures them, refunds, and webhooks.
//!
//! An escrow has one payment (a PaymentIntent with manual capture), made without effect and journalled by its name before anything
//! moves. Confirming, capturing and cancelling that one payment each happen at most once by its own state, so that nothing rests on
//! how long the other side remembers idempotency keys; the keys only spare it repeated work. What happened is read from the
//! payment, never from what a request was answered, and never from a webhook: that only says where to look.
//!
//! Our state machine is authoritative. A payment is captured only when it was just seen to be held, under the one call that the
//! journal has for its end, and an answer that does not fit what was asked is no success.
//!
//! Source: the public reference of Stripe's API (PaymentIntents, Refunds, webhook signatures), version 2024-06-20.
#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::indexing_slicing
)]

mod api;
mod cards;
mod error;
mod folder;
mod intent;
mod rail;
mod record;
mod refund;
mod webhook;

pub use api::{API_VERSION, Answer, Api, Https, Method, Request};
pub use cards::{Card, Cards, FolderCards};
pub use error::CardError;
pub use folder::{Folder, RailFile};
pub use intent::{Intent, Stage};
pub use rail::{CARD_RAIL, CardRail, RailConfig, currency};
pub use record::{FolderJournal, Journal, MemoryJournal, Record};
pub use refund::Refunded;
pub use webhook::{Event, Hook, HookError, TOLERANCE_S};
