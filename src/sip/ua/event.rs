//! What goes into the endpoint (commands) and what comes out of it (datagrams to send, events of calls).

use crate::domain::Secret;
use crate::sip::message::{HeaderName, HeaderValue, Headers, NameAddr, Uri};
use crate::sip::registration::RegistrationReport;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Identifies a leg (one INVITE session) within one endpoint; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub(crate) u64);

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leg-{}", self.0)
    }
}

/// Identifies a stream connection; the driver chooses the number and does not reuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// Identifies a registration within one endpoint; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistrationId(pub(crate) u64);

/// Identifies an OPTIONS of ours; whoever sends it chooses the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OptionsId(pub u64);

/// A transport protocol (RFC 3261 §18). TLS is a seam: it is a stream like TCP with another name in Via.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    Udp,
    Tcp,
}

impl Transport {
    /// Whether the transport itself delivers or fails, so that no transaction repeats anything.
    pub fn is_reliable(self) -> bool {
        self == Self::Tcp
    }

    /// As written in Via.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}

/// The way between us and a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    pub transport: Transport,
    /// Our address, as this peer's network sees this machine (never 0.0.0.0).
    pub local: SocketAddr,
    pub remote: SocketAddr,
    /// The connection to use while it is open; without one the driver finds or opens one to `remote`.
    pub conn: Option<ConnId>,
}

/// Bytes for the driver to send.
#[derive(Debug, Clone)]
pub struct Transmit {
    pub flow: Flow,
    pub data: Arc<[u8]>,
}

/// What [`super::Endpoint::poll_output`] gives.
#[derive(Debug)]
pub enum Output {
    Transmit(Transmit),
    Event(Event),
}

/// Something the application must know.
#[derive(Debug)]
pub enum Event {
    /// A new incoming call; 100 was sent.
    Incoming { leg: LegId, local_ip: IpAddr, invite: Box<InviteInfo> },
    /// Something happened on a leg.
    Leg { leg: LegId, event: LegEvent },
    /// A registration changed: where it stands now.
    Registration { id: RegistrationId, report: Box<RegistrationReport> },
    /// An OPTIONS of ours was answered with this status, or got no answer.
    OptionsAnswered { id: OptionsId, status: Option<u16> },
    /// The stream cannot be read on (framing lost, too large, or the table of connections is full): close it.
    CloseConnection(ConnId),
}

/// What happens on a leg. Exactly one of `Failed`, `Cancelled` and `Ended` comes, as the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegEvent {
    /// A response 101–199 to our INVITE; a body is early media's SDP.
    Provisional { status: u16, body: Option<Vec<u8>> },
    /// Our INVITE was answered and the ACK is sent.
    Answered { sdp: Vec<u8> },
    /// The ACK to our 200 came; a body is the answer to an offer of ours.
    Acked { body: Option<Vec<u8>> },
    /// Our INVITE failed: a final response ≥ 300, 408 when nobody answered, 503 when the transport failed.
    Failed { status: u16, reason: String, retry_after: Option<Duration> },
    /// The caller cancelled, or our own cancel took effect.
    Cancelled,
    /// The peer wants to change the session; answer with `answer_reinvite`. No body: it wants our offer.
    Reinvite { body: Option<Vec<u8>> },
    /// Our re-INVITE was answered: SDP, or the status and reason it failed with (the session goes on as it was).
    ReinviteAnswered { result: Result<Vec<u8>, (u16, String)> },
    /// An INFO came and was answered with 200.
    Info { content_type: String, body: Vec<u8> },
    /// The session is over, or was never begun because we rejected it.
    Ended { by_remote: bool, reason: Option<String> },
}

impl LegEvent {
    /// Whether nothing follows this event.
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Cancelled | Self::Ended { .. })
    }
}

/// The INVITE of an incoming call.
#[derive(Debug, Clone)]
pub struct InviteInfo {
    pub request_uri: Uri,
    pub from: NameAddr,
    pub to: NameAddr,
    pub contact: Option<NameAddr>,
    pub call_id: String,
    /// Every header as received.
    pub headers: Headers,
    /// Content type and body; `None` means that the caller wants our offer.
    pub body: Option<(String, Vec<u8>)>,
    pub source: SocketAddr,
    pub transport: Transport,
    /// Our address as the caller reaches it.
    pub local: SocketAddr,
    pub received_at: Instant,
}

/// What answers a digest challenge.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub username: String,
    pub password: Secret,
}

/// A call to place.
#[derive(Debug, Clone)]
pub struct OutgoingInvite {
    /// Request-URI and To.
    pub to: Uri,
    pub from: NameAddr,
    /// Where to send it (an outbound proxy); without one the address in `to`, which must then be an IP address.
    pub destination: Option<SocketAddr>,
    pub transport: Transport,
    pub credentials: Option<Credentials>,
    /// Added to the INVITE as they are; `Route` headers preset the route.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Content type and body: the offer.
    pub body: Option<(String, Vec<u8>)>,
}

/// What the application wants of a leg. One that does not fit the leg's state is ignored: the state changed on the wire
/// before the command came, and the event that says so is on its way.
#[derive(Debug, Clone)]
pub enum Command {
    /// 101–199 on an incoming call: 180 without a body, 183 with early media's SDP.
    Progress { status: u16, sdp: Option<Vec<u8>> },
    /// 200 with SDP.
    Answer { sdp: Vec<u8> },
    /// A final response 300–699.
    Reject { status: u16, reason: String, headers: Vec<(HeaderName, HeaderValue)> },
    /// The answer to [`LegEvent::Reinvite`]: SDP, or a final response 300–699.
    AnswerReinvite(Result<Vec<u8>, (u16, String)>),
    /// A re-INVITE with this offer.
    Reinvite { sdp: Vec<u8> },
    /// An INFO with this content type and body.
    Info { content_type: String, body: Vec<u8> },
    /// Stop an outgoing call that was not answered.
    Cancel,
    /// End the session, with this value of a Reason header (`Q.850;cause=16;text="Normal"`).
    Bye { reason: Option<String> },
    /// Whatever ends the leg in its state: 500, CANCEL or BYE.
    Drop,
}

/// Why a call could not be placed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SipError {
    /// The host is a name, and look-ups are not built in yet.
    #[error("no address to send to: `{0}` is not an IP address, give a destination")]
    NoAddress(String),
    /// No listener for this transport and address family.
    #[error("no {0} listener of this address family to send from")]
    NoListener(&'static str),
    /// The table of legs or transactions is full.
    #[error("too many calls at once")]
    Full,
    /// The stack was shut down.
    #[error("the SIP stack is not running")]
    Stopped,
}
