use proptest::prelude::*;

use super::*;

fn full(text: &str) -> Option<String> {
    match heard(text, true) {
        NumberHeard::Complete(number) => Some(number.to_string()),
        _ => None,
    }
}

#[test]
fn numbers_as_callers_say_them_and_whisper_writes_them() {
    for text in [
        "9876543210",
        "It's 98765, 43210.",
        "98765 43210",
        "9876-543-210",
        "9-8-7-6-5-4-3-2-1-0",
        "9.8.7.6.5.4.3.2.1.0.",
        "987 654 3210",
        "98,765,43,210",
        "+91 98765 43210",
        "+919876543210",
        "91 98765 43210",
        "0 98765 43210",
        "09876543210",
        "zero nine eight seven six five four three two one zero",
        "plus nine one, nine eight seven six five, four three two one zero",
        "Nine eight seven six five four three two one oh.",
        "nine, eight, seven, six, five, four, three, two, one, nought",
        "ninety eight seven six five forty three two ten",
        "ninety-eight, seventy-six, fifty-four, thirty-two, ten",
        "My mobile number is nine eight seven six five and then four three two one zero",
        "uh nine eight seven um six five four three two one o",
        "98765 for three to one zero",
        "Nine ate seven six five for three to won oh",
        "98765. 43210. 98765. 43210.",
        "yes please note it, 98765 43210, that is my number",
        "nine eight six, sorry, nine eight seven six five four three two one zero",
        "987 six five 432 one 0",
    ] {
        assert_eq!(full(text).as_deref(), Some("+919876543210"), "{text}");
    }
}

#[test]
fn doubles_triples_and_tens() {
    for (text, national) in [
        ("nine, eight, double seven, six, five, four, three, two, one", "9877654321"),
        ("nine eight double 76 five four three two one", "9877654321"),
        ("triple nine double eight seven six five four three", "9998876543"),
        ("98 triple zero 12345", "9800012345"),
        ("nine eighty, seven six five four three two one", "9807654321"),
        ("nine eight hundred one two three four five six", "9800123456"),
        ("ninety nine double zero one two three four five six", "9900123456"),
        ("seven treble two oh oh four five six seven", "7222004567"),
        ("98 double double five four three two one one zero", "9855432110"),
        ("W9, W8, W7, W6, W5.", "9988776655"),
        ("98 W76 5 4 3 2 1", "9877654321"),
    ] {
        assert_eq!(full(text), Some(format!("+91{national}")), "{text}");
    }
}

#[test]
fn other_numbers_and_no_numbers() {
    assert_eq!(full("oh eight oh four seven one eight oh oh oh oh").as_deref(), Some("+918047180000"));
    assert_eq!(full("080 2345 6789").as_deref(), Some("+918023456789"));
    assert_eq!(full("+1 415 555 0100").as_deref(), Some("+14155550100"));
    assert_eq!(
        heard("two five four three two one two three four five", true),
        NumberHeard::Odd { digits: "2543212345".into() }
    );
    assert!(matches!(heard("987654321012", true), NumberHeard::Odd { .. }));
    assert_eq!(heard("98765", true), NumberHeard::Partial { digits: "98765".into(), restart: false });
    assert_eq!(heard("no, ninety eight seven", true), NumberHeard::Partial { digits: "987".into(), restart: false });
    for text in ["I want to come at five", "for two people", "tomorrow at 5:30 p.m.", "no one", "to be honest", ""] {
        assert_eq!(heard(text, false), NumberHeard::None, "{text}");
    }
    assert_eq!(heard("I don't have one", true), NumberHeard::Partial { digits: "1".into(), restart: false });
}

#[test]
fn the_number_the_call_comes_from() {
    for text in [
        "This number.",
        "the same number",
        "It's the number I'm calling from.",
        "same",
        "this one only",
        "you can call me on this number only",
    ] {
        assert_eq!(heard(text, true), NumberHeard::CallerId, "{text}");
    }
    assert_eq!(heard("Please call me back on this number", false), NumberHeard::CallerId);
    assert_eq!(heard("not this number", true), NumberHeard::None);
    assert_eq!(heard("who gave you this number", true), NumberHeard::None);
    assert_eq!(full("Not this number, 98765 43210").as_deref(), Some("+919876543210"));
}

#[test]
fn corrections_change_what_was_said_only() {
    let current = E164::parse("+919876254321").unwrap();
    for (text, wanted) in [
        ("No, it ends in four.", Some("9876254324")),
        ("no, last digit is five", Some("9876254325")),
        ("last digit five", Some("9876254325")),
        ("no the last two digits are five four", Some("9876254354")),
        ("No, it ends with double zero.", Some("9876254300")),
        ("it starts with eight", Some("8876254321")),
        ("the first two digits are seven nine", Some("7976254321")),
        ("the third digit is six", Some("9866254321")),
        ("no, it's double five four", Some("9876554321")),
        ("554", Some("9876554321")),
        ("no, five, not two", None),
        ("seven eight, not seven six", Some("9878254321")),
        ("not seven six but seven eight", Some("9878254321")),
        ("No, 4321 is wrong, it is 4322", Some("9876254322")),
        ("no it's nine eight seven six five four three two one oh", Some("9876543210")),
        ("No, 98765 43210", Some("9876543210")),
        ("no, five four three two two", Some("9876254322")),
        ("no", None),
        ("that is wrong", None),
        ("no, the name is Anita", None),
        ("nine eight seven six", None),
    ] {
        let corrected = correct(&current, text).map(|n| n.indian_national().unwrap().to_owned());
        assert_eq!(corrected.as_deref(), wanted, "{text}");
    }
}

