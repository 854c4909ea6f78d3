//! An adaptive jitter buffer, without clock or I/O: samples go in by RTP timestamp, frames come out by time.
//!
//! Time is counted in samples throughout. A sample's *transit* is its arrival less its timestamp: only differences of
//! transits mean anything. The least transit of the last seconds is the base; a frame is played when `base + delay`
//! has passed, and `delay` follows the spread of the transits seen.

use std::ops::RangeInclusive;

use super::frame::{FRAME_SAMPLES, SAMPLES_PER_MS};
use super::plc::Concealer;

/// Microseconds on any clock that does not jump.
pub type Micros = u64;

/// Samples that can wait: 512 ms. A power of two.
const RING: usize = 4_096;
const FRAME: i64 = FRAME_SAMPLES as i64;
/// Late or far-off packets in a row that mean a new timeline rather than bad luck.
const LATE_IN_A_ROW: u32 = 5;
const STRAYS_IN_A_ROW: u32 = 2;
/// Frames that an excess delay lasts before it is cut even out of speech (1 s).
const PATIENCE: u32 = 50;
/// Mean magnitude below which a frame may be left out or repeated unheard.
const QUIET: u32 = 150;

/// What a place in the ring holds.
const EMPTY: u8 = 0;
const VOICE: u8 = 1;
const NOISE: u8 = 2;

/// How a packet fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    InTime,
    /// Its time to be heard had passed.
    Late,
    /// Its timestamp is far from all others; dropped until a second one agrees.
    Stray,
}

/// What a frame is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Popped {
    pub concealed: bool,
    pub comfort_noise: bool,
}

/// The buffer of one RTP stream at a time.
pub struct JitterBuffer {
    samples: Box<[i16; RING]>,
    kinds: Box<[u8; RING]>,
    limits: RangeInclusive<i64>,
    timeline: Option<Timeline>,
    spread: Spread,
    concealer: Concealer,
    noise: Noise,
    late_in_a_row: u32,
    strays: u32,
    /// What was known of the network before packets began to be late.
    before_late: Option<Spread>,
    /// A packet came too late since the delay was last long enough.
    starved: bool,
    excess_frames: u32,
}

/// Where a stream is, in extended timestamps.
struct Timeline {
    last_ts: u32,
    last: i64,
    /// The next sample to be heard.
    play: i64,
    /// The first packet's timestamp and arrival, until the first pop has laid `play` on the grid of frames.
    first: Option<(i64, i64)>,
}

impl JitterBuffer {
    /// A buffer that delays by `limits_ms` milliseconds at least and at most, 400 at the very most.
    pub fn new(limits_ms: RangeInclusive<u32>) -> Self {
        let samples = |ms: u32| i64::from(ms.min(400)) * SAMPLES_PER_MS as i64;
        let least = samples(*limits_ms.start());
        Self {
            samples: Box::new([0; RING]),
            kinds: Box::new([EMPTY; RING]),
            limits: least..=samples(*limits_ms.end()).max(least),
            timeline: None,
            spread: Spread::default(),
            concealer: Concealer::default(),
            noise: Noise::default(),
            late_in_a_row: 0,
            strays: 0,
            before_late: None,
            starved: false,
            excess_frames: 0,
        }
    }

    /// Forgets the stream's timeline, for a new source or SSRC; what was learnt about the network stays.
    pub fn reset(&mut self) {
        self.timeline = None;
        self.kinds.fill(EMPTY);
        self.noise.on = false;
        self.late_in_a_row = 0;
        self.strays = 0;
        self.starved = false;
        self.spread.forget_base();
    }

    /// What the buffer aims to delay, in milliseconds.
    pub fn target_ms(&self) -> u32 {
        (self.target() / SAMPLES_PER_MS as i64) as u32
    }

    /// Takes the audio of a packet.
    pub fn insert(&mut self, timestamp: u32, pcm: &[i16], arrival: Micros) -> Inserted {
        self.place(timestamp, pcm, VOICE, arrival)
    }

    /// Takes a comfort noise packet: noise of `level_dbov` (0 to -127, as the positive number) until audio comes.
    pub fn insert_noise(&mut self, timestamp: u32, level_dbov: u8, arrival: Micros) -> Inserted {
        self.noise.set_level(level_dbov);
        self.place(timestamp, &[0; FRAME_SAMPLES], NOISE, arrival)
    }

