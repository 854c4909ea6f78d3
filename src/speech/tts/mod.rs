//! Text to speech engines.

#[cfg(feature = "piper")]
mod espeak;
#[cfg(feature = "piper")]
mod piper;
#[cfg(feature = "piper")]
mod text;

#[cfg(feature = "piper")]
pub use piper::{Piper, VoiceError};
