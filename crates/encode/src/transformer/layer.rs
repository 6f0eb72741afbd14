//! One layer: attention and a two-layer network, each added to what it was computed from.

use super::Scratch;
use crate::kernel::{Activation, AddNorm, Attention, ByteAttention, Gate, Heads, Kernel, Norm, Turn, Turns};
use crate::linear::Linear;
use std::sync::Arc;

/// Rows that pass the network together: what is wide in between stays in a near cache, and its memory is bounded.
pub(super) const BLOCK: usize = 128;
/// Most keys that a token may see where the weights of the softmax are kept in 8 bits: with more, each is worth too little.
const BYTE_KEYS_MAX: usize = 2048;

/// See the module.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(super) mix: Linear,
    pub(super) join: Linear,
    pub(super) widen: Linear,
    pub(super) narrow: Linear,
    pub(super) norms: Norms,
    pub(super) heads: Heads,
    pub(super) turns: Option<Arc<Turns>>,
    pub(super) activation: Activation,
    /// Whether the widened numbers are pairs of halves, the first activated and multiplied by the second.
    pub(super) gated: bool,
    /// Whether products are in bytes.
    pub(super) bytes: bool,
}

/// Where the norms are.
#[derive(Debug)]
pub(super) enum Norms {
    /// After each sum.
    After { attended: Norm, fed: Norm },
    /// Before attention and network; the first layer's attention has none, as the embeddings are normed.
    Before { attend: Option<Norm>, feed: Norm },
}

impl Layer {
    /// Turns its products into those of bytes; `peaks` are how large the inputs of each were seen to become.
    pub(super) fn quantise(&mut self, peaks: &[Vec<f32>; 4]) {
        let linears = [&mut self.mix, &mut self.join, &mut self.widen, &mut self.narrow];
        for (linear, peaks) in linears.into_iter().zip(peaks) {
            linear.quantise(peaks);
        }
        self.activation = self.activation.for_bytes();
        self.bytes = true;
    }

    /// `rows` become what the layer makes of them.
    pub(super) fn run(&self, kernel: Kernel, rows: &mut [f32], scratch: &mut Scratch) {
        self.attend(kernel, rows, scratch);
        let width = self.heads.total();
        for rows in rows.chunks_mut(BLOCK * width.max(1)) {
            self.feed(kernel, rows, scratch);
        }
    }

    fn attend(&self, kernel: Kernel, rows: &mut [f32], scratch: &mut Scratch) {
        let Scratch { normed, mixed, context, added, bytes, attention, byte_attention, peaks, .. } = scratch;
        let (heads, width) = (self.heads, self.heads.total());
        let input = match &self.norms {
            Norms::Before { attend: Some(norm), .. } => norm_of(kernel, rows, norm, normed),
            _ => &*rows,
        };
        Scratch::watch(peaks, 0, input, width);
        self.mix.apply(kernel, input, Activation::None, (bytes, mixed));
        if let Some(turns) = &self.turns {
            kernel.run(Turn { mixed, heads, turns });
        }
        context.resize(rows.len(), 0.0);
        let keys = heads.reach.map_or(usize::MAX, |reach| 2 * reach + 1).min(rows.len() / width.max(1));
        if self.bytes && kernel.attends_in_bytes() && keys <= BYTE_KEYS_MAX {
            kernel.run(ByteAttention { mixed, heads, scratch: byte_attention, out: context });
        } else {
            kernel.run(Attention { mixed, heads, scratch: attention, out: context });
        }
        Scratch::watch(peaks, 1, context, width);
        self.join.apply(kernel, context, Activation::None, (bytes, added));
        match &self.norms {
            Norms::After { attended, .. } => kernel.run(AddNorm { rows, added, norm: attended }),
            Norms::Before { .. } => add(rows, added),
        }
    }

    fn feed(&self, kernel: Kernel, rows: &mut [f32], scratch: &mut Scratch) {
        let Scratch { normed, wide, gated, added, bytes, peaks, .. } = scratch;
        let input = match &self.norms {
            Norms::Before { feed, .. } => norm_of(kernel, rows, feed, normed),
            Norms::After { .. } => &*rows,
        };
        Scratch::watch(peaks, 2, input, self.heads.total());
        let inner = match self.gated {
            true => {
                self.widen.apply(kernel, input, Activation::None, (bytes, wide));
                gated.resize(wide.len() / 2, 0.0);
                let width = self.narrow.inputs();
                kernel.run(Gate { rows: wide, width, activation: self.activation, out: gated });
                gated
            }
            false => {
                self.widen.apply(kernel, input, self.activation, (bytes, wide));
                wide
            }
        };
        Scratch::watch(peaks, 3, inner, self.narrow.inputs());
        self.narrow.apply(kernel, inner, Activation::None, (bytes, added));
        match &self.norms {
            Norms::After { fed, .. } => kernel.run(AddNorm { rows, added, norm: fed }),
            Norms::Before { .. } => add(rows, added),
        }
    }
}

fn add(rows: &mut [f32], added: &[f32]) {
    rows.iter_mut().zip(added).for_each(|(x, added)| *x += added);
}

fn norm_of<'a>(kernel: Kernel, rows: &[f32], norm: &Norm, into: &'a mut Vec<f32>) -> &'a [f32] {
    into.clear();
    into.extend_from_slice(rows);
    kernel.run(AddNorm { rows: into, added: &[], norm });
    into
}
