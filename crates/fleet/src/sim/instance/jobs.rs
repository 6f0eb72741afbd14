//! The requests that run, of all instances of a fleet, in one list.
//!
//! A place that gets free is the next one taken, so that a new request finds it in the cache, and thousands of instances keep no
//! more memory than what runs.

use super::Job;

/// A request that runs, half a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct Kept {
    arrival_s: f64,
    first_s: f64,
    prompt: u32,
    output: u32,
    held: u32,
    class: u16,
    attempts: u8,
    /// The stage, below [`MEASURED`], and whether it counts.
    stage: u8,
}

const MEASURED: u8 = 0x80;
const _: () = assert!(crate::sim::MAX_POOLS <= MEASURED as usize, "a stage is an index of a pool");

/// Requests that run, by slot.
#[derive(Debug, Default)]
pub struct Jobs {
    kept: Vec<Kept>,
    /// As long as `kept` once any request has one, else empty.
    affinity: Vec<u64>,
    free: Vec<u32>,
}

impl Jobs {
    /// Keeps a request, all but what it found cached, and says where.
    pub(super) fn put(&mut self, job: &Job) -> u32 {
        let kept = Kept {
            arrival_s: job.arrival_s,
            first_s: 0.0,
            prompt: job.prompt,
            output: job.output,
            held: job.held,
            class: job.class,
            attempts: job.attempts,
            stage: job.stage | if job.measured { MEASURED } else { 0 },
        };
        let slot = self.free.pop().unwrap_or(self.kept.len() as u32);
        match self.kept.get_mut(slot as usize) {
            Some(place) => *place = kept,
            None => self.kept.push(kept),
        }
        if job.affinity != 0 || !self.affinity.is_empty() {
            self.affinity.resize(self.kept.len(), 0);
            self.affinity[slot as usize] = job.affinity;
        }
        slot
    }

    /// Its first token came.
    #[inline]
    pub(super) fn first_token(&mut self, slot: u32, now_s: f64) {
        self.kept[slot as usize].first_s = now_s;
    }

    /// Lets a request go, with the time of its first token.
    pub(super) fn take(&mut self, slot: u32) -> (Job, f64) {
        let kept = self.kept[slot as usize];
        self.free.push(slot);
        let job = Job {
            arrival_s: kept.arrival_s,
            prompt: kept.prompt,
            output: kept.output,
            cached: 0,
            held: kept.held,
            class: kept.class,
            attempts: kept.attempts,
            stage: kept.stage & !MEASURED,
            measured: kept.stage & MEASURED != 0,
            affinity: self.affinity.get(slot as usize).copied().unwrap_or(0),
        };
        (job, kept.first_s)
    }

    /// Reads what [`Self::take`] will.
    #[inline]
    pub(crate) fn read(&self, slot: u32) -> u64 {
        self.kept.get(slot as usize).map_or(0, |kept| kept.first_s.to_bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_comes_back_as_it_was_and_its_place_is_taken_next() {
        let mut jobs = Jobs::default();
        let job = Job {
            arrival_s: 1.5,
            prompt: 7,
            output: 9,
            held: 3,
            class: 12,
            attempts: 2,
            stage: 63,
            ..Job::default()
        };
        let near = Job { measured: true, affinity: 77, ..job };
        let slots = [jobs.put(&job), jobs.put(&near), jobs.put(&job)];
        jobs.first_token(slots[1], 2.5);
        assert_eq!((jobs.take(slots[0]), jobs.take(slots[1])), ((job, 0.0), (near, 2.5)));
        assert_eq!(jobs.put(&Job { cached: 5, ..job }), slots[1]);
        assert_eq!((jobs.take(slots[1]), jobs.take(slots[2])), ((job, 0.0), (job, 0.0)));
    }
}
