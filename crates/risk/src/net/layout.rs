//! The parameters of the network: one flat array, and where each part lies in it.

use super::attention::Block;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use tollgate_core::Seed;

/// Numbers that describe a merchant's behaviours beside what attention reads from them.
pub(super) const STATS: usize = 12;
/// Numbers per behaviour before the data's own.
pub(super) const FIELDS: usize = 13;
/// What a word is multiplied by in the wide path: 1, time, deviation, product.
pub(super) const WIDE: usize = 4;

/// Sizes and switches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Width of behaviours and merchants.
    pub width: usize,
    /// Width of the head.
    pub head: usize,
    /// Words with embeddings.
    pub words: usize,
    /// Categories with embeddings; one more is for any other.
    pub categories: usize,
    /// Numbers per behaviour that the data bring.
    pub numbers: usize,
    /// Features that are added to the logit.
    pub features: usize,
    /// Features that the head reads too.
    pub fused: usize,
    /// Parts that can be left out.
    pub switches: Switches,
    /// How long merchants are read.
    #[serde(default)]
    pub within: Within,
}

/// How the behaviours of a long merchant are read before they are pooled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Within {
    /// Each for itself.
    #[default]
    Pool,
    /// In order, by a gated recurrent unit.
    Gru,
    /// By attention among themselves.
    Attention,
}

/// Where the weights for long merchants lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Inner {
    /// There are none.
    None,
    /// Of the recurrent unit: for z, r and the candidate side by side.
    Gru { input: Range<usize>, state: Range<usize>, bias: Range<usize> },
    /// Of attention, with the slope on the distance in time.
    Attention { block: Block, slope: Range<usize> },
}

/// Parts that can be left out, to see what each is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switches {
    /// Behaviours are grouped by merchant; else each user's are one sequence.
    pub fold: bool,
    /// Fields and statistics that compare a behaviour with its own merchant's.
    pub deviation: bool,
    /// Attention across merchants.
    pub relation: bool,
    /// Words times time and deviation, added to the logit.
    pub wide: bool,
    /// Words of names and descriptions.
    pub names: bool,
    /// Aggregates and fold features in the head.
    pub fused: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self { fold: true, deviation: true, relation: true, wide: true, names: true, fused: true }
    }
}

impl Switches {
    /// One sequence per user and nothing that a fold sees: what the fold is compared with.
    #[must_use]
    pub const fn unfolded() -> Self {
        Self { fold: false, deviation: false, relation: false, wide: false, names: true, fused: false }
    }

    /// The folded network alone.
    #[must_use]
    pub fn alone() -> Self {
        Self { fused: false, ..Self::default() }
    }
}

/// Where each part lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    parts: Vec<(&'static str, Range<usize>, [usize; 2])>,
    pub(super) tokens: Range<usize>,
    pub(super) categories: Range<usize>,
    pub(super) encode: Range<usize>,
    pub(super) encode_bias: Range<usize>,
    pub(super) attend: Range<usize>,
    pub(super) merchant: Range<usize>,
    pub(super) merchant_bias: Range<usize>,
    pub(super) relation: Block,
    pub(super) same: Range<usize>,
    pub(super) read: Range<usize>,
    pub(super) fuse: Range<usize>,
    pub(super) fuse_bias: Range<usize>,
    pub(super) head: Range<usize>,
    pub(super) head_bias: Range<usize>,
    pub(super) out: Range<usize>,
    pub(super) wide: Range<usize>,
    pub(super) line: Range<usize>,
    pub(super) inner: Inner,
    /// All parameters.
    pub(super) total: usize,
}

impl Layout {
    pub(super) fn of(s: &Shape) -> Self {
        let mut parts: Vec<(&'static str, Range<usize>, [usize; 2])> = Vec::new();
        let mut next = 0;
        let mut part = |name: &'static str, rows: usize, columns: usize| {
            let range = next..next + rows * columns;
            next = range.end;
            parts.push((name, range.clone(), [rows, columns]));
            range
        };
        let d = s.width;
        let (tokens, categories) = (part("tokens", s.words, d), part("categories", s.categories + 1, d));
        let encode = part("encode", FIELDS + s.numbers, d);
        let encode_bias = part("encode.bias", 1, d);
        let attend = part("attend", 1, d);
        let merchant = part("merchant", 2 * d + STATS, d);
        let merchant_bias = part("merchant.bias", 1, d);
        let [query, key, value, mix] = ["query", "key", "value", "mix"].map(|name| part(name, d, d));
        let relation = Block { query, key, value, mix };
        let same = part("same", 1, 1);
        let read = part("read", 1, d);
        let (fuse, fuse_bias) = (part("fuse", s.fused, d), part("fuse.bias", 1, d));
        let (head, head_bias) = (part("head", 3 * d, s.head), part("head.bias", 1, s.head));
        let out = part("out", 1, s.head + 1);
        let wide = part("wide", s.words, WIDE);
        let line = part("line", 1, s.features);
        let inner = match s.within {
            Within::Pool => Inner::None,
            Within::Gru => Inner::Gru {
                input: part("within.input", d, 3 * d),
                state: part("within.state", d, 3 * d),
                bias: part("within.bias", 1, 3 * d),
            },
            Within::Attention => {
                let names = ["within.query", "within.key", "within.value", "within.mix"];
                let [query, key, value, mix] = names.map(|name| part(name, d, d));
                Inner::Attention {
                    block: Block { query, key, value, mix },
                    slope: part("within.slope", 1, 1),
                }
            }
        };
        Self {
            total: next,
            parts,
            tokens,
            categories,
            encode,
            encode_bias,
            attend,
            merchant,
            merchant_bias,
            relation,
            same,
            read,
            fuse,
            fuse_bias,
            head,
            head_bias,
            out,
            wide,
            line,
            inner,
        }
    }

    /// Names, places and shapes.
    pub(super) fn parts(&self) -> &[(&'static str, Range<usize>, [usize; 2])] {
        &self.parts
    }

    /// Starting values: uniform within one over the root of the inputs (biases and last layers zero).
    pub(super) fn start(&self, seed: Seed) -> Vec<f32> {
        let mut values = vec![0.0; self.total];
        for (name, range, [rows, _]) in &self.parts {
            let bound = match *name {
                "tokens" | "categories" => 0.1,
                "encode" | "merchant" | "query" | "key" | "value" | "fuse" | "head" | "within.input"
                | "within.state" | "within.query" | "within.key" | "within.value" => {
                    1.0 / (*rows as f32).sqrt()
                }
                "attend" | "read" => 0.1,
                _ => continue,
            };
            let mut draw = seed.derive(name);
            for value in &mut values[range.clone()] {
                draw = draw.next();
                *value = (draw.unit() as f32 * 2.0 - 1.0) * bound;
            }
        }
        values
    }
}
