//! The two seams: what a recogniser and a synthesiser must do, whatever engine stands behind.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::http::HttpFailure;
use super::plausible::{most_samples, unlike_speech};
use crate::domain::Fit;

/// Sample rate of audio at the engines' doors where no other is named, in Hz: that of the telephone.
pub const RATE_HZ: u32 = 8000;
/// The other rate at their doors, in Hz: that of wide-band calls.
pub const WIDE_RATE_HZ: u32 = 16_000;

/// A flag that one side raises and the other looks at; clones share it.
#[derive(Debug, Clone, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// A flag that is down.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises the flag; it stays up.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the flag is up.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Speech to text, one utterance at a time.
pub trait SpeechToText: Send + Sync {
    /// Name of engine and model, for records and cache keys.
    fn name(&self) -> &str;

    /// Transcribes `audio` (mono, at the rate in `options`) on the calling thread.
    ///
    /// Silence gives an empty text, not an error. Returns [`SttError::Cancelled`] soon after `cancel` is raised.
    fn transcribe(&self, audio: &[i16], options: &SttOptions, cancel: &CancelFlag) -> Result<Transcript, SttError>;
}

/// What the dialogue knows about the coming answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Expect {
    /// Anything.
    #[default]
    General,
    /// A telephone number, an amount, a PIN code.
    Digits,
    /// Agreement or refusal.
    YesNo,
    /// A person's name.
    Name,
    /// A name letter by letter.
    Spelling,
    /// A day or a time of day.
    Date,
}

/// How to transcribe one utterance.
#[derive(Debug, Clone)]
pub struct SttOptions {
    /// Words that are likely, as text that could have come before: names of the tenant and its services.
    pub prompt: Option<String>,
    /// ISO 639-1 language code.
    pub language: String,
    /// What kind of answer is expected.
    pub expect: Expect,
    /// Judges what was heard. Where it is only near an answer, an engine that can listens again for nothing else, and
    /// gives what it heard then as [`Transcript::alternatives`].
    pub judge: Option<fn(&str) -> Fit>,
    /// Sample rate of the audio, in Hz: [`RATE_HZ`] or [`WIDE_RATE_HZ`].
    pub rate_hz: u32,
    /// When the result stops being of use; the engine gives up then with [`SttError::DeadlinePassed`].
    pub deadline: Option<Instant>,
}

impl Default for SttOptions {
    fn default() -> Self {
        let language = "en".to_owned();
        Self { prompt: None, language, expect: Expect::General, judge: None, rate_hz: RATE_HZ, deadline: None }
    }
}

/// What was heard.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Transcript {
    /// The words, without markers of silence or noise; empty when there was no speech.
    pub text: String,
    /// Other readings of the same audio that answer the question where `text` does not, the likeliest first; few.
    pub alternatives: Vec<String>,
    /// Mean probability of the words, 0 to 1; 0 when there are none.
    pub confidence: f32,
    /// Probability that there was no speech at all, 0 to 1.
    pub no_speech: f32,
    /// Whether the repetition guard had to decode again.
    pub guard_fired: bool,
    /// Processor time, in milliseconds.
    pub cpu_ms: u64,
    /// Length of the audio given, in milliseconds.
    pub audio_ms: u64,
}

/// Why an utterance was not transcribed.
#[derive(Debug, thiserror::Error)]
pub enum SttError {
    /// The caller raised the flag.
    #[error("the transcription was cancelled")]
    Cancelled,
    /// The deadline came first.
    #[error("the transcription missed its deadline")]
    DeadlinePassed,
    /// No worker was free for it.
    #[error("all speech workers are busy")]
    Busy,
    /// An engine in the network failed.
    #[error("{engine} failed: {failure}")]
    Remote { engine: String, failure: HttpFailure },
    /// The engine failed.
    #[error("{engine} failed: {reason}")]
    Engine { engine: String, reason: String },
}

/// Text to speech.
pub trait TextToSpeech: Send + Sync {
    /// Name of the engine, for records and cache keys.
    fn name(&self) -> &str;

    /// Name of the voice, for records and cache keys.
    fn voice(&self) -> &str;

    /// Speaks `text` (numbers already in words) into `sink` as mono chunks at `rate_hz`, on the calling thread.
    ///
    /// The first sentence arrives before the second is made. Ends early without an error when `sink` breaks; returns
    /// [`TtsError::Cancelled`] soon after `cancel` is raised.
    fn synthesize_at(
        &self,
        text: &str,
        rate_hz: u32,
        sink: &mut dyn FnMut(&[i16]) -> ControlFlow<()>,
        cancel: &CancelFlag,
    ) -> Result<(), TtsError>;

    /// The same at [`RATE_HZ`].
    fn synthesize(
        &self,
        text: &str,
        sink: &mut dyn FnMut(&[i16]) -> ControlFlow<()>,
        cancel: &CancelFlag,
    ) -> Result<(), TtsError> {
        self.synthesize_at(text, RATE_HZ, sink, cancel)
    }
}

/// Why a text was not spoken.
#[derive(Debug, thiserror::Error)]
pub enum TtsError {
    /// The caller raised the flag.
    #[error("the synthesis was cancelled")]
    Cancelled,
    /// It took longer than it may.
    #[error("{engine} did not speak in time")]
    TooSlow { engine: String },
    /// No worker was free for it.
    #[error("all speech workers are busy")]
    Busy,
    /// An engine in the network failed.
    #[error("{engine} failed: {failure}")]
    Remote { engine: String, failure: HttpFailure },
    /// espeak-ng, which gives the phonemes, could not be run.
    #[error("cannot run `espeak-ng`, which gives Piper its phonemes: {0}. Install it with `apt install espeak-ng`")]
    Phonemes(std::io::Error),
    /// The engine failed.
    #[error("{engine} failed: {reason}")]
    Engine { engine: String, reason: String },
}

/// Collects all of `text` as one clip at [`RATE_HZ`].
pub fn synthesize_all(tts: &dyn TextToSpeech, text: &str, cancel: &CancelFlag) -> Result<Vec<i16>, TtsError> {
    synthesize_all_at(tts, text, RATE_HZ, cancel)
}

/// Collects all of `text` as one clip at `rate_hz`; an engine that speaks without end or gives no sound has failed.
pub fn synthesize_all_at(
    tts: &dyn TextToSpeech,
    text: &str,
    rate_hz: u32,
    cancel: &CancelFlag,
) -> Result<Vec<i16>, TtsError> {
    let mut samples = Vec::new();
    let most = most_samples(text, rate_hz);
    let mut collect = |chunk: &[i16]| {
        samples.extend_from_slice(chunk);
        if samples.len() > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    tts.synthesize_at(text, rate_hz, &mut collect, cancel)?;
    match unlike_speech(text, &samples, rate_hz) {
        Some(reason) => Err(TtsError::Engine { engine: tts.name().to_owned(), reason: reason.to_owned() }),
        None => Ok(samples),
    }
}
