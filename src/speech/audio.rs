//! What engines need done to samples: levels measured and set, silence cut off.

use std::ops::Range;

use super::engine::RATE_HZ;

/// Level reported for digital silence, in dB below full scale.
pub const SILENCE_DBFS: f32 = -100.0;

/// 16-bit samples as floats in -1..1.
pub fn to_float(samples: &[i16]) -> Vec<f32> {
    samples.iter().map(|&sample| f32::from(sample) / 32768.0).collect()
}

/// Floats in -1..1 as 16-bit samples; what is louder is clipped.
pub fn to_pcm(samples: &[f32]) -> Vec<i16> {
    samples.iter().map(|&sample| (sample * 32767.0).round().clamp(-32768.0, 32767.0) as i16).collect()
}

/// Root mean square of `samples` in dB below full scale; [`SILENCE_DBFS`] when there is nothing.
pub fn rms_dbfs(samples: &[i16]) -> f32 {
    let energy: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    if energy == 0.0 {
        return SILENCE_DBFS;
    }
    let mean = energy / samples.len() as f64 / (32768.0 * 32768.0);
    (10.0 * mean.log10()) as f32
}

/// 10 ms at 8 kHz, 5 ms at 16.
const FRAME: usize = RATE_HZ as usize / 100;

/// Where the sound is in `samples` (8 or 16 kHz), with `margin` samples kept on both sides; `None` when all of it is silent.
///
/// Silent is what lies below `floor_dbfs`, or more than 35 dB below the loudest of them.
pub fn sound_bounds(samples: &[i16], floor_dbfs: f32, margin: usize) -> Option<Range<usize>> {
    const BELOW_LOUDEST_DB: f32 = 35.0;
    let levels: Vec<f32> = samples.chunks(FRAME).map(rms_dbfs).collect();
    let loudest = levels.iter().copied().fold(SILENCE_DBFS, f32::max);
    let threshold = floor_dbfs.max(loudest - BELOW_LOUDEST_DB);
    let first = levels.iter().position(|&level| level > threshold)?;
    let last = levels.iter().rposition(|&level| level > threshold)?;
    let start = (first * FRAME).saturating_sub(margin);
    let end = ((last + 1) * FRAME + margin).min(samples.len());
    Some(start..end)
}

/// Scales speech to `target_dbfs` (root mean square of its sounding parts) and rounds off the peaks that get too high.
pub fn normalise_level(samples: &mut [f32], target_dbfs: f32) {
    const SOUNDING: f32 = 0.01;
    const KNEE: f32 = 0.7;
    let (energy, count) = samples
        .chunks(FRAME)
        .map(|frame| (frame.iter().map(|sample| sample * sample).sum::<f32>(), frame.len()))
        .filter(|(energy, count)| *energy > SOUNDING * SOUNDING * *count as f32)
        .fold((0.0, 0), |(energy, count), frame| (energy + frame.0, count + frame.1));
    if count == 0 {
        return;
    }
    let gain = 10.0_f32.powf(target_dbfs / 20.0) / (energy / count as f32).sqrt();
    for sample in samples {
        let loud = (*sample * gain).abs();
        let rounded = if loud > KNEE { KNEE + (1.0 - KNEE) * ((loud - KNEE) / (1.0 - KNEE)).tanh() } else { loud };
        *sample = rounded.copysign(*sample);
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    fn tone(hz: f32, rate_hz: u32, seconds: f32, amplitude: f32) -> Vec<f32> {
        let count = (rate_hz as f32 * seconds) as usize;
        (0..count).map(|i| amplitude * (TAU * hz * i as f32 / rate_hz as f32).sin()).collect()
    }

    #[test]
    fn bounds_find_the_sound() {
        let mut samples = vec![0_i16; 8000];
        samples[3000..4000].fill(5000);
        let bounds = sound_bounds(&samples, -55.0, 100).unwrap();
        assert!((2860..=2900).contains(&bounds.start) && (4100..=4180).contains(&bounds.end), "{bounds:?}");
        assert_eq!(sound_bounds(&[3; 800], -55.0, 100), None);
        assert_eq!(sound_bounds(&[], -55.0, 100), None);
    }

    #[test]
    fn levels_reach_the_target_without_clipping() {
        let mut samples = tone(300.0, 8000, 0.5, 0.05);
        samples.extend([0.0; 4000]);
        normalise_level(&mut samples, -16.0);
        let level = rms_dbfs(&to_pcm(&samples[..4000]));
        assert!((level + 16.0).abs() < 0.5, "{level}");
        let mut peaky = tone(300.0, 8000, 0.5, 0.05);
        peaky[100] = 0.9;
        normalise_level(&mut peaky, -10.0);
        assert!(peaky.iter().all(|sample| sample.abs() <= 1.0));
    }
}
