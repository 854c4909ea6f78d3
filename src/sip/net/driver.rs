//! The task that owns the endpoint.

use super::handle::{Ask, IncomingCall, Leg, Line, Shared, Stack};
use super::registrations::TrunkSide;
use super::stream::{self, StreamInput, Task, WRITE_QUEUE};
use super::tls::{Tls, server_name};
use super::udp::{self, Bound, Routes};
use crate::sip::message::HeaderName;
use crate::sip::ua::{
    Command, ConnId, Endpoint, Event, Flow, Hop, InviteInfo, LegEvent, LegId, OutgoingInvite, Output, SipError,
    StatsSnapshot, Transmit, Transport,
};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Commands, stream chunks and datagrams taken in one turn, so that no kind of input keeps the others waiting.
const BATCH: usize = 64;
const ASK_QUEUE: usize = 1_024;
const STREAM_QUEUE: usize = 256;
const CALL_QUEUE: usize = 256;
/// Events that may wait on one leg. A call has a handful; this many means that nobody reads.
const EVENT_QUEUE: usize = 64;
/// Between two log lines about unwanted traffic.
const TELL_EVERY: Duration = Duration::from_secs(10);
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Driver {
    pub(super) endpoint: Endpoint,
    pub(super) trunks: TrunkSide,
    sockets: Vec<Bound>,
    shared: Arc<Shared>,
    asks: mpsc::Receiver<Ask>,
    /// Weak, so that the driver itself does not keep the stack alive.
    weak_asks: mpsc::WeakSender<Ask>,
    drops: mpsc::UnboundedReceiver<LegId>,
    drops_sender: mpsc::UnboundedSender<LegId>,
    calls: mpsc::Sender<IncomingCall>,
    events: HashMap<LegId, mpsc::Sender<LegEvent>>,
    streams: mpsc::Receiver<StreamInput>,
    streams_sender: mpsc::Sender<StreamInput>,
    conns: HashMap<ConnId, Conn>,
    /// Connections by where they lead. One that a TLS client opened is not among them: it proved no name.
    conn_to: HashMap<Hop, ConnId>,
    next_conn: u64,
    streams_config: StreamsConfig,
    pub(super) routes: Routes,
    buffer: Vec<u8>,
    stopping: Option<(Instant, Vec<oneshot::Sender<()>>)>,
    /// How much unwanted traffic was told of, and when.
    told: Option<(u64, Instant)>,
}

/// What connections are opened and kept with.
pub(super) struct StreamsConfig {
    pub max: usize,
    pub idle: Duration,
    pub keep_alive: Option<Duration>,
    pub tls: Option<Tls>,
}

struct Conn {
    hop: Hop,
    queue: mpsc::Sender<Arc<[u8]>>,
}

impl Driver {
    pub fn new(
        endpoint: Endpoint,
        sockets: Vec<Bound>,
        shared: Arc<Shared>,
        streams_config: StreamsConfig,
    ) -> (Self, Stack, mpsc::Receiver<IncomingCall>) {
        let (asks_sender, asks) = mpsc::channel(ASK_QUEUE);
        let (drops_sender, drops) = mpsc::unbounded_channel();
        let (calls, calls_receiver) = mpsc::channel(CALL_QUEUE);
        let (streams_sender, streams) = mpsc::channel(STREAM_QUEUE);
        let driver = Self {
            endpoint,
            trunks: TrunkSide::default(),
            sockets,
            shared: shared.clone(),
            weak_asks: asks_sender.downgrade(),
            asks,
            drops,
            drops_sender: drops_sender.clone(),
            calls,
            events: HashMap::new(),
            streams,
            streams_sender,
            conns: HashMap::new(),
            conn_to: HashMap::new(),
            next_conn: 1,
            streams_config,
            routes: Routes::default(),
            buffer: vec![0; 65_536],
            stopping: None,
            told: None,
        };
        let stack = Stack::new(shared, Line { asks: asks_sender, drops: drops_sender }, EVENT_QUEUE);
        (driver, stack, calls_receiver)
    }

    /// Takes connections from a listener until the handle is aborted.
    pub fn accept_on(&self, transport: Transport, listener: TcpListener) -> JoinHandle<()> {
        tokio::spawn(stream::accept(transport, listener, self.streams_sender.clone()))
    }

