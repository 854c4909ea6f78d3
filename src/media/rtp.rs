//! RTP headers (RFC 3550 §5.1): written by hand into a reused buffer, read by `rtp-rs`.

pub use rtp_rs::RtpReader;

/// Bytes of a header without extensions or contributing sources.
pub const HEADER_BYTES: usize = 12;

/// The fields that change from packet to packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub payload_type: u8,
    pub marker: bool,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

impl Header {
    /// Writes the header to the front of a packet buffer of at least [`HEADER_BYTES`].
    pub fn write(&self, packet: &mut [u8]) {
        packet[0] = 0x80;
        packet[1] = (self.payload_type & 0x7F) | (u8::from(self.marker) << 7);
        packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
    }
}

/// Whether a packet on an RTP port is RTCP by its packet type (RFC 5761 §4).
pub fn looks_like_rtcp(packet: &[u8]) -> bool {
    packet.len() >= 8 && packet[0] >> 6 == 2 && (192..=223).contains(&packet[1])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(payload_type in 0u8..128, marker: bool, sequence: u16, timestamp: u32, ssrc: u32) {
            let header = Header { payload_type, marker, sequence, timestamp, ssrc };
            let mut packet = [0u8; HEADER_BYTES + 4];
            header.write(&mut packet);
            let read = RtpReader::new(&packet).unwrap();
            prop_assert_eq!(read.payload_type(), payload_type);
            prop_assert_eq!(read.mark(), marker);
            prop_assert_eq!(u16::from(read.sequence_number()), sequence);
            prop_assert_eq!(read.timestamp(), timestamp);
            prop_assert_eq!(read.ssrc(), ssrc);
            prop_assert_eq!(read.payload(), &[0; 4]);
        }
    }
}
