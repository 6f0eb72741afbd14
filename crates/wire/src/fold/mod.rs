//! Streams and whole answers, each made of the other.
//!
//! Invariant (tested for every pair of dialects): folding a translated stream gives what translating the folded
//! stream gives, up to the spelling of tool arguments' JSON. The collected answer is bounded.
//!
//! ```
//! use tollgate_wire::{Dialect, fold::fold, form::Options};
//! let stream = b"data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n";
//! let json = fold(Dialect::OpenaiChat, stream, &Options::default()).unwrap();
//! assert!(json.to_text().contains(r#""content":"hi""#));
//! ```

mod collect;
mod unfold;

pub use collect::{Collector, FOLD_BYTES_MAX, PARTS_MAX};
pub use unfold::{events, unfold};

use crate::Dialect;
use crate::error::WireError;
use crate::form::{Json, Options, Report, Response};
use crate::translate::{Events, write_response};

/// The whole answer that a stream's bytes say, in the stream's own dialect.
///
/// # Errors
/// When the stream is broken, failed, too large, or not of the dialect.
pub fn fold(dialect: Dialect, stream: &[u8], options: &Options) -> Result<Json, WireError> {
    let response = fold_form(dialect, stream)?;
    write_response(dialect, &response, options, &mut Report::new())
}

/// The whole answer that a stream's bytes say, in the form's words.
///
/// # Errors
/// As for [`fold`].
pub fn fold_form(dialect: Dialect, stream: &[u8]) -> Result<Response, WireError> {
    let mut events = Events::new(dialect)?;
    let mut collector = Collector::default();
    for event in events.push(stream).into_iter().chain(events.finish()) {
        collector.push(&event)?;
    }
    collector.finish()
}
