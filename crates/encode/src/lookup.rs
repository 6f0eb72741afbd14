//! Static vectors in the layout of Model2Vec: each token has a vector of its own, and a text has their mean.
//!
//! A row of `embeddings` for each token, or for what `mapping` makes of it; `weights` scale them. No context, so no forward
//! pass: a text takes microseconds. Unknown tokens count for nothing.

use crate::safetensors::Safetensors;
use crate::tokenize::{Token, Tokenizer};
use crate::{Card, EncodeError, TextEncoder, TokenStates, Window, Windows, normalise};
use std::io::{Read, Seek};

/// Most tokens of a text that are read where the folder names no bound.
pub(crate) const TOKENS_MAX: usize = 1 << 20;

/// The vectors of the tokens.
pub(crate) struct Table {
    rows: Vec<f32>,
    pub(crate) dims: usize,
    /// For each token its row.
    mapping: Vec<usize>,
    /// For each token its weight; none is 1.
    weights: Vec<f32>,
}

impl Table {
    /// Reads `embeddings`, and `mapping` and `weights` where they are.
    pub(crate) fn read<R: Read + Seek>(file: &mut Safetensors<R>) -> Result<Self, EncodeError> {
        let table = file.tensor("embeddings")?;
        let &[count, dims] = table.shape.as_slice() else {
            return Err(EncodeError::format("embeddings", format!("shape {:?} is no table", table.shape)));
        };
        let mapping: Vec<usize> = match file.has("mapping") {
            true => file.tensor("mapping")?.data.into_iter().map(|row| row.max(0.0) as usize).collect(),
            false => (0..count).collect(),
        };
        if let Some(row) = mapping.iter().find(|row| **row >= count) {
            return Err(EncodeError::format("mapping", format!("names row {row}, embeddings has {count}")));
        }
        let weights = match file.has("weights") {
            true => file.shaped("weights", &[mapping.len()])?,
            false => Vec::new(),
        };
        Ok(Self { rows: table.data, dims, mapping, weights })
    }

    /// Tokens that have a vector.
    pub(crate) fn tokens(&self) -> usize {
        self.mapping.len()
    }

    fn add(&self, token: u32, sum: &mut [f32]) {
        let token = token as usize;
        let Some(row) = self.mapping.get(token) else { return };
        let weight = self.weights.get(token).copied().unwrap_or(1.0);
        let row = self.rows.get(row * self.dims..).unwrap_or_default();
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += weight * x);
    }
}

/// A table with its tokenizer.
pub(crate) struct Lookup {
    pub(crate) card: Card,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) table: Table,
}

impl Lookup {
    fn tokens(&self, text: &str, most: usize) -> Vec<Token> {
        let mut tokens = Vec::new();
        self.tokenizer.tokens(text, most, &mut tokens);
        tokens
    }

    fn vector(&self, tokens: &[Token]) -> Vec<f32> {
        let mut sum = vec![0.0; self.table.dims];
        for token in tokens.iter().filter(|token| Some(token.id) != self.tokenizer.unknown()) {
            self.table.add(token.id, &mut sum);
        }
        sum.truncate(self.card.dims);
        // The mean's divisor cancels in the length.
        normalise(&mut sum);
        sum
    }
}

impl TextEncoder for Lookup {
    fn card(&self) -> &Card {
        &self.card
    }

    fn embed(&self, text: &str) -> Vec<f32> {
        self.vector(&self.tokens(text, self.card.max_tokens))
    }

    fn embed_windows(&self, text: &str, windows: Windows) -> Vec<Window> {
        let tokens = self.tokens(text, TOKENS_MAX);
        let ranges = windows.ranges(tokens.len());
        let cut = ranges.into_iter().filter_map(|range| {
            let tokens = tokens.get(range)?;
            let bytes = tokens.first()?.range().start..tokens.last()?.range().end;
            Some(Window { bytes, vector: self.vector(tokens) })
        });
        cut.collect()
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.tokens(text, TOKENS_MAX).len()
    }

    fn token_states(&self, _: &str) -> Result<TokenStates, EncodeError> {
        let problem = "static vectors know no context; take a model with a forward pass";
        Err(EncodeError::unsupported(&self.card.name, problem))
    }
}
