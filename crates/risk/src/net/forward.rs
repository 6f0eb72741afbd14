//! From a shard to logits, everything kept that the way back needs.

use super::attention::BlockTape;
use super::inputs::Histories;
use super::kernels::{add, dot, gated, product, softmax};
use super::layout::{Layout, STATS, Shape, WIDE};
use super::shard::Shard;
use super::within::Inside;

/// Scale of the wide path: sums of shares are small, and steps of all parameters are alike.
pub(super) const WIDE_SCALE: f32 = 16.0;

/// What a forward pass leaves.
#[derive(Debug, Clone, Default)]
pub(super) struct Tape {
    /// Embedding of each kind that occurs.
    pub(super) kinds: Vec<f32>,
    pub(super) z: Vec<f32>,
    /// Encoded behaviours, those of long merchants after they were read in order.
    pub(super) h: Vec<f32>,
    pub(super) inside: Inside,
    /// Attention over the behaviours of each merchant.
    pub(super) alpha: Vec<f32>,
    pub(super) merchant_in: Vec<f32>,
    pub(super) merchant_z: Vec<f32>,
    pub(super) v: Vec<f32>,
    /// Attention across each user's merchants.
    pub(super) relation: BlockTape,
    pub(super) related: Vec<f32>,
    /// Attention over the merchants of each user.
    pub(super) rho: Vec<f32>,
    pub(super) fused_z: Vec<f32>,
    pub(super) head_in: Vec<f32>,
    pub(super) head_z: Vec<f32>,
    pub(super) head: Vec<f32>,
    /// Per user and kind place: sums of 1, time, deviation and their product.
    pub(super) phi: Vec<(u32, u32, [f32; WIDE])>,
    pub(super) logits: Vec<f32>,
}

/// What goes in: a shard, its users' scaled features (all, and those that the head reads), and what the head's inputs are
/// multiplied by (dropout).
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) from: &'a Histories<'a>,
    pub(super) shard: &'a Shard,
    pub(super) features: &'a [f32],
    pub(super) fused: &'a [f32],
    pub(super) mask: Option<&'a [f32]>,
}

/// Weights with their shape.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    pub(super) shape: &'a Shape,
    pub(super) layout: &'a Layout,
    pub(super) w: &'a [f32],
}

