//! Who wants to be woken, and when.

use super::{ConnId, LegId, RegistrationId};
use std::collections::BTreeSet;
use std::time::Instant;

/// Whoever has a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Client(u64),
    Server(u64),
    Leg(LegId),
    Registration(RegistrationId),
    Conn(ConnId),
}

/// Deadlines in order; each owner has at most one entry, and none once it is gone.
#[derive(Debug, Default)]
pub(super) struct Schedule(BTreeSet<(Instant, Owner)>);

impl Schedule {
    /// Moves an owner's entry from where it was to where it should be.
    pub fn set(&mut self, owner: Owner, entry: &mut Option<Instant>, at: Option<Instant>) {
        if *entry == at {
            return;
        }
        if let Some(old) = entry.take() {
            self.0.remove(&(old, owner));
        }
        if let Some(at) = at {
            self.0.insert((at, owner));
        }
        *entry = at;
    }

    pub fn next(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }

    /// The first owner whose deadline is not after `now`; its entry stays until it is set anew.
    pub fn due(&self, now: Instant) -> Option<Owner> {
        self.0.first().filter(|(at, _)| *at <= now).map(|(_, owner)| *owner)
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
