//! What is written down about a call.

use jiff::Timestamp;

use super::{CallId, E164, EmailAddress, PinCode, ProfileId, SearchWords, TenantId, TransferAttempt};

/// Where a call is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// Answered and going on.
    Active,
    /// Ended and closed in order.
    Completed,
    /// Found open at start-up: the process died during the call.
    Abandoned,
}

/// What the caller came away with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// A message was left.
    Message,
    /// An appointment was asked for.
    Appointment,
    /// The caller asked for a person: an urgent message.
    Urgent,
    /// The caller talked to a person.
    Transferred,
    /// A question was answered and nothing else was wanted.
    Answered,
    /// The caller had the wrong number.
    WrongNumber,
    /// The caller left before anything was taken.
    Nothing,
}

/// Who or what ended the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndCause {
    CallerHungUp,
    AgentHungUp,
    /// The person that the caller was handed to hung up.
    PersonHungUp,
    /// The carrier connected the caller to a person and took the call off our hands (REFER).
    Referred,
    /// No RTP arrived for too long.
    DeadMedia,
    /// The longest call that the configuration allows.
    TooLong,
    /// VCA was stopped and drained.
    Shutdown,
    /// Somebody who watches the call ended it.
    Operator,
    /// The process died; found at the next start.
    Crash,
    /// The signalling failed (no ACK, a transport error).
    Signalling,
    /// The conversation itself failed or hung; the caller was asked to call again.
    Breakdown,
}

/// Whether a recording exists and is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    /// The profile does not record.
    Off,
    /// Being written, or cut short by a crash and whole up to the last second.
    Partial,
    /// Whole.
    Complete,
    /// Could not be written to the end (disk full, folder gone); what exists is playable.
    Failed,
    /// The caller did not want it; what there was is removed.
    Refused,
    /// Removed, because it was kept for long enough or the caller's data were to be erased.
    Erased,
}

/// What the receptionist wrote down, as far as it got.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct CallSlots {
    pub name: Option<String>,
    /// The number to call back.
    pub number: Option<E164>,
    pub reason: Option<String>,
    /// The wanted time, in the caller's words.
    pub preferred_time: Option<String>,
    /// Only where the profile asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,
    /// Only where the profile asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin_code: Option<PinCode>,
}

/// One answered call.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct CallRecord {
    pub id: CallId,
    pub tenant: TenantId,
    pub profile: ProfileId,
    /// The number that was dialled.
    pub did: E164,
    /// The caller's number when the trunk gave one that is a number.
    pub caller: Option<E164>,
    /// The SIP Call-ID of the caller's leg, to find the call in a carrier's logs.
    pub sip_call_id: String,
    pub status: CallStatus,
    pub answered_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub end_cause: Option<EndCause>,
    pub outcome: Option<CallOutcome>,
    pub slots: CallSlots,
    /// One or two sentences for the owner, made from the slots.
    pub summary: Option<String>,
    pub recording: RecordingState,
    /// Attempts to hand the caller to a person, in order.
    pub transfers: Vec<TransferAttempt>,
    /// How long the caller talked to people, in milliseconds.
    pub bridged_ms: u64,
    /// The trunk that the call came over, by its name; absent when it came over none.
    #[serde(default)]
    pub trunk: Option<String>,
}

/// What stands in [`CallRecord::trunk`] of a call that somebody placed to try a receptionist out: no trunk has that name.
pub const TEST_TRUNK: &str = "(test)";

impl CallRecord {
    /// Whether somebody placed the call to try the receptionist out: nobody is told of it.
    pub fn is_test(&self) -> bool {
        self.trunk.as_deref() == Some(TEST_TRUNK)
    }
}

/// Who spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    Caller,
    Agent,
}

/// One turn of the conversation. Offsets count from the answer.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Turn {
    /// From 0, in order, within the call.
    pub seq: u32,
    pub speaker: Speaker,
    /// The caller's words as recognised, or the agent's line; keypad entry as `[keypad 98765]`.
    pub text: String,
    /// The part of the agent's line that was played before the caller interrupted; `None` when all of it was.
    pub heard: Option<String>,
    pub started_ms: u64,
    pub ended_ms: u64,
    /// For an agent turn that answers the caller: where the time went.
    pub waterfall: Option<Waterfall>,
}

