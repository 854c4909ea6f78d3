//! Registrations and OPTIONS keep-alives over the client transactions.

use super::rows::Purpose;
use super::schedule::Owner;
use super::{Endpoint, Event, Flow, Neighbour, OptionsId, Output, RegistrationId, SipError, Transmit};
use crate::sip::message::{CSeq, HeaderName, Method, NameAddr, Request, Response, Uri};
use crate::sip::registration::{Registration, RegistrationConfig, RegistrationReport, Target};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// Registrations at once.
const MAX_REGISTRATIONS: usize = 1_024;

#[derive(Debug)]
pub(super) struct RegistrationRow {
    machine: Registration,
    /// Our address towards each target, for listeners that are bound to all addresses.
    local_ips: HashMap<IpAddr, IpAddr>,
    /// The REGISTER under way.
    tx: Option<u64>,
    /// What was told last.
    told: Option<RegistrationReport>,
    /// When the NAT between us and the registrar is reminded of us.
    keep_alive_at: Option<Instant>,
    entry: Option<Instant>,
}

/// What the application wants of a registration.
#[derive(Debug, Clone)]
pub enum RegistrationCommand {
    /// Register at once.
    Refresh,
    /// New results of the look-ups.
    SetTargets(Vec<Target>),
    /// This better target answers again.
    Prefer(Target),
    /// Take it back; it is forgotten after the answer.
    Unregister,
    /// Forget it without a word.
    Forget,
}

/// An OPTIONS to send (RFC 3261 §11).
#[derive(Debug, Clone)]
pub struct OutgoingOptions {
    /// Request-URI and To.
    pub to: Uri,
    pub from: Uri,
    pub target: Target,
    /// Outbound proxy.
    pub route: Option<NameAddr>,
}

impl Endpoint {
    /// Registers, and keeps registered until told otherwise. `local_ips` gives our address towards each target.
    ///
    /// # Errors
    /// [`SipError::Full`] when there are too many.
    pub fn register(
        &mut self,
        config: RegistrationConfig,
        local_ips: HashMap<IpAddr, IpAddr>,
        now: Instant,
    ) -> Result<RegistrationId, SipError> {
        if self.registrations.len() >= MAX_REGISTRATIONS {
            return Err(SipError::Full);
        }
        let id = self.new_registration_id();
        let (call_id, tag, cseq) = (self.tokens.call_id(), self.tokens.tag(), self.tokens.cseq());
        let mut machine = Registration::new(config, call_id, tag, cseq);
        machine.refresh(now);
        let (tx, told, keep_alive_at, entry) = (None, None, None, None);
        self.registrations.insert(id, RegistrationRow { machine, local_ips, tx, told, keep_alive_at, entry });
        self.run_registration(id, now);
        Ok(id)
    }

    /// Does what the application wants of a registration; `local_ips` as in [`Self::register`], for new targets.
    pub fn registration_command(
        &mut self,
        id: RegistrationId,
        command: RegistrationCommand,
        local_ips: HashMap<IpAddr, IpAddr>,
        now: Instant,
    ) {
        let Some(row) = self.registrations.get_mut(&id) else { return };
        match command {
            RegistrationCommand::Refresh => row.machine.refresh(now),
            RegistrationCommand::SetTargets(targets) => {
                row.local_ips = local_ips;
                row.machine.set_targets(targets, now);
            }
            RegistrationCommand::Prefer(target) => row.machine.prefer(target, now),
            RegistrationCommand::Unregister => row.machine.unregister(now),
            RegistrationCommand::Forget => return self.free_registration(id),
        }
        self.run_registration(id, now);
    }

    /// Sets or forgets what is known of a trunk's network.
    pub fn set_neighbour(&mut self, key: u64, neighbour: Option<Neighbour>) {
        self.neighbours.set(key, neighbour);
    }

    /// Sends an OPTIONS; [`Event::OptionsAnswered`] follows, at most 64 × T1 later.
    ///
    /// # Errors
    /// [`SipError`] when there is no listener to send from, or no room.
    pub fn options(
        &mut self,
        id: OptionsId,
        options: OutgoingOptions,
        local_ip: Option<IpAddr>,
        now: Instant,
    ) -> Result<(), SipError> {
        let flow = self.outgoing_flow(options.target.transport, options.target.addr, local_ip)?;
        let mut request = Request::new(Method::Options, options.to.clone().without_headers());
        let contact = self.contact(&flow, options.from.user_unescaped().as_deref());
        let headers = &mut request.headers;
        headers.push(HeaderName::MaxForwards, 70);
        if let Some(route) = &options.route {
            headers.push(HeaderName::Route, route);
        }
        headers.push(HeaderName::From, NameAddr::new(options.from).with_tag(&self.tokens.tag()));
        headers.push(HeaderName::To, NameAddr::new(options.to));
        headers.push(HeaderName::CallId, self.tokens.call_id());
        headers.push(HeaderName::CSeq, CSeq::new(self.tokens.cseq() + 1, Method::Options));
        headers.push(HeaderName::Contact, contact);
        headers.push(HeaderName::Accept, "application/sdp");
        headers.push(HeaderName::UserAgent, self.config.user_agent.as_str());
        self.send_request(request, flow, Purpose::Options(id), None, now).map(drop).ok_or(SipError::Full)
    }

    /// The connection to `remote` is gone: what was registered over it registers again.
    pub fn handle_flow_lost(&mut self, remote: SocketAddr, now: Instant) {
        let ids: Vec<RegistrationId> = self.registrations.keys().copied().collect();
        for id in ids {
            if let Some(row) = self.registrations.get_mut(&id) {
                row.machine.flow_lost(remote, now);
                self.run_registration(id, now);
            }
        }
    }

