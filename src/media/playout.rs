//! The queue of clips as it becomes frames of 20 ms, without clock or I/O.
//!
//! Clips have eight bytes a millisecond whatever they are encoded in, so positions in them are ticks of 1/8000 s.

use std::collections::VecDeque;

use super::codec::stream::WideDecoder;
use super::codec::{Codec, EncodedAudio, Law};
use super::engine::{Clip, ClipId};
use super::frame::{FRAME_SAMPLES, SAMPLES_PER_MS, WIDE_FRAME_SAMPLES};
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
}

/// Plays clips one after the other without a gap, in the call's codec, at the call's level.
pub struct Playout {
    queue: VecDeque<Queued>,
    current: Option<Playing>,
    law: Option<Law>,
    gain: f32,
    /// From each law, in the order of [`source_index`], to ours at the current level; `None` leaves bytes alone.
    tables: [Option<Box<[u8; 256]>>; 2],
    /// Made when it is needed first: most calls are narrow-band, and so are their clips.
    converter: Option<Box<Converter>>,
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

    /// Begins to fade the current clip out and drops the waiting ones. With nothing left to fade, it ends now.
    pub fn stop(&mut self, fade_ms: u32, mut note: impl FnMut(Stopped)) {
        let fade = (fade_ms as usize).min(1_000) * SAMPLES_PER_MS;
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
    pub fn fill(&mut self, out: &mut OutFrame, mut note: impl FnMut(PlayoutNote)) -> bool {
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
mod tests {
    use super::*;
    use crate::media::tone;

    fn clip(id: u64, samples: usize, value: u8) -> Clip {
        Clip { id: ClipId(id), audio: EncodedAudio { codec: Codec::Pcma, bytes: vec![value; samples].into() } }
    }

    fn fill_law(playout: &mut Playout, codec: Codec) -> ([u8; FRAME_SAMPLES], Vec<PlayoutNote>) {
        let mut out = OutFrame::silence(codec);
        let mut notes = Vec::new();
        playout.fill(&mut out, |note| notes.push(note));
        let OutFrame::Law(_, bytes) = out else { panic!("{codec:?} is no G.711") };
        (bytes, notes)
    }

    fn fill(playout: &mut Playout) -> ([u8; FRAME_SAMPLES], Vec<PlayoutNote>) {
        fill_law(playout, Codec::Pcma)
    }

    fn fill_wide(playout: &mut Playout) -> [i16; WIDE_FRAME_SAMPLES] {
        let mut out = OutFrame::silence(Codec::G722);
        playout.fill(&mut out, |_| {});
        let OutFrame::Wide(samples) = out else { panic!("G.722 is wide") };
        *samples
    }

    fn rms(samples: impl IntoIterator<Item = i16>) -> f64 {
        let (sum, count) = samples.into_iter().fold((0.0, 0.0), |(sum, n), s| (sum + f64::from(s).powi(2), n + 1.0));
        (sum / count).sqrt()
    }

    #[test]
    fn clips_follow_each_other_without_a_gap() {
        let mut playout = Playout::default();
        playout.push(vec![clip(1, 240, 1), clip(2, 0, 9), clip(3, 40, 3)]);
        let (first, notes) = fill(&mut playout);
        assert_eq!(first, [1; 160]);
        assert_eq!(notes, [PlayoutNote::Started { id: ClipId(1), offset_ms: 0 }]);
        let (second, notes) = fill(&mut playout);
        assert_eq!(second[..80], [1; 80]);
        assert_eq!(second[80..120], [3; 40]);
        assert_eq!(second[120..], [0xD5; 40]);
        assert_eq!(
            notes,
            [
                PlayoutNote::Finished { id: ClipId(1), offset_ms: 10 },
                PlayoutNote::Started { id: ClipId(2), offset_ms: 10 },
                PlayoutNote::Finished { id: ClipId(2), offset_ms: 10 },
                PlayoutNote::Started { id: ClipId(3), offset_ms: 10 },
                PlayoutNote::Finished { id: ClipId(3), offset_ms: 15 },
            ]
        );
        assert!(playout.is_idle());
        assert_eq!(fill(&mut playout), ([0xD5; 160], vec![]));
    }

    #[test]
    fn a_stop_says_where_and_drops_the_rest() {
        let mut playout = Playout::default();
        playout.push(vec![clip(1, 1_600, 1), clip(2, 800, 2)]);
        fill(&mut playout);
        fill(&mut playout);
        let mut notes = Vec::new();
        playout.stop(0, |note| notes.push(note));
        assert_eq!(
            notes,
            [
                Stopped { id: ClipId(1), played_ms: 40, total_ms: 200 },
                Stopped { id: ClipId(2), played_ms: 0, total_ms: 100 },
            ]
        );
        assert!(playout.is_idle());
        playout.stop(10, |_| panic!("nothing plays"));
    }

    #[test]
    fn a_fade_goes_down_and_what_is_queued_after_follows_it() {
        let mut playout = Playout::default();
        let loud = Law::A.encode_sample(10_000);
        playout.push(vec![clip(1, 1_600, loud)]);
        fill(&mut playout);
        let mut notes = Vec::new();
        playout.stop(15, |note| notes.push(note));
        assert_eq!(notes, []);
        playout.push(vec![clip(2, 160, 2)]);
        let (out, notes) = fill(&mut playout);
        let levels: Vec<i16> = out[..120].iter().map(|b| Law::A.decode_byte(*b)).collect();
        assert!(levels.windows(2).all(|w| w[0] >= w[1]), "{levels:?}");
        assert!(levels[0] > 9_000 && levels[119] < 200, "{levels:?}");
        assert_eq!(out[120..], [2; 40]);
        assert_eq!(
            notes,
            [
                PlayoutNote::Stopped(Stopped { id: ClipId(1), played_ms: 35, total_ms: 200 }),
                PlayoutNote::Started { id: ClipId(2), offset_ms: 15 },
            ]
        );
    }

    #[test]
    fn a_stop_before_the_first_frame_stops_all_unheard() {
        let mut playout = Playout::default();
        playout.push(vec![clip(1, 1_600, 1)]);
        let mut notes = Vec::new();
        playout.stop(20, |note| notes.push(note));
        assert_eq!(notes, [Stopped { id: ClipId(1), played_ms: 0, total_ms: 200 }]);
    }

    #[test]
    fn a_repeating_clip_joins_its_end_to_its_beginning_until_it_is_stopped() {
        let mut playout = Playout::default();
        let ramp: Vec<u8> = (0..100).collect();
        let audio = EncodedAudio { codec: Codec::Pcma, bytes: ramp.clone().into() };
        playout.push_repeating(Clip { id: ClipId(1), audio });
        playout.push(vec![clip(2, 160, 7)]);
        let mut heard = Vec::new();
        let mut all_notes = Vec::new();
        for _ in 0..50 {
            let (out, notes) = fill(&mut playout);
            heard.extend(out);
            all_notes.extend(notes);
        }
        assert!(heard.iter().zip(ramp.iter().cycle()).all(|(heard, wanted)| heard == wanted), "no gap at any joint");
        assert_eq!(all_notes, [PlayoutNote::Started { id: ClipId(1), offset_ms: 0 }]);
        let mut stopped = Vec::new();
        playout.stop(0, |note| stopped.push((note.id.0, note.played_ms)));
        assert_eq!(stopped, [(1, 1_000), (2, 0)]);
        playout.push_repeating(clip(3, 0, 0));
        assert_eq!(fill(&mut playout).0, [0xD5; 160], "nothing cannot be repeated");
        assert!(playout.is_idle());
    }

    #[test]
    fn ducking_and_another_codec_apply_at_once() {
        let mut playout = Playout::default();
        let pcm = tone::sine(400.0, 8_000.0, 1_600);
        playout.push(vec![Clip { id: ClipId(1), audio: EncodedAudio::from_pcm(Codec::Pcma, &pcm) }]);
        let level = |out: [u8; 160], law: Law| rms(out.map(|b| law.decode_byte(b)));
        let full = level(fill(&mut playout).0, Law::A);
        playout.set_gain(Some(-12.0));
        let ducked = level(fill(&mut playout).0, Law::A);
        playout.set_codec(Codec::Pcmu);
        let ducked_mu = level(fill_law(&mut playout, Codec::Pcmu).0, Law::Mu);
        playout.set_gain(None);
        let restored = level(fill_law(&mut playout, Codec::Pcmu).0, Law::Mu);
        assert!((5_400.0..5_900.0).contains(&full), "{full}");
        assert!((full / ducked - 4.0).abs() < 0.2 && (full / ducked_mu - 4.0).abs() < 0.2, "{ducked} {ducked_mu}");
        assert!((full / restored - 1.0).abs() < 0.05, "{restored}");
    }

    #[test]
    fn clips_of_either_rate_are_played_in_calls_of_either_rate() {
        let pcm = tone::sine(400.0, 8_000.0, 3_200);
        for kept in [Codec::Pcma, Codec::Pcmu, Codec::G722] {
            let clip = || Clip { id: ClipId(1), audio: EncodedAudio::from_pcm(kept, &pcm) };
            let mut playout = Playout::default();
            playout.push(vec![clip()]);
            let narrow: Vec<i16> =
                (0..10).flat_map(|_| fill(&mut playout).0.map(|b| Law::A.decode_byte(b))).skip(320).collect();
            assert!(tone::is_present(&narrow, 400.0) && (rms(narrow) / 5_657.0 - 1.0).abs() < 0.05, "{kept:?}");

            let mut playout = Playout::default();
            playout.set_codec(Codec::Opus);
            playout.push(vec![clip()]);
            let wide: Vec<i16> = (0..10).flat_map(|_| fill_wide(&mut playout)).collect();
            let halved: Vec<i16> = wide.iter().step_by(2).skip(320).copied().collect();
            assert!(tone::is_present(&halved, 400.0) && (rms(halved) / 5_657.0 - 1.0).abs() < 0.05, "{kept:?}");
            playout.set_gain(Some(-12.0));
            let ducked = rms(fill_wide(&mut playout));
            assert!((5_657.0 / ducked - 4.0).abs() < 0.3, "{ducked}");
            playout.stop(20, |_| panic!("it fades first"));
            let faded = fill_wide(&mut playout);
            assert!(rms(faded[..80].to_vec()) > 4.0 * rms(faded[240..].to_vec()) && playout.is_idle(), "{kept:?}");
        }
    }
}
