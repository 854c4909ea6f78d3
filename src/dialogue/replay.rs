//! A recorded call once more: the dialogue is a function of its inputs.

use jiff::Zoned;
use serde::{Deserialize, Serialize};

use super::{Action, Input, Receptionist};
use crate::domain::{AgentProfile, CallOutcome, CallSlots, E164};

/// Version of the event log. Fields that are added later have defaults; only a change that old logs cannot be read
/// with raises it.
pub const LOG_FORMAT: u32 = 1;

/// How a call began: all that the receptionist is made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    pub format: u32,
    /// As it was when the call was answered.
    pub profile: AgentProfile,
    /// The number that the trunk gave, if it gave one.
    pub caller: Option<E164>,
}

impl Opening {
    /// Of a call that begins now.
    pub fn new(profile: AgentProfile, caller: Option<E164>) -> Self {
        Self { format: LOG_FORMAT, profile, caller }
    }
}

/// One input and what it led to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The business's local time, to the digit that the receptionist was given.
    pub now: Zoned,
    pub input: Input,
    pub actions: Vec<Action>,
}

/// A whole call, as its event log has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedCall {
    #[serde(flatten)]
    pub opening: Opening,
    pub steps: Vec<Step>,
}

/// Where a replay leaves the record.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// From 0.
    pub step: usize,
    pub input: Input,
    pub expected: Vec<Action>,
    pub got: Vec<Action>,
}

impl RecordedCall {
    /// Runs the call again up to the first step that leads to something else.
    pub fn first_difference(&self) -> Option<Difference> {
        let mut receptionist = self.receptionist();
        self.steps.iter().enumerate().find_map(|(step, recorded)| {
            let got = receptionist.step(recorded.input.clone(), &recorded.now);
            let (input, expected) = (recorded.input.clone(), recorded.actions.clone());
            (got != expected).then_some(Difference { step, input, expected, got })
        })
    }

    /// The same inputs with what they lead to now, and what the call then amounts to.
    pub fn played_anew(&self) -> (Self, CallOutcome, CallSlots) {
        let mut receptionist = self.receptionist();
        let steps = self.steps.iter().map(|step| {
            let actions = receptionist.step(step.input.clone(), &step.now);
            Step { actions, ..step.clone() }
        });
        let call = Self { opening: self.opening.clone(), steps: steps.collect() };
        (call, receptionist.outcome(), receptionist.slots().clone())
    }

    fn receptionist(&self) -> Receptionist {
        Receptionist::new(self.opening.profile.clone(), self.opening.caller.clone())
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::dialogue::demo_profile;

    fn said(text: &str) -> Input {
        Input::said(text, 0.8371)
    }

    fn recorded(inputs: &[Input]) -> RecordedCall {
        let now: Zoned = "2026-11-23T16:05:00.123456789+05:30[Asia/Kolkata]".parse().unwrap();
        let steps = inputs.iter().map(|input| Step { now: now.clone(), input: input.clone(), actions: Vec::new() });
        let opening = Opening::new(demo_profile(), Some(E164::parse("+919812345678").unwrap()));
        RecordedCall { opening, steps: steps.collect() }.played_anew().0
    }

    #[test]
    fn a_log_that_went_through_json_replays_and_a_change_is_found_where_it_is() {
        let call = recorded(&[Input::Answered, said("I want an appointment"), said("Rahul"), said("this same number")]);
        let text = serde_json::to_string(&call).unwrap();
        let mut read: RecordedCall = serde_json::from_str(&text).unwrap();
        assert_eq!(read, call);
        assert_eq!(read.first_difference(), None);
        read.steps[2].input = said("Anita");
        let difference = read.first_difference().unwrap();
        assert_eq!((difference.step, &difference.input), (2, &said("Anita")));
        assert_eq!(difference.expected, call.steps[2].actions);
        assert_ne!(difference.got, difference.expected);
    }

    /// The simulated calls of `tests/conversations`, as they were held over SIP and RTP, and those saved by
    /// `vca replay CALL --save`. `UPDATE_REPLAYS=1` writes what they lead to now, for review.
    #[test]
    fn recorded_calls_replay_step_by_step() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/replay");
        let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        assert!(paths.len() >= 40, "{} recorded calls in {}", paths.len(), folder.display());
        let mut wrong = Vec::new();
        for path in paths {
            let call: RecordedCall = serde_json::from_slice(&std::fs::read(&path).unwrap())
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(!call.steps.is_empty(), "{} has no steps", path.display());
            if std::env::var_os("UPDATE_REPLAYS").is_some() {
                std::fs::write(&path, serde_json::to_string(&call.played_anew().0).unwrap() + "\n").unwrap();
            } else {
                wrong.extend(call.first_difference().map(|difference| format!("{}: {difference:#?}", path.display())));
            }
        }
        assert!(wrong.is_empty(), "these replay otherwise:\n{}", wrong.join("\n"));
    }
}
