//! Telephone numbers as they are spoken in India, and as recognition writes them.

use std::ops::Range;

use super::text::{self, Gap, Word};
use crate::domain::{E164, digit_words};

/// What a caller's sentence says about a telephone number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NumberHeard {
    /// Nothing.
    None,
    /// "This number", "the same number": the one the call comes from.
    CallerId,
    /// A whole number.
    Complete(E164),
    /// Fewer digits than a number has; more may follow.
    Partial {
        digits: String,
        /// The caller began again ("sorry, nine eight …"): earlier digits are void.
        restart: bool,
    },
    /// As many digits as a number has, or more, but no Indian number.
    Odd { digits: String },
}

/// What a row of digits is, by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Complete(E164),
    Partial,
    Odd,
}

/// Sorts a row of digits, with or without country code or trunk zero; `plus` says that a plus came first.
pub fn classify(digits: &str, plus: bool) -> Kind {
    if plus && !digits.starts_with("91") && !digits.starts_with('0') {
        return match E164::parse(&format!("+{digits}")) {
            Ok(number) if digits.len() >= 8 => Kind::Complete(number),
            _ if digits.len() < 8 => Kind::Partial,
            _ => Kind::Odd,
        };
    }
    let national = digits.trim_start_matches('0');
    let trunk_zero = national.len() < digits.len();
    match national.len() {
        10 if plus => Kind::Partial,
        10 if trunk_zero || is_mobile(national) || is_metro(national) => indian(national),
        12 if national.starts_with("91") => indian(&national[2..]),
        20 | 24 if national[..national.len() / 2] == national[national.len() / 2..] => {
            classify(&national[..national.len() / 2], plus)
        }
        0..=9 => Kind::Partial,
        11 if national.starts_with("91") => Kind::Partial,
        _ => Kind::Odd,
    }
}

/// A landline of one of the metros whose area code is unlike a mobile number: callers leave its zero out.
fn is_metro(national: &str) -> bool {
    const AREAS: [&str; 6] = ["11", "20", "22", "33", "40", "44"];
    AREAS.contains(&&national[..2]) && matches!(national.as_bytes()[2], b'2'..=b'7')
}

fn is_mobile(national: &str) -> bool {
    matches!(national.as_bytes().first(), Some(b'6'..=b'9'))
}

fn indian(national: &str) -> Kind {
    E164::from_indian(&format!("+91{national}"))
        .map_or(Kind::Odd, |n| if n.indian_national() == Some(national) { Kind::Complete(n) } else { Kind::Odd })
}

/// The number of two parts of which the second begins with the end of the first: "98765 43", "43210".
pub(super) fn overlapped(before: &str, after: &str) -> Option<E164> {
    /// Fewer digits may be the same by chance.
    const LEAST: usize = 2;
    let most = before.len().min(after.len());
    (LEAST..=most).rev().filter(|shared| before.ends_with(&after[..*shared])).find_map(|shared| {
        match classify(&format!("{before}{}", &after[shared..]), false) {
            Kind::Complete(number) => Some(number),
            Kind::Partial | Kind::Odd => None,
        }
    })
}

/// Whether a row of digits is an earlier one once more and not what follows it: it begins as that did.
pub(super) fn says_again(before: &str, after: &str) -> bool {
    /// A part of a number that is said again is longer than what is left of it.
    const HALF: usize = 5;
    after.len() >= HALF && before.len() >= HALF && before[..2] == after[..2]
}

/// Digits that stand together.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    digits: String,
    plus: bool,
    /// Words "sorry", "no", "I mean" stand between the run before and this one.
    restart: bool,
    words: Range<usize>,
}

/// What the sentence says about the caller's number. `asked` says that a number was asked for, so that few digits, and
/// words that only sound like digits, count.
pub fn heard(text: &str, asked: bool) -> NumberHeard {
    heard_words(&text::words(text), asked).0
}

