//! Cryptographic contexts: packet indices, replay windows, and the layout of the packets (RFC 3711 §3).

use super::transform::{Protocol, SessionKeys};
use super::{MasterKey, RTCP_OVERHEAD, RTP_OVERHEAD, Suite};

/// Sources of one far end whose packet indices are remembered. The one that was silent longest is forgotten first:
/// only the far end itself can make so many, because only what verifies counts.
pub const MOST_SOURCES: usize = 8;
/// Bytes of the index and E bit that SRTCP puts before its tag.
const RTCP_INDEX_BYTES: usize = 4;
const RTCP_TAG_BYTES: usize = RTCP_OVERHEAD - RTCP_INDEX_BYTES;
/// The part of an RTCP packet that is never encrypted: the first header and SSRC.
const RTCP_CLEAR_BYTES: usize = 8;
/// Set in the index of an SRTCP packet that is encrypted.
const E_BIT: u32 = 1 << 31;
/// The number of packets that one key may protect (RFC 3711 §9.2).
const MOST_RTP_PACKETS: u64 = 1 << 48;
const MOST_RTCP_PACKETS: u64 = 1 << 31;

/// Why a packet is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SrtpError {
    #[error("too short or no RTP")]
    Malformed,
    #[error("received before, or too late to know")]
    Replayed,
    #[error("the tag is wrong")]
    Unauthentic,
}

/// Which packet indices were used: those up to 127 below the highest are known one by one (RFC 3711 §3.3.2).
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    highest: Option<u64>,
    seen: u128,
}

impl Window {
    /// The index of an RTP packet by its sequence number, the one nearest to the highest so far (RFC 3711 §3.3.1);
    /// `None` before the stream's beginning.
    fn index(&self, sequence: u16) -> Option<u64> {
        let Some(highest) = self.highest else { return Some(u64::from(sequence)) };
        highest.checked_add_signed(i64::from(sequence.wrapping_sub(highest as u16) as i16))
    }

    fn is_new(&self, index: u64) -> bool {
        match self.highest {
            Some(highest) if index <= highest => {
                u32::try_from(highest - index).is_ok_and(|back| back < u128::BITS && self.seen >> back & 1 == 0)
            }
            _ => true,
        }
    }

    fn note(&mut self, index: u64) {
        let highest = self.highest.unwrap_or(index);
        if index >= highest {
            let ahead = u32::try_from(index - highest).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = Some(index);
        } else if let Ok(back) = u32::try_from(highest - index) {
            self.seen |= 1u128.checked_shl(back).unwrap_or(0);
        }
    }
}

/// The session keys of one direction.
struct Keys {
    rtp: SessionKeys,
    rtcp: SessionKeys,
    rtp_tag_bytes: usize,
}

impl Keys {
    fn new(suite: Suite, master: &MasterKey) -> Self {
        Self {
            rtp: SessionKeys::derive(master, Protocol::Rtp),
            rtcp: SessionKeys::derive(master, Protocol::Rtcp),
            rtp_tag_bytes: suite.rtp_tag_bytes(),
        }
    }
}

/// What we send.
pub struct Outbound {
    keys: Keys,
    ssrc: Option<u32>,
    rtp: Window,
    rtcp_packets: u64,
}

impl Outbound {
    pub fn new(suite: Suite, master: &MasterKey) -> Self {
        Self { keys: Keys::new(suite, master), ssrc: None, rtp: Window::default(), rtcp_packets: 0 }
    }

    pub fn protect_rtp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        let packet = buffer.get_mut(..length + RTP_OVERHEAD)?;
        let (payload_at, sequence, ssrc) = rtp_header(&packet[..length])?;
        if self.ssrc != Some(ssrc) {
            self.ssrc = Some(ssrc);
            self.rtp = Window::default();
        }
        let index = self.rtp.index(sequence).filter(|index| *index < MOST_RTP_PACKETS && self.rtp.is_new(*index))?;
        self.rtp.note(index);
        self.keys.rtp.apply(ssrc, index, &mut packet[payload_at..length]);
        let tag = self.keys.rtp.tag(&packet[..length], &rollover(index));
        let end = length + self.keys.rtp_tag_bytes;
        packet[length..end].copy_from_slice(&tag[..self.keys.rtp_tag_bytes]);
        Some(end)
    }

    pub fn protect_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        let packet = buffer.get_mut(..length + RTCP_OVERHEAD)?;
        let ssrc = rtcp_ssrc(&packet[..length])?;
        let index = Some(self.rtcp_packets).filter(|index| *index < MOST_RTCP_PACKETS)?;
        self.rtcp_packets += 1;
        self.keys.rtcp.apply(ssrc, index, &mut packet[RTCP_CLEAR_BYTES..length]);
        let tag_at = length + RTCP_INDEX_BYTES;
        packet[length..tag_at].copy_from_slice(&(index as u32 | E_BIT).to_be_bytes());
        let tag = self.keys.rtcp.tag(&packet[..tag_at], &[]);
        packet[tag_at..].copy_from_slice(&tag[..RTCP_TAG_BYTES]);
        Some(length + RTCP_OVERHEAD)
    }
}

