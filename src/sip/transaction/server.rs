//! Server transactions: RFC 3261 §17.2.1 (INVITE) and §17.2.2 (others), RFC 6026 §7.1.

use super::{Timer, Timers, Timing};
use std::time::{Duration, Instant};

/// What the owner does with a request that belongs to the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerAction {
    /// A retransmission: send the last response again, if there was one.
    Resend,
    /// Drop it.
    Absorb,
}

/// Whether a response of the core may be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerSend {
    /// Send it, and keep it for retransmissions.
    Send,
    /// A final response was already sent: drop this one (a 2xx of the core that is repeated goes around the machine).
    Refused,
}

/// What a timer of a server transaction asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerFired {
    /// Send the last response again.
    Retransmit,
    /// No ACK came (timer H); the transaction is over.
    TimedOut,
    /// The transaction is over; nothing to tell.
    Terminated,
}

/// States of an INVITE server transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteServerState {
    Proceeding,
    /// A non-2xx final response was sent; waits for its ACK.
    Completed,
    /// The ACK came; more of them are absorbed until timer I.
    Confirmed,
    /// A 2xx was sent; retransmitted INVITEs belong here until timer L (RFC 6026).
    Accepted,
    Terminated,
}

/// INVITE server transaction (RFC 3261 §17.2.1, RFC 6026 §7.1).
#[derive(Debug, Clone)]
pub struct InviteServer {
    state: InviteServerState,
    timers: Timers,
    timing: Timing,
    reliable: bool,
    interval: Duration,
}

impl InviteServer {
    /// Starts in Proceeding, without a timer; the core sends 100 at once.
    pub fn new(timing: Timing, reliable: bool) -> Self {
        Self { state: InviteServerState::Proceeding, timers: Timers::default(), timing, reliable, interval: timing.t1 }
    }

    pub fn state(&self) -> InviteServerState {
        self.state
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The core wants to send a response with this status.
    pub fn send(&mut self, status: u16, now: Instant) -> ServerSend {
        if self.state != InviteServerState::Proceeding {
            return ServerSend::Refused;
        }
        match status {
            100..=199 => {}
            200..=299 => {
                self.state = InviteServerState::Accepted;
                self.timers.start(Timer::L, now + self.timing.transaction_timeout());
            }
            _ => {
                self.state = InviteServerState::Completed;
                if !self.reliable {
                    self.timers.start(Timer::G, now + self.timing.t1);
                }
                self.timers.start(Timer::H, now + self.timing.transaction_timeout());
            }
        }
        ServerSend::Send
    }

    /// The INVITE arrived again.
    pub fn handle_retransmission(&mut self) -> ServerAction {
        match self.state {
            // RFC 6026 absorbs it in Accepted. The same 200 again tells a peer that lost it half a second sooner than
            // the core's timer, and provokes at most one more ACK.
            InviteServerState::Proceeding | InviteServerState::Completed | InviteServerState::Accepted => {
                ServerAction::Resend
            }
            InviteServerState::Confirmed | InviteServerState::Terminated => ServerAction::Absorb,
        }
    }

    /// An ACK with the branch of the INVITE arrived.
    pub fn handle_ack(&mut self, now: Instant) {
        if self.state == InviteServerState::Completed {
            self.state = InviteServerState::Confirmed;
            self.timers.clear();
            let i = if self.reliable { Duration::ZERO } else { self.timing.t4 };
            self.timers.start(Timer::I, now + i);
        }
    }

    /// Fires one due timer; call until `None`.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<ServerFired> {
        let fired = match self.timers.pop_due(now)? {
            Timer::G => {
                self.interval = (self.interval * 2).min(self.timing.t2);
                self.timers.start(Timer::G, now + self.interval);
                return Some(ServerFired::Retransmit);
            }
            Timer::H => ServerFired::TimedOut,
            _ => ServerFired::Terminated,
        };
        self.state = InviteServerState::Terminated;
        self.timers.clear();
        Some(fired)
    }
}

/// States of a non-INVITE server transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonInviteServerState {
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

/// Non-INVITE server transaction (RFC 3261 §17.2.2).
#[derive(Debug, Clone)]
pub struct NonInviteServer {
    state: NonInviteServerState,
    timers: Timers,
    timing: Timing,
    reliable: bool,
}

impl NonInviteServer {
    /// Starts in Trying, without a timer.
    pub fn new(timing: Timing, reliable: bool) -> Self {
        Self { state: NonInviteServerState::Trying, timers: Timers::default(), timing, reliable }
    }

    pub fn state(&self) -> NonInviteServerState {
        self.state
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The core wants to send a response with this status.
    pub fn send(&mut self, status: u16, now: Instant) -> ServerSend {
        match self.state {
            NonInviteServerState::Trying | NonInviteServerState::Proceeding if status < 200 => {
                self.state = NonInviteServerState::Proceeding;
                ServerSend::Send
            }
            NonInviteServerState::Trying | NonInviteServerState::Proceeding => {
                self.state = NonInviteServerState::Completed;
                let j = if self.reliable { Duration::ZERO } else { self.timing.transaction_timeout() };
                self.timers.start(Timer::J, now + j);
                ServerSend::Send
            }
            NonInviteServerState::Completed | NonInviteServerState::Terminated => ServerSend::Refused,
        }
    }

    /// The request arrived again.
    pub fn handle_retransmission(&mut self) -> ServerAction {
        match self.state {
            NonInviteServerState::Proceeding | NonInviteServerState::Completed => ServerAction::Resend,
            NonInviteServerState::Trying | NonInviteServerState::Terminated => ServerAction::Absorb,
        }
    }

    /// Fires one due timer; call until `None`.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<ServerFired> {
        self.timers.pop_due(now)?;
        self.state = NonInviteServerState::Terminated;
        self.timers.clear();
        Some(ServerFired::Terminated)
    }
}
