//! One call's conversation: ears, turn controller, receptionist, mouth, in one loop that never waits for an engine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{Timestamp, tz::TimeZone};
use tokio::sync::{mpsc, watch};
use tracing::{debug, info};

use super::leg::Answerer;
use super::ports::LogEvent;
use super::record::Journal;
use super::transfer::Outgoing;
use crate::dialogue::{self, Line, Receptionist, Segment};
use crate::domain::{
    AgentProfile, CallOutcome, CallSlots, E164, EndCause, Pii, RecordingState, Speaker, TransferAttempt,
    TransferResult, Turn, Waterfall,
};
use crate::media::{Codec, EncodedAudio, MediaEvent, MediaSession, tone};
use crate::sip::cause::{NORMAL, reason};
use crate::sip::net::{Leg, LegEvent};
use crate::speech::pool::Class;
use crate::speech::{Speech, SttOptions};
use crate::voice::{self, LineId, Ms, TurnController};

mod ears;
mod handover;
mod hints;
mod mouth;
mod signalling;

use ears::{Ears, Heard, HearingFailure};
use handover::Waits;
use mouth::{Ended, Mouth, MouthEvent};

/// How long the far end gets to play what is in its jitter buffer before our BYE.
const HANG_UP_GRACE: Duration = Duration::from_millis(300);
/// How long the greeting waits for the ACK: sound before it may be cut off at the caller's end.
const ACK_WAIT: Duration = Duration::from_millis(500);
/// How long the media session may take to report what was played of the last lines.
const LAST_REPORTS: Duration = Duration::from_millis(300);
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
    pub media: MediaSession,
    pub media_events: mpsc::Receiver<MediaEvent>,
    pub sdp: Answerer,
    pub speech: Arc<Speech>,
    pub profile: AgentProfile,
    pub caller: Option<E164>,
    pub outgoing: Outgoing,
    pub longest_call: Duration,
    /// Turns true when the node drains.
    pub shutdown: watch::Receiver<bool>,
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
    media: MediaSession,
    capabilities: Answerer,
    ears: Ears,
    mouth: Mouth,
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
    /// Lines that answer a caller's turn and have not started yet.
    answers: Vec<(LineId, Waterfall, Ms)>,
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
    /// The target to hand the caller to, and what that person hears first.
    hand_over_to: Option<(usize, String)>,
    transfers: Vec<TransferAttempt>,
    /// The attempt that the carrier was asked to carry out last, by its place in `transfers`.
    referred: Option<usize>,
    /// The Reason of our BYE.
    bye_reason: Option<String>,
}

#[derive(Clone, Copy)]
struct Answering {
    speech_end: Ms,
    endpoint_at: Ms,
    understood_at: Ms,
}

impl<'a> Conversation<'a> {
    /// Leads the call to its end. The journal gets every turn; the record is closed by the caller of this function.
    pub async fn run(parts: Parts, journal: &'a Journal) -> Finished {
        let Parts { leg, leg_events, media, media_events, sdp, speech, profile, caller, .. } = parts;
        let record_calls = profile.record_calls;
        let mut conversation = Conversation {
            capabilities: sdp,
            ears: Ears::new(Arc::clone(&speech)),
            mouth: Mouth::new(Arc::clone(&speech)),
            turns: TurnController::new(profile.turns),
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
            hand_over_to: None,
            transfers: Vec::new(),
            referred: None,
            bye_reason: None,
        };
        let mut media_events = media_events;
        let waits = Waits {
            leg_events,
            media_events: &mut media_events,
            until: tokio::time::Instant::now() + parts.longest_call,
            shutdown: parts.shutdown,
        };
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
        loop {
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
                done = self.mouth.synthesised() => {
                    let events = self.mouth.take(done, self.now(), &self.media);
                    self.on_mouth(events);
                }
                () = tokio::time::sleep_until(tick.min(waits.until)) => {
                    if tokio::time::Instant::now() >= waits.until {
                        return EndCause::TooLong;
                    }
                    if self.hang_up_at.is_some_and(|at| at <= tokio::time::Instant::now()) {
                        return EndCause::AgentHungUp;
                    }
                    self.tell(voice::Input::Tick);
                }
                () = until_true(&mut waits.shutdown) => return EndCause::Shutdown,
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

    fn at(&self, moment: Ms) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.answered + Duration::from_millis(moment.0))
    }

