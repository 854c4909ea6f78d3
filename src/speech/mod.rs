//! Speech engines behind traits, the worker pool and the prompt cache.
//!
//! * [`Speech`] — everything below, loaded and ready
//! * [`SpeechToText`], [`TextToSpeech`] — the seams; [`stt`] and [`tts`] hold the engines
//! * [`vad`] — voice activity
//! * [`pool`] — the threads that engines run on, most urgent job first
//! * [`prompt_cache`] — phrases synthesised beforehand
//! * [`http`] — the client of the engines in the network
//! * [`models`] — where model files live and how they get there

mod audio;
mod engine;
mod facade;
pub mod fake;
pub mod http;
pub mod models;
#[cfg(feature = "piper")]
mod onnx;
pub mod pool;
pub mod prompt_cache;
pub mod stt;
pub mod tts;
pub mod vad;

pub use engine::{
    CancelFlag, Expect, Fit, RATE_HZ, SpeechToText, SttError, SttOptions, TextToSpeech, Transcript, TtsError,
    WIDE_RATE_HZ, synthesize_all, synthesize_all_at,
};
pub use facade::{Speaking, Speech, SpeechConfig, SpeechError};
pub use vad::{SileroVad, Vad};
