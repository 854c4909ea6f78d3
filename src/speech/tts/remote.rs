//! Voices in the network: OpenAI's speech endpoint and Coqui's server. One request a sentence, so that the first is
//! there before the second is made, and none is longer than a caller would wait for.

use std::io::Cursor;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::RequestBuilder;

use super::shape::{finish, pause};
use super::text::{sentences, written};
use crate::domain::Secret;
use crate::speech::engine::{CancelFlag, TextToSpeech, TtsError};
use crate::speech::engines::{EngineKind, EngineSpec};
use crate::speech::http::{self, HttpFailure};
use crate::speech::remote::{Interrupted, Network, expect_type, with_key};

/// OpenAI's PCM: 24 kHz, 16 bits, little-endian, mono.
const OPENAI_HZ: u32 = 24_000;
/// A minute at 48 kHz: no sentence is longer.
const ANSWER_BYTES: usize = 6 << 20;

/// A voice in the network.
#[derive(Debug)]
pub struct RemoteVoice {
    network: Arc<Network>,
    name: String,
    wire: Wire,
    voice: String,
    key: Option<Secret>,
    timeout: Duration,
}

#[derive(Debug)]
enum Wire {
    /// `POST {url}/audio/speech` with JSON, answered by bare PCM.
    OpenAi { url: String, model: String },
    /// `GET {url}/api/tts?text=…&speaker_id=…&language_id=…`, answered by a WAV file.
    Coqui { url: String, language: Option<String> },
}

impl RemoteVoice {
    /// The engine that `spec` declares under `name`; connects when it is first asked. `None` for a kind that is no voice
    /// in the network.
    pub fn new(network: Arc<Network>, name: &str, spec: &EngineSpec) -> Option<Self> {
        let base = spec.base_url();
        let (wire, voice) = match spec.kind {
            EngineKind::OpenaiTts => {
                let model = spec.model.clone().unwrap_or_else(|| "gpt-4o-mini-tts".to_owned());
                (Wire::OpenAi { url: format!("{base}/audio/speech"), model }, "alloy")
            }
            EngineKind::CoquiTts => {
                (Wire::Coqui { url: format!("{base}/api/tts"), language: spec.language.clone() }, "")
            }
            _ => return None,
        };
        let voice = spec.voice.clone().unwrap_or_else(|| voice.to_owned());
        Some(Self { network, name: name.to_owned(), wire, voice, key: spec.api_key.clone(), timeout: spec.timeout() })
    }

    fn request(&self, text: &str) -> RequestBuilder {
        match &self.wire {
            Wire::OpenAi { url, model } => self.network.client().post(url).json(&serde_json::json!({
                "model": model, "voice": self.voice, "input": text, "response_format": "pcm",
            })),
            Wire::Coqui { url, language } => {
                let mut query = vec![("text", text)];
                if !self.voice.is_empty() {
                    query.push(("speaker_id", &self.voice));
                }
                query.extend(language.as_deref().map(|language| ("language_id", language)));
                let address = reqwest::Url::parse_with_params(url, query);
                // A wrong address is refused with the configuration; what is left is told by reqwest.
                address.map_or_else(|_| self.network.client().get(url), |address| self.network.client().get(address))
            }
        }
    }

    /// Samples in -1..1 and their rate, in Hz.
    async fn fetch(&self, text: &str) -> Result<(Vec<f32>, u32), HttpFailure> {
        let response = with_key(self.request(text), self.key.as_ref()).send().await.map_err(http::failure)?;
        let response = http::success(response).await?;
        expect_type(&response, &["audio/", "application/octet-stream"])?;
        let body = http::body(response, ANSWER_BYTES).await?;
        match self.wire {
            Wire::OpenAi { .. } => Ok((pcm(&body)?, OPENAI_HZ)),
            Wire::Coqui { .. } => wav(body),
        }
    }

    fn error(&self, failure: HttpFailure) -> TtsError {
        TtsError::Remote { engine: self.name.clone(), failure }
    }

    fn sentence(&self, text: &str, rate_hz: u32, cancel: &CancelFlag) -> Result<Vec<i16>, TtsError> {
        let waited = self.network.wait(Instant::now() + self.timeout, cancel, self.fetch(text));
        let (audio, from_hz) = waited.map_err(|why| match why {
            Interrupted::Cancelled => TtsError::Cancelled,
            Interrupted::Failed(failure) => self.error(failure),
        })?;
        let pcm = finish(&audio, from_hz, rate_hz).map_err(|error| self.error(bad(error.to_string())))?;
        if pcm.is_empty() { Err(self.error(bad("there is no sound in it"))) } else { Ok(pcm) }
    }
}

impl TextToSpeech for RemoteVoice {
    fn name(&self) -> &str {
        &self.name
    }

    fn voice(&self) -> &str {
        &self.voice
    }

    fn synthesize_at(
        &self,
        text: &str,
        rate_hz: u32,
        sink: &mut dyn FnMut(&[i16]) -> ControlFlow<()>,
        cancel: &CancelFlag,
    ) -> Result<(), TtsError> {
        let sentences = sentences(text);
        for (at, sentence) in sentences.iter().enumerate() {
            if cancel.is_cancelled() {
                return Err(TtsError::Cancelled);
            }
            let mut pcm = self.sentence(&written(sentence), rate_hz, cancel)?;
            if at + 1 < sentences.len() {
                pause(&mut pcm, sentence, rate_hz);
            }
            if sink(&pcm).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn bad(what: impl Into<String>) -> HttpFailure {
    HttpFailure::BadAnswer(what.into())
}

fn pcm(body: &[u8]) -> Result<Vec<f32>, HttpFailure> {
    let (samples, rest) = body.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(bad("it ends in the middle of a sample"));
    }
    if body.starts_with(b"RIFF") || body.starts_with(b"ID3") {
        return Err(bad("it is a file, and bare samples were asked for"));
    }
    Ok(samples.iter().map(|bytes| f32::from(i16::from_le_bytes(*bytes)) / 32_768.0).collect())
}

/// The first channel of a WAV file.
fn wav(body: Vec<u8>) -> Result<(Vec<f32>, u32), HttpFailure> {
    let mut reader = hound::WavReader::new(Cursor::new(body)).map_err(|_| bad("it is no WAV file"))?;
    let hound::WavSpec { channels, sample_rate, bits_per_sample, sample_format } = reader.spec();
    if !(8_000..=48_000).contains(&sample_rate) || channels == 0 {
        return Err(bad(format!("its audio has {channels} channels at {sample_rate} Hz")));
    }
    let samples: Result<Vec<f32>, hound::Error> = match (sample_format, bits_per_sample) {
        (hound::SampleFormat::Int, 16) => {
            reader.samples::<i16>().map(|sample| sample.map(|sample| f32::from(sample) / 32_768.0)).collect()
        }
        (hound::SampleFormat::Float, 32) => reader.samples::<f32>().collect(),
        _ => return Err(bad(format!("its samples have {bits_per_sample} bits"))),
    };
    let samples = samples.map_err(|_| bad("the WAV file is cut off"))?;
    let sane = |sample: f32| if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
    Ok((samples.into_iter().step_by(channels.into()).map(sane).collect(), sample_rate))
}
