//! Loss concealment after G.711 Appendix I: the last pitch period is repeated and fades out within 60 ms.
//!
//! Lengths are in samples at 8 kHz; at 16 kHz all are twice as long.

/// Samples kept: the longest pitch period, searched over a window of 20 ms.
const HISTORY: usize = 400;
/// 200 Hz, the highest voice that is followed.
const SHORTEST_PERIOD: usize = 40;
/// 66 Hz, the lowest.
const LONGEST_PERIOD: usize = 120;
/// Samples compared when the period is searched.
const WINDOW: usize = 160;
/// Invented samples at full level (10 ms), and until silence (60 ms).
const FULL_LEVEL: usize = 80;
const SILENT_AFTER: usize = 480;
/// Samples over which real audio takes over again.
const CROSSFADE: usize = 32;
/// The highest rate, in multiples of 8 kHz.
const MOST_PER_TICK: usize = 2;

/// Follows the audio that is heard and invents what is missing.
#[derive(Debug, Clone)]
pub struct Concealer {
    per_tick: usize,
    history: [i16; HISTORY * MOST_PER_TICK],
    /// One pitch period, made to loop without a step.
    period: [i16; LONGEST_PERIOD * MOST_PER_TICK],
    period_len: usize,
    /// Samples invented since the last real one.
    invented: usize,
}

impl Default for Concealer {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Concealer {
    /// For audio at `per_tick` times 8 kHz: 1 or 2.
    pub fn new(per_tick: usize) -> Self {
        let per_tick = per_tick.clamp(1, MOST_PER_TICK);
        Self {
            per_tick,
            history: [0; HISTORY * MOST_PER_TICK],
            period: [0; LONGEST_PERIOD * MOST_PER_TICK],
            period_len: LONGEST_PERIOD * per_tick,
            invented: 0,
        }
    }

    /// Takes note of real samples; the first after a gap are mixed with the invented continuation.
    pub fn heard(&mut self, samples: &mut [i16]) {
        if self.invented > 0 {
            let crossfade = CROSSFADE * self.per_tick;
            let over = crossfade.min(samples.len());
            for (n, sample) in samples[..over].iter_mut().enumerate() {
                let invented = i32::from(self.next_invented());
                let weight = (n + 1) as i32;
                let mixed = i32::from(*sample) * weight + invented * (crossfade as i32 - weight);
                *sample = (mixed / crossfade as i32) as i16;
            }
            self.invented = 0;
        }
        self.remember(samples);
    }

    /// Fills a gap.
    pub fn conceal(&mut self, out: &mut [i16]) {
        if self.invented == 0 {
            self.find_period();
        }
        for sample in out.iter_mut() {
            *sample = self.next_invented();
        }
        self.remember(out);
    }

    /// Whether concealment has faded to silence.
    pub fn is_silent(&self) -> bool {
        self.invented >= SILENT_AFTER * self.per_tick
    }

    fn next_invented(&mut self) -> i16 {
        let (full_level, silent_after) = (FULL_LEVEL * self.per_tick, SILENT_AFTER * self.per_tick);
        let level = match self.invented {
            invented if invented < full_level => 256,
            invented => silent_after.saturating_sub(invented) * 256 / (silent_after - full_level),
        };
        let sample = i32::from(self.period[self.invented % self.period_len]) * level as i32 / 256;
        // The count stops mattering once silent; it must not wrap during a long hold.
        self.invented = (self.invented + 1).min(silent_after);
        sample as i16
    }

    fn remember(&mut self, samples: &[i16]) {
        let history = &mut self.history[..HISTORY * self.per_tick];
        let new = &samples[samples.len().saturating_sub(history.len())..];
        history.copy_within(new.len().., 0);
        let kept = history.len() - new.len();
        history[kept..].copy_from_slice(new);
    }