    fn next_tick(&self) -> tokio::time::Instant {
        let turns = self.turns.next_deadline().map(|at| self.at(at));
        let far = tokio::time::Instant::now() + Duration::from_secs(60);
        [turns, self.hang_up_at].into_iter().flatten().min().unwrap_or(far)
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
            judge: hints::judge(self.expect),
            ..SttOptions::default()
        }
    }

    fn act(&mut self, action: voice::Action) {
        use voice::Action;
        match action {
            Action::Speculate { utterance, from, to } => {
                self.ears.transcribe(utterance, from, to, Class::Speculative, self.listening_for());
            }
            Action::DropSpeculation { utterance } => self.ears.drop_transcription(utterance),
            Action::Commit { utterance, from, to, .. } => {
                if !self.ears.covers(utterance, to) {
                    self.ears.transcribe(utterance, from, to, Class::Final, self.listening_for());
                }
            }
            Action::TurnEnded { utterance, text: Pii(text), confidence, speech_start, speech_end, endpoint_at } => {
                self.caller_said(text.clone(), speech_start, speech_end);
                self.answering = Some(Answering { speech_end, endpoint_at, understood_at: self.now() });
                let alternatives = self.ears.alternatives(utterance);
                self.step(dialogue::Input::Said { text, confidence, alternatives });
            }
            Action::TurnFailed { speech_start, speech_end, endpoint_at, .. } => {
                self.caller_said(String::new(), speech_start, speech_end);
                self.answering = Some(Answering { speech_end, endpoint_at, understood_at: self.now() });
                let down = std::mem::take(&mut self.recogniser_down);
                self.step(if down { dialogue::Input::SttUnavailable } else { dialogue::Input::NotUnderstood });
            }
            Action::Duck => self.media.duck(Some(DUCK_DB)),
            Action::Unduck => self.media.duck(None),
            Action::StopPlayout { .. } => self.stop_playout(),
            Action::BargeIn { .. } => {
                let heard = self.cut.take().unwrap_or_default();
                self.step(dialogue::Input::Interrupted { heard });
            }
            Action::NoInput { .. } => self.step(dialogue::Input::NoInput),
            Action::Digits(Pii(digits)) => {
                let now = self.now();
                self.caller_said(format!("[keypad {digits}]"), now, now);
                self.answering = Some(Answering { speech_end: now, endpoint_at: now, understood_at: now });
                self.step(dialogue::Input::Digits(digits));
            }
            Action::FillSilence { speech_end, count } => self.fill_silence(speech_end, count),
        }
    }

    /// The ladder below a missing answer: a filler first, then the receptionist is told that it has nothing.
    fn fill_silence(&mut self, speech_end: Ms, count: u32) {
        info!(waited_ms = self.now().since(speech_end), count, "the answer is late; filling the silence");
        if count >= 3 {
            self.step(dialogue::Input::NotUnderstood);
            return;
        }
        let now = self.now();
        let index = (count as usize).saturating_sub(1).min(self.fillers.len().saturating_sub(1));
        let text = self.fillers.get(index).cloned().unwrap_or_default();
        let id = if self.mouth.has_ready(&text) {
            let segments = vec![Segment { text, fixed: true }];
            self.say(&Line { segments, interruptible: true }, true, None)
        } else {
            // Not even a filler is ready: a tone still tells the caller that the line is alive.
            let id = self.mouth.say_audio("[tone]", waiting_tone(), now, &self.media);
            self.tell(voice::Input::AgentWillSpeak { line: id, interruptible: true, filler: true });
            id
        };
        let waterfall = Waterfall {
            endpoint_ms: late(now, speech_end),
            dialogue_ms: late(now, speech_end),
            cached: true,
            filled: true,
            ..Waterfall::default()
        };
        self.answers.push((id, waterfall, speech_end));
    }

    fn stop_playout(&mut self) {
        self.last_line = None;
        self.media.stop_playout(STOP_FADE_MS);
        let events = self.mouth.cut(self.now());
        self.on_mouth(events);
    }

    /// Gives the receptionist an input and carries out what it decides.
    fn step(&mut self, input: dialogue::Input) {
        let local = Timestamp::now().to_zoned(self.time_zone.clone());
        self.log("input", &input);
        let actions = self.receptionist.step(input, &local);
        let answering = self.answering.take();
        let mut said = None;
        for action in actions {
            self.log("action", &action);
            match action {
                dialogue::Action::Say(line) => said = Some(self.say(&line, false, answering)),
                dialogue::Action::Expect(expect) => {
                    self.expect = expect;
                    let digits = match expect {
                        dialogue::Expectation::Digits { len } => len,
                        dialogue::Expectation::YesNo => Some(1),
                        _ => None,
                    };
                    self.tell(voice::Input::Expect { what: voice_expectation(expect), digits });
                }
                dialogue::Action::Slot { .. } => {
                    self.journal.slots(self.receptionist.slots().clone(), self.receptionist.outcome());
                }
                dialogue::Action::Transfer { target, summary } => self.hand_over_to = Some((target, summary)),
                dialogue::Action::End => match said {
                    Some(line) => self.last_line = Some(line),
                    None => self.hang_up_soon(),
                },
            }
        }
    }

    fn say(&mut self, line: &Line, filler: bool, answering: Option<Answering>) -> LineId {
        let now = self.now();
        let (id, cached) = self.mouth.say(line, now, &self.media);
        if let Some(turn) = answering {
            let waterfall = Waterfall {
                endpoint_ms: late(turn.endpoint_at, turn.speech_end),
                stt_ms: Some(late(turn.understood_at, turn.speech_end)),
                dialogue_ms: late(now, turn.speech_end),
                cached,
                ..Waterfall::default()
            };
            self.answers.push((id, waterfall, turn.speech_end));
        }
        self.tell(voice::Input::AgentWillSpeak { line: id, interruptible: line.interruptible, filler });
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

    fn log(&mut self, kind: &'static str, what: &impl serde::Serialize) {
        let data = serde_json::to_value(what).expect("invariant: inputs and actions are plain data");
        self.journal.event(LogEvent { seq: self.next_event, at_ms: self.now().0, kind, data });
        self.next_event += 1;
    }

    fn hang_up_soon(&mut self) {
        self.hang_up_at.get_or_insert(tokio::time::Instant::now() + HANG_UP_GRACE);
    }

    fn on_media(&mut self, event: MediaEvent) {
        let now = self.now();
        match event {
            MediaEvent::Frame(frame) => {
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
        let Heard { utterance, to, result } = heard;
        match result {
            Ok(transcript) => {
                let complete = dialogue::is_whole_answer(self.expect, &transcript.text);
                self.ears.keep_alternatives(utterance, transcript.alternatives);
                let (text, confidence) = (Pii(transcript.text), transcript.confidence);
                self.tell(voice::Input::Transcript { utterance, to, text, confidence, complete });
            }
            Err(HearingFailure::Dropped) => {}
            Err(failure) => {
                self.recogniser_down |= failure == HearingFailure::Engine;
                self.tell(voice::Input::TranscriptFailed { utterance, to });
            }
        }
    }

    fn on_mouth(&mut self, events: Vec<MouthEvent>) {
        for event in events {
            match event {
                MouthEvent::Started { line, at, audio_at } => {
                    if let Some((_, waterfall, speech_end)) = self.answers.iter_mut().find(|(id, ..)| *id == line) {
                        waterfall.tts_first_byte_ms = late(audio_at, *speech_end);
                        waterfall.first_packet_ms = late(at, *speech_end);
                    }
                    self.tell(voice::Input::PlayoutStarted { line, remaining_ms: None });
                }
                MouthEvent::Finished(ended) => {
                    let line = ended.line;
                    let spoken = ended.started.is_some();
                    self.line_over(ended);
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
                    self.line_over(ended);
                    self.tell(voice::Input::PlayoutStopped { line, played_ms, total_ms });
                }
            }
        }
    }

    fn line_over(&mut self, ended: Ended) {
        let found = self.answers.iter().position(|(id, ..)| *id == ended.line);
        let waterfall = found.map(|index| self.answers.swap_remove(index).1);
        let started = ended.started.unwrap_or(ended.at);
        self.write_turn(Speaker::Agent, ended.text, ended.heard, started, ended.at, waterfall);
    }

    async fn finish(mut self, cause: EndCause, mut media_events: mpsc::Receiver<MediaEvent>) -> Finished {
        // The caller heard at most what was sent until now; the session is about to close and reports no more.
        self.media.stop_playout(0);
        let mut events = self.mouth.cut(self.now());
        let reports = async {
            while self.mouth.is_busy() {
                match media_events.recv().await {
                    Some(MediaEvent::PlayoutStopped { id, played_ms, .. }) => {
                        events.extend(self.mouth.clip_stopped(id, played_ms, elapsed(self.answered)));
                    }
                    Some(MediaEvent::PlayoutFinished { id, .. }) => {
                        events.extend(self.mouth.clip_finished(id, elapsed(self.answered)));
                    }
                    Some(_) => {}
                    None => break,
                }
            }
        };
        if tokio::time::timeout(LAST_REPORTS, reports).await.is_err() {
            debug!("the media session did not say in time how much was played");
        }
        for event in events {
            if let MouthEvent::Stopped(ended) | MouthEvent::Finished(ended) = event {
                self.line_over(ended);
            }
        }
        if cause == EndCause::Referred {
            self.step(dialogue::Input::TransferDone);
            let attempt = self.referred.and_then(|index| self.transfers.get_mut(index));
            attempt.into_iter().for_each(|attempt| attempt.result = TransferResult::Referred);
            self.bye_reason = Some(reason(NORMAL));
        }
        self.step(dialogue::Input::HungUp);
        if cause != EndCause::CallerHungUp {
            self.leg.bye(self.bye_reason.take()).await;
        }
        let finished = Finished {
            cause,
            outcome: self.receptionist.outcome(),
            slots: self.receptionist.slots().clone(),
            summary: self.receptionist.summary(),
            recording: self.recording,
            transfers: self.transfers,
        };
        drop(self.media);
        // The receiver ends when the recording is whole.
        let recording_done = async { while media_events.recv().await.is_some() {} };
        if tokio::time::timeout(RECORDING_LIMIT, recording_done).await.is_err() {
            tracing::error!("the recording was not finished in time");
        }
        finished
    }
}

/// Pends until the watched flag is true, or its owner is gone.
pub(super) async fn until_true(flag: &mut watch::Receiver<bool>) {
    let _ = flag.wait_for(|value| *value).await;
}

/// Two soft tones, half a second in all.
fn waiting_tone() -> EncodedAudio {
    let mut samples = tone::sine(440.0, 4_000.0, 2_000);
    samples.extend(tone::sine(554.0, 4_000.0, 2_000));
    EncodedAudio::from_pcm(Codec::Pcma, &samples)
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

fn voice_expectation(expect: dialogue::Expectation) -> voice::Expectation {
    match expect {
        dialogue::Expectation::Open | dialogue::Expectation::Name | dialogue::Expectation::Time => {
            voice::Expectation::Open
        }
        dialogue::Expectation::YesNo => voice::Expectation::YesNo,
        dialogue::Expectation::Digits { .. } | dialogue::Expectation::Spelling => voice::Expectation::Dictation,
        dialogue::Expectation::None => voice::Expectation::None,
    }
}
