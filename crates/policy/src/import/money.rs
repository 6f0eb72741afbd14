//! Prices as decimal text per million tokens, without floats.

/// `number` times ten to the `shift`, as decimal text with at most six places; `None` when it is no plain number, is
/// negative, or needs more places. Reads `0.04`, `3`, `2.5e-06`.
pub(crate) fn shifted(number: &str, shift: i32) -> Option<String> {
    let lower = number.trim().to_ascii_lowercase();
    let (mantissa, exponent) = match lower.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (lower.as_str(), 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: String = format!("{whole}{fraction}").replace('_', "");
    if digits.is_empty() || digits.len() > 30 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let places = i32::try_from(fraction.len()).ok()? - exponent.checked_add(shift)?;
    if !(-20..=60).contains(&places) {
        return None;
    }
    let mut digits = digits;
    if places <= 0 {
        digits.extend(std::iter::repeat_n('0', places.unsigned_abs() as usize));
        return Some(trimmed(&digits, ""));
    }
    let places = places.unsigned_abs() as usize;
    while digits.len() <= places {
        digits.insert(0, '0');
    }
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let fraction = fraction.trim_end_matches('0');
    (fraction.len() <= 6).then(|| trimmed(whole, fraction))
}

fn trimmed(whole: &str, fraction: &str) -> String {
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::shifted;

    #[test]
    fn prices_move_their_point() {
        for (number, shift, want) in [
            ("0.04", 0, Some("0.04")),
            ("3", 0, Some("3")),
            ("3.0", 0, Some("3")),
            ("2.5e-06", 6, Some("2.5")),
            ("0.000003", 6, Some("3")),
            ("1e-7", 6, Some("0.1")),
            ("0", 6, Some("0")),
            ("1e-13", 6, None),
            ("-1", 0, None),
            ("free", 0, None),
            ("1e999999", 0, None),
        ] {
            assert_eq!(shifted(number, shift).as_deref(), want, "{number}");
        }
    }
}
