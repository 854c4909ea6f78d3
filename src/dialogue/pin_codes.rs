//! Indian PIN codes as they are spoken: digit by digit, in pairs, in threes, or as a number with thousands and lakhs.

use super::numbers::{self, NumberHeard};
use super::text::{self, Word};
use crate::domain::PinCode;

/// What a caller's sentence says about a PIN code that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PinHeard {
    None,
    Complete(PinCode),
    /// Fewer digits than a PIN code has; more may follow.
    Partial(String),
    /// Digits that are no PIN code.
    Odd,
}

/// Reads the answer to "what is your PIN code?"; `before` are digits that were said already.
pub(super) fn heard(said: &str, before: &str) -> PinHeard {
    let words = text::words(&without_group_commas(said));
    if let Some(pin) = by_value(&words) {
        return PinHeard::Complete(pin);
    }
    let (digits, restart) = match numbers::heard(said, true) {
        NumberHeard::Partial { digits, restart } => (digits, restart),
        NumberHeard::Odd { digits } => (digits, false),
        NumberHeard::Complete(_) => return PinHeard::Odd,
        NumberHeard::None | NumberHeard::CallerId => return PinHeard::None,
    };
    let joined = if restart { digits.clone() } else { format!("{before}{digits}") };
    let whole = |digits: &str| PinCode::parse(digits).ok();
    // Said twice, or anew and whole although a part was there.
    let (half, rest) = digits.split_at(digits.len() / 2);
    let twice = (half == rest).then(|| whole(half)).flatten();
    match whole(&joined).or_else(|| whole(&digits)).or(twice) {
        Some(pin) => PinHeard::Complete(pin),
        None if joined.len() < 6 && PinCode::parse(&format!("{joined:1<6}")).is_ok() => PinHeard::Partial(joined),
        None => PinHeard::Odd,
    }
}

/// "5,60,038" and "560,038" as "560038".
fn without_group_commas(said: &str) -> String {
    let bytes = said.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let between = |at: usize| at > 0 && digit(at - 1) && digit(at + 1);
    said.char_indices().filter(|(at, letter)| *letter != ',' || !between(*at)).map(|(_, letter)| letter).collect()
}

/// "Five sixty thousand thirty eight", "five lakh sixty thousand and thirty eight", and "560000 38" as recognition
/// writes the first.
fn by_value(words: &[Word]) -> Option<PinCode> {
    let round = |word: &&Word| word.norm.len() == 6 && word.norm.ends_with("000") && is_number(&word.norm);
    if let Some((at, head)) = words.iter().enumerate().find(|(_, word)| round(word)) {
        let rest = group(&words[at + 1..]).unwrap_or_default();
        let (head, rest) = (head.norm.parse::<u32>().ok()?, rest.parse::<u32>().unwrap_or(0));
        return PinCode::parse(&(head + if rest < 1_000 { rest } else { 0 }).to_string()).ok();
    }
    let at = |names: &[&str]| words.iter().position(|word| names.contains(&&*word.norm));
    let lakh = at(&["lakh", "lakhs", "lac", "lacs"]);
    let thousand = at(&["thousand", "thousands", "hazaar", "hazar"]);
    if lakh.is_none() && thousand.is_none() {
        return None;
    }
    let value = |from: usize, to: usize| match group(words.get(from..to)?) {
        Some(digits) => digits.parse::<u32>().ok(),
        None => Some(0),
    };
    let lakhs = lakh.map_or(Some(0), |at| value(0, at))?;
    let after_lakh = lakh.map_or(0, |at| at + 1);
    let thousands = thousand.map_or(Some(0), |at| value(after_lakh, at))?;
    let rest = value(thousand.map_or(after_lakh, |at| at + 1), words.len())?;
    let in_range = rest < if thousand.is_some() { 1_000 } else { 100_000 } && thousands < 1_000;
    let sum = lakhs.checked_mul(100_000)?.checked_add(thousands * 1_000)?.checked_add(rest)?;
    PinCode::parse(&sum.to_string()).ok().filter(|_| in_range)
}