    fn place(&mut self, timestamp: u32, pcm: &[i16], kind: u8, arrival: Micros) -> Inserted {
        let arrival = in_samples(arrival);
        let target = self.target();
        let timeline = self.timeline.get_or_insert_with(|| {
            let start = i64::from(timestamp);
            Timeline { last_ts: timestamp, last: start, play: start - target, first: Some((start, arrival)) }
        });
        let at = timeline.last + i64::from(timestamp.wrapping_sub(timeline.last_ts) as i32);
        let end = at + pcm.len() as i64;
        if at < timeline.play - RING as i64 || end > timeline.play + RING as i64 {
            self.strays += 1;
            if self.strays < STRAYS_IN_A_ROW {
                return Inserted::Stray;
            }
            return self.restart(timestamp, pcm, kind, arrival);
        }
        self.strays = 0;
        (timeline.last_ts, timeline.last) = (timestamp, at);
        let play = timeline.play;
        if end > play {
            self.late_in_a_row = 0;
        } else if self.late_in_a_row == 0 {
            self.before_late = Some(self.spread.clone());
        }
        self.spread.observe(arrival - at);
        if end <= play {
            self.starved = true;
            self.late_in_a_row += 1;
            if self.late_in_a_row < LATE_IN_A_ROW {
                return Inserted::Late;
            }
            // It was no jitter: the timeline has moved.
            self.spread = self.before_late.take().unwrap_or_default();
            return self.restart(timestamp, pcm, kind, arrival);
        }
        let from = at.max(play);
        let (first, second) = stretch(from, (end - from) as usize);
        let (head, tail) = pcm[(from - at) as usize..].split_at(first.len());
        self.samples[first.clone()].copy_from_slice(head);
        self.samples[second.clone()].copy_from_slice(tail);
        self.kinds[first].fill(kind);
        self.kinds[second].fill(kind);
        Inserted::InTime
    }

    fn restart(&mut self, timestamp: u32, pcm: &[i16], kind: u8, arrival: i64) -> Inserted {
        let noise = self.noise.on;
        self.reset();
        self.noise.on = noise;
        let micros = (arrival.max(0) as u64) * 1_000 / SAMPLES_PER_MS as u64;
        self.place(timestamp, pcm, kind, micros)
    }

    /// Takes the 20 ms that are to be heard from `now` on. To be called every 20 ms.
    pub fn pop(&mut self, now: Micros, out: &mut [i16; FRAME_SAMPLES]) -> Popped {
        let now = in_samples(now);
        let target = self.target();
        let Some(timeline) = &mut self.timeline else {
            return self.nothing(out);
        };
        if let Some((first, arrival)) = timeline.first.take() {
            // Negative when packets came long before anyone listened: what is too old is left out.
            let frames_to_wait = (arrival + target - now + FRAME / 2).div_euclid(FRAME);
            let skipped = timeline.play;
            timeline.play = first - frames_to_wait * FRAME;
            for n in skipped..timeline.play.min(skipped + RING as i64) {
                self.kinds[index(n)] = EMPTY;
            }
        }
        let delay = now - timeline.play - self.spread.base().unwrap_or(now - timeline.play);
        let play = timeline.play;
        self.starved &= delay < target - FRAME / 2;
        if self.starved || (delay <= target - FRAME && self.is_quiet(play)) {
            // Too little delay: this frame is invented and the timeline waits for it.
            return self.nothing(out);
        }
        self.excess_frames = if delay > target + FRAME * 3 / 2 { self.excess_frames + 1 } else { 0 };
        if self.excess_frames > 0 && (self.excess_frames > PATIENCE || self.is_quiet(play)) {
            self.excess_frames = 0;
            self.advance();
        }
        let popped = self.take_frame(out);
        self.advance();
        popped
    }

    fn nothing(&mut self, out: &mut [i16; FRAME_SAMPLES]) -> Popped {
        if self.noise.on {
            self.noise.fill(out);
            return Popped { concealed: false, comfort_noise: true };
        }
        self.concealer.conceal(out);
        Popped { concealed: true, comfort_noise: false }
    }

    /// Moves the timeline on by a frame and clears the places behind it for what comes around the ring.
    fn advance(&mut self) {
        let timeline = self.timeline.as_mut().expect("invariant: only called with a timeline");
        let (first, second) = stretch(timeline.play, FRAME_SAMPLES);
        self.kinds[first].fill(EMPTY);
        self.kinds[second].fill(EMPTY);
        timeline.play += FRAME;
    }

    fn take_frame(&mut self, out: &mut [i16; FRAME_SAMPLES]) -> Popped {
        let play = self.timeline.as_ref().expect("invariant: only called with a timeline").play;
        let (first, second) = stretch(play, FRAME_SAMPLES);
        // Nearly always the frame is there as a whole.
        if self.kinds[first.clone()].iter().chain(&self.kinds[second.clone()]).all(|kind| *kind == VOICE) {
            let (head, tail) = out.split_at_mut(first.len());
            head.copy_from_slice(&self.samples[first]);
            tail.copy_from_slice(&self.samples[second]);
            self.noise.on = false;
            self.concealer.heard(out);
            return Popped::default();
        }
        self.take_patchwork(play, out)
    }

