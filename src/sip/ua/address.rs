//! Which address to write and which address to send to.

use super::{Endpoint, Flow, LegPolicy, Listener, OutgoingInvite, SipError, Transport};
use crate::sip::dialog::Dialog;
use crate::sip::message::{HeaderName, HeaderValue, NameAddr, Request, Scheme, Uri, Via, ViaTransport};
use std::net::{IpAddr, SocketAddr};

impl Endpoint {
    /// Where a call would be sent: its destination, its first preset route, or its Request-URI.
    ///
    /// # Errors
    /// [`SipError::NoAddress`] when that is a host name (RFC 3263 look-ups are a seam).
    pub fn destination(invite: &OutgoingInvite) -> Result<SocketAddr, SipError> {
        if let Some(destination) = invite.destination {
            return Ok(destination);
        }
        let route = invite.headers.iter().find(|(name, _)| *name == HeaderName::Route);
        let mut headers = crate::sip::message::Headers::new();
        if let Some((name, value)) = route {
            headers.push(name.clone(), value.clone());
        }
        let route = headers.routes().ok().and_then(|routes| routes.into_iter().next());
        let uri = route.map_or_else(|| invite.to.clone(), |route| route.uri);
        uri_addr(&uri).ok_or_else(|| SipError::NoAddress(uri.host().to_owned()))
    }

    /// The way to `remote` from the first listener that fits; `local_ip` stands in when it is bound to all addresses.
    pub(super) fn outgoing_flow(
        &self,
        transport: Transport,
        remote: SocketAddr,
        local_ip: Option<IpAddr>,
    ) -> Result<Flow, SipError> {
        let fits = |l: &&Listener| l.transport == transport && l.addr.is_ipv4() == remote.is_ipv4();
        let bind = self.neighbours.of(remote.ip()).and_then(|neighbour| neighbour.local_bind);
        let mut fitting = self.config.listeners.iter().filter(fits).map(|listener| listener.addr);
        let first = fitting.clone().next();
        let listener = fitting.find(|addr| Some(*addr) == bind).or(first);
        let listener = listener.ok_or(SipError::NoListener(transport.as_str()))?;
        let ip = if listener.ip().is_unspecified() { local_ip.unwrap_or(listener.ip()) } else { listener.ip() };
        Ok(Flow { transport, local: SocketAddr::new(ip, listener.port()), remote, conn: None, tls_name: None })
    }

    /// The way of the next request in a dialog (RFC 3261 §12.2.1.1): its next hop when that is an address, else the way
    /// the peer came by.
    pub(super) fn dialog_flow(dialog: &Dialog, last: Flow) -> Flow {
        let Some(hop) = uri_addr(dialog.next_hop()) else { return last };
        // A private address that a peer from outside names is one behind its NAT.
        if !is_private(last.remote.ip()) && is_private(hop.ip()) {
            return last;
        }
        let transport = uri_transport(dialog.next_hop()).unwrap_or(last.transport);
        // The same machine is the same name; another one is verified under its address.
        let tls_name = last.tls_name.filter(|_| hop.ip() == last.remote.ip());
        if transport != last.transport {
            // The listener of the other transport is the driver's to find: it has our address and the peer's.
            return Flow { transport, remote: hop, local: last.local, conn: None, tls_name };
        }
        // A peer on a connection is reached by that connection, whatever port it listens on.
        let conn = last.conn.filter(|_| hop.ip() == last.remote.ip());
        Flow { remote: hop, conn, tls_name, ..last }
    }

    /// The address this peer reaches us at, for Contact, Via and SDP.
    pub(super) fn advertised_ip(&self, flow: &Flow) -> IpAddr {
        if let Some(seen) = self.seen_by(flow) {
            return seen.ip().to_canonical();
        }
        match self.config.public_addr {
            Some(public) if !flow.remote.ip().to_canonical().is_loopback() => public,
            _ => flow.local.ip().to_canonical(),
        }
    }

    /// What calls from this address begin with.
    pub(super) fn policy_for(&self, ip: IpAddr) -> LegPolicy {
        self.neighbours.of(ip).map_or(self.config.policy, |neighbour| neighbour.policy)
    }

    /// How the trunk at the other end sees us, when that is known.
    fn seen_by(&self, flow: &Flow) -> Option<SocketAddr> {
        self.neighbours.of(flow.remote.ip()).and_then(|neighbour| neighbour.seen_as)
    }

    pub(super) fn advertised_port(&self, flow: &Flow) -> u16 {
        let seen = self.seen_by(flow).map(|seen| seen.port());
        if let Some(port) = seen.filter(|port| *port != 0 && !flow.transport.is_reliable()) {
            return port;
        }
        let mut ports = self.config.listeners.iter().filter(|l| l.transport == flow.transport).map(|l| l.addr.port());
        let first = ports.clone().next();
        // A connection that we opened has a port of its own, at which nobody listens.
        if ports.any(|port| port == flow.local.port()) { flow.local.port() } else { first.unwrap_or(flow.local.port()) }
    }

    pub(super) fn contact(&self, flow: &Flow, user: Option<&str>) -> HeaderValue {
        let uri = Uri::sip(user, &self.advertised_ip(flow).to_string()).expect("invariant: an IP address is a host");
        let uri = uri.with_port(Some(self.advertised_port(flow)));
        let uri = match flow.transport {
            Transport::Udp => uri,
            Transport::Tcp => uri.with_param("transport", Some("tcp")),
            Transport::Tls => uri.with_param("transport", Some("tls")),
        };
        HeaderValue::from(NameAddr::new(uri))
    }

    pub(super) fn via(&self, flow: &Flow, branch: &str) -> Via {
        let host = match self.advertised_ip(flow) {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let transport = match flow.transport {
            Transport::Udp => ViaTransport::Udp,
            Transport::Tcp => ViaTransport::Tcp,
            Transport::Tls => ViaTransport::Tls,
        };
        Via::new(transport, &host, Some(self.advertised_port(flow)), branch)
    }
}

fn uri_addr(uri: &Uri) -> Option<SocketAddr> {
    let default = if uri_transport(uri) == Some(Transport::Tls) { 5061 } else { 5060 };
    uri.host_ip().map(|ip| SocketAddr::new(ip, uri.port().unwrap_or(default)))
}

/// The transport that a URI asks for (RFC 3263 §4.1); `sips` is TLS whatever else it says.
pub(super) fn uri_transport(uri: &Uri) -> Option<Transport> {
    let named = |name: &str| uri.param("transport").is_some_and(|found| found.eq_ignore_ascii_case(name));
    match () {
        () if uri.scheme() == Scheme::Sips || named("tls") => Some(Transport::Tls),
        () if named("tcp") => Some(Transport::Tcp),
        () if named("udp") => Some(Transport::Udp),
        () => None,
    }
}

/// The host that a request goes to: of its first Route, or of its Request-URI; nothing when that is an address.
pub(super) fn next_host(request: &Request) -> Option<String> {
    let route = request.headers.routes().ok().and_then(|routes| routes.into_iter().next());
    let uri = route.as_ref().map_or(&request.uri, |route| &route.uri);
    uri.host_ip().is_none().then(|| uri.host().to_ascii_lowercase())
}

fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_unspecified() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}
