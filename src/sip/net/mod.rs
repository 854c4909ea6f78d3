//! The SIP core on real sockets: UDP and TCP, one task that owns the [`Endpoint`](crate::sip::ua::Endpoint), and cheap
//! handles for calls.
//!
//! ```text
//!  UDP sockets ──────────────┐                        ┌─► UDP sockets
//!  connection tasks ─ queue ─┼─► driver: Endpoint ────┼─► connection tasks (bounded queues)
//!  Stack, Leg ─ queue ───────┘                        └─► IncomingCall, LegEvent (bounded queues)
//! ```
//!
//! The driver never waits for anybody: a peer that does not read loses its connection, an application that does not
//! read its events loses that call.

pub mod dns;
mod driver;
mod handle;
mod registrations;
mod stream;
#[cfg(test)]
mod tests;
mod udp;

pub use super::ua::{
    Credentials, InviteInfo, LegEvent, LegId, LegPolicy, OutgoingInvite, Peers, SipError, StatsSnapshot, Strangers,
    Transport,
};
pub use handle::{IncomingCall, Leg, Stack};
pub use registrations::RegistrationHandle;

use super::transaction::Timing;
use super::ua::{Endpoint, EndpointConfig, Limits, Listener};
use driver::Driver;
use handle::Shared;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Settings of a [`Stack`].
#[derive(Debug, Clone)]
pub struct StackConfig {
    /// UDP addresses to listen on; port 0 lets the system choose.
    pub udp: Vec<SocketAddr>,
    /// TCP addresses to listen on.
    pub tcp: Vec<SocketAddr>,
    /// Who may call; loopback only by default.
    pub peers: Peers,
    /// What everybody else gets: 403 by default, and nothing for known scanners.
    pub strangers: Strangers,
    /// Value of User-Agent and Server.
    pub user_agent: String,
    /// Our address as peers beyond this machine see it (1:1 NAT).
    pub public_addr: Option<IpAddr>,
    /// What incoming calls begin with; [`Leg::set_policy`] changes it for one.
    pub policy: LegPolicy,
    /// Incoming calls at once; one more gets 503 with Retry-After.
    pub max_incoming: usize,
    /// Base intervals of the transaction timers.
    pub timing: Timing,
    /// Stream connections at once; one more closes the one that was silent longest.
    pub max_connections: usize,
    /// How long a connection may be silent.
    pub connection_idle: Duration,
}

impl Default for StackConfig {
    fn default() -> Self {
        let defaults = EndpointConfig::default();
        Self {
            udp: Vec::new(),
            tcp: Vec::new(),
            peers: defaults.peers,
            strangers: defaults.strangers,
            user_agent: defaults.user_agent,
            public_addr: None,
            policy: defaults.policy,
            max_incoming: defaults.limits.incoming,
            timing: defaults.timing,
            max_connections: defaults.limits.connections,
            connection_idle: Duration::from_secs(600),
        }
    }
}

/// Why the stack did not start.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// Another program has the port.
    #[error(
        "cannot listen on {transport} {addr}: another program uses this port; stop it (`ss -lnp | grep {port}` shows \
         it) or choose another port",
        port = addr.port()
    )]
    Busy { transport: &'static str, addr: SocketAddr, source: io::Error },
    /// The address is not one of this machine.
    #[error("cannot listen on {transport} {addr}: this machine has no such address; `ip addr` lists those it has")]
    NoSuchAddress { transport: &'static str, addr: SocketAddr, source: io::Error },
    /// The system refuses for another reason.
    #[error("cannot listen on {transport} {addr}: {source}")]
    Bind { transport: &'static str, addr: SocketAddr, source: io::Error },
    /// Neither UDP nor TCP addresses were given.
    #[error("no address to listen on: give at least one UDP or TCP address")]
    NoListener,
}

impl NetError {
    fn new(transport: &'static str, addr: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::Busy { transport, addr, source },
            io::ErrorKind::AddrNotAvailable => Self::NoSuchAddress { transport, addr, source },
            _ => Self::Bind { transport, addr, source },
        }
    }
}

/// Binds the sockets and starts the driver on the current tokio runtime.
///
/// The stack runs until [`Stack::shutdown`], or until the stack and every leg are dropped. The receiver gives the
/// incoming calls; when it is full or dropped, callers get 503.
///
/// # Errors
/// [`NetError`] when an address cannot be listened on.
pub async fn start(config: StackConfig) -> Result<(Stack, mpsc::Receiver<IncomingCall>), NetError> {
    if config.udp.is_empty() && config.tcp.is_empty() {
        return Err(NetError::NoListener);
    }
    let mut sockets = Vec::new();
    for addr in &config.udp {
        sockets.push(udp::bind(*addr).map_err(|source| NetError::new("UDP", *addr, source))?);
    }
    let mut listeners = Vec::new();
    for addr in &config.tcp {
        listeners.push(TcpListener::bind(addr).await.map_err(|source| NetError::new("TCP", *addr, source))?);
    }
    let udp: Vec<SocketAddr> = sockets.iter().map(|socket| socket.bound).collect();
    let tcp: Vec<SocketAddr> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();

    let listening = udp.iter().map(|addr| Listener { transport: Transport::Udp, addr: *addr });
    let listening = listening.chain(tcp.iter().map(|addr| Listener { transport: Transport::Tcp, addr: *addr }));
    let endpoint = Endpoint::new(
        EndpointConfig {
            listeners: listening.collect(),
            peers: config.peers,
            strangers: config.strangers,
            user_agent: config.user_agent,
            public_addr: config.public_addr,
            policy: config.policy,
            timing: config.timing,
            limits: Limits {
                incoming: config.max_incoming,
                legs: config.max_incoming.saturating_mul(2).max(16),
                connections: config.max_connections,
                ..Limits::default()
            },
        },
        rand::random(),
    );
    let shared = Shared::new(udp, tcp);
    let (driver, stack, calls) = Driver::new(endpoint, sockets, shared, config.connection_idle, config.max_connections);
    let accepting = listeners.into_iter().map(|listener| driver.accept_on(listener)).collect();
    tokio::spawn(driver.run(accepting));
    Ok((stack, calls))
}
