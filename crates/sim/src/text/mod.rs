//! Text: what counts as a token, what a prompt hashes to, what the simulator says.
//!
//! Idea: every answer is a list of pieces, one piece per token. The engine spends one output token on each, a
//! stream sends each in its own event, a whole answer is their concatenation; so usage, stream and body cannot
//! disagree.
//!
//! ```
//! use tollgate_sim::text::pieces;
//! let text = "Seventeen plus 4096 is…";
//! assert_eq!(pieces(text).concat(), text);
//! ```

mod calls;
mod embed;
mod reply;
mod schema;
mod tokens;

pub use calls::requested_calls;
pub use embed::{base64, embed};
pub use reply::{Answer, Finish, Piece, Style, answer};
pub use schema::instance;
pub use tokens::{TokenCount, chain, count, pieces};
