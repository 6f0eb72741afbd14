//! Being a witness: `POST …/add-checkpoint`, and nothing else.

use crate::reply::Reply;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use parking_lot::Mutex;
use std::sync::Arc;
use tollgate_core::Clock;
use tollgate_net::body::{BodyLimits, Room, read};
use tollgate_net::server::RequestBody;
use tollgate_net::server::{Handler, Peer};
use tollgate_pay::log::Answered;
use tollgate_store::journal::audit::Watch;

/// Largest request: a proof and a checkpoint with its signatures.
const REQUEST_MAX: usize = 72 << 10;

/// A witness as it answers requests. Clones share it, so one request after the other is held against what it saw last.
#[derive(Clone)]
pub struct Serving {
    watch: Arc<Mutex<Watch>>,
    clock: Arc<dyn Clock>,
}

impl Serving {
    /// Serves a witness.
    #[must_use]
    pub fn new(watch: Watch, clock: Arc<dyn Clock>) -> Self {
        Self { watch: Arc::new(Mutex::new(watch)), clock }
    }

    async fn answered(&self, request: Request<RequestBody>) -> Answered {
        let refused = |status, why: &str| Answered::Refused(status, why.to_owned());
        if !request.uri().path().ends_with("/add-checkpoint") {
            return refused(404, "there is only add-checkpoint here");
        }
        if request.method() != Method::POST {
            return refused(405, "add-checkpoint is a POST");
        }
        let limits = BodyLimits { max_bytes: REQUEST_MAX, ..BodyLimits::default() };
        let Ok(body) = read(request.into_body(), &limits, &Room::default(), usize::MAX).await else {
            return refused(400, "the body cannot be read");
        };
        let Ok(body) = String::from_utf8(body.to_vec()) else { return refused(400, "the body is no text") };
        let (watch, now) = (Arc::clone(&self.watch), self.clock.now());
        let done = tokio::task::spawn_blocking(move || watch.lock().answer(&body, now)).await;
        match done {
            Ok(Ok(answered)) => answered,
            // A word that may be forgotten is not given.
            Ok(Err(error)) => refused(500, &error.to_string()),
            Err(error) => refused(500, &error.to_string()),
        }
    }
}

impl Handler for Serving {
    type Body = Reply;

    async fn handle(&self, request: Request<RequestBody>, _: Peer) -> Response<Reply> {
        let (status, kind, body) = self.answered(request).await.response();
        let mut response = Response::new(Reply::full(body.into()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }
}
