//! The head of our WAV files: stereo, 16 bits, 8 kHz.

/// Samples a second.
pub const RATE_HZ: u32 = 8_000;
/// Length of the head.
pub const HEADER_BYTES: u64 = 44;
/// Left and right, 16 bits each.
pub const BYTES_PER_SAMPLE: u64 = 4;
/// The sizes in the head are 32 bits: 37 hours.
pub const MAX_DATA_BYTES: u64 = u32::MAX as u64 - HEADER_BYTES;

/// The head of a file with so many bytes of samples.
pub fn header(data_bytes: u32) -> [u8; HEADER_BYTES as usize] {
    let mut header = *b"RIFF....WAVEfmt \x10\0\0\0\x01\0\x02\0........\x04\0\x10\0data....";
    header[4..8].copy_from_slice(&(data_bytes + HEADER_BYTES as u32 - 8).to_le_bytes());
    header[24..28].copy_from_slice(&RATE_HZ.to_le_bytes());
    header[28..32].copy_from_slice(&(RATE_HZ * BYTES_PER_SAMPLE as u32).to_le_bytes());
    header[40..44].copy_from_slice(&data_bytes.to_le_bytes());
    header
}

/// Length of so many bytes of samples, in milliseconds.
pub fn milliseconds(data_bytes: u64) -> u64 {
    data_bytes / BYTES_PER_SAMPLE * 1_000 / u64::from(RATE_HZ)
}
