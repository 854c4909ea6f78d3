//! The SIP core on real sockets: UDP, TCP and TLS, one task that owns the [`Endpoint`](crate::sip::ua::Endpoint), and cheap
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
pub mod tls;
#[cfg(test)]
mod tls_tests;
mod udp;

pub use super::ua::{
    Credentials, InviteInfo, LegEvent, LegId, LegPolicy, OutgoingInvite, Peers, Rate, SipError, StatsSnapshot,
    Strangers, Transport, known_scanners,
};
pub use handle::{IncomingCall, Leg, Stack};
pub use registrations::RegistrationHandle;
pub use tls::{TlsConfig, TlsError, TlsIdentity};

use super::transaction::Timing;
use super::ua::{Endpoint, EndpointConfig, Limits, Listener};
use driver::{Driver, StreamsConfig};
use handle::Shared;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tls::Tls;
use tokio::sync::mpsc;

/// Settings of a [`Stack`].
#[derive(Debug, Clone)]
pub struct StackConfig {
    /// UDP addresses to listen on; port 0 lets the system choose.
    pub udp: Vec<SocketAddr>,
    /// TCP addresses to listen on.
    pub tcp: Vec<SocketAddr>,
    /// SIP over TLS; absent: neither answered nor used.
    pub tls: Option<TlsConfig>,
    /// How often a double CRLF goes out on silent connections that we opened (RFC 5626 §3.5.1), and by UDP to registrars
    /// that see us behind a NAT. A peer that has answered before and does not within 10 s, or whose machine does not
    /// acknowledge it in as long, loses the connection. Absent: never.
    pub keep_alive: Option<Duration>,
    /// Who may call; loopback only by default.
    pub peers: Peers,
    /// What everybody else gets: 403 by default.
    pub strangers: Strangers,
    /// Parts of a User-Agent that mark a scanner, which gets nothing.
    pub scanners: Vec<String>,
    /// Messages a second from each source that is no peer.
    pub stranger_rate: Rate,
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
            tls: None,
            keep_alive: None,
            peers: defaults.peers,
            strangers: defaults.strangers,
            scanners: defaults.scanners,
            stranger_rate: defaults.limits.stranger_rate,
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
    /// A certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
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
    if config.udp.is_empty() && config.tcp.is_empty() && config.tls.is_none() {
        return Err(NetError::NoListener);
    }
    let tls = config.tls.as_ref().map(Tls::load).transpose()?;
    let mut sockets = Vec::new();
    for addr in &config.udp {
        sockets.push(udp::bind(*addr).map_err(|source| NetError::new("UDP", *addr, source))?);
    }
    let mut accepting = Vec::new();
    for (transport, addr) in stream_addrs(&config) {
        let error = |source| NetError::new(transport.as_str(), addr, source);
        let listener = udp::listen(addr).map_err(error)?;
        accepting.push((transport, listener.local_addr().map_err(error)?, listener));
    }
    let udp: Vec<SocketAddr> = sockets.iter().map(|socket| socket.bound).collect();
    let bound = |of: Transport| accepting.iter().filter(move |(t, ..)| *t == of).map(|(_, addr, _)| *addr);
    let (tcp, tls_addrs): (Vec<_>, Vec<_>) = (bound(Transport::Tcp).collect(), bound(Transport::Tls).collect());

    let listening = udp.iter().map(|addr| Listener { transport: Transport::Udp, addr: *addr });
    let listening = listening.chain(accepting.iter().map(|(t, addr, _)| Listener { transport: *t, addr: *addr }));
    let mut listeners: Vec<Listener> = listening.collect();
    if tls.is_some() && tls_addrs.is_empty() {
        // Who only calls out over TLS is reached over the connection that it opened.
        let any: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        listeners.extend(any.map(|ip| Listener { transport: Transport::Tls, addr: SocketAddr::new(ip, 5061) }));
    }
    let streams =
        StreamsConfig { max: config.max_connections, idle: config.connection_idle, keep_alive: config.keep_alive, tls };
    let endpoint = Endpoint::new(endpoint_config(config, listeners), rand::random());
    let shared = Shared::new(udp, tcp, tls_addrs);
    let (driver, stack, calls) = Driver::new(endpoint, sockets, shared, streams);
    let accepting = accepting.into_iter().map(|(t, _, listener)| driver.accept_on(t, listener)).collect();
    tokio::spawn(driver.run(accepting));
    Ok((stack, calls))
}

fn stream_addrs(config: &StackConfig) -> Vec<(Transport, SocketAddr)> {
    let tls = config.tls.iter().flat_map(|tls| &tls.listen);
    let tcp = config.tcp.iter().map(|addr| (Transport::Tcp, *addr));
    tcp.chain(tls.map(|addr| (Transport::Tls, *addr))).collect()
}

fn endpoint_config(config: StackConfig, listeners: Vec<Listener>) -> EndpointConfig {
    EndpointConfig {
        listeners,
        peers: config.peers,
        strangers: config.strangers,
        scanners: config.scanners,
        udp_keep_alive: config.keep_alive,
        user_agent: config.user_agent,
        public_addr: config.public_addr,
        policy: config.policy,
        timing: config.timing,
        limits: Limits {
            incoming: config.max_incoming,
            legs: config.max_incoming.saturating_mul(2).max(16),
            connections: config.max_connections,
            stranger_rate: config.stranger_rate,
            ..Limits::default()
        },
    }
}
