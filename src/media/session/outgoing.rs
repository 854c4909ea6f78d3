//! The RTP stream that a session sends: frames become packets in the call's codec.

use super::{MOST_PAYLOAD, PACKET_BYTES, Session};
use crate::media::codec::Codec;
use crate::media::codec::stream::{WideEncoder, g722_frame};
use crate::media::frame::{FRAME_SAMPLES, WIDE_FRAME_SAMPLES};
use crate::media::playout::OutFrame;
use crate::media::resample::Doubler;
use crate::media::rtp::HEADER_BYTES;
use crate::media::sdp::MediaParams;
use crate::media::tone;

use std::net::SocketAddr;

/// Level of each of the two tones of a digit sent in band: -13 dBov.
const TONE_AMPLITUDE: f32 = 7_000.0;

/// The state of the stream.
pub(super) struct Outgoing {
    pub ssrc: u32,
    pub sequence: u16,
    /// Of the current frame, in units of the codec's RTP clock.
    pub timestamp: u32,
    /// Of the event being sent.
    pub event_timestamp: u32,
    pub marker: bool,
    pub packet: [u8; PACKET_BYTES],
    /// Bytes in `packet` that wait for the rest of theirs.
    pub filled: usize,
    /// What was sent in this frame, also for the recording.
    pub frame: OutFrame,
    /// RTP clock units of one frame.
    pub frame_clock: u32,
    /// For the wide-band codecs.
    encoder: Option<WideEncoder>,
    format: Option<MediaParams>,
}

impl Outgoing {
    pub fn new() -> Self {
        Self {
            ssrc: rand::random(),
            sequence: rand::random::<u16>() >> 1,
            timestamp: rand::random(),
            event_timestamp: 0,
            marker: true,
            packet: [0; PACKET_BYTES],
            filled: 0,
            frame: OutFrame::silence(Codec::Pcma),
            frame_clock: FRAME_SAMPLES as u32,
            encoder: None,
            format: None,
        }
    }

    /// Applies a negotiation; an encoder whose format stays goes on.
    pub fn configure(&mut self, params: &MediaParams) {
        // A packet begun in the old format is not worth keeping.
        self.drop_waiting();
        let same = self
            .format
            .as_ref()
            .is_some_and(|old| (old.codec, old.opus, old.ptime_ms) == (params.codec, params.opus, params.ptime_ms));
        self.format = Some(params.clone());
        if same {
            return;
        }
        self.frame = OutFrame::silence(params.codec);
        self.frame_clock = FRAME_SAMPLES as u32 * params.codec.clock_per_tick();
        self.encoder = WideEncoder::new(params.codec, params.opus, params.ptime_ms);
    }

    /// Drops audio that waits for the rest of its packet.
    pub fn drop_waiting(&mut self) {
        self.filled = 0;
        if let Some(WideEncoder::Opus(encoder)) = &mut self.encoder {
            encoder.drop_waiting();
        }
    }

    /// Moves on by so many frames.
    pub fn advance(&mut self, frames: u32) {
        self.timestamp = self.timestamp.wrapping_add(frames.wrapping_mul(self.frame_clock));
    }

    /// The current frame becomes the `index`-th of a digit in band.
    pub fn fill_tone(&mut self, digit: char, index: u16) {
        let Some((low, high)) = tone::keypad_pair(digit) else { return };
        let mut samples = [0i16; FRAME_SAMPLES];
        tone::dual(low, high, TONE_AMPLITUDE, usize::from(index) * FRAME_SAMPLES, &mut samples);
        match &mut self.frame {
            OutFrame::Law(law, bytes) => {
                for (byte, sample) in bytes.iter_mut().zip(samples) {
                    *byte = law.encode_sample(sample);
                }
            }
            OutFrame::Wide(wide) => Doubler::default().process(&samples, wide.as_mut_slice()),
        }
    }
}

impl Session {
    /// Sends the current frame, or keeps it until its packet is whole.
    pub(super) fn send_audio(&mut self, params: &Format, to: SocketAddr) {
        let bytes = match (&self.out.frame, &mut self.out.encoder) {
            (OutFrame::Law(_, bytes), _) => *bytes,
            (OutFrame::Wide(pcm), Some(WideEncoder::G722(encoder))) => g722_frame(encoder, pcm),
            (OutFrame::Wide(_), _) => return self.send_opus(params.payload_type, to),
        };
        self.send_bytes(&bytes, params, to);
    }

    /// G.711 and G.722 are cut anywhere: eight bytes are a millisecond and eight units of the clock.
    fn send_bytes(&mut self, bytes: &[u8; FRAME_SAMPLES], params: &Format, to: SocketAddr) {
        let start = HEADER_BYTES + self.out.filled;
        self.out.packet[start..start + FRAME_SAMPLES].copy_from_slice(bytes);
        let mut timestamp = self.out.timestamp.wrapping_sub(self.out.filled as u32);
        self.out.filled += FRAME_SAMPLES;
        while self.out.filled >= params.packet_ticks {
            let marker = std::mem::take(&mut self.out.marker);
            self.send_packet(params.payload_type, marker, timestamp, params.packet_ticks, to);
            timestamp = timestamp.wrapping_add(params.packet_ticks as u32);
            self.out.filled -= params.packet_ticks;
            let rest = HEADER_BYTES + params.packet_ticks;
            self.out.packet.copy_within(rest..rest + self.out.filled, HEADER_BYTES);
        }
    }

    fn send_opus(&mut self, payload_type: u8, to: SocketAddr) {
        let out = &mut self.out;
        let (OutFrame::Wide(pcm), Some(WideEncoder::Opus(encoder))) = (&out.frame, &mut out.encoder) else { return };
        let payload = &mut out.packet[HEADER_BYTES..HEADER_BYTES + MOST_PAYLOAD];
        let Some((length, frames)) = encoder.push(pcm, payload) else { return };
        if length == 0 {
            // A pause; what is said after it begins a talk spurt (RFC 7587 §4.2).
            out.marker = true;
            return;
        }
        let timestamp = out.timestamp.wrapping_sub((frames - 1).wrapping_mul(out.frame_clock));
        let marker = std::mem::take(&mut out.marker);
        self.send_packet(payload_type, marker, timestamp, length, to);
    }
}

/// What audio is sent as.
#[derive(Debug, Clone, Copy)]
pub(super) struct Format {
    pub payload_type: u8,
    /// Length of a packet, in ticks of 1/8000 s.
    pub packet_ticks: usize,
}

impl From<&MediaParams> for Format {
    fn from(params: &MediaParams) -> Self {
        Self { payload_type: params.payload_type, packet_ticks: params.ptime_ms.clamp(10, 60) as usize * 8 }
    }
}

const _: () = assert!(WIDE_FRAME_SAMPLES == 2 * FRAME_SAMPLES, "a byte of G.722 is a pair of samples");
