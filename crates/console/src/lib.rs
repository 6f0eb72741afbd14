//! The web console: view models to HTML and SVG, with embedded assets. No IO, no clock, no randomness.
//!
//! The gateway fills a view model of [`view`] and serves what [`page`] makes of it; scripts and styles come from
//! [`assets`]. Invariants: every page works under [`CSP`] (no inline style, script or handler, nothing from
//! elsewhere), every text of a view model is escaped, and no view model has room for what a prompt says.
//!
//! ```
//! use tollgate_console::{page, view};
//! use tollgate_core::Timestamp;
//! let shell = view::Shell::new("0.1.0", "USD", Timestamp(0));
//! let html = page::pools(&shell, &view::PoolsView::default());
//! assert!(html.contains("<h1>Pools</h1>"));
//! ```

pub mod assets;
mod chart;
mod format;
pub mod page;
pub mod view;

/// The content security policy that every page is made for; send it with each.
pub const CSP: &str = "default-src 'self'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
    object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Headers to send with every page and asset, [`CSP`] among them.
pub const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", CSP),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// The header that the console's scripts send with every call that changes something. A page of another site cannot
/// add it without asking first, so a gateway that insists on it cannot be driven by such a page.
pub const CALL_HEADER: &str = "x-tollgate-console";
