//! The thread that owns sessions: each has its place on a wheel that turns once in 20 ms.
//!
//! The places are spread over the turn, so that a hundred calls do not send at one moment. At each place that is
//! taken, all packets are sent first, then what has arrived is read, then the calls are told: what takes long or wakes
//! other threads cannot delay a packet of the same place.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use super::engine::Clip;
use super::frame::FRAME_MS;
use super::net::{self, RecvBatch};
use super::recorder::{Job, Recorder};
use super::relay::{Joint, Outbox};
use super::sdp::MediaParams;
use super::session::{Clocks, Session};
use super::stats::EngineStatsCells;

/// Places on the wheel; one is 2 ms wide.
const PLACES: usize = 10;
const FRAME_NS: u64 = FRAME_MS as u64 * 1_000_000;
const PLACE_NS: u64 = FRAME_NS / PLACES as u64;
/// Commands that may wait for the next place that is taken, at most 20 ms.
const COMMANDS: usize = 2_048;
/// Lateness that is made up for by sending faster; beyond, frames are left out.
const CATCH_UP_NS: u64 = 100_000_000;

/// What a handle asks of its session.
pub enum Order {
    Configure(MediaParams),
    Play(Vec<Clip>),
    Repeat(Clip),
    Stop { fade_ms: u32 },
    Pause,
    Resume,
    Duck(Option<f32>),
    Dtmf(String),
    Record(Option<PathBuf>),
    Listen(bool),
}

/// What the wheel's thread is told.
pub enum Command {
    Add(Box<Session>),
    Order(u64, Order),
    /// Joins two sessions that are on this wheel.
    Join(u64, u64, Arc<Joint>),
}

/// The way to a wheel; its thread ends when the last of these is dropped and its sessions are closed.
#[derive(Clone)]
pub struct Wheel {
    commands: SyncSender<Command>,
    load: Arc<AtomicUsize>,
}

impl Wheel {
    /// Hands over a command without waiting; `Err` when the queue is full or the thread is gone.
    pub fn send(&self, command: Command) -> Result<(), ()> {
        let adds = matches!(command, Command::Add(_));
        if adds {
            self.load.fetch_add(1, Ordering::Relaxed);
        }
        self.commands.try_send(command).map_err(|_| {
            if adds {
                self.load.fetch_sub(1, Ordering::Relaxed);
            }
        })
    }

    /// Whether both lead to one thread.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.load, &other.load)
    }

    /// Sessions on it.
    pub fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }
}

/// Starts the `number`-th wheel.
///
/// # Errors
/// When the system has no more threads.
pub fn start(number: usize, realtime: bool, stats: Arc<EngineStatsCells>, recorder: Recorder) -> io::Result<Wheel> {
    let (commands, receiver) = sync_channel(COMMANDS);
    let load = Arc::new(AtomicUsize::new(0));
    let thread = Thread {
        commands: receiver,
        load: Arc::clone(&load),
        places: Default::default(),
        place_of: HashMap::new(),
        batch: RecvBatch::default(),
        outbox: Outbox::default(),
        backlog: VecDeque::new(),
        recorder,
        stats,
    };
    std::thread::Builder::new().name(format!("media-wheel-{number}")).spawn(move || {
        let granted = net::make_punctual(realtime);
        tracing::debug!(wheel = number, realtime = granted, "media thread runs");
        thread.run();
    })?;
    Ok(Wheel { commands, load })
}

struct Thread {
    commands: Receiver<Command>,
    load: Arc<AtomicUsize>,
    places: [Vec<Box<Session>>; PLACES],
    place_of: HashMap<u64, usize>,
    batch: RecvBatch,
    outbox: Outbox,
    /// Jobs of ended sessions that the recorder had no room for.
    backlog: VecDeque<Job>,
    recorder: Recorder,
    stats: Arc<EngineStatsCells>,
}