/// The digits that the words before or after a word of size give: "five sixty" is 560, "five hundred and sixty" too.
fn group(words: &[Word]) -> Option<String> {
    let hundred = words.iter().position(|word| matches!(&*word.norm, "hundred" | "sau"));
    let digits = |words: &[Word]| {
        let said: Vec<&str> = words.iter().map(|word| word.norm.as_str()).collect();
        match numbers::heard(&said.join(" "), true) {
            NumberHeard::Partial { digits, .. } => Some(digits),
            _ => None,
        }
    };
    match hundred {
        None => digits(words),
        Some(at) => {
            let head: u32 = digits(&words[..at])?.parse().ok()?;
            let rest = digits(&words[at + 1..]).map_or(Some(0), |rest| rest.parse::<u32>().ok())?;
            (head < 100 && rest < 100).then(|| (head * 100 + rest).to_string())
        }
    }
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// The PIN code in groups of three digit words, as the voice reads it.
pub(super) fn spoken(pin: &PinCode) -> String {
    let (zone, rest) = pin.as_str().split_at(3);
    format!("{}, {}", numbers::spoken_digits(zone), numbers::spoken_digits(rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::amounts;
    use super::*;

    fn full(said: &str) -> Option<String> {
        match heard(said, "") {
            PinHeard::Complete(pin) => Some(pin.to_string()),
            _ => None,
        }
    }

    #[test]
    fn pin_codes_as_callers_say_them() {
        for said in [
            "560038",
            "It's 560 038.",
            "56 00 38",
            "5-6-0-0-3-8",
            "5,60,038",
            "560,038",
            "560,000 38",
            "five six zero zero three eight",
            "five six double zero three eight",
            "fifty six double oh thirty eight",
            "five sixty zero three eight",
            "five sixty thousand thirty eight",
            "PIN code five sixty thousand thirty eight",
            "five hundred and sixty thousand and thirty eight",
            "five lakh sixty thousand thirty eight",
            "five six zero, zero three eight, Indiranagar",
            "560038. 560038.",
        ] {
            assert_eq!(full(said).as_deref(), Some("560038"), "{said}");
        }
        assert_eq!(full("one ten thousand one").as_deref(), Some("110001"));
        assert_eq!(full("four lakh one").as_deref(), Some("400001"));
        assert_eq!(full("six hundred thousand four").as_deref(), Some("600004"));
        assert_eq!(full("one one triple zero one").as_deref(), Some("110001"));
    }

    #[test]
    fn other_digits_are_no_pin_code() {
        assert_eq!(heard("five six zero", ""), PinHeard::Partial("560".into()));
        assert_eq!(heard("zero three eight", "560"), PinHeard::Complete(PinCode::parse("560038").unwrap()));
        assert_eq!(heard("560038", "56"), PinHeard::Complete(PinCode::parse("560038").unwrap()));
        for said in ["960038", "5600381", "98765 43210", "zero six zero zero three eight"] {
            assert_eq!(heard(said, ""), PinHeard::Odd, "{said}");
        }
        assert_eq!(heard("I don't know", ""), PinHeard::None);
    }

    /// One of the ways in which people say a PIN code.
    fn say(pin: &str, way: u8) -> String {
        let number: u64 = pin.parse().unwrap();
        match way {
            0 => numbers::spoken_digits(pin),
            1 => format!("{} {} {}", &pin[..2], &pin[2..4], &pin[4..]),
            2 => format!("{} {}", &pin[..3], &pin[3..]),
            3 => amounts::in_words(number),
            4 => format!("{}, {}", numbers::spoken_digits(&pin[..3]), numbers::spoken_digits(&pin[3..])),
            5 => numbers::spoken_digits(pin).replace("zero zero", "double zero").replace("one one", "double one"),
            6 => {
                // "five sixty thousand thirty eight"
                let thousands = number / 1_000;
                let (hundreds, below) = (thousands / 100, thousands % 100);
                let below = match below {
                    0 => "hundred".to_owned(),
                    1..=9 => format!("zero {}", amounts::in_words(below)),
                    _ => amounts::in_words(below),
                };
                let rest = if number.is_multiple_of(1_000) { String::new() } else { amounts::in_words(number % 1_000) };
                format!("{} {below} thousand {rest}", amounts::in_words(hundreds))
            }
            _ => pin.to_owned(),
        }
    }

    proptest! {
        #[test]
        fn what_is_said_is_heard(pin in "[1-8][0-9]{5}", way in 0_u8..8, lead in prop::sample::select(vec!["", "it is ", "PIN code ", "my pin code is "])) {
            let said = format!("{lead}{}.", say(&pin, way));
            prop_assert_eq!(full(&said), Some(pin.clone()), "{}", said);
            let pin = PinCode::parse(&pin).unwrap();
            prop_assert_eq!(heard(&spoken(&pin), ""), PinHeard::Complete(pin));
        }

        #[test]
        fn any_text_is_survived(text in "\\PC{0,60}", before in "[1-8][0-9]{0,4}") {
            let _ = heard(&text, &before);
        }
    }
}
