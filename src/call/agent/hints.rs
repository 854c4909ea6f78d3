//! What the recogniser is told to expect: text that could have come before the caller's answer.
//!
//! Whisper leans towards words that its prompt has. Names of the business stand last, where they weigh most.

use crate::dialogue::Expectation;
use crate::speech::Expect;

/// Common names of all parts of India, so that names are not heard as English words.
const NAMES: &str = "Rahul Verma, Priya Sharma, Mohammed Khan, Lakshmi Iyer, Suresh Kumar, Anita Desai, Harpreet Singh, \
                     Sunita Reddy, Joseph Fernandes, Neha Patel, Arjun Nair, Fatima Shaikh, Debashish Ghosh.";
/// Numbers in the groups that Indians write.
const NUMBERS: &str = "My number is 98450 12345. 77600 33421. 91234 56789.";

/// The prompt for an answer of this kind.
pub fn prompt(expect: Expectation, business_name: &str) -> Option<String> {
    match expect {
        Expectation::Name | Expectation::Spelling => Some(format!("My name is {NAMES}")),
        Expectation::Digits { .. } => Some(NUMBERS.to_owned()),
        Expectation::YesNo | Expectation::None => None,
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
