//! Where the tokens of an answer come from.

use super::driver::Ticket;
use crate::api::chat::Usage;
use crate::text::{Answer, Finish, Piece};

/// What a source has now.
pub(super) enum Next {
    /// A token.
    Piece(Piece),
    /// Nothing yet.
    Wait,
    /// The end.
    End(Finish, Usage),
}

/// A source of tokens.
pub(super) enum Source {
    /// A prepared answer whose tokens the engine releases one by one.
    Prepared(Prepared),
    /// A model that speaks now.
    #[cfg(feature = "gguf")]
    Live(super::live::Live),
}

impl Source {
    /// What there is without waiting.
    pub(super) fn poll(&mut self) -> Next {
        match self {
            Self::Prepared(source) => source.poll(),
            #[cfg(feature = "gguf")]
            Self::Live(source) => source.poll(),
        }
    }

    /// Waits until there is more; false when the source broke.
    pub(super) async fn wait(&mut self) -> bool {
        match self {
            Self::Prepared(source) => source.ticket.beyond(source.taken).await,
            #[cfg(feature = "gguf")]
            Self::Live(source) => source.wait().await,
        }
    }

    /// All of it; none when the source broke.
    pub(super) async fn whole(mut self) -> Option<(Vec<Piece>, Finish, Usage)> {
        let mut pieces = Vec::new();
        loop {
            match self.poll() {
                Next::Piece(piece) => pieces.push(piece),
                Next::End(finish, usage) => return Some((pieces, finish, usage)),
                Next::Wait if self.wait().await => {}
                Next::Wait => return None,
            }
        }
    }
}

/// A prepared answer and the engine's job that releases it.
pub(super) struct Prepared {
    answer: Answer,
    ticket: Ticket,
    prompt_tokens: u32,
    taken: u32,
}

impl Prepared {
    pub(super) fn new(answer: Answer, ticket: Ticket, prompt_tokens: u32) -> Self {
        Self { answer, ticket, prompt_tokens, taken: 0 }
    }

    fn poll(&mut self) -> Next {
        let Some(piece) = self.answer.pieces.get(self.taken as usize) else {
            return Next::End(self.answer.finish, self.usage());
        };
        if self.ticket.progress().tokens <= self.taken {
            return Next::Wait;
        }
        self.taken += 1;
        Next::Piece(piece.clone())
    }

    fn usage(&self) -> Usage {
        Usage {
            prompt: self.prompt_tokens,
            cached: self.ticket.progress().cached.min(self.prompt_tokens),
            completion: self.answer.tokens(),
            reasoning: self.answer.reasoning_tokens(),
        }
    }
}
