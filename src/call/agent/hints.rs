//! What recogniser and turn controller are told to expect, and what words tell of the end of a turn.
//!
//! Whisper leans towards words that its prompt has. What stands last weighs most, and is kept when the prompt is cut.

use crate::dialogue::{self, Expectation};
use crate::domain::AgentProfile;
use crate::speech::Expect;
use crate::voice;

/// Common names of several parts of India, so that names are not heard as English words. Few: every one costs time.
const NAMES: &str = "Priya Sharma, Mohammed Khan, Lakshmi Iyer, Rahul Verma, Joseph Fernandes, Anita Desai.";

/// Characters of services and people that are named at most: each token of the prompt costs time at every decode.
const MOST_NAMED: usize = 120;

/// The prompt for an answer of this kind.
pub fn prompt(expect: Expectation, profile: &AgentProfile) -> Option<String> {
    match expect {
        Expectation::Name => Some(format!("My name is {NAMES}")),
        // A prompt of other numbers was tried: their digits then turn up in the caller's.
        Expectation::Digits { .. } | Expectation::YesNo | Expectation::Spelling | Expectation::None => None,
        // So that the dots and the at sign are written as such.
        Expectation::Email => Some("My email is priya.sharma@gmail.com.".to_owned()),
        Expectation::Time => Some(format!("{}.", profile.business_name)),
        Expectation::Open => Some(open(profile)),
    }
}

/// The services, the people whom callers ask for, and the business: "Root canal, scaling, Dr. Rao. Sharma Dental Clinic."
fn open(profile: &AgentProfile) -> String {
    let people = profile.transfers.targets.iter().map(|target| target.name.as_str());
    let services = profile.knowledge.services.iter().map(|service| service.name.as_str());
    let mut named = String::new();
    for name in people.chain(services) {
        if named.len() + name.len() + 2 > MOST_NAMED {
            continue;
        }
        if !named.is_empty() {
            named.push_str(", ");
        }
        named.push_str(name);
    }
    if !named.is_empty() {
        named.push_str(". ");
    }
    format!("{named}{}.", profile.business_name)
}

/// The kind of answer, as engines know it.
pub fn kind(expect: Expectation) -> Expect {
    match expect {
        Expectation::Digits { .. } => Expect::Digits,
        Expectation::YesNo => Expect::YesNo,
        Expectation::Name => Expect::Name,
        Expectation::Spelling => Expect::Spelling,
        Expectation::Time => Expect::Date,
        Expectation::Open | Expectation::Email | Expectation::None => Expect::General,
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
        dialogue::Ending::Nearly => voice::Ending::Nearly,
        dialogue::Ending::Open => voice::Ending::Open,
        dialogue::Ending::Unfinished => voice::Ending::Unfinished,
    }
}
