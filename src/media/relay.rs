//! Two sessions joined: what one far end sends goes on to the other without a jitter buffer of ours in between.
//!
//! A packet is passed on when it is read, in the order it came, with the SSRC of the leg it leaves by. Its sequence
//! number and timestamp are the far end's own plus an offset, so that losses and changes of order stay visible to the
//! other far end, whose jitter buffer is the one that counts. A-law and µ-law are mapped byte by byte on the way; the
//! length of packets is left alone, because a receiver takes any (RFC 3551 §4.2).
//!
//! Where the two legs have no codec in common, the leg that hears decodes behind its jitter buffer, as it does for an
//! agent, and the other leg sends its frames at the wheel's pace: losses are made good before they are encoded again.
//! Keys go on packet by packet in both cases.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::codec::Codec;
use super::frame::PcmFrame;

/// Sequence numbers or seconds that a stream may jump before it counts as a new one.
const MOST_SKIPPED: i16 = 3_000;
const MOST_SECONDS_SKIPPED: u32 = 60;
/// Payload bytes passed on in one turn of one leg; a flood beyond is dropped.
const MOST_BYTES: usize = 16 * 1_024;

/// Keeps two sessions joined: dropping it, or either session, parts them.
#[derive(Debug)]
#[must_use = "the sessions part when this is dropped"]
pub struct BridgeGuard(pub(super) Arc<Joint>);

impl BridgeGuard {
    /// Whether both sessions are still there.
    pub fn is_open(&self) -> bool {
        self.0.is_open()
    }
}

impl Drop for BridgeGuard {
    fn drop(&mut self) {
        self.0.part();
    }
}

/// What both sessions and the guard hold of a bridge.
#[derive(Debug, Default)]
pub struct Joint {
    parted: AtomicBool,
}

impl Joint {
    pub fn is_open(&self) -> bool {
        !self.parted.load(Ordering::Acquire)
    }

    pub fn part(&self) {
        self.parted.store(true, Ordering::Release);
    }
}

/// What a packet holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Audio(Codec),
    /// RFC 3389.
    Noise,
    /// RFC 4733, with durations in units of this clock.
    Event {
        clock_hz: u32,
    },
}

/// A packet that counts: of the latched source, in a format that was agreed, and no duplicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard<'a> {
    pub kind: Kind,
    pub marker: bool,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload: &'a [u8],
}

/// What one leg has for the other in this turn. One per wheel, so that passing on allocates nothing.
#[derive(Debug, Default)]
pub struct Outbox {
    packets: Vec<(Heard<'static>, std::ops::Range<usize>)>,
    bytes: Vec<u8>,
    digits: Vec<char>,
    frame: Option<PcmFrame>,
}

impl Outbox {
    pub fn push(&mut self, heard: Heard<'_>) {
        let from = self.bytes.len();
        if from + heard.payload.len() > MOST_BYTES {
            return;
        }
        self.bytes.extend_from_slice(heard.payload);
        self.packets.push((Heard { payload: &[], ..heard }, from..self.bytes.len()));
    }

    /// A digit that is complete, for a far end that knows no telephone events.
    pub fn push_digit(&mut self, digit: char) {
        self.digits.push(digit);
    }

    /// What was heard, decoded, for a leg in another codec.
    pub fn push_frame(&mut self, frame: &PcmFrame) {
        self.frame = Some(*frame);
    }

    pub fn is_empty(&self) -> bool {
        self.packets.is_empty() && self.digits.is_empty() && self.frame.is_none()
    }

    pub fn packets(&self) -> impl Iterator<Item = Heard<'_>> {
        self.packets.iter().map(|(heard, range)| Heard { payload: &self.bytes[range.clone()], ..*heard })
    }

    pub fn digits(&self) -> impl Iterator<Item = char> {
        self.digits.iter().copied()
    }

    pub fn frame(&self) -> Option<&PcmFrame> {
        self.frame.as_ref()
    }

    pub fn clear(&mut self) {
        self.frame = None;
        self.packets.clear();
        self.bytes.clear();
        self.digits.clear();
    }
}

