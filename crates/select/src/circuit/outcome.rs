//! Whose fault it was, and what follows for the instance and for the request.

use tollgate_core::{Blame, Fault, FaultKind, Retry};

/// What a fault means for the instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InstanceEffect {
    /// Nothing: it did its work.
    None,
    /// One failure; enough of them open the circuit.
    Count,
    /// It cannot serve anyone: the circuit opens at once.
    Open,
    /// It asked for a pause.
    CoolDown,
}

/// What a fault means for the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestEffect {
    /// It goes to the caller: anywhere else it would end the same way.
    Return,
    /// Another instance may do better.
    Elsewhere,
    /// Only another model (or provider) may do better.
    NextModel,
    /// It needs more context: a larger pool, else another model.
    LargerContext,
}

/// The two effects of one fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Effects {
    /// On the instance.
    pub instance: InstanceEffect,
    /// On the request.
    pub request: RequestEffect,
}

/// The table: every kind with every blame. A caller's fault never touches an instance; a prompt that is too long
/// blames nobody, whoever says so.
#[must_use]
pub const fn effects(kind: FaultKind, blame: Blame) -> Effects {
    use FaultKind as K;
    use InstanceEffect::{CoolDown, Count, None, Open};
    use RequestEffect::{Elsewhere, LargerContext, NextModel, Return};
    let (instance, request) = match (blame, kind) {
        (_, K::ContextTooLong) => (None, LargerContext),

        (Blame::Caller, _) => (None, Return),

        // It refuses what we may send to others: this provider's limits or missing features.
        (Blame::Upstream, K::BadRequest | K::TooLarge) => (None, NextModel),
        // Our key or account there is no good: 401, 403, unpaid.
        (Blame::Upstream | Blame::Us, K::UpstreamDenied) => (Open, Elsewhere),
        (Blame::Upstream, K::Unauthenticated | K::Forbidden) => (Open, Elsewhere),
        (Blame::Upstream, K::LimitReached) => (CoolDown, Elsewhere),
        // A model that is not loaded there (404) counts like a failure: a restart brings it back.
        (Blame::Upstream, K::NotFound | K::UpstreamFailed | K::Timeout | K::Unavailable | K::Internal) => {
            (Count, Elsewhere)
        }

        (Blame::Us, K::Unavailable | K::NotFound) => (None, NextModel),
        (Blame::Us, K::UpstreamFailed) => (None, Elsewhere),
        (
            Blame::Us,
            K::BadRequest
            | K::Unauthenticated
            | K::Forbidden
            | K::TooLarge
            | K::LimitReached
            | K::Timeout
            | K::Internal,
        ) => (None, Return),
    };
    Effects { instance, request }
}

/// What the edge knows beyond the fault itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Detail {
    /// The connection was refused: nobody listens there.
    pub refused: bool,
    /// The pause the upstream asked for (`retry-after`), in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The fault may be due to the request of this caller alone, whatever it says.
    pub doubted_by: Option<u64>,
}

/// How an attempt ended, as far as the instance is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It answered.
    Success,
    /// The caller or this program was at fault, or the attempt was given up: no effect.
    Blameless,
    /// The prompt did not fit: blames nobody.
    ContextTooLong,
    /// It failed; may pass.
    Transient,
    /// Nobody listens: opens after fewer in a row than other failures.
    Refused,
    /// It refuses our credentials or account: opens at once.
    HardDown,
    /// It asked for a pause, of this many milliseconds when it said so.
    RateLimited(Option<u64>),
    /// It refused in a way that may be due to this caller's request alone: counts once for each caller.
    Doubted(u64),
}

impl Outcome {
    /// The outcome of an attempt that ended in this fault.
    #[must_use]
    pub const fn of(kind: FaultKind, blame: Blame, detail: Detail) -> Self {
        match effects(kind, blame).instance {
            InstanceEffect::None if matches!(kind, FaultKind::ContextTooLong) => Self::ContextTooLong,
            InstanceEffect::None => Self::Blameless,
            _ if let Some(caller) = detail.doubted_by => Self::Doubted(caller),
            InstanceEffect::Count if detail.refused => Self::Refused,
            // A 503 with retry-after is a request for a pause, whatever its number.
            InstanceEffect::Count if detail.retry_after_ms.is_some() => {
                Self::RateLimited(detail.retry_after_ms)
            }
            InstanceEffect::Count => Self::Transient,
            InstanceEffect::Open => Self::HardDown,
            InstanceEffect::CoolDown => Self::RateLimited(detail.retry_after_ms),
        }
    }

