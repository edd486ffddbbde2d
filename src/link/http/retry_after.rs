//! `Retry-After` (RFC 9110, section 10.2.3), read generously: whole or decimal seconds, or a date.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

use crate::clock::Wall;

/// How Opsgenie says how long its limit lasts, in seconds.
const PERIOD: &str = "x-ratelimit-period-in-sec";

/// No receiver can hold its deliveries for longer than this by asking.
pub(super) const CAP: Duration = Duration::from_secs(2 * 60 * 60);

/// The wait that an answer asks for.
pub(super) fn requested(headers: &HeaderMap, now: Wall) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let period = HeaderName::from_static(PERIOD);
    let asked = text(RETRY_AFTER).or_else(|| text(period))?;
    parse(asked, text(DATE), now)
}

/// The wait that is asked for, at most [`CAP`]; none where it cannot be read. A date is counted from the answer's own
/// `Date`, because the gateway's clock may be wrong, and from `now` without one.
fn parse(text: &str, date: Option<&str>, now: Wall) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        let valid = seconds.is_finite() && seconds >= 0.0;
        return valid.then(|| Duration::from_secs_f64(seconds.ceil().min(CAP.as_secs_f64())));
    }
    let until = http_date(text)?;
    let from = date.and_then(http_date).unwrap_or(now);
    Some(until.since(from).min(CAP))
}

fn http_date(text: &str) -> Option<Wall> {
    let stamp = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()?;
    Some(Wall::from_millis(stamp.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_decimals_and_dates_are_understood_and_capped() {
        // Sun, 06 Nov 1994 08:49:37 GMT is the example of RFC 9110.
        let now = Wall::from_millis(784_111_777_000 - 90_000);
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let before = "Sun, 06 Nov 1994 08:49:07 GMT";
        for (text, dated, expected) in [
            ("120", None, Some(120)),
            (" 7 ", None, Some(7)),
            ("1.2", None, Some(2)),
            ("0", None, Some(0)),
            ("99999999999999999999", None, Some(7200)),
            (date, None, Some(90)),
            (date, Some(before), Some(30)),
            (date, Some("yesterday"), Some(90)),
            (before, Some(date), Some(0)),
            ("Fri, 06 Nov 2054 08:49:37 GMT", None, Some(7200)),
            ("-5", None, None),
            ("NaN", None, None),
            ("inf", None, None),
            ("soon", None, None),
            ("", None, None),
        ] {
            let wait = parse(text, dated, now);
            assert_eq!(
                wait,
                expected.map(Duration::from_secs),
                "{text:?} {dated:?}"
            );
        }
    }
}
