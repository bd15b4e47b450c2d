//! Reads numbers as people and exports write them, exactly: digits stay digits, no binary float is ever made.
//!
//! The canonical form is `-?` digits, and if there is a fraction a point and one to nine digits: no grouping, no leading zeros, the
//! fraction's zeros as given. One more rule keeps a second reading from changing the first: unless the point is the declared
//! separator, `1.234` could be a grouped 1234, so a fraction of three digits after one to three others gets a fourth, `1.2340`.

/// Digits before the point that `Decimal(38, 9)` holds.
const WHOLE_DIGITS: usize = 29;
/// Digits after the point.
const FRACTION_DIGITS: usize = 9;

/// Why a text is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// The one separator may group thousands or begin the fraction.
    Ambiguous,
    /// The text has not the shape of a number.
    Malformed,
    /// There are more digits than a decimal holds.
    TooLarge,
}

/// A number read exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    /// Without leading zeros, at least one digit.
    whole: String,
    /// At most nine digits.
    fraction: String,
    /// The separators are not those that were declared.
    pub(super) unexpected_separator: bool,
    /// Digits beyond the ninth were rounded away, half to even.
    pub(super) rounded: bool,
}

/// Whether a text is in the canonical form, given the declared separator.
pub(super) fn is_canonical(text: &str, separator: Option<char>) -> bool {
    let bytes = text.as_bytes();
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    let whole = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if whole == 0 || whole > WHOLE_DIGITS || digits[0] == b'0' && whole > 1 {
        return false;
    }
    let fraction = match &digits[whole..] {
        [] => &[][..],
        [b'.', rest @ ..] if (1..=FRACTION_DIGITS).contains(&rest.len()) && rest.iter().all(u8::is_ascii_digit) => rest,
        _ => return false,
    };
    let is_zero = || digits[..whole] == *b"0" && fraction.iter().all(|&byte| byte == b'0');
    !(negative && is_zero() || could_be_grouped(&digits[..whole], fraction.len(), separator))
}

fn could_be_grouped(whole: &[u8], fraction: usize, separator: Option<char>) -> bool {
    separator != Some('.') && fraction == 3 && whole.len() <= 3 && whole != b"0"
}

/// Reads a trimmed ASCII text with an optional sign, groups, a fraction and an exponent.
pub(super) fn read(text: &str, separator: Option<char>) -> Result<Decimal, Problem> {
    let (negative, text) = match text.as_bytes() {
        [b'-', ..] => (true, text[1..].trim_start()),
        [b'+', ..] => (false, text[1..].trim_start()),
        [.., b'-'] => (true, text[..text.len() - 1].trim_end()),
        _ => (false, text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(read_exponent(exponent)?)),
        None => (text, None),
    };
    let declared = separator.filter(|sign| matches!(sign, '.' | ','));
    let parts = split(mantissa, declared, exponent.is_some())?;
    let mut whole = without_groups(parts.whole)?;
    if parts.fraction.is_empty() && whole.is_empty() || !parts.fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::Malformed);
    }
    let mut fraction = parts.fraction.to_owned();
    shift(&mut whole, &mut fraction, exponent.unwrap_or(0));
    let mut decimal = Decimal { negative, whole, fraction, unexpected_separator: parts.unexpected, rounded: false };
    decimal.settle()?;
    Ok(decimal)
}

struct Parts<'t> {
    whole: &'t str,
    fraction: &'t str,
    unexpected: bool,
}

