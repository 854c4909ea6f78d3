//! The unit of audio that passes between the modules.

/// Samples per second of all audio in the product.
pub const SAMPLE_RATE_HZ: u32 = 8_000;
/// Length of one [`PcmFrame`], in milliseconds.
pub const FRAME_MS: u32 = 20;
/// Samples of one [`PcmFrame`].
pub const FRAME_SAMPLES: usize = 160;
/// Samples per millisecond.
pub const SAMPLES_PER_MS: usize = 8;

/// 20 ms of the caller's audio: 16-bit linear PCM, 8 kHz, mono, after the jitter buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PcmFrame {
    pub samples: [i16; FRAME_SAMPLES],
    /// Milliseconds from the session's media start to the first sample; a multiple of 20.
    pub media_ms: u64,
    /// Whether any of it was invented because packets were lost, late or not sent; silence when nothing was received.
    pub concealed: bool,
    /// Whether it holds comfort noise that the far end asked for (RFC 3389).
    pub comfort_noise: bool,
}

impl PcmFrame {
    /// A frame of silence.
    pub const fn silence(media_ms: u64) -> Self {
        Self { samples: [0; FRAME_SAMPLES], media_ms, concealed: true, comfort_noise: false }
    }

    /// Root mean square of the samples, 0 to 32768.
    pub fn rms(&self) -> f32 {
        let sum: f32 = self.samples.iter().map(|s| f32::from(*s) * f32::from(*s)).sum();
        (sum / FRAME_SAMPLES as f32).sqrt()
    }
}

impl std::fmt::Debug for PcmFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PcmFrame")
            .field("media_ms", &self.media_ms)
            .field("rms", &self.rms())
            .field("concealed", &self.concealed)
            .field("comfort_noise", &self.comfort_noise)
            .finish()
    }
}
