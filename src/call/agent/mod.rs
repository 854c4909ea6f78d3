//! One call's conversation: ears, turn controller, receptionist, mouth, in one loop that never waits for an engine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{Timestamp, tz::TimeZone};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{debug, info};

use super::leg::Answerer;
use super::record::Journal;
use super::stop::{Asked, Stop};
use super::transfer::Outgoing;
use super::watchdog::Pulse;
use crate::dialogue::{self, Line, Receptionist};
use crate::domain::{
    AgentProfile, CallId, CallOutcome, CallSlots, E164, EndCause, LivePhase, Pii, RecordingState, Speaker, TenantId,
    TransferAttempt, Turn, Waterfall,
};
use crate::media::{MediaEvent, MediaSession, dbfs};
use crate::metrics::Metrics;
use crate::sip::net::{Leg, LegEvent};
use crate::speech::pool::Class;
use crate::speech::{Speech, SttOptions};
use crate::telemetry::CallTrace;
use crate::vault::Recordings;
use crate::voice::{self, LineId, Ms, TurnController};

mod advisor;
mod answers;
mod consent;
mod ears;
mod handover;
mod hints;
mod ladder;
mod leave;
mod log;
mod mouth;
mod signalling;

use advisor::Advisor;
use answers::{Answer, Answering, Filler, TONE, Trouble};
use ears::{Ears, Heard, HearingFailure, Told};
use handover::Waits;
use mouth::{Mouth, MouthEvent};

/// How long the far end gets to play what is in its jitter buffer before our BYE.
const HANG_UP_GRACE: Duration = Duration::from_millis(300);
/// How long the greeting waits for the ACK: sound before it may be cut off at the caller's end.
const ACK_WAIT: Duration = Duration::from_millis(500);
/// How long the recorder may take to finish the file.
pub(super) const RECORDING_LIMIT: Duration = Duration::from_secs(5);
/// Fade of a stopped line, so that it does not click.
const STOP_FADE_MS: u32 = 30;
/// Level of a line while the caller may be interrupting.
const DUCK_DB: f32 = -18.0;

/// What a conversation works with.
pub struct Parts {
    pub leg: Leg,
    pub leg_events: mpsc::Receiver<LegEvent>,
    pub media: Arc<MediaSession>,
    pub media_events: mpsc::Receiver<MediaEvent>,
    pub sdp: Answerer,
    pub speech: Arc<Speech>,
    pub profile: AgentProfile,
    pub caller: Option<E164>,
    pub outgoing: Outgoing,
    pub longest_call: Duration,
    pub stop: Stop,
    pub pulse: Pulse,
    pub metrics: Arc<Metrics>,
    pub trace: CallTrace,
    pub recordings: Recordings,
    /// Of the tenant and the call.
    pub id: (TenantId, CallId),
}

/// What a conversation came to.
#[derive(Debug)]
pub struct Finished {
    pub cause: EndCause,
    pub outcome: CallOutcome,
    pub slots: CallSlots,
    pub summary: String,
    pub recording: RecordingState,
    pub transfers: Vec<TransferAttempt>,
}

/// One conversation under way.
pub struct Conversation<'a> {
    leg: Leg,
    media: Arc<MediaSession>,
    capabilities: Answerer,
    ears: Ears,
    mouth: Mouth,
    advisor: Advisor,
    turns: TurnController,
    receptionist: Receptionist,
    expect: dialogue::Expectation,
    journal: &'a Journal,
    time_zone: TimeZone,
    answered: Instant,
    next_turn: u32,
    next_event: u32,
    /// The line after which the call ends.
    last_line: Option<LineId>,
    /// Lines that answer a caller's turn and are not over.
    answers: Vec<Answer>,
    /// The filler that broke the silence before the next answer.
    filler: Option<Filler>,
    /// The caller's turn that the current step answers.
    answering: Option<Answering>,
    /// What was heard of the line that was cut last.
    cut: Option<String>,
    recogniser_down: bool,
    fillers: Vec<String>,
    profile: AgentProfile,
    speech: Arc<Speech>,
    caller: Option<E164>,
    outgoing: Arc<Outgoing>,
    recording: RecordingState,
    over: Option<EndCause>,
    /// Since when the caller has us on hold.
    held_since: Option<Ms>,
    hang_up_at: Option<tokio::time::Instant>,
    /// What plays is quieter, because the caller may be interrupting.
    ducked: bool,
    /// The target to hand the caller to, and what that person hears first.
    hand_over_to: Option<(usize, String)>,
    transfers: Vec<TransferAttempt>,
    /// The attempt that the carrier was asked to carry out last, by its place in `transfers`.
    referred: Option<usize>,
    /// The Reason of our BYE.
    bye_reason: Option<String>,
    pulse: Pulse,
    metrics: Arc<Metrics>,
    trace: CallTrace,
    /// What goes on beside the conversation; ends with it.
    chores: JoinSet<()>,
    recordings: Recordings,
    id: (TenantId, CallId),
    notice_noted: bool,
}

