//! Speech engines behind traits, the worker pool and the prompt cache.
//!
//! * [`Speech`] — everything below, loaded and ready
//! * [`SpeechToText`], [`TextToSpeech`] — the seams; [`stt`] and [`tts`] hold the engines
//! * [`vad`] — voice activity; [`turn`] — end of turn by sound
//! * [`pool`] — the threads that engines run on, most urgent job first
//! * [`prompt_cache`] — phrases synthesised beforehand
//! * [`plausible`] — what of an engine's results is believed
//! * [`engines`] — those that a node declares beside its own
//! * [`llm`] — language models
//! * [`http`] — the client of the engines in the network
//! * [`models`] — where model files live and how they get there

mod audio;
mod chain;
#[cfg(test)]
mod conformance;
pub mod digits;
mod engine;
pub mod engines;
mod facade;
pub mod fake;
pub mod http;
pub mod llm;
mod metered;
pub mod models;
#[cfg(feature = "piper")]
mod onnx;
pub mod plausible;
pub mod pool;
mod presynthesis;
pub mod prompt_cache;
pub mod remote;
pub mod stt;
pub mod tts;
pub mod turn;
pub mod vad;

pub use engine::{
    CancelFlag, Expect, RATE_HZ, SpeechToText, SttError, SttOptions, TextToSpeech, Transcript, TtsError, WIDE_RATE_HZ,
    synthesize_all, synthesize_all_at,
};
pub use facade::{NO_TURN_MODEL, Speaking, Speech, SpeechConfig, SpeechError, voice_at_speed};
pub use presynthesis::Presynthesis;
pub use turn::EndOfTurn;
pub use vad::{SileroVad, Vad};
