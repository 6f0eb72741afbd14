//! What signals are computed from: the request's view and what the gateway knows beside it.
//!
//! Identity facts come from verified credentials only; text that the caller writes (`metadata`, `user`) never feeds
//! them. Forecasts (expected output, prefix cache, warmth) are numbers that the gateway hands in.
//!
//! ```
//! use tollgate_signals::Caller;
//! assert_eq!(Caller::default().key_id, "");
//! ```

use crate::{OutputLength, prompt_tokens};
use tollgate_wire::view::RequestView;

/// Bytes per token before anything was observed (the rule of thumb for English text).
pub const DEFAULT_BYTES_PER_TOKEN: f64 = 4.0;

/// Who sends the request, from its verified credentials.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller<'a> {
    /// Id of the key, empty when anonymous.
    pub key_id: &'a str,
    /// Roles.
    pub roles: &'a [String],
    /// Groups.
    pub groups: &'a [String],
    /// Tenant, empty when none.
    pub tenant: &'a str,
    /// Scopes granted to the key.
    pub scopes: &'a [String],
}

/// What the gateway expects of this request, from earlier traffic.
#[derive(Clone, Copy, Debug)]
pub struct Forecast {
    /// Bytes of prompt per token ([`crate::TokenRatio`]).
    pub bytes_per_token: f64,
    /// Expected output tokens ([`crate::OutputLength`], P75), 0 when unknown.
    pub output_tokens: f64,
    /// Prompt tokens expected to be in a prefix cache.
    pub cached_tokens: f64,
    /// Whether an earlier turn of the conversation was served recently.
    pub warm: bool,
}

impl Default for Forecast {
    fn default() -> Self {
        Self { bytes_per_token: DEFAULT_BYTES_PER_TOKEN, output_tokens: 0.0, cached_tokens: 0.0, warm: false }
    }
}

impl Forecast {
    /// What a gateway expects that has seen no traffic yet.
    #[must_use]
    pub fn untaught(view: &RequestView) -> Self {
        let prompt = prompt_tokens(view, DEFAULT_BYTES_PER_TOKEN);
        let (_, output_tokens) = OutputLength::new().expect("", prompt, view.max_tokens);
        Self { output_tokens, ..Self::default() }
    }
}

/// Everything that the signals of one request are computed from.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The request.
    pub view: &'a RequestView,
    /// Who sends it.
    pub caller: Caller<'a>,
    /// Share of the tightest budget that is left, in [0, 1].
    pub budget_left: f64,
    /// What is known of the conversation's risk, and of the caller's, each in [0, 1].
    pub risk: [f64; 2],
    /// The header that names its conversation.
    pub session: Option<&'a str>,
    /// What is expected of it.
    pub forecast: Forecast,
    /// The kind of work in a trusted hop's word (a batch runner's, a computer-use harness's), empty without one.
    pub kind: &'a str,
}

impl<'a> Input<'a> {
    /// An anonymous request with a full budget and nothing known of it.
    #[must_use]
    pub fn new(view: &'a RequestView) -> Self {
        Self {
            view,
            caller: Caller::default(),
            budget_left: 1.0,
            risk: [0.0; 2],
            session: None,
            forecast: Forecast::default(),
            kind: "",
        }
    }

    /// The same, as a gateway sees it that has seen no traffic yet: an answer has its expected length.
    #[must_use]
    pub fn untaught(view: &'a RequestView) -> Self {
        Self { forecast: Forecast::untaught(view), ..Self::new(view) }
    }
}
