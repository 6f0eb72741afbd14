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
    pub fn header(&self) -> String {
        let mut text = String::with_capacity(160);
        for (phase, ns) in PHASES.iter().zip(self.0).filter(|(_, ns)| *ns > 0) {
            let separator = if text.is_empty() { "" } else { ", " };
            // Whole microseconds print faster than a float and say enough.
            text.push_str(separator);
            text.push_str(phase);
            push_ms(&mut text, ns / 1000);
        }
        text
    }
}

fn push_ms(text: &mut String, us: u64) {
    let digit = |value: u64| b'0' + (value % 10) as u8;
    let ms = us / 1000;
    let digits = [digit(ms), b'.', digit(us / 100), digit(us / 10), digit(us)];
    text.push_str(";dur=");
    // Nearly every phase takes less than 10 ms.
    if ms >= 10 {
        text.push_str(&(ms / 10).to_string());
    }
    text.push_str(std::str::from_utf8(&digits).unwrap_or_default());
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
        assert_eq!(phases.header(), "authenticate;dur=1.500, decide;dur=0.012, record;dur=12345.678");
    }
}
