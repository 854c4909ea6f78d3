//! The wide-band codecs as streams: G.722 by `audio-codec`, Opus by libopus. Both are at 16 kHz, mono, here.

use std::sync::LazyLock;

use audio_codec::g722::{G722Decoder, G722Encoder};
use audio_codec::{Decoder as _, Encoder as _};

use super::Codec;
use crate::media::frame::{FRAME_SAMPLES, WIDE_FRAME_SAMPLES, WIDE_SAMPLE_RATE_HZ};

/// The longest packet taken, in ticks of 1/8000 s: 120 ms, which is also the longest that Opus knows.
pub const MOST_TICKS: usize = 960;
/// Bit rate of Opus in bit/s: speech at 16 kHz gains little beyond.
const OPUS_BITRATE: i32 = 24_000;
/// The least that a far end may hold us to (RFC 7587 §6.1).
const OPUS_LEAST_BITRATE: i32 = 6_000;
/// How hard Opus tries, 0 to 10; above this speech gains little, and every call pays.
const OPUS_COMPLEXITY: i32 = 4;
/// Loss that the in-band repetition is made for, in percent; at 0 there is none.
const OPUS_EXPECTED_LOSS: i32 = 10;
/// Payloads of so many bytes say that nothing need be sent (RFC 6716 §3.4, DTX).
const OPUS_NOTHING: usize = 2;

/// What the far end wishes of the Opus sent to it: the parameters of its `fmtp` (RFC 7587 §6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpusWishes {
    /// It makes use of in-band forward error correction.
    pub fec: bool,
    /// It prefers nothing sent while nobody speaks.
    pub dtx: bool,
    /// It wants a constant bit rate.
    pub cbr: bool,
    /// The highest mean bit rate it takes, in bit/s.
    pub max_bitrate: Option<u32>,
}

/// Length of an Opus packet in ticks of 1/8000 s by its first bytes; `None` when it is malformed.
pub fn opus_ticks(payload: &[u8]) -> Option<usize> {
    opus::packet::get_nb_samples(payload, 8_000).ok()
}

/// Decodes one stream, packet by packet in order.
pub enum WideDecoder {
    G722(Box<G722Decoder>),
    /// `None` when there was no memory for one: all is concealed.
    Opus(Option<opus::Decoder>),
}

impl WideDecoder {
    /// One for the codec; `None` for G.711, which has no state.
    pub fn new(codec: Codec) -> Option<Self> {
        match codec {
            Codec::Pcma | Codec::Pcmu => None,
            Codec::G722 => Some(Self::g722()),
            Codec::Opus => {
                let made = opus::Decoder::new(WIDE_SAMPLE_RATE_HZ, opus::Channels::Mono);
                Some(Self::Opus(made.inspect_err(|error| tracing::error!(%error, "no Opus decoder")).ok()))
            }
        }
    }

    /// One for G.722.
    pub fn g722() -> Self {
        Self::G722(Box::new(g722_decoder()))
    }

    /// Whether it invents what is missing by itself.
    pub const fn conceals(&self) -> bool {
        matches!(self, Self::Opus(_))
    }

    /// Decodes a packet; returns how many samples it gave, 0 when it is malformed.
    pub fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> usize {
        match self {
            Self::G722(decoder) => {
                let whole = payload.len().min(out.len() / 2);
                decoder.decode_into(&payload[..whole], out).unwrap_or(0)
            }
            Self::Opus(Some(decoder)) if !payload.is_empty() => decoder.decode(payload, out, false).unwrap_or(0),
            Self::Opus(_) => 0,
        }
    }

    /// Fills a gap. `next` is the packet behind it, if it has come: it may hold a coarse copy of what was lost.
    pub fn conceal(&mut self, next: Option<&[u8]>, out: &mut [i16]) {
        let mut done = 0;
        if let Self::Opus(Some(decoder)) = self {
            // Whole multiples of 2.5 ms; the rest is less than anyone hears.
            let whole = out.len() / 40 * 40;
            let (payload, has_next) =
                next.filter(|payload| !payload.is_empty()).map_or((&[][..], false), |p| (p, true));
            if whole > 0 {
                done = decoder.decode(payload, &mut out[..whole], has_next).unwrap_or(0);
            }
        }
        out[done..].fill(0);
    }

    /// Forgets the stream.
    pub fn reset(&mut self) {
        match self {
            Self::G722(decoder) => **decoder = g722_decoder(),
            Self::Opus(Some(decoder)) => _ = decoder.reset_state(),
            Self::Opus(None) => {}
        }
    }
}