impl Thread {
    fn run(mut self) {
        // The number of the place that comes next, counted from the beginning of the monotonic clock.
        let mut next = 0u64;
        loop {
            if self.place_of.is_empty() {
                if !self.wait_for_work() {
                    return;
                }
                next = net::monotonic_ns() / PLACE_NS + 1;
                continue;
            }
            while self.places[(next % PLACES as u64) as usize].is_empty() {
                next += 1;
            }
            next = self.catch_up(next);
            net::sleep_until(next * PLACE_NS);
            self.take_commands();
            self.turn((next % PLACES as u64) as usize, next * PLACE_NS);
            next += 1;
        }
    }

    /// Sleeps until there is a session. False when there will be none any more.
    fn wait_for_work(&mut self) -> bool {
        self.hand_over_backlog();
        if self.backlog.is_empty() {
            return self.commands.recv().map(|command| self.command(command)).is_ok();
        }
        match self.commands.recv_timeout(Duration::from_millis(20)) {
            Ok(command) => self.command(command),
            Err(RecvTimeoutError::Timeout) => {}
            // Nobody may be left to call, but their recordings are still to be finished.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(Duration::from_millis(20)),
        }
        true
    }

    /// After a standstill, leaves out whole turns for everybody.
    fn catch_up(&mut self, next: u64) -> u64 {
        let late = net::monotonic_ns().saturating_sub(next * PLACE_NS);
        if late < CATCH_UP_NS {
            return next;
        }
        self.stats.note_late(late / 1_000);
        let frames = late / FRAME_NS;
        self.stats.skipped_frames.fetch_add(frames, Ordering::Relaxed);
        for session in self.places.iter_mut().flatten() {
            session.skip(frames);
        }
        next + frames * PLACES as u64
    }

    fn take_commands(&mut self) {
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.command(command),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Add(session) => {
                let place = (0..PLACES).min_by_key(|n| self.places[*n].len()).unwrap_or(0);
                self.place_of.insert(session.key, place);
                self.places[place].push(session);
            }
            Command::Order(key, order) => {
                if let Some(session) = self.find(key) {
                    session.order(order);
                }
            }
            Command::Join(a, b, joint) => {
                for (key, other) in [(a, b), (b, a)] {
                    match self.find(key) {
                        Some(session) => session.join(other, Arc::clone(&joint)),
                        None => joint.part(),
                    }
                }
            }
        }
    }

    fn find(&mut self, key: u64) -> Option<&mut Session> {
        let place = *self.place_of.get(&key)?;
        self.places[place].iter_mut().find(|session| session.key == key).map(|session| &mut **session)
    }

    /// Hands what a session has heard to the one that it is joined to, which sends it at once.
    fn pass_on(&mut self, place: usize, index: usize) {
        if self.outbox.is_empty() {
            return;
        }
        let mut outbox = std::mem::take(&mut self.outbox);
        let peer = self.places[place][index].peer();
        if let Some(peer) = peer.and_then(|key| self.find(key)) {
            let wants_frames = peer.relay(&outbox);
            self.places[place][index].note_peer(wants_frames);
        }
        outbox.clear();
        self.outbox = outbox;
    }

    fn turn(&mut self, place: usize, due_ns: u64) {
        let clocks = Clocks::read();
        let late_us = clocks.now.saturating_sub(due_ns / 1_000);
        self.stats.note_late(late_us);
        let sessions = &mut self.places[place];
        for session in sessions.iter_mut() {
            session.send();
        }
        for index in 0..sessions.len() {
            self.places[place][index].receive(&mut self.batch, &mut self.outbox, clocks);
            self.pass_on(place, index);
        }
        for session in &mut self.places[place] {
            session.deliver();
        }
        self.bury_closed(place);
    }

    fn bury_closed(&mut self, place: usize) {
        while let Some(at) = self.places[place].iter().position(|session| session.is_closed()) {
            let session = self.places[place].swap_remove(at);
            self.place_of.remove(&session.key);
            self.backlog.extend(session.finish());
            self.load.fetch_sub(1, Ordering::Relaxed);
        }
        self.hand_over_backlog();
    }

    fn hand_over_backlog(&mut self) {
        while let Some(job) = self.backlog.pop_front() {
            if let Err(job) = self.recorder.try_send(job) {
                self.backlog.push_front(job);
                return;
            }
        }
    }
}
