//! The features that Whisper's encoder wants: a log-mel spectrogram, as `WhisperFeatureExtractor(chunk_length=8)` of
//! transformers makes it with `do_normalize=True`.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Frames of 10 ms, 8 s in all.
pub const FRAMES: usize = 800;
/// Bands on Slaney's mel scale between 0 and 8 kHz.
pub const BANDS: usize = 80;

/// Samples of the whole at 16 kHz.
const SAMPLES: usize = FRAMES * HOP;
const WINDOW: usize = 400;
const HOP: usize = 160;
const BINS: usize = WINDOW / 2 + 1;
const NYQUIST_HZ: f64 = 8_000.0;
/// Powers below this are taken to be this.
const FLOOR: f32 = 1e-10;
/// What lies further below the loudest is cut off: 80 dB.
const RANGE: f32 = 8.0;
/// Keeps digital silence from being divided by zero.
const LEAST_VARIANCE: f32 = 1e-7;

/// Window, filters and transform, made once.
pub struct LogMel {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    bands: Vec<Band>,
}

/// One triangular filter: its first bin and the weights from there.
struct Band {
    first: usize,
    weights: Vec<f32>,
}

impl LogMel {
    pub fn new() -> Self {
        let hann = |i: usize| 0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / WINDOW as f64).cos();
        Self {
            fft: RealFftPlanner::new().plan_fft_forward(WINDOW),
            window: (0..WINDOW).map(|i| hann(i) as f32).collect(),
            bands: bands(),
        }
    }

    /// The features of the last 8 s of `audio` (16 kHz, -1 to 1), band by band; shorter audio stands at the end, after
    /// zeros, which take part in the normalisation.
    pub fn of(&self, audio: &[f32]) -> Vec<f32> {
        let padded = reflected(&normalised(&audio[audio.len().saturating_sub(SAMPLES)..]));
        let mut features = vec![0.0; BANDS * FRAMES];
        let mut spectrum = vec![Complex::default(); BINS];
        let mut scratch = self.fft.make_scratch_vec();
        let mut windowed = vec![0.0; WINDOW];
        for frame in 0..FRAMES {
            let samples = &padded[frame * HOP..];
            for ((to, sample), weight) in windowed.iter_mut().zip(samples).zip(&self.window) {
                *to = sample * weight;
            }
            self.fft
                .process_with_scratch(&mut windowed, &mut spectrum, &mut scratch)
                .expect("invariant: the buffers have the transform's lengths");
            let power: Vec<f32> = spectrum.iter().map(Complex::norm_sqr).collect();
            for (band, filter) in self.bands.iter().enumerate() {
                features[band * FRAMES + frame] = filter.of(&power).max(FLOOR).log10();
            }
        }
        let loudest = features.iter().copied().fold(f32::MIN, f32::max);
        features.iter_mut().for_each(|value| *value = (value.max(loudest - RANGE) + 4.0) / 4.0);
        features
    }
}

impl Band {
    fn of(&self, power: &[f32]) -> f32 {
        self.weights.iter().zip(&power[self.first..]).map(|(weight, power)| weight * power).sum()
    }
}

/// All 8 s with zeros in front, mean 0 and variance 1.
fn normalised(audio: &[f32]) -> Vec<f32> {
    let mut samples = vec![0.0; SAMPLES - audio.len()];
    samples.extend_from_slice(audio);
    let mean = samples.iter().map(|&sample| f64::from(sample)).sum::<f64>() / SAMPLES as f64;
    let variance = samples.iter().map(|&sample| (f64::from(sample) - mean).powi(2)).sum::<f64>() / SAMPLES as f64;
    let (mean, deviation) = (mean as f32, (variance as f32 + LEAST_VARIANCE).sqrt());
    samples.iter_mut().for_each(|sample| *sample = (*sample - mean) / deviation);
    samples
}

/// With half a window mirrored at each end, so that frames are centred on their time.
fn reflected(samples: &[f32]) -> Vec<f32> {
    const HALF: usize = WINDOW / 2;
    let mut padded = Vec::with_capacity(samples.len() + WINDOW);
    padded.extend(samples[1..=HALF].iter().rev());
    padded.extend_from_slice(samples);
    padded.extend(samples[samples.len() - 1 - HALF..samples.len() - 1].iter().rev());
    padded
}

/// Triangles between neighbouring mel frequencies, each of area 1.
fn bands() -> Vec<Band> {
    let top = mel(NYQUIST_HZ);
    let edges: Vec<f64> = (0..BANDS + 2).map(|i| hertz(top * i as f64 / (BANDS + 1) as f64)).collect();
    let triangle = |edges: &[f64]| {
        let weight = |bin: usize| {
            let at = NYQUIST_HZ * bin as f64 / (BINS - 1) as f64;
            let up = (at - edges[0]) / (edges[1] - edges[0]);
            let down = (edges[2] - at) / (edges[2] - edges[1]);
            up.min(down).max(0.0) * 2.0 / (edges[2] - edges[0])
        };
        let first = (0..BINS).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
        let weights = (first..BINS).map(weight).take_while(|&weight| weight > 0.0).map(|weight| weight as f32);
        Band { first, weights: weights.collect() }
    };
    edges.windows(3).map(triangle).collect()
}

/// Slaney's mel scale: linear below 1 kHz, logarithmic above.
fn mel(hertz: f64) -> f64 {
    if hertz < 1_000.0 { 3.0 * hertz / 200.0 } else { 15.0 + (hertz / 1_000.0).ln() * 27.0 / 6.4_f64.ln() }
}

fn hertz(mel: f64) -> f64 {
    if mel < 15.0 { 200.0 * mel / 3.0 } else { 1_000.0 * (6.4_f64.ln() / 27.0 * (mel - 15.0)).exp() }
}
