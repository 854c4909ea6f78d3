//! Days and times in the caller's words, made dates of the calendar: relative to a moment in the business's time zone.

use jiff::civil::{Date, Time, Weekday};
use jiff::{ToSpan, Zoned};

use super::amounts::below_hundred;
use super::hours;
use super::text::{self, Word};

/// A stretch of the day that is named without a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayPart {
    Morning,
    Afternoon,
    Evening,
    Night,
}

/// What a phrase of time says; everything may be absent ("any time").
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub date: Option<Date>,
    /// The first clock time that is said.
    pub time: Option<Time>,
    pub part: Option<DayPart>,
}

/// Reads a phrase of time. A weekday is the next one after today, a day of the month the next such day; an hour without
/// "a.m." or "p.m." is taken as people of a day's business mean it (8 to 11 before noon, 12 to 7 after it).
pub(super) fn resolve(said: &str, now: &Zoned) -> Wanted {
    let words = text::words(said);
    let plain = text::plain(&words);
    let part = day_part(&plain);
    let date = relative(&plain, now)
        .or_else(|| (0..words.len()).find_map(|at| calendar_day(&words, at, now)))
        .or_else(|| weekday(&plain, now));
    let time = (0..words.len()).find_map(|at| clock(&words, at, &plain, part));
    let date = date.or_else(|| (plain.contains(" tonight ")).then(|| now.date()));
    Wanted { date, time, part }
}

/// Whether the phrase names a day that only the caller knows: "after Diwali", "Diwali ke baad".
pub(super) fn is_vague(said: &str) -> bool {
    const FEASTS: &[&str] = &[
        "diwali",
        "deepavali",
        "holi",
        "dussehra",
        "dasara",
        "navratri",
        "eid",
        "id",
        "christmas",
        "xmas",
        "pongal",
        "onam",
        "ugadi",
        "puja",
        "pooja",
        "ganesh chaturthi",
        "rakhi",
        "raksha bandhan",
        "new year",
        "exams",
        "exam",
        "vacation",
        "holidays",
        "wedding",
        "shaadi",
    ];
    let plain = text::plain(&text::words(said));
    FEASTS.iter().any(|feast| {
        [
            format!("after {feast}"),
            format!("before {feast}"),
            format!("{feast} ke baad"),
            format!("{feast} se pehle"),
            format!("after the {feast}"),
            format!("before the {feast}"),
            format!("after my {feast}"),
        ]
        .iter()
        .any(|phrase| text::says(&plain, phrase))
    })
}

fn day_part(plain: &str) -> Option<DayPart> {
    let says = |words: &[&str]| text::says_any(plain, words);
    if says(&["morning", "mornings", "subah", "forenoon"]) {
        Some(DayPart::Morning)
    } else if says(&["afternoon", "afternoons", "dopahar", "after lunch", "noon"]) {
        Some(DayPart::Afternoon)
    } else if says(&["evening", "evenings", "shaam", "sham"]) {
        Some(DayPart::Evening)
    } else {
        says(&["night", "tonight", "raat"]).then_some(DayPart::Night)
    }
}

fn ahead(now: &Zoned, days: i64) -> Option<Date> {
    now.date().checked_add(days.days()).ok()
}

/// "Today", "tomorrow", "kal", "day after tomorrow", "in three days", "after two weeks".
fn relative(plain: &str, now: &Zoned) -> Option<Date> {
    if text::says_any(plain, &["day after tomorrow", "day after", "parso", "parson"]) {
        return ahead(now, 2);
    }
    if text::says_any(plain, &["tomorrow", "tommorow", "kal"]) {
        return ahead(now, 1);
    }
    if text::says_any(plain, &["today", "aaj", "tonight", "this evening", "this afternoon", "this morning"]) {
        return ahead(now, 0);
    }
    let words = text::words(plain);
    (0..words.len()).find_map(|at| {
        let (count, len) = below_hundred(&words, at)?;
        let unit = match &*words.get(at + len)?.norm {
            "day" | "days" | "din" => 1,
            "week" | "weeks" | "hafte" => 7,
            _ => return None,
        };
        let leads = at > 0 && matches!(&*words[at - 1].norm, "in" | "after" | "within");
        let trails = words.get(at + len + 1).is_some_and(|word| matches!(&*word.norm, "later" | "baad" | "ke"));
        ahead(now, i64::try_from(count).ok()? * unit).filter(|_| leads || trails)
    })
}

