//! The part of the demand that a pool serves, as the numbers that its steady state depends on.

use super::problem::Problem;

/// Requests that are alike, at a rate.
#[derive(Clone, Copy, Debug)]
struct Atom {
    total: f64,
    prompt: f64,
    output: f64,
    rate: f64,
    stream: usize,
}

/// All requests by rising total.
#[derive(Clone, Debug)]
pub(super) struct Demand {
    atoms: Vec<Atom>,
    /// Rate, burstiness and cached share of each stream.
    streams: Vec<(f64, f64, f64)>,
    compressible: f64,
}

/// Where a pool begins and ends. Requests in `(low, low_top]` go to the pool below when they can be compressed, and those
/// in `(high, high_top]` come down from the pool above.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cut {
    pub(super) low: u32,
    pub(super) low_top: u32,
    pub(super) high: u32,
    pub(super) high_top: u32,
}

/// What a pool serves of one stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Share {
    /// Requests per second.
    pub(super) rate: f64,
    /// Prefill iterations with their probability and their mean prompt tokens to read, by rising iterations: prompts within a
    /// quarter of a doubling are one kind.
    pub(super) prefill: Vec<(f64, f64, f64)>,
    /// Iterations, prompt tokens to read, and probability of each kind of request.
    pub(super) work: Vec<(f64, f64, f64)>,
    /// Output tokens (by quarters of a doubling) with their probability.
    pub(super) outputs: Vec<(f64, f64)>,
}

/// What a pool serves.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Load {
    pub(super) rate: f64,
    pub(super) shares: Vec<Share>,
    /// Burstiness of what arrives here.
    pub(super) arrival_cv2: f64,
    /// Mean iterations of a request, prefill and decode.
    pub(super) iterations: f64,
    pub(super) iterations_sq: f64,
    /// Mean prompt tokens to read.
    pub(super) prompt: f64,
    pub(super) prompt_sq: f64,
    pub(super) prompt_cube: f64,
    pub(super) iterations_prompt: f64,
    /// Mean prefill iterations.
    pub(super) chunks: f64,
    /// Mean square of the prompt tokens of a prefill iteration, times the iterations.
    pub(super) chunk_sq: f64,
    /// Mean output tokens.
    pub(super) output: f64,
    /// Mean tokens that an active sequence holds, over its time.
    pub(super) held: f64,
    /// Mean and deviation of the tokens that it holds at its end, over the sequences active at a time.
    pub(super) final_mean: f64,
    pub(super) final_deviation: f64,
    /// Requests per second that were compressed to come here.
    pub(super) compressed: f64,
}

impl Load {
    /// Coefficient of variation of the tokens that active sequences hold at their end, over their time.
    pub(super) fn unlike(&self) -> f64 {
        if self.final_mean > 0.0 { self.final_deviation / self.final_mean } else { 0.0 }
    }
}

impl Demand {
    pub(super) fn new(problem: &Problem) -> Self {
        let mut atoms = Vec::new();
        for (stream, s) in problem.streams.iter().enumerate() {
            atoms.extend(s.lengths.cells().iter().map(|cell| Atom {
                total: cell.total_tokens(),
                prompt: cell.prompt_tokens,
                output: cell.output_tokens.max(1.0),
                rate: s.rate_per_s * cell.weight,
                stream,
            }));
        }
        atoms.sort_by(|a, b| a.total.total_cmp(&b.total));
        let streams = problem.streams.iter().map(|s| (s.rate_per_s, s.arrival_cv2, s.cached)).collect();
        Self { atoms, streams, compressible: problem.space.compressible }
    }

    /// What a pool with this cut and these chunks serves; `None` when that is nothing.
    pub(super) fn load(&self, cut: Cut, chunk: u32) -> Option<Load> {
        let mut sums = Sums::new(self.streams.len(), f64::from(chunk));
        let at = |tokens: u32| self.atoms.partition_point(|a| a.total <= f64::from(tokens));
        let room = |boundary: u32, atom: &Atom| f64::from(boundary) - atom.output >= 1.0;
        for atom in &self.atoms[at(cut.low)..at(cut.high)] {
            let borderline = atom.total <= f64::from(cut.low_top) && room(cut.low, atom);
            let kept = if borderline { 1.0 - self.compressible } else { 1.0 };
            sums.add(atom, atom.prompt, kept, self.streams[atom.stream].2);
        }
        for atom in &self.atoms[at(cut.high)..at(cut.high_top.max(cut.high))] {
            if room(cut.high, atom) {
                let prompt = f64::from(cut.high) - atom.output;
                sums.add(atom, prompt, self.compressible, self.streams[atom.stream].2);
                sums.load.compressed += atom.rate * self.compressible;
            }
        }
        sums.finish(&self.streams)
    }
}