/// As [`heard`], with the words that the number takes.
pub(super) fn heard_words(words: &[Word], asked: bool) -> (NumberHeard, Vec<Range<usize>>) {
    let runs = runs(words, asked);
    // Where no number was asked for, few digits are something else: "at five".
    let spans = || runs.iter().filter(|run| asked || run.digits.len() >= 5).map(|run| run.words.clone()).collect();
    for run in runs.iter().rev() {
        if let Kind::Complete(number) = classify(&run.digits, run.plus) {
            return (NumberHeard::Complete(number), spans());
        }
    }
    let plain = text::plain(words);
    if runs.iter().all(|run| run.digits.len() < 4) && says_caller_number(&plain, asked) {
        return (NumberHeard::CallerId, spans());
    }
    if !asked {
        let long: Vec<&Run> = runs.iter().filter(|run| run.digits.len() >= 5).collect();
        return match long.last() {
            Some(run) => {
                let digits = run.digits.clone();
                (NumberHeard::Partial { digits, restart: true }, vec![run.words.clone()])
            }
            None => (NumberHeard::None, Vec::new()),
        };
    }
    let spans = spans();
    (joined(&runs), spans)
}

/// What all runs after the last restart give together.
fn joined(runs: &[Run]) -> NumberHeard {
    let from = runs.iter().rposition(|run| run.restart).unwrap_or(0);
    let digits: String = runs[from..].iter().map(|run| run.digits.as_str()).collect();
    if digits.is_empty() {
        return NumberHeard::None;
    }
    let restart = runs[from].restart;
    match classify(&digits, runs[from].plus) {
        Kind::Complete(number) => NumberHeard::Complete(number),
        Kind::Partial => NumberHeard::Partial { digits, restart },
        Kind::Odd => NumberHeard::Odd { digits },
    }
}

fn says_caller_number(plain: &str, asked: bool) -> bool {
    const STRONG: &[&str] = &[
        "this number",
        "this same number",
        "same number",
        "this mobile number",
        "this phone number",
        "calling from",
        "called from",
        "calling you from",
        "current number",
        "number is same",
        "number is the same",
        "calling with",
        "this very number",
    ];
    const WEAK: &[&str] = &[
        "this one",
        "same one",
        "this only",
        "same only",
        "the same",
        "same as this",
        "caller id",
        "on this",
        "yehi",
        "isi",
        "same",
    ];
    const NOT: &[&str] = &[
        "not this",
        "not the same",
        "not same",
        "different",
        "another",
        "other number",
        "dont call",
        "not on this",
        "what is this",
        "who",
    ];
    let strong = text::says_any(plain, STRONG)
        && (asked
            || text::says_any(
                plain,
                &["call", "callback", "contact", "reach", "my number", "number is", "use", "whatsapp"],
            ));
    (strong || asked && text::says_any(plain, WEAK)) && !text::says_any(plain, NOT)
}

/// All rows of digits in the words.
fn runs(words: &[Word], asked: bool) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut open = false;
    let mut restart = false;
    let mut plus = false;
    let mut at = 0;
    while at < words.len() {
        match piece(words, at, open, asked) {
            Some((digits, len)) => {
                plus |= words[at].plus;
                if open && !plus {
                    let run = runs.last_mut().expect("a run is open");
                    run.digits.push_str(&digits);
                    run.words.end = at + len;
                } else {
                    runs.push(Run { digits, plus, restart, words: at..at + len });
                }
                (open, restart, plus) = (true, false, false);
                at += len;
            }
            None => {
                let word = words[at].norm.as_str();
                plus = word == "plus";
                if matches!(word, "sorry" | "no" | "wait" | "mean" | "correction" | "rather" | "repeat") && open {
                    (open, restart) = (false, true);
                } else if open && !is_soft(word) {
                    open = false;
                }
                at += 1;
            }
        }
    }
    runs
}

/// Words that may stand inside a dictated number.
fn is_soft(word: &str) -> bool {
    text::is_filler(word)
        || matches!(
            word,
            "and"
                | "then"
                | "dash"
                | "hyphen"
                | "space"
                | "comma"
                | "its"
                | "next"
                | "yes"
                | "yeah"
                | "number"
                | "is"
                | "it"
                | "again"
                | "point"
                | "a"
        )
}

