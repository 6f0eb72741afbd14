//! The probability that an arrival waits, summed as the reference sums it, so that its last digits are the same too.
//!
//! [`crate::queue::erlang_c`] is a thousand times faster and right to 1e-12; the reference adds the logarithms of its terms one after
//! the other, and what that rounds shows in the fourteenth digit of a wait. Only a wait that is written is summed like this: sizes are
//! searched with the fast one.

/// Servers beyond which the fast sum is good enough: the reference would take minutes.
pub(super) const SERVERS_MAX: u64 = 1 << 22;

/// Erlang's C of whole servers and a load below them, term by term in logarithms.
pub(super) fn erlang_c(servers: u64, load: f64) -> f64 {
    let log_load = load.ln();
    let term = |k: f64| k * log_load - ln_gamma(k + 1.0);
    let sum = (1..servers).fold(term(0.0), |sum, k| log_add(sum, term(k as f64)));
    let c = servers as f64;
    let last = term(c) - (1.0 - load / c).ln();
    (last - log_add(sum, last)).exp()
}

/// The logarithm of a sum of two, given theirs.
fn log_add(a: f64, b: f64) -> f64 {
    let most = if b > a { b } else { a };
    most + ((a - most).exp() + (b - most).exp()).ln()
}

/// Coefficients of Lanczos' sum for 13 terms in 53 bits (Boost.Math, as Python's `math.lgamma` uses them).
const NUMERATOR: [f64; 13] = [
    23_531_376_880.410_76,
    42_919_803_642.649_1,
    35_711_959_237.355_67,
    17_921_034_426.037_21,
    6_039_542_586.352_028,
    1_439_720_407.311_721_6,
    248_874_557.862_054_17,
    31_426_415.585_400_194,
    2_876_370.628_935_372_4,
    186_056.265_395_223_5,
    8_071.672_002_365_816,
    210.824_277_751_579_36,
    2.506_628_274_631_000_2,
];
const DENOMINATOR: [f64; 13] = [
    0.0,
    39_916_800.0,
    120_543_840.0,
    150_917_976.0,
    105_258_076.0,
    45_995_730.0,
    13_339_535.0,
    2_637_558.0,
    357_423.0,
    32_670.0,
    1_925.0,
    66.0,
    1.0,
];
const G: f64 = 6.024_680_040_776_73;

/// ln Γ of 1 or more, as Python computes it.
fn ln_gamma(x: f64) -> f64 {
    if x <= 2.0 && x.fract() == 0.0 {
        return 0.0;
    }
    let pairs = NUMERATOR.iter().zip(&DENOMINATOR);
    let (above, below) = if x < 5.0 {
        pairs.rev().fold((0.0, 0.0), |(n, d), (a, b)| (n * x + a, d * x + b))
    } else {
        pairs.fold((0.0, 0.0), |(n, d), (a, b)| (n / x + a, d / x + b))
    };
    let sum: f64 = above / below;
    sum.ln() - G + (x - 0.5) * ((x + G - 0.5).ln() - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `math.lgamma` of Python 3.11, and the reference's `erlang_c`.
    #[test]
    fn every_digit_is_the_reference_s() {
        let gammas = [
            (1.0, 0.0),
            (2.0, 0.0),
            (3.5, 1.2009736023470738),
            (4.5, 2.453736570842443),
            (5.0, 3.178053830347945),
            (12.0, 17.502307845873887),
            (171.0, 706.5730622457874),
            (3061.0, 21505.01284739986),
            (250000.0, 2857298.753541864),
        ];
        for (x, theirs) in gammas {
            assert_eq!(ln_gamma(x), theirs, "{x}");
        }
        let waits = [
            (1, 0.5, 0.5),
            (10, 8.0, 0.4091801507964439),
            (100, 90.0, 0.2169404809063717),
            (1000, 950.0, 0.06825341537714158),
            (3060, 3000.3, 0.19240817333985633),
            (48, 47.9, 0.9826695227907968),
            (20000, 19990.0, 0.9143379765875936),
        ];
        for (servers, load, theirs) in waits {
            assert_eq!(erlang_c(servers, load), theirs, "{servers} {load}");
        }
    }

    #[test]
    fn the_fast_sum_agrees() {
        for (servers, share) in [(1, 0.3), (7, 0.99), (400, 0.9), (20_000, 0.999)] {
            let load = share * servers as f64;
            let (slow, fast) = (erlang_c(servers, load), crate::queue::erlang_c(servers as f64, load));
            assert!((slow - fast).abs() < 1e-9 * fast, "{servers}: {slow} {fast}");
        }
    }
}
