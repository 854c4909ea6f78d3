//! UDP sockets, listeners, and which of our addresses a peer sees.

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::Poll;
use tokio::net::{TcpListener, UdpSocket};

/// Half a second of INVITEs at some thousand calls a second; the system may grant less.
const BUFFER_BYTES: usize = 4 << 20;

/// Remembered peers in [`Routes`].
const MAX_ROUTES: usize = 1_024;

#[derive(Debug)]
pub(super) struct Bound {
    pub socket: UdpSocket,
    pub bound: SocketAddr,
}

impl Bound {
    /// Sends now or fails. Not by tokio's `try_send_to`, which refuses until its reactor has seen the socket writable:
    /// that would lose the first datagram of a new socket.
    pub fn send(&self, data: &[u8], remote: SocketAddr) -> io::Result<usize> {
        SockRef::from(&self.socket).send_to(data, &remote.into())
    }
}

pub(super) fn bind(addr: SocketAddr) -> io::Result<Bound> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A smaller buffer only loses datagrams earlier under overload.
    let _ = socket.set_recv_buffer_size(BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(BUFFER_BYTES);
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    let socket = UdpSocket::from_std(socket.into())?;
    let bound = socket.local_addr()?;
    Ok(Bound { socket, bound })
}

/// A TCP listener; one on `[::]` leaves 0.0.0.0 to another.
pub(super) fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of a process before us that still wait to be forgotten do not hold the port.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(1_024)?;
    TcpListener::from_std(socket.into())
}

/// Waits until one of the sockets has something to read; for ever when there is none.
pub(super) async fn readable(sockets: &[Bound]) {
    poll_fn(|cx| {
        // An error is as good as a datagram: the read that follows takes it off the socket.
        let ready = sockets.iter().any(|bound| bound.socket.poll_recv_ready(cx).is_ready());
        if ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// The socket that sends from `local`.
pub(super) fn socket_for(sockets: &[Bound], local: SocketAddr, remote: SocketAddr) -> Option<&Bound> {
    let family = || sockets.iter().filter(|bound| bound.bound.is_ipv4() == remote.is_ipv4());
    family()
        .find(|bound| bound.bound == local)
        .or_else(|| family().find(|bound| bound.bound.ip().is_unspecified() && bound.bound.port() == local.port()))
        .or_else(|| family().next())
}

/// Our address towards each peer, for sockets that are bound to all addresses.
#[derive(Debug, Default)]
pub(super) struct Routes(HashMap<IpAddr, IpAddr>);

impl Routes {
    /// `bound`, with the address that the system routes to `remote` from in place of 0.0.0.0.
    pub fn local(&mut self, bound: SocketAddr, remote: SocketAddr) -> SocketAddr {
        if !bound.ip().is_unspecified() {
            return bound;
        }
        SocketAddr::new(self.ip_towards(remote).unwrap_or(bound.ip()), bound.port())
    }

    /// The address the system sends from towards `remote`.
    pub fn ip_towards(&mut self, remote: SocketAddr) -> Option<IpAddr> {
        if let Some(ip) = self.0.get(&remote.ip()) {
            return Some(*ip);
        }
        let any = if remote.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
        // Connecting a UDP socket sends nothing; it asks the routing table.
        let probe = std::net::UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
        probe.connect(remote).ok()?;
        let ip = probe.local_addr().ok()?.ip();
        if self.0.len() >= MAX_ROUTES {
            self.0.clear();
        }
        self.0.insert(remote.ip(), ip);
        Some(ip)
    }
}