/// The digits that the words at `at` name by themselves, and how many words they take.
pub(super) fn digits_at(words: &[Word], at: usize) -> Option<(String, usize)> {
    piece(words, at, false, false)
}

/// The digits that the words at `at` stand for, and how many words they take.
fn piece(words: &[Word], at: usize, open: bool, asked: bool) -> Option<(String, usize)> {
    let word = words.get(at)?.norm.as_str();
    if let Some(digits) = doubled(word).filter(|_| asked) {
        return Some((digits, 1));
    }
    if let Some(times) = multiplier(word) {
        let (digits, len) = piece(words, at + 1, true, true)?;
        if multiplier(&words[at + 1].norm).is_some() {
            return Some((digits, len + 1)); // stuttered
        }
        let (first, rest) = digits.split_at(1);
        // "double 76" is how recognition writes "double seven, six".
        let whole = if multi_word(&words[at + 1].norm) { digits.repeat(times) } else { first.repeat(times) + rest };
        return Some((whole, len + 1));
    }
    if !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()) {
        return Some((word.to_owned(), 1));
    }
    if let Some(tens) = tens(word) {
        let unit = words.get(at + 1).filter(|next| next.gap == Gap::Space).and_then(|next| unit(&next.norm));
        return Some(match unit.filter(|unit| *unit > 0) {
            Some(unit) => ((tens + unit).to_string(), 2),
            None => (tens.to_string(), 1),
        });
    }
    if let Some(value) = unit(word).or_else(|| teen(word)) {
        return Some((value.to_string(), 1));
    }
    match word {
        "hundred" if open => Some(("00".into(), 1)),
        "thousand" if open => Some(("000".into(), 1)),
        _ => sounds_like(word).filter(|_| in_digits(words, at, open, asked)).map(|digit| (digit.to_string(), 1)),
    }
}

/// Whether a word that only sounds like a digit stands among digits.
fn in_digits(words: &[Word], at: usize, open: bool, asked: bool) -> bool {
    let numeric = |word: &Word| {
        let norm = word.norm.as_str();
        unit(norm).is_some()
            || tens(norm).is_some()
            || teen(norm).is_some()
            || multiplier(norm).is_some()
            || norm.bytes().all(|b| b.is_ascii_digit())
    };
    let before = open && at > 0 && (numeric(&words[at - 1]) || sounds_like(&words[at - 1].norm).is_some());
    let after = words.get(at + 1).is_some_and(numeric);
    let last = at + 1 == words.len();
    let zero = sounds_like(&words[at].norm) == Some(0);
    if zero || asked { before && (after || last || asked) || after && (asked || zero) } else { before && after }
}

/// "W9" is how recognition writes "double nine" at times.
fn doubled(word: &str) -> Option<String> {
    let digits = word.strip_prefix('w').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some(format!("{}{digits}", digits.get(..1)?))
}

fn multi_word(word: &str) -> bool {
    tens(word).is_some() || teen(word).is_some()
}

fn multiplier(word: &str) -> Option<usize> {
    match word {
        "double" | "dubble" | "doubles" => Some(2),
        "triple" | "treble" | "tripple" | "thrice" => Some(3),
        "quadruple" => Some(4),
        _ => None,
    }
}

fn unit(word: &str) -> Option<u32> {
    Some(match word {
        "zero" | "zeros" | "zeroes" | "nought" | "naught" | "nil" | "shunya" | "jero" => 0,
        "one" | "ones" | "ek" => 1,
        "two" | "twos" => 2,
        "three" | "threes" | "teen" => 3,
        "four" | "fours" | "char" => 4,
        "five" | "fives" | "paanch" | "panch" => 5,
        "six" | "sixes" | "chhe" | "chhah" => 6,
        "seven" | "sevens" | "saat" => 7,
        "eight" | "eights" | "aath" => 8,
        "nine" | "nines" | "nau" | "niner" => 9,
        _ => return None,
    })
}

fn teen(word: &str) -> Option<u32> {
    const TEENS: [&str; 10] =
        ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"];
    TEENS.iter().position(|teen| *teen == word).map(|index| index as u32 + 10)
}

