//! The codecs that a call can be carried in, and audio kept encoded.

use std::sync::Arc;

use audio_codec::Encoder as _;

use super::frame::{SAMPLE_RATE_HZ, SAMPLES_PER_MS, WIDE_SAMPLE_RATE_HZ};
use super::resample::{Doubler, Halver};
use crate::domain::TrunkCodec;

pub mod g711;
pub mod stream;

pub use g711::Law;
use stream::WideDecoder;

/// An audio codec that a call can be carried in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// G.711 A-law, 8 kHz, static payload type 8.
    Pcma,
    /// G.711 µ-law, 8 kHz, static payload type 0.
    Pcmu,
    /// G.722 at 64 kbit/s: 16 kHz, though its RTP clock is 8 kHz (RFC 3551 §4.5.2); static payload type 9.
    G722,
    /// Opus (RFC 6716, RFC 7587): coded here at 16 kHz, mono; its RTP clock is 48 kHz.
    Opus,
}

impl Codec {
    /// All there are, G.711 first: what every far end knows.
    pub const ALL: [Self; 4] = [Self::Pcma, Self::Pcmu, Self::G722, Self::Opus];

    /// The encoding name of the SDP `rtpmap` (RFC 3551 §6, RFC 7587 §6.1), compared without regard to case.
    pub const fn rtpmap_name(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
            Self::G722 => "G722",
            Self::Opus => "opus",
        }
    }

    /// The RTP clock rate, in Hz. It need not be the rate of the audio.
    pub const fn clock_rate_hz(self) -> u32 {
        match self {
            Self::Pcma | Self::Pcmu | Self::G722 => 8_000,
            Self::Opus => 48_000,
        }
    }

    /// Channels as `rtpmap` states them: Opus is always said to have two (RFC 7587 §7).
    pub const fn rtpmap_channels(self) -> u32 {
        match self {
            Self::Pcma | Self::Pcmu | Self::G722 => 1,
            Self::Opus => 2,
        }
    }

    /// The payload type that we offer the codec with: what RFC 3551 §6 fixes, or what most equipment uses.
    pub const fn default_payload_type(self) -> u8 {
        match self {
            Self::Pcma => 8,
            Self::Pcmu => 0,
            Self::G722 => 9,
            Self::Opus => 111,
        }
    }

    /// The codec of a static payload type.
    pub const fn from_static_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            8 => Some(Self::Pcma),
            0 => Some(Self::Pcmu),
            9 => Some(Self::G722),
            _ => None,
        }
    }

    /// Which law it is, for G.711.
    pub const fn law(self) -> Option<Law> {
        match self {
            Self::Pcma => Some(Law::A),
            Self::Pcmu => Some(Law::Mu),
            Self::G722 | Self::Opus => None,
        }
    }

    /// Whether its audio is at 16 kHz.
    pub const fn is_wide(self) -> bool {
        self.law().is_none()
    }

    /// The rate of the audio, in Hz.
    pub const fn sample_rate_hz(self) -> u32 {
        if self.is_wide() { WIDE_SAMPLE_RATE_HZ } else { SAMPLE_RATE_HZ }
    }

    /// RTP clock units in one tick of 1/8000 s.
    pub const fn clock_per_tick(self) -> u32 {
        self.clock_rate_hz() / SAMPLE_RATE_HZ
    }

    /// Length of a payload in ticks of 1/8000 s; `None` when it is malformed or longer than 120 ms.
    pub fn payload_ticks(self, payload: &[u8]) -> Option<usize> {
        let ticks = match self {
            Self::Pcma | Self::Pcmu | Self::G722 => payload.len(),
            Self::Opus => stream::opus_ticks(payload)?,
        };
        (1..=stream::MOST_TICKS).contains(&ticks).then_some(ticks)
    }
}

