//! What every voice's audio needs before it goes to the telephone, and the pace of what is said.

use super::text::Clause;
use crate::media::resample::{ResampleError, resample_f32};
use crate::speech::audio::{normalise_level, sound_bounds, to_pcm};

/// Level of all synthesised speech, root mean square in dB below full scale: as loud as a person on the telephone.
const LEVEL_DBFS: f32 = -16.0;
/// Silence kept before the first sound, in milliseconds: little, so that answers begin at once.
const LEAD_MS: u32 = 15;
/// Quieter than this is silence around a sentence.
pub(super) const SILENT_DBFS: f32 = -50.0;
/// Pause after a sentence, in milliseconds.
pub(super) const SENTENCE_PAUSE_MS: u32 = 200;
/// Pause after a clause that was spoken on its own, in milliseconds.
const CLAUSE_PAUSE_MS: u32 = 80;

/// At the rate asked for and the telephone's level, without silence around it; empty when there is no sound.
pub fn finish(audio: &[f32], from_hz: u32, to_hz: u32) -> Result<Vec<i16>, ResampleError> {
    let mut audio = resample_f32(audio, from_hz, to_hz)?;
    normalise_level(&mut audio, LEVEL_DBFS);
    let pcm = to_pcm(&audio);
    let bounds = sound_bounds(&pcm, SILENT_DBFS, samples(LEAD_MS, to_hz));
    Ok(bounds.map_or_else(Vec::new, |bounds| pcm[bounds].to_vec()))
}

/// Adds the pause that follows `sentence` when more is said after it.
pub fn pause(pcm: &mut Vec<i16>, sentence: &[Clause], rate_hz: u32) {
    let full_stop = sentence.last().is_some_and(|clause| matches!(clause.mark, '.' | '?' | '!'));
    let pause_ms = if full_stop { SENTENCE_PAUSE_MS } else { CLAUSE_PAUSE_MS };
    pcm.resize(pcm.len() + samples(pause_ms, rate_hz), 0);
}

pub(super) const fn samples(ms: u32, rate_hz: u32) -> usize {
    (ms * rate_hz / 1000) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_around_speech_is_cut() {
        let silence = vec![0.0; 4_800];
        let tone = (0..3_200).map(|at| 0.2 * (at as f32 * 440.0 * std::f32::consts::TAU / 16_000.0).sin());
        let audio: Vec<f32> = silence.iter().copied().chain(tone).chain(silence.iter().copied()).collect();
        let spoken = finish(&audio, 16_000, 8_000).unwrap();
        // 200 ms of sound, and no more than the margin on both sides.
        assert!((1_580..=1_600 + 2 * 200).contains(&spoken.len()), "{}", spoken.len());
        let first = spoken.iter().position(|sample| sample.abs() > 1_000).unwrap();
        let last = spoken.iter().rposition(|sample| sample.abs() > 1_000).unwrap();
        assert!(first <= 200 && spoken.len() - last <= 200, "{first} and {last} of {}", spoken.len());
        assert!(finish(&silence, 16_000, 8_000).unwrap().is_empty());
    }
}