fn tens(word: &str) -> Option<u32> {
    Some(match word {
        "twenty" => 20,
        "thirty" => 30,
        "forty" | "fourty" => 40,
        "fifty" => 50,
        "sixty" => 60,
        "seventy" => 70,
        "eighty" => 80,
        "ninety" | "ninty" => 90,
        _ => return None,
    })
}

/// Words that recognition writes for a digit, and that mean something else elsewhere.
fn sounds_like(word: &str) -> Option<u32> {
    Some(match word {
        "oh" | "o" | "ohh" | "owe" => 0,
        "won" | "wan" => 1,
        "to" | "too" | "do" => 2,
        "tree" | "free" => 3,
        "for" | "fore" => 4,
        "fife" => 5,
        "sicks" | "sex" | "sics" => 6,
        "ate" | "ait" => 8,
        "nein" | "line" => 9,
        _ => return None,
    })
}

/// Changes the number by what the caller objects to: "it ends in four", "last two digits are five four", "it starts
/// with eight", "third digit is six", "five, not two", "double five four" in place of what sounds most like it, or a
/// whole number. `None` when the sentence tells no change.
pub fn correct(current: &E164, text: &str) -> Option<E164> {
    let words = text::words(text);
    let now = current.indian_national().unwrap_or(current.digits());
    if let (NumberHeard::Complete(number), _) = heard_words(&words, true) {
        return Some(number);
    }
    let changed = anchored(now, &words).or_else(|| contrasted(now, &words)).or_else(|| aligned(now, &words))?;
    match classify(&changed, current.indian_national().is_none()) {
        Kind::Complete(number) if number != *current => Some(number),
        _ => None,
    }
}

/// The digits heard in the words, all rows joined.
fn digits_in(words: &[Word]) -> Option<String> {
    let digits: String = runs(words, true).iter().map(|run| run.digits.as_str()).collect();
    (!digits.is_empty()).then_some(digits)
}

/// "Ends in …", "last digits are …", "starts with …", "third digit is …".
fn anchored(now: &str, words: &[Word]) -> Option<String> {
    const ORDINALS: [&str; 10] =
        ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];
    let after_any =
        |phrases: &[&str]| phrases.iter().find_map(|phrase| text::find(words, phrase, 0)).map(|found| found.end);
    let tail = |from: usize| {
        let from = from
            + usize::from(matches!(
                words.get(from + 1).map(|w| w.norm.as_str()),
                Some("digit" | "digits" | "number" | "numbers")
            ));
        let value = (from..words.len())
            .find(|at| matches!(&*words[*at].norm, "is" | "are" | "with" | "in" | "be" | "digit" | "digits"))
            .map_or(from, |at| at + 1);
        digits_in(&words[value..]).filter(|digits| digits.len() < now.len())
    };
    if let Some(from) = after_any(&[
        "ends in",
        "ends with",
        "ending in",
        "ending with",
        "ending is",
        "end is",
        "last",
        "end with",
        "end in",
        "ends",
    ]) {
        let digits = tail(from)?;
        return Some(format!("{}{digits}", &now[..now.len() - digits.len()]));
    }
    let starts = after_any(&[
        "starts with",
        "begins with",
        "starting with",
        "beginning with",
        "starting is",
        "start is",
        "starts from",
        "starting",
    ]);
    let first_digits = text::find(words, "first", 0)
        .filter(|found| words[found.end..].iter().take(2).any(|word| word.norm == "digits" || word.norm == "numbers"));
    if let Some(from) = starts.or(first_digits.map(|found| found.end)) {
        let digits = tail(from)?;
        return Some(format!("{digits}{}", &now[digits.len()..]));
    }
    for (index, ordinal) in ORDINALS.iter().enumerate() {
        if let Some(found) = text::find(words, &format!("{ordinal} digit"), 0)
            .or_else(|| text::find(words, &format!("{ordinal} number"), 0))
        {
            let digit = digits_in(&words[found.end..])?;
            return (digit.len() == 1 && index < now.len())
                .then(|| format!("{}{digit}{}", &now[..index], &now[index + 1..]));
        }
    }
    None
}

