//! Amounts of money as they are said in India: thousand, lakh, crore.

use super::text::{self, Word};
pub(super) use crate::domain::SMALL;
use crate::domain::TENS;
pub use crate::domain::in_words;

const CRORE: u64 = 10_000_000;
const LAKH: u64 = 100_000;
/// Amounts from here on are not told: 10^14 rupees are more than a business asks for.
const MOST: u64 = 100_000_000_000_000;

/// The number in figures, grouped as in India: 150000 is "1,50,000".
pub(super) fn in_figures(value: u64) -> String {
    let digits = value.to_string();
    let (mut rest, last) = digits.split_at(digits.len().saturating_sub(3));
    let mut groups = vec![last];
    while !rest.is_empty() {
        let (more, group) = rest.split_at(rest.len().saturating_sub(2));
        groups.push(group);
        rest = more;
    }
    groups.reverse();
    groups.join(",")
}

/// An amount with its unit: "five hundred rupees".
pub(super) fn rupees(value: u64) -> String {
    format!("{} {}", in_words(value), if value == 1 { "rupee" } else { "rupees" })
}

/// The amount in a sentence, in rupees: "two and a half lakh", "dedh lakh", "fifteen hundred", "Rs. 1,20,000", "1.5
/// lakhs". `None` when no number stands beside a word of money or of size, so that "at five" is no amount.
pub fn heard(said: &str) -> Option<u64> {
    let spaced = said.replace('₹', " rupees ").replace("/-", " ");
    let words = text::words(&with_spoken_points(&without_group_commas(&spaced)));
    (0..words.len()).find_map(|at| amount(&words, at))
}

/// "1,20,000" as "120000": commas between digits group them.
fn without_group_commas(text: &str) -> String {
    let bytes = text.as_bytes();
    let groups = |at: usize| {
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let after = (at + 1..).take_while(|at| digit(*at)).count();
        at > 0 && digit(at - 1) && (2..=3).contains(&after)
    };
    text.char_indices().filter(|(at, letter)| *letter != ',' || !groups(*at)).map(|(_, letter)| letter).collect()
}

/// "1.5" as "1 point 5", as it is said.
fn with_spoken_points(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let mut spoken = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        if letter == '.' && digit(at.checked_sub(1)) && digit(Some(at + 1)) {
            spoken.push_str(" point ");
        } else {
            spoken.push(letter);
        }
    }
    spoken
}

/// What was read so far: whole sizes, and the number before the next one, both in hundredths for "one and a quarter".
#[derive(Default)]
struct Reading {
    total: u64,
    group: Option<u64>,
    /// The last word ended a group of tens, so that "twenty five" goes on and "five twenty" does not.
    open_tens: bool,
    /// A word of size was read.
    sized: bool,
}

fn amount(words: &[Word], start: usize) -> Option<u64> {
    let mut reading = Reading::default();
    let mut at = start;
    while at < words.len() && reading.total < MOST * 100 {
        match reading.take(words, at) {
            0 => break,
            taken => at += taken,
        }
    }
    if at == start {
        return None;
    }
    let money = |at: usize| {
        words
            .get(at)
            .is_some_and(|word| matches!(&*word.norm, "rupee" | "rupees" | "rupaye" | "rupay" | "rs" | "inr" | "bucks"))
    };
    let marked = reading.sized || money(at) || start > 0 && money(start - 1);
    let value = (reading.total + reading.group.unwrap_or(0)) / 100;
    (marked && value < MOST).then_some(value)
}

