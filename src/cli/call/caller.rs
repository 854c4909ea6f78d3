//! A caller who listens, waits for a turn, speaks, and notes how long every answer took.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::script::Step;
use crate::call::leg::Answerer;
use crate::media::resample::join_frames;
use crate::media::{Clip, ClipId, Codec, EncodedAudio, MediaEvent, MediaSession, PcmFrame, SAMPLE_RATE_HZ};
use crate::sip::net::{Leg, LegEvent};
use crate::speech::pool::{Class, Priority};
use crate::speech::{Speech, SttOptions};

/// Louder than this is sound. The far end sends digital silence or nothing between its lines.
const SOUND_DBFS: f32 = -50.0;
/// Silence after which a person takes the floor.
const TURN_GAP: Duration = Duration::from_millis(700);
/// How long a person waits for an answer before trying again.
const PATIENCE: Duration = Duration::from_secs(12);
/// How long into the other side's speech an interruption comes.
const INTERRUPT_AFTER: Duration = Duration::from_millis(1_200);
/// How long a caller with nothing more to say stays on a silent line.
const LAST_WAIT: Duration = Duration::from_secs(8);
/// The longest stretch of the other side's speech that is transcribed as one.
const LONGEST_FRAMES: usize = 30 * 50;

/// One line of the conversation, as the caller's side has it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Said {
    /// `caller` or `agent`.
    pub speaker: &'static str,
    /// Our words, or theirs as recognised here.
    pub text: String,
    /// Milliseconds after the answer.
    pub start_ms: u64,
    pub end_ms: u64,
    /// For the agent's line that follows ours: from our last sound to their first, as heard here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_ms: Option<u64>,
}

/// How a call ended for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    AgentHungUp,
    CallerHungUp,
    Failed,
}

/// What the caller has to say, already in audio.
pub enum Prepared {
    /// Our words (empty for a file), the audio, and its length up to the last sound.
    Speak {
        text: String,
        audio: EncodedAudio,
        sound_ms: u64,
        interrupt: bool,
    },
    Keys(String),
    Silent(Duration),
}

impl Prepared {
    /// What a step needs to be performed; the samples are at 8 or 16 kHz.
    pub fn speak(step: &Step, text: String, samples: &[i16], rate_hz: u32) -> Self {
        let frame = (rate_hz / 50) as usize;
        let loud = samples.chunks(frame).rposition(|chunk| level_dbfs(chunk) > SOUND_DBFS).map_or(0, |i| i + 1);
        let audio = if rate_hz == SAMPLE_RATE_HZ {
            EncodedAudio::from_pcm(Codec::Pcma, samples)
        } else {
            EncodedAudio::from_wide_pcm(samples)
        };
        Self::Speak { text, audio, sound_ms: loud as u64 * 20, interrupt: matches!(step, Step::Interrupt(_)) }
    }
}

/// A call from the caller's side.
pub struct Caller<'a> {
    speech: Arc<Speech>,
    media: MediaSession,
    answerer: Answerer,
    answered: Instant,
    steps: VecDeque<Prepared>,
    /// Lines in the order of their start; texts of the other side come in later.
    pub said: Vec<Said>,
    on_line: &'a mut dyn FnMut(&Said),
    /// The other side's speech under way.
    hearing: Vec<PcmFrame>,
    hearing_since: Option<Instant>,
    last_sound: Option<Instant>,
    /// Our last sound, until the other side answers it.
    awaiting: Option<Instant>,
    speaking: Option<Speaking>,
    /// Nothing is done before this.
    hold_until: Instant,
    /// The other side has spoken since our last step.
    heard_since_step: bool,
    recognised: JoinSet<(usize, String)>,
    /// Lines of the other side whose words are not known yet.
    unrecognised: Vec<usize>,
    /// Lines up to here were told.
    told: usize,
    next_clip: u64,
}

struct Speaking {
    clip: ClipId,
    index: usize,
    sound_ms: u64,
}

