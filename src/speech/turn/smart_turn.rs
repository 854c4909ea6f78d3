//! Smart Turn 3: the encoder of Whisper tiny with a classifier on top, over the last 8 s.

use std::path::Path;

use rten::{Model, ModelOptions, NodeId};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

use super::mel::{self, LogMel};
use super::{EndOfTurn, LONGEST_MS, TurnError};
use crate::media::resample::resample_f32;
use crate::speech::audio::to_float;
use crate::speech::engine::WIDE_RATE_HZ;
use crate::speech::onnx::one_thread;

const NAME: &str = "smart-turn";

/// The model, shared by all calls.
pub struct SmartTurn {
    model: Model,
    input: NodeId,
    output: NodeId,
    features: LogMel,
}

impl std::fmt::Debug for SmartTurn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SmartTurn")
    }
}

impl SmartTurn {
    /// Loads `smart-turn-v3.2-cpu.onnx`, or another of version 3.
    pub fn load(path: &Path) -> Result<Self, TurnError> {
        Self::open(path).map_err(|error| TurnError::Load { path: path.to_owned(), reason: error.to_string() })
    }

    fn open(path: &Path) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let model = ModelOptions::with_all_ops().prepack_weights(true).load_file(path)?;
        let (input, output) = (model.node_id("input_features")?, model.node_id("logits")?);
        Ok(Self { model, input, output, features: LogMel::new() })
    }

    fn ask(&self, audio: &[i16], rate_hz: u32) -> Result<f32, Box<dyn std::error::Error + Send + Sync>> {
        let longest = (u64::from(LONGEST_MS) * u64::from(rate_hz) / 1_000) as usize;
        let end = &audio[audio.len().saturating_sub(longest)..];
        let wide = resample_f32(&to_float(end), rate_hz, WIDE_RATE_HZ)?;
        let features = NdTensor::from_data([1, mel::BANDS, mel::FRAMES], self.features.of(&wide));
        let inputs = vec![(self.input, features.view().into())];
        // Called logits, it has passed the sigmoid already.
        let [probability] = self.model.run_n(inputs, [self.output], Some(one_thread()))?;
        let probability: NdTensor<f32, 2> = probability.try_into()?;
        let probability = probability.iter().next().copied().filter(|probability| probability.is_finite());
        probability.ok_or_else(|| "the network gave no probability".into())
    }
}

impl EndOfTurn for SmartTurn {
    fn name(&self) -> &str {
        NAME
    }

    fn probability(&self, audio: &[i16], rate_hz: u32) -> Result<f32, TurnError> {
        self.ask(audio, rate_hz).map_err(|error| TurnError::Model { model: NAME, reason: error.to_string() })
    }
}
