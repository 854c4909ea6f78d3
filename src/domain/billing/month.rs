//! Months as they are billed: from midnight to midnight in India.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};

/// One month in Indian Standard Time (UTC + 5:30, all year). Written `2026-11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    /// Its first day.
    first: Date,
}

/// The text is no month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a month is written like 2026-11")]
pub struct MonthError;

fn india() -> TimeZone {
    TimeZone::fixed(Offset::from_seconds(19_800).expect("invariant: 5:30 is an offset"))
}

impl Month {
    /// The month in which `at` lies.
    pub fn of(at: Timestamp) -> Self {
        Self { first: at.to_zoned(india()).date().first_of_month() }
    }

    /// Its first moment.
    pub fn start(self) -> Timestamp {
        start(self.first)
    }

    /// The first moment after it.
    pub fn end(self) -> Timestamp {
        start(self.first.last_of_month().tomorrow().unwrap_or(self.first.last_of_month()))
    }

    /// Its days, from the first on.
    pub fn days(self) -> impl Iterator<Item = Date> {
        self.first.series(Span::new().days(1)).take_while(move |day| day.first_of_month() == self.first)
    }

    /// The day in India on which `at` lies.
    pub fn day_of(at: Timestamp) -> Date {
        at.to_zoned(india()).date()
    }

    /// A moment as clocks in India show it: `2026-11-30 23:59:58`.
    pub fn local(at: Timestamp) -> String {
        at.to_zoned(india()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }
}

fn start(day: Date) -> Timestamp {
    day.to_zoned(india()).map_or(Timestamp::MAX, |start| start.timestamp())
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.first.year(), self.first.month())
    }
}

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, MonthError> {
        let parts = text.split_once('-').filter(|(year, month)| year.len() == 4 && month.len() == 2);
        let (year, month) = parts.ok_or(MonthError)?;
        let number = |text: &str| {
            if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse::<i16>().ok() } else { None }
        };
        let (year, month) = number(year).zip(number(month)).ok_or(MonthError)?;
        let first = Date::new(year, i8::try_from(month).map_err(|_| MonthError)?, 1).map_err(|_| MonthError)?;
        // Outside of these there is no moment to begin or end with.
        if (1970..=9998).contains(&year) { Ok(Self { first }) } else { Err(MonthError) }
    }
}

impl utoipa::PartialSchema for Month {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^[0-9]{4}-(0[1-9]|1[0-2])$"))
            .examples([serde_json::json!("2026-11")])
            .into()
    }
}

impl utoipa::ToSchema for Month {}

impl serde::Serialize for Month {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Month {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_month_has_its_days() {
        let days: Vec<String> = "2028-02".parse::<Month>().unwrap().days().map(|day| day.to_string()).collect();
        assert_eq!((days.len(), days[0].as_str(), days[28].as_str()), (29, "2028-02-01", "2028-02-29"));
        let last = "9998-12".parse::<Month>().unwrap();
        assert_eq!(last.days().count(), 31);
        assert_eq!(Month::day_of("2026-11-30T18:30:00Z".parse().unwrap()).to_string(), "2026-12-01");
    }

    #[test]
    fn months_begin_at_midnight_in_india() {
        let november: Month = "2026-11".parse().unwrap();
        assert_eq!(november.start().to_string(), "2026-10-31T18:30:00Z");
        assert_eq!(november.end().to_string(), "2026-11-30T18:30:00Z");
        let at = |text: &str| Month::of(text.parse().unwrap()).to_string();
        assert_eq!(
            (at("2026-11-30T18:29:59.999999Z").as_str(), at("2026-11-30T18:30:00Z").as_str()),
            ("2026-11", "2026-12")
        );
        assert_eq!((at("2026-12-31T18:30:00Z").as_str(), at("2027-12-31T18:29:59Z").as_str()), ("2027-01", "2027-12"));
        assert_eq!(Month::local("2026-11-30T18:29:58Z".parse().unwrap()), "2026-11-30 23:59:58");
        for text in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-1",
            "26-11",
            "2026-11-01",
            "+026-11",
            "0000-01",
            "9999-12",
            "2026-+1",
        ] {
            assert_eq!(text.parse::<Month>(), Err(MonthError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_lies_in_its_month(second in 0..200_000_000_000i64) {
            let at = Timestamp::from_second(second).unwrap();
            let month = Month::of(at);
            prop_assert!(month.start() <= at && at < month.end());
            prop_assert_eq!(month.to_string().parse(), Ok(month));
            prop_assert_ne!(Month::of(month.end()), month);
        }
    }
}
