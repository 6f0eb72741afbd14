//! The gateway: what answers a request.

pub mod config;
