//! Quiet hours: what is promotional goes out by day only (TCCCPR), by Indian time.

use jiff::civil::time;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan as _};

use crate::domain::SmsCategory;

/// The first and the last hour, local time.
const FROM_HOUR: i8 = 10;
const UNTIL_HOUR: i8 = 21;

/// Indian Standard Time: UTC+5:30, without summer time.
pub(crate) fn ist() -> TimeZone {
    TimeZone::fixed(Offset::from_seconds(19_800).expect("invariant: five and a half hours are an offset"))
}

/// When an SMS of this category may be sent, if not at `now`.
pub fn wait_until(category: SmsCategory, now: Timestamp) -> Option<Timestamp> {
    let local = now.to_zoned(ist());
    if !category.keeps_quiet_hours() || (FROM_HOUR..UNTIL_HOUR).contains(&local.hour()) {
        return None;
    }
    let day = if local.hour() < FROM_HOUR { local.date() } else { local.date().checked_add(1.day()).ok()? };
    Some(day.to_datetime(time(FROM_HOUR, 0, 0, 0)).to_zoned(ist()).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promotion_waits_for_the_morning_and_service_does_not() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (now, until) in [
            ("2026-11-25T09:59:59.999+05:30", Some("2026-11-25T10:00:00+05:30")),
            ("2026-11-25T10:00:00+05:30", None),
            ("2026-11-25T20:59:59+05:30", None),
            ("2026-11-25T21:00:00+05:30", Some("2026-11-26T10:00:00+05:30")),
            ("2026-12-31T23:30:00+05:30", Some("2027-01-01T10:00:00+05:30")),
            // The day in UTC is another one.
            ("2026-11-25T20:00:00Z", Some("2026-11-26T10:00:00+05:30")),
        ] {
            assert_eq!(wait_until(SmsCategory::Promotional, at(now)), until.map(at), "{now}");
            assert_eq!(wait_until(SmsCategory::ServiceExplicit, at(now)), until.map(at), "{now}");
            assert_eq!(wait_until(SmsCategory::ServiceImplicit, at(now)), None, "{now}");
        }
    }
}
