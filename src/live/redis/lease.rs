//! Leases: of several nodes one has each, and another takes over when that one is gone.
//!
//! A holder renews long before the end. While Redis is away nobody can take a lease over either: who has it keeps it, and
//! who has not does without, so that calls come in as before. A node that has never reached Redis takes everything after one
//! lifetime: better two registrations than none.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use super::Common;
use crate::live::Shared;

/// How long a lease holds without word from its holder.
const LIFETIME: Duration = Duration::from_secs(5);
/// Between two words, and between two tries to take it over.
const RENEW: Duration = Duration::from_secs(1);

pub(super) struct Leaser {
    common: Arc<Common>,
    shared: Arc<Shared>,
    /// When leases may be taken that nobody has: those who had one before Redis went away come first.
    take_from: Instant,
    was_up: Option<bool>,
    started: Instant,
}

impl Leaser {
    pub fn new(common: Arc<Common>, shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        Self { common, shared, take_from: now, was_up: None, started: now }
    }

    pub async fn run(mut self) {
        let mut renew = tokio::time::interval(RENEW);
        renew.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut up = self.common.up.subscribe();
        loop {
            tokio::select! {
                _ = renew.tick() => {}
                () = self.shared.leases.asked() => {}
                changed = up.changed() => if changed.is_err() { return },
            }
            if self.common.leaving.load(Ordering::Acquire) {
                return;
            }
            self.turn().await;
        }
    }

    async fn turn(&mut self) {
        let is_up = self.common.is_up();
        match (self.was_up, is_up) {
            (Some(false), true) => self.take_from = Instant::now() + LIFETIME,
            (None, false) if self.started.elapsed() > LIFETIME => {
                for (name, held) in self.shared.leases.all() {
                    if !held {
                        tracing::warn!(trunk = name, "Redis cannot be asked who registers: this node does");
                        self.shared.leases.set(&name, true);
                    }
                }
            }
            _ => {}
        }
        if is_up || self.was_up.is_some() {
            self.was_up = Some(is_up);
        }
        if !is_up {
            return;
        }
        for (name, held) in self.shared.leases.all() {
            if !held && Instant::now() < self.take_from {
                continue;
            }
            match self.common.link.lease(&name, LIFETIME).await {
                Ok(holds) => {
                    match (held, holds) {
                        (false, true) => tracing::info!(trunk = name, "this node registers the trunk"),
                        (true, false) => tracing::warn!(trunk = name, "another node registers the trunk"),
                        _ => {}
                    }
                    self.shared.leases.set(&name, holds);
                    // Asked while the leases were given back: this one goes back too.
                    if self.common.leaving.load(Ordering::Acquire) {
                        self.shared.leases.set(&name, false);
                        if holds && let Err(away) = self.common.link.release(&name).await {
                            self.common.lost(&away);
                        }
                        return;
                    }
                }
                Err(away) => return self.common.lost(&away),
            }
        }
    }
}
