//! The caller's end of the line: speech, noise and echo, mixed piece by piece.

use std::collections::VecDeque;
use std::sync::Arc;

use super::scenario::Line;
use crate::media::{PcmFrame, SAMPLE_RATE_HZ, WIDE_FRAME_SAMPLES};

/// Samples of one piece that is played: 60 ms.
pub const PIECE: usize = 480;

/// Something the caller says, at its place in the stream of samples that goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    pub first: u64,
    /// Behind the last sound.
    pub end: u64,
}

/// Makes what goes out.
pub struct Microphone {
    speech: Option<(Arc<[i16]>, usize)>,
    /// Samples made so far.
    made: u64,
    noise: f32,
    random: u64,
    echo: Option<(f32, usize)>,
    /// What came in and has not come back yet.
    heard: VecDeque<i16>,
}

impl Microphone {
    /// The same `seed` gives the same noise.
    pub fn new(line: &Line, seed: u64) -> Self {
        let gain = |db: f32| 10f32.powf(db / 20.0);
        let samples = |ms: u64| (ms * u64::from(SAMPLE_RATE_HZ) / 1_000) as usize;
        // Uniform noise has a root mean square of its peak by the square root of three.
        let noise = line.noise_dbfs.map_or(0.0, |level| gain(level) * 32_768.0 * 3f32.sqrt());
        let echo = line.echo.map(|echo| (gain(echo.db), samples(echo.delay_ms)));
        let heard = VecDeque::from(vec![0; echo.map_or(0, |(_, delay)| delay)]);
        Self { speech: None, made: 0, noise, random: seed | 1, echo, heard }
    }

    /// Whether the caller is speaking.
    pub fn is_speaking(&self) -> bool {
        self.speech.is_some()
    }

    /// Begins to speak with the next piece.
    pub fn say(&mut self, speech: Arc<[i16]>) -> Placed {
        let placed = Placed { first: self.made, end: self.made + speech.len() as u64 };
        self.speech = Some((speech, 0)).filter(|(speech, _)| !speech.is_empty());
        placed
    }

    /// What the caller's telephone hears, for its echo.
    pub fn hear(&mut self, frame: &PcmFrame) {
        if self.echo.is_none() {
            return;
        }
        let wide = frame.samples.len() == WIDE_FRAME_SAMPLES;
        self.heard.extend(frame.samples.iter().step_by(if wide { 2 } else { 1 }).copied());
        // Pieces go out as fast as frames come in; a hiccup of either must not grow for ever.
        let most = self.echo.map_or(0, |(_, delay)| delay) + SAMPLE_RATE_HZ as usize;
        let surplus = self.heard.len().saturating_sub(most);
        self.heard.drain(..surplus);
    }

    /// The next 60 ms.
    pub fn piece(&mut self) -> Vec<i16> {
        let piece = (0..PIECE).map(|_| self.sample()).collect();
        self.made += PIECE as u64;
        piece
    }

    fn sample(&mut self) -> i16 {
        let mut sum = 0.0;
        if let Some((speech, at)) = &mut self.speech {
            sum += speech.get(*at).copied().map_or(0.0, f32::from);
            *at += 1;
            if *at >= speech.len() {
                self.speech = None;
            }
        }
        if self.noise > 0.0 {
            // xorshift64 (Marsaglia).
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            sum += ((self.random >> 40) as f32 / (1u32 << 23) as f32 - 1.0) * self.noise;
        }
        if let Some((gain, _)) = self.echo {
            sum += self.heard.pop_front().map_or(0.0, f32::from) * gain;
        }
        sum.clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16
    }
}

#[cfg(test)]
mod tests {
    use super::super::scenario::Echo;
    use super::*;
    use crate::cli::call::level_dbfs;

    #[test]
    fn noise_has_its_level_and_the_echo_its_own_and_its_delay() {
        let mut noisy = Microphone::new(&Line { noise_dbfs: Some(-40.0), ..Line::default() }, 7);
        let level = level_dbfs(&(0..50).flat_map(|_| noisy.piece()).collect::<Vec<_>>());
        assert!((-40.5..-39.5).contains(&level), "{level}");

        let echo = Some(Echo { db: -20.0, delay_ms: 100 });
        let mut echoing = Microphone::new(&Line { echo, ..Line::default() }, 7);
        let mut frame = PcmFrame::silence(0);
        frame.samples.iter_mut().for_each(|sample| *sample = 10_000);
        (0..3).for_each(|_| echoing.hear(&frame));
        let out: Vec<i16> = (0..3).flat_map(|_| echoing.piece()).collect();
        assert_eq!((out[799], out[800], out[800 + 479]), (0, 1_000, 1_000));

        let mut plain = Microphone::new(&Line::default(), 7);
        plain.piece();
        assert_eq!(plain.say(vec![5; 500].into()), Placed { first: 480, end: 980 });
        let out: Vec<i16> = plain.piece().into_iter().chain(plain.piece()).collect();
        assert_eq!((out[0], out[499], out[500], plain.is_speaking()), (5, 5, 0, false));
    }
}
