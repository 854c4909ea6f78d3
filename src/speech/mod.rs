//! Speech engines behind traits, the worker pool and the prompt cache.
//!
//! * [`SpeechToText`], [`TextToSpeech`] — the seams; `stt` and `tts` hold the engines
//! * [`pool`] — the threads that engines run on, most urgent job first
//! * [`models`] — where model files live and how they get there

mod engine;
pub mod fake;
pub mod models;
pub mod pool;

pub use engine::{
    CancelFlag, Expect, RATE_HZ, SpeechToText, SttError, SttOptions, TextToSpeech, Transcript, TtsError, synthesize_all,
};