/// Where the time between the end of the caller's speech and the agent's first packet went.
///
/// Every figure is milliseconds after the caller's last voiced frame. From `endpoint_ms` to `first_packet_ms` they never
/// decrease, where they are given; a transcription may begin, and a filler be heard, at any time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Waterfall {
    /// A worker took up the transcription whose words were used; before that it waited for a worker.
    pub stt_started_ms: Option<u32>,
    /// The endpointer closed the turn.
    pub endpoint_ms: u32,
    /// The final transcript was there.
    pub stt_ms: Option<u32>,
    /// The receptionist had decided.
    pub dialogue_ms: u32,
    /// The language model's first token, when one was asked.
    pub llm_first_token_ms: Option<u32>,
    /// The first audio to play was there (cached or synthesised).
    pub tts_first_byte_ms: u32,
    /// The first packet of the answer left.
    pub first_packet_ms: u32,
    /// Whether the first audio came out of the prompt cache.
    pub cached: bool,
    /// Whether the watchdog had to fill the silence.
    pub filled: bool,
    /// The first packet of the first filler left, when there was one: what the caller heard first.
    pub filler_ms: Option<u32>,
    /// How far down the ladder the answer comes from.
    pub rung: Rung,
}

impl Waterfall {
    /// The steps that follow each other, with the time at which each was over; those that the turn did not take are
    /// left out.
    pub fn steps(&self) -> impl Iterator<Item = (&'static str, u32)> {
        // A model is asked what the caller wants before the receptionist decides, or how to say it after that.
        let (asked, phrased) = match self.llm_first_token_ms {
            Some(at) if at < self.dialogue_ms => (Some(at), None),
            at => (None, at),
        };
        [
            ("endpoint", Some(self.endpoint_ms)),
            ("stt", self.stt_ms),
            ("llm", asked),
            ("dialogue", Some(self.dialogue_ms)),
            ("llm", phrased),
            ("tts", Some(self.tts_first_byte_ms)),
            ("packet", Some(self.first_packet_ms)),
        ]
        .into_iter()
        .filter_map(|(step, at)| Some((step, at?)))
    }

    /// When the caller heard something again: the filler or the answer, whichever came first.
    pub fn response_ms(&self) -> u32 {
        self.filler_ms.map_or(self.first_packet_ms, |filler| filler.min(self.first_packet_ms))
    }
}

/// Where an answer comes from when it cannot be what it should be, from the best on down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// Ready phrases only.
    #[default]
    Phrase,
    /// Some of it was synthesised while the caller waited.
    Engine,
    /// A fixed phrase stood in for words that could not be spoken in time.
    Template,
    /// Nothing could be said: a tone.
    Tone,
    /// A question by keypad, since speech was not understood.
    Keypad,
    /// The call was closed, or handed to a person, with what had been taken until then.
    GivenUp,
}

impl Rung {
    pub const ALL: [Self; 6] = [Self::Phrase, Self::Engine, Self::Template, Self::Tone, Self::Keypad, Self::GivenUp];

    /// Its name in metrics and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Phrase => "phrase",
            Self::Engine => "engine",
            Self::Template => "template",
            Self::Tone => "tone",
            Self::Keypad => "keypad",
            Self::GivenUp => "given_up",
        }
    }
}

/// Which calls to list; `None` means any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFilter {
    pub status: Option<CallStatus>,
    pub outcome: Option<CallOutcome>,
    pub caller: Option<E164>,
    /// The number that was dialled.
    pub did: Option<E164>,
    /// Said in it. Calls that go on are not searched.
    pub text: Option<SearchWords>,
    /// Answered at or after.
    pub from: Option<Timestamp>,
    /// Answered before.
    pub until: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waterfall_of_an_earlier_version_is_read() {
        let old = r#"{"endpoint_ms":510,"stt_ms":600,"dialogue_ms":601,"llm_first_token_ms":null,"tts_first_byte_ms":602,
            "first_packet_ms":690,"cached":true,"filled":false}"#;
        let waterfall: Waterfall = serde_json::from_str(old).unwrap();
        assert_eq!((waterfall.first_packet_ms, waterfall.rung, waterfall.filler_ms), (690, Rung::Phrase, None));
        let steps: Vec<_> = waterfall.steps().collect();
        assert_eq!(steps, [("endpoint", 510), ("stt", 600), ("dialogue", 601), ("tts", 602), ("packet", 690)]);
    }

    #[test]
    fn what_the_caller_heard_first_is_the_response() {
        let filled = Waterfall { first_packet_ms: 2_600, filler_ms: Some(1_500), ..Waterfall::default() };
        assert_eq!(filled.response_ms(), 1_500);
        assert_eq!(Waterfall { filler_ms: None, ..filled }.response_ms(), 2_600);
        let asked = Waterfall { dialogue_ms: 900, llm_first_token_ms: Some(700), tts_first_byte_ms: 950, ..filled };
        let steps = asked.steps().map(|(step, _)| step).collect::<Vec<_>>();
        assert_eq!(steps, ["endpoint", "llm", "dialogue", "tts", "packet"]);
        assert!(asked.steps().is_sorted_by_key(|(_, at)| at));
    }
}
