//! Addresses of the trunks: who may send us calls beside the configured peers, and how each of them sees us.

use super::LegPolicy;
use crate::domain::IpNet;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// What is known of the network of one trunk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Neighbour {
    /// Where its requests may come from.
    pub networks: Vec<IpNet>,
    /// Our listener to send from.
    pub local_bind: Option<SocketAddr>,
    /// Our address as it sees us, for Contact, Via and SDP; a port 0 stands for the listener's own.
    pub seen_as: Option<SocketAddr>,
    /// What its calls begin with.
    pub policy: LegPolicy,
}

/// The neighbours, by the number that their owner gave them; of two that hold one address the lower number counts.
#[derive(Debug, Default)]
pub(super) struct Neighbours(BTreeMap<u64, Neighbour>);

impl Neighbours {
    pub fn set(&mut self, key: u64, neighbour: Option<Neighbour>) {
        match neighbour {
            Some(neighbour) => drop(self.0.insert(key, neighbour)),
            None => drop(self.0.remove(&key)),
        }
    }

    pub fn of(&self, ip: IpAddr) -> Option<&Neighbour> {
        self.0.values().find(|neighbour| neighbour.networks.iter().any(|network| network.contains(ip)))
    }

    pub fn contains(&self, ip: IpAddr) -> bool {
        self.of(ip).is_some()
    }
}
