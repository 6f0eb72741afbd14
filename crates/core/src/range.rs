//! Numbers that settings must lie between: one check and one sentence for all who refuse them.
//!
//! ```
//! use tollgate_core::range::within;
//! let refused = within("retry.attempts", 11.0, 1.0, 10.0, "give 1 to 10").unwrap_err();
//! assert_eq!(refused.to_string(), "retry.attempts: 11 is out of range: give 1 to 10");
//! ```

/// A setting that is out of its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {value} is out of range: {fix}")]
pub struct OutOfRange {
    /// The field, as a path.
    pub field: &'static str,
    /// The value as given.
    pub value: String,
    /// What would be accepted.
    pub fix: &'static str,
}

impl OutOfRange {
    /// `value` is not what `field` accepts.
    #[must_use]
    pub fn new(field: &'static str, value: &impl ToString, fix: &'static str) -> Self {
        Self { field, value: value.to_string(), fix }
    }
}

/// A setting must lie in `low..=high`; NaN never does.
///
/// # Errors
/// [`OutOfRange`] where it does not.
pub fn within(
    field: &'static str,
    value: f64,
    low: f64,
    high: f64,
    fix: &'static str,
) -> Result<(), OutOfRange> {
    if value >= low && value <= high { Ok(()) } else { Err(OutOfRange::new(field, &value, fix)) }
}

/// A setting must be above zero and finite.
///
/// # Errors
/// [`OutOfRange`] where it is not.
pub fn positive(field: &'static str, value: f64) -> Result<(), OutOfRange> {
    if value > 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(OutOfRange::new(field, &value, "give a finite number above 0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_inside_and_no_number_never_is() {
        let fits = |value: f64| within("x", value, -1.0, 2.0, "give -1 to 2").is_ok();
        assert_eq!([-1.0, 2.0, -1.000_1, 2.000_1, f64::NAN].map(fits), [true, true, false, false, false]);
        assert!(within("x", f64::INFINITY, 0.0, f64::INFINITY, "").is_ok());
        let above = |value: f64| positive("x", value).is_ok();
        let given = [f64::MIN_POSITIVE, 1e300, 0.0, -1.0, f64::NAN, f64::INFINITY];
        assert_eq!(given.map(above), [true, true, false, false, false, false]);
    }
}
