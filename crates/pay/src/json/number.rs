//! The one spelling of any number (RFC 8785, section 3.2.2.3: that of ECMAScript), for signed JSON that others made.

/// Significant digits without zeros at either end, and the power of ten that the first of them stands for.
#[derive(PartialEq, Eq, Debug)]
struct Decimal {
    negative: bool,
    digits: String,
    power: i64,
}

impl Decimal {
    /// Reads a JSON number; `None` when its exponent is not within 32 bits.
    fn read(text: &str) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent = i64::from(exponent.strip_prefix('+').unwrap_or(exponent).parse::<i32>().ok()?);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let zeros = all.bytes().take_while(|b| *b == b'0').count();
        let digits = all.trim_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { negative: false, digits, power: 0 });
        }
        let places = i64::try_from(whole.len()).ok()?.checked_sub(1)?;
        let power = places.checked_sub(i64::try_from(zeros).ok()?)?.checked_add(exponent)?;
        Some(Self { negative, digits, power })
    }

    /// ECMAScript's `Number::toString`.
    fn spell(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let digits = self.digits.as_str();
        let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        // Where the point stands, counted from the first digit.
        let point = self.power.saturating_add(1);
        let zeros = |n: i64| "0".repeat(usize::try_from(n).unwrap_or(0));
        let split = |at: i64| digits.split_at(usize::try_from(at).unwrap_or(0).min(digits.len()));
        if digits.is_empty() {
            return "0".into();
        }
        if (count..=21).contains(&point) {
            return format!("{sign}{digits}{}", zeros(point.saturating_sub(count)));
        }
        if (1..=21).contains(&point) {
            let (whole, fraction) = split(point);
            return format!("{sign}{whole}.{fraction}");
        }
        if (-5..=0).contains(&point) {
            return format!("{sign}0.{}{digits}", zeros(point.saturating_neg()));
        }
        let (first, rest) = split(1);
        let dot = if rest.is_empty() { "" } else { "." };
        let plus = if self.power < 0 { "" } else { "+" };
        format!("{sign}{first}{dot}{rest}e{plus}{}", self.power)
    }
}

/// Significant digits that a double keeps whatever they are (its `DIG`), so that no other text of as many has its value.
const DIGITS_MAX: usize = 15;
/// Powers of ten that a double reaches with all its digits.
const POWERS: std::ops::RangeInclusive<i64> = -300..=300;

/// The one spelling of a JSON number; `None` when a double may not keep it exactly as it is written.
///
/// RFC 8785 rounds such numbers; here two texts share a canonical form only when they say the same number, so that nothing
/// can be put in place of what was signed. Numbers of 15 digits, and whole ones up to 2^53, need no rounding and no double.
pub(super) fn canonical(text: &str) -> Option<String> {
    let written = Decimal::read(text)?;
    let short = written.digits.len() <= DIGITS_MAX && POWERS.contains(&written.power);
    let whole = text.parse::<i64>().is_ok_and(|whole| whole.unsigned_abs() <= 1 << 53);
    (short || whole).then(|| written.spell())
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn a_number_has_one_spelling() {
        for (text, wanted) in [
            ("0", "0"),
            ("-0", "0"),
            ("0.0e5", "0"),
            ("1", "1"),
            ("-1.50", "-1.5"),
            ("120.0", "120"),
            ("4.5E1", "45"),
            ("2e-3", "0.002"),
            ("1E30", "1e+30"),
            ("123456789012345000000", "123456789012345000000"),
            ("1e21", "1e+21"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("1.5e-9", "1.5e-9"),
            ("9007199254740992", "9007199254740992"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(wanted), "{text}");
        }
        // What a double would round is refused, as is what it cannot hold.
        for text in
            ["9007199254740993", "333333333.33333329", "1e400", "1e9999999999", "0.1000000000000000055"]
        {
            assert_eq!(canonical(text), None, "{text}");
        }
    }
}
