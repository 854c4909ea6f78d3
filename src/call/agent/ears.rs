//! What the agent hears: the caller's audio of the last half minute, voice activity, transcriptions under way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tracing::warn;

use crate::media::resample::{Halver, join_frames};
use crate::media::{FRAME_SAMPLES, PcmFrame};
use crate::speech::pool::{Class, JobError, Priority};
use crate::speech::{SileroVad, Speech, SttError, SttOptions, Transcript, Vad};
use crate::voice::{Ms, UtteranceId};

/// Audio kept for transcription: the longest utterance with its lead-in.
const KEPT_FRAMES: usize = 30 * 50;
/// Utterances that may wait for their turn's end at once; more never do.
const KEPT_ALTERNATIVES: usize = 8;
/// How long a transcription may take, queueing included.
const TRANSCRIPTION_LIMIT: Duration = Duration::from_secs(6);

/// What became of a transcription.
#[derive(Debug)]
pub struct Heard {
    pub utterance: UtteranceId,
    /// The end of the range that was transcribed.
    pub to: Ms,
    pub result: Result<Transcript, HearingFailure>,
}

/// Why there is no transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HearingFailure {
    /// The engine failed: words will not get through until it is mended.
    Engine,
    /// Too busy or too slow this time.
    Busy,
    /// No longer wanted.
    Dropped,
}

/// Listens to one caller.
pub struct Ears {
    speech: Arc<Speech>,
    vad: SileroVad,
    /// Voice activity is found at 8 kHz, also in wide-band calls.
    halver: Halver,
    audio: VecDeque<(Ms, PcmFrame)>,
    jobs: JoinSet<Heard>,
    /// The transcription that is under way or done for an utterance, and up to where it listens.
    wanted: Option<Wanted>,
    /// Other readings of utterances whose turn has not ended yet.
    alternatives: VecDeque<(UtteranceId, Vec<String>)>,
}

struct Wanted {
    utterance: UtteranceId,
    to: Ms,
    task: tokio::task::AbortHandle,
}

impl Ears {
    pub fn new(speech: Arc<Speech>) -> Self {
        let vad = speech.new_vad();
        Self {
            speech,
            vad,
            halver: Halver::default(),
            audio: VecDeque::new(),
            jobs: JoinSet::new(),
            wanted: None,
            alternatives: VecDeque::new(),
        }
    }

    /// Takes one frame in and says whether it is voice.
    pub fn hear(&mut self, frame: PcmFrame, now: Ms) -> Vad {
        let mut narrow = [0; FRAME_SAMPLES];
        if frame.samples.is_wide() {
            self.halver.process(&frame.samples, &mut narrow);
        } else {
            narrow.copy_from_slice(&frame.samples);
        }
        let vad = self.vad.push(&narrow);
        if self.audio.len() == KEPT_FRAMES {
            self.audio.pop_front();
        }
        self.audio.push_back((now, frame));
        vad
    }

    /// Starts to transcribe `from..to`, in place of an earlier transcription of the same utterance.
    pub fn transcribe(&mut self, utterance: UtteranceId, from: Ms, to: Ms, class: Class, options: SttOptions) {
        self.drop_transcription(utterance);
        let wanted = self.audio.iter().filter(|(at, _)| (from..=to).contains(at)).map(|(_, frame)| frame);
        let (samples, rate_hz) = join_frames(wanted);
        let options = SttOptions { rate_hz, ..options };
        let priority = Priority { deadline: Instant::now() + TRANSCRIPTION_LIMIT, class };
        let job = self.speech.transcribe(samples, options, priority);
        let task = self.jobs.spawn(async move {
            let result = match job {
                Err(_full) => Err(HearingFailure::Busy),
                Ok(job) => match tokio::time::timeout(TRANSCRIPTION_LIMIT, job).await {
                    Ok(Ok(Ok(transcript))) => Ok(transcript),
                    Ok(Ok(Err(failure))) => Err(hearing_failure(&failure)),
                    Ok(Err(JobError::Panicked)) => Err(HearingFailure::Engine),
                    Ok(Err(JobError::Dropped)) | Err(_) => Err(HearingFailure::Busy),
                },
            };
            Heard { utterance, to, result }
        });
        self.wanted = Some(Wanted { utterance, to, task });
    }

    /// Whether a transcription of this utterance up to `to` is under way or done.
    pub fn covers(&self, utterance: UtteranceId, to: Ms) -> bool {
        self.wanted.as_ref().is_some_and(|wanted| wanted.utterance == utterance && wanted.to == to)
    }

    /// Gives up the transcription of an utterance, if one is under way.
    pub fn drop_transcription(&mut self, utterance: UtteranceId) {
        if let Some(wanted) = self.wanted.take_if(|wanted| wanted.utterance == utterance) {
            wanted.task.abort();
        }
    }

    /// Keeps the other readings of an utterance, in place of those of an earlier transcription.
    pub fn keep_alternatives(&mut self, utterance: UtteranceId, readings: Vec<String>) {
        self.alternatives.retain(|(id, _)| *id != utterance);
        if self.alternatives.len() == KEPT_ALTERNATIVES {
            self.alternatives.pop_front();
        }
        if !readings.is_empty() {
            self.alternatives.push_back((utterance, readings));
        }
    }

    /// Gives the other readings of an utterance away.
    pub fn alternatives(&mut self, utterance: UtteranceId) -> Vec<String> {
        let at = self.alternatives.iter().position(|(id, _)| *id == utterance);
        at.and_then(|at| self.alternatives.remove(at)).map(|(_, readings)| readings).unwrap_or_default()
    }

    /// Waits for the next transcription; pends for ever while none is under way.
    pub async fn heard(&mut self) -> Heard {
        loop {
            match self.jobs.join_next().await {
                Some(Ok(heard)) => return heard,
                // Aborted on purpose; anything else was a panic in our own glue and is reported as such.
                Some(Err(stopped)) if stopped.is_cancelled() => {}
                Some(Err(panicked)) => warn!(error = %panicked, "a transcription's task failed"),
                None => std::future::pending::<()>().await,
            }
        }
    }
}

fn hearing_failure(failure: &SttError) -> HearingFailure {
    match failure {
        SttError::Cancelled => HearingFailure::Dropped,
        other => {
            warn!(error = %other, "the speech recogniser failed");
            HearingFailure::Engine
        }
    }
}
