//! Demand to provision: how many of which GPUs serve a workload within its objectives, and what that costs.
//!
//! Everything here is pure: bytes come in through [`std::io::Read`], time as numbers of the workload, randomness
//! through [`tollgate_core::Seed`], so a plan and a simulation replay from their inputs. [`workload`] says what
//! arrives, [`trace`] reads what arrived elsewhere, [`catalogue`] what it may run on, [`rng`] draws from seeds.
//! [`service`] says how an instance serves, [`power`] what it draws, [`queue`] who waits and how long; [`plan`] chooses the
//! fleet, [`compat`] says what the public reference simulator would, [`operate`] what a running gateway should change and expect.
//!
//! ```
//! use tollgate_core::Seed;
//! use tollgate_fleet::{catalogue::Catalogue, workload::{Arrivals, Cdf}};
//!
//! let gpu = Catalogue::shipped()?.gpu("h100-sxm")?.clone();
//! assert_eq!(gpu.memory_bytes, 80 << 30);
//! let lengths = Cdf::new(vec![(1024, 0.5), (8192, 1.0)])?;
//! assert_eq!(lengths.at(512.0), 0.25);
//! let first: Vec<u64> = Arrivals::poisson(100.0).stream(Seed(1))?.take(3).collect();
//! assert!(first.is_sorted());
//! # Ok::<(), tollgate_fleet::Error>(())
//! ```

pub mod calibrate;
pub mod catalogue;
pub mod compat;
pub mod error;
pub mod operate;
pub mod plan;
pub mod power;
pub mod queue;
pub mod rng;
pub mod service;
pub mod sim;
pub mod trace;
pub mod workload;

pub use error::Error;