#[test]
fn numbers_read_back_in_groups() {
    let number = E164::parse("+919876543210").unwrap();
    assert_eq!(spoken(&number), "nine eight seven six five, four three two one zero");
    assert_eq!(written(&number), "98765 43210");
    assert_eq!(
        spoken(&E164::parse("+14155550100").unwrap()),
        "plus one four one five, five five five zero, one zero zero"
    );
}

/// One of the ways in which people say a row of digits.
fn say(digits: &str, style: u8) -> String {
    let mut out = Vec::new();
    let bytes = digits.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let same = bytes[at..].iter().take_while(|b| **b == bytes[at]).count();
        let name = match (bytes[at], style) {
            (b'0', 1) => "oh".to_owned(),
            (b'0', 2) => "nought".to_owned(),
            _ => spoken_digits(&digits[at..=at]),
        };
        let (word, len) = match (style, same) {
            (1 | 2, 3..) => (format!("triple {name}"), 3),
            (1 | 2, 2) => (format!("double {name}"), 2),
            (3, _) if at + 5 <= bytes.len() => (digits[at..at + 5].to_owned(), 5),
            (4, _) => (digits[at..=at].to_owned(), 1),
            _ => (name, 1),
        };
        out.push(word);
        at += len;
    }
    out.join(if style == 4 {
        "-"
    } else if style == 5 {
        ", "
    } else {
        " "
    })
}

#[test]
fn landlines_are_taken_and_read_with_their_area_code() {
    for (said, number, spoken_back, written_back) in [
        (
            "zero two two, two eight five six, seven eight nine zero",
            "+912228567890",
            "zero two two, two eight five six, seven eight nine zero",
            "022 2856 7890",
        ),
        (
            "two two two eight five six seven eight nine zero",
            "+912228567890",
            "zero two two, two eight five six, seven eight nine zero",
            "022 2856 7890",
        ),
        ("0821 242 3456", "+918212423456", "eight two one two four, two three four five six", "82124 23456"),
        (
            "zero one seven two, two seven double four, one two three",
            "+911722744123",
            "zero one seven two, two seven four, four one two three",
            "0172 274 4123",
        ),
    ] {
        assert_eq!(full(said).as_deref(), Some(number), "{said}");
        let number = E164::parse(number).unwrap();
        assert_eq!((spoken(&number).as_str(), written(&number).as_str()), (spoken_back, written_back));
        assert_eq!(full(&spoken(&number)), Some(number.to_string()));
    }
    assert_eq!(full("two two one eight five six seven eight nine zero"), None, "no exchange begins with one");
}

proptest! {
    #[test]
    fn every_landline_that_is_said_is_heard(area in prop::sample::select(vec!["11", "22", "44", "172", "484", "5362", "4182"]), rest in "[2-7][0-9]{7}", style in 0u8..6, zero: bool) {
        let national = format!("{area}{}", &rest[..10 - area.len()]);
        let number = E164::parse(&format!("+91{national}")).unwrap();
        prop_assert!(number.indian_landline().is_some());
        let zero = if zero || area.len() > 2 { "0" } else { "" };
        let said = say(&format!("{zero}{national}"), style);
        prop_assert_eq!(heard(&said, true), NumberHeard::Complete(number.clone()), "{}", said);
        prop_assert_eq!(heard(&spoken(&number), true), NumberHeard::Complete(number.clone()));
        prop_assert_eq!(heard(&written(&number), true), NumberHeard::Complete(number));
    }

    #[test]
    fn every_spoken_form_gives_the_number(national in "[6-9][0-9]{9}", style in 0u8..6, lead in prop::sample::select(vec!["", "It's ", "my number is ", "+91 ", "0 "])) {
        let number = E164::parse(&format!("+91{national}")).unwrap();
        prop_assert_eq!(heard(&format!("{lead}{}.", say(&national, style)), true), NumberHeard::Complete(number.clone()));
        prop_assert_eq!(heard(&spoken(&number), true), NumberHeard::Complete(number.clone()));
        prop_assert_eq!(heard(&written(&number), false), NumberHeard::Complete(number));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,60}", asked: bool) {
        let _ = heard(&text, asked);
        let _ = correct(&E164::parse("+919876543210").unwrap(), &text);
    }

    #[test]
    fn a_correction_of_the_end_changes_the_end_only(national in "[6-9][0-9]{9}", tail in "[0-9]{1,4}") {
        let current = E164::parse(&format!("+91{national}")).unwrap();
        let wanted = format!("{}{tail}", &national[..10 - tail.len()]);
        let corrected = correct(&current, &format!("no, it ends with {}", spoken_digits(&tail)));
        prop_assert_eq!(corrected.is_none(), wanted == national);
        if let Some(number) = corrected {
            prop_assert_eq!(number.indian_national(), Some(wanted.as_str()));
        }
    }
}

#[test]
fn a_part_that_is_said_again_is_not_added() {
    let joined = |before: &str, after: &str| overlapped(before, after).map(|number| number.to_string());
    assert_eq!(joined("9876543", "43210").as_deref(), Some("+919876543210"));
    assert_eq!(joined("98765432", "9876543210").as_deref(), Some("+919876543210"));
    assert_eq!(joined("99887766", "776655").as_deref(), Some("+919988776655"));
    assert_eq!(joined("9876543", "99210"), None);
    assert_eq!(joined("9876543", ""), None);
    assert!(says_again("99887766", "99887755") && says_again("99887766", "998877"));
    assert!(!says_again("98765", "43210") && !says_again("98765", "98"));
}
