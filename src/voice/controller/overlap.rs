//! What is said while the agent speaks: its line is ducked, paused, then stopped or resumed.

use super::super::detector::{FRAME_MS, Rise};
use super::super::echo::EchoGuard;
use super::super::types::{Action, Expectation, Ms, UtteranceId};
use super::super::utterance::{Awaited, Outcome, Speculation, Utterance};
use super::TurnController;

/// Voice that pauses for so long no longer insists: the agent goes on at full volume.
const UNDUCK_MS: u64 = 300;
/// A rise of the level ducks the line for so long, for the detector to make sure whether it is a voice.
const RISE_MS: u64 = 240;
/// More rises than this that were no voice, and the line is not ducked by the level alone any more.
const MOST_FALSE_RISES: u32 = 3;
/// The least voice that pauses a line, however long ago its level rose.
const LEAST_VOICE_MS: u32 = 140;
/// So much voice wants the floor, whatever its words are.
const SURE_MS: u32 = 2_000;
/// Words over a line that the recogniser believes less do not stop it when there is less voice of them than this: so
/// a "haan" that it does not know comes out. Who wants the floor says more.
const LEAST_CONFIDENCE: f32 = 0.55;
const UNSURE_MS: u32 = 700;
/// Pauses without words after which noise no longer stops the line.
const MOST_WORDLESS: u32 = 2;

/// What the caller hears of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Volume {
    #[default]
    Full,
    Ducked,
    /// Everything waits for the words of this utterance, which is under way or awaited.
    Paused(UtteranceId),
}

/// The state of the agent's line against the caller.
#[derive(Debug, Default)]
pub(super) struct Overlap {
    volume: Volume,
    /// Voice stopped the agent and held no words (noise, a television): the next line is deaf to voice.
    distrusted: bool,
    wordless: u32,
    heard: Rise,
    arriving: Rise,
    rose_at: Ms,
    rise_until: Ms,
    false_rises: u32,
    /// When a paused line went on last.
    resumed_at: Ms,
}

impl Overlap {
    /// There was a word, a key, or a line that was heard to its end.
    pub fn trust(&mut self) {
        (self.distrusted, self.wordless, self.false_rises) = (false, 0, 0);
    }

    /// Whether the line is now paused for this utterance, and was not before.
    fn pause(&mut self, by: UtteranceId) -> bool {
        if matches!(self.volume, Volume::Paused(_)) {
            return false;
        }
        (self.volume, self.false_rises) = (Volume::Paused(by), 0);
        true
    }

    /// How long the utterance has insisted, dips inside its words included. The level told its beginning sooner than the
    /// voice in it, which waited for the jitter buffer and the network; that time counts unless the utterance has paused.
    fn insistence_ms(&self, utterance: &Utterance) -> u32 {
        if utterance.insistence_ms < LEAST_VOICE_MS {
            return utterance.insistence_ms;
        }
        let is_first = utterance.insists_from == utterance.speech_start;
        let has_lead = is_first && utterance.speech_start.since(self.rose_at) <= RISE_MS;
        let began = if has_lead { self.rose_at.min(utterance.insists_from) } else { utterance.insists_from };
        u32::try_from(utterance.last_voiced.since(began)).unwrap_or(u32::MAX)
    }

    /// Something rose within the last frame.
    fn rose(&mut self, now: Ms) {
        if now >= self.rise_until {
            self.rose_at = now.minus(u64::from(FRAME_MS));
        }
        self.rise_until = now + RISE_MS;
    }

    pub fn distrust(&mut self) {
        self.distrusted = true;
    }
}

impl TurnController {
    /// The level of what will be heard when the jitter buffer gives it out.
    pub(super) fn arriving(&mut self, rms_dbfs: f32) {
        let echo_dbfs = self.echo.loudest_expected();
        if self.overlap.arriving.frame(rms_dbfs, echo_dbfs) {
            self.overlap.rose(self.now);
        }
    }

    /// The level of what is heard now.
    pub(super) fn rises(&mut self, rms_dbfs: f32, echo: bool) {
        let echo_dbfs = if echo { f32::INFINITY } else { f32::NEG_INFINITY };
        if self.overlap.heard.frame(rms_dbfs, echo_dbfs) {
            self.overlap.rose(self.now);
        }
    }

