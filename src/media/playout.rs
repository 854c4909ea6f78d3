//! The queue of clips as it becomes payloads of 20 ms, without clock or I/O.

use std::collections::VecDeque;

use super::codec::{Codec, EncodedAudio};
use super::engine::{Clip, ClipId};
use super::frame::{FRAME_SAMPLES, SAMPLES_PER_MS};

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

/// Plays clips one after the other without a gap, in the call's codec, at the call's level.
pub struct Playout {
    queue: VecDeque<Clip>,
    current: Option<Playing>,
    codec: Codec,
    gain: f32,
    /// From each codec, in the order of [`source_index`], to ours at the current level; `None` leaves bytes alone.
    tables: [Option<Box<[u8; 256]>>; 2],
}

struct Playing {
    id: ClipId,
    audio: EncodedAudio,
    position: usize,
    fade: Option<Fade>,
}

/// A stop on its way: `left` of `total` samples are still heard.
struct Fade {
    left: usize,
    total: usize,
}

impl Default for Playout {
    fn default() -> Self {
        let mut playout =
            Self { queue: VecDeque::new(), current: None, codec: Codec::Pcma, gain: 1.0, tables: [None, None] };
        playout.make_tables();
        playout
    }
}

impl Playout {
    /// Sets the codec to play in; a change takes effect in mid-clip.
    pub fn set_codec(&mut self, codec: Codec) {
        if codec != self.codec {
            self.codec = codec;
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
        self.queue.extend(clips);
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
        for clip in self.queue.drain(..) {
            note(Stopped { id: clip.id, played_ms: 0, total_ms: clip.audio.duration_ms() });
        }
    }

    /// Whether the next frame would be silence.
    pub fn is_idle(&self) -> bool {
        self.current.is_none() && self.queue.is_empty()
    }

    /// Fills one frame; returns whether any of it is from a clip.
    pub fn fill(&mut self, out: &mut [u8; FRAME_SAMPLES], mut note: impl FnMut(PlayoutNote)) -> bool {
        let mut filled = 0;
        let mut audible = false;
        while filled < FRAME_SAMPLES {
            let Some(mut playing) = self.current.take().or_else(|| self.next_clip()) else { break };
            if playing.position == 0 {
                note(PlayoutNote::Started { id: playing.id, offset_ms: (filled / SAMPLES_PER_MS) as u64 });
            }
            let count = self.copy(&mut playing, &mut out[filled..]);
            filled += count;
            audible |= count > 0;
            let faded = playing.fade.as_ref().is_some_and(|fade| fade.left == 0);
            if playing.position < playing.audio.bytes.len() && !faded {
                self.current = Some(playing);
            } else if playing.fade.is_some() {
                note(PlayoutNote::Stopped(playing.stopped()));
            } else {
                note(PlayoutNote::Finished { id: playing.id, offset_ms: (filled / SAMPLES_PER_MS) as u64 });
            }
        }
        out[filled..].fill(self.codec.silence());
        audible
    }

    fn next_clip(&mut self) -> Option<Playing> {
        let clip = self.queue.pop_front()?;
        Some(Playing { id: clip.id, audio: clip.audio, position: 0, fade: None })
    }

    fn copy(&self, playing: &mut Playing, out: &mut [u8]) -> usize {
        let rest = &playing.audio.bytes[playing.position..];
        let most = playing.fade.as_ref().map_or(usize::MAX, |fade| fade.left);
        let count = rest.len().min(out.len()).min(most);
        let (rest, out) = (&rest[..count], &mut out[..count]);
        match &self.tables[source_index(playing.audio.codec)] {
            None => out.copy_from_slice(rest),
            Some(table) => {
                for (to, from) in out.iter_mut().zip(rest) {
                    *to = table[usize::from(*from)];
                }
            }
        }
        if let Some(fade) = &mut playing.fade {
            for byte in out {
                let level = fade.left as f32 / fade.total as f32;
                *byte = self.codec.encode_sample((f32::from(self.codec.decode_byte(*byte)) * level) as i16);
                fade.left -= 1;
            }
        }
        playing.position += count;
        count
    }

    fn make_tables(&mut self) {
        for from in [Codec::Pcma, Codec::Pcmu] {
            let same = from == self.codec && self.gain == 1.0;
            self.tables[source_index(from)] = (!same).then(|| Box::new(self.codec.transcode_table(from, self.gain)));
        }
    }
}

impl Playing {
    fn stopped(&self) -> Stopped {
        let played_ms = (self.position / SAMPLES_PER_MS) as u64;
        Stopped { id: self.id, played_ms, total_ms: self.audio.duration_ms() }
    }
}

const fn source_index(codec: Codec) -> usize {
    match codec {
        Codec::Pcma => 0,
        Codec::Pcmu => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::tone;

    fn clip(id: u64, samples: usize, value: u8) -> Clip {
        Clip { id: ClipId(id), audio: EncodedAudio { codec: Codec::Pcma, bytes: vec![value; samples].into() } }
    }

    fn fill(playout: &mut Playout) -> ([u8; FRAME_SAMPLES], Vec<PlayoutNote>) {
        let mut out = [0; FRAME_SAMPLES];
        let mut notes = Vec::new();
        playout.fill(&mut out, |note| notes.push(note));
        (out, notes)
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
        let loud = Codec::Pcma.encode_sample(10_000);
        playout.push(vec![clip(1, 1_600, loud)]);
        fill(&mut playout);
        let mut notes = Vec::new();
        playout.stop(15, |note| notes.push(note));
        assert_eq!(notes, []);
        playout.push(vec![clip(2, 160, 2)]);
        let (out, notes) = fill(&mut playout);
        let levels: Vec<i16> = out[..120].iter().map(|b| Codec::Pcma.decode_byte(*b)).collect();
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
    fn ducking_and_another_codec_apply_at_once() {
        let mut playout = Playout::default();
        let pcm = tone::sine(400.0, 8_000.0, 1_600);
        playout.push(vec![Clip { id: ClipId(1), audio: EncodedAudio::from_pcm(Codec::Pcma, &pcm) }]);
        let level = |out: [u8; 160], codec: Codec| {
            (out.iter().map(|b| f64::from(codec.decode_byte(*b)).powi(2)).sum::<f64>() / 160.0).sqrt()
        };
        let full = level(fill(&mut playout).0, Codec::Pcma);
        playout.set_gain(Some(-12.0));
        let ducked = level(fill(&mut playout).0, Codec::Pcma);
        playout.set_codec(Codec::Pcmu);
        let ducked_mu = level(fill(&mut playout).0, Codec::Pcmu);
        playout.set_gain(None);
        let restored = level(fill(&mut playout).0, Codec::Pcmu);
        assert!((5_400.0..5_900.0).contains(&full), "{full}");
        assert!((full / ducked - 4.0).abs() < 0.2 && (full / ducked_mu - 4.0).abs() < 0.2, "{ducked} {ducked_mu}");
        assert!((full / restored - 1.0).abs() < 0.05, "{restored}");
    }
}
