//! The lengths around which an iteration's time is made linear.

use super::Stream;
use crate::workload::Cell;

/// Lengths as an instance meets them: what is longer is met for longer. For [`crate::service::Serving`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expected {
    /// The prompt of a prompt token, on average, in tokens.
    pub prompt: u32,
    /// Tokens that a sequence holds on average while an output token is made.
    pub held: u32,
}

impl Expected {
    /// Of all streams together.
    #[must_use]
    pub fn of(streams: &[Stream]) -> Self {
        let mean = |of: fn(&Cell) -> f64, by: fn(&Cell) -> f64| {
            let sum = |f: &dyn Fn(&Cell) -> f64| -> f64 {
                streams.iter().map(|stream| stream.rate_per_s * stream.lengths.mean_of(f)).sum()
            };
            (sum(&|cell| of(cell) * by(cell)) / sum(&by)).round().max(1.0) as u32
        };
        Self {
            prompt: mean(|cell| cell.prompt_tokens, |cell| cell.prompt_tokens),
            held: mean(|cell| cell.prompt_tokens + cell.output_tokens / 2.0, |cell| cell.output_tokens),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{Class, JointLengths, Slo};

    #[test]
    fn long_requests_weigh_by_their_tokens() {
        let class = Class { name: "all".into(), slo: Slo::ttft(500.0) };
        let of = |prompt_tokens, output_tokens, rate| {
            let cell = Cell { prompt_tokens, output_tokens, weight: 1.0 };
            Stream::new(class.clone(), JointLengths::of_cells(vec![cell], 100_000).unwrap(), rate)
        };
        let found = Expected::of(&[of(1_000.0, 100.0, 9.0), of(9_000.0, 300.0, 1.0)]);
        // (9·1000² + 9000²) over (9·1000 + 9000), and (900·1050 + 300·9150) over 1200.
        assert_eq!(found, Expected { prompt: 5_000, held: 3_075 });
    }
}