    pub async fn run(mut self, accepting: Vec<JoinHandle<()>>) {
        let sleep = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(sleep);
        while !self.is_done() {
            let mut wake = self.endpoint.poll_timeout();
            if let Some((until, _)) = &self.stopping {
                wake = Some(wake.map_or(*until, |at| at.min(*until)));
            }
            if let Some(at) = wake.map(tokio::time::Instant::from_std).filter(|at| *at != sleep.deadline()) {
                sleep.as_mut().reset(at);
            }
            // Each branch only wakes and takes at most one input; the turn takes the rest.
            let (mut ask, mut input, mut dropped) = (None, None, None);
            tokio::select! {
                received = self.asks.recv(), if self.stopping.is_none() => match received {
                    Some(received) => ask = Some(received),
                    None => self.stop(None),
                },
                received = self.drops.recv() => dropped = received,
                received = self.streams.recv() => input = received,
                () = udp::readable(&self.sockets) => {}
                () = &mut sleep, if wake.is_some() => {}
            }
            self.turn(ask, input, dropped);
        }
        accepting.iter().for_each(JoinHandle::abort);
        self.shared.set_stats(self.endpoint.stats());
        for done in self.stopping.into_iter().flat_map(|(_, waiting)| waiting) {
            // Whoever asked may have gone.
            let _ = done.send(());
        }
    }

    fn is_done(&self) -> bool {
        self.stopping.as_ref().is_some_and(|(until, _)| self.endpoint.legs().is_empty() || Instant::now() >= *until)
    }

    fn turn(&mut self, ask: Option<Ask>, input: Option<StreamInput>, dropped: Option<LegId>) {
        let now = Instant::now();
        // Drops are collected before commands are taken and done after them: a handle sends its last command before it
        // is dropped, so the command is then in the queue.
        let drops: Vec<LegId> = dropped.into_iter().chain(std::iter::from_fn(|| self.drops.try_recv().ok())).collect();
        let mut taken = 0;
        let mut next = ask.or_else(|| self.asks.try_recv().ok());
        while let Some(ask) = next {
            self.handle_ask(ask, now);
            taken += 1;
            // With drops at hand the whole queue goes first; it is bounded.
            next = if taken < BATCH || !drops.is_empty() { self.asks.try_recv().ok() } else { None };
        }
        for leg in drops {
            self.endpoint.command(leg, Command::Drop, now);
        }
        self.flush(now);
        let mut next = input.or_else(|| self.streams.try_recv().ok());
        for _ in 0..BATCH {
            let Some(input) = next else { break };
            self.handle_stream_input(input, now);
            self.flush(now);
            next = self.streams.try_recv().ok();
        }
        self.receive_datagrams(now);
        self.endpoint.handle_timeout(now);
        self.flush(now);
        let stats = self.endpoint.stats();
        self.tell_of_drops(&stats, now);
        self.shared.set_stats(stats);
    }

    /// One line now and then while a flood goes on, however large it is.
    fn tell_of_drops(&mut self, stats: &StatsSnapshot, now: Instant) {
        let StatsSnapshot { scanners, over_rate, refused_connections, slow_connections, .. } = *stats;
        let count = scanners + over_rate + refused_connections + slow_connections;
        let due = self.told.is_none_or(|(told, at)| count > told && now >= at + TELL_EVERY);
        if count > 0 && due {
            self.told = Some((count, now));
            let (transactions, dialogs) = (stats.server_transactions, stats.dialogs);
            tracing::warn!(
                scanners,
                over_rate,
                refused_connections,
                slow_connections,
                transactions,
                dialogs,
                "unwanted SIP traffic was dropped since the start"
            );
        }
    }

    fn handle_ask(&mut self, ask: Ask, now: Instant) {
        match ask {
            Ask::Leg(leg, command) => self.endpoint.command(leg, command, now),
            Ask::Trunk(ask) => self.handle_trunk_ask(ask, now),
            Ask::Invite { invite, events, reply } => {
                let result = self.place(*invite, now);
                if let Ok((leg, _)) = &result {
                    self.events.insert(*leg, events);
                }
                if let Err(Ok((leg, _))) = reply.send(result) {
                    // Nobody waits for this call any more.
                    self.endpoint.command(leg, Command::Drop, now);
                }
            }
            Ask::Shutdown(done) => self.stop(Some(done)),
        }
    }