impl<'a> Caller<'a> {
    pub fn new(
        speech: Arc<Speech>,
        media: MediaSession,
        answerer: Answerer,
        steps: Vec<Prepared>,
        on_line: &'a mut dyn FnMut(&Said),
    ) -> Self {
        let now = Instant::now();
        Self {
            speech,
            media,
            answerer,
            answered: now,
            steps: steps.into(),
            said: Vec::new(),
            on_line,
            hearing: Vec::new(),
            hearing_since: None,
            last_sound: None,
            awaiting: Some(now),
            speaking: None,
            hold_until: now,
            heard_since_step: false,
            recognised: JoinSet::new(),
            unrecognised: Vec::new(),
            told: 0,
            next_clip: 0,
        }
    }

    /// Holds the conversation; the leg must be answered and the media configured.
    pub async fn converse(
        &mut self,
        leg: &Leg,
        mut leg_events: mpsc::Receiver<LegEvent>,
        media_events: &mut mpsc::Receiver<MediaEvent>,
    ) -> Ending {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let ending = loop {
            tokio::select! {
                event = leg_events.recv() => match event {
                    Some(LegEvent::Ended { .. }) => break Ending::AgentHungUp,
                    Some(LegEvent::Failed { .. }) | None => break Ending::Failed,
                    Some(LegEvent::Reinvite { body }) => {
                        let answer = self.answerer.reinvite(body.as_deref(), leg, &self.media);
                        leg.answer_reinvite(answer).await;
                    }
                    Some(LegEvent::Acked { body: Some(answer) }) => self.answerer.late_answer(&answer, &self.media),
                    Some(_) => {}
                },
                event = media_events.recv() => match event {
                    Some(event) => self.on_media(event),
                    None => break Ending::Failed,
                },
                Some(done) = self.recognised.join_next() => self.on_recognised(done),
                _ = tick.tick() => {
                    if self.act() {
                        leg.bye(None).await;
                        break Ending::CallerHungUp;
                    }
                }
            }
        };
        self.end_hearing();
        while let Some(done) = self.recognised.join_next().await {
            self.on_recognised(done);
        }
        ending
    }

    fn at(&self, when: Instant) -> u64 {
        u64::try_from(when.duration_since(self.answered).as_millis()).unwrap_or(u64::MAX)
    }

    fn on_media(&mut self, event: MediaEvent) {
        match event {
            MediaEvent::Frame(frame) => self.hear(frame),
            MediaEvent::PlayoutStarted { id, .. } => {
                let now = self.at(Instant::now());
                if let Some(speaking) = self.speaking.as_ref().filter(|s| s.clip == id) {
                    let index = speaking.index;
                    self.awaiting = None;
                    let line = &mut self.said[index];
                    line.start_ms = now;
                    line.end_ms = now + speaking.sound_ms;
                }
            }
            MediaEvent::PlayoutFinished { id, .. } => {
                if let Some(speaking) = self.speaking.take_if(|speaking| speaking.clip == id) {
                    // What follows the last sound of the clip is silence to the far end already.
                    let last_sound = self.answered + Duration::from_millis(self.said[speaking.index].end_ms);
                    self.awaiting = Some(last_sound);
                    self.hold_until = Instant::now();
                    // Only what comes now is an answer to what was said.
                    self.heard_since_step = false;
                }
            }
            _ => {}
        }
    }

    fn hear(&mut self, frame: PcmFrame) {
        let now = Instant::now();
        let sound = level_dbfs(&frame.samples) > SOUND_DBFS;
        if sound {
            self.last_sound = Some(now);
            self.heard_since_step = true;
            if self.hearing_since.is_none() {
                self.hearing_since = Some(now);
                let response_ms = self
                    .awaiting
                    .take()
                    .map(|since| u64::try_from(now.saturating_duration_since(since).as_millis()).unwrap_or(u64::MAX));
                let start_ms = self.at(now);
                let text = String::new();
                self.unrecognised.push(self.said.len());
                self.said.push(Said { speaker: "agent", text, start_ms, end_ms: start_ms, response_ms });
            }
        }
        if self.hearing_since.is_some() {
            self.hearing.push(frame);
            let quiet = self.last_sound.is_some_and(|at| now.duration_since(at) >= TURN_GAP);
            if quiet || self.hearing.len() >= LONGEST_FRAMES {
                self.end_hearing();
            }
        }
    }

