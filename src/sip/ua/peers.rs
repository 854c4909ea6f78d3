//! The networks whose requests are answered.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A set of networks, each an address and a prefix length in bits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peers(Vec<(IpAddr, u8)>);

/// Why a text is not a list of networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no network: write an address (203.0.113.7) or an address and prefix (203.0.113.0/24)")]
pub struct PeersError {
    /// The entry that could not be read.
    pub text: String,
}

impl Peers {
    /// Takes networks as (address, prefix length); a prefix longer than the address counts as the whole address.
    pub fn new(networks: impl IntoIterator<Item = (IpAddr, u8)>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// This machine only: 127.0.0.0/8 and ::1.
    pub fn loopback() -> Self {
        Self::new([(IpAddr::V4(Ipv4Addr::LOCALHOST), 8), (IpAddr::V6(Ipv6Addr::LOCALHOST), 128)])
    }

    /// Everybody. For tests and callers that only place calls; a server that answers everybody is found by toll fraud.
    pub fn any() -> Self {
        Self::new([(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0), (IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0)])
    }

    /// Whether `ip` is in one of the networks; an IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|(network, prefix)| match (network, ip) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(*prefix).min(32)).unwrap_or(0);
                network.to_bits() & mask == ip.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(ip)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(*prefix).min(128)).unwrap_or(0);
                network.to_bits() & mask == ip.to_bits() & mask
            }
            _ => false,
        })
    }
}

/// Networks separated by commas or white space: `127.0.0.1, 203.0.113.0/24`.
impl FromStr for Peers {
    type Err = PeersError;

    fn from_str(text: &str) -> Result<Self, PeersError> {
        let entries = text.split([',', ' ', '\t', '\n']).filter(|entry| !entry.is_empty());
        entries.map(network).collect::<Result<_, _>>().map(Self)
    }
}

fn network(text: &str) -> Result<(IpAddr, u8), PeersError> {
    let error = || PeersError { text: text.to_owned() };
    let (ip, prefix) = text.split_once('/').map_or((text, None), |(ip, prefix)| (ip, Some(prefix)));
    let ip: IpAddr = ip.parse().map_err(|_| error())?;
    let bits = if ip.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.map_or(Ok(bits), str::parse).map_err(|_| error())?;
    if prefix <= bits { Ok((ip, prefix)) } else { Err(error()) }
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
            assert_eq!(text.parse::<Peers>(), Err(PeersError { text: text.to_owned() }));
        }
    }
}
