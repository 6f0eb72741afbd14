//! What is served besides model requests, and the table of everything that is served.

pub mod openapi;
pub mod routes;
mod schemas;
