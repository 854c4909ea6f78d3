//! A recorded call once more: the dialogue is a function of its inputs.

use jiff::Zoned;

use super::{Action, Input, Receptionist};
use crate::domain::{AgentProfile, E164};

/// Runs a recorded call again: the actions of every step.
pub fn replay(
    profile: &AgentProfile,
    caller: Option<E164>,
    inputs: impl IntoIterator<Item = (Input, Zoned)>,
) -> Vec<Vec<Action>> {
    let mut receptionist = Receptionist::new(profile.clone(), caller);
    inputs.into_iter().map(|(input, now)| receptionist.step(input, &now)).collect()
}
