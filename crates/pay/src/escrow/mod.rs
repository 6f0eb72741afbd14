//! Escrow: funds wait until the task is proven to be done, and go back when it is not.
//!
//! A [`TaskContract`] is signed by both parties; its digest names the [`Escrow`]. [`step`] is the whole state machine, a pure
//! function from escrow, event and time to the next escrow. Two planes meet in it: verifiers look at evidence and sign a
//! [`ReleaseOrder`] ([`ControlPlane`]); the [`SettlementPlane`] checks signatures, state and that the verdict is in the log,
//! and never looks at evidence. [`Desk`] keeps all escrows as what follows from the log, [`Office`] drives them over a
//! ledger and a rail.
//!
//! ```text
//! proposed ─► authorized ─► locking ─► locked ─► submitted ─► verifying ─► releasable ─► releasing ─► released
//!                 ▲            │failed    ▲          ▲ │replaced             │  ▲            │ more stages
//!                 └────────────┘          └─ partly_released ◄───────────────┼──┼────────────┘
//!                                                                            ▼  │ ruling
//!                          refused verdict: refusable ◄───────────────────► disputed
//!                                              └─► refunding ─► refunded ◄── reclaim, from any funded phase
//! ```
//!
//! Invariants: a statement works once, as it names the version that it is about; a deadline divides time in two at its
//! moment (before it the one may act, from it on the other); while the rail's answer is not known nothing else happens;
//! from `refund_after` on the payer's money goes back with nobody's consent, unless a release is under way on the rail.

mod bundle;
mod contract;
mod desk;
mod event;
mod office;
mod owner;
mod plane;
mod refusal;
mod sign;
mod state;
mod step;

pub use bundle::{Bundle, Needs, Replayed};
pub use contract::{
    CONTRACT_BYTES_MAX, EvidencePolicy, Fee, Form, Part, Payee, SETTLING_US, Source, Stage, TaskContract,
    bind, digest,
};
pub use desk::{
    Answered, Asker, Desk, GROUP_MAX, GROUP_SOURCES_MAX, Member, REQUESTS_MAX, Record, Row, Together,
};
pub use event::{Act, Event, EventKind, Objection, ReleaseOrder, Ruling, Side, Submission, Verdict};
pub use office::{Office, OfficeError, Told};
pub use owner::{Mandate, Owner, by_hand};
pub use plane::{ControlPlane, SettlementPlane};
pub use refusal::Refusal;
pub use sign::{
    Evaluator, Mark, Party, PublicKey, QUORUM_MAX, Quorum, Role, SIGNATURES_MAX, Signature, Signed, Signer,
    Statement, Tally, Verifier, dsse_message, read,
};
pub use state::{Admitted, Escrow, Exhibits, Grant, Phase, RailState, Rules};
pub use step::{EXHIBITS_MAX, SIDE_EXHIBITS_MAX, step};
