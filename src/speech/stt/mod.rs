//! Speech to text engines.

mod guard;
mod none;
mod openai;
#[cfg(feature = "whisper")]
mod whisper;

pub use none::NoRecogniser;
pub use openai::OpenAiStt;
#[cfg(feature = "whisper")]
pub use whisper::{Tuning, Whisper, WhisperError};
