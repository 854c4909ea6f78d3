//! Whose requests are answered: networks, and users from anywhere.

use crate::domain::{IpNet, IpNetError, Secret};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A set of networks, whose requests are served as they come, and of users, whose calls are served from anywhere when
/// their digest is right (RFC 3261 §22).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peers {
    networks: Vec<IpNet>,
    users: HashMap<String, Secret>,
}

impl Peers {
    /// Takes networks.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self { networks: networks.into_iter().collect(), users: HashMap::new() }
    }

    /// This machine only: 127.0.0.0/8 and ::1.
    pub fn loopback() -> Self {
        Self::new([IpNet::new(Ipv4Addr::LOCALHOST.into(), 8), IpNet::from(IpAddr::V6(Ipv6Addr::LOCALHOST))])
    }

    /// Everybody. For tests and callers that only place calls; a server that answers everybody is found by toll fraud.
    pub fn any() -> Self {
        Self::new([IpNet::new(Ipv4Addr::UNSPECIFIED.into(), 0), IpNet::new(Ipv6Addr::UNSPECIFIED.into(), 0)])
    }

    /// Takes other networks; users stay.
    pub(super) fn set_networks(&mut self, networks: Vec<IpNet>) {
        self.networks = networks;
    }

    /// Adds a user; calls from outside the networks are then challenged instead of refused.
    pub fn with_user(mut self, name: &str, password: Secret) -> Self {
        self.users.insert(name.to_owned(), password);
        self
    }

    /// Whether anybody is served by credentials.
    pub fn has_users(&self) -> bool {
        !self.users.is_empty()
    }

    pub(super) fn password_of(&self, name: &str) -> Option<Secret> {
        self.users.get(name).cloned()
    }

    /// Whether `ip` is in one of the networks; an IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(ip))
    }
}

/// Networks separated by commas or white space: `127.0.0.1, 203.0.113.0/24`.
impl FromStr for Peers {
    type Err = IpNetError;

    fn from_str(text: &str) -> Result<Self, IpNetError> {
        let entries = text.split([',', ' ', '\t', '\n']).filter(|entry| !entry.is_empty());
        entries.map(str::parse).collect::<Result<Vec<_>, _>>().map(Self::new)
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
