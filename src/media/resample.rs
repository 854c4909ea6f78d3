//! Sample rate conversion: as a whole for the engines' doors (22.05 kHz speech to 8 or 16 kHz, 8 kHz audio to 16), and
//! frame by frame between 8 and 16 kHz for calls.

use std::sync::LazyLock;

use super::frame::{FRAME_SAMPLES, PcmFrame, SAMPLE_RATE_HZ, WIDE_SAMPLE_RATE_HZ};
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

/// Pairs of filter taps on either side of the middle one: 47 taps, flat to 3.4 kHz, over 60 dB down from 4.6 kHz on.
const PAIRS: usize = 12;
/// Output samples of a step of [`Halver`], input samples of one of [`Doubler`]: 20 ms.
const STEP: usize = 160;
/// Samples that a half-band filter at 16 kHz looks back.
const WIDE_HISTORY: usize = 4 * PAIRS - 2;
/// Samples that it looks back when it works at 8 kHz.
const NARROW_HISTORY: usize = 2 * PAIRS - 1;

/// The taps at odd distances 1, 3, 5 … from the middle (0.5); those at even distances are zero.
static HALF_BAND: LazyLock<[f32; PAIRS]> = LazyLock::new(|| {
    use std::f64::consts::PI;
    let bessel = |x: f64| {
        (1..25)
            .fold((1.0, 1.0), |(sum, term), n| {
                (sum + term * x * x / 4.0 / (n * n) as f64, term * x * x / 4.0 / (n * n) as f64)
            })
            .0
    };
    // A Kaiser window for 60 dB.
    const BETA: f64 = 5.65;
    let mut taps: [f64; PAIRS] = std::array::from_fn(|k| {
        let distance = (2 * k + 1) as f64;
        let window = bessel(BETA * (1.0 - (distance / (2 * PAIRS) as f64).powi(2)).sqrt()) / bessel(BETA);
        (PI * distance / 2.0).sin() / (PI * distance) * window
    });
    // Constant signals keep their level exactly.
    let sum: f64 = taps.iter().sum();
    taps.iter_mut().for_each(|tap| *tap *= 0.25 / sum);
    taps.map(|tap| tap as f32)
});

/// 16 kHz to 8 kHz, frame by frame, with what it needs of the frames before; delays by 1.4 ms.
#[derive(Debug, Clone)]
pub struct Halver {
    history: [f32; WIDE_HISTORY],
}

impl Default for Halver {
    fn default() -> Self {
        Self { history: [0.0; WIDE_HISTORY] }
    }
}

impl Halver {
    /// Fills `narrow` from `wide`, which has twice as many samples; what one of them has too many is left out.
    pub fn process(&mut self, wide: &[i16], narrow: &mut [i16]) {
        for (wide, narrow) in wide.chunks_exact(2 * STEP).zip(narrow.chunks_exact_mut(STEP)) {
            self.step(wide, narrow);
        }
        let done = (wide.len() / 2).min(narrow.len()) / STEP * STEP;
        let rest = (wide.len() / 2 - done).min(narrow.len() - done);
        self.step(&wide[2 * done..2 * (done + rest)], &mut narrow[done..done + rest]);
    }

    fn step(&mut self, wide: &[i16], narrow: &mut [i16]) {
        let mut line = [0.0f32; WIDE_HISTORY + 2 * STEP];
        line[..WIDE_HISTORY].copy_from_slice(&self.history);
        for (to, from) in line[WIDE_HISTORY..].iter_mut().zip(wide) {
            *to = f32::from(*from);
        }
        let taps = &*HALF_BAND;
        for (n, sample) in narrow.iter_mut().enumerate() {
            let window = &line[2 * n + 1..2 * n + 2 * NARROW_HISTORY + 2];
            let middle = NARROW_HISTORY;
            let sides: f32 = taps
                .iter()
                .enumerate()
                .map(|(k, tap)| tap * (window[middle - 2 * k - 1] + window[middle + 2 * k + 1]))
                .sum();
            *sample = (0.5 * window[middle] + sides).round() as i16;
        }
        self.history.copy_from_slice(&line[wide.len()..wide.len() + WIDE_HISTORY]);
    }
}

/// 8 kHz to 16 kHz, frame by frame, with what it needs of the frames before; delays by 1.4 ms.
#[derive(Debug, Clone)]
pub struct Doubler {
    history: [f32; NARROW_HISTORY],
}

impl Default for Doubler {
    fn default() -> Self {
        Self { history: [0.0; NARROW_HISTORY] }
    }
}

