//! Comfort noise.

/// White noise at the level that the far end asked for (RFC 3389).
pub struct Noise {
    /// Noise is what is heard until audio comes.
    pub on: bool,
    amplitude: i32,
    state: u32,
}

impl Default for Noise {
    fn default() -> Self {
        Self { on: false, amplitude: 0, state: 0x2545_F491 }
    }
}

impl Noise {
    /// Sets the level: 0 to -127 dBov, as the positive number.
    pub fn set_level(&mut self, level_dbov: u8) {
        // Uniform noise between ±a has an RMS of a/√3. Louder than -30 dBov is not background.
        let rms = 32_768.0 * 10f32.powf(-f32::from(level_dbov.clamp(30, 127)) / 20.0);
        self.amplitude = (rms * 1.732) as i32;
    }

    /// Fills with noise, at any sample rate.
    pub fn fill(&mut self, out: &mut [i16]) {
        for sample in out {
            // xorshift: cheap, and nobody listens closely.
            self.state ^= self.state << 13;
            self.state ^= self.state >> 17;
            self.state ^= self.state << 5;
            let centred = (self.state >> 16) as i32 - 32_768;
            *sample = (centred * self.amplitude / 32_768) as i16;
        }
    }
}
