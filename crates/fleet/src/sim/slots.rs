//! The plainest simulation: every KV slot is a server, a request holds one for its whole service.
//!
//! An arrival takes the slot that is free first: its wait is until then. One heap of the times at which slots get free is all
//! the state there is. It is the queue that the analytic planner has formulas for (M/G/c), here with any arrivals
//! and any service, and with each request's own prefill in its time to first token.
//!
//! ```
//! use tollgate_fleet::sim::slots::{Service, simulate_slots};
//! use tollgate_fleet::workload::Request;
//! let burst = (0..4).map(|_| Request { prompt_tokens: 10, output_tokens: 10, ..Request::default() });
//! let found = simulate_slots(2, burst, 0, |_| Service { prefill_s: 0.1, total_s: 1.0 })?;
//! assert_eq!((found.waits_s.max(), found.ttft_s.max()), (1.0, 1.1)); // two served at once, two a second later
//! # Ok::<(), tollgate_fleet::Error>(())
//! ```

use super::stats::Sketch;
use crate::Error;
use crate::error::within;
use crate::workload::{NS_PER_S, Request};

/// Most slots of one simulation.
pub const MAX_SERVERS: usize = 50_000_000;

/// What a request needs of a slot.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Service {
    /// Until its first token, in seconds.
    pub prefill_s: f64,
    /// Until its last token, in seconds.
    pub total_s: f64,
}

/// What a slot-level simulation found.
#[derive(Clone, PartialEq, Debug)]
pub struct SlotOutcome {
    /// Requests counted.
    pub requests: u64,
    /// Waits for a slot, in seconds.
    pub waits_s: Sketch,
    /// Times to first token, in seconds.
    pub ttft_s: Sketch,
    /// The mean share of slots in use between the first and the last counted arrival.
    pub utilisation: f64,
    /// The share of requests that waited at all.
    pub waited: f64,
}

/// Sends all of `source` through `slots` servers, first come, first served; the first `warm_up` requests are not counted.
///
/// # Errors
/// [`Error::Setting`] where `slots` is not in 1 to [`MAX_SERVERS`].
pub fn simulate_slots(
    slots: usize,
    source: impl Iterator<Item = Request>,
    warm_up: u64,
    service: impl Fn(&Request) -> Service,
) -> Result<SlotOutcome, Error> {
    within("slots", slots as f64, 1.0, MAX_SERVERS as f64, "give 1 to 50,000,000")?;
    let mut free = FreeTimes::new(slots);
    let (mut waits_s, mut ttft_s) = (Sketch::default(), Sketch::default());
    let (mut waited, mut work_s, mut from_s, mut until_s) = (0u64, 0.0, None, 0.0);
    for (count, request) in (0u64..).zip(source) {
        let arrival_s = request.arrival_ns as f64 / NS_PER_S;
        let needs = service(&request);
        let start_s = free.earliest().max(arrival_s);
        free.replace_earliest(start_s + needs.total_s);
        if count >= warm_up {
            let wait_s = start_s - arrival_s;
            waits_s.observe(wait_s);
            ttft_s.observe(wait_s + needs.prefill_s);
            waited += u64::from(wait_s > 0.0);
            work_s += needs.total_s;
            from_s.get_or_insert(arrival_s);
            until_s = arrival_s;
        }
    }
    let span_s = until_s - from_s.unwrap_or(until_s);
    let requests = waits_s.count();
    Ok(SlotOutcome {
        utilisation: if span_s > 0.0 { work_s / (span_s * slots as f64) } else { 0.0 },
        waited: if requests > 0 { waited as f64 / requests as f64 } else { 0.0 },
        requests,
        waits_s,
        ttft_s,
    })
}

/// Children of a node: four of 8 bytes are half a cache line, and the tree is half as deep as a binary one.
const ARITY: usize = 4;

/// A heap of times, earliest on top. Times are not negative, so their bits sort as they do.
struct FreeTimes(Vec<u64>);

impl FreeTimes {
    fn new(slots: usize) -> Self {
        Self(vec![0; slots])
    }

    #[inline]
    fn earliest(&self) -> f64 {
        f64::from_bits(self.0[0])
    }

    #[inline]
    fn replace_earliest(&mut self, time: f64) {
        let time = time.to_bits();
        let heap = &mut self.0[..];
        let mut at = 0;
        loop {
            let first = at * ARITY + 1;
            let mut least = first;
            if let Some(&[a, b, c, d]) = heap.get(first..first + ARITY).and_then(<[u64]>::first_chunk) {
                let left = first + usize::from(b < a);
                let right = first + 2 + usize::from(d < c);
                least = if c.min(d) < a.min(b) { right } else { left };
            } else {
                let end = heap.len().min(first + ARITY);
                if first >= end {
                    break;
                }
                for child in first + 1..end {
                    if heap[child] < heap[least] {
                        least = child;
                    }
                }
            }
            if heap[least] >= time {
                break;
            }
            heap[at] = heap[least];
            at = least;
        }
        heap[at] = time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_heap_keeps_the_earliest_on_top(slots in 1usize..30, stays in prop::collection::vec(0.0f64..9.0, 1..200)) {
            let mut heap = FreeTimes::new(slots);
            let mut plain = vec![0.0f64; slots];
            for stay in stays {
                plain.sort_by(f64::total_cmp);
                prop_assert_eq!(heap.earliest(), plain[0]);
                heap.replace_earliest(plain[0] + stay);
                plain[0] += stay;
            }
        }
    }
}
