//! Numbers, times and sizes as people read them.

use std::time::Duration;

use aqueduct_schema::Timestamp;

/// A number with separators between thousands.
pub fn amount(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A size in the largest unit that leaves a whole number before the point: `17 bytes`, `1.4 MB`. A kilobyte has 1,000 bytes.
pub fn bytes(value: u64) -> String {
    if value < 1_000 {
        return format!("{value} bytes");
    }
    let (mut size, mut unit) = (value as f64 / 1_000.0, "kB");
    for larger in ["MB", "GB", "TB"] {
        if size < 999.95 {
            break;
        }
        (size, unit) = (size / 1_000.0, larger);
    }
    format!("{size:.1} {unit}")
}

/// A span in its two largest units: `0.4 s`, `12.3 s`, `4 min 10 s`, `2 h 5 min`, `3 days 2 h`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let two = |one: u64, other: u64, names: [&str; 2]| match other {
        0 => format!("{one} {}", names[0]),
        _ => format!("{one} {} {other} {}", names[0], names[1]),
    };
    match seconds {
        0..60 => format!("{:.1} s", (span.as_secs_f64() * 10.0).floor() / 10.0),
        60..3_600 => two(seconds / 60, seconds % 60, ["min", "s"]),
        3_600..86_400 => two(seconds / 3_600, seconds % 3_600 / 60, ["h", "min"]),
        _ => two(seconds / 86_400, seconds % 86_400 / 3_600, [if seconds < 172_800 { "day" } else { "days" }, "h"]),
    }
}

/// An instant to the second, in UTC: `2026-11-22T12:00:00Z`.
pub fn moment(at: Timestamp) -> String {
    at.to_string().chars().take(19).chain(['Z']).collect()
}

/// A part of a whole in per cent, rounded to whole ones; never more than a hundred.
pub fn share(part_ms: u64, whole: Duration) -> u64 {
    let whole = u64::try_from(whole.as_millis()).unwrap_or(u64::MAX).max(1);
    ((part_ms.min(whole) as f64 / whole as f64) * 100.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_spans() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(amount), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([17, 1_000, 999_949, 999_960, 1_400_000_000].map(bytes), ["17 bytes", "1.0 kB", "999.9 kB", "1.0 MB", "1.4 GB"]);
        let spans = [450, 12_345, 59_999, 60_000, 250_000, 7_500_000, 90_000_000, 266_400_000];
        let words = ["0.4 s", "12.3 s", "59.9 s", "1 min", "4 min 10 s", "2 h 5 min", "1 day 1 h", "3 days 2 h"];
        assert_eq!(spans.map(|milliseconds| span(Duration::from_millis(milliseconds))), words);
        assert_eq!((share(333, Duration::from_secs(1)), share(5_000, Duration::from_secs(1)), share(1, Duration::ZERO)), (33, 100, 100));
    }
}