fn weekday(plain: &str, now: &Zoned) -> Option<Date> {
    const DAYS: [(&str, Weekday); 7] = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    let first = DAYS.iter().filter_map(|(name, day)| {
        let hindi = text::words(plain).iter().position(|word| hindi_weekday(&word.norm) == Some(*day));
        if let Some(at) = hindi {
            return Some((at, *day));
        }
        let at = [format!(" {name} "), format!(" {name}s ")].iter().filter_map(|name| plain.find(name)).min()?;
        Some((at, *day))
    });
    let (_, day) = first.min_by_key(|(at, _)| *at)?;
    now.date().nth_weekday(1, day).ok()
}

fn hindi_weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "somvar" | "somwar" => Weekday::Monday,
        "mangalvar" | "mangalwar" => Weekday::Tuesday,
        "budhvar" | "budhwar" => Weekday::Wednesday,
        "guruvar" | "guruwar" | "brihaspativar" => Weekday::Thursday,
        "shukravar" | "shukrawar" => Weekday::Friday,
        "shanivar" | "shaniwar" => Weekday::Saturday,
        "ravivar" | "raviwar" | "itvaar" | "itwar" => Weekday::Sunday,
        _ => return None,
    })
}

/// "The 25th", "25th of November", "November twenty five", "the fifth of December".
fn calendar_day(words: &[Word], at: usize, now: &Zoned) -> Option<Date> {
    if let Some(month) = month(&words[at].norm) {
        let the = usize::from(words.get(at + 1).is_some_and(|word| word.norm == "the"));
        let (day, _, _) = day_of_month(words, at + 1 + the)?;
        return upcoming(day, Some(month), now);
    }
    let (day, len, ordinal) = day_of_month(words, at)?;
    let of = usize::from(words.get(at + len).is_some_and(|word| word.norm == "of"));
    if let Some(month) = words.get(at + len + of).and_then(|word| month(&word.norm)) {
        return upcoming(day, Some(month), now);
    }
    // "First" and "second" alone order things more often than they name days.
    let certain = ordinal && (day > 2 || words[at].norm.starts_with(|letter: char| letter.is_ascii_digit()));
    upcoming(day, None, now).filter(|_| certain)
}

/// The day's number, how many words it takes, and whether it is an ordinal.
fn day_of_month(words: &[Word], at: usize) -> Option<(i8, usize, bool)> {
    let word = words.get(at)?.norm.as_str();
    let ordinal = |word: &str| hours::ORDINALS.iter().position(|known| *known == word).map(|day| day as i8 + 1);
    let whole = match word {
        "thirtieth" => Some(30),
        _ => ordinal(word),
    };
    if let Some(day) = whole {
        return Some((day, 1, true));
    }
    let tens = match word {
        "twenty" => Some(20),
        "thirty" => Some(30),
        _ => None,
    };
    let unit = words.get(at + 1).and_then(|word| ordinal(&word.norm)).filter(|unit| *unit < 10);
    if let (Some(tens), Some(unit)) = (tens, unit) {
        return Some((tens + unit, 2, true));
    }
    let digits = word.trim_end_matches(char::is_alphabetic);
    if matches!(&word[digits.len()..], "st" | "nd" | "rd" | "th") && (1..=2).contains(&digits.len()) {
        return digits.parse().ok().filter(|day| (1..=31).contains(day)).map(|day| (day, 1, true));
    }
    let (value, len) = below_hundred(words, at)?;
    i8::try_from(value).ok().filter(|day| (1..=31).contains(day)).map(|day| (day, len, false))
}

fn month(word: &str) -> Option<i8> {
    const MONTHS: [(&str, &str); 12] = [
        ("january", "jan"),
        ("february", "feb"),
        ("march", "mar"),
        ("april", "apr"),
        ("may", "may"),
        ("june", "jun"),
        ("july", "jul"),
        ("august", "aug"),
        ("september", "sep"),
        ("october", "oct"),
        ("november", "nov"),
        ("december", "dec"),
    ];
    MONTHS.iter().position(|(long, short)| *long == word || *short == word).map(|index| index as i8 + 1)
}

