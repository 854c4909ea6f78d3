//! What the application holds: the stack and its legs.

use super::registrations::TrunkAsk;
use crate::sip::message::{HeaderName, HeaderValue, NameAddr, Uri};
use crate::sip::ua::{Command, InviteInfo, LegEvent, LegId, LegPolicy, OutgoingInvite, SipError, StatsSnapshot};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// What the driver and the handles share.
#[derive(Debug)]
pub(super) struct Shared {
    udp: Vec<SocketAddr>,
    tcp: Vec<SocketAddr>,
    tls: Vec<SocketAddr>,
    stats: Mutex<StatsSnapshot>,
}

impl Shared {
    pub fn new(udp: Vec<SocketAddr>, tcp: Vec<SocketAddr>, tls: Vec<SocketAddr>) -> Arc<Self> {
        Arc::new(Self { udp, tcp, tls, stats: Mutex::default() })
    }

    pub fn set_stats(&self, stats: StatsSnapshot) {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner) = stats;
    }
}

/// What handles ask of the driver.
#[derive(Debug)]
pub(super) enum Ask {
    Invite {
        invite: Box<OutgoingInvite>,
        events: mpsc::Sender<LegEvent>,
        reply: oneshot::Sender<Result<(LegId, IpAddr), SipError>>,
    },
    Leg(LegId, Command),
    Trunk(TrunkAsk),
    Shutdown(oneshot::Sender<()>),
}

/// Both ways from a handle to the driver.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub asks: mpsc::Sender<Ask>,
    /// Unbounded because a destructor cannot wait; it holds at most one entry a leg, and legs are bounded.
    pub drops: mpsc::UnboundedSender<LegId>,
}

/// A running SIP stack; clones are handles to the same.
#[derive(Debug, Clone)]
pub struct Stack {
    shared: Arc<Shared>,
    line: Line,
    events_capacity: usize,
}

impl Stack {
    pub(super) fn new(shared: Arc<Shared>, line: Line, events_capacity: usize) -> Self {
        Self { shared, line, events_capacity }
    }

    pub(super) fn line(&self) -> &Line {
        &self.line
    }

    /// The first UDP address listened on.
    pub fn udp_addr(&self) -> Option<SocketAddr> {
        self.shared.udp.first().copied()
    }

    /// Every UDP address listened on.
    pub fn udp_addrs(&self) -> &[SocketAddr] {
        &self.shared.udp
    }

    /// Every TCP address listened on.
    pub fn tcp_addrs(&self) -> &[SocketAddr] {
        &self.shared.tcp
    }

    /// The first TCP address listened on.
    pub fn tcp_addr(&self) -> Option<SocketAddr> {
        self.shared.tcp.first().copied()
    }

    /// The first TLS address listened on.
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.shared.tls.first().copied()
    }

    /// Places a call; what becomes of it comes as events.
    ///
    /// # Errors
    /// [`SipError`] when the INVITE could not be sent at all.
    pub async fn invite(&self, invite: OutgoingInvite) -> Result<(Leg, mpsc::Receiver<LegEvent>), SipError> {
        let (events, receiver) = mpsc::channel(self.events_capacity);
        let (reply, answer) = oneshot::channel();
        let ask = Ask::Invite { invite: Box::new(invite), events, reply };
        self.line.asks.send(ask).await.map_err(|_| SipError::Stopped)?;
        let (id, local_ip) = answer.await.map_err(|_| SipError::Stopped)??;
        Ok((Leg::new(id, local_ip, self.line.clone()), receiver))
    }

    /// Counters since the start, and the sizes of the tables a moment ago.
    pub fn stats(&self) -> StatsSnapshot {
        *self.shared.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every leg (500, CANCEL or BYE), waits at most two seconds for the answers, and stops.
    pub async fn shutdown(self) {
        let (done, finished) = oneshot::channel();
        if self.line.asks.send(Ask::Shutdown(done)).await.is_ok() {
            // An error means that the driver is gone, which is what was asked for.
            let _ = finished.await;
        }
    }
}

/// An incoming call; 100 was sent, nothing else.
#[derive(Debug)]
pub struct IncomingCall {
    pub leg: Leg,
    pub events: mpsc::Receiver<LegEvent>,
    pub invite: InviteInfo,
}

