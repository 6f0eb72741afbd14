//! Time by phase: the gateway's own part of each request.

/// The phases of a request, in order.
pub const PHASES: &[&str] = &[
    "authenticate",
    "characterise",
    "signal",
    "decide",
    "shape",
    "select",
    "place",
    "dispatch",
    "validate",
    "settle",
    "record",
];

/// Nanoseconds that one request spent in each phase; waiting for upstreams is not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases([u64; PHASES.len()]);

impl Phases {
    /// Adds time to the phase at `index` of [`PHASES`].
    pub fn add(&mut self, index: usize, ns: u64) {
        if let Some(slot) = self.0.get_mut(index) {
            *slot = slot.saturating_add(ns);
        }
    }

    /// Nanoseconds by phase, in the order of [`PHASES`].
    #[must_use]
    pub const fn ns(&self) -> &[u64] {
        &self.0
    }

    /// Nanoseconds in all phases.
    #[must_use]
    pub fn total_ns(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The value of the `server-timing` style header: `decide;dur=0.012, …` in milliseconds, phases that took no
    /// time left out.
    #[must_use]
    pub fn header(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(HEADER_USUALLY);
        for (lead, ns) in LEADS.iter().zip(self.0).filter(|(_, ns)| *ns > 0) {
            // The first has no comma in front.
            let lead = if text.is_empty() { lead.get(2..).unwrap_or_default() } else { *lead };
            text.extend_from_slice(lead.as_bytes());
            // Whole microseconds print faster than a float and say enough.
            push_ms(&mut text, ns / 1000);
        }
        text
    }
}

/// Bytes that hold most headers.
const HEADER_USUALLY: usize = 240;
/// What stands before the time of each of [`PHASES`].
const LEADS: [&str; PHASES.len()] = [
    ", authenticate;dur=",
    ", characterise;dur=",
    ", signal;dur=",
    ", decide;dur=",
    ", shape;dur=",
    ", select;dur=",
    ", place;dur=",
    ", dispatch;dur=",
    ", validate;dur=",
    ", settle;dur=",
    ", record;dur=",
];

fn push_ms(text: &mut Vec<u8>, us: u64) {
    // Nearly every phase takes less than 10 ms, and the compiler divides small numbers by multiplication.
    let Some(us) = u32::try_from(us).ok().filter(|us| *us < 10_000) else {
        text.extend_from_slice(format!("{}.{:03}", us / 1000, us % 1000).as_bytes());
        return;
    };
    let digit = |value: u32| b'0' + (value % 10) as u8;
    text.extend_from_slice(&[digit(us / 1000), b'.', digit(us / 100), digit(us / 10), digit(us)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_and_prints() {
        let mut phases = Phases::default();
        phases.add(0, 1_500_000);
        phases.add(3, 12_000);
        phases.add(10, 12_345_678_901);
        phases.add(99, 1);
        assert_eq!(phases.total_ns(), 12_347_190_901);
        let header = String::from_utf8(phases.header()).unwrap();
        assert_eq!(header, "authenticate;dur=1.500, decide;dur=0.012, record;dur=12345.678");
        let named = |(phase, lead): (&&str, &&str)| format!(", {phase};dur=") == **lead;
        assert!(PHASES.iter().zip(&LEADS).all(named));
    }
}