/// The next such day from today on, within a year of months.
fn upcoming(day: i8, month: Option<i8>, now: &Zoned) -> Option<Date> {
    let today = now.date();
    (0..=12).find_map(|months| {
        let first = today.first_of_month().checked_add(i64::from(months).months()).ok()?;
        let date = Date::new(first.year(), first.month(), day).ok()?;
        (date >= today && month.is_none_or(|month| month == date.month())).then_some(date)
    })
}

/// A time of day at `at`: "five p.m.", "half past five", "quarter to six", "5:30", "17:00", "at five", "five thirty".
fn clock(words: &[Word], at: usize, plain: &str, part: Option<DayPart>) -> Option<Time> {
    let norm = |at: usize| words.get(at).map_or("", |word| word.norm.as_str());
    match norm(at) {
        "sawa" | "sava" | "savaa" | "saadhe" | "sadhe" | "saade" | "sade" | "paune" | "pone" | "dedh" | "dhai"
        | "adhai" => return quartered(words, at, part),
        "noon" | "midday" if !text::says(plain, "afternoon") => return Time::new(12, 0, 0, 0).ok(),
        "half" if norm(at + 1) == "past" => {
            let (hour, len) = below_hundred(words, at + 2)?;
            return of_day(hour, 30, half(norm(at + 2 + len)), part);
        }
        "quarter" if matches!(norm(at + 1), "past" | "to") => {
            let (hour, len) = below_hundred(words, at + 2)?;
            let said = half(norm(at + 2 + len));
            return match norm(at + 1) {
                "past" => of_day(hour, 15, said, part),
                _ if hour == 1 => of_day(12, 45, said, part),
                _ => of_day(hour.checked_sub(1)?, 45, said, part),
            };
        }
        _ => {}
    }
    if let Some((hour, minute, said)) = written(&words[at]) {
        let said = said.or_else(|| half(norm(at + 1)));
        return of_day(hour, minute, said, part);
    }
    let (hour, len) = below_hundred(words, at)?;
    let (minute, more) = match below_hundred(words, at + len).filter(|_| words[at + len].gap == text::Gap::Space) {
        Some((minute @ 10..60, more)) => (minute, more),
        _ => (0, 0),
    };
    let after = norm(at + len + more);
    let said = half(after);
    let led = at > 0
        && matches!(norm(at - 1), "at" | "after" | "before" | "by" | "around" | "about" | "from" | "between" | "till");
    let counted = matches!(after, "day" | "days" | "week" | "weeks" | "month" | "months" | "th" | "people" | "teeth");
    let marked = said.is_some()
        || matches!(after, "oclock" | "baje")
        || led && !counted
        || words.len() == len + more
        || part.is_some() && !counted;
    // A day of the month is no hour: "the 5th of June", "June five".
    let dated = at > 0 && month(norm(at - 1)).is_some() || month(after).is_some() || after == "of";
    (marked && !dated).then(|| of_day(hour, minute, said, part)).flatten()
}

/// "Sawa paanch" (5:15), "saadhe paanch" (5:30), "paune chhe" (5:45), "dedh" (1:30) and "dhai baje" (2:30).
fn quartered(words: &[Word], at: usize, part: Option<DayPart>) -> Option<Time> {
    let norm = |at: usize| words.get(at).map_or("", |word| word.norm.as_str());
    let whole = matches!(norm(at), "dedh" | "dhai" | "adhai");
    let (hour, len) = if whole { (0, 0) } else { below_hundred(words, at + 1)? };
    let said = half(norm(at + 1 + len)).or_else(|| half(norm(at + 2 + len)));
    let (hour, minute) = match norm(at) {
        "dedh" => (1, 30),
        "dhai" | "adhai" => (2, 30),
        "sawa" | "sava" | "savaa" => (hour, 15),
        "paune" | "pone" if hour == 1 => (12, 45),
        "paune" | "pone" => (hour.checked_sub(1)?, 45),
        _ => (hour, 30),
    };
    of_day(hour, minute, said, part)
}