/// "Five, not two", "not two but five", "instead of two, five": where the wrong digits stand only once.
fn contrasted(now: &str, words: &[Word]) -> Option<String> {
    if let Some(found) = text::find(words, "wrong", 0) {
        let (wrong, right) = (digits_in(&words[..found.start])?, digits_in(&words[found.end..])?);
        return replaced(now, &wrong, &right);
    }
    let (at, prefix) = match text::find(words, "instead of", 0) {
        Some(found) => (found.start, 2),
        None => (text::find(words, "not", 0)?.start, 1),
    };
    let before = digits_in(&words[..at]);
    let rest = &words[at + prefix..];
    let split = rest
        .iter()
        .position(|w| matches!(&*w.norm, "its" | "but" | "it" | "is"))
        .or_else(|| (1..rest.len()).find(|i| rest[*i].gap > Gap::Space));
    let (wrong, right) = match (before, split) {
        (Some(right), _) => (digits_in(rest)?, right),
        (None, Some(split)) => (digits_in(&rest[..split])?, digits_in(&rest[split..])?),
        (None, None) => return None,
    };
    replaced(now, &wrong, &right)
}

/// The number with the wrong digits replaced, where they stand only once.
fn replaced(now: &str, wrong: &str, right: &str) -> Option<String> {
    let mut places = now.match_indices(wrong);
    let (place, _) = places.next()?;
    let once = places.next().is_none() && wrong.len() == right.len();
    once.then(|| format!("{}{right}{}", &now[..place], &now[place + wrong.len()..]))
}

/// Three or more digits without a place: put where they differ least, if that place is the only one.
fn aligned(now: &str, words: &[Word]) -> Option<String> {
    let digits = digits_in(words).filter(|digits| (3..now.len()).contains(&digits.len()))?;
    let differences = |offset: usize| now[offset..].bytes().zip(digits.bytes()).filter(|(a, b)| a != b).count();
    let offsets = 0..=now.len() - digits.len();
    let least = offsets.clone().map(differences).min()?;
    let mut best = offsets.filter(|offset| differences(*offset) == least);
    let offset = best.next()?;
    let clear = best.next().is_none() && least > 0 && least * 2 < digits.len() + 1;
    clear.then(|| format!("{}{digits}{}", &now[..offset], &now[offset + digits.len()..]))
}

/// The number in groups of digit words, as the voice reads it: "nine eight seven six five, four three two one zero".
pub fn spoken(number: &E164) -> String {
    if let Some((area, subscriber)) = landline(number) {
        let groups: Vec<String> = grouped(subscriber).into_iter().map(spoken_digits).collect();
        return format!("zero {}, {}", spoken_digits(area), groups.join(", "));
    }
    let (prefix, digits) = match number.indian_national() {
        Some(national) => ("", national),
        None => ("plus ", number.digits()),
    };
    let groups: Vec<String> = grouped(digits).into_iter().map(spoken_digits).collect();
    prefix.to_owned() + &groups.join(", ")
}

/// Digits as words.
pub fn spoken_digits(digits: &str) -> String {
    digit_words(digits)
}

/// Area code and subscriber number, of a number that is not read as a mobile one.
fn landline(number: &E164) -> Option<(&str, &str)> {
    number.indian_landline().filter(|_| !number.is_indian_mobile())
}

/// The number as an Indian reader writes it: "98765 43210", "022 2856 7890"; foreign numbers in E.164.
pub fn written(number: &E164) -> String {
    if let Some((area, subscriber)) = landline(number) {
        return format!("0{area} {}", grouped(subscriber).join(" "));
    }
    number.indian_national().map_or_else(|| number.to_string(), |national| grouped(national).join(" "))
}

fn grouped(digits: &str) -> Vec<&str> {
    let size = match digits.len() {
        10 => 5,
        6 | 7 => 3,
        _ => 4,
    };
    let mut groups = Vec::new();
    let mut rest = digits;
    while !rest.is_empty() {
        if rest.len() == 4 {
            groups.push(rest);
            break;
        }
        let (group, tail) = rest.split_at(size.min(rest.len()));
        groups.push(group);
        rest = tail;
    }
    groups
}

#[cfg(test)]
#[path = "numbers_tests.rs"]
mod tests;
