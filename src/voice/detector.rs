//! From speech probabilities to the beginning and the continuing of voice, with hysteresis.

use super::types::Ms;

/// The length of one [`super::Input::Frame`].
pub(super) const FRAME_MS: u32 = 20;
/// Voice begins at this probability …
const START: f32 = 0.5;
/// … and goes on while at least at this one.
const HOLD: f32 = 0.35;
/// So much above [`START`] begins voice.
const START_MS: u32 = 80;
/// Over the agent's own voice a frame must be surer and louder and must last longer, or else its echo (line echo, a
/// handset on speaker) would interrupt it.
const START_OVER_AGENT: f32 = 0.7;
const START_OVER_AGENT_MS: u32 = 100;
const MIN_LEVEL_OVER_AGENT_DBFS: f32 = -50.0;
/// So much below [`HOLD`] ends voice; shorter dips are the stops and breaths inside words.
const STOP_MS: u32 = 100;

/// What one frame told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// No voice, or not yet enough of it.
    Nothing,
    /// Voice began at `at`; `voiced_ms` of it have been heard by now.
    Onset { at: Ms, voiced_ms: u32 },
    /// One more frame of voice.
    Voiced,
}

/// The hysteresis. While voice is off `level_ms` climbs with sure frames and falls with others, so that neither
/// a single click nor a flicker begins voice; while it is on `level_ms` counts the quiet.
#[derive(Debug, Default)]
pub(super) struct Detector {
    on: bool,
    level_ms: u32,
    rise_began: Ms,
}

impl Detector {
    /// Takes the frame that ends at `now`; `over_agent` says that the agent sounds at the same time.
    pub fn frame(&mut self, speech: f32, rms_dbfs: f32, over_agent: bool, now: Ms) -> Heard {
        if self.on { self.while_on(speech) } else { self.while_off(speech, rms_dbfs, over_agent, now) }
    }

    fn while_on(&mut self, speech: f32) -> Heard {
        // Written so that NaN is no voice.
        if speech >= HOLD {
            self.level_ms = 0;
            return Heard::Voiced;
        }
        self.level_ms += FRAME_MS;
        if self.level_ms >= STOP_MS {
            self.reset();
        }
        Heard::Nothing
    }

    fn while_off(&mut self, speech: f32, rms_dbfs: f32, over_agent: bool, now: Ms) -> Heard {
        let (sure, needed_ms) = if over_agent {
            (speech >= START_OVER_AGENT && rms_dbfs >= MIN_LEVEL_OVER_AGENT_DBFS, START_OVER_AGENT_MS)
        } else {
            (speech >= START, START_MS)
        };
        if !sure {
            self.level_ms = self.level_ms.saturating_sub(FRAME_MS);
            return Heard::Nothing;
        }
        if self.level_ms == 0 {
            self.rise_began = now.minus(u64::from(FRAME_MS));
        }
        self.level_ms += FRAME_MS;
        if self.level_ms < needed_ms {
            return Heard::Nothing;
        }
        let voiced_ms = self.level_ms;
        *self = Self { on: true, level_ms: 0, rise_began: self.rise_began };
        Heard::Onset { at: self.rise_began, voiced_ms }
    }

    /// Until when voice may turn out to have begun already: a pause does not end while it does.
    pub fn rising_until(&self) -> Option<Ms> {
        (!self.on && self.level_ms > 0).then(|| self.rise_began + u64::from(START_OVER_AGENT_MS))
    }