impl From<TrunkCodec> for Codec {
    fn from(codec: TrunkCodec) -> Self {
        match codec {
            TrunkCodec::Pcma => Self::Pcma,
            TrunkCodec::Pcmu => Self::Pcmu,
            TrunkCodec::G722 => Self::G722,
            TrunkCodec::Opus => Self::Opus,
        }
    }
}

/// Audio kept encoded, eight bytes a millisecond, cheap to clone: 8 kHz in G.711 as it goes into RTP payloads, or 16 kHz
/// in G.722. Opus has no bytes of a fixed length: what is to be played in Opus is kept in G.722.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodedAudio {
    pub codec: Codec,
    pub bytes: Arc<[u8]>,
}

impl EncodedAudio {
    /// Encodes 16-bit PCM at 8 kHz.
    pub fn from_pcm(codec: Codec, samples: &[i16]) -> Self {
        match codec.law() {
            Some(law) => Self { codec, bytes: samples.iter().map(|s| law.encode_sample(*s)).collect() },
            None => {
                let mut wide = vec![0; samples.len() * 2];
                Doubler::default().process(samples, &mut wide);
                Self::from_wide_pcm(&wide)
            }
        }
    }

    /// Encodes 16-bit PCM at 16 kHz, in G.722.
    pub fn from_wide_pcm(samples: &[i16]) -> Self {
        let bytes = stream::g722_encoder().encode(&samples[..samples.len() & !1]);
        Self { codec: Codec::G722, bytes: bytes.into() }
    }

    /// Length in milliseconds, rounded down.
    pub fn duration_ms(&self) -> u64 {
        (self.bytes.len() / SAMPLES_PER_MS) as u64
    }

    /// Decodes to 16-bit PCM at 8 kHz.
    pub fn to_pcm(&self) -> Vec<i16> {
        match self.codec.law() {
            Some(law) => self.bytes.iter().map(|b| law.decode_byte(*b)).collect(),
            None => {
                let mut narrow = vec![0; self.bytes.len()];
                Halver::default().process(&self.to_wide_pcm(), &mut narrow);
                narrow
            }
        }
    }

    /// Decodes to 16-bit PCM at 16 kHz.
    pub fn to_wide_pcm(&self) -> Vec<i16> {
        let mut wide = vec![0; self.bytes.len() * 2];
        if self.codec.is_wide() {
            WideDecoder::g722().decode(&self.bytes, &mut wide);
        } else {
            Doubler::default().process(&self.to_pcm(), &mut wide);
        }
        wide
    }

    /// The same audio in another codec; clones the reference when it already is.
    pub fn transcode(&self, to: Codec) -> Self {
        match (self.codec.law(), to.law()) {
            _ if self.codec == to => self.clone(),
            (Some(from), Some(law)) => {
                let table = law.transcode_table(from, 1.0);
                Self { codec: to, bytes: self.bytes.iter().map(|b| table[usize::from(*b)]).collect() }
            }
            _ => Self::from_pcm(to, &self.to_pcm()),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::tone;

    #[test]
    fn transcoding_keeps_the_signal() {
        let pcm = tone::sine(440.0, 8_000.0, 800);
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
    fn wide_audio_is_kept_in_as_many_bytes() {
        let narrow = tone::sine(440.0, 8_000.0, 1_600);
        for codec in [Codec::G722, Codec::Opus] {
            let kept = EncodedAudio::from_pcm(codec, &narrow);
            assert_eq!((kept.codec, kept.duration_ms()), (Codec::G722, 200));
            assert!(tone::is_present(&kept.to_pcm()[400..], 440.0));
            assert!(tone::is_present(&kept.transcode(Codec::Pcmu).to_pcm()[400..], 440.0));
        }
        assert!(tone::is_present(
            &EncodedAudio::from_pcm(Codec::Pcma, &narrow).transcode(Codec::G722).to_pcm()[400..],
            440.0
        ));
        // An odd sample at the end has no other half.
        assert_eq!(EncodedAudio::from_wide_pcm(&[0; 321]).bytes.len(), 160);
    }
}
