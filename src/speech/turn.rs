//! End of turn by how it sounds: whether a caller who pauses has finished, judged by intonation and pace, not by words.
//!
//! Asked at every short pause, beside the speculative transcription. An answer that does not come is no harm: silence
//! alone decides then.

use std::path::PathBuf;

/// The longest audio that is judged, in milliseconds; of longer turns the end is.
pub const LONGEST_MS: u32 = 8_000;

/// Judges whether a turn is over.
pub trait EndOfTurn: Send + Sync {
    /// Name of the model, for records.
    fn name(&self) -> &str;

    /// The probability, 0 to 1, that `audio` is a finished turn, on the calling thread.
    ///
    /// `audio` (mono, at `rate_hz`: [`super::RATE_HZ`] or [`super::WIDE_RATE_HZ`]) is the caller's turn up to now, its
    /// last pause included.
    fn probability(&self, audio: &[i16], rate_hz: u32) -> Result<f32, TurnError>;
}

/// Why an end-of-turn model gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// The file is missing or is not this model.
    #[error("cannot load the end-of-turn model {}: {reason}. Run `vca models pull` (or `make run`)", path.display())]
    Load { path: PathBuf, reason: String },
    /// The audio was not taken or the network failed.
    #[error("{model} failed: {reason}")]
    Model { model: &'static str, reason: String },
}

#[cfg(feature = "piper")]
mod mel;
#[cfg(feature = "piper")]
mod smart_turn;
#[cfg(feature = "piper")]
pub use smart_turn::SmartTurn;

#[cfg(all(test, feature = "piper"))]
mod tests;