fn split(mantissa: &str, declared: Option<char>, scientific: bool) -> Result<Parts<'_>, Problem> {
    let dots = mantissa.matches('.').count();
    let commas = mantissa.matches(',').count();
    let at = |sign: char| {
        let (whole, fraction) = mantissa.rsplit_once(sign).unwrap_or((mantissa, ""));
        Parts { whole, fraction, unexpected: declared.is_some_and(|declared| declared != sign) }
    };
    let grouped = |sign: char| Parts { whole: mantissa, fraction: "", unexpected: declared == Some(sign) };
    match (dots, commas) {
        (0, 0) => Ok(Parts { whole: mantissa, fraction: "", unexpected: false }),
        (0, 1) | (1, 0) => {
            let sign = if dots == 1 { '.' } else { ',' };
            let parts = at(sign);
            let could_group = !scientific
                && parts.fraction.len() == 3
                && (1..=3).contains(&parts.whole.len())
                && !parts.whole.starts_with('0')
                && parts.whole.bytes().all(|byte| byte.is_ascii_digit());
            match declared {
                // A point that cannot group is the canonical form itself, whatever was declared.
                _ if !could_group => Ok(Parts { unexpected: parts.unexpected && sign != '.', ..parts }),
                None => Err(Problem::Ambiguous),
                Some(declared) if declared == sign => Ok(parts),
                Some(_) => Ok(grouped(sign)),
            }
        }
        (_, 0) => Ok(grouped('.')),
        (0, _) => Ok(grouped(',')),
        _ => {
            let sign = if mantissa.rfind('.') > mantissa.rfind(',') { '.' } else { ',' };
            if mantissa.matches(sign).count() > 1 { Err(Problem::Malformed) } else { Ok(at(sign)) }
        }
    }
}

/// The digits of a whole part whose groups are right: all of three, or in the Indian way two before the last three.
fn without_groups(whole: &str) -> Result<String, Problem> {
    let Some(sign) = whole.chars().find(|c| !c.is_ascii_digit()) else {
        return Ok(whole.to_owned());
    };
    if !matches!(sign, '.' | ',' | ' ' | '\'' | '_') {
        return Err(Problem::Malformed);
    }
    let groups: Vec<&str> = whole.split(sign).collect();
    let (first, rest) = groups.split_first().ok_or(Problem::Malformed)?;
    let (last, middle) = rest.split_last().ok_or(Problem::Malformed)?;
    let western = (1..=3).contains(&first.len()) && middle.iter().all(|group| group.len() == 3);
    let indian = sign == ',' && (1..=2).contains(&first.len()) && middle.iter().all(|group| group.len() == 2);
    let digits: String = groups.concat();
    if last.len() == 3 && (western || indian) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(digits)
    } else {
        Err(Problem::Malformed)
    }
}

fn read_exponent(text: &str) -> Result<i32, Problem> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || digits.len() > 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::Malformed);
    }
    let size: i32 = digits.parse().map_err(|_| Problem::Malformed)?;
    Ok(if text.starts_with('-') { -size } else { size })
}

/// Moves the point to the right (or to the left when negative).
fn shift(whole: &mut String, fraction: &mut String, places: i32) {
    let places_right = usize::try_from(places).unwrap_or(0);
    let places_left = usize::try_from(-places).unwrap_or(0);
    if places_right > 0 {
        while fraction.len() < places_right {
            fraction.push('0');
        }
        whole.push_str(&fraction[..places_right]);
        fraction.drain(..places_right);
    } else if places_left > 0 {
        let missing = places_left.saturating_sub(whole.len());
        let cut = whole.len() + missing - places_left;
        let digits = format!("{}{whole}", "0".repeat(missing));
        *fraction = format!("{}{fraction}", &digits[cut..]);
        *whole = digits[..cut].to_owned();
    }
}

impl Decimal {
    /// Brings the digits within the limits.
    fn settle(&mut self) -> Result<(), Problem> {
        let significant = self.whole.trim_start_matches('0');
        self.whole = if significant.is_empty() { "0".to_owned() } else { significant.to_owned() };
        if self.fraction.len() > FRACTION_DIGITS {
            let kept = self.fraction.trim_end_matches('0').len().max(FRACTION_DIGITS);
            self.fraction.truncate(kept);
        }
        if self.whole.len() > WHOLE_DIGITS {
            return Err(Problem::TooLarge);
        }
        if self.fraction.len() > FRACTION_DIGITS {
            self.round()?;
        }
        if self.is_zero() {
            self.negative = false;
        }
        Ok(())
    }

    fn round(&mut self) -> Result<(), Problem> {
        let rest = self.fraction.split_off(FRACTION_DIGITS);
        let units: i128 = format!("{}{}", self.whole, self.fraction).parse().map_err(|_| Problem::TooLarge)?;
        let half = format!("5{}", "0".repeat(rest.len() - 1));
        let up = rest > half || rest == half && units % 2 == 1;
        let digits = format!("{:010}", units + i128::from(up));
        let (whole, fraction) = digits.split_at(digits.len() - FRACTION_DIGITS);
        if whole.len() > WHOLE_DIGITS {
            return Err(Problem::TooLarge);
        }
        (self.whole, self.fraction) = (whole.to_owned(), fraction.to_owned());
        self.rounded = true;
        Ok(())
    }

