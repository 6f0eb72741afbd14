//! Erlang's delay and loss formulas in constant time.
//!
//! With P the Poisson probability of c at the load a, 1/B = Q(c+1, a)/P, Q the regularised upper incomplete gamma
//! function. Away from saturation Q = 1 − P·S with S a series of falling products. Near it, where S would need a
//! number of terms that grows with √c, Temme's uniform expansion of Q takes its place (Temme 1979; DLMF 8.12).

use super::special::{falling_products, less_log, ln_poisson, stirling_rest};
use std::f64::consts::PI;

/// Fewest servers for which the expansion is used.
const EXPANSION_SERVERS: f64 = 1000.0;
/// Largest −η at which it is used.
const EXPANSION_ETA: f64 = 0.3;
/// Bound on the terms of S: below the expansion's range √(72·1000) = 268 reach 1e-16.
const TERMS_MAX: u32 = 400;

/// d(k, n) of DLMF 8.12.11: powers of η in the coefficients of c⁻ᵏ.
const TEMME: [[f64; 14]; 4] = [
    [
        -1.0 / 3.0,
        1.0 / 12.0,
        -0.014_814_814_814_814_815,
        0.001_157_407_407_407_407_3,
        0.000_352_733_686_067_019_4,
        -0.000_178_755_144_032_921_8,
        3.919_263_178_522_438e-5,
        -2.185_448_510_679_992e-6,
        -1.854_062_210_715_16e-6,
        8.296_711_340_953_087e-7,
        -1.766_595_273_682_607_8e-7,
        6.707_853_543_401_498e-9,
        1.026_180_978_424_030_9e-8,
        -4.382_036_018_453_353e-9,
    ],
    [
        -0.001_851_851_851_851_852,
        -0.003_472_222_222_222_222,
        0.002_645_502_645_502_645_4,
        -0.000_990_226_337_448_559_6,
        0.000_205_761_316_872_427_98,
        -4.018_775_720_164_609e-7,
        -1.809_855_033_448_997_7e-5,
        7.649_160_916_081_11e-6,
        -1.612_090_089_456_344_6e-6,
        4.647_127_802_807_434e-9,
        1.378_633_446_915_721e-7,
        -5.752_545_603_517_705e-8,
        1.195_162_859_977_814_8e-8,
        0.0,
    ],
    [
        0.004_133_597_883_597_883,
        -0.002_681_327_160_493_827_3,
        0.000_771_604_938_271_604_9,
        2.009_387_860_082_304_7e-6,
        -0.000_107_366_532_263_651_6,
        5.292_344_882_912_012_5e-5,
        -1.276_063_518_861_872_8e-5,
        3.423_578_734_096_138e-8,
        1.372_195_730_906_293_4e-6,
        -6.298_992_138_380_055e-7,
        0.0,
        0.0,
        0.0,
        0.0,
    ],
    [
        0.000_649_434_156_378_600_8,
        0.000_229_472_093_621_399_17,
        -0.000_469_189_494_395_255_7,
        0.000_267_720_632_062_838_85,
        -7.561_801_671_883_977e-5,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
    ],
];

/// Probability that an arrival finds all of `servers` (real, > 0) taken and is lost, at a load > 0 (Erlang B).
///
/// Relative error below 1e-12 for loads below the servers. NaN for negative arguments.
#[must_use]
pub fn erlang_b(servers: f64, load: f64) -> f64 {
    if load <= 0.0 || servers <= 0.0 {
        return if load == 0.0 && servers > 0.0 { 0.0 } else { f64::NAN };
    }
    if load > servers {
        return over(servers, load);
    }
    1.0 / inverse_b(servers, load)
}

/// Probability that an arrival waits for one of `servers` (real, > 0) at a load ≥ 0 (Erlang C).
///
/// 1 at and above saturation, where no steady state exists. Relative error below 1e-12 up to 1e6 servers.
#[must_use]
pub fn erlang_c(servers: f64, load: f64) -> f64 {
    if load >= servers {
        return 1.0;
    }
    if load <= 0.0 {
        return 0.0;
    }
    let idle = (servers - load) / servers;
    1.0 / (load / servers + idle * inverse_b(servers, load))
}

/// 1/B at a load of at most the servers.
fn inverse_b(c: f64, a: f64) -> f64 {
    let exponent = less_log((a - c) / c);
    let eta = -(2.0 * exponent).sqrt();
    if c < EXPANSION_SERVERS || -eta > EXPANSION_ETA {
        let s = falling_products(|j| a / (c + j), TERMS_MAX);
        return (-ln_poisson(c, a)).exp() - s;
    }
    let y = (c * exponent).sqrt();
    let root = (2.0 * PI * c).sqrt();
    let polynomial = |k: usize| TEMME[k].iter().rev().fold(0.0, |sum, d| sum * eta + d);
    let series = (0..4).rev().fold(0.0, |sum, k| sum / c + polynomial(k));
    // Q(c, a) over the Poisson probability of c, and 1 for the step from c to c + 1.
    1.0 + stirling_rest(c).exp() * (root * (y * y).exp() * (1.0 - 0.5 * libm::erfc(y)) + series)
}

