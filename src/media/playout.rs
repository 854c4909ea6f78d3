//! The queue of clips as it becomes frames of 20 ms, without clock or I/O.
//!
//! Clips have eight bytes a millisecond whatever they are encoded in, so positions in them are ticks of 1/8000 s.

use std::collections::VecDeque;

use super::codec::stream::WideDecoder;
use super::codec::{Codec, EncodedAudio, Law};
use super::engine::{Clip, ClipId};
use super::frame::{FRAME_SAMPLES, SAMPLES_PER_MS, WIDE_FRAME_SAMPLES, rms};
use super::resample::{Doubler, Halver};

/// What happened to a clip while a frame was filled; offsets are milliseconds into that frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayoutNote {
    Started { id: ClipId, offset_ms: u64 },
    Finished { id: ClipId, offset_ms: u64 },
    Stopped(Stopped),
}

/// A clip that was ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    pub id: ClipId,
    pub played_ms: u64,
    pub total_ms: u64,
}

/// 20 ms as they are sent: bytes of G.711, or samples at 16 kHz that an encoder takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutFrame {
    Law(Law, [u8; FRAME_SAMPLES]),
    Wide(Box<[i16; WIDE_FRAME_SAMPLES]>),
}

impl OutFrame {
    /// Silence, in the form that the codec wants.
    pub fn silence(codec: Codec) -> Self {
        match codec.law() {
            Some(law) => Self::Law(law, [law.silence(); FRAME_SAMPLES]),
            None => Self::Wide(Box::new([0; WIDE_FRAME_SAMPLES])),
        }
    }

    /// Makes it silent from this tick on.
    pub fn mute(&mut self, from: usize) {
        match self {
            Self::Law(law, bytes) => bytes[from..].fill(law.silence()),
            Self::Wide(samples) => samples[2 * from..].fill(0),
        }
    }

    /// Lets its level go from one factor to another.
    fn ramp(&mut self, from: f32, to: f32) {
        let level = |n: usize, count: usize| from + (to - from) * n as f32 / count as f32;
        match self {
            Self::Law(law, bytes) => {
                for (n, byte) in bytes.iter_mut().enumerate() {
                    let sample = f32::from(law.decode_byte(*byte)) * level(n, FRAME_SAMPLES);
                    *byte = law.encode_sample(sample as i16);
                }
            }
            Self::Wide(samples) => {
                for (n, sample) in samples.iter_mut().enumerate() {
                    *sample = (f32::from(*sample) * level(n, WIDE_FRAME_SAMPLES)) as i16;
                }
            }
        }
    }

    /// Root mean square, 0 to 32768.
    pub fn rms(&self) -> u16 {
        match self {
            Self::Law(law, bytes) => rms(&bytes.map(|byte| law.decode_byte(byte))) as u16,
            Self::Wide(samples) => rms(samples.as_slice()) as u16,
        }
    }
}

/// Plays clips one after the other without a gap, in the call's codec, at the call's level.
pub struct Playout {
    queue: VecDeque<Queued>,
    current: Option<Playing>,
    law: Option<Law>,
    gain: f32,
    /// From each law, in the order of [`source_index`], to ours at the current level; `None` leaves bytes alone.
    tables: [Option<Box<[u8; 256]>>; 2],
    pause: Pause,
    /// Made when it is needed first: most calls are narrow-band, and so are their clips.
    converter: Option<Box<Converter>>,
}

/// Whether the queue moves. Going into and out of a pause takes a frame in which the level falls and rises, so that
/// neither clicks; no sample is left out or played twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Pause {
    #[default]
    Off,
    /// The next frame is the last for now.
    Begins,
    On,
    /// The next frame is the first again.
    Ends,
}

/// What clips need whose rate is not the call's, or that are in G.722.
struct Converter {
    decoder: WideDecoder,
    doubler: Doubler,
    halver: Halver,
}

struct Queued {
    clip: Clip,
    repeats: bool,
}

struct Playing {
    id: ClipId,
    audio: EncodedAudio,
    position: usize,
    /// Begins again at its end.
    repeats: bool,
    /// How often it has been played to its end.
    rounds: u64,
    fade: Option<Fade>,
}

/// A stop on its way: `left` of `total` samples are still heard.
struct Fade {
    left: usize,
    total: usize,
}

impl Default for Playout {
    fn default() -> Self {
        let mut playout = Self {
            queue: VecDeque::new(),
            current: None,
            law: Some(Law::A),
            gain: 1.0,
            tables: [None, None],
            pause: Pause::Off,
            converter: None,
        };
        playout.make_tables();
        playout
    }
}

impl Playout {
    /// Sets the codec to play in; a change takes effect in mid-clip.
    pub fn set_codec(&mut self, codec: Codec) {
        if codec.law() != self.law {
            self.law = codec.law();
            self.make_tables();
        }
    }

