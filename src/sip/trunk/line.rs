//! The task of one trunk.

use super::addresses::{Addresses, credentials};
use super::outgoing::Way;
use super::status::{TrunkState, TrunkStatus};
use crate::domain::{IpNet, Trunk};
use crate::sip::net::dns::{Dns, resolve};
use crate::sip::net::{RegistrationHandle, Stack};
use crate::sip::registration::{RegistrationConfig, RegistrationReport, RegistrationState, Target};
use crate::sip::resolve::{Candidate, order};
use crate::sip::ua::{LegPolicy, Neighbour, OutgoingOptions};
use jiff::Timestamp;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// Between look-ups of a name; the resolver's cache keeps to the TTL.
const LOOK_UP_EVERY: Duration = Duration::from_secs(30);

/// Between look-ups of a name that leads nowhere.
const LOOK_UP_AGAIN: Duration = Duration::from_secs(3);

/// Between OPTIONS to targets that are better than the one in use.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// Between OPTIONS to a target that used to answer them and is silent. One that never did is not pressed.
const SILENT_EVERY: Duration = Duration::from_secs(2);

/// An answer that took longer came after silence.
const SLOW: Duration = Duration::from_secs(4);

/// What a trunk's task and its users share.
#[derive(Debug)]
pub(super) struct Line {
    pub name: String,
    trunk: watch::Sender<Arc<Trunk>>,
    pub status: watch::Sender<TrunkStatus>,
    way: Mutex<Way>,
}

/// What a trunk's task is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    GoOn,
    /// The trunk is not ours any more: take the registration back, and take no more calls from its addresses.
    Leave,
    /// The node stops: take the registration back. Calls that cross that are still refused in proper form.
    Stop,
}

impl Line {
    pub fn new(trunk: Trunk) -> Self {
        let status = TrunkStatus {
            name: trunk.name.clone(),
            mode: trunk.settings.mode,
            state: TrunkState::Unregistered,
            since: Timestamp::now(),
            last_error: None,
            next_try: None,
            target: None,
            options_answered: None,
            sources: trunk.settings.sbc_ips.clone(),
            public_addr: None,
        };
        let (name, trunk) = (trunk.name.clone(), watch::Sender::new(Arc::new(trunk)));
        Self { name, trunk, status: watch::Sender::new(status), way: Mutex::default() }
    }

    /// The trunk as it is configured now.
    pub fn trunk(&self) -> Arc<Trunk> {
        Arc::clone(&self.trunk.borrow())
    }

    /// Takes other settings of the same line, which the registration does not depend on.
    pub fn adjust(&self, trunk: Trunk) {
        self.trunk.send_replace(Arc::new(trunk));
    }

    pub fn way(&self) -> Way {
        self.way.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Publishes a change, and writes it to the log when it is one for people.
    fn publish(&self, change: impl FnOnce(&mut TrunkStatus)) {
        let before = self.status.borrow().state.clone();
        self.status.send_if_modified(|status| {
            let old = status.clone();
            change(status);
            if std::mem::discriminant(&status.state) != std::mem::discriminant(&old.state) {
                status.since = Timestamp::now();
            }
            *status != old
        });
        let status = self.status.borrow().clone();
        let trunk = self.name.as_str();
        let target = status.target.as_deref().unwrap_or("nowhere");
        match (&before, &status.state) {
            (TrunkState::Registered { .. }, TrunkState::Registered { .. })
            | (TrunkState::Peer, TrunkState::Peer)
            | (TrunkState::Standby, TrunkState::Standby) => {}
            (_, TrunkState::Standby) => tracing::info!(trunk, "another node registers at the trunk"),
            (_, TrunkState::Registered { .. }) => tracing::info!(trunk, target, "the trunk is registered"),
            (_, TrunkState::Peer) => tracing::info!(trunk, target, "the trunk can be used"),
            (TrunkState::Failed { error: old, .. }, TrunkState::Failed { error, .. }) if old == error => {}
            (_, TrunkState::Failed { error, .. }) => tracing::warn!(trunk, error, "the trunk cannot be used"),
            (TrunkState::Registered { .. }, TrunkState::Unregistered) => {
                tracing::info!(trunk, "the trunk is de-registered");
            }
            _ => {}
        }
    }
}

/// What the keep-alives found out.
#[derive(Debug)]
enum Heard {
    /// The target in use answers again.
    Returned,
    Answered,
    Silent(Target),
    /// A target that is better than the one in use answers.
    Better(Target),
}

/// Targets in the order of use, and the place of the one in use.
#[derive(Debug, Default)]
struct Targets {
    list: Vec<Target>,
    current: usize,
}

pub(super) struct Runner {
    key: u64,
    line: Arc<Line>,
    stack: Stack,
    dns: Arc<dyn Dns>,
    targets: Arc<Mutex<Targets>>,
    candidates: Vec<Candidate>,
    handle: Option<RegistrationHandle>,
    failed_rounds: u32,
    /// True while this node may register; absent for a peer.
    lease: Option<watch::Receiver<bool>>,
    /// What was told of the address that the registrar sees.
    seen_as: Option<SocketAddr>,
}

impl Runner {
    pub fn new(
        key: u64,
        line: Arc<Line>,
        stack: Stack,
        dns: Arc<dyn Dns>,
        lease: Option<watch::Receiver<bool>>,
    ) -> Self {
        let seen_as = line.trunk().settings.public_ip.map(|ip| SocketAddr::new(ip, 0));
        let targets = Arc::default();
        Self { key, line, stack, dns, targets, candidates: Vec::new(), handle: None, failed_rounds: 0, lease, seen_as }
    }

