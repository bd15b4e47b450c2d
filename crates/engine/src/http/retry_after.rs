//! How long an answer asks to wait: the `Retry-After` header, as seconds or as a date (RFC 9110, section 10.2.3).

use std::time::Duration;

use aqueduct_connector::Response;
use aqueduct_schema::Timestamp;

/// A wait longer than this is taken for nonsense (an instant in place of a span, for example), and the schedule decides instead.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 3600);

/// The wait an answer asks for. A date is measured from the server's own time, so that a wrong clock on either side does no harm; a
/// date that has passed is no wait. Negative, absurd or unreadable values count as absent.
pub(crate) fn parse(response: &Response, now: Timestamp) -> Option<Duration> {
    parse_header(response, "retry-after", now)
}

/// The same from another header, in lower case: vendors have their own.
pub(crate) fn parse_header(response: &Response, name: &str, now: Timestamp) -> Option<Duration> {
    let text = response.header(name)?.trim();
    let wait = if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        // Some vendors write fractions of a second, which the RFC does not know; they are rounded up.
        Duration::from_secs(text.split('.').next()?.parse::<u64>().ok()?) + Duration::from_secs(u64::from(text.contains('.')))
    } else {
        let server = response.header("date").and_then(http_date).unwrap_or(now);
        http_date(text)?.since(server)
    };
    (wait <= LONGEST).then_some(wait)
}

/// An instant in one of the forms of HTTP dates that are still sent (RFC 5322 as RFC 9110 narrows it).
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    let instant = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp::from_microseconds(instant.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(retry_after: &str) -> Option<u64> {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let response = Response {
            status: 429,
            headers: vec![header("date", "Sun, 06 Nov 1994 08:49:37 GMT"), header("retry-after", retry_after)],
            body: Vec::new().into(),
            server_time: Timestamp::from_seconds(0),
            wire_bytes: 0,
            operation: "test".into(),
        };
        // The machine's clock is years ahead of the server's: dates are measured from the server's.
        parse(&response, Timestamp::from_seconds(1_770_000_000)).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_dates_and_nonsense() {
        assert_eq!(asked("7"), Some(7));
        assert_eq!(asked(" 0 "), Some(0));
        assert_eq!(asked("1.5"), Some(2));
        assert_eq!(asked("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
        assert_eq!(asked("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        for nonsense in ["-5", "", "soon", "1770000000", "99999999999999999999999", "...", "Sun, 06 Nov 2994 08:50:07 GMT"] {
            assert_eq!(asked(nonsense), None, "{nonsense}");
        }
    }
}
