//! Stand-in for `media::codec` until that module is there: A-law audio, cheap to clone.

use std::sync::Arc;

use audio_codec::pcma::{PcmaDecoder, PcmaEncoder};
use audio_codec::{Decoder, Encoder};

/// An audio codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 A-law, 8 kHz.
    Pcma,
}

/// Audio as it goes into RTP payloads: 8 kHz mono, one byte a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedAudio {
    pub codec: Codec,
    pub bytes: Arc<[u8]>,
}

impl EncodedAudio {
    /// Encodes 16-bit PCM at 8 kHz.
    pub fn from_pcm(codec: Codec, samples: &[i16]) -> Self {
        Self { codec, bytes: PcmaEncoder::new().encode(samples).into() }
    }

    /// Decodes to 16-bit PCM at 8 kHz.
    pub fn to_pcm(&self) -> Vec<i16> {
        PcmaDecoder::new().decode(&self.bytes)
    }
}