impl Reading {
    /// Reads on at `at`; how many words were taken, 0 at the end of the amount.
    fn take(&mut self, words: &[Word], at: usize) -> usize {
        let word = words[at].norm.as_str();
        if let Some(size) = size_of(word) {
            // A size of its own is one of it.
            let group = match self.group.take() {
                Some(group) => group,
                None if self.sized && size == CRORE && self.total > 0 => 0,
                None if self.sized => return 0,
                None => 100,
            };
            // "Two lakh crore": a crore multiplies all that stands before it.
            let before = if size == CRORE { std::mem::take(&mut self.total) + group } else { group };
            let value = before.saturating_mul(size);
            if size == 100 {
                self.group = Some(value)
            } else {
                self.total = self.total.saturating_add(value)
            }
            (self.sized, self.open_tens) = (true, false);
            return 1;
        }
        if word == "and" && (self.sized || self.group.is_some()) {
            let (fraction, len) = fraction_after(words, at);
            if fraction > 0 {
                self.group = Some(self.group.unwrap_or(0) + fraction);
                return len;
            }
            let goes_on = self.sized && words.get(at + 1).is_some_and(|next| small(&next.norm).is_some());
            return usize::from(goes_on);
        }
        if let Some((hundredths, len)) = part_number(words, at) {
            return self.add(hundredths, len, false);
        }
        match small(word).or_else(|| digits(word)) {
            Some((value, tens)) => self.add(value, 1, tens),
            None => 0,
        }
    }

    fn add(&mut self, hundredths: u64, len: usize, tens: bool) -> usize {
        let fits = match self.group {
            None => true,
            Some(_) if self.open_tens => hundredths < 1_000,
            // After "two hundred" and its like, what is below a hundred.
            Some(group) => group >= 10_000 && group % 10_000 == 0 && hundredths < 10_000,
        };
        if !fits {
            return 0;
        }
        self.group = Some(self.group.unwrap_or(0) + hundredths);
        self.open_tens = tens;
        len
    }
}

fn size_of(word: &str) -> Option<u64> {
    Some(match word {
        "hundred" | "sau" => 100,
        "thousand" | "thousands" | "hazaar" | "hazar" | "k" => 1_000,
        "lakh" | "lakhs" | "lac" | "lacs" | "laakh" => LAKH,
        "crore" | "crores" | "karod" => CRORE,
        _ => return None,
    })
}

/// "a half", "half", "a quarter" after "and": hundredths, and the words with "and".
fn fraction_after(words: &[Word], at: usize) -> (u64, usize) {
    let skip = usize::from(words.get(at + 1).is_some_and(|word| word.norm == "a"));
    match words.get(at + 1 + skip).map(|word| word.norm.as_str()) {
        Some("half") => (50, 2 + skip),
        Some("quarter") => (25, 2 + skip),
        _ => (0, 0),
    }
}

/// Numbers with a fraction in one word or two, in hundredths: "dedh" (1½), "dhai" (2½), "sava" (1¼), "sadhe teen" (3½),
/// "paune do" (1¾), "half" before a size, "one point five".
fn part_number(words: &[Word], at: usize) -> Option<(u64, usize)> {
    let next = || words.get(at + 1).and_then(|word| small(&word.norm)).map(|(value, _)| value);
    let sized = || words.get(at + 1).is_some_and(|word| size_of(&word.norm).is_some());
    match words[at].norm.as_str() {
        "dedh" => Some((150, 1)),
        "dhai" | "adhai" => Some((250, 1)),
        "sava" if sized() => Some((125, 1)),
        "half" | "aadha" if sized() => Some((50, 1)),
        "sadhe" | "saadhe" => Some((next()? + 50, 2)),
        "paune" => Some((next()?.checked_sub(25)?, 2)),
        _ => decimal(words, at),
    }
}

/// "One point five" and "2 point 25", in hundredths, with the words that it takes.
fn decimal(words: &[Word], at: usize) -> Option<(u64, usize)> {
    let number = |at: usize| words.get(at).and_then(|word| small(&word.norm).or_else(|| digits(&word.norm)));
    let (whole, _) = number(at)?;
    if words.get(at + 1)?.norm != "point" {
        return None;
    }
    let (part, _) = number(at + 2)?;
    let tenths = part < 1_000 && !words[at + 2].norm.starts_with('0');
    let hundredths = if tenths { part / 10 } else { part / 100 };
    (hundredths < 100).then_some((whole + hundredths, 3))
}

