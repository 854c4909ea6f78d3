//! Requests on their way: which transport their length asks for, and what becomes of them when it fails (RFC 3261
//! §17.1.4, §18.1.1).

use super::rows::{ClientMachine, ClientRow, Purpose, client_key};
use super::schedule::Owner;
use super::table::Inserted;
use super::{ConnId, Endpoint, Flow, Hop, LegId, Transport};
use crate::sip::message::{HeaderName, Method, Request};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest request for UDP (RFC 3261 §18.1.1), in bytes.
const MAX_DATAGRAM: usize = 1_300;

/// How long a peer that does not take TCP is not asked again.
const REFUSED_FOR: Duration = Duration::from_secs(600);
const MAX_REFUSALS: usize = 256;

/// Peers that did not take TCP, so that their next long requests go by UDP at once.
#[derive(Debug, Default)]
pub(super) struct Refusals(HashMap<SocketAddr, Instant>);

impl Refusals {
    fn note(&mut self, peer: SocketAddr, now: Instant) {
        if self.0.len() >= MAX_REFUSALS
            && !self.0.contains_key(&peer)
            && let Some(oldest) = self.0.iter().min_by_key(|(_, at)| **at).map(|(peer, _)| *peer)
        {
            self.0.remove(&oldest);
        }
        self.0.insert(peer, now);
    }

    fn contains(&self, peer: SocketAddr, now: Instant) -> bool {
        self.0.get(&peer).is_some_and(|at| now.saturating_duration_since(*at) < REFUSED_FOR)
    }
}

/// A request as it is sent.
#[derive(Debug)]
pub(super) struct Fitted {
    pub flow: Flow,
    pub data: Arc<[u8]>,
    /// The same by UDP, when only its length makes it go over TCP.
    pub udp: Option<(Flow, Arc<[u8]>)>,
}

impl Endpoint {
    /// Starts a client transaction for a request that has its Via, with this branch.
    pub(super) fn open_client(
        &mut self,
        branch: &str,
        mut request: Request,
        mut flow: Flow,
        purpose: Purpose,
        leg: Option<LegId>,
        now: Instant,
    ) -> Option<u64> {
        self.name_tls(&mut flow, &request);
        let Fitted { flow, data, udp } = self.fit(&mut request, flow, branch, now);
        self.note_known(flow.remote.ip(), now);
        let row = ClientRow {
            machine: ClientMachine::new(&request.method, self.config.timing, flow.transport.is_reliable(), now),
            flow,
            data: data.clone(),
            purpose,
            leg,
            ack: None,
            acks: Vec::new(),
            done: false,
            udp: udp.map(|(flow, _)| flow),
            moved: false,
            entry: None,
            request: Box::new(request),
        };
        let (key, hurried) = (client_key(branch, row.request.method.as_str()), row.udp.is_some());
        let Inserted::At(tx, evicted) = self.clients.insert(key, row) else {
            self.stats.refused_full += 1;
            return None;
        };
        if let Some((old, mut row)) = evicted {
            self.stats.evicted_transactions += 1;
            self.schedule.set(Owner::Client(old), &mut row.entry, None);
        }
        self.transmit_over(flow, data, hurried);
        self.reschedule_client(tx);
        Some(tx)
    }

    /// RFC 3261 §18.1.1: a request that is too long for UDP goes over TCP to the same address, with a Via that says so.
    /// Not without a TCP listener of ours, at which the answer may arrive, and not where TCP was refused before.
    pub(super) fn fit(&mut self, request: &mut Request, flow: Flow, branch: &str, now: Instant) -> Fitted {
        let data: Arc<[u8]> = request.to_bytes().into();
        // A CANCEL goes the way of its INVITE (§9.1).
        let long = flow.transport == Transport::Udp && data.len() > MAX_DATAGRAM && request.method != Method::Cancel;
        let open = long && !self.refusals.contains(flow.remote, now);
        let tcp = open.then(|| self.outgoing_flow(Transport::Tcp, flow.remote, Some(flow.local.ip())).ok()).flatten();
        let Some(tcp) = tcp else { return Fitted { flow, data, udp: None } };
        self.stats.long_requests += 1;
        request.headers.set_first(HeaderName::Via, self.via(&tcp, branch));
        Fitted { flow: tcp, data: request.to_bytes().into(), udp: Some((flow, data)) }
    }

    /// Nothing can be sent to `hop`: long requests go by UDP after all (RFC 3261 §18.1.1), others that wait for an
    /// answer from there fail with 503.
    pub fn handle_unreachable(&mut self, hop: Hop, now: Instant) {
        self.stats.send_failures += 1;
        for id in self.clients.ids() {
            if self.clients.get(id).is_some_and(|row| !row.done && row.flow.hop() == hop) && !self.use_udp(id, now) {
                self.request_failed(id, 503, "Transport Failed", now);
            }
            self.acknowledge_by_udp(id, hop, now);
        }
    }

    /// A connection broke. A request of which nothing was heard is sent anew, once: a connection is often closed by the
    /// peer just when we begin to use it again. Whatever was answered provisionally is the peer's to go on with, over a
    /// connection to the address in our Via (RFC 3261 §18.2.2).
    pub(super) fn requests_lost(&mut self, conn: ConnId, hop: Hop, now: Instant) {
        for id in self.clients.ids() {
            self.acknowledge_by_udp(id, hop, now);
            let Some(row) = self.clients.get(id) else { continue };
            let other = row.flow.conn.filter(|other| *other != conn && self.conns.contains(*other));
            let on_it = row.flow.conn == Some(conn) || (other.is_none() && row.flow.hop() == hop);
            if row.done || !on_it || !row.machine.is_unanswered() || self.use_udp(id, now) {
                continue;
            }
            match self.clients.get_mut(id) {
                Some(row) if !row.moved => {
                    (row.moved, row.flow.conn) = (true, None);
                    let (flow, data) = (row.flow, row.data.clone());
                    self.transmit(flow, data);
                }
                _ => self.request_failed(id, 503, "Transport Failed", now),
            }
        }
    }

    /// Sends a request by UDP that went over TCP for its length only; false when it was another.
    fn use_udp(&mut self, id: u64, now: Instant) -> bool {
        let Some(row) = self.clients.get(id) else { return false };
        let via = row.request.headers.top_via();
        let (Some(udp), Ok(via)) = (row.udp, via) else { return false };
        let via = self.via(&udp, via.branch().unwrap_or_default());
        self.refusals.note(udp.remote, now);
        self.stats.long_requests_by_udp += 1;
        let timing = self.config.timing;
        let Some(row) = self.clients.get_mut(id) else { return false };
        (row.udp, row.flow) = (None, udp);
        row.request.headers.set_first(HeaderName::Via, via);
        row.machine = ClientMachine::new(&row.request.method, timing, false, now);
        row.data = row.request.to_bytes().into();
        let data = row.data.clone();
        self.transmit(udp, data);
        self.reschedule_client(id);
        true
    }

    /// Sends the ACKs of a transaction by UDP that were to go to `hop` for their length only.
    fn acknowledge_by_udp(&mut self, id: u64, hop: Hop, now: Instant) {
        let Some(row) = self.clients.get_mut(id) else { return };
        let mut again = Vec::new();
        for ack in row.acks.iter_mut().filter(|ack| ack.flow.hop() == hop) {
            if let Some((flow, data)) = ack.udp.take() {
                (ack.flow, ack.data) = (flow, data.clone());
                again.push((flow, data));
            }
        }
        for (flow, data) in again {
            self.refusals.note(flow.remote, now);
            self.stats.long_requests_by_udp += 1;
            self.transmit(flow, data);
        }
    }
}