/// Encodes one stream, frame by frame.
pub enum WideEncoder {
    G722(Box<G722Encoder>),
    Opus(OpusEncoder),
}

/// Opus, in packets of 20, 40 or 60 ms.
pub struct OpusEncoder {
    encoder: opus::Encoder,
    collected: Vec<i16>,
    packet_samples: usize,
}

impl WideEncoder {
    /// One for the codec, in packets of about `ptime_ms`; `None` for G.711, and where there is no memory.
    pub fn new(codec: Codec, wishes: OpusWishes, ptime_ms: u32) -> Option<Self> {
        match codec {
            Codec::Pcma | Codec::Pcmu => None,
            Codec::G722 => Some(Self::G722(Box::new(g722_encoder()))),
            Codec::Opus => OpusEncoder::new(wishes, ptime_ms)
                .inspect_err(|error| tracing::error!(%error, "no Opus encoder"))
                .ok()
                .map(Self::Opus),
        }
    }
}

/// An encoder that has heard 20 ms of silence, which takes it close to the state that the standard begins with. From the
/// crate's own beginning, loud audio would be distorted for a quarter of a second at a far end that keeps to the standard.
pub fn g722_encoder() -> G722Encoder {
    let mut encoder = G722Encoder::new();
    g722_frame(&mut encoder, &[0; WIDE_FRAME_SAMPLES]);
    encoder
}

/// A decoder in that state.
fn g722_decoder() -> G722Decoder {
    static SILENCE: LazyLock<[u8; FRAME_SAMPLES]> =
        LazyLock::new(|| g722_frame(&mut G722Encoder::new(), &[0; WIDE_FRAME_SAMPLES]));
    let mut decoder = G722Decoder::new();
    _ = decoder.decode_into(&*SILENCE, &mut [0; WIDE_FRAME_SAMPLES]);
    decoder
}

/// Encodes a frame in G.722.
pub fn g722_frame(encoder: &mut G722Encoder, pcm: &[i16; WIDE_FRAME_SAMPLES]) -> [u8; FRAME_SAMPLES] {
    let mut bytes = [0; FRAME_SAMPLES];
    // The buffer has room for a byte from each pair of samples, which is all that it can complain of.
    _ = encoder.encode_into(pcm, &mut bytes);
    bytes
}

impl OpusEncoder {
    fn new(wishes: OpusWishes, ptime_ms: u32) -> Result<Self, opus::Error> {
        let mut encoder = opus::Encoder::new(WIDE_SAMPLE_RATE_HZ, opus::Channels::Mono, opus::Application::Voip)?;
        let most = wishes.max_bitrate.map_or(OPUS_BITRATE, |most| i32::try_from(most).unwrap_or(OPUS_BITRATE));
        encoder.set_bitrate(opus::Bitrate::Bits(OPUS_BITRATE.min(most).max(OPUS_LEAST_BITRATE)))?;
        encoder.set_complexity(OPUS_COMPLEXITY)?;
        encoder.set_signal(opus::Signal::Voice)?;
        encoder.set_max_bandwidth(opus::Bandwidth::Wideband)?;
        encoder.set_vbr(!wishes.cbr)?;
        encoder.set_dtx(wishes.dtx)?;
        encoder.set_inband_fec(wishes.fec)?;
        encoder.set_packet_loss_perc(if wishes.fec { OPUS_EXPECTED_LOSS } else { 0 })?;
        let frames = match ptime_ms {
            0..40 => 1,
            40..60 => 2,
            _ => 3,
        };
        let packet_samples = frames * WIDE_FRAME_SAMPLES;
        Ok(Self { encoder, collected: Vec::with_capacity(packet_samples), packet_samples })
    }

    /// Takes a frame in. When a packet is whole, writes it to `payload` and returns its length and how many frames it
    /// holds; the length is 0 when nothing need be sent.
    pub fn push(&mut self, pcm: &[i16; WIDE_FRAME_SAMPLES], payload: &mut [u8]) -> Option<(usize, u32)> {
        self.collected.extend_from_slice(pcm);
        if self.collected.len() < self.packet_samples {
            return None;
        }
        let length = self.encoder.encode(&self.collected, payload).unwrap_or(0);
        let frames = (self.collected.len() / WIDE_FRAME_SAMPLES) as u32;
        self.collected.clear();
        Some((if length > OPUS_NOTHING { length } else { 0 }, frames))
    }

    /// Drops what waits for the rest of its packet.
    pub fn drop_waiting(&mut self) {
        self.collected.clear();
    }
}

#[cfg(test)]
mod tests;
