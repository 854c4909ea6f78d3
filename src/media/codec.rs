//! G.711 by ITU-T G.191's reference algorithm, and audio kept encoded.

use std::sync::Arc;

use super::frame::SAMPLES_PER_MS;
use crate::domain::TrunkCodec;

/// An audio codec that a call can be carried in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// G.711 A-law, 8 kHz, static payload type 8.
    Pcma,
    /// G.711 µ-law, 8 kHz, static payload type 0.
    Pcmu,
}

impl Codec {
    /// The codec that a trunk's settings name; `None` for one that is not built in.
    pub const fn of_trunk(codec: TrunkCodec) -> Option<Self> {
        match codec {
            TrunkCodec::Pcma => Some(Self::Pcma),
            TrunkCodec::Pcmu => Some(Self::Pcmu),
            TrunkCodec::G722 | TrunkCodec::Opus => None,
        }
    }

    /// The encoding name of the SDP `rtpmap` (RFC 3551 §6), compared without regard to case.
    pub const fn rtpmap_name(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
        }
    }

    /// The RTP clock rate, in Hz.
    pub const fn clock_rate_hz(self) -> u32 {
        8_000
    }

    /// The payload type that RFC 3551 §6 fixes for the codec.
    pub const fn static_payload_type(self) -> u8 {
        match self {
            Self::Pcma => 8,
            Self::Pcmu => 0,
        }
    }

    /// The codec of a static payload type.
    pub const fn from_static_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            8 => Some(Self::Pcma),
            0 => Some(Self::Pcmu),
            _ => None,
        }
    }

    /// The byte that decodes to silence.
    pub const fn silence(self) -> u8 {
        match self {
            Self::Pcma => 0xD5,
            Self::Pcmu => 0xFF,
        }
    }

    /// Encodes one sample.
    #[inline]
    pub const fn encode_sample(self, sample: i16) -> u8 {
        match self {
            Self::Pcma => encode_a_law(sample),
            Self::Pcmu => encode_mu_law(sample),
        }
    }

    /// Decodes one byte.
    #[inline]
    pub const fn decode_byte(self, byte: u8) -> i16 {
        match self {
            Self::Pcma => A_LAW[byte as usize],
            Self::Pcmu => MU_LAW[byte as usize],
        }
    }

    /// Decodes as many bytes as both slices hold; returns how many.
    pub fn decode_into(self, bytes: &[u8], samples: &mut [i16]) -> usize {
        let table = match self {
            Self::Pcma => &A_LAW,
            Self::Pcmu => &MU_LAW,
        };
        for (sample, byte) in samples.iter_mut().zip(bytes) {
            *sample = table[usize::from(*byte)];
        }
        bytes.len().min(samples.len())
    }

    /// The table that takes a byte of `from` to this codec, scaled by `gain` (1.0 leaves the level alone).
    pub fn transcode_table(self, from: Codec, gain: f32) -> [u8; 256] {
        std::array::from_fn(|byte| {
            let byte = byte as u8;
            if from == self && gain == 1.0 {
                return byte;
            }
            // `as` saturates, which is what a gain above one needs.
            self.encode_sample((f32::from(from.decode_byte(byte)) * gain) as i16)
        })
    }
}

/// Audio as it goes into RTP payloads: 8 kHz mono, one byte a sample, cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodedAudio {
    pub codec: Codec,
    pub bytes: Arc<[u8]>,
}

impl EncodedAudio {
    /// Encodes 16-bit PCM at 8 kHz.
    pub fn from_pcm(codec: Codec, samples: &[i16]) -> Self {
        Self { codec, bytes: samples.iter().map(|s| codec.encode_sample(*s)).collect() }
    }

    /// Length in milliseconds, rounded down.
    pub fn duration_ms(&self) -> u64 {
        (self.bytes.len() / SAMPLES_PER_MS) as u64
    }

    /// Decodes to 16-bit PCM at 8 kHz.
    pub fn to_pcm(&self) -> Vec<i16> {
        self.bytes.iter().map(|b| self.codec.decode_byte(*b)).collect()
    }

    /// The same audio in another codec; clones the reference when it already is.
    pub fn transcode(&self, to: Codec) -> Self {
        if self.codec == to {
            return self.clone();
        }
        let table = to.transcode_table(self.codec, 1.0);
        Self { codec: to, bytes: self.bytes.iter().map(|b| table[usize::from(*b)]).collect() }
    }

    /// What is left after the first `played_ms`, to resume an interrupted clip.
    pub fn skip_ms(&self, played_ms: u64) -> Self {
        let from = (played_ms as usize).saturating_mul(SAMPLES_PER_MS).min(self.bytes.len());
        Self { codec: self.codec, bytes: self.bytes[from..].into() }
    }
}

impl std::fmt::Debug for EncodedAudio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EncodedAudio({:?}, {} ms)", self.codec, self.duration_ms())
    }
}

const fn encode_a_law(sample: i16) -> u8 {
    // One's complement of negative values keeps the two halves symmetric around -0.5.
    let positive = if sample < 0 { !sample } else { sample };
    let magnitude = (positive >> 4) as u16;
    let mut code = magnitude as u8;
    if magnitude > 15 {
        let exponent = 16 - magnitude.leading_zeros() - 4;
        code = (((exponent as u16) << 4) | ((magnitude >> (exponent - 1)) & 0x0F)) as u8;
    }
    if sample < 0 { code ^ 0x55 } else { code ^ 0xD5 }
}

