//! Speech to text over HTTP as OpenAI defined it (`POST /audio/transcriptions`): OpenAI, Groq, speaches,
//! faster-whisper-server.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Instant;

use reqwest::multipart::{Form, Part};
use serde::Deserialize;

use super::guard::{cut_loop, is_looping, is_subtitle_phrase, spoken_text};
use crate::domain::Secret;
use crate::speech::audio::sound_bounds;
use crate::speech::engine::{CancelFlag, Expect, SpeechToText, SttError, SttOptions, Transcript};
use crate::speech::engines::EngineSpec;
use crate::speech::http::{self, HttpFailure};
use crate::speech::remote::{Interrupted, Network, expect_type, with_key};

/// Quieter than this is silence, which is not worth a request.
const SILENT_DBFS: f32 = -55.0;
/// Kept around the sound, in milliseconds.
const MARGIN_MS: u32 = 200;
/// OpenAI refuses less than 100 ms; short clips are recognised better with silence after them.
const SHORTEST_MS: u32 = 500;
/// An utterance's answer with its segments has a few kilobytes.
const ANSWER_BYTES: usize = 1 << 20;
/// What a text is believed that comes without probabilities: enough to go on, not enough to skip a read-back.
const UNRATED: f32 = 0.8;

/// A recogniser in the network.
#[derive(Debug)]
pub struct OpenAiStt {
    network: Arc<Network>,
    name: String,
    url: String,
    model: String,
    key: Option<Secret>,
    timeout: std::time::Duration,
}

#[derive(Deserialize)]
struct Answer {
    text: String,
    #[serde(default)]
    segments: Option<Vec<Segment>>,
}

#[derive(Deserialize)]
struct Segment {
    avg_logprob: Option<f32>,
    no_speech_prob: Option<f32>,
}

impl OpenAiStt {
    /// The engine that `spec` declares under `name`; connects when it is first asked.
    pub fn new(network: Arc<Network>, name: &str, spec: &EngineSpec) -> Self {
        Self {
            network,
            name: name.to_owned(),
            url: format!("{}/audio/transcriptions", spec.base_url()),
            model: spec.model.clone().unwrap_or_else(|| "whisper-1".to_owned()),
            key: spec.api_key.clone(),
            timeout: spec.timeout(),
        }
    }

    /// OpenAI's newer models have no segments, and refuse to be asked for them.
    fn is_rated(&self) -> bool {
        !self.model.starts_with("gpt-")
    }

    fn form(&self, wav: Vec<u8>, options: &SttOptions) -> Result<Form, HttpFailure> {
        let part = Part::bytes(wav).file_name("utterance.wav").mime_str("audio/wav").map_err(http::failure)?;
        let format = if self.is_rated() { "verbose_json" } else { "json" };
        let form = Form::new()
            .part("file", part)
            .text("model", self.model.clone())
            .text("language", options.language.clone())
            .text("temperature", "0")
            .text("response_format", format);
        let prompt = prompt(options);
        Ok(if prompt.is_empty() { form } else { form.text("prompt", prompt) })
    }

    async fn ask(&self, wav: Vec<u8>, options: &SttOptions) -> Result<Answer, HttpFailure> {
        let request = self.network.client().post(&self.url).multipart(self.form(wav, options)?);
        let response = with_key(request, self.key.as_ref()).send().await.map_err(http::failure)?;
        let response = http::success(response).await?;
        expect_type(&response, &["application/json"])?;
        let body = http::body(response, ANSWER_BYTES).await?;
        // serde's message would repeat what the caller said.
        serde_json::from_slice(&body).map_err(|_| HttpFailure::BadAnswer("it is no transcription in JSON".to_owned()))
    }

    fn error(&self, failure: HttpFailure) -> SttError {
        SttError::Remote { engine: self.name.clone(), failure }
    }
}

impl SpeechToText for OpenAiStt {
    fn name(&self) -> &str {
        &self.name
    }