/// "5:30", "5.30pm", "5pm", "17:00": the word keeps its colon only in the raw form.
fn written(word: &Word) -> Option<(u64, u64, Option<bool>)> {
    let digits = word.norm.trim_end_matches(char::is_alphabetic);
    let said = half(&word.norm[digits.len()..]);
    let number = |text: &str| text.parse::<u64>().ok();
    if let Some((hour, rest)) = word.raw.split_once([':', '.']) {
        let minute = rest.get(..2).filter(|minute| minute.bytes().all(|byte| byte.is_ascii_digit()))?;
        return Some((number(hour)?, number(minute)?, said));
    }
    said?;
    match digits.len() {
        1 | 2 => Some((number(digits)?, 0, said)),
        3 | 4 => {
            let (hour, minute) = digits.split_at(digits.len() - 2);
            Some((number(hour)?, number(minute)?, said))
        }
        _ => None,
    }
}

/// Which half of the day: before noon or after.
fn half(word: &str) -> Option<bool> {
    match word {
        "am" => Some(false),
        "pm" => Some(true),
        _ => None,
    }
}

fn of_day(hour: u64, minute: u64, after_noon: Option<bool>, part: Option<DayPart>) -> Option<Time> {
    let hour = i8::try_from(hour).ok().filter(|hour| (0..24).contains(hour))?;
    let minute = i8::try_from(minute).ok().filter(|minute| (0..60).contains(minute))?;
    let after_noon = after_noon.or(part.map(|part| part != DayPart::Morning && hour != 12));
    let hour = match after_noon {
        _ if hour > 12 || hour == 0 => hour,
        Some(true) => hour % 12 + 12,
        Some(false) => hour % 12,
        None if (8..=12).contains(&hour) => hour,
        None => hour + 12,
    };
    // "Twelve at night" and "twelve in the afternoon" differ only by the part of day.
    let hour = if part == Some(DayPart::Afternoon) && hour == 0 { 12 } else { hour };
    Time::new(hour, minute, 0, 0).ok()
}

