//! Encryption between a session and its sockets: SRTP once keys were agreed, plain RTP passed through until then.

use super::PACKET_BYTES;
use crate::media::rtcp;
use crate::media::srtp::{RTCP_OVERHEAD, RTP_OVERHEAD, SrtpError, SrtpKeys, SrtpSession};
use crate::media::stats::MediaStats;

/// Longer than any packet that is sent, RTCP's included.
const SEALED_BYTES: usize = PACKET_BYTES + RTP_OVERHEAD;
const _: () = assert!(rtcp::MAX_BYTES + RTCP_OVERHEAD <= SEALED_BYTES);

/// What encrypts and decrypts, if anything does.
#[derive(Default)]
pub(super) struct Security(Option<Box<Srtp>>);

struct Srtp {
    session: SrtpSession,
    /// The packet on its way out: the plain one may have to be kept.
    sealed: [u8; SEALED_BYTES],
}

impl Security {
    /// Applies a negotiation. True when packets have to prove from now on whose they are, and had not before.
    pub fn configure(&mut self, keys: Option<&SrtpKeys>) -> bool {
        match (&mut self.0, keys.cloned()) {
            (Some(srtp), Some(keys)) => srtp.session.rekey(keys),
            (None, Some(keys)) => {
                self.0 = Some(Box::new(Srtp { session: SrtpSession::new(keys), sealed: [0; SEALED_BYTES] }));
                return true;
            }
            (plain_or_not, None) => *plain_or_not = None,
        }
        false
    }

    /// The RTP packet as it is to be sent; `None` when it may not be.
    pub fn protect_rtp<'p>(&'p mut self, packet: &'p [u8]) -> Option<&'p [u8]> {
        self.protect(packet, SrtpSession::protect_rtp)
    }

    /// The RTCP packet as it is to be sent; `None` when it may not be.
    pub fn protect_rtcp<'p>(&'p mut self, packet: &'p [u8]) -> Option<&'p [u8]> {
        self.protect(packet, SrtpSession::protect_rtcp)
    }

    fn protect<'p>(
        &'p mut self,
        packet: &'p [u8],
        seal: impl FnOnce(&mut SrtpSession, &mut [u8], usize) -> Option<usize>,
    ) -> Option<&'p [u8]> {
        let Some(srtp) = &mut self.0 else { return Some(packet) };
        srtp.sealed.get_mut(..packet.len())?.copy_from_slice(packet);
        let length = seal(&mut srtp.session, &mut srtp.sealed, packet.len())?;
        srtp.sealed.get(..length)
    }

    /// The RTP packet that was received; `None`, counted, when the far end has not sent it so.
    pub fn unprotect_rtp<'p>(&mut self, packet: &'p mut [u8], stats: &mut MediaStats) -> Option<&'p [u8]> {
        let Some(srtp) = &mut self.0 else { return Some(packet) };
        srtp.session.unprotect_rtp(packet).map_err(|error| count(error, stats)).ok()
    }

    /// The RTCP packet that was received; `None`, counted, when the far end has not sent it so.
    pub fn unprotect_rtcp<'p>(&mut self, packet: &'p mut [u8], stats: &mut MediaStats) -> Option<&'p [u8]> {
        let Some(srtp) = &mut self.0 else { return Some(packet) };
        srtp.session.unprotect_rtcp(packet).map_err(|error| count(error, stats)).ok()
    }
}

fn count(error: SrtpError, stats: &mut MediaStats) {
    match error {
        SrtpError::Malformed => stats.packets_invalid += 1,
        SrtpError::Replayed => stats.packets_duplicate += 1,
        SrtpError::Unauthentic => stats.packets_unauthentic += 1,
    }
}
