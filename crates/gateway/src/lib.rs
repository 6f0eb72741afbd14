//! The gateway: what answers a request.

pub mod api;
pub mod clock;
pub mod config;
pub mod observe;
