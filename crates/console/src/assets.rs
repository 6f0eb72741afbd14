//! Styles, scripts and the icon, compiled into the program.
//!
//! They are written by hand and served as they are: no build step, nothing from elsewhere.

use tollgate_core::Digest;

/// One asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its name under `/console/assets/`.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its content.
    pub text: &'static str,
}

impl Asset {
    /// A strong entity tag, quotes included. Serve assets with `cache-control: no-cache` and this, so that a new
    /// version is never mixed with an old one.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("\"{:016x}\"", Digest::of(self.text.as_bytes()).short())
    }
}

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

macro_rules! assets {
    ($($name:literal: $media_type:expr,)*) => {
        /// Every asset, by name.
        pub const ASSETS: &[Asset] = &[$(
            Asset { name: $name, media_type: $media_type, text: include_str!(concat!("../assets/", $name)) },
        )*];
    };
}

assets! {
    "base.css": CSS,
    "budgets.js": JS,
    "common.js": JS,
    "editor.js": JS,
    "format.js": JS,
    "highlight.js": JS,
    "icon.svg": "image/svg+xml",
    "live.js": JS,
    "pages.css": CSS,
    "parts.css": CSS,
    "policy.js": JS,
    "report.css": CSS,
    "request.js": JS,
    "theme.js": JS,
}

/// The asset of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}
