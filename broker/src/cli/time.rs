//! Times on the command line and for people.

use jiff::Timestamp;

/// RFC 3339 (`2026-01-31T08:00:00Z`, or with another offset), or ms since 1970.
pub(super) fn parse_time(text: &str) -> Result<i64, String> {
    if let Ok(ms) = text.parse::<i64>() {
        return match ms {
            0.. => Ok(ms),
            _ => Err("it lies before 1970".to_owned()),
        };
    }
    let time: Timestamp = text
        .parse()
        .map_err(|_| "it must be a time as 2026-01-31T08:00:00Z, or ms since 1970".to_owned())?;
    match time.as_millisecond() {
        ms @ 0.. => Ok(ms),
        _ => Err("it lies before 1970".to_owned()),
    }
}

/// For people: RFC 3339 in UTC with milliseconds; the number itself where it is no time.
pub(super) fn show_time(ms: i64) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(time) if ms >= 0 => format!("{time:.3}"),
        _ => ms.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{parse_time, show_time};

    #[test]
    fn times_are_read_and_written() {
        assert_eq!(parse_time("1700000000123"), Ok(1_700_000_000_123));
        assert_eq!(parse_time("2023-11-14T22:13:20.123Z"), Ok(1_700_000_000_123));
        assert_eq!(parse_time("2023-11-14T23:13:20+01:00"), Ok(1_700_000_000_000));
        assert!(parse_time("yesterday").is_err() && parse_time("-5").is_err() && parse_time("2023-11-14").is_err());
        assert!(parse_time("1969-12-31T23:59:59Z").is_err());
        assert_eq!(show_time(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(
            (show_time(-1), show_time(i64::MAX)),
            ("-1".to_owned(), i64::MAX.to_string())
        );
    }
}
