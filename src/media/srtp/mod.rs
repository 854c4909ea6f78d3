//! SRTP and SRTCP (RFC 3711) with the keys of SDP security descriptions (RFC 4568), without clock, randomness or I/O.
//!
//! Packets are changed where they lie, and nothing is allocated for one but the state of a new source. The transforms
//! are AES in counter mode and HMAC-SHA1, the two that every implementation has; keys are derived once
//! (`key_derivation_rate` 0), and there is no MKI.

mod context;
mod transform;

use crate::domain::Secret;
use context::{Inbound, Outbound};

pub use context::{MOST_SOURCES, SrtpError};

/// Bytes that SRTP adds to a packet at most: the longest tag.
pub const RTP_OVERHEAD: usize = 10;
/// Bytes that SRTCP adds to a packet: the index with the E bit, and the tag, which is never shortened (RFC 4568 §6.2).
pub const RTCP_OVERHEAD: usize = 4 + 10;

/// Bytes of a master key and its salt.
const MASTER_BYTES: usize = 16 + 14;

/// A crypto suite of RFC 4568 §6.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    /// A tag of 80 bits on RTP.
    AesCm128HmacSha1_80,
    /// A tag of 32 bits on RTP, 80 on RTCP.
    AesCm128HmacSha1_32,
}

impl Suite {
    /// In the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::AesCm128HmacSha1_80, Self::AesCm128HmacSha1_32];

    /// Its name in SDP.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// The suite of this name, if it is one of ours.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// Bytes of the tag on RTP packets.
    const fn rtp_tag_bytes(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 => 10,
            Self::AesCm128HmacSha1_32 => 4,
        }
    }
}

/// A master key of 16 bytes and its salt of 14, as they follow each other in `inline:`. Never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterKey(Secret<[u8; MASTER_BYTES]>);

impl MasterKey {
    pub fn from_bytes(key_and_salt: [u8; MASTER_BYTES]) -> Self {
        Self(Secret::from_bytes(key_and_salt))
    }

    /// Key and salt, to be derived from or written into SDP.
    pub fn bytes(&self) -> &[u8; MASTER_BYTES] {
        self.0.bytes()
    }
}

/// What was agreed for one stream: each side encrypts what it sends with its own key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SrtpKeys {
    pub suite: Suite,
    /// Ours, for what we send.
    pub local: MasterKey,
    /// The far end's, for what we receive.
    pub remote: MasterKey,
}

/// Both directions of one stream, RTP and RTCP.
pub struct SrtpSession {
    keys: SrtpKeys,
    outbound: Outbound,
    inbound: Inbound,
    /// Under the far end's last key, until the first packet under its new one: what was on its way when the keys
    /// changed is still understood.
    former: Option<Inbound>,
}

impl SrtpSession {
    pub fn new(keys: SrtpKeys) -> Self {
        let outbound = Outbound::new(keys.suite, &keys.local);
        let inbound = Inbound::new(keys.suite, &keys.remote);
        Self { keys, outbound, inbound, former: None }
    }

    /// Applies a later negotiation. A direction whose key stays keeps its packet indices, as both far ends must
    /// (RFC 3711 §3.3.1); a new key begins at rollover counter 0.
    pub fn rekey(&mut self, keys: SrtpKeys) {
        let same_suite = keys.suite == self.keys.suite;
        if !same_suite || keys.local != self.keys.local {
            self.outbound = Outbound::new(keys.suite, &keys.local);
        }
        if !same_suite || keys.remote != self.keys.remote {
            self.former = Some(std::mem::replace(&mut self.inbound, Inbound::new(keys.suite, &keys.remote)));
        }
        self.keys = keys;
    }

    /// Encrypts the RTP packet in the first `length` bytes of `buffer` and puts its tag behind it, for which there
    /// must be [`RTP_OVERHEAD`] bytes; returns the new length. `None` for a packet that may not be sent: its number
    /// was used before or lies too far back, and encrypting two packets alike would give both away.
    pub fn protect_rtp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        self.outbound.protect_rtp(buffer, length)
    }

    /// The same for a compound RTCP packet and [`RTCP_OVERHEAD`].
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        self.outbound.protect_rtcp(buffer, length)
    }

    /// Verifies and decrypts an SRTP packet where it lies; the RTP packet.
    ///
    /// # Errors
    /// See [`SrtpError`]; the packet is unchanged then.
    pub fn unprotect_rtp<'p>(&mut self, packet: &'p mut [u8]) -> Result<&'p [u8], SrtpError> {
        let length = self.either(|inbound| inbound.unprotect_rtp(packet))?;
        Ok(&packet[..length])
    }

    /// Verifies and decrypts an SRTCP packet where it lies; the compound RTCP packet.
    ///
    /// # Errors
    /// See [`SrtpError`]; the packet is unchanged then.
    pub fn unprotect_rtcp<'p>(&mut self, packet: &'p mut [u8]) -> Result<&'p [u8], SrtpError> {
        let length = self.either(|inbound| inbound.unprotect_rtcp(packet))?;
        Ok(&packet[..length])
    }

    fn either(&mut self, mut read: impl FnMut(&mut Inbound) -> Result<usize, SrtpError>) -> Result<usize, SrtpError> {
        match (read(&mut self.inbound), &mut self.former) {
            (Ok(length), former) => {
                *former = None;
                Ok(length)
            }
            (Err(SrtpError::Unauthentic), Some(former)) => read(former),
            (Err(error), _) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
