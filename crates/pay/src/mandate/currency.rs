//! Currencies and how many decimal places their minor unit has (ISO 4217, list one, 2024).

/// Places of currencies that do not have two.
const OTHERS: [(&str, u8); 28] = [
    ("BHD", 3),
    ("BIF", 0),
    ("CLF", 4),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("UYW", 4),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
    ("USDC", 6),
    ("USDT", 6),
];

/// Codes with two places.
const CENTS: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD \
CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF \
IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN \
NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL \
THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD YER ZAR ZMW ZWG";

/// Decimal places of the currency's minor unit; `None` for a code that is not known.
#[must_use]
pub fn exponent(code: &str) -> Option<u8> {
    if let Some((_, places)) = OTHERS.iter().find(|(known, _)| *known == code) {
        return Some(*places);
    }
    CENTS.split(' ').any(|known| known == code).then_some(2)
}

/// A decimal number of whole units, such as `100.0` or `1e2`, as minor units; `None` when that is not a whole number of them
/// or does not fit.
#[must_use]
pub fn minor_units(decimal: &str, places: u8) -> Option<i128> {
    let (number, power) = decimal.split_once(['e', 'E']).unwrap_or((decimal, "0"));
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let power: i32 = power.parse().ok().filter(|power: &i32| power.unsigned_abs() <= 40)?;
    // The digits without the point, and by how many places they must move to be minor units.
    let digits = format!("{whole}{part}");
    let places_left = i32::from(places).checked_add(power)?.checked_sub(i32::try_from(part.len()).ok()?)?;
    let moved = match u32::try_from(places_left) {
        Ok(more) => digits.parse::<i128>().ok()?.checked_mul(10i128.checked_pow(more)?)?,
        Err(_) => {
            // Places beyond the minor unit must be zeros.
            let cut = digits.len().checked_sub(usize::try_from(places_left.unsigned_abs()).ok()?)?;
            let (kept, zeros) = digits.split_at_checked(cut)?;
            if !zeros.bytes().all(|digit| digit == b'0') {
                return None;
            }
            match kept {
                "" | "-" => 0,
                kept => kept.parse().ok()?,
            }
        }
    };
    Some(moved)
}