    pub async fn run(mut self, mut told: watch::Receiver<Told>) {
        match Addresses::of(&self.line.trunk()) {
            Ok(addresses) => tokio::select! {
                () = self.serve(&addresses) => {}
                // A dropped sender stops it too.
                _ = told.wait_for(|told| *told != Told::GoOn) => {}
            },
            Err(error) => return self.fail(&error.to_string(), None),
        }
        if let Some(handle) = self.handle.take() {
            handle.unregister(super::FAREWELL).await;
        }
        self.line.publish(|status| status.state = TrunkState::Unregistered);
        if *told.borrow() != Told::Stop {
            self.stack.set_neighbour(self.key, None).await;
        }
    }

    async fn serve(&mut self, addresses: &Addresses) {
        self.line.publish(|status| status.state = TrunkState::Trying);
        self.tell_neighbour(&[]).await;
        while !self.look_up(addresses).await {
            let next = Timestamp::now().checked_add(LOOK_UP_AGAIN).ok();
            let host = addresses.next_hop.host();
            self.fail(&format!("the address of {host} cannot be found: check the name and the DNS"), next);
            tokio::time::sleep(LOOK_UP_AGAIN).await;
        }
        let (sender, heard) = mpsc::channel(16);
        let alive = KeepAlive {
            stack: self.stack.clone(),
            targets: self.targets.clone(),
            options: (addresses.domain.clone(), addresses.own.clone(), addresses.proxy.clone()),
            heard: sender,
            interval: Duration::from_secs(self.line.trunk().settings.options_interval.into()),
        };
        tokio::select! {
            () = self.control(addresses, heard) => {}
            () = alive.keep_alive() => {}
            () = alive.probe() => {}
        }
    }

    /// The loop that decides.
    async fn control(&mut self, addresses: &Addresses, mut heard: mpsc::Receiver<Heard>) {
        if self.holds_lease() {
            self.register(addresses).await;
        } else {
            self.use_target(0).await;
        }
        let mut settings = self.line.trunk.subscribe();
        let mut look_ups = tokio::time::interval(LOOK_UP_EVERY);
        look_ups.tick().await;
        loop {
            tokio::select! {
                report = next_report(&mut self.handle) => match report {
                    Some(report) => self.reported(addresses, report).await,
                    None => return,
                },
                Some(heard) = heard.recv() => self.heard(heard).await,
                Ok(()) = settings.changed() => {
                    let hops = self.hops();
                    self.tell_neighbour(&hops).await;
                }
                () = lease_changed(&mut self.lease) => self.follow_lease(addresses).await,
                _ = look_ups.tick() => {
                    self.look_up(addresses).await;
                }
            }
        }
    }

    /// Whether this node is the one to register.
    fn holds_lease(&mut self) -> bool {
        self.lease.as_mut().is_some_and(|lease| *lease.borrow_and_update())
    }

    async fn follow_lease(&mut self, addresses: &Addresses) {
        match (self.holds_lease(), self.handle.is_some()) {
            (true, false) => {
                self.line.publish(|status| status.state = TrunkState::Trying);
                self.register(addresses).await;
            }
            (false, true) => {
                self.handle = None;
                let current = self.targets().current;
                self.line.publish(|status| (status.state, status.next_try) = (TrunkState::Standby, None));
                self.use_target(current).await;
            }
            _ => {}
        }
    }

    /// What the trunk is while nothing is registered from here.
    fn without_registration(&self) -> TrunkState {
        if self.lease.is_some() { TrunkState::Standby } else { TrunkState::Peer }
    }

    async fn register(&mut self, addresses: &Addresses) {
        let trunk = self.line.trunk();
        let settings = &trunk.settings;
        let config = RegistrationConfig {
            registrar: addresses.domain.clone(),
            address: addresses.own.clone(),
            credentials: credentials(&trunk),
            expiry: settings.expiry,
            route: addresses.proxy.clone(),
            public_ip: settings.public_ip,
            targets: self.targets().list.clone(),
        };
        match self.stack.register(config).await {
            Ok(handle) => self.handle = Some(handle),
            Err(error) => self.fail(&error.to_string(), None),
        }
    }

