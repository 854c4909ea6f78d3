//! The lines of a profile that can be synthesised before anybody calls.

use super::phrases::{FILLERS, Phrase, Phrases};
use super::receptionist::Receptionist;
use crate::domain::AgentProfile;

impl Receptionist {
    /// Every fixed segment that a call of this profile can speak, to be synthesised ahead.
    pub fn fixed_lines(profile: &AgentProfile) -> Vec<String> {
        Phrases::new(profile.clone()).all()
    }

    /// Lines around what callers are likely to say, worth synthesising ahead once the fixed ones are there.
    pub fn likely_lines(profile: &AgentProfile) -> Vec<String> {
        Phrases::new(profile.clone()).likely()
    }

    /// What the agent says when an answer is late, in order of use; all of them are fixed lines.
    pub fn fillers(profile: &AgentProfile) -> Vec<String> {
        let phrases = Phrases::new(profile.clone());
        FILLERS.iter().map(|phrase| phrases.text(*phrase)).collect()
    }

    /// The notice that every caller hears first: an assistant, and whether the call is recorded.
    pub fn notice(profile: &AgentProfile) -> String {
        let phrases = Phrases::new(profile.clone());
        phrases.text(phrases.notice())
    }

    /// What the caller is told when the conversation itself fails; a fixed line.
    pub fn breakdown(profile: &AgentProfile) -> String {
        Phrases::new(profile.clone()).text(Phrase::Breakdown)
    }
}
