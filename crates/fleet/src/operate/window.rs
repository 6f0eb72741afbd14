//! The last stretch of time, as lengths and a rate.

use crate::{
    Error,
    workload::{JointLengths, LengthCounter, NS_PER_S, Request},
};
use std::collections::VecDeque;

/// Into how many slots a window is cut: it forgets in steps of a slot.
pub const SLOTS: u64 = 60;

/// Requests of the last `span`, in slots that fall out as time goes on.
#[derive(Clone, Debug)]
pub struct Window {
    slot_ns: u64,
    slots: VecDeque<Slot>,
    /// The slot of the latest time seen, which never goes back.
    newest: u64,
    opened_ns: Option<u64>,
}

#[derive(Clone, Debug)]
struct Slot {
    number: u64,
    lengths: LengthCounter,
}

impl Window {
    /// A window of this many seconds.
    ///
    /// # Errors
    /// [`Error::Setting`] where it is not above 0.
    pub fn new(span_s: f64) -> Result<Self, Error> {
        crate::error::positive("window.span_s", span_s)?;
        let slot_ns = ((span_s * NS_PER_S) as u64 / SLOTS).max(1);
        Ok(Self { slot_ns, slots: VecDeque::new(), newest: 0, opened_ns: None })
    }

    /// One more request. What is older than the window is not counted; what is later than all before moves it on.
    pub fn observe(&mut self, request: &Request) {
        self.opened_ns.get_or_insert(request.arrival_ns);
        let number = request.arrival_ns / self.slot_ns;
        if number.saturating_add(SLOTS) <= self.newest {
            return;
        }
        let at = self.slots.partition_point(|slot| slot.number < number);
        if self.slots.get(at).is_none_or(|slot| slot.number != number) {
            self.slots.insert(at, Slot { number, lengths: LengthCounter::default() });
        }
        if let Some(slot) = self.slots.get_mut(at) {
            slot.lengths.add(request);
        }
        self.forget(number);
    }

    /// Moves on to `now_ns`: what is older than the window falls out.
    pub fn advance(&mut self, now_ns: u64) {
        self.forget(now_ns / self.slot_ns);
    }

    fn forget(&mut self, number: u64) {
        self.newest = self.newest.max(number);
        while self.slots.front().is_some_and(|slot| slot.number.saturating_add(SLOTS) <= self.newest) {
            self.slots.pop_front();
        }
    }

    /// How many requests are in it.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.slots.iter().map(|slot| slot.lengths.requests()).sum()
    }

    /// Arrivals per second up to `now_ns`, over the window or since the first request where that is shorter.
    #[must_use]
    pub fn rate_per_s(&self, now_ns: u64) -> f64 {
        let open_ns = now_ns.saturating_sub(self.opened_ns.unwrap_or(now_ns)).min(self.slot_ns * SLOTS);
        let floor_ns = self.slot_ns.min(NS_PER_S as u64);
        self.requests() as f64 * NS_PER_S / open_ns.max(floor_ns) as f64
    }

    /// The lengths in it.
    ///
    /// # Errors
    /// [`Error::Empty`] where there is no request.
    pub fn lengths(&self) -> Result<JointLengths, Error> {
        let mut all = LengthCounter::default();
        self.slots.iter().for_each(|slot| all.merge(&slot.lengths));
        all.lengths()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(at_s: f64, prompt_tokens: u32) -> Request {
        Request {
            arrival_ns: (at_s * NS_PER_S) as u64,
            prompt_tokens,
            output_tokens: 10,
            ..Request::default()
        }
    }

    #[test]
    fn the_old_falls_out_and_the_rate_follows() {
        let mut window = Window::new(60.0).unwrap();
        for second in 0..120 {
            window.observe(&request(f64::from(second), if second < 60 { 100 } else { 1000 }));
        }
        assert_eq!(window.requests(), 60);
        assert_eq!(window.lengths().unwrap().mean_prompt(), 1000.0);
        assert!((window.rate_per_s(120_000_000_000) - 1.0).abs() < 0.02);
        window.observe(&request(1.0, 7));
        assert_eq!(window.requests(), 60, "too old to count");
        window.advance(1_000_000_000_000);
        assert!(window.requests() == 0 && window.lengths().is_err());
        window.observe(&request(110.0, 7));
        assert_eq!(window.requests(), 0, "too old to count, though nothing newer is held");
        window.observe(&request(990.0, 7));
        window.advance(900_000_000_000);
        window.observe(&request(930.0, 7));
        assert_eq!(window.requests(), 1, "time does not go back");
    }

    #[test]
    fn slots_are_bounded_whatever_arrives() {
        let mut window = Window::new(1.0).unwrap();
        for i in 0..50_000_u32 {
            window.observe(&request(f64::from(i.wrapping_mul(2_654_435_761) % 10_000), 5));
        }
        assert!(window.slots.len() as u64 <= SLOTS);
    }
}
