//! The console's pages.

use super::Answered;
use crate::api::routes::Route;
use crate::worker::Worker;
use tollgate_core::{Fault, FaultKind};

/// One page of the console.
pub(super) async fn page(_worker: &Worker, _route: Route, _parameter: &str) -> Answered {
    Err(Fault::caller(FaultKind::NotFound, "the console is not built in"))
}
