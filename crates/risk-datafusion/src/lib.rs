//! The fold and the score of `tollgate-risk` as functions of SQL: one plan runs in process, or on a cluster of Ballista's.
//!
//! ```sql
//! SELECT user, risk_score(risk_history(ts, merchant, amount, row, name, category, NULL), 15552000) AS probability
//! FROM payments GROUP BY user
//! ```
//!
//! | function | what it gives |
//! | --- | --- |
//! | `risk_history(time, merchant, amount, row, name, category, description, number…)` | a user's payments folded by merchant, nothing pooled: what a score reads |
//! | `risk_fold(…)`, the same arguments | the same with the caps of `risk fold`: what is cut is pooled |
//! | `risk_refusal(time, merchant, amount)` | why a payment is refused, nothing where it is whole; refused payments are in no history |
//! | `risk_score(history, at, number…)` | the probability of a default at a moment, with the numbers of the user that the model reads |
//!
//! What there is not is written NULL. Invariant: results equal those of `risk fold` and `risk score` on the same rows bit for bit, however rows are spread over
//! partitions: all of it is `tollgate_risk::online`. `row` is the payment's place in its file; it orders payments of one
//! merchant and moment. Times are seconds, amounts minor units.

mod columns;
mod fold;
mod refusal;
mod score;

pub use columns::batch;
pub use fold::Fold;
pub use refusal::Refusal;
pub use score::Score;

use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use std::sync::Arc;
use tollgate_risk::fold::Caps;
use tollgate_risk::model::Model;

/// No caps: every payment is listed.
pub const WHOLE: Caps = Caps { merchants: u32::MAX, behaviours: u32::MAX };

/// Makes the functions known to a session or its state, those of scores by a model.
///
/// # Errors
/// The model needs all users' payments at once (`keys.users_min` above 1), or its card does not fit its weights.
pub fn register(session: &mut dyn FunctionRegistry, model: Model) -> Result<()> {
    session.register_udaf(Arc::new(AggregateUDF::new_from_impl(Fold::new("risk_history", WHOLE))))?;
    session.register_udaf(Arc::new(AggregateUDF::new_from_impl(Fold::new("risk_fold", Caps::default()))))?;
    session.register_udf(Arc::new(ScalarUDF::new_from_impl(Refusal::default())))?;
    session.register_udf(Arc::new(ScalarUDF::new_from_impl(Score::new(model)?)))?;
    Ok(())
}
