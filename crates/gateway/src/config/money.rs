//! Decimal text to integer micro-dollars, exactly.

/// Reads a decimal amount such as `0.15` or `12` as millionths; `None` when it is negative, not a plain decimal,
/// has more than six places or does not fit.
pub(super) fn micro(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || part.len() > 6 || !digits(whole) || !digits(part) || text.ends_with('.') {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = format!("{part:0<6}").parse().ok()?;
    whole.checked_mul(1_000_000)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::micro;

    #[test]
    fn reads_exactly_or_refuses() {
        let good = [("0", 0), ("12", 12_000_000), ("0.15", 150_000), ("0.000001", 1), ("3.5", 3_500_000)];
        for (text, expected) in good {
            assert_eq!(micro(text), Some(expected), "{text}");
        }
        for bad in ["", "-1", "1e3", "0.0000001", "1.", ".5", "1,5", "$1", "99999999999999999999", "+1"] {
            assert_eq!(micro(bad), None, "{bad}");
        }
    }
}
