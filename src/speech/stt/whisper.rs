//! Whisper through whisper.cpp.
//!
//! Whisper was trained on windows of 30 s. Encoding only as much as was said makes a short utterance several times
//! cheaper, but lets the decoder fall into loops, so three things belong together: timestamps stay on, tokens are
//! capped, and a text that loops or reaches the cap is decoded again with a wider window.

use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState};

use super::grammar::Grammar;
use super::guard::{cut_echo, cut_loop, is_doubled, is_looping, is_subtitle_phrase, is_too_fast, spoken_text};
use crate::domain::Fit;
use crate::media::resample::resample_f32;
use crate::speech::audio::{sound_bounds, to_float};
use crate::speech::engine::{CancelFlag, Expect, SpeechToText, SttError, SttOptions, Transcript};

/// Whisper's own sample rate.
const WHISPER_HZ: u32 = 16_000;
/// Encoder positions for the whole 30 s window, 50 a second.
const FULL_WINDOW: u32 = 1500;
/// The decoder takes at most half its context as a prompt; a long one costs time with every decode.
const PROMPT_TOKENS: usize = 64;
/// Quieter than this is silence around an utterance.
const SILENT_DBFS: f32 = -55.0;
/// Kept around the sound, in milliseconds, so that soft consonants at the edges stay.
const MARGIN_MS: u32 = 200;
/// whisper.cpp leaves out what is shorter than 100 ms, and short clips transcribe better with silence after them.
const SHORTEST: usize = WHISPER_HZ as usize;

mod second;

/// Settings that were chosen by measuring (`benches/speech.rs`); the default is what calls use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuning {
    /// Encoder positions added to those that the audio needs (50 a second); `None` encodes the whole window.
    pub slack: Option<u32>,
    /// The same for the second try, after the guard has fired.
    pub retry_slack: Option<u32>,
    /// A text that is believed less than this (mean token probability) is decoded a second time, and the better kept.
    pub unsure: f32,
    /// Silence put before the audio, in milliseconds.
    pub lead_ms: u32,
    /// Fused attention kernels.
    pub flash_attention: bool,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { slack: Some(128), retry_slack: Some(512), unsure: 0.5, lead_ms: 200, flash_attention: false }
    }
}

/// The model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum WhisperError {
    /// The file is missing or is not a ggml Whisper model.
    #[error("cannot load the speech recognition model {}: {reason}. Run `vca models pull` (or `make run`)", path.display())]
    Load { path: PathBuf, reason: String },
}

/// A loaded model; transcribes on as many threads at once as call it, each with a state of its own.
pub struct Whisper {
    context: WhisperContext,
    /// States at rest; a state holds the buffers of one decode and is expensive to make.
    states: Mutex<Vec<WhisperState>>,
    /// Parameters by language: whisper-rs leaks the language's name each time that it is set.
    parameters: Mutex<HashMap<String, FullParams<'static, 'static>>>,
    /// The grammars of expected answers in the model's tokens.
    lexicons: HashMap<Expect, second::Lexicon>,
    tuning: Tuning,
    name: String,
}

impl std::fmt::Debug for Whisper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Whisper").field("name", &self.name).field("tuning", &self.tuning).finish_non_exhaustive()
    }
}

/// What one run of the decoder gave.
struct Decoded {
    text: String,
    confidence: f32,
    no_speech: f32,
    hit_cap: bool,
}

impl Whisper {
    /// Loads a ggml model and decodes a second of silence, so that the first caller does not wait for memory.
    pub fn load(path: &Path) -> Result<Self, WhisperError> {
        Self::load_with(path, Tuning::default())
    }