/// A number below a hundred at `at`, in one word or two ("twenty five"), with the words that it takes.
pub(super) fn below_hundred(words: &[Word], at: usize) -> Option<(u64, usize)> {
    let number = |at: usize| words.get(at).and_then(|word| small(&word.norm).or_else(|| digits(&word.norm)));
    let (value, tens) = number(at)?;
    match number(at + 1) {
        Some((unit @ 100..1_000, false)) if tens => Some(((value + unit) / 100, 2)),
        _ => (value < 10_000).then_some((value / 100, 1)),
    }
}

/// A word below a hundred, in hundredths; whether it is a ten that a unit may follow.
fn small(word: &str) -> Option<(u64, bool)> {
    let word = match word {
        "ek" => "one",
        "do" => "two",
        "teen" => "three",
        "char" | "chaar" => "four",
        "paanch" | "panch" => "five",
        "chhe" => "six",
        "saat" => "seven",
        "aath" => "eight",
        "nau" => "nine",
        "das" => "ten",
        "gyarah" | "gyara" => "eleven",
        "barah" | "bara" => "twelve",
        word => word,
    };
    let position = |list: &[&str]| list.iter().position(|known| *known == word && !word.is_empty());
    let unit = position(&SMALL).map(|value| (value as u64 * 100, false));
    unit.or_else(|| position(&TENS).map(|tens| (tens as u64 * 1_000, true)))
}

fn digits(word: &str) -> Option<(u64, bool)> {
    let number = (1..=12).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit());
    number.then(|| word.parse::<u64>().ok())?.map(|value| (value * 100, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_said_with_lakh_and_crore() {
        for (value, words) in [
            (0, "zero"),
            (21, "twenty one"),
            (800, "eight hundred"),
            (3_500, "three thousand five hundred"),
            (120_000, "one lakh twenty thousand"),
            (25_000_007, "two crore fifty lakh seven"),
            (100 * CRORE, "one hundred crore"),
        ] {
            assert_eq!(in_words(value), words);
        }
        let figures = [7, 999, 1_500, 150_000, 25_000_000].map(in_figures);
        assert_eq!(figures, ["7", "999", "1,500", "1,50,000", "2,50,00,000"]);
        assert_eq!((rupees(1), rupees(40)), ("one rupee".into(), "forty rupees".into()));
    }

    #[test]
    fn amounts_are_heard_as_people_say_them() {
        for (said, value) in [
            ("the bill was two thousand five hundred rupees", 2_500),
            ("fifteen hundred", 1_500),
            ("two and a half lakh", 250_000),
            ("one and half thousand", 1_500),
            ("dedh lakh", 150_000),
            ("dhai hazaar", 2_500),
            ("sadhe teen hazaar", 3_500),
            ("paune do lakh", 175_000),
            ("sava lakh", 125_000),
            ("half crore", 5_000_000),
            ("Rs. 1,20,000 only", 120_000),
            ("₹500", 500),
            ("1.5 lakhs", 150_000),
            ("2.25 lakh", 225_000),
            ("one point five crore", 15_000_000),
            ("five hundred and twenty rupees", 520),
            ("a hundred rupees", 100),
            ("one lakh and fifty thousand", 150_000),
            ("20k", 20_000),
        ] {
            let said = said.replace("20k", "20 k");
            assert_eq!(heard(&said), Some(value), "{said}");
        }
        for said in ["at five", "my number is nine eight", "call me on 98765", "two of us", "", "a rupee-less day"] {
            assert_eq!(heard(said), None, "{said}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_said_is_heard(value in 1_u64..MOST) {
            assert_eq!(heard(&rupees(value)), Some(value), "{}", rupees(value));
            let figures = value % 1_000_000_000_000;
            assert_eq!(heard(&format!("₹{}", in_figures(figures))), Some(figures));
        }

        #[test]
        fn any_text_is_survived(text in ".{0,60}") {
            let _ = heard(&text);
        }
    }
}
