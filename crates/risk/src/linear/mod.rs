//! Models whose logit is a sum: logistic regression on scaled features, and the weight-of-evidence scorecard.

mod logistic;
mod scale;
mod scorecard;

pub use logistic::{Logistic, newton};
pub use scale::Scaler;
pub use scorecard::{Characteristic, Scorecard};
