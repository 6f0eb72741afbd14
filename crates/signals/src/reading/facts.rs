//! Facts: signals without parameters, from the view and the numbers handed in.

use super::Reading;
use crate::identity;
use crate::measure::language;
use crate::text::Scope;
use tollgate_core::signal::{Kind, Signal};
use tollgate_wire::view::Span;

/// Largest number of names in a set signal.
const NAMES_MAX: usize = 1024;

fn finite(value: f64) -> Signal {
    if value.is_finite() {
        Signal::number(value)
    } else {
        Signal::failed("the gateway handed in no finite number")
    }
}

fn words(words: &[String]) -> Signal {
    Signal::set(words.iter().take(NAMES_MAX).cloned().collect())
}

impl Reading<'_> {
    pub(super) fn fact(&self, kind: Kind) -> Signal {
        let view = self.input.view;
        match kind {
            Kind::Dialect => Signal::text(view.dialect.word()),
            Kind::Model => Signal::text(view.model().unwrap_or_default()),
            Kind::Stream => Signal::flag(view.stream),
            Kind::RequestKind => Signal::text(identity::kind(&self.input).word()),
            Kind::Bytes => Signal::number(view.body.len() as f64),
            Kind::Turns => Signal::number(f64::from(identity::turns(view))),
            Kind::Depth => Signal::number(view.messages.len() as f64),
            Kind::Tools => Signal::number(view.tools.len() as f64),
            Kind::ToolNames => {
                let names = view.tools.iter().take(NAMES_MAX).map(|t| view.text(t.name).into_owned());
                Signal::set(names.collect())
            }
            Kind::ToolBytes => Signal::number(view.tools_span.map_or(0, Span::len) as f64),
            Kind::ToolLoop => Signal::flag(identity::tool_loop(view)),
            Kind::ToolFailures => Signal::number(f64::from(identity::tool_failures(view))),
            Kind::TextBytes => Signal::number(self.texts.raw(Scope::LastUser).len() as f64),
            Kind::ToolCalls => Signal::number(view.messages.iter().map(|m| m.tool_calls.len() as f64).sum()),
            Kind::ToolCycles => Signal::number(f64::from(identity::tool_cycles(view))),
            Kind::Images => Signal::number(view.messages.iter().map(|m| f64::from(m.images)).sum()),
            Kind::Unread => Signal::set(view.unread.iter().map(|kind| kind.word().to_owned()).collect()),
            Kind::HasSystem => Signal::flag(self.has_system()),
            Kind::SystemFingerprint => {
                Signal::text(identity::system_fingerprint(self.texts.raw(Scope::System)))
            }
            Kind::MaxTokens => Signal::number(view.max_tokens.unwrap_or(0) as f64),
            Kind::Session => Signal::text(self.session().id.as_str()),
            Kind::Language => self.language(),
            Kind::Caller => Signal::text(self.input.caller.key_id),
            Kind::Role => words(self.input.caller.roles),
            Kind::Group => words(self.input.caller.groups),
            Kind::Tenant => Signal::text(self.input.caller.tenant),
            Kind::Scope => words(self.input.caller.scopes),
            Kind::BudgetLeft => finite(self.input.budget_left.clamp(0.0, 1.0)),
            Kind::SessionRisk => finite(self.input.risk[0].clamp(0.0, 1.0)),
            Kind::CallerRisk => finite(self.input.risk[1].clamp(0.0, 1.0)),
            _ => self.forecast(kind),
        }
    }

    fn forecast(&self, kind: Kind) -> Signal {
        let forecast = &self.input.forecast;
        let cached = || forecast.cached_tokens.clamp(0.0, self.tokens());
        match kind {
            Kind::Tokens => Signal::number(self.tokens()),
            Kind::ContextTokens => {
                Signal::number(self.tokens().max(identity::context_floor(self.input.view)))
            }
            Kind::ExactTokens => identity::exact_tokens(self.input.view).map_or_else(
                || Signal::failed("the prompt is over 4 MiB: too long for an exact count"),
                Signal::number,
            ),
            Kind::OutputTokens => finite(forecast.output_tokens),
            Kind::CachedTokens => finite(cached()),
            Kind::TotalTokens => finite(self.tokens() + forecast.output_tokens),
            Kind::Shape => {
                Signal::text(identity::shape(self.tokens() - cached(), forecast.output_tokens).word())
            }
            Kind::Warm => Signal::flag(forecast.warm),
            // Kinds with parameters have plans of their own.
            _ => Signal::failed("this kind needs parameters: declare the signal"),
        }
    }

    fn tokens(&self) -> f64 {
        *self
            .tokens
            .get_or_init(|| identity::prompt_tokens(self.input.view, self.input.forecast.bytes_per_token))
    }

    fn has_system(&self) -> bool {
        let view = self.input.view;
        let said =
            |role| view.messages.iter().any(|m| m.role == role && m.text.iter().any(|t| !t.span.is_empty()));
        view.system.iter().any(|t| !t.span.is_empty()) || said(tollgate_wire::view::Role::System)
    }

    fn language(&self) -> Signal {
        let language = language(self.texts.raw(Scope::LastUser));
        let mut signal = Signal::text(language.code);
        signal.matched = language.code != "und";
        signal.confidence = language.confidence;
        signal
    }
}
