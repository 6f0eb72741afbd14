//! The top of a scale.

/// The smallest of 1, 2, 2.5, 5 or 10 times a power of ten that is not below `peak`; 1 for nothing.
pub(super) fn nice_max(peak: f64) -> f64 {
    if !peak.is_finite() || peak <= 0.0 || peak > 1e300 {
        return if peak > 1e300 { f64::MAX } else { 1.0 };
    }
    let unit = 10f64.powf(peak.log10().floor());
    if unit <= 0.0 {
        return 1.0;
    }
    // The logarithm may be off by a rounding; the last resort is the peak itself.
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0, 20.0];
    steps.iter().map(|step| step * unit).find(|top| *top >= peak).unwrap_or(peak)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rounds_up_to_a_round_number() {
        for (peak, top) in [(0.0, 1.0), (1.0, 1.0), (1.2, 2.0), (23.0, 25.0), (480.0, 500.0), (501.0, 1000.0)]
        {
            assert_eq!(nice_max(peak), top);
        }
    }

    proptest! {
        #[test]
        fn is_never_below_the_peak(peak in 1e-300f64..1e308) {
            let top = nice_max(peak);
            prop_assert!(top >= peak && top.is_finite());
        }
    }
}
