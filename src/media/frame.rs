//! The unit of audio that passes between the modules.

use std::ops::{Deref, DerefMut};

/// Samples per second of narrow-band audio: G.711, recordings, and what passes between modules unless it says otherwise.
pub const SAMPLE_RATE_HZ: u32 = 8_000;
/// Samples per second of wide-band audio: G.722 and Opus.
pub const WIDE_SAMPLE_RATE_HZ: u32 = 16_000;
/// Length of one [`PcmFrame`], in milliseconds.
pub const FRAME_MS: u32 = 20;
/// Samples of one narrow-band [`PcmFrame`].
pub const FRAME_SAMPLES: usize = 160;
/// Samples of one wide-band [`PcmFrame`].
pub const WIDE_FRAME_SAMPLES: usize = 320;
/// Narrow-band samples per millisecond; also the ticks per millisecond in which the media modules count time.
pub const SAMPLES_PER_MS: usize = 8;

/// The samples of one frame: 160 at 8 kHz or 320 at 16 kHz. Behaves as a slice of so many.
#[derive(Debug, Clone, Copy)]
pub struct FrameSamples {
    samples: [i16; WIDE_FRAME_SAMPLES],
    wide: bool,
}

impl FrameSamples {
    /// Silence.
    pub const fn silence(wide: bool) -> Self {
        Self { samples: [0; WIDE_FRAME_SAMPLES], wide }
    }

    /// Whether the samples are at 16 kHz.
    pub const fn is_wide(&self) -> bool {
        self.wide
    }

    /// Samples per second.
    pub const fn rate_hz(&self) -> u32 {
        if self.wide { WIDE_SAMPLE_RATE_HZ } else { SAMPLE_RATE_HZ }
    }
}

impl Deref for FrameSamples {
    type Target = [i16];

    fn deref(&self) -> &[i16] {
        let len = if self.wide { WIDE_FRAME_SAMPLES } else { FRAME_SAMPLES };
        &self.samples[..len]
    }
}

impl DerefMut for FrameSamples {
    fn deref_mut(&mut self) -> &mut [i16] {
        let len = if self.wide { WIDE_FRAME_SAMPLES } else { FRAME_SAMPLES };
        &mut self.samples[..len]
    }
}

impl From<[i16; FRAME_SAMPLES]> for FrameSamples {
    fn from(narrow: [i16; FRAME_SAMPLES]) -> Self {
        let mut samples = Self::silence(false);
        samples.copy_from_slice(&narrow);
        samples
    }
}

impl From<[i16; WIDE_FRAME_SAMPLES]> for FrameSamples {
    fn from(samples: [i16; WIDE_FRAME_SAMPLES]) -> Self {
        Self { samples, wide: true }
    }
}

impl PartialEq for FrameSamples {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for FrameSamples {}

impl IntoIterator for FrameSamples {
    type Item = i16;
    type IntoIter = std::iter::Take<std::array::IntoIter<i16, WIDE_FRAME_SAMPLES>>;

    fn into_iter(self) -> Self::IntoIter {
        let len = self.len();
        self.samples.into_iter().take(len)
    }
}

/// 20 ms of the caller's audio: 16-bit linear PCM, mono, after the jitter buffer; at 16 kHz when the call's codec is
/// wide-band, else at 8 kHz.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PcmFrame {
    pub samples: FrameSamples,
    /// Milliseconds from the session's media start to the first sample; a multiple of 20.
    pub media_ms: u64,
    /// Whether any of it was invented because packets were lost, late or not sent; silence when nothing was received.
    pub concealed: bool,
    /// Whether it holds comfort noise that the far end asked for (RFC 3389) or fills a pause that it did not send.
    pub comfort_noise: bool,
    /// Root mean square of the loudest packet of G.711 that came in these 20 ms, 0 to 32768: it will be heard when the
    /// jitter buffer gives it out.
    pub arriving_rms: u16,
    /// Root mean square of what was sent in these 20 ms, 0 to 32768.
    pub sent_rms: u16,
}

impl PcmFrame {
    /// A frame of silence at 8 kHz.
    pub const fn silence(media_ms: u64) -> Self {
        Self::silence_of(false, media_ms)
    }

    /// A frame of silence, at 16 kHz if `wide`.
    pub const fn silence_of(wide: bool, media_ms: u64) -> Self {
        let samples = FrameSamples::silence(wide);
        Self { samples, media_ms, concealed: true, comfort_noise: false, arriving_rms: 0, sent_rms: 0 }
    }

    /// Root mean square of the samples, 0 to 32768.
    pub fn rms(&self) -> f32 {
        rms(&self.samples)
    }
}

/// A root mean square in dB below full scale: 0 or less, minus infinity for silence.
pub fn dbfs(rms: f32) -> f32 {
    20.0 * (rms / 32_768.0).log10()
}

/// Root mean square of samples, 0 to 32768; 0 of none.
pub fn rms(samples: &[i16]) -> f32 {
    let sum: f32 = samples.iter().map(|sample| f32::from(*sample) * f32::from(*sample)).sum();
    (sum / samples.len().max(1) as f32).sqrt()
}

impl std::fmt::Debug for PcmFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PcmFrame")
            .field("media_ms", &self.media_ms)
            .field("rate_hz", &self.samples.rate_hz())
            .field("rms", &self.rms())
            .field("concealed", &self.concealed)
            .field("comfort_noise", &self.comfort_noise)
            .finish()
    }
}