    /// Whether it speaks for (true) or against (false) the instance's health, or says nothing.
    #[must_use]
    pub const fn verdict(self) -> Option<bool> {
        match self {
            Self::Success | Self::ContextTooLong => Some(true),
            Self::Transient | Self::Refused | Self::HardDown => Some(false),
            Self::Blameless | Self::RateLimited(_) | Self::Doubted(_) => None,
        }
    }
}

/// What a fault means for the request, its own retry rule included: "never" is final, except that a prompt that is too
/// long still fits elsewhere.
#[must_use]
pub fn request_effect(fault: &Fault) -> RequestEffect {
    let effect = effects(fault.kind, fault.blame).request;
    match (fault.retry, effect) {
        (_, RequestEffect::LargerContext) => effect,
        (Retry::Never, _) => RequestEffect::Return,
        _ => effect,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Blame::{Caller, Upstream, Us};
    use FaultKind as K;

    /// Kind by kind: the effects for the caller's, the upstream's and our fault.
    #[rustfmt::skip]
    #[test]
    fn every_row_of_the_table() {
        let table = [
            (K::BadRequest,      "none return",  "none next-model",   "none return"),
            (K::Unauthenticated, "none return",  "open elsewhere",    "none return"),
            (K::Forbidden,       "none return",  "open elsewhere",    "none return"),
            (K::NotFound,        "none return",  "count elsewhere",   "none next-model"),
            (K::TooLarge,        "none return",  "none next-model",   "none return"),
            (K::LimitReached,    "none return",  "cool elsewhere",    "none return"),
            (K::ContextTooLong,  "none larger",  "none larger",       "none larger"),
            (K::UpstreamDenied,  "none return",  "open elsewhere",    "open elsewhere"),
            (K::UpstreamFailed,  "none return",  "count elsewhere",   "none elsewhere"),
            (K::Timeout,         "none return",  "count elsewhere",   "none return"),
            (K::Unavailable,     "none return",  "count elsewhere",   "none next-model"),
            (K::Internal,        "none return",  "count elsewhere",   "none return"),
        ];
        for (kind, caller, upstream, us) in table {
            for (blame, expected) in [(Caller, caller), (Upstream, upstream), (Us, us)] {
                let Effects { instance, request } = effects(kind, blame);
                let instance = match instance {
                    InstanceEffect::None => "none",
                    InstanceEffect::Count => "count",
                    InstanceEffect::Open => "open",
                    InstanceEffect::CoolDown => "cool",
                };
                let request = match request {
                    RequestEffect::Return => "return",
                    RequestEffect::Elsewhere => "elsewhere",
                    RequestEffect::NextModel => "next-model",
                    RequestEffect::LargerContext => "larger",
                };
                assert_eq!(format!("{instance} {request}"), expected, "{kind:?} {blame:?}");
            }
        }
    }

    #[test]
    fn outcomes_follow_the_table_and_the_detail() {
        let plain = Detail::default();
        let refused = Detail { refused: true, ..plain };
        let doubted = Detail { doubted_by: Some(7), retry_after_ms: Some(1), ..plain };
        let later = Detail { retry_after_ms: Some(700), ..plain };
        let rows = [
            (K::BadRequest, Caller, plain, Outcome::Blameless),
            (K::ContextTooLong, Upstream, plain, Outcome::ContextTooLong),
            (K::UpstreamFailed, Upstream, plain, Outcome::Transient),
            (K::UpstreamFailed, Upstream, refused, Outcome::Refused),
            (K::Unavailable, Upstream, later, Outcome::RateLimited(Some(700))),
            (K::LimitReached, Upstream, plain, Outcome::RateLimited(None)),
            (K::LimitReached, Upstream, later, Outcome::RateLimited(Some(700))),
            (K::UpstreamDenied, Upstream, later, Outcome::HardDown),
            (K::LimitReached, Caller, later, Outcome::Blameless),
            (K::UpstreamDenied, Us, doubted, Outcome::Doubted(7)),
            (K::LimitReached, Upstream, doubted, Outcome::Doubted(7)),
            (K::BadRequest, Caller, doubted, Outcome::Blameless),
            (K::ContextTooLong, Caller, doubted, Outcome::ContextTooLong),
        ];
        for (kind, blame, detail, outcome) in rows {
            assert_eq!(Outcome::of(kind, blame, detail), outcome, "{kind:?} {blame:?} {detail:?}");
        }
    }

    #[test]
    fn never_is_final_except_for_length() {
        let fault = Fault::upstream(K::UpstreamFailed, "broke");
        assert_eq!(request_effect(&fault), RequestEffect::Elsewhere);
        assert_eq!(request_effect(&fault.retry(Retry::Never)), RequestEffect::Return);
        assert_eq!(request_effect(&Fault::caller(K::ContextTooLong, "long")), RequestEffect::LargerContext);
    }
}