    /// Sets the level, in dB relative to the clips' own; `None` restores it.
    pub fn set_gain(&mut self, gain_db: Option<f32>) {
        let gain = gain_db.filter(|db| db.is_finite()).map_or(1.0, |db| 10f32.powf(db / 20.0));
        if gain != self.gain {
            self.gain = gain;
            self.make_tables();
        }
    }

    /// Appends clips.
    pub fn push(&mut self, clips: Vec<Clip>) {
        self.queue.extend(clips.into_iter().map(|clip| Queued { clip, repeats: false }));
    }

    /// Appends a clip that is played again and again, its end joined to its beginning, until [`Playout::stop`].
    pub fn push_repeating(&mut self, clip: Clip) {
        self.queue.push_back(Queued { clip, repeats: true });
    }

    /// Lets the next frame fade, and the queue wait where that frame ends, until [`Playout::resume`] or
    /// [`Playout::stop`]. What is queued meanwhile waits too.
    pub fn pause(&mut self) {
        self.pause = match self.pause {
            Pause::Off if self.is_idle() => Pause::On,
            Pause::Off => Pause::Begins,
            Pause::Ends => Pause::On,
            under_way => under_way,
        };
    }

    /// Goes on with the very sample before which [`Playout::pause`] left off.
    pub fn resume(&mut self) {
        self.pause = match self.pause {
            // Nothing was held back yet.
            Pause::Off | Pause::Begins => Pause::Off,
            Pause::On | Pause::Ends => Pause::Ends,
        };
    }

    /// Begins to fade the current clip out and drops the waiting ones. With nothing left to fade, or in a pause, it
    /// ends now. A pause is over with it.
    pub fn stop(&mut self, fade_ms: u32, mut note: impl FnMut(Stopped)) {
        let is_heard = matches!(std::mem::take(&mut self.pause), Pause::Off | Pause::Begins);
        let fade = if is_heard { (fade_ms as usize).min(1_000) * SAMPLES_PER_MS } else { 0 };
        match &mut self.current {
            Some(playing) if fade > 0 => {
                // A second stop can only shorten the fade.
                if playing.fade.as_ref().is_none_or(|running| running.left > fade) {
                    playing.fade = Some(Fade { left: fade, total: fade });
                }
            }
            _ => {
                if let Some(playing) = self.current.take() {
                    note(playing.stopped());
                }
            }
        }
        for Queued { clip, .. } in self.queue.drain(..) {
            note(Stopped { id: clip.id, played_ms: 0, total_ms: clip.audio.duration_ms() });
        }
    }

    /// Whether the next frame would be silence.
    pub fn is_idle(&self) -> bool {
        self.current.is_none() && self.queue.is_empty()
    }

    /// Fills one frame, which must be of the form that the codec wants; returns whether any of it is from a clip.
    pub fn fill(&mut self, out: &mut OutFrame, note: impl FnMut(PlayoutNote)) -> bool {
        let (next, from, to) = match self.pause {
            Pause::Off => return self.fill_playing(out, note),
            Pause::On => {
                out.mute(0);
                return false;
            }
            Pause::Begins => (Pause::On, 1.0, 0.0),
            Pause::Ends => (Pause::Off, 0.0, 1.0),
        };
        self.pause = next;
        let audible = self.fill_playing(out, note);
        out.ramp(from, to);
        audible
    }

    fn fill_playing(&mut self, out: &mut OutFrame, mut note: impl FnMut(PlayoutNote)) -> bool {
        let mut filled = 0;
        let mut audible = false;
        while filled < FRAME_SAMPLES {
            let Some(mut playing) = self.current.take().or_else(|| self.next_clip()) else { break };
            if playing.position == 0 && playing.rounds == 0 {
                note(PlayoutNote::Started { id: playing.id, offset_ms: (filled / SAMPLES_PER_MS) as u64 });
            }
            let count = self.copy(&mut playing, out, filled);
            filled += count;
            audible |= count > 0;
            let faded = playing.fade.as_ref().is_some_and(|fade| fade.left == 0);
            if playing.begins_again() && !faded {
                playing.position = 0;
                playing.rounds += 1;
            }
            if playing.position < playing.audio.bytes.len() && !faded {
                self.current = Some(playing);
            } else if playing.fade.is_some() {
                note(PlayoutNote::Stopped(playing.stopped()));
            } else {
                note(PlayoutNote::Finished { id: playing.id, offset_ms: (filled / SAMPLES_PER_MS) as u64 });
            }
        }
        out.mute(filled);
        audible
    }

    fn next_clip(&mut self) -> Option<Playing> {
        let Queued { clip, repeats } = self.queue.pop_front()?;
        Some(Playing { id: clip.id, audio: clip.audio, position: 0, repeats, rounds: 0, fade: None })
    }

