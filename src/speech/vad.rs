//! Voice activity: Silero's network behind an energy gate, so that a quiet line costs nearly nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::audio::rms_dbfs;

/// Below this level (root mean square over 32 ms) the line is quiet and the network is not asked.
///
/// An idle A-law line lies at -70 dBFS and comfort noise at -60; soft speech over a telephone is 10 dB above this.
pub const QUIET_DBFS: f32 = -55.0;

/// Quiet chunks after speech that the network still sees (about half a second), so that it hears words end.
#[cfg(feature = "piper")]
const HANGOVER_CHUNKS: u32 = 16;
/// Above this probability the hangover starts anew.
#[cfg(feature = "piper")]
const VOICED: f32 = 0.3;
/// Samples that the network takes at once at 8 kHz: 32 ms.
const CHUNK: usize = 256;
/// Samples of the previous chunk that it wants in front.
#[cfg(feature = "piper")]
const CONTEXT: usize = 32;

/// What is known about the line after a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vad {
    /// Probability of speech, 0 to 1, over the last whole 32 ms.
    pub probability: f32,
    /// Level of the frame just given, in dB below full scale.
    pub rms_dbfs: f32,
}

/// The model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum VadError {
    /// The file is missing or is not this model.
    #[error("cannot load the voice activity model {}: {reason}. Run `vca models pull` (or `make run`)", path.display())]
    Load { path: PathBuf, reason: String },
}

/// The network, shared by all calls.
pub struct SileroModel {
    #[cfg(feature = "piper")]
    inner: network::Network,
}

impl std::fmt::Debug for SileroModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SileroModel")
    }
}

impl SileroModel {
    /// Loads `silero_vad.onnx`, version 5 or 6.
    #[cfg(feature = "piper")]
    pub fn load(path: &Path) -> Result<Arc<Self>, VadError> {
        let inner = network::Network::load(path)
            .map_err(|error| VadError::Load { path: path.to_owned(), reason: error.to_string() })?;
        Ok(Arc::new(Self { inner }))
    }

    /// Fails: this program was built without ONNX models.
    #[cfg(not(feature = "piper"))]
    pub fn load(path: &Path) -> Result<Arc<Self>, VadError> {
        let reason = "this program was built without the feature `piper`".to_owned();
        Err(VadError::Load { path: path.to_owned(), reason })
    }
}

/// The detector of one call.
#[derive(Debug)]
pub struct SileroVad {
    model: Option<Arc<SileroModel>>,
    pending: Vec<i16>,
    probability: f32,
    #[cfg(feature = "piper")]
    memory: network::Memory,
    #[cfg(feature = "piper")]
    hangover: u32,
    inferences: u64,
}

impl SileroVad {
    /// A detector with a fresh memory.
    pub fn new(model: Arc<SileroModel>) -> Self {
        Self::with_model(Some(model))
    }

    /// A detector that goes by level alone: 0 at -50 dBFS, 1 at -35.
    pub fn energy_only() -> Self {
        Self::with_model(None)
    }

    fn with_model(model: Option<Arc<SileroModel>>) -> Self {
        Self {
            model,
            pending: Vec::with_capacity(2 * CHUNK),
            probability: 0.0,
            #[cfg(feature = "piper")]
            memory: network::Memory::default(),
            #[cfg(feature = "piper")]
            hangover: 0,
            inferences: 0,
        }
    }

    /// Takes 20 ms of 8 kHz audio; the probability stays as it was until 32 ms are together.
    pub fn push(&mut self, frame: &[i16; 160]) -> Vad {
        self.pending.extend_from_slice(frame);
        if self.pending.len() >= CHUNK {
            let chunk: [i16; CHUNK] = self.pending[..CHUNK].try_into().expect("invariant: a whole chunk");
            self.pending.drain(..CHUNK);
            self.probability = self.chunk(&chunk);
        }
        Vad { probability: self.probability, rms_dbfs: rms_dbfs(frame) }
    }

