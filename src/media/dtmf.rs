//! Keypad digits as telephone events (RFC 4733), both ways, without clock or I/O.

use std::collections::VecDeque;

use super::jitter::Micros;

/// An event whose packets stop coming has ended, even if its end packets were lost.
const SILENCE_ENDS_US: Micros = 120_000;
/// Digits that wait to be fetched; a flood beyond is dropped.
const WAITING: usize = 32;

const DIGITS: &[u8; 16] = b"0123456789*#ABCD";

/// A digit that was pressed and released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digit {
    pub digit: char,
    pub duration_ms: u32,
}

/// Reads events: each is reported once, whatever is lost, repeated or comes out of order.
#[derive(Debug)]
pub struct DtmfReceiver {
    /// Timestamp units in a millisecond.
    per_ms: u32,
    current: Option<Event>,
    /// The timestamp of the newest event that was reported.
    reported: Option<u32>,
    digits: VecDeque<Digit>,
}

#[derive(Debug, Clone, Copy)]
struct Event {
    code: u8,
    timestamp: u32,
    /// In timestamp units; the segments of a very long event added up.
    duration: u32,
    /// What earlier segments of a long event lasted (RFC 4733 §2.5.1.3).
    before: u32,
    last_packet: Micros,
}

impl Default for DtmfReceiver {
    fn default() -> Self {
        Self { per_ms: 8, current: None, reported: None, digits: VecDeque::new() }
    }
}

impl DtmfReceiver {
    /// Sets the clock that durations are given in, in Hz: that of the audio beside, as a rule (RFC 4733 §2.1).
    pub fn set_clock(&mut self, clock_hz: u32) {
        self.per_ms = (clock_hz / 1_000).max(1);
    }

    /// Takes the payload of an event packet; the marker bit does not matter. Returns whether it was well-formed.
    pub fn receive(&mut self, payload: &[u8], timestamp: u32, now: Micros) -> bool {
        let &[code, flags, high, low, ..] = payload else { return false };
        let duration = u32::from(u16::from_be_bytes([high, low]));
        let ended = flags & 0x80 != 0;
        if usize::from(code) >= DIGITS.len() {
            // Flash, fax and modem events are well-formed and mean nothing here.
            return true;
        }
        if self.reported.is_some_and(|reported| timestamp.wrapping_sub(reported) as i32 <= 0) {
            return true;
        }
        let mut before = 0;
        if let Some(current) = self.current {
            match timestamp.wrapping_sub(current.timestamp) as i32 {
                0 => before = current.before,
                // A packet of the event before, overtaken by this one.
                i32::MIN..0 => return true,
                gap if code == current.code
                    && u32::try_from(gap) == Ok(current.duration - current.before)
                    && gap >= 0xF000 =>
                {
                    before = current.duration;
                }
                _ => self.report(),
            }
        }
        let longest = self.current.filter(|c| c.timestamp == timestamp).map_or(0, |c| c.duration);
        let duration = (before + duration).max(longest);
        self.current = Some(Event { code, timestamp, duration, before, last_packet: now });
        if ended {
            self.report();
        }
        true
    }

    /// Ends an event whose packets have stopped.
    pub fn tick(&mut self, now: Micros) {
        if self.current.is_some_and(|event| now.saturating_sub(event.last_packet) >= SILENCE_ENDS_US) {
            self.report();
        }
    }

    /// The next digit that is complete.
    pub fn take(&mut self) -> Option<Digit> {
        self.digits.pop_front()
    }

    /// Forgets timestamps, for a new source; an event in progress counts as ended.
    pub fn reset(&mut self) {
        self.report();
        self.reported = None;
    }

    fn report(&mut self) {
        let Some(event) = self.current.take() else { return };
        self.reported = Some(event.timestamp);
        if self.digits.len() < WAITING {
            let digit = char::from(DIGITS[usize::from(event.code)]);
            self.digits.push_back(Digit { digit, duration_ms: event.duration / self.per_ms });
        }
    }
}

/// How long a digit is sent, and how long the pause after it lasts, in frames of 20 ms.
const TONE_FRAMES: u16 = 5;
const PAUSE_FRAMES: u16 = 4;
/// The end packet is sent three times (RFC 4733 §2.5.1.4).
const END_PACKETS: u16 = 3;
/// -10 dBm0.
const VOLUME: u8 = 10;
/// Digits that may wait to be sent.
const MOST_DIGITS: usize = 64;