    /// Ends the voice if there is any; what is only rising goes on rising.
    pub fn end_voice(&mut self) {
        if self.on {
            self.reset();
        }
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}

/// A frame is loud when it is so much above the noise of the line, and at least at this level …
const LOUD_OVER_NOISE_DB: f32 = 12.0;
const LOUD_DBFS: f32 = -48.0;
/// … and one that is so much louder still needs no second one.
const STRIKING_DB: f32 = 10.0;
/// Noise is what is heard in the quietest frames; in between it may have risen, by so much a frame.
const NOISE_STEP_DB: f32 = 0.1;
const QUIETEST_DBFS: f32 = -70.0;
const NOISIEST_DBFS: f32 = -35.0;
/// Frames that are not loud before something can rise: what goes on is no news.
const QUIET_BEFORE: u32 = 3;

/// The first sign of a voice, by level alone: enough to lower the agent's, not to stop it.
#[derive(Debug)]
pub(super) struct Rise {
    noise_dbfs: f32,
    /// Frames in a row that were not loud, before those that are.
    quiet: u32,
    loud: u32,
}

impl Default for Rise {
    fn default() -> Self {
        Self { noise_dbfs: -60.0, quiet: QUIET_BEFORE, loud: 0 }
    }
}

impl Rise {
    /// Takes the level of the next 20 ms, and the loudest that an echo may be in them; says whether something rises.
    pub fn frame(&mut self, rms_dbfs: f32, echo_dbfs: f32) -> bool {
        // Written so that NaN is silence.
        let level = rms_dbfs.max(QUIETEST_DBFS);
        let loud_from = (self.noise_dbfs + LOUD_OVER_NOISE_DB).max(LOUD_DBFS).max(echo_dbfs);
        self.noise_dbfs = level.min(self.noise_dbfs + NOISE_STEP_DB).min(NOISIEST_DBFS);
        if level <= loud_from {
            (self.quiet, self.loud) = (if self.loud > 0 { 1 } else { self.quiet + 1 }, 0);
            return false;
        }
        self.loud += 1;
        if self.quiet < QUIET_BEFORE || self.loud < 2 && level <= loud_from + STRIKING_DB {
            return false;
        }
        self.quiet = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(detector: &mut Detector, frames: &[f32], over_agent: bool) -> Vec<Heard> {
        let mut now = Ms(0);
        let mut heard = Vec::new();
        for &speech in frames {
            now = now + 20;
            heard.push(detector.frame(speech, -25.0, over_agent, now));
        }
        heard
    }

    #[test]
    fn voice_begins_after_80_ms_and_is_dated_back() {
        let heard = feed(&mut Detector::default(), &[0.0, 0.0, 0.6, 0.6, 0.6, 0.6, 0.4], false);
        assert_eq!(heard[4], Heard::Nothing);
        assert_eq!(heard[5], Heard::Onset { at: Ms(40), voiced_ms: 80 });
        assert_eq!(heard[6], Heard::Voiced, "0.4 is enough to go on");
    }

    #[test]
    fn clicks_flicker_and_nan_are_no_voice() {
        let click = [0.9, 0.9, 0.9, 0.0, 0.0, 0.0];
        let flicker = [0.9, 0.1];
        let nan = [f32::NAN];
        for pattern in [&click[..], &flicker, &nan] {
            let heard = feed(&mut Detector::default(), &pattern.repeat(40), false);
            assert!(heard.iter().all(|h| *h == Heard::Nothing), "{pattern:?}");
        }
    }

    #[test]
    fn a_short_dip_does_not_end_voice_and_100_ms_do() {
        let mut detector = Detector::default();
        feed(&mut detector, &[0.9; 5], false);
        let heard = feed(&mut detector, &[0.1, 0.1, 0.1, 0.1, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.9], false);
        assert_eq!(heard[4], Heard::Voiced);
        assert_eq!(heard[10], Heard::Nothing, "voice had ended and must begin anew");
    }

    #[test]
    fn over_the_agent_it_takes_more() {
        assert!(!feed(&mut Detector::default(), &[0.65; 50], true).iter().any(|h| *h != Heard::Nothing));
        let heard = feed(&mut Detector::default(), &[0.8; 5], true);
        assert_eq!(heard[4], Heard::Onset { at: Ms(0), voiced_ms: 100 });
        let mut quiet = Detector::default();
        assert!((1..50).all(|i| quiet.frame(0.9, -55.0, true, Ms(i * 20)) == Heard::Nothing), "an echo is quiet");
    }

    #[test]
    fn a_loud_frame_rises_at_once_and_a_softer_one_at_its_second() {
        let none = f32::NEG_INFINITY;
        let mut rise = Rise::default();
        assert!((0..50).all(|_| !rise.frame(-62.0, none)));
        assert!(rise.frame(-25.0, none));
        let mut rise = Rise::default();
        assert!(!rise.frame(-40.0, none) && rise.frame(-40.0, none));
        assert!(!rise.frame(f32::NAN, none) && !rise.frame(f32::NEG_INFINITY, none));
    }

    #[test]
    fn neither_steady_noise_nor_an_echo_rises() {
        let mut rise = Rise::default();
        assert_eq!((0..500).filter(|_| rise.frame(-40.0, f32::NEG_INFINITY)).count(), 1, "once, when it began");
        assert!((0..200).all(|n| !rise.frame(if n % 3 == 0 { -34.0 } else { -41.0 }, f32::NEG_INFINITY)));
        assert!(rise.frame(-15.0, f32::NEG_INFINITY));
        let mut rise = Rise::default();
        assert!((0..200).all(|n| !rise.frame(if n % 5 == 0 { -60.0 } else { -30.0 }, -28.0)));
        assert!(rise.frame(-15.0, -28.0));
    }
}
