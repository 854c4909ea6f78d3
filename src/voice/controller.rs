//! The referee itself: puts detector, utterances, agent, keypad and floor together.

use std::collections::VecDeque;

use super::agent::Agent;
use super::backchannel::Backchannels;
use super::detector::{Detector, FRAME_MS, Heard};
use super::echo::EchoGuard;
use super::floor::Floor;
use super::keypad::Keypad;
use super::own_words::OwnWords;
use super::types::{Action, Ending, Expectation, Input, LineId, Ms, UtteranceId};
use super::utterance::{Awaited, Evidence, Outcome, Pauses, Speculation, Utterance};
use crate::domain::{Pii, TurnSettings};
use overlap::Overlap;

mod overlap;

/// What was said so shortly before the end of the agent's line is an answer to it.
const EARLY_ANSWER_MS: u64 = 1_500;
/// A caller who goes on so soon after the end of the turn, or in a dictation within its longest pause, while the words
/// are still awaited, had not ended it.
const RESUME_MS: u64 = 1_000;
/// The longest wait for a transcript: this, and a quarter of the length of the audio.
const TRANSCRIPT_MS: u64 = 5_000;
/// Turns whose words are awaited at once; the oldest fails when one more comes.
const MAX_AWAITED: usize = 4;
/// Settings below these make no sense: words would be cut, or demands for sound would come without a pause.
const MIN_UTTERANCE_LIMIT_MS: u32 = 1_000;
const MIN_SILENCE_LIMIT_MS: u32 = 100;

/// The referee of one call's turns.
///
/// After every [`Self::handle`] the driver takes all [`Self::poll_action`]s, and sees to it that an
/// [`Input::Tick`] comes at [`Self::next_deadline`] if nothing else comes first. Time that goes backwards is held.
#[derive(Debug)]
pub struct TurnController {
    settings: TurnSettings,
    now: Ms,
    expects: Expectation,
    detector: Detector,
    utterance: Option<Utterance>,
    next_utterance: u32,
    previous_speech_end: Ms,
    awaited: VecDeque<Awaited>,
    agent: Agent,
    keypad: Keypad,
    floor: Floor,
    echo: EchoGuard,
    own_words: OwnWords,
    backchannels: Backchannels,
    overlap: Overlap,
    /// Since when the caller has us on hold.
    held_since: Option<Ms>,
    actions: VecDeque<Action>,
}

impl TurnController {
    /// The referee of a call that is answered at `Ms(0)`.
    pub fn new(settings: TurnSettings) -> Self {
        Self::starting(settings, Ms(0))
    }

    /// The referee of a conversation that begins, or is taken up again, at `now`: the agent owes the first line.
    pub fn starting(settings: TurnSettings, now: Ms) -> Self {
        let settings = TurnSettings {
            max_utterance_ms: settings.max_utterance_ms.max(MIN_UTTERANCE_LIMIT_MS),
            watchdog_ms: settings.watchdog_ms.max(MIN_SILENCE_LIMIT_MS),
            no_input_ms: settings.no_input_ms.max(MIN_SILENCE_LIMIT_MS),
            ..settings
        };
        Self {
            backchannels: Backchannels::new(&settings.backchannels),
            floor: Floor::new(settings.watchdog_ms, settings.no_input_ms, now),
            settings,
            now,
            expects: Expectation::default(),
            detector: Detector::default(),
            utterance: None,
            next_utterance: 0,
            previous_speech_end: now,
            awaited: VecDeque::new(),
            agent: Agent::default(),
            keypad: Keypad::default(),
            echo: EchoGuard::default(),
            own_words: OwnWords::default(),
            overlap: Overlap::default(),
            held_since: None,
            actions: VecDeque::new(),
        }
    }

