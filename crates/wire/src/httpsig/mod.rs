//! HTTP message signatures (RFC 9421) and content digests (RFC 9530), without any cryptography of signatures.
//!
//! [`Signature::all`] reads what a message carries, [`Signature::check`] holds it against what a verifier demands, and
//! [`Signature::base`] gives the bytes that the key must have signed; whoever has the key says whether it did. [`Draft`] is the
//! way back. Everything ambiguous is refused: a component, label, key or query parameter that stands twice, a parameter of a
//! component that is not known, a component that the message lacks. The digest of the content is not the content: call
//! [`check_digest`] with the body, always.
//!
//! ```
//! use tollgate_wire::httpsig::{Demand, Message, Request, Signature, check_digest};
//!
//! let body = br#"{"hello": "world"}"#;
//! let fields: &[(&str, &[u8])] = &[
//!     ("content-digest", b"sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"),
//!     ("signature-input", br#"s=("@method" "@path" "content-digest");created=1618884473;keyid="k""#),
//!     ("signature", b"s=:AA==:"),
//! ];
//! let request = Request { method: "POST", scheme: "https", authority: "example.com", path: "/foo", query: None, fields };
//! let message = Message::Request(request);
//! let signature = &Signature::all(&message)?[0];
//! signature.check(&Demand { components: &["@method", "@path", "content-digest"], ..Demand::default() }, 1_618_884_480)?;
//! check_digest(&message, body)?;
//! assert!(signature.base(&message)?.starts_with("\"@method\": POST\n\"@path\": /foo\n"));
//! # Ok::<(), tollgate_wire::httpsig::Flaw>(())
//! ```

mod component;
mod demand;
mod digest;
mod draft;
mod flaw;
mod message;
mod signature;

pub use component::Component;
pub use demand::Demand;
pub use digest::{check_digest, content_digest};
pub use draft::Draft;
pub use flaw::Flaw;
pub use message::{Fields, Message, Request};
pub use signature::{COMPONENTS_MAX, SIGNATURES_MAX, Signature};

#[cfg(test)]
mod tests;
