//! The wanted day or time, kept in the caller's words.

use std::ops::Range;

use super::text::{self, Gap, Word};
use super::{amounts, dates, hours, sounds};

/// What a word can be in a phrase of time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Names a time by itself: "tomorrow", "evening", "Monday", "5pm".
    Core,
    /// A number, which is a time only next to a preposition or a core word.
    Number,
    /// Before a number it makes a time: "at five", "after six".
    Preposition,
    /// May stand inside.
    Link,
    Other,
}

fn part(word: &Word) -> Part {
    match word.norm.as_str() {
        "tomorrow" | "tommorow" | "today" | "tonight" | "morning" | "mornings" | "afternoon" | "afternoons"
        | "evening" | "evenings" | "night" | "noon" | "midday" | "lunchtime" | "weekend" | "weekday" | "weekdays"
        | "week" | "month" | "kal" | "parso" | "parson" | "aaj" | "subah" | "shaam" | "dopahar" | "monday"
        | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday" | "sunday" | "mondays" | "tuesdays"
        | "wednesdays" | "thursdays" | "baje" | "somvar" | "somwar" | "mangalvar" | "mangalwar" | "budhvar"
        | "budhwar" | "guruvar" | "guruwar" | "shukravar" | "shukrawar" | "shanivar" | "shaniwar" | "ravivar"
        | "raviwar" | "itvaar" | "itwar" | "fridays" | "saturdays" | "sundays" | "january" | "february" | "april"
        | "june" | "july" | "august" | "september" | "october" | "november" | "december" | "am" | "pm" | "oclock"
        | "anytime" | "whenever" | "asap" | "immediately" | "earliest" | "soonest" | "clock" | "lunch" | "office" => {
            Part::Core
        }
        "sawa" | "sava" | "savaa" | "saadhe" | "sadhe" | "saade" | "paune" | "at" | "after" | "before" | "around"
        | "by" | "between" | "till" | "until" | "from" | "about" => Part::Preposition,
        "on" | "in" | "the" | "to" | "or" | "and" | "next" | "this" | "coming" | "early" | "late" | "any" | "time"
        | "half" | "past" | "quarter" | "of" | "sometime" | "some" | "day" | "possible" | "as" | "soon"
        | "preferably" | "only" | "hour" | "hours" | "first" | "second" | "later" | "same" | "o" | "maybe"
        | "march" | "may" | "days" | "back" => Part::Link,
        norm if is_clock(norm) => Part::Core,
        norm if is_ordinal(norm) => Part::Core,
        norm if is_small_number(norm) => Part::Number,
        _ => Part::Other,
    }
}