/// What one source has sent us.
#[derive(Debug, Clone, Copy)]
struct Source {
    ssrc: u32,
    rtp: Window,
    rtcp: Window,
}

/// What we receive.
pub struct Inbound {
    keys: Keys,
    /// The one heard last comes first.
    sources: Vec<Source>,
}

impl Inbound {
    pub fn new(suite: Suite, master: &MasterKey) -> Self {
        Self { keys: Keys::new(suite, master), sources: Vec::new() }
    }

    /// The length of the RTP packet, which is decrypted.
    pub fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let length = packet.len().checked_sub(self.keys.rtp_tag_bytes).ok_or(SrtpError::Malformed)?;
        let (body, tag) = packet.split_at_mut(length);
        let (payload_at, sequence, ssrc) = rtp_header(body).ok_or(SrtpError::Malformed)?;
        let window = self.source(ssrc).rtp;
        // A stream whose first packets were lost may have rolled over before it is heard.
        let late_start = window.highest.is_none().then_some(u64::from(sequence) | 1 << 16);
        let candidates = [window.index(sequence), late_start];
        let mut candidates = candidates.into_iter().flatten().filter(|index| *index < MOST_RTP_PACKETS).peekable();
        if candidates.peek().is_none_or(|index| !window.is_new(*index)) {
            return Err(SrtpError::Replayed);
        }
        let index = candidates
            .find(|index| self.keys.rtp.verify(body, &rollover(*index), tag))
            .ok_or(SrtpError::Unauthentic)?;
        self.keys.rtp.apply(ssrc, index, &mut body[payload_at..]);
        self.heard(ssrc).rtp.note(index);
        Ok(length)
    }

    /// The length of the RTCP packet, which is decrypted.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let length = packet.len().checked_sub(RTCP_OVERHEAD).ok_or(SrtpError::Malformed)?;
        let ssrc = rtcp_ssrc(&packet[..length]).ok_or(SrtpError::Malformed)?;
        let (signed, tag) = packet.split_at_mut(length + RTCP_INDEX_BYTES);
        let (body, index) = signed.split_last_chunk_mut::<RTCP_INDEX_BYTES>().ok_or(SrtpError::Malformed)?;
        let index_and_e = u32::from_be_bytes(*index);
        let index = u64::from(index_and_e & !E_BIT);
        if !self.source(ssrc).rtcp.is_new(index) {
            return Err(SrtpError::Replayed);
        }
        if !self.keys.rtcp.verify(body, &index_and_e.to_be_bytes(), tag) {
            return Err(SrtpError::Unauthentic);
        }
        if index_and_e & E_BIT != 0 {
            self.keys.rtcp.apply(ssrc, index, &mut body[RTCP_CLEAR_BYTES..]);
        }
        self.heard(ssrc).rtcp.note(index);
        Ok(length)
    }

    fn source(&self, ssrc: u32) -> Source {
        let known = self.sources.iter().find(|source| source.ssrc == ssrc).copied();
        known.unwrap_or(Source { ssrc, rtp: Window::default(), rtcp: Window::default() })
    }

    /// The source of a packet that verifies, as the latest.
    fn heard(&mut self, ssrc: u32) -> &mut Source {
        let at = self.sources.iter().position(|source| source.ssrc == ssrc).unwrap_or_else(|| {
            self.sources.truncate(MOST_SOURCES - 1);
            self.sources.push(Source { ssrc, rtp: Window::default(), rtcp: Window::default() });
            self.sources.len() - 1
        });
        self.sources[..=at].rotate_right(1);
        &mut self.sources[0]
    }
}

/// The rollover counter, which is authenticated though not sent.
fn rollover(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

/// Where the payload begins, the sequence number and the SSRC; `None` when it is no RTP.
fn rtp_header(packet: &[u8]) -> Option<(usize, u16, u32)> {
    let &[first, _, s0, s1, _, _, _, _, a, b, c, d, ..] = packet else { return None };
    if first >> 6 != 2 {
        return None;
    }
    let mut payload_at = 12 + 4 * usize::from(first & 0x0F);
    if first & 0x10 != 0 {
        let &[high, low] = packet.get(payload_at + 2..payload_at + 4)? else { return None };
        payload_at += 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
    }
    (payload_at <= packet.len()).then_some((payload_at, u16::from_be_bytes([s0, s1]), u32::from_be_bytes([a, b, c, d])))
}

/// The SSRC of the first packet of a compound; `None` when it is no RTCP.
fn rtcp_ssrc(packet: &[u8]) -> Option<u32> {
    let &[first, _, _, _, a, b, c, d, ..] = packet else { return None };
    (first >> 6 == 2).then_some(u32::from_be_bytes([a, b, c, d]))
}