    /// Copies what goes into the frame from tick `filled` on; returns how many ticks.
    fn copy(&mut self, playing: &mut Playing, out: &mut OutFrame, filled: usize) -> usize {
        let rest = &playing.audio.bytes[playing.position..];
        let most = playing.fade.as_ref().map_or(usize::MAX, |fade| fade.left);
        let count = rest.len().min(FRAME_SAMPLES - filled).min(most);
        let rest = &rest[..count];
        let fresh = playing.position == 0 && playing.rounds == 0;
        match out {
            OutFrame::Law(law, bytes) => {
                let bytes = &mut bytes[filled..filled + count];
                match playing.audio.codec.law() {
                    Some(from) => self.map(from, rest, bytes),
                    None => self.narrow(*law, rest, bytes, fresh),
                }
                if let Some(fade) = &mut playing.fade {
                    for byte in bytes {
                        *byte = law.encode_sample((f32::from(law.decode_byte(*byte)) * fade.step()) as i16);
                    }
                }
            }
            OutFrame::Wide(samples) => {
                let samples = &mut samples[2 * filled..2 * (filled + count)];
                self.widen(playing.audio.codec.law(), rest, samples, fresh);
                for pair in samples.chunks_exact_mut(2) {
                    let level = self.gain * playing.fade.as_mut().map_or(1.0, Fade::step);
                    if level != 1.0 {
                        pair.iter_mut().for_each(|sample| *sample = (f32::from(*sample) * level) as i16);
                    }
                }
            }
        }
        playing.position += count;
        count
    }

    /// G.711 to G.711.
    fn map(&self, from: Law, bytes: &[u8], out: &mut [u8]) {
        match &self.tables[source_index(from)] {
            None => out.copy_from_slice(bytes),
            Some(table) => {
                for (to, from) in out.iter_mut().zip(bytes) {
                    *to = table[usize::from(*from)];
                }
            }
        }
    }

    /// G.722 to G.711.
    fn narrow(&mut self, law: Law, bytes: &[u8], out: &mut [u8], fresh: bool) {
        let gain = self.gain;
        let converter = self.converter(fresh);
        let (mut wide, mut narrow) = ([0; WIDE_FRAME_SAMPLES], [0; FRAME_SAMPLES]);
        let (wide, narrow) = (&mut wide[..2 * bytes.len()], &mut narrow[..bytes.len()]);
        converter.decoder.decode(bytes, wide);
        converter.halver.process(wide, narrow);
        for (byte, sample) in out.iter_mut().zip(narrow) {
            *byte = law.encode_sample((f32::from(*sample) * gain) as i16);
        }
    }

    /// Either to samples at 16 kHz, at the clip's own level.
    fn widen(&mut self, from: Option<Law>, bytes: &[u8], out: &mut [i16], fresh: bool) {
        let converter = self.converter(fresh);
        match from {
            Some(law) => {
                let mut narrow = [0; FRAME_SAMPLES];
                let narrow = &mut narrow[..bytes.len()];
                law.decode_into(bytes, narrow);
                converter.doubler.process(narrow, out);
            }
            None => _ = converter.decoder.decode(bytes, out),
        }
    }

    /// The converter; for a clip that begins its decoder does too. The filters go on, so that clips join.
    fn converter(&mut self, fresh: bool) -> &mut Converter {
        let make = || {
            let (doubler, halver) = (Doubler::default(), Halver::default());
            Box::new(Converter { decoder: WideDecoder::g722(), doubler, halver })
        };
        let converter = self.converter.get_or_insert_with(make);
        if fresh {
            converter.decoder.reset();
        }
        converter
    }

    fn make_tables(&mut self) {
        for from in [Law::A, Law::Mu] {
            let table = self.law.filter(|law| from != *law || self.gain != 1.0);
            self.tables[source_index(from)] = table.map(|law| Box::new(law.transcode_table(from, self.gain)));
        }
    }
}

impl Fade {
    /// The level of the next tick, 1 to 0.
    fn step(&mut self) -> f32 {
        let level = self.left as f32 / self.total as f32;
        self.left = self.left.saturating_sub(1);
        level
    }
}

impl Playing {
    /// Whether it is at its end and goes on with its beginning; an empty clip cannot.
    fn begins_again(&self) -> bool {
        self.repeats && self.position > 0 && self.position >= self.audio.bytes.len()
    }

    fn stopped(&self) -> Stopped {
        let played = self.rounds * self.audio.bytes.len() as u64 + self.position as u64;
        let played_ms = played / SAMPLES_PER_MS as u64;
        Stopped { id: self.id, played_ms, total_ms: self.audio.duration_ms() }
    }
}

const fn source_index(law: Law) -> usize {
    match law {
        Law::A => 0,
        Law::Mu => 1,
    }
}

#[cfg(test)]
mod tests;
