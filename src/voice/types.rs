//! What goes into the turn controller and what comes out of it.

use std::ops::Add;

use crate::domain::Pii;

/// A point on the call's media clock: milliseconds since the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ms(pub u64);

impl Ms {
    /// The milliseconds from `earlier` to this point; 0 when `earlier` is later.
    pub const fn since(self, earlier: Ms) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The point `ms` milliseconds before; not before the answer.
    pub const fn minus(self, ms: u64) -> Ms {
        Ms(self.0.saturating_sub(ms))
    }
}

impl Add<u64> for Ms {
    type Output = Ms;

    fn add(self, ms: u64) -> Ms {
        Ms(self.0.saturating_add(ms))
    }
}

/// One stretch of the caller's speech; counted from 0 within the call by the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtteranceId(pub u32);

/// One line of the agent (a phrase that is played as a whole); chosen by the driver, unique within the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineId(pub u32);

/// What the agent's last line wants of the caller; it decides how long a pause ends the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Expectation {
    /// Nothing: the agent owes the next sound itself ("one moment, please"), so silence is filled, not counted as no input.
    None,
    /// An open question: the turn ends after `likely_end_ms`, `end_of_turn_ms` or `doubtful_end_ms` as it sounds, or after
    /// `unfinished_end_ms` when its words are [`Ending::Unfinished`].
    #[default]
    Open,
    /// Yes or no: a doubtful end waits no longer than `end_of_turn_ms`, any other at most 400 ms.
    YesNo,
    /// Digits, a spelling, an address: pauses are part of it, and each group sounds finished. The turn ends after
    /// `dictation_end_ms`, three quarters of it when they are [`Ending::Nearly`] all, or after `likely_end_ms` once the words are
    /// [`Ending::Whole`]. While the words are still awaited
    /// it closes after `likely_end_ms`; they open it again when they are not whole.
    Dictation,
}

/// What the words up to a pause say about whether more follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Ending {
    /// They are all that was asked for (a whole telephone number).
    Whole,
    /// They are likely all: a number of which the recogniser has lost a digit or two.
    Nearly,
    /// They may be all, or not.
    #[default]
    Open,
    /// They cannot be all: digits are missing, or the sentence breaks off ("my number is", "and").
    Unfinished,
}

/// What happened in the call.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The next 20 ms of the caller's audio, which end at `now`.
    Frame {
        /// The probability of speech given by the voice activity detector, 0 to 1.
        speech: f32,
        /// The level in dB below full scale, 0 or less; minus infinity is digital silence.
        rms_dbfs: f32,
    },
    /// The level of what was sent in these 20 ms, in dBFS; comes before their `Frame`. Without it no echo is expected.
    Played { rms_dbfs: f32 },
    /// The level of audio that has arrived and will be in a later `Frame`, in dBFS; where it is known, a line is ducked
    /// the sooner.
    Arriving { rms_dbfs: f32 },
    /// The words of an utterance, for a [`Action::Speculate`] or a [`Action::Commit`].
    Transcript {
        utterance: UtteranceId,
        /// The end of the transcribed range, as the action gave it; a transcript of a dropped range is ignored.
        to: Ms,
        /// Empty (or without a letter or digit) when there were no words.
        text: Pii<String>,
        /// 0 to 1, as the engine gives it; passed through.
        confidence: f32,
        ending: Ending,
    },
    /// The end-of-turn model's answer to a [`Action::Speculate`]; it may come at any time, or never.
    EndOfTurn {
        utterance: UtteranceId,
        /// As the action gave it; an answer to a dropped one is ignored.
        to: Ms,
        /// That the caller has finished, 0 to 1; anything else is ignored.
        probability: f32,
    },
    /// The transcription failed, was refused by a full pool, or was given up by the engine's driver.
    TranscriptFailed { utterance: UtteranceId, to: Ms },
    /// The agent is going to say a line; its audio may take some time yet.
    AgentWillSpeak {
        line: LineId,
        /// Whether the caller may interrupt it (the legal notice may not be interrupted).
        interruptible: bool,
        /// Whether it only fills time: the answer is still owed after it.
        filler: bool,
    },
    /// The words of a line that is announced; without them an echo is told by its level alone.
    AgentWords { text: Pii<String> },
    /// The first packet of a line was sent, or a stalled line goes on.
    PlayoutStarted {
        line: LineId,
        /// The length of what is still to play, when known; a line not reported finished 1 s after it is taken to be lost.
        remaining_ms: Option<u32>,
    },
    /// A line ran dry before its end (synthesis slower than real time).
    PlayoutStalled { line: LineId },
    /// A line was played to its end.
    PlayoutFinished { line: LineId },
    /// A line was cut short (by [`Action::StopPlayout`] or by the driver) or could not be played at all.
    PlayoutStopped {
        line: LineId,
        /// What the caller heard of it.
        played_ms: u32,
        /// Its length as far as it is known.
        total_ms: u32,
    },
    /// What the receptionist now waits for; valid until the next `Expect`.
    Expect {
        what: Expectation,
        /// How many keypad digits complete an entry; `None` waits for `#` or a pause of 4 s.
        digits: Option<u8>,
    },
    /// The caller pressed a key: `0`–`9`, `*`, `#`, `A`–`D` (RFC 4733 §3.2), once per key press.
    Dtmf { digit: char },
    /// The caller has put us on hold, or (`false`) is back. On hold nobody hears what plays and nobody is expected to
    /// speak: lines wait, and neither side owes a sound. Saying the same twice changes nothing.
    Hold(bool),
    /// Nothing; time has passed.
    Tick,
}

