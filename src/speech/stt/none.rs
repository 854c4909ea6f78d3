//! No recogniser at all: callers are asked to use the keypad.

use crate::speech::engine::{CancelFlag, SpeechToText, SttError, SttOptions, Transcript};

/// Fails every transcription, which takes the dialogue to the keypad. For machines too small for a recogniser, and to
/// show what callers get when theirs is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRecogniser;

impl NoRecogniser {
    /// What the configuration calls it.
    pub const NAME: &str = "none";
}

impl SpeechToText for NoRecogniser {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn transcribe(&self, _: &[i16], _: &SttOptions, _: &CancelFlag) -> Result<Transcript, SttError> {
        Err(SttError::Engine { engine: Self::NAME.to_owned(), reason: "no recogniser is configured".to_owned() })
    }
}