    /// Loads a ggml model with other settings.
    pub fn load_with(path: &Path, tuning: Tuning) -> Result<Self, WhisperError> {
        // Sends whisper.cpp's chatter nowhere instead of to standard error.
        whisper_rs::install_logging_hooks();
        let load = |reason: String| WhisperError::Load { path: path.to_owned(), reason };
        if !path.is_file() {
            return Err(load("no such file".to_owned()));
        }
        let mut parameters = WhisperContextParameters::new();
        parameters.flash_attn(tuning.flash_attention).use_gpu(false);
        let context = WhisperContext::new_with_params(path, parameters).map_err(|error| load(error.to_string()))?;
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let lexicons =
            Grammar::all().filter_map(|(expect, grammar)| Some((expect, second::Lexicon::of(grammar, &context)?)));
        let lexicons = lexicons.collect();
        let whisper = Self { context, states: Mutex::default(), parameters: Mutex::default(), lexicons, tuning, name };
        let silence = vec![0.0; SHORTEST];
        let mut state = whisper.lease().map_err(|error| load(error.to_string()))?;
        let run = whisper.decode(&mut state, &silence, &SttOptions::default(), &CancelFlag::new(), tuning.slack);
        run.map_err(|error| load(error.to_string()))?;
        drop(state);
        Ok(whisper)
    }

    fn error(&self, reason: impl ToString) -> SttError {
        SttError::Engine { engine: self.name.clone(), reason: reason.to_string() }
    }

    fn parameters(&self, language: &str) -> Result<FullParams<'static, 'static>, SttError> {
        let mut known = lock(&self.parameters);
        if let Some(parameters) = known.get(language) {
            return Ok(parameters.clone());
        }
        if language.contains('\0') || whisper_rs::get_lang_id(language).is_none() {
            return Err(self.error(format!("no language is called `{language}`")));
        }
        let mut parameters = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        // Leaked once for each language that exists, as whisper-rs does itself.
        parameters.set_language(Some(Box::leak(language.to_owned().into_boxed_str())));
        parameters.set_n_threads(1);
        parameters.set_no_context(true);
        parameters.set_single_segment(true);
        parameters.set_suppress_nst(true);
        // One try: falling back to higher temperatures costs more than asking the caller again.
        parameters.set_temperature_inc(0.0);
        parameters.set_print_special(false);
        parameters.set_print_progress(false);
        parameters.set_print_realtime(false);
        parameters.set_print_timestamps(false);
        known.insert(language.to_owned(), parameters.clone());
        Ok(parameters)
    }

    /// A state at rest, or a new one; it goes back when it is dropped.
    fn lease(&self) -> Result<Leased<'_>, SttError> {
        let state = match lock(&self.states).pop() {
            Some(state) => state,
            None => self.context.create_state().map_err(|error| self.error(error))?,
        };
        Ok(Leased { state: Some(state), home: &self.states })
    }

    /// One run over `audio` (16 kHz) with `slack` positions to spare, or the whole window.
    fn decode(
        &self,
        state: &mut WhisperState,
        audio: &[f32],
        options: &SttOptions,
        cancel: &CancelFlag,
        slack: Option<u32>,
    ) -> Result<Decoded, SttError> {
        let seconds = audio.len() as f32 / WHISPER_HZ as f32;
        let cap = token_cap(seconds);
        let mut parameters = self.parameters(&options.language)?;
        parameters.set_audio_ctx(audio_context(seconds, slack));
        parameters.set_max_tokens(cap);
        let prompt = self.prompt_tokens(&prompt(options))?;
        if !prompt.is_empty() {
            parameters.set_tokens(&prompt);
        }
        let abort = Abort { cancel, deadline: options.deadline };
        // SAFETY: the callback gets this pointer only during `full`, which `abort` outlives.
        unsafe {
            parameters.set_abort_callback(Some(should_abort));
            parameters.set_abort_callback_user_data((&raw const abort).cast_mut().cast());
        }
        let outcome = state.full(parameters, audio);
        let decoded = outcome.map(|()| self.read(state, cap));
        abort.verdict()?;
        decoded.map_err(|error| self.error(error))
    }

    fn prompt_tokens(&self, prompt: &str) -> Result<Vec<c_int>, SttError> {
        if prompt.is_empty() {
            return Ok(Vec::new());
        }
        // whisper.cpp fails when the text needs more tokens than it may give.
        let clean = prompt.replace('\0', " ");
        let mut tokens = self.context.tokenize(clean.trim(), clean.len() + 8).map_err(|error| self.error(error))?;
        let surplus = tokens.len().saturating_sub(PROMPT_TOKENS);
        tokens.drain(..surplus);
        Ok(tokens)
    }

    fn read(&self, state: &WhisperState, cap: c_int) -> Decoded {
        let end_of_text = self.context.token_eot();
        let mut text = String::new();
        let (mut log_probability, mut words, mut tokens) = (0.0_f32, 0_u32, 0);
        let mut no_speech = 1.0_f32;
        for segment in state.as_iter() {
            no_speech = no_speech.min(segment.no_speech_probability());
            text.push_str(&segment.to_str_lossy().unwrap_or_default());
            tokens += segment.n_tokens();
            for token in (0..segment.n_tokens()).filter_map(|index| segment.get_token(index)) {
                if token.token_id() < end_of_text {
                    log_probability += token.token_probability().max(1e-6).ln();
                    words += 1;
                }
            }
        }
        let confidence = if words == 0 { 0.0 } else { (log_probability / words as f32).exp() };
        Decoded { text, confidence, no_speech, hit_cap: tokens >= cap }
    }
}