    fn place(&mut self, invite: OutgoingInvite, now: Instant) -> Result<(LegId, IpAddr), SipError> {
        let remote = Endpoint::destination(&invite)?;
        let local_ip = self.routes.ip_towards(remote);
        self.endpoint.invite(invite, local_ip, now)
    }

    fn stop(&mut self, done: Option<oneshot::Sender<()>>) {
        let now = Instant::now();
        let (_, waiting) = self.stopping.get_or_insert_with(|| (now + SHUTDOWN_PATIENCE, Vec::new()));
        waiting.extend(done);
        for leg in self.endpoint.legs() {
            self.endpoint.command(leg, Command::Drop, now);
        }
        self.flush(now);
    }

    fn receive_datagrams(&mut self, now: Instant) {
        for index in 0..self.sockets.len() {
            for _ in 0..BATCH {
                let Bound { socket, bound } = &self.sockets[index];
                match socket.try_recv_from(&mut self.buffer) {
                    Ok((length, remote)) => {
                        if !self.endpoint.is_wanted(remote.ip(), &self.buffer[..length], now) {
                            continue;
                        }
                        let local = self.routes.local(*bound, remote);
                        self.endpoint.handle_datagram(local, remote, &self.buffer[..length], now);
                        self.flush(now);
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                    // An ICMP error of an earlier datagram; the timers deal with silence.
                    Err(_) => {}
                }
            }
        }
    }

    fn handle_stream_input(&mut self, input: StreamInput, now: Instant) {
        match input {
            StreamInput::Accepted(transport, stream, remote) => self.accept(transport, stream, remote, now),
            StreamInput::Connected { conn, local } => {
                if let Some(hop) = self.conns.get(&conn).map(|conn| conn.hop) {
                    self.endpoint.handle_connected(conn, local, hop, false, now);
                }
            }
            StreamInput::Unreachable { conn, error } => {
                if let Some(hop) = self.close(conn) {
                    let (remote, transport) = (hop.remote, hop.transport.as_str());
                    tracing::warn!(%remote, transport, %error, "cannot connect to a SIP peer");
                    self.endpoint.handle_unreachable(hop, now);
                }
            }
            StreamInput::Data(conn, data) => self.endpoint.handle_stream(conn, &data, now),
            StreamInput::Closed(conn) => {
                self.close(conn);
                self.endpoint.handle_disconnected(conn, now);
            }
        }
    }

    fn accept(&mut self, transport: Transport, stream: TcpStream, remote: SocketAddr, now: Instant) {
        let Ok(local) = stream.local_addr() else { return };
        let acceptor = self.streams_config.tls.as_ref().and_then(|tls| tls.acceptor.clone());
        let acceptor = acceptor.filter(|_| transport == Transport::Tls);
        if transport == Transport::Tls && acceptor.is_none() {
            return;
        }
        if !self.endpoint.may_accept(remote.ip()) {
            return;
        }
        let hop = Hop { transport, remote, tls_name: None };
        let task = self.new_conn(hop, false);
        self.endpoint.handle_connected(task.conn, local, hop, true, now);
        tokio::spawn(stream::serve_accepted(task, stream, acceptor));
    }

    fn new_conn(&mut self, hop: Hop, ours: bool) -> Task {
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        let (sender, queue) = mpsc::channel(WRITE_QUEUE);
        self.conns.insert(conn, Conn { hop, queue: sender });
        if ours || hop.transport != Transport::Tls {
            self.conn_to.insert(hop, conn);
        }
        let StreamsConfig { idle, keep_alive, .. } = self.streams_config;
        // Whoever opened a connection keeps it open (RFC 5626 §3.5).
        Task { conn, idle, keep_alive: keep_alive.filter(|_| ours), queue, driver: self.streams_sender.clone() }
    }

    /// Drops a connection's queue, which ends its task; gives where it went to.
    fn close(&mut self, conn: ConnId) -> Option<Hop> {
        let hop = self.conns.remove(&conn)?.hop;
        if self.conn_to.get(&hop) == Some(&conn) {
            self.conn_to.remove(&hop);
        }
        Some(hop)
    }

    /// Does everything the endpoint wants done.
    fn flush(&mut self, now: Instant) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Transmit(transmit) => match transmit.flow.transport {
                    Transport::Udp => self.send_datagram(transmit.flow, &transmit.data),
                    Transport::Tcp | Transport::Tls => self.send_stream(transmit, now),
                },
                Output::Event(Event::Incoming { leg, local_ip, invite }) => {
                    self.hand_over(leg, local_ip, *invite, now);
                }
                Output::Event(Event::Leg { leg, event }) => self.tell(leg, event, now),
                Output::Event(Event::Registration { id, report }) => self.registration_changed(id, *report, now),
                Output::Event(Event::OptionsAnswered { id, status }) => self.options_answered(id, status),
                Output::Event(Event::CloseConnection(conn)) => {
                    self.close(conn);
                }
            }
        }
    }

    fn send_datagram(&mut self, flow: Flow, data: &[u8]) {
        let sent = udp::socket_for(&self.sockets, flow.local, flow.remote)
            .is_some_and(|bound| bound.send(data, flow.remote).is_ok());
        if !sent {
            // Lost like any datagram; the timers repeat it.
            self.endpoint.count_send_failure();
        }
    }

    fn send_stream(&mut self, transmit: Transmit, now: Instant) {
        let Transmit { flow, data, hurried } = transmit;
        let open = flow.conn.filter(|conn| self.conns.contains_key(conn));
        let known = open.or_else(|| self.conn_to.get(&flow.hop()).copied());
        let Some(conn) = known.or_else(|| self.open_stream(&flow, hurried)) else {
            return self.endpoint.handle_unreachable(flow.hop(), now);
        };
        let Some(queue) = self.conns.get(&conn).map(|conn| &conn.queue) else { return };
        match queue.try_send(data) {
            Ok(()) => {}
            // Its task has ended, and the word of that is on its way.
            Err(TrySendError::Closed(data)) => {
                self.close(conn);
                self.endpoint.handle_disconnected(conn, now);
                self.send_stream(Transmit { flow: Flow { conn: None, ..flow }, data, hurried }, now);
            }
            // The peer does not read: nothing that waits here would come in time.
            Err(TrySendError::Full(_)) => {
                self.endpoint.count_send_failure();
                self.close(conn);
                self.endpoint.handle_disconnected(conn, now);
            }
        }
    }

    /// Begins to connect; `None` when there is no room, or no TLS.
    fn open_stream(&mut self, flow: &Flow, hurried: bool) -> Option<ConnId> {
        if self.conns.len() >= self.streams_config.max {
            return None;
        }
        let tls = match flow.transport {
            Transport::Tls => {
                let connector = self.streams_config.tls.as_ref()?.connector.clone();
                let name = flow.tls_name.and_then(|name| self.endpoint.tls_name(name));
                Some((connector, server_name(name, flow.remote.ip())?))
            }
            Transport::Tcp | Transport::Udp => None,
        };
        let task = self.new_conn(flow.hop(), true);
        let conn = task.conn;
        let patience = if hurried { stream::HURRIED_CONNECT } else { stream::CONNECT_TIMEOUT };
        tokio::spawn(stream::connect(task, flow.local.ip(), flow.remote, tls, patience));
        Some(conn)
    }

    fn hand_over(&mut self, leg: LegId, local_ip: IpAddr, invite: InviteInfo, now: Instant) {
        let asks = self.weak_asks.upgrade().filter(|_| self.stopping.is_none());
        let refused = match asks {
            Some(asks) => {
                let (sender, events) = mpsc::channel(EVENT_QUEUE);
                self.events.insert(leg, sender);
                let handle = Leg::new(leg, local_ip, Line { asks, drops: self.drops_sender.clone() });
                self.calls.try_send(IncomingCall { leg: handle, events, invite }).is_err()
            }
            None => true,
        };
        if refused {
            self.events.remove(&leg);
            self.endpoint.count_event_overflow();
            let headers = vec![(HeaderName::RetryAfter, 5.into())];
            self.endpoint.command(leg, Command::Reject { status: 503, reason: String::new(), headers }, now);
        }
    }

    fn tell(&mut self, leg: LegId, event: LegEvent, now: Instant) {
        let last = event.is_last();
        let Some(sender) = self.events.get(&leg) else { return };
        // A dropped receiver is no reason to end a call: its owner may only care for the handle.
        let full = matches!(sender.try_send(event), Err(TrySendError::Full(_)));
        if last || full {
            self.events.remove(&leg);
        }
        if full && !last {
            tracing::warn!(leg.id = %leg, "nobody reads the events of this leg: it is ended");
            self.endpoint.count_event_overflow();
            self.endpoint.command(leg, Command::Drop, now);
        }
    }
}