/// B above saturation: the backward recursion 1/B(c) = 1 + (c/a)/B(c−1), whose products fall from the start.
fn over(c: f64, a: f64) -> f64 {
    let (mut term, mut sum, mut k) = (1.0, 1.0, c);
    while k >= 1.0 && term > 1e-17 * sum {
        term *= k / a;
        sum += term;
        k -= 1.0;
    }
    if k > 0.0 && term > 1e-17 * sum {
        // A fraction of a server is left: close with its own formula.
        sum += term * (fraction_inverse_b(k, a) - 1.0);
    }
    1.0 / sum
}

/// 1/B of less than one server: a·∫e^(−at)(1+t)^k dt, as 1 + k·E-type series by parts on a long continued fraction.
fn fraction_inverse_b(k: f64, a: f64) -> f64 {
    // Γ(k+1, a) = a^k e^(−a)·(1/B); Legendre's continued fraction for Γ(s, a), s = k + 1.
    let s = k + 1.0;
    let mut fraction = 0.0;
    for n in (1..=200u32).rev() {
        let n = f64::from(n);
        fraction = n * (n - s) / (a + 2.0 * n + 1.0 - s - fraction);
    }
    a / (a + 1.0 - s - fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, expected: f64, tolerance: f64) {
        assert!((got / expected - 1.0).abs() < tolerance, "{got:e} is not {expected:e}");
    }

    /// Computed with 60 digits by mpmath 1.4 from the incomplete gamma function.
    #[test]
    fn delays_match_sixty_digits() {
        for (servers, load, expected) in [
            (1.0, 0.5, 0.5),
            (1.0, 0.999, 0.999),
            (2.0, 0.01, 4.975124378109453e-05),
            (10.0, 8.0, 0.40918015079644354),
            (10.0, 9.99, 0.9963431823647698),
            (37.0, 30.5, 0.1846088626818926),
            (100.0, 90.0, 0.2169404809063664),
            (100.0, 99.9, 0.9878390835596508),
            (100.0, 50.0, 3.2606387042757093e-10),
            (640.0, 600.0, 0.06749919890743658),
            (999.0, 998.0, 0.9612202869311656),
            (1000.0, 700.0, 1.0236163287089609e-26),
            (1000.0, 950.0, 0.06825341537714143),
            (1000.0, 999.0, 0.9612392604084191),
            (2304.0, 1958.4, 1.6479333881118254e-14),
            (1000.0, 400.25, 1.3254389559650734e-139),
            (5000.0, 4500.0, 1.2918318078526586e-13),
            (10000.0, 9950.0, 0.5047504746810202),
            (100000.0, 99900.0, 0.6579935117953026),
            (100000.0, 98500.0, 9.763174336445937e-07),
            (1000000.0, 999500.0, 0.5045600230353484),
            (1000000.0, 998000.0, 0.026810144766080866),
            (1000000.0, 990000.0, 5.499543126526709e-24),
            (1000000.0, 999999.5, 0.999373652025071),
            (2.5, 1.75, 0.5311160946425634),
            (0.4, 0.3, 0.8519675936555494),
            (1536.5, 1500.125, 0.25219503345263566),
        ] {
            close(erlang_c(servers, load), expected, 1e-12);
        }
    }

    /// The recursion B(c) = aB(c−1)/(c + aB(c−1)), which is stable, over every size on the way.
    #[test]
    fn agrees_with_the_recursion() {
        for rho in [0.3, 0.7, 0.9, 0.99, 0.999] {
            let mut worst = 0.0f64;
            for top in [7u32, 60, 500, 999, 1000, 1001, 3000, 40_000] {
                let load = rho * f64::from(top);
                let b = (1..=top).map(f64::from).fold(1.0, |b, k| load * b / (k + load * b));
                let c = b / (1.0 - rho * (1.0 - b));
                if c > 1e-290 {
                    worst = worst.max((erlang_c(f64::from(top), load) / c - 1.0).abs());
                    close(erlang_b(f64::from(top), load), b, 2e-12);
                }
            }
            assert!(worst < 2e-12, "{worst:e} at {rho}");
        }
    }

    #[test]
    fn saturation_and_emptiness_are_their_limits() {
        assert_eq!([erlang_c(5.0, 5.0), erlang_c(5.0, 9.0), erlang_c(5.0, 0.0)], [1.0, 1.0, 0.0]);
        close(erlang_c(1.0, 0.7), 0.7, 1e-13);
        assert_eq!(erlang_c(1e6, 1e3), 0.0, "below the smallest number");
    }

    #[test]
    fn loss_above_saturation_follows_the_recursion() {
        for load in [12.0, 30.0, 400.0] {
            let b = (1..=10u32).map(f64::from).fold(1.0, |b, k| load * b / (k + load * b));
            close(erlang_b(10.0, load), b, 1e-13);
        }
        // Half a server: between the recursion's neighbours, and continuous at saturation.
        assert!(erlang_b(10.0, 30.0) < erlang_b(9.5, 30.0) && erlang_b(9.5, 30.0) < erlang_b(9.0, 30.0));
        close(erlang_b(9.5, 9.5 + 1e-9), erlang_b(9.5, 9.5), 1e-8);
    }

    #[test]
    fn real_numbers_of_servers_lie_between_whole_ones() {
        let mut last = erlang_c(20.0, 19.0);
        for tenth in 1..=50u32 {
            let next = erlang_c(20.0 + f64::from(tenth) / 10.0, 19.0);
            assert!(next < last);
            last = next;
        }
    }
}
