//! Opening hours: which day a question means, and how the answer is spoken.

use jiff::civil::Date;
use jiff::{ToSpan, Zoned};

use super::{amounts, text};
use crate::domain::{DayHours, Holiday, WeeklyHours};

/// What a question about opening hours asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// "Are you open now?"
    Now,
    /// A day so many days ahead; 0 is today.
    Ahead(u8),
    /// A weekday, Monday 0.
    On(u8),
    /// "What are your timings?"
    Week,
}

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The spoken name of a weekday, Monday 0.
pub(super) fn day_name(day: u8) -> &'static str {
    DAYS[usize::from(day) % 7]
}

/// The day that a question in [`text::plain`] form means.
pub(super) fn when(plain: &str) -> When {
    if text::says_any(plain, &["day after tomorrow", "parso"]) {
        return When::Ahead(2);
    }
    if text::says_any(plain, &["tomorrow", "tomorrows", "kal"]) {
        return When::Ahead(1);
    }
    for (day, name) in (0..).zip(DAYS) {
        let name = name.to_lowercase();
        if text::says(plain, &name) || text::says(plain, &format!("{name}s")) {
            return When::On(day);
        }
    }
    if text::says_any(plain, &["now", "currently", "abhi", "at this time", "still open", "at the moment"]) {
        return When::Now;
    }
    if text::says_any(plain, &["today", "todays", "tonight", "aaj", "this evening", "this morning", "this afternoon"]) {
        return When::Ahead(0);
    }
    if text::says_any(
        plain,
        &["what time", "when do you", "how late", "till when", "until when", "when will you", "kitne baje"],
    ) {
        return When::Ahead(0);
    }
    if text::says_any(plain, &["are you open", "is it open", "clinic open", "shop open", "open hai", "you are open"]) {
        return When::Now;
    }
    When::Week
}

/// The weekday of a moment plus days ahead, Monday 0.
pub(super) fn weekday(now: &Zoned, ahead: u8) -> u8 {
    (weekday_of(now.date()) + ahead) % 7
}

/// The weekday of a date, Monday 0.
pub(super) fn weekday_of(date: Date) -> u8 {
    date.weekday().to_monday_zero_offset() as u8
}

fn day_hours(hours: &WeeklyHours, day: u8) -> &[DayHours] {
    &hours.0[usize::from(day) % 7]
}

fn minute_of_day(now: &Zoned) -> u16 {
    now.hour() as u16 * 60 + now.minute() as u16
}

/// Whether the weekly hours hold this moment.
pub(super) fn is_open(hours: &WeeklyHours, now: &Zoned) -> bool {
    Calendar { hours, holidays: &[] }.is_open(now)
}

/// The weekly hours and the days on which others hold.
#[derive(Clone, Copy)]
pub(super) struct Calendar<'a> {
    pub hours: &'a WeeklyHours,
    pub holidays: &'a [Holiday],
}

impl<'a> Calendar<'a> {
    /// The openings of a day.
    pub(super) fn on(&self, date: Date) -> &'a [DayHours] {
        match self.index(date) {
            Some(index) => &self.holidays[usize::from(index)].hours,
            None => day_hours(self.hours, weekday_of(date)),
        }
    }

    /// The place in the list of the holiday on this day.
    pub(super) fn index(&self, date: Date) -> Option<u16> {
        (0..).zip(self.holidays).find(|(_, holiday)| holiday.date == date).map(|(index, _)| index)
    }

    /// The openings of a day so many days ahead.
    fn openings(&self, now: &Zoned, ahead: u8) -> &'a [DayHours] {
        now.date().checked_add(i64::from(ahead).days()).map_or(&[], |date| self.on(date))
    }

    /// The place in the list of the holiday that falls on a day so many days ahead.
    pub(super) fn holiday(&self, now: &Zoned, ahead: u8) -> Option<u16> {
        self.index(now.date().checked_add(i64::from(ahead).days()).ok()?)
    }

    /// The next holiday that a question in [`text::plain`] form names.
    pub(super) fn named(&self, now: &Zoned, plain: &str) -> Option<u16> {
        let named = (0..).zip(self.holidays).filter(|(_, holiday)| {
            let name = text::plain(&text::words(holiday.name.as_deref().unwrap_or_default()));
            holiday.date >= now.date() && !name.trim().is_empty() && text::says(plain, name.trim())
        });
        named.min_by_key(|(_, holiday)| holiday.date).map(|(index, _)| index)
    }

    /// Whether the business is open at this moment.
    pub(super) fn is_open(&self, now: &Zoned) -> bool {
        let minute = minute_of_day(now);
        self.openings(now, 0).iter().any(|h| (h.opens_min..h.closes_min).contains(&minute))
    }

    /// How many days ahead the business opens next, within three weeks; `None` when it does not.
    pub(super) fn next_opening(&self, now: &Zoned) -> Option<u8> {
        let minute = minute_of_day(now);
        (0..=21).find(|ahead| self.openings(now, *ahead).iter().any(|h| *ahead > 0 || h.opens_min > minute))
    }

    /// The holidays of the coming week, in the order of their days.
    pub(super) fn coming(&self, now: &Zoned) -> Vec<u16> {
        (0..7).filter_map(|ahead| self.holiday(now, ahead)).collect()
    }
}

