//! How an instance serves: the time of an iteration, what fits at once, and where the figures come from.
//!
//! A [`Profile`] is one instance (all its GPUs) of one model: an iteration's time is linear in what is active
//! ([`StepTime`]), memory is counted in tokens of the whole instance, price and power are those of all its GPUs.
//! [`derive`](Profile::derive) makes one from data sheets and a model's shape; a fit to measurements fills the same
//! type and says its error in [`Profile::basis`]. Planner and simulators take profiles without asking which it is.
//!
//! ```
//! use tollgate_fleet::catalogue::Catalogue;
//! use tollgate_fleet::service::{Profile, Serving};
//!
//! let shipped = Catalogue::shipped()?;
//! let serving = Serving { tensor_parallel: 8, ..Serving::default() };
//! let profile = Profile::derive(shipped.gpu("h100-sxm")?, shipped.model("llama-3.1-70b")?, &serving)?;
//! assert!(profile.step.seconds(1.0, 2048.0, 0.0) < 0.02);
//! assert!(profile.kv_tokens > 1_000_000, "all eight GPUs hold the cache together");
//! # Ok::<(), tollgate_fleet::Error>(())
//! ```

mod derive;
mod profile;
mod roofline;
mod step;

pub use derive::Serving;
pub use profile::{Basis, Fit, Profile};
pub use roofline::Roofline;
pub use step::StepTime;
