//! Speech to text engines.

#[cfg(feature = "whisper")]
mod grammar;
mod guard;
mod none;
#[cfg(feature = "whisper")]
mod whisper;

pub use none::NoRecogniser;
#[cfg(feature = "whisper")]
pub use whisper::{Tuning, Whisper, WhisperError};