/// The quarter of a doubling that a number of tokens is in: its exponent, and the first two digits behind the point.
fn quarter(tokens: f64) -> u64 {
    tokens.max(1.0).to_bits() >> (f64::MANTISSA_DIGITS - 3)
}

/// Sums over atoms, before they are divided by the rate.
struct Sums {
    load: Load,
    chunk: f64,
    /// Σ rate·iterations·final tokens, and of their square.
    finals: [f64; 2],
}

impl Sums {
    fn new(streams: usize, chunk: f64) -> Self {
        let load = Load { shares: vec![Share::default(); streams], ..Load::default() };
        Self { load, chunk, finals: [0.0; 2] }
    }

    fn add(&mut self, atom: &Atom, prompt: f64, share: f64, cached: f64) {
        let rate = atom.rate * share;
        if rate <= 0.0 {
            return;
        }
        let read = prompt * (1.0 - cached);
        let chunks = (read / self.chunk).ceil().max(1.0);
        let iterations = chunks + atom.output;
        let load = &mut self.load;
        load.rate += rate;
        load.iterations += rate * iterations;
        load.iterations_sq += rate * iterations * iterations;
        load.prompt += rate * read;
        load.prompt_sq += rate * read * read;
        load.prompt_cube += rate * read * read * read;
        load.iterations_prompt += rate * iterations * read;
        load.chunks += rate * chunks;
        load.chunk_sq += rate * read * read / chunks;
        load.output += rate * atom.output;
        load.held += rate * (chunks * prompt / 2.0 + atom.output * (prompt + atom.output / 2.0));
        let end = prompt + atom.output;
        self.finals[0] += rate * iterations * end;
        self.finals[1] += rate * iterations * end * end;
        let part = &mut load.shares[atom.stream];
        part.rate += rate;
        part.work.push((iterations, read, rate));
        let (written, prompts) = (quarter(atom.output), quarter(read));
        match part.outputs.iter_mut().find(|o| quarter(o.0 / o.1) == written) {
            Some(found) => {
                found.0 += rate * atom.output;
                found.1 += rate;
            }
            None => part.outputs.push((rate * atom.output, rate)),
        }
        // Prompts rise with totals, almost: look for this kind from the end.
        let alike = |p: &&mut (f64, f64, f64)| p.0 == chunks && quarter(p.2 / p.1) == prompts;
        match part.prefill.iter_mut().rev().find(alike) {
            Some(found) => {
                found.1 += rate;
                found.2 += rate * read;
            }
            None => part.prefill.push((chunks, rate, rate * read)),
        }
    }

    fn finish(self, streams: &[(f64, f64, f64)]) -> Option<Load> {
        let Self { mut load, finals, .. } = self;
        let rate = load.rate;
        if rate <= 0.0 {
            return None;
        }
        let iterations = load.iterations;
        let mut excess = 0.0;
        for (share, &(whole, cv2, _)) in load.shares.iter_mut().zip(streams) {
            // Thinning a renewal stream by p leaves 1 + p(c² − 1); streams add up by their rates (Whitt 1982).
            excess += share.rate / rate * (share.rate / whole) * (cv2 - 1.0);
            let part = share.rate.max(f64::MIN_POSITIVE);
            for entry in &mut share.prefill {
                entry.2 /= entry.1;
                entry.1 /= part;
            }
            share.prefill.sort_by(|a, b| a.0.total_cmp(&b.0));
            share.work.iter_mut().for_each(|w| w.2 /= part);
            share.outputs.iter_mut().for_each(|o| *o = (o.0 / o.1, o.1 / part));
        }
        load.arrival_cv2 = 1.0 + excess;
        load.held /= iterations;
        load.final_mean = finals[0] / iterations;
        load.final_deviation = (finals[1] / iterations - load.final_mean * load.final_mean).max(0.0).sqrt();
        for sum in [
            &mut load.iterations,
            &mut load.iterations_sq,
            &mut load.prompt,
            &mut load.prompt_sq,
            &mut load.iterations_prompt,
            &mut load.chunks,
            &mut load.chunk_sq,
            &mut load.output,
            &mut load.prompt_cube,
        ] {
            *sum /= rate;
        }
        Some(load)
    }
}
