//! The Via header (RFC 3261 §20.42, RFC 3581 for `rport`).

use std::fmt;
use std::net::IpAddr;

use super::HeaderValue;
use super::params::Params;
use super::scan::{is_token, trim};
use super::uri::{host_ip, host_length};

/// The transport a Via names; compared without case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViaTransport {
    /// `UDP`
    Udp,
    /// `TCP`
    Tcp,
    /// `TLS`
    Tls,
    /// `SCTP`
    Sctp,
    /// `WS` (RFC 7118)
    Ws,
    /// `WSS` (RFC 7118)
    Wss,
    /// Any other, as written.
    Other(String),
}

impl ViaTransport {
    fn parse(text: &str) -> Self {
        let known = [Self::Udp, Self::Tcp, Self::Tls, Self::Sctp, Self::Ws, Self::Wss];
        let found = known.into_iter().find(|t| t.as_str().eq_ignore_ascii_case(text));
        found.unwrap_or_else(|| Self::Other(text.to_owned()))
    }

    /// The name in upper case, or as written when unknown.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Sctp => "SCTP",
            Self::Ws => "WS",
            Self::Wss => "WSS",
            Self::Other(name) => name,
        }
    }

    /// Whether the transport delivers in order and without loss, so that no retransmission is needed.
    pub fn is_reliable(&self) -> bool {
        !matches!(self, Self::Udp | Self::Other(_))
    }
}

/// One Via value, `SIP/2.0/UDP host:port;params`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// The transport.
    pub transport: ViaTransport,
    /// The sent-by host as written, IPv6 in brackets.
    pub host: String,
    /// The sent-by port when written.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport` and the rest.
    pub params: Params,
}

impl Via {
    /// A Via for a request of ours, with `rport` asked for (RFC 3581 §3).
    pub fn new(transport: ViaTransport, host: &str, port: Option<u16>, branch: &str) -> Self {
        let mut params = Params::new();
        params.set("rport", None);
        params.set("branch", Some(branch));
        Self { transport, host: host.to_owned(), port, params }
    }

    /// The `branch` parameter, not empty.
    pub fn branch(&self) -> Option<&str> {
        self.text_param("branch")
    }

    /// The `received` parameter, not empty.
    pub fn received(&self) -> Option<&str> {
        self.text_param("received")
    }

    /// The address in `received`, brackets tolerated.
    pub fn received_ip(&self) -> Option<IpAddr> {
        self.received().and_then(host_ip)
    }

    /// The address in the sent-by host when it is one.
    pub fn host_ip(&self) -> Option<IpAddr> {
        host_ip(&self.host)
    }

    /// `None` without an `rport` parameter, `Some(None)` when it asks, `Some(Some(port))` when it was filled in.
    pub fn rport(&self) -> Option<Option<u16>> {
        let value = self.params.get_raw("rport")?;
        Some(std::str::from_utf8(value).ok().and_then(|v| v.parse().ok()))
    }

    /// Notes the source address (RFC 3261 §18.2.1).
    pub fn set_received(&mut self, address: IpAddr) {
        self.params.set("received", Some(&address.to_string()));
    }

    /// Notes the source port (RFC 3581 §4).
    pub fn set_rport(&mut self, port: u16) {
        self.params.set("rport", Some(&port.to_string()));
    }

    fn text_param(&self, name: &str) -> Option<&str> {
        self.params.get_raw(name).and_then(|v| std::str::from_utf8(v).ok()).filter(|v| !v.is_empty())
    }

    /// Reads one value; LWS may stand around `/` and `:`.
    ///
    /// # Errors
    /// Byte offset and cause when the value is no Via of SIP.
    pub(crate) fn parse(value: &[u8]) -> Result<Self, (usize, &'static str)> {
        let semicolon = value.iter().position(|b| *b == b';').unwrap_or(value.len());
        let head = &value[..semicolon];
        let mut slashes = head.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(i, _)| i);
        let (Some(first), Some(second)) = (slashes.next(), slashes.next()) else { return Err((0, "no protocol")) };
        // Another version is read, because its 505 has to be sent somewhere.
        let is_version =
            |text: &[u8]| matches!(text, [major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit());
        if !trim(&head[..first]).eq_ignore_ascii_case(b"SIP") || !is_version(trim(&head[first + 1..second])) {
            return Err((0, "a protocol other than SIP"));
        }
        let rest = &head[second + 1..];
        let start = second + 1 + rest.iter().position(|b| !matches!(b, b' ' | b'\t')).unwrap_or(rest.len());
        let length = head[start..].iter().position(|b| matches!(b, b' ' | b'\t')).unwrap_or(head.len() - start);
        let transport = &head[start..start + length];
        let sent_by_at = start + length;
        let (true, Ok(transport)) = (is_token(transport), std::str::from_utf8(transport)) else {
            return Err((start, "no transport"));
        };
        let sent_by = std::str::from_utf8(trim(&head[sent_by_at..])).map_err(|_| (sent_by_at, "no host"))?;
        let (host, port) = parse_sent_by(sent_by).ok_or((sent_by_at, "no valid host and port"))?;
        let params = Params::parse(&value[semicolon..]).map_err(|at| (semicolon + at, "a broken parameter"))?;
        Ok(Self { transport: ViaTransport::parse(transport), host, port, params })
    }
}

fn parse_sent_by(text: &str) -> Option<(String, Option<u16>)> {
    let length = host_length(text)?;
    let rest = text[length..].trim_start();
    let port = match rest.strip_prefix(':') {
        Some(port) => Some(super::scan::decimal(port.trim_start().as_bytes()).and_then(|p| u16::try_from(p).ok())?),
        None if rest.is_empty() => None,
        None => return None,
    };
    Some((text[..length].to_owned(), port))
}

impl fmt::Display for ViaTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&Via> for HeaderValue {
    fn from(via: &Via) -> Self {
        let mut out = Vec::with_capacity(64 + via.params.as_bytes().len());
        out.extend_from_slice(b"SIP/2.0/");
        out.extend_from_slice(via.transport.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(via.host.as_bytes());
        if let Some(port) = via.port {
            out.push(b':');
            out.extend_from_slice(port.to_string().as_bytes());
        }
        out.extend_from_slice(via.params.as_bytes());
        Self::new(out)
    }
}

impl From<Via> for HeaderValue {
    fn from(via: Via) -> Self {
        Self::from(&via)
    }
}