    pub(super) fn options_answered(&mut self, id: OptionsId, status: Option<u16>) {
        if status.is_none_or(|status| status >= 200) {
            self.emit_event(Event::OptionsAnswered { id, status });
        }
    }

    pub(super) fn register_answered(&mut self, id: RegistrationId, tx: u64, response: &Response, now: Instant) {
        let jitter = self.tokens.below(1_000);
        let Some(row) = self.registrations.get_mut(&id).filter(|row| row.tx == Some(tx)) else { return };
        let Some(request) = self.clients.get(tx).map(|client| &*client.request) else { return };
        row.machine.handle_response(request, response, jitter, now);
        if response.status >= 200 {
            row.tx = None;
        }
        self.run_registration(id, now);
    }

    pub(super) fn register_failed(&mut self, id: RegistrationId, tx: u64, status: u16, now: Instant) {
        let jitter = self.tokens.below(1_000);
        let Some(row) = self.registrations.get_mut(&id).filter(|row| row.tx == Some(tx)) else { return };
        row.tx = None;
        match row.machine.target() {
            Some(target) if status == 503 => row.machine.failed(format!("cannot connect to {target}"), jitter, now),
            _ => row.machine.unanswered(jitter, now),
        }
        self.run_registration(id, now);
    }

    /// Lets a registration do what it wants at `now`, and tells what changed.
    pub(super) fn run_registration(&mut self, id: RegistrationId, now: Instant) {
        let jitter = self.tokens.below(1_000);
        if let Some(row) = self.registrations.get_mut(&id) {
            row.machine.handle_timeout(jitter, now);
        }
        while self.registrations.get(&id).is_some_and(|row| row.machine.wants_to_send(now)) {
            if let Err(error) = self.send_register(id, now) {
                let jitter = self.tokens.below(1_000);
                if let Some(row) = self.registrations.get_mut(&id) {
                    row.machine.failed(error.to_string(), jitter, now);
                }
            }
        }
        self.keep_alive(id, now);
        let Some(row) = self.registrations.get_mut(&id) else { return };
        let at = [row.machine.poll_timeout(), row.keep_alive_at].into_iter().flatten().min();
        self.schedule.set(Owner::Registration(id), &mut row.entry, at);
        let report = row.machine.report();
        let over = row.machine.is_over();
        if row.told.as_ref() != Some(&report) {
            row.told = Some(report.clone());
            self.emit_event(Event::Registration { id, report: Box::new(report) });
        }
        if over {
            self.free_registration(id);
        }
    }

    /// Sends an empty line by UDP when it is time for one, and says when the next is due. A registrar that sees us at our
    /// own address is behind no NAT, and gets none.
    fn keep_alive(&mut self, id: RegistrationId, now: Instant) {
        let Some((row, every)) = self.registrations.get(&id).zip(self.config.udp_keep_alive) else { return };
        let way = row.machine.target().zip(row.machine.mapped_at()).and_then(|(target, seen)| {
            let local_ip = row.local_ips.get(&target.addr.ip()).copied();
            let flow = self.outgoing_flow(target.transport, target.addr, local_ip).ok()?;
            (flow.local != seen).then_some(flow)
        });
        let due = row.keep_alive_at.is_some_and(|at| at <= now);
        if let Some(flow) = way.filter(|_| due) {
            let data = Arc::from(*b"\r\n\r\n");
            self.outputs.push_back(Output::Transmit(Transmit { flow, data, hurried: false }));
        }
        if let Some(row) = self.registrations.get_mut(&id) {
            let next = row.keep_alive_at.filter(|at| *at > now).unwrap_or(now + every);
            row.keep_alive_at = way.map(|_| next);
        }
    }

    fn send_register(&mut self, id: RegistrationId, now: Instant) -> Result<(), SipError> {
        let Some(row) = self.registrations.get(&id) else { return Ok(()) };
        let target = row.machine.target().ok_or_else(|| SipError::NoAddress("registrar".to_owned()))?;
        let local_ip = row.local_ips.get(&target.addr.ip()).copied();
        let abandoned = row.tx;
        if let Some(tx) = abandoned {
            self.remove_client(tx);
        }
        let flow = self.outgoing_flow(target.transport, target.addr, local_ip)?;
        let advertised = self.advertised_addr(&flow);
        let (branch, cnonce) = (self.tokens.branch(), self.tokens.cnonce());
        let via = self.via(&flow, &branch);
        let Some(row) = self.registrations.get_mut(&id) else { return Ok(()) };
        let mut request = row.machine.request(advertised, target.transport, &self.config.user_agent, now);
        request.headers.push_front(HeaderName::Via, via);
        row.machine.authorize(&mut request, &cnonce);
        let tx = self.open_client(&branch, request, flow, Purpose::Register(id), None, now);
        if let Some(row) = self.registrations.get_mut(&id) {
            row.tx = tx;
        }
        tx.map(drop).ok_or(SipError::Full)
    }

    /// Our listener as the peer of this flow reaches it.
    fn advertised_addr(&self, flow: &Flow) -> SocketAddr {
        SocketAddr::new(self.advertised_ip(flow), self.advertised_port(flow))
    }

    fn free_registration(&mut self, id: RegistrationId) {
        let Some(mut row) = self.registrations.remove(&id) else { return };
        self.schedule.set(Owner::Registration(id), &mut row.entry, None);
        if let Some(tx) = row.tx {
            self.remove_client(tx);
        }
    }
}
