//! Registrations, OPTIONS keep-alives and what is known of trunks' networks, on the running stack.

use super::SipError;
use super::driver::Driver;
use super::handle::{Ask, Line, Stack};
use crate::domain::IpNet;
use crate::sip::registration::{RegistrationConfig, RegistrationReport, Target};
use crate::sip::ua::{Neighbour, OptionsId, OutgoingOptions, RegistrationCommand, RegistrationId};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// OPTIONS under way at once.
const MAX_OPTIONS: usize = 1_024;

/// What trunks ask of the driver.
#[derive(Debug)]
pub(super) enum TrunkAsk {
    Register { config: Box<RegistrationConfig>, reply: oneshot::Sender<Result<Registered, SipError>> },
    Command(RegistrationId, RegistrationCommand),
    Options { options: Box<OutgoingOptions>, reply: oneshot::Sender<Option<u16>> },
    Neighbour(u64, Option<Neighbour>),
    Networks(Vec<IpNet>),
}

type Registered = (RegistrationId, watch::Receiver<Option<RegistrationReport>>);

/// Who waits for what.
#[derive(Debug, Default)]
pub(super) struct TrunkSide {
    reports: HashMap<RegistrationId, watch::Sender<Option<RegistrationReport>>>,
    options: HashMap<OptionsId, oneshot::Sender<Option<u16>>>,
    next_options: u64,
}

impl Driver {
    pub(super) fn handle_trunk_ask(&mut self, ask: TrunkAsk, now: Instant) {
        match ask {
            TrunkAsk::Register { config, reply } => {
                let local_ips = self.local_ips(&config.targets);
                let result = self.endpoint.register(*config, local_ips, now).map(|id| {
                    let (sender, receiver) = watch::channel(None);
                    self.trunks.reports.insert(id, sender);
                    (id, receiver)
                });
                if let Err(Ok((id, _))) = reply.send(result) {
                    self.forget(id, now);
                }
            }
            TrunkAsk::Command(id, RegistrationCommand::Forget) => self.forget(id, now),
            TrunkAsk::Command(id, command) => {
                let targets = match &command {
                    RegistrationCommand::SetTargets(targets) => targets.as_slice(),
                    _ => &[],
                };
                let local_ips = self.local_ips(targets);
                self.endpoint.registration_command(id, command, local_ips, now);
            }
            TrunkAsk::Options { options, reply } => self.send_options(*options, reply, now),
            TrunkAsk::Neighbour(key, neighbour) => self.endpoint.set_neighbour(key, neighbour),
            TrunkAsk::Networks(networks) => self.endpoint.set_networks(networks),
        }
    }

    fn send_options(&mut self, options: OutgoingOptions, reply: oneshot::Sender<Option<u16>>, now: Instant) {
        let id = OptionsId(self.trunks.next_options);
        self.trunks.next_options += 1;
        let local_ip = self.routes.ip_towards(options.target.addr);
        // A dropped reply says that there will be no answer.
        if self.trunks.options.len() < MAX_OPTIONS && self.endpoint.options(id, options, local_ip, now).is_ok() {
            self.trunks.options.insert(id, reply);
        }
    }

    pub(super) fn registration_changed(&mut self, id: RegistrationId, report: RegistrationReport, now: Instant) {
        let Some(sender) = self.trunks.reports.get(&id) else { return };
        if sender.send(Some(report)).is_err() {
            // Nobody holds it any more.
            self.forget(id, now);
        }
    }

    pub(super) fn options_answered(&mut self, id: OptionsId, status: Option<u16>) {
        if let Some(reply) = self.trunks.options.remove(&id) {
            // Whoever asked may have gone.
            let _ = reply.send(status);
        }
    }

    fn forget(&mut self, id: RegistrationId, now: Instant) {
        self.trunks.reports.remove(&id);
        self.endpoint.registration_command(id, RegistrationCommand::Forget, HashMap::new(), now);
    }

