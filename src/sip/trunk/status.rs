//! What a trunk tells about itself.

use crate::domain::{IpNet, TrunkMode};
use jiff::Timestamp;
use std::net::SocketAddr;

/// Where a trunk stands.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum TrunkState {
    /// Taken back, or not begun.
    Unregistered,
    /// The first attempt, or another after a failure, is under way.
    Trying,
    /// The registrar sends our calls to `contact` until `expires_at`.
    Registered { expires_at: Timestamp, contact: String },
    /// Another node of the platform registers; calls go out from here all the same.
    Standby,
    /// A trunk without registration that can be used.
    Peer,
    /// In plain words why, and when it is tried again.
    Failed { error: String, next_try: Option<Timestamp> },
}

/// A trunk's state with its surroundings. Made for operators: it holds no secret, but the Contact may hold a number.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TrunkStatus {
    pub name: String,
    pub mode: TrunkMode,
    #[serde(flatten)]
    pub state: TrunkState,
    /// When it came to be in this kind of state; a refreshed registration is no new one.
    pub since: Timestamp,
    /// Why the last attempt failed, while an older registration still holds or a new attempt is under way.
    pub last_error: Option<String>,
    pub next_try: Option<Timestamp>,
    /// Where requests go, as `address (transport)`.
    pub target: Option<String>,
    /// Whether the last OPTIONS was answered; absent when none is sent.
    pub options_answered: Option<bool>,
    /// Who may send us its calls.
    pub sources: Vec<IpNet>,
    /// Where the registrar sends our calls: our address as it sees us, or as `public_ip` says.
    pub public_addr: Option<SocketAddr>,
}

impl TrunkStatus {
    /// Whether calls can be expected to come and go.
    pub fn is_up(&self) -> bool {
        matches!(self.state, TrunkState::Registered { .. } | TrunkState::Standby | TrunkState::Peer)
    }
}
