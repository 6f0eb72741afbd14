//! The gateway: what answers a request.

pub mod clock;
pub mod config;
pub mod observe;
