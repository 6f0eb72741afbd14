//! The reference's event simulation of slots: each slot of a pool is a server that one request holds throughout.
//!
//! Poisson arrivals; a fifth as many requests again warm the pool up; the time to first token is the wait for a slot
//! and the prefill of a request that is alone. Draws come from one generator through both pools, so the second pool
//! depends on the first.

use super::knots::Knots;
use super::mersenne::Mersenne;
use super::profile::Profile;
use super::sizing::split;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// One pool to simulate.
pub(super) struct SlotPool<'a> {
    pub(super) knots: &'a Knots,
    /// Lengths of the first knot start here.
    pub(super) shortest: u32,
    pub(super) context: u32,
    pub(super) profile: &'a Profile,
    pub(super) gpus: u64,
    pub(super) arrivals: f64,
    /// Lengths start one above the knot below, and never fall short of that even when the knots are not ascending.
    pub(super) exclusive: bool,
}

impl SlotPool<'_> {
    /// A request's time in a slot, and its prefill.
    fn draw(&self, random: &mut Mersenne) -> (f64, f64) {
        let u = random.unit();
        let total = match self.knots.0.iter().position(|&(_, share)| u <= share) {
            None => self.knots.0.last().map_or(self.context, |k| k.0),
            Some(at) => {
                let before = if at == 0 { self.shortest } else { self.knots.0[at - 1].0 };
                let knot = self.knots.0[at].0;
                if self.exclusive {
                    random.between(before + 1, knot.max(before + 1))
                } else {
                    random.between(before.max(1), knot)
                }
            }
        };
        let (prompt, output) = split(total);
        (self.profile.service_s(prompt, output, self.context), self.profile.prefill_alone_s(prompt))
    }

    /// The 99th percentile of the time to first token over `requests` requests after the warm-up, milliseconds.
    pub(super) fn ttft_p99_ms(&self, random: &mut Mersenne, requests: usize) -> f64 {
        let warm = requests / 5;
        // More slots than requests are never taken, so the bound on requests is one on slots too.
        let slots = self
            .gpus
            .saturating_mul(self.profile.slots(self.context))
            .clamp(1, (requests + warm).max(1) as u64);
        let mut free = BinaryHeap::from(vec![Reverse(Moment(0.0)); slots as usize]);
        let mut ttfts = Vec::with_capacity(requests);
        let mut now = 0.0;
        for i in 0..requests + warm {
            now += random.exponential(self.arrivals.max(1e-9));
            let (service, prefill) = self.draw(random);
            let Some(mut next) = free.peek_mut() else { break };
            let start = next.0.0.max(now);
            if i >= warm {
                ttfts.push((next.0.0 - now).max(0.0) + prefill);
            }
            *next = Reverse(Moment(start + service));
        }
        ttfts.sort_by(f64::total_cmp);
        let at = ((ttfts.len() as f64 * 0.99) as usize).saturating_sub(1);
        ttfts.get(at).map_or(0.0, |t| t * 1000.0)
    }
}

/// A moment in seconds, in the order of time.
#[derive(Clone, Copy, PartialEq)]
struct Moment(f64);

impl Eq for Moment {}

impl Ord for Moment {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