/// A handle to a leg. When the last clone goes, a leg that lives is rejected with 500, cancelled or ended with BYE.
///
/// The methods wait only for room in the queue to the driver. A command that does not fit the state of the leg is
/// ignored; the event that says why is on its way.
#[derive(Debug, Clone)]
pub struct Leg(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: LegId,
    local_ip: IpAddr,
    line: Line,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Without a driver there is no leg either.
        let _ = self.line.drops.send(self.id);
    }
}

impl Leg {
    pub(super) fn new(id: LegId, local_ip: IpAddr, line: Line) -> Self {
        Self(Arc::new(Inner { id, local_ip, line }))
    }

    /// Its number, for logs.
    pub fn id(&self) -> LegId {
        self.0.id
    }

    /// The address this peer reaches us at: what SDP must name.
    pub fn local_ip(&self) -> IpAddr {
        self.0.local_ip
    }

    async fn command(&self, command: Command) {
        // Without a driver the leg is over, which its closed events say.
        let _ = self.0.line.asks.send(Ask::Leg(self.0.id, command)).await;
    }

    /// What an incoming call offers and accepts, from the trunk it came by: to be said first. A call that cannot be had
    /// under this policy is refused with 420 or 422, and [`LegEvent::Ended`] follows.
    pub async fn set_policy(&self, policy: LegPolicy) {
        self.command(Command::SetPolicy(policy)).await;
    }

    /// 180 on an incoming call.
    pub async fn ring(&self) {
        self.command(Command::Progress { status: 180, sdp: None }).await;
    }

    /// Another provisional response (101–199) on an incoming call: 183 with early media's SDP.
    pub async fn progress(&self, status: u16, sdp: Option<Vec<u8>>) {
        self.command(Command::Progress { status, sdp }).await;
    }

    /// 200 with SDP on an incoming call; it is repeated until the ACK comes.
    pub async fn answer(&self, sdp: Vec<u8>) {
        self.command(Command::Answer { sdp }).await;
    }

    /// A final response 300–699 on an incoming call; an empty reason stands for the usual one.
    pub async fn reject(&self, status: u16, reason: &str, headers: Vec<(HeaderName, HeaderValue)>) {
        self.command(Command::Reject { status, reason: reason.to_owned(), headers }).await;
    }

    /// The answer to [`LegEvent::Reinvite`], within 20 s: SDP, or a final response 300–699 that leaves the session as it is.
    pub async fn answer_reinvite(&self, result: Result<Vec<u8>, (u16, String)>) {
        self.command(Command::AnswerReinvite(result)).await;
    }

    /// A re-INVITE with this offer; [`LegEvent::ReinviteAnswered`] follows.
    pub async fn reinvite(&self, sdp: Vec<u8>) {
        self.command(Command::Reinvite { sdp }).await;
    }

    /// An UPDATE with this offer, or without one only to refresh; [`LegEvent::ReinviteAnswered`] follows.
    pub async fn update(&self, sdp: Option<Vec<u8>>) {
        self.command(Command::Update { sdp }).await;
    }

    /// The answer to [`LegEvent::AnsweredWithOffer`], within 10 s.
    pub async fn acknowledge(&self, sdp: Vec<u8>) {
        self.command(Command::Acknowledge { sdp }).await;
    }

    /// Asks the peer to call `to` in our place, referred by `by`; [`LegEvent::ReferProgress`] or
    /// [`LegEvent::ReferFailed`] follows. Without `subscribe` the peer is asked not to report beyond its 202.
    pub async fn refer(&self, to: Uri, by: Option<NameAddr>, subscribe: bool) {
        self.command(Command::Refer { to: Box::new(to), by: by.map(Box::new), subscribe }).await;
    }

    /// An INFO within an established session.
    pub async fn info(&self, content_type: &str, body: Vec<u8>) {
        self.command(Command::Info { content_type: content_type.to_owned(), body }).await;
    }

    /// Stops an outgoing call that was not answered; [`LegEvent::Cancelled`] follows, even if an answer crosses it.
    pub async fn cancel(&self) {
        self.command(Command::Cancel).await;
    }

    /// Ends the leg as the drop of its last handle does, at once and from any thread.
    pub fn abandon(&self) {
        // Without a driver there is no leg either.
        let _ = self.0.line.drops.send(self.0.id);
    }

    /// Ends the session, with this value of a Reason header (`Q.850;cause=16;text="Normal call clearing"`).
    pub async fn bye(&self, reason: Option<String>) {
        self.command(Command::Bye { reason }).await;
    }
}
