//! One typed form of a conversation: what all four dialects can say, in one vocabulary.
//!
//! Idea: each dialect is read into the form and written from it, so that four readers and four writers make twelve
//! translations. Invariant: nothing is lost in silence. A member without a word in the form is kept as [`Extra`] of
//! its dialect, and a writer that cannot say something notes it in the [`Report`].
//!
//! ```
//! use tollgate_wire::form::Report;
//! use tollgate_wire::{anthropic, openai_chat};
//! let body = br#"{"model":"m","messages":[{"role":"user","content":"hi"}],"seed":7}"#;
//! let request = openai_chat::read_request(body).unwrap();
//! let mut report = Report::new();
//! let json = anthropic::write_request(&request, &Default::default(), &mut report);
//! assert_eq!(json.get("messages").unwrap().to_text(), r#"[{"role":"user","content":"hi"}]"#);
//! assert_eq!(report.losses[1].path, "sampling.seed");
//! ```

mod error;
mod event;
mod fields;
mod json;
mod options;
mod part;
mod report;
mod request;
mod response;

pub(crate) use error::{broken, missing, syntax, wrong};
pub use event::{Delta, Event, Open};
pub use fields::{Extra, Fields, join, parts_of, whole};
pub use json::{Json, Members};
pub use options::{MAX_TOKENS_DEFAULT, Options};
pub use part::{
    Body, Citation, Media, Part, Source, Thought, UNPARSED, arguments_object, arguments_text, data_uri,
};
pub use report::{LOSSES_MAX, Loss, Outcome, Report};
pub(crate) use request::end_turn;
pub use request::{Effort, Format, Message, Request, Sampling, Thinking, Tool, ToolChoice};
pub use response::{Failure, Response, Stop, Usage};

pub use crate::view::Role;
