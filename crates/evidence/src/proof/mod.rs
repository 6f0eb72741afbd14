//! Proof of Task Execution: what was handed in, how it was judged, and all that is needed to judge it again.
//!
//! A [`Package`] is what the payee hands in; its digest stands in the signed submission. A [`Dossier`] adds what the verifier
//! judged by: time, policy and predicate. [`Dossier::judge`] is a pure function from contract and dossier to a [`Pote`], whose
//! digest the verifiers sign in their verdict. So whoever has the dispute bundle and the dossier repeats the verdict offline,
//! years later, and gets the same digest or knows that somebody lied.
//!
//! Invariant: a grant needs a predicate that is the contract's own, a package that is the submission's own, and evidence that
//! is bound to escrow, task, output and nonce. No exception is left to whoever calls.

mod again;
mod dossier;
mod package;

pub use again::{judge_again, verdict};
pub use dossier::{Dossier, Exhibited, Pote};
pub use package::{Blob, EXHIBITS_MAX, Exhibit, PACKAGE_BYTES_MAX, Package};
