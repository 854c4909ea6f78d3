//! The answers to a caller's turns: where their time goes, what stands in for them while they are late, and from which
//! rung of the ladder they come.

use std::time::Duration;

use tracing::info;

use super::ladder::{self, Fill};
use super::mouth::Ended;
use super::{Conversation, late};
use crate::call::sounds;
use crate::dialogue;
use crate::domain::{LivePhase, Pii, Speaker, Waterfall};
use crate::media::EncodedAudio;
use crate::voice::{self, LineId, Ms, UtteranceId};

pub(super) use super::ladder::Trouble;

/// How the waiting tone is written down.
pub(super) const TONE: &str = "[tone]";

/// A turn of the caller's that is to be answered.
#[derive(Clone, Copy)]
pub(super) struct Answering {
    pub speech_end: Ms,
    pub endpoint_at: Ms,
    pub stt_started: Option<Ms>,
    pub understood_at: Ms,
    /// The language model's answer, when one was asked.
    pub advised_at: Option<Ms>,
}

/// A line that answers a turn, and where its time has gone so far.
pub(super) struct Answer {
    pub line: LineId,
    pub waterfall: Waterfall,
    pub speech_end: Ms,
    pub trouble: Option<Trouble>,
}

/// The first filler of a wait.
pub(super) struct Filler {
    pub line: LineId,
    /// Its first packet.
    pub at: Option<Ms>,
}

impl Conversation<'_> {
    pub(super) fn begin_answer(&mut self, utterance: Option<UtteranceId>, speech_end: Ms, endpoint_at: Ms) {
        let stt_started = utterance.and_then(|utterance| self.ears.started(utterance)).map(|at| self.moment(at));
        self.answering =
            Some(Answering { speech_end, endpoint_at, stt_started, understood_at: self.now(), advised_at: None });
        self.journal.phase(LivePhase::Thinking);
    }

    /// The language model answered, or will not.
    pub(super) fn advised(&mut self, advice: dialogue::Input) {
        let now = self.now();
        if let Some(turn) = &mut self.answering {
            turn.advised_at = Some(now);
        }
        self.step(advice);
    }

    /// The ladder below a missing answer: a filler first, then the receptionist is told that it has nothing.
    pub(super) fn fill_silence(&mut self, speech_end: Ms, count: u32) {
        info!(waited_ms = self.now().since(speech_end), count, "the answer is late; filling the silence");
        let fill = ladder::fill(count, &self.fillers, |text| self.mouth.ready(text, &self.media).is_some());
        self.metrics.filled(match fill {
            Fill::Phrase(_) => "phrase",
            Fill::Tone => "tone",
            Fill::AskAgain => "question",
        });
        let (name, audio) = match fill {
            Fill::Phrase(text) => (text.to_owned(), self.mouth.ready(text, &self.media)),
            Fill::Tone => (TONE.to_owned(), None),
            Fill::AskAgain => {
                self.step(dialogue::Input::NotUnderstood);
                if self.mouth.is_playing() {
                    return;
                }
                // Not even that can be said now.
                (TONE.to_owned(), None)
            }
        };
        let line = self.say_ahead(&name, audio, true);
        self.filler.get_or_insert(Filler { line, at: None });
    }

    /// Says something that is ready ahead of all that is still being made: a tone, when there are no words. It tells the
    /// caller at least that the line is alive.
    pub(super) fn say_ahead(&mut self, name: &str, audio: Option<EncodedAudio>, filler: bool) -> LineId {
        let now = self.now();
        let line = self.mouth.say_ahead(name, audio.unwrap_or_else(sounds::waiting_tone), now, &self.media);
        self.tell(voice::Input::AgentWillSpeak { line, interruptible: filler, filler });
        self.tell(voice::Input::AgentWords { text: Pii(name.to_owned()) });
        line
    }

    pub(super) fn line_started(&mut self, line: LineId, at: Ms, audio_at: Ms) {
        if let Some(filler) = self.filler.as_mut().filter(|filler| filler.line == line) {
            filler.at.get_or_insert(at);
        }
        if let Some(answer) = self.answers.iter_mut().find(|answer| answer.line == line) {
            let (waterfall, speech_end) = (&mut answer.waterfall, answer.speech_end);
            waterfall.tts_first_byte_ms = late(audio_at, speech_end);
            waterfall.first_packet_ms = late(at, speech_end);
            if let Some(filler) = self.filler.take() {
                waterfall.filled = true;
                waterfall.filler_ms = filler.at.map(|at| late(at, speech_end));
            }
        }
    }

    pub(super) fn line_over(&mut self, ended: Ended) {
        let found = self.answers.iter().position(|answer| answer.line == ended.line);
        // An answer of which nothing was heard has no figures.
        let answer = found.map(|index| self.answers.swap_remove(index)).filter(|_| ended.started.is_some());
        let waterfall = answer.map(|answer| {
            let waterfall = Waterfall { rung: ladder::rung(ended.made, answer.trouble), ..answer.waterfall };
            self.metrics.answered(&waterfall);
            self.trace.turn(Duration::from_millis(answer.speech_end.0), &waterfall);
            waterfall
        });
        self.note_notice(&ended);
        let started = ended.started.unwrap_or(ended.at);
        self.write_turn(Speaker::Agent, ended.text, ended.heard, started, ended.at, waterfall);
    }

    /// What the receptionist resorted to, of a turn that gave nothing.
    pub(super) fn trouble(&self, actions: &[dialogue::Action]) -> Option<Trouble> {
        let gives_up =
            |action: &dialogue::Action| matches!(action, dialogue::Action::End | dialogue::Action::Transfer { .. });
        if actions.iter().any(gives_up) {
            return Some(Trouble::GivenUp);
        }
        self.receptionist.asks_by_keypad().then_some(Trouble::Keypad)
    }

    /// Leaves out of the line what has not been made in time.
    pub(super) fn go_on_without(&mut self) {
        let events = self.mouth.expire(self.now(), &self.media);
        self.on_mouth(events);
    }
}
