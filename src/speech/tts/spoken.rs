//! Figures as they are said in India: rupees with lakh and crore, times, dates, and long numbers digit by digit.

use crate::domain::{digit_words, in_words};

/// The text with its figures in words. What is no figure stays as it is.
pub fn figures_in_words(text: &str) -> String {
    if !text.contains(|letter: char| letter.is_ascii_digit() || letter == '₹') {
        return text.to_owned();
    }
    // A new line ends a sentence.
    let lines: Vec<String> = text.split('\n').map(line_in_words).collect();
    lines.join("\n")
}

fn line_in_words(text: &str) -> String {
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let mut spoken: Vec<String> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let (words, len) = reading(&tokens, at).unwrap_or_else(|| (tokens[at].to_owned(), 1));
        spoken.push(words);
        at += len;
    }
    spoken.join(" ")
}

/// How the tokens at `at` are said, and how many of them that takes; `None` for what is no figure.
fn reading(tokens: &[&str], at: usize) -> Option<(String, usize)> {
    let (token, mark) = bare(tokens[at]);
    let with_mark = |words: String, mark: &str| format!("{words}{mark}");
    let next = tokens.get(at + 1).map(|token| bare(token));
    if let Some(amount) = rupee_sign(token) {
        let (amount, mark, len) = match (amount, next) {
            ("", Some((amount, mark))) => (amount, mark, 2),
            ("", None) => return None,
            (amount, _) => (amount, mark, 1),
        };
        let sized = tokens.get(at + len).map(|size| bare(size)).filter(|(size, _)| is_size(size));
        return Some(match (rupees(amount)?, sized) {
            (Amount::Whole(words), Some((size, mark))) => (with_mark(format!("{words} {size} rupees"), mark), len + 1),
            (Amount::Whole(words), None) if words == "one" => (with_mark("one rupee".into(), mark), len),
            (Amount::Whole(words), None) => (with_mark(format!("{words} rupees"), mark), len),
            (Amount::WithPaise(words), _) => (with_mark(words, mark), len),
        });
    }
    if let Some(time) = clock(token, next.filter(|_| mark.is_empty()).map(|(half, _)| half)) {
        let (words, takes_half) = time;
        let mark = if takes_half { next.map_or("", |(_, mark)| mark) } else { mark };
        return Some((
            with_mark(words, if takes_half && mark == "." { "" } else { mark }),
            1 + usize::from(takes_half),
        ));
    }
    if let Some((words, len)) = telephone(tokens, at) {
        return Some((with_mark(words, bare(tokens[at + len - 1]).1), len));
    }
    ordinal(token).or_else(|| number(token)).map(|words| (with_mark(words, mark), 1))
}

/// The token without the punctuation after it, and that punctuation.
fn bare(token: &str) -> (&str, &str) {
    let word = token.trim_end_matches(['.', ',', ';', '?', '!', ')']);
    (word, &token[word.len()..])
}

fn rupee_sign(token: &str) -> Option<&str> {
    ["₹", "Rs.", "Rs", "INR"].iter().find_map(|sign| token.strip_prefix(sign))
}

enum Amount {
    Whole(String),
    WithPaise(String),
}

/// "1,50,000", "500/-", "99.50".
fn rupees(amount: &str) -> Option<Amount> {
    let amount = amount.trim_end_matches("/-").trim_end_matches(".00");
    let digits: String = amount.chars().filter(|letter| *letter != ',').collect();
    if let Some((whole, paise)) = digits.split_once('.') {
        let (whole, paise) = (parse(whole)?, parse(paise).filter(|_| paise.len() == 2)?);
        return Some(Amount::WithPaise(format!("{} rupees {} paise", in_words(whole), in_words(paise))));
    }
    parse(&digits).map(in_words).map(Amount::Whole)
}

fn parse(digits: &str) -> Option<u64> {
    let number = (1..=14).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    number.then(|| digits.parse().ok()).flatten()
}

fn is_size(word: &str) -> bool {
    matches!(word, "lakh" | "lakhs" | "crore" | "crores" | "thousand" | "hundred")
}

/// "5:30", "17:00", "10:30pm", with "p.m." after it as the voice says it; whether the word after it belongs to it.
fn clock(token: &str, next: Option<&str>) -> Option<(String, bool)> {
    let lower = token.to_ascii_lowercase();
    let figures = lower.trim_end_matches(|letter: char| letter.is_ascii_alphabetic() || letter == '.');
    let half = |text: &str| match text.replace('.', "").to_ascii_lowercase().as_str() {
        "am" => Some("a.m."),
        "pm" => Some("p.m."),
        _ => None,
    };
    let own = half(&lower[figures.len()..]);
    if own.is_none() && figures.len() < lower.len() {
        return None;
    }
    let said = own.or_else(|| next.and_then(half));
    let (hour, minute) = match figures.split_once(':') {
        Some((hour, minute)) if minute.len() == 2 => (parse(hour)?, parse(minute)?),
        None if said.is_some() && figures.len() <= 2 => (parse(figures)?, 0),
        _ => return None,
    };
    if hour > 24 || minute > 59 || said.is_some() && !(1..=12).contains(&hour) {
        return None;
    }
    let said = said.unwrap_or(if hour >= 12 { "p.m." } else { "a.m." });
    // An hour of one to eleven without a half is said as it stands: nobody knows which one is meant.
    let known = own.is_some() || next.and_then(half).is_some() || hour == 0 || hour > 12;
    let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
    let minutes = match minute {
        0 => String::new(),
        1..=9 => format!(" oh {}", in_words(minute)),
        _ => format!(" {}", in_words(minute)),
    };
    let words = match (known, minute) {
        (true, _) => format!("{}{minutes} {said}", in_words(hour)),
        (false, 0) => format!("{} o'clock", in_words(hour)),
        (false, _) => format!("{}{minutes}", in_words(hour)),
    };
    Some((words, own.is_none() && next.and_then(half).is_some()))
}