    /// How often the network was asked; for measuring the gate.
    pub fn inferences(&self) -> u64 {
        self.inferences
    }

    fn chunk(&mut self, chunk: &[i16; CHUNK]) -> f32 {
        let level = rms_dbfs(chunk);
        #[cfg(feature = "piper")]
        if let Some(model) = self.model.clone() {
            return self.ask(&model, chunk, level);
        }
        by_level(level)
    }

    #[cfg(feature = "piper")]
    fn ask(&mut self, model: &SileroModel, chunk: &[i16; CHUNK], level: f32) -> f32 {
        if level < QUIET_DBFS {
            if self.hangover == 0 {
                // Long silence drags the network's memory to where it underrates the speech that follows.
                self.memory = network::Memory::default();
                self.memory.remember(chunk);
                return 0.0;
            }
            self.hangover -= 1;
        }
        self.inferences += 1;
        match model.inner.run(chunk, &mut self.memory) {
            Ok(probability) => {
                if probability > VOICED {
                    self.hangover = HANGOVER_CHUNKS;
                }
                probability
            }
            Err(error) => {
                tracing::warn!(%error, "voice activity network failed; going by level");
                by_level(level)
            }
        }
    }
}

fn by_level(level_dbfs: f32) -> f32 {
    ((level_dbfs + 50.0) / 15.0).clamp(0.0, 1.0)
}

#[cfg(feature = "piper")]
mod network {
    use std::path::Path;

    use rten::{Model, NodeId, Value};
    use rten_tensor::prelude::*;
    use rten_tensor::{NdTensor, NdTensorView};

    use super::{CHUNK, CONTEXT};
    use crate::speech::audio::to_float;
    use crate::speech::onnx::one_thread;

    type BoxError = Box<dyn std::error::Error + Send + Sync>;

    const STATE: [usize; 3] = [2, 1, 128];

    pub struct Network {
        model: Model,
        inputs: [NodeId; 3],
        outputs: [NodeId; 2],
    }

    /// What the network carries from chunk to chunk: its recurrent state and the end of the last chunk.
    #[derive(Debug)]
    pub struct Memory {
        state: Vec<f32>,
        context: [f32; CONTEXT],
    }

    impl Default for Memory {
        fn default() -> Self {
            Self { state: vec![0.0; STATE.iter().product()], context: [0.0; CONTEXT] }
        }
    }

    impl Memory {
        pub fn remember(&mut self, chunk: &[i16; CHUNK]) {
            self.context.copy_from_slice(&to_float(&chunk[CHUNK - CONTEXT..]));
        }
    }

    impl Network {
        pub fn load(path: &Path) -> Result<Self, BoxError> {
            let model = Model::load_file(path)?;
            let inputs = [model.node_id("input")?, model.node_id("state")?, model.node_id("sr")?];
            let outputs = [model.node_id("output")?, model.node_id("stateN")?];
            Ok(Self { model, inputs, outputs })
        }

        pub fn run(&self, chunk: &[i16; CHUNK], memory: &mut Memory) -> Result<f32, BoxError> {
            let mut samples = memory.context.to_vec();
            samples.extend(to_float(chunk));
            let samples = NdTensor::from_data([1, CONTEXT + CHUNK], samples);
            let state = NdTensorView::from_data(STATE, memory.state.as_slice());
            let rate = Value::from(8000_i32);
            let [input, state_input, rate_input] = self.inputs;
            let values =
                vec![(input, samples.view().into()), (state_input, state.into()), (rate_input, (&rate).into())];
            let [probability, state] = self.model.run_n(values, self.outputs, Some(one_thread()))?;
            let probability: NdTensor<f32, 2> = probability.try_into()?;
            let state: NdTensor<f32, 3> = state.try_into()?;
            memory.state = state.to_vec();
            memory.remember(chunk);
            probability.iter().next().copied().ok_or_else(|| "the network gave no probability".into())
        }
    }
}

#[cfg(test)]
mod tests;
