//! The agent's own echo: what comes back of what was sent, so late and so much quieter.
//!
//! It is found by its envelope alone. For every delay up to 0.8 s (the line's, the caller's device's and both jitter
//! buffers') the levels sent are correlated with the levels heard; where they agree, the path is known, and a frame that
//! is not louder than the path explains is no caller. Before, or without such a path, only what is louder than any
//! plausible echo counts, and a line on which nothing comes back earns trust within seconds.

/// Frames of 20 ms of what was sent that may still come back.
const HISTORY: usize = 40;
/// Levels are counted from here up; below is silence.
const FLOOR_DBFS: f32 = -60.0;
/// The agent speaks when what was sent is louder than this.
const ACTIVE_DBFS: f32 = -40.0;
/// What was taken for voice is the loudest of an echo; so much more may come.
const TRUST_MARGIN_DB: f32 = 1.0;
/// What the past weighs after each frame: about three seconds are remembered.
const FORGET: f32 = 1.0 - 1.0 / 150.0;
/// Frames that must have been compared before a path is believed.
const LEAST_FRAMES: f32 = 40.0;
/// Agreement from which on a path is believed, and below which it is given up.
const BELIEVED: f32 = 0.6;
const DOUBTED: f32 = 0.35;
/// What is quieter is no caller while an echo may come back: the detector of voice goes on for some frames after it.
const QUIET_DBFS: f32 = -50.0;
/// The path is looked for so often, in frames.
const SEARCH_EVERY: u32 = 10;
/// A frame may be so much louder than the path says: rooms and codecs do not repeat levels exactly.
const MARGIN_DB: f32 = 6.0;
/// No echo is taken to be louder than this, or else a caller who speaks with the agent could be taken for one.
const LOUDEST_PATH_DB: f32 = -6.0;
/// What an echo may be like on a line of which nothing is known, and what is not trusted less than.
const UNKNOWN_DB: f32 = -16.0;
const TRUSTED_DB: f32 = -40.0;
/// So much below the agent's loudest sound of the last 0.8 s an echo stays whose path is not known.
const PLAUSIBLE_DB: f32 = -8.0;
/// How quickly a line without echo is trusted, and one on which something comes back is not any more, in dB a frame.
const TRUST_STEP_DB: f32 = 0.1;
const DISTRUST_STEP_DB: f32 = 0.5;
/// So much above what came back is what may come back.
const HEADROOM_DB: f32 = 8.0;

/// Sums over frames, the older the lighter, of level sent (x) and level heard (y) at one delay.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    x: f32,
    xx: f32,
    xy: f32,
    /// Of frames in which the agent was loud: how many, and by how much what was heard was louder.
    loud: f32,
    difference: f32,
}

/// Where the echo comes back.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Path {
    delay: usize,
    gain_db: f32,
}

/// Tells the agent's echo from the caller.
#[derive(Debug)]
pub(super) struct EchoGuard {
    /// The latest first.
    sent: [f32; HISTORY],
    sums: [Sums; HISTORY],
    frames: f32,
    y: f32,
    yy: f32,
    path: Option<Path>,
    /// The most that an echo is expected to have of what was sent, while no path is known.
    bound_db: f32,
    /// Where the bound stays while the line is trusted, and while it is not; both are the same once an echo was heard.
    least_db: f32,
    most_db: f32,
    since_search: u32,
}

impl Default for EchoGuard {
    fn default() -> Self {
        Self {
            sent: [FLOOR_DBFS; HISTORY],
            sums: [Sums::default(); HISTORY],
            frames: 0.0,
            y: 0.0,
            yy: 0.0,
            path: None,
            bound_db: UNKNOWN_DB,
            least_db: TRUSTED_DB,
            most_db: UNKNOWN_DB,
            since_search: 0,
        }
    }
}

impl EchoGuard {
    /// Takes the level of the next 20 ms that were sent.
    pub fn played(&mut self, rms_dbfs: f32) {
        self.sent.rotate_right(1);
        self.sent[0] = clip(rms_dbfs);
    }

    /// Takes the level of the 20 ms heard at the same time; says whether an echo explains it.
    pub fn explains(&mut self, rms_dbfs: f32) -> bool {
        let loudest = self.loudest();
        if loudest < ACTIVE_DBFS {
            return false;
        }
        let heard = clip(rms_dbfs);
        self.compare(heard);
        let at_once = heard - loudest + HEADROOM_DB;
        let bound = at_once.clamp(self.bound_db - TRUST_STEP_DB, self.bound_db + DISTRUST_STEP_DB);
        self.bound_db = bound.clamp(self.least_db, self.most_db);
        heard <= self.expected().max(QUIET_DBFS)
    }

    /// The loudest that an echo may be now, whenever what is heard was sent, in dBFS; minus infinity while there is none.
    pub fn loudest_expected(&self) -> f32 {
        let loudest = self.loudest();
        if loudest < ACTIVE_DBFS {
            return f32::NEG_INFINITY;
        }
        loudest + self.path.map_or(self.bound_db, |path| path.gain_db + MARGIN_DB)
    }

    /// How much louder than the loudest that was sent of late, in dB; infinity when that was nothing.
    pub fn over_sent_db(&self, rms_dbfs: f32) -> f32 {
        let loudest = self.loudest();
        if loudest < ACTIVE_DBFS { f32::INFINITY } else { clip(rms_dbfs) - loudest }
    }

    /// Whether an echo may be so loud, by [`Self::over_sent_db`].
    pub fn is_plausible(over_sent_db: f32) -> bool {
        over_sent_db <= PLAUSIBLE_DB
    }

