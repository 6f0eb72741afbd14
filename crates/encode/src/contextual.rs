//! A model with context, from text to vector: tokens, forward pass, pooling, length 1.

use crate::tokenize::{Token, Tokenizer};
use crate::transformer::{Scratch, Transformer};
use crate::{Card, EncodeError, TextEncoder, TokenStates, Window, Windows, normalise};
use parking_lot::Mutex;
use std::ops::Range;

/// How the states of a text's tokens become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// Their mean, special tokens included.
    Mean,
    /// The state of the first, special token.
    First,
    /// The highest of each number.
    Max,
}

/// Most tokens of a text that windows are cut from: what a text of 10 MB has at most.
const TOKENS_MAX: usize = 10 << 20;
/// Scratches kept for later calls: as many as run side by side on a large machine.
const SCRATCHES_MAX: usize = 64;

/// Largest scratch that is kept, in numbers: 32 MiB. One text of 8,192 tokens needs ten times as much, and time to match.
const SCRATCH_NUMBERS_MAX: usize = 8 << 20;

/// A model with its tokenizer.
pub(crate) struct Contextual {
    pub(crate) card: Card,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) model: Transformer,
    pub(crate) pooling: Pooling,
    pub(crate) scratches: Mutex<Vec<Scratch>>,
}

impl Contextual {
    /// How many special tokens stand around a text.
    fn around(&self) -> usize {
        let (before, after) = self.tokenizer.around();
        before.len() + after.len()
    }

    /// Most tokens of a text beside the special ones.
    pub(crate) fn room(&self) -> usize {
        self.card.max_tokens.saturating_sub(self.around())
    }

    pub(crate) fn tokens(&self, text: &str, most: usize) -> Vec<Token> {
        let mut tokens = Vec::with_capacity(most.min(text.len() / 3 + 1));
        self.tokenizer.tokens(text, most, &mut tokens);
        tokens
    }

    /// Most tokens of two texts together beside the special ones.
    pub(crate) fn room_of_pair(&self) -> usize {
        self.room().saturating_sub(self.tokenizer.around().1.len())
    }

    /// Hidden states of `tokens` between the special ones.
    fn states(&self, tokens: &[Token]) -> Vec<f32> {
        let ids = self.tokenizer.whole(tokens);
        self.run(&ids, ids.len())
    }

    fn run(&self, ids: &[u32], second: usize) -> Vec<f32> {
        let mut scratch = self.scratches.lock().pop().unwrap_or_default();
        let states = self.model.run(ids, second, &mut scratch);
        let mut kept = self.scratches.lock();
        if kept.len() < SCRATCHES_MAX && scratch.numbers() <= SCRATCH_NUMBERS_MAX {
            kept.push(scratch);
        }
        states
    }

    /// Hidden states of `tokens`, without those of the special ones.
    pub(crate) fn own_states(&self, tokens: &[Token]) -> Vec<f32> {
        let mut states = self.states(tokens);
        let (dims, before) = (self.model.width(), self.tokenizer.around().0.len());
        states.truncate((tokens.len() + before) * dims);
        states.drain(..before * dims);
        states
    }

    /// What `pooling` makes of the states of a text.
    pub(crate) fn pooled(&self, tokens: &[Token], pooling: Pooling) -> Vec<f32> {
        self.pool(&self.states(tokens), pooling)
    }

    /// The same of two texts.
    pub(crate) fn pooled_pair(&self, first: &[Token], second: &[Token], pooling: Pooling) -> Vec<f32> {
        let (ids, from) = self.tokenizer.pair(first, second);
        self.pool(&self.run(&ids, from), pooling)
    }

    fn pool(&self, states: &[f32], pooling: Pooling) -> Vec<f32> {
        let mut rows = states.chunks_exact(self.model.width());
        let count = rows.len() as f32;
        let mut vector = rows.next().map(<[f32]>::to_vec).unwrap_or_default();
        for row in rows {
            match pooling {
                Pooling::First => break,
                Pooling::Mean => vector.iter_mut().zip(row).for_each(|(sum, x)| *sum += x),
                Pooling::Max => vector.iter_mut().zip(row).for_each(|(most, x)| *most = most.max(*x)),
            }
        }
        if pooling == Pooling::Mean {
            vector.iter_mut().for_each(|sum| *sum /= count);
        }
        vector
    }

    /// All tokens of `text`, of which windows are cut.
    pub(crate) fn all_tokens(&self, text: &str) -> Vec<Token> {
        self.tokens(text, TOKENS_MAX)
    }

    /// The windows over the whole of `text`: their bytes and tokens.
    pub(crate) fn windows(&self, text: &str, windows: Windows) -> Vec<(Range<usize>, Vec<Token>)> {
        let windows = Windows { tokens: windows.tokens.min(self.room()), ..windows };
        let tokens = self.all_tokens(text);
        let cut = windows.ranges(tokens.len()).into_iter().filter_map(|range| {
            let tokens = tokens.get(range)?;
            Some((tokens.first()?.range().start..tokens.last()?.range().end, tokens.to_vec()))
        });
        cut.collect()
    }

    fn vector(&self, tokens: &[Token]) -> Vec<f32> {
        let mut vector = self.pooled(tokens, self.pooling);
        vector.truncate(self.card.dims);
        normalise(&mut vector);
        vector
    }
}

impl TextEncoder for Contextual {
    fn card(&self) -> &Card {
        &self.card
    }

    fn embed(&self, text: &str) -> Vec<f32> {
        self.vector(&self.tokens(text, self.room()))
    }

    fn embed_windows(&self, text: &str, windows: Windows) -> Vec<Window> {
        let cut = self.windows(text, windows).into_iter();
        cut.map(|(bytes, tokens)| Window { bytes, vector: self.vector(&tokens) }).collect()
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.tokens(text, TOKENS_MAX).len() + self.around()
    }

    fn token_states(&self, text: &str) -> Result<TokenStates, EncodeError> {
        let tokens = self.tokens(text, self.room());
        let spans = tokens.iter().map(|t| t.range()).collect();
        Ok(TokenStates { spans, states: self.own_states(&tokens), dims: self.model.width() })
    }
}
