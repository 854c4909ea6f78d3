//! Settings of an endpoint.

use super::{LegPolicy, Peers, Rate, Transport, known_scanners};
use crate::sip::transaction::Timing;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What an endpoint is told once.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// Where the driver listens; requests are sent from the first of the right transport and family.
    pub listeners: Vec<Listener>,
    /// Who may send requests; responses and requests within a dialog are recognised by what they carry.
    pub peers: Peers,
    /// What everybody else gets.
    pub strangers: Strangers,
    /// Parts of a User-Agent that mark a scanner, compared without case: its requests are dropped unseen, whoever sends
    /// them, and never answered.
    pub scanners: Vec<String>,
    /// How often an empty line goes by UDP to a registrar that sees us at another address than our own (RFC 5626 §4.4):
    /// the NAT between us forgets us otherwise. Absent: never.
    pub udp_keep_alive: Option<Duration>,
    /// Value of User-Agent and Server.
    pub user_agent: String,
    /// Address to write in Contact and Via towards peers that are not on this machine (behind a 1:1 NAT).
    pub public_addr: Option<IpAddr>,
    /// What incoming calls begin with; `Command::SetPolicy` changes it for one.
    pub policy: LegPolicy,
    pub timing: Timing,
    pub limits: Limits,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        Self {
            listeners: Vec::new(),
            peers: Peers::loopback(),
            strangers: Strangers::Forbidden,
            scanners: known_scanners(),
            udp_keep_alive: None,
            user_agent: concat!("vca/", env!("CARGO_PKG_VERSION")).to_owned(),
            public_addr: None,
            policy: LegPolicy::default(),
            timing: Timing::default(),
            limits: Limits::default(),
        }
    }
}

/// An address the driver listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener {
    pub transport: Transport,
    pub addr: SocketAddr,
}

/// What a request from outside [`EndpointConfig::peers`] gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    /// Nothing, so that a scan finds no SIP here.
    Silence,
    /// 403, at most [`Limits::forbidden_per_second`]; known scanners get nothing.
    Forbidden,
}

/// Bounds of the endpoint's tables and of what a call may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Incoming calls at once; one more gets 503 with Retry-After.
    pub incoming: usize,
    /// Legs at once, in both directions.
    pub legs: usize,
    /// Server transactions. When full, the oldest that is only waiting for retransmissions makes room; when none is,
    /// the newcomer gets 503.
    pub server_transactions: usize,
    /// Client transactions, by the same rule; when none can go, the request is not sent.
    pub client_transactions: usize,
    /// Stream connections; when full, one that never carried a message that we serve is closed, or else the one that
    /// was silent longest.
    pub connections: usize,
    /// Connections that one source opened.
    pub connections_per_source: usize,
    /// Connections that sources outside the peers opened, together and each.
    pub stranger_connections: usize,
    pub stranger_connections_per_source: usize,
    /// How long a connection that was opened to us may be without a message that we serve.
    pub first_message: Duration,
    /// How long a message on a stream may take from its first byte to its last.
    pub message_time: Duration,
    /// Bytes of an unfinished message on a connection that never carried one that we serve; elsewhere 64 kB.
    pub stranger_message: usize,
    /// What each peer may send by UDP, and whoever we deal with.
    pub peer_rate: Rate,
    /// What each other source may send.
    pub stranger_rate: Rate,
    /// What all of those may send together.
    pub strangers_rate: Rate,
    /// How long a call may ring: 408 to our caller, CANCEL to whom we call.
    pub ringing: Duration,
    /// 403 responses a second to requests from outside the peers.
    pub forbidden_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            incoming: 2_000,
            legs: 4_000,
            server_transactions: 65_536,
            client_transactions: 65_536,
            connections: 1_024,
            connections_per_source: 256,
            stranger_connections: 16,
            stranger_connections_per_source: 4,
            first_message: Duration::from_secs(15),
            message_time: Duration::from_secs(10),
            stranger_message: 16 * 1_024,
            // More than a node can serve: what still exceeds it runs in a circle.
            peer_rate: Rate { per_second: 50_000, burst: 100_000 },
            stranger_rate: Rate { per_second: 20, burst: 60 },
            strangers_rate: Rate { per_second: 2_000, burst: 4_000 },
            ringing: Duration::from_secs(170),
            forbidden_per_second: 50,
        }
    }
}

/// Counters since the start, and the sizes of the tables now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatsSnapshot {
    /// Messages that were whole enough to be read.
    pub messages_received: u64,
    pub messages_sent: u64,
    /// Input that was no SIP message or broke a rule that 400 or 505 stands for.
    pub malformed: u64,
    /// Requests from outside the configured peers.
    pub rejected_source: u64,
    /// Requests of known scanners, dropped unseen.
    pub scanners: u64,
    /// Messages beyond their source's allowance, dropped unseen.
    pub over_rate: u64,
    /// Connections refused because their source, or all strangers, have enough of them.
    pub refused_connections: u64,
    /// Connections closed because a message, or the rest of one, took too long or was too long.
    pub slow_connections: u64,
    /// Messages that our timers repeated, requests and responses.
    pub retransmissions_sent: u64,
    /// Requests received again.
    pub retransmissions_received: u64,
    /// Responses that belong to no transaction.
    pub stray_responses: u64,
    /// Requests refused because a table was full.
    pub refused_full: u64,
    /// Finished transactions that made room before their time.
    pub evicted_transactions: u64,
    /// Calls whose 200 was never acknowledged.
    pub unacknowledged: u64,
    /// Requests of ours that got no answer.
    pub timeouts: u64,
    /// Messages that could not be sent.
    pub send_failures: u64,
    /// Requests too long for UDP that went over TCP, and those of them that TCP did not take.
    pub long_requests: u64,
    pub long_requests_by_udp: u64,
    /// Legs ended because their event queue was full.
    pub event_overflows: u64,
    pub calls_in: u64,
    pub calls_out: u64,
    pub legs: usize,
    pub dialogs: usize,
    pub server_transactions: usize,
    pub client_transactions: usize,
    pub connections: usize,
}
