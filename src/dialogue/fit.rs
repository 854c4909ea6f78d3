//! Whether a text can be the answer to the question that stands, and which of several readings is.

use super::numbers::{self, NumberHeard};
use super::text::{self, Word};
use super::{Expectation, intents, times, yes_no};
use crate::domain::Fit;

const NUMBER: Expectation = Expectation::Digits { len: Some(10) };

/// How well `said` answers the question that `expect` stands for.
pub fn fit(expect: Expectation, said: &str) -> Fit {
    let words = text::words(said);
    match expect {
        NUMBER => number_fit(said),
        Expectation::YesNo if yes_no::yes_no(said).is_some() => Fit::Whole,
        Expectation::Spelling if words.iter().filter(|word| is_letter(word)).count() >= 3 => Fit::Whole,
        Expectation::Time if times::lost_day(said) => near(&words, 6),
        Expectation::Time if times::from_answer(said).is_some() => Fit::Whole,
        Expectation::YesNo => near(&words, 2),
        Expectation::Spelling | Expectation::Time => near(&words, 4),
        Expectation::Digits { .. } | Expectation::Open | Expectation::Name | Expectation::Email | Expectation::None => {
            Fit::Other
        }
    }
}

/// What tells, of a text alone, how well it answers; none where any answer is as good as another.
pub fn judge(expect: Expectation) -> Option<fn(&str) -> Fit> {
    match expect {
        NUMBER => Some(|said| fit(NUMBER, said)),
        Expectation::YesNo => Some(|said| fit(Expectation::YesNo, said)),
        Expectation::Spelling => Some(|said| fit(Expectation::Spelling, said)),
        Expectation::Time => Some(|said| fit(Expectation::Time, said)),
        Expectation::Digits { .. } | Expectation::Open | Expectation::Name | Expectation::Email | Expectation::None => {
            None
        }
    }
}

/// The reading to go by: what was heard at first, unless that is only near an answer and another is one.
pub(super) fn chosen(expect: Expectation, text: String, alternatives: Vec<String>) -> String {
    if fit(expect, &text) != Fit::Near {
        return text;
    }
    alternatives.into_iter().find(|other| fit(expect, other) == Fit::Whole).unwrap_or(text)
}

fn number_fit(said: &str) -> Fit {
    /// Digits that are more than a part said before a pause.
    const NEARLY_WHOLE: usize = 7;
    match numbers::heard(said, true) {
        NumberHeard::Complete(_) | NumberHeard::CallerId => Fit::Whole,
        NumberHeard::Odd { .. } => Fit::Near,
        NumberHeard::Partial { digits, .. } if digits.len() >= NEARLY_WHOLE => Fit::Near,
        NumberHeard::Partial { .. } | NumberHeard::None => Fit::Other,
    }
}

/// A few words without a sense of their own may be a misheard answer; digits, questions and sentences are what they are.
fn near(words: &[Word], most: usize) -> Fit {
    let plain = text::plain(words);
    let digits = words.iter().any(|word| word.norm.bytes().any(|byte| byte.is_ascii_digit()));
    let short = (1..=most).contains(&words.len());
    if short && !digits && !intents::is_question(&plain) && !intents::is_refusal(&plain) {
        Fit::Near
    } else {
        Fit::Other
    }
}

fn is_letter(word: &Word) -> bool {
    let mut letters = word.norm.chars();
    letters.next().is_some_and(char::is_alphabetic) && letters.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_its_likeness_and_something_else() {
        for (expect, said, wanted) in [
            (NUMBER, "98765 43210", Fit::Whole),
            (NUMBER, "this same number", Fit::Whole),
            (NUMBER, "9, 8, 7, 6, 5, 4, 3, 2, 1.", Fit::Near),
            (NUMBER, "9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 7.", Fit::Near),
            (NUMBER, "1, 8, 7, 6, 5, 4, 3, 2, 1, 0.", Fit::Near),
            (NUMBER, "nine eight seven six", Fit::Other),
            (NUMBER, "What are your timings?", Fit::Other),
            (NUMBER, "Are you open at 5?", Fit::Other),
            (Expectation::YesNo, "Haan ji", Fit::Whole),
            (Expectation::YesNo, "Hon.", Fit::Near),
            (Expectation::YesNo, "No, it ends in four", Fit::Whole),
            (Expectation::YesNo, "54", Fit::Other),
            (Expectation::YesNo, "What is your address?", Fit::Other),
            (Expectation::Spelling, "R, A, H, U, L.", Fit::Whole),
            (Expectation::Spelling, "R for Rahul, A for Apple, J for June", Fit::Whole),
            (Expectation::Spelling, "Ah, a jay", Fit::Near),
            (Expectation::Time, "tomorrow at five", Fit::Whole),
            (Expectation::Time, "To Morrow.", Fit::Near),
            (Expectation::Time, "on to evening.", Fit::Near),
            (Expectation::Time, "on Thursday evening.", Fit::Whole),
            (Expectation::Time, "I have a question about the price", Fit::Other),
            (Expectation::Open, "anything", Fit::Other),
        ] {
            assert_eq!(fit(expect, said), wanted, "{expect:?} {said}");
        }
    }

    #[test]
    fn the_first_reading_that_answers_is_taken_only_where_the_text_does_not() {
        let others = || vec!["9, 8, 7".to_owned(), "9, 8, 7, 6, 5, 4, 3, 2, 1, 0".to_owned(), "98765 43211".to_owned()];
        let choose = |text: &str| chosen(NUMBER, text.to_owned(), others());
        assert_eq!(choose("9, 8, 7, 6, 5, 4, 3, 2, 1."), "9, 8, 7, 6, 5, 4, 3, 2, 1, 0");
        assert_eq!(choose("98765 00000"), "98765 00000", "an answer stands");
        assert_eq!(choose("Who is this?"), "Who is this?", "something else stands");
        assert_eq!(chosen(NUMBER, "9876543210 1".into(), Vec::new()), "9876543210 1");
        let day = |others| chosen(Expectation::Time, "on to evening.".to_owned(), others);
        assert_eq!(day(vec!["to evening".to_owned(), "Tuesday evening".to_owned()]), "Tuesday evening");
        assert_eq!(day(Vec::new()), "on to evening.");
    }
}