/// "Sunday, the eighth of November,".
pub(super) fn spoken_date(date: Date) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let weekday = day_name(weekday_of(date));
    let month = MONTHS[(date.month() - 1) as usize % 12];
    format!("{weekday}, the {} of {month},", ordinal(date.day() as u8))
}

/// The days of a month that one word names.
pub(super) const ORDINALS: [&str; 20] = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
];

/// A day of the month: "eighth", "twenty first".
fn ordinal(day: u8) -> String {
    match day {
        1..=20 => ORDINALS[usize::from(day) - 1].to_owned(),
        30 => "thirtieth".to_owned(),
        31 => "thirty first".to_owned(),
        _ => format!("twenty {}", ORDINALS[usize::from(day.saturating_sub(21)) % 9]),
    }
}

/// Whether any hours are known.
pub(super) fn are_known(hours: &WeeklyHours) -> bool {
    hours.0.iter().any(|day| !day.is_empty())
}

/// One day: "from ten a.m. to two p.m. and from four p.m. to seven p.m."; `None` for a closed day.
pub(super) fn spoken_day(hours: &WeeklyHours, day: u8) -> Option<String> {
    spoken_hours(day_hours(hours, day))
}

/// The openings of one day; `None` when there are none.
pub(super) fn spoken_hours(hours: &[DayHours]) -> Option<String> {
    let spans: Vec<String> = hours
        .iter()
        .map(|h| match (h.opens_min, h.closes_min) {
            (0, 1440) => "for twenty four hours".to_owned(),
            (opens, closes) => format!("from {} to {}", spoken_time(opens), spoken_time(closes)),
        })
        .collect();
    (!spans.is_empty()).then(|| spans.join(" and "))
}

/// The week as runs of days with the same hours, closed days last: "Monday to Saturday, from ten a.m. to seven p.m."
pub(super) fn spoken_week(hours: &WeeklyHours) -> (Vec<String>, Vec<&'static str>) {
    let mut open = Vec::new();
    let mut closed = Vec::new();
    let mut day = 0;
    while day < 7 {
        let same = hours.0[day..].iter().take_while(|h| **h == hours.0[day]).count();
        match spoken_hours(&hours.0[day]) {
            None => closed.extend(&DAYS[day..day + same]),
            Some(text) => {
                let days = match same {
                    1 => DAYS[day].to_owned(),
                    2 => format!("{} and {}", DAYS[day], DAYS[day + 1]),
                    7 => "every day".to_owned(),
                    _ => format!("{} to {}", DAYS[day], DAYS[day + same - 1]),
                };
                open.push(format!("{days}, {text}"));
            }
        }
        day += same;
    }
    (open, closed)
}

