//! From the gradient of logits to that of every parameter, the forward pass in reverse.

use super::forward::{Input, Tape, Weights};
use super::inputs::Histories;
use super::kernels::{add, back, dot, gated_back, outer, softmax_back, sum_rows};
use super::layout::{STATS, WIDE};
use super::shard::Shard;

impl Weights<'_> {
    /// Adds the gradient of `Σ gradient · logit` to `out`.
    pub(super) fn backward(&self, input: &Input<'_>, tape: &Tape, gradient: &[f32], out: &mut [f32]) {
        let (from, shard) = (input.from, input.shard);
        if self.shape.switches.wide {
            self.wide_back(from, shard, tape, gradient, out);
        }
        let related = self.read_back(input, tape, gradient, out);
        self.body_back((from, shard), tape, related, None, out);
    }

    /// The way back of [`Weights::body`]: from the gradient of the merchants, and of the behaviours where something else
    /// read them, to that of the parameters.
    pub(super) fn body_back(
        &self,
        (from, shard): (&Histories<'_>, &Shard),
        tape: &Tape,
        mut related: Vec<f32>,
        read: Option<&[f32]>,
        out: &mut [f32],
    ) {
        if self.shape.switches.relation {
            self.relate_back(shard, tape, &mut related, out);
        }
        let mut kinds = vec![0.0; tape.kinds.len()];
        let mut h = self.pool_back(shard, tape, related, &mut kinds, out);
        if let Some(read) = read {
            add(&mut h, 1.0, read);
        }
        self.within_back(tape, &mut h, out);
        self.encode_back(from, shard, tape, h, kinds, out);
    }

    fn wide_back(&self, from: &Histories<'_>, shard: &Shard, tape: &Tape, gradient: &[f32], out: &mut [f32]) {
        let wide = &mut out[self.layout.wide.clone()];
        for (user, kind, phi) in &tape.phi {
            for word in from.words_of(shard.kinds[*kind as usize]) {
                add(
                    &mut wide[word as usize * WIDE..(word as usize + 1) * WIDE],
                    gradient[*user as usize],
                    phi,
                );
            }
        }
    }

    /// Answers the gradient of the merchants after relation.
    fn read_back(&self, given: &Input<'_>, tape: &Tape, gradient: &[f32], out: &mut [f32]) -> Vec<f32> {
        let (shard, features) = (given.shard, given.features);
        let (d, l, people, head) = (self.shape.width, self.layout, shard.people(), self.shape.head);
        let fused = self.shape.switches.fused && self.shape.features > 0;
        if fused {
            for (g, row) in gradient.iter().zip(features.chunks_exact(self.shape.features)) {
                add(&mut out[l.line.clone()], *g, row);
            }
        }
        let weights = &self.w[l.out.clone()][..head];
        let mut head_g = vec![0.0; people * head];
        for (user, g) in gradient.iter().enumerate() {
            add(&mut out[l.out.clone()][..head], *g, &tape.head[user * head..(user + 1) * head]);
            out[l.out.end - 1] += g;
            add(&mut head_g[user * head..(user + 1) * head], *g, weights);
        }
        gated_back(&tape.head_z, &mut head_g);
        sum_rows(&head_g, &mut out[l.head_bias.clone()]);
        outer(&tape.head_in, &head_g, &mut out[l.head.clone()], people);
        let mut input = vec![0.0; people * 3 * d];
        back(&head_g, &self.w[l.head.clone()], &mut input, people, 3 * d, 0.0);
        if let Some(mask) = given.mask {
            input.iter_mut().zip(mask).for_each(|(x, m)| *x *= m);
        }
        let read = &self.w[l.read.clone()];
        let mut related = vec![0.0; tape.related.len()];
        let mut fused_g = vec![0.0; people * d];
        for (user, row) in input.chunks_exact(3 * d).enumerate() {
            let range = shard.users[user]..shard.users[user + 1];
            let mut scores: Vec<f32> =
                range.clone().map(|m| dot(&row[..d], &tape.related[m * d..(m + 1) * d])).collect();
            softmax_back(&tape.rho[range.clone()], &mut scores);
            for (m, score) in range.zip(scores) {
                let v = &tape.related[m * d..(m + 1) * d];
                add(&mut out[l.read.clone()], score, v);
                let g = &mut related[m * d..(m + 1) * d];
                add(g, tape.rho[m], &row[..d]);
                add(g, shard.share[m], &row[d..2 * d]);
                add(g, score, read);
            }
            fused_g[user * d..(user + 1) * d].copy_from_slice(&row[2 * d..]);
        }
        if fused {
            gated_back(&tape.fused_z, &mut fused_g);
            sum_rows(&fused_g, &mut out[l.fuse_bias.clone()]);
            outer(given.fused, &fused_g, &mut out[l.fuse.clone()], people);
        }
        related
    }

    /// Turns the gradient after relation into that before it.
    fn relate_back(&self, shard: &Shard, tape: &Tape, related: &mut [f32], out: &mut [f32]) {
        let same = self.layout.same.start;
        let biased = |a: usize, b: usize, g: f32, out: &mut [f32]| {
            if shard.alike(a, b) {
                out[same] += g;
            }
        };
        let given = (self.w, tape.v.as_slice(), self.shape.width);
        let groups = shard.people_groups();
        self.layout.relation.backward(given, &groups, &tape.relation, related, out, biased);
    }

    /// Answers the gradient of the encoded behaviours.
    fn pool_back(
        &self,
        shard: &Shard,
        tape: &Tape,
        mut v: Vec<f32>,
        kinds: &mut [f32],
        out: &mut [f32],
    ) -> Vec<f32> {
        let (d, l, count) = (self.shape.width, self.layout, shard.merchants());
        gated_back(&tape.merchant_z, &mut v);
        sum_rows(&v, &mut out[l.merchant_bias.clone()]);
        for (g, kind) in v.chunks_exact(d).zip(&shard.group_kind) {
            add(&mut kinds[*kind as usize * d..(*kind as usize + 1) * d], 1.0, g);
        }
        outer(&tape.merchant_in, &v, &mut out[l.merchant.clone()], count);
        let wide = 2 * d + STATS;
        let mut input = vec![0.0; count * wide];
        back(&v, &self.w[l.merchant.clone()], &mut input, count, wide, 0.0);
        let attend = &self.w[l.attend.clone()];
        let mut h = vec![0.0; tape.h.len()];
        let mut scores: Vec<f32> = Vec::new();
        for (group, row) in input.chunks_exact(wide).enumerate() {
            let range = shard.groups[group]..shard.groups[group + 1];
            let (attended, mean) = (&row[..d], &row[d..2 * d]);
            scores.clear();
            scores.extend(range.clone().map(|event| dot(attended, &tape.h[event * d..(event + 1) * d])));
            softmax_back(&tape.alpha[range.clone()], &mut scores);
            let even = 1.0 / range.len() as f32;
            for (event, score) in range.zip(&scores) {
                add(&mut out[l.attend.clone()], *score, &tape.h[event * d..(event + 1) * d]);
                let g = &mut h[event * d..(event + 1) * d];
                let alpha = tape.alpha[event];
                for i in 0..d {
                    g[i] = alpha * attended[i] + even * mean[i] + score * attend[i];
                }
            }
        }
        h
    }

    fn encode_back(
        &self,
        from: &Histories<'_>,
        shard: &Shard,
        tape: &Tape,
        mut h: Vec<f32>,
        mut kinds: Vec<f32>,
        out: &mut [f32],
    ) {
        let (d, l) = (self.shape.width, self.layout);
        gated_back(&tape.z, &mut h);
        sum_rows(&h, &mut out[l.encode_bias.clone()]);
        outer(&shard.x, &h, &mut out[l.encode.clone()], shard.events());
        for (g, kind) in h.chunks_exact(d).zip(&shard.kind) {
            add(&mut kinds[*kind as usize * d..(*kind as usize + 1) * d], 1.0, g);
        }
        for (kind, g) in shard.kinds.iter().zip(kinds.chunks_exact(d)) {
            let Some(category) = from.category_of(*kind) else { continue };
            add(&mut out[l.categories.clone()][category * d..(category + 1) * d], 1.0, g);
            for word in from.words_of(*kind) {
                add(&mut out[l.tokens.clone()][word as usize * d..(word as usize + 1) * d], 1.0, g);
            }
        }
    }
}