/// What takes the place of audio in this frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DtmfFrame {
    /// An event packet; `begins` sets the marker, and the packet's timestamp stays that of the frame that began. Its
    /// duration is in units of an 8 kHz clock: see [`with_clock`].
    Event { payload: [u8; 4], begins: bool },
    /// Tones in band; the frame is the `index`-th of the digit's.
    Tone { digit: char, index: u16 },
    /// Silence between digits.
    Pause,
}

/// An event's payload with its duration, which is in units of `from_hz`, in units of `to_hz`; what is no event, and a
/// duration that is too long, as near as it comes.
pub fn with_clock(payload: [u8; 4], from_hz: u32, to_hz: u32) -> [u8; 4] {
    let [code, flags, high, low] = payload;
    let duration = u64::from(u16::from_be_bytes([high, low])) * u64::from(to_hz) / u64::from(from_hz.max(1));
    let [high, low] = u16::try_from(duration).unwrap_or(u16::MAX).to_be_bytes();
    [code, flags, high, low]
}

/// Sends digits: one step a frame.
#[derive(Debug, Default)]
pub struct DtmfSender {
    waiting: VecDeque<u8>,
    /// The event code being sent and the frames spent on it.
    current: Option<(u8, u16)>,
}

impl DtmfSender {
    /// Appends the digits that exist, up to 64 waiting.
    pub fn push(&mut self, digits: &str) {
        for digit in digits.bytes() {
            let code = DIGITS.iter().position(|d| *d == digit.to_ascii_uppercase());
            if let Some(code) = code.filter(|_| self.waiting.len() < MOST_DIGITS) {
                self.waiting.push_back(code as u8);
            }
        }
    }

    /// Whether nothing is being sent or waits.
    pub fn is_idle(&self) -> bool {
        self.current.is_none() && self.waiting.is_empty()
    }

