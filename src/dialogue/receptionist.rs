//! The receptionist's state machine.

use jiff::Zoned;

use super::{Action, Input};
use crate::domain::{AgentProfile, CallOutcome, CallSlots, E164};

/// Leads one call.
pub struct Receptionist {
    profile: AgentProfile,
    caller: Option<E164>,
    slots: CallSlots,
}

impl Receptionist {
    /// A receptionist for a new call; `caller` is the number the trunk gave, if it gave one.
    pub fn new(profile: AgentProfile, caller: Option<E164>) -> Self {
        Self { profile, caller, slots: CallSlots::default() }
    }

    /// Takes one input and says what to do; `now` is the business's local time.
    pub fn step(&mut self, _input: Input, _now: &Zoned) -> Vec<Action> {
        let _ = (&self.profile, &self.caller);
        vec![Action::End]
    }

    /// What was taken down so far.
    pub fn slots(&self) -> &CallSlots {
        &self.slots
    }

    /// What the caller came away with so far.
    pub fn outcome(&self) -> CallOutcome {
        CallOutcome::Nothing
    }

    /// One or two sentences for the owner.
    pub fn summary(&self) -> String {
        String::new()
    }

    /// Every fixed segment that a call of this profile can speak, to be synthesised ahead.
    pub fn fixed_lines(_profile: &AgentProfile) -> Vec<String> {
        Vec::new()
    }
}

/// Runs a recorded call again: the actions of every step.
pub fn replay(
    profile: &AgentProfile,
    caller: Option<E164>,
    inputs: impl IntoIterator<Item = (Input, Zoned)>,
) -> Vec<Vec<Action>> {
    let mut receptionist = Receptionist::new(profile.clone(), caller);
    inputs.into_iter().map(|(input, now)| receptionist.step(input, &now)).collect()
}
