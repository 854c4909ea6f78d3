//! What the agent hears: the caller's audio of the last half minute, voice activity, transcriptions under way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tracing::warn;

use crate::media::resample::{Halver, join_frames};
use crate::media::{FRAME_SAMPLES, PcmFrame};
use crate::metrics::Metrics;
use crate::speech::plausible::believable;
use crate::speech::pool::{Begun, Class, JobError, JobHandle, Priority};
use crate::speech::{SileroVad, Speech, SttError, SttOptions, Transcript, Vad, turn};
use crate::voice::{Ms, UtteranceId};

/// Audio kept for transcription: the longest utterance with its lead-in.
const KEPT_FRAMES: usize = 30 * 50;
/// Utterances that may wait for their turn's end at once; more never do.
const KEPT_ALTERNATIVES: usize = 8;
/// How long a transcription may take, queueing included.
const TRANSCRIPTION_LIMIT: Duration = Duration::from_secs(6);

/// How long an answer of the end-of-turn model is of use: by then silence has decided.
const JUDGEMENT_LIMIT: Duration = Duration::from_millis(1_200);
/// When it should be there: before a transcription that was started at the same time.
const JUDGEMENT_WANTED: Duration = Duration::from_millis(150);

/// What an engine made of a range of audio.
#[derive(Debug)]
pub struct Heard {
    pub utterance: UtteranceId,
    /// The end of the range.
    pub to: Ms,
    pub told: Told,
}

/// What it told.
#[derive(Debug)]
pub enum Told {
    Words(Transcript),
    /// There is no transcript.
    Failed(HearingFailure),
    /// How probable it is that the caller has finished, 0 to 1.
    Finished(f32),
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
    metrics: Arc<Metrics>,
    vad: SileroVad,
    /// Voice activity is found at 8 kHz, also in wide-band calls.
    halver: Halver,
    audio: VecDeque<(Ms, PcmFrame)>,
    jobs: JoinSet<Option<Heard>>,
    /// The transcription that is under way or done for an utterance, and up to where it listens.
    wanted: Option<Wanted>,
    /// The same for the end-of-turn model.
    judged: Option<Wanted>,
    /// Other readings of utterances whose turn has not ended yet.
    alternatives: VecDeque<(UtteranceId, Vec<String>)>,
}

struct Wanted {
    utterance: UtteranceId,
    to: Ms,
    task: tokio::task::AbortHandle,
    /// When a worker took it up; `None` when the pool was full.
    begun: Option<Begun>,
}

impl Ears {
    pub fn new(speech: Arc<Speech>, metrics: Arc<Metrics>) -> Self {
        let vad = speech.new_vad();
        let (audio, jobs) = (VecDeque::new(), JoinSet::new());
        let (halver, alternatives) = (Halver::default(), VecDeque::new());
        Self { speech, metrics, vad, halver, audio, jobs, wanted: None, judged: None, alternatives }
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
        abort(&mut self.wanted, utterance);
        let (samples, rate_hz) = self.range(from, to);
        let options = SttOptions { rate_hz, ..options };
        let priority = Priority { deadline: Instant::now() + TRANSCRIPTION_LIMIT, class };
        let audio_ms = samples.len() as u64 * 1_000 / u64::from(rate_hz.max(1));
        let job = self.speech.transcribe(samples, options, priority);
        let begun = job.as_ref().ok().map(JobHandle::begun);
        let (metrics, engine) = (Arc::clone(&self.metrics), self.speech.stt.name().to_owned());
        let (asked, taken_up) = (Instant::now(), begun.clone());
        let task = self.jobs.spawn(async move {
            let told = match job {
                Err(_full) => Told::Failed(HearingFailure::Busy),
                Ok(job) => match tokio::time::timeout(TRANSCRIPTION_LIMIT, job).await {
                    Ok(Ok(Ok(transcript))) => {
                        Told::Words(Transcript { text: believable(transcript.text, audio_ms), ..transcript })
                    }
                    Ok(Ok(Err(failure))) => Told::Failed(hearing_failure(&failure)),
                    Ok(Err(JobError::Panicked)) => Told::Failed(HearingFailure::Engine),
                    Ok(Err(JobError::Dropped)) | Err(_) => Told::Failed(HearingFailure::Busy),
                },
            };
            if let Some(at) = taken_up.and_then(|begun| begun.at()) {
                metrics.transcribed(&engine, at.saturating_duration_since(asked), at.elapsed());
            }
            match told {
                Told::Failed(HearingFailure::Engine) => metrics.failed(&engine, "failed"),
                Told::Failed(HearingFailure::Busy) => metrics.failed(&engine, "busy"),
                _ => {}
            }
            Some(Heard { utterance, to, told })
        });
        self.wanted = Some(Wanted { utterance, to, task, begun });
    }

    /// Asks the end-of-turn model about `from..=to`; without one, or while the pool is full, there is no answer.
    pub fn judge(&mut self, utterance: UtteranceId, from: Ms, to: Ms) {
        abort(&mut self.judged, utterance);
        let (samples, rate_hz) = self.range(from.max(to.minus(u64::from(turn::LONGEST_MS))), to);
        let priority = Priority { deadline: Instant::now() + JUDGEMENT_WANTED, class: Class::Speculative };
        let Some(job) = self.speech.judge_turn(samples, rate_hz, priority) else { return };
        let task = self.jobs.spawn(async move {
            match tokio::time::timeout(JUDGEMENT_LIMIT, job).await {
                Ok(Ok(Ok(probability))) => Some(Heard { utterance, to, told: Told::Finished(probability) }),
                Ok(Ok(Err(failure))) => {
                    warn!(error = %failure, "the end-of-turn model failed; silence decides");
                    None
                }
                Ok(Err(_)) | Err(_) => None,
            }
        });
        self.judged = Some(Wanted { utterance, to, task, begun: None });
    }

