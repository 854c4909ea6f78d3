//! What recogniser and turn controller are told to expect, and what words tell of the end of a turn.
//!
//! Whisper leans towards words that its prompt has. Names of the business stand last, where they weigh most.

use crate::dialogue::{self, Expectation};
use crate::speech::Expect;
use crate::voice;

/// Common names of several parts of India, so that names are not heard as English words. Few: every one costs time.
const NAMES: &str = "Priya Sharma, Mohammed Khan, Lakshmi Iyer, Rahul Verma, Joseph Fernandes, Anita Desai.";

/// The prompt for an answer of this kind.
pub fn prompt(expect: Expectation, business_name: &str) -> Option<String> {
    match expect {
        Expectation::Name | Expectation::Spelling => Some(format!("My name is {NAMES}")),
        // A prompt of other numbers was tried: their digits then turn up in the caller's.
        Expectation::Digits { .. } | Expectation::YesNo | Expectation::None => None,
        // So that the dots and the at sign are written as such.
        Expectation::Email => Some("My email is priya.sharma@gmail.com.".to_owned()),
        Expectation::Open | Expectation::Time => Some(format!("{business_name}.")),
    }
}

/// The kind of answer, as engines know it.
pub fn kind(expect: Expectation) -> Expect {
    match expect {
        Expectation::Digits { .. } => Expect::Digits,
        Expectation::YesNo => Expect::YesNo,
        Expectation::Name => Expect::Name,
        _ => Expect::General,
    }
}

/// How long a pause ends the answer, as the turn controller knows it.
pub fn voice_expectation(expect: Expectation) -> voice::Expectation {
    match expect {
        Expectation::Open | Expectation::Name | Expectation::Time => voice::Expectation::Open,
        Expectation::YesNo => voice::Expectation::YesNo,
        Expectation::Digits { .. } | Expectation::Spelling | Expectation::Email => voice::Expectation::Dictation,
        Expectation::None => voice::Expectation::None,
    }
}

/// Whether the sound of an answer tells if it is over. Each group of a dictated number sounds like the last.
pub fn sound_tells(expect: Expectation) -> bool {
    voice_expectation(expect) != voice::Expectation::Dictation
}

/// What the words of an answer say about whether more follows.
pub fn ending(expect: Expectation, said: &str) -> voice::Ending {
    match dialogue::ending(expect, said) {
        dialogue::Ending::Whole => voice::Ending::Whole,
        dialogue::Ending::Open => voice::Ending::Open,
        dialogue::Ending::Unfinished => voice::Ending::Unfinished,
    }
}