impl Doubler {
    /// Fills `wide` from `narrow`, which has half as many samples; what one of them has too many is left out.
    pub fn process(&mut self, narrow: &[i16], wide: &mut [i16]) {
        for (narrow, wide) in narrow.chunks_exact(STEP).zip(wide.chunks_exact_mut(2 * STEP)) {
            self.step(narrow, wide);
        }
        let done = narrow.len().min(wide.len() / 2) / STEP * STEP;
        let rest = (narrow.len() - done).min(wide.len() / 2 - done);
        self.step(&narrow[done..done + rest], &mut wide[2 * done..2 * (done + rest)]);
    }

    fn step(&mut self, narrow: &[i16], wide: &mut [i16]) {
        let mut line = [0.0f32; NARROW_HISTORY + STEP];
        line[..NARROW_HISTORY].copy_from_slice(&self.history);
        for (to, from) in line[NARROW_HISTORY..].iter_mut().zip(narrow) {
            *to = f32::from(*from);
        }
        let taps = &*HALF_BAND;
        for (n, pair) in wide.chunks_exact_mut(2).enumerate() {
            let window = &line[n..n + 2 * PAIRS];
            let sides: f32 =
                taps.iter().enumerate().map(|(k, tap)| tap * (window[PAIRS - 1 - k] + window[PAIRS + k])).sum();
            pair[0] = window[PAIRS - 1] as i16;
            pair[1] = (2.0 * sides).round() as i16;
        }
        self.history.copy_from_slice(&line[narrow.len()..narrow.len() + NARROW_HISTORY]);
    }
}

/// The samples of frames that follow each other, and their rate in Hz: 16 kHz if all are wide-band, else 8 kHz.
pub fn join_frames<'a>(frames: impl Iterator<Item = &'a PcmFrame> + Clone) -> (Vec<i16>, u32) {
    if frames.clone().all(|frame| frame.samples.is_wide()) {
        return (frames.flat_map(|frame| frame.samples).collect(), WIDE_SAMPLE_RATE_HZ);
    }
    let mut halver = Halver::default();
    let narrow = frames.flat_map(|frame| {
        let mut samples = [0; FRAME_SAMPLES];
        if frame.samples.is_wide() {
            halver.process(&frame.samples, &mut samples);
        } else {
            samples.copy_from_slice(&frame.samples);
        }
        samples
    });
    (narrow.collect(), SAMPLE_RATE_HZ)
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

    fn rms(samples: &[i16]) -> f64 {
        (samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
    }

    #[test]
    fn halving_keeps_speech_and_takes_out_what_would_fold_over() {
        for (hz, least, most) in
            [(300.0, 0.99, 1.01), (3_400.0, 0.97, 1.02), (4_700.0, 0.0, 0.002), (7_000.0, 0.0, 0.001)]
        {
            let wide = sine_at(16_000.0, hz, 16_000);
            let mut narrow = vec![0; 8_000];
            let mut halver = Halver::default();
            for (wide, narrow) in wide.chunks(320).zip(narrow.chunks_mut(160)) {
                halver.process(wide, narrow);
            }
            let share = rms(&narrow[200..]) / rms(&wide);
            assert!((least..=most).contains(&share), "{hz} Hz: {share}");
        }
    }

    #[test]
    fn doubling_keeps_speech_and_adds_no_image_and_pieces_of_any_length_join() {
        for hz in [300.0, 1_000.0, 3_400.0] {
            let narrow = sine_at(8_000.0, hz, 8_000);
            let mut wide = vec![0; 16_000];
            Doubler::default().process(&narrow, &mut wide);
            let expected = sine_at(16_000.0, hz, 16_000);
            // The filter delays by 12 samples of its input.
            let error: Vec<i16> = wide[24 + 400..].iter().zip(&expected[400..]).map(|(a, b)| a - b).collect();
            assert!(rms(&error) < rms(&expected) * 0.02, "{hz} Hz: {} of {}", rms(&error), rms(&expected));
            let (mut pieces, mut from) = (vec![0; 16_000], 0);
            let mut doubler = Doubler::default();
            for length in (1..=400).cycle() {
                let to = (from + length).min(8_000);
                doubler.process(&narrow[from..to], &mut pieces[2 * from..2 * to]);
                from = to;
                if from == 8_000 {
                    break;
                }
            }
            assert!(pieces == wide, "in pieces as in one");
        }
    }

    #[test]
    fn frames_are_joined_at_the_rate_that_all_of_them_have() {
        let wide = PcmFrame { samples: [1_000; 320].into(), ..PcmFrame::silence(0) };
        let narrow = PcmFrame { samples: [1_000; 160].into(), ..PcmFrame::silence(0) };
        assert_eq!(join_frames([wide, wide].iter()), (vec![1_000; 640], 16_000));
        assert_eq!(join_frames([narrow].iter()), (vec![1_000; 160], 8_000));
        let (mixed, rate) = join_frames([wide, narrow].iter());
        assert_eq!((mixed.len(), rate, mixed[100]), (320, 8_000, 1_000));
    }
}
