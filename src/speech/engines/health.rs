//! How one engine of the node does, for all calls together: its breaker, its counters, its times.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::breaker::{Blame, Breaker, BreakerSettings, BreakerState, Change};

/// Answers whose times are kept.
const TIMES: usize = 64;
/// Answers that a percentile needs to mean something.
const ENOUGH_TIMES: usize = 20;

/// The numbers of one engine since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EngineCounts {
    /// Answers that were used.
    pub succeeded: u64,
    /// Errors, and answers that could not be used.
    pub broken: u64,
    /// No answer in time.
    pub slow: u64,
    pub rate_limited: u64,
    /// A wrong key, address or model.
    pub refused: u64,
    /// Another engine that was started beside it answered first.
    pub overtaken: u64,
    /// Times that its breaker opened.
    pub opened: u64,
    /// Requests that it was left out of.
    pub left_out: u64,
}

/// How one engine does, to be shown or exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStatus {
    pub name: String,
    /// Whether it recognises speech; else it speaks.
    pub hears: bool,
    pub breaker: BreakerState,
    pub counts: EngineCounts,
    /// 19 of 20 of its last answers were quicker; `None` while there are too few.
    pub p95: Option<Duration>,
}

/// One engine's health; shared by all calls of the node.
#[derive(Debug)]
pub struct Health {
    name: String,
    hears: bool,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    breaker: Breaker,
    counts: EngineCounts,
    /// A ring.
    times: Vec<Duration>,
    next: usize,
}

impl Health {
    /// Of an engine that nothing is known of yet.
    pub fn new(name: &str, hears: bool, settings: BreakerSettings) -> Arc<Self> {
        let inner =
            Inner { breaker: Breaker::new(settings), counts: EngineCounts::default(), times: Vec::new(), next: 0 };
        Arc::new(Self { name: name.to_owned(), hears, inner: Mutex::new(inner) })
    }

    /// The engine, as the configuration calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a request would be let through.
    pub fn is_well(&self, now: Instant) -> bool {
        self.lock().breaker.would_admit(now)
    }

    /// Lets a request through, or not. `in_any_case` does so for the last engine that there is.
    pub fn admit(self: &Arc<Self>, in_any_case: bool, now: Instant) -> Option<Permit> {
        let mut inner = self.lock();
        if !inner.breaker.admits(now) && !in_any_case {
            inner.counts.left_out += 1;
            return None;
        }
        drop(inner);
        Some(Permit { health: Arc::clone(self), began: now, over: false })
    }

    /// See [`EngineStatus::p95`].
    pub fn p95(&self) -> Option<Duration> {
        self.lock().p95()
    }

    /// A plain copy of the state.
    pub fn status(&self) -> EngineStatus {
        let inner = self.lock();
        EngineStatus {
            name: self.name.clone(),
            hears: self.hears,
            breaker: inner.breaker.state(),
            counts: inner.counts,
            p95: inner.p95(),
        }
    }

    /// Each change leaves a whole state behind, so a poisoned lock still guards one.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, change: Option<Change>, reason: &str) {
        let engine = self.name.as_str();
        match change {
            Some(Change::Opened { pause }) => {
                warn!(engine, reason, pause_s = pause.as_secs(), "an engine fails and is left out for a while");
            }
            Some(Change::Closed) => info!(engine, "an engine is well again"),
            None => {}
        }
    }
}

impl Inner {
    fn p95(&self) -> Option<Duration> {
        if self.times.len() < ENOUGH_TIMES {
            return None;
        }
        let mut sorted = self.times.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() * 95 / 100).copied()
    }
}

/// A request under way. Dropped without a verdict, it says nothing of the engine.
#[derive(Debug)]
pub struct Permit {
    health: Arc<Health>,
    began: Instant,
    over: bool,
}

impl Permit {
    /// The answer is used.
    pub fn succeeded(mut self, now: Instant) {
        self.over = true;
        let mut inner = self.health.lock();
        inner.counts.succeeded += 1;
        let time = now.saturating_duration_since(self.began);
        let at = inner.next;
        match inner.times.get_mut(at) {
            Some(oldest) => *oldest = time,
            None => inner.times.push(time),
        }
        inner.next = (at + 1) % TIMES;
        let change = inner.breaker.succeeded();
        drop(inner);
        self.health.tell(change, "");
    }

    /// There is none, or none of use. `reason` goes to the log: nothing of what was said may be in it.
    pub fn failed(mut self, blame: Blame, reason: &str, now: Instant) {
        self.over = true;
        let mut inner = self.health.lock();
        let counts = &mut inner.counts;
        *match blame {
            Blame::Slow => &mut counts.slow,
            Blame::Broken => &mut counts.broken,
            Blame::RateLimited(_) => &mut counts.rate_limited,
            Blame::Refused => &mut counts.refused,
        } += 1;
        let change = inner.breaker.failed(blame, now);
        if change.is_some() {
            inner.counts.opened += 1;
        }
        drop(inner);
        if change.is_none() {
            warn!(engine = self.health.name.as_str(), reason, "an engine failed");
        }
        self.health.tell(change, reason);
    }

    /// Another engine was started beside it and answered first. Again and again, that is a failure too.
    pub fn overtaken(mut self, now: Instant) {
        self.over = true;
        let mut inner = self.health.lock();
        inner.counts.overtaken += 1;
        let change = inner.breaker.failed(Blame::Slow, now);
        if change.is_some() {
            inner.counts.opened += 1;
        }
        drop(inner);
        self.health.tell(change, "others that were started later answer earlier");
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.over {
            self.health.lock().breaker.abandoned(Instant::now());
        }
    }
}