    /// Follows the names anew; whether there are targets. Nothing changes when the answers are the same.
    async fn look_up(&mut self, addresses: &Addresses) -> bool {
        let found = resolve(&*self.dns, &addresses.next_hop, &addresses.transports).await;
        if found.is_empty() || found == self.candidates {
            return !self.candidates.is_empty();
        }
        let list = order(&found, |bound| ((u64::from(rand::random::<u32>()) * u64::from(bound)) >> 32) as u32);
        let moved = !self.candidates.is_empty();
        self.candidates = found;
        let current = {
            let mut targets = self.targets();
            let kept = targets.list.get(targets.current).and_then(|old| list.iter().position(|target| target == old));
            *targets = Targets { list: list.clone(), current: kept.unwrap_or(0) };
            targets.current
        };
        let hops = self.hops();
        self.tell_neighbour(&hops).await;
        if moved {
            tracing::info!(trunk = self.line.name, targets = list.len(), "the trunk's addresses have changed");
        }
        match &self.handle {
            Some(handle) => handle.set_targets(list).await,
            None if moved => self.use_target(current).await,
            None => {}
        }
        true
    }

    async fn reported(&mut self, addresses: &Addresses, report: RegistrationReport) {
        let at =
            |instant: Instant| Timestamp::now().checked_add(instant.saturating_duration_since(Instant::now())).ok();
        if let Some(target) = report.target {
            self.set_current(target);
        }
        let mut changed = false;
        let mut public_addr = None;
        if let RegistrationState::Registered { contact, .. } = &report.state {
            let seen = contact.host_ip().zip(contact.port()).map(SocketAddr::from);
            public_addr = seen;
            if self.line.trunk().settings.public_ip.is_none() && seen != self.seen_as {
                self.seen_as = seen;
                changed = true;
            }
        }
        {
            let mut way = self.line.way.lock().unwrap_or_else(PoisonError::into_inner);
            changed |= way.service_route != report.service_route;
            *way = Way { target: report.target, service_route: report.service_route.clone() };
        }
        if changed {
            let hops: Vec<_> = report.service_route.iter().filter_map(|route| route.uri.host_ip()).collect();
            self.tell_neighbour(&hops).await;
        }
        let state = match report.state {
            RegistrationState::Unregistered => TrunkState::Unregistered,
            RegistrationState::Trying => TrunkState::Trying,
            RegistrationState::Registered { expires_at, contact } => TrunkState::Registered {
                expires_at: at(expires_at).unwrap_or(Timestamp::MAX),
                contact: contact.as_str().to_owned(),
            },
            RegistrationState::Failed { error, next_try } => TrunkState::Failed { error, next_try: at(next_try) },
        };
        self.line.publish(|status| {
            // A new attempt after a failure is news only when it succeeds.
            if !(state == TrunkState::Trying && matches!(status.state, TrunkState::Failed { .. })) {
                status.state = state;
            }
            status.last_error = report.last_error;
            status.next_try = report.next_try.and_then(at);
            status.target = report.target.map(|target| target.to_string());
            status.public_addr = public_addr;
        });
        if report.failed_rounds > self.failed_rounds {
            self.look_up(addresses).await;
        }
        self.failed_rounds = report.failed_rounds;
    }

    async fn heard(&mut self, heard: Heard) {
        let trunk = self.line.trunk();
        let is_health = trunk.settings.options_is_health;
        let sends = trunk.settings.options_interval > 0;
        match heard {
            Heard::Answered | Heard::Returned => {
                self.line.publish(|status| status.options_answered = Some(true));
                match &self.handle {
                    // It may have lost our registration with everything else.
                    Some(handle) if matches!(heard, Heard::Returned) => handle.refresh().await,
                    Some(_) => {}
                    None => self.line.publish(|status| status.state = self.without_registration()),
                }
            }
            Heard::Silent(target) => {
                self.line.publish(|status| status.options_answered = Some(false).filter(|_| sends));
                let error = format!("no answer to OPTIONS from {target}");
                let (next, last) = {
                    let targets = self.targets();
                    let count = targets.list.len().max(1);
                    ((targets.current + 1) % count, targets.current + 1 >= count)
                };
                match &self.handle {
                    // The REGISTER decides, and looks for another target.
                    Some(handle) if is_health => handle.refresh().await,
                    Some(_) => {}
                    None => {
                        self.use_target(next).await;
                        if is_health && last {
                            self.fail(&error, None);
                        }
                    }
                }
            }
            Heard::Better(target) => match &self.handle {
                Some(handle) => handle.prefer(target).await,
                None => {
                    self.set_current(target);
                    let current = self.targets().current;
                    self.use_target(current).await;
                }
            },
        }
    }

