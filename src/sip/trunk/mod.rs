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
pub mod incoming;
mod line;
mod outgoing;
mod status;

pub use addresses::{Addresses, TrunkError};
pub use outgoing::{Way, invite};
pub use status::{TrunkState, TrunkStatus};

use crate::domain::{E164, IpNet, Trunk, TrunkMode};
use crate::sip::message::Uri;
use crate::sip::net::Stack;
use crate::sip::net::dns::Dns;
use crate::sip::ua::{InviteInfo, OutgoingInvite};
use incoming::Candidate;
use line::{Line, Runner};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long [`Trunks::stop`] waits for the registrars' answers.
const FAREWELL: Duration = Duration::from_secs(3);

/// The trunks of this node; clones are handles to the same. They stop when the last handle is dropped, without
/// de-registration; [`Trunks::stop`] says good-bye.
#[derive(Debug, Clone)]
pub struct Trunks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    lines: Vec<Arc<Line>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    stop: watch::Sender<bool>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let tasks = self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner);
        tasks.iter().for_each(JoinHandle::abort);
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
        lease: impl Fn(&str) -> watch::Receiver<bool>,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let lines: Vec<Arc<Line>> = trunks.into_iter().map(|trunk| Arc::new(Line::new(trunk))).collect();
        let task = |(key, line): (usize, &Arc<Line>)| {
            // A peer has no registration to be given.
            let lease = (line.trunk.settings.mode == TrunkMode::Register).then(|| lease(&line.trunk.name));
            let runner = Runner::new(key as u64, line.clone(), stack.clone(), dns.clone(), lease);
            tokio::spawn(runner.run(stopped.clone()))
        };
        let tasks = Mutex::new(lines.iter().enumerate().map(task).collect());
        Self(Arc::new(Inner { lines, tasks, stop }))
    }

    /// Every trunk's state now, in the order of the configuration.
    pub fn status(&self) -> Vec<TrunkStatus> {
        self.0.lines.iter().map(|line| line.status.borrow().clone()).collect()
    }

    /// The states of one trunk as they come; only the newest is kept.
    pub fn subscribe(&self, trunk: &str) -> Option<watch::Receiver<TrunkStatus>> {
        self.line(trunk).ok().map(|line| line.status.subscribe())
    }

    /// The trunk of this name.
    pub fn get(&self, trunk: &str) -> Option<&Trunk> {
        self.line(trunk).ok().map(|line| &line.trunk)
    }

    /// The trunk that a call came over; `None` when its source is no trunk's. Of several that share the address, the one
    /// whose DID it is for, else the one whose registered Contact it was sent to.
    pub fn of_invite(&self, invite: &InviteInfo) -> Option<&Trunk> {
        let ip = invite.source.ip();
        let holds = |line: &&Arc<Line>| line.status.borrow().sources.iter().any(|net: &IpNet| net.contains(ip));
        let candidates: Vec<_> = self.0.lines.iter().filter(holds).map(|line| Candidate::of(line)).collect();
        incoming::attribute(&candidates, invite)
    }

    /// Whether calls for this number may come over the trunk: it is one of its DIDs, or no other trunk's.
    pub fn may_call(&self, trunk: &Trunk, number: &E164) -> bool {
        let has = |trunk: &Trunk| trunk.dids.contains(number);
        has(trunk) || !self.0.lines.iter().any(|line| has(&line.trunk))
    }

    /// Our address as the trunk's carrier sees it, when that is configured or its registrar told.
    pub fn seen_as(&self, trunk: &Trunk) -> Option<IpAddr> {
        let contact = |line: &Arc<Line>| match &line.status.borrow().state {
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
        invite(&line.trunk, &line.way(), to, caller)
    }

    /// De-registers everywhere at once and stops; waits three seconds at most for answers.
    pub async fn stop(&self) {
        self.0.stop.send_replace(true);
        let tasks = std::mem::take(&mut *self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let deadline = tokio::time::Instant::now() + FAREWELL;
        for mut task in tasks {
            if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
            }
        }
    }

    fn line(&self, name: &str) -> Result<&Arc<Line>, TrunkError> {
        let line = self.0.lines.iter().find(|line| line.trunk.name == name);
        line.ok_or_else(|| TrunkError::Unknown(name.to_owned()))
    }
}