    /// The words of what was so loud were the agent's own: the line has an echo, and is not trusted less again.
    pub fn learn(&mut self, over_sent_db: f32) {
        self.most_db = self.most_db.max(over_sent_db.min(PLAUSIBLE_DB) + TRUST_MARGIN_DB);
        self.least_db = self.most_db;
        self.bound_db = self.most_db;
    }

    fn expected(&self) -> f32 {
        let Some(path) = self.path else { return self.loudest() + self.bound_db };
        // Frames do not lie on those that were sent, and rooms ring.
        let around = &self.sent[path.delay.saturating_sub(1)..(path.delay + 3).min(HISTORY)];
        around.iter().copied().fold(FLOOR_DBFS, f32::max) + path.gain_db + MARGIN_DB
    }

    fn loudest(&self) -> f32 {
        self.sent.iter().copied().fold(FLOOR_DBFS, f32::max)
    }

    fn compare(&mut self, heard: f32) {
        let y = heard - FLOOR_DBFS;
        self.frames = self.frames * FORGET + 1.0;
        self.y = self.y * FORGET + y;
        self.yy = self.yy * FORGET + y * y;
        for (sums, sent) in self.sums.iter_mut().zip(self.sent) {
            let x = sent - FLOOR_DBFS;
            sums.x = sums.x * FORGET + x;
            sums.xx = sums.xx * FORGET + x * x;
            sums.xy = sums.xy * FORGET + x * y;
            let loud = if sent >= ACTIVE_DBFS { 1.0 } else { 0.0 };
            sums.loud = sums.loud * FORGET + loud;
            sums.difference = sums.difference * FORGET + loud * (heard - sent);
        }
        self.since_search += 1;
        if self.since_search >= SEARCH_EVERY && self.frames >= LEAST_FRAMES {
            self.since_search = 0;
            self.search();
        }
    }

    fn search(&mut self) {
        let agreements = (0..HISTORY).map(|delay| (delay, self.agreement(delay)));
        let Some((delay, best)) = agreements.max_by(|a, b| a.1.total_cmp(&b.1)) else { return };
        if best >= BELIEVED {
            let Sums { loud, difference, .. } = self.sums[delay];
            let gain_db = (difference / loud.max(1.0)).min(LOUDEST_PATH_DB);
            self.path = Some(Path { delay, gain_db });
        } else if best < DOUBTED {
            self.path = None;
        }
    }

    /// Pearson's correlation at one delay; 0 where nothing varies.
    fn agreement(&self, delay: usize) -> f32 {
        let (n, sums) = (self.frames, &self.sums[delay]);
        let spread_x = sums.xx - sums.x * sums.x / n;
        let spread_y = self.yy - self.y * self.y / n;
        // Less than 3 dB of variation is none.
        if spread_x < 9.0 * n || spread_y < 9.0 * n {
            return 0.0;
        }
        (sums.xy - sums.x * self.y / n) / (spread_x * spread_y).sqrt()
    }
}

/// NaN is silence.
fn clip(rms_dbfs: f32) -> f32 {
    if rms_dbfs.is_nan() { FLOOR_DBFS } else { rms_dbfs.clamp(FLOOR_DBFS, 0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The level of speech, another one for each seed.
    fn speech_dbfs(frame: usize, seed: usize) -> f32 {
        let noise = |n: usize| ((n * 7_919 + seed * 104_729) % 1_009) as f32 / 1_009.0;
        if noise(frame / 17 + 31) < 0.25 { -62.0 } else { -16.0 - 14.0 * noise(frame / 5) - 4.0 * noise(frame) }
    }

    /// How many of the frames `from..to` are heard and are no echo; the caller is heard with the echo.
    fn callers(guard: &mut EchoGuard, frames: std::ops::Range<usize>, gain_db: f32, caller: fn(usize) -> f32) -> usize {
        let counts = |n: &usize| {
            guard.played(speech_dbfs(*n, 3));
            let heard = (speech_dbfs(n.saturating_sub(12), 3) + gain_db).max(caller(*n));
            !guard.explains(heard) && heard > -50.0
        };
        frames.filter(counts).count()
    }

    #[test]
    fn a_loud_echo_is_learned_within_two_seconds_and_a_caller_over_it_is_heard() {
        let mut guard = EchoGuard::default();
        callers(&mut guard, 0..100, -12.0, |_| f32::MIN);
        assert_eq!(callers(&mut guard, 100..400, -12.0, |_| f32::MIN), 0);
        assert!(callers(&mut guard, 400..500, -12.0, |n| speech_dbfs(n, 8)) > 20);
    }

    #[test]
    fn a_line_without_echo_is_trusted_and_a_soft_caller_heard() {
        let soft = |n: usize| speech_dbfs(n, 8) - 14.0;
        let unknown = callers(&mut EchoGuard::default(), 300..350, -60.0, soft);
        let mut guard = EchoGuard::default();
        callers(&mut guard, 0..300, -60.0, |_| f32::MIN);
        let trusted = callers(&mut guard, 300..350, -60.0, soft);
        assert!(trusted > 30 && unknown < trusted / 2, "{unknown} {trusted}");
    }

    #[test]
    fn while_nothing_was_sent_nothing_is_an_echo() {
        let mut guard = EchoGuard::default();
        assert!(![-10.0, -40.0, -60.0, f32::NAN].iter().any(|level| guard.explains(*level)));
        assert!(guard.loudest_expected() < -1_000.0);
    }
}
