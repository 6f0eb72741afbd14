//! Long merchants are read in order before they are pooled: by a gated recurrent unit, or by attention among their own
//! behaviours.
//!
//! Short merchants pass as they are. What is read is added to what was encoded, so that pooling sees both. Sources: Cho et
//! al. 2014 for the unit, in the form whose reset gate is applied after the product (as cuDNN has it); attention has a
//! learned slope on the distance in time.

use super::attention::BlockTape;
use super::forward::{Tape, Weights};
use super::kernels::{add, back, outer, product, sum_rows};
use super::layout::Inner;
use super::shard::Shard;
use std::ops::Range;

/// Behaviours from which on a merchant is long.
pub(super) const LONG: usize = 8;

/// What reading long merchants leaves.
#[derive(Debug, Clone, Default)]
pub(super) struct Inside {
    /// Behaviours of the long merchants among all of the shard.
    rows: Vec<Range<usize>>,
    /// The same among those of long merchants alone.
    groups: Vec<Range<usize>>,
    x: Vec<f32>,
    time: Vec<f32>,
    block: BlockTape,
    /// Per behaviour: the gates z and r, the candidate c, and what the state gave to the candidate.
    gates: Vec<f32>,
    given: Vec<f32>,
    /// The state after each behaviour.
    state: Vec<f32>,
}

fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

impl Weights<'_> {
    /// Replaces the encodings of long merchants' behaviours by what they say in their order.
    pub(super) fn within(&self, shard: &Shard, tape: &mut Tape) {
        let d = self.shape.width;
        if self.layout.inner == Inner::None {
            return;
        }
        let mut inside = Inside::default();
        for rows in shard.groups.windows(2).map(|ends| ends[0]..ends[1]).filter(|rows| rows.len() >= LONG) {
            let start = inside.time.len();
            inside.x.extend_from_slice(&tape.h[rows.start * d..rows.end * d]);
            inside.time.extend(shard.wide[rows.clone()].iter().map(|[time, _]| *time));
            inside.groups.push(start..inside.time.len());
            inside.rows.push(rows);
        }
        let mut read = inside.x.clone();
        match &self.layout.inner {
            Inner::None => {}
            Inner::Attention { block, slope } => {
                let (slope, time) = (self.w[slope.start], &inside.time);
                let bias = |a: usize, b: usize| slope * (time[a] - time[b]).abs();
                inside.block = block.forward((self.w, &inside.x, d), &inside.groups, bias, &mut read);
            }
            Inner::Gru { input, state, bias } => {
                self.recur([input, state, bias], &mut inside);
                add(&mut read, 1.0, &inside.state);
            }
        }
        for (rows, group) in inside.rows.iter().zip(&inside.groups) {
            tape.h[rows.start * d..rows.end * d].copy_from_slice(&read[group.start * d..group.end * d]);
        }
        tape.inside = inside;
    }

    fn recur(&self, [input, state, bias]: [&Range<usize>; 3], inside: &mut Inside) {
        let (d, n) = (self.shape.width, inside.time.len());
        let (state, bias) = (&self.w[state.clone()], &self.w[bias.clone()]);
        inside.gates = bias.iter().copied().cycle().take(n * 3 * d).collect();
        product(&inside.x, &self.w[input.clone()], &mut inside.gates, n, 3 * d, 1.0);
        (inside.given, inside.state) = (vec![0.0; n * d], vec![0.0; n * d]);
        let mut from = vec![0.0; 3 * d];
        for group in &inside.groups {
            let mut before = vec![0.0; d];
            for row in group.clone() {
                product(&before, state, &mut from, 1, 3 * d, 0.0);
                let gates = &mut inside.gates[row * 3 * d..(row + 1) * 3 * d];
                inside.given[row * d..(row + 1) * d].copy_from_slice(&from[2 * d..]);
                for i in 0..d {
                    let z = logistic(gates[i] + from[i]);
                    let r = logistic(gates[d + i] + from[d + i]);
                    let c = (gates[2 * d + i] + r * from[2 * d + i]).tanh();
                    (gates[i], gates[d + i], gates[2 * d + i]) = (z, r, c);
                    before[i] = (1.0 - z) * c + z * before[i];
                }
                inside.state[row * d..(row + 1) * d].copy_from_slice(&before);
            }
        }
    }

    /// Turns the gradient of what [`Weights::within`] left into that of what it found.
    pub(super) fn within_back(&self, tape: &Tape, h: &mut [f32], out: &mut [f32]) {
        let (d, inside) = (self.shape.width, &tape.inside);
        let mut gradient = Vec::with_capacity(inside.x.len());
        for rows in &inside.rows {
            gradient.extend_from_slice(&h[rows.start * d..rows.end * d]);
        }
        match &self.layout.inner {
            Inner::None => return,
            Inner::Attention { block, slope } => {
                let biased = |a: usize, b: usize, g: f32, out: &mut [f32]| {
                    out[slope.start] += g * (inside.time[a] - inside.time[b]).abs();
                };
                let given = (self.w, inside.x.as_slice(), d);
                block.backward(given, &inside.groups, &inside.block, &mut gradient, out, biased);
            }
            Inner::Gru { input, state, bias } => {
                self.recur_back([input, state, bias], inside, &mut gradient, out);
            }
        }
        for (rows, group) in inside.rows.iter().zip(&inside.groups) {
            h[rows.start * d..rows.end * d].copy_from_slice(&gradient[group.start * d..group.end * d]);
        }
    }

    /// `gradient` is that of encoding and state together on entry, that of the encoding on return.
    fn recur_back(
        &self,
        [input, state, bias]: [&Range<usize>; 3],
        inside: &Inside,
        gradient: &mut [f32],
        out: &mut [f32],
    ) {
        let (d, n) = (self.shape.width, inside.time.len());
        let weights = &self.w[state.clone()];
        // Gradients of what the input and what the state before gave to the gates, and the states before.
        let [mut from_input, mut from_state] = [(); 2].map(|()| vec![0.0; n * 3 * d]);
        let mut before = vec![0.0; n * d];
        for group in &inside.groups {
            let mut carried = vec![0.0; d];
            before[(group.start + 1) * d..group.end * d]
                .copy_from_slice(&inside.state[group.start * d..(group.end - 1) * d]);
            for row in group.clone().rev() {
                let (gates, given) =
                    (&inside.gates[row * 3 * d..(row + 1) * 3 * d], &inside.given[row * d..(row + 1) * d]);
                let (by_input, by_state) = (
                    &mut from_input[row * 3 * d..(row + 1) * 3 * d],
                    &mut from_state[row * 3 * d..(row + 1) * 3 * d],
                );
                for i in 0..d {
                    let (z, r, c) = (gates[i], gates[d + i], gates[2 * d + i]);
                    let g = carried[i] + gradient[row * d + i];
                    let candidate = g * (1.0 - z) * (1.0 - c * c);
                    let keep = g * (before[row * d + i] - c) * z * (1.0 - z);
                    let reset = candidate * given[i] * r * (1.0 - r);
                    (by_input[i], by_input[d + i], by_input[2 * d + i]) = (keep, reset, candidate);
                    (by_state[i], by_state[d + i], by_state[2 * d + i]) = (keep, reset, candidate * r);
                    carried[i] = g * z;
                }
                back(by_state, weights, &mut carried, 1, d, 1.0);
            }
        }
        outer(&before, &from_state, &mut out[state.clone()], n);
        outer(&inside.x, &from_input, &mut out[input.clone()], n);
        sum_rows(&from_input, &mut out[bias.clone()]);
        back(&from_input, &self.w[input.clone()], gradient, n, d, 1.0);
    }
}
