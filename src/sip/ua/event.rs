//! What goes into the endpoint (commands) and what comes out of it (datagrams to send, events of calls).

use super::LegPolicy;
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

/// A transport protocol (RFC 3261 §18). TLS is a stream like TCP whose server is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
}

impl Transport {
    /// Whether the transport itself delivers or fails, so that no transaction repeats anything.
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }

    /// As written in Via.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
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
    /// The name that a TLS server is verified under; absent: its IP address.
    pub tls_name: Option<TlsName>,
}

impl Flow {
    /// What a new connection would be opened to.
    pub fn hop(&self) -> Hop {
        Hop { transport: self.transport, remote: self.remote, tls_name: self.tls_name }
    }
}

/// The other end of a connection that we open: connections are shared by requests to the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hop {
    pub transport: Transport,
    pub remote: SocketAddr,
    pub tls_name: Option<TlsName>,
}

/// A host name that the endpoint keeps, by number: see [`super::Endpoint::tls_name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TlsName(pub(super) u16);

/// Bytes for the driver to send.
#[derive(Debug, Clone)]
pub struct Transmit {
    pub flow: Flow,
    pub data: Arc<[u8]>,
    /// UDP would do: a connection that does not come about at once is not waited for.
    pub hurried: bool,
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
    /// A response 101–199 to our INVITE; a body is early media's SDP. Calls that ring at several phones at once answer
    /// from several forks, which are numbered from 0.
    Provisional { status: u16, body: Option<Vec<u8>>, fork: u8 },
    /// Our INVITE was answered and the ACK is sent.
    Answered { sdp: Vec<u8> },
    /// Our INVITE without offer was answered with this one: `acknowledge` it with the answer within 10 s.
    AnsweredWithOffer { offer: Vec<u8> },
    /// The ACK to our 200 came; a body is the answer to an offer of ours.
    Acked { body: Option<Vec<u8>> },
    /// Our INVITE failed: a final response ≥ 300, 408 when nobody answered, 503 when the transport failed.
    /// The cause is Q.850's, from the response's Reason header.
    Failed { status: u16, reason: String, retry_after: Option<Duration>, cause: Option<u8> },
    /// The caller cancelled, or our own cancel took effect.
    Cancelled,
    /// The peer wants to change the session, by re-INVITE or UPDATE; answer with `answer_reinvite`, at once for the
    /// sake of UPDATE. No body: it wants our offer.
    Reinvite { body: Option<Vec<u8>> },
    /// Our re-INVITE or UPDATE was answered: SDP, or the status and reason it failed with (the session goes on as it
    /// was). Comes unasked when the peer answered a session refresh with other SDP than before.
    ReinviteAnswered { result: Result<Vec<u8>, (u16, String)> },
    /// How far the peer came with our REFER: 202 when it took the request, then statuses of the call that it makes, the
    /// last one ≥ 200. When it was asked not to report, and agreed, nothing follows the 202.
    ReferProgress { status: u16 },
    /// Our REFER was refused, or its outcome stayed unknown.
    ReferFailed { status: u16, reason: String },
    /// An INFO came and was answered with 200.
    Info { content_type: String, body: Vec<u8> },
    /// The session is over, or was never begun because we rejected it. The cause is Q.850's, from the peer's Reason.
    Ended { by_remote: bool, reason: Option<String>, cause: Option<u8> },
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
    /// Content type and body: the offer. Without one the peer is asked for its offer, and 100rel is not used.
    pub body: Option<(String, Vec<u8>)>,
    pub policy: LegPolicy,
}

/// What the application wants of a leg. One that does not fit the leg's state is ignored: the state changed on the wire
/// before the command came, and the event that says so is on its way.
#[derive(Debug, Clone)]
pub enum Command {
    /// What an incoming call offers and accepts, from the trunk it came by; before anything else is done with it. A call
    /// that cannot be had under this policy is refused (420, 422).
    SetPolicy(LegPolicy),
    /// 101–199 on an incoming call: 180 without a body, 183 with early media's SDP.
    Progress { status: u16, sdp: Option<Vec<u8>> },
    /// 200 with SDP.
    Answer { sdp: Vec<u8> },
    /// A final response 300–699.
    Reject { status: u16, reason: String, headers: Vec<(HeaderName, HeaderValue)> },
    /// The answer to [`LegEvent::Reinvite`]: SDP, or a final response 300–699.
    AnswerReinvite(Result<Vec<u8>, (u16, String)>),
    /// A re-INVITE with this offer. Fails with 405 on a trunk that bears none.
    Reinvite { sdp: Vec<u8> },
    /// An UPDATE (RFC 3311), with this offer or only to refresh; answered like a re-INVITE. Fails with 405 when the peer
    /// does not know UPDATE.
    Update { sdp: Option<Vec<u8>> },
    /// The answer to [`LegEvent::AnsweredWithOffer`].
    Acknowledge { sdp: Vec<u8> },
    /// A REFER: the peer shall call `to`, referred by us, and report unless told not to (RFC 3515, RFC 4488).
    Refer { to: Box<Uri>, by: Option<Box<NameAddr>>, subscribe: bool },
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
