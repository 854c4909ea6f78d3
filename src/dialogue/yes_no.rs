//! Yes and no, in English and in the Hindi that Indian English is sprinkled with.

use super::text;

/// Phrases that hold a "no" or a "wrong" and yet agree.
const AGREEING: &[&str] = &[
    "no problem",
    "no problems",
    "no issue",
    "no issues",
    "no change",
    "no changes",
    "no need",
    "nothing wrong",
    "not wrong",
    "no mistake",
    "no worries",
    "no doubt",
    "no correction",
    "no corrections",
    "koi baat nahi",
];

/// Phrases that hold a "right" or a "correct" and yet deny.
const DENYING: &[&str] = &[
    "not correct",
    "not right",
    "isnt correct",
    "isnt right",
    "not fine",
    "not ok",
    "not okay",
    "not true",
    "not exactly",
    "not really",
    "not quite",
    "not that",
    "sahi nahi",
    "theek nahi",
    "thik nahi",
    "incorrect",
    "is wrong",
    "its wrong",
    "thats wrong",
    "wrong",
    "galat",
    "mistake",
    "not yes",
    "uh uh",
    "something is off",
];

const YES: &[&str] = &[
    "yes",
    "yeah",
    "ya",
    "yah",
    "yep",
    "yup",
    "yea",
    "yess",
    "ha",
    "haa",
    "haan",
    "han",
    "hanji",
    "haanji",
    "haji",
    "ji",
    "correct",
    "right",
    "perfect",
    "exactly",
    "absolutely",
    "sure",
    "ok",
    "okay",
    "fine",
    "true",
    "good",
    "great",
    "sahi",
    "theek",
    "thik",
    "teek",
    "bilkul",
    "confirm",
    "confirmed",
    "definitely",
    "indeed",
    "affirmative",
    "mhm",
    "mmhmm",
    "achha",
    "acha",
    "accha",
    "alright",
    "done",
    "proceed",
    "agreed",
    "yes please",
    "of course",
    "go ahead",
    "please do",
    "mm hmm",
    "uh huh",
    "thats it",
    "yes it is",
    "i think so",
    "you got it",
    "got it",
    "all good",
    "no problem",
];

const NO: &[&str] = &[
    "no", "nope", "nah", "naa", "na", "nahi", "nahin", "nai", "nehi", "never", "not", "negative", "mat", "dont", "know",
];

/// Reads an answer to a yes-or-no question; `None` when it is neither. Where both stand, the last one counts
/// ("no no, that's correct").
pub fn yes_no(text: &str) -> Option<bool> {
    let words = text::words(text);
    let mut plain = text::plain(&words);
    if words.len() == 1 && plain == " know " {
        return Some(false);
    }
    if text::says_any(&plain, AGREEING) {
        AGREEING.iter().for_each(|phrase| plain = plain.replace(&format!(" {phrase} "), " okay "));
    }
    if text::says_any(&plain, DENYING) {
        return Some(false);
    }
    let last = |phrases: &[&str]| {
        phrases.iter().filter(|p| **p != "know").filter_map(|p| plain.rfind(&format!(" {p} "))).max()
    };
    match (last(YES), last(NO)) {
        (None, None) => None,
        (yes, no) => Some(yes > no),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes() {
        for text in [
            "Yes.",
            "yeah that's fine",
            "Haan ji.",
            "Correct.",
            "That's right.",
            "yes, it is correct",
            "Ya ya",
            "ok",
            "no problem",
            "No no, that's correct.",
            "no changes",
            "perfect, thank you",
            "bilkul sahi",
            "Theek hai",
            "Mm-hmm.",
            "go ahead",
            "Yes yes yes",
            "Absolutely",
            "YES",
            "hanji",
            "right",
            "All good",
            "nothing wrong, it is fine",
        ] {
            assert_eq!(yes_no(text), Some(true), "{text}");
        }
    }

    #[test]
    fn no() {
        for text in [
            "No.",
            "Nahi.",
            "nope",
            "that's wrong",
            "That is not correct.",
            "No, it ends in four",
            "wrong number",
            "galat hai",
            "Yes. No, wait.",
            "it isn't right",
            "not really",
            "Know.",
            "no no no",
            "incorrect",
            "Nahin ji, not this",
        ] {
            assert_eq!(yes_no(text), Some(false), "{text}");
        }
    }

    #[test]
    fn neither() {
        for text in ["Rahul", "tomorrow at five", "98765", "what?", "", "I know him"] {
            assert_eq!(yes_no(text), None, "{text}");
        }
    }
}