/// A time of day as the voice reads it: "ten a.m.", "half past" forms are not used: "five thirty p.m.", "twelve noon".
pub(super) fn spoken_time(minute_of_day: u16) -> String {
    let (hour, minute) = (minute_of_day / 60 % 24, minute_of_day % 60);
    match (hour, minute) {
        (0, 0) => return "midnight".into(),
        (12, 0) => return "twelve noon".into(),
        _ => {}
    }
    let half = if hour < 12 { "a.m." } else { "p.m." };
    let hour = amounts::in_words(u64::from(if hour % 12 == 0 { 12 } else { hour % 12 }));
    match minute {
        0 => format!("{hour} {half}"),
        1..=9 => format!("{hour} oh {} {half}", amounts::in_words(minute.into())),
        _ => format!("{hour} {} {half}", amounts::in_words(minute.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::demo_profile;

    fn at(text: &str) -> Zoned {
        format!("{text}[Asia/Kolkata]").parse().unwrap()
    }

    fn week(hours: &WeeklyHours) -> Calendar<'_> {
        Calendar { hours, holidays: &[] }
    }

    #[test]
    fn holidays_go_before_the_week() {
        let hours = demo_profile().hours;
        let day = |day| jiff::civil::date(2026, 11, day);
        let half = DayHours { opens_min: 600, closes_min: 780 };
        let holidays = [
            Holiday { date: day(24), name: Some("Guru Nanak Jayanti".into()), hours: Vec::new() },
            Holiday { date: day(22), name: Some("Clinic day".into()), hours: vec![half] },
        ];
        let calendar = Calendar { hours: &hours, holidays: &holidays };
        let (sunday, tuesday) = (at("2026-11-22T11:00:00+05:30"), at("2026-11-24T11:00:00+05:30"));
        assert!(calendar.is_open(&sunday) && !week(&hours).is_open(&sunday));
        assert!(!calendar.is_open(&tuesday) && week(&hours).is_open(&tuesday));
        assert_eq!(calendar.next_opening(&tuesday), Some(1));
        assert_eq!((calendar.holiday(&sunday, 2), calendar.holiday(&sunday, 1)), (Some(0), None));
        assert_eq!(calendar.coming(&sunday), [1, 0]);
        assert_eq!(calendar.named(&sunday, " are you open on guru nanak jayanti "), Some(0));
        assert_eq!(
            calendar.named(&at("2026-11-25T11:00:00+05:30"), " open on guru nanak jayanti "),
            None,
            "it is over"
        );
        assert_eq!(spoken_date(day(22)), "Sunday, the twenty second of November,");
        let days: std::collections::BTreeSet<String> = (1..=31).map(ordinal).collect();
        assert_eq!(days.len(), 31, "each day has a word of its own");
    }

    #[test]
    fn questions_name_their_day() {
        for (question, wanted) in [
            ("are you open on sunday", When::On(6)),
            ("When do you close today?", When::Ahead(0)),
            ("what time do you close", When::Ahead(0)),
            ("Are you open now?", When::Now),
            ("are you open", When::Now),
            ("What is the timing?", When::Week),
            ("are you open tomorrow", When::Ahead(1)),
            ("what about day after tomorrow", When::Ahead(2)),
            ("Timings on Saturdays, please", When::On(5)),
        ] {
            assert_eq!(when(&text::plain(&text::words(question))), wanted, "{question}");
        }
    }

    #[test]
    fn open_and_next_opening() {
        let hours = demo_profile().hours;
        let monday_noon = at("2026-11-23T12:00:00+05:30");
        assert!(is_open(&hours, &monday_noon));
        assert!(
            !is_open(&hours, &at("2026-11-23T09:59:00+05:30")) && !is_open(&hours, &at("2026-11-23T19:00:00+05:30"))
        );
        assert_eq!(week(&hours).next_opening(&at("2026-11-23T09:00:00+05:30")), Some(0));
        assert_eq!(week(&hours).next_opening(&at("2026-11-23T20:00:00+05:30")), Some(1));
        assert_eq!(week(&hours).next_opening(&at("2026-11-28T20:00:00+05:30")), Some(2));
        assert_eq!(week(&WeeklyHours::default()).next_opening(&monday_noon), None);
        assert_eq!((weekday(&monday_noon, 0), weekday(&monday_noon, 6)), (0, 6));
    }

    #[test]
    fn spoken_forms() {
        for (minute, text) in [
            (600, "ten a.m."),
            (1140, "seven p.m."),
            (630, "ten thirty a.m."),
            (720, "twelve noon"),
            (735, "twelve fifteen p.m."),
            (0, "midnight"),
            (1440, "midnight"),
            (5, "twelve oh five a.m."),
            (1365, "ten forty five p.m."),
        ] {
            assert_eq!(spoken_time(minute), text);
        }
        let mut hours = demo_profile().hours;
        assert_eq!(
            spoken_week(&hours),
            (vec!["Monday to Saturday, from ten a.m. to seven p.m.".into()], vec!["Sunday"])
        );
        hours.0[0] = vec![DayHours { opens_min: 600, closes_min: 840 }, DayHours { opens_min: 960, closes_min: 1140 }];
        assert_eq!(spoken_day(&hours, 0).unwrap(), "from ten a.m. to two p.m. and from four p.m. to seven p.m.");
        assert_eq!(spoken_day(&hours, 6), None);
    }
}
