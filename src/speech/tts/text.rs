//! From a text to what is spoken at once: sentences, and clauses with the punctuation that ends them.

use super::spoken::figures_in_words;

/// Words without punctuation inside, and the mark after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// At least one letter or digit; no clause punctuation.
    pub words: String,
    /// One of `. ? ! , ; :`.
    pub mark: char,
}

/// Longest clause: espeak-ng breaks longer ones where it likes.
const CLAUSE_CHARS: usize = 240;
/// A first sentence longer than this is begun with its first clauses, so that the caller hears something sooner.
const FIRST_SENTENCE_CHARS: usize = 60;

/// Sentences, each a list of clauses; figures are in words, as in India, and what cannot be pronounced is left out.
///
/// A text that ends with a comma is spoken as one that goes on.
pub fn sentences(text: &str) -> Vec<Vec<Clause>> {
    let mut sentences = Vec::new();
    let mut sentence = Vec::new();
    for clause in clauses(&figures_in_words(text)) {
        let ends = matches!(clause.mark, '.' | '?' | '!');
        let spoken: usize = sentence.iter().map(|clause: &Clause| clause.words.len()).sum();
        let early = sentences.is_empty() && spoken + clause.words.len() > FIRST_SENTENCE_CHARS;
        sentence.push(clause);
        if ends || early {
            sentences.push(std::mem::take(&mut sentence));
        }
    }
    if !sentence.is_empty() {
        sentences.push(sentence);
    }
    sentences
}

/// A sentence as it is written, for engines that read text.
pub fn written(sentence: &[Clause]) -> String {
    let clauses = sentence.iter().map(|clause| format!("{}{}", clause.words, clause.mark));
    clauses.collect::<Vec<_>>().join(" ")
}

fn clauses(text: &str) -> Vec<Clause> {
    let mut clauses: Vec<Clause> = Vec::new();
    let mut words = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let mark = match letter {
            '.' | ',' | ':' if inside_number(&words, letters.peek()) => None,
            '.' if is_abbreviation(&words) => {
                words.push(' ');
                continue;
            }
            '.' | '?' | '!' => Some(letter),
            ',' | ';' | ':' => Some(letter),
            '…' | '\n' => Some('.'),
            '—' | '–' | '(' | ')' | '[' | ']' => Some(','),
            _ => None,
        };
        match mark {
            Some(mark) => end_clause(&mut clauses, &mut words, mark),
            None if letter.is_control() || matches!(letter, '"' | '“' | '”' | '*' | '_' | '<' | '>' | '\\' | '|') =>
            {
                words.push(' ');
            }
            None => words.push(letter),
        }
        if words.len() > CLAUSE_CHARS && letter == ' ' {
            end_clause(&mut clauses, &mut words, ',');
        }
    }
    let goes_on = text.trim_end().ends_with(',');
    end_clause(&mut clauses, &mut words, if goes_on { ',' } else { '.' });
    if let Some(last) = clauses.last_mut()
        && !matches!(last.mark, '.' | '?' | '!')
        && !goes_on
    {
        last.mark = '.';
    }
    clauses
}

/// Ends a clause; a mark right after another one sharpens it (`").`, `?!`).
fn end_clause(clauses: &mut Vec<Clause>, words: &mut String, mark: char) {
    let spoken = words.split_whitespace().collect::<Vec<_>>().join(" ");
    words.clear();
    if spoken.contains(char::is_alphanumeric) {
        clauses.push(Clause { words: spoken, mark });
    } else if let Some(last) = clauses.last_mut()
        && !matches!(last.mark, '.' | '?' | '!')
    {
        last.mark = mark;
    }
}

/// `3.5`, `1,200`, `10:30`: the mark belongs to the number.
fn inside_number(words: &str, next: Option<&char>) -> bool {
    words.ends_with(|letter: char| letter.is_ascii_digit()) && next.is_some_and(char::is_ascii_digit)
}

fn is_abbreviation(words: &str) -> bool {
    const TITLES: [&str; 6] = ["dr", "mr", "mrs", "ms", "prof", "st"];
    let last = words.rsplit(char::is_whitespace).next().unwrap_or_default();
    TITLES.iter().any(|title| last.eq_ignore_ascii_case(title))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Vec<String> {
        sentences(text)
            .iter()
            .map(|sentence| {
                sentence.iter().map(|clause| format!("{}{}", clause.words, clause.mark)).collect::<Vec<_>>()
            })
            .map(|clauses| clauses.join(" | "))
            .collect()
    }

    #[test]
    fn sentences_and_clauses_keep_their_marks() {
        assert_eq!(
            shape("Thank you, this is Dr. Rao's clinic. How may I help?"),
            ["Thank you, | this is Dr Rao's clinic.", "How may I help?"]
        );
        assert_eq!(shape("At 10:30, for Rs 1,200"), ["At ten thirty, | for one thousand two hundred rupees."]);
        assert_eq!(shape("3.5 stars"), ["3.5 stars."]);
        assert_eq!(shape("nine eight,"), ["nine eight,"]);
        assert_eq!(shape("Wait (please)!"), ["Wait, | please!"]);
        assert_eq!(shape("one\ntwo"), ["one.", "two."]);
        assert!(shape(" … \"\" \n").is_empty());
    }

    #[test]
    fn a_long_first_sentence_is_begun_early() {
        let text = "Thank you for calling Sharma Dental Clinic, this call is recorded for quality, how may I help you?";
        assert_eq!(
            shape(text),
            ["Thank you for calling Sharma Dental Clinic, | this call is recorded for quality,", "how may I help you?"]
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_gives_speakable_clauses(text in ".{0,400}") {
            for clause in sentences(&text).into_iter().flatten() {
                assert!(clause.words.contains(char::is_alphanumeric));
                assert!(!clause.words.contains(char::is_control));
                assert!(matches!(clause.mark, '.' | '?' | '!' | ',' | ';' | ':'));
            }
        }
    }
}
