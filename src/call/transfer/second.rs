//! The call to the person: placed over a line of the port, with a media session of its own.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tracing::info;

use super::super::leg::Answerer;
use super::super::ports::{NoLine, OutboundCall, OutboundLines};
use crate::domain::billing::{DIRECT, LegUse, Meter};
use crate::domain::{DialString, E164, TransferMode, Trunk};
use crate::media::{Beside, MediaEngine, MediaEvent, MediaSession, SdpError, SdpSession, SessionOptions};
use crate::sip::message::{NameAddr, Uri};
use crate::sip::net::{Leg, LegEvent, Stack, Transport};

/// What calls to people are placed with, for one caller.
pub struct Outgoing {
    /// Counts the legs.
    pub meter: Meter,
    pub stack: Stack,
    pub lines: Arc<dyn OutboundLines>,
    pub media: Arc<MediaEngine>,
    /// The number that the caller dialled.
    pub did: E164,
    /// The trunk that the caller's call came over.
    pub trunk: Option<Trunk>,
    /// Where the caller's call came from.
    pub source: SocketAddr,
    pub transport: Transport,
}

/// How the person is reached.
pub enum Way {
    /// The INVITE is sent.
    Leg(Box<SecondLeg>),
    /// The caller's carrier shall call this URI, referred by us.
    Refer { to: Uri, by: NameAddr },
}

/// The leg to the person. Dropping it ends the leg, whatever state it is in, and frees its ports and its place.
pub struct SecondLeg {
    pub leg: Leg,
    pub events: mpsc::Receiver<LegEvent>,
    pub media: MediaSession,
    pub media_events: mpsc::Receiver<MediaEvent>,
    pub sdp: Answerer,
    answered: Option<Talking>,
    /// For when it is answered.
    bill: (Meter, String),
    _permit: Option<Box<dyn Send + Sync>>,
}

/// An answered leg, which is counted when it ends, whatever ends it.
struct Talking {
    meter: Meter,
    trunk: String,
    since: Instant,
}

impl Drop for Talking {
    fn drop(&mut self) {
        let ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.meter.leg(LegUse { trunk: std::mem::take(&mut self.trunk), outbound: true, ms });
    }
}

/// Something happened on the second leg; `None` when that side of it is gone.
#[expect(clippy::large_enum_variant, reason = "nearly all events are frames; boxing them would allocate every 20 ms")]
pub enum FarEvent {
    Leg(Option<LegEvent>),
    Media(Option<MediaEvent>),
}

impl Outgoing {
    /// What the leg's media session is opened with: numbers are called through the caller's trunk.
    fn media_options(&self, to: &DialString, local_ip: IpAddr) -> SessionOptions {
        let of_trunk = match (to, &self.trunk) {
            (DialString::Number(_), Some(trunk)) => SessionOptions::from(&trunk.settings),
            _ => SessionOptions::default(),
        };
        SessionOptions { local_ip: Some(local_ip), ..of_trunk }
    }

    /// Sends the INVITE, unless the carrier is to call and `may_refer` it; the leg's media session is opened `beside`
    /// the caller's, so that the two can be joined.
    ///
    /// # Errors
    /// [`NoLine`] when no trunk, port or place is free for it.
    pub async fn place(
        &self,
        to: DialString,
        caller: Option<E164>,
        may_refer: bool,
        beside: Beside,
    ) -> Result<Way, NoLine> {
        let (shown, trunk) = (self.did.clone(), self.trunk.as_ref().map(|trunk| trunk.name.clone()));
        let (source, transport) = (self.source, self.transport);
        // Anything but a number goes to a machine, and not over the trunk.
        let over = trunk.clone().filter(|_| matches!(to, DialString::Number(_))).unwrap_or_else(|| DIRECT.to_owned());
        let bill = (self.meter.clone(), over);
        let call = OutboundCall { to, shown, caller, trunk, source, transport, may_refer };
        let mut line = self.lines.line(&call).await?;
        if line.transfer == TransferMode::Refer {
            return Ok(Way::Refer { to: line.invite.to, by: line.invite.from });
        }
        let options = self.media_options(&call.to, line.local_ip);
        let opened = self.media.open_beside(&beside, options);
        let (media, media_events) = opened.map_err(|error| NoLine(error.to_string()))?;
        let mut sdp = Answerer::new(SdpSession::random()).with_capabilities(line.capabilities);
        let offer = sdp.offer(SocketAddr::new(line.local_ip, media.local_port()));
        line.invite.body = Some(("application/sdp".to_owned(), offer));
        let (leg, events) = self.stack.invite(line.invite).await.map_err(|error| NoLine(error.to_string()))?;
        info!(leg = %leg.id(), "a person is called");
        let (answered, permit) = (None, line.permit);
        let second = SecondLeg { leg, events, media, media_events, sdp, answered, bill, _permit: permit };
        Ok(Way::Leg(Box::new(second)))
    }
}

impl SecondLeg {
    /// Waits for what happens next.
    pub async fn next(&mut self) -> FarEvent {
        tokio::select! {
            biased;
            event = self.events.recv() => FarEvent::Leg(event),
            event = self.media_events.recv() => FarEvent::Media(event),
        }
    }

    /// Takes the SDP of the answer.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn answered(&mut self, sdp: &[u8]) -> Result<(), SdpError> {
        let (meter, trunk) = self.bill.clone();
        self.answered.get_or_insert_with(|| Talking { meter, trunk, since: Instant::now() });
        self.sdp.accept(sdp, &self.media)
    }

    /// Takes the SDP of early media; whether it can be heard.
    pub fn early(&mut self, sdp: &[u8]) -> bool {
        self.sdp.accept(sdp, &self.media).is_ok()
    }

    /// Ends the leg now: CANCEL before the answer, BYE with this Reason after it.
    pub async fn end(self, reason: String) {
        if self.answered.is_some() {
            self.leg.bye(Some(reason)).await;
        } else {
            self.leg.cancel().await;
        }
    }
}
