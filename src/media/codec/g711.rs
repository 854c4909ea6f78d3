//! G.711 by ITU-T G.191's reference algorithm.

/// The two laws of G.711.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    A,
    Mu,
}

impl Law {
    /// The byte that decodes to silence.
    pub const fn silence(self) -> u8 {
        match self {
            Self::A => 0xD5,
            Self::Mu => 0xFF,
        }
    }

    /// Encodes one sample.
    #[inline]
    pub const fn encode_sample(self, sample: i16) -> u8 {
        match self {
            Self::A => encode_a_law(sample),
            Self::Mu => encode_mu_law(sample),
        }
    }

    /// Decodes one byte.
    #[inline]
    pub const fn decode_byte(self, byte: u8) -> i16 {
        match self {
            Self::A => A_LAW[byte as usize],
            Self::Mu => MU_LAW[byte as usize],
        }
    }

    /// Decodes as many bytes as both slices hold; returns how many.
    pub fn decode_into(self, bytes: &[u8], samples: &mut [i16]) -> usize {
        let table = match self {
            Self::A => &A_LAW,
            Self::Mu => &MU_LAW,
        };
        for (sample, byte) in samples.iter_mut().zip(bytes) {
            *sample = table[usize::from(*byte)];
        }
        bytes.len().min(samples.len())
    }

    /// The table that takes a byte of `from` to this law, scaled by `gain` (1.0 leaves the level alone).
    pub fn transcode_table(self, from: Law, gain: f32) -> [u8; 256] {
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

static A_LAW: [i16; 256] = decode_table(Law::A);
static MU_LAW: [i16; 256] = decode_table(Law::Mu);

const fn decode_table(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match law {
            Law::A => decode_a_law(byte as u8),
            Law::Mu => decode_mu_law(byte as u8),
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
        for law in [Law::A, Law::Mu] {
            for sample in i16::MIN..=i16::MAX {
                let error = i32::from(law.decode_byte(law.encode_sample(sample))) - i32::from(sample);
                // Sixteen steps to the octave; the least step is 16 in A-law and 8 in µ-law.
                let half_step = i32::from(sample).abs() / 32 + 9;
                assert!(error.abs() <= half_step, "{law:?} {sample} is off by {error}");
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
        assert_eq!(Law::A.encode_sample(0), 0xD5);
        assert_eq!(Law::A.encode_sample(-1), 0x55);
        assert_eq!(Law::A.encode_sample(i16::MAX), 0xAA);
        assert_eq!(Law::A.encode_sample(i16::MIN), 0x2A);
        assert_eq!(Law::Mu.encode_sample(0), 0xFF);
        assert_eq!(Law::Mu.encode_sample(i16::MAX), 0x80);
        assert_eq!(Law::Mu.encode_sample(i16::MIN), 0x00);
        assert_eq!(Law::Mu.decode_byte(0x80), 32_124);
    }

    #[test]
    fn a_gain_table_scales_and_saturates() {
        let half = Law::A.transcode_table(Law::A, 0.5);
        let byte = Law::A.encode_sample(8_000);
        let scaled = Law::A.decode_byte(half[usize::from(byte)]);
        assert!((3_800..4_200).contains(&scaled), "{scaled}");
        let loud = Law::Mu.transcode_table(Law::A, 9.0);
        assert_eq!(loud[usize::from(Law::A.encode_sample(30_000))], 0x80);
    }
}