    /// Ducks, pauses, stops or lets the agent go on, by what the caller does at the same time.
    pub(super) fn overlap(&mut self) {
        let allowed = !self.overlap.distrusted && self.agent.interruptible();
        let mut may_stop = allowed;
        let mut speaks = false;
        if let Some(utterance) = &mut self.utterance {
            let pauses = self.now.since(utterance.last_voiced) >= UNDUCK_MS;
            if pauses {
                utterance.insistence_ms = 0;
                utterance.may_interrupt = true;
            }
            may_stop &= utterance.may_interrupt;
            // Not so what was passed over already.
            speaks = !pauses && utterance.insistence_ms > 0;
            let (id, insistence_ms) = (utterance.id, self.overlap.insistence_ms(utterance));
            if speaks && self.agent.has_lines() && insistence_ms >= self.settings.barge_in_ms {
                utterance.blocked |= !may_stop;
                if may_stop && self.overlap.pause(id) {
                    utterance.interrupted = true;
                    self.agent.pause(self.now);
                    self.actions.push_back(Action::PausePlayout);
                }
            }
            if speaks && insistence_ms >= SURE_MS {
                self.stop_paused();
            }
        }
        let rises = self.now < self.overlap.rise_until && self.overlap.false_rises < MOST_FALSE_RISES;
        let duck = may_stop && self.agent.is_sounding() && (speaks || rises);
        match self.overlap.volume {
            Volume::Full if duck => {
                self.overlap.volume = Volume::Ducked;
                self.actions.push_back(Action::Duck);
            }
            Volume::Ducked if !duck => {
                self.overlap.false_rises += u32::from(self.utterance.is_none());
                self.unduck();
            }
            _ => {}
        }
    }

    /// When the line is at full volume again if nothing more is heard.
    pub(super) fn overlap_deadline(&self) -> Option<Ms> {
        let unduck = (self.overlap.volume == Volume::Ducked).then(|| {
            let voice = self.utterance.as_ref().map_or(Ms(0), |utterance| utterance.last_voiced + UNDUCK_MS);
            voice.max(self.overlap.rise_until).max(self.now + 1)
        });
        let stopping = self.awaited.front().filter(|awaited| awaited.outcome.is_some());
        [unduck, stopping.and_then(|_| self.agent.stopping_until())].into_iter().flatten().min()
    }

    pub(super) fn unduck(&mut self) {
        if self.overlap.volume == Volume::Ducked {
            self.overlap.volume = Volume::Full;
            self.actions.push_back(Action::Unduck);
        }
    }

    fn resume_line(&mut self) {
        self.overlap.volume = Volume::Full;
        self.overlap.resumed_at = self.now;
        self.agent.resume(self.now);
        self.actions.push_back(Action::ResumePlayout);
    }

    /// The utterance under way was nothing: what it had ducked or paused goes on.
    pub(super) fn go_on(&mut self) {
        match self.overlap.volume {
            Volume::Paused(by) if self.utterance.as_ref().is_some_and(|utterance| utterance.id == by) => {
                self.resume_line();
            }
            Volume::Full | Volume::Paused(_) => {}
            Volume::Ducked => self.unduck(),
        }
    }

    pub(super) fn stop_playout(&mut self) {
        self.overlap.volume = Volume::Full;
        self.agent.stop_all(self.now);
        self.actions.push_back(Action::StopPlayout { at: self.now });
    }

    /// Stops what waits, if it does.
    pub(super) fn stop_paused(&mut self) {
        if matches!(self.overlap.volume, Volume::Paused(_)) {
            self.stop_playout();
        }
    }

    fn has_paused(&self, utterance: &Utterance) -> bool {
        self.overlap.volume == Volume::Paused(utterance.id)
    }

    /// The words so far of what is being said are known: they may tell what the length of it does not.
    pub(super) fn words_over_line(&mut self) {
        let Some(utterance) = self.utterance.as_ref().filter(|utterance| utterance.over_line) else { return };
        let paused = self.has_paused(utterance);
        let may_stop = !self.overlap.distrusted && utterance.may_interrupt && self.agent.interruptible();
        let (voiced_ms, over_sent_db) = (utterance.voiced_ms, utterance.over_sent_db);
        let outcome = utterance.speculation.as_ref().and_then(|speculation| speculation.outcome.as_ref());
        match outcome {
            Some(words) if self.is_own(words, utterance) => {
                self.echo.learn(over_sent_db);
                self.pass_over();
            }
            Some(words) if self.is_aside(words, voiced_ms) => self.pass_over(),
            Some(Outcome::Words { .. }) if (paused || may_stop) && self.agent.has_lines() => {
                self.utterance.iter_mut().for_each(|utterance| utterance.interrupted = true);
                self.stop_playout();
            }
            Some(Outcome::Nothing) if paused => {
                self.pass_over();
                self.note_wordless();
            }
            Some(Outcome::Failed) if paused && utterance.is_short() => self.pass_over(),
            _ => {}
        }
    }

