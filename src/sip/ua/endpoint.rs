//! The endpoint's public face, its output queue and its timers.

use super::connections::Connections;
use super::floods::{Floods, is_keep_alive};
use super::gate::Gate;
use super::leg::Leg;
use super::neighbours::Neighbours;
use super::random::Tokens;
use super::register::RegistrationRow;
use super::rows::{ClientRow, Purpose, ServerRow};
use super::schedule::{Owner, Schedule};
use super::sending::Refusals;
use super::table::Table;
use super::{
    EndpointConfig, Event, Flow, LegEvent, LegId, Output, RegistrationId, StatsSnapshot, TlsName, Transmit, Transport,
};
use crate::domain::IpNet;
use crate::sip::message::Message;
use crate::sip::transaction::{ClientFired, ServerFired};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// A SIP user agent without sockets, clock or threads.
///
/// Give it what arrives and what time it is; then drain [`Endpoint::poll_output`], and call
/// [`Endpoint::handle_timeout`] when [`Endpoint::poll_timeout`] says so. All randomness comes from the seed.
#[derive(Debug)]
pub struct Endpoint {
    pub(super) config: EndpointConfig,
    pub(super) tokens: Tokens,
    /// Makes the To tag of answers outside any transaction: the same for the same request (RFC 3261 §8.2.7).
    pub(super) stateless_key: u64,
    pub(super) servers: Table<ServerRow>,
    pub(super) clients: Table<ClientRow>,
    pub(super) merges: HashMap<String, u64>,
    pub(super) legs: BTreeMap<LegId, Leg>,
    pub(super) dialogs: HashMap<String, LegId>,
    pub(super) incoming: usize,
    pub(super) registrations: BTreeMap<RegistrationId, RegistrationRow>,
    pub(super) neighbours: Neighbours,
    pub(super) schedule: Schedule,
    pub(super) stats: StatsSnapshot,
    pub(super) gate: Gate,
    pub(super) refusals: Refusals,
    pub(super) floods: Floods,
    pub(super) conns: Connections,
    /// Number of the next leg or registration.
    next_leg: u64,
    tls_names: Vec<String>,
    pub(super) outputs: VecDeque<Output>,
}

const MAX_TLS_NAMES: usize = 1_024;

impl Endpoint {
    /// An endpoint that draws tags, branches and Call-IDs from `seed`.
    pub fn new(config: EndpointConfig, seed: [u8; 32]) -> Self {
        let mut tokens = Tokens::new(seed);
        let gate_key = tokens.secret();
        Self {
            stateless_key: tokens.key(),
            tokens,
            servers: Table::new(config.limits.server_transactions),
            clients: Table::new(config.limits.client_transactions),
            config,
            merges: HashMap::new(),
            legs: BTreeMap::new(),
            dialogs: HashMap::new(),
            incoming: 0,
            registrations: BTreeMap::new(),
            neighbours: Neighbours::default(),
            schedule: Schedule::default(),
            stats: StatsSnapshot::default(),
            gate: Gate::new(gate_key),
            refusals: Refusals::default(),
            floods: Floods::default(),
            conns: Connections::default(),
            next_leg: 1,
            tls_names: Vec::new(),
            outputs: VecDeque::new(),
        }
    }

    /// A datagram arrived at `local` from `remote`; `local` is never 0.0.0.0.
    pub fn handle_datagram(&mut self, local: SocketAddr, remote: SocketAddr, data: &[u8], now: Instant) {
        if is_keep_alive(data) {
            return;
        }
        let flow = Flow { transport: Transport::Udp, local, remote, conn: None, tls_name: None };
        self.handle_message(Message::parse(data), flow, now);
    }

    /// The name behind a number in a flow of this endpoint.
    pub fn tls_name(&self, name: TlsName) -> Option<&str> {
        self.tls_names.get(usize::from(name.0)).map(String::as_str)
    }

    /// A number for a name of a TLS server. Names come from the configuration, so that there are few; when there are too
    /// many all the same, the server is verified under its address.
    pub(super) fn keep_tls_name(&mut self, name: &str) -> Option<TlsName> {
        let known = self.tls_names.iter().position(|known| known == name);
        let at = known.or_else(|| (self.tls_names.len() < MAX_TLS_NAMES).then_some(self.tls_names.len()))?;
        if known.is_none() {
            self.tls_names.push(name.to_owned());
        }
        u16::try_from(at).ok().map(TlsName)
    }

