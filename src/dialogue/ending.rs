//! Whether the words up to a pause can be all that the caller means to say.

use super::Expectation;
use super::numbers::{self, NumberHeard};
use super::text;

/// What words say about whether more follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// They are all that was asked for: a whole telephone number, or a reference to the caller's own.
    Whole,
    /// As many digits as were asked for but for one or two that a recogniser loses, or a few more: they are likely all.
    Nearly,
    /// They may be all, or not.
    Open,
    /// They cannot be all: digits are missing, or the sentence breaks off.
    Unfinished,
}

/// Digits of a telephone number, as they are asked for.
const TELEPHONE: u8 = 10;

/// Words that no sentence ends with. Those that end some ("on", "in", "so", "that") are not here: a pause too long for a
/// caller who has finished is worse than one too short for another who has not.
const LEADING: &[&str] = &[
    "and", "but", "or", "because", "if", "whether", "the", "a", "an", "to", "for", "of", "with", "at", "from", "by",
    "my", "your", "our", "his", "her", "is", "are", "am", "im", "its", "was", "double", "triple", "plus", "um", "umm",
    "uh", "uhm", "er", "erm", "aur", "lekin", "kyunki", "matlab", "mera", "meri", "mujhe", "hamara",
];

/// Beginnings that want an object.
const OPENINGS: &[&str] = &[
    "i want",
    "i need",
    "i would like",
    "id like",
    "can you",
    "could you",
    "calling about",
    "mera naam",
    "mera number",
    "my name",
    "my number",
    "the number",
];

/// Reads what was said in answer to `expect`.
pub fn ending(expect: Expectation, said: &str) -> Ending {
    if let Expectation::Digits { len } = expect {
        match numbers::heard(said, true) {
            NumberHeard::Complete(_) | NumberHeard::CallerId => return Ending::Whole,
            NumberHeard::Odd { .. } if len == Some(TELEPHONE) => return Ending::Nearly,
            NumberHeard::Partial { digits, .. } if len == Some(TELEPHONE) && is_nearly(&digits) => {
                return Ending::Nearly;
            }
            NumberHeard::Partial { digits, .. } if len.is_none_or(|len| digits.len() < usize::from(len)) => {
                return Ending::Unfinished;
            }
            _ => {}
        }
    }
    if breaks_off(said) { Ending::Unfinished } else { Ending::Open }
}

/// People pause between groups, and hardly ever before the last one or two digits.
fn is_nearly(digits: &str) -> bool {
    const LOST: usize = 2;
    digits.len() + LOST >= usize::from(TELEPHONE)
}

fn breaks_off(said: &str) -> bool {
    let said = said.trim_end();
    if said.ends_with("...") || said.ends_with(['…', ',', '-', '–']) {
        return true;
    }
    let words = text::words(said);
    let Some(last) = words.last().filter(|_| !said.ends_with('?')) else { return false };
    let plain = text::plain(&words);
    let opens = |phrase: &&str| plain.trim_end().ends_with(&format!(" {phrase}"));
    LEADING.contains(&last.norm.as_str()) || OPENINGS.iter().any(opens)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: Expectation = Expectation::Digits { len: Some(10) };

    #[test]
    fn only_a_whole_number_is_whole() {
        for said in ["nine eight seven six five four three two one zero", "98765 43210", "this same number"] {
            assert_eq!(ending(NUMBER, said), Ending::Whole, "{said}");
            assert_eq!(ending(Expectation::Open, said), Ending::Open, "{said}");
        }
        for said in ["98765 4321", "98765 432", "98765 43210 9", "19876 54321"] {
            assert_eq!(ending(NUMBER, said), Ending::Nearly, "{said}");
        }
        for said in ["nine eight seven six five", "98765 43", "98765", "my number is", "double", "it's nine eight,"] {
            assert_eq!(ending(NUMBER, said), Ending::Unfinished, "{said}");
        }
        for said in ["", "hold on"] {
            assert_eq!(ending(NUMBER, said), Ending::Open, "{said}");
        }
        assert_eq!(ending(Expectation::Digits { len: Some(6) }, "560 001"), Ending::Open, "a PIN code may be all");
    }

    #[test]
    fn a_sentence_that_breaks_off_is_unfinished() {
        let unfinished = [
            "My name is",
            "My name is.",
            "I would like an appointment for...",
            "I want to come tomorrow and",
            "It is about my tooth,",
            "Um,",
            "um",
            "I need",
            "mera naam",
        ];
        for said in unfinished {
            assert_eq!(ending(Expectation::Open, said), Ending::Unfinished, "{said}");
        }
        let open = [
            "",
            "My name is Rahul.",
            "What is it for?",
            "Yes.",
            "I think so.",
            "Hold on.",
            "Can I come in?",
            "tomorrow at five",
        ];
        for said in open {
            assert_eq!(ending(Expectation::Open, said), Ending::Open, "{said}");
        }
    }
}
