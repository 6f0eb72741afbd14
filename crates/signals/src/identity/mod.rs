//! Workload identity: what a request is, from its structure, its headers and earlier traffic.
//!
//! Nothing here decodes the prompt, except the system fingerprint (a digest of the raw bytes), the session id of last
//! resort (a digest of the first user message) and the first bytes of tool results.
//!
//! ```text
//! Workload { kind: Agent, turns: 3, tools: 2, tool_loop: true, shape: PrefillHeavy, session: header "s1", … }
//! ```

mod ceiling;
mod estimate;
mod output;
mod session;
mod tokens;
mod workload;

pub use ceiling::{Ceiling, text_tokens_max};
pub use estimate::{prompt_bytes, prompt_tokens, prompt_tokens_of, repeated_tokens};
pub use output::OutputLength;
pub use session::{Session, SessionSource};
pub use tokens::TokenRatio;
pub use workload::{Shape, Workload, WorkloadKind};

pub(crate) use estimate::{context_floor, exact_tokens, warm_exact_tokens};
pub(crate) use session::session;
pub(crate) use workload::{kind, shape, system_fingerprint, tool_cycles, tool_failures, tool_loop, turns};