    /// What to send in this frame, or `None` to send audio.
    pub fn step(&mut self, in_band: bool) -> Option<DtmfFrame> {
        let (code, frame) = match self.current.take() {
            Some(current) => current,
            None => (self.waiting.pop_front()?, 0),
        };
        let sent_frames = if in_band { TONE_FRAMES } else { TONE_FRAMES + END_PACKETS - 1 };
        if frame + 1 < sent_frames.max(TONE_FRAMES) + PAUSE_FRAMES {
            self.current = Some((code, frame + 1));
        }
        if frame >= sent_frames {
            return Some(DtmfFrame::Pause);
        }
        if in_band {
            return Some(DtmfFrame::Tone { digit: char::from(DIGITS[usize::from(code)]), index: frame });
        }
        let duration = 160 * (frame + 1).min(TONE_FRAMES);
        let end = if frame + 1 >= TONE_FRAMES { 0x80 } else { 0 };
        let [high, low] = duration.to_be_bytes();
        Some(DtmfFrame::Event { payload: [code, end | VOLUME, high, low], begins: frame == 0 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(code: u8, end: bool, duration: u16) -> [u8; 4] {
        let [high, low] = duration.to_be_bytes();
        [code, if end { 0x8A } else { 0x0A }, high, low]
    }

    fn digits(receiver: &mut DtmfReceiver) -> Vec<(char, u32)> {
        std::iter::from_fn(|| receiver.take()).map(|d| (d.digit, d.duration_ms)).collect()
    }

    #[test]
    fn an_event_with_its_three_end_packets_is_one_digit() {
        let mut receiver = DtmfReceiver::default();
        for n in 1..=5 {
            receiver.receive(&packet(5, false, n * 160), 1_000, u64::from(n) * 20_000);
            assert_eq!(receiver.take(), None);
        }
        for _ in 0..3 {
            receiver.receive(&packet(5, true, 960), 1_000, 120_000);
        }
        assert_eq!(digits(&mut receiver), [('5', 120)]);
        receiver.tick(10_000_000);
        assert_eq!(receiver.take(), None);
    }

    #[test]
    fn lost_end_packets_end_by_silence_or_by_the_next_event() {
        let mut receiver = DtmfReceiver::default();
        receiver.receive(&packet(1, false, 160), 1_000, 0);
        receiver.receive(&packet(1, false, 320), 1_000, 20_000);
        receiver.tick(60_000);
        assert_eq!(receiver.take(), None);
        receiver.receive(&packet(1, false, 160), 3_000, 100_000);
        assert_eq!(digits(&mut receiver), [('1', 40)], "the same digit again is a second digit");
        receiver.tick(220_000);
        assert_eq!(digits(&mut receiver), [('1', 20)]);
    }

    #[test]
    fn all_but_one_packet_may_be_lost() {
        let mut receiver = DtmfReceiver::default();
        receiver.receive(&packet(11, true, 800), u32::MAX - 5, 0);
        receiver.receive(&packet(10, true, 800), 4_000, 0);
        receiver.receive(&packet(15, true, 800), 9_000, 0);
        assert_eq!(digits(&mut receiver), [('#', 100), ('*', 100), ('D', 100)]);
    }

    #[test]
    fn packets_overtaken_by_the_next_event_change_nothing() {
        let mut receiver = DtmfReceiver::default();
        receiver.receive(&packet(1, false, 160), 1_000, 0);
        receiver.receive(&packet(2, false, 160), 3_000, 0);
        receiver.receive(&packet(1, true, 400), 1_000, 0);
        receiver.receive(&packet(2, false, 480), 3_000, 0);
        receiver.receive(&packet(2, false, 320), 3_000, 0);
        receiver.receive(&packet(2, true, 480), 3_000, 0);
        assert_eq!(digits(&mut receiver), [('1', 20), ('2', 60)]);
    }

    #[test]
    fn a_key_held_for_ten_seconds_is_one_digit() {
        let mut receiver = DtmfReceiver::default();
        receiver.receive(&packet(3, false, 160), 1_000, 0);
        receiver.receive(&packet(3, false, 0xFFFF), 1_000, 8_190_000);
        receiver.receive(&packet(3, false, 160), 1_000 + 0xFFFF, 8_210_000);
        receiver.receive(&packet(3, true, 14_465), 1_000 + 0xFFFF, 10_000_000);
        assert_eq!(digits(&mut receiver), [('3', 10_000)]);
    }

    #[test]
    fn what_is_no_digit_is_no_digit() {
        let mut receiver = DtmfReceiver::default();
        assert!(!receiver.receive(&[1, 0x80, 0], 0, 0));
        assert!(receiver.receive(&packet(16, true, 800), 1_000, 0));
        assert_eq!(receiver.take(), None);
    }

    #[test]
    fn what_is_sent_is_received() {
        let mut sender = DtmfSender::default();
        let mut receiver = DtmfReceiver::default();
        sender.push("1x9*d#");
        let (mut frame, mut began) = (0u32, 0);
        while let Some(step) = sender.step(false) {
            if let DtmfFrame::Event { payload, begins } = step {
                if begins {
                    began = frame * 160;
                }
                receiver.receive(&payload, began, u64::from(frame) * 20_000);
            }
            frame += 1;
        }
        assert_eq!(digits(&mut receiver), [('1', 100), ('9', 100), ('*', 100), ('D', 100), ('#', 100)]);
        assert_eq!(frame, 5 * 11);
    }

    #[test]
    fn durations_follow_the_clock() {
        let mut receiver = DtmfReceiver::default();
        receiver.set_clock(48_000);
        let scaled = with_clock(packet(5, true, 800), 8_000, 48_000);
        receiver.receive(&scaled, 1_000, 0);
        assert_eq!(digits(&mut receiver), [('5', 100)]);
        assert_eq!(with_clock(scaled, 48_000, 8_000), packet(5, true, 800));
        assert_eq!(with_clock([1, 0, 0xFF, 0xFF], 8_000, 48_000), [1, 0, 0xFF, 0xFF], "no more than fits");
    }

    proptest! {
        #[test]
        fn no_packets_make_it_panic_or_wait_for_ever(
            packets in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..8), any::<u32>()), 0..50),
        ) {
            let mut receiver = DtmfReceiver::default();
            for (n, (payload, ts)) in packets.iter().enumerate() {
                receiver.receive(payload, *ts, n as u64);
            }
            receiver.tick(1_000_000);
            prop_assert!(receiver.current.is_none());
            prop_assert!(digits(&mut receiver).len() <= WAITING);
        }
    }
}