    fn take_patchwork(&mut self, play: i64, out: &mut [i16; FRAME_SAMPLES]) -> Popped {
        let mut popped = Popped::default();
        let mut n = 0;
        while n < FRAME_SAMPLES {
            let kind = self.kinds[index(play + n as i64)];
            let run = (n..FRAME_SAMPLES)
                .position(|m| self.kinds[index(play + m as i64)] != kind)
                .map_or(FRAME_SAMPLES, |length| n + length);
            let part = &mut out[n..run];
            if kind == VOICE {
                for (sample, m) in part.iter_mut().zip(n..) {
                    *sample = self.samples[index(play + m as i64)];
                }
                self.noise.on = false;
                self.concealer.heard(part);
            } else if kind == NOISE || self.noise.on {
                self.noise.on = true;
                self.noise.fill(part);
                self.concealer.heard(part);
                popped.comfort_noise = true;
            } else {
                self.concealer.conceal(part);
                popped.concealed = true;
            }
            n = run;
        }
        popped
    }

    fn is_quiet(&self, play: i64) -> bool {
        let level: u32 = (play..play + FRAME)
            .filter(|n| self.kinds[index(*n)] == VOICE)
            .map(|n| u32::from(self.samples[index(n)].unsigned_abs()))
            .sum();
        level < QUIET * FRAME_SAMPLES as u32
    }

    fn target(&self) -> i64 {
        self.spread.wanted_delay().clamp(*self.limits.start(), *self.limits.end())
    }
}

fn in_samples(time: Micros) -> i64 {
    (time / 125) as i64
}

fn index(n: i64) -> usize {
    n as usize & (RING - 1)
}

/// The places of up to [`RING`] samples from `start` on: a stretch, and what is left of it after the ring's end.
fn stretch(start: i64, len: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let from = index(start);
    let first = len.min(RING - from);
    (from..from + first, 0..len - first)
}

const BUCKETS: usize = 64;
/// 5 ms.
const BUCKET: i64 = 40;
/// Packets over which the base is the least transit; it is 5 to 10 s with packets of 20 ms.
const BASE_WINDOW: u32 = 250;
/// The share of packets that shall be in time.
const IN_TIME: f32 = 0.97;

/// The spread of transits above their base, forgotten over some 4 s.
#[derive(Clone)]
struct Spread {
    histogram: [f32; BUCKETS],
    observed: u32,
    previous_base: Option<i64>,
    current_base: Option<i64>,
    in_window: u32,
    wanted: i64,
}

impl Default for Spread {
    fn default() -> Self {
        Self {
            histogram: [0.0; BUCKETS],
            observed: 0,
            previous_base: None,
            current_base: None,
            in_window: 0,
            wanted: 0,
        }
    }
}

impl Spread {
    fn base(&self) -> Option<i64> {
        match (self.previous_base, self.current_base) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn forget_base(&mut self) {
        self.previous_base = None;
        self.current_base = None;
        self.in_window = 0;
    }

    fn observe(&mut self, transit: i64) {
        self.current_base = Some(self.current_base.map_or(transit, |base| base.min(transit)));
        self.in_window += 1;
        let base = self.base().unwrap_or(transit);
        if self.in_window >= BASE_WINDOW {
            self.previous_base = self.current_base.take();
            self.in_window = 0;
        }
        // The first packets count more, until there are enough of them to forget slowly.
        self.observed = (self.observed + 1).min(200);
        let weight = 1.0 / self.observed as f32;
        for share in &mut self.histogram {
            *share *= 1.0 - weight;
        }
        let bucket = ((transit - base) / BUCKET).clamp(0, BUCKETS as i64 - 1) as usize;
        self.histogram[bucket] += weight;
        let mut sum = 0.0;
        let enough = self.histogram.iter().position(|share| {
            sum += share;
            sum >= IN_TIME
        });
        // One bucket's width because the bucket's end counts, two more for the coarse steps of playing.
        self.wanted = (enough.unwrap_or(BUCKETS - 1) as i64 + 3) * BUCKET;
    }

    fn wanted_delay(&self) -> i64 {
        self.wanted
    }
}

/// White noise at the level that the far end asked for (RFC 3389).
struct Noise {
    on: bool,
    amplitude: i32,
    state: u32,
}

impl Default for Noise {
    fn default() -> Self {
        Self { on: false, amplitude: 0, state: 0x2545_F491 }
    }
}

impl Noise {
    fn set_level(&mut self, level_dbov: u8) {
        // Uniform noise between ±a has an RMS of a/√3. Louder than -30 dBov is not background.
        let rms = 32_768.0 * 10f32.powf(-f32::from(level_dbov.clamp(30, 127)) / 20.0);
        self.amplitude = (rms * 1.732) as i32;
    }

    fn fill(&mut self, out: &mut [i16]) {
        for sample in out {
            // xorshift: cheap, and nobody listens closely.
            self.state ^= self.state << 13;
            self.state ^= self.state >> 17;
            self.state ^= self.state << 5;
            let centred = (self.state >> 16) as i32 - 32_768;
            *sample = (centred * self.amplitude / 32_768) as i16;
        }
    }
}

#[cfg(test)]
mod tests;