    fn range(&self, from: Ms, to: Ms) -> (Vec<i16>, u32) {
        join_frames(self.audio.iter().filter(|(at, _)| (from..=to).contains(at)).map(|(_, frame)| frame))
    }

    /// Whether a transcription of this utterance up to `to` is under way or done.
    pub fn covers(&self, utterance: UtteranceId, to: Ms) -> bool {
        self.wanted.as_ref().is_some_and(|wanted| wanted.utterance == utterance && wanted.to == to)
    }

    /// When a worker began to transcribe the utterance that was last wanted, if it is this one.
    pub fn started(&self, utterance: UtteranceId) -> Option<Instant> {
        self.wanted.as_ref().filter(|wanted| wanted.utterance == utterance)?.begun.as_ref()?.at()
    }

    /// Gives up what is under way for an utterance.
    pub fn drop_jobs(&mut self, utterance: UtteranceId) {
        abort(&mut self.wanted, utterance);
        abort(&mut self.judged, utterance);
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

    /// Waits for what the engines tell next; pends for ever while none is under way.
    pub async fn heard(&mut self) -> Heard {
        loop {
            match self.jobs.join_next().await {
                Some(Ok(Some(heard))) => return heard,
                Some(Ok(None)) => {}
                // Aborted on purpose; anything else was a panic in our own glue and is reported as such.
                Some(Err(stopped)) if stopped.is_cancelled() => {}
                Some(Err(panicked)) => warn!(error = %panicked, "the task of an engine's job failed"),
                None => std::future::pending::<()>().await,
            }
        }
    }
}

fn abort(job: &mut Option<Wanted>, utterance: UtteranceId) {
    if let Some(wanted) = job.take_if(|wanted| wanted.utterance == utterance) {
        wanted.task.abort();
    }
}

fn hearing_failure(failure: &SttError) -> HearingFailure {
    match failure {
        SttError::Cancelled => HearingFailure::Dropped,
        SttError::Busy => HearingFailure::Busy,
        other => {
            warn!(error = %other, "the speech recogniser failed");
            HearingFailure::Engine
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::frame::FrameSamples;
    use crate::speech::fake::{FakeStt, FakeTts};
    use crate::speech::turn::{EndOfTurn, TurnError};

    /// Gives the share of samples that are not silent, and fails when there are none.
    struct Loudness;

    impl EndOfTurn for Loudness {
        fn name(&self) -> &str {
            "loudness"
        }

        fn probability(&self, audio: &[i16], _rate_hz: u32) -> Result<f32, TurnError> {
            let loud = audio.iter().filter(|&&sample| sample != 0).count();
            if loud == 0 {
                return Err(TurnError::Model { model: "loudness", reason: "scripted".into() });
            }
            Ok(loud as f32 / audio.len() as f32)
        }
    }

    fn ears(model: bool) -> (Ears, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let texts = std::iter::repeat_n("words", 4);
        let (stt, tts) = (Arc::new(FakeStt::hearing(texts)), Arc::new(FakeTts::default()));
        let speech = Speech::with_engines(stt, tts, folder.path()).unwrap();
        let speech = if model { speech.with_end_of_turn(Arc::new(Loudness)) } else { speech };
        (Ears::new(Arc::new(speech), Arc::default()), folder)
    }

    fn hear(ears: &mut Ears, frames: std::ops::Range<u64>, level: i16) {
        for frame in frames {
            let mut samples = FrameSamples::silence(false);
            samples.fill(level);
            ears.hear(PcmFrame { samples, ..PcmFrame::silence(frame * 20) }, Ms((frame + 1) * 20));
        }
    }

    #[tokio::test]
    async fn the_end_of_turn_model_is_asked_about_the_range_and_may_be_missing_or_fail() {
        let utterance = UtteranceId(3);
        let (mut ears, _folder) = ears(true);
        hear(&mut ears, 0..50, 1_000);
        hear(&mut ears, 50..100, 0);
        ears.judge(utterance, Ms(520), Ms(1_500));
        let heard = ears.heard().await;
        assert_eq!((heard.utterance, heard.to), (utterance, Ms(1_500)));
        assert!(matches!(heard.told, Told::Finished(share) if (share - 0.5).abs() < 0.02), "{heard:?}");

        // Neither of these is answered; the words that are asked for after them are.
        ears.judge(utterance, Ms(1_500), Ms(2_000));
        ears.transcribe(utterance, Ms(0), Ms(2_000), Class::Final, SttOptions::default());
        assert!(matches!(ears.heard().await.told, Told::Words(_)), "a model that fails says nothing");
        ears.judge(utterance, Ms(520), Ms(1_500));
        ears.drop_jobs(utterance);
        ears.transcribe(utterance, Ms(0), Ms(2_000), Class::Final, SttOptions::default());
        assert!(matches!(ears.heard().await.told, Told::Words(_)), "what was dropped says nothing");
    }

    #[tokio::test]
    async fn without_a_model_words_come_all_the_same() {
        let (mut ears, _folder) = ears(false);
        hear(&mut ears, 0..50, 1_000);
        ears.judge(UtteranceId(0), Ms(20), Ms(1_000));
        ears.transcribe(UtteranceId(0), Ms(20), Ms(1_000), Class::Speculative, SttOptions::default());
        assert!(matches!(ears.heard().await.told, Told::Words(_)));
    }
}
