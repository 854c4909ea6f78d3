//! One-shot sample rate conversion, for the engines' doors: 22.05 kHz speech to 8 kHz, 8 kHz audio to 16 kHz.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

/// Why audio could not be resampled.
#[derive(Debug, thiserror::Error)]
pub enum ResampleError {
    #[error("no resampling from {from_hz} Hz to {to_hz} Hz")]
    Rates { from_hz: u32, to_hz: u32, source: rubato::ResamplerConstructionError },
    #[error("resampling failed")]
    Process(#[from] rubato::ResampleError),
    #[error("the audio does not fit the resampler's buffers")]
    Buffer,
}

/// Resamples mono audio as a whole; the result is `len × to_hz / from_hz` samples, rounded up.
pub fn resample_f32(samples: &[f32], from_hz: u32, to_hz: u32) -> Result<Vec<f32>, ResampleError> {
    if from_hz == to_hz || samples.is_empty() {
        return Ok(samples.to_vec());
    }
    let mut resampler = Fft::<f32>::new(from_hz as usize, to_hz as usize, 1024, 1, FixedSync::Both)
        .map_err(|source| ResampleError::Rates { from_hz, to_hz, source })?;
    let input = InterleavedSlice::new(samples, 1, samples.len()).map_err(|_| ResampleError::Buffer)?;
    Ok(resampler.process_all(&input, samples.len(), None)?.take_data())
}

/// Resamples 16-bit mono audio as a whole; peaks that the filter raises above full scale are clipped.
pub fn resample_i16(samples: &[i16], from_hz: u32, to_hz: u32) -> Result<Vec<i16>, ResampleError> {
    if from_hz == to_hz {
        return Ok(samples.to_vec());
    }
    let input: Vec<f32> = samples.iter().map(|s| f32::from(*s) / 32_768.0).collect();
    let output = resample_f32(&input, from_hz, to_hz)?;
    // `as` saturates.
    Ok(output.iter().map(|s| (s * 32_768.0).round() as i16).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::tone;

    fn sine_at(rate_hz: f32, frequency_hz: f32, samples: usize) -> Vec<i16> {
        let step = std::f32::consts::TAU * frequency_hz / rate_hz;
        (0..samples).map(|n| ((step * n as f32).sin() * 12_000.0) as i16).collect()
    }

    #[test]
    fn speech_rate_to_telephone_rate_keeps_a_tone_and_its_place() {
        let out = resample_i16(&sine_at(22_050.0, 700.0, 22_050), 22_050, 8_000).unwrap();
        assert_eq!(out.len(), 8_000);
        let expected = tone::sine(700.0, 12_000.0, 8_000);
        for n in 400..7_600 {
            // A quarter of a sample at the steepest slope.
            assert!((i32::from(out[n]) - i32::from(expected[n])).abs() < 1_500, "{n}: {} {}", out[n], expected[n]);
        }
    }

    #[test]
    fn what_8_khz_cannot_carry_is_filtered_out() {
        let out = resample_i16(&sine_at(22_050.0, 6_000.0, 22_050), 22_050, 8_000).unwrap();
        let rms = (out[400..7_600].iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / 7_200.0).sqrt();
        assert!(rms < 60.0, "an alias of rms {rms}");
    }

    #[test]
    fn telephone_rate_to_engine_rate_doubles() {
        let out = resample_f32(&vec![0.25; 4_000], 8_000, 16_000).unwrap();
        assert_eq!(out.len(), 8_000);
        assert!((out[4_000] - 0.25).abs() < 0.01);
        assert!(resample_i16(&[], 22_050, 8_000).unwrap().is_empty());
        assert_eq!(resample_i16(&[1, 2], 8_000, 8_000).unwrap(), [1, 2]);
    }
}
