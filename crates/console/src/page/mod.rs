//! Pages: one function from a view model to a whole HTML document each.
//!
//! Every page is complete without its scripts; they add local times, live rows, refreshing and the editor. An
//! element with `data-refresh` is fetched again every so many seconds and swapped by its id.

mod budgets;
mod explain;
mod live;
mod parts;
mod policy;
mod pools;
mod report;
mod request;
mod request_parts;
mod settle;
mod shell;

pub use budgets::budgets;
pub use explain::{EXPLAIN_DEPTH_MAX, EXPLAIN_NODES_MAX};
pub use live::{ROWS_MAX, live};
pub use policy::policy;
pub use pools::pools;
pub use report::report;
pub use request::request;
pub use settle::{agents, escrow, escrows, log, mandates};

use crate::view::Shell;
use maud::html;

/// A page that says what went wrong, such as 404.
#[must_use]
pub fn problem(shell: &Shell, status: u16, title: &str, message: &str) -> String {
    let body = html! {
        div.page-head { h1 { (title) } }
        p.lead { (message) }
        p { a href="/console" { "Go to the live requests" } " · status " (status) }
    };
    shell::document(shell, title, None, &body, &[])
}
