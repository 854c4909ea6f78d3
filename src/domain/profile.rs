//! How one receptionist speaks, listens and what it knows.

use super::{Knowledge, ProfileId, Transfers};

/// One receptionist: what callers hear, the facts it may state, and how it takes turns.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AgentProfile {
    pub id: ProfileId,
    /// As spoken: "Sharma Dental Clinic".
    pub business_name: String,
    /// What the business calls its visitors' matter, for the questions: "appointment", "booking", "service".
    pub visit_word: String,
    /// Replaces the standard greeting; the AI and recording notice is spoken in any case.
    pub greeting: Option<String>,
    /// Whether calls are recorded, and so whether the greeting says that they may be.
    pub record_calls: bool,
    pub hours: WeeklyHours,
    /// As spoken: "12, M G Road, Bengaluru".
    pub address: String,
    /// As spoken: "opposite the metro station".
    pub landmark: Option<String>,
    /// IANA time zone of the business.
    pub time_zone: String,
    /// Name of the voice, as the synthesiser knows it.
    pub voice: String,
    pub turns: TurnSettings,
    /// Which engines its calls use; the node's own in documents that were written before this was known.
    #[serde(default)]
    pub speech: SpeechChoice,
    /// Whom a caller may be handed to; nobody in documents that were written before this was known.
    #[serde(default)]
    pub transfers: Transfers,
    /// Whether callers are handed over in emergencies only; others leave a message.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub emergency_transfers_only: bool,
    /// What callers are asked for besides name, number, matter and time, in this order; nothing in documents that were
    /// written before this was known.
    #[serde(default)]
    pub ask: Vec<Ask>,
    /// Services, common questions and holidays; empty in documents that were written before this was known.
    #[serde(default)]
    pub knowledge: Knowledge,
}

/// Engines of a profile, by the names that the node's configuration gives them, in the order in which they are tried.
/// The node's own come last where they are not named, so that a caller is heard and answered whatever else fails.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpeechChoice {
    /// Speech to text; empty: the node's own.
    pub stt: Vec<String>,
    /// Text to speech; empty: the node's own.
    pub tts: Vec<String>,
    /// Language models that may tell what a caller means where the rules cannot; empty: none is asked.
    pub llm: Vec<String>,
    /// Voice of the first of `tts`, as that engine names it; absent: the one it was declared with.
    pub voice: Option<String>,
}

/// Something that a receptionist asks for only where its profile says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    Email,
    PinCode,
}

/// Opening hours by weekday, Monday first; an empty list is a closed day.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct WeeklyHours(pub [Vec<DayHours>; 7]);

/// One opening of a day, in minutes after local midnight; `opens` < `closes` ≤ 1440.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DayHours {
    pub opens_min: u16,
    pub closes_min: u16,
}

/// Turn-taking: thresholds, in milliseconds where nothing else is said, and the words that do not take the turn.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TurnSettings {
    /// Silence after speech that starts a speculative transcription.
    pub speculate_ms: u32,
    /// Silence after speech that ends the caller's turn while nothing else is known about it.
    pub end_of_turn_ms: u32,
    /// The same when the turn sounds finished, or its words are all that was asked for.
    pub likely_end_ms: u32,
    /// The same when it sounds unfinished.
    pub doubtful_end_ms: u32,
    /// The same when its words break off.
    pub unfinished_end_ms: u32,
    /// From this probability on, in percent, a turn sounds finished.
    pub likely_percent: u32,
    /// Below this probability, in percent, it sounds unfinished.
    pub doubtful_percent: u32,
    /// Silence that ends a turn in which digits, a spelling or an address is dictated.
    pub dictation_end_ms: u32,
    /// Speech over the agent that counts as an interruption.
    pub barge_in_ms: u32,
    /// Silence after the agent finished that counts as no answer.
    pub no_input_ms: u32,
    /// The longest time from the end of the caller's turn to sound from the agent.
    pub watchdog_ms: u32,
    /// The longest wait for a language model, once the words of a turn are there.
    pub llm_ms: u32,
    /// The longest utterance; a caller who talks on is taken to have ended a turn.
    pub max_utterance_ms: u32,
    /// Words that show that one listens, besides the built-in ones: said over a line they do not interrupt it.
    pub backchannels: Vec<String>,
}

impl Default for TurnSettings {
    fn default() -> Self {
        Self {
            speculate_ms: 200,
            end_of_turn_ms: 500,
            likely_end_ms: 400,
            doubtful_end_ms: 800,
            unfinished_end_ms: 1_200,
            likely_percent: 70,
            doubtful_percent: 40,
            dictation_end_ms: 800,
            barge_in_ms: 220,
            no_input_ms: 6_000,
            watchdog_ms: 1_500,
            llm_ms: 900,
            max_utterance_ms: 25_000,
            backchannels: Vec::new(),
        }
    }
}
