//! What to do after a fault: whether, where and when to try again, and at whose expense.
//!
//! Three parts that do not know each other: [`Attempt`] says whether the caller has seen content yet (after that a
//! stream is never restarted), [`RetryBudget`] bounds how much extra load retries may make, and [`next`] plans one step.
//! Answers of a model have no side effects upstream, so until content was passed on a request may be sent again.
//!
//! ```
//! use tollgate_core::{Seed, Tick};
//! use tollgate_select::circuit::RequestEffect;
//! use tollgate_select::retry::*;
//! let mut budget = RetryBudget::new(BudgetConfig::default(), Tick(0));
//! let situation = Situation {
//!     effect: RequestEffect::Elsewhere, attempt: Attempt::new(), attempts: 1, reached: true, known_out: false, remaining_ms: 10_000,
//!     same_usable: true, instances_left: 2, models_left: 0, larger_pools_left: 0, retry_after_ms: None,
//! };
//! assert_eq!(next(&RetryPolicy::default(), &situation, &mut budget, Seed(1), Tick(0)), Next::Elsewhere);
//! ```

mod attempt;
mod backoff;
mod budget;
mod plan;

pub use attempt::{Attempt, Stage};
pub use backoff::Backoff;
pub use budget::{BudgetConfig, RetryBudget};
pub use plan::{GiveUp, Next, RetryPolicy, Situation, next};
