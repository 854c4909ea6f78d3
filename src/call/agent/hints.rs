//! What the recogniser is told to expect: text that could have come before the caller's answer.
//!
//! Whisper leans towards words that its prompt has. Names of the business stand last, where they weigh most.

use crate::dialogue::Expectation;
use crate::speech::Expect;

/// Common names of several parts of India, so that names are not heard as English words. Few: every one costs time.
const NAMES: &str = "Priya Sharma, Mohammed Khan, Lakshmi Iyer, Rahul Verma, Joseph Fernandes, Anita Desai.";

/// The prompt for an answer of this kind.
pub fn prompt(expect: Expectation, business_name: &str) -> Option<String> {
    match expect {
        Expectation::Name | Expectation::Spelling => Some(format!("My name is {NAMES}")),
        // A prompt of other numbers was tried: their digits then turn up in the caller's.
        Expectation::Digits { .. } | Expectation::YesNo | Expectation::None => None,
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