    /// Takes what happened at `now`. A [`Input::Frame`] that changes nothing allocates nothing.
    pub fn handle(&mut self, input: Input, now: Ms) {
        self.now = self.now.max(now);
        match input {
            Input::Frame { .. } | Input::Dtmf { .. } if self.held_since.is_some() => {}
            Input::Frame { speech, rms_dbfs } => self.frame(speech, rms_dbfs),
            Input::Played { rms_dbfs } => self.echo.played(rms_dbfs),
            Input::Arriving { rms_dbfs } => self.arriving(rms_dbfs),
            Input::Transcript { utterance, to, text, confidence, ending } => {
                self.transcribed(utterance, to, Outcome::of(text, confidence), ending);
            }
            Input::TranscriptFailed { utterance, to } => {
                self.transcribed(utterance, to, Outcome::Failed, Ending::Open);
            }
            Input::EndOfTurn { utterance, to, probability } => self.judged(utterance, to, probability),
            Input::AgentWillSpeak { line, interruptible, filler } => {
                self.agent.announce(line, interruptible, filler, self.now);
            }
            Input::AgentWords { text } => self.own_words.say(&text.0),
            Input::PlayoutStarted { line, remaining_ms } => self.playout_started(line, remaining_ms),
            Input::PlayoutStalled { line } => {
                if self.agent.stalled(line, self.now) {
                    self.floor.owe(self.now, None, self.now);
                }
            }
            Input::PlayoutFinished { line } => self.playout_finished(line),
            Input::PlayoutStopped { line, played_ms, total_ms } => self.playout_stopped(line, played_ms, total_ms),
            Input::Expect { what, digits } => {
                self.expects = what;
                self.keypad.wanted = digits;
            }
            Input::Dtmf { digit } => self.key(digit),
            Input::Hold(true) => self.hold(),
            Input::Hold(false) => self.taken_back(),
            Input::Tick => {}
        }
        self.run_timers();
    }