    /// Where calls go from now on, without a registration.
    async fn use_target(&mut self, index: usize) {
        let target = {
            let mut targets = self.targets();
            targets.current = index;
            targets.list.get(index).copied()
        };
        self.line.way.lock().unwrap_or_else(PoisonError::into_inner).target = target;
        self.line.publish(|status| {
            status.target = target.map(|target| target.to_string());
            if !matches!(status.state, TrunkState::Failed { .. }) {
                status.state = self.without_registration();
            }
        });
    }

    fn set_current(&self, target: Target) {
        let mut targets = self.targets();
        if let Some(index) = targets.list.iter().position(|candidate| *candidate == target) {
            targets.current = index;
        }
    }

    fn targets(&self) -> std::sync::MutexGuard<'_, Targets> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, error: &str, next_try: Option<Timestamp>) {
        self.line.publish(|status| {
            status.state = TrunkState::Failed { error: error.to_owned(), next_try };
            status.last_error = Some(error.to_owned());
            status.next_try = next_try;
        });
    }

    /// Addresses of the registrar's service route.
    fn hops(&self) -> Vec<std::net::IpAddr> {
        self.line.way().service_route.iter().filter_map(|route| route.uri.host_ip()).collect()
    }

    /// Tells the stack who may send us calls, and how they see us.
    async fn tell_neighbour(&self, hops: &[std::net::IpAddr]) {
        let trunk = self.line.trunk();
        let settings = &trunk.settings;
        let mut sources = settings.sbc_ips.clone();
        let found = self.candidates.iter().map(|candidate| candidate.target.addr.ip()).chain(hops.iter().copied());
        for source in found.map(IpNet::from) {
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        self.line.publish(|status| status.sources.clone_from(&sources));
        let policy = LegPolicy::from(settings);
        let neighbour = Neighbour { networks: sources, local_bind: settings.local_bind, seen_as: self.seen_as, policy };
        self.stack.set_neighbour(self.key, Some(neighbour)).await;
    }
}

/// For ever when there is no registration; `None` when the stack is gone.
async fn next_report(handle: &mut Option<RegistrationHandle>) -> Option<RegistrationReport> {
    match handle {
        Some(handle) => handle.changed().await,
        None => std::future::pending().await,
    }
}

/// For ever for a peer, and when nobody is left who could change it.
async fn lease_changed(lease: &mut Option<watch::Receiver<bool>>) {
    if let Some(lease) = lease
        && lease.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// OPTIONS to the target in use, and to those that are better.
struct KeepAlive {
    stack: Stack,
    targets: Arc<Mutex<Targets>>,
    /// Request-URI, From, Route.
    options: (crate::sip::message::Uri, crate::sip::message::Uri, Option<crate::sip::message::NameAddr>),
    heard: mpsc::Sender<Heard>,
    interval: Duration,
}

impl KeepAlive {
    async fn keep_alive(&self) {
        if self.interval.is_zero() {
            return std::future::pending().await;
        }
        let mut answering: HashSet<Target> = HashSet::new();
        let mut silent: HashSet<Target> = HashSet::new();
        loop {
            let Some(target) = self.current() else {
                tokio::time::sleep(SILENT_EVERY).await;
                continue;
            };
            let began = tokio::time::Instant::now();
            let answered = self.ask(target).await;
            let pause = if answered {
                let returned = silent.remove(&target) || (!answering.insert(target) && began.elapsed() > SLOW);
                self.tell(if returned { Heard::Returned } else { Heard::Answered }).await;
                self.interval
            } else {
                silent.insert(target);
                self.tell(Heard::Silent(target)).await;
                if answering.contains(&target) { SILENT_EVERY } else { self.interval }
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn probe(&self) {
        loop {
            tokio::time::sleep(PROBE_EVERY).await;
            let better = {
                let targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
                targets.list[..targets.current.min(targets.list.len())].to_vec()
            };
            for target in better {
                // Not the 32 s of its transaction: the next in order is asked too.
                let answered = tokio::time::timeout(SLOW, self.ask(target)).await.unwrap_or(false);
                if answered {
                    self.tell(Heard::Better(target)).await;
                    break;
                }
            }
        }
    }

    fn current(&self) -> Option<Target> {
        let targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        targets.list.get(targets.current).copied()
    }

    /// Whether the target answers; 503 and 408 are of one that cannot serve.
    async fn ask(&self, target: Target) -> bool {
        let (to, from, route) = self.options.clone();
        let status = self.stack.options(OutgoingOptions { to, from, target, route }).await;
        status.is_some_and(|status| !matches!(status, 408 | 503))
    }

    async fn tell(&self, heard: Heard) {
        // The receiver lives as long as the loop beside this one.
        let _ = self.heard.send(heard).await;
    }
}