/// The way from one stream's numbers to those of the leg that it leaves by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    ssrc: u32,
    sequence_offset: u16,
    timestamp_offset: u32,
    last: (u16, u32),
}

/// A packet's numbers on the leg that it leaves by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapped {
    pub sequence: u16,
    pub timestamp: u32,
    /// The packet begins a stream of its own, which the marker shows.
    pub begins: bool,
}

impl Mapping {
    /// Maps the next packet of a stream with this RTP clock. A stream that is new, or has jumped, is laid at `next`: the
    /// sequence number and timestamp that the leg would have sent.
    pub fn map(mapping: &mut Option<Mapping>, heard: &Heard<'_>, clock_hz: u32, next: (u16, u32)) -> Mapped {
        let known = mapping.take().filter(|known| known.goes_on(heard, clock_hz));
        let begins = known.is_none();
        let mut current = known.unwrap_or(Mapping {
            ssrc: heard.ssrc,
            sequence_offset: next.0.wrapping_sub(heard.sequence),
            timestamp_offset: next.1.wrapping_sub(heard.timestamp),
            last: (heard.sequence, heard.timestamp),
        });
        if heard.sequence.wrapping_sub(current.last.0) as i16 >= 0 {
            current.last = (heard.sequence, heard.timestamp);
        }
        *mapping = Some(current);
        Mapped {
            sequence: heard.sequence.wrapping_add(current.sequence_offset),
            timestamp: heard.timestamp.wrapping_add(current.timestamp_offset),
            begins,
        }
    }

    fn goes_on(&self, heard: &Heard<'_>, clock_hz: u32) -> bool {
        let skipped = heard.sequence.wrapping_sub(self.last.0) as i16;
        let units = heard.timestamp.wrapping_sub(self.last.1) as i32;
        self.ssrc == heard.ssrc
            && skipped.unsigned_abs() < MOST_SKIPPED.unsigned_abs()
            && units.unsigned_abs() < MOST_SECONDS_SKIPPED * clock_hz
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(ssrc: u32, sequence: u16, timestamp: u32) -> Heard<'static> {
        Heard { kind: Kind::Noise, marker: false, sequence, timestamp, ssrc, payload: &[1] }
    }

    #[test]
    fn gaps_and_order_survive_and_numbers_wrap() {
        let mut mapping = None;
        let mut map = |s: u16, t: u32| {
            let mapped = Mapping::map(&mut mapping, &heard(7, s, t), 8_000, (65_535, u32::MAX));
            (mapped.sequence, mapped.timestamp, mapped.begins)
        };
        assert_eq!(map(100, 1_000), (65_535, u32::MAX, true));
        assert_eq!(map(101, 1_160), (0, 159, false));
        assert_eq!(map(104, 1_640), (3, 639, false), "three packets on, two of them lost");
        assert_eq!(map(103, 1_480), (2, 479, false), "overtaken");
        assert_eq!(map(105, 1_800), (4, 799, false));
    }

    #[test]
    fn a_new_stream_follows_what_the_leg_sent_last() {
        let mut mapping = None;
        Mapping::map(&mut mapping, &heard(7, 100, 1_000), 8_000, (10, 50));
        for (stream, ssrc, sequence, timestamp) in
            [("another SSRC", 8, 101, 1_160), ("a jump", 8, 30_000, 1_320), ("a leap in time", 8, 30_001, 9_000_000)]
        {
            let mapped = Mapping::map(&mut mapping, &heard(ssrc, sequence, timestamp), 8_000, (11, 210));
            assert_eq!(mapped, Mapped { sequence: 11, timestamp: 210, begins: true }, "{stream}");
        }
    }

    #[test]
    fn a_flood_in_one_turn_is_bounded() {
        let mut outbox = Outbox::default();
        for _ in 0..100 {
            outbox.push(Heard { payload: &[0; 960], ..heard(1, 1, 1) });
        }
        assert_eq!(outbox.packets().count(), 17);
        outbox.clear();
        assert!(outbox.is_empty());
    }
}