impl SpeechToText for Whisper {
    fn name(&self) -> &str {
        &self.name
    }

    fn transcribe(&self, audio: &[i16], options: &SttOptions, cancel: &CancelFlag) -> Result<Transcript, SttError> {
        let began = thread_cpu_ms();
        let rate_hz = options.rate_hz;
        let audio_ms = audio.len() as u64 * 1000 / u64::from(rate_hz);
        let margin = (rate_hz * MARGIN_MS / 1000) as usize;
        let nothing = |cpu_ms| Transcript { no_speech: 1.0, cpu_ms, audio_ms, ..Transcript::default() };
        let Some(bounds) = sound_bounds(audio, SILENT_DBFS, margin) else { return Ok(nothing(0)) };
        Abort { cancel, deadline: options.deadline }.verdict()?;
        let sound = resample_f32(&to_float(&audio[bounds]), rate_hz, WHISPER_HZ).map_err(|error| self.error(error))?;
        let mut samples = vec![0.0; (self.tuning.lead_ms * WHISPER_HZ / 1000) as usize];
        samples.extend(sound);
        let seconds = samples.len() as f32 / WHISPER_HZ as f32;
        samples.resize(samples.len().max(SHORTEST), 0.0);

        let mut state = self.lease()?;
        let mut decoded = self.decode(&mut state, &samples, options, cancel, self.tuning.slack)?;
        // Cut rather than decoded again: the first round is what was said, and a second decode costs a second.
        if let Some(whole) = cut_echo(&decoded.text, decoded.hit_cap) {
            decoded = Decoded { text: whole.to_owned(), hit_cap: false, ..decoded };
        }
        let suspect = |decoded: &Decoded| {
            let text = spoken_text(&decoded.text);
            decoded.hit_cap || is_looping(&text) || is_doubled(&text) || is_too_fast(&text, seconds)
        };
        let guard_fired = suspect(&decoded);
        if guard_fired {
            // Without the prompt: often it is what the decoder ran in circles on.
            decoded = self.decode(&mut state, &samples, &plain(options), cancel, self.tuning.retry_slack)?;
            if suspect(&decoded) {
                decoded.confidence *= 0.3;
            }
        } else if !decoded.text.trim().is_empty()
            && decoded.confidence < self.tuning.unsure
            && options.judge.is_none_or(|judge| judge(&spoken_text(&decoded.text)) == Fit::Other)
        {
            match self.decode(&mut state, &samples, options, cancel, self.tuning.retry_slack) {
                Ok(second) if second.confidence > decoded.confidence && !suspect(&second) => decoded = second,
                // What was heard at first is worth more than nothing in time.
                Ok(_) | Err(SttError::DeadlinePassed) => {}
                Err(error) => return Err(error),
            }
        }
        let text = spoken_text(&cut_loop(&decoded.text));
        let mut alternatives = self.alternatives(&mut state, &text, options, cancel)?;
        if alternatives.is_empty() && !guard_fired {
            alternatives.extend(self.unstyled(&mut state, &samples, &text, options, cancel)?);
        }
        let cpu_ms = thread_cpu_ms() - began;
        if text.is_empty() || is_imagined(&text, &decoded) {
            return Ok(Transcript { guard_fired, no_speech: decoded.no_speech.max(0.5), ..nothing(cpu_ms) });
        }
        let Decoded { confidence, no_speech, .. } = decoded;
        Ok(Transcript { text, alternatives, confidence, no_speech, guard_fired, cpu_ms, audio_ms })
    }
}