    fn find_period(&mut self) {
        let (end, window) = (HISTORY * self.per_tick, WINDOW * self.per_tick);
        let recent = &self.history[end - window..end];
        let correlation = |lag: usize| {
            let before = &self.history[end - window - lag..end - lag];
            let (mut product, mut energy) = (0.0f32, 1.0f32);
            for (a, b) in recent.iter().zip(before) {
                let b = f32::from(*b);
                product += f32::from(*a) * b;
                energy += b * b;
            }
            product / energy.sqrt()
        };
        let longest = LONGEST_PERIOD * self.per_tick;
        let best = (SHORTEST_PERIOD * self.per_tick..=longest)
            .map(|lag| (lag, correlation(lag)))
            .fold((longest, f32::MIN), |best, next| if next.1 > best.1 { next } else { best });
        self.period_len = best.0;
        let len = best.0;
        self.period[..len].copy_from_slice(&self.history[end - len..end]);
        // The end of the loop leans towards what came before its beginning.
        let over = len / 4;
        for n in 0..over {
            let earlier = i32::from(self.history[end - len - over + n]);
            let weight = (n + 1) as i32;
            let here = i32::from(self.period[len - over + n]);
            self.period[len - over + n] = ((here * (over as i32 - weight) + earlier * weight) / over as i32) as i16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::tone;

    #[test]
    fn a_gap_in_a_tone_is_bridged_by_the_tone() {
        let mut signal = tone::sine(200.0, 8_000.0, 960);
        let mut plc = Concealer::default();
        plc.heard(&mut signal[..640]);
        let mut gap = [0i16; 80];
        plc.conceal(&mut gap);
        assert!(tone::is_present(&gap, 200.0), "{}", tone::share(&gap, 200.0));
        for (n, (invented, real)) in gap.iter().zip(&signal[640..720]).enumerate() {
            assert!((i32::from(*invented) - i32::from(*real)).abs() < 1_600, "{n}: {invented} {real}");
        }
    }

    #[test]
    fn wide_audio_is_continued_as_well() {
        // 200 Hz at 16 kHz is 100 Hz at 8.
        let mut signal = tone::sine(100.0, 8_000.0, 1_920);
        let mut plc = Concealer::new(2);
        plc.heard(&mut signal[..1_280]);
        let mut gap = [0i16; 160];
        plc.conceal(&mut gap);
        for (n, (invented, real)) in gap.iter().zip(&signal[1_280..1_440]).enumerate() {
            assert!((i32::from(*invented) - i32::from(*real)).abs() < 1_600, "{n}: {invented} {real}");
        }
        let mut rest = [0i16; 960];
        plc.conceal(&mut rest);
        assert!(rest[800..].iter().all(|s| *s == 0) && plc.is_silent());
    }

    #[test]
    fn there_are_no_clicks_at_the_seams() {
        let signal = tone::sine(170.0, 8_000.0, 1_600);
        let steepest = signal.windows(2).map(|w| (i32::from(w[0]) - i32::from(w[1])).abs()).max().unwrap();
        let mut plc = Concealer::default();
        let mut out = signal.clone();
        plc.heard(&mut out[..640]);
        plc.conceal(&mut out[640..960]);
        plc.heard(&mut out[960..]);
        let worst = out.windows(2).map(|w| (i32::from(w[0]) - i32::from(w[1])).abs()).max().unwrap();
        assert!(worst < steepest * 2, "a step of {worst}, the tone itself has {steepest}");
    }

    #[test]
    fn long_losses_fade_to_silence_within_60_ms() {
        let mut plc = Concealer::default();
        plc.heard(&mut tone::sine(200.0, 8_000.0, 640));
        let mut gap = [0i16; 960];
        plc.conceal(&mut gap);
        let energy = |range: std::ops::Range<usize>| -> i64 { gap[range].iter().map(|s| i64::from(*s).pow(2)).sum() };
        assert!(energy(0..80) > energy(240..320) && energy(240..320) > energy(400..480));
        assert!(gap[480..].iter().all(|s| *s == 0));
        assert!(plc.is_silent());
        // And nothing is invented out of nothing.
        let mut quiet = [7i16; 160];
        Concealer::default().conceal(&mut quiet);
        assert_eq!(quiet, [0; 160]);
    }
}