/// What the driver shall do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// The turn may be over: transcribe this range of the caller's audio at low priority, and ask the end-of-turn model
    /// about it when there is one and the sound tells (not in a dictation).
    Speculate { utterance: UtteranceId, from: Ms, to: Ms },
    /// Nothing that was started for this utterance so far is of any use: cancel it.
    DropSpeculation { utterance: UtteranceId },
    /// The turn is over and its words are wanted now. The range equals that of the live [`Action::Speculate`] of
    /// this utterance when there is one: raise that job's priority, otherwise start it.
    Commit { utterance: UtteranceId, from: Ms, to: Ms, speech_end: Ms },
    /// The caller's turn, for the receptionist.
    TurnEnded {
        utterance: UtteranceId,
        text: Pii<String>,
        confidence: f32,
        /// The first voiced frame began here.
        speech_start: Ms,
        /// The last voiced frame ended here.
        speech_end: Ms,
        /// The pause was long enough to end the turn here.
        endpoint_at: Ms,
    },
    /// The caller said something and it was not understood: no words, or the transcription failed or took too long.
    TurnFailed { utterance: UtteranceId, speech_start: Ms, speech_end: Ms, endpoint_at: Ms },
    /// Play the agent's line on, much quieter: the caller may be interrupting. Followed by `Unduck`, `PausePlayout` or
    /// `StopPlayout`.
    Duck,
    /// It was no interruption (or the line is over): full volume again.
    Unduck,
    /// Let what plays and what is announced wait where it is: the caller speaks on, and their words are not known yet.
    /// Followed by `ResumePlayout` or `StopPlayout`; nothing is reported meanwhile.
    PausePlayout,
    /// They did not want to interrupt: go on with the very sample that would have come next, at full volume.
    ResumePlayout,
    /// Stop what plays, forget what is announced, and report [`Input::PlayoutStopped`] for each line; what comes next
    /// has full volume.
    StopPlayout { at: Ms },
    /// A line was cut by the caller's voice or key; what they heard of it, to be written down.
    BargeIn { line: LineId, played_ms: u32, total_ms: u32 },
    /// Nobody spoke for `no_input_ms` after the agent's line; `count` goes up from 1 until the caller is heard.
    NoInput { count: u32 },
    /// A keypad entry is complete (digits only, never empty).
    Digits(Pii<String>),
    /// The watchdog: sound must start now. Play a filler, a shorter line, or climb down the ladder.
    FillSilence {
        /// Since when the caller has been waiting.
        speech_end: Ms,
        /// 1 for the first filler of this wait, then counting up every 4 s.
        count: u32,
    },
}
