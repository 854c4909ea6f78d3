//! What the endpoint keeps of each transaction beside its machine.

use super::{Flow, LegId, OptionsId, RegistrationId};
use crate::sip::message::{Method, Request, Via};
use crate::sip::transaction::{
    ClientAction, ClientFired, InviteClient, InviteClientState, InviteServer, InviteServerState, NonInviteClient,
    NonInviteClientState, NonInviteServer, ServerAction, ServerFired, ServerSend, Timing,
};
use std::sync::Arc;
use std::time::Instant;

#[derive(Debug)]
pub(super) enum ServerMachine {
    Invite(InviteServer),
    Other(NonInviteServer),
}

impl ServerMachine {
    pub fn send(&mut self, status: u16, now: Instant) -> ServerSend {
        match self {
            Self::Invite(machine) => machine.send(status, now),
            Self::Other(machine) => machine.send(status, now),
        }
    }

    pub fn handle_retransmission(&mut self) -> ServerAction {
        match self {
            Self::Invite(machine) => machine.handle_retransmission(),
            Self::Other(machine) => machine.handle_retransmission(),
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) -> Option<ServerFired> {
        match self {
            Self::Invite(machine) => machine.handle_timeout(now),
            Self::Other(machine) => machine.handle_timeout(now),
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Invite(machine) => machine.poll_timeout(),
            Self::Other(machine) => machine.poll_timeout(),
        }
    }

    /// An INVITE answered with 2xx, whose ACK belongs to the dialog.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Invite(machine) if machine.state() == InviteServerState::Accepted)
    }
}

#[derive(Debug)]
pub(super) struct ServerRow {
    pub machine: ServerMachine,
    /// Where responses go.
    pub flow: Flow,
    /// Kept until the final response, which is made from it.
    pub request: Option<Box<Request>>,
    /// The To tag of our responses.
    pub tag: String,
    /// The last response, for retransmissions.
    pub last: Option<Arc<[u8]>>,
    pub leg: Option<LegId>,
    /// By which a merged request is recognised (RFC 3261 §8.2.2.2).
    pub merge_key: Option<String>,
    pub entry: Option<Instant>,
}

#[derive(Debug)]
pub(super) enum ClientMachine {
    Invite(InviteClient),
    Other(NonInviteClient),
}

impl ClientMachine {
    pub fn new(method: &Method, timing: Timing, reliable: bool, now: Instant) -> Self {
        match method {
            Method::Invite => Self::Invite(InviteClient::new(timing, reliable, now)),
            _ => Self::Other(NonInviteClient::new(timing, reliable, now)),
        }
    }

    /// Whether nothing at all was heard of the request.
    pub fn is_unanswered(&self) -> bool {
        match self {
            Self::Invite(machine) => machine.state() == InviteClientState::Calling,
            Self::Other(machine) => machine.state() == NonInviteClientState::Trying,
        }
    }

    pub fn handle_response(&mut self, status: u16, now: Instant) -> ClientAction {
        match self {
            Self::Invite(machine) => machine.handle_response(status, now),
            Self::Other(machine) => machine.handle_response(status, now),
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) -> Option<ClientFired> {
        match self {
            Self::Invite(machine) => machine.handle_timeout(now),
            Self::Other(machine) => machine.handle_timeout(now),
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Invite(machine) => machine.poll_timeout(),
            Self::Other(machine) => machine.poll_timeout(),
        }
    }

    /// Whether a provisional response came, so that a CANCEL may be sent.
    pub fn is_proceeding(&self) -> bool {
        matches!(self, Self::Invite(machine) if machine.state() == InviteClientState::Proceeding)
    }
}

/// What a request of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Invite,
    Reinvite,
    Update,
    Prack,
    Refer,
    Info,
    Bye,
    /// CANCEL, and the BYE of a forked answer: nobody waits for the outcome.
    Aside,
    Register(RegistrationId),
    /// OPTIONS outside any dialog: a keep-alive.
    Options(OptionsId),
}

#[derive(Debug)]
pub(super) struct ClientRow {
    pub machine: ClientMachine,
    pub flow: Flow,
    /// The ACK of a failure, CANCEL and a request with credentials are made from it.
    pub request: Box<Request>,
    pub data: Arc<[u8]>,
    pub purpose: Purpose,
    pub leg: Option<LegId>,
    /// The ACK of a non-2xx final response.
    pub ack: Option<Arc<[u8]>>,
    /// The ACK of every 2xx.
    pub acks: Vec<SentAck>,
    /// A final response was delivered.
    pub done: bool,
    /// The way by UDP, while only its length makes the request go over TCP.
    pub udp: Option<Flow>,
    /// Sent anew over another connection, after the one that it was sent on broke.
    pub moved: bool,
    pub entry: Option<Instant>,
}

impl ClientRow {
    /// The way of the requests that follow from this one: its own, or UDP when only its length kept it from that.
    pub fn way(&self) -> Flow {
        self.udp.unwrap_or(self.flow)
    }
}

/// The ACK of a 2xx, repeated with it.
#[derive(Debug)]
pub(super) struct SentAck {
    /// The 2xx's To tag.
    pub tag: String,
    pub flow: Flow,
    pub data: Arc<[u8]>,
    /// The same by UDP, while only its length makes it go over TCP.
    pub udp: Option<(Flow, Arc<[u8]>)>,
}

/// RFC 3261 §17.2.3: branch, sent-by, and the method, which for an ACK is that of its INVITE.
pub(super) fn server_key(via: &Via, method: &str) -> String {
    let method = if method == "ACK" { "INVITE" } else { method };
    let port = via.port.unwrap_or(5060);
    let mut host = via.host.clone();
    host.make_ascii_lowercase();
    format!("{}\n{host}:{port}\n{method}", via.branch().unwrap_or_default())
}

/// RFC 3261 §17.1.3: branch and the CSeq's method.
pub(super) fn client_key(branch: &str, method: &str) -> String {
    format!("{branch}\n{method}")
}