/// A state on loan from the pool.
struct Leased<'a> {
    state: Option<WhisperState>,
    home: &'a Mutex<Vec<WhisperState>>,
}

impl Deref for Leased<'_> {
    type Target = WhisperState;

    fn deref(&self) -> &WhisperState {
        self.state.as_ref().expect("invariant: only drop takes the state")
    }
}

impl DerefMut for Leased<'_> {
    fn deref_mut(&mut self) -> &mut WhisperState {
        self.state.as_mut().expect("invariant: only drop takes the state")
    }
}

impl Drop for Leased<'_> {
    fn drop(&mut self) {
        lock(self.home).extend(self.state.take());
    }
}

/// Whisper would rather write something than nothing: under noise it writes sentences that it does not believe.
fn is_imagined(text: &str, decoded: &Decoded) -> bool {
    const BELIEVED: f32 = 0.25;
    is_subtitle_phrase(text) || decoded.confidence < BELIEVED || decoded.no_speech > 0.6 && decoded.confidence < 0.5
}

/// What the decoder is told to have heard before: it goes on in the same style.
///
/// Whisper likes to write dictated digits as one number, and loses count of repeated ones; after digits set apart by
/// commas it keeps them apart (measured in `benches/speech.rs`).
fn prompt(options: &SttOptions) -> String {
    let given = options.prompt.as_deref().unwrap_or_default();
    let style = Grammar::of(options.expect).map_or("", |grammar| grammar.style);
    format!("{given} {style}").trim().to_owned()
}

/// The same without anything that leads the decoder.
fn plain(options: &SttOptions) -> SttOptions {
    SttOptions { prompt: None, expect: Expect::General, ..options.clone() }
}

fn audio_context(seconds: f32, slack: Option<u32>) -> c_int {
    let positions = slack.map_or(FULL_WINDOW, |slack| {
        let needed = (50.0 * seconds).ceil() as u32 + slack;
        needed.next_multiple_of(64).min(FULL_WINDOW)
    });
    c_int::try_from(positions).expect("invariant: at most 1500")
}

/// Tokens that speech of this length can need: nobody says more than six a second for long.
fn token_cap(seconds: f32) -> c_int {
    (6.0 * seconds.min(30.0)).ceil() as c_int + 10
}

/// When a run must end: whisper.cpp asks after encoding and after every token.
struct Abort<'a> {
    cancel: &'a CancelFlag,
    deadline: Option<Instant>,
}

impl Abort<'_> {
    fn verdict(&self) -> Result<(), SttError> {
        if self.cancel.is_cancelled() {
            return Err(SttError::Cancelled);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(SttError::DeadlinePassed),
            _ => Ok(()),
        }
    }
}

unsafe extern "C" fn should_abort(user_data: *mut c_void) -> bool {
    // SAFETY: `decode` passes a pointer to an `Abort` that lives on its stack while whisper.cpp runs.
    let abort = unsafe { &*user_data.cast_const().cast::<Abort<'_>>() };
    abort.verdict().is_err()
}

/// States and parameters are replaced whole, so a poisoned lock still guards good ones.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Processor time of the calling thread; a decode runs on it alone.
fn thread_cpu_ms() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: one valid timespec to write to; this clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec.unsigned_abs() * 1000 + time.tv_nsec.unsigned_abs() / 1_000_000
}

#[cfg(test)]
mod tests;