    /// Fires everything that is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(owner) = self.schedule.due(now) {
            match owner {
                Owner::Server(id) => self.server_timeout(id, now),
                Owner::Client(id) => self.client_timeout(id, now),
                Owner::Leg(id) => self.leg_timeout(id, now),
                Owner::Registration(id) => self.run_registration(id, now),
                Owner::Conn(id) => self.conn_timeout(id, now),
            }
        }
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.schedule.next()
    }

    /// The next thing to send or to tell; call until `None` after every input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Counters, and the sizes of the tables now.
    pub fn stats(&self) -> StatsSnapshot {
        StatsSnapshot {
            legs: self.legs.len(),
            dialogs: self.dialogs.len(),
            server_transactions: self.servers.len(),
            client_transactions: self.clients.len(),
            connections: self.conns.len(),
            ..self.stats
        }
    }

    /// The legs there are, oldest first.
    pub fn legs(&self) -> Vec<LegId> {
        self.legs.keys().copied().collect()
    }

    /// Whether requests from this address are served.
    pub fn is_peer(&self, ip: IpAddr) -> bool {
        self.config.peers.contains(ip) || self.neighbours.contains(ip)
    }

    /// Serves requests from these networks, and from the neighbours'; calls under way go on, wherever they come from.
    pub fn set_networks(&mut self, networks: Vec<IpNet>) {
        self.config.peers.set_networks(networks);
    }

    /// Counts a leg that the driver ends because nobody takes its events.
    pub fn count_event_overflow(&mut self) {
        self.stats.event_overflows += 1;
    }

    /// Counts a message that the driver could not send.
    pub fn count_send_failure(&mut self) {
        self.stats.send_failures += 1;
    }

    pub(super) fn new_leg_id(&mut self) -> LegId {
        self.next_leg += 1;
        LegId(self.next_leg - 1)
    }

    pub(super) fn new_registration_id(&mut self) -> RegistrationId {
        self.next_leg += 1;
        RegistrationId(self.next_leg - 1)
    }

    pub(super) fn transmit(&mut self, flow: Flow, data: Arc<[u8]>) {
        self.transmit_over(flow, data, false);
    }

    pub(super) fn transmit_over(&mut self, flow: Flow, data: Arc<[u8]>, hurried: bool) {
        self.stats.messages_sent += 1;
        self.outputs.push_back(Output::Transmit(Transmit { flow, data, hurried }));
    }

    pub(super) fn emit(&mut self, leg: LegId, event: LegEvent) {
        self.outputs.push_back(Output::Event(Event::Leg { leg, event }));
    }

    pub(super) fn emit_event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(super) fn reschedule_server(&mut self, id: u64) {
        if let Some(row) = self.servers.get_mut(id) {
            let at = row.machine.poll_timeout();
            self.schedule.set(Owner::Server(id), &mut row.entry, at);
        }
    }

    pub(super) fn reschedule_client(&mut self, id: u64) {
        if let Some(row) = self.clients.get_mut(id) {
            let at = row.machine.poll_timeout();
            self.schedule.set(Owner::Client(id), &mut row.entry, at);
        }
    }

    pub(super) fn reschedule_leg(&mut self, id: LegId) {
        if let Some(leg) = self.legs.get_mut(&id) {
            let at = leg.poll_timeout();
            self.schedule.set(Owner::Leg(id), &mut leg.entry, at);
        }
    }

    /// Forgets a server transaction with everything that points to it.
    pub(super) fn remove_server(&mut self, id: u64) {
        if let Some(row) = self.servers.remove(id) {
            self.release_server(id, row);
        }
    }

    pub(super) fn release_server(&mut self, id: u64, mut row: ServerRow) {
        self.schedule.set(Owner::Server(id), &mut row.entry, None);
        if let Some(key) = row.merge_key.filter(|key| self.merges.get(key) == Some(&id)) {
            self.merges.remove(&key);
        }
    }

    pub(super) fn remove_client(&mut self, id: u64) {
        if let Some(mut row) = self.clients.remove(id) {
            self.schedule.set(Owner::Client(id), &mut row.entry, None);
        }
    }

    /// Forgets a leg. Its finished transactions live on until their timers end them.
    pub(super) fn free_leg(&mut self, id: LegId, now: Instant) {
        let Some(mut leg) = self.legs.remove(&id) else { return };
        self.schedule.set(Owner::Leg(id), &mut leg.entry, None);
        if leg.incoming {
            self.incoming -= 1;
        }
        if let Some(key) = &leg.key {
            self.dialogs.remove(key);
        }
        if let Some((tx, _)) = leg.to_update {
            self.reply(tx, 487, super::receive::Extra::default(), now);
        }
    }

    fn server_timeout(&mut self, id: u64, now: Instant) {
        while let Some(row) = self.servers.get_mut(id) {
            match row.machine.handle_timeout(now) {
                Some(ServerFired::Retransmit) => {
                    let again = row.last.clone().map(|data| (row.flow, data));
                    if let Some((flow, data)) = again {
                        self.stats.retransmissions_sent += 1;
                        self.transmit(flow, data);
                    }
                }
                Some(ServerFired::TimedOut | ServerFired::Terminated) => return self.remove_server(id),
                None => break,
            }
        }
        self.reschedule_server(id);
    }

    fn client_timeout(&mut self, id: u64, now: Instant) {
        while let Some(row) = self.clients.get_mut(id) {
            match row.machine.handle_timeout(now) {
                Some(ClientFired::Retransmit) => {
                    let (flow, data) = (row.flow, row.data.clone());
                    self.stats.retransmissions_sent += 1;
                    self.transmit(flow, data);
                }
                Some(ClientFired::TimedOut) => {
                    if row.purpose != Purpose::Aside {
                        self.stats.timeouts += 1;
                    }
                    return self.request_failed(id, 408, "Request Timeout", now);
                }
                Some(ClientFired::Terminated) => return self.remove_client(id),
                None => break,
            }
        }
        self.reschedule_client(id);
    }
}