/// "5pm", "530pm", "5:30".
fn is_clock(norm: &str) -> bool {
    let digits = norm.trim_end_matches(char::is_alphabetic);
    let suffix = &norm[digits.len()..];
    matches!(suffix, "am" | "pm") && (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

/// "5th", "22nd".
fn is_ordinal(norm: &str) -> bool {
    let digits = norm.trim_end_matches(char::is_alphabetic);
    matches!(&norm[digits.len()..], "st" | "nd" | "rd" | "th")
        && (1..=2).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Hours in Hindi. "Do" and "teen" are English words too: they count next to another word of time only.
const HINDI: [&str; 11] = ["ek", "char", "chaar", "paanch", "panch", "chhe", "saat", "aath", "nau", "das", "gyarah"];

fn is_small_number(norm: &str) -> bool {
    // "First", "second" and "zero" say more often something else; no clock has more than fifty minutes to name.
    let ordinal = hours::ORDINALS[2..].contains(&norm);
    let number = amounts::SMALL[1..].contains(&norm) || HINDI.contains(&norm);
    let tens = matches!(norm, "twenty" | "thirty" | "forty" | "fortyfive" | "fifty" | "thirtieth");
    ordinal || number || tens || (1..=4).contains(&norm.len()) && norm.bytes().all(|b| b.is_ascii_digit())
}

/// The longest phrase of time in the words, as a range. `taken` are words that belong to something else.
pub(super) fn find(words: &[Word], taken: &[Range<usize>]) -> Option<Range<usize>> {
    let free = |at: usize| !taken.iter().any(|range| range.contains(&at));
    let mut best: Option<Range<usize>> = None;
    let mut at = 0;
    while at < words.len() {
        let start = at;
        while at < words.len()
            && free(at)
            && part(&words[at]) != Part::Other
            && (at == start || words[at].gap < Gap::Stop)
        {
            at += 1;
        }
        if let Some(range) = trimmed(words, start..at) {
            let weight = |range: &Range<usize>| {
                words[range.clone()].iter().filter(|w| matches!(part(w), Part::Core | Part::Number)).count()
            };
            if best.as_ref().is_none_or(|old| weight(&range) > weight(old)) {
                best = Some(range);
            }
        }
        at = at.max(start + 1);
    }
    best
}

/// Cuts words that say nothing at both ends; `None` when what remains is no time.
fn trimmed(words: &[Word], run: Range<usize>) -> Option<Range<usize>> {
    let parts: Vec<Part> = words[run.clone()].iter().map(part).collect();
    let core = parts.contains(&Part::Core);
    let number_at = parts.windows(2).any(|pair| pair[0] == Part::Preposition && pair[1] == Part::Number);
    let plain = text::plain(&words[run.clone()]);
    let soon = text::says_any(
        &plain,
        &["as soon as possible", "any time", "any day", "first time", "later today", "same day"],
    );
    let past = run.start > 0
        && matches!(&*words[run.start - 1].norm, "since" | "last" | "yesterday" | "every" | "good")
        || text::says_any(&plain, &["days back", "office"]);
    if past || !(core || number_at || soon) {
        return None;
    }
    let (mut start, mut end) = (run.start, run.end);
    while start < end
        && matches!(
            &*words[start].norm,
            "at" | "on"
                | "in"
                | "the"
                | "to"
                | "and"
                | "or"
                | "of"
                | "by"
                | "from"
                | "about"
                | "only"
                | "maybe"
                | "back"
                | "some"
                | "time"
                | "preferably"
        )
    {
        let opens_span =
            matches!(&*words[start].norm, "from" | "by") && !text::says_any(&plain, &["from tomorrow", "from today"]);
        if opens_span {
            break;
        }
        start += 1;
    }
    while start < end
        && (part(&words[end - 1]) == Part::Link
            && !matches!(
                &*words[end - 1].norm,
                "time" | "day" | "possible" | "hour" | "hours" | "march" | "may" | "later" | "days"
            )
            || part(&words[end - 1]) == Part::Preposition)
    {
        end -= 1;
    }
    (start < end).then_some(start..end)
}

/// Days of the week, with what recognition leaves of them at times.
const DAYS: [(&str, &[&str]); 7] = [
    ("Monday", &["mon", "mun", "man"]),
    ("Tuesday", &["to", "too", "two", "2", "tues", "choose", "chews"]),
    ("Wednesday", &["wed", "when", "whens", "wins", "wens"]),
    ("Thursday", &["thurs", "thirst", "thus"]),
    ("Friday", &["fri", "fry"]),
    ("Saturday", &["sat", "sata"]),
    ("Sunday", &["sun", "son", "sunder"]),
];
const PARTS_OF_DAY: [&str; 8] = ["morning", "afternoon", "evening", "night", "noon", "subah", "shaam", "dopahar"];

/// Where a day was said and is lost: after "on", or at the beginning, and before the part of the day, or nothing.
fn lost_at(words: &[&Word]) -> Option<usize> {
    let norm = |at: usize| words.get(at).map(|word| word.norm.as_str());
    let before_part = |at: usize| norm(at).is_some_and(|norm| PARTS_OF_DAY.contains(&norm));
    let sounds = |norm: &str| DAYS.iter().any(|(_, like)| like.contains(&norm));
    let lost = |at: &usize| match norm(*at) {
        Some(norm) if is_ordinal(norm) || hours::ORDINALS.contains(&norm) => false,
        Some(norm) if sounds(norm) => before_part(at + 1) || at + 1 == words.len(),
        Some(_) => part(words[*at]) == Part::Number && before_part(at + 1),
        None => false,
    };
    let after_on = (1..words.len()).filter(|at| norm(at - 1) == Some("on")).find(lost);
    after_on.or_else(|| (norm(0).is_some_and(sounds) && before_part(1)).then_some(0))
}

fn without_fillers(words: &[Word]) -> Vec<&Word> {
    words.iter().filter(|word| !text::is_filler(&word.norm)).collect()
}

/// The day that all words before the part of the day sound like, none of them a time by itself; where the part begins.
fn day_by_sound(words: &[&Word]) -> Option<(&'static str, usize)> {
    let end = words.iter().position(|word| PARTS_OF_DAY.contains(&&*word.norm)).unwrap_or(words.len());
    if words[..end].iter().any(|word| matches!(part(word), Part::Core | Part::Number)) {
        return None;
    }
    let said: String = words[..end].iter().map(|word| word.norm.as_str()).collect();
    let sounds = |day: &str| sounds::alike(&said, day) || sounds::alike(&said, &format!("on {day}"));
    DAYS.iter().find(|(day, _)| sounds(day)).map(|(day, _)| (*day, end))
}

/// Whether a day was said and lost: "on to evening", "on five morning", "untoost the evening".
pub(super) fn lost_day(text: &str) -> bool {
    let words = text::words(text);
    let words = without_fillers(&words);
    lost_at(&words).is_some() || day_by_sound(&words).is_some()
}

/// The answer with the day that the rest of a lost one sounds like: "Tuesday evening" of "on to evening". The caller hears
/// it read back.
pub(super) fn found_day(text: &str) -> Option<String> {
    let words = text::words(text);
    let kept = without_fillers(&words);
    let left = lost_at(&kept).and_then(|at| {
        let (day, _) = DAYS.iter().find(|(_, like)| like.contains(&kept[at].norm.as_str()))?;
        Some((*day, at + 1))
    });
    let (day, next) = left.or_else(|| day_by_sound(&kept))?;
    let rest = kept.get(next).map(|next| &text[next.at.start..]);
    let rest =
        rest.and_then(|rest| find(&text::words(rest), &[]).map(|range| as_said(rest, &text::words(rest)[range])));
    Some(rest.map_or_else(|| day.to_owned(), |rest| format!("{day} {rest}")))
}

/// The wanted time in an answer to "when would you like to come?": the phrase of time, or a bare number ("five").
/// `None` when the answer holds no time.
pub fn from_answer(text: &str) -> Option<String> {
    let words = text::words(text);
    if let Some(range) = find(&words, &[]) {
        return Some(as_said(text, &words[range]));
    }
    if dates::is_vague(text) {
        return Some(as_said(text, &words));
    }
    let rest: Vec<&Word> = words.iter().filter(|w| !text::is_filler(&w.norm)).collect();
    let bare = (1..=4).contains(&rest.len())
        && rest.iter().any(|w| part(w) == Part::Number)
        && rest.iter().all(|w| matches!(part(w), Part::Number | Part::Link));
    let easy = text::says_any(
        &text::plain(&words),
        &[
            "anything is fine",
            "you decide",
            "you tell me",
            "when you are free",
            "when the doctor is free",
            "now",
            "right now",
            "soon",
            "up to you",
            "your convenience",
            "first available",
        ],
    );
    (bare || easy).then(|| as_said(text, &words))
}

/// The caller's words, with the first letter small unless it is a day or month.
pub(super) fn as_said(text: &str, words: &[Word]) -> String {
    let said = text::original(text, words);
    match words.first() {
        Some(first) if !is_proper(&first.norm) => lower_first(said),
        _ => said.to_owned(),
    }
}

fn is_proper(norm: &str) -> bool {
    norm == "i"
        || norm.ends_with("day") && !matches!(norm, "today" | "midday" | "weekday" | "day")
        || norm.ends_with("ber")
        || norm.ends_with("uary")
}

/// The text with its first letter in lower case.
pub(super) fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<String> {
        let words = text::words(text);
        find(&words, &[]).map(|range| as_said(text, &words[range]))
    }

    #[test]
    fn times_in_sentences() {
        for (text, time) in [
            ("I want an appointment tomorrow at five for a toothache", Some("tomorrow at five")),
            ("Tomorrow evening after five, please.", Some("tomorrow evening after five")),
            ("Can I come on Monday morning?", Some("Monday morning")),
            ("at 5:30 p.m. today", Some("5:30 p.m. today")),
            ("sometime next week", Some("sometime next week")),
            ("I want to come at five", Some("five")),
            ("day after tomorrow around 11", Some("day after tomorrow around 11")),
            ("on the 25th of November", Some("25th of November")),
            ("any time is fine", Some("any time")),
            ("kal shaam saadhe paanch baje", Some("kal shaam saadhe paanch baje")),
            ("mujhe paune chhe baje aana hai", Some("paune chhe baje")),
            ("sawa paanch", Some("sawa paanch")),
            ("as soon as possible", Some("as soon as possible")),
            ("between four and six in the evening", Some("between four and six in the evening")),
            ("Saturday or Sunday", Some("Saturday or Sunday")),
            ("Saturday, the twenty eighth", Some("Saturday, the twenty eighth")),
            ("my tooth hurts since morning", None),
            ("Good morning, this is Rahul", None),
            ("I have two teeth to be filled", None),
            ("for my son", None),
            ("", None),
        ] {
            assert_eq!(found(text).as_deref(), time, "{text}");
        }
    }

    #[test]
    fn a_day_that_was_lost_is_missed() {
        for text in ["on to evening.", "on to", "On two evening", "To evening, please.", "maybe on five morning"] {
            assert!(lost_day(text), "{text}");
        }
        for text in [
            "On Tuesday evening",
            "today to evening",
            "on the 25th in the evening",
            "on 25 November",
            "on five p.m.",
            "on fifth evening",
            "between five to six in the evening",
            "I want to come on Monday",
            "",
        ] {
            assert!(!lost_day(text), "{text}");
        }
        let found = |text: &str| found_day(text);
        assert_eq!(found("On to evening, please.").as_deref(), Some("Tuesday evening"));
        assert_eq!(found("on thirst morning at ten").as_deref(), Some("Thursday morning at ten"));
        assert_eq!(found("on fry").as_deref(), Some("Friday"));
        assert_eq!(found("Untoost the evening.").as_deref(), Some("Tuesday evening"));
        assert_eq!(found("in the evening"), None);
        assert_eq!(found("on five morning"), None, "no day sounds like that");
    }

    #[test]
    fn bare_answers() {
        assert_eq!(from_answer("Five.").as_deref(), Some("five"));
        assert_eq!(from_answer("half past six").as_deref(), Some("half past six"));
        assert_eq!(from_answer("You decide.").as_deref(), Some("you decide"));
        assert_eq!(from_answer("what?"), None);
        assert_eq!(from_answer("my number is 9876543210"), None);
    }
}