impl<'a> Conversation<'a> {
    /// Leads the call to its end. The journal gets every turn; the record is closed by the caller of this function.
    pub async fn run(parts: Parts, journal: &'a Journal) -> Finished {
        let Parts { leg, leg_events, media, media_events, sdp, speech, profile, caller, .. } = parts;
        let record_calls = profile.record_calls;
        let mut conversation = Conversation {
            capabilities: sdp,
            ears: Ears::new(Arc::clone(&speech), Arc::clone(&parts.metrics)),
            mouth: Mouth::new(Arc::clone(&speech), Arc::clone(&parts.metrics)),
            advisor: Advisor::new(speech.models_of(&profile.speech), profile.turns.llm_ms),
            turns: TurnController::new(profile.turns.clone()),
            time_zone: TimeZone::get(&profile.time_zone).unwrap_or(TimeZone::UTC),
            expect: dialogue::Expectation::Open,
            leg,
            media,
            journal,
            answered: Instant::now(),
            next_turn: 0,
            next_event: 0,
            last_line: None,
            answers: Vec::new(),
            filler: None,
            answering: None,
            cut: None,
            recogniser_down: false,
            fillers: Receptionist::fillers(&profile),
            receptionist: Receptionist::new(profile.clone(), caller.clone()),
            profile,
            speech,
            caller,
            outgoing: Arc::new(parts.outgoing),
            recording: if record_calls { RecordingState::Complete } else { RecordingState::Off },
            over: None,
            held_since: None,
            hang_up_at: None,
            ducked: false,
            hand_over_to: None,
            transfers: Vec::new(),
            referred: None,
            bye_reason: None,
            pulse: parts.pulse,
            metrics: parts.metrics,
            trace: parts.trace,
            chores: JoinSet::new(),
            recordings: parts.recordings,
            id: parts.id,
            notice_noted: false,
        };
        let mut media_events = media_events;
        let waits = Waits {
            leg_events,
            media_events: &mut media_events,
            until: tokio::time::Instant::now() + parts.longest_call,
            stop: parts.stop,
        };
        conversation.log_opening();
        let cause = conversation.lead(waits).await;
        conversation.finish(cause, media_events).await
    }

    async fn lead(&mut self, mut waits: Waits<'_>) -> EndCause {
        if let Some(cause) = self.wait_for_ack(&mut waits.leg_events).await {
            return cause;
        }
        // A call may begin on hold, as one that is picked up for somebody else.
        self.follow_hold();
        self.step(dialogue::Input::Answered);
        let mut leaving = None;
        loop {
            self.pulse.beat();
            self.carry_out();
            if let Some(cause) = self.over {
                return cause;
            }
            if let Some((target, summary)) = self.hand_over_to.take() {
                match Box::pin(self.hand_over(target, summary, &mut waits)).await {
                    Some(cause) => return cause,
                    None => continue,
                }
            }
            let tick = self.next_tick();
            tokio::select! {
                biased;
                event = waits.leg_events.recv() => self.on_leg(event).await,
                event = waits.media_events.recv() => match event {
                    Some(event) => self.on_media(event),
                    None => self.over = Some(EndCause::DeadMedia),
                },
                heard = self.ears.heard() => self.on_heard(heard),
                advice = self.advisor.answered() => self.advised(advice),
                done = self.mouth.synthesised() => {
                    let events = self.mouth.take(done, self.now(), &self.media);
                    self.on_mouth(events);
                }
                () = tokio::time::sleep_until(tick.min(waits.until)) => {
                    self.go_on_without();
                    if self.hang_up_at.is_some_and(|at| at <= tokio::time::Instant::now()) {
                        return leaving.unwrap_or(EndCause::AgentHungUp);
                    }
                    if tokio::time::Instant::now() >= waits.until {
                        match leaving {
                            Some(cause) => return cause,
                            None => leaving = self.take_leave(EndCause::TooLong, &mut waits),
                        }
                    }
                    self.tell(voice::Input::Tick);
                }
                asked = waits.stop.asked(), if leaving.is_none() => match asked {
                    Asked::HandOver(target) => self.hand_over_as_asked(&target),
                    Asked::End(EndCause::Shutdown) => leaving = self.take_leave(EndCause::Shutdown, &mut waits),
                    // Whoever watches wants it to be over now.
                    Asked::End(cause) => return cause,
                },
            }
        }
    }

