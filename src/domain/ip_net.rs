//! IP networks in CIDR notation: who may call in, and where media may come from.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An IP network, written `203.0.113.0/24`; a bare address is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IpNet {
    addr: IpAddr,
    /// Leading bits that count: at most 32 for IPv4, 128 for IPv6.
    prefix: u8,
}

/// The text is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an address (203.0.113.7) nor a network (203.0.113.0/24)")]
pub struct IpNetError(String);

impl IpNet {
    /// The network of the first `prefix` bits of `addr`; a prefix longer than the address counts as the whole address.
    pub fn new(addr: IpAddr, prefix: u8) -> Self {
        Self { addr, prefix: prefix.min(longest(addr)) }
    }

    /// Whether the address lies in it. IPv4 and IPv6 never match each other, but an IPv4 address mapped into IPv6
    /// counts as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.addr, ip.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let shift = 32 - u32::from(self.prefix);
                (net.to_bits() ^ ip.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let shift = 128 - u32::from(self.prefix);
                (net.to_bits() ^ ip.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    /// The address as it was written.
    pub fn addr(&self) -> IpAddr {
        self.addr
    }

    /// Leading bits that count.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }
}

fn longest(addr: IpAddr) -> u8 {
    if addr.is_ipv4() { 32 } else { 128 }
}

impl From<IpAddr> for IpNet {
    fn from(addr: IpAddr) -> Self {
        Self::new(addr, u8::MAX)
    }
}

impl FromStr for IpNet {
    type Err = IpNetError;

    fn from_str(text: &str) -> Result<Self, IpNetError> {
        let error = || IpNetError(text.to_owned());
        let (addr, prefix) = text.split_once('/').map_or((text, None), |(addr, prefix)| (addr, Some(prefix)));
        let addr: IpAddr = addr.parse().map_err(|_| error())?;
        let prefix = prefix.map_or(Ok(longest(addr)), str::parse).map_err(|_| error())?;
        if prefix <= longest(addr) { Ok(Self { addr, prefix }) } else { Err(error()) }
    }
}

impl fmt::Display for IpNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix == longest(self.addr) { self.addr.fmt(f) } else { write!(f, "{}/{}", self.addr, self.prefix) }
    }
}

impl TryFrom<String> for IpNet {
    type Error = IpNetError;

    fn try_from(text: String) -> Result<Self, IpNetError> {
        text.parse()
    }
}

impl From<IpNet> for String {
    fn from(net: IpNet) -> Self {
        net.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_what_they_should() {
        let net: IpNet = "203.0.113.0/24".parse().unwrap();
        assert!(net.contains("203.0.113.9".parse().unwrap()));
        assert!(net.contains("::ffff:203.0.113.9".parse().unwrap()));
        assert!(!net.contains("203.0.114.9".parse().unwrap()));
        assert!(!net.contains("2001:db8::1".parse().unwrap()));
        assert!("0.0.0.0/0".parse::<IpNet>().unwrap().contains("8.8.8.8".parse().unwrap()));
        assert!("2001:db8::/32".parse::<IpNet>().unwrap().contains("2001:db8:1::1".parse().unwrap()));
        assert!("::/0".parse::<IpNet>().unwrap().contains("2001:db8:1::1".parse().unwrap()));
        let one: IpNet = "203.0.113.7".parse().unwrap();
        assert!(one.contains("203.0.113.7".parse().unwrap()) && !one.contains("203.0.113.6".parse().unwrap()));
        for bad in ["", "203.0.113.0/33", "::/129", "host/8", "203.0.113.0/-1", "203.0.113.0/"] {
            assert_eq!(bad.parse::<IpNet>(), Err(IpNetError(bad.to_owned())));
        }
    }
}
