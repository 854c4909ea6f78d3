//! A call while it goes on.

use jiff::Timestamp;

use super::{CallId, E164, Pii, ProfileId, Speaker, TenantId};

/// Where a live call's conversation stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LivePhase {
    /// The agent waits for the caller's words, or hears them.
    #[default]
    Listening,
    /// The caller has finished; the answer is being made.
    Thinking,
    /// The agent speaks.
    Speaking,
    /// The caller has us on hold.
    OnHold,
    /// A person is being called for the caller.
    HandingOver,
    /// The caller talks to a person.
    WithPerson,
}

/// What was said last in a live call.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LiveTurn {
    pub speaker: Speaker,
    pub text: Pii<String>,
    /// When it began, in milliseconds after the answer.
    pub started_ms: u64,
}

/// A call that goes on: who talks to whom, on which node, and how far they are.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LiveCall {
    pub id: CallId,
    pub tenant: TenantId,
    /// The node that has it.
    pub node: String,
    pub profile: ProfileId,
    /// The number that was dialled.
    pub did: E164,
    /// Absent when withheld, or not known.
    pub caller: Option<E164>,
    /// The trunk that it came over; absent for a peer that is no trunk.
    pub trunk: Option<String>,
    pub answered_at: Timestamp,
    pub phase: LivePhase,
    /// Turns so far, of both.
    pub turns: u32,
    pub last_turn: Option<LiveTurn>,
}

/// What somebody who watches a call wants done with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CallWish {
    #[default]
    None,
    /// The caller is to be handed to this target of the profile, by its name.
    HandOver(String),
    /// The call is to be ended.
    HangUp,
}

/// Samples of a [`StereoFrame`] on each side.
pub const STEREO_FRAME_SAMPLES: usize = 160;

/// 20 ms of a call at 8 kHz as it is heard at both ends: left the caller, right the agent, or the person that the caller
/// was handed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StereoFrame(pub [[i16; 2]; STEREO_FRAME_SAMPLES]);
