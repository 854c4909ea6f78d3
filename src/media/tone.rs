//! Making and finding tones: for the keypad in band, and for the proof in tests that media really flowed.

use std::f32::consts::TAU;

use super::frame::SAMPLE_RATE_HZ;

/// A sine of `samples` samples at 8 kHz, from phase zero; `amplitude` is the peak, up to 32767.
pub fn sine(frequency_hz: f32, amplitude: f32, samples: usize) -> Vec<i16> {
    let step = TAU * frequency_hz / SAMPLE_RATE_HZ as f32;
    // The phase is kept small, because f32 loses it after some seconds otherwise.
    (0..samples).map(|n| ((step * (n % SAMPLE_RATE_HZ as usize) as f32).sin() * amplitude) as i16).collect()
}

/// Fills `out` with the sum of two sines, each with peak `amplitude`, from sample `offset` of the tone on.
pub fn dual(low_hz: f32, high_hz: f32, amplitude: f32, offset: usize, out: &mut [i16]) {
    let step = TAU / SAMPLE_RATE_HZ as f32;
    for (n, sample) in (offset..).zip(out) {
        let at = step * (n % SAMPLE_RATE_HZ as usize) as f32;
        *sample = (((at * low_hz).sin() + (at * high_hz).sin()) * amplitude) as i16;
    }
}

/// The tone pair of a keypad digit (ITU-T Q.23), in Hz: row, column.
pub fn keypad_pair(digit: char) -> Option<(f32, f32)> {
    const ROWS: [&str; 4] = ["123A", "456B", "789C", "*0#D"];
    const ROW_HZ: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
    const COLUMN_HZ: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
    let digit = digit.to_ascii_uppercase();
    ROWS.iter().zip(ROW_HZ).find_map(|(row, hz)| row.find(digit).map(|column| (hz, COLUMN_HZ[column])))
}

/// The share of the samples' energy that lies at `frequency_hz` (Goertzel), 0.0 to about 1.0; 0.0 for silence.
///
/// The resolution is 8000 / `samples.len()` Hz: 400 samples tell tones 20 Hz apart.
pub fn share(samples: &[i16], frequency_hz: f32) -> f32 {
    let coefficient = 2.0 * (std::f64::consts::TAU * f64::from(frequency_hz) / f64::from(SAMPLE_RATE_HZ)).cos();
    let (mut s1, mut s2, mut energy) = (0.0f64, 0.0f64, 0.0f64);
    for sample in samples {
        let x = f64::from(*sample);
        (s1, s2) = (x + coefficient * s1 - s2, s1);
        energy += x * x;
    }
    if energy == 0.0 {
        return 0.0;
    }
    let power = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
    (2.0 * power / (samples.len() as f64 * energy)) as f32
}

/// Whether a tone of `frequency_hz` dominates (over 80 % of the energy) and is audible (RMS over 100).
pub fn is_present(samples: &[i16], frequency_hz: f32) -> bool {
    let energy: f64 = samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
    !samples.is_empty() && (energy / samples.len() as f64).sqrt() > 100.0 && share(samples, frequency_hz) > 0.8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_told_from_its_neighbours_and_from_silence() {
        let tone = sine(440.0, 8_000.0, 800);
        assert!(is_present(&tone, 440.0));
        assert!(!is_present(&tone, 480.0));
        assert!(!is_present(&tone, 1_000.0));
        assert!(!is_present(&[0; 800], 440.0));
        assert!(!is_present(&[], 440.0));
        assert!(!is_present(&sine(440.0, 50.0, 800), 440.0));
    }

    #[test]
    fn keypad_digits_have_their_pairs() {
        assert_eq!(keypad_pair('1'), Some((697.0, 1209.0)));
        assert_eq!(keypad_pair('#'), Some((941.0, 1477.0)));
        assert_eq!(keypad_pair('d'), Some((941.0, 1633.0)));
        assert_eq!(keypad_pair('x'), None);
        let mut five = [0; 800];
        let (first, second) = five.split_at_mut(300);
        dual(770.0, 1336.0, 8_000.0, 0, first);
        dual(770.0, 1336.0, 8_000.0, 300, second);
        assert!((0.4..0.6).contains(&share(&five, 770.0)));
        assert!((0.4..0.6).contains(&share(&five, 1336.0)));
    }
}
