//! Numbers in words, as they are said in India.

const CRORE: u64 = 10_000_000;
const LAKH: u64 = 100_000;

/// The numbers that are one word, from zero.
pub const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
/// The tens, by their first digit; empty below twenty.
pub const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// The number in words, grouped as in India: 150000 is "one lakh fifty thousand".
pub fn in_words(value: u64) -> String {
    if value == 0 {
        return SMALL[0].to_owned();
    }
    let mut words = Vec::new();
    push_words(value, &mut words);
    words.join(" ")
}

fn push_words(value: u64, words: &mut Vec<&'static str>) {
    for (size, name) in [(CRORE, "crore"), (LAKH, "lakh"), (1_000, "thousand"), (100, "hundred")] {
        if value >= size {
            push_words(value / size, words);
            words.push(name);
            if !value.is_multiple_of(size) {
                push_words(value % size, words);
            }
            return;
        }
    }
    if value < 20 {
        words.push(SMALL[value as usize]);
        return;
    }
    words.push(TENS[(value / 10) as usize]);
    if !value.is_multiple_of(10) {
        words.push(SMALL[(value % 10) as usize]);
    }
}

/// Digits one by one: "nine eight seven".
pub fn digit_words(digits: &str) -> String {
    let names: Vec<&str> =
        digits.bytes().filter(u8::is_ascii_digit).map(|digit| SMALL[usize::from(digit - b'0')]).collect();
    names.join(" ")
}
