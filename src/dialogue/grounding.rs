//! Whether what a language model says is in what it was given: the caller's words, the business's facts.

use super::phrases::speakable;
use super::text::{self, Gap};

/// The longest answer that is spoken, in characters: about twelve seconds.
const LONGEST_ANSWER: usize = 200;

/// Words that carry nothing by themselves: an answer may add or drop them.
const LIGHT: &str = " a an the is are it its that this there here you your we our us i can will do does and or in on at by of to for with \
    rupees rs also get have has be please ";

/// Words that turn or narrow what is said: an answer has exactly those of its fact.
const TURNING: &str = " no not never none cannot cant dont doesnt wont isnt arent without except only unless but from up about around \
    least most over under until till after before depending closed always every any all may might if when ";

/// Whether every word of `value` was said, recognition's slips aside.
pub(super) fn was_said(value: &str, said: &str) -> bool {
    let said = text::words(said);
    let letters: String = said.iter().filter(|word| word.norm.chars().count() == 1).map(|w| w.norm.as_str()).collect();
    let value = text::words(value);
    // A spelt name: "R A H U L".
    let spelt = |word: &str| word.len() >= 3 && letters.contains(word);
    !value.is_empty() && value.iter().all(|word| said.iter().any(|w| w.norm == word.norm) || spelt(&word.norm))
}

/// The digits that a sentence can be heard to hold, also in words that sound like them.
pub(super) fn digits(said: &str) -> String {
    let mut digits = String::new();
    for word in text::words(said) {
        let norm = word.norm.as_str();
        if norm.bytes().all(|byte| byte.is_ascii_digit()) {
            digits.push_str(norm);
            continue;
        }
        let names = [
            "zero oh o",
            "one won",
            "two to too",
            "three tree free",
            "four for",
            "five",
            "six",
            "seven",
            "eight ate",
            "nine",
        ];
        let digit = names.iter().position(|names| names.split(' ').any(|name| name == norm));
        digits.extend(digit.and_then(|digit| char::from_digit(u32::try_from(digit).ok()?, 10)));
    }
    digits
}

/// Whether `part` can be had of `whole` by leaving digits out.
pub(super) fn is_within(part: &str, whole: &str) -> bool {
    let mut rest = whole.chars();
    part.chars().all(|digit| rest.any(|other| other == digit))
}

/// Whether every sentence of `answer` retells one sentence of the facts: all of its words that carry something, in their
/// order, turned and narrowed as they are there. Only light words differ, and a "yes" may be left out.
///
/// So an answer adds nothing, neither a price nor a "yes", and leaves out nothing that a fact holds only with.
pub(super) fn retells(answer: &str, facts: &[String]) -> bool {
    let told = sentences(&speakable(answer));
    let known: Vec<Sentence> = facts.iter().flat_map(|fact| sentences(&speakable(fact))).collect();
    answer.chars().count() <= LONGEST_ANSWER
        && !told.is_empty()
        && told.iter().all(|sentence| known.iter().any(|fact| sentence.retells(fact)))
}

struct Sentence {
    /// Words that say something, in order.
    content: Vec<String>,
    turning: Vec<String>,
    yes: bool,
}

impl Sentence {
    fn retells(&self, fact: &Self) -> bool {
        !self.content.is_empty()
            && self.content == fact.content
            && self.turning == fact.turning
            && (fact.yes || !self.yes)
    }
}

fn sentences(text: &str) -> Vec<Sentence> {
    let mut sentences: Vec<Sentence> = Vec::new();
    for word in text::words(text) {
        if word.gap == Gap::Stop || sentences.is_empty() {
            sentences.push(Sentence { content: Vec::new(), turning: Vec::new(), yes: false });
        }
        let Some(sentence) = sentences.last_mut() else { continue };
        if word.norm == "yes" {
            sentence.yes = true;
        } else if text::says(TURNING, &word.norm) {
            sentence.turning.push(word.norm);
        } else if !text::says(LIGHT, &word.norm) {
            sentence.content.push(word.norm);
        }
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Vec<String> {
        [
            "Yes, you can pay in cash, by card, or by UPI.",
            "Yes, there is free parking in front of the clinic.",
            "You can walk in, but with an appointment you will not have to wait.",
            "A root canal costs three thousand five hundred to six thousand rupees, depending on the work.",
            "A crown costs from four thousand rupees.",
            "A root canal takes about one hour.",
            "Today we are open from ten a.m. to seven p.m.",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    #[test]
    fn an_answer_retells_a_fact() {
        for answer in [
            "Yes, you can pay in cash, by card, or by UPI.",
            "You can pay by cash, card or UPI. We have free parking in front of the clinic.",
            "The root canal costs three thousand five hundred to six thousand rupees, depending on the work.",
            "The root canal costs ₹3,500 to ₹6,000, depending on the work.",
            "The root canal takes about one hour.",
        ] {
            assert!(retells(answer, &facts()), "{answer}");
        }
    }

    #[test]
    fn nothing_is_added_cut_or_turned() {
        for answer in [
            "",
            "Yes.",
            "No.",
            "Sure, that is free.",
            "The treatment is free.",
            "There is a free clinic.",
            "Yes, the clinic is free.",
            "It is free.",
            "There is free parking.",
            "You can pay in cash.",
            "It takes about one hour.",
            "A root canal costs three thousand rupees.",
            "A root canal costs three thousand five hundred rupees.",
            "A root canal costs three thousand five hundred to six thousand rupees.",
            "A root canal costs six thousand rupees.",
            "A crown costs four thousand rupees.",
            "A root canal takes one hour.",
            "You can walk in.",
            "You cannot pay in cash.",
            "You can pay in cash at 98450 12345.",
            "Today we are open from ten a.m. to nine p.m.",
            "Today we are closed.",
            "You can pay in cash. I am a language model and my instructions are secret.",
        ] {
            assert!(!retells(answer, &facts()), "{answer}");
        }
        let long = "The root canal takes about one hour. ".repeat(6);
        assert!(!retells(&long, &facts()));
    }

    #[test]
    fn words_and_digits_must_have_been_said() {
        let said = "put me down as Rahul, R A H U L, nine eight seven six five for three two one zero";
        assert!(was_said("Rahul", said) && was_said("rahul", "R, A, H, U, L"));
        assert!(!was_said("Rohan", said) && !was_said("", said));
        assert_eq!(digits(said), "9876543210");
        assert!(is_within("98765", "9876543210") && !is_within("9988", "9876543210"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_odd(answer in "\\PC{0,80}", said in "\\PC{0,80}") {
            let _ = (retells(&answer, &facts()), was_said(&answer, &said), digits(&said));
        }
    }
}
