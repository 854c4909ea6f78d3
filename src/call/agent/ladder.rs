//! What is done when something is late or missing, in order: a ready phrase, an engine, a shorter template, a question
//! by keypad, the end of the call with what was taken. Decisions only: time and what is ready are given.

use std::time::Duration;

use crate::domain::Rung;

/// Words that have a shorter template give way to it after so much silence between two parts of a line: less than the
/// watchdog waits, so that no filler is heard in the middle of a sentence.
const TEMPLATE_AFTER_MS: u64 = 600;
/// Words that nothing can stand in for are left out after so much silence: before a second filler.
const LEFT_OUT_AFTER_MS: u64 = 3_000;
/// The filler after which the caller is asked again.
const ASK_AGAIN_AT: u32 = 3;

/// How long a part of a line may be missing after what was there of it has been heard, in milliseconds.
pub fn patience_ms(has_template: bool) -> u64 {
    if has_template { TEMPLATE_AFTER_MS } else { LEFT_OUT_AFTER_MS }
}

/// When an engine is given up whatever becomes of it: longer than any line plays before the part that it makes.
pub const ENGINE_LIMIT: Duration = Duration::from_secs(20);

/// How to break a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill<'f> {
    Phrase(&'f str),
    /// Nothing is ready to be said.
    Tone,
    /// Fillers did not help: the receptionist is told that it has nothing.
    AskAgain,
}

/// The filler for the `count`-th silence in one wait, from 1: the phrase whose turn it is, or else any that is ready.
pub fn fill(count: u32, fillers: &[String], is_ready: impl Fn(&str) -> bool) -> Fill<'_> {
    if count >= ASK_AGAIN_AT {
        return Fill::AskAgain;
    }
    let turn = count.saturating_sub(1) as usize;
    let mut phrases = fillers.iter().cycle().skip(turn).take(fillers.len());
    phrases.find(|text| is_ready(text)).map_or(Fill::Tone, |text| Fill::Phrase(text))
}

/// What a line was made of, for the rung of the ladder that it stands on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Made {
    /// Some part came from an engine.
    pub engine: bool,
    /// A template stands in for some part.
    pub template: bool,
    /// It is a tone, or nothing of it could be said.
    pub tone: bool,
}

/// What the receptionist made of a turn that gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It asks by keypad.
    Keypad,
    /// It ends the call, or hands it to a person, with what was taken.
    GivenUp,
}

/// The lowest rung that an answer stands on.
pub fn rung(made: Made, trouble: Option<Trouble>) -> Rung {
    match (trouble, made) {
        (Some(Trouble::GivenUp), _) => Rung::GivenUp,
        (Some(Trouble::Keypad), _) => Rung::Keypad,
        (None, Made { tone: true, .. }) => Rung::Tone,
        (None, Made { template: true, .. }) => Rung::Template,
        (None, Made { engine: true, .. }) => Rung::Engine,
        (None, _) => Rung::Phrase,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_is_broken_by_what_is_ready_and_then_by_a_question() {
        let fillers = ["one".to_owned(), "two".to_owned()];
        assert_eq!(fill(1, &fillers, |_| true), Fill::Phrase("one"));
        assert_eq!(fill(2, &fillers, |_| true), Fill::Phrase("two"));
        assert_eq!(fill(2, &fillers, |text| text == "one"), Fill::Phrase("one"));
        assert_eq!(fill(1, &fillers, |_| false), Fill::Tone);
        assert_eq!(fill(1, &[], |_| true), Fill::Tone);
        assert_eq!(fill(3, &fillers, |_| true), Fill::AskAgain);
    }

    #[test]
    fn an_answer_stands_on_the_lowest_rung_that_it_took() {
        let made = |engine, template, tone| Made { engine, template, tone };
        assert_eq!(rung(made(false, false, false), None), Rung::Phrase);
        assert_eq!(rung(made(true, false, false), None), Rung::Engine);
        assert_eq!(rung(made(true, true, false), None), Rung::Template);
        assert_eq!(rung(made(false, false, true), None), Rung::Tone);
        assert_eq!(rung(made(true, true, false), Some(Trouble::Keypad)), Rung::Keypad);
        assert_eq!(rung(made(false, false, false), Some(Trouble::GivenUp)), Rung::GivenUp);
    }
}
