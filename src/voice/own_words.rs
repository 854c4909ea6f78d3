//! The agent's own words, come back: where the level does not tell an echo yet, its words do.

use std::collections::VecDeque;

use crate::domain::digit_words;

/// Lines that are remembered: what comes back belongs to the one that plays or to the one before, fillers between them.
const REMEMBERED: usize = 3;
/// Of the words heard, so many in a hundred must be the line's: a recogniser mishears what is faint.
const LEAST_PERCENT: usize = 75;
/// A single word of fewer letters says too little.
const LEAST_LETTERS: usize = 3;
/// Letters that a word cut at its end must have kept.
const LEAST_STEM: usize = 3;
/// The end of a line comes back last; a recogniser may lose so many words of it.
const LOST_AT_END: usize = 2;

/// What the agent said last.
#[derive(Debug, Default)]
pub(super) struct OwnWords {
    lines: VecDeque<Vec<String>>,
}

impl OwnWords {
    /// Takes a line that is going to be said.
    pub fn say(&mut self, text: &str) {
        if self.lines.len() == REMEMBERED {
            self.lines.pop_front();
        }
        self.lines.push_back(words(text));
    }

    /// Whether what was heard stands as a piece in one of the lines, near enough for an echo; `at_end`: at its end.
    pub fn has(&self, heard: &str, at_end: bool) -> bool {
        let heard = words(heard);
        let says_something = heard.len() > 1 || heard.first().is_some_and(|word| word.chars().count() >= LEAST_LETTERS);
        says_something && self.lines.iter().any(|line| is_piece(&heard, line, at_end))
    }
}

fn is_piece(heard: &[String], line: &[String], at_end: bool) -> bool {
    let needed = (heard.len() * LEAST_PERCENT).div_ceil(100);
    (0..line.len()).any(|start| {
        // One word more, since the recogniser may have left one out.
        let end = (start + heard.len() + 1).min(line.len());
        let reaches = !at_end || end + LOST_AT_END >= line.len();
        reaches && in_common(heard, &line[start..end]) >= needed
    })
}

/// The most words that both have in the same order.
fn in_common(heard: &[String], said: &[String]) -> usize {
    let mut row = vec![0; said.len() + 1];
    for word in heard {
        let mut diagonal = 0;
        for (at, own) in said.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if is_near(word, own) { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    row[said.len()]
}

/// The same word, or one that was cut at its end.
fn is_near(heard: &str, own: &str) -> bool {
    heard == own || heard.chars().count() >= LEAST_STEM && own.starts_with(heard)
}

/// In lower case, digits as they are spoken.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for word in text.split(|letter: char| !letter.is_alphanumeric() && !matches!(letter, '\'' | '’')) {
        if word.bytes().any(|byte| byte.is_ascii_digit()) && word.bytes().all(|byte| byte.is_ascii_digit()) {
            words.extend(digit_words(word).split(' ').map(str::to_owned));
        } else if !word.is_empty() {
            words.push(word.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> OwnWords {
        let mut own = OwnWords::default();
        own.say(line);
        own
    }

    #[test]
    fn pieces_of_a_line_are_known_also_when_they_are_cut_or_misheard() {
        let own = said("Thank you. Your number is nine eight seven, six five. One moment, please.");
        for heard in ["One mom", "moment, please.", "your number is", "9, 8, 7, 6.", "Thank you, your lumber is nine"] {
            assert!(own.has(heard, false), "{heard}");
        }
        for heard in ["", "I", "No.", "One more question, please.", "Your name", "nine nine one one", "please wait"] {
            assert!(!own.has(heard, false), "{heard}");
        }
    }

    #[test]
    fn after_a_line_only_its_end_comes_back() {
        let own = said("You can book an appointment, leave a message, or ask a question.");
        assert!(own.has("ask a question", true) && own.has("a quest", true));
        assert!(!own.has("Leave a message.", true) && !own.has("appointment", true));
    }

    #[test]
    fn older_lines_are_forgotten() {
        let mut own = said("Good morning, Sharma Dental Clinic.");
        for line in ["One moment, please.", "May I have your name?"] {
            own.say(line);
        }
        assert!(own.has("Sharma Dental Clinic", false));
        own.say("Thank you.");
        assert!(!own.has("Sharma Dental Clinic", false) && own.has("one moment", false));
    }
}
