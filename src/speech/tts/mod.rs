//! Text to speech engines.

#[cfg(feature = "piper")]
mod espeak;
#[cfg(feature = "piper")]
mod piper;
mod remote;
mod shape;
mod spoken;
mod text;

#[cfg(feature = "piper")]
pub use piper::{Piper, VoiceError};
pub use remote::RemoteVoice;
pub(super) use shape::pause;
pub(super) use text::{sentences, written};