    /// Waits for the ACK, a little: a caller whose ACK is late still gets the greeting.
    async fn wait_for_ack(&mut self, leg_events: &mut mpsc::Receiver<LegEvent>) -> Option<EndCause> {
        match tokio::time::timeout(ACK_WAIT, leg_events.recv()).await {
            Ok(event) => self.on_leg(event).await,
            Err(_) => debug!("no ACK yet; greeting anyway"),
        }
        self.over
    }

    fn now(&self) -> Ms {
        elapsed(self.answered)
    }

    /// A moment as the turn controller counts.
    fn moment(&self, at: Instant) -> Ms {
        Ms(u64::try_from(at.saturating_duration_since(self.answered).as_millis()).unwrap_or(u64::MAX))
    }

    fn at(&self, moment: Ms) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.answered + Duration::from_millis(moment.0))
    }

    fn next_tick(&self) -> tokio::time::Instant {
        let ours = [self.turns.next_deadline(), self.mouth.next_deadline()];
        let ours = ours.into_iter().flatten().min().map(|at| self.at(at));
        let far = tokio::time::Instant::now() + Duration::from_secs(60);
        [ours, self.hang_up_at].into_iter().flatten().min().unwrap_or(far)
    }

    fn tell(&mut self, input: voice::Input) {
        let now = self.now();
        self.tell_at(input, now);
    }

    fn tell_at(&mut self, input: voice::Input, now: Ms) {
        self.turns.handle(input, now);
    }

    /// Does what the turn controller asked for, until it asks for nothing more.
    fn carry_out(&mut self) {
        while let Some(action) = self.turns.poll_action() {
            self.act(action);
        }
    }

    fn listening_for(&self) -> SttOptions {
        SttOptions {
            prompt: hints::prompt(self.expect, &self.profile),
            expect: hints::kind(self.expect),
            judge: dialogue::judge(self.expect),
            ..SttOptions::default()
        }
    }

    fn act(&mut self, action: voice::Action) {
        use voice::Action;
        match action {
            Action::Speculate { utterance, from, to } => {
                self.ears.transcribe(utterance, from, to, Class::Speculative, self.listening_for());
                if hints::sound_tells(self.expect) {
                    self.ears.judge(utterance, from, to);
                }
            }
            Action::DropSpeculation { utterance } => self.ears.drop_jobs(utterance),
            Action::Commit { utterance, from, to, .. } => {
                if !self.ears.covers(utterance, to) {
                    self.ears.transcribe(utterance, from, to, Class::Final, self.listening_for());
                }
            }
            Action::TurnEnded { utterance, text: Pii(text), confidence, speech_start, speech_end, endpoint_at } => {
                self.caller_said(text.clone(), speech_start, speech_end);
                self.begin_answer(Some(utterance), speech_end, endpoint_at);
                let alternatives = self.ears.alternatives(utterance);
                self.step(dialogue::Input::Said { text, confidence, alternatives });
            }
            Action::TurnFailed { utterance, speech_start, speech_end, endpoint_at } => {
                self.caller_said(String::new(), speech_start, speech_end);
                self.begin_answer(Some(utterance), speech_end, endpoint_at);
                let down = std::mem::take(&mut self.recogniser_down);
                self.step(if down { dialogue::Input::SttUnavailable } else { dialogue::Input::NotUnderstood });
            }
            Action::Duck => self.duck(true),
            Action::Unduck => self.duck(false),
            Action::PausePlayout => self.media.pause_playout(),
            Action::ResumePlayout => {
                self.duck(false);
                self.media.resume_playout();
            }
            Action::StopPlayout { .. } => self.stop_playout(),
            Action::BargeIn { .. } => {
                let heard = self.cut.take().unwrap_or_default();
                self.step(dialogue::Input::Interrupted { heard });
            }
            Action::NoInput { .. } => self.step(dialogue::Input::NoInput),
            Action::Digits(Pii(digits)) => {
                let now = self.now();
                self.caller_said(format!("[keypad {digits}]"), now, now);
                self.begin_answer(None, now, now);
                self.step(dialogue::Input::Digits(digits));
            }
            Action::FillSilence { speech_end, count } => self.fill_silence(speech_end, count),
        }
    }

    fn duck(&mut self, ducked: bool) {
        self.ducked = ducked;
        self.media.duck(ducked.then_some(DUCK_DB));
    }

    fn stop_playout(&mut self) {
        self.last_line = None;
        // What is ducked ends unheard; its fade would be at the level of what comes next.
        self.media.stop_playout(if self.ducked { 0 } else { STOP_FADE_MS });
        self.duck(false);
        let events = self.mouth.cut(self.now());
        self.on_mouth(events);
    }

    /// Gives the receptionist an input and carries out what it decides.
    fn step(&mut self, input: dialogue::Input) {
        let local = Timestamp::now().to_zoned(self.time_zone.clone());
        if !matches!(input, dialogue::Input::Interrupted { .. }) {
            self.advisor.give_up();
        }
        let nothing_heard = matches!(input, dialogue::Input::SttUnavailable | dialogue::Input::NotUnderstood);
        let actions = self.receptionist.step(input.clone(), &local);
        let step = dialogue::Step { now: local, input, actions };
        self.log("step", &step);
        let actions = step.actions;
        let answering = self.answering.take();
        let trouble = nothing_heard.then(|| self.trouble(&actions)).flatten();
        let mut said = None;
        for action in actions {
            match action {
                dialogue::Action::Say(line) => said = Some(self.say(&line, answering, trouble)),
                dialogue::Action::Expect(expect) => {
                    self.expect = expect;
                    let digits = match expect {
                        dialogue::Expectation::Digits { len } => len,
                        dialogue::Expectation::YesNo => Some(1),
                        _ => None,
                    };
                    self.tell(voice::Input::Expect { what: hints::voice_expectation(expect), digits });
                }
                dialogue::Action::Slot { .. } => {
                    self.journal.slots(self.receptionist.slots().clone(), self.receptionist.outcome());
                }
                dialogue::Action::Transfer { target, summary } => self.hand_over_to = Some((target, summary)),
                dialogue::Action::StopRecording => self.stop_recording(),
                dialogue::Action::Consult(_) => {
                    self.answering = answering;
                    self.advisor.ask(self.receptionist.consultation());
                }
                dialogue::Action::End => match said {
                    Some(line) => self.last_line = Some(line),
                    None => self.hang_up_soon(),
                },
            }
        }
    }

    fn say(&mut self, line: &Line, answering: Option<Answering>, trouble: Option<Trouble>) -> LineId {
        let now = self.now();
        let (id, cached) = self.mouth.say(line, now, &self.media);
        if let Some(turn) = answering {
            let speech_end = turn.speech_end;
            let waterfall = Waterfall {
                stt_started_ms: turn.stt_started.map(|at| late(at, speech_end)),
                endpoint_ms: late(turn.endpoint_at, speech_end),
                stt_ms: Some(late(turn.understood_at, speech_end)),
                dialogue_ms: late(now, speech_end),
                llm_first_token_ms: turn.advised_at.map(|at| late(at, speech_end)),
                cached,
                ..Waterfall::default()
            };
            self.answers.push(Answer { line: id, waterfall, speech_end, trouble });
        }
        self.tell(voice::Input::AgentWillSpeak { line: id, interruptible: line.interruptible, filler: false });
        self.tell(voice::Input::AgentWords { text: Pii(line.text()) });
        id
    }

    fn caller_said(&mut self, text: String, started: Ms, ended: Ms) {
        self.write_turn(Speaker::Caller, text, None, started, ended, None);
    }

    fn write_turn(
        &mut self,
        speaker: Speaker,
        text: String,
        heard: Option<String>,
        started: Ms,
        ended: Ms,
        waterfall: Option<Waterfall>,
    ) {
        let seq = self.next_turn;
        self.next_turn += 1;
        self.journal.turn(Turn { seq, speaker, text, heard, started_ms: started.0, ended_ms: ended.0, waterfall });
    }

    fn hang_up_soon(&mut self) {
        self.hang_up_at.get_or_insert(tokio::time::Instant::now() + HANG_UP_GRACE);
    }

    fn on_media(&mut self, event: MediaEvent) {
        let now = self.now();
        match event {
            MediaEvent::Frame(frame) => {
                self.tell_at(voice::Input::Arriving { rms_dbfs: dbfs(frame.arriving_rms.into()) }, now);
                self.tell_at(voice::Input::Played { rms_dbfs: dbfs(frame.sent_rms.into()) }, now);
                let vad = self.ears.hear(frame, now);
                self.tell_at(voice::Input::Frame { speech: vad.probability, rms_dbfs: vad.rms_dbfs }, now);
            }
            MediaEvent::Dtmf { digit, .. } => self.tell(voice::Input::Dtmf { digit }),
            MediaEvent::PlayoutStarted { id, .. } => {
                let events = self.mouth.clip_started(id, now).into_iter().collect();
                self.on_mouth(events);
            }
            MediaEvent::PlayoutFinished { id, .. } => {
                let events = self.mouth.clip_finished(id, now);
                self.on_mouth(events);
            }
            MediaEvent::PlayoutStopped { id, played_ms, .. } => {
                let events = self.mouth.clip_stopped(id, played_ms, now);
                self.on_mouth(events);
            }
            MediaEvent::Dead { silent_ms } => {
                info!(silent_ms, "no audio arrives any more; the call is ended");
                self.over = Some(EndCause::DeadMedia);
            }
            MediaEvent::RecordingFailed { why } => {
                tracing::error!(%why, "the recording stops here; the call goes on");
                self.recording = RecordingState::Failed;
            }
        }
    }

    fn on_heard(&mut self, heard: Heard) {
        let Heard { utterance, to, told } = heard;
        match told {
            Told::Finished(probability) => self.tell(voice::Input::EndOfTurn { utterance, to, probability }),
            Told::Words(transcript) => {
                let ending = hints::ending(self.expect, &transcript.text);
                self.ears.keep_alternatives(utterance, transcript.alternatives);
                let (text, confidence) = (Pii(transcript.text), transcript.confidence);
                self.tell(voice::Input::Transcript { utterance, to, text, confidence, ending });
            }
            Told::Failed(HearingFailure::Dropped) => {}
            Told::Failed(failure) => {
                self.recogniser_down |= failure == HearingFailure::Engine;
                self.tell(voice::Input::TranscriptFailed { utterance, to });
            }
        }
    }

    fn on_mouth(&mut self, events: Vec<MouthEvent>) {
        for event in events {
            match event {
                MouthEvent::Started { line, at, audio_at } => {
                    self.line_started(line, at, audio_at);
                    self.journal.phase(LivePhase::Speaking);
                    self.tell(voice::Input::PlayoutStarted { line, remaining_ms: None });
                }
                MouthEvent::Stalled { line } => self.tell(voice::Input::PlayoutStalled { line }),
                MouthEvent::Resumed { line } => self.tell(voice::Input::PlayoutStarted { line, remaining_ms: None }),
                MouthEvent::Finished(ended) => {
                    let line = ended.line;
                    let spoken = ended.started.is_some();
                    self.line_over(ended);
                    if !spoken && self.last_line == Some(line) {
                        // Nothing of the farewell could be said; the caller hears at least that there is an end.
                        self.last_line = Some(self.say_ahead(TONE, None, false));
                    }
                    self.journal.phase(LivePhase::Listening);
                    if spoken {
                        self.tell(voice::Input::PlayoutFinished { line });
                    } else {
                        self.tell(voice::Input::PlayoutStopped { line, played_ms: 0, total_ms: 0 });
                    }
                    if self.last_line == Some(line) {
                        self.hang_up_soon();
                    }
                }
                MouthEvent::Stopped(ended) => {
                    let (line, played_ms, total_ms) = (ended.line, clamp(ended.played_ms), clamp(ended.total_ms));
                    self.cut = ended.heard.clone();
                    self.journal.phase(LivePhase::Listening);
                    self.line_over(ended);
                    self.tell(voice::Input::PlayoutStopped { line, played_ms, total_ms });
                }
            }
        }
    }
}

fn elapsed(since: Instant) -> Ms {
    Ms(u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX))
}

fn late(at: Ms, since: Ms) -> u32 {
    clamp(at.since(since))
}

fn clamp(ms: u64) -> u32 {
    u32::try_from(ms).unwrap_or(u32::MAX)
}
