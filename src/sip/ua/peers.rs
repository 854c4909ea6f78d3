//! The networks whose requests are answered.

use crate::domain::{IpNet, IpNetError};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A set of networks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peers(Vec<IpNet>);

impl Peers {
    /// Takes networks.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// This machine only: 127.0.0.0/8 and ::1.
    pub fn loopback() -> Self {
        Self::new([IpNet::new(Ipv4Addr::LOCALHOST.into(), 8), IpNet::from(IpAddr::V6(Ipv6Addr::LOCALHOST))])
    }

    /// Everybody. For tests and callers that only place calls; a server that answers everybody is found by toll fraud.
    pub fn any() -> Self {
        Self::new([IpNet::new(Ipv4Addr::UNSPECIFIED.into(), 0), IpNet::new(Ipv6Addr::UNSPECIFIED.into(), 0)])
    }

    /// Whether `ip` is in one of the networks; an IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(ip))
    }
}

/// Networks separated by commas or white space: `127.0.0.1, 203.0.113.0/24`.
impl FromStr for Peers {
    type Err = IpNetError;

    fn from_str(text: &str) -> Result<Self, IpNetError> {
        let entries = text.split([',', ' ', '\t', '\n']).filter(|entry| !entry.is_empty());
        entries.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_bound_the_networks() {
        let peers: Peers = "10.1.0.0/16, 203.0.113.7 2001:db8::/32".parse().unwrap();
        for (ip, inside) in [
            ("10.1.255.1", true),
            ("10.2.0.1", false),
            ("203.0.113.7", true),
            ("203.0.113.8", false),
            ("::ffff:10.1.0.1", true),
            ("2001:db8:1::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(peers.contains(ip.parse().unwrap()), inside, "{ip}");
        }
        assert!(Peers::any().contains("8.8.8.8".parse().unwrap()));
        assert!(Peers::loopback().contains("127.3.2.1".parse().unwrap()));
        assert!(!Peers::loopback().contains("128.0.0.1".parse().unwrap()));
    }

    #[test]
    fn what_is_not_a_network_is_named() {
        for text in ["10.0.0.0/33", "trunk.example", "10.0.0.1/x"] {
            let error = text.parse::<Peers>().unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }
}
