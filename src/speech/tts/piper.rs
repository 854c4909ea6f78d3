//! Piper voices (VITS) through rten.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rten::{Model, NodeId, Value};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;
use serde::Deserialize;

use super::espeak::Espeak;
use super::shape::{finish, pause};
use super::text::{Clause, sentences};
use crate::speech::engine::{CancelFlag, TextToSpeech, TtsError};
use crate::speech::onnx::one_thread;

/// A voice, ready to speak on many threads at once.
pub struct Piper {
    model: Model,
    inputs: [NodeId; 3],
    output: NodeId,
    ids: HashMap<char, i32>,
    scales: [f32; 3],
    rate_hz: u32,
    voice: String,
    espeak: Espeak,
}

impl std::fmt::Debug for Piper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Piper").field("voice", &self.voice).field("rate_hz", &self.rate_hz).finish_non_exhaustive()
    }
}

/// A voice could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// The network or its settings are missing or broken.
    #[error("cannot load the voice {}: {reason}. Run `vca models pull` (or `make run`), or name another voice", path.display())]
    Load { path: PathBuf, reason: String },
    /// espeak-ng could not be started.
    #[error(transparent)]
    Phonemes(#[from] TtsError),
}

#[derive(Deserialize)]
struct VoiceFile {
    audio: AudioSettings,
    espeak: EspeakSettings,
    inference: InferenceSettings,
    num_speakers: u32,
    phoneme_id_map: HashMap<String, Vec<i32>>,
}

#[derive(Deserialize)]
struct AudioSettings {
    sample_rate: u32,
}

#[derive(Deserialize)]
struct EspeakSettings {
    voice: String,
}

#[derive(Deserialize)]
struct InferenceSettings {
    noise_scale: f32,
    length_scale: f32,
    noise_w: f32,
}

const BEGIN: char = '^';
const END: char = '$';
const PAD: char = '_';

impl Piper {
    /// Loads a voice: the `.onnx` file, with its settings in `.onnx.json` beside it.
    pub fn load(path: &Path) -> Result<Self, VoiceError> {
        let load = |path: &Path, reason: String| VoiceError::Load { path: path.to_owned(), reason };
        let settings_path = PathBuf::from(format!("{}.json", path.display()));
        let text = std::fs::read_to_string(&settings_path).map_err(|error| load(&settings_path, error.to_string()))?;
        let file: VoiceFile = serde_json::from_str(&text).map_err(|error| load(&settings_path, error.to_string()))?;
        if file.num_speakers > 1 {
            return Err(load(path, "it has several speakers, which is not supported".to_owned()));
        }
        let ids: HashMap<char, i32> =
            file.phoneme_id_map.iter().filter_map(|(key, ids)| Some((key.chars().next()?, *ids.first()?))).collect();
        if let Some(missing) = [BEGIN, END, PAD].iter().find(|letter| !ids.contains_key(letter)) {
            return Err(load(&settings_path, format!("its phoneme_id_map has no `{missing}`")));
        }
        let model = Model::load_file(path).map_err(|error| load(path, error.to_string()))?;
        let node = |name| model.node_id(name).map_err(|error| load(path, error.to_string()));
        let inputs = [node("input")?, node("input_lengths")?, node("scales")?];
        let output = node("output")?;
        let InferenceSettings { noise_scale, length_scale, noise_w } = file.inference;
        let voice = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Ok(Self {
            model,
            inputs,
            output,
            ids,
            scales: [noise_scale, length_scale, noise_w],
            rate_hz: file.audio.sample_rate,
            voice,
            espeak: Espeak::start(&file.espeak.voice)?,
        })
    }

    /// How much two renditions of one text differ: 1 as the voice's maker meant it, 0 not at all.
    pub fn with_variation(mut self, variation: f32) -> Self {
        self.scales[0] *= variation;
        self.scales[2] *= variation;
        self
    }

    /// How fast the voice speaks: 1 as its maker meant it, 1.3 like somebody in a hurry.
    pub fn with_speed(mut self, speed: f32) -> Self {
        self.scales[1] /= speed;
        self
    }

    /// The network's input: every phoneme followed by a pad; what the voice does not know is left out.
    fn phoneme_ids(&self, clauses: &[Clause], phonemes: &[String]) -> Vec<i32> {
        let mut spoken = String::new();
        for (clause, phonemes) in clauses.iter().zip(phonemes) {
            if !spoken.is_empty() {
                spoken.push(' ');
            }
            spoken.push_str(phonemes);
            spoken.push(clause.mark);
        }
        let pad = self.ids[&PAD];
        let middle = spoken.chars().filter_map(|letter| self.ids.get(&letter)).flat_map(|&id| [id, pad]);
        [self.ids[&BEGIN], pad].into_iter().chain(middle).chain([self.ids[&END]]).collect()
    }

    fn infer(&self, ids: Vec<i32>) -> Result<Vec<f32>, Box<dyn std::error::Error + Send + Sync>> {
        let length = i32::try_from(ids.len())?;
        let values: [Value; 3] = [
            NdTensor::from_data([1, ids.len()], ids).into(),
            NdTensor::from_data([1], vec![length]).into(),
            NdTensor::from_data([3], self.scales.to_vec()).into(),
        ];
        let inputs = self.inputs.iter().copied().zip(values.iter().map(Into::into)).collect();
        let [audio] = self.model.run_n(inputs, [self.output], Some(one_thread()))?;
        let audio: rten_tensor::Tensor<f32> = audio.try_into()?;
        Ok(audio.to_vec())
    }
}

impl TextToSpeech for Piper {
    fn name(&self) -> &str {
        "piper"
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
        let clauses: Vec<Clause> = sentences.iter().flatten().cloned().collect();
        if clauses.is_empty() {
            return Ok(());
        }
        let phonemes = self.espeak.phonemes(&clauses, cancel)?;
        let mut done = 0;
        for sentence in &sentences {
            if cancel.is_cancelled() {
                return Err(TtsError::Cancelled);
            }
            let ids = self.phoneme_ids(sentence, &phonemes[done..done + sentence.len()]);
            done += sentence.len();
            let mut pcm = self
                .infer(ids)
                .and_then(|audio| Ok(finish(&audio, self.rate_hz, rate_hz)?))
                .map_err(|error| TtsError::Engine { engine: "piper".to_owned(), reason: error.to_string() })?;
            if done < clauses.len() {
                pause(&mut pcm, sentence, rate_hz);
            }
            if sink(&pcm).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
