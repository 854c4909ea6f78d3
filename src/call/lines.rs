//! Lines that calls go out by: the trunk that the caller came over; where there is none, the peer that the caller came
//! from, and this machine.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Instant;

use super::admission::{Admission, Refusal};
use super::ports::{BoxFuture, NoLine, OutboundCall, OutboundLine, OutboundLines};
use crate::domain::{DialString, E164, TransferMode, Trunk};
use crate::media::Capabilities;
use crate::sip::message::{NameAddr, Uri};
use crate::sip::net::{LegPolicy, OutgoingInvite, Transport};
use crate::sip::trunk::Trunks;

/// Where peers listen when nothing else is said (RFC 3261 §19.1.2).
const SIP_PORT: u16 = 5060;

/// Calls numbers through the trunk that the caller came over, as its carrier wants it; anything else as [`PeerLines`].
#[derive(Debug, Clone)]
pub struct TrunkLines {
    pub trunks: Trunks,
    /// Where the calls take their places on the trunk.
    pub admission: Admission,
    /// Our address for carriers that do not tell how they see us.
    pub public_ip: Option<IpAddr>,
}

impl OutboundLines for TrunkLines {
    fn line<'a>(&'a self, call: &'a OutboundCall) -> BoxFuture<'a, Result<OutboundLine, NoLine>> {
        Box::pin(std::future::ready(match &call.to {
            DialString::Number(number) => self.through(call, number).unwrap_or_else(|| direct(call)),
            DialString::Sip(_) => direct(call),
        }))
    }
}

impl TrunkLines {
    /// `None` when the caller came over no trunk.
    fn through(&self, call: &OutboundCall, number: &E164) -> Option<Result<OutboundLine, NoLine>> {
        let trunk = self.trunks.get(call.trunk.as_deref()?)?;
        let invite =
            self.trunks.outgoing(&trunk.name, number, Some(&call.shown)).map_err(|error| NoLine(error.to_string()));
        Some(invite.and_then(|invite| {
            let destination = invite.destination.ok_or_else(|| NoLine("the trunk has no address now".into()))?;
            let refers = call.may_refer && trunk.settings.transfer == TransferMode::Refer;
            let place = || self.admission.place(&trunk, Instant::now()).map_err(|refusal| busy(&trunk, refusal));
            let permit = if refers { None } else { Some(place()?) };
            let seen_as = self.trunks.seen_as(&trunk).or(self.public_ip.filter(|_| !destination.ip().is_loopback()));
            Ok(OutboundLine {
                local_ip: seen_as.map_or_else(|| local_ip_towards(destination), Ok)?,
                invite,
                capabilities: Capabilities::from(&trunk.settings),
                transfer: if refers { TransferMode::Refer } else { TransferMode::Bridge },
                permit: permit.map(|permit| Box::new(permit) as Box<dyn Send + Sync>),
            })
        }))
    }
}

fn busy(trunk: &Trunk, refusal: Refusal) -> NoLine {
    let (name, limits) = (&trunk.name, &trunk.settings);
    NoLine(match refusal {
        Refusal::TrunkTooFast(_) => format!("trunk `{name}` begins {} calls in this second already (cps)", limits.cps),
        _ => format!("all {} channels of trunk `{name}` are in use (channels)", limits.channels),
    })
}

/// Calls the peer that a caller came from, by the number as it is, and loopback addresses directly.
#[derive(Debug, Clone, Copy, Default)]
pub struct PeerLines;

impl OutboundLines for PeerLines {
    fn line<'a>(&'a self, call: &'a OutboundCall) -> BoxFuture<'a, Result<OutboundLine, NoLine>> {
        Box::pin(std::future::ready(direct(call)))
    }
}

fn direct(call: &OutboundCall) -> Result<OutboundLine, NoLine> {
    let (to, destination, transport) = match &call.to {
        DialString::Sip(text) => {
            let uri = Uri::parse(text.as_bytes()).map_err(|error| NoLine(error.to_string()))?;
            let ip =
                uri.host_ip().filter(IpAddr::is_loopback).ok_or_else(|| NoLine("not a loopback address".into()))?;
            let is_tcp = uri.param("transport").is_some_and(|value| value.eq_ignore_ascii_case("tcp"));
            let destination = SocketAddr::new(ip, uri.port().unwrap_or(SIP_PORT));
            (uri, destination, if is_tcp { Transport::Tcp } else { Transport::Udp })
        }
        DialString::Number(number) => {
            // A connection's port says nothing about where the peer listens.
            let port = if call.transport.is_reliable() { SIP_PORT } else { call.source.port() };
            let destination = SocketAddr::new(call.source.ip(), port);
            let uri = number_at(number, destination)?;
            (uri, destination, call.transport)
        }
    };
    let local_ip = local_ip_towards(destination)?;
    let from = NameAddr::new(number_at(&call.shown, SocketAddr::new(local_ip, SIP_PORT))?);
    let invite = OutgoingInvite {
        to,
        from,
        destination: Some(destination),
        transport,
        credentials: None,
        headers: Vec::new(),
        body: None,
        policy: LegPolicy::default(),
    };
    Ok(OutboundLine {
        invite,
        local_ip,
        capabilities: Capabilities::default(),
        transfer: TransferMode::Bridge,
        permit: None,
    })
}

fn number_at(number: &E164, at: SocketAddr) -> Result<Uri, NoLine> {
    let host = match at.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let uri = Uri::sip(Some(number.as_str()), &host).map_err(|error| NoLine(error.to_string()))?;
    Ok(uri.with_port(Some(at.port()).filter(|port| *port != SIP_PORT)))
}

/// The address of this machine that reaches the peer; connecting a UDP socket sends nothing.
fn local_ip_towards(destination: SocketAddr) -> Result<IpAddr, NoLine> {
    let any: SocketAddr = if destination.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let probe = UdpSocket::bind(any).and_then(|socket| socket.connect(destination).and_then(|()| socket.local_addr()));
    probe.map(|addr| addr.ip()).map_err(|error| NoLine(format!("no way to {destination}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(to: &str) -> OutboundCall {
        OutboundCall {
            to: to.parse().unwrap(),
            shown: E164::parse("+918047180000").unwrap(),
            caller: None,
            trunk: None,
            source: "127.0.0.2:5090".parse().unwrap(),
            transport: Transport::Udp,
            may_refer: false,
        }
    }

    #[test]
    fn a_number_goes_to_the_peer_that_the_caller_came_from() {
        let line = direct(&call("98450 12345")).unwrap();
        assert_eq!(line.invite.to.as_str(), "sip:+919845012345@127.0.0.2:5090");
        assert_eq!(line.invite.destination, Some("127.0.0.2:5090".parse().unwrap()));
        assert!(line.invite.from.uri.as_str().starts_with("sip:+918047180000@127."));
        let over_tcp = OutboundCall { transport: Transport::Tcp, ..call("98450 12345") };
        assert_eq!(direct(&over_tcp).unwrap().invite.destination, Some("127.0.0.2:5060".parse().unwrap()));
    }

    #[test]
    fn a_uri_goes_where_it_says() {
        let line = direct(&call("sip:human@127.0.0.1:5070;transport=tcp")).unwrap();
        assert_eq!(line.invite.destination, Some("127.0.0.1:5070".parse().unwrap()));
        assert_eq!((line.invite.transport, line.local_ip), (Transport::Tcp, IpAddr::from([127, 0, 0, 1])));
    }
}
