//! Speech to text engines.

mod guard;
#[cfg(feature = "whisper")]
mod whisper;

#[cfg(feature = "whisper")]
pub use whisper::{Tuning, Whisper, WhisperError};
