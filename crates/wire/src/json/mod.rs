//! A strict JSON scanner that yields spans.
//!
//! One pass checks the whole of RFC 8259 (grammar, escapes, control characters, numbers, UTF-8) without building
//! anything: values come out as [`crate::view::Span`]s into the original bytes. Nesting is bounded, nothing
//! recurses while skipping, and errors carry byte, line, column, path and the fix. Paths are found by a second
//! walk that only failing texts pay for.
//!
//! ```
//! use tollgate_wire::json::{self, Scanner};
//! let text = br#"{"n": [1, {"deep": "x"}], "s": "a\nb"}"#;
//! let mut scan = Scanner::new(text, json::DEPTH_MAX).unwrap();
//! scan.enter_object().unwrap();
//! scan.next_key().unwrap();
//! assert_eq!(scan.skip().unwrap().len(), 18);
//! scan.next_key().unwrap();
//! assert!(scan.string().unwrap().escaped);
//! assert_eq!(scan.next_key(), Ok(None));
//! ```

mod flaw;
mod place;
mod scalar;
mod scan;
mod text;

pub use flaw::{Flaw, Problem};
pub use place::locate;
pub use scan::{Kind, Scanner};
pub(crate) use text::plain_run;
pub use text::{Aligned, escape_into, quote, raw_offset, unescape};

use crate::{WireError, view::Span};

/// Deepest nesting accepted by default, and the most that can be configured.
pub const DEPTH_MAX: u8 = 128;

/// Checks that `bytes` are one JSON value and nothing else; its span without surrounding white space.
///
/// # Errors
/// [`WireError::Syntax`] with the place and the fix, [`WireError::TooLarge`] past 4 GiB or `depth` levels.
pub fn validate(bytes: &[u8], depth: u8) -> Result<Span, WireError> {
    let mut scan = Scanner::new(bytes, depth)?;
    let span = scan.skip().and_then(|span| scan.finish().map(|()| span));
    span.map_err(|flaw| flaw.explain(bytes))
}

#[cfg(test)]
mod tests;