const fn decode_a_law(byte: u8) -> i16 {
    let code = byte ^ 0x55;
    let exponent = (code & 0x7F) >> 4;
    let mut mantissa = (code & 0x0F) as i16;
    if exponent > 0 {
        mantissa += 16;
    }
    mantissa = (mantissa << 4) + 8;
    if exponent > 1 {
        mantissa <<= exponent - 1;
    }
    if code & 0x80 != 0 { mantissa } else { -mantissa }
}

const fn encode_mu_law(sample: i16) -> u8 {
    let positive = if sample < 0 { !sample } else { sample };
    let magnitude = (positive >> 2) as u16 + 33;
    let magnitude = if magnitude > 0x1FFF { 0x1FFF } else { magnitude };
    // The segment is the position of the leading bit above bit 5.
    let segment = (16 - magnitude.leading_zeros() - 5) as u16;
    let code = (((8 - segment) << 4) | (0x0F - ((magnitude >> segment) & 0x0F))) as u8;
    if sample < 0 { code } else { code | 0x80 }
}

const fn decode_mu_law(byte: u8) -> i16 {
    let code = !byte;
    let exponent = (code >> 4) & 7;
    let magnitude = ((((code & 0x0F) as i16) << 3) + 132) << exponent;
    if byte & 0x80 != 0 { magnitude - 132 } else { 132 - magnitude }
}

static A_LAW: [i16; 256] = decode_table(Codec::Pcma);
static MU_LAW: [i16; 256] = decode_table(Codec::Pcmu);

const fn decode_table(codec: Codec) -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match codec {
            Codec::Pcma => decode_a_law(byte as u8),
            Codec::Pcmu => decode_mu_law(byte as u8),
        };
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use audio_codec::Decoder;

    use super::*;

    #[test]
    fn decoding_agrees_with_an_independent_implementation() {
        let all: Vec<u8> = (0..=255).collect();
        let a = audio_codec::pcma::PcmaDecoder::new().decode(&all);
        let mu = audio_codec::pcmu::PcmuDecoder::new().decode(&all);
        assert_eq!(A_LAW.as_slice(), a);
        assert_eq!(MU_LAW.as_slice(), mu);
    }

    #[test]
    fn the_error_is_at_most_half_a_step() {
        for codec in [Codec::Pcma, Codec::Pcmu] {
            for sample in i16::MIN..=i16::MAX {
                let error = i32::from(codec.decode_byte(codec.encode_sample(sample))) - i32::from(sample);
                // Sixteen steps to the octave; the least step is 16 in A-law and 8 in µ-law.
                let half_step = i32::from(sample).abs() / 32 + 9;
                assert!(error.abs() <= half_step, "{codec:?} {sample} is off by {error}");
            }
        }
    }

    #[test]
    fn every_byte_survives_a_round_trip() {
        for byte in 0..=255u8 {
            assert_eq!(encode_a_law(decode_a_law(byte)), byte);
            // µ-law has two zeros.
            let expected = if byte == 0x7F { 0xFF } else { byte };
            assert_eq!(encode_mu_law(decode_mu_law(byte)), expected);
        }
    }

    #[test]
    fn known_values() {
        assert_eq!(Codec::Pcma.encode_sample(0), 0xD5);
        assert_eq!(Codec::Pcma.encode_sample(-1), 0x55);
        assert_eq!(Codec::Pcma.encode_sample(i16::MAX), 0xAA);
        assert_eq!(Codec::Pcma.encode_sample(i16::MIN), 0x2A);
        assert_eq!(Codec::Pcmu.encode_sample(0), 0xFF);
        assert_eq!(Codec::Pcmu.encode_sample(i16::MAX), 0x80);
        assert_eq!(Codec::Pcmu.encode_sample(i16::MIN), 0x00);
        assert_eq!(Codec::Pcmu.decode_byte(0x80), 32_124);
    }

    #[test]
    fn transcoding_keeps_the_signal() {
        let pcm = crate::media::tone::sine(440.0, 8_000.0, 800);
        let there = EncodedAudio::from_pcm(Codec::Pcma, &pcm).transcode(Codec::Pcmu);
        assert_eq!(there.codec, Codec::Pcmu);
        assert_eq!(there.duration_ms(), 100);
        for (a, b) in pcm.iter().zip(there.to_pcm()) {
            assert!((i32::from(*a) - i32::from(b)).abs() <= 768, "{a} became {b}");
        }
        assert_eq!(there.skip_ms(40).duration_ms(), 60);
        assert_eq!(there.skip_ms(400).duration_ms(), 0);
    }

    #[test]
    fn a_gain_table_scales_and_saturates() {
        let half = Codec::Pcma.transcode_table(Codec::Pcma, 0.5);
        let byte = Codec::Pcma.encode_sample(8_000);
        let scaled = Codec::Pcma.decode_byte(half[usize::from(byte)]);
        assert!((3_800..4_200).contains(&scaled), "{scaled}");
        let loud = Codec::Pcmu.transcode_table(Codec::Pcma, 9.0);
        assert_eq!(loud[usize::from(Codec::Pcma.encode_sample(30_000))], 0x80);
    }
}
