//! Sounds that are not speech: what a caller hears while somebody else is called.

use std::sync::OnceLock;

use crate::media::{Codec, EncodedAudio, SAMPLE_RATE_HZ, tone};

/// One period of the Indian ringing tone: 400 Hz modulated by 25 Hz, 0.4 s on, 0.2 off, 0.4 on, 2.0 off
/// (ITU-T E.180 supplement 2).
pub fn ringback() -> EncodedAudio {
    static TONE: OnceLock<EncodedAudio> = OnceLock::new();
    TONE.get_or_init(|| {
        // The product of both sines is their sum and difference: 375 and 425 Hz.
        let mut burst = vec![0; seconds(0.4)];
        tone::dual(375.0, 425.0, 3_000.0, 0, &mut burst);
        let mut samples = burst.clone();
        samples.resize(samples.len() + seconds(0.2), 0);
        samples.extend(burst);
        samples.resize(samples.len() + seconds(2.0), 0);
        EncodedAudio::from_pcm(Codec::Pcma, &samples)
    })
    .clone()
}

/// Two soft tones, half a second in all: the line is alive, and there are no words.
pub fn waiting_tone() -> EncodedAudio {
    let mut samples = tone::sine(440.0, 4_000.0, seconds(0.25));
    samples.extend(tone::sine(554.0, 4_000.0, seconds(0.25)));
    EncodedAudio::from_pcm(Codec::Pcma, &samples)
}

/// About nine seconds of a quiet tune, made to be repeated. It never pauses for as long as a person's turn would.
pub fn hold_music() -> EncodedAudio {
    static MUSIC: OnceLock<EncodedAudio> = OnceLock::new();
    MUSIC
        .get_or_init(|| {
            // A pentatonic walk: no note clashes with the one that fades under it.
            const NOTES: [f32; 16] = [
                392.0, 440.0, 523.3, 587.3, 659.3, 587.3, 523.3, 440.0, 392.0, 523.3, 659.3, 784.0, 659.3, 523.3,
                440.0, 523.3,
            ];
            let note = seconds(0.56);
            let mut samples = vec![0i16; note * NOTES.len()];
            for (index, frequency) in NOTES.into_iter().enumerate() {
                let ringing = 2 * note;
                for (n, sample) in tone::sine(frequency, 2_600.0, ringing).into_iter().enumerate() {
                    let decay = 1.0 - n as f32 / ringing as f32;
                    let attack = (n as f32 / 80.0).min(1.0);
                    // The last note fades into the first, so that the repetition is not heard.
                    let at = (index * note + n) % samples.len();
                    samples[at] = samples[at].saturating_add((f32::from(sample) * decay * attack) as i16);
                }
            }
            EncodedAudio::from_pcm(Codec::Pcma, &samples)
        })
        .clone()
}

fn seconds(length: f32) -> usize {
    (length * SAMPLE_RATE_HZ as f32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ringing_is_heard_in_its_cadence() {
        let samples = ringback().to_pcm();
        assert_eq!(samples.len(), 3 * 8_000);
        let loud = |from_ms: usize, to_ms: usize| {
            samples[from_ms * 8..to_ms * 8].chunks(160).all(|frame| frame.iter().any(|s| s.unsigned_abs() > 500))
        };
        assert!(loud(0, 400) && loud(600, 1_000));
        assert!(samples[410 * 8..590 * 8].iter().chain(&samples[1_010 * 8..]).all(|s| s.unsigned_abs() < 50));
        assert!((0.35..0.65).contains(&tone::share(&samples[..3_200], 375.0)));
    }

    #[test]
    fn music_never_pauses() {
        let samples = hold_music().to_pcm();
        let twice: Vec<i16> = samples.iter().chain(&samples).copied().collect();
        for frame in twice.chunks(800) {
            let power = frame.iter().map(|s| f64::from(*s) * f64::from(*s)).sum::<f64>() / frame.len() as f64;
            assert!(power.sqrt() > 150.0, "a tenth of a second of silence");
        }
    }
}
