//! One stretch of the caller's speech, from its first voice to its transcript.

use super::types::{Ending, Expectation, Ms, UtteranceId};
use crate::domain::{Pii, TurnSettings};

/// Audio before the first sure frame that belongs to the utterance: soft consonants and the detector's own delay.
const PRE_ROLL_MS: u64 = 300;
/// Audio after the last voiced frame that is transcribed when no speculation fixed the range.
const TAIL_MS: u64 = 300;
/// Less voice than this is a click or a knock, not speech.
const NOISE_MS: u32 = 120;
/// Less voice than this without words in it was a cough: nobody is asked to repeat it.
const SHORT_MS: u32 = 400;
/// So much voice over a line that cannot be interrupted is heard as a turn after it, whenever it was said.
const KEPT_MS: u32 = 1_000;
/// Silence after which the words of what is said over a line are asked for.
const OVER_LINE_SPECULATE_MS: u64 = 140;
/// A yes or no is short, and so is the pause after it.
const YES_NO_END_MS: u64 = 400;

/// The pauses that mean something, in milliseconds after the last voiced frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pauses {
    pub speculate_ms: u64,
    pub end_ms: u64,
}

impl Pauses {
    pub fn new(settings: &TurnSettings, expects: Expectation, evidence: Evidence) -> Self {
        Self { speculate_ms: u64::from(settings.speculate_ms), end_ms: end_ms(settings, expects, evidence) }
    }
}

/// What is known about a pause besides its length.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Evidence {
    /// What the words say, once they are there or known to fail.
    pub ending: Option<Ending>,
    /// How probable the end-of-turn model holds it, once it has answered, that the caller has finished.
    pub finished: Option<f32>,
}

/// The pause that ends a turn.
fn end_ms(settings: &TurnSettings, expects: Expectation, evidence: Evidence) -> u64 {
    let [likely, unknown, doubtful, unfinished] =
        [settings.likely_end_ms, settings.end_of_turn_ms, settings.doubtful_end_ms, settings.unfinished_end_ms]
            .map(u64::from);
    let percent = evidence.finished.map(|probability| probability * 100.0);
    let by_sound = match percent {
        Some(percent) if percent >= settings.likely_percent as f32 => likely,
        Some(percent) if percent < settings.doubtful_percent as f32 => doubtful,
        _ => unknown,
    };
    match (expects, evidence.ending) {
        (_, Some(Ending::Whole)) => likely,
        // Nothing is lost by closing it before the words are there: they open it again unless they are whole.
        (Expectation::Dictation, None) => likely,
        (Expectation::Dictation, Some(Ending::Nearly)) => (u64::from(settings.dictation_end_ms) * 3 / 4).max(unknown),
        (Expectation::Dictation, Some(_)) => u64::from(settings.dictation_end_ms).max(unknown),
        (_, Some(Ending::Unfinished)) => unfinished.max(unknown),
        (Expectation::YesNo, _) if by_sound > unknown => unknown,
        (Expectation::YesNo, _) => by_sound.min(YES_NO_END_MS),
        (Expectation::None | Expectation::Open, _) => by_sound,
    }
}

impl Pauses {
    /// The same for what is said over a line: whether it goes on hangs on the words.
    pub fn hurried(self, over_line: bool) -> Self {
        let speculate_ms = if over_line { self.speculate_ms.min(OVER_LINE_SPECULATE_MS) } else { self.speculate_ms };
        Self { speculate_ms, ..self }
    }
}

/// What became of a transcription.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    Words {
        text: Pii<String>,
        confidence: f32,
    },
    /// The engine heard no words.
    Nothing,
    Failed,
}

impl Outcome {
    pub fn of(text: Pii<String>, confidence: f32) -> Self {
        if text.0.chars().any(char::is_alphanumeric) { Self::Words { text, confidence } } else { Self::Nothing }
    }
}

/// A transcription that was started before the turn was over.
#[derive(Debug)]
pub(super) struct Speculation {
    pub to: Ms,
    pub outcome: Option<Outcome>,
    pub evidence: Evidence,
}

/// Speech that goes on, or a pause in it.
#[derive(Debug)]
pub(super) struct Utterance {
    pub id: UtteranceId,
    /// The beginning of the audio to transcribe.
    pub from: Ms,
    pub speech_start: Ms,
    pub last_voiced: Ms,
    pub voiced_ms: u32,
    /// Voice since the last pause: what counts towards an interruption.
    pub insistence_ms: u32,
    /// The beginning of that voice.
    pub insists_from: Ms,
    /// Not so for the rest of a speech that was cut for its length, or else the answer to it could never be heard.
    pub may_interrupt: bool,
    /// It paused or stopped the agent.
    pub interrupted: bool,
    /// The agent had not ended its line in any of its voice.
    pub over_line: bool,
    /// How its loudest voice compares with the loudest that the agent had just sent, in dB; high while nothing is sent.
    pub over_sent_db: f32,
    /// When the line that it had paused went on.
    pub resumed: Ms,
    /// It would have stopped the agent, had that been allowed.
    pub blocked: bool,
    pub speculation: Option<Speculation>,
}

impl Utterance {
    pub fn new(id: UtteranceId, began: Ms, previous_end: Ms, may_interrupt: bool, over_line: bool) -> Self {
        Self {
            id,
            from: began.minus(PRE_ROLL_MS).max(previous_end),
            speech_start: began,
            last_voiced: began,
            voiced_ms: 0,
            insistence_ms: 0,
            insists_from: began,
            may_interrupt,
            interrupted: false,
            over_line,
            over_sent_db: f32::NEG_INFINITY,
            resumed: Ms(0),
            blocked: false,
            speculation: None,
        }
    }

    /// Since when the agent has talked on, if it has.
    pub fn passed_over_since(&self) -> Ms {
        self.last_voiced.max(self.resumed)
    }

    pub fn is_noise(&self) -> bool {
        self.voiced_ms < NOISE_MS
    }

    pub fn is_short(&self) -> bool {
        self.voiced_ms < SHORT_MS
    }

    /// Whether it waits for the end of the agent's line however long that takes.
    pub fn is_kept(&self) -> bool {
        self.blocked && self.voiced_ms >= KEPT_MS
    }

    /// What is known about the pause that goes on.
    pub fn evidence(&self) -> Evidence {
        self.speculation.as_ref().map(|speculation| speculation.evidence).unwrap_or_default()
    }

    pub fn wants_speculation(&self) -> bool {
        self.speculation.is_none() && !self.is_noise()
    }

    /// The end of the audio to transcribe when the turn ends at `now`, and what is already known of it.
    pub fn close(&mut self, now: Ms) -> Speculation {
        match self.speculation.take() {
            Some(Speculation { outcome: Some(Outcome::Failed), evidence, .. }) => {
                Speculation { to: self.tail(now), outcome: None, evidence }
            }
            Some(speculation) => speculation,
            None => Speculation { to: self.tail(now), outcome: None, evidence: Evidence::default() },
        }
    }

    fn tail(&self, now: Ms) -> Ms {
        (self.last_voiced + TAIL_MS).min(now)
    }
}

/// A turn that is over and whose words are awaited.
#[derive(Debug)]
pub(super) struct Awaited {
    pub utterance: Utterance,
    pub to: Ms,
    pub endpoint_at: Ms,
    pub deadline: Ms,
    pub outcome: Option<Outcome>,
    pub evidence: Evidence,
}