    /// Whether these words, said over a line, do not ask for the floor.
    fn is_aside(&self, outcome: &Outcome, voiced_ms: u32) -> bool {
        let unsure = |confidence: f32| confidence < LEAST_CONFIDENCE && voiced_ms < UNSURE_MS;
        self.is_backchannel(outcome) || matches!(outcome, Outcome::Words { confidence, .. } if unsure(*confidence))
    }

    /// Whether these are the agent's own words, come back. A caller may repeat what was just asked, but louder than an
    /// echo is, and after the line not its end alone; a yes or no is believed.
    fn is_own(&self, outcome: &Outcome, utterance: &Utterance) -> bool {
        let Outcome::Words { text, .. } = outcome else { return false };
        let answers = !utterance.over_line && self.expects == Expectation::YesNo;
        !answers && EchoGuard::is_plausible(utterance.over_sent_db) && self.own_words.has(&text.0, !utterance.over_line)
    }

    fn is_backchannel(&self, outcome: &Outcome) -> bool {
        matches!(outcome, Outcome::Words { text, .. } if self.backchannels.is_only(&text.0))
    }

    /// What is being said does not want the floor so far.
    fn pass_over(&mut self) {
        let now = self.now;
        let Some(utterance) = &mut self.utterance else { return };
        utterance.insistence_ms = 0;
        if self.overlap.volume == Volume::Paused(utterance.id) {
            utterance.interrupted = false;
            utterance.resumed = now;
            self.resume_line();
        }
    }

    fn note_wordless(&mut self) {
        self.overlap.wordless += 1;
        self.overlap.distrusted |= self.overlap.wordless >= MOST_WORDLESS;
    }

    /// Decides whether what was said is a turn, once its words are known; `None` when it is not, or not yet.
    pub(super) fn settle(&mut self, said: Awaited) -> Option<Awaited> {
        let paused = self.has_paused(&said.utterance);
        let over_line = said.utterance.over_line;
        let words = said.outcome.as_ref().filter(|outcome| matches!(outcome, Outcome::Words { .. }));
        let is_own = words.is_some_and(|words| self.is_own(words, &said.utterance));
        if is_own {
            self.echo.learn(said.utterance.over_sent_db);
        }
        let is_aside = is_own || words.is_some_and(|words| over_line && self.is_aside(words, said.utterance.voiced_ms));
        let answers = !is_own
            && is_aside
            && (self.expects == Expectation::YesNo || !words.is_some_and(|words| self.is_backchannel(words)));
        let aside = match said.outcome {
            Some(Outcome::Words { .. }) => is_aside && (paused || !answers),
            Some(Outcome::Nothing) => paused,
            _ => paused && said.utterance.is_short(),
        };
        if aside && self.floor.withdraw(said.utterance.id) {
            if paused {
                self.resume_line();
            }
            if matches!(said.outcome, Some(Outcome::Nothing)) {
                self.note_wordless();
            }
            if answers {
                self.take_up_after_line(said);
            }
            return None;
        }
        let goes_on = self.overlap.resumed_at > said.utterance.last_voiced && self.agent.interruptible();
        if paused || goes_on && self.agent.is_sounding() {
            self.stop_playout();
            // What the caller heard of the line is told before the turn.
            if self.agent.stopping_until().is_some() {
                self.awaited.push_front(said);
                return None;
            }
        }
        Some(said)
    }

    /// A yes to a question that is not over, or an unsure word: it is an answer if the line ends soon, unless the caller
    /// has said more since or it was long ago.
    fn take_up_after_line(&mut self, said: Awaited) {
        let is_old = self.now >= said.utterance.speech_start + u64::from(self.settings.max_utterance_ms);
        if self.utterance.is_some() || !self.awaited.is_empty() || self.held_since.is_some() || is_old {
            return;
        }
        let Awaited { utterance, to, outcome, evidence, .. } = said;
        let speculation = Some(Speculation { to, outcome, evidence });
        self.utterance = Some(Utterance { interrupted: false, resumed: self.now, speculation, ..utterance });
    }
}
