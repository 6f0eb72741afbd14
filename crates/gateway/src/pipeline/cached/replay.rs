//! A kept answer on its way to a caller: under an id of its own, and as a stream where one is wanted.

use super::Request;
use crate::pipeline::filter::renamed;
use bytes::Bytes;
use tollgate_cache::Found;
use tollgate_store::budget::Reservation;
use tollgate_wire::form::Options;
use tollgate_wire::translate;

/// A kept answer that is given again.
pub(crate) struct Hit {
    /// As the caller wants it.
    pub(crate) body: Bytes,
    /// The whole answer, for whoever stores it.
    pub(crate) whole: Bytes,
    pub(crate) stream: bool,
    pub(crate) model: String,
    /// Seconds since it was given.
    pub(crate) age_s: i64,
    /// Counts the request, which costs nothing else.
    pub(crate) reservation: Option<Reservation>,
}

/// The found answer as this request wants it; none where it cannot be said so without loss.
pub(super) fn of(request: &Request<'_>, found: &Found, age_s: i64) -> Option<Hit> {
    let (answer, view) = (&found.answer, request.view);
    let whole = match fresh_id(&answer.id, request.shared.seeds.next().1) {
        Some(ours) => renamed(&answer.body, &answer.id, &ours),
        None => answer.body.clone(),
    };
    let body = if view.stream {
        let options = Options { include_usage: view.include_usage, ..Options::default() };
        let (bytes, report) = translate::unfolded(view.dialect, view.dialect, &whole, &options).ok()?;
        if !report.losses.is_empty() {
            return None;
        }
        bytes.into()
    } else {
        whole.clone()
    };
    Some(Hit { body, whole, stream: view.stream, model: answer.model.clone(), age_s, reservation: None })
}

/// An id like the answer's, and no other answer's.
fn fresh_id(id: &str, bits: u128) -> Option<String> {
    let prefix = id.rfind(['_', '-']).and_then(|at| id.get(..=at))?;
    Some(format!("{prefix}{bits:032x}"))
}