impl Weights<'_> {
    /// Logits of a shard's users.
    pub(super) fn forward(&self, input: &Input<'_>) -> Tape {
        let (from, shard) = (input.from, input.shard);
        let mut tape = self.body(from, shard);
        self.read(input, &mut tape);
        if self.shape.switches.wide {
            self.wide(from, shard, &mut tape);
        }
        tape
    }

    /// From behaviours to merchants that know of each other.
    pub(super) fn body(&self, from: &Histories<'_>, shard: &Shard) -> Tape {
        let mut tape = Tape::default();
        self.encode(from, shard, &mut tape);
        self.within(shard, &mut tape);
        self.pool(shard, &mut tape);
        self.relate(shard, &mut tape);
        tape
    }

    fn encode(&self, from: &Histories<'_>, shard: &Shard, tape: &mut Tape) {
        let (d, l) = (self.shape.width, self.layout);
        tape.kinds = vec![0.0; shard.kinds.len() * d];
        for (kind, row) in shard.kinds.iter().zip(tape.kinds.chunks_exact_mut(d)) {
            let Some(category) = from.category_of(*kind) else { continue };
            row.copy_from_slice(&self.w[l.categories.clone()][category * d..(category + 1) * d]);
            for word in from.words_of(*kind) {
                add(row, 1.0, &self.w[l.tokens.clone()][word as usize * d..(word as usize + 1) * d]);
            }
        }
        let n = shard.events();
        tape.z = vec![0.0; n * d];
        let bias = &self.w[l.encode_bias.clone()];
        for (row, kind) in tape.z.chunks_exact_mut(d).zip(&shard.kind) {
            let kind = &tape.kinds[*kind as usize * d..(*kind as usize + 1) * d];
            row.iter_mut().zip(kind).zip(bias).for_each(|((z, k), b)| *z = k + b);
        }
        product(&shard.x, &self.w[l.encode.clone()], &mut tape.z, n, d, 1.0);
        tape.h = vec![0.0; n * d];
        gated(&tape.z, &mut tape.h);
    }

    fn pool(&self, shard: &Shard, tape: &mut Tape) {
        let (d, l, count) = (self.shape.width, self.layout, shard.merchants());
        let attend = &self.w[l.attend.clone()];
        tape.alpha = tape.h.chunks_exact(d).map(|h| dot(h, attend)).collect();
        let wide = 2 * d + STATS;
        tape.merchant_in = vec![0.0; count * wide];
        for (group, row) in tape.merchant_in.chunks_exact_mut(wide).enumerate() {
            let range = shard.groups[group]..shard.groups[group + 1];
            softmax(&mut tape.alpha[range.clone()]);
            let even = 1.0 / range.len() as f32;
            let (attended, rest) = row.split_at_mut(d);
            let (mean, stats) = rest.split_at_mut(d);
            for event in range {
                let h = &tape.h[event * d..(event + 1) * d];
                add(attended, tape.alpha[event], h);
                add(mean, even, h);
            }
            stats.copy_from_slice(&shard.stats[group * STATS..(group + 1) * STATS]);
        }
        tape.merchant_z = vec![0.0; count * d];
        let bias = &self.w[l.merchant_bias.clone()];
        for (row, kind) in tape.merchant_z.chunks_exact_mut(d).zip(&shard.group_kind) {
            let kind = &tape.kinds[*kind as usize * d..(*kind as usize + 1) * d];
            row.iter_mut().zip(kind).zip(bias).for_each(|((z, k), b)| *z = k + b);
        }
        product(&tape.merchant_in, &self.w[l.merchant.clone()], &mut tape.merchant_z, count, d, 1.0);
        tape.v = vec![0.0; count * d];
        gated(&tape.merchant_z, &mut tape.v);
    }

    fn relate(&self, shard: &Shard, tape: &mut Tape) {
        tape.related = tape.v.clone();
        if !self.shape.switches.relation {
            return;
        }
        let same = self.w[self.layout.same.start];
        let bias = |a: usize, b: usize| if shard.alike(a, b) { same } else { 0.0 };
        let (given, groups) = ((self.w, tape.v.as_slice(), self.shape.width), shard.people_groups());
        tape.relation = self.layout.relation.forward(given, &groups, bias, &mut tape.related);
    }

    fn read(&self, input: &Input<'_>, tape: &mut Tape) {
        let (shard, features) = (input.shard, input.features);
        let (d, l, people) = (self.shape.width, self.layout, shard.people());
        let read = &self.w[l.read.clone()];
        tape.rho = tape.related.chunks_exact(d).map(|v| dot(v, read)).collect();
        tape.head_in = vec![0.0; people * 3 * d];
        tape.fused_z = vec![0.0; people * d];
        let fused = self.shape.switches.fused && self.shape.features > 0;
        if fused {
            let bias = &self.w[l.fuse_bias.clone()];
            tape.fused_z.chunks_exact_mut(d).for_each(|row| row.copy_from_slice(bias));
            product(input.fused, &self.w[l.fuse.clone()], &mut tape.fused_z, people, d, 1.0);
        }
        for (user, row) in tape.head_in.chunks_exact_mut(3 * d).enumerate() {
            let range = shard.users[user]..shard.users[user + 1];
            if !range.is_empty() {
                softmax(&mut tape.rho[range.clone()]);
            }
            for merchant in range {
                let v = &tape.related[merchant * d..(merchant + 1) * d];
                add(&mut row[..d], tape.rho[merchant], v);
                add(&mut row[d..2 * d], shard.share[merchant], v);
            }
            if fused {
                gated(&tape.fused_z[user * d..(user + 1) * d], &mut row[2 * d..]);
            }
        }
        if let Some(mask) = input.mask {
            tape.head_in.iter_mut().zip(mask).for_each(|(x, m)| *x *= m);
        }
        let head = self.shape.head;
        tape.head_z = vec![0.0; people * head];
        let bias = &self.w[l.head_bias.clone()];
        tape.head_z.chunks_exact_mut(head).for_each(|row| row.copy_from_slice(bias));
        product(&tape.head_in, &self.w[l.head.clone()], &mut tape.head_z, people, head, 1.0);
        tape.head = vec![0.0; people * head];
        gated(&tape.head_z, &mut tape.head);
        let (out, offset) = self.w[l.out.clone()].split_at(head);
        tape.logits = tape.head.chunks_exact(head).map(|h| dot(h, out) + offset[0]).collect();
        if fused {
            let line = &self.w[l.line.clone()];
            let rows = features.chunks_exact(self.shape.features);
            tape.logits.iter_mut().zip(rows).for_each(|(x, row)| *x += dot(row, line));
        }
    }

    /// Words of descriptions × (1, time, deviation, product), over the user's behaviours.
    fn wide(&self, from: &Histories<'_>, shard: &Shard, tape: &mut Tape) {
        let wide = &self.w[self.layout.wide.clone()];
        let mut sums = vec![[0.0f32; WIDE]; shard.kinds.len()];
        let mut touched: Vec<u32> = Vec::new();
        for user in 0..shard.people() {
            let events = shard.groups[shard.users[user]]..shard.groups[shard.users[user + 1]];
            let scale = WIDE_SCALE / events.len().max(1) as f32;
            for event in events {
                let ([time, deviation], kind) = (shard.wide[event], shard.kind[event]);
                let sum = &mut sums[kind as usize];
                if sum[0] == 0.0 {
                    touched.push(kind);
                }
                add(sum, scale, &[1.0, time, deviation, time * deviation]);
            }
            for kind in touched.drain(..) {
                let phi = std::mem::take(&mut sums[kind as usize]);
                for word in from.words_of(shard.kinds[kind as usize]) {
                    tape.logits[user] += dot(&phi, &wide[word as usize * WIDE..(word as usize + 1) * WIDE]);
                }
                tape.phi.push((user as u32, kind, phi));
            }
        }
    }
}