    /// Whether every digit is zero.
    pub(super) fn is_zero(&self) -> bool {
        self.whole == "0" && self.is_whole()
    }

    /// Whether nothing but zeros follows the point.
    pub(super) fn is_whole(&self) -> bool {
        self.fraction.bytes().all(|byte| byte == b'0')
    }

    /// Whether it is below zero.
    pub(super) fn is_negative(&self) -> bool {
        self.negative
    }

    /// The opposite number.
    pub(super) fn negated(mut self) -> Self {
        self.negative = !self.negative && !self.is_zero();
        self
    }

    /// A hundredth of it.
    pub(super) fn hundredth(mut self) -> Result<Self, Problem> {
        shift(&mut self.whole, &mut self.fraction, -2);
        self.settle()?;
        Ok(self)
    }

    /// Digits after the point up to the last that is not zero.
    pub(super) fn decimals(&self) -> usize {
        self.fraction.trim_end_matches('0').len()
    }

    /// The whole number without a fraction, when it is one and fits.
    pub(super) fn to_i64(&self) -> Option<i64> {
        let size: i128 = self.is_whole().then(|| self.whole.parse().ok())??;
        i64::try_from(if self.negative { -size } else { size }).ok()
    }

    /// The canonical text under the declared separator.
    pub(super) fn text(&self, separator: Option<char>) -> String {
        let sign = if self.negative { "-" } else { "" };
        if self.fraction.is_empty() {
            return format!("{sign}{}", self.whole);
        }
        let guard = if could_be_grouped(self.whole.as_bytes(), self.fraction.len(), separator) { "0" } else { "" };
        format!("{sign}{}.{}{guard}", self.whole, self.fraction)
    }
}

/// The units of 10⁻⁹ in a canonical decimal: what an Arrow `Decimal128(38, 9)` holds. `None` for any other text.
pub fn decimal_units(clean: &str) -> Option<i128> {
    let (negative, digits) = clean.strip_prefix('-').map_or((false, clean), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty()
        || whole.len() > WHOLE_DIGITS
        || fraction.len() > FRACTION_DIGITS
        || fraction.is_empty() && digits.len() != whole.len()
    {
        return None;
    }
    let mut units = 0_i128;
    for byte in whole.bytes().chain(fraction.bytes()) {
        units = units * 10 + i128::from(byte.checked_sub(b'0').filter(|&digit| digit <= 9)?);
    }
    for _ in fraction.len()..FRACTION_DIGITS {
        units *= 10;
    }
    Some(if negative { -units } else { units })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn units_are_exact() {
        assert_eq!(decimal_units("1200.5"), Some(1_200_500_000_000));
        assert_eq!(decimal_units("-0.000000001"), Some(-1));
        assert_eq!(decimal_units("99999999999999999999999999999.999999999"), Some(10_i128.pow(38) - 1));
        for text in ["", ".5", "5.", "1e3", "1,5", "--1", "0.0000000001", "1".repeat(30).as_str(), "+1", "٣"] {
            assert_eq!(decimal_units(text), None, "{text}");
        }
    }

    #[test]
    fn exponents_move_the_point() {
        for (text, expected) in
            [("1.5e3", "1500"), ("1e-9", "0.000000001"), ("12.5E+1", "125"), ("1234e-3", "1.2340"), ("0e9", "0"), ("1E-10", "0.000000000")]
        {
            assert_eq!(read(text, None).unwrap().text(None), expected, "{text}");
        }
        assert_eq!(read("1e40", None), Err(Problem::TooLarge));
    }

    #[test]
    fn rounding_is_half_to_even_and_said() {
        for (text, expected) in [("0.0000000005", "0.000000000"), ("0.0000000015", "0.000000002"), ("9.9999999999", "10.000000000")] {
            let decimal = read(text, None).unwrap();
            assert!(decimal.rounded);
            assert_eq!(decimal.text(None), expected, "{text}");
        }
        assert_eq!(read(&format!("{}.9999999999", "9".repeat(29)), None), Err(Problem::TooLarge));
    }
}
