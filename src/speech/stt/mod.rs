//! Speech to text engines.

#[cfg(feature = "whisper")]
mod grammar;
mod guard;
mod none;
mod openai;
#[cfg(feature = "whisper")]
mod whisper;

pub use none::NoRecogniser;
pub use openai::OpenAiStt;
#[cfg(feature = "whisper")]
pub use whisper::{Tuning, Whisper, WhisperError};
