//! Scripted engines for tests of everything above the engines.
#![doc(hidden)]

use std::collections::VecDeque;
use std::f32::consts::TAU;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::engine::{CancelFlag, SpeechToText, SttError, SttOptions, TextToSpeech, Transcript, TtsError};

/// What a fake engine does with one request.
#[derive(Debug, Clone)]
pub enum Scripted {
    /// Hears this text (a recogniser), or speaks (a synthesiser).
    Text(String),
    /// Fails.
    Fail,
    /// Waits first, as long as it is not cancelled.
    Slow(Duration, String),
    /// Panics, as a broken engine might.
    Panic,
}

/// A recogniser that hears what the script says, whatever the audio; an empty text when the script is over.
#[derive(Debug, Default)]
pub struct FakeStt(Mutex<VecDeque<Scripted>>);

impl FakeStt {
    /// Plays `script`, one step a request.
    pub fn new(script: impl IntoIterator<Item = Scripted>) -> Self {
        Self(Mutex::new(script.into_iter().collect()))
    }

    /// Hears these texts one after the other.
    pub fn hearing<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::new(texts.into_iter().map(|text| Scripted::Text(text.into())))
    }
}

fn wait(duration: Duration, cancel: &CancelFlag) -> bool {
    let end = Instant::now() + duration;
    while Instant::now() < end && !cancel.is_cancelled() {
        std::thread::sleep(Duration::from_millis(2));
    }
    !cancel.is_cancelled()
}

impl SpeechToText for FakeStt {
    fn name(&self) -> &str {
        "fake-stt"
    }

    fn transcribe(&self, audio: &[i16], options: &SttOptions, cancel: &CancelFlag) -> Result<Transcript, SttError> {
        let step = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let text = match step {
            None => String::new(),
            Some(Scripted::Text(text)) => text,
            Some(Scripted::Fail) => {
                return Err(SttError::Engine { engine: "fake-stt".into(), reason: "scripted".into() });
            }
            Some(Scripted::Slow(duration, text)) if wait(duration, cancel) => text,
            Some(Scripted::Slow(..)) => return Err(SttError::Cancelled),
            Some(Scripted::Panic) => panic!("scripted panic"),
        };
        let confidence = if text.is_empty() { 0.0 } else { 0.9 };
        let audio_ms = audio.len() as u64 * 1000 / u64::from(options.rate_hz);
        Ok(Transcript { no_speech: 1.0 - confidence, text, confidence, audio_ms, ..Transcript::default() })
    }
}

/// A synthesiser that says 200 ms of a 440 Hz tone for every word, in chunks of one word.
#[derive(Debug, Default)]
pub struct FakeTts(Mutex<VecDeque<Scripted>>);

impl FakeTts {
    /// Plays `script`, one step a request, and speaks ordinarily when it is over; texts in the script are ignored.
    pub fn new(script: impl IntoIterator<Item = Scripted>) -> Self {
        Self(Mutex::new(script.into_iter().collect()))
    }
}

impl TextToSpeech for FakeTts {
    fn name(&self) -> &str {
        "fake-tts"
    }

    fn voice(&self) -> &str {
        "tone"
    }

    fn synthesize_at(
        &self,
        text: &str,
        rate_hz: u32,
        sink: &mut dyn FnMut(&[i16]) -> ControlFlow<()>,
        cancel: &CancelFlag,
    ) -> Result<(), TtsError> {
        let step = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        match step {
            Some(Scripted::Fail) => {
                return Err(TtsError::Engine { engine: "fake-tts".into(), reason: "scripted".into() });
            }
            Some(Scripted::Slow(duration, _)) if !wait(duration, cancel) => return Err(TtsError::Cancelled),
            Some(Scripted::Panic) => panic!("scripted panic"),
            _ => {}
        }
        let word: Vec<i16> =
            (0..rate_hz / 5).map(|i| ((i as f32 * 440.0 * TAU / rate_hz as f32).sin() * 8000.0) as i16).collect();
        for _ in text.split_whitespace() {
            if cancel.is_cancelled() {
                return Err(TtsError::Cancelled);
            }
            if sink(&word).is_break() {
                break;
            }
        }
        Ok(())
    }
}
