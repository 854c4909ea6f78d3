//! The media side of one SIP leg: offer and answer, and keys that arrive by INFO.

use std::net::SocketAddr;

use crate::domain::DtmfMode;
use crate::media::{Capabilities, Direction, MediaParams, MediaSession, Negotiated, SdpError, SdpSession, Suite, sdp};
use crate::sip::net::Leg;

/// Answers the offers of one leg, the first and every later one, with one session identity.
pub struct Answerer {
    session: SdpSession,
    capabilities: Capabilities,
    /// Ours, as negotiated last.
    direction: Direction,
    /// Of the media, when they are encrypted.
    suite: Option<Suite>,
}

impl Answerer {
    pub fn new(session: SdpSession) -> Self {
        Self { session, capabilities: Capabilities::default(), direction: Direction::SEND_RECV, suite: None }
    }

    pub fn with_capabilities(self, capabilities: Capabilities) -> Self {
        Self { capabilities, ..self }
    }

    /// The offer of an outgoing call, or for an INVITE without one.
    pub fn offer(&mut self, local: SocketAddr) -> Vec<u8> {
        sdp::offer(&self.capabilities, local, Direction::SEND_RECV, &mut self.session)
    }

    /// Takes the answer to an offer of ours.
    ///
    /// # Errors
    /// When the answer does not fit the offer; nothing changes then.
    pub fn accept(&mut self, answer: &[u8], media: &MediaSession) -> Result<(), SdpError> {
        let params = sdp::accept_answer(answer, &self.capabilities, &mut self.session)?;
        self.configure(params, media);
        Ok(())
    }

    /// Whether the far end wants to hear nothing: it has put us on hold.
    pub fn is_held(&self) -> bool {
        !self.direction.send
    }

    /// The crypto suite of the media, when they are encrypted.
    pub fn suite(&self) -> Option<Suite> {
        self.suite
    }

    /// Answers an INVITE or re-INVITE: the SDP to send, or the status that refuses it. One without a body gets an offer.
    ///
    /// # Errors
    /// 488 when the offer has nothing that we can use.
    pub fn reinvite(&mut self, body: Option<&[u8]>, leg: &Leg, media: &MediaSession) -> Result<Vec<u8>, (u16, String)> {
        let local = SocketAddr::new(leg.local_ip(), media.local_port());
        let Some(offer) = body else {
            // It may be to connect another device (RFC 3725), which cannot go on with the old one's keys.
            self.session.renew_keys();
            return Ok(self.offer(local));
        };
        self.answer(offer, local, media).map_err(|error| refusal(&error))
    }

    fn answer(&mut self, offer: &[u8], local: SocketAddr, media: &MediaSession) -> Result<Vec<u8>, SdpError> {
        let Negotiated { sdp, media: params } = sdp::answer(offer, &self.capabilities, local, &mut self.session)?;
        self.configure(params, media);
        Ok(sdp)
    }

    fn configure(&mut self, params: MediaParams, media: &MediaSession) {
        self.direction = params.direction;
        self.suite = params.srtp.as_ref().map(|keys| keys.suite);
        media.configure(params);
    }

    /// Takes the answer to an offer of ours that came in the ACK; an answer that fits nothing changes nothing.
    pub fn late_answer(&mut self, answer: &[u8], media: &MediaSession) {
        if let Err(error) = self.accept(answer, media) {
            tracing::info!(%error, "the answer in the ACK is of no use");
        }
    }
}

/// The SIP status that refuses an offer.
pub fn refusal(error: &SdpError) -> (u16, String) {
    match error {
        SdpError::Malformed(_) => (400, format!("Bad SDP: {error}").replace(['\r', '\n'], " ")),
        _ => (488, "Not Acceptable Here".to_owned()),
    }
}

/// Presses a key towards the far end of a leg, in the way that its trunk wants.
pub async fn press(leg: &Leg, media: &MediaSession, digit: char) {
    match media.keys_by() {
        DtmfMode::Info => {
            leg.info("application/dtmf-relay", format!("Signal={digit}\r\nDuration=160\r\n").into()).await
        }
        DtmfMode::Rfc4733 | DtmfMode::Inband => media.send_dtmf(&digit.to_string()),
    }
}

/// The key in an INFO body: `application/dtmf-relay` ("Signal=5") or `application/dtmf` ("5").
pub fn info_digit(content_type: &str, body: &[u8]) -> Option<char> {
    let text = std::str::from_utf8(body).ok()?;
    let media_type = content_type.split(';').next()?.trim();
    let signal = if media_type.eq_ignore_ascii_case("application/dtmf-relay") {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            key.trim().eq_ignore_ascii_case("signal").then_some(value.trim())
        })?
    } else if media_type.eq_ignore_ascii_case("application/dtmf") {
        text.trim()
    } else {
        return None;
    };
    let mut chars = signal.chars();
    let digit = chars.next()?.to_ascii_uppercase();
    // Some senders write the event number: 10 is the star, 11 the hash (RFC 4733 §3.2).
    match (digit, chars.as_str()) {
        ('1', "0") => Some('*'),
        ('1', "1") => Some('#'),
        ('0'..='9' | '*' | '#' | 'A'..='D', "") => Some(digit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_out_of_both_kinds_of_info() {
        assert_eq!(info_digit("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n"), Some('5'));
        assert_eq!(info_digit("Application/DTMF-Relay; x=y", b"signal = #\r\n"), Some('#'));
        assert_eq!(info_digit("application/dtmf-relay", b"Signal=11\r\n"), Some('#'));
        assert_eq!(info_digit("application/dtmf", b"*"), Some('*'));
        assert_eq!(info_digit("application/dtmf", b"12"), None);
        assert_eq!(info_digit("text/plain", b"5"), None);
        assert_eq!(info_digit("application/dtmf-relay", &[0xff]), None);
    }
}
