//! Client transactions: RFC 3261 §17.1.1 (INVITE) and §17.1.2 (others), RFC 6026 §7.2.

use super::{Timer, Timers, Timing};
use std::time::{Duration, Instant};

/// What the owner does with a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAction {
    /// Hand it to the user agent core.
    Deliver,
    /// Send an ACK for a non-2xx final response, then hand it to the core.
    AckAndDeliver,
    /// A retransmitted non-2xx final response: send the same ACK again, tell nobody.
    Ack,
    /// Drop it.
    Absorb,
}

/// What a timer of a client transaction asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientFired {
    /// Send the request again.
    Retransmit,
    /// No final response came (timer B or F): tell the core (408), the transaction is over.
    TimedOut,
    /// The transaction is over; nothing to tell.
    Terminated,
}

/// States of an INVITE client transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteClientState {
    Calling,
    Proceeding,
    /// A non-2xx final response came; its retransmissions are acknowledged until timer D.
    Completed,
    /// A 2xx came; more of them are delivered until timer M (RFC 6026).
    Accepted,
    Terminated,
}

/// INVITE client transaction (RFC 3261 §17.1.1, RFC 6026 §7.2). The owner sends the request once when it makes this.
#[derive(Debug, Clone)]
pub struct InviteClient {
    state: InviteClientState,
    timers: Timers,
    timing: Timing,
    reliable: bool,
    interval: Duration,
}

impl InviteClient {
    /// Starts in Calling with timers A (unreliable only) and B.
    pub fn new(timing: Timing, reliable: bool, now: Instant) -> Self {
        let mut timers = Timers::default();
        if !reliable {
            timers.start(Timer::A, now + timing.t1);
        }
        timers.start(Timer::B, now + timing.transaction_timeout());
        Self { state: InviteClientState::Calling, timers, timing, reliable, interval: timing.t1 }
    }

    pub fn state(&self) -> InviteClientState {
        self.state
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// A response with this status arrived.
    pub fn handle_response(&mut self, status: u16, now: Instant) -> ClientAction {
        use InviteClientState::{Accepted, Calling, Completed, Proceeding, Terminated};
        match (self.state, status) {
            (Calling | Proceeding, 100..=199) => {
                // §17.1.1.2: a provisional response ends retransmission and timer B; how long it rings is the core's.
                self.state = Proceeding;
                self.timers.clear();
                ClientAction::Deliver
            }
            (Calling | Proceeding, 200..=299) => {
                self.state = Accepted;
                self.timers.clear();
                self.timers.start(Timer::M, now + self.timing.transaction_timeout());
                ClientAction::Deliver
            }
            (Calling | Proceeding, _) => {
                self.state = Completed;
                self.timers.clear();
                let d = if self.reliable { Duration::ZERO } else { self.timing.d() };
                self.timers.start(Timer::D, now + d);
                ClientAction::AckAndDeliver
            }
            (Completed, 300..) => ClientAction::Ack,
            (Accepted, 200..=299) => ClientAction::Deliver,
            (Completed | Accepted | Terminated, _) => ClientAction::Absorb,
        }
    }

    /// The owner gives up (cancelled without an answer, transport failed).
    pub fn terminate(&mut self) {
        self.state = InviteClientState::Terminated;
        self.timers.clear();
    }

    /// Fires one due timer; call until `None`.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<ClientFired> {
        match self.timers.pop_due(now)? {
            Timer::A => {
                self.interval *= 2;
                self.timers.start(Timer::A, now + self.interval);
                Some(ClientFired::Retransmit)
            }
            Timer::B => {
                self.terminate();
                Some(ClientFired::TimedOut)
            }
            _ => {
                self.terminate();
                Some(ClientFired::Terminated)
            }
        }
    }
}

/// States of a non-INVITE client transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonInviteClientState {
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

/// Non-INVITE client transaction (RFC 3261 §17.1.2). The owner sends the request once when it makes this.
#[derive(Debug, Clone)]
pub struct NonInviteClient {
    state: NonInviteClientState,
    timers: Timers,
    timing: Timing,
    reliable: bool,
    interval: Duration,
}

impl NonInviteClient {
    /// Starts in Trying with timers E (unreliable only) and F.
    pub fn new(timing: Timing, reliable: bool, now: Instant) -> Self {
        let mut timers = Timers::default();
        if !reliable {
            timers.start(Timer::E, now + timing.t1);
        }
        timers.start(Timer::F, now + timing.transaction_timeout());
        Self { state: NonInviteClientState::Trying, timers, timing, reliable, interval: timing.t1 }
    }

    pub fn state(&self) -> NonInviteClientState {
        self.state
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// A response with this status arrived.
    pub fn handle_response(&mut self, status: u16, now: Instant) -> ClientAction {
        use NonInviteClientState::{Completed, Proceeding, Terminated, Trying};
        match (self.state, status) {
            (Trying | Proceeding, 100..=199) => {
                self.state = Proceeding;
                ClientAction::Deliver
            }
            (Trying | Proceeding, _) => {
                self.state = Completed;
                self.timers.clear();
                let k = if self.reliable { Duration::ZERO } else { self.timing.t4 };
                self.timers.start(Timer::K, now + k);
                ClientAction::Deliver
            }
            (Completed | Terminated, _) => ClientAction::Absorb,
        }
    }

    /// The owner gives up (transport failed).
    pub fn terminate(&mut self) {
        self.state = NonInviteClientState::Terminated;
        self.timers.clear();
    }

    /// Fires one due timer; call until `None`.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<ClientFired> {
        match self.timers.pop_due(now)? {
            Timer::E => {
                // §17.1.2.2: doubling up to T2 while Trying, T2 at once in Proceeding.
                self.interval = match self.state {
                    NonInviteClientState::Proceeding => self.timing.t2,
                    _ => (self.interval * 2).min(self.timing.t2),
                };
                self.timers.start(Timer::E, now + self.interval);
                Some(ClientFired::Retransmit)
            }
            Timer::F => {
                self.terminate();
                Some(ClientFired::TimedOut)
            }
            _ => {
                self.terminate();
                Some(ClientFired::Terminated)
            }
        }
    }
}
