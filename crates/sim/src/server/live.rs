//! Tokens from a model that speaks now.

use super::State;
use super::source::Next;
use crate::api::chat::Usage;
use crate::api::error::ApiError;
use crate::ask::{Ask, Format};
use crate::gguf::{CONTEXT_MAX, Choice, Item, Runner, Work};
use crate::text::{Piece, requested_calls};
use tokio::sync::mpsc;

/// Output limit when the request names none.
const TOKENS_DEFAULT: u32 = 512;

/// An answer that a model is making.
pub(super) struct Live {
    items: mpsc::Receiver<Item>,
    held: Option<Item>,
    prompt_tokens: u32,
}

/// The runner, if there is one and the request is for plain text.
pub(super) fn runner<'a>(state: &'a State, ask: &Ask) -> Option<&'a Runner> {
    state.runner.as_ref().filter(|_| ask.format == Format::Text && requested_calls(ask).is_empty())
}

impl Live {
    /// Gives `ask` to the model and waits until it starts.
    pub(super) async fn start(runner: &Runner, ask: &Ask, exact: Option<u32>) -> Result<Self, ApiError> {
        let turns = ask.messages.iter().map(|m| (m.role.replace("developer", "system"), m.text.clone()));
        let choice = Choice {
            max_tokens: ask.max_tokens.or(exact).unwrap_or(TOKENS_DEFAULT),
            temperature: ask.temperature,
            top_p: ask.top_p,
            seed: ask.seed,
            stop: ask.stop.clone(),
        };
        let busy =
            ApiError { retry_after_s: Some(1), ..ApiError::new(503, "too many requests wait for the model") };
        let mut items = runner.submit(Work { turns: turns.collect(), choice }).ok_or(busy)?;
        match items.recv().await {
            Some(Item::Started { prompt_tokens }) => Ok(Self { items, held: None, prompt_tokens }),
            Some(Item::TooLong { prompt_tokens }) => Err(ApiError::context(CONTEXT_MAX, prompt_tokens, 1)),
            _ => Err(ApiError::new(500, "the model failed")),
        }
    }

    pub(super) fn poll(&mut self) -> Next {
        match self.held.take().or_else(|| self.items.try_recv().ok()) {
            Some(Item::Text(text)) => Next::Piece(Piece::Text(text)),
            Some(Item::End { finish, tokens }) => {
                let usage = Usage { prompt: self.prompt_tokens, completion: tokens, ..Usage::default() };
                Next::End(finish, usage)
            }
            Some(Item::Started { .. } | Item::TooLong { .. }) | None => Next::Wait,
        }
    }

    pub(super) async fn wait(&mut self) -> bool {
        if self.held.is_none() {
            self.held = self.items.recv().await;
        }
        self.held.is_some()
    }
}