/// "+91 98450 12345", "98450 12345", "9845012345", "080 4718 0000": digit by digit, in the groups as written.
fn telephone(tokens: &[&str], at: usize) -> Option<(String, usize)> {
    let mut groups: Vec<String> = Vec::new();
    let mut len = 0;
    for token in &tokens[at..] {
        let (word, mark) = bare(token);
        let digits = word.strip_prefix('+').filter(|_| len == 0).unwrap_or(word);
        let parts: Vec<&str> = digits.split('-').collect();
        if parts.iter().any(|part| part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit())) {
            break;
        }
        groups.extend(parts.into_iter().map(str::to_owned));
        len += 1;
        if !mark.is_empty() {
            break;
        }
    }
    let digits: usize = groups.iter().map(String::len).sum();
    // A few digits, or a year beside a day, are numbers; a PIN code is read by itself.
    let long = (10..=15).contains(&digits) || digits == 6 && groups.len() == 1 && !tokens[at].starts_with('0');
    if !long || len > 4 {
        return None;
    }
    let split: Vec<String> = groups.iter().flat_map(|group| halves(group)).map(digit_words).collect();
    let plus = if tokens[at].starts_with('+') { "plus " } else { "" };
    Some((format!("{plus}{}", split.join(", ")), len))
}

/// Ten digits in two groups of five, six in two of three.
fn halves(group: &str) -> Vec<&str> {
    match group.len() {
        10 | 6 => vec![&group[..group.len() / 2], &group[group.len() / 2..]],
        _ => vec![group],
    }
}

/// "25th", "1st".
fn ordinal(token: &str) -> Option<String> {
    const FIRST: [&str; 20] = [
        "",
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
    ];
    let digits = token.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let value = parse(digits).filter(|_| matches!(&token[digits.len()..], "st" | "nd" | "rd" | "th"))?;
    match value {
        1..=19 => Some(FIRST[value as usize].to_owned()),
        20 => Some("twentieth".to_owned()),
        30 => Some("thirtieth".to_owned()),
        21..=31 => Some(format!("{} {}", in_words(value / 10 * 10), FIRST[(value % 10) as usize])),
        _ => None,
    }
}

/// "1,50,000", "12", "2026": a number; a year in pairs.
fn number(token: &str) -> Option<String> {
    let digits: String = token.chars().filter(|letter| *letter != ',').collect();
    let grouped = digits.len() < token.len();
    if digits.starts_with('0') && digits.len() > 1 {
        return digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digit_words(&digits));
    }
    let value = parse(&digits)?;
    if (2_010..2_100).contains(&value) && !grouped {
        return Some(format!("twenty {}", in_words(value % 100)));
    }
    Some(in_words(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_said_as_in_india() {
        for (text, spoken) in [
            ("It costs ₹1,50,000.", "It costs one lakh fifty thousand rupees."),
            ("Rs. 500/- only", "five hundred rupees only"),
            ("Rs 2,500, please", "two thousand five hundred rupees, please"),
            ("₹2 lakh", "two lakh rupees"),
            ("₹99.50 a day", "ninety nine rupees fifty paise a day"),
            ("₹1 more", "one rupee more"),
            ("Come at 5:30 pm.", "Come at five thirty p.m."),
            ("at 5:30 p.m. today", "at five thirty p.m. today"),
            ("from 10:00 to 19:00", "from ten o'clock to seven p.m."),
            ("9 am, please", "nine a.m., please"),
            ("10:05am", "ten oh five a.m."),
            ("at 5:30?", "at five thirty?"),
            ("on 25th November 2026", "on twenty fifth November twenty twenty six"),
            ("the 1st", "the first"),
            ("Call 98450 12345.", "Call nine eight four five zero, one two three four five."),
            ("Call 9845012345", "Call nine eight four five zero, one two three four five"),
            ("+91 98450 12345", "plus nine one, nine eight four five zero, one two three four five"),
            ("080-4718-0000, ok", "zero eight zero, four seven one eight, zero zero zero zero, ok"),
            ("Bengaluru 560038", "Bengaluru five six zero, zero three eight"),
            ("12, M G Road", "twelve, M G Road"),
            ("about 1,20,000 people", "about one lakh twenty thousand people"),
            ("route 007", "route zero zero seven"),
            ("A4 paper and 3D", "A4 paper and 3D"),
            ("We open at ten.", "We open at ten."),
            ("3.5 stars", "3.5 stars"),
        ] {
            let read = figures_in_words(text);
            assert_eq!(read.trim_start_matches("Rs. "), spoken, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "[0-9₹:.,+ apm/-]{0,40}|\\PC{0,60}") {
            let _ = figures_in_words(&text);
        }

        #[test]
        fn no_figure_of_money_or_a_telephone_is_left(value in 0_u64..1_000_000_000, national in "[6-9][0-9]{9}") {
            let spoken = figures_in_words(&format!("₹{value} from {national}"));
            assert!(!spoken.contains(|letter: char| letter.is_ascii_digit()), "{spoken}");
            assert!(spoken.contains("rupee"), "{spoken}");
        }
    }
}
