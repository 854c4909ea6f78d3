//! An adaptive jitter buffer, without clock or I/O: audio goes in by RTP timestamp, frames come out by time.
//!
//! Time is counted in ticks of 1/8000 s throughout; a tick is one sample at 8 kHz and two at 16. A tick's *transit* is
//! its arrival less its timestamp: only differences of transits mean anything. The least transit of the last seconds is
//! the base; a frame is played when `base + delay` has passed, and `delay` follows the spread of the transits seen.
//!
//! G.711 goes in as samples. The wide-band codecs have a memory, so their packets wait as they came and are decoded as
//! late as can be, in order: by then a packet behind a lost one has usually come, and Opus repeats the lost one in it.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use super::codec::Codec;
use super::codec::stream::{MOST_TICKS, WideDecoder};
use super::frame::{FRAME_SAMPLES, SAMPLES_PER_MS};
use super::plc::Concealer;
use noise::Noise;
use spread::Spread;

mod noise;
mod spread;

/// Microseconds on any clock that does not jump.
pub type Micros = u64;

/// Ticks that can wait: 512 ms. A power of two.
const RING: usize = 4_096;
/// Packets that can wait to be decoded: more than half a second of the shortest that anyone sends (10 ms).
const MOST_CODED: usize = 64;
/// Frames without a packet after which a decoder is not asked to go on inventing (2 s).
const MOST_INVENTED: u32 = 100;
/// A payload of so many bytes says that a pause begins or goes on (Opus DTX).
const PAUSE_BYTES: usize = 2;
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
/// Not decoded yet.
const CODED: u8 = 3;

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
    codec: Codec,
    samples: Box<[i16]>,
    kinds: Box<[u8; RING]>,
    /// Samples in a tick: 1 at 8 kHz, 2 at 16.
    per_tick: usize,
    decoder: Option<WideDecoder>,
    /// In order of their time.
    coded: VecDeque<Coded>,
    /// Buffers of packets that were decoded, to be used again.
    spare: Vec<Vec<u8>>,
    /// The packet decoded last said that a pause begins.
    pausing: bool,
    /// Frames that the decoder has invented since.
    invented: u32,
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

/// A packet that waits to be decoded.
struct Coded {
    at: i64,
    ticks: usize,
    payload: Vec<u8>,
}

/// Where a packet lies; `from` is where it is not over yet.
struct Place {
    at: i64,
    from: i64,
    end: i64,
}

/// Where a stream is.
struct Timeline {
    last_ts: u32,
    /// The same, extended, in units of the RTP clock.
    last: i64,
    /// The next tick to be heard.
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
            codec: Codec::Pcma,
            samples: vec![0; RING].into(),
            kinds: Box::new([EMPTY; RING]),
            per_tick: 1,
            decoder: None,
            coded: VecDeque::new(),
            spare: Vec::new(),
            pausing: false,
            invented: 0,
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

    /// Sets the codec of what comes; the stream begins anew when it is another, unless both are G.711.
    pub fn set_codec(&mut self, codec: Codec) {
        let same = codec == self.codec || (codec.law().is_some() && self.codec.law().is_some());
        self.codec = codec;
        if same {
            return;
        }
        self.per_tick = if codec.is_wide() { 2 } else { 1 };
        self.samples = vec![0; RING * self.per_tick].into();
        self.decoder = WideDecoder::new(codec);
        self.concealer = Concealer::new(self.per_tick);
        self.reset();
    }

