//! Trunks at work: look-ups, registration, fail-over and back, keep-alives; one task each.
//!
//! ```text
//!  domain::Trunk ─► Addresses ─► resolve (RFC 3263) ─► targets ─► registration ─► TrunkStatus, Way
//!                                    ▲ every 30 s, after every failed round │        │
//!                                    └──────────────────────────────────────┘        ▼
//!                              OPTIONS: keep-alive, return of a lost registrar,   outgoing(): INVITE
//!                              return of a better target                          neighbours: who may call
//! ```
//!
//! A registrar that comes back is registered at within five seconds: REGISTER goes out at least that often while it is
//! unanswered (see [`crate::sip::registration`]). Between refreshes a loss shows only when OPTIONS are sent
//! (`options_interval`): the first answer after silence registers anew. OPTIONS that fail never take a registered trunk
//! down unless `options_is_health`.

mod addresses;
mod change;
pub mod incoming;
mod line;
mod outgoing;
mod status;

pub use addresses::{Addresses, TrunkError};
pub use change::TrunkChanges;
pub use outgoing::{Way, invite};
pub use status::{TrunkState, TrunkStatus};

use crate::domain::{E164, IpNet, Trunk};
use crate::sip::message::Uri;
use crate::sip::net::Stack;
use crate::sip::net::dns::Dns;
use crate::sip::ua::{InviteInfo, OutgoingInvite};
use change::Members;
use incoming::Candidate;
use line::Line;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;
use tokio::sync::watch;

/// How long [`Trunks::stop`] waits for the registrars' answers.
const FAREWELL: Duration = Duration::from_secs(3);

/// The trunks of this node; clones are handles to the same. They stop when the last handle is dropped, without
/// de-registration; [`Trunks::stop`] says good-bye.
#[derive(Debug, Clone)]
pub struct Trunks(Arc<Inner>);

type Lease = Box<dyn Fn(&str) -> watch::Receiver<bool> + Send + Sync>;

struct Inner {
    stack: Stack,
    dns: Arc<dyn Dns>,
    /// Whether this node is the one to register at the trunk of this name.
    lease: Lease,
    members: RwLock<Members>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trunks").field("members", &self.members).finish_non_exhaustive()
    }
}

impl Trunks {
    /// Starts a task for each trunk on the current tokio runtime.
    pub fn start(stack: &Stack, trunks: Vec<Trunk>, dns: Arc<dyn Dns>) -> Self {
        Self::start_with(stack, trunks, dns, |_| watch::channel(true).1)
    }

    /// The same among several nodes: each trunk registers only while its lease, asked for by its name, is true. When that
    /// is lost it falls silent without de-registration, which could take the next node's away.
    pub fn start_with(
        stack: &Stack,
        trunks: Vec<Trunk>,
        dns: Arc<dyn Dns>,
        lease: impl Fn(&str) -> watch::Receiver<bool> + Send + Sync + 'static,
    ) -> Self {
        let (members, lease) = (RwLock::default(), Box::new(lease));
        let all = Self(Arc::new(Inner { stack: stack.clone(), dns, lease, members }));
        all.replace(trunks);
        all
    }

    /// Every trunk's state now, in the order of the configuration.
    pub fn status(&self) -> Vec<TrunkStatus> {
        self.members().lines().map(|line| line.status.borrow().clone()).collect()
    }

    /// The states of one trunk as they come; only the newest is kept. They end when the trunk is begun anew.
    pub fn subscribe(&self, trunk: &str) -> Option<watch::Receiver<TrunkStatus>> {
        self.line(trunk).ok().map(|line| line.status.subscribe())
    }

    /// The trunk of this name.
    pub fn get(&self, trunk: &str) -> Option<Arc<Trunk>> {
        self.line(trunk).ok().map(|line| line.trunk())
    }

    /// The trunk that a call came over; `None` when its source is no trunk's. Of several that share the address, the one
    /// whose DID it is for, else the one whose registered Contact it was sent to.
    pub fn of_invite(&self, invite: &InviteInfo) -> Option<Arc<Trunk>> {
        let ip = invite.source.ip();
        let holds = |line: &&Arc<Line>| line.status.borrow().sources.iter().any(|net: &IpNet| net.contains(ip));
        let candidates: Vec<_> = self.members().lines().filter(holds).map(|line| Candidate::of(line)).collect();
        incoming::attribute(&candidates, invite)
    }

    /// Whether calls for this number may come over the trunk: it is one of its DIDs, or no other trunk's.
    pub fn may_call(&self, trunk: &Trunk, number: &E164) -> bool {
        let has = |trunk: &Trunk| trunk.dids.contains(number);
        has(trunk) || !self.members().lines().any(|line| has(&line.trunk()))
    }

    /// Our address as the trunk's carrier sees it, when that is configured or its registrar told.
    pub fn seen_as(&self, trunk: &Trunk) -> Option<IpAddr> {
        let contact = |line: Arc<Line>| match &line.status.borrow().state {
            TrunkState::Registered { contact, .. } => contact.parse::<Uri>().ok()?.host_ip(),
            _ => None,
        };
        trunk.settings.public_ip.or_else(|| self.line(&trunk.name).ok().and_then(contact))
    }

    /// A call through the trunk, without a body; see [`invite`].
    ///
    /// # Errors
    /// [`TrunkError`] when there is no such trunk, or no way through it at the moment.
    pub fn outgoing(&self, trunk: &str, to: &E164, caller: Option<&E164>) -> Result<OutgoingInvite, TrunkError> {
        let line = self.line(trunk)?;
        invite(&line.trunk(), &line.way(), to, caller)
    }

    /// De-registers everywhere at once and stops; waits three seconds at most for answers.
    pub async fn stop(&self) {
        let tasks = self.members_mut().dismiss();
        let deadline = tokio::time::Instant::now() + FAREWELL;
        for mut task in tasks {
            // A task that is late ends with its handle.
            let _ = tokio::time::timeout_at(deadline, &mut task.0).await;
        }
    }

    fn line(&self, name: &str) -> Result<Arc<Line>, TrunkError> {
        let line = self.members().lines().find(|line| line.name == name).cloned();
        line.ok_or_else(|| TrunkError::Unknown(name.to_owned()))
    }

    fn members(&self) -> RwLockReadGuard<'_, Members> {
        self.0.members.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn members_mut(&self) -> RwLockWriteGuard<'_, Members> {
        self.0.members.write().unwrap_or_else(PoisonError::into_inner)
    }
}
