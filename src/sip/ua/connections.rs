//! Stream connections: from whom and how many, and how long each may stay without saying something whole.
//!
//! A connection that a peer opened must carry a message that we serve within [`Limits::first_message`](super::Limits),
//! and every message must be whole within [`Limits::message_time`](super::Limits) of its first byte, however its bytes
//! drip in. Whoever is not among the peers has few connections, and never in the place of a peer's.

use super::floods::source_of;
use super::schedule::Owner;
use super::{ConnId, Endpoint, Event, Flow, Hop, Output, Transmit};
use crate::sip::message::{StreamDecoder, StreamItem};
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// The open connections.
#[derive(Debug, Default)]
pub(super) struct Connections {
    table: HashMap<ConnId, Conn>,
    /// Which makes room first: one that never carried a message that we serve, then the one silent longest.
    by_use: BTreeSet<(bool, Instant, ConnId)>,
}

#[derive(Debug)]
struct Conn {
    local: SocketAddr,
    hop: Hop,
    decoder: StreamDecoder,
    /// Opened by the other side.
    accepted: bool,
    opened: Instant,
    heard: Instant,
    /// It carried a message that we serve.
    proven: bool,
    /// When the first byte of a message came that is not whole yet.
    unfinished: Option<Instant>,
    entry: Option<Instant>,
}

impl Connections {
    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn contains(&self, conn: ConnId) -> bool {
        self.table.contains_key(&conn)
    }

    fn insert(&mut self, id: ConnId, conn: Conn) {
        self.by_use.insert((conn.proven, conn.heard, id));
        self.table.insert(id, conn);
    }

    fn remove(&mut self, id: ConnId) -> Option<Conn> {
        let conn = self.table.remove(&id)?;
        self.by_use.remove(&(conn.proven, conn.heard, id));
        Some(conn)
    }

    fn note(&mut self, id: ConnId, change: impl FnOnce(&mut Conn)) {
        if let Some(conn) = self.table.get_mut(&id) {
            self.by_use.remove(&(conn.proven, conn.heard, id));
            change(conn);
            self.by_use.insert((conn.proven, conn.heard, id));
        }
    }
}

impl Endpoint {
    /// Whether a connection from this address may be accepted; to be asked before anything is spent on it.
    pub fn may_accept(&mut self, remote: IpAddr) -> bool {
        let limits = self.config.limits;
        let (source, stranger) = (source_of(remote), !self.is_peer(remote));
        let accepted = self.conns.table.values().filter(|conn| conn.accepted).map(|conn| conn.hop.remote.ip());
        let of_source = accepted.clone().filter(|ip| source_of(*ip) == source).count();
        let may = if stranger {
            let strangers = accepted.filter(|ip| !self.is_peer(*ip)).count();
            of_source < limits.stranger_connections_per_source
                && strangers < limits.stranger_connections
                && self.conns.len() < limits.connections
        } else {
            of_source < limits.connections_per_source
        };
        self.stats.refused_connections += u64::from(!may);
        may
    }

    /// A stream connection was opened: `accepted` from the other side, or by us.
    pub fn handle_connected(&mut self, conn: ConnId, local: SocketAddr, hop: Hop, accepted: bool, now: Instant) {
        if self.conns.len() >= self.config.limits.connections
            && let Some((.., oldest)) = self.conns.by_use.first().copied()
        {
            self.close(oldest, now);
        }
        let decoder = StreamDecoder::new();
        let (opened, heard) = (now, now);
        let state =
            Conn { local, hop, decoder, accepted, opened, heard, proven: !accepted, unfinished: None, entry: None };
        self.conns.insert(conn, state);
        self.reschedule_conn(conn);
    }

    /// Bytes arrived on a connection.
    pub fn handle_stream(&mut self, conn: ConnId, data: &[u8], now: Instant) {
        self.conns.note(conn, |state| state.heard = now);
        let Some(state) = self.conns.table.get_mut(&conn) else { return };
        let Hop { transport, remote, tls_name } = state.hop;
        let flow = Flow { transport, local: state.local, remote, conn: Some(conn), tls_name };
        let mut broken = state.decoder.push(data).is_err();
        // Looked up anew for each message: what a message does may close the connection.
        while let Some(state) = self.conns.table.get_mut(&conn).filter(|_| !broken) {
            let parsed = match state.decoder.next_item() {
                Ok(Some(StreamItem::Message(message))) => Ok(message),
                Ok(Some(StreamItem::Malformed(error))) => Err(error),
                Ok(Some(StreamItem::Ping)) => {
                    let data = Arc::from(*b"\r\n");
                    self.outputs.push_back(Output::Transmit(Transmit { flow, data, hurried: false }));
                    continue;
                }
                Ok(None) => return self.note_unfinished(conn, now),
                Err(_) => {
                    self.stats.malformed += 1;
                    break;
                }
            };
            state.unfinished = None;
            // Peers are slowed down by not being read from; strangers have an allowance here as by UDP.
            broken = !self.is_peer(remote.ip()) && !self.is_within_rate(remote.ip(), now);
            if !broken && self.handle_message(parsed, flow, now) {
                self.conns.note(conn, |state| state.proven = true);
            }
        }
        self.close(conn, now);
    }

    /// All whole messages are taken; what is left of a stranger's may not be as long as a peer's.
    fn note_unfinished(&mut self, conn: ConnId, now: Instant) {
        let limit = self.config.limits.stranger_message;
        let Some(state) = self.conns.table.get_mut(&conn) else { return };
        let (waiting, unproven) = (state.decoder.buffered(), !state.proven);
        state.unfinished = (waiting > 0).then(|| state.unfinished.unwrap_or(now));
        if unproven && waiting > limit {
            self.stats.slow_connections += 1;
            return self.close(conn, now);
        }
        self.reschedule_conn(conn);
    }

    /// A connection is gone. What was asked on it and has no answer yet is asked anew over another one; what was
    /// registered over it registers again.
    pub fn handle_disconnected(&mut self, conn: ConnId, now: Instant) {
        let Some(mut state) = self.conns.remove(conn) else { return };
        self.schedule.set(Owner::Conn(conn), &mut state.entry, None);
        self.requests_lost(conn, state.hop, now);
        self.handle_flow_lost(state.hop.remote, now);
    }

    /// It took too long over its first message, or over the rest of one.
    pub(super) fn conn_timeout(&mut self, conn: ConnId, now: Instant) {
        self.stats.slow_connections += 1;
        self.close(conn, now);
    }

    /// Closes a connection from our side.
    fn close(&mut self, conn: ConnId, now: Instant) {
        // Before anything that opens another to the same place.
        self.outputs.push_back(Output::Event(Event::CloseConnection(conn)));
        self.handle_disconnected(conn, now);
    }

    fn reschedule_conn(&mut self, conn: ConnId) {
        let limits = &self.config.limits;
        if let Some(state) = self.conns.table.get_mut(&conn) {
            let first = (!state.proven).then(|| state.opened + limits.first_message);
            let rest = state.unfinished.map(|since| since + limits.message_time);
            self.schedule.set(Owner::Conn(conn), &mut state.entry, first.into_iter().chain(rest).min());
        }
    }
}