    /// The next thing to do, oldest first.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to come back at the latest; always later than the last `now`.
    pub fn next_deadline(&self) -> Option<Ms> {
        let awaited = self.awaited.iter().filter(|a| a.outcome.is_none()).map(|a| a.deadline).min();
        if self.held_since.is_some() {
            return awaited;
        }
        [
            self.agent.lost_deadline(),
            self.overlap_deadline(),
            self.utterance_deadline(),
            awaited,
            self.keypad.deadline(),
            self.both_silent().then(|| self.floor.deadline(self.caller_is_asked())),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn run_timers(&mut self) {
        if self.held_since.is_some() {
            return self.give_up_transcripts();
        }
        if let Some(line) = self.agent.lost(self.now) {
            self.playout_finished(line);
        }
        self.overlap();
        self.utterance_timers();
        self.give_up_transcripts();
        if self.keypad.deadline().is_some_and(|at| self.now >= at) {
            let entry = self.keypad.take();
            self.entered(entry);
        }
        let asked = self.caller_is_asked();
        if self.both_silent() && self.now >= self.floor.deadline(asked) {
            // The words of what paused the line do not come: they are taken to be an interruption.
            self.stop_paused();
            let action = self.floor.expire(asked, self.now);
            self.actions.push_back(action);
        }
    }

    /// Neither side sounds, nor is the caller in the middle of anything.
    fn both_silent(&self) -> bool {
        self.utterance.is_none() && !self.keypad.is_open() && !self.agent.is_sounding()
    }

    fn caller_is_asked(&self) -> bool {
        self.expects != Expectation::None
    }

    // ---- the caller's voice ----

    fn frame(&mut self, speech: f32, rms_dbfs: f32) {
        let echo = self.echo.explains(rms_dbfs);
        self.rises(rms_dbfs, echo);
        let speech = if echo || self.keypad.tone_sounds(self.now) { 0.0 } else { speech };
        match self.detector.frame(speech, rms_dbfs, self.agent.is_sounding(), self.now) {
            Heard::Nothing => {}
            Heard::Onset { at, voiced_ms } => self.voice(at, voiced_ms, true),
            // Voice that goes on without an utterance is the rest of one that was cut for its length.
            Heard::Voiced => self.voice(self.now.minus(u64::from(FRAME_MS)), FRAME_MS, false),
        }
        if let Some(utterance) = self.utterance.as_mut().filter(|utterance| utterance.last_voiced == self.now) {
            utterance.over_sent_db = utterance.over_sent_db.max(self.echo.over_sent_db(rms_dbfs));
        }
    }

    fn voice(&mut self, began: Ms, voiced_ms: u32, fresh: bool) {
        if self.utterance.is_none() {
            self.utterance = if fresh { self.resume(began) } else { None };
        }
        let over_line = self.agent.has_lines();
        let utterance = self.utterance.get_or_insert_with(|| {
            let id = UtteranceId(self.next_utterance);
            self.next_utterance += 1;
            Utterance::new(id, began, self.previous_speech_end, fresh, over_line)
        });
        utterance.over_line &= over_line;
        if utterance.insistence_ms == 0 {
            utterance.insists_from = began;
        }
        utterance.voiced_ms += voiced_ms;
        utterance.insistence_ms += voiced_ms;
        utterance.last_voiced = self.now;
        if utterance.speculation.take().is_some() {
            let utterance = utterance.id;
            self.actions.push_back(Action::DropSpeculation { utterance });
        }
    }

    /// The last turn, when it turns out not to be over; it keeps its whole range.
    fn resume(&mut self, began: Ms) -> Option<Utterance> {
        let longest_ms = match self.expects {
            Expectation::Dictation => u64::from(self.settings.dictation_end_ms),
            _ => 0,
        };
        let last = self.awaited.pop_back_if(|last| {
            last.outcome.is_none()
                && began.since(last.utterance.last_voiced) < RESUME_MS.max(longest_ms)
                && self.now.since(last.utterance.speech_start) < u64::from(self.settings.max_utterance_ms)
        })?;
        let utterance = Utterance { insistence_ms: 0, ..last.utterance };
        self.actions.push_back(Action::DropSpeculation { utterance: utterance.id });
        Some(utterance)
    }

    fn utterance_timers(&mut self) {
        let Some(utterance) = &mut self.utterance else { return };
        let pauses = Pauses::new(&self.settings, self.expects, utterance.evidence()).hurried(utterance.over_line);
        let pause_ms = self.now.since(utterance.last_voiced);
        if self.now.since(utterance.speech_start) >= u64::from(self.settings.max_utterance_ms) {
            self.end_of_turn();
        } else if pause_ms >= pauses.end_ms && self.detector.rising_until().is_none_or(|at| self.now >= at) {
            // No frames came for the whole pause when the detector is still on: what comes next is new.
            self.detector.end_voice();
            self.pause_is_the_end(pauses);
        } else if pause_ms >= pauses.speculate_ms && utterance.wants_speculation() {
            let to = self.now;
            utterance.speculation = Some(Speculation { to, outcome: None, evidence: Evidence::default() });
            self.actions.push_back(Action::Speculate { utterance: utterance.id, from: utterance.from, to });
        }
    }

    /// Decides what the speech before a long pause was: noise, words over the agent, or a turn.
    fn pause_is_the_end(&mut self, pauses: Pauses) {
        let Some(utterance) = &self.utterance else { return };
        if utterance.is_noise() {
            self.discard();
        } else if utterance.interrupted || !self.agent.has_floor(self.now) {
            self.end_of_turn();
        } else if self.now.since(utterance.passed_over_since()) >= early_answer_ms(pauses) && !utterance.is_kept() {
            self.discard();
        }
    }

    fn utterance_deadline(&self) -> Option<Ms> {
        let utterance = self.utterance.as_ref()?;
        let pauses = Pauses::new(&self.settings, self.expects, utterance.evidence()).hurried(utterance.over_line);
        let rising = self.detector.rising_until().unwrap_or_default();
        let end = (utterance.last_voiced + pauses.end_ms).max(rising);
        let speculate = utterance.last_voiced + pauses.speculate_ms;
        let limit = utterance.speech_start + u64::from(self.settings.max_utterance_ms);
        let next = if self.now < end {
            Some(if utterance.wants_speculation() && self.now < speculate { speculate.min(end) } else { end })
        } else {
            // It waits for the agent's line to end.
            let early = (!utterance.is_kept()).then(|| utterance.passed_over_since() + early_answer_ms(pauses));
            [early, self.agent.floor_deadline()].into_iter().flatten().min()
        };
        [Some(limit), next].into_iter().flatten().min()
    }

    /// Forgets the utterance: it was no turn.
    fn discard(&mut self) {
        self.go_on();
        if let Some(utterance) = self.utterance.take()
            && utterance.speculation.is_some()
        {
            self.actions.push_back(Action::DropSpeculation { utterance: utterance.id });
        }
    }

    fn end_of_turn(&mut self) {
        self.unduck();
        let Some(mut utterance) = self.utterance.take() else { return };
        let now = self.now;
        self.previous_speech_end = utterance.last_voiced;
        self.floor.owe(utterance.last_voiced.max(self.agent.silent_since(now)), Some(utterance.id), now);
        let Speculation { to, outcome, evidence } = utterance.close(now);
        if outcome.is_none() {
            self.actions.push_back(Action::Commit {
                utterance: utterance.id,
                from: utterance.from,
                to,
                speech_end: utterance.last_voiced,
            });
        }
        let deadline = now + TRANSCRIPT_MS + to.since(utterance.from) / 4;
        self.awaited.push_back(Awaited { utterance, to, endpoint_at: now, deadline, outcome, evidence });
        if self.awaited.len() > MAX_AWAITED {
            self.give_up(0);
        }
        self.deliver();
    }

    // ---- transcripts ----

    fn transcribed(&mut self, id: UtteranceId, to: Ms, outcome: Outcome, ending: Ending) {
        if let Some(speculation) = self.speculation(id, to) {
            speculation.outcome.get_or_insert(outcome);
            speculation.evidence.ending = Some(ending);
            self.words_over_line();
        } else if let Some(awaited) = self.awaited.iter_mut().find(|a| a.utterance.id == id && a.to == to) {
            awaited.outcome.get_or_insert(outcome);
            awaited.evidence.ending = Some(ending);
            if self.reopen() {
                self.words_over_line();
            }
            self.deliver();
        }
    }

    fn judged(&mut self, id: UtteranceId, to: Ms, probability: f32) {
        let finished = Some(probability).filter(|probability| (0.0..=1.0).contains(probability));
        if let Some(speculation) = self.speculation(id, to) {
            speculation.evidence.finished = finished;
        } else if let Some(awaited) = self.awaited.iter_mut().find(|a| a.utterance.id == id && a.to == to) {
            awaited.evidence.finished = finished;
            self.reopen();
        }
    }

    fn speculation(&mut self, id: UtteranceId, to: Ms) -> Option<&mut Speculation> {
        let utterance = self.utterance.as_mut().filter(|utterance| utterance.id == id)?;
        utterance.speculation.as_mut().filter(|speculation| speculation.to == to)
    }

    /// Takes the last turn back when what is known about it by now would not have ended it yet.
    fn reopen(&mut self) -> bool {
        if self.utterance.is_some() || self.held_since.is_some() || self.agent.has_floor(self.now) {
            return false;
        }
        let (settings, expects, now) = (&self.settings, self.expects, self.now);
        let too_early = |last: &mut Awaited| {
            let pauses = Pauses::new(settings, expects, last.evidence);
            let limit = last.utterance.speech_start + u64::from(settings.max_utterance_ms);
            now.since(last.utterance.last_voiced) < pauses.end_ms && now < limit
        };
        let Some(last) = self.awaited.pop_back_if(too_early) else { return false };
        let Awaited { mut utterance, to, outcome, evidence, .. } = last;
        utterance.speculation = Some(Speculation { to, outcome, evidence });
        self.utterance = Some(utterance);
        true
    }

    fn give_up_transcripts(&mut self) {
        for index in 0..self.awaited.len() {
            if self.awaited.get(index).is_some_and(|a| a.outcome.is_none() && self.now >= a.deadline) {
                self.give_up(index);
            }
        }
        self.deliver();
    }

    fn give_up(&mut self, index: usize) {
        if let Some(awaited) = self.awaited.get_mut(index) {
            awaited.outcome = Some(Outcome::Failed);
            self.actions.push_back(Action::DropSpeculation { utterance: awaited.utterance.id });
        }
    }

    /// Hands over the turns whose words are known, in the order in which they were spoken.
    fn deliver(&mut self) {
        while self.agent.stopping_until().is_none_or(|until| self.now >= until)
            && let Some(awaited) = self.awaited.pop_front_if(|a| a.outcome.is_some())
        {
            let Some(mut awaited) = self.settle(awaited) else { continue };
            match awaited.outcome.take() {
                Some(Outcome::Words { text, confidence }) => self.turn_ended(&awaited, text, confidence),
                Some(Outcome::Nothing) => self.turn_failed(&awaited, true),
                Some(Outcome::Failed) | None => self.turn_failed(&awaited, false),
            }
        }
    }

    fn turn_ended(&mut self, turn: &Awaited, text: Pii<String>, confidence: f32) {
        self.overlap.trust();
        self.answer_is_owed(turn);
        self.actions.push_back(Action::TurnEnded {
            utterance: turn.utterance.id,
            text,
            confidence,
            speech_start: turn.utterance.speech_start,
            speech_end: turn.utterance.last_voiced,
            endpoint_at: turn.endpoint_at,
        });
    }

    fn turn_failed(&mut self, turn: &Awaited, no_words: bool) {
        let utterance = &turn.utterance;
        // A cough needs no answer, unless the agent fell silent for it or has asked for patience.
        if no_words && utterance.is_short() && !utterance.interrupted && self.floor.withdraw(utterance.id) {
            return;
        }
        if utterance.interrupted {
            self.overlap.distrust();
        }
        self.answer_is_owed(turn);
        self.actions.push_back(Action::TurnFailed {
            utterance: utterance.id,
            speech_start: utterance.speech_start,
            speech_end: utterance.last_voiced,
            endpoint_at: turn.endpoint_at,
        });
    }

    fn answer_is_owed(&mut self, turn: &Awaited) {
        let since = turn.utterance.last_voiced.max(self.agent.silent_since(self.now));
        self.floor.caller_heard(self.now);
        self.floor.owe_still(since, Some(turn.utterance.id), self.now);
    }

    // ---- the agent's voice ----

    fn playout_started(&mut self, line: LineId, remaining_ms: Option<u32>) {
        let line = self.agent.started(line, remaining_ms, self.now);
        if !line.filler {
            let awaited = &self.awaited;
            self.floor.paid(|id| awaited.iter().any(|a| a.utterance.id == id));
        }
    }

    fn playout_finished(&mut self, line: LineId) {
        self.agent.take_stopped(line);
        let Some((line, true)) = self.agent.over(line, self.now) else { return };
        if !line.filler {
            self.overlap.trust();
        }
        self.floor.agent_silent(line.filler, self.now);
        if self.agent.has_lines() {
            // The agent has more to say: the pause is its own.
            self.floor.owe_still(self.now, None, self.now);
        }
    }

    fn playout_stopped(&mut self, line: LineId, played_ms: u32, total_ms: u32) {
        let by_caller = self.agent.take_stopped(line);
        let sounded = self.agent.over(line, self.now).is_some_and(|(_, sounded)| sounded);
        if by_caller {
            self.actions.push_back(Action::BargeIn { line, played_ms, total_ms });
        }
        if sounded {
            self.floor.agent_silent(false, self.now);
            if !by_caller {
                // The driver cut it: the caller did not hear what they should answer.
                self.floor.owe_still(self.now, None, self.now);
            }
        }
        self.deliver();
    }

    // ---- hold ----

    /// What the caller was saying is over; all that waits for either side stands still.
    fn hold(&mut self) {
        if self.held_since.is_some() {
            return;
        }
        self.held_since = Some(self.now);
        self.detector.end_voice();
        match &self.utterance {
            Some(utterance) if !utterance.is_noise() && (utterance.interrupted || !self.agent.has_floor(self.now)) => {
                self.end_of_turn();
            }
            _ => self.discard(),
        }
        self.stop_paused();
    }

    fn taken_back(&mut self) {
        let Some(since) = self.held_since.take() else { return };
        self.agent.taken_back(self.now.since(since), self.now);
        self.keypad.taken_back(self.now);
        self.floor.taken_back(self.now);
    }

    // ---- the keypad ----

    fn key(&mut self, key: char) {
        if self.keypad.is_late_hash(key, self.now) {
            // It ends what is answered already: stopping the answer would leave the caller without the next question.
            let nothing = self.keypad.key(key, self.now);
            debug_assert!(nothing.is_none(), "a hash alone is no entry");
            return;
        }
        if self.agent.has_lines() && self.agent.interruptible() {
            self.stop_playout();
        }
        // What voice there was is the tone itself, heard in the audio.
        if self.utterance.as_ref().is_some_and(|u| u.is_short() && !u.interrupted) {
            self.discard();
        }
        self.overlap.trust();
        self.floor.caller_heard(self.now);
        let entry = self.keypad.key(key, self.now);
        self.entered(entry);
    }

    fn entered(&mut self, entry: Option<String>) {
        if let Some(digits) = entry {
            self.floor.caller_heard(self.now);
            self.floor.owe(self.now, None, self.now);
            self.actions.push_back(Action::Digits(Pii(digits)));
        }
    }
}

/// How long before the end of the agent's line an answer to it may have been spoken.
fn early_answer_ms(pauses: Pauses) -> u64 {
    EARLY_ANSWER_MS.max(pauses.end_ms)
}