    /// The other side stopped: have it transcribed.
    fn end_hearing(&mut self) {
        if self.hearing_since.take().is_none() {
            return;
        }
        let end_ms = self.last_sound.map_or(0, |at| self.at(at));
        let Some(index) = self.said.iter().rposition(|said| said.speaker == "agent") else { return };
        self.said[index].end_ms = end_ms;
        let (samples, rate_hz) = join_frames(self.hearing.iter());
        self.hearing.clear();
        let priority = Priority { deadline: Instant::now() + Duration::from_secs(30), class: Class::Final };
        match self.speech.transcribe(samples, SttOptions { rate_hz, ..SttOptions::default() }, priority) {
            Ok(job) => {
                self.recognised.spawn(async move {
                    let text = match job.await {
                        Ok(Ok(transcript)) => transcript.text,
                        Ok(Err(failure)) => format!("({failure})"),
                        Err(failure) => format!("({failure})"),
                    };
                    (index, text)
                });
            }
            Err(full) => {
                self.said[index].text = format!("({full})");
                self.unrecognised.retain(|waiting| *waiting != index);
            }
        }
    }

    fn on_recognised(&mut self, done: Result<(usize, String), tokio::task::JoinError>) {
        if let Ok((index, text)) = done {
            self.said[index].text = text;
            self.unrecognised.retain(|waiting| *waiting != index);
            self.tell();
        }
    }

    /// Tells of the lines that are whole, in the order of the conversation.
    fn tell(&mut self) {
        let whole = self.unrecognised.iter().min().copied().unwrap_or(self.said.len());
        while self.told < whole {
            (self.on_line)(&self.said[self.told]);
            self.told += 1;
        }
    }

    /// Does the next thing if it is time for it; true when the caller hangs up.
    fn act(&mut self) -> bool {
        let now = Instant::now();
        if self.speaking.is_some() || now < self.hold_until {
            return false;
        }
        let quiet_for = now.duration_since(self.last_sound.unwrap_or(self.hold_until).max(self.hold_until));
        let my_turn = self.hearing_since.is_none() && self.heard_since_step && quiet_for >= TURN_GAP;
        let ignored = self.hearing_since.is_none() && quiet_for >= PATIENCE;
        let talked_for = self.hearing_since.map_or(Duration::ZERO, |since| now.duration_since(since));
        let due = match self.steps.front() {
            None => return self.hearing_since.is_none() && quiet_for >= LAST_WAIT,
            Some(Prepared::Silent(_)) => true,
            Some(Prepared::Speak { interrupt: true, .. }) => talked_for >= INTERRUPT_AFTER,
            Some(_) => my_turn || ignored,
        };
        if due && let Some(step) = self.steps.pop_front() {
            self.perform(step, now);
        }
        false
    }

    fn perform(&mut self, step: Prepared, now: Instant) {
        self.heard_since_step = false;
        match step {
            Prepared::Silent(length) => self.hold_until = now + length,
            Prepared::Keys(keys) => {
                self.media.send_dtmf(&keys);
                let start_ms = self.at(now);
                self.push_own(format!("[keypad {keys}]"), start_ms);
                // 100 ms a key and as much between two.
                self.hold_until = now + Duration::from_millis(200) * u32::try_from(keys.len()).unwrap_or(u32::MAX);
                self.awaiting = Some(self.hold_until);
            }
            Prepared::Speak { text, audio, sound_ms, .. } => {
                let clip = ClipId(self.next_clip);
                self.next_clip += 1;
                let start_ms = self.at(now);
                let index = self.push_own(text, start_ms);
                self.speaking = Some(Speaking { clip, index, sound_ms });
                self.media.play(vec![Clip { id: clip, audio }]);
            }
        }
    }

    fn push_own(&mut self, text: String, start_ms: u64) -> usize {
        self.said.push(Said { speaker: "caller", text, start_ms, end_ms: start_ms, response_ms: None });
        let index = self.said.len() - 1;
        self.tell();
        index
    }
}

/// Root mean square level in dB below full scale.
pub fn level_dbfs(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return f32::NEG_INFINITY;
    }
    let power: f64 = samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum::<f64>() / samples.len() as f64;
    (10.0 * (power / (32_768.0 * 32_768.0)).log10()) as f32
}
