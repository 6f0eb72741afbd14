//! Evidence that is made here without roots: signed exchanges, and runs.

mod exchanges;
mod executions;
