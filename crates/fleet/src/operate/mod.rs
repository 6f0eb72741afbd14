//! What a running gateway asks of the planner: pure functions over what it has seen.
//!
//! [`advise`] is a single look: which boundary and γ the requests of a window want, beside what is set, and what comes in the next
//! minutes ([`minutes_ahead`]). Three loops: [`Window`] and [`Tuner`] turn the last minutes into a boundary and γ that change only for a reason
//! that lasts; [`forecast`] says what each pool needs in five to fifteen minutes, archetype by archetype;
//! [`provision`] sizes pools for archetypes that share them, against each one's worst case on its own. Time comes in
//! with every call; nothing grows with the number of requests.

mod advice;
mod ahead;
mod demand;
pub mod forecast;
mod planner;
mod provision;
mod tune;
mod window;

pub use advice::{Advice, Asked, Costed, advise};
pub use ahead::{Horizon, PoolAhead, horizon, minutes_ahead};
pub use demand::{Demand, MAX_STEPS, Step};
pub use planner::Planner;
pub use provision::{Provision, provision};
pub use tune::{Costs, Hysteresis, Kept, Setting, Tuner, Verdict};
pub use window::{SLOTS, Window};