/// "Tue 24 Nov", for the owner's eye.
pub(super) fn short(date: Date) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let weekday = DAYS[date.weekday().to_monday_zero_offset() as usize % 7];
    format!("{weekday} {} {}", date.day(), MONTHS[(date.month() - 1) as usize % 12])
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time};
    use proptest::prelude::*;

    use super::*;

    /// A Monday.
    fn now() -> Zoned {
        "2026-11-23T12:00:00+05:30[Asia/Kolkata]".parse().unwrap()
    }

    #[test]
    fn days_are_found_in_the_calendar() {
        for (said, day) in [
            ("today", Some(date(2026, 11, 23))),
            ("tomorrow evening", Some(date(2026, 11, 24))),
            ("kal subah", Some(date(2026, 11, 24))),
            ("day after tomorrow", Some(date(2026, 11, 25))),
            ("parso shaam ko", Some(date(2026, 11, 25))),
            ("shukravar ko", Some(date(2026, 11, 27))),
            ("itwar subah", Some(date(2026, 11, 29))),
            ("on Friday", Some(date(2026, 11, 27))),
            ("Monday morning", Some(date(2026, 11, 30))),
            ("next Monday", Some(date(2026, 11, 30))),
            ("Saturday or Sunday", Some(date(2026, 11, 28))),
            ("the 25th", Some(date(2026, 11, 25))),
            ("on the fifth", Some(date(2026, 12, 5))),
            ("25th of December", Some(date(2026, 12, 25))),
            ("December twenty five", Some(date(2026, 12, 25))),
            ("the first of January", Some(date(2027, 1, 1))),
            ("Saturday, the twenty eighth", Some(date(2026, 11, 28))),
            ("in three days", Some(date(2026, 11, 26))),
            ("after two weeks", Some(date(2026, 12, 7))),
            ("31st of February", None),
            ("first available", None),
            ("any time", None),
            ("", None),
        ] {
            assert_eq!(resolve(said, &now()).date, day, "{said}");
        }
    }

    #[test]
    fn times_are_read_as_a_business_means_them() {
        for (said, clock) in [
            ("tomorrow at five", Some(time(17, 0, 0, 0))),
            ("at ten", Some(time(10, 0, 0, 0))),
            ("half past five in the evening", Some(time(17, 30, 0, 0))),
            ("quarter to six", Some(time(17, 45, 0, 0))),
            ("quarter past eleven", Some(time(11, 15, 0, 0))),
            ("5:30 p.m. today", Some(time(17, 30, 0, 0))),
            ("17:00", Some(time(17, 0, 0, 0))),
            ("eight in the evening", Some(time(20, 0, 0, 0))),
            ("9 am", Some(time(9, 0, 0, 0))),
            ("five thirty", Some(time(17, 30, 0, 0))),
            ("at twelve", Some(time(12, 0, 0, 0))),
            ("Monday at nine o'clock", Some(time(9, 0, 0, 0))),
            ("sawa paanch", Some(time(17, 15, 0, 0))),
            ("kal saadhe paanch baje", Some(time(17, 30, 0, 0))),
            ("paune chhe baje", Some(time(17, 45, 0, 0))),
            ("dedh baje", Some(time(13, 30, 0, 0))),
            ("dhai baje dopahar", Some(time(14, 30, 0, 0))),
            ("subah das baje", Some(time(10, 0, 0, 0))),
            ("shaam ko saat baje", Some(time(19, 0, 0, 0))),
            ("subah sadhe gyarah", Some(time(11, 30, 0, 0))),
            ("paune ek", Some(time(12, 45, 0, 0))),
            ("the fifth of June", None),
            ("in three days", None),
            ("tomorrow evening", None),
        ] {
            assert_eq!(resolve(said, &now()).time, clock, "{said}");
        }
    }

    #[test]
    fn only_the_caller_knows_when_that_is() {
        assert!(is_vague("Diwali ke baad") && is_vague("after the exams") && is_vague("sometime after Christmas"));
        assert!(!is_vague("after lunch") && !is_vague("tomorrow after five"));
    }

    proptest! {
        #[test]
        fn a_date_that_is_said_is_found(days in 0_i64..330, form in 0..4_u8) {
            let day = ahead(&now(), days).unwrap();
            let long = hours::spoken_date(day);
            let (_, of_month) = long.split_once(", ").unwrap();
            let said = match form {
                0 => long.clone(),
                1 => of_month.trim_end_matches(',').to_owned(),
                2 => format!("{}{} {}", day.day(), ["th", "st", "nd", "rd"][match day.day() { 11..=13 => 0, d @ 1..=31 if d % 10 < 4 => (d % 10) as usize, _ => 0 }], of_month.trim_end_matches(',').rsplit(' ').next().unwrap()),
                _ => format!("in {} days", crate::dialogue::amounts::in_words(days.unsigned_abs())),
            };
            prop_assume!(form < 3 || (1..100).contains(&days));
            prop_assert_eq!(resolve(&said, &now()).date, Some(day), "{}", said);
        }

        #[test]
        fn a_time_that_is_said_is_found(minute_of_day in 0_u16..1_440) {
            let (hour, minute) = (minute_of_day / 60, minute_of_day % 60);
            prop_assume!((minute == 0 || minute >= 10) && hour > 0);
            let said = format!("tomorrow at {}", hours::spoken_time(minute_of_day));
            prop_assert_eq!(resolve(&said, &now()).time, Some(time(hour as i8, minute as i8, 0, 0)), "{}", said);
        }

        #[test]
        fn a_time_in_hindi_is_found(hour in 1_u16..13, quarter in 0_u16..4, way in 0_u8..2) {
            const HOURS: [&str; 13] = ["", "ek", "do", "teen", "char", "paanch", "chhe", "saat", "aath", "nau", "das", "gyarah", "barah"];
            let next = HOURS[usize::from(hour % 12 + 1)];
            let this = HOURS[usize::from(hour)];
            let said = match (quarter, hour) {
                (0, _) => format!("{this} baje"),
                (1, _) => format!("sawa {this}{}", if way == 0 { " baje" } else { "" }),
                (2, 1) => "dedh baje".to_owned(),
                (2, 2) => "dhai baje".to_owned(),
                (2, _) => format!("saadhe {this}{}", if way == 0 { " baje" } else { "" }),
                _ => format!("paune {next} baje"),
            };
            let of_day = if hour < 8 { hour + 12 } else { hour };
            prop_assert_eq!(resolve(&said, &now()).time, Some(time(of_day as i8, quarter as i8 * 15, 0, 0)), "{}", said);
        }

        #[test]
        fn any_text_is_survived(text in ".{0,60}") {
            resolve(&text, &now());
        }
    }
}
