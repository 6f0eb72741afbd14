//! The console's pages: what the gateway knows, put into the console's view models.

mod budgets;
mod live;
mod policy;
mod pools;
mod request;
mod settle;
mod story;

use super::{Answered, typed};
use crate::api::routes::Route;
use crate::worker::Worker;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use tollgate_console::view::Shell;
use tollgate_console::{assets, page};
use tollgate_core::Fault;

pub(crate) use policy::report;

/// One page or asset of the console.
pub(super) async fn serve(worker: &Worker, route: Route, parts: &Parts, parameter: &str) -> Answered {
    let shell = shell(worker);
    let made = match route {
        Route::ConsoleAsset => return Ok(asset(parts, parameter, &shell)),
        Route::ConsoleRequest => {
            request::view(worker, parameter).await.map(|view| page::request(&shell, &view))
        }
        Route::ConsolePools => Ok(page::pools(&shell, &pools::view(worker))),
        Route::ConsolePolicy => policy::view(worker).await.map(|view| page::policy(&shell, &view)),
        Route::ConsoleBudgets => Ok(page::budgets(&shell, &budgets::view(worker))),
        Route::ConsoleEscrows
        | Route::ConsoleEscrow
        | Route::ConsoleAgents
        | Route::ConsoleMandates
        | Route::ConsoleLog => settle::page(worker, &shell, route, parts, parameter).await,
        _ => live::view(worker, parts).await.map(|view| page::live(&shell, &view)),
    };
    let (status, html) = match made {
        Ok(html) => (StatusCode::OK, html),
        Err(fault) => problem(&shell, &fault),
    };
    Ok(dressed(typed(status, "text/html; charset=utf-8", html.into())))
}

fn problem(shell: &Shell, fault: &Fault) -> (StatusCode, String) {
    let status = tollgate_wire::error::status(fault.kind);
    let title = if status == 404 { "Not found" } else { "Something went wrong" };
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (code, page::problem(shell, status, title, &fault.message))
}

fn shell(worker: &Worker) -> Shell {
    let shared = worker.shared();
    let snapshot = shared.snapshot.load();
    Shell {
        policy: snapshot.policy.name().to_owned(),
        policy_digest: snapshot.policy.digest().to_string(),
        settlement: shared.settlement.is_some(),
        notice: shared
            .refused
            .lock()
            .as_ref()
            .map(|(_, why)| format!("A reload was refused; the last good state stays. {why}")),
        ..Shell::new(env!("CARGO_PKG_VERSION"), "USD", shared.clock.now())
    }
}

fn asset(parts: &Parts, name: &str, shell: &Shell) -> Response<crate::reply::Reply> {
    let Some(asset) = assets::find(name) else {
        let html = page::problem(shell, 404, "Not found", "There is no such file.");
        return dressed(typed(StatusCode::NOT_FOUND, "text/html; charset=utf-8", html.into()));
    };
    let etag = asset.etag();
    let known =
        parts.headers.get(http::header::IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == etag.as_bytes());
    let (status, body) = match known {
        true => (StatusCode::NOT_MODIFIED, Bytes::new()),
        false => (StatusCode::OK, Bytes::from_static(asset.text.as_bytes())),
    };
    let mut response = dressed(typed(status, asset.media_type, body));
    let headers = response.headers_mut();
    headers.insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(value) = HeaderValue::from_str(&etag) {
        headers.insert(http::header::ETAG, value);
    }
    response
}

/// Adds the headers under which the console's pages are safe.
fn dressed(mut response: Response<crate::reply::Reply>) -> Response<crate::reply::Reply> {
    for (name, value) in tollgate_console::HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}