    /// Forgets the stream's timeline, for a new source or SSRC; what was learnt about the network stays.
    pub fn reset(&mut self) {
        self.timeline = None;
        self.kinds.fill(EMPTY);
        self.coded.clear();
        self.decoder.iter_mut().for_each(WideDecoder::reset);
        self.pausing = false;
        self.invented = 0;
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

    /// Takes the audio of a packet: samples at the rate of the codec that was set.
    pub fn insert(&mut self, timestamp: u32, pcm: &[i16], arrival: Micros) -> Inserted {
        match self.locate(timestamp, pcm.len() / self.per_tick, in_ticks(arrival)) {
            Ok(place) => {
                self.write(&place, pcm);
                self.mark(place.from, place.end, VOICE);
                Inserted::InTime
            }
            Err(inserted) => inserted,
        }
    }

    /// Takes a packet of a wide-band codec, which lasts `ticks`.
    pub fn insert_coded(&mut self, timestamp: u32, ticks: usize, payload: &[u8], arrival: Micros) -> Inserted {
        let place = match self.locate(timestamp, ticks, in_ticks(arrival)) {
            Ok(place) => place,
            Err(inserted) => return inserted,
        };
        let index = self.coded.partition_point(|coded| coded.at < place.at);
        let is_there = self.coded.get(index).is_some_and(|coded| coded.at == place.at);
        if is_there || self.coded.len() >= MOST_CODED {
            return Inserted::Stray;
        }
        let mut kept = self.spare.pop().unwrap_or_default();
        kept.clear();
        kept.extend_from_slice(payload);
        self.coded.insert(index, Coded { at: place.at, ticks, payload: kept });
        self.mark(place.from, place.end, CODED);
        Inserted::InTime
    }

    /// Takes a comfort noise packet: noise of `level_dbov` (0 to -127, as the positive number) until audio comes.
    pub fn insert_noise(&mut self, timestamp: u32, level_dbov: u8, arrival: Micros) -> Inserted {
        self.noise.set_level(level_dbov);
        match self.locate(timestamp, FRAME_SAMPLES, in_ticks(arrival)) {
            Ok(place) => {
                self.mark(place.from, place.end, NOISE);
                Inserted::InTime
            }
            Err(inserted) => inserted,
        }
    }

    /// Finds the place of a packet of so many ticks and learns from its arrival; `Err` when it cannot be heard.
    fn locate(&mut self, timestamp: u32, ticks: usize, arrival: i64) -> Result<Place, Inserted> {
        let target = self.target();
        let clock_per_tick = i64::from(self.codec.clock_per_tick());
        let timeline = self.timeline.get_or_insert_with(|| {
            let start = i64::from(timestamp);
            let first = start / clock_per_tick;
            Timeline { last_ts: timestamp, last: start, play: first - target, first: Some((first, arrival)) }
        });
        let clock = timeline.last + i64::from(timestamp.wrapping_sub(timeline.last_ts) as i32);
        let at = clock.div_euclid(clock_per_tick);
        let end = at + ticks as i64;
        if at < timeline.play - RING as i64 || end > timeline.play + RING as i64 {
            self.strays += 1;
            if self.strays < STRAYS_IN_A_ROW {
                return Err(Inserted::Stray);
            }
            return self.restart(timestamp, ticks, arrival);
        }
        self.strays = 0;
        (timeline.last_ts, timeline.last) = (timestamp, clock);
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
                return Err(Inserted::Late);
            }
            // It was no jitter: the timeline has moved.
            self.spread = self.before_late.take().unwrap_or_default();
            return self.restart(timestamp, ticks, arrival);
        }
        Ok(Place { at, from: at.max(play), end })
    }

    fn restart(&mut self, timestamp: u32, ticks: usize, arrival: i64) -> Result<Place, Inserted> {
        let noise = self.noise.on;
        self.reset();
        self.noise.on = noise;
        self.locate(timestamp, ticks, arrival)
    }

    /// Writes samples that begin at `place.at`; what lies before `place.from` is left out.
    fn write(&mut self, place: &Place, pcm: &[i16]) {
        let per_tick = self.per_tick;
        let (first, second) = stretch(place.from, (place.end - place.from) as usize);
        let (first, second) = (scaled(first, per_tick), scaled(second, per_tick));
        let rest = &pcm[(place.from - place.at) as usize * per_tick..];
        let (head, tail) = rest.split_at(first.len());
        self.samples[first].copy_from_slice(head);
        self.samples[second.clone()].copy_from_slice(&tail[..second.len()]);
    }

    fn mark(&mut self, from: i64, end: i64, kind: u8) {
        let (first, second) = stretch(from, (end - from) as usize);
        self.kinds[first].fill(kind);
        self.kinds[second].fill(kind);
    }

    /// Decodes the packets that begin before `end`.
    fn decode_until(&mut self, end: i64) {
        let Some(timeline) = &self.timeline else { return };
        let play = timeline.play;
        let mut pcm = [0; 2 * MOST_TICKS];
        while let Some(coded) = self.coded.pop_front_if(|coded| coded.at < end) {
            let Some(decoder) = &mut self.decoder else { return };
            let count = decoder.decode(&coded.payload, &mut pcm) / self.per_tick;
            self.pausing = coded.payload.len() <= PAUSE_BYTES;
            self.invented = 0;
            let over = coded.at + coded.ticks as i64;
            let known = coded.at + count.min(coded.ticks) as i64;
            let (from, known) = (coded.at.max(play), known.max(play));
            if from < known {
                let place = Place { at: coded.at, from, end: known };
                self.write(&place, &pcm);
                self.mark(from, known, VOICE);
            }
            if known < over {
                // It gave less than it promised.
                self.mark(known, over, EMPTY);
            }
            self.spare.push(coded.payload);
        }
    }

    /// Decodes what the next frame needs, when no gap comes before any of it.
    fn decode_whole(&mut self) {
        let Some(timeline) = &self.timeline else { return };
        let play = timeline.play;
        let kinds = || (play..play + FRAME).map(|n| self.kinds[index(n)]);
        if kinds().all(|kind| kind == VOICE || kind == CODED) && kinds().any(|kind| kind == CODED) {
            self.decode_until(play + FRAME);
        }
    }

    /// Takes the 20 ms that are to be heard from `now` on. To be called every 20 ms.
    ///
    /// `out` has a frame's samples at the rate of the codec that was set.
    pub fn pop(&mut self, now: Micros, out: &mut [i16]) -> Popped {
        debug_assert_eq!(out.len(), FRAME_SAMPLES * self.per_tick);
        let now = in_ticks(now);
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
        if !self.starved {
            self.decode_whole();
        }
        if self.starved || (delay <= target - FRAME && self.is_quiet(play)) {
            // Too little delay: this frame is invented and the timeline waits for it.
            return self.nothing(out);
        }
        self.excess_frames = if delay > target + FRAME * 3 / 2 { self.excess_frames + 1 } else { 0 };
        if self.excess_frames > 0 && (self.excess_frames > PATIENCE || self.is_quiet(play)) {
            self.excess_frames = 0;
            self.advance();
            self.decode_whole();
        }
        let popped = self.take_frame(out);
        self.advance();
        popped
    }

    fn nothing(&mut self, out: &mut [i16]) -> Popped {
        if self.noise.on {
            self.noise.fill(out);
            return Popped { concealed: false, comfort_noise: true };
        }
        let mut popped = Popped::default();
        self.invent(None, out, &mut popped);
        popped
    }

    /// Fills a gap that ends where `ends` says.
    fn invent(&mut self, ends: Option<i64>, out: &mut [i16], popped: &mut Popped) {
        match self.decoder.as_mut().filter(|decoder| decoder.conceals()) {
            Some(_) if self.invented >= MOST_INVENTED => out.fill(0),
            Some(decoder) => {
                let next = self.coded.front().filter(|coded| Some(coded.at) == ends);
                decoder.conceal(next.map(|coded| coded.payload.as_slice()), out);
                self.invented += 1;
            }
            None => self.concealer.conceal(out),
        }
        if self.pausing {
            popped.comfort_noise = true;
        } else {
            popped.concealed = true;
        }
    }

    /// Takes note of real audio, where it is our own concealment that follows it.
    fn heard(&mut self, out: &mut [i16]) {
        if self.decoder.as_ref().is_none_or(|decoder| !decoder.conceals()) {
            self.concealer.heard(out);
        }
    }

    /// Moves the timeline on by a frame and clears the places behind it for what comes around the ring.
    fn advance(&mut self) {
        let timeline = self.timeline.as_mut().expect("invariant: only called with a timeline");
        let (first, second) = stretch(timeline.play, FRAME_SAMPLES);
        self.kinds[first].fill(EMPTY);
        self.kinds[second].fill(EMPTY);
        timeline.play += FRAME;
    }

    fn take_frame(&mut self, out: &mut [i16]) -> Popped {
        let play = self.timeline.as_ref().expect("invariant: only called with a timeline").play;
        let (first, second) = stretch(play, FRAME_SAMPLES);
        // Nearly always the frame is there as a whole.
        if self.kinds[first.clone()].iter().chain(&self.kinds[second.clone()]).all(|kind| *kind == VOICE) {
            let (first, second) = (scaled(first, self.per_tick), scaled(second, self.per_tick));
            let (head, tail) = out.split_at_mut(first.len());
            head.copy_from_slice(&self.samples[first]);
            tail.copy_from_slice(&self.samples[second]);
            self.noise.on = false;
            self.heard(out);
            return Popped::default();
        }
        self.take_patchwork(play, out)
    }

    fn take_patchwork(&mut self, play: i64, out: &mut [i16]) -> Popped {
        let per_tick = self.per_tick;
        let mut popped = Popped::default();
        let mut n = 0;
        while n < FRAME_SAMPLES {
            if self.kinds[index(play + n as i64)] == CODED {
                self.decode_until(play + n as i64 + 1);
            }
            let kind = self.kinds[index(play + n as i64)];
            let run = (n..FRAME_SAMPLES)
                .position(|m| self.kinds[index(play + m as i64)] != kind)
                .map_or(FRAME_SAMPLES, |length| n + length);
            let part = &mut out[n * per_tick..run * per_tick];
            if kind == VOICE {
                let (first, second) = stretch(play + n as i64, run - n);
                let (head, tail) = part.split_at_mut(first.len() * per_tick);
                head.copy_from_slice(&self.samples[scaled(first, per_tick)]);
                tail.copy_from_slice(&self.samples[scaled(second, per_tick)]);
                self.noise.on = false;
                self.heard(part);
            } else if kind == NOISE || self.noise.on {
                self.noise.on = true;
                self.noise.fill(part);
                self.heard(part);
                popped.comfort_noise = true;
            } else {
                self.invent(Some(play + run as i64), part, &mut popped);
            }
            n = run;
        }
        popped
    }

    fn is_quiet(&self, play: i64) -> bool {
        let frame = || play..play + FRAME;
        if frame().any(|n| self.kinds[index(n)] == CODED) {
            return false;
        }
        let level: u32 = frame()
            .filter(|n| self.kinds[index(*n)] == VOICE)
            .map(|n| u32::from(self.samples[index(n) * self.per_tick].unsigned_abs()))
            .sum();
        level < QUIET * FRAME_SAMPLES as u32
    }

    fn target(&self) -> i64 {
        self.spread.wanted_delay().clamp(*self.limits.start(), *self.limits.end())
    }
}

fn in_ticks(time: Micros) -> i64 {
    (time / 125) as i64
}

fn index(n: i64) -> usize {
    n as usize & (RING - 1)
}

/// The samples of a stretch of ticks.
fn scaled(ticks: std::ops::Range<usize>, per_tick: usize) -> std::ops::Range<usize> {
    ticks.start * per_tick..ticks.end * per_tick
}

/// The places of up to [`RING`] ticks from `start` on: a stretch, and what is left of it after the ring's end.
fn stretch(start: i64, len: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let from = index(start);
    let first = len.min(RING - from);
    (from..from + first, 0..len - first)
}

#[cfg(test)]
mod tests;