    fn local_ips(&mut self, targets: &[Target]) -> HashMap<IpAddr, IpAddr> {
        let routes = &mut self.routes;
        targets.iter().filter_map(|t| Some((t.addr.ip(), routes.ip_towards(t.addr)?))).collect()
    }
}

impl Stack {
    /// Registers and keeps registered, until the handle is dropped or [`RegistrationHandle::unregister`]ed.
    ///
    /// # Errors
    /// [`SipError`] when there are too many registrations, or the stack was shut down.
    pub async fn register(&self, config: RegistrationConfig) -> Result<RegistrationHandle, SipError> {
        let (reply, answer) = oneshot::channel();
        self.ask_trunk(TrunkAsk::Register { config: Box::new(config), reply }).await?;
        let (id, reports) = answer.await.map_err(|_| SipError::Stopped)??;
        Ok(RegistrationHandle { id, reports, line: self.line().clone() })
    }

    /// Sends an OPTIONS and waits for its final status, at most 64 × T1 (32 s); `None` when none came.
    pub async fn options(&self, options: OutgoingOptions) -> Option<u16> {
        let (reply, answer) = oneshot::channel();
        self.ask_trunk(TrunkAsk::Options { options: Box::new(options), reply }).await.ok()?;
        answer.await.ok().flatten()
    }

    /// Sets or forgets what is known of a trunk's network; `key` is its owner's choice.
    pub async fn set_neighbour(&self, key: u64, neighbour: Option<Neighbour>) {
        // Without a driver nobody calls either.
        let _ = self.ask_trunk(TrunkAsk::Neighbour(key, neighbour)).await;
    }

    /// Serves calls from these networks from now on, beside those from trunks and from users with a password.
    pub async fn set_networks(&self, networks: Vec<IpNet>) {
        // Without a driver nobody calls either.
        let _ = self.ask_trunk(TrunkAsk::Networks(networks)).await;
    }

    async fn ask_trunk(&self, ask: TrunkAsk) -> Result<(), SipError> {
        self.line().asks.send(Ask::Trunk(ask)).await.map_err(|_| SipError::Stopped)
    }
}

/// A registration. Dropped, it is forgotten without a word to the registrar.
#[derive(Debug)]
pub struct RegistrationHandle {
    id: RegistrationId,
    reports: watch::Receiver<Option<RegistrationReport>>,
    line: Line,
}

impl Drop for RegistrationHandle {
    fn drop(&mut self) {
        // When the queue is full the driver finds out at the next report, which nobody takes.
        let forget = TrunkAsk::Command(self.id, RegistrationCommand::Forget);
        let _ = self.line.asks.try_send(Ask::Trunk(forget));
    }
}

impl RegistrationHandle {
    /// Waits for a change and gives the newest report; `None` when the registration or the stack is gone.
    pub async fn changed(&mut self) -> Option<RegistrationReport> {
        self.reports.changed().await.ok()?;
        self.reports.borrow_and_update().clone()
    }

    /// What the registrar may have lost: registers at once.
    pub async fn refresh(&self) {
        self.command(RegistrationCommand::Refresh).await;
    }

    /// New results of the look-ups.
    pub async fn set_targets(&self, targets: Vec<Target>) {
        self.command(RegistrationCommand::SetTargets(targets)).await;
    }

    /// This better target answers again.
    pub async fn prefer(&self, target: Target) {
        self.command(RegistrationCommand::Prefer(target)).await;
    }

    /// Takes the registration back and waits for the answer, at most `limit`.
    pub async fn unregister(mut self, limit: Duration) {
        use crate::sip::registration::RegistrationState::Unregistered;
        self.command(RegistrationCommand::Unregister).await;
        let over = async {
            while let Some(report) = self.changed().await {
                if report.state == Unregistered {
                    break;
                }
            }
        };
        // Late or not, it is over for us.
        let _ = tokio::time::timeout(limit, over).await;
    }

    async fn command(&self, command: RegistrationCommand) {
        // Without a driver there is no registration, which `changed` says.
        let _ = self.line.asks.send(Ask::Trunk(TrunkAsk::Command(self.id, command))).await;
    }
}