    fn transcribe(&self, audio: &[i16], options: &SttOptions, cancel: &CancelFlag) -> Result<Transcript, SttError> {
        let audio_ms = audio.len() as u64 * 1_000 / u64::from(options.rate_hz);
        let nothing = Transcript { no_speech: 1.0, audio_ms, ..Transcript::default() };
        let margin = (options.rate_hz * MARGIN_MS / 1_000) as usize;
        let Some(bounds) = sound_bounds(audio, SILENT_DBFS, margin) else { return Ok(nothing) };
        if cancel.is_cancelled() {
            return Err(SttError::Cancelled);
        }
        let began = Instant::now();
        let until = options.deadline.map_or(began + self.timeout, |deadline| deadline.min(began + self.timeout));
        if until <= began {
            return Err(SttError::DeadlinePassed);
        }
        let wav = wav(&audio[bounds], options.rate_hz).map_err(|failure| self.error(failure))?;
        let answer = self.network.wait(until, cancel, self.ask(wav, options)).map_err(|why| match why {
            Interrupted::Cancelled => SttError::Cancelled,
            Interrupted::Failed(HttpFailure::TimedOut) if options.deadline.is_some_and(|at| at <= Instant::now()) => {
                SttError::DeadlinePassed
            }
            Interrupted::Failed(failure) => self.error(failure),
        })?;
        let heard = spoken_text(&answer.text);
        let guard_fired = is_looping(&heard);
        let text = spoken_text(&cut_loop(&heard));
        let (confidence, no_speech) = rating(answer.segments.as_deref().unwrap_or_default());
        if text.is_empty() || is_subtitle_phrase(&text) || no_speech > 0.6 && confidence < 0.5 {
            return Ok(Transcript { guard_fired, no_speech: no_speech.max(0.5), ..nothing });
        }
        let confidence = if guard_fired { confidence * 0.3 } else { confidence };
        Ok(Transcript { text, confidence, no_speech, guard_fired, alternatives: Vec::new(), cpu_ms: 0, audio_ms })
    }
}

/// Mean probability of the words and least probability of silence, both 0 to 1.
fn rating(segments: &[Segment]) -> (f32, f32) {
    let logs: Vec<f32> = segments.iter().filter_map(|segment| segment.avg_logprob).filter(|p| p.is_finite()).collect();
    let confidence =
        if logs.is_empty() { UNRATED } else { (logs.iter().sum::<f32>() / logs.len() as f32).exp().clamp(0.0, 1.0) };
    let silences = segments.iter().filter_map(|segment| segment.no_speech_prob).filter(|p| p.is_finite());
    (confidence, silences.reduce(f32::min).unwrap_or(0.0).clamp(0.0, 1.0))
}

/// Text that could have come before: names, and for numbers digits set apart, which keeps the answer's apart too.
fn prompt(options: &SttOptions) -> String {
    let given = options.prompt.as_deref().unwrap_or_default();
    match options.expect {
        Expect::Digits => format!("{given} 9, 8, 4, 5, 0, 1.").trim_start().to_owned(),
        _ => given.to_owned(),
    }
}

fn wav(samples: &[i16], rate_hz: u32) -> Result<Vec<u8>, HttpFailure> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::with_capacity(44 + 2 * samples.len()));
    let write = |bytes: &mut Cursor<Vec<u8>>| -> Result<(), hound::Error> {
        let mut writer = hound::WavWriter::new(bytes, spec)?;
        let shortest = (rate_hz * SHORTEST_MS / 1_000) as usize;
        let padding = shortest.saturating_sub(samples.len());
        for &sample in samples.iter().chain(std::iter::repeat_n(&0, padding)) {
            writer.write_sample(sample)?;
        }
        writer.finalize()
    };
    write(&mut bytes).map_err(|error| HttpFailure::Connection(format!("the audio cannot be packed ({error})")))?;
    Ok(bytes.into_inner())
}
