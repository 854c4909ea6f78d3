//! Named timers and the base intervals they are made of.

use std::time::{Duration, Instant};

/// The base intervals of RFC 3261 §17.1.1.2; every timer is made of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Estimate of the round trip: 500 ms.
    pub t1: Duration,
    /// Longest interval between retransmissions of a non-INVITE request or an INVITE response: 4 s.
    pub t2: Duration,
    /// How long a message may stay in the network: 5 s.
    pub t4: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { t1: Duration::from_millis(500), t2: Duration::from_secs(4), t4: Duration::from_secs(5) }
    }
}

impl Timing {
    /// 64 × T1 (32 s): timers B, F, H, J, L and M, and how long an unacknowledged 2xx is repeated.
    pub fn transaction_timeout(&self) -> Duration {
        self.t1 * 64
    }

    /// Timer D: more than 32 s on unreliable transports.
    pub fn d(&self) -> Duration {
        self.transaction_timeout().max(Duration::from_secs(32))
    }
}

/// A transaction timer, by its letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// INVITE request retransmission; unreliable transports only.
    A,
    /// INVITE client transaction timeout.
    B,
    /// Wait for response retransmissions after a final response to INVITE.
    D,
    /// Non-INVITE request retransmission; unreliable transports only.
    E,
    /// Non-INVITE client transaction timeout.
    F,
    /// INVITE final response retransmission; unreliable transports only.
    G,
    /// Wait for the ACK.
    H,
    /// Wait for ACK retransmissions.
    I,
    /// Wait for non-INVITE request retransmissions.
    J,
    /// Wait for response retransmissions after a final response to a non-INVITE request.
    K,
    /// Wait for INVITE retransmissions after a 2xx was sent (RFC 6026).
    L,
    /// Wait for further 2xx after the first (RFC 6026).
    M,
}

/// The running timers of one machine; never more than two at once.
#[derive(Debug, Clone, Default)]
pub struct Timers([Option<(Timer, Instant)>; 2]);

impl Timers {
    /// Starts `timer`, or moves it when it already runs.
    pub fn start(&mut self, timer: Timer, at: Instant) {
        let running = self.0.iter().position(|slot| slot.is_some_and(|(t, _)| t == timer));
        let slot = running.or_else(|| self.0.iter().position(Option::is_none));
        self.0[slot.expect("invariant: no state runs more than two timers")] = Some((timer, at));
    }

    /// Stops `timer` if it runs.
    pub fn stop(&mut self, timer: Timer) {
        for slot in &mut self.0 {
            slot.take_if(|(t, _)| *t == timer);
        }
    }

    /// Stops every timer.
    pub fn clear(&mut self) {
        self.0 = [None; 2];
    }

    /// When the next timer fires.
    pub fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().map(|(_, at)| *at).min()
    }

    /// When `timer` fires, if it runs.
    pub fn at(&self, timer: Timer) -> Option<Instant> {
        self.0.iter().flatten().find(|(t, _)| *t == timer).map(|(_, at)| *at)
    }

    /// Takes the timer that is due at `now`, the earliest first; of two due at the same instant, the one that ends the
    /// transaction, so that nothing is sent for a transaction that is over.
    pub fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let due = (0..2)
            .filter_map(|i| self.0[i].map(|(timer, at)| (at, !timer.ends(), i)))
            .filter(|(at, ..)| *at <= now)
            .min()?;
        self.0[due.2].take().map(|(timer, _)| timer)
    }
}

impl Timer {
    fn ends(self) -> bool {
        !matches!(self, Timer::A | Timer::E | Timer::G)
    }
}
